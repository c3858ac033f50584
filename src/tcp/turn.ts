/** Who speaks in this turn and who is told: the connections that were touched, those that wait for their application's reply, and the
 *  slots with events. The lists are kept from turn to turn and counted by hand: a turn allocates nothing. */
import type { Tcb } from "./tcb.js";

export class Turn {
  /** [#touchedHead, #touchedTail) is still to be flushed. */
  readonly #touched: (Tcb | null)[] = [];
  #touchedHead = 0;
  #touchedTail = 0;
  readonly #postponed: (Tcb | null)[] = [];
  #postponedCount = 0;
  /** Slots, likewise. */
  readonly #eventful: number[] = [];
  #eventfulHead = 0;
  #eventfulTail = 0;

  /** True when there is something to flush or to deliver. */
  get busy(): boolean {
    return this.#touchedHead < this.#touchedTail || this.#postponedCount > 0 || this.#eventfulHead < this.#eventfulTail;
  }

  /** The connection will be flushed. Once: `tcb.touched` says so. */
  touch(tcb: Tcb): void {
    this.#touched[this.#touchedTail++] = tcb;
  }

  /** The next connection to flush, in the order of touching; null when all have been. What was postponed is next time's. */
  nextTouched(): Tcb | null {
    if (this.#touchedHead < this.#touchedTail) {
      const tcb = this.#touched[this.#touchedHead]!;
      this.#touched[this.#touchedHead++] = null;
      return tcb;
    }
    this.#touchedHead = 0;
    this.#touchedTail = this.#postponedCount;
    for (let i = 0; i < this.#postponedCount; i++) {
      this.#touched[i] = this.#postponed[i]!;
      this.#postponed[i] = null;
    }
    this.#postponedCount = 0;
    return null;
  }

  /** Not in this flush, but in the next. */
  postpone(tcb: Tcb): void {
    this.#postponed[this.#postponedCount++] = tcb;
  }

  /** The slot has events to deliver. */
  noteEvents(slot: number): void {
    this.#eventful[this.#eventfulTail++] = slot;
  }

  /** The next slot with events, or 0 when there is none. */
  nextEventful(): number {
    if (this.#eventfulHead < this.#eventfulTail) return this.#eventful[this.#eventfulHead++]!;
    this.#eventfulHead = 0;
    this.#eventfulTail = 0;
    return 0;
  }
}
