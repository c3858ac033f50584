/** Fixed-size rows of named int32 columns in one buffer: a table that costs nothing per row but its bytes. */
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
  #cells: Int32Array;
  /** The head of the free list; a free row's first cell is the next one. */
  #free = -1;
  /** The first cell that no row has ever had. */
  #fresh = 0;
  #used = 0;

  constructor(layout: Layout<N>, capacity: number, limit: number = Number.POSITIVE_INFINITY) {
    this.#layout = layout;
    this.#cells = new Int32Array(layout.stride * capacity);
    this.limit = limit;
  }

  /** The cells, for `cells[row + layout.at.name]`. Do not hold it across `take`, which may move it. */
  get cells(): Int32Array {
    return this.#cells;
  }

  /** Rows in use. */
  get used(): number {
    return this.#used;
  }

  /** The index of a row's first cell, or -1 when `limit` rows are in use. What the row's cells hold is what they held last. */
  take(): number {
    if (this.#used >= this.limit) return -1;
    this.#used += 1;
    if (this.#free >= 0) {
      const row = this.#free;
      this.#free = this.#cells[row]!;
      return row;
    }
    const row = this.#fresh;
    this.#fresh += this.#layout.stride;
    if (this.#fresh > this.#cells.length) {
      const cells = new Int32Array(Math.max(this.#cells.length * 2, this.#layout.stride * 8));
      cells.set(this.#cells);
      this.#cells = cells;
    }
    return row;
  }

  give(row: number): void {
    this.#cells[row] = this.#free;
    this.#free = row;
    this.#used -= 1;
  }

  /** A row as a plain object, for tests and the inspector only. */
  show(row: number): { [name in N]: number } {
    return Object.fromEntries(this.#layout.names.map((name, i) => [name, this.#cells[row + i]])) as { [name in N]: number };
  }
}
