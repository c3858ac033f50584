/** Deadlines: a hierarchical timing wheel (G. Varghese and T. Lauck, 1987) in front of a heap.
 *
 *  Far deadlines lie in the wheel, 64 slots a level, each level 64 times as coarse as the one below: arming, moving later and
 *  cancelling cost a few stores. When time enters a slot, its timers move down, and those that are nearly due into a heap, which
 *  gives them out exactly, to the microsecond and in the order of arming. Memory grows with the largest id.
 *
 *  A slot that millions share is emptied a part at a time, so that nobody waits for all of it at once: until it is empty time stands still
 *  at its beginning, and what is due in the rest of it comes late by as much as the emptying takes. */
import { type Micros, NEVER } from "./environment.js";
import { SLAB_BITS, SLAB_MASK, Slab } from "./slab.js";

/** One tick is 1 024 µs. */
const TICK = 1024;
const LEVELS = 5;
const SLOTS = LEVELS * 64;
/** Ticks that the wheel spans: 2^30, 12.7 days. Deadlines beyond wait in one more list until it has turned. */
const SPAN = 2 ** 30;
const OVERFLOW = SLOTS;

/** Timers that are moved down from one slot at one time: some two milliseconds. */
const MOST_MOVES = 32_768;

/** Where a timer is: in a slot (0 to SLOTS - 1), in the overflow list, in the heap, or nowhere. */
const HEAP = -1;
const NOWHERE = -2;

// A timer's record, one piece of a cache line: the deadline is a double in its first two cells.
const STRIDE = 6;
const NEXT = 2;
/** The neighbours in a slot's list; in the heap, `PREVIOUS` is the position. */
const PREVIOUS = 3;
/** When it was armed, as a number that counts round. */
const ORDER = 4;
const WHERE = 5;

export class TimerWheel {
  /** The tick that time is in, and its two parts: turn * SPAN + place. Timers of this tick and before it are in the heap. */
  #tick: number;
  #turn: number;
  #place: number;
  readonly #timers = new Slab(STRIDE);
  /** The first timer of each slot, and a lower bound of the slot's deadlines. */
  readonly #first = new Int32Array(SLOTS + 1).fill(-1);
  readonly #earliest = new Float64Array(SLOTS + 1).fill(NEVER);
  /** Which slots are not empty, two words a level. */
  readonly #occupied = new Int32Array(2 * LEVELS);
  /** The slot that is being emptied, or -1; and how many timers of it may still be moved at the time that `pop` was told last. */
  #draining = -1;
  readonly #mostMoves: number;
  #quota: number;
  #quotaAt: Micros = Number.NaN;
  #heap = new Int32Array(64);
  #heapSize = 0;
  #armed = 0;
  #size = 0;
  /** Timers that have moved from a list or past another in the heap, so far: what the wheel costs, without a clock. */
  moves = 0;
  /** What the deadline was of the timer that `pop` returned last. */
  popped: Micros = NEVER;

  constructor(now: Micros, mostMoves: number = MOST_MOVES) {
    this.#mostMoves = this.#quota = mostMoves;
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
    if (id >= this.#timers.count) this.#grow(id);
    const where = this.#cell(id, WHERE);
    const old = this.#deadline(id);
    this.#timers.reals[id >> SLAB_BITS]![(id & SLAB_MASK) * (STRIDE / 2)] = at;
    this.#armed = (this.#armed + 1) | 0;
    this.#set(id, ORDER, this.#armed);
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
      this.#sink(this.#rise(this.#cell(id, PREVIOUS)));
    }
  }

  cancel(id: number): void {
    if (id >= this.#timers.count) return;
    const where = this.#cell(id, WHERE);
    if (where === NOWHERE) return;
    if (where === HEAP) this.#leaveHeap(id);
    else this.#unlink(id, where);
    this.#forget(id);
  }

  /** When timer `id` is due; NEVER when it is not armed. */
  deadline(id: number): Micros {
    return id < this.#timers.count && this.#cell(id, WHERE) !== NOWHERE ? this.#deadline(id) : NEVER;
  }

  /** The earliest deadline, or an earlier time at which `pop` gets nearer to it; NEVER when nothing is armed. */
  next(): Micros {
    if (this.#draining >= 0) return this.#tick * TICK; // there is work at once
    if (this.#heapSize > 0) return this.#deadline(this.#heap[0]!);
    if (this.#size === 0) return NEVER;
    const slot = this.#firstOccupied();
    return this.#earliest[slot < 0 ? OVERFLOW : slot]!;
  }

  /** Disarms and returns the timer with the earliest deadline at or before `now`, of equal ones the one armed first; -1 when none is due, or
   *  none more can be had at this time: then `next` is past. */
  pop(now: Micros): number {
    const target = Math.floor(now / TICK);
    if (now !== this.#quotaAt) {
      this.#quotaAt = now;
      this.#quota = this.#mostMoves;
    }
    if (target > this.#tick || this.#draining >= 0) this.#advance(target);
    if (this.#heapSize === 0) return -1;
    const id = this.#heap[0]!;
    const at = this.#deadline(id);
    if (at > now) return -1;
    this.popped = at;
    this.#leaveHeap(id);
    this.#forget(id);
    return id;
  }

  #forget(id: number): void {
    this.#set(id, WHERE, NOWHERE);
    this.#size -= 1;
  }

  #deadline(id: number): Micros {
    return this.#timers.reals[id >> SLAB_BITS]![(id & SLAB_MASK) * (STRIDE / 2)]!;
  }

  #cell(id: number, cell: number): number {
    return this.#timers.ints[id >> SLAB_BITS]![(id & SLAB_MASK) * STRIDE + cell]!;
  }

  #set(id: number, cell: number, value: number): void {
    this.#timers.ints[id >> SLAB_BITS]![(id & SLAB_MASK) * STRIDE + cell] = value;
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
    this.#set(id, NEXT, first);
    this.#set(id, PREVIOUS, -1);
    if (first >= 0) this.#set(first, PREVIOUS, id);
    this.#first[slot] = id;
    this.#set(id, WHERE, slot);
    if (at < this.#earliest[slot]!) this.#earliest[slot] = at;
  }

  #unlink(id: number, slot: number): void {
    const next = this.#cell(id, NEXT);
    const previous = this.#cell(id, PREVIOUS);
    if (next >= 0) this.#set(next, PREVIOUS, previous);
    if (previous >= 0) this.#set(previous, NEXT, next);
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

  /** Moves time to tick `target`: every slot on the way is emptied. Stops in one that is too full. */
  #advance(target: number): void {
    for (;;) {
      if (this.#draining >= 0) {
        this.#drain(this.#draining, target);
        if (this.#draining >= 0) return;
      }
      const slot = this.#firstOccupied();
      if (slot >= 0) {
        const start = this.#startOf(slot);
        if (start > target) break;
        this.#moveTo(start);
        this.#draining = slot;
      } else if (this.#first[OVERFLOW]! >= 0 && Math.floor(target / SPAN) !== this.#turn) {
        this.#moveTo(Math.min(target, Math.floor(this.#earliest[OVERFLOW]! / TICK)));
        this.#spillOverflow(target);
      } else break;
    }
    if (target > this.#tick) this.#moveTo(target);
  }

  #moveTo(tick: number): void {
    this.#tick = tick;
    this.#turn = Math.floor(tick / SPAN);
    this.#place = tick - this.#turn * SPAN;
  }

  /** Puts timers of a slot that time has entered where they now belong: in slots below it, or in the heap. */
  #drain(slot: number, due: number): void {
    for (let id = this.#first[slot]!; id >= 0; id = this.#first[slot]!) {
      if (this.#quota === 0) return;
      this.#quota -= 1;
      this.#unlink(id, slot);
      this.moves += 1;
      this.#insert(id, this.#deadline(id), due);
    }
    this.#draining = -1;
  }

  /** The same, when the wheel has turned, for what may have to wait for another turn of it. */
  #spillOverflow(due: number): void {
    let id = this.#first[OVERFLOW]!;
    this.#empty(OVERFLOW);
    while (id >= 0) {
      const next = this.#cell(id, NEXT);
      this.moves += 1;
      this.#insert(id, this.#deadline(id), due);
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
    this.#set(id, PREVIOUS, position);
    this.#set(id, WHERE, HEAP);
    this.#rise(position);
  }

  #leaveHeap(id: number): void {
    const position = this.#cell(id, PREVIOUS);
    this.#heapSize -= 1;
    const last = this.#heap[this.#heapSize]!;
    if (last === id) return;
    this.#heap[position] = last;
    this.#set(last, PREVIOUS, position);
    this.#sink(this.#rise(position));
  }

  #before(a: number, b: number): boolean {
    const difference = this.#deadline(a) - this.#deadline(b);
    return difference < 0 || (difference === 0 && ((this.#cell(a, ORDER) - this.#cell(b, ORDER)) | 0) < 0);
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
      this.#set(other, PREVIOUS, position);
      this.moves += 1;
      position = above;
    }
    heap[position] = id;
    this.#set(id, PREVIOUS, position);
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
      this.#set(other, PREVIOUS, position);
      this.moves += 1;
      position = below;
    }
    heap[position] = id;
    this.#set(id, PREVIOUS, position);
  }

  #grow(id: number): void {
    const before = this.#timers.grow(id + 1);
    for (let fresh = before; fresh < this.#timers.count; fresh++) this.#set(fresh, WHERE, NOWHERE);
  }
}
