/** What the congestion controller of a connection is told, and by whom: ACKs and recovery (ack.ts), the retransmission timer (timeouts.ts), output. */
import { type Micros, NEVER } from "../base/environment.js";
import { seqDiff, seqLeq, seqLt } from "../base/seq.js";
import { Cc, Tm } from "../base/why.js";
import { AckSample, Signal } from "./congestion/controller.js";
import type { Core } from "./core.js";
import { rememberTimeout, respondToSpurious } from "./eifel.js";
import { holdUntil, updateRate } from "./pacing.js";
import { Timer } from "./probe.js";
import { sampleRate } from "./rate.js";
import { type AckEvent, Phase } from "./recovery/recovery.js";
import { Flag, has, type Tcb } from "./tcb.js";
import { decay, endPhase, endRecovery, lossFlight, noteDelivered, wasIdle } from "./validation.js";

const sample = new AckSample();

/** An ACK that recovery has judged. */
export function acknowledged(core: Core, tcb: Tcb, ack: AckEvent, inRecovery: boolean, now: Micros): void {
  const { cc, snd } = tcb;
  const { flight } = ack;
  const before = cc.window();
  // By segments: of one that is not acknowledged whole, nothing is.
  sample.acked = core.policy.startUnbounded ? deliveredOf(core, tcb, ack) : ack.acked;
  sample.flight = flight;
  sampleRate(tcb, ack, sample, now);
  sample.srtt = tcb.srtt;
  sample.minRtt = tcb.minRtt;
  sample.inRecovery = inRecovery;
  sample.unbounded = core.policy.startUnbounded || tcb.pacingRate > 0;
  sample.marked = ack.marked;
  sample.markedOctets = ack.markedOctets;
  // A window that was not used must not grow; in slow start it may be twice what is used (RFC 7661 s4.1, RFC 9293 s3.8.2).
  sample.appLimited = core.policy.startUnbounded
    ? wasIdle(tcb)
    : before < cc.threshold()
      ? flight * 2 <= before
      : flight + snd.mss < before;
  const why = cc.onAck(sample, now);
  if (why !== 0) core.congestionChanged(tcb, why, now);
  noteDelivered(core, tcb, ack.delivered, inRecovery, now);
  updateRate(core, tcb);
}

/** What counts for the window: nothing while the ACK does not move, unless paths reorder. What has arrived twice has arrived. */
const deliveredOf = (core: Core, tcb: Tcb, ack: AckEvent): number =>
  ack.acked > 0 || tcb.sent.reordering > core.policy.dupThresh ? (ack.segments + (ack.dsack ? 1 : 0)) * tcb.snd.mss : 0;

/** The ACK tells of a mark (RFC 3168 s6.1.2): an answer once for each window of data. What was sent before the window was reduced, for
 *  whatever reason, says nothing new. */
export function markEchoed(core: Core, tcb: Tcb, flight: number, delivered: number, now: Micros): void {
  const { cc, snd } = tcb;
  if (seqLeq(snd.una, snd.reduced) || tcb.recovery.phase !== Phase.Open) return;
  const smallest = cc.window() <= snd.mss;
  const before = cc.window();
  cc.onCongestion(Signal.Ecn, inUse(core, tcb, flight), now);
  if (core.policy.reduceWindow) tcb.recovery.slowDown(snd.nxt, before, delivered, cc.threshold());
  core.congestionChanged(tcb, Cc.EcnReduction, now);
  noteReduction(tcb);
  // s6.1.2: a window of one segment cannot be less, so the next one waits for as long as the retransmission timer would.
  if (smallest) {
    if (tcb.rexmitAt !== NEVER) core.arm(tcb, Timer.Retransmission, now + tcb.rto, Tm.RtoRestart, now);
    holdUntil(tcb, now + tcb.rto);
  }
}

/** Marks of what is in flight are answered. */
function noteReduction(tcb: Tcb): void {
  tcb.markedBefore = tcb.deliveredMarked;
  tcb.snd.reduced = tcb.snd.nxt;
  // Accurate feedback needs no answer (RFC 9768 s3.1.5).
  if ((tcb.flags & (Flag.Ect | Flag.AccurateEcn)) === Flag.Ect) tcb.flags |= Flag.OwesCwr;
}

/** Recovery has inferred the first loss in this window of data. */
export function lossFound(core: Core, tcb: Tcb, flight: number, now: Micros): void {
  tcb.before.known = false;
  // Marks and losses of one window are one event.
  if (has(tcb, Flag.Ecn) && seqLt(tcb.snd.una, tcb.snd.reduced)) {
    tcb.recovery.reduced(tcb.cc.threshold(), tcb.cc.proportional !== false);
    return;
  }
  tcb.cc.onCongestion(Signal.Loss, lossFlight(tcb, inUse(core, tcb, flight)), now);
  tcb.recovery.reduced(tcb.cc.threshold(), tcb.cc.proportional !== false);
  core.congestionChanged(tcb, Cc.FastRetransmit, now);
  noteReduction(tcb);
}

/** What was sent again in this recovery is lost too: a second sign of congestion (RFC 5681 s4.3). */
export function lostAgain(core: Core, tcb: Tcb, flight: number, now: Micros): void {
  if (!core.policy.reduceAgain) return;
  tcb.cc.onCongestion(Signal.Loss, inUse(core, tcb, flight), now);
  tcb.recovery.reduced(tcb.cc.threshold(), tcb.cc.proportional !== false);
  core.congestionChanged(tcb, Cc.LostAgain, now);
}

/** A loss probe has repaired the only loss: as if fast recovery had come and gone (RFC 8985 s7.4.2). */
export function probeRepaired(core: Core, tcb: Tcb, flight: number, now: Micros): void {
  tcb.cc.onCongestion(Signal.Loss, lossFlight(tcb, inUse(core, tcb, flight)), now);
  tcb.cc.onRecovered(tcb.cc.threshold(), now);
  endRecovery(tcb);
  core.congestionChanged(tcb, Cc.ProbeRepaired, now);
}

/** What a reduction counts from: no more than the window, since limited transmit may have sent beyond it (RFC 5681 s3.2 step 2). */
const inUse = (core: Core, tcb: Tcb, flight: number): number =>
  core.policy.reduceWindow ? tcb.cc.window() : Math.min(flight, tcb.cc.window());

/** Nothing was lost: `why` says how that came to light (RFC 4015 s3.1). What was marked meanwhile is congestion all the same (s3.4). */
export function undone(core: Core, tcb: Tcb, acked: number, why: number, now: Micros): void {
  if (tcb.deliveredMarked !== tcb.markedBefore) return;
  tcb.cc.onUndo(now);
  endPhase(tcb);
  respondToSpurious(core, tcb, acked, now);
  core.congestionChanged(tcb, why, now);
}

/** Fast recovery is over. By RFC 9937 what is in flight has been led to the threshold, and no burst threatens (RFC 6582 s3.2 step 3). */
export function recovered(core: Core, tcb: Tcb, proportional: boolean, now: Micros): void {
  tcb.cc.onRecovered(proportional || core.policy.reduceWindow ? tcb.cc.threshold() : seqDiff(tcb.snd.nxt, tcb.snd.una), now);
  endRecovery(tcb);
  core.congestionChanged(tcb, Cc.Recovered, now);
}

/** The retransmission timer has fired; `first`: not for what has been sent again before. */
export function timedOut(core: Core, tcb: Tcb, first: boolean, now: Micros): void {
  const { cc, snd } = tcb;
  rememberTimeout(core, tcb);
  const sinking = core.policy.reduceWindow && tcb.recovery.phase === Phase.FastRecovery;
  // After another loss cwnd is below what is outstanding: a second indication lowers it again (RFC 5681 s4.3).
  cc.onTimeout(inUse(core, tcb, seqDiff(snd.nxt, snd.una)), first && !sinking, now);
  core.congestionChanged(tcb, Cc.RtoCollapse, now);
  noteReduction(tcb);
  endPhase(tcb);
  // The bucket is full again: the segment that the timer sends does not wait for a rate of before.
  tcb.pacedUntil = 0;
  updateRate(core, tcb);
}

/** Something is sent after nothing was in flight. */
export function resumes(core: Core, tcb: Tcb, now: Micros): void {
  const { cc } = tcb;
  if (cc.onResume !== undefined) cc.onResume(now);
  updateRate(core, tcb);
  // RFC 5681 s4.1: after a pause longer than an RTO the window says nothing about the path any more.
  const { idleRestart, windowValidation } = core.policy;
  if (!idleRestart || windowValidation === "rfc7661" || tcb.lastTextSentAt === 0 || now - tcb.lastTextSentAt <= tcb.rto) return;
  if (windowValidation === "rfc2861") return decay(core, tcb, now);
  const before = cc.window();
  cc.onIdle(now);
  if (cc.window() !== before) core.congestionChanged(tcb, Cc.IdleRestart, now);
}

/** Another controller goes on with the window of the one before. */
export function swap(core: Core, tcb: Tcb, name: string, now: Micros): void {
  if (tcb.cc.name === name) return;
  const window = tcb.cc.window();
  const threshold = tcb.cc.threshold();
  tcb.cc = core.controllers.make(name);
  tcb.cc.begin(tcb.snd.mss, core.policy, false);
  tcb.cc.adopt(window, threshold);
  core.congestionChanged(tcb, Cc.Swapped, now);
  updateRate(core, tcb);
}
