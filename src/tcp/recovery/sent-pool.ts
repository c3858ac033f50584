/** Memory for records of what was sent, shared by the connections of a stack: a connection with nothing in flight has none. */

/** Cells of a record. */
export const INTS = 4;
export const REALS = 6;

const SMALLEST = 16;
/** Stores that are kept for the next flights, by size: the small ones are many. */
const KEPT_RECORDS = 16_384;

export class SentStore {
  /** A power of two. */
  readonly capacity: number;
  /** Slots in order of sequence. */
  readonly ring: Int32Array;
  readonly ints: Int32Array;
  readonly reals: Float64Array;
  /** The first free slot; the last cell of a free slot names the next. */
  free = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.ring = new Int32Array(capacity);
    this.ints = new Int32Array(capacity * INTS);
    this.reals = new Float64Array(capacity * REALS);
    this.reset();
  }

  /** All slots are free. */
  reset(): void {
    this.#chain(0);
  }

  /** Takes over the slots of a smaller store that is full; the rest are free. */
  adopt(smaller: SentStore): void {
    this.ints.set(smaller.ints);
    this.reals.set(smaller.reals);
    this.#chain(smaller.capacity);
  }

  #chain(from: number): void {
    for (let slot = from; slot < this.capacity; slot++) this.ints[slot * INTS + INTS - 1] = slot + 1;
    this.free = from;
  }
}

export class SentPool {
  /** By the logarithm of the capacity. */
  readonly #kept: SentStore[][] = Array.from({ length: 32 }, () => []);

  /** A store of at least so many records, all free. */
  take(capacity: number): SentStore {
    const size = Math.max(SMALLEST, capacity);
    return this.#kept[31 - Math.clz32(size)]!.pop() ?? new SentStore(size);
  }

  /** Takes back a store whose slots are all free. */
  give(store: SentStore): void {
    const kept = this.#kept[31 - Math.clz32(store.capacity)]!;
    if ((kept.length + 1) * store.capacity <= KEPT_RECORDS) kept.push(store);
  }
}
