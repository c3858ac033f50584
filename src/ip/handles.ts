/** Handles: the integers by which an application knows its endpoints. A handle that was closed is never mistaken for a newer one soon. */

const SLOT_BITS = 16;
const SLOTS = 1 << SLOT_BITS;
const GENERATIONS = 1 << 14;

export class Handles<T> {
  readonly #items: (T | null)[] = [null];
  readonly #generations: number[] = [0];
  readonly #free: number[] = [];
  readonly #limit: number;
  #count = 0;

  /** `limit`: the most that are open at once, below 65 536. */
  constructor(limit: number) {
    this.#limit = Math.min(limit, SLOTS - 1);
  }

  get count(): number {
    return this.#count;
  }

  /** A handle for the item; 0 when there are too many. */
  open(item: T): number {
    if (this.#count >= this.#limit) return 0;
    let slot = this.#free.pop();
    if (slot === undefined) {
      slot = this.#items.length;
      this.#items.push(null);
      this.#generations.push(0);
    }
    this.#items[slot] = item;
    this.#count += 1;
    return this.#generations[slot]! * SLOTS + slot;
  }

  /** The item, or null when the handle is not open. */
  get(handle: number): T | null {
    const slot = handle & (SLOTS - 1);
    if (slot >= this.#items.length || this.#generations[slot]! !== handle >>> SLOT_BITS) return null;
    return this.#items[slot]!;
  }

  close(handle: number): void {
    if (this.get(handle) === null) return;
    const slot = handle & (SLOTS - 1);
    this.#items[slot] = null;
    this.#generations[slot] = (this.#generations[slot]! + 1) & (GENERATIONS - 1);
    this.#free.push(slot);
    this.#count -= 1;
  }

  /** Visits every item in the order of their slots. */
  each(visit: (item: T) => void): void {
    for (const item of this.#items) if (item !== null) visit(item);
  }
}
