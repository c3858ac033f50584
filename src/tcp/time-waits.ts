/** Connections in TIME-WAIT in the order in which they came, so that the oldest can go when there are too many (RFC 9293 s3.6.1). */
import type { Demux } from "./demux.js";

export class TimeWaits {
  readonly #demux: Demux;
  readonly #limit: number;
  /** Handles; those that have left or were reused are skipped. */
  #handles: number[] = [];
  #head = 0;
  count = 0;

  constructor(demux: Demux, limit: number) {
    this.#demux = demux;
    this.#limit = limit;
  }

  add(handle: number): void {
    this.count += 1;
    this.#handles.push(handle);
    if (this.#handles.length <= 2 * this.#limit + 64) return;
    this.#handles = this.#handles.slice(this.#head).filter((held) => this.#demux.slot(held) !== 0);
    this.#head = 0;
  }

  /** While there are too many: the slot of the oldest, which the caller takes out of TIME-WAIT if it is still in it; 0: there are not. */
  excess(): number {
    while (this.count > this.#limit && this.#head < this.#handles.length) {
      const slot = this.#demux.slot(this.#handles[this.#head++]!);
      if (slot !== 0) return slot;
    }
    return 0;
  }
}
