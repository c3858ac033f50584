/** The identification field — RFC 6864. A datagram that cannot be fragmented has none to speak of (0); of the others none repeats, for one
 *  (source, destination, protocol), while the last may live. */
import type { Micros, Random } from "../../base/environment.js";
import { type SipKey, sipHash24 } from "../../base/siphash.js";

/** Counters, which tuples share by a keyed hash: what one peer sees says nothing of what another does. */
const COUNTERS = 2048;
/** Half of the identifiers: two lifetimes that touch never hold more than all of them. */
const PER_LIFETIME = 0x8000;

export class Identification {
  readonly #key: SipKey;
  readonly #lifetime: Micros;
  readonly #next = new Uint16Array(COUNTERS);
  readonly #used = new Uint16Array(COUNTERS);
  readonly #since = new Float64Array(COUNTERS);

  /** `lifetime`: how long a datagram may live (MDL, RFC 6864 s1). */
  constructor(key: SipKey, random: Random, lifetime: Micros) {
    this.#key = key;
    this.#lifetime = lifetime;
    for (let i = 0; i < COUNTERS; i++) this.#next[i] = random.int32();
    this.#since.fill(Number.NEGATIVE_INFINITY);
  }

  /** The identification for a datagram that may be fragmented, or -1 when another would repeat one too soon:
   *  RFC 6864 s5.2, "MUST rate-limit their output". */
  take(source: number, destination: number, protocol: number, now: Micros): number {
    const hash = sipHash24(this.#key, source, destination, protocol, 0);
    const i = hash & (COUNTERS - 1);
    if (now - this.#since[i]! >= this.#lifetime) {
      this.#since[i] = now;
      this.#used[i] = 0;
    } else if (this.#used[i]! >= PER_LIFETIME) return -1;
    this.#used[i]! += 1;
    this.#next[i]! += 1;
    // The counter is offset by the tuple, so that tuples on one counter see no run of numbers they share.
    return (this.#next[i]! + (hash >>> 16)) & 0xffff;
  }
}
