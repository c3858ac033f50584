/** How often one destination, and all together, may be sent what the wire provokes — RFC 1122 s3.2.2, RFC 1812 s4.3.2.8. */
import { type Micros, type Random, SECOND } from "../../base/environment.js";
import { KeyedTable } from "../../base/keyed-table.js";
import type { SipKey } from "../../base/siphash.js";
import { TokenBucket } from "../../base/token-bucket.js";
import type { IpAddress } from "../address.js";

/** Destinations remembered at once. */
const DESTINATIONS = 1024;

export class DestinationLimiter {
  readonly #table: KeyedTable;
  readonly #tokens: number[] = [];
  readonly #since: number[] = [];
  readonly #perSecond: number;
  readonly #all: TokenBucket;

  /** `perSecond` for each destination, with bursts of as many; `total` for all, a budget that changes at random every second, so that nobody
   *  learns from his own share what others have used (CVE-2020-25705). */
  constructor(key: SipKey, random: Random, perSecond: number, total: number, now: Micros) {
    this.#table = new KeyedTable(key, DESTINATIONS);
    this.#perSecond = perSecond;
    this.#all = new TokenBucket(total, total, now, random);
  }

  /** The destination's own budget is asked first, so that one asker cannot use up the others'. */
  take(destination: IpAddress, now: Micros): boolean {
    let slot = this.#table.find(destination, 0, 0, 0);
    if (slot < 0) {
      if (this.#table.count >= this.#table.limit) this.#table.remove(this.#table.oldest);
      slot = this.#table.insert(destination, 0, 0, 0);
      this.#tokens[slot] = this.#perSecond;
      this.#since[slot] = now;
    } else {
      const earned = ((now - this.#since[slot]!) * this.#perSecond) / SECOND;
      this.#tokens[slot] = Math.min(this.#perSecond, this.#tokens[slot]! + earned);
      this.#since[slot] = now;
    }
    if (this.#tokens[slot]! < 1) return false;
    this.#tokens[slot]! -= 1;
    this.#table.touch(slot);
    return this.#all.take(now);
  }
}
