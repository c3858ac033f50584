/** Connections in TIME-WAIT in the order in which they came, so that the oldest can go when there are too many (RFC 9293 s3.6.1). */
import type { Demux } from "./demux.js";

/** The shortest ring. */
const LEAST = 64;

export class TimeWaits {
  readonly #demux: Demux;
  readonly #limit: number;
  /** Handles, from `#head`; those that have left or were reused are skipped. */
  #ring = new Int32Array(LEAST);
  #head = 0;
  #length = 0;
  count = 0;

  constructor(demux: Demux, limit: number) {
    this.#demux = demux;
    this.#limit = limit;
  }

  add(handle: number): void {
    this.count += 1;
    // Most leave in the order in which they came: what has gone at the head goes from the ring, at most two for each that comes.
    for (let i = 0; i < 2 && this.#length > 0 && this.#demux.slot(this.#ring[this.#head]!) === 0; i++) this.#shift();
    if (this.#length === this.#ring.length) this.#grow();
    this.#ring[(this.#head + this.#length) & (this.#ring.length - 1)] = handle;
    this.#length += 1;
  }

  /** While there are too many: the slot of the oldest, which the caller takes out of TIME-WAIT if it is still in it; 0: there are not. */
  excess(): number {
    return this.count > this.#limit ? this.next() : 0;
  }

  /** The slot of the oldest, whatever has become of it; 0: there is none. */
  next(): number {
    while (this.#length > 0) {
      const slot = this.#demux.slot(this.#shift());
      if (slot !== 0) return slot;
    }
    return 0;
  }

  #shift(): number {
    const handle = this.#ring[this.#head]!;
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    this.#length -= 1;
    return handle;
  }

  /** Only what is still there comes along; twice the length, unless that was little. */
  #grow(): void {
    const old = this.#ring;
    const kept: number[] = [];
    for (let i = 0; i < this.#length; i++) {
      const handle = old[(this.#head + i) & (old.length - 1)]!;
      if (this.#demux.slot(handle) !== 0) kept.push(handle);
    }
    if (kept.length * 2 > old.length) this.#ring = new Int32Array(2 * old.length);
    this.#ring.set(kept);
    this.#head = 0;
    this.#length = kept.length;
  }
}
