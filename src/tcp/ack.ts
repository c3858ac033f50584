/** The ACK field: RFC 9293 s3.10.7.4, fifth step; RFC 5681, RFC 6298 s5. */
import { type Micros, NEVER, SECOND } from "../base/environment.js";
import { seqAdd, seqDiff, seqGt, seqLeq, seqLt, seqMax } from "../base/seq.js";
import { Cc, Loss, Rtx, St, Tm, Tx } from "../base/why.js";
import { marksTold } from "./accurate-ecn.js";
import { fitBuffers, growSendBuffer } from "./autotune.js";
import { armKeepAlive } from "./closing.js";
import * as congestion from "./congestion-signals.js";
import type { Core } from "./core.js";
import { beginDelays } from "./delayed-ack.js";
import { adaptTimeout } from "./eifel.js";
import { CloseError, TcpEvent } from "./events.js";
import { FastOpen } from "./fast-open.js";
import { settleSynText } from "./fast-open-handshake.js";
import { beginHolds } from "./hold.js";
import { resetFrom } from "./output.js";
import { packetSize, refreshPath } from "./path.js";
import { recallRtt, recallThreshold } from "./path-history.js";
import { beginSearch, probeFailed, searchAcknowledged, verifySize } from "./path-search.js";
import { Timer } from "./probe.js";
import { settleMemory } from "./receive-memory.js";
import { AckEvent, Outcome, Phase } from "./recovery/recovery.js";
import { Mark } from "./recovery/sent.js";
import { backedOff, measure, measureSyn, persistInterval } from "./rtt.js";
import { CWR, ECE, FIN, type Segment, SYN } from "./segment.js";
import { State } from "./state.js";
import { Flag, has, Owe, type Tcb } from "./tcb.js";
import { releaseText } from "./text.js";

/** RFC 6298 s5.7. */
const RTO_AFTER_SYN_LOSS: Micros = 3 * SECOND;
/** rrthresh of RFC 7765 s4. */
const RESTART_THRESHOLD = 4;
/** IP is told that the peer is reachable no more often than this. */
const ADVICE_INTERVAL: Micros = SECOND;

const event = new AckEvent();

/** Our SYN has been acknowledged: ESTABLISHED. */
export function acknowledgeSyn(core: Core, tcb: Tcb, seg: Segment, why: number, now: Micros): void {
  const { snd } = tcb;
  snd.una = seqAdd(tcb.iss, 1);
  const early = (tcb.fastOpen & FastOpen.Early) !== 0;
  if (!early) settleSynText(tcb, seg);
  snd.up = seqMax(snd.up, snd.una);
  if (!early) snd.sml = snd.pushed = snd.una;
  snd.reduced = tcb.iss;
  tcb.owes &= ~(Owe.Syn | Owe.SynAck);
  recallRtt(core, tcb, now);
  const measured = measureSyn(core, tcb, seg, now);
  tcb.timedAt = NEVER;
  core.arm(tcb, Timer.Retransmission, NEVER, Tm.RtoStop, now);
  core.arm(tcb, Timer.UserTimeout, NEVER, Tm.UserTimeout, now);
  // RFC 6928 s2: one segment only if the SYN or SYN,ACK was lost more than once.
  tcb.cc.begin(snd.mss, core.policy, tcb.retries > 1);
  if (tcb.retries > 1) core.congestionChanged(tcb, Cc.SynLost, now);
  recallThreshold(core, tcb, now);
  if (tcb.retries > 0 && !measured) tcb.rto = Math.max(tcb.rto, Math.min(RTO_AFTER_SYN_LOSS, tcb.options.rtoMax)); // Deviation: rto-after-syn
  tcb.backoff = 0;
  // Who was a row meanwhile knows no more of what it sent again.
  if (tcb.segmentsRetransmitted === 0) tcb.segmentsRetransmitted = tcb.retries;
  tcb.retries = 0;
  // A server may have sent text already, which is in flight.
  if (snd.nxt === snd.una) core.beginRecovery(tcb, tcb.iss);
  fitBuffers(core, tcb);
  if (tcb.rcv.memory !== null) settleMemory(core, tcb, tcb.rcv.memory, now);
  beginDelays(core, tcb);
  core.enter(tcb, State.Established, why, now);
  beginHolds(core, tcb, now);
  beginSearch(core, tcb, now);
  core.network.reachable(tcb.remote, tcb.local, now);
  armKeepAlive(core, tcb, now);
  if (has(tcb, Flag.FinQueued)) core.enter(tcb, State.FinWait1, St.CloseSendFin, now); // CLOSE was called meanwhile: s3.10.4
  if (!has(tcb, Flag.Passive)) core.tell(tcb, TcpEvent.Established | TcpEvent.Writable);
  else if (early) core.tell(tcb, TcpEvent.Established | TcpEvent.Writable);
  else if (!offer(core, tcb, now)) return;
  if (tcb.outOfOrder.count > 0) releaseText(core, tcb);
  if (tcb.receiveQueue.length > 0) core.tell(tcb, TcpEvent.Readable);
  core.touch(tcb);
}

/** Into the accept queue of its listener; false when that has gone, and the connection with it. */
export function offer(core: Core, tcb: Tcb, now: Micros): boolean {
  const listener = core.listener(tcb.listener);
  if (listener === null) {
    resetFrom(core, tcb, tcb.snd.nxt, Tx.RstListenBacklog, now);
    core.finish(tcb, CloseError.Aborted, St.CloseBeforeOpen, now);
    return false;
  }
  tcb.flags |= Flag.Unaccepted;
  listener.push(tcb.handle);
  core.emit(core.demux.slot(listener.handle), TcpEvent.Acceptable);
  return true;
}

/** An acceptable ACK in ESTABLISHED or later. */
export function processAck(core: Core, tcb: Tcb, seg: Segment, now: Micros): void {
  tcb.keepAliveProbes = 0;
  if (saysNothing(tcb, seg)) updateSendWindow(core, tcb, seg, false, now);
  else judge(core, tcb, seg, now);
  // The peer answers: what it does not take for want of window is no reason to give up (MUST-37, RFC 9293 s3.8.6.1), unless nobody
  // is left who could: an orphan does not wait for ever (RFC 6429 s4).
  if (tcb.snd.wnd === 0 && !has(tcb, Flag.Orphan)) tcb.retries = 0;
}

/** Nothing is in flight that it could speak of, and it reports no duplicate: what a receiver of a stream hears with each segment. */
const saysNothing = ({ snd, flags }: Tcb, seg: Segment): boolean =>
  seg.ack === snd.una && snd.una === snd.nxt && seg.textEnd > seg.textStart && seg.sackCount === 0 && (flags & Flag.Ecn) === 0;

/** What the ACK says of what is in flight, and what follows from it. */
function judge(core: Core, tcb: Tcb, seg: Segment, now: Micros): void {
  const { snd } = tcb;
  const acked = seqDiff(seg.ack, snd.una);
  takeIn(core, tcb, seg, acked, now);
  // Where SACK is agreed, a duplicate is what says that more has arrived, whatever else it says (RFC 6675 s2); one that does not is no
  // evidence of anything (RFC 3042 s2). Where it is not: RFC 5681 s2, (a) to (e).
  const duplicate = acked === 0 && snd.una !== snd.nxt && (has(tcb, Flag.Sack) ? event.news > 0 : event.repeats);
  if (duplicate) tcb.duplicateAcks += 1;

  if (acked > 0) advance(core, tcb, seg, now);
  updateSendWindow(core, tcb, seg, acked > 0, now);
  event.duplicate = duplicate;
  if (acked > 0 || duplicate || event.sackCount > 0 || event.repeats || event.marked) recover(core, tcb, now);
}

/** No text, no SYN or FIN, the same window. */
const repeatsAck = (seg: Segment, wnd: number, scale: number): boolean =>
  seg.textEnd === seg.textStart && (seg.flags & (SYN | FIN)) === 0 && seg.wnd << scale === wnd;

/** Puts the ACK to the records of what was sent: what is delivered, what is news. */
function takeIn(core: Core, tcb: Tcb, seg: Segment, acked: number, now: Micros): void {
  const { snd } = tcb;
  event.una = seg.ack;
  event.nxt = snd.nxt;
  // An ACK that was overtaken may still bring SACK blocks; it takes nothing back.
  event.acked = Math.max(0, acked);
  event.flight = seqDiff(snd.nxt, snd.una);
  event.mss = snd.mss;
  event.sack = seg.sack;
  event.sackCount = has(tcb, Flag.Sack) ? seg.sackCount : 0;
  event.stamped = has(tcb, Flag.Timestamps) && seg.hasTimestamp && seg.tsEcr !== 0;
  event.echo = (seg.tsEcr - tcb.tsOffset) | 0;
  event.tick = core.policy.timestampTick;
  event.minRtt = tcb.minRtt;
  event.srtt = tcb.srtt;
  event.repeats = acked === 0 && repeatsAck(seg, snd.wnd, snd.scale);
  event.point = tcb.recovery.recoveryPoint;
  tcb.sent.update(event, now);
  if (event.reordered) tcb.reorderings += 1;
  tcb.deliveredSegments += event.segments + (event.dsack ? 1 : 0); // twice is twice
  if (has(tcb, Flag.Ecn)) hearMarks(tcb, seg, acked);
  else {
    event.marked = false;
    event.markedOctets = 0;
  }
}

/** What the ACK says of marks: RFC 3168 s6.1.3, where all that it delivers may have one, or RFC 9768. */
function hearMarks(tcb: Tcb, seg: Segment, acked: number): void {
  if (has(tcb, Flag.AccurateEcn)) {
    event.marked = marksTold(tcb, seg, event) > 0;
    return;
  }
  if (seg.flags & CWR && tcb.cc.exactEcho !== true) tcb.flags &= ~Flag.EchoMark; // any packet with CWR ends the echo
  event.marked = (seg.flags & ECE) !== 0 && acked >= 0;
  event.markedOctets = event.marked ? event.acked : 0;
  if (event.marked) tcb.deliveredMarked += event.segments;
}

function advance(core: Core, tcb: Tcb, seg: Segment, now: Micros): void {
  const { snd } = tcb;
  if (seqLt(snd.reduced, snd.una)) snd.reduced = snd.una;
  snd.una = seg.ack;
  if (seqLt(snd.up, snd.una)) snd.up = snd.una;
  if (seqLt(snd.sml, snd.una)) snd.sml = snd.una;

  // The text that it covers leaves the queue; beyond the text lies only our FIN.
  const text = Math.min(seqDiff(snd.una, snd.text), tcb.sendQueue.length);
  if (text > 0) {
    tcb.sendQueue.discard(text);
    snd.text = seqAdd(snd.text, text);
    tcb.octetsAcked += text;
    snd.acknowledgedSize = Math.max(snd.acknowledgedSize, Math.min(tcb.pathMtu, packetSize(tcb, Math.min(text, snd.mss))));
  }
  if (has(tcb, Flag.FinSent) && snd.una === snd.nxt) tcb.flags |= Flag.FinAcked;
  // What was said not to fit has arrived: the message lied (RFC 5927 s7.2).
  if (has(tcb, Flag.PmtuPending) && seqGt(snd.una, tcb.claimedSeq)) tcb.flags &= ~Flag.PmtuPending;

  if (tcb.search.limit > 0) searchAcknowledged(core, tcb, now);

  // The backed-off RTO holds until there is a sample to replace it (RFC 6298 s5, Karn); the count towards R2 starts anew.
  if (measure(core, tcb, seg, event, now)) {
    tcb.backoff = 0;
    if (tcb.before.awaits) adaptTimeout(core, tcb, event.newest, now);
  }
  tcb.retries = 0;
  tcb.flags &= ~Flag.Advised;
  // RFC 6298 s5.2, s5.3.
  if (snd.una === snd.nxt) {
    if (tcb.sendQueue.length === 0) {
      tcb.flags &= ~Flag.Persisting;
      if (tcb.busySince >= 0) {
        tcb.busyFor += now - tcb.busySince;
        tcb.busySince = -1;
      }
    }
    core.arm(tcb, Timer.Retransmission, NEVER, Tm.RtoStop, now);
    if (tcb.userAt !== NEVER) core.arm(tcb, Timer.UserTimeout, NEVER, Tm.UserTimeout, now);
    if (tcb.probeAt !== NEVER) core.arm(tcb, tcb.probeKind, NEVER, Tm.RtoStop, now);
  } else if (!has(tcb, Flag.Persisting)) {
    core.arm(tcb, Timer.Retransmission, now + timeLeft(core, tcb, now), Tm.RtoRestart, now);
    const { userTimeout } = tcb.options;
    if (userTimeout > 0)
      core.arm(tcb, Timer.UserTimeout, core.policy.patienceAfterTimeout ? NEVER : now + userTimeout, Tm.UserTimeout, now);
  }
  if (core.policy.renegingWait > 0 && tcb.sent.count > 0 && tcb.sent.marks(0) & Mark.Sacked)
    core.arm(tcb, Timer.Retransmission, now + Math.max(tcb.srtt >> 1, core.policy.renegingWait), Tm.RtoRestart, now);
  if (now - tcb.advisedAt > ADVICE_INTERVAL) {
    tcb.advisedAt = now;
    core.network.reachable(tcb.remote, tcb.local, now);
  }
  if (text > 0) tellOfRoom(core, tcb);
  if (has(tcb, Flag.Followed)) core.tell(tcb, TcpEvent.Progress);
}

/** Until the RTO. RFC 7765 s4: where too few segments are left for a fast retransmit, it counts from when the first of them was sent. */
function timeLeft(core: Core, tcb: Tcb, now: Micros): Micros {
  const rto = backedOff(tcb.options, tcb.rto, tcb.backoff, core.policy.rtoSlop);
  if (!core.policy.rtoRestart) return rto;
  const { snd, sent } = tcb;
  const unsent = tcb.sendQueue.length - seqDiff(snd.nxt, snd.text);
  if (sent.count + Math.ceil(Math.max(0, unsent) / snd.mss) >= RESTART_THRESHOLD) return rto;
  const left = rto - (now - sent.sentAt(0));
  return left > 0 ? left : rto;
}

/** The application hears of room when a third of the buffer is free, not of every segment; but where they leave one by one, as soon as all
 *  has been sent: there a third of the buffer would be a third of the rate. */
function tellOfRoom(core: Core, tcb: Tcb): void {
  const { snd } = tcb;
  const queued = tcb.sendQueue.length;
  if (has(tcb, Flag.WantsRoom)) {
    growSendBuffer(core, tcb);
    const starves = tcb.pacingRate > 0 && seqDiff(snd.nxt, snd.text) >= queued && snd.buffer - queued >= snd.mss;
    if (starves || queued * 3 <= snd.buffer * 2) {
      tcb.flags &= ~Flag.WantsRoom;
      core.tell(tcb, TcpEvent.Writable);
    }
  }
  if (queued === 0) core.tell(tcb, TcpEvent.Drained);
}

/** SND.WND changes only by a segment that is not older than the last that did (RFC 9293 s3.10.7.4, U08). One that acknowledges more
 *  is newer whatever its sequence number: it was sent again since, and its window counts from its ACK. Deviation: window-by-ack */
function updateSendWindow(core: Core, tcb: Tcb, seg: Segment, advances: boolean, now: Micros): void {
  const { snd } = tcb;
  if (seqLt(seg.ack, snd.una)) return;
  if (!(advances || seqLt(snd.wl1, seg.seq) || (snd.wl1 === seg.seq && seqLeq(snd.wl2, seg.ack)))) return;
  snd.wnd = seg.wnd << snd.scale;
  snd.wl1 = seqMax(snd.wl1, seg.seq);
  snd.wl2 = seg.ack;
  if (snd.wnd > snd.maxWnd) {
    snd.maxWnd = snd.wnd;
    if (core.policy.mssWithinWindow) refreshPath(core, tcb, now);
  }
  // Whoever answers a probe has been asked: the next question waits as long as it would after the answer.
  if (snd.wnd === 0 && has(tcb, Flag.Persisting) && core.policy.probeAfterAnswer && snd.una === snd.nxt) {
    core.arm(tcb, Timer.Persist, now + persistInterval(core, tcb), Tm.Persist, now);
  }
  if (snd.wnd > 0 && has(tcb, Flag.Persisting)) {
    tcb.flags &= ~Flag.Persisting;
    tcb.backoff = 0;
    core.arm(tcb, Timer.Persist, NEVER, Tm.Persist, now);
    if (snd.una !== snd.nxt) {
      // What went into the closed window, a probe's octet or what a shrunken window cut off, was thrown away.
      tcb.rtxWhy = Rtx.Reopened;
      tcb.recovery.resend(snd.una, snd.nxt, 0);
    }
  }
}

/** Tells recovery, and through it the congestion controller. */
function recover(core: Core, tcb: Tcb, now: Micros): void {
  const { recovery } = tcb;
  const { acked, flight } = event;
  const { phase, proportional } = recovery;
  const outcome = recovery.onAck(event, now);

  if (outcome & Outcome.Undone && !event.marked) congestion.undone(core, tcb, acked, recovery.undoWhy, now);
  const over = (outcome & Outcome.Exited) !== 0 && phase === Phase.FastRecovery;
  // What ends a recovery may count for the window that it leaves.
  const counts = core.policy.startUnbounded;
  if (over && counts) congestion.recovered(core, tcb, proportional, now);
  const repairs = counts ? recovery.phase === Phase.FastRecovery : phase === Phase.FastRecovery || (outcome & Outcome.Undone) !== 0;
  if (acked > 0 || event.delivered > 0) congestion.acknowledged(core, tcb, event, repairs, now);
  if (over && !counts) congestion.recovered(core, tcb, proportional, now);
  if (outcome & Outcome.Repaired) {
    core.tally.add(Loss.Probe);
    congestion.probeRepaired(core, tcb, flight, now);
  }
  if (event.marked) congestion.markEchoed(core, tcb, flight, event.delivered, now);
  lossesFound(core, tcb, outcome, flight, now);
  tcb.sendCause = core.cause.id;
}

/** An ACK, or the reordering timer, has shown that something is lost. */
export function lossesFound(core: Core, tcb: Tcb, outcome: number, flight: number, now: Micros): void {
  if (tcb.search.proven > 0) verifySize(core, tcb, now);
  const tooLarge = (outcome & Outcome.Entered) !== 0 && probeFailed(tcb);
  if (outcome & Outcome.Entered && !tooLarge) {
    tcb.fastRetransmits += 1;
    congestion.lossFound(core, tcb, flight, now);
  }
  if (outcome & Outcome.LostAgain) congestion.lostAgain(core, tcb, flight, now);
  if (tcb.sent.untold > 0) tellLosses(core, tcb, tooLarge ? Loss.PathProbe : tcb.recovery.lossWhy, now);
}

/** Counts what is newly lost, and tells it, range by range. */
export function tellLosses(core: Core, tcb: Tcb, why: number, now: Micros): void {
  const { sent } = tcb;
  const probe = core.probes.probe;
  for (let i = sent.nextUntold(); i < sent.count; i = sent.nextUntold()) {
    core.tally.add(why);
    if (probe?.segmentLost) probe.segmentLost(tcb, sent.start(i), sent.end(i), why, core.cause.id, now);
  }
}
