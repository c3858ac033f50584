/** Explicit congestion notification: RFC 3168 s6.1, and the exact echo that DCTCP asks for (RFC 8257 s3.2). What the sender does about an
 *  echo is told to the congestion controller in congestion-signals.ts. */
import type { Core } from "./core.js";
import { ACK, CWR, ECE, EcnField, type Segment } from "./segment.js";
import { Flag, has, type Tcb } from "./tcb.js";

/** A SYN is about to be answered or sent: is ECN to be agreed on? */
export function offerEcn(core: Core, tcb: Tcb, passive: boolean): void {
  const { ecn } = core.policy;
  if (ecn === "on" || (passive && ecn === "passive") || tcb.cc.exactEcho === true) tcb.flags |= Flag.Ecn;
}

/** s6.1.1: an ECN-setup SYN has both flags, an ECN-setup SYN,ACK only ECE: a host that reflects what it does not know has both. */
export function negotiateEcn(tcb: Tcb, seg: Segment): void {
  if ((seg.flags & (ECE | CWR)) !== (seg.flags & ACK ? ECE : ECE | CWR)) tcb.flags &= ~(Flag.Ecn | Flag.Ect);
  else if (has(tcb, Flag.Ecn) && !has(tcb, Flag.EcnFallback)) tcb.flags |= Flag.Ect;
}

/** The flags of a SYN or SYN,ACK, which is not ECN-capable itself (s6.1.1). Deviation: dctcp-syn. s6.1.1.1: whoever does not answer an ECN-setup SYN may be behind something that drops it. Having offered,
 *  we echo marks if the peer has agreed after all, and set no ECT. */
export function setupFlags(core: Core, tcb: Tcb, passive: boolean, again: boolean): number {
  if (!has(tcb, Flag.Ecn)) return 0;
  if (passive) return ECE;
  if (again && tcb.retries > core.policy.ecnRetries) tcb.flags |= Flag.EcnFallback;
  return has(tcb, Flag.EcnFallback) ? 0 : ECE | CWR;
}

/** Text in the window was marked and that before it was not, or the other way round, and the peer wants to know exactly: what is not
 *  acknowledged yet is first, as it came (RFC 8257 s3.2: MAY send two ACKs). */
export const markChanges = (tcb: Tcb, seg: Segment): boolean =>
  tcb.cc.exactEcho === true && (seg.ecn === EcnField.Ce) !== has(tcb, Flag.EchoMark);

/** Text has arrived in the window (s6.1.3; s6.1.5 ignores what lies outside): from now on ACKs say whether a mark has. CWR counts first. */
export function noteMark(tcb: Tcb, seg: Segment): void {
  const marked = seg.ecn === EcnField.Ce;
  if (marked) tcb.flags |= Flag.EchoMark;
  else if (tcb.cc.exactEcho === true || seg.flags & CWR) tcb.flags &= ~Flag.EchoMark;
}
