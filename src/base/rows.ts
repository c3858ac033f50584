/** Fixed-size rows of named int32 columns in a slab: a table that costs nothing per row but its bytes. */
import { SLAB_BITS, SLAB_MASK, Slab } from "./slab.js";

export type Layout<N extends string> = {
  readonly stride: number;
  readonly names: readonly N[];
  readonly at: { readonly [name in N]: number };
};

export const layout = <const N extends string>(...names: N[]): Layout<N> => ({
  stride: names.length,
  names,
  at: Object.fromEntries(names.map((name, i) => [name, i])) as { [name in N]: number },
});

export class Rows<N extends string> {
  /** The most rows in use at a time. */
  readonly limit: number;
  readonly #layout: Layout<N>;
  readonly #slab: Slab;
  /** The head of the free list; a free row's first cell is the next one. */
  #free = -1;
  /** The first row that nobody has ever had. */
  #fresh = 0;
  #used = 0;

  constructor(layout: Layout<N>, limit: number = Number.POSITIVE_INFINITY) {
    this.#layout = layout;
    this.#slab = new Slab(layout.stride);
    this.limit = limit;
  }

  /** Where a row's cells are: `cells(row)[base(row) + layout.at.name]`. Do not hold the array across `take`, which may replace it. */
  cells(row: number): Int32Array {
    return this.#slab.ints[row >> SLAB_BITS]!;
  }

  base(row: number): number {
    return (row & SLAB_MASK) * this.#layout.stride;
  }

  /** Rows in use. */
  get used(): number {
    return this.#used;
  }

  /** A row, or -1 when `limit` rows are in use. What its cells hold is what they held last. */
  take(): number {
    if (this.#used >= this.limit) return -1;
    this.#used += 1;
    if (this.#free >= 0) {
      const row = this.#free;
      this.#free = this.cells(row)[this.base(row)]!;
      return row;
    }
    const row = this.#fresh;
    this.#fresh += 1;
    if (row >= this.#slab.count) this.#slab.grow(row + 1);
    return row;
  }

  give(row: number): void {
    this.cells(row)[this.base(row)] = this.#free;
    this.#free = row;
    this.#used -= 1;
  }

  /** A row as a plain object, for tests and the inspector only. */
  show(row: number): { [name in N]: number } {
    const cells = this.cells(row);
    const base = this.base(row);
    return Object.fromEntries(this.#layout.names.map((name, i) => [name, cells[base + i]])) as { [name in N]: number };
  }
}
