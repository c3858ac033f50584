/** The largest packet that a path takes, found by packets themselves where no router tells: packetization layer path MTU discovery, RFC 4821 for
 *  TCP, with the states of RFC 8899 s5.2. A probe is a segment of new text that is larger than the rest; its loss alone is no sign of
 *  congestion (RFC 4821 s7.6.2). Segments that are sent again and again without an answer reveal a black hole (RFC 2923 s2.1). */
import { type Micros, SECOND } from "../base/environment.js";
import { type Seq, seqAdd, seqDiff, seqGeq, seqLt } from "../base/seq.js";
import { Cc, Loss, Rtx } from "../base/why.js";
import type { Core } from "./core.js";
import { packetSize, peerLimit, refreshPath } from "./path.js";
import { type PathSearch, RESOLUTION, SearchState } from "./path-search-state.js";
import { Phase } from "./recovery/recovery.js";
import type { Tcb } from "./tcb.js";

/** MAX_PROBES of RFC 8899 s5.1.2: a size that was lost so often is too large. */
const MAX_PROBES = 3;
/** PMTU_RAISE_TIMER of RFC 8899 s5.1.1. */
const RAISE_AFTER: Micros = 600 * SECOND;
/** Full segments that must follow a probe, so that its loss shows by SACK or duplicate ACKs (RFC 4821 s7.4). */
const FOLLOWERS = 3;
/** What a black hole leads to, one after the other, below the base: RFC 791 s3.1, RFC 1191 table 7-1. */
const RETREATS = [576, 296, 68] as const;
/** RFC 4821 s7.8: a larger size has failed if more than a tenth is lost, and twice as much as before, over some RTOs and segments. */
const SHARP = 0.1;
const TRIAL_TIMEOUTS = 4;
const TRIAL_SEGMENTS = 100;
/** Of fewer segments than this no rate is told. */
const LEAST_SEGMENTS = 20;
/** Sizes that links and tunnels have, tried before others (RFC 4821 s7.3). */
const COMMON = [576, 1_006, 1_280, 1_400, 1_420, 1_440, 1_450, 1_452, 1_454, 1_460, 1_472, 1_476, 1_480, 1_492, 1_500, 2_002, 4_352, 9_000];

/** The handshake is over: who never believes routers begins with what every path takes (RFC 8899 s5.2, BASE). */
export function beginSearch(core: Core, tcb: Tcb, now: Micros): void {
  if (core.policy.pathProbing !== "always") return;
  const { search } = tcb;
  search.high = mostOf(core, tcb, now);
  if (search.high <= core.policy.pathBase) return;
  search.sanguine = true;
  settleAt(core, tcb, core.policy.pathBase, SearchState.Base, now);
}

/** Octets of text for a probe that is to be sent now, or 0. */
export function probeText(core: Core, tcb: Tcb, unsent: number, usable: number, window: number, spare: number, now: Micros): number {
  const { search, snd } = tcb;
  if (search.size > 0 || tcb.backoff > 0 || tcb.recovery.phase !== Phase.Open || reports(tcb)) return 0;
  if (search.state === SearchState.Complete && now - search.completedAt >= RAISE_AFTER) raise(core, tcb, now);
  if (search.state !== SearchState.Searching) return 0;
  const size = candidate(search, mostOf(core, tcb, now));
  if (size === 0) {
    complete(core, tcb, now);
    return 0;
  }
  let text = size - packetSize(tcb, 0);
  // Below the base every segment costs: whatever text there is may try, in place of one segment whatever its size, and the timer tells of
  // its loss.
  if (search.limit < core.policy.pathBase) {
    if (unsent < text && unsent >= 2 * snd.mss) text = unsent;
    return unsent >= text && usable >= text && (spare >= snd.mss || spare === window) ? text : 0;
  }
  const needed = text + FOLLOWERS * snd.mss;
  return unsent >= needed && usable >= needed && window >= needed && spare >= text ? text : 0;
}

/** Octets of text that may go again as a probe, or 0. A timeout may have had another reason than the size, and what goes again costs nothing
 *  to try with: so one that retreated in vain is back as soon as something is acknowledged. Not what the timer itself sends. */
export function textAgain(core: Core, tcb: Tcb, now: Micros): number {
  const { search, recovery } = tcb;
  if (search.size > 0 || search.state !== SearchState.Searching || recovery.phase !== Phase.AfterTimeout || tcb.rtxWhy === Rtx.Rto)
    return 0;
  if (reports(tcb)) return 0;
  if (!search.sanguine && search.limit >= core.policy.pathBase) return 0;
  const size = candidate(search, mostOf(core, tcb, now));
  return size === 0 ? 0 : size - packetSize(tcb, 0);
}

/** SACK blocks would go along, and take of the room that a probe is to measure (MUST-16). */
const reports = ({ rcv }: Tcb): boolean => rcv.recentCount > 0 || rcv.dsack;

/** [from, to) goes again, and not as a probe: one that it was part of is lost. */
export function goesAgain({ search }: Tcb, from: Seq, to: Seq): void {
  if (!seqLt(from, search.end) || !seqLt(search.start, to)) return;
  countLost(search, search.size);
  search.size = 0;
}

/** [from, from + length) is about to leave as a probe. */
export function probeSends(tcb: Tcb, from: Seq, length: number): void {
  const { search } = tcb;
  search.size = packetSize(tcb, length);
  search.start = from;
  search.end = seqAdd(from, length);
}

/** What begins here is a probe. */
export const isProbe = ({ search }: Tcb, from: Seq): boolean => search.size > 0 && search.start === from;

/** SND.UNA has advanced. */
export function searchAcknowledged(core: Core, tcb: Tcb, now: Micros): void {
  const { search, snd } = tcb;
  if (search.size > 0 && seqGeq(snd.una, search.end)) {
    const { size } = search;
    search.lost = search.size = 0;
    snd.acknowledgedSize = size;
    beginTrial(tcb, now);
    settleAt(core, tcb, size, SearchState.Searching, now);
    return;
  }
  if (search.proven > 0) verifySize(core, tcb, now);
  const proven = search.state === SearchState.Base || search.state === SearchState.Error;
  if (proven && snd.acknowledgedSize >= packetSize(tcb, snd.mss)) search.state = SearchState.Searching;
}

/** Fast recovery has just begun. True when what is lost is a probe and nothing else: its text goes again in smaller segments, and the congestion
 *  controller does not hear of it. With other losses beside it nothing is known of the size (RFC 4821 s7.6.3). */
export function probeFailed(tcb: Tcb): boolean {
  const { search, snd, recovery } = tcb;
  const { size } = search;
  if (size === 0) return false;
  search.size = 0;
  const text = seqDiff(search.end, search.start);
  if (!recovery.next(snd.una, snd.nxt, snd.mss, false) || recovery.from !== search.start || tcb.sent.lost > text) return false;
  countLost(search, size);
  tcb.rtxWhy = Rtx.PathProbe;
  recovery.resend(snd.una, snd.nxt, snd.mss);
  return true;
}

/** The retransmission timer has expired so often that the size of the segment may be to blame. True when smaller ones will go. */
export function suspectBlackHole(core: Core, tcb: Tcb, now: Micros): boolean {
  const { search, snd } = tcb;
  const { policy } = core;
  // The timer is the only one to tell of a probe that nothing followed (PROBE_TIMER of RFC 8899 s5.1.1).
  if (search.size > 0 && search.start === snd.una) countLost(search, search.size);
  // A size that is known to get through is lost as often: what losses have told of larger ones is worth nothing (RFC 8899 s5.3.3).
  else if (tcb.retries === 1 && search.proven === 0 && (search.state === SearchState.Searching || search.state === SearchState.Complete)) {
    search.othersLost += 1;
    if (search.othersLost >= MAX_PROBES) raise(core, tcb, now);
  }
  search.size = 0;
  if (policy.pathProbing === "off" || tcb.retries < policy.blackHoleAfter || seqDiff(snd.nxt, snd.una) < snd.mss) return false;
  if (search.proven > 0 && octetsSince(tcb) >= LEAST_SEGMENTS * snd.mss && isSharp(tcb)) {
    fallBack(core, tcb, now);
    return true;
  }
  // Below the base each size is tried twice: paths that narrow are rare, lost segments are not.
  const beyond = tcb.retries - policy.blackHoleAfter;
  if (beyond % 2 === 1) return false;
  const current = packetSize(tcb, snd.mss);
  const size = current > policy.pathBase ? policy.pathBase : RETREATS.find((retreat) => retreat < current);
  if (size === undefined) return false;
  search.high = Math.max(search.high, tcb.pathMtu);
  search.sanguine = true;
  search.lost = search.proven = 0;
  snd.acknowledgedSize = snd.sentSize = 0;
  learn(tcb);
  settleAt(core, tcb, size, size < policy.pathBase ? SearchState.Error : SearchState.Base, now);
  tellLost(core, tcb, snd.nxt, Loss.BlackHole, now);
  return true;
}

/** A router has told: what it says is the most that a search can find (RFC 8899 s4.6.2). */
export function searchTold(core: Core, tcb: Tcb, now: Micros): void {
  const { search } = tcb;
  search.size = search.lost = 0;
  search.high = Math.min(search.high, mostOf(core, tcb, now));
}

function countLost(search: PathSearch, size: number): void {
  search.lost += 1;
  if (search.lost < MAX_PROBES) return;
  search.lost = 0;
  search.high = size - 1;
  search.sanguine = false;
}

function settleAt(core: Core, tcb: Tcb, size: number, state: SearchState, now: Micros): void {
  tcb.search.limit = size;
  tcb.search.state = state;
  refreshPath(core, tcb, now);
}

/** The size to try next, or 0: none is worth it. Halves the interval, by way of the sizes that paths have. */
function candidate(search: PathSearch, most: number): number {
  const high = Math.min(search.high, most);
  if (high - search.limit < RESOLUTION && !COMMON.includes(high)) return 0;
  if (high <= search.limit) return 0;
  if (search.sanguine) return high;
  const middle = (search.limit + high + 1) >> 1;
  for (let i = 0; i < COMMON.length; i++) if (COMMON[i]! >= middle) return COMMON[i]! <= high ? COMMON[i]! : middle;
  return middle;
}

/** No probe is larger than what the network would let through, nor than what the peer takes. */
const mostOf = (core: Core, tcb: Tcb, now: Micros): number => Math.min(core.network.mtuTo(tcb.remote, tcb.local, now), peerLimit(tcb));

/** Where nothing larger is left to try the network decides alone again, unless the profile never believes it. */
function complete(core: Core, tcb: Tcb, now: Micros): void {
  const { search } = tcb;
  search.state = SearchState.Complete;
  search.completedAt = now;
  search.high = search.limit;
  if (search.proven === 0) trustNetwork(core, tcb, now);
}

function trustNetwork(core: Core, tcb: Tcb, now: Micros): void {
  if (core.policy.pathProbing === "always" || tcb.search.limit < mostOf(core, tcb, now)) return;
  tcb.search.clear();
  refreshPath(core, tcb, now);
}

/** Segments have just grown, which is to be verified (RFC 4821 s7.8): a flow may take several paths, of which not all are as wide. */
function beginTrial(tcb: Tcb, now: Micros): void {
  const { search } = tcb;
  search.provenAt = now;
  if (search.proven > 0) return mark(tcb); // the trial of the last step is not over: it begins anew
  search.proven = search.limit;
  learn(tcb);
}

/** Has so much been sent for so long that the losses since segments grew say something? Then the size stands, or falls. */
export function verifySize(core: Core, tcb: Tcb, now: Micros): void {
  const { search, snd } = tcb;
  if (octetsSince(tcb) < TRIAL_SEGMENTS * snd.mss || now - search.provenAt < TRIAL_TIMEOUTS * tcb.rto) return;
  if (isSharp(tcb)) return fallBack(core, tcb, now);
  search.proven = 0;
  learn(tcb);
  if (search.state === SearchState.Complete) trustNetwork(core, tcb, now);
}

/** More is lost since segments grew than a tenth, and than twice what was lost before. */
function isSharp(tcb: Tcb): boolean {
  const { search, snd } = tcb;
  const usual = search.usualSent < LEAST_SEGMENTS * snd.mss ? 0 : search.usualLost / search.usualSent;
  return lostSince(tcb) > octetsSince(tcb) * Math.max(SHARP, 2 * usual);
}

const octetsSince = (tcb: Tcb): number => tcb.octetsSent + tcb.octetsRetransmitted - tcb.search.sentThen;
const lostSince = (tcb: Tcb): number => tcb.sent.lostTotal - tcb.search.lostThen;

/** What was lost of what was sent lately is what is usual on the path. */
function learn(tcb: Tcb): void {
  tcb.search.usualSent += octetsSince(tcb);
  tcb.search.usualLost += lostSince(tcb);
  mark(tcb);
}

function mark(tcb: Tcb): void {
  tcb.search.sentThen += octetsSince(tcb);
  tcb.search.lostThen += lostSince(tcb);
}

/** The size is given up as if its probe had been lost too often, and the one before it holds again. */
function fallBack(core: Core, tcb: Tcb, now: Micros): void {
  const { search, snd } = tcb;
  const size = search.proven;
  search.high = search.limit - 1;
  search.sanguine = false;
  search.proven = search.size = search.lost = 0;
  snd.acknowledgedSize = size;
  mark(tcb);
  core.congestionChanged(tcb, Cc.SizeUnverified, now);
  settleAt(core, tcb, size, SearchState.Searching, now);
}

function raise(core: Core, tcb: Tcb, now: Micros): void {
  const { search } = tcb;
  search.high = mostOf(core, tcb, now);
  search.sanguine = true;
  search.lost = search.othersLost = search.proven = 0;
  search.state = SearchState.Searching;
}

function tellLost(core: Core, tcb: Tcb, to: Seq, why: number, now: Micros): void {
  core.tally.add(why);
  tcb.sendCause = core.cause.id;
  const probe = core.probes.probe;
  if (probe?.segmentLost) probe.segmentLost(tcb, tcb.snd.una, to, why, core.cause.id, now);
}
