/** The memory of a stack: one arena, the packets and the chunks in it. Several stacks on one thread may share one. */
import { Arena } from "./arena.js";
import { ChunkPool } from "./chunks.js";
import { PacketPool, slotOf } from "./packet.js";

export interface Memory {
  readonly arena: Arena;
  readonly packets: PacketPool;
  readonly chunks: ChunkPool;
  /** Packets for the longest datagram: whole ones before they are fragmented and after they are reassembled. None is held beyond a call. */
  readonly large: PacketPool;
}

export interface MemoryOptions {
  /** Packets in flight between links, queues and the stack. */
  readonly packets?: number;
  /** Octets of a packet behind its headroom: the largest frame, or super-segment, that a link hands over. */
  readonly packetSize?: number;
  /** Octets at whose multiples packets begin, a power of two; 4 096 for transports that share them with the kernel (AF_XDP). Absent: 16. */
  readonly packetAlignment?: number;
  /** The ceiling of all queues together, octets: what waits to be sent or acknowledged, and what has arrived and is not read. 16 MiB. */
  readonly buffers?: number;
  /** The same in chunks, instead; and the octets of one (a power of two). */
  readonly chunks?: number;
  readonly chunkSize?: number;
}

/** Packets in `large`, and the octets of one: the longest datagram of RFC 791 s3.1. */
const LARGE = 4;
const LARGE_SIZE = 65_536;

/** Memory for 1 024 packets of 2 048 octets and 16 MiB of queues, unless told otherwise; the system backs it with pages as they are touched. */
export const createMemory = (options: MemoryOptions = {}): Memory => {
  const { packets = 1024, packetSize = 2048, packetAlignment = 16, buffers = 16 << 20, chunkSize = 4096 } = options;
  const { chunks = Math.ceil(buffers / chunkSize) } = options;
  const slots = packets * slotOf(packetSize, packetAlignment) + packetAlignment;
  const arena = new Arena(slots + chunks * chunkSize + LARGE * slotOf(LARGE_SIZE, 16) + 16);
  return {
    arena,
    packets: new PacketPool(arena, packets, packetSize, packetAlignment),
    chunks: new ChunkPool(arena, chunks, chunkSize),
    large: new PacketPool(arena, LARGE, LARGE_SIZE),
  };
};
