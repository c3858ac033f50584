/** Token buckets: how often something that the wire provokes may happen (ICMP errors: RFC 1122 s3.2.2, RFC 1812 s4.3.2.8; challenge ACKs: RFC 5961 s7). */
import { type Micros, type Random, randomBelow, SECOND } from "./environment.js";

export class TokenBucket {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #random: Random | null;
  /** In millionths of a token, so that whole rates are counted exactly. */
  #tokens: number;
  #last: Micros;

  /**
   * `perSecond` tokens a second, of which `burst` can be saved up. With `random`, each second has a budget of its own instead, drawn
   * from half to one and a half times `perSecond`, and none is saved: whoever counts the answers to what they provoke does not
   * learn how many others have provoked (the side channel of a shared limit that is known exactly).
   */
  constructor(perSecond: number, burst: number, now: Micros, random: Random | null = null) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#random = random;
    this.#last = now;
    this.#tokens = SECOND * (random === null ? burst : this.#draw(random));
  }

  /** Takes a token; false when there is none. */
  take(now: Micros): boolean {
    this.#refill(now);
    if (this.#tokens < SECOND) return false;
    this.#tokens -= SECOND;
    return true;
  }

  #refill(now: Micros): void {
    const passed = now - this.#last;
    if (this.#random !== null) {
      if (passed < SECOND) return;
      this.#tokens = SECOND * this.#draw(this.#random);
      this.#last = now;
    } else if (passed > 0) {
      this.#tokens = Math.min(SECOND * this.#burst, this.#tokens + passed * this.#perSecond);
      this.#last = now;
    }
  }

  #draw(random: Random): number {
    return Math.ceil(this.#perSecond / 2) + randomBelow(random, this.#perSecond + 1);
  }
}
