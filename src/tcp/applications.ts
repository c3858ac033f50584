/** Whom the events of a slot are told. Applications have numbers, so that ten million connections that share one are four octets each, and
 *  nothing that a collector would walk through. */
import { SLAB_BITS, SLAB_MASK, Slab } from "../base/slab.js";
import type { Application } from "./events.js";

export class Applications {
  /** By slot: the application's number, 0: none. */
  readonly #numbers = new Slab(1);
  readonly #known: (Application | null)[] = [null];
  /** Slots that have the application of that number. */
  readonly #slots: number[] = [0];
  readonly #free: number[] = [];
  readonly #index = new Map<Application, number>();
  /** The number found last: most connections have the application of the one before. */
  #last = 0;

  at(slot: number): Application | null {
    return slot < this.#numbers.count ? this.#known[this.#numbers.ints[slot >> SLAB_BITS]![slot & SLAB_MASK]!]! : null;
  }

  set(slot: number, application: Application | null): void {
    if (slot >= this.#numbers.count) this.#numbers.grow(slot + 1);
    const piece = this.#numbers.ints[slot >> SLAB_BITS]!;
    const before = piece[slot & SLAB_MASK]!;
    if (this.#known[before] === application) return;
    if (before !== 0) this.#drop(before);
    piece[slot & SLAB_MASK] = application === null ? 0 : this.#take(application);
  }

  #take(application: Application): number {
    if (this.#known[this.#last] !== application) this.#last = this.#index.get(application) ?? this.#enter(application);
    this.#slots[this.#last]! += 1;
    return this.#last;
  }

  #enter(application: Application): number {
    const number = this.#free.pop() ?? this.#known.length;
    this.#known[number] = application;
    this.#slots[number] = 0;
    this.#index.set(application, number);
    return number;
  }

  #drop(number: number): void {
    this.#slots[number]! -= 1;
    if (this.#slots[number]! > 0) return;
    this.#index.delete(this.#known[number]!);
    this.#known[number] = null;
    this.#free.push(number);
  }
}
