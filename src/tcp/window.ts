/** The receive window: what we offer, and when a larger one is worth a segment. RFC 9293 s3.8.6.2.2, RFC 7323 s2. */
import { type Seq, seqAdd, seqDiff, seqGt, seqMax } from "../base/seq.js";
import type { ConnectionOptions } from "./connection-options.js";
import type { Core } from "./core.js";
import { firstOffer, memoryField, memoryUpdateIsDue, scaleForMemory } from "./receive-memory.js";
import { MAX_WINDOW_SCALE } from "./segment.js";
import { freeOctets, receiveShare } from "./share.js";
import { State } from "./state.js";
import { Flag, has, type Tcb } from "./tcb.js";

/** The Rcv.Wind.Shift by which the receive buffer can be offered as large as it may become. */
export const wantedScale = (core: Core, tcb: Tcb): number =>
  tcb.rcv.memory === null ? scaleFor(core, tcb.options) : scaleForMemory(core, tcb.rcv.memory);

export function scaleFor(core: Core, { receiveBuffer, receiveTuning }: ConnectionOptions): number {
  const most = receiveTuning ? Math.max(receiveBuffer, core.policy.receiveBufferMost) : receiveBuffer;
  let scale = 0;
  while (scale < MAX_WINDOW_SCALE && 0xffff << scale < most) scale += 1;
  return scale;
}

export function openReceiveWindow(core: Core, tcb: Tcb): void {
  tcb.rcv.scale = has(tcb, Flag.WindowScale) ? wantedScale(core, tcb) : 0;
}

/** What is offered with the handshake. The window of a SYN or SYN,ACK, which is never scaled (RFC 7323 s2.2), may be too small to say it. */
export function initialWindow(core: Core, tcb: Tcb): number {
  const { memory, buffer } = tcb.rcv;
  return memory === null ? Math.min(0xffff, buffer) : firstOffer(core, tcb, memory);
}

/** RCV.WND: what the peer may still send. */
export const receiveWindow = (tcb: Tcb): number => Math.max(0, seqDiff(tcb.rcv.adv, tcb.rcv.nxt));

/** What of the sequence space beyond RCV.NXT is taken: what was offered, and where policy says so all for which there is room. */
export function acceptedWindow(core: Core, tcb: Tcb): number {
  const offered = receiveWindow(tcb);
  if (tcb.state === State.SynReceived && has(tcb, Flag.Passive)) return offered;
  return core.policy.windowFollowsRoom ? Math.max(offered, tcb.rcv.buffer - tcb.receiveQueue.length) : offered;
}

/** Octets for which there is room now, as far as the field can say. When chunks run short, what is not promised yet is not promised. */
function room(core: Core, tcb: Tcb): number {
  const { rcv } = tcb;
  const unused = freeOctets(core);
  const free = Math.min(rcv.buffer, receiveShare(unused)) - tcb.receiveQueue.length;
  return Math.max(0, Math.min(free, unused, 0xffff << rcv.scale));
}

/** The window field for a segment that leaves now; the right edge moves by SWS avoidance and never retreats (SHLD-14). */
export function windowField(core: Core, tcb: Tcb): number {
  const { rcv } = tcb;
  if (rcv.memory !== null) return memoryField(core, tcb, rcv.memory);
  const free = room(core, tcb);
  if (core.policy.windowFollowsRoom) return roomField(tcb, free); // Deviation: window-room
  let edge = seqAdd(rcv.nxt, free);
  // RFC 9293 s3.8.6.2.2: keep the right edge until it can move by min(Fr * RCV.BUFF, Eff.snd.MSS), Fr = 1/2 (MUST-39).
  if (!seqGt(edge, rcv.adv) || seqDiff(edge, rcv.adv) < worthwhile(tcb)) edge = rcv.adv;
  const unit = 1 << rcv.scale;
  const field = Math.min(0xffff, Math.max(0, seqDiff(edge, rcv.nxt)) >> rcv.scale);
  // What was once promised stays promised, although the shift rounds it down now (RFC 7323 s2.4).
  rcv.adv = seqMax(rcv.adv, seqAdd(rcv.nxt, field * unit));
  return field;
}

/** All the room there is, in every segment; but none where it is less than a segment and a quarter of the buffer (MUST-39). What the
 *  shift cannot say is rounded up: the buffer has that much to spare. */
function roomField(tcb: Tcb, free: number): number {
  const { rcv } = tcb;
  const offered = free < tcb.rcv.buffer >> 2 && free < tcb.snd.mss ? 0 : free;
  const unit = 1 << rcv.scale;
  const now = Math.min(0xffff, Math.ceil(offered / unit));
  rcv.adv = seqMax(rcv.adv, seqAdd(rcv.nxt, now * unit));
  // What was promised before is said rounded down: rounded up it would grow with every segment that comes.
  return Math.max(now, Math.min(0xffff, receiveWindow(tcb) >> rcv.scale));
}

/** Has the window grown so much since the last segment that the sender should hear of it? At least as much as SWS avoidance
 *  asks, and twice what it has or half of the buffer, so that a reader of single octets does not make a stream of ACKs. */
export function updateIsDue(core: Core, tcb: Tcb): boolean {
  const { rcv } = tcb;
  if (rcv.memory !== null) return memoryUpdateIsDue(core, tcb, rcv.memory);
  const edge: Seq = seqAdd(rcv.nxt, room(core, tcb));
  const gain = seqDiff(edge, rcv.adv);
  if (core.policy.updatesByQuarter) return quarterIsFree(core, tcb, gain);
  if (gain < worthwhile(tcb)) return false;
  return gain >= receiveWindow(tcb) || gain >= rcv.buffer >> 1;
}

/** Two segments, where that is a quarter of the buffer, or the buffer is small or nearly full; or half of the buffer in any case. */
function quarterIsFree(core: Core, tcb: Tcb, gain: number): boolean {
  const { rcv, snd } = tcb;
  if (gain >> rcv.scale === 0) return false;
  if (2 * gain >= rcv.buffer) return true;
  const short = 8 * room(core, tcb) <= rcv.buffer || rcv.buffer <= 8 * snd.mss;
  return gain >= 2 * snd.mss && (4 * gain >= rcv.buffer || short);
}

const worthwhile = (tcb: Tcb): number => Math.max(1, Math.min(tcb.rcv.buffer >> 1, Math.max(tcb.rcv.mss, tcb.snd.mss)));
