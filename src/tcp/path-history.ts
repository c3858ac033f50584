/** What past connections have learned of the paths to their peers, and what the next one begins with of it: RFC 9040 s6, temporal sharing.
 *
 *  Written when a connection ends, read when one begins. A round trip of long ago says little: what is older than policy's `sharingLifetime`
 *  is forgotten, and the pair of hosts that was not heard of for longest gives way to a new one. */
import type { Micros, Random } from "../base/environment.js";
import { KeyedTable } from "../base/keyed-table.js";
import { SipKey } from "../base/siphash.js";
import { Cc, Tm } from "../base/why.js";
import { formatIp, type IpAddress, ipFromInt } from "../ip/address.js";
import { NO_THRESHOLD } from "./congestion/controller.js";
import type { Core } from "./core.js";
import { timeout } from "./rtt.js";
import type { Tcb } from "./tcb.js";

/** Merge() of RFC 9040 s6.2 is exponential decay: the gains of RFC 6298 for round trips, which are averages already, and the mean for thresholds. */
const ALPHA = 1 / 8;
const BETA = 1 / 4;
/** A threshold is learned from a flow that has delivered so many times as much: those of short flows do more harm than good (s8). */
const LONG_FLOW = 8;

/** What is shown of a pair of hosts. */
export interface ShownHistory {
  readonly local: string;
  readonly remote: string;
  readonly srtt: Micros;
  readonly rttvar: Micros;
  /** Octets; null: nothing is known. */
  readonly ssthresh: number | null;
  readonly age: Micros;
}

export class PathHistory {
  readonly #hosts: KeyedTable;
  readonly #srtt: number[] = [];
  readonly #rttvar: number[] = [];
  /** NO_THRESHOLD: not known. */
  readonly #threshold: number[] = [];
  readonly #notedAt: Micros[] = [];

  constructor(random: Random, limit: number) {
    this.#hosts = new KeyedTable(new SipKey(random), limit);
  }

  /** Where what is known of the path lies, for the next three; -1: nothing is known. */
  find(local: IpAddress, remote: IpAddress, lifetime: Micros, now: Micros): number {
    const slot = this.#hosts.find(local, remote, 0, 0);
    if (slot < 0 || now - this.#notedAt[slot]! <= lifetime) return slot;
    this.#hosts.remove(slot);
    return -1;
  }

  srtt(slot: number): Micros {
    return this.#srtt[slot]!;
  }

  rttvar(slot: number): Micros {
    return this.#rttvar[slot]!;
  }

  threshold(slot: number): number {
    return this.#threshold[slot]!;
  }

  /** A connection has ended with these; `threshold` NO_THRESHOLD: it has learned none. */
  note(local: IpAddress, remote: IpAddress, srtt: Micros, rttvar: Micros, threshold: number, lifetime: Micros, now: Micros): void {
    let slot = this.find(local, remote, lifetime, now);
    if (slot >= 0) {
      this.#srtt[slot]! += Math.round((srtt - this.#srtt[slot]!) * ALPHA);
      this.#rttvar[slot]! += Math.round((rttvar - this.#rttvar[slot]!) * BETA);
      const before = this.#threshold[slot]!;
      if (before === NO_THRESHOLD) this.#threshold[slot] = threshold;
      else if (threshold !== NO_THRESHOLD) this.#threshold[slot] = Math.floor((before + threshold) / 2);
      this.#hosts.touch(slot);
    } else {
      if (this.#hosts.count >= this.#hosts.limit) this.#hosts.remove(this.#hosts.oldest);
      slot = this.#hosts.insert(local, remote, 0, 0);
      this.#srtt[slot] = srtt;
      this.#rttvar[slot] = rttvar;
      this.#threshold[slot] = threshold;
    }
    this.#notedAt[slot] = now;
  }

  forget(local: IpAddress, remote: IpAddress): void {
    const slot = this.#hosts.find(local, remote, 0, 0);
    if (slot >= 0) this.#hosts.remove(slot);
  }

  clear(): void {
    while (this.#hosts.oldest >= 0) this.#hosts.remove(this.#hosts.oldest);
  }

  /** All of it, the latest last. */
  show(lifetime: Micros, now: Micros): ShownHistory[] {
    const shown: ShownHistory[] = [];
    const hosts = this.#hosts;
    for (let slot = hosts.oldest; slot >= 0; slot = hosts.newerThan(slot)) {
      const age = now - this.#notedAt[slot]!;
      if (age > lifetime) continue;
      const threshold = this.#threshold[slot]!;
      shown.push({
        local: formatIp(ipFromInt(hosts.word(slot, 0))),
        remote: formatIp(ipFromInt(hosts.word(slot, 1))),
        srtt: this.#srtt[slot]!,
        rttvar: this.#rttvar[slot]!,
        ssthresh: threshold === NO_THRESHOLD ? null : threshold,
        age,
      });
    }
    return shown;
  }
}

/** Before the handshake is timed: the estimator goes on from earlier round trips. The RTO is no less for it than without (RFC 6298 s2.1: a second
 *  until there is a measurement), but more where the path is known to be longer. */
export function recallRtt(core: Core, tcb: Tcb, now: Micros): void {
  const { policy, history } = core;
  if (history === null || tcb.srtt > 0) return;
  const slot = history.find(tcb.local, tcb.remote, policy.sharingLifetime, now);
  if (slot < 0) return;
  tcb.srtt = history.srtt(slot);
  tcb.rttvar = history.rttvar(slot);
  tcb.rto = Math.max(tcb.rto, timeout(policy, tcb.srtt, tcb.rttvar, tcb.options));
  core.tally.add(Tm.RttRecalled);
}

/** The connection is open, and its window the initial one: slow start ends where it did before. */
export function recallThreshold(core: Core, tcb: Tcb, now: Micros): void {
  const { policy, history } = core;
  if (history === null || policy.sharing !== "all") return;
  const slot = history.find(tcb.local, tcb.remote, policy.sharingLifetime, now);
  if (slot < 0 || history.threshold(slot) === NO_THRESHOLD) return;
  const window = tcb.cc.window();
  tcb.cc.adopt(window, Math.max(window, history.threshold(slot)));
  core.congestionChanged(tcb, Cc.Recalled, now);
}

/** The connection ends: CLOSED, or TIME-WAIT. */
export function learnPath(core: Core, tcb: Tcb, now: Micros): void {
  const { policy, history } = core;
  if (history === null || tcb.sampledAt === 0) return;
  // It ends because nothing comes back: whatever was known of the path, it is another one now.
  if (tcb.backoff > 0) return history.forget(tcb.local, tcb.remote);
  const threshold = policy.sharing === "all" ? learnedThreshold(tcb) : NO_THRESHOLD;
  history.note(tcb.local, tcb.remote, tcb.srtt, tcb.rttvar, threshold, policy.sharingLifetime, now);
}

/** Where slow start should have ended, by what the connection has seen: its own threshold, or half of a window that is beyond that. */
function learnedThreshold({ cc, octetsAcked }: Tcb): number {
  const window = cc.window();
  const threshold = cc.threshold();
  if (threshold === NO_THRESHOLD || window < threshold) return NO_THRESHOLD; // slow start has not ended
  const learned = Math.max(threshold, window >> 1);
  return octetsAcked >= LONG_FLOW * learned ? learned : NO_THRESHOLD;
}
