/** The largest packet that a path takes, by destination — RFC 1191. */
import { type Micros, NEVER, SECOND } from "../base/environment.js";
import { KeyedTable } from "../base/keyed-table.js";
import type { SipKey } from "../base/siphash.js";
import type { IpAddress } from "./address.js";

/** RFC 791 s3.1: what every path takes in one piece; never below it (RFC 1191 s3). */
export const LEAST_MTU = 68;
/** How long an estimate stands. RFC 1191 s3: no increase is tried before 5 minutes; s6.3 recommends 10. */
export const PATH_MTU_LIFETIME = 600 * SECOND;

/** RFC 1191 s7.1, table 7-1: the MTUs that links have. */
const PLATEAUS = [65535, 32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296, 68] as const;

/** RFC 1191 s5: what to try when an old router does not say its MTU: the plateau below the packet that was too big. */
export function plateauBelow(totalLength: number): number {
  for (const plateau of PLATEAUS) if (plateau < totalLength) return plateau;
  return LEAST_MTU;
}

export class PathMtu {
  readonly #table: KeyedTable;
  readonly #floor: number;
  /** By slot: the MTU, when it was learned, and 1 where the path's MTU is below the floor, so that packets go without DF. */
  readonly #mtus: number[] = [];
  readonly #learnedAt: number[] = [];
  readonly #locked: boolean[] = [];

  /** `floor`: the least estimate that is believed, 68 or more. */
  constructor(key: SipKey, limit: number, floor: number) {
    this.#table = new KeyedTable(key, limit);
    this.#floor = Math.max(floor, LEAST_MTU);
  }

  get count(): number {
    return this.#table.count;
  }

  /** The slot of the estimate for `destination`, for `mtuAt` and `lockedAt`; -1 when there is none that still stands. */
  find(destination: IpAddress, now: Micros): number {
    const slot = this.#table.find(destination, 0, 0, 0);
    return slot < 0 || now - this.#learnedAt[slot]! >= PATH_MTU_LIFETIME ? -1 : slot;
  }

  mtuAt(slot: number): number {
    return this.#mtus[slot]!;
  }

  /** True when the path takes less than the floor: then routers must be let fragment (DF clear). */
  lockedAt(slot: number): boolean {
    return this.#locked[slot]!;
  }

  /** The estimate for `destination`, or 0 when there is none that still stands. */
  lookup(destination: IpAddress, now: Micros): number {
    const slot = this.find(destination, now);
    return slot < 0 ? 0 : this.#mtus[slot]!;
  }

  /** Forgets what is too old to stand; true when there was any (RFC 1191 s6.3). */
  expire(now: Micros): boolean {
    let any = false;
    for (let slot = this.#table.oldest; slot >= 0 && now - this.#learnedAt[slot]! >= PATH_MTU_LIFETIME; slot = this.#table.oldest) {
      this.#table.remove(slot);
      any = true;
    }
    return any;
  }

  nextTimeout(): Micros {
    // In order of learning, so the oldest goes first.
    const slot = this.#table.oldest;
    return slot < 0 ? NEVER : this.#learnedAt[slot]! + PATH_MTU_LIFETIME;
  }

  /** A router reports that its next hop takes `mtu`; `current` is what we went by. Returns the new estimate, or 0 when it is no news:
   *  an estimate never rises by a message (RFC 1191 s3). */
  lower(destination: IpAddress, mtu: number, current: number, now: Micros): number {
    const locked = mtu < this.#floor;
    const believed = Math.max(mtu, this.#floor);
    let slot = this.#table.find(destination, 0, 0, 0);
    if (slot < 0 ? believed >= current && !locked : believed >= this.#mtus[slot]! && (!locked || this.#locked[slot]!)) return 0;
    if (slot < 0) {
      if (this.#table.count >= this.#table.limit) this.#table.remove(this.#table.oldest);
      slot = this.#table.insert(destination, 0, 0, 0);
    }
    this.#mtus[slot] = Math.min(believed, current);
    this.#learnedAt[slot] = now;
    this.#locked[slot] = locked;
    this.#table.touch(slot);
    return this.#mtus[slot]!;
  }

  /** Forgets the estimate for a destination. */
  forget(destination: IpAddress): void {
    const slot = this.#table.find(destination, 0, 0, 0);
    if (slot >= 0) this.#table.remove(slot);
  }

  /** Visits every estimate that still stands. */
  each(now: Micros, visit: (destination: number, mtu: number, age: Micros, locked: boolean) => void): void {
    for (let slot = this.#table.oldest; slot >= 0; slot = this.#table.newerThan(slot)) {
      const age = now - this.#learnedAt[slot]!;
      if (age < PATH_MTU_LIFETIME) visit(this.#table.word(slot, 0), this.#mtus[slot]!, age, this.#locked[slot]!);
    }
  }
}
