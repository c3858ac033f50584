/** Round-trip time and retransmission timeout: RFC 6298, with the timestamps of RFC 7323 s4. */
import { type Micros, SECOND } from "../base/environment.js";
import type { Core } from "./core.js";
import type { TcpPolicy } from "./policy.js";
import type { AckEvent } from "./recovery/recovery.js";
import type { Segment } from "./segment.js";
import { Flag, has, type Tcb } from "./tcb.js";

const LONGEST_ECHO: Micros = 600 * SECOND;
/** Half of the window over which the least round trip is sought. */
const LEAST_HALF: Micros = 150 * SECOND;

/** The timestamp clock of this connection: ticks since the stack's origin, and its own offset (RFC 7323 s7.1). */
export const timestampNow = (core: Core, tcb: Tcb, now: Micros): number => tickOf(core, tcb.tsOffset, now);

export const tickOf = (core: Core, offset: number, now: Micros): number => (Math.floor(now / core.policy.timestampTick) + offset) | 0;

/** Takes a sample from the ACK of our SYN: of when it left, or, when it was sent again, of the timestamp that the ACK echoes. Karn's
 *  rule holds either way: an echo names the transmission it belongs to. True when there was a sample. */
export function measureSyn(core: Core, tcb: Tcb, seg: Segment, now: Micros): boolean {
  const left = tcb.timedAt <= now;
  const counts = left && !(core.policy.synAckUntimed && has(tcb, Flag.Passive));
  if (counts) sample(core, tcb, now - tcb.timedAt, 1, now);
  else if (left || has(tcb, Flag.Untimed)) return measureEcho(core, tcb, seg, 0, now);
  else return false;
  return true;
}

/** Takes a sample from an ACK that advances SND.UNA: of the last sent of what it newly delivers, when that was sent once, or else of
 *  the timestamp that it echoes. When it reports that what was sent again had arrived before, what it echoes may be as old
 *  as an ACK that was lost. One sample a round trip, of something sent after the last was taken: for more the gains of RFC 6298
 *  would be wrong (RFC 7323 s4.2), unless policy has smaller ones. True when there was a sample. */
export function measure(core: Core, tcb: Tcb, seg: Segment, ack: AckEvent, now: Micros): boolean {
  const { newest } = ack;
  if (newest.sentAt < 0) return false; // what it covers was SACKed long ago, or is a part of a segment
  const since = tcb.backoff > 0 ? 0 : tcb.sampledAt;
  // A report of a duplicate answers the last copy, if it does not come too soon (as RFC 8985 s6.2 step 2 has it): the path is alive, and no
  // reason to wait longer than it takes. A sample it is not (Karn).
  if (newest.retransmitted) {
    const mayBeLast = now - newest.sentAt >= tcb.minRtt;
    if (ack.dsack) return mayBeLast;
    // Without SACK nobody reports duplicates: what echoes an earlier copy may have been drawn by the last one, the ACK of the earlier being lost.
    return measureEcho(core, tcb, seg, mayBeLast && !has(tcb, Flag.Sack) ? newest.sentAt - core.policy.timestampTick : since, now);
  }
  const every = core.policy.rttSamples === "every-ack";
  if (newest.sentAt < since && !every) return false;
  sample(core, tcb, now - newest.sentAt, every ? Math.max(1, Math.ceil(ack.flight / (2 * tcb.snd.mss))) : 1, now);
  return true;
}

/** RFC 7323 s4.3, of what was sent at `since` or later. */
function measureEcho(core: Core, tcb: Tcb, seg: Segment, since: Micros, now: Micros): boolean {
  if (!has(tcb, Flag.Timestamps) || !seg.hasTimestamp || seg.tsEcr === 0) return false;
  const elapsed = ((timestampNow(core, tcb, now) - seg.tsEcr) | 0) * core.policy.timestampTick;
  // An echo from the future, or older than any RTT, is a lie or a wrapped clock.
  if (elapsed < 0 || elapsed > LONGEST_ECHO || now - elapsed < since) return false;
  sample(core, tcb, elapsed, 1, now);
  return true;
}

/** RFC 8985 s6.2 step 1: the least of a window of five minutes, which is counted by halves, so that a path that has become longer is known as
 *  such one day. */
function noteLeast(tcb: Tcb, rtt: Micros, now: Micros): void {
  if (now >= tcb.leastUntil) {
    const stale = now >= tcb.leastUntil + LEAST_HALF || tcb.leastRtt === 0;
    if (tcb.leastUntil > 0) tcb.minRtt = stale ? rtt : tcb.leastRtt;
    tcb.leastRtt = rtt;
    tcb.leastUntil = now + LEAST_HALF;
  } else if (rtt < tcb.leastRtt) tcb.leastRtt = rtt;
  if (tcb.minRtt === 0 || rtt < tcb.minRtt) tcb.minRtt = rtt;
}

/** RFC 6298 s2.2, s2.3. `expected`: samples in a round trip, which together weigh as much as one. */
function sample(core: Core, tcb: Tcb, measured: Micros, expected: number, now: Micros): void {
  const rtt = Math.max(1, measured);
  tcb.flags = (tcb.flags & ~Flag.Untimed) | Flag.Measured;
  tcb.latestRtt = rtt;
  tcb.sampledAt = now;
  noteLeast(tcb, rtt, now);
  if (tcb.srtt === 0) {
    tcb.srtt = rtt;
    tcb.rttvar = Math.max(1, rtt >> 1);
  } else if (expected > 1) blend(tcb, rtt, expected);
  else {
    // RTTVAR before SRTT: its deviation is from the old one.
    tcb.rttvar += Math.round((Math.abs(tcb.srtt - rtt) - tcb.rttvar) / 4);
    tcb.srtt = Math.max(1, tcb.srtt + Math.round((rtt - tcb.srtt) / 8));
  }
  tcb.rto = timeout(core.policy, tcb.srtt, tcb.rttvar, tcb.options);
  const probe = core.probes.probe;
  if (probe?.rttSampled) probe.rttSampled(tcb, rtt, core.cause.id, now);
}

/** RFC 7323 appendix G. What is less than a microsecond adds up, or small gains would do nothing. */
function blend(tcb: Tcb, rtt: Micros, expected: number): void {
  const variance = tcb.rttvar + tcb.rttvarRest + (Math.abs(tcb.srtt - rtt) - tcb.rttvar) / (4 * expected);
  const mean = Math.max(1, tcb.srtt + tcb.srttRest + (rtt - tcb.srtt) / (8 * expected));
  tcb.rttvar = Math.floor(variance);
  tcb.rttvarRest = variance - tcb.rttvar;
  tcb.srtt = Math.floor(mean);
  tcb.srttRest = mean - tcb.srtt;
}

/** The least and the most of an RTO: of a profile, or of a connection. */
interface Bounds {
  readonly rtoMin: Micros;
  readonly rtoMax: Micros;
}

/** RTO = SRTT + max(G, 4*RTTVAR), within bounds. */
export function timeout(policy: TcpPolicy, srtt: Micros, rttvar: Micros, bounds: Bounds = policy): Micros {
  const variance = Math.max(policy.timestampTick, Math.min(policy.rtoVarianceMin, bounds.rtoMin), 4 * rttvar);
  return Math.min(bounds.rtoMax, Math.max(bounds.rtoMin, srtt + variance) + policy.rtoSlop);
}

/** The RTO with its exponential backoff (RFC 6298 s5.5). The slop in it is not for doubling. */
export function backedOff(bounds: Bounds, rto: Micros, backoff: number, slop: Micros): Micros {
  return Math.min(bounds.rtoMax, backoff === 0 ? rto : (rto - slop) * 2 ** Math.min(backoff, 16) + slop);
}

/** How many SYNs are sent again where the first `linear` do not back off: so many more, but for no longer than `retries` that do would take. */
export function synsAgain(retries: number, linear: number): number {
  const longest = 2 ** (retries + 1) - 1;
  const elapsed = (timeouts: number): number => (timeouts <= linear ? timeouts : linear + 2 ** (timeouts - linear) - 1);
  let timeouts = 1;
  while (timeouts <= retries + linear && elapsed(timeouts) < longest) timeouts += 1;
  return timeouts - 1;
}

/** The timeout of a SYN or SYN,ACK: there is no sample yet. The slop comes with the first doubling. */
export function synTimeout(policy: TcpPolicy, bounds: Bounds, rto: Micros, backoff: number): Micros {
  return backoff === 0 ? rto : Math.min(bounds.rtoMax, rto * 2 ** Math.min(backoff, 16) + policy.rtoSlop);
}

/** The RTO of a connection as it is now. */
export const timeoutNow = (core: Core, tcb: Tcb): Micros =>
  tcb.srtt === 0
    ? synTimeout(core.policy, tcb.options, tcb.rto, tcb.backoff)
    : backedOff(tcb.options, tcb.rto, tcb.backoff, core.policy.rtoSlop);

/** Until the next probe of a closed window (RFC 9293 s3.8.6.1). */
export function persistInterval({ policy }: Core, tcb: Tcb): Micros {
  const { persistMin, persistMax, rtoSlop } = policy;
  const times = 2 ** Math.min(tcb.backoff, 16);
  if (!policy.persistByRoundTrip) return Math.min(persistMax, Math.max(persistMin, tcb.rto) * times);
  const base = tcb.srtt === 0 ? 2 * policy.rtoInitial : 4 * tcb.srtt + 8 * tcb.rttvar;
  return Math.min(persistMax, Math.max(persistMin, base * times + rtoSlop));
}
