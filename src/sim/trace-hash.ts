/** A hash of all that happened on a world's wires: two runs with one hash were byte-identical, to the microsecond. */
import type { Micros } from "../base/environment.js";
import type { WireModel, WireObserver } from "./wire-model.js";

export class TraceHash implements WireObserver {
  #high = 0x811c9dc5 | 0;
  #low = 0x9e3779b9 | 0;
  /** Fates that went in. */
  fates = 0;

  fate(wire: WireModel, why: number, bytes: Uint8Array, start: number, end: number, now: Micros): void {
    this.fates += 1;
    for (let i = 0; i < wire.name.length; i++) this.#mix(wire.name.charCodeAt(i));
    this.#mix(why);
    this.#mix(now | 0);
    this.#mix(Math.floor(now / 2 ** 32));
    this.#mix(end - start);
    for (let at = start; at < end; at++) this.#mix(bytes[at]!);
  }

  /** Sixteen hexadecimal digits. */
  get digest(): string {
    return (this.#high >>> 0).toString(16).padStart(8, "0") + (this.#low >>> 0).toString(16).padStart(8, "0");
  }

  #mix(word: number): void {
    this.#high = Math.imul(this.#high ^ word, 0x01000193);
    this.#low = Math.imul((this.#low ^ word) + (this.#high >>> 15), 0x85ebca6b);
    this.#low ^= this.#low >>> 13;
  }
}
