/** The addresses that an endpoint has sent to last: an ICMP error about another is forged or stale (RFC 8085 s5.2), and must move nothing. */
import type { IpAddress } from "./address.js";

const REMEMBERED = 16;

export class RecentDestinations {
  /** 0.0.0.0 where there is none: nobody sends there. */
  readonly #addresses = new Int32Array(REMEMBERED);
  #last = 0;

  add(destination: IpAddress): void {
    if (this.#addresses[this.#last] === destination) return;
    this.#last = (this.#last + 1) % REMEMBERED;
    this.#addresses[this.#last] = destination;
  }

  has(destination: IpAddress): boolean {
    return destination !== 0 && this.#addresses.includes(destination);
  }
}
