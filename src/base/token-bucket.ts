/** Token buckets: how often something that the wire provokes may happen (ICMP errors: RFC 1122 s3.2.2, RFC 1812 s4.3.2.8; challenge ACKs: RFC 5961 s7). */
import { type Micros, type Random, randomBelow, SECOND } from "./environment.js";

export class TokenBucket {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #random: Random | null;
  #tokens: number;
  #last: Micros;

  /**
   * With `random`, each second has a budget of its own, drawn from half to one and a half times `burst`: whoever counts what
   * comes out learns nothing of what others have provoked (the side channel against RFC 5961 s7). `perSecond` is then not used.
   */
  constructor(perSecond: number, burst: number, now: Micros, random: Random | null = null) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#random = random;
    this.#last = now;
    this.#tokens = random === null ? burst : this.#draw(random);
  }

  /** Takes a token; false when there is none. */
  take(now: Micros): boolean {
    this.#refill(now);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  #refill(now: Micros): void {
    const passed = now - this.#last;
    if (this.#random === null) {
      if (passed <= 0) return;
      this.#tokens = Math.min(this.#burst, this.#tokens + (passed * this.#perSecond) / SECOND);
      this.#last = now;
    } else if (passed >= SECOND) {
      this.#tokens = this.#draw(this.#random);
      this.#last = now;
    }
  }

  #draw(random: Random): number {
    const half = Math.ceil(this.#burst / 2);
    return half + randomBelow(random, this.#burst + 1);
  }
}
