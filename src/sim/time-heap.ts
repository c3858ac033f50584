/** A binary heap ordered by (time, arrival): the first thing to happen is on top, and of two at one time the one put in first. */
import { type Micros, NEVER } from "../base/environment.js";

/** What has a time. `order` is the heap's own: it stamps each arrival. */
export interface Timed {
  at: Micros;
  order: number;
}

export class TimeHeap<T extends Timed> {
  readonly #items: T[] = [];
  #order = 0;

  get length(): number {
    return this.#items.length;
  }

  /** The time of the first item; NEVER when empty. */
  get next(): Micros {
    return this.#items.length === 0 ? NEVER : this.#items[0]!.at;
  }

  /** The first item, left where it is. */
  get first(): T | null {
    return this.#items.length === 0 ? null : this.#items[0]!;
  }

  /** The item's `at` must not change until it has been popped. */
  push(item: T): void {
    item.order = this.#order++;
    const items = this.#items;
    let i = items.length;
    items.push(item);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!before(item, items[parent]!)) break;
      items[i] = items[parent]!;
      i = parent;
    }
    items[i] = item;
  }

  pop(): T | null {
    const items = this.#items;
    const first = this.first;
    const last = items.pop();
    if (first === null || items.length === 0) return first;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && before(items[child + 1]!, items[child]!)) child += 1;
      if (!before(items[child]!, last!)) break;
      items[i] = items[child]!;
      i = child;
    }
    items[i] = last!;
    return first;
  }
}

const before = (a: Timed, b: Timed): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);
