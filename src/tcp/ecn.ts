/** Explicit congestion notification: who agrees on which kind of feedback (RFC 3168 s6.1.1, RFC 9768 s3.1), and the feedback of RFC 3168 s6.1.3,
 *  also as exact as DCTCP asks for (RFC 8257 s3.2). That of RFC 9768 is in accurate-ecn.ts; what the sender does about either is told to the
 *  congestion controller in congestion-signals.ts. */

import { aceOf, answerFlags, answersMangled, beginAccurate, hearOption, repeatedSynMark } from "./accurate-ecn.js";
import type { Core } from "./core.js";
import { quickenForMark } from "./delayed-ack.js";
import { ACK, AE, CWR, ECE, EcnField, type Segment } from "./segment.js";
import { Flag, has, type Tcb } from "./tcb.js";

const acceptsAccurate = ({ policy: { ecn } }: Core): boolean => ecn === "accurate" || ecn === "accurate-in" || ecn === "accurate-passive";

/** A SYN is about to be answered or sent: is ECN to be agreed on? */
export function offerEcn(core: Core, tcb: Tcb, passive: boolean): void {
  const { ecn } = core.policy;
  const accurate = passive ? acceptsAccurate(core) : ecn === "accurate";
  const classic = passive ? ecn !== "off" : ecn === "on" || ecn === "accurate-in";
  tcb.flags &= ~(Flag.Ecn | Flag.AccurateEcn);
  if (accurate) tcb.flags |= Flag.Ecn | Flag.AccurateEcn;
  if (classic || tcb.cc.exactEcho === true) tcb.flags |= Flag.Ecn;
}

/** The peer's SYN or SYN,ACK, by tables 2 and 3 of RFC 9768 s3.1: what it says about the ECN that we offer. */
export function negotiateEcn(core: Core, tcb: Tcb, seg: Segment): void {
  const ace = aceOf(seg);
  if (has(tcb, Flag.AccurateEcn)) {
    const accurate = seg.flags & ACK ? ace !== 0 && ace !== 1 && ace !== 7 : ace !== 0 && ace !== 3;
    if (accurate) {
      beginAccurate(tcb, seg);
      if (!has(tcb, Flag.EcnFallback) && !(seg.flags & ACK && answersMangled(core, tcb, ace))) tcb.flags |= Flag.Ect;
      if (seg.flags & ACK) hearOption(tcb, seg, 0);
      return;
    }
    tcb.flags &= ~Flag.AccurateEcn;
  }
  if (!(seg.flags & ACK) && core.policy.refusesMarkedSyn && isMarkedSyn(tcb, seg)) tcb.flags &= ~Flag.Ecn;
  // RFC 3168 s6.1.1: an ECN-setup SYN has both flags, an ECN-setup SYN,ACK only ECE: a host that reflects what it does not know has both.
  if ((seg.flags & (ECE | CWR)) !== (seg.flags & ACK ? ECE : ECE | CWR)) tcb.flags &= ~(Flag.Ecn | Flag.Ect);
  else if (has(tcb, Flag.Ecn) && !has(tcb, Flag.EcnFallback)) tcb.flags |= Flag.Ect;
}

/** A SYN is not ECN-capable (RFC 3168 s6.1.1): what is in its field was written on the way, unless a controller or AccECN may have set it. */
const isMarkedSyn = (tcb: Tcb, seg: Segment): boolean => seg.ecn !== EcnField.NotEct && (seg.flags & AE) === 0 && tcb.cc.exactEcho !== true;

/** Its SYN, or in a simultaneous open its SYN,ACK, has come again: perhaps without ECN. */
export function negotiateAgain(core: Core, tcb: Tcb, seg: Segment): void {
  if (!has(tcb, Flag.AccurateEcn)) return negotiateEcn(core, tcb, seg);
  // RFC 9768 s3.1.5: the kind of feedback stays what it is, but nobody sets ECT who has seen the other end do without ECN.
  if (aceOf(seg) === 0) tcb.flags &= ~Flag.Ect;
  repeatedSynMark(tcb, seg);
}

/** The flags of a SYN or SYN,ACK, which is not ECN-capable itself (RFC 3168 s6.1.1). Deviation: dctcp-syn. Whoever does not answer one that
 *  sets up ECN may be behind something that drops it (s6.1.1.1; RFC 9768 s3.1.4 tries once more). Having offered, we give feedback if the
 *  peer has agreed after all, and set no ECT. */
export function setupFlags(core: Core, tcb: Tcb, passive: boolean, again: boolean): number {
  if (!has(tcb, Flag.Ecn)) return 0;
  const accurate = has(tcb, Flag.AccurateEcn);
  const tries = accurate ? Math.max(1, core.policy.ecnRetries) : core.policy.ecnRetries;
  if (again && core.policy.ecnFallback && tcb.retries > tries && (!passive || accurate)) {
    tcb.flags |= Flag.EcnFallback;
    tcb.flags &= ~Flag.Ect;
  }
  if (passive) return accurate ? (has(tcb, Flag.EcnFallback) ? 0 : answerFlags(tcb.accurate!.synField)) : ECE;
  if (has(tcb, Flag.EcnFallback)) return 0;
  return accurate ? AE | CWR | ECE : ECE | CWR;
}

/** Text in the window was marked and that before it was not, or the other way round, and the peer wants to know exactly: what is not
 *  acknowledged yet is first, as it came (RFC 8257 s3.2: MAY send two ACKs). */
export const markChanges = (tcb: Tcb, seg: Segment): boolean =>
  tcb.cc.exactEcho === true && (seg.ecn === EcnField.Ce) !== has(tcb, Flag.EchoMark);

/** Text has arrived in the window (s6.1.3; s6.1.5 ignores what lies outside): from now on ACKs say whether a mark has. CWR counts first. */
export function noteMark(core: Core, tcb: Tcb, seg: Segment): void {
  const marked = seg.ecn === EcnField.Ce;
  // Who is to slow down may have few segments in flight; who stops being ECN-capable repeats something (s6.1.5).
  if (marked ? !has(tcb, Flag.EchoMark) : seg.ecn === EcnField.NotEct && has(tcb, Flag.EcnSeen)) quickenForMark(core, tcb);
  if (seg.ecn !== EcnField.NotEct) tcb.flags |= Flag.EcnSeen;
  if (marked) tcb.flags |= Flag.EchoMark;
  else if (tcb.cc.exactEcho === true || seg.flags & CWR) tcb.flags &= ~Flag.EchoMark;
}

/** The flags of a SYN,ACK that is a cookie: AccECN, or none. */
export function cookieFlags(core: Core, seg: Segment): number {
  const ace = aceOf(seg);
  return acceptsAccurate(core) && ace !== 0 && ace !== 3 ? answerFlags(seg.ecn) : 0;
}

/** The ACK of a cookie that offered AccECN has an ACE field above 1, and no other has (RFC 9768 s5.1). */
export function recallEcn(core: Core, tcb: Tcb, seg: Segment): void {
  if (!acceptsAccurate(core) || aceOf(seg) <= 1) return;
  offerEcn(core, tcb, true);
  beginAccurate(tcb, seg);
  tcb.accurate!.synField = tcb.accurate!.field = EcnField.NotEct;
  tcb.flags |= Flag.Ect;
}
