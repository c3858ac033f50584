/** Connections in TIME-WAIT in the order in which they came, so that the oldest can go when there are too many (RFC 9293 s3.6.1). However many
 *  millions there are, one more costs a few steps. */
import type { Demux } from "./demux.js";

/** Handles in a piece of the queue. */
const PIECE_BITS = 12;
const PIECE = 1 << PIECE_BITS;
/** Places that are looked at for each that comes, while the queue is swept. */
const STEPS = 4;

export class TimeWaits {
  readonly #demux: Demux;
  readonly #limit: number;
  /** Handles in [#head, #tail), place 0 in the first piece; those that have left or were reused stand there still, or 0 in their stead. */
  readonly #pieces: Int32Array[] = [];
  #spare: Int32Array | null = null;
  #head = 0;
  #tail = 0;
  /** A sweep moves what is still there from `#scanned` to `#kept`; -1: none is under way. */
  #scanned = -1;
  #kept = 0;
  count = 0;

  constructor(demux: Demux, limit: number) {
    this.#demux = demux;
    this.#limit = limit;
  }

  /** Places taken: not many more than twice `count`. */
  get length(): number {
    return this.#tail - this.#head;
  }

  add(handle: number): void {
    this.count += 1;
    // Most leave in the order in which they came: at most two for each that comes.
    for (let i = 0; i < 2 && this.length > 0 && !this.#isThere(this.#at(this.#head)); i++) this.#shift();
    if (this.#tail === this.#pieces.length << PIECE_BITS) {
      this.#pieces.push(this.#spare ?? new Int32Array(PIECE));
      this.#spare = null;
    }
    this.#put(this.#tail++, handle);
    if (this.#scanned < 0 && this.length > 2 * this.count + PIECE) this.#scanned = this.#kept = this.#head;
    if (this.#scanned >= 0) this.#sweep();
  }

  /** While there are too many: the slot of the oldest, which the caller takes out of TIME-WAIT if it is still in it; 0: there are not. */
  excess(): number {
    return this.count > this.#limit ? this.next() : 0;
  }

  /** The slot of the oldest, whatever has become of it; 0: there is none. */
  next(): number {
    while (this.length > 0) {
      const slot = this.#demux.slot(this.#shift());
      if (slot !== 0) return slot;
    }
    return 0;
  }

  #isThere(handle: number): boolean {
    return this.#demux.slot(handle) !== 0;
  }

  #at(place: number): number {
    return this.#pieces[place >> PIECE_BITS]![place & (PIECE - 1)]!;
  }

  #put(place: number, handle: number): void {
    this.#pieces[place >> PIECE_BITS]![place & (PIECE - 1)] = handle;
  }

  #shift(): number {
    const handle = this.#at(this.#head++);
    if (this.#head === PIECE) {
      this.#spare = this.#pieces.shift()!;
      this.#head = 0;
      this.#tail -= PIECE;
      if (this.#scanned >= 0) this.#scanned = Math.max(0, this.#scanned - PIECE);
      this.#kept = Math.max(0, this.#kept - PIECE);
    }
    return handle;
  }

  #sweep(): void {
    this.#kept = Math.max(this.#kept, this.#head);
    this.#scanned = Math.max(this.#scanned, this.#head);
    for (let i = 0; i < STEPS && this.#scanned < this.#tail; i++) {
      const handle = this.#at(this.#scanned);
      this.#put(this.#scanned++, 0);
      if (this.#isThere(handle)) this.#put(this.#kept++, handle);
    }
    if (this.#scanned < this.#tail) return;
    this.#tail = this.#kept;
    this.#pieces.length = (this.#tail + PIECE - 1) >> PIECE_BITS;
    this.#scanned = -1;
  }
}
