/** SEGMENT ARRIVES, SYN-RECEIVED and all states after it: RFC 9293 s3.10.7.4. The steps below are the RFC's, in its order;
 *  RFC 7323 s5 puts PAWS before the first, RFC 5961 hardens the RST, SYN and ACK steps. */
import { type Micros, SECOND } from "../base/environment.js";
import { seqAdd, seqDiff, seqGt, seqLeq, seqLt } from "../base/seq.js";
import { Drop, Rtx, St, Tm, Tx } from "../base/why.js";
import { countMark, hearSynAckFed, repeatedSynAck, suspectOption } from "./accurate-ecn.js";
import { acknowledgeSyn, processAck } from "./ack.js";
import { armFinWait2, enterTimeWait } from "./closing.js";
import type { Core } from "./core.js";
import { enterQuickAcks } from "./delayed-ack.js";
import { markChanges, negotiateAgain, noteMark } from "./ecn.js";
import { CloseError } from "./events.js";
import { FastOpen } from "./fast-open.js";
import { listenerFor } from "./listener.js";
import { output, resetFrom } from "./output.js";
import { effectiveMss } from "./path.js";
import { Timer } from "./probe.js";
import { Phase } from "./recovery/recovery.js";
import { ACK, FIN, RST, type Segment, SYN, URG } from "./segment.js";
import { mayReceive, State } from "./state.js";
import { arrivesCached, isCached } from "./syn-cache.js";
import { Flag, has, Owe, type Tcb } from "./tcb.js";
import { noteDuplicate, receiveFin, receiveText, receiveUrgent } from "./text.js";
import { acceptedWindow } from "./window.js";

/** What the caller does next. */
export const Next = { Done: 0, AsNew: 1 } as const;
export type Next = (typeof Next)[keyof typeof Next];

/** RFC 7323 s5.5: TS.Recent is worth nothing after 24 days. */
const TS_RECENT_LIFE: Micros = 24 * 86_400 * SECOND;

export function arrivesSynchronized(core: Core, tcb: Tcb, seg: Segment, now: Micros): Next {
  const { rcv } = tcb;

  if (tcb.state === State.SynReceived) {
    if (isCached(core, tcb)) {
      if (arrivesCached(core, tcb, seg, now)) return Next.Done;
    } else if (seg.seq === tcb.irs && isRepeatedSyn(tcb, seg)) return repeatedSyn(core, tcb, seg, now);
  }
  if (tcb.state === State.TimeWait && seg.flags & SYN && (seg.flags & (ACK | RST)) === 0) {
    if (isNewIncarnation(core, tcb, seg)) {
      // What is left of the old incarnation is not kept for the case that the SYN was an old duplicate. Deviation: time-wait-return
      core.finish(tcb, CloseError.None, St.TimeWaitReused, now);
      return Next.AsNew;
    }
    if (core.policy.timeWaitAnswers === "all") {
      core.drop(tcb, Drop.OldSequence, now);
      answerUnacceptable(core, tcb, seg, Tx.AckUnacceptable, now);
      return Next.Done;
    }
    // RFC 6191 s2: silently, lest an answer help an old duplicate to assassinate what is left (RFC 1337).
    core.drop(tcb, Drop.OldSequence, now);
    return Next.Done;
  }

  if (tcb.state === State.TimeWait && core.policy.timeWaitAnswers !== "little") return timeWaitArrives(core, tcb, seg, now);

  // PAWS: RFC 7323 s5.3 R1. A RST is never subject to it.
  const stamped = has(tcb, Flag.Timestamps) && (seg.flags & RST) === 0;
  if (stamped && !paws(core, tcb, seg, now)) return Next.Done;

  // First, check the sequence number.
  if (!isAcceptable(core, tcb, seg)) {
    if (core.policy.resetBeforeFin && missedFin(tcb, seg)) {
      core.finish(tcb, CloseError.Reset, St.RcvRst, now);
      return Next.Done;
    }
    // What repeats old text, or an old FIN, may bring a new ACK: if it is no older than what the peer may still have in flight, or half of
    // all sequence numbers would do for somebody who guesses.
    const mayTell = (seg.flags & (ACK | SYN | RST)) === ACK && tcb.state > State.SynReceived;
    const old = seqDiff(rcv.nxt, seg.seq);
    const tells = core.policy.oldSegmentsAcknowledge && mayTell && old > 0 && old <= Math.max(rcv.buffer, 0xffff);
    unacceptable(core, tcb, seg, tells, now);
    if (tells) acknowledge(core, tcb, seg, now);
    return Next.Done;
  }

  // Second, check the RST bit: RFC 5961 s3.2. Its text, if any, is of no interest (SHLD-2).
  if (seg.flags & RST) return reset(core, tcb, seg, now);

  // Third, security: no compartments here. Deviation: security-compartment

  // Fourth, check the SYN bit: a passive open returns to LISTEN, else RFC 5961 s4.2, whatever the sequence number.
  if (seg.flags & SYN) {
    core.drop(tcb, Drop.SynInWindow, now);
    if (tcb.state === State.SynReceived && has(tcb, Flag.Passive) && !isEarly(tcb)) core.finish(tcb, CloseError.None, St.SynAgain, now);
    else if (core.policy.insecureSyn && !seqLt(seg.seq, rcv.nxt)) {
      resetFrom(core, tcb, tcb.snd.nxt, Tx.RstAbort, now);
      core.finish(tcb, CloseError.Reset, St.SynAgain, now);
    } else challengeSyn(core, tcb, seg, now);
    return Next.Done;
  }

  // Trim what lies outside the window: from here on the text is [at, at + octets), and FIN counts only if it is inside.
  let at = seg.seq;
  let start = seg.textStart;
  let end = seg.textEnd;
  const old = seqDiff(rcv.nxt, at);
  const repeats = old > 0 && end > start;
  if (repeats) {
    const octets = Math.min(old, end - start);
    noteDuplicate(core, tcb, at, seqAdd(at, octets));
    start += octets;
    at = seqAdd(at, octets);
  }
  const room = Math.max(0, acceptedWindow(core, tcb) - seqDiff(at, rcv.nxt));
  let fin = (seg.flags & FIN) !== 0;
  const beyond = end - start + (fin ? 1 : 0) > room;
  const crosses = beyond && room > 0 && core.policy.textCrossesEdge;
  if (crosses) {
    if (tcb.receiveQueue.length > 0) {
      unacceptable(core, tcb, seg, false, now);
      return Next.Done;
    }
  } else if (beyond) {
    // A FIN behind text that fits takes no room.
    fin &&= core.policy.textCrossesEdge && end - start <= room;
    end = Math.min(end, start + room);
  }

  // Fifth, check the ACK field.
  if ((seg.flags & ACK) === 0) {
    core.drop(tcb, Drop.NoAck, now);
    return Next.Done;
  }
  if (!acknowledge(core, tcb, seg, now)) return Next.Done;
  // RFC 7323 s4.3 leaves open when: only now may a blind attacker's timestamp not shut out the peer's.
  if (stamped && seg.hasTimestamp) updateTsRecent(tcb, seg, now);
  tcb.lastHeardAt = now;
  if (has(tcb, Flag.AccurateEcn)) countMark(core, tcb, seg);
  const over = core.policy.silentBeyondFin && !mayReceive(tcb.state);
  if (beyond && !crosses && !over) {
    // Whoever probes a closed window is told what it is (RFC 9293 s3.8.6.1).
    core.oweAck(tcb, Tx.AckZeroWindow);
    core.tally.add(Drop.ZeroWindow);
  }

  // Sixth, check the URG bit.
  if (seg.flags & URG && mayReceive(tcb.state)) receiveUrgent(core, tcb, seg);

  // Seventh, process the segment text.
  if (end > start) {
    if (!mayReceive(tcb.state)) core.tally.add(Drop.TextIgnored);
    else if (has(tcb, Flag.Orphan)) {
      // Text for an application that has gone: it must not believe that it was read (RFC 9293 s3.6.1, SHLD-3; RFC 2525 s2.17).
      core.drop(tcb, Drop.AfterClose, now);
      resetFrom(core, tcb, seg.ack, Tx.RstDataAfterClose, now);
      core.finish(tcb, CloseError.Aborted, St.DataAfterClose, now);
      return Next.Done;
    } else if (has(tcb, Flag.Deaf) && (tcb.state === State.FinWait1 || tcb.state === State.FinWait2)) {
      core.drop(tcb, Drop.AfterClose, now);
      resetFrom(core, tcb, seg.ack, Tx.RstDataAfterClose, now);
      core.finish(tcb, CloseError.Reset, St.DataAfterClose, now);
      return Next.Done;
    } else {
      if ((tcb.flags & (Flag.Ecn | Flag.AccurateEcn)) === Flag.Ecn) noteMarks(core, tcb, seg, now);
      receiveText(core, tcb, at, start, end, now);
    }
    // What was here already is reported at once (RFC 2883 s4, RFC 5681 s4.2).
    if (repeats && tcb.rcv.dsack) core.oweAck(tcb, Tx.AckDuplicate);
  }

  // Eighth, check the FIN bit.
  if (fin) receiveFin(core, tcb, seqAdd(at, end - start), now);
  return Next.Done;
}

/** The ECN field of text in the window (RFC 3168 s6.1.3). */
function noteMarks(core: Core, tcb: Tcb, seg: Segment, now: Micros): void {
  const changes = markChanges(tcb, seg);
  if (changes && tcb.rcv.unacked > 0) {
    core.oweAck(tcb, Tx.AckMarkChanged);
    output(core, tcb, now);
  }
  noteMark(core, tcb, seg);
  if (changes) core.oweAck(tcb, Tx.AckMarkChanged);
}

/** TIME-WAIT where policy answers more than the FIN again: but for what repeats the last ACK exactly, and a RST. */
function timeWaitArrives(core: Core, tcb: Tcb, seg: Segment, now: Micros): Next {
  const { rcv, snd } = tcb;
  if (seg.flags & RST)
    core.drop(tcb, Drop.RstInTimeWait, now); // RFC 1337 s3, F1
  else if ((seg.flags & ACK) === 0 && core.policy.timeWaitAnswers === "acks") core.drop(tcb, Drop.NoAck, now);
  else if (has(tcb, Flag.Timestamps) && !seg.hasTimestamp && core.policy.requireTimestamps) core.drop(tcb, Drop.TimestampMissing, now);
  else {
    // The peer's FIN again restarts the 2 MSL timeout.
    if (seg.flags & FIN && seqAdd(seg.seq, seg.len) === rcv.nxt)
      core.arm(tcb, Timer.TimeWait, now + core.policy.timeWait, Tm.TimeWait, now);
    if (has(tcb, Flag.Timestamps) && seg.hasTimestamp && seg.ack === snd.nxt && isAcceptable(core, tcb, seg)) updateTsRecent(tcb, seg, now);
    const all = core.policy.timeWaitAnswers === "all";
    const bare = (seg.flags & (all ? SYN | FIN : ~ACK)) === 0 && seg.len === 0 && seg.seq === rcv.nxt;
    const repeats = bare && (all || seg.ack === snd.nxt);
    // What takes a sequence number is no echo of an ACK of ours.
    if (!repeats && all && seg.len > 0 && (seg.flags & SYN) === 0) core.oweAck(tcb, Tx.AckUnacceptable);
    else if (!repeats) answerUnacceptable(core, tcb, seg, Tx.AckUnacceptable, now);
  }
  return Next.Done;
}

/** The peer's SYN again, or its SYN,ACK in a simultaneous open (RFC 9293 figure 8): the sequence number says "old", the rest
 *  says what is wanted. */
const isRepeatedSyn = (tcb: Tcb, seg: Segment): boolean =>
  (seg.flags & (SYN | RST)) === SYN && ((seg.flags & ACK) === 0 || !has(tcb, Flag.Passive));

function repeatedSyn(core: Core, tcb: Tcb, seg: Segment, now: Micros): Next {
  if (seg.flags & ACK) {
    if (!seqGt(seg.ack, tcb.iss) || seqGt(seg.ack, tcb.snd.nxt)) {
      core.drop(tcb, Drop.BadAck, now);
      resetFrom(core, tcb, seg.ack, Tx.RstUnacceptableAck, now);
      return Next.Done;
    }
    negotiateAgain(core, tcb, seg); // what its SYN has not agreed to, its SYN,ACK may not either
    tcb.snd.wnd = seg.wnd; // a window in a SYN is never scaled
    tcb.snd.maxWnd = Math.max(tcb.snd.maxWnd, seg.wnd);
    tcb.snd.wl2 = seg.ack;
    acknowledgeSyn(core, tcb, seg, St.RcvAckOfSyn, now);
    if (seg.flags & FIN || seg.textEnd > seg.textStart) core.tally.add(Drop.TextIgnored); // it comes again behind an ACK
    if (core.policy.sacksControl) {
      noteDuplicate(core, tcb, seg.seq, seqAdd(seg.seq, 1));
      core.oweAck(tcb, Tx.AckDuplicate);
    }
    return Next.Done;
  }
  core.drop(tcb, Drop.OldSequence, now);
  negotiateAgain(core, tcb, seg);
  if (core.policy.synAckInterval > 0) {
    if (now - tcb.invalidAckAt < core.policy.synAckInterval) return Next.Done;
    tcb.invalidAckAt = now;
  }
  // Our SYN,ACK was lost: again, but not more often than the peer asks. Deviation: repeated-syn
  tcb.owes |= Owe.SynAck;
  tcb.ackWhy = Rtx.SynAck;
  tcb.ackCause = core.cause.id;
  return Next.Done;
}

/** RFC 6191 s2, RFC 9293 s3.6.1: a SYN in TIME-WAIT that cannot be an old duplicate opens a new connection, if somebody listens. */
function isNewIncarnation(core: Core, tcb: Tcb, seg: Segment): boolean {
  if (core.policy.timeWaitYields) return seqGt(seg.seq, tcb.rcv.nxt);
  if (!core.policy.timeWaitReuse || (seg.flags & FIN && core.policy.synFin !== "syn")) return false;
  const listener = listenerFor(core.listeners, tcb.local, tcb.localPort);
  if (listener === null || listener.full || listener.pressed(core.limits.synQueue)) return false;
  if (has(tcb, Flag.Timestamps)) {
    if (seg.hasTimestamp) {
      if (((seg.tsVal - tcb.rcv.tsRecent) | 0) > 0) return true;
      if (seg.tsVal !== tcb.rcv.tsRecent) return false;
    }
  } else if (seg.hasTimestamp && core.policy.timestamps) return true; // "would be enabled for the new incarnation"
  return seqGt(seg.seq, tcb.rcv.nxt);
}

/** RFC 7323 s5.3; false when the segment has been dropped. */
function paws(core: Core, tcb: Tcb, seg: Segment, now: Micros): boolean {
  if (!seg.hasTimestamp) {
    // RFC 7323 s3.2: SHOULD silently drop; a profile may tolerate middleboxes that strip options. Deviation: stripped-timestamps
    if (!core.policy.requireTimestamps) return true;
    core.drop(tcb, Drop.TimestampMissing, now);
    return false;
  }
  if (((seg.tsVal - tcb.rcv.tsRecent) | 0) >= -core.policy.pawsSlack || now - tcb.rcv.tsRecentAt > TS_RECENT_LIFE) return true;
  core.drop(tcb, Drop.Paws, now);
  if (seg.textEnd === seg.textStart && core.policy.pawsSilent) return false;
  const old = (seg.flags & SYN) === 0 && seqLeq(seqAdd(seg.seq, seg.len), tcb.rcv.nxt);
  if (seg.textEnd > seg.textStart && old) noteDuplicate(core, tcb, seg.seq, seqAdd(seg.seq, seg.len));
  answerUnacceptable(core, tcb, seg, Tx.AckPaws, now);
  return false;
}

/** RFC 7323 s4.3 (2): only a segment that begins at or before the last ACK sent, and that is in the window. */
function updateTsRecent(tcb: Tcb, seg: Segment, now: Micros): void {
  if (!seqLeq(seg.seq, tcb.rcv.lastAckSent)) return;
  if (((seg.tsVal - tcb.rcv.tsRecent) | 0) < 0 && now - tcb.rcv.tsRecentAt <= TS_RECENT_LIFE) return;
  tcb.rcv.tsRecent = seg.tsVal;
  tcb.rcv.tsRecentAt = now;
}

/** The table of RFC 9293 s3.10.7.4, with the largest right edge ever offered for RCV.NXT+RCV.WND (RFC 7323 s2.4). A RST is
 *  judged by its sequence number alone; text at RCV.NXT in a closed window keeps its ACK, URG and RST (MUST-66), and so does an
 *  ACK at the right edge of one that is open: that is where a peer stands whose text has filled it and was lost, and two such
 *  would refuse each other's ACKs for ever (appendix A.2). Deviation: ack-at-edge */
function isAcceptable(core: Core, tcb: Tcb, seg: Segment): boolean {
  const { rcv } = tcb;
  const window = acceptedWindow(core, tcb);
  const length = seg.flags & RST ? 0 : seg.len;
  const offset = seqDiff(seg.seq, rcv.nxt);
  if (length === 0) {
    const atEdge = offset === window && (window === 0 || (seg.flags & (ACK | RST)) === ACK);
    return atEdge || (offset >= 0 && offset < window);
  }
  if (window === 0) return offset === 0;
  return offset < window && offset + length > 0;
}

/** One ACK in reply, unless it is a RST; then drop. */
function unacceptable(core: Core, tcb: Tcb, seg: Segment, tells: boolean, now: Micros): void {
  const { rcv } = tcb;
  const old = seqLt(seg.seq, rcv.nxt);
  if (!tells) core.drop(tcb, old ? Drop.OldSequence : Drop.OutOfWindow, now);
  if (seg.flags & RST) return;
  // RFC 5961 s4.2: a SYN outside the window is challenged like one inside.
  if (seg.flags & SYN && tcb.state !== State.TimeWait) return challengeSyn(core, tcb, seg, now);
  // The only thing that can arrive in TIME-WAIT is the peer's FIN again: acknowledge it, and restart the 2 MSL timeout.
  if (tcb.state === State.TimeWait && seg.flags & FIN && seqAdd(seg.seq, seg.len) === rcv.nxt) {
    core.arm(tcb, Timer.TimeWait, now + core.policy.timeWait, Tm.TimeWait, now);
    core.oweAck(tcb, Tx.AckFin);
    return;
  }
  const octets = core.policy.sacksControl ? seg.len : seg.textEnd - seg.textStart;
  if (octets > 0 && old) {
    tcb.duplicateSegments += 1;
    enterQuickAcks(core, tcb);
    const end = seqAdd(seg.seq, octets);
    if (has(tcb, Flag.AccurateEcn)) {
      suspectOption(core, tcb, end);
      // What repeats the last segment has come the same way, and is nobody else's: its mark counts.
      if (end === rcv.nxt) countMark(core, tcb, seg);
    }
    // Before the handshake is over the peer may not know that SACK is agreed.
    if (tcb.state > State.SynReceived) noteDuplicate(core, tcb, seg.seq, seqLt(end, rcv.nxt) ? end : rcv.nxt);
    core.oweAck(tcb, Tx.AckDuplicate);
    return;
  }
  answerUnacceptable(core, tcb, seg, Tx.AckUnacceptable, now);
}

/** Answers to what carries no text of its own are limited, so that two stacks with different ideas of a connection, or an
 *  attacker's ghost ACKs, start no war of ACKs (RFC 9293 appendix A.2). */
function answerUnacceptable(core: Core, tcb: Tcb, seg: Segment, why: number, now: Micros): void {
  if (seg.textEnd === seg.textStart) {
    if (now - tcb.invalidAckAt >= core.policy.invalidAckInterval) {
      tcb.invalidAckAt = now;
      tcb.invalidAcks = 0;
    }
    if (tcb.invalidAcks >= core.policy.challengeBurst) return core.tally.add(Drop.AckLimited);
    tcb.invalidAcks += 1;
  }
  core.oweAck(tcb, why);
}

/** RFC 5961 s3.2, s4.2, s5.2: say where we are; a peer that means it will send an exact RST. Limited by connection first, then
 *  by a randomised budget of the stack that tells nobody anything (s7). */
function challenge(core: Core, tcb: Tcb, now: Micros): boolean {
  if (now - tcb.challengedAt >= core.policy.challengeInterval) {
    tcb.challengedAt = now;
    tcb.challengesLately = 0;
  }
  if (tcb.challengesLately >= core.policy.challengeBurst || !core.challenges.take(now)) {
    core.tally.add(Drop.ChallengeLimited);
    return false;
  }
  tcb.challengesLately += 1;
  tcb.challenges += 1;
  core.oweAck(tcb, Tx.ChallengeAck);
  return true;
}

function challengeSyn(core: Core, tcb: Tcb, seg: Segment, now: Micros): void {
  if (challenge(core, tcb, now) && has(tcb, Flag.AccurateEcn)) repeatedSynAck(tcb, seg);
}

/** A RST of a peer that does not count its FIN. */
const missedFin = (tcb: Tcb, seg: Segment): boolean =>
  (seg.flags & RST) !== 0 &&
  (tcb.state === State.CloseWait || tcb.state === State.LastAck || tcb.state === State.Closing) &&
  seg.seq === seqAdd(tcb.rcv.nxt, -1);

function reset(core: Core, tcb: Tcb, seg: Segment, now: Micros): Next {
  if (seg.seq !== tcb.rcv.nxt && !core.policy.insecureReset) {
    if (tcb.fastOpen & FastOpen.Asked && tcb.octetsReceived === 0 && tcb.state === State.Established) core.fastOpenMemory.pause(now);
    core.drop(tcb, Drop.RstNotExact, now);
    challenge(core, tcb, now);
    return Next.Done;
  }
  switch (tcb.state) {
    case State.SynReceived:
      // Passive: back to LISTEN, the user need not know; active (simultaneous): refused (MUST-11).
      core.finish(tcb, isEarly(tcb) ? CloseError.Reset : has(tcb, Flag.Passive) ? CloseError.None : CloseError.Refused, St.RcvRst, now);
      return Next.Done;
    case State.TimeWait:
      if (core.policy.timeWaitIgnoresReset)
        core.drop(tcb, Drop.RstInTimeWait, now); // RFC 1337 s3, F1
      else core.finish(tcb, CloseError.None, St.RcvRst, now);
      return Next.Done;
    case State.Closing:
    case State.LastAck:
      core.finish(tcb, tcb.sendQueue.length > 0 || core.policy.closingReset ? CloseError.Reset : CloseError.None, St.RcvRst, now);
      return Next.Done;
    default:
      core.finish(tcb, CloseError.Reset, St.RcvRst, now);
      return Next.Done;
  }
}

/** Sequence numbers that were ever acknowledged, but for the SYN of a SYN,ACK. */
const numbersAcked = (tcb: Tcb): number => tcb.octetsAcked + (has(tcb, Flag.Passive) ? 0 : 1) + (has(tcb, Flag.FinAcked) ? 1 : 0);

/** An application may have it before the handshake is over (RFC 7413). */
const isEarly = (tcb: Tcb): boolean => (tcb.fastOpen & FastOpen.Early) !== 0;

const isOpen = (tcb: Tcb): boolean => tcb.state !== State.Closed;

/** The fifth step; false when the segment has been dropped or has ended the connection. */
function acknowledge(core: Core, tcb: Tcb, seg: Segment, now: Micros): boolean {
  const { snd } = tcb;
  if (tcb.state === State.SynReceived) {
    if (!seqGt(seg.ack, snd.una) || seqGt(seg.ack, snd.nxt)) {
      core.drop(tcb, Drop.BadAck, now);
      // An application that has had it, and is gone, took it for open: RFC 5961 s5.2.
      if (isEarly(tcb) && has(tcb, Flag.Orphan)) challenge(core, tcb, now);
      else resetFrom(core, tcb, seg.ack, Tx.RstUnacceptableAck, now);
      return false;
    }
    const listener = tcb.listener === 0 ? null : core.listener(tcb.listener);
    if (has(tcb, Flag.Passive) && listener?.full && !isEarly(tcb)) {
      // Nobody takes what is there: the peer asks again (and our SYN,ACK timer does), or hears so.
      core.drop(tcb, Drop.ListenOverflow, now);
      if (core.policy.overflowResets) {
        resetFrom(core, tcb, seg.ack, Tx.RstUnacceptableAck, now);
        core.finish(tcb, CloseError.None, St.ResourceLimit, now);
      }
      return false;
    }
    const bare = seg.textEnd === seg.textStart && (seg.flags & FIN) === 0;
    if (bare && has(tcb, Flag.Passive) && !isEarly(tcb) && tcb.retries < tcb.options.deferAccept) {
      tcb.deferred = true;
      core.drop(tcb, Drop.Deferred, now);
      return false;
    }
    snd.wnd = seg.wnd << snd.scale;
    // What the SYN has offered counts only for whoever has used it.
    snd.maxWnd = core.policy.mssWithinWindow && !isEarly(tcb) ? snd.wnd : Math.max(snd.maxWnd, snd.wnd);
    if (core.policy.mssWithinWindow) snd.mss = effectiveMss(core, tcb, now);
    snd.wl1 = seg.seq;
    snd.wl2 = seg.ack;
    const lost = tcb.retries > 1;
    acknowledgeSyn(core, tcb, seg, St.RcvAckOfSyn, now);
    if (has(tcb, Flag.AccurateEcn)) hearSynAckFed(core, tcb, seg);
    if (!isOpen(tcb)) return false; // a listener that has gone takes the connection with it
    if (snd.una === seg.ack && (seg.sackCount === 0 || !isEarly(tcb))) return true;
    // It speaks of what Fast Open has let go before the handshake was over. The initial window counts from behind it.
    processAck(core, tcb, seg, now);
    if (tcb.recovery.phase === Phase.Open) tcb.cc.begin(snd.mss, core.policy, lost);
    return isOpen(tcb);
  }

  // RFC 5961 s5.2: SND.UNA - MAX.SND.WND <= SEG.ACK <= SND.NXT (MAY-12).
  if (seqGt(seg.ack, snd.nxt)) {
    core.drop(tcb, Drop.AckUnsent, now);
    answerUnacceptable(core, tcb, seg, Tx.AckUnsent, now);
    return false;
  }
  const behind = seqDiff(snd.una, seg.ack);
  if (
    behind > 0 &&
    behind > (core.policy.oldestAckKnown ? Math.min(snd.maxWnd, numbersAcked(tcb)) : snd.maxWnd) &&
    !core.policy.insecureAck
  ) {
    core.drop(tcb, Drop.TooOldAck, now);
    challenge(core, tcb, now);
    return false;
  }
  processAck(core, tcb, seg, now);
  if (!has(tcb, Flag.FinAcked)) return true;

  switch (tcb.state) {
    case State.FinWait1:
      core.enter(tcb, State.FinWait2, St.RcvAckOfFin, now);
      if (tcb.options.finWait2 < 0 && has(tcb, Flag.Orphan)) {
        resetFrom(core, tcb, seg.ack, Tx.RstUnlingering, now);
        core.finish(tcb, CloseError.Aborted, St.FinWait2Timeout, now);
        return false;
      }
      armFinWait2(core, tcb, now);
      return true;
    case State.Closing:
      enterTimeWait(core, tcb, St.RcvAckOfFin, now);
      return true;
    case State.LastAck:
      core.finish(tcb, CloseError.None, St.RcvAckOfFin, now);
      return false;
    default:
      return true;
  }
}
