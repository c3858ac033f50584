/** A link to another thread of the process: two rings of frames in shared memory, and a bell at each end. */
import { networkError } from "../base/errors.js";
import type { Packet, PacketPool } from "../base/packet.js";
import type { Capabilities, Link } from "../transport/link.js";
import { BELL_WORDS, BellPost, ring } from "./bell.js";
import { FrameReader, FrameWriter, makeRing, RING_OCTETS, SUPER_RING_OCTETS } from "./frame-ring.js";

export interface RingOptions {
  /** For people; absent: "ring". */
  readonly name?: string;
  readonly medium?: "ethernet" | "ip";
  /** The largest IP packet; absent: 1 500. */
  readonly mtu?: number;
  /** Pass unfinished checksums and super-segments as they are: nothing is garbled in memory. Both stacks need packets that hold them
   *  (`createMemory({ packetSize: 65_600 })`). Absent: no. */
  readonly offload?: boolean;
}

/** One end, as it travels to the thread that opens it. */
export interface RingEnd {
  readonly name: string;
  readonly capabilities: Capabilities;
  readonly receive: SharedArrayBuffer;
  readonly transmit: SharedArrayBuffer;
  /** Rings here, and at the far end. */
  readonly bell: SharedArrayBuffer;
  readonly farBell: SharedArrayBuffer;
}

/** Ethernet header and one VLAN tag: what a frame holds beyond its MTU. */
const FRAME_OVERHEAD = 18;
/** The longest IP packet is the longest super-segment, its header aside. */
const LONGEST_SEGMENT = 65_535 - 20;

/** Both ends of a cable between two threads. Each is opened once, by `new RingLink(end)`. */
export const makeRingCable = (options: RingOptions = {}): [RingEnd, RingEnd] => {
  const { name = "ring", medium = "ethernet", mtu = 1_500, offload = false } = options;
  const capabilities: Capabilities = { medium, mtu, checksumOffload: offload, gso: offload ? LONGEST_SEGMENT : 0 };
  const [there, back] = [offload, offload].map((large) => makeRing(large ? SUPER_RING_OCTETS : RING_OCTETS)) as [
    SharedArrayBuffer,
    SharedArrayBuffer,
  ];
  const [a, b] = [new SharedArrayBuffer(4 * BELL_WORDS), new SharedArrayBuffer(4 * BELL_WORDS)];
  return [
    { name: `${name}:a`, capabilities, receive: back, transmit: there, bell: a, farBell: b },
    { name: `${name}:b`, capabilities, receive: there, transmit: back, bell: b, farBell: a },
  ];
};

export class RingLink implements Link {
  readonly name: string;
  readonly capabilities: Capabilities;
  readonly counters = {
    /** Frames that are longer than the ring takes, or that came after the end. */
    refused: 0,
  };
  onReadable: (() => void) | null = null;
  onError: ((error: Error) => void) | null = null;
  readonly #reader: FrameReader;
  readonly #writer: FrameWriter;
  readonly #far: Int32Array;
  readonly #post: BellPost;
  #checked = false;
  #open = true;

  constructor(end: RingEnd) {
    this.name = end.name;
    this.capabilities = end.capabilities;
    this.#reader = new FrameReader(end.receive);
    this.#writer = new FrameWriter(end.transmit);
    this.#far = new Int32Array(end.farBell);
    this.#post = new BellPost(new Int32Array(end.bell), () => this.onReadable?.());
  }

  receive(pool: PacketPool, batch: Packet[], budget: number): number {
    if (!this.#open || (!this.#checked && !this.#check(pool))) return 0;
    const count = this.#reader.take(pool, batch, 0, budget);
    if (this.#reader.isWanted()) ring(this.#far);
    return count;
  }

  transmit(packet: Packet): boolean {
    if (!this.#open || packet.end - packet.start > this.#writer.longest) this.counters.refused += 1;
    else if (!this.#writer.putOrWait(packet)) {
      this.flush();
      return false;
    }
    packet.release();
    return true;
  }

  flush(): void {
    if (!this.#open) return;
    this.#writer.publish();
    ring(this.#far);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.onReadable = null;
    this.#post.close();
  }

  /** What no packet holds would be lost, again and again. */
  #check(pool: PacketPool): boolean {
    const { mtu, gso } = this.capabilities;
    const needed = (gso > 0 ? LONGEST_SEGMENT + 20 : mtu) + FRAME_OVERHEAD;
    this.#checked = pool.capacity >= needed;
    if (this.#checked) return true;
    const report = this.onError;
    this.close();
    const remedy = `createMemory({ packetSize: ${needed} }), or a cable of a smaller MTU and without offload`;
    report?.(networkError("EMSGSIZE", "read", `frames of ${needed} octets on ${this.name} with packets of ${pool.capacity}`, remedy));
    return false;
  }
}
