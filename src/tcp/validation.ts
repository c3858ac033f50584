/** Congestion window validation: what becomes of a window that is not used. RFC 2861, which lets it decay by round trips, or RFC 7661, which
 *  preserves it for five minutes and is careful when it is used again. The profile says which. */
import { type Micros, SECOND } from "../base/environment.js";
import { type Seq, seqDiff, seqLt } from "../base/seq.js";
import { Cc, Hold } from "../base/why.js";
import { initialWindow } from "./congestion/controller.js";
import type { Core } from "./core.js";
import type { Tcb } from "./tcb.js";

/** The non-validated period (RFC 7661 s4.4). */
const NON_VALIDATED: Micros = 300 * SECOND;
/** A period of samples is the longer of this and three round trips; it is counted by halves (RFC 7661 s4.2, s4.5.1). */
const SAMPLING: Micros = SECOND;

/** What is measured of the window's use. */
export class WindowUse {
  /** RFC 2861 s3.2: W_used and T_prev. */
  used = 0;
  checkedAt: Micros = -1;
  /** RFC 7661 s4.2: the highest sample in this half of the period and in the one before; -1: undefined. */
  current = -1;
  previous = -1;
  halfEnds: Micros = 0;
  /** The sample that is being taken: octets acknowledged, and when it is complete. */
  acked = 0;
  sampleEnds: Micros = -1;
  /** Since when in the non-validated phase; -1: not in it. */
  nonValidatedSince: Micros = -1;
  /** Max(pipeACK, LossFlightSize) at the loss that is being repaired, and octets sent again before it; -1: none in that phase. */
  lossUse = -1;
  repairedBefore = 0;
  /** The most that was outstanding since SND.UNA passed `mostUntil`, whether the window held more back, and SND.NXT when output last looked. */
  most = 0;
  mostUntil: Seq = 0 as Seq;
  full = false;
  lookedAt: Seq = 0 as Seq;

  clear(): void {
    this.used = this.halfEnds = this.acked = this.repairedBefore = this.most = 0;
    this.mostUntil = this.lookedAt = 0 as Seq;
    this.full = false;
    this.checkedAt = this.sampleEnds = this.nonValidatedSince = this.lossUse = -1;
    this.current = this.previous = -1;
  }

  /** pipeACK; -1: undefined. */
  get pipeAck(): number {
    return Math.max(this.current, this.previous);
  }
}

/** An ACK has been told to the controller: a sample of pipeACK once in a round trip, never in recovery (RFC 7661 s4.2). */
export function noteDelivered(core: Core, tcb: Tcb, delivered: number, inRecovery: boolean, now: Micros): void {
  if (core.policy.windowValidation !== "rfc7661" || tcb.srtt === 0) return;
  const { use } = tcb;
  if (inRecovery) {
    use.sampleEnds = -1;
    return;
  }
  if (use.sampleEnds < 0) {
    use.acked = 0;
    use.sampleEnds = now + tcb.srtt;
    return;
  }
  use.acked += delivered;
  if (now < use.sampleEnds) return;
  const half = Math.max(3 * tcb.srtt, SAMPLING) / 2;
  if (now >= use.halfEnds) {
    use.previous = now >= use.halfEnds + half ? -1 : use.current;
    use.current = -1;
    use.halfEnds = now + half;
  }
  use.current = Math.max(use.current, use.acked);
  use.acked = 0;
  use.sampleEnds = now + tcb.srtt;
  judgePhase(tcb, now);
}

/** s4.3: validated when half of the window is used, or when nothing is known. */
function judgePhase(tcb: Tcb, now: Micros): void {
  const { use, cc } = tcb;
  const { pipeAck } = use;
  if (pipeAck < 0 || pipeAck * 2 >= cc.window()) use.nonValidatedSince = -1;
  else if (use.nonValidatedSince < 0) use.nonValidatedSince = now;
}

/** What was sent, or not, for want of window: what an ACK may open it by depends on the flight that it was for, not on what is left of it. */
function noteMost(tcb: Tcb, hold: number): void {
  const { use, snd } = tcb;
  if (snd.nxt === use.lookedAt && hold !== Hold.Cwnd) return;
  const full = hold === Hold.Cwnd || tcb.recovery.pipe(snd.una, snd.nxt, snd.mss) + snd.mss > tcb.cc.window();
  use.lookedAt = snd.nxt;
  const flight = seqDiff(snd.nxt, snd.una);
  if (!full && seqLt(snd.una, use.mostUntil) && (use.full || flight <= use.most)) return;
  use.full = full;
  use.most = flight;
  use.mostUntil = snd.nxt;
}

/** The window was not the limit, in slow start not even half of it. */
export function wasIdle(tcb: Tcb): boolean {
  const { use, cc } = tcb;
  return !use.full && (cc.window() >= cc.threshold() || cc.window() >= 2 * use.most);
}

/** Output has stopped because of `hold`: has the window been used? */
export function noteUse(core: Core, tcb: Tcb, hold: number, now: Micros): void {
  if (core.policy.startUnbounded) noteMost(tcb, hold);
  switch (core.policy.windowValidation) {
    case "rfc2861":
      if (core.policy.idleRestart) noteUsed(core, tcb, hold, now);
      return;
    case "rfc7661":
      return outlive(core, tcb, now);
    case "none":
      return;
  }
}

/** RFC 2861 s3.2, "After sending a data segment". */
function noteUsed(core: Core, tcb: Tcb, hold: number, now: Micros): void {
  const { use, snd, cc } = tcb;
  if (hold === Hold.Cwnd || use.checkedAt < 0) {
    use.checkedAt = now;
    use.used = 0;
    return;
  }
  const flight = (snd.nxt - snd.una) | 0;
  if (flight > use.used) use.used = flight;
  if (now - use.checkedAt < tcb.rto || flight === 0) return;
  const floor = Math.max(use.used, initialWindow(snd.mss, core.policy.initialWindow));
  if (floor < cc.window()) shrink(core, tcb, (cc.window() + floor) >> 1, now);
  use.checkedAt = now;
  use.used = 0;
}

/** RFC 2861 s3.2: halved for each RTO that nothing was sent, as far as the restart window, where RFC 5681 s4.1 goes there at
 *  once. Deviation: idle-decay */
export function decay(core: Core, tcb: Tcb, now: Micros): void {
  const { cc, snd, use } = tcb;
  const least = Math.min(cc.window(), initialWindow(snd.mss, core.policy.initialWindow));
  const times = Math.min(30, Math.floor((now - tcb.lastTextSentAt) / tcb.rto));
  const window = Math.max(least, Math.floor(cc.window() / 2 ** times));
  if (window < cc.window()) shrink(core, tcb, window, now);
  use.checkedAt = now;
  use.used = 0;
}

/** RFC 7661 s4.4.3: one reduction for each period that the window was not validated. */
function outlive(core: Core, tcb: Tcb, now: Micros): void {
  const { use, cc, snd } = tcb;
  while (use.nonValidatedSince >= 0 && now - use.nonValidatedSince >= NON_VALIDATED) {
    const window = Math.max(cc.window() >> 1, initialWindow(snd.mss, core.policy.initialWindow));
    if (window >= cc.window()) {
      use.nonValidatedSince = now;
      return;
    }
    shrink(core, tcb, window, now);
    use.nonValidatedSince += NON_VALIDATED;
  }
}

function shrink(core: Core, tcb: Tcb, window: number, now: Micros): void {
  const { cc } = tcb;
  if (cc.onUnused === undefined) return;
  const before = cc.window();
  cc.onUnused(window, now);
  if (cc.window() !== before) core.congestionChanged(tcb, Cc.Unused, now);
}

/** What a loss is to be measured by: in the non-validated phase what was used lately counts, if it is more than what is in flight now (s4.4.1). */
export function lossFlight(tcb: Tcb, flight: number): number {
  const { use } = tcb;
  if (use.nonValidatedSince < 0) return flight;
  use.lossUse = Math.max(use.pipeAck, flight);
  use.repairedBefore = tcb.octetsRetransmitted;
  use.nonValidatedSince = -1;
  return use.lossUse;
}

/** Recovery is over: what the loss in that phase leaves, and pipeACK is undefined again (s4.4.1). */
export function endRecovery(tcb: Tcb): void {
  const { use, cc, snd } = tcb;
  use.current = use.previous = use.sampleEnds = -1;
  if (use.lossUse < 0) return;
  const left = (use.lossUse - (tcb.octetsRetransmitted - use.repairedBefore)) >> 1;
  use.lossUse = -1;
  const window = Math.max(snd.mss, left);
  if (window < cc.window()) cc.adopt(window, Math.max(window, 2 * snd.mss));
}

/** A timeout ends the phase (s4.4). */
export function endPhase(tcb: Tcb): void {
  const { use } = tcb;
  use.nonValidatedSince = use.lossUse = use.current = use.previous = use.sampleEnds = -1;
}
