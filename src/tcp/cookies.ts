/** SYN cookies: RFC 4987 s3.6. A listener whose SYN queue is full answers without remembering; the ACK brings back what it must know.
 *  What does not fit into a cookie (window scale, SACK, timestamps, ECN) is not agreed, but for AccECN, of which the ACK itself reminds. */
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
import { ACK, SYN } from "./segment.js";
import { State } from "./state.js";
import { transmit } from "./transmit.js";
import { initialWindowField, openReceiveWindow } from "./window.js";

export function sendCookie(core: Core, listener: Listener, datagram: Datagram, now: Micros): void {
  const { seg, out, secrets } = core;
  const local = datagram.destination;
  const remote = datagram.source;
  listener.cookiesUntil = now + COOKIE_LIFE;
  out.srcPort = seg.dstPort;
  out.dstPort = seg.srcPort;
  out.seq = secrets.cookie(local, seg.dstPort, remote, seg.srcPort, seg.seq, seg.mss === 0 ? 536 : seg.mss, now);
  out.ack = seqAdd(seg.seq, 1);
  out.flags = SYN | ACK | cookieFlags(core, seg);
  out.wnd = Math.min(0xffff, core.optionSets.at(listener.optionSet).receiveBuffer);
  out.up = 0;
  out.ecn = 0;
  out.len = 1;
  out.mss = announcedMss(core, remote, local);
  out.windowScale = -1;
  out.sackPermitted = false;
  out.hasTimestamp = false;
  out.sackCount = 0;
  out.cookieLength = -1;
  out.counterCount = -1;
  transmit(core, null, local, remote, core.policy.ttl, 0, 0, 0, Tx.SynCookie, core.cause.id, now);
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
  const mss = secrets.cookieMss(cookie, local, seg.dstPort, remote, seg.srcPort, irs, now);
  if (mss === 0) {
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
  openReceiveWindow(core, tcb);
  rcv.adv = seqAdd(rcv.nxt, initialWindowField(tcb));
  snd.peerMss = mss;
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
