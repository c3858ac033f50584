/** Broken invariants, as they are found. */
import type { Micros } from "../base/environment.js";

export interface Violation {
  /** "I-04"; or "why": something was sent or dropped without a reason. */
  readonly id: string;
  readonly host: string;
  /** The id of the event in which it showed, and when. */
  readonly event: number;
  readonly at: Micros;
  /** What was expected, and the values that were there. */
  readonly text: string;
}

const MOST = 20;

export class Violations {
  readonly list: Violation[] = [];
  /** All that were reported; the list ends at twenty. */
  count = 0;

  report(id: string, host: string, event: number, at: Micros, text: string): void {
    this.count += 1;
    if (this.list.length < MOST) this.list.push({ id, host, event, at, text });
  }

  show(): string {
    return this.list.map((v) => `${v.id} ${v.host} t=${(v.at / 1e6).toFixed(6)} event ${v.event}: ${v.text}`).join("\n");
  }
}
