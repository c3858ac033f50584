/** Opens a link that was chosen by name, with memory whose packets suit it. */
import { createMemory, type Memory } from "../base/memory.js";
import type { IpAddress } from "../ip/address.js";
import type { Link } from "./link.js";
import type { LinkChoice } from "./link-choice.js";
import type { Namespace } from "./namespace.js";
import { openPacket } from "./packet.js";
import { openTap } from "./tap.js";
import { openXdp, xdpPackets } from "./xdp/xdp.js";

export interface LinkRequest {
  readonly choice: LinkChoice;
  readonly namespace: Namespace | null;
  /** Ours: what an XDP program hands over, and leaves the rest. Absent: every frame. */
  readonly address?: IpAddress;
  /** For a TAP device. */
  readonly mtu?: number;
  readonly kernel?: { readonly address: IpAddress; readonly prefixLength: number };
  readonly offload?: boolean;
  /** Hears why "auto" has not taken the best. */
  readonly remark?: (text: string) => void;
}

export interface OpenedLink {
  readonly link: Link;
  /** The interface that the kernel knows it by. */
  readonly interfaceName: string;
  /** Made for the link: the stack must use it. */
  readonly memory: Memory;
}

const SUPER_SEGMENT = 65_600;
const CHUNKS = 16_384;

/** Opens the link, with memory whose packets suit it. */
export const openLink = (request: LinkRequest): OpenedLink => {
  const { kind, name } = request.choice;
  if (kind === "tap" || name === undefined) return tap(request, name ?? "onwire0");
  if (kind === "packet") return packet(request, name);
  if (kind === "xdp") return xdp(request, name);
  // The best that the interface and our privileges allow.
  try {
    return xdp(request, name);
  } catch (error) {
    const opened = packet(request, name);
    const reason = error instanceof Error ? error.message : String(error);
    request.remark?.(`a packet socket on ${name}, since AF_XDP is not to be had: ${reason}`);
    return opened;
  }
};

const where = ({ namespace }: LinkRequest): { namespace?: Namespace } => (namespace === null ? {} : { namespace });

const tap = (request: LinkRequest, name: string): OpenedLink => {
  const { mtu, kernel, offload = false } = request;
  const link = openTap({
    ...where(request),
    name,
    ...(mtu === undefined ? {} : { mtu }),
    ...(kernel === undefined ? {} : { address: kernel }),
    offload,
    queueLength: 5_000,
  });
  const packetSize = offload ? SUPER_SEGMENT : Math.max(2_048, link.capabilities.mtu + 18);
  const memory = createMemory({ packets: packetSize > 16_384 ? 512 : 1_024, packetSize, chunks: CHUNKS });
  return { link, interfaceName: link.interfaceName, memory };
};

const packet = (request: LinkRequest, name: string): OpenedLink => ({
  link: openPacket({ ...where(request), interface: name }),
  interfaceName: name,
  memory: createMemory({ packets: 512, packetSize: SUPER_SEGMENT, chunks: CHUNKS }),
});

const xdp = (request: LinkRequest, name: string): OpenedLink => {
  const memory = createMemory({ ...xdpPackets(name, request.namespace ?? undefined), chunks: CHUNKS });
  const { address } = request;
  const link = openXdp({ ...where(request), interface: name, memory, ...(address === undefined ? {} : { addresses: [address] }) });
  return { link, interfaceName: name, memory };
};
