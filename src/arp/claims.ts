/** Claiming our own addresses on a link: probing, announcing and defending them — RFC 5227. */
import type { Cause } from "../base/cause.js";
import { type Micros, NEVER, type Random, randomBelow, SECOND } from "../base/environment.js";
import { Arp } from "../base/why.js";

/** RFC 5227 s1.1. */
export const PROBE_WAIT = SECOND;
export const PROBE_NUM = 3;
export const PROBE_MIN = SECOND;
export const PROBE_MAX = 2 * SECOND;
export const ANNOUNCE_WAIT = 2 * SECOND;
export const ANNOUNCE_NUM = 2;
export const ANNOUNCE_INTERVAL = 2 * SECOND;
export const MAX_CONFLICTS = 10;
export const RATE_LIMIT_INTERVAL = 60 * SECOND;
export const DEFEND_INTERVAL = 10 * SECOND;

export const ClaimState = { Probing: 0, Announcing: 1, Held: 2 } as const;
export type ClaimState = (typeof ClaimState)[keyof typeof ClaimState];
export const claimStateNames = ["PROBING", "ANNOUNCING", "HELD"] as const;

/** What to do when somebody else uses our address: RFC 5227 s2.4 (a), (b) and (c). */
export type Defence = "never" | "once" | "always";

/** What the claims of a device ask of it. */
export interface ClaimPort {
  /** Sends a probe (sender 0.0.0.0) or an announcement (sender and target `address`) by broadcast. */
  claim(address: number, probe: boolean, why: number, now: Micros): void;
  /** The address may be used from now on. */
  granted(address: number, now: Micros): void;
  /** The address is somebody else's: it must not be used. `held`: it was ours until now. */
  denied(address: number, held: boolean, now: Micros): void;
}

export class Claim {
  readonly address: number;
  state: ClaimState = ClaimState.Held;
  /** Probes or announcements sent. */
  sent = 0;
  deadline: Micros = NEVER;
  /** When it was last defended, and the last conflict was seen. */
  defendedAt: Micros = Number.NEGATIVE_INFINITY;
  conflictAt: Micros = Number.NEGATIVE_INFINITY;

  constructor(address: number) {
    this.address = address;
  }
}

export class AddressClaims {
  readonly #port: ClaimPort;
  readonly #random: Random;
  readonly #cause: Cause;
  readonly #defence: Defence;
  readonly #claims: Claim[] = [];
  /** Conflicts since an address was last granted: RFC 5227 s2.1.1, MAX_CONFLICTS. */
  #conflicts = 0;
  #attemptAt: Micros = Number.NEGATIVE_INFINITY;
  /** Of all claims: the earliest deadline, and how many are being probed for; found anew when they have changed. */
  #next: Micros = NEVER;
  #probing = 0;
  #changed = false;

  constructor(port: ClaimPort, defence: Defence, random: Random, cause: Cause) {
    this.#port = port;
    this.#defence = defence;
    this.#random = random;
    this.#cause = cause;
  }

  get all(): readonly Claim[] {
    return this.#claims;
  }

  /** Addresses that are being probed for. */
  get probing(): number {
    this.#survey();
    return this.#probing;
  }

  find(address: number): Claim | null {
    for (let i = 0; i < this.#claims.length; i++) if (this.#claims[i]!.address === address) return this.#claims[i]!;
    return null;
  }

  /** Begins to probe for an address: it is not ours before `granted`. */
  probe(address: number, now: Micros): void {
    const claim = this.#open(address);
    claim.state = ClaimState.Probing;
    claim.sent = 0;
    claim.deadline = now + randomBelow(this.#random, PROBE_WAIT + 1);
    // RFC 5227 s2.1.1: after MAX_CONFLICTS, "MUST limit the rate at which it probes for new addresses" to one in RATE_LIMIT_INTERVAL.
    if (this.#conflicts >= MAX_CONFLICTS) claim.deadline = Math.max(claim.deadline, this.#attemptAt + RATE_LIMIT_INTERVAL);
    this.#attemptAt = claim.deadline;
    this.#changed = true;
  }

  /** Holds an address without probing, and announces it when asked (RFC 5227 s2.3). */
  hold(address: number, announce: boolean, now: Micros): void {
    const claim = this.#open(address);
    claim.state = announce ? ClaimState.Announcing : ClaimState.Held;
    claim.sent = 0;
    claim.deadline = announce ? now : NEVER;
    this.#changed = true;
  }

  release(address: number): void {
    const at = this.#claims.findIndex((claim) => claim.address === address);
    if (at >= 0) this.#claims.splice(at, 1);
    this.#changed = true;
  }

  /** True while `address` is probed for. */
  isProbing(address: number): boolean {
    const claim = this.find(address);
    return claim !== null && claim.state === ClaimState.Probing;
  }

  /** Somebody else has used the address, or probes for it while we do. */
  conflict(claim: Claim, now: Micros): void {
    const last = claim.conflictAt;
    claim.conflictAt = now;
    if (claim.state === ClaimState.Probing) {
      this.#conflicts += 1;
      this.#lose(claim, false, now);
      return;
    }
    if (this.#defence === "never") {
      this.#lose(claim, true, now);
      return;
    }
    // RFC 5227 s2.4 (b): "if this is not the first conflicting ARP packet the host has seen, and the time recorded for the previous
    // conflicting ARP packet is recent, within DEFEND_INTERVAL seconds, then the host MUST immediately cease using this address".
    if (this.#defence === "once" && now - last < DEFEND_INTERVAL) {
      this.#lose(claim, true, now);
      return;
    }
    if (now - claim.defendedAt < DEFEND_INTERVAL) return;
    claim.defendedAt = now;
    this.#port.claim(claim.address, false, Arp.Defend, now);
  }

  expire(now: Micros): void {
    if (this.nextTimeout() > now) return;
    for (let i = 0; i < this.#claims.length; i++) {
      const claim = this.#claims[i]!;
      if (claim.deadline > now) continue;
      this.#cause.begin();
      this.#due(claim, now);
    }
    this.#changed = true;
  }

  nextTimeout(): Micros {
    this.#survey();
    return this.#next;
  }

  #survey(): void {
    if (!this.#changed) return;
    this.#changed = false;
    this.#next = NEVER;
    this.#probing = 0;
    for (const { deadline, state } of this.#claims) {
      if (deadline < this.#next) this.#next = deadline;
      if (state === ClaimState.Probing) this.#probing += 1;
    }
  }

  #open(address: number): Claim {
    const known = this.find(address);
    if (known !== null) return known;
    const claim = new Claim(address);
    this.#claims.push(claim);
    return claim;
  }

  #due(claim: Claim, now: Micros): void {
    if (claim.state === ClaimState.Probing) {
      if (claim.sent < PROBE_NUM) {
        claim.sent += 1;
        claim.deadline =
          claim.sent === PROBE_NUM ? now + ANNOUNCE_WAIT : now + PROBE_MIN + randomBelow(this.#random, PROBE_MAX - PROBE_MIN + 1);
        this.#port.claim(claim.address, true, Arp.Probe, now);
        return;
      }
      this.#conflicts = 0;
      claim.state = ClaimState.Announcing;
      claim.sent = 0;
      this.#port.granted(claim.address, now);
      if (this.find(claim.address) !== claim) return;
    }
    claim.sent += 1;
    if (claim.sent >= ANNOUNCE_NUM) {
      claim.state = ClaimState.Held;
      claim.deadline = NEVER;
    } else claim.deadline = now + ANNOUNCE_INTERVAL;
    this.#port.claim(claim.address, false, Arp.Announce, now);
  }

  #lose(claim: Claim, held: boolean, now: Micros): void {
    this.release(claim.address);
    this.#port.denied(claim.address, held, now);
  }
}
