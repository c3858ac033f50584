/** Output: the only code that builds segments for a connection. Handlers have decided and noted what is owed; this speaks, once
 *  for each connection and turn. RFC 9293 s3.8, s3.7.4 (Nagle), s3.8.6 (windows); RFC 5681 s3 (how much). */
import { type Micros, NEVER } from "../base/environment.js";
import { type Seq, seq, seqAdd, seqDiff, seqGeq, seqGt, seqLeq, seqLt, seqMax } from "../base/seq.js";
import { Hold, Rtx, St, Tm, Tx } from "../base/why.js";
import { aceFlags, blocksBeside, countersBeside, putCounters, putFirstCounters, synFedFlags, toldMarks } from "./accurate-ecn.js";
import { resumes } from "./congestion-signals.js";
import type { Core } from "./core.js";
import { delayOf, noteAckSent, noteReply } from "./delayed-ack.js";
import { setupFlags } from "./ecn.js";
import { TcpEvent } from "./events.js";
import { FastOpen } from "./fast-open.js";
import { grantCookie, offerFastOpen, sentInSyn } from "./fast-open-handshake.js";
import { heldBy } from "./hold.js";
import { armPacing, burst, burstSegments, charge, departure, waitsHere } from "./pacing.js";
import { announcedMss, HEADERS, packetSize, refreshPath } from "./path.js";
import { goesAgain, isProbe, probeSends, probeText, textAgain } from "./path-search.js";
import { Timer } from "./probe.js";
import { noteAppLimited } from "./rate.js";
import { Phase } from "./recovery/recovery.js";
import { Mark } from "./recovery/sent.js";
import { backedOff, persistInterval, synTimeout, timeoutNow, timestampNow } from "./rtt.js";
import { ACK, CWR, countersAndSack, ECE, EcnField, FIN, HEADER_MIN, headerLength, PSH, RST, type Segment, SYN, URG } from "./segment.js";
import { State } from "./state.js";
import { Flag, has, Owe, type Tcb } from "./tcb.js";
import { isLoneFin } from "./text.js";
import { transmit } from "./transmit.js";
import { noteUse } from "./validation.js";
import { initialWindow, receiveWindow, updateIsDue, wantedScale, windowField } from "./window.js";

/** When there is no packet to be had, output tries again so much later. */
const NO_BUFFERS_RETRY: Micros = 5_000;

export function output(core: Core, tcb: Tcb, now: Micros): void {
  if (tcb.state === State.Closed) return;
  if (tcb.owes & (Owe.Syn | Owe.SynAck)) {
    sendSyn(core, tcb, now);
    if ((tcb.fastOpen & FastOpen.Early) === 0) return;
  }
  if (tcb.state === State.SynSent || tcb.state === State.SynReceived) {
    if (tcb.fastOpen & FastOpen.Early) sendText(core, tcb, now);
    if (tcb.owes & Owe.Ack && tcb.state === State.SynReceived) sendAck(core, tcb, tcb.ackWhy, tcb.ackCause, now);
    tcb.owes &= ~(Owe.Ack | Owe.DelayedAck | Owe.Window);
    return;
  }
  if (tcb.pathEpoch !== core.network.epoch) refreshPath(core, tcb, now);

  // RFC 9768 s5.2: text would not say how the SYN,ACK came.
  if (has(tcb, Flag.TellsSynMark) && tcb.owes & Owe.Ack) sendAck(core, tcb, tcb.ackWhy, tcb.ackCause, now);
  if (tcb.owes & Owe.LossProbe) sendLossProbe(core, tcb, now);
  if (tcb.state !== State.TimeWait && tcb.state !== State.FinWait2) sendText(core, tcb, now);
  else heldBy(core, tcb, Hold.Application, now);
  if (tcb.owes & Owe.Probe) sendProbe(core, tcb, now);
  if (tcb.owes & Owe.KeepAlive) sendKeepAlive(core, tcb, now);
  if (tcb.owes & Owe.Ack) sendAck(core, tcb, tcb.ackWhy, tcb.ackCause, now);
  else if (tcb.owes & Owe.Window && updateIsDue(core, tcb)) sendAck(core, tcb, Tx.WindowUpdate, core.cause.id, now);
  if (tcb.owes & Owe.DelayedAck && tcb.ackAt === NEVER) core.arm(tcb, Timer.DelayedAck, now + delayOf(core, tcb), Tm.DelayedAck, now);
  tcb.owes &= Owe.DelayedAck;
}

/** Text, old before new, and the FIN behind it: as much as recovery, cwnd, the peer's window, Nagle and SWS avoidance allow. */
function sendText(core: Core, tcb: Tcb, now: Micros): void {
  const { snd, cc, recovery } = tcb;
  let hold: number = Hold.Application;
  let burstLeft = 0;
  let alone = true;
  // Behind what was sent again just now, and how many segments of what once left as one with it.
  let joined = snd.una;
  let joins = 0;
  if (snd.una === snd.nxt) {
    if (queued(tcb) > 0) {
      if (tcb.busySince < 0) tcb.busySince = now;
      resumes(core, tcb, now);
    } else if (isStill(tcb)) {
      noteAppLimited(tcb, hold);
      noteUse(core, tcb, hold, now);
      return;
    }
  }
  for (;;) {
    const unsent = tcb.records === null ? queued(tcb) : queuedOfRecord(tcb);
    const finDue = has(tcb, Flag.FinQueued) && !has(tcb, Flag.FinSent) && (tcb.state !== State.SynReceived || has(tcb, Flag.Orphan));
    const repairs = tcb.sent.lost > 0 || recovery.phase !== Phase.Open;
    if (unsent === 0 && !finDue && !repairs) break;
    const window = recovery.window(cc.window());
    const pipe = recovery.pipe(snd.una, snd.nxt, snd.mss);
    const room = fullText(core, tcb, now);
    const usable = seqDiff(seqAdd(tcb.state === State.SynReceived ? snd.text : snd.una, snd.wnd), snd.nxt); // no SYN is in a window
    const trial = repairs && tcb.search.limit > 0 ? textAgain(core, tcb, now) : 0;
    if (repairs && recovery.next(snd.una, snd.nxt, trial > 0 ? trial : snd.mss, (unsent === 0 && !finDue) || usable <= 0)) {
      const from = seqMax(recovery.from, snd.text);
      const left = Math.max(0, seqDiff(seqMinEnd(recovery.to, textEnd(tcb)), from));
      const probes = trial > 0 && left >= 2 * snd.mss;
      // What was too large goes in smaller pieces, none of which has text of two bursts.
      const smaller = core.policy.burstsStay && tcb.rtxWhy === Rtx.PathMtu;
      const whole = smaller && left > room ? seqDiff(tcb.sent.burstEnd(from, seqAdd(from, room)), from) : left;
      const octets = Math.min(probes ? trial : room, whole);
      const fin = has(tcb, Flag.FinSent) && seqAdd(from, octets) === textEnd(tcb) && seqGt(recovery.to, textEnd(tcb));
      if (octets === 0 && !fin) break;
      if (!recovery.exempt && pipe > 0 && pipe + (Math.min(octets, room) || 1) > window) {
        hold = Hold.Cwnd;
        break;
      }
      // RFC 9293 s3.8.6 (SHLD-16): what was sent before is sent again within the window; a closed one is the persist timer's.
      if (snd.wnd === 0 && !(core.policy.repairsProbe && from === snd.una)) {
        hold = Hold.Rwnd;
        break;
      }
      if (tcb.pacedUntil > now && !recovery.exempt && waitsHere(tcb, now)) {
        hold = Hold.Pacing;
        break;
      }
      if (probes) probeSends(tcb, from, octets);
      const marks = core.policy.pushBursts ? tcb.sent.pushesAt(seqAdd(from, octets)) : 0;
      joins = joined === from ? joins + 1 : 1;
      joined = seqAdd(from, octets);
      const tail = marks !== 0 || (smaller && joins >= burstSegments(core, tcb, room));
      const pushes = (marks & Mark.Pushed) !== 0 || (tail && joins > 1);
      if (tail) joins = 0;
      if (!sendAgain(core, tcb, from, octets, room, pushes, fin, tcb.linkPaces ? departure(core, tcb, now) : now)) {
        if (probes) tcb.search.size = 0; // one that has not left tells nothing
        return heldBy(core, tcb, Hold.NoBuffers, now);
      }
      continue;
    }

    if (tcb.sent.full) {
      hold = Hold.NoBuffers;
      break;
    }
    if (unsent === 0 && !finDue) break;
    const probe = tcb.search.limit === 0 ? 0 : probeText(core, tcb, unsent, usable, window, window - pipe, now);
    const length = probe > 0 ? probe : Math.min(unsent, room, Math.max(0, usable));
    const last = length === unsent;
    const fin = finDue && last && usable > length;
    if (length === 0 && !fin) {
      hold = Hold.Rwnd;
      break;
    }
    // The final segment is never worth waiting for more.
    if (length < room && !fin && !(core.policy.mssWithinWindow && burstLeft > 0)) {
      const small = mayBeSmall(core, tcb, length, last);
      if (small !== 0) {
        hold = small;
        break;
      }
    }
    if (pipe > 0 && pipe + (probe > 0 ? Math.min(probe, room) : length) > window) {
      hold = Hold.Cwnd;
      break;
    }
    if (tcb.pacedUntil > now && waitsHere(tcb, now)) {
      hold = Hold.Pacing;
      break;
    }
    const at = tcb.linkPaces ? departure(core, tcb, now) : now;
    if (probe > 0) probeSends(tcb, snd.nxt, probe);
    // CWR is for one segment (RFC 3168 s6.1.2): what cuts copies it, or clears it although it is a bit of a counter.
    else if (length === room && tcb.gso > room && !fin && !seqGt(snd.up, snd.nxt) && !saysCwr(tcb)) {
      const most = Math.min(unsent, usable, window - pipe, tcb.pacingRate > 0 ? Math.max(room, burst(tcb)) : tcb.gso);
      const whole = superSegment(core, tcb, room, most);
      if (!sendNew(core, tcb, whole, room, whole === unsent || (core.policy.pushBursts && whole > room), false, at))
        return heldBy(core, tcb, Hold.NoBuffers, now);
      continue;
    }
    // Where all that is queued leaves in one segment, there is no burst to end.
    if (core.policy.pushBursts && burstLeft <= 0 && !last) {
      burstLeft = octetsAsOne(core, tcb, room, unsent, usable, window - pipe);
      alone = burstLeft <= room;
    }
    burstLeft -= length;
    const tail = burstLeft <= 0 && !alone;
    const few = core.policy.mssWithinWindow && snd.maxWnd < 4 * snd.mss;
    const own = (last && !tcb.more) || (few && isHalfWindow(tcb, length));
    const push = own || tail;
    if (!sendNew(core, tcb, length, room, push, fin, at)) {
      if (probe > 0) tcb.search.size = 0; // one that has not left tells nothing
      return heldBy(core, tcb, Hold.NoBuffers, now);
    }
    if (push && core.policy.pushBursts) tcb.sent.pushed(own ? Mark.Pushed : Mark.Tail);
  }
  if (tcb.owes & Owe.SwsOverride) tcb.owes &= ~Owe.SwsOverride;
  if (hold === Hold.Rwnd) snd.pushed = textEnd(tcb); // as it was queued, by halves of the window
  if (hold === Hold.Pacing) armPacing(core, tcb, now);
  else noteAppLimited(tcb, hold);
  noteUse(core, tcb, hold, now);
  heldBy(core, tcb, blamed(tcb, hold), now);
  armAfterText(core, tcb, hold, now);
}

/** Nothing is in flight, nothing waits, no timer of the sender runs: as it was when output last looked. */
const isStill = (tcb: Tcb): boolean =>
  tcb.hold === Hold.Application &&
  tcb.rexmitAt === NEVER &&
  tcb.probeAt === NEVER &&
  (tcb.flags & (Flag.FinQueued | Flag.FinSent)) !== Flag.FinQueued &&
  (tcb.flags & (Flag.Persisting | Flag.SwsArmed)) === 0;

/** An application that waits for room has more to say, and a window that is full of what was lost is full because of it. */
function blamed(tcb: Tcb, hold: number): number {
  if (hold === Hold.Application)
    return has(tcb, Flag.WantsRoom) && tcb.sendQueue.length > 0 && !fillsHalfInSlowStart(tcb) ? Hold.SendBuffer : hold;
  return hold === Hold.Cwnd && tcb.recovery.phase !== Phase.Open ? Hold.Recovery : hold;
}

/** Slow start is to double what was in flight: a window of less is what limits, though it is not full (RFC 2861 s3.2). */
const fillsHalfInSlowStart = ({ cc, snd }: Tcb): boolean => cc.window() < cc.threshold() && cc.window() < 2 * seqDiff(snd.nxt, snd.una);

/** Where the window takes few segments, one that ends more than half of it behind the last one pushed is pushed. */
function isHalfWindow({ snd }: Tcb, length: number): boolean {
  const end = seqAdd(snd.nxt, length);
  if (seqDiff(end, seqMax(snd.pushed, seqAdd(snd.una, -snd.maxWnd))) <= snd.maxWnd >> 1) return false;
  snd.pushed = end;
  return true;
}

/** Octets of text in a full segment that leaves now. */
const fullText = (core: Core, tcb: Tcb, now: Micros): number =>
  tcb.snd.mss - (has(tcb, Flag.AccurateEcn) ? markRoom(core, tcb, now) : sackRoom(tcb));

/** Octets that a device which cuts segments itself would be handed as one: no more than the rate sends in a millisecond, so that ACKs keep their
 *  clock, nor than half of the window, so that there are two of them; and the rest of the queue with it, where Nagle lets it go. */
function octetsAsOne(core: Core, tcb: Tcb, room: number, unsent: number, usable: number, free: number): number {
  if (seqGt(tcb.snd.up, tcb.snd.nxt)) return room;
  // After a timeout what is out counts still, until an ACK says that it is lost.
  const window = Math.max(tcb.cc.window(), seqDiff(tcb.snd.nxt, tcb.snd.una));
  const segments = Math.min(burstSegments(core, tcb, room), Math.max(1, (window / room) >> 1), Math.floor(free / room));
  const most = segments * room;
  const needed = Math.min(unsent, usable);
  if (most <= needed) return most;
  const rest = needed % room;
  // Behind whole segments goes what the window cuts, too, unless Nagle holds it.
  const end = needed === unsent || (core.policy.mssWithinWindow && needed > room);
  return rest > 0 && mayBeSmall(core, tcb, rest, end) !== 0 ? needed - rest : needed;
}

/** As many full segments of `room` octets as make up to `most`, for a link that cuts them itself; at least one. */
function superSegment(core: Core, tcb: Tcb, room: number, most: number): number {
  const { packets, large } = core.memory;
  const holds = packets.capacity >= tcb.gso || large.available > 0 ? tcb.gso : 0;
  return Math.max(1, Math.floor(Math.min(most, holds) / room)) * room;
}

/** The next segment with text has the bit of CWR. */
const saysCwr = (tcb: Tcb): boolean => has(tcb, Flag.OwesCwr) || (has(tcb, Flag.AccurateEcn) && (aceFlags(tcb) & CWR) !== 0);

const textEnd = (tcb: Tcb): Seq => seqAdd(tcb.snd.text, tcb.sendQueue.length);
const seqMinEnd = (a: Seq, b: Seq): Seq => (seqLt(a, b) ? a : b);

/** Octets of text that were never sent. */
const queued = (tcb: Tcb): number => Math.max(0, seqDiff(textEnd(tcb), tcb.snd.nxt));

/** Octets of text that were never sent, up to the end of the record that the next of them is in: no segment has octets of two. */
function queuedOfRecord(tcb: Tcb): number {
  const records = tcb.records!;
  while (records.length > 0 && seqLeq(records[0]!, tcb.snd.nxt)) records.shift();
  const all = queued(tcb);
  return records.length > 0 ? Math.min(all, seqDiff(records[0]!, tcb.snd.nxt)) : all;
}

/** A segment smaller than full: RFC 9293 s3.7.4 and s3.8.6.2.1. Returns what holds it back, or 0. */
function mayBeSmall(core: Core, tcb: Tcb, length: number, last: boolean): number {
  const { snd } = tcb;
  if (tcb.owes & Owe.SwsOverride) return 0; // (4) the override timeout
  if (last) {
    if (tcb.records !== null && tcb.records.length > 0 && tcb.records[0] !== textEnd(tcb)) return 0; // more waits behind the record
    if (tcb.options.corked || tcb.more) return Hold.Sws; // the application has said that more comes
    // (2) all that is queued, when nothing is outstanding or Nagle's algorithm is off; Minshall's variant asks only that no
    // small segment is outstanding (RFC 9293 appendix A.3).
    if (tcb.options.noDelay || seqGt(snd.up, snd.nxt)) return 0;
    if (snd.una === snd.nxt || (snd.una === tcb.iss && snd.nxt === snd.text)) return 0;
    if (core.policy.nagleMinshall && seqLeq(snd.sml, snd.una)) return 0;
    if (length * 2 >= snd.maxWnd) return 0; // (3)
    return Hold.Nagle;
  }
  if (core.policy.mssWithinWindow) return snd.maxWnd >= 4 * snd.mss ? 0 : Hold.Sws; // with what left as one, if that is more than a segment
  // More is queued than the window takes: (3) at least half of the largest window ever offered.
  return length * 2 >= snd.maxWnd ? 0 : Hold.Sws;
}

/** `room`: octets of text in a full segment. */
function sendNew(core: Core, tcb: Tcb, length: number, room: number, last: boolean, fin: boolean, now: Micros): boolean {
  const { snd } = tcb;
  const { out } = core;
  const from = snd.nxt;
  prepare(core, tcb, from, now);
  if (isProbe(tcb, from)) out.counterCount = -1; // its size is what counts
  // PSH on the last buffered segment (MUST-61).
  if (last && length > 0) out.flags |= PSH;
  if (fin) out.flags |= FIN;
  urgent(tcb, out, from);
  if (has(tcb, Flag.Ect) && length > 0) {
    out.ecn = EcnField.Ect0;
    if (has(tcb, Flag.OwesCwr)) out.flags |= CWR;
  }
  const why = newReason(tcb, length, fin);
  if (!send(core, tcb, seqDiff(from, snd.text), length, why === Tx.PathProbe ? length : room, why, tcb.sendCause, now)) return false;
  if (out.flags & CWR) tcb.flags &= ~Flag.OwesCwr;
  if (tcb.pacingRate > 0) charge(tcb, length, now);
  snd.nxt = seqAdd(from, length + (fin ? 1 : 0));
  tcb.recovery.onSent(from, snd.nxt, false, now);
  tcb.octetsSent += length;
  if (length > 0 && length < room) snd.sml = snd.nxt;
  if (length > 0) noteReply(tcb, now);
  if (has(tcb, Flag.Followed)) core.tell(tcb, TcpEvent.Progress);
  tcb.lastTextSentAt = now;
  if (fin) finSent(core, tcb, now);
  return true;
}

function newReason(tcb: Tcb, length: number, fin: boolean): number {
  const { snd, recovery } = tcb;
  if (fin && length === 0) return Tx.Fin;
  if (isProbe(tcb, snd.nxt)) return Tx.PathProbe;
  if (recovery.probing) return Tx.LossProbe;
  if (tcb.owes & Owe.SwsOverride) return Tx.SwsOverride;
  // Duplicate ACKs below the threshold have made room (RFC 3042).
  if (recovery.phase === Phase.Open && recovery.pipe(snd.una, snd.nxt, snd.mss) < seqDiff(snd.nxt, snd.una)) return Tx.LimitedTransmit;
  return Tx.NewData;
}

/** RFC 9293 s3.10.4: CLOSE has taken the connection to FIN-WAIT-1 already; from CLOSE-WAIT the FIN itself leads to LAST-ACK. */
function finSent(core: Core, tcb: Tcb, now: Micros): void {
  tcb.flags |= Flag.FinSent;
  if (tcb.state === State.CloseWait) core.enter(tcb, State.LastAck, St.CloseSendFin, now, tcb.sendCause);
}

function sendAgain(core: Core, tcb: Tcb, from: Seq, length: number, room: number, push: boolean, fin: boolean, now: Micros): boolean {
  const { snd, recovery } = tcb;
  const { out } = core;
  prepare(core, tcb, from, now);
  const end = seqAdd(from, length + (fin ? 1 : 0));
  if (length > 0 && (push || seqAdd(from, length) === textEnd(tcb))) out.flags |= PSH;
  if (fin) out.flags |= FIN;
  urgent(tcb, out, from);
  const probes = isProbe(tcb, from) && seqAdd(from, length) === tcb.search.end;
  const why = probes ? Rtx.ProbeAgain : retransmissionReason(tcb, length);
  if (!send(core, tcb, seqDiff(from, snd.text), length, probes ? length : room, why, tcb.sendCause, now)) return false;
  recovery.onSent(from, end, true, now);
  if (tcb.search.size > 0 && !probes) goesAgain(tcb, from, end);
  if (tcb.pacingRate > 0) charge(tcb, length, now);
  if (tcb.rtxWhy === Rtx.Rto || tcb.rtxWhy === Rtx.BlackHole) tcb.rtxWhy = Rtx.AfterRto; // what follows is due to ACKs, not to the timer
  tcb.segmentsRetransmitted += 1;
  tcb.octetsRetransmitted += length;
  tcb.lastTextSentAt = now;
  // What was sent again deserves a whole RTO (RFC 6675 s6).
  if (from === snd.una && tcb.rexmitAt !== NEVER && !has(tcb, Flag.Persisting))
    core.arm(tcb, Timer.Retransmission, now + timeoutNow(core, tcb), Tm.RtoRestart, now);
  return true;
}

function retransmissionReason(tcb: Tcb, length: number): number {
  const { recovery } = tcb;
  if (recovery.probing) return Rtx.LossProbe;
  return recovery.phase !== Phase.AfterTimeout ? recovery.why : length === 0 ? Rtx.Fin : tcb.rtxWhy;
}

/** RFC 8985 s7.3: a segment that asks for an ACK, beyond cwnd if need be: the next one if there is one, else the last once more. */
function sendLossProbe(core: Core, tcb: Tcb, now: Micros): void {
  const { snd, recovery, sent } = tcb;
  tcb.owes &= ~Owe.LossProbe;
  if (snd.una === snd.nxt || snd.wnd === 0 || !recovery.probeAllowed || tailBeyond(core, tcb)) return;
  tcb.flags &= ~Flag.Measured;
  const room = fullText(core, tcb, now);
  const unsent = queued(tcb);
  const usable = seqDiff(seqAdd(snd.una, snd.wnd), snd.nxt);
  let length = Math.min(unsent, room, Math.max(0, usable));
  if (core.policy.mssWithinWindow && length < Math.min(unsent, room)) length = 0; // what the window cuts
  const fin = has(tcb, Flag.FinQueued) && !has(tcb, Flag.FinSent) && length === unsent && usable > length;
  recovery.probing = true;
  if (length > 0 || fin) sendNew(core, tcb, length, room, length === unsent && !tcb.more, fin, now);
  else {
    const finSent = has(tcb, Flag.FinSent);
    const end = finSent ? seqAdd(snd.nxt, -1) : snd.nxt;
    const from = seqMax(sent.start(sent.count - 1), seqAdd(end, -room));
    sendAgain(core, tcb, from, seqDiff(end, from), room, (sent.pushesAt(end) & Mark.Pushed) !== 0, finSent, now);
  }
  recovery.probing = false;
}

/** The last of what is in flight lies where the window has been taken back, and nothing new may leave. */
export const tailBeyond = ({ policy }: Core, { snd, sent }: Tcb): boolean =>
  policy.repairsProbe && sent.count > 0 && seqGeq(sent.start(sent.count - 1), seqAdd(snd.una, snd.wnd));

/** What the closed window lets through (RFC 9293 s3.8.6.1): one octet of text, or by profile a segment without any that is old. */
function sendProbe(core: Core, tcb: Tcb, now: Micros): void {
  const { snd } = tcb;
  tcb.owes &= ~Owe.Probe;
  tcb.zeroWindowProbes += 1;
  const outstanding = snd.una !== snd.nxt;
  if (!core.policy.probeWithText) {
    prepare(core, tcb, seqAdd(snd.una, -1), now); // Deviation: empty-probe
    send(core, tcb, 0, 0, 0, Tx.ZeroWindowProbe, core.cause.id, now);
    return;
  }
  const from = outstanding ? snd.una : snd.nxt;
  const length = seqLt(from, textEnd(tcb)) ? 1 : 0;
  const fin = length === 0 && has(tcb, Flag.FinQueued);
  prepare(core, tcb, from, now);
  if (fin) core.out.flags |= FIN;
  if (!send(core, tcb, seqDiff(from, snd.text), length, length, Tx.ZeroWindowProbe, core.cause.id, now)) return;
  if (outstanding) {
    tcb.segmentsRetransmitted += 1;
    tcb.octetsRetransmitted += length;
    return;
  }
  snd.nxt = seqAdd(from, length + (fin ? 1 : 0));
  if (snd.nxt !== from) tcb.recovery.onSent(from, snd.nxt, false, now);
  tcb.octetsSent += length;
  if (fin) finSent(core, tcb, now);
}

/** RFC 9293 s3.8.4: SEG.SEQ = SND.NXT-1, no text (SHLD-12). */
function sendKeepAlive(core: Core, tcb: Tcb, now: Micros): void {
  tcb.owes &= ~Owe.KeepAlive;
  prepare(core, tcb, seqAdd(tcb.snd.nxt, -1), now);
  send(core, tcb, 0, 0, 0, Tx.KeepAlive, core.cause.id, now);
}

function sendAck(core: Core, tcb: Tcb, why: number, cause: number, now: Micros): void {
  // A FIN that nobody has acknowledged goes along with every ACK, where policy says so.
  const fin = core.policy.ackRepeatsFin && has(tcb, Flag.FinSent) && !has(tcb, Flag.FinAcked) && why !== Tx.ChallengeAck;
  prepare(core, tcb, fin ? seqAdd(tcb.snd.nxt, -1) : tcb.snd.nxt, now);
  if (fin) {
    core.out.flags |= FIN;
    tcb.recovery.onSent(seqAdd(tcb.snd.nxt, -1), tcb.snd.nxt, true, now);
  }
  if (has(tcb, Flag.TellsSynMark) && core.out.sackCount === 0 && !fin) {
    core.out.flags = ACK | synFedFlags(tcb);
    tcb.flags &= ~Flag.TellsSynMark;
  }
  if (!send(core, tcb, 0, 0, 0, why, cause, now)) core.arm(tcb, Timer.DelayedAck, now + NO_BUFFERS_RETRY, Tm.DelayedAck, now);
}

/** A SYN or SYN,ACK, the first or again. */
function sendSyn(core: Core, tcb: Tcb, now: Micros): void {
  const { out, policy } = core;
  const { snd, rcv } = tcb;
  const passive = (tcb.owes & Owe.SynAck) !== 0;
  const again = snd.nxt !== tcb.iss;
  if (policy.bareSynAfter > 0 && !passive && tcb.retries >= policy.bareSynAfter)
    tcb.flags &= ~(Flag.Timestamps | Flag.Sack | Flag.WindowScale);
  address(tcb, out);
  out.seq = tcb.iss;
  out.ack = passive ? rcv.nxt : seq(0);
  out.flags = (passive ? SYN | ACK : SYN) | setupFlags(core, tcb, passive, again);
  out.ecn = EcnField.NotEct;
  // Text in the SYN has taken of the first window already.
  out.wnd = Math.min(0xffff, passive ? receiveWindow(tcb) : initialWindow(core, tcb));
  out.up = 0;
  out.len = 1;
  out.mss = announcedMss(core, tcb.remote, tcb.local); // on every SYN (SHLD-5)
  if (tcb.options.mss > 0) out.mss = Math.min(out.mss, tcb.options.mss);
  if (passive) out.mss = Math.max(out.mss, policy.announcedMssLeast);
  if (policy.mssFollowsPath && tcb.pathMtu > 0) out.mss = Math.min(out.mss, tcb.pathMtu - HEADERS);
  // The SYN,ACK of a simultaneous open repeats the SYN, whatever the peer's has agreed to, where policy says so.
  const repeats = passive && policy.synAckRepeatsSyn && !has(tcb, Flag.Passive);
  out.windowScale = has(tcb, Flag.WindowScale) ? rcv.scale : repeats && policy.windowScaling ? wantedScale(core, tcb) : -1;
  out.sackPermitted = has(tcb, Flag.Sack) || (repeats && policy.sack);
  out.hasTimestamp = has(tcb, Flag.Timestamps) || (repeats && policy.timestamps);
  out.tsVal = timestampNow(core, tcb, now);
  out.tsEcr = passive ? rcv.tsRecent : 0; // RFC 7323 s3.2: zero where there is no ACK
  out.sackCount = 0;
  out.counterCount = -1;
  let text = 0;
  if (passive) {
    grantCookie(core, tcb, out, again);
    if (has(tcb, Flag.AccurateEcn) && !again && policy.accurateOption !== "off") putFirstCounters(out, policy.optionStyle);
  } else text = offerFastOpen(core, tcb, out, again, now);
  out.len = 1 + text;
  const why = again ? (passive ? Rtx.SynAck : Rtx.Syn) : passive ? tcb.ackWhy || Tx.SynAck : text > 0 ? Tx.SynData : Tx.ActiveOpen;
  const cause = tcb.ackCause || core.cause.id;
  const sent = transmit(core, tcb, tcb.local, tcb.remote, tcb.options.ttl, 0, text, text, why, cause, now);
  tcb.owes &= ~(Owe.Syn | Owe.SynAck | Owe.Ack | Owe.DelayedAck);
  if (sent) {
    tcb.segmentsSent += 1;
    if (!again) snd.nxt = seqAdd(tcb.iss, 1);
    if (text > 0) sentInSyn(tcb, text, HEADERS - HEADER_MIN + headerLength(out, policy.optionStyle) + text);
    if (passive) {
      rcv.lastAckSent = rcv.nxt;
      rcv.unacked = 0;
    }
    tcb.lastSentAt = now;
    if (again) {
      tcb.flags |= Flag.SynRetransmitted | Flag.Untimed;
      tcb.segmentsRetransmitted += 1;
      tcb.timedAt = NEVER;
    } else {
      tcb.timedAt = now;
    }
  }
  if (tcb.rexmitAt === NEVER || tcb.rexmitAt <= now) {
    const linear = passive ? 0 : policy.synLinear;
    const delay = synTimeout(policy, tcb.options, tcb.rto, Math.max(0, tcb.backoff - linear));
    core.arm(tcb, Timer.Retransmission, now + delay, Tm.SynRto, now);
  }
}

/** <SEQ=`at`><CTL=RST>, with an ACK where the state has one to give; the connection itself is the caller's to end. */
export function resetFrom(core: Core, tcb: Tcb, at: Seq, why: number, now: Micros): void {
  const { out } = core;
  const { adv } = tcb.rcv;
  prepare(core, tcb, at, now);
  tcb.rcv.adv = adv; // it offers no window
  // RFC 9293 s3.5.2: a reset that answers an ACK takes its number from it, and acknowledges nothing.
  const answer = why === Tx.RstUnacceptableAck || why === Tx.RstDataAfterClose || why === Tx.RstListenBacklog || why === Tx.RstUnlingering;
  out.flags = answer ? RST : RST | ACK | (has(tcb, Flag.AccurateEcn) && tcb.state !== State.SynSent ? aceFlags(tcb) : 0);
  if (answer) out.ack = seq(0);
  if (why === Tx.RstUnacceptableAck) out.hasTimestamp &&= core.policy.resetStamped;
  out.wnd = 0;
  out.sackCount = 0;
  out.counterCount = -1;
  // Nothing is agreed before the SYN of the peer: RFC 7323 s3.2.
  if (tcb.state === State.SynSent) out.hasTimestamp = false;
  transmit(core, tcb, tcb.local, tcb.remote, tcb.options.ttl, 0, 0, 0, why, core.cause.id, now);
  tcb.segmentsSent += 1;
}

/** Everything that all segments of a connection after the handshake have in common. */
function prepare(core: Core, tcb: Tcb, from: Seq, now: Micros): void {
  const { out } = core;
  const { rcv } = tcb;
  address(tcb, out);
  out.seq = from;
  out.ack = rcv.nxt;
  out.flags = has(tcb, Flag.EchoMark) ? ACK | ECE : ACK;
  out.ecn = EcnField.NotEct;
  out.wnd = windowField(core, tcb);
  out.up = 0;
  out.len = 0;
  out.mss = 0; // (MUST-65)
  out.windowScale = -1;
  out.sackPermitted = false;
  out.hasTimestamp = has(tcb, Flag.Timestamps);
  if (out.hasTimestamp) {
    out.tsVal = timestampNow(core, tcb, now);
    out.tsEcr = rcv.tsRecent;
  }
  out.sackCount = 0;
  out.counterCount = -1;
  if (rcv.dsack || rcv.recentCount > 0) sackBlocks(core, tcb);
  if (has(tcb, Flag.AccurateEcn) && tcb.state !== State.SynSent) tellMarks(core, tcb, now);
}

/** RFC 9768 s3.2: the ACE field of every segment, the option where it is due and has room. */
function tellMarks(core: Core, tcb: Tcb, now: Micros): void {
  const { out } = core;
  out.flags = ACK | aceFlags(tcb);
  // Deviation: ect-everywhere
  if (core.policy.ectEverywhere && has(tcb, Flag.Ect)) out.ecn = EcnField.Ect0;
  out.sackCount = blocksBeside(core, tcb, out.sackCount, now);
  const counters = countersBeside(core, tcb, out.sackCount, now);
  if (counters >= 0) putCounters(tcb, out, counters);
}

function address(tcb: Tcb, out: Segment): void {
  out.srcPort = tcb.localPort;
  out.dstPort = tcb.remotePort;
}

/** RFC 2018 s4 and RFC 2883 s4: the duplicate first, then the newest range, then those reported before; as many as fit. */
function sackBlocks({ out, policy }: Core, tcb: Tcb): void {
  const { rcv, outOfOrder } = tcb;
  if (!has(tcb, Flag.Sack)) return;
  const most = maxSackBlocks(tcb);
  let n = 0;
  if (rcv.dsack && most > 0) {
    out.sack[0] = rcv.dsackLeft;
    out.sack[1] = rcv.dsackRight;
    n = 1;
  }
  for (let i = 0; i < rcv.recentCount && n < most; i++) {
    const left = rcv.recent[i]! as Seq;
    const range = outOfOrder.indexOf(left);
    if (range < 0 && !isLoneFin(tcb, left)) continue;
    const right = range < 0 ? left : outOfOrder.right(range);
    out.sack[2 * n] = range < 0 ? left : outOfOrder.left(range);
    out.sack[2 * n + 1] = rcv.finSeen && right === rcv.fin && policy.sacksControl ? seqAdd(right, 1) : right;
    n += 1;
  }
  out.sackCount = n;
}

/** Four blocks, or three beside timestamps (RFC 2018 s3); fewer when the packets of this path are tiny. */
const maxSackBlocks = (tcb: Tcb): number => Math.min(has(tcb, Flag.Timestamps) ? 3 : 4, Math.floor((tcb.snd.mss - 8) / 8) - 1);

/** Octets of a full segment that the SACK option takes (MUST-16: what the options take, the text has not). */
function sackRoom(tcb: Tcb): number {
  const blocks = blocksDue(tcb);
  return blocks > 0 ? 4 + 8 * blocks : 0;
}

/** Those that SACK and AccECN options take. */
function markRoom(core: Core, tcb: Tcb, now: Micros): number {
  const blocks = blocksBeside(core, tcb, blocksDue(tcb), now);
  const counters = countersBeside(core, tcb, blocks, now);
  return counters < 0 ? sackRoom(tcb) : countersAndSack(counters, blocks);
}

function blocksDue(tcb: Tcb): number {
  const { rcv } = tcb;
  if (!has(tcb, Flag.Sack) || (!rcv.dsack && rcv.recentCount === 0)) return 0;
  return Math.min(maxSackBlocks(tcb), rcv.recentCount + (rcv.dsack ? 1 : 0));
}

/** The urgent pointer names the octet after the urgent data (MUST-62), as far as 16 bits reach. */
function urgent(tcb: Tcb, out: Segment, from: Seq): void {
  const ahead = seqDiff(tcb.snd.up, from);
  if (ahead <= 0) return;
  out.flags |= URG;
  out.up = Math.min(ahead, 0xffff);
}

/** Sends what is prepared, and notes that it carried whatever ACK was owed. `cut`: octets of text in each segment that the link makes of it. */
function send(core: Core, tcb: Tcb, ahead: number, length: number, cut: number, why: number, cause: number, now: Micros): boolean {
  const { out } = core;
  const { rcv } = tcb;
  out.len = length + (out.flags & FIN ? 1 : 0);
  if (!transmit(core, tcb, tcb.local, tcb.remote, tcb.options.ttl, ahead, length, cut, why, cause || core.cause.id, now)) {
    core.arm(tcb, Timer.SwsOverride, now + NO_BUFFERS_RETRY, Tm.SwsOverride, now);
    return false;
  }
  tcb.segmentsSent += 1;
  const blocks = out.counterCount >= 0 ? countersAndSack(out.counterCount, out.sackCount) : out.sackCount > 0 ? 4 + 8 * out.sackCount : 0;
  const size = packetSize(tcb, Math.min(length, cut)) + blocks;
  if (size > tcb.snd.sentSize) tcb.snd.sentSize = size;
  tcb.lastSentAt = now;
  if (has(tcb, Flag.AccurateEcn)) toldMarks(tcb, out, rcv.dsack, now);
  rcv.lastAckSent = rcv.nxt;
  rcv.unacked = 0;
  rcv.dsack = false;
  tcb.flags &= ~Flag.Postponed;
  if (tcb.owes & (Owe.Ack | Owe.DelayedAck)) noteAckSent(core, tcb);
  tcb.owes &= ~(Owe.Ack | Owe.DelayedAck | Owe.Window);
  if (tcb.ackAt !== NEVER) core.arm(tcb, Timer.DelayedAck, NEVER, Tm.DelayedAck, now);
  return true;
}

/** Timers that follow from what was sent and what was not. */
function armAfterText(core: Core, tcb: Tcb, hold: number, now: Micros): void {
  const { snd } = tcb;
  const { policy } = core;
  const outstanding = snd.una !== snd.nxt;
  const waiting = queued(tcb) > 0 || (has(tcb, Flag.FinQueued) && !has(tcb, Flag.FinSent));
  if (snd.wnd === 0 && (outstanding || waiting) && !(outstanding && policy.repairsProbe)) {
    // The window is closed: probes instead of retransmissions (RFC 9293 s3.8.6.1, MUST-35).
    if (!has(tcb, Flag.Persisting) || tcb.rexmitAt === NEVER) {
      tcb.flags |= Flag.Persisting;
      tcb.backoff = 0;
      if (!has(tcb, Flag.Orphan)) tcb.retries = 0; // nobody waits for an orphan for ever (RFC 6429 s4)
      core.arm(tcb, Timer.Persist, now + persistInterval(core, tcb), Tm.Persist, now);
    }
  } else if (outstanding && tcb.rexmitAt === NEVER) {
    core.arm(tcb, Timer.Retransmission, now + backedOff(tcb.options, tcb.rto, tcb.backoff, policy.rtoSlop), Tm.Rto, now); // RFC 6298 s5.1
  }
  armLossTimer(core, tcb, outstanding, now);
  const unanswered = (outstanding || waiting) && (has(tcb, Flag.Persisting) || !policy.patienceAfterTimeout);
  if (unanswered && tcb.options.userTimeout > 0 && tcb.userAt === NEVER)
    core.arm(tcb, Timer.UserTimeout, now + tcb.options.userTimeout, Tm.UserTimeout, now);
  const held = hold === Hold.Sws && !outstanding;
  if (held !== has(tcb, Flag.SwsArmed)) {
    tcb.flags ^= Flag.SwsArmed;
    const wait = policy.mssWithinWindow ? tcb.rto : policy.swsOverride;
    core.arm(tcb, Timer.SwsOverride, held ? now + wait : NEVER, Tm.SwsOverride, now);
  }
}

/** The reordering timer, or the loss probe's, beside the RTO: RFC 8985 s7.2, s8. */
function armLossTimer(core: Core, tcb: Tcb, outstanding: boolean, now: Micros): void {
  const { recovery } = tcb;
  const { policy } = core;
  const running = outstanding && !has(tcb, Flag.Persisting) && tcb.state !== State.SynReceived;
  if (running && recovery.reorderAt !== NEVER) {
    core.arm(tcb, Timer.Reordering, Math.max(now, recovery.reorderAt), Tm.Reordering, now);
  } else if (running && recovery.probeDue) {
    recovery.probeScheduled();
    // A single segment may be waiting for a delayed ACK.
    const delay = tcb.sent.count === 1 ? policy.probeAckDelay : policy.probeSlack;
    const interval = tcb.srtt > 0 ? 2 * tcb.srtt + delay : policy.rtoInitial;
    core.arm(tcb, Timer.LossProbe, Math.min(now + interval, tcb.rexmitAt), Tm.LossProbe, now);
  } else if (tcb.probeAt !== NEVER && !(running && tcb.probeKind === Timer.LossProbe && recovery.probeAllowed))
    core.arm(tcb, tcb.probeKind, NEVER, tcb.probeKind === Timer.LossProbe ? Tm.LossProbe : Tm.Reordering, now);
}
