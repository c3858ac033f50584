/** `--link KIND:NAME`: the links that commands run on, and which of them this host can make. */
import { networkInterfaces } from "node:os";
import { createMemory, type Memory } from "../base/memory.js";
import type { IpAddress } from "../ip/address.js";
import type { Link } from "../transport/link.js";
import { Namespace } from "../transport/namespace.js";
import { openPacket } from "../transport/packet.js";
import { openTap } from "../transport/tap.js";
import { openXdp } from "../transport/xdp/xdp.js";
import { say, UsageError } from "./exit.js";

export const linkKinds = ["tap", "packet", "xdp", "auto"] as const;

export interface LinkChoice {
  readonly kind: (typeof linkKinds)[number];
  /** Of the device or interface; absent with "auto": a TAP. */
  readonly name?: string;
}

/** "tap:onwire0", "packet:eth1", "xdp:eth1", "auto:eth1", "auto". */
export const parseLink = (text: string): LinkChoice => {
  const [kind, name] = text.split(":", 2) as [string, string | undefined];
  if (!linkKinds.includes(kind as LinkChoice["kind"]) || name === "" || (name === undefined && kind !== "auto" && kind !== "tap"))
    throw new UsageError(`link ${JSON.stringify(text)}: use tap[:NAME], packet:INTERFACE, xdp:INTERFACE or auto[:INTERFACE]`);
  return { kind: kind as LinkChoice["kind"], ...(name === undefined ? {} : { name }) };
};

export interface LinkRequest {
  readonly choice: LinkChoice;
  readonly namespace: Namespace | null;
  /** Ours: what an XDP program hands over, and leaves the rest. Absent: every frame. */
  readonly address?: IpAddress;
  /** For a TAP device. */
  readonly mtu?: number;
  readonly kernel?: { readonly address: IpAddress; readonly prefixLength: number };
  readonly offload?: boolean;
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
    say(`a packet socket on ${name}, since AF_XDP is not to be had: ${error instanceof Error ? error.message : String(error)}`);
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
  const memory = createMemory({ packets: 8_192, packetSize: 3_944, packetAlignment: 4_096, chunks: CHUNKS });
  const { address } = request;
  const link = openXdp({ ...where(request), interface: name, memory, ...(address === undefined ? {} : { addresses: [address] }) });
  return { link, interfaceName: name, memory };
};

/** One thing that this host can do, or why not. */
export interface Ability {
  readonly link: string;
  readonly possible: boolean;
  readonly remark: string;
}

/** Tries each kind where it disturbs nobody: in a namespace made for it, on a device made for it. */
export const abilities = (): Ability[] => {
  const found: Ability[] = [];
  const attempt = (link: string, remark: string, body: () => Link): Link | null => {
    try {
      const opened = body();
      found.push({ link, possible: true, remark });
      return opened;
    } catch (error) {
      found.push({ link, possible: false, remark: error instanceof Error ? error.message : String(error) });
      return null;
    }
  };
  let namespace: Namespace | null = null;
  try {
    namespace = Namespace.create();
  } catch {
    // Without the privilege for namespaces the tries below say what they lack.
  }
  const inside = namespace === null ? {} : { namespace };
  const opened: (Link | null)[] = [];
  try {
    const plain = attempt("tap", "a device of its own; --offload for super-segments", () =>
      openTap({ ...inside, name: "owprobe%d", offload: true }),
    );
    opened.push(plain);
    if (plain === null) {
      for (const kind of ["packet", "xdp"])
        found.push({ link: kind, possible: false, remark: "not tried: there is no device to try it on" });
    } else {
      const name = plain.name.slice("tap:".length);
      opened.push(attempt("packet", "any interface that is up", () => openPacket({ ...inside, interface: name })));
      const memory = createMemory({ packets: 256, packetSize: 3_944, packetAlignment: 4_096, chunks: 1 });
      opened.push(
        attempt("xdp", "native where the driver has it, generic elsewhere", () =>
          openXdp({ ...inside, interface: name, memory, rings: 64 }),
        ),
      );
    }
  } finally {
    for (const link of opened.reverse()) link?.close();
    namespace?.close();
  }
  found.push({ link: "pair, messages, replay", possible: true, remark: "in the process: they need nothing of the host" });
  return found;
};

/** The host's interfaces, with the addresses that the kernel has on them. */
export const interfaceRows = (): string[][] =>
  Object.entries(networkInterfaces()).map(([name, addresses]) => [
    name,
    addresses?.[0]?.mac ?? "-",
    (addresses ?? []).map(({ cidr }) => cidr).join(" "),
  ]);
