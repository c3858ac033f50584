/** Fast Open in the handshake: what a SYN asks for or brings, what the answer teaches. RFC 7413 s4.2. */
import type { Micros } from "../base/environment.js";
import { seqAdd, seqDiff, seqGt } from "../base/seq.js";
import type { Datagram } from "../ip/network.js";
import type { Core } from "./core.js";
import { FastOpen, isCookieOf, isPossibleCookie, writeCookieOf } from "./fast-open.js";
import type { Listener } from "./listener.js";
import { announcedMss } from "./path.js";
import { HEADER_MIN, headerLength, type Segment } from "./segment.js";
import { State } from "./state.js";
import type { Tcb } from "./tcb.js";

const IP_HEADER = 20;

/** The port by which servers are told apart, where policy tells them so. */
const portOf = (core: Core, tcb: Tcb): number => (core.policy.fastOpenByPort ? tcb.remotePort : 0);

/** Puts the option into our SYN, and returns how many octets of text go with it. A SYN that goes again goes without (s4.1.3.1, s4.2.1). */
export function offerFastOpen(core: Core, tcb: Tcb, out: Segment, again: boolean, now: Micros): number {
  out.cookieLength = -1;
  if ((tcb.fastOpen & FastOpen.Wanted) === 0 || again) return 0;
  const text = Math.min(tcb.sendQueue.length, prepareOption(core, tcb, out, now));
  if (out.cookieLength >= 0) tcb.fastOpen |= FastOpen.Asked;
  if (out.cookieLength >= 0 && out.cookieExperimental) tcb.fastOpen |= FastOpen.Experimental;
  if (core.fastOpenMemory.onProbation) tcb.fastOpen |= FastOpen.Probation;
  return text;
}

/** Octets of text that the SYN, which has not left yet, will have room for. */
export function synRoom(core: Core, tcb: Tcb, now: Micros): number {
  const wanted = tcb.state === State.SynSent && tcb.snd.nxt === tcb.iss && (tcb.fastOpen & FastOpen.Wanted) !== 0;
  return wanted ? prepareOption(core, tcb, core.out, now) : 0;
}

/** The option, and how much text may go beside it. */
function prepareOption(core: Core, tcb: Tcb, out: Segment, now: Micros): number {
  const { policy, fastOpenMemory } = core;
  out.cookieLength = -1;
  if (!policy.fastOpenClient) return 0;
  if (fastOpenMemory.paused(policy.fastOpenPause, now)) return 0;
  const blind = policy.fastOpenClientBlind || tcb.options.fastOpenNoCookie;
  if (!blind) {
    fastOpenMemory.recall(tcb.local, tcb.remote, portOf(core, tcb), out, now);
    if (out.cookieLength <= 0) return 0;
  }
  // The MSS that the server announced last time, or what our own link would make of it (s4.2.1).
  const known = fastOpenMemory.mssOf(tcb.local, tcb.remote, portOf(core, tcb)) || announcedMss(core, tcb.remote, tcb.local);
  const options = policy.fastOpenOptionRoom > 0 ? policy.fastOpenOptionRoom : headerLength(out, policy.optionStyle) - HEADER_MIN;
  const room = Math.min(known, tcb.pathMtu - IP_HEADER - HEADER_MIN) - options;
  return Math.max(0, room);
}

/** Text has left in our SYN, which makes an IP packet of so many octets. */
export function sentInSyn(tcb: Tcb, octets: number, packet: number): void {
  tcb.fastOpen |= FastOpen.SynData;
  tcb.snd.sentSize = packet;
  tcb.snd.nxt = seqAdd(tcb.iss, 1 + octets);
  tcb.octetsSent += octets;
}

/** A SYN,ACK that acknowledges our SYN: the cookie that it brings, or the lack of one, is remembered. */
export function heardSynAck(core: Core, tcb: Tcb, seg: Segment, now: Micros): void {
  const { policy, fastOpenMemory } = core;
  if ((tcb.fastOpen & (FastOpen.Asked | FastOpen.SynData)) === 0) return; // unsolicited cookies are ignored
  const port = portOf(core, tcb);
  const withText = (tcb.fastOpen & FastOpen.SynData) !== 0;
  const textTaken = seqGt(seg.ack, seqAdd(tcb.iss, 1));
  if (withText && seg.ack === tcb.snd.nxt) tcb.fastOpen |= FastOpen.SynDataAcked;
  if ((tcb.fastOpen & FastOpen.Asked) === 0) return;
  if (isPossibleCookie(seg.cookieLength)) return fastOpenMemory.learn(tcb.local, tcb.remote, port, seg);
  if (policy.fastOpenRefusal > 0 && !textTaken) return fastOpenMemory.refuse(tcb.local, tcb.remote, port, now + policy.fastOpenRefusal);
  // Neither a cookie nor our text: what arrived was the SYN sent again, so the first was lost, maybe for its option.
  if (policy.fastOpenForgets && withText && tcb.retries > 0 && seg.cookieLength < 0)
    return fastOpenMemory.forget(tcb.local, tcb.remote, port);
  const asked = !withText && tcb.retries === 0 && seg.cookieLength !== 0;
  fastOpenMemory.heard(
    tcb.local,
    tcb.remote,
    port,
    seg.mss,
    asked && policy.fastOpenExperimental && !(tcb.fastOpen & FastOpen.Experimental),
  );
}

/** What a listener makes of the option in a SYN, and of its lack: bits of `FastOpen`, 0: an ordinary handshake. */
export function judgeFastOpen(core: Core, listener: Listener, seg: Segment, datagram: Datagram): number {
  const { policy } = core;
  const most = listener.fastOpen;
  const text = seg.textEnd > seg.textStart;
  if (!policy.fastOpenServer || most === 0 || (!text && seg.cookieLength < 0)) return 0;
  if (listener.early >= most) return 0; // s5.1: the limit on pending requests; beyond it, as if Fast Open were not there
  // Who needs no cookie gets none.
  if (policy.fastOpenServerBlind || core.optionSets.at(listener.optionSet).fastOpenNoCookie) return FastOpen.Early;
  if (seg.cookieLength < 0 || (seg.cookieLength > 0 && !isPossibleCookie(seg.cookieLength))) return 0; // s4.1.1
  const due = seg.cookieExperimental ? FastOpen.CookieDueExperimental : FastOpen.CookieDue;
  if (seg.cookieLength === 0) return due;
  const keys = listener.cookieKeys ?? core.cookieKeys;
  for (let i = 0; i < keys.length; i++)
    // A cookie of the key before this one is good, and a new one comes along (s4.1.2, key rotation).
    if (isCookieOf(keys[i]!, datagram.source, datagram.destination, seg)) return i === 0 ? FastOpen.Early : FastOpen.Early | due;
  return due; // not ours: the right one comes with the SYN,ACK
}

/** Puts the cookie that is due into a SYN,ACK, once: what is lost may be so for its option, as a SYN may (s4.1.3.1). */
export function grantCookie(core: Core, tcb: Tcb, out: Segment, again: boolean): void {
  out.cookieLength = -1;
  if (again || (tcb.fastOpen & (FastOpen.CookieDue | FastOpen.CookieDueExperimental)) === 0) return;
  const keys = core.listener(tcb.listener)?.cookieKeys ?? core.cookieKeys;
  writeCookieOf(keys[0]!, tcb.remote, tcb.local, out);
  out.cookieExperimental = (tcb.fastOpen & FastOpen.CookieDueExperimental) !== 0;
}

/** Takes what the handshake has acknowledged of the text in our SYN; the rest goes again at once. */
export function settleSynText(tcb: Tcb, seg: Segment): void {
  const { snd } = tcb;
  if ((tcb.fastOpen & FastOpen.SynData) === 0) return;
  const taken = Math.min(Math.max(0, seqDiff(seg.ack, snd.text)), tcb.sendQueue.length);
  if (taken > 0) {
    tcb.sendQueue.discard(taken);
    snd.text = seqAdd(snd.text, taken);
    snd.una = snd.text;
    tcb.octetsAcked += taken;
  }
  const rest = seqDiff(snd.nxt, snd.una);
  tcb.octetsSent -= rest;
  if (rest > 0) tcb.segmentsRetransmitted += 1;
  snd.nxt = snd.una;
}

/** Timeouts in a row, of the SYN or of what follows, that cast suspicion on the path (s4.1.3.1). */
const SUSPICIOUS_TIMEOUTS = 3;

/** A retransmission timer has expired, or the connection is given up. */
export function suspectFastOpen(core: Core, tcb: Tcb, given: boolean, now: Micros): void {
  if ((tcb.fastOpen & (FastOpen.Asked | FastOpen.SynData)) === 0) return;
  if (tcb.retries === SUSPICIOUS_TIMEOUTS || (given && tcb.retries < SUSPICIOUS_TIMEOUTS)) core.fastOpenMemory.pause(now);
}

/** What a connection that ends says of the path: all that came was an end out of order, or text that shows that the path is good. */
export function concludeFastOpen(core: Core, tcb: Tcb, now: Micros): void {
  if ((tcb.fastOpen & FastOpen.Asked) === 0) return;
  if (tcb.octetsReceived > 0) {
    if (tcb.fastOpen & FastOpen.Probation) core.fastOpenMemory.trust();
  } else if (tcb.rcv.finSeen && seqGt(tcb.rcv.fin, tcb.rcv.nxt) && tcb.outOfOrder.count === 0) core.fastOpenMemory.pause(now);
}
