/** What a segment carries: urgent pointer, text and FIN; RFC 9293 s3.10.7.4, sixth to eighth step, and the ACKs it earns
 *  (RFC 9293 s3.8.6.3, RFC 5681 s4.2, RFC 2018, RFC 2883). */
import type { Micros } from "../base/environment.js";
import { type Seq, seqAdd, seqDiff, seqGeq, seqGt, seqLt } from "../base/seq.js";
import { Drop, St, Tx } from "../base/why.js";
import { noteArrival } from "./autotune.js";
import { enterTimeWait } from "./closing.js";
import type { Core } from "./core.js";
import { measureSegment, oweAckOfFin, oweAckOfText, paceDelays } from "./delayed-ack.js";
import { TcpEvent } from "./events.js";
import { announcedMss } from "./path.js";
import { admits, catchUp, forgetAhead, growMemory, growThreshold, holdSegment, type ReceiveMemory } from "./receive-memory.js";
import type { Segment } from "./segment.js";
import { mayReceive, State } from "./state.js";
import { Flag, has, Owe, type Tcb } from "./tcb.js";

/** Octets of chunks that text out of order may hold in any case. */
const SPARSE_ALLOWANCE = 65_536;

/** Text [start, end) of the arena, which begins at `at` and lies in the window, not before RCV.NXT. */
export function receiveText(core: Core, tcb: Tcb, at: Seq, start: number, end: number, now: Micros): void {
  const { rcv, receiveQueue, outOfOrder } = tcb;
  const octets = end - start;
  const ahead = seqDiff(at, rcv.nxt);
  const right = seqAdd(at, octets);
  // What a link has merged is no segment of the peer's: RMSS is at most what we announced.
  const adaptive = core.policy.ackRule !== "fixed";
  if (adaptive) {
    if (rcv.memory !== null && !admits(core, tcb, rcv.memory, ahead === 0)) {
      core.drop(tcb, Drop.NoBuffers, now);
      if (ahead === 0) core.oweAck(tcb, Tx.AckZeroWindow);
      return;
    }
    measureSegment(core, tcb, core.seg.textEnd - core.seg.textStart);
  }
  if (octets > rcv.mss) rcv.mss = Math.min(octets, announcedMss(core, tcb.remote, tcb.local));

  if (rcv.finSeen && seqGt(right, rcv.fin)) {
    // Text beyond the peer's own FIN is nothing; what comes before it is good.
    core.tally.add(Drop.AfterClose);
    const beyond = Math.min(octets, seqDiff(right, rcv.fin));
    if (beyond < octets) receiveText(core, tcb, at, start, end - beyond, now);
    core.oweAck(tcb, Tx.AckUnacceptable);
    return;
  }
  if (ahead > 0) {
    tcb.outOfOrderSegments += 1;
    noteHeld(core, tcb, at, right);
    if (isTooSparse(core, tcb) || !outOfOrder.add(at, right)) {
      // What is not kept is not reported, or the sender would wait with it for a timeout. Deviation: sack-discarded
      core.drop(tcb, Drop.OutOfOrderLimit, now);
      core.oweAck(tcb, Tx.AckOutOfOrder);
      return;
    }
  }
  if (!receiveQueue.place(receiveQueue.length + ahead, start, octets)) {
    // No chunk: as if lost on the wire. What is in order goes before what is not: the holes give their memory back.
    if (ahead === 0 && outOfOrder.count > 0) {
      forgetOutOfOrder(tcb);
      if (receiveQueue.place(receiveQueue.length, start, octets)) return receiveText(core, tcb, at, start, end, now);
    }
    if (ahead > 0) forgetOutOfOrder(tcb);
    core.drop(tcb, Drop.NoBuffers, now);
    core.oweAck(tcb, Tx.AckOutOfOrder);
    return;
  }
  if (ahead > 0) {
    remember(tcb, at);
    if (rcv.memory !== null) keepAhead(core, tcb, rcv.memory, at, right);
    core.oweAck(tcb, Tx.AckOutOfOrder); // RFC 5681 s4.2: immediately
    return;
  }

  // In order: with it, what it makes contiguous.
  let contiguous = octets;
  const filled = outOfOrder.count > 0;
  if (filled) {
    noteHeld(core, tcb, at, right);
    const range = outOfOrder.indexOf(right);
    if (range >= 0) contiguous = seqDiff(outOfOrder.right(range), at);
  }
  receiveQueue.extend(contiguous);
  rcv.nxt = seqAdd(rcv.nxt, contiguous);
  rcv.unacked += contiguous;
  tcb.octetsReceived += contiguous;
  if (filled) {
    outOfOrder.removeBelow(rcv.nxt);
    forgetRecent(tcb);
  }
  noteArrival(core, tcb, octets, now);
  core.tell(tcb, TcpEvent.Readable);
  if (adaptive) {
    paceDelays(core, tcb, now);
    if (rcv.memory !== null) {
      holdSegment(core, rcv.memory, at, right, true);
      growThreshold(core, tcb, rcv.memory);
      catchUp(rcv.memory, rcv.nxt);
    }
  }
  if (filled || rcv.finSeen)
    core.oweAck(tcb, Tx.AckFill); // RFC 5681 s4.2: when it fills all or part of a gap
  else oweAckOfText(core, tcb, now);
  if (rcv.finSeen && rcv.nxt === rcv.fin) finInOrder(core, tcb, now);
}

/** Text that came with a SYN, [start, end) of the arena, waits for the end of the handshake. */
export function holdText(tcb: Tcb, start: number, end: number): void {
  const { rcv, receiveQueue, outOfOrder } = tcb;
  if (receiveQueue.place(receiveQueue.length, start, end - start)) outOfOrder.add(rcv.nxt, seqAdd(rcv.nxt, end - start));
}

/** What has waited is text like any other now. */
export function releaseText(core: Core, tcb: Tcb): void {
  const { rcv, receiveQueue, outOfOrder } = tcb;
  const range = outOfOrder.indexOf(rcv.nxt);
  if (range < 0) return;
  const octets = seqDiff(outOfOrder.right(range), rcv.nxt);
  receiveQueue.extend(octets);
  rcv.nxt = seqAdd(rcv.nxt, octets);
  rcv.unacked += octets;
  tcb.octetsReceived += octets;
  outOfOrder.removeBelow(rcv.nxt);
  tcb.owes |= Owe.DelayedAck;
  tcb.ackWhy = Tx.AckDelayTimer;
  tcb.ackCause = core.cause.id;
}

/** Text that is kept ahead of its time takes memory, shows how its sender fills it, and has its window grow beyond it. */
function keepAhead(core: Core, tcb: Tcb, memory: ReceiveMemory, left: Seq, right: Seq): void {
  if (has(tcb, Flag.Sack)) growThreshold(core, tcb, memory);
  holdSegment(core, memory, left, right, false);
  growMemory(core, tcb, memory, memory.space);
}

/** Text ahead of its time may not take the last quarter of the memory, nor much more of it than it has octets: whoever sends single
 *  octets far apart gets no chunk for each. */
function isTooSparse(core: Core, tcb: Tcb): boolean {
  const { chunks } = core.memory;
  if (chunks.available * 4 < chunks.count) return true;
  return tcb.receiveQueue.chunksHeld * chunks.size > 4 * (tcb.receiveQueue.length + tcb.outOfOrder.octets) + SPARSE_ALLOWANCE;
}

/** The FIN occupies `at`. */
export function receiveFin(core: Core, tcb: Tcb, at: Seq, now: Micros): void {
  const { rcv } = tcb;
  if (tcb.state === State.SynReceived || tcb.state === State.SynSent) return;
  if (rcv.finSeen && core.policy.sacksControl && seqGeq(at, rcv.nxt) && seqGt(rcv.nxt, rcv.fin)) return core.tally.add(Drop.AfterClose);
  if (tcb.state === State.TimeWait || rcv.finSeen) {
    // Once more: acknowledged, and nothing else.
    if (core.policy.sacksControl && at === rcv.fin) noteFinAgain(core, tcb, at);
    if (!core.policy.silentBeyondFin || mayReceive(tcb.state)) core.oweAck(tcb, Tx.AckFin);
    return;
  }
  const { outOfOrder } = tcb;
  if (seqLt(at, rcv.nxt) || (outOfOrder.count > 0 && seqGt(outOfOrder.right(outOfOrder.count - 1), at))) {
    // Text that is here already lies beyond it: one of the two is not the peer's.
    core.drop(tcb, Drop.AfterClose, now);
    core.oweAck(tcb, Tx.AckUnacceptable);
    return;
  }
  rcv.fin = at;
  rcv.finSeen = true;
  if (at === rcv.nxt) finInOrder(core, tcb, now);
  else {
    if (core.policy.sacksControl && isLoneFin(tcb, at)) recall(tcb, at);
    core.oweAck(tcb, Tx.AckOutOfOrder); // it waits for the text before it
  }
}

/** All before the FIN is here: RFC 9293 s3.10.7.4, eighth step. */
function finInOrder(core: Core, tcb: Tcb, now: Micros): void {
  const { rcv } = tcb;
  rcv.nxt = seqAdd(rcv.nxt, 1);
  rcv.unacked += 1;
  if (tcb.state === State.Established) oweAckOfFin(core, tcb, now);
  else core.oweAck(tcb, Tx.AckFin);
  if (tcb.owes & Owe.Ack) tcb.ackWhy = Tx.AckFin; // whatever its text has earned already
  core.tell(tcb, TcpEvent.PeerClosed | TcpEvent.Readable);
  switch (tcb.state) {
    case State.Established:
      core.enter(tcb, State.CloseWait, St.RcvFin, now);
      return;
    case State.FinWait1:
      // Our FIN is not acknowledged, or this segment would have brought us to FIN-WAIT-2.
      core.enter(tcb, State.Closing, St.RcvFin, now);
      return;
    case State.FinWait2:
      enterTimeWait(core, tcb, St.RcvFin, now);
      return;
    default:
      return;
  }
}

/** RCV.UP = max(RCV.UP, SEG.UP): the urgent pointer names the octet after the urgent data (MUST-62, RFC 6093). */
export function receiveUrgent(core: Core, tcb: Tcb, seg: Segment): void {
  const up = seqAdd(seg.seq, seg.up);
  if (!seqGt(up, tcb.rcv.up) || !seqGt(up, tcb.rcv.nxt)) return;
  // It may point as far ahead as it likes (MUST-31), not beyond what a sequence comparison can order.
  tcb.rcv.up = up;
  core.tell(tcb, TcpEvent.Urgent);
}

/** A FIN that is here already ends the duplicate in front of it, or is one. */
function noteFinAgain(core: Core, tcb: Tcb, at: Seq): void {
  if (tcb.rcv.dsack && tcb.rcv.dsackRight === at) tcb.rcv.dsackRight = seqAdd(at, 1);
  else noteDuplicate(core, tcb, at, seqAdd(at, 1));
}

/** [left, right) came although it is here already: the next ACK says so once (RFC 2883 s4). */
export function noteDuplicate(core: Core, tcb: Tcb, left: Seq, right: Seq): void {
  if (!has(tcb, Flag.Sack) || !core.policy.duplicateSack || !seqLt(left, right)) return;
  tcb.rcv.dsack = true;
  tcb.rcv.dsackLeft = left;
  tcb.rcv.dsackRight = right;
}

/** The part of [at, right) that is held out of order already, if any, is a duplicate (RFC 2883 s4.2). */
function noteHeld(core: Core, tcb: Tcb, at: Seq, right: Seq): void {
  const { outOfOrder } = tcb;
  if (!outOfOrder.overlaps(at, right)) return;
  const i = outOfOrder.after(at);
  const left = seqGt(outOfOrder.left(i), at) ? outOfOrder.left(i) : at;
  const end = seqLt(outOfOrder.right(i), right) ? outOfOrder.right(i) : right;
  // One segment is reported by one block: by its first octets that are here twice, and what follows them directly (RFC 2883 s4).
  if (!tcb.rcv.dsack) noteDuplicate(core, tcb, left, end);
  else if (tcb.rcv.dsackRight === left) tcb.rcv.dsackRight = end;
}

/** RFC 2018 s4: the first block is the most recent, the others repeat those before it. */
function remember(tcb: Tcb, at: Seq): void {
  recall(tcb, tcb.outOfOrder.left(tcb.outOfOrder.indexOf(at)));
}

function recall(tcb: Tcb, left: Seq): void {
  const { rcv, outOfOrder } = tcb;
  const { recent } = rcv;
  let to = 0;
  for (let i = 0; i < rcv.recentCount; i++) {
    const known = recent[i]! as Seq;
    const range = outOfOrder.indexOf(known);
    const first = range >= 0 ? outOfOrder.left(range) : known;
    if (first !== left && (range >= 0 || isLoneFin(tcb, known))) recent[to++] = first;
  }
  to = Math.min(to, recent.length - 1);
  recent.copyWithin(1, 0, to);
  recent[0] = left;
  rcv.recentCount = to + 1;
}

/** Ranges that have become contiguous are no longer reported. */
function forgetRecent(tcb: Tcb): void {
  const { rcv, outOfOrder } = tcb;
  let to = 0;
  for (let i = 0; i < rcv.recentCount; i++) {
    const left = rcv.recent[i]! as Seq;
    if (outOfOrder.indexOf(left) >= 0 || isLoneFin(tcb, left)) rcv.recent[to++] = left;
  }
  rcv.recentCount = to;
}

/** Is it the place of a FIN that has come before all the text in front of it, and that ends no range? */
export function isLoneFin({ rcv, outOfOrder }: Tcb, at: Seq): boolean {
  if (!rcv.finSeen || at !== rcv.fin || !seqGt(at, rcv.nxt)) return false;
  return outOfOrder.count === 0 || outOfOrder.right(outOfOrder.count - 1) !== at;
}

/** Gives up what is held out of order: the peer still has it (RFC 2018 s8 lets a receiver renege). */
function forgetOutOfOrder(tcb: Tcb): void {
  tcb.outOfOrder.clear();
  if (tcb.rcv.memory !== null) forgetAhead(tcb.rcv.memory);
  tcb.rcv.recentCount = 0;
  tcb.receiveQueue.trim();
}
