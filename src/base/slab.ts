/** A table of equal records of int32 cells that grows without moving: full pieces of memory are added to it, so that no size makes it
 *  stop for a copy. What the collector sees of it is a few typed arrays. */

/** Records of a full piece: 2^14. */
export const SLAB_BITS = 14;
export const SLAB_MASK = (1 << SLAB_BITS) - 1;

/** The shortest first piece. */
const LEAST = 64;

export class Slab {
  /** Cells of a record. */
  readonly stride: number;
  /** Record `i` begins at cell `(i & SLAB_MASK) * stride` of piece `i >> SLAB_BITS`. */
  readonly ints: Int32Array[] = [];
  /** The same memory as doubles, where the stride is even: half as many to a record. */
  readonly reals: Float64Array[] = [];
  #count = 0;

  constructor(stride: number) {
    this.stride = stride;
  }

  /** Records there are. */
  get count(): number {
    return this.#count;
  }

  /** Makes room for `count` records at least; returns how many there were. New ones hold zeros. Only the first piece, while it is no full
   *  one, is replaced by a longer copy. */
  grow(count: number): number {
    const before = this.#count;
    while (this.#count < count) {
      if (this.ints.length > 0 && (this.#count & SLAB_MASK) === 0) this.#add(this.ints.length, 1 << SLAB_BITS);
      else this.#add(0, Math.min(1 << SLAB_BITS, Math.max(LEAST, 2 * this.#count, powerOfTwo(Math.min(count, 1 << SLAB_BITS)))));
    }
    return before;
  }

  #add(piece: number, records: number): void {
    const cells = new Int32Array(records * this.stride);
    const old = this.ints[piece];
    if (old !== undefined) cells.set(old);
    this.ints[piece] = cells;
    if (this.stride % 2 === 0) this.reals[piece] = new Float64Array(cells.buffer);
    this.#count += records - (old === undefined ? 0 : old.length / this.stride);
  }
}

const powerOfTwo = (least: number): number => (least <= 1 ? 1 : 2 ** (32 - Math.clz32(least - 1)));
