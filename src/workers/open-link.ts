/** Links described as data, so that they can be opened in the thread that will read them. */
import { createMemory, type Memory, type MemoryOptions } from "../base/memory.js";
import type { Link } from "../transport/link.js";
import { openPacket, type PacketOptions } from "../transport/packet.js";
import { openTap, type TapOptions } from "../transport/tap.js";
import { type SharedXdpProgram, XdpProgram } from "../transport/xdp/program.js";
import { openXdp, type XdpOptions, xdpPackets } from "../transport/xdp/xdp.js";
import { type RingEnd, RingLink } from "./ring-link.js";

/** What can be said of a link from another thread; `namespace` is the name or path of one. */
export type LinkPlan =
  | ({ readonly kind: "tap"; readonly namespace?: string } & Omit<TapOptions, "namespace" | "multiQueue">)
  | ({ readonly kind: "packet"; readonly namespace?: string } & Omit<PacketOptions, "namespace">)
  | ({ readonly kind: "xdp"; readonly namespace?: string; readonly interface: string } & Omit<
      XdpOptions,
      "namespace" | "interface" | "memory" | "queue"
    >)
  | { readonly kind: "ring"; readonly end: RingEnd };

/** The queue of one of several threads that share a device. */
export interface Queue {
  readonly index: number;
  readonly count: number;
  /** The name of the device as the first has made it. */
  readonly interfaceName?: string;
  /** A number that no other packet sockets of the interface share their flows by. */
  readonly fanout: number;
  /** Of an XDP interface: the program that serves all queues. */
  readonly program?: SharedXdpProgram;
}

export interface OpenedLink {
  readonly link: Link;
  /** Its packets suit the link; a stack on it must use this memory. */
  readonly memory: Memory;
  /** As the kernel knows it. */
  readonly interfaceName?: string;
}

const SUPER_SEGMENT = 65_600;
const CHUNKS = 16_384;

/** Opens the link, or one queue of it. Throws what the transport throws. */
export const openPlannedLink = (plan: LinkPlan, sizes: MemoryOptions = {}, queue: Queue | null = null): OpenedLink => {
  const several = queue !== null && queue.count > 1;
  switch (plan.kind) {
    case "tap": {
      const { kind: _, ...options } = plan;
      const name = queue?.interfaceName ?? plan.name;
      const link = openTap({ queueLength: 5_000, ...options, ...(name === undefined ? {} : { name }), multiQueue: several });
      const memory = memoryFor(link, sizes);
      return { link, memory, interfaceName: link.interfaceName };
    }
    case "packet": {
      const { kind: _, ...options } = plan;
      const link = openPacket({ ...options, ...(several && plan.fanout === undefined ? { fanout: queue.fanout } : {}) });
      return { link, memory: memoryFor(link, sizes), interfaceName: link.interfaceName };
    }
    case "xdp": {
      const { kind: _, interface: name, ...options } = plan;
      const memory = createMemory({ chunks: CHUNKS, ...sizes, ...xdpPackets(name, plan.namespace, sizes.packets) });
      const program = queue?.program === undefined ? name : XdpProgram.join(queue.program);
      const link = openXdp({ ...options, interface: program, memory, queue: queue?.index ?? 0 });
      return { link, memory, interfaceName: name };
    }
    case "ring": {
      const link = new RingLink(plan.end);
      return { link, memory: memoryFor(link, sizes) };
    }
  }
};

const memoryFor = (link: Link, sizes: MemoryOptions): Memory => {
  const { mtu, gso } = link.capabilities;
  const packetSize = gso > 0 ? SUPER_SEGMENT : Math.max(2_048, mtu + 18);
  return createMemory({ packets: packetSize > 16_384 ? 512 : 2_048, packetSize, chunks: CHUNKS, ...sizes });
};
