/** Frames in shared memory, from one thread to one other, in order. The writer's octets are seen by the reader when they are published,
 *  a batch at a time. */
import type { ChecksumState, Packet, PacketPool } from "../base/packet.js";

/** Octets that a ring holds unless told otherwise: some hundred full frames. */
export const RING_OCTETS = 1 << 18;
/** The longest record must fit beside another: a super-segment and its header, twice. */
export const SUPER_RING_OCTETS = 1 << 20;

/** Words in front of the octets, each on a cache line of its own. */
const HEAD = 0;
const TAIL = 16;
/** The writer found no room and wants to hear of it. */
const WANTS_ROOM = 32;
const HEADER_WORDS = 48;

/** In front of each frame: its length, and what is known of it. */
const RECORD = 8;
/** In place of a length: the ring goes on at its beginning. */
const TURN = -1;
const CHECKSUM_BITS = 2;

/** Memory for a ring of `octets`, a power of two. */
export const makeRing = (octets: number = RING_OCTETS): SharedArrayBuffer => new SharedArrayBuffer(HEADER_WORDS * 4 + octets);

/** Positions count octets modulo 2^32; their difference is what is in the ring. */
const distance = (from: number, to: number): number => (to - from) >>> 0;
const padded = (octets: number): number => (octets + 7) & ~7;

export class FrameWriter {
  readonly #words: Int32Array;
  readonly #octets: Uint8Array;
  readonly #size: number;
  #tail: number;
  /** The reader's position as last seen: it has only moved on since. */
  #head: number;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory, 0, (memory.byteLength >> 3) << 1);
    this.#octets = new Uint8Array(memory, HEADER_WORDS * 4);
    this.#size = this.#octets.length;
    this.#tail = Atomics.load(this.#words, TAIL);
    this.#head = Atomics.load(this.#words, HEAD);
  }

  /** The longest frame that a ring of this size takes. */
  get longest(): number {
    return (this.#size >> 1) - RECORD;
  }

  /** Copies the frame in, unpublished; false when there is no room. The packet stays the caller's. */
  put(packet: Packet): boolean {
    const octets = packet.end - packet.start;
    const place = this.#tail & (this.#size - 1);
    const record = RECORD + padded(octets);
    const left = this.#size - place;
    const needed = record <= left ? record : left + record;
    if (!this.#hasRoom(needed)) return false;
    let at = place;
    if (record > left) {
      this.#words[this.#word(place)] = TURN;
      this.#tail = (this.#tail + left) | 0;
      at = 0;
    }
    const word = this.#word(at);
    this.#words[word] = octets;
    this.#words[word + 1] = (packet.gsoSize << CHECKSUM_BITS) | packet.checksum;
    this.#octets.set(packet.pool.arena.bytes.subarray(packet.start, packet.end), at + RECORD);
    this.#tail = (this.#tail + record) | 0;
    return true;
  }

  /** Lets the reader see what was put. */
  publish(): void {
    Atomics.store(this.#words, TAIL, this.#tail);
  }

  /** As `put`; where there is no room, the reader will ring our bell when there is. */
  putOrWait(packet: Packet): boolean {
    if (this.put(packet)) return true;
    Atomics.store(this.#words, WANTS_ROOM, 1);
    // It may have made room before it could know.
    return this.put(packet);
  }

  #hasRoom(needed: number): boolean {
    if (distance(this.#head, this.#tail) + needed <= this.#size) return true;
    this.#head = Atomics.load(this.#words, HEAD);
    return distance(this.#head, this.#tail) + needed <= this.#size;
  }

  #word(at: number): number {
    return HEADER_WORDS + (at >> 2);
  }
}

export class FrameReader {
  readonly #words: Int32Array;
  readonly #octets: Uint8Array;
  readonly #size: number;
  #head: number;
  /** Frames that no packet could hold. */
  lost = 0;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory, 0, (memory.byteLength >> 3) << 1);
    this.#octets = new Uint8Array(memory, HEADER_WORDS * 4);
    this.#size = this.#octets.length;
    this.#head = Atomics.load(this.#words, HEAD);
  }

  get isEmpty(): boolean {
    return Atomics.load(this.#words, TAIL) === this.#head;
  }

  /** Moves frames into batch[from..to), each in a packet of `pool`; returns the index after the last. Stops early when the pool is empty. Frames
   *  that no packet holds are lost, and counted in `lost`. */
  take(pool: PacketPool, batch: Packet[], from: number, to: number): number {
    const tail = Atomics.load(this.#words, TAIL);
    if (tail === this.#head) return from;
    let count = from;
    while (count < to && this.#head !== tail) {
      let at = this.#head & (this.#size - 1);
      let octets = this.#words[HEADER_WORDS + (at >> 2)]!;
      if (octets === TURN) {
        this.#head = (this.#head + this.#size - at) | 0;
        at = 0;
        octets = this.#words[HEADER_WORDS]!;
      }
      const packet = pool.take();
      if (packet === null) break;
      this.#head = (this.#head + RECORD + padded(octets)) | 0;
      if (packet.start + octets > packet.limit) {
        packet.release();
        this.lost += 1;
        continue;
      }
      const about = this.#words[HEADER_WORDS + (at >> 2) + 1]!;
      pool.arena.bytes.set(this.#octets.subarray(at + RECORD, at + RECORD + octets), packet.start);
      packet.end = packet.start + octets;
      packet.checksum = (about & ((1 << CHECKSUM_BITS) - 1)) as ChecksumState;
      packet.gsoSize = about >> CHECKSUM_BITS;
      batch[count] = packet;
      count += 1;
    }
    Atomics.store(this.#words, HEAD, this.#head);
    return count;
  }

  /** True once after the writer has found no room: it is to be told that there is some. */
  isWanted(): boolean {
    return Atomics.load(this.#words, WANTS_ROOM) === 1 && Atomics.exchange(this.#words, WANTS_ROOM, 0) === 1;
  }
}
