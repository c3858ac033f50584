/** Chunks: equal pieces of the arena that queues take while they hold something. */
import type { Arena } from "./arena.js";

/** The most spare rings kept of one length. */
const SPARES = 64;

export class ChunkPool {
  readonly arena: Arena;
  /** Octets in a chunk, and the power of two that it is. */
  readonly size: number;
  readonly shift: number;
  /** Chunks there are. */
  readonly count: number;
  /** Overwrite chunks that come back, so that a view kept too long shows (0xA5; tests and simulation). */
  poison = false;
  readonly #base: number;
  /** The free chunks, a stack: the one given last is the likeliest in a cache. */
  readonly #free: Int32Array;
  readonly #held: Uint8Array;
  #available: number;
  /** Spare rings of ByteQueue, by the logarithm of their length: queues come and go with every burst, rings need not. */
  readonly #rings: Int32Array[][] = [];

  /** Throws a RangeError when `size` is not a power of two, or the arena has no room for `count` chunks of it. */
  constructor(arena: Arena, count: number, size = 4096) {
    if (size < 16 || (size & (size - 1)) !== 0) throw new RangeError(`chunk size ${size} is not a power of two of at least 16`);
    this.arena = arena;
    this.size = size;
    this.shift = 31 - Math.clz32(size);
    this.count = count;
    this.#base = arena.reserve(count * size);
    this.#free = new Int32Array(count);
    this.#held = new Uint8Array(count);
    this.#available = count;
    for (let i = 0; i < count; i++) this.#free[i] = this.#base + (count - 1 - i) * size;
  }

  /** Chunks that can be taken now. */
  get available(): number {
    return this.#available;
  }

  /** The arena offset of a chunk, or -1 when there is none. */
  take(): number {
    if (this.#available === 0) return -1;
    this.#available -= 1;
    const offset = this.#free[this.#available]!;
    this.#held[(offset - this.#base) >> this.shift] = 1;
    return offset;
  }

  give(offset: number): void {
    const index = (offset - this.#base) >> this.shift;
    if (this.#held[index] !== 1) throw new Error(`chunk at ${offset} given back twice`);
    this.#held[index] = 0;
    if (this.poison) this.arena.bytes.fill(0xa5, offset, offset + this.size);
    this.#free[this.#available] = offset;
    this.#available += 1;
  }

  /** An array of 2^power entries, all -1. */
  takeRing(power: number): Int32Array {
    return this.#rings[power]?.pop() ?? new Int32Array(1 << power).fill(-1);
  }

  /** Takes back a ring whose entries are all -1 again. */
  giveRing(ring: Int32Array): void {
    const power = 31 - Math.clz32(ring.length);
    while (this.#rings.length <= power) this.#rings.push([]);
    const spares = this.#rings[power]!;
    if (spares.length < SPARES) spares.push(ring);
  }
}
