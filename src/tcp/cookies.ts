/** SYN cookies: RFC 4987 s3.6. A listener whose SYN queue is full answers without remembering; the ACK brings back what it must know.
 *  What a cookie does not hold is not agreed: ECN, but for AccECN, of which the ACK itself reminds; and unless policy spends bits of the hash on
 *  them, or of a timestamp that goes with it, window scale, SACK and timestamps. */
import type { Micros } from "../base/environment.js";
import { seqAdd } from "../base/seq.js";
import { Drop, St, Tx } from "../base/why.js";
import type { Datagram } from "../ip/network.js";
import { isGreedy, makeRoom, mayMakeRoom } from "./admission.js";
import { arrivesSynchronized } from "./arrives-synchronized.js";
import type { Core } from "./core.js";
import { cookieFlags, recallEcn } from "./ecn.js";
import { COOKIE_LIFE } from "./isn.js";
import type { Listener } from "./listener.js";
import { announcedMss, effectiveMss } from "./path.js";
import { tickOf } from "./rtt.js";
import { ACK, type Segment, SYN } from "./segment.js";
import { State } from "./state.js";
import { Flag, type Tcb } from "./tcb.js";
import { transmit } from "./transmit.js";
import { initialWindow, openReceiveWindow, scaleFor } from "./window.js";

/** The MSS values that a cookie can remember: what SYNs announce in practice. */
const MSS = [536, 1_220, 1_300, 1_360, 1_400, 1_440, 1_460, 8_960] as const;
/** Likewise shift counts; -1: no option. */
const SCALES = [-1, 0, 1, 2, 4, 6, 7, 8] as const;
/** Three bits for the MSS; three for the shift count and one for SACK. Timestamps are in the ACK itself. */
const MSS_BITS = 3;
const OPTION_BITS = 4;
const SACK_BIT = 64;
/** The last bits of a timestamp instead: the shift count, and SACK. */
const STAMP_BITS = 0x3f;
const STAMP_NO_SCALE = 0xf;
const STAMP_SACK = 0x10;

const widthOf = (core: Core): number => (core.policy.cookieOptions === "cookie" ? MSS_BITS + OPTION_BITS : MSS_BITS);

/** The last of `table` that is no larger, or the first. */
function indexOf(table: readonly number[], value: number): number {
  let index = table.length - 1;
  while (index > 0 && table[index]! > value) index -= 1;
  return index;
}

/** An MSS as the last three bits of a cookie, and back: the largest of the table that is no larger, or the least. */
export const mssBits = (mss: number): number => indexOf(MSS, mss);
export const mssOf = (bits: number): number => MSS[bits & 7]!;

export function sendCookie(core: Core, listener: Listener, datagram: Datagram, now: Micros): void {
  const { seg, out, secrets } = core;
  const { policy } = core;
  const local = datagram.destination;
  const remote = datagram.source;
  const options = core.optionSets.at(listener.optionSet);
  const stamps = policy.timestamps && seg.hasTimestamp;
  const inStamp = policy.cookieOptions === "timestamp";
  const agrees = inStamp ? stamps : policy.cookieOptions === "cookie";
  const scales = agrees && policy.windowScaling && seg.windowScale >= 0;
  const sack = agrees && policy.sack && seg.sackPermitted;
  const bits =
    mssBits(seg.mss === 0 ? policy.mssDefault : seg.mss) |
    (scales && !inStamp ? indexOf(SCALES, seg.windowScale) << MSS_BITS : 0) |
    (sack && !inStamp ? SACK_BIT : 0);
  listener.cookiesUntil = now + COOKIE_LIFE;
  out.srcPort = seg.dstPort;
  out.dstPort = seg.srcPort;
  out.seq = secrets.cookie(local, seg.dstPort, remote, seg.srcPort, seg.seq, bits, widthOf(core), now);
  out.ack = seqAdd(seg.seq, 1);
  out.flags = SYN | ACK | cookieFlags(core, seg);
  out.wnd = Math.min(0xffff, options.receiveBuffer);
  out.up = 0;
  out.ecn = 0;
  out.len = 1;
  out.mss = announcedMss(core, remote, local);
  out.windowScale = scales ? scaleFor(core, options) : -1;
  out.sackPermitted = sack;
  out.hasTimestamp = agrees && stamps;
  out.tsVal = tickOf(core, secrets.timestampOffset(local, seg.dstPort, remote, seg.srcPort), now);
  if (inStamp) out.tsVal = stampWith(out.tsVal, (scales ? seg.windowScale : STAMP_NO_SCALE) | (sack ? STAMP_SACK : 0));
  out.tsEcr = seg.tsVal;
  out.sackCount = 0;
  out.cookieLength = -1;
  out.counterCount = -1;
  transmit(core, null, local, remote, policy.ttl, 0, 0, 0, Tx.SynCookie, core.cause.id, now);
}

/** The ACK in `core.seg` may return a cookie: then there is a connection in SYN-RECEIVED, and the segment is its first. True when
 *  the segment has been dealt with. */
export function acceptCookie(core: Core, listener: Listener, datagram: Datagram, now: Micros): boolean {
  const { seg, secrets } = core;
  if (now > listener.cookiesUntil) return false;
  const local = datagram.destination;
  const remote = datagram.source;
  const cookie = seqAdd(seg.ack, -1);
  const irs = seqAdd(seg.seq, -1);
  const bits = secrets.cookieBits(cookie, local, seg.dstPort, remote, seg.srcPort, irs, widthOf(core), now);
  if (bits < 0) {
    core.tally.add(Drop.BadCookie);
    return false;
  }
  if (listener.full) {
    core.drop(null, Drop.ListenOverflow, now);
    return true;
  }
  if (isGreedy(core, remote)) {
    core.drop(null, Drop.SourceShare, now);
    return true;
  }
  if (mayMakeRoom(core, listener)) makeRoom(core, listener, now);
  const tcb = core.createPassive(listener, local, seg.dstPort, remote, seg.srcPort, now);
  if (tcb === null) {
    core.drop(null, Drop.TableFull, now);
    return true;
  }
  const { snd, rcv } = tcb;
  tcb.iss = cookie;
  tcb.irs = irs;
  tcb.tsOffset = secrets.timestampOffset(local, seg.dstPort, remote, seg.srcPort);
  snd.una = cookie;
  snd.nxt = seqAdd(cookie, 1);
  snd.text = snd.nxt;
  snd.up = cookie;
  snd.wl1 = irs;
  rcv.nxt = seg.seq;
  rcv.up = seg.seq;
  rcv.lastAckSent = seg.seq;
  recallEcn(core, tcb, seg);
  if (core.policy.cookieOptions === "cookie") recallOptions(core, tcb, seg, SCALES[(bits >> MSS_BITS) & 7]!, (bits & SACK_BIT) !== 0, now);
  else if (core.policy.cookieOptions === "timestamp" && core.policy.timestamps && seg.hasTimestamp) {
    const scale = seg.tsEcr & STAMP_NO_SCALE;
    recallOptions(core, tcb, seg, scale === STAMP_NO_SCALE ? -1 : scale, (seg.tsEcr & STAMP_SACK) !== 0, now);
  }
  openReceiveWindow(core, tcb);
  rcv.adv = seqAdd(rcv.nxt, initialWindow(core, tcb));
  snd.peerMss = mssOf(bits);
  tcb.pathEpoch = core.network.epoch;
  snd.mss = effectiveMss(core, tcb, now);
  tcb.cc.begin(snd.mss, core.policy, false);
  core.beginRecovery(tcb, cookie);
  listener.halfOpen += 1;
  core.enter(tcb, State.SynReceived, St.CookieAccepted, now);
  core.touch(tcb);
  arrivesSynchronized(core, tcb, seg, now);
  return true;
}

/** The last moment that is not later than `tick` and ends in these bits. */
function stampWith(tick: number, bits: number): number {
  const stamp = (tick & ~STAMP_BITS) | bits;
  return ((stamp - tick) | 0) > 0 ? (stamp - STAMP_BITS - 1) | 0 : stamp;
}

/** What is remembered of the options of the SYN; who has agreed on timestamps sends them with every segment. */
function recallOptions(core: Core, tcb: Tcb, seg: Segment, scale: number, sack: boolean, now: Micros): void {
  const { snd, rcv } = tcb;
  if (core.policy.timestamps && seg.hasTimestamp) {
    tcb.flags |= Flag.Timestamps;
    rcv.tsRecent = seg.tsVal;
    rcv.tsRecentAt = now;
  }
  if (sack) tcb.flags |= Flag.Sack;
  if (scale < 0) return;
  tcb.flags |= Flag.WindowScale;
  snd.scale = scale;
}
