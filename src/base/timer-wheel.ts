/** Deadlines: a hierarchical timing wheel (G. Varghese and T. Lauck, 1987) in front of a heap.
 *
 *  Far deadlines lie in the wheel, 64 slots a level, each level 64 times as coarse as the one below: arming, moving later and
 *  cancelling cost a few stores. When time enters a slot, its timers move down, and those that are nearly due into a heap, which
 *  gives them out exactly, to the microsecond and in the order of arming. Memory grows with the largest id. */
import { type Micros, NEVER } from "./environment.js";

/** One tick is 1 024 µs. */
const TICK = 1024;
const LEVELS = 5;
const SLOTS = LEVELS * 64;
/** Ticks that the wheel spans: 2^30, 12.7 days. Deadlines beyond wait in one more list until it has turned. */
const SPAN = 2 ** 30;
const OVERFLOW = SLOTS;

/** Where a timer is: in a slot (0 to SLOTS - 1), in the overflow list, in the heap, or nowhere. */
const HEAP = -1;
const NOWHERE = -2;

export class TimerWheel {
  /** The tick that time is in, and its two parts: turn * SPAN + place. Timers of this tick and before it are in the heap. */
  #tick: number;
  #turn: number;
  #place: number;
  #deadlines = new Float64Array(0);
  #order = new Float64Array(0);
  #where = new Int16Array(0);
  /** The neighbours in a slot's list; in the heap, `#previous` is the position. */
  #next = new Int32Array(0);
  #previous = new Int32Array(0);
  /** The first timer of each slot, and a lower bound of the slot's deadlines. */
  readonly #first = new Int32Array(SLOTS + 1).fill(-1);
  readonly #earliest = new Float64Array(SLOTS + 1).fill(NEVER);
  /** Which slots are not empty, two words a level. */
  readonly #occupied = new Int32Array(2 * LEVELS);
  #heap = new Int32Array(64);
  #heapSize = 0;
  #armed = 0;
  #size = 0;
  /** Timers that have moved from a list or past another in the heap, so far: what the wheel costs, without a clock. */
  moves = 0;

  constructor(now: Micros) {
    this.#tick = Math.floor(now / TICK);
    this.#turn = Math.floor(this.#tick / SPAN);
    this.#place = this.#tick - this.#turn * SPAN;
  }

  /** Timers armed. */
  get size(): number {
    return this.#size;
  }

  /** Arms timer `id`, or moves it. A deadline in the past is due at once; NEVER cancels. */
  set(id: number, at: Micros): void {
    if (!(at < NEVER)) {
      this.cancel(id);
      return;
    }
    if (id >= this.#where.length) this.#grow(id);
    const where = this.#where[id]!;
    const old = this.#deadlines[id]!;
    this.#deadlines[id] = at;
    this.#armed += 1;
    this.#order[id] = this.#armed;
    if (where >= 0) {
      // Later than before: it may stay, and moves when time reaches its slot.
      if (at >= old) return;
      this.#unlink(id, where);
      this.#insert(id, at, this.#tick);
    } else if (where === NOWHERE) {
      this.#size += 1;
      this.#insert(id, at, this.#tick);
    } else if (Math.floor(at / TICK) > this.#tick) {
      this.#leaveHeap(id);
      this.#insert(id, at, this.#tick);
    } else {
      this.#sink(this.#rise(this.#previous[id]!));
    }
  }

  cancel(id: number): void {
    if (id >= this.#where.length) return;
    const where = this.#where[id]!;
    if (where === NOWHERE) return;
    if (where === HEAP) this.#leaveHeap(id);
    else this.#unlink(id, where);
    this.#forget(id);
  }

  /** When timer `id` is due; NEVER when it is not armed. */
  deadline(id: number): Micros {
    return id < this.#where.length && this.#where[id] !== NOWHERE ? this.#deadlines[id]! : NEVER;
  }

  /** The earliest deadline, or an earlier time at which `pop` gets nearer to it; NEVER when nothing is armed. */
  next(): Micros {
    if (this.#heapSize > 0) return this.#deadlines[this.#heap[0]!]!;
    if (this.#size === 0) return NEVER;
    const slot = this.#firstOccupied();
    return this.#earliest[slot < 0 ? OVERFLOW : slot]!;
  }

  /** Disarms and returns the timer with the earliest deadline at or before `now`, of equal ones the one armed first; -1 when none is due. */
  pop(now: Micros): number {
    const target = Math.floor(now / TICK);
    if (target > this.#tick) this.#advance(target);
    if (this.#heapSize === 0) return -1;
    const id = this.#heap[0]!;
    if (this.#deadlines[id]! > now) return -1;
    this.#leaveHeap(id);
    this.#forget(id);
    return id;
  }

  #forget(id: number): void {
    this.#where[id] = NOWHERE;
    this.#size -= 1;
  }

  /** Puts timer `id` where it belongs, seen from the current tick; in the heap when it is of tick `due` or before. */
  #insert(id: number, at: Micros, due: number): void {
    const tick = Math.floor(at / TICK);
    if (tick <= due) {
      this.#enterHeap(id);
      return;
    }
    const turn = Math.floor(tick / SPAN);
    if (turn !== this.#turn) {
      this.#link(id, OVERFLOW, at);
      return;
    }
    const place = tick - turn * SPAN;
    // The level is that of the highest digit, base 64, in which the two differ.
    const level = ((31 - Math.clz32(place ^ this.#place)) / 6) | 0;
    const digit = (place >>> (6 * level)) & 63;
    this.#occupied[2 * level + (digit >> 5)]! |= 1 << (digit & 31);
    this.#link(id, 64 * level + digit, at);
  }

  #link(id: number, slot: number, at: Micros): void {
    const first = this.#first[slot]!;
    this.#next[id] = first;
    this.#previous[id] = -1;
    if (first >= 0) this.#previous[first] = id;
    this.#first[slot] = id;
    this.#where[id] = slot;
    if (at < this.#earliest[slot]!) this.#earliest[slot] = at;
  }

  #unlink(id: number, slot: number): void {
    const next = this.#next[id]!;
    const previous = this.#previous[id]!;
    if (next >= 0) this.#previous[next] = previous;
    if (previous >= 0) this.#next[previous] = next;
    else {
      this.#first[slot] = next;
      if (next < 0) this.#empty(slot);
    }
  }

  #empty(slot: number): void {
    this.#first[slot] = -1;
    this.#earliest[slot] = NEVER;
    if (slot !== OVERFLOW) this.#occupied[slot >> 5]! &= ~(1 << (slot & 31));
  }

  /** The occupied slot that time reaches first, or -1. A level's slots all come before those of the level above. */
  #firstOccupied(): number {
    for (let word = 0; word < 2 * LEVELS; word++) {
      const bits = this.#occupied[word]!;
      if (bits !== 0) return 32 * word + (31 - Math.clz32(bits & -bits));
    }
    return -1;
  }

  /** The first tick of an occupied slot. */
  #startOf(slot: number): number {
    const level = slot >> 6;
    const above = 6 * (level + 1);
    return this.#turn * SPAN + (((this.#place >>> above) << above) | ((slot & 63) << (6 * level)));
  }

  /** Moves time to tick `target`: every slot on the way is emptied. */
  #advance(target: number): void {
    for (;;) {
      const slot = this.#firstOccupied();
      if (slot >= 0) {
        const start = this.#startOf(slot);
        if (start > target) break;
        this.#moveTo(start);
        this.#spill(slot, target);
      } else if (this.#first[OVERFLOW]! >= 0 && Math.floor(target / SPAN) !== this.#turn) {
        this.#moveTo(Math.min(target, Math.floor(this.#earliest[OVERFLOW]! / TICK)));
        this.#spill(OVERFLOW, target);
      } else break;
    }
    this.#moveTo(target);
  }

  #moveTo(tick: number): void {
    this.#tick = tick;
    this.#turn = Math.floor(tick / SPAN);
    this.#place = tick - this.#turn * SPAN;
  }

  /** Puts the timers of a slot where they now belong. */
  #spill(slot: number, due: number): void {
    let id = this.#first[slot]!;
    this.#empty(slot);
    while (id >= 0) {
      const next = this.#next[id]!;
      this.moves += 1;
      this.#insert(id, this.#deadlines[id]!, due);
      id = next;
    }
  }

  #enterHeap(id: number): void {
    if (this.#heapSize === this.#heap.length) {
      const heap = new Int32Array(2 * this.#heapSize);
      heap.set(this.#heap);
      this.#heap = heap;
    }
    const position = this.#heapSize;
    this.#heapSize += 1;
    this.#heap[position] = id;
    this.#previous[id] = position;
    this.#where[id] = HEAP;
    this.#rise(position);
  }

  #leaveHeap(id: number): void {
    const position = this.#previous[id]!;
    this.#heapSize -= 1;
    const last = this.#heap[this.#heapSize]!;
    if (last === id) return;
    this.#heap[position] = last;
    this.#previous[last] = position;
    this.#sink(this.#rise(position));
  }

  #before(a: number, b: number): boolean {
    const difference = this.#deadlines[a]! - this.#deadlines[b]!;
    return difference < 0 || (difference === 0 && this.#order[a]! < this.#order[b]!);
  }

  #rise(from: number): number {
    const heap = this.#heap;
    const id = heap[from]!;
    let position = from;
    while (position > 0) {
      const above = (position - 1) >> 1;
      const other = heap[above]!;
      if (!this.#before(id, other)) break;
      heap[position] = other;
      this.#previous[other] = position;
      this.moves += 1;
      position = above;
    }
    heap[position] = id;
    this.#previous[id] = position;
    return position;
  }

  #sink(from: number): void {
    const heap = this.#heap;
    const id = heap[from]!;
    let position = from;
    for (;;) {
      let below = 2 * position + 1;
      if (below >= this.#heapSize) break;
      if (below + 1 < this.#heapSize && this.#before(heap[below + 1]!, heap[below]!)) below += 1;
      const other = heap[below]!;
      if (!this.#before(other, id)) break;
      heap[position] = other;
      this.#previous[other] = position;
      this.moves += 1;
      position = below;
    }
    heap[position] = id;
    this.#previous[id] = position;
  }

  #grow(id: number): void {
    const old = this.#where.length;
    const length = Math.max(id + 1, 2 * old, 64);
    const where = new Int16Array(length).fill(NOWHERE, old);
    where.set(this.#where);
    this.#where = where;
    const deadlines = new Float64Array(length);
    deadlines.set(this.#deadlines);
    this.#deadlines = deadlines;
    const order = new Float64Array(length);
    order.set(this.#order);
    this.#order = order;
    const next = new Int32Array(length);
    next.set(this.#next);
    this.#next = next;
    const previous = new Int32Array(length);
    previous.set(this.#previous);
    this.#previous = previous;
  }
}
