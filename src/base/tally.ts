/** Counters. Everything that a stack sends, drops or decides carries a `Why` code, so one array indexed by code counts it all. */
import { WHY_CODES } from "./why.js";
import { whyName } from "./why-registry.js";

export class Tally {
  /** Doubles, so that no counter wraps below 2^53. */
  readonly counts = new Float64Array(WHY_CODES);

  add(why: number): void {
    this.counts[why]! += 1;
  }

  /** The counters that are not zero, by the codes' names. */
  show(): Record<string, number> {
    const shown: Record<string, number> = {};
    for (let why = 0; why < WHY_CODES; why++) if (this.counts[why]! > 0) shown[whyName(why)] = this.counts[why]!;
    return shown;
  }
}
