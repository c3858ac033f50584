/** When the ACK of text in order leaves: at once, with a reply, or when a timer says so. RFC 9293 s3.8.6.3 and RFC 5681 s4.2 bound the delay: an
 *  ACK for every second full segment, and none later than half a second. Within the bounds the profile chooses (`ackRule`): a fixed delay, or one
 *  that follows the sender's pace and what the application does. */
import { MILLISECOND, type Micros, NEVER } from "../base/environment.js";
import { Tm, Tx } from "../base/why.js";
import type { Core } from "./core.js";
import { announcedMss } from "./path.js";
import { Timer } from "./probe.js";
import { measureShare, windowMoves } from "./receive-memory.js";
import { FIN, PSH, SYN, TIMESTAMPS_SIZE, URG } from "./segment.js";
import { State } from "./state.js";
import { Flag, has, Owe, type Tcb } from "./tcb.js";
import { receiveWindow } from "./window.js";

/** The longest delay: of a conversation, and of anything else. */
const LONGEST_REPLY: Micros = 200 * MILLISECOND;
const LONGEST: Micros = 500 * MILLISECOND;
/** What a first guess of the sender's segment size is at most, and what is no smaller than a segment may be. */
const GUESS_MOST = 536;
const GUESS_LEAST = 88;

/** What `rcv.pushed` says of the text that is not acknowledged. */
const Pushed = { No: 0, Once: 1, Twice: 2 } as const;

/** The connection is open: how large will the sender's segments be? */
export function beginDelays(core: Core, tcb: Tcb): void {
  const announced = announcedMss(core, tcb.remote, tcb.local);
  tcb.rcv.guess = Math.max(GUESS_LEAST, Math.min(announced, tcb.snd.mss, receiveWindow(tcb) >> 1, GUESS_MOST));
}

/** `octets` of text have come in one segment: what its sender calls a full one. */
export function measureSegment(core: Core, tcb: Tcb, octets: number): void {
  const { rcv } = tcb;
  const last = rcv.lastSize;
  rcv.lastSize = 0;
  if (octets >= rcv.guess) {
    if (octets > rcv.guess) {
      if (rcv.memory !== null) measureShare(core, rcv.memory);
      rcv.guess = Math.min(octets, announcedMss(core, tcb.remote, tcb.local));
    }
    if (core.seg.flags & PSH && rcv.pushed === Pushed.No) rcv.pushed = Pushed.Once;
    return;
  }
  // Smaller than before, twice the same, and not for want of text: the path has changed.
  const options = core.seg.hasTimestamp ? TIMESTAMPS_SIZE : 0;
  if (octets + options >= GUESS_MOST || (octets + options >= GUESS_LEAST && (core.seg.flags & (FIN | URG | SYN | PSH)) === 0)) {
    rcv.lastSize = octets;
    if (octets === last) {
      rcv.guess = octets;
      return;
    }
  }
  rcv.pushed = rcv.pushed === Pushed.No ? Pushed.Once : Pushed.Twice;
}

/** Text in order has come: the delay follows the time between segments. */
export function paceDelays(core: Core, tcb: Tcb, now: Micros): void {
  const { rcv } = tcb;
  const least = core.policy.ackDelay;
  const since = now - rcv.textAt;
  if (rcv.ato === 0) {
    quicken(core, tcb);
    rcv.ato = least;
  } else if (since <= least >> 1) rcv.ato = (rcv.ato >> 1) + (least >> 1);
  else if (since < rcv.ato) rcv.ato = Math.min((rcv.ato >> 1) + since, tcb.rto);
  else if (since > tcb.rto) quicken(core, tcb); // whoever sends after a pause starts slowly again
  rcv.textAt = now;
}

/** The sender is in slow start, or repairs: for some segments it needs each ACK. */
function quicken(core: Core, tcb: Tcb): void {
  const window = tcb.rcv.memory === null ? receiveWindow(tcb) : tcb.rcv.memory.offered;
  const segments = Math.floor(window / (2 * Math.max(1, tcb.rcv.guess))) || 2;
  tcb.quickAcks = Math.max(tcb.quickAcks, Math.min(segments, core.policy.quickAcks));
}

/** Something came that should not have come: the sender works on a loss. */
export function enterQuickAcks(core: Core, tcb: Tcb): void {
  if (core.policy.ackRule === "fixed") return;
  quicken(core, tcb);
  tcb.flags &= ~Flag.Conversing;
  tcb.rcv.ato = core.policy.ackDelay;
}

/** A few ACKs at once for who reacts to marks. */
const MARK_QUICK_ACKS = 2;

export function quickenForMark(core: Core, tcb: Tcb): void {
  if (core.policy.ackRule === "fixed") return;
  tcb.quickAcks = Math.max(tcb.quickAcks, MARK_QUICK_ACKS);
  tcb.flags &= ~Flag.Conversing;
  tcb.rcv.ato = core.policy.ackDelay;
}

/** Delayed, or now. */
export function oweAckOfText(core: Core, tcb: Tcb, now: Micros): void {
  const { rcv } = tcb;
  const { policy } = core;
  if (policy.ackRule === "fixed") {
    // Octets are counted, not segments: a link may have merged them.
    if (rcv.unacked >= policy.ackEvery * Math.max(1, rcv.mss)) return core.oweAck(tcb, Tx.AckEverySecond);
    if (policy.ackEverySecondSegment && tcb.owes & Owe.DelayedAck) return core.oweAck(tcb, Tx.AckEverySecond);
    if (tcb.quickAcks > 0) {
      tcb.quickAcks -= 1;
      return core.oweAck(tcb, Tx.AckQuick);
    }
    if (policy.acksPushedText && core.seg.flags & PSH) {
      rcv.pushed = Pushed.Once;
      rcv.textAt = now;
      rcv.ato = policy.ackDelay;
    }
    return owe(core, tcb);
  }
  if (rcv.unacked > rcv.guess && (rcv.memory === null || windowMoves(core, tcb, rcv.memory))) return core.oweAck(tcb, Tx.AckEverySecond);
  if (tcb.quickAcks > 0 && !has(tcb, Flag.Conversing)) return core.oweAck(tcb, Tx.AckQuick);
  delay(core, tcb, now);
}

function owe(core: Core, tcb: Tcb): void {
  if ((tcb.owes & (Owe.Ack | Owe.DelayedAck)) !== 0) return;
  tcb.owes |= Owe.DelayedAck;
  tcb.ackWhy = Tx.AckDelayTimer;
  tcb.ackCause = core.cause.id;
}

/** A tick of the clock that counts delays: what comes at once with a call of the application leaves with what that says. */
const LEAST: Micros = 1_000;

/** An ACK when its time has come: no later than the one that waits already, and at once where that is almost due. */
function delay(core: Core, tcb: Tcb, now: Micros): void {
  const wait = Math.max(delayOf(core, tcb), LEAST);
  if (tcb.ackAt !== NEVER && tcb.ackAt <= now + (wait >> 2)) return core.oweAck(tcb, Tx.AckDelayTimer);
  owe(core, tcb);
  if (tcb.ackAt === NEVER || now + wait < tcb.ackAt) core.arm(tcb, Timer.DelayedAck, now + wait, Tm.DelayedAck, now);
}

/** How long an ACK waits from now. */
export function delayOf(core: Core, tcb: Tcb): Micros {
  const { policy } = core;
  const least = policy.ackDelay;
  if (policy.ackRule === "fixed") return least;
  const { ato, pushed } = tcb.rcv;
  if (ato <= least) return ato;
  let most = has(tcb, Flag.Conversing) || pushed !== Pushed.No ? LONGEST_REPLY : LONGEST;
  if (tcb.srtt > 0) most = Math.min(most, Math.max(tcb.srtt, least));
  return Math.min(ato, most, LONGEST_REPLY);
}

/** The peer has nothing more to say, and is in no hurry to hear that we know. */
export function oweAckOfFin(core: Core, tcb: Tcb, now: Micros): void {
  if (core.policy.ackRule === "fixed") return core.oweAck(tcb, Tx.AckFin);
  tcb.flags |= Flag.Conversing;
  oweAckOfText(core, tcb, now);
}

/** The timer is due: the guess was wrong. */
export function delayMissed(core: Core, tcb: Tcb): void {
  const { rcv } = tcb;
  if (has(tcb, Flag.Conversing)) {
    tcb.flags &= ~Flag.Conversing;
    rcv.ato = core.policy.ackDelay;
  } else if (core.policy.ackRule !== "fixed") rcv.ato = Math.min(2 * rcv.ato, tcb.rto);
}

/** A segment has left, and took along the ACK that was owed. */
export function noteAckSent(core: Core, tcb: Tcb): void {
  const { rcv } = tcb;
  rcv.pushed = Pushed.No;
  if (tcb.quickAcks === 0 || core.policy.ackRule === "fixed") return;
  tcb.quickAcks -= 1;
  if (tcb.quickAcks === 0) rcv.ato = core.policy.ackDelay;
}

/** Text has left: as an answer, if text came just before. */
export function noteReply(tcb: Tcb, now: Micros): void {
  if (now - tcb.rcv.textAt < tcb.rcv.ato) tcb.flags |= Flag.Conversing;
}

/** The application has read: an ACK that waits has lost its reason, if the sender may be waiting for it. */
export function noteRead(core: Core, tcb: Tcb): void {
  if ((tcb.owes & Owe.DelayedAck) === 0) return;
  const { rcv } = tcb;
  const drained = tcb.receiveQueue.length === 0;
  const waits = rcv.pushed === Pushed.Twice || (rcv.pushed === Pushed.Once && !has(tcb, Flag.Conversing));
  if (drained && waits) core.oweAck(tcb, Tx.AckRead);
  else if (core.policy.ackRule !== "fixed" && rcv.unacked > rcv.guess) core.oweAck(tcb, Tx.AckEverySecond);
}

/** TCP_QUICKACK: from now on ACKs leave at once, as after a loss; or wait for a reply. */
export function setQuickAck(core: Core, tcb: Tcb, quick: boolean, once: boolean): void {
  if (!quick) {
    tcb.flags |= Flag.Conversing;
    return;
  }
  tcb.flags &= ~Flag.Conversing;
  if (tcb.state !== State.Established && tcb.state !== State.CloseWait) return;
  if (tcb.owes & Owe.DelayedAck) {
    tcb.rcv.pushed = Math.max(tcb.rcv.pushed, Pushed.Once);
    noteRead(core, tcb);
    if (once) tcb.flags |= Flag.Conversing;
  }
}
