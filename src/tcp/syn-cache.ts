/** What a SYN has begun with a listener, judged as an entry of a SYN cache (RFC 4987 s3.5), where policy has one: until the ACK that completes it
 *  comes, it is no connection with a window and a state. The first ACK that does not fit is answered by a RST and ends it; what is neither ACK, SYN
 *  nor RST is nothing. Deviation: syn-cache */
import { type Micros, NEVER } from "../base/environment.js";
import { seqDiff } from "../base/seq.js";
import { Drop, Rtx, St, Tm, Tx } from "../base/why.js";
import type { Core } from "./core.js";
import { negotiateAgain } from "./ecn.js";
import { CloseError } from "./events.js";
import { FastOpen } from "./fast-open.js";
import { resetFrom } from "./output.js";
import { Timer } from "./probe.js";
import { ACK, RST, type Segment, SYN } from "./segment.js";
import { State } from "./state.js";
import { Flag, has, Owe, type Tcb } from "./tcb.js";
import { initialWindow } from "./window.js";

export const isCached = (core: Core, tcb: Tcb): boolean =>
  core.policy.synCache && tcb.state === State.SynReceived && has(tcb, Flag.Passive) && (tcb.fastOpen & FastOpen.Early) === 0;

/** True when the segment has been dealt with; else it completes the handshake, or is a RST, which is judged as ever. */
export function arrivesCached(core: Core, tcb: Tcb, seg: Segment, now: Micros): boolean {
  if (seg.flags & RST) return false;
  if ((seg.flags & ACK) === 0) {
    if (seg.flags & SYN) repeated(core, tcb, seg, now);
    else core.drop(tcb, Drop.NotSyn, now);
    return true;
  }
  const stamped = has(tcb, Flag.Timestamps) && (seg.flags & SYN) === 0;
  if (stamped && !seg.hasTimestamp && core.policy.requireTimestamps) {
    core.drop(tcb, Drop.TimestampMissing, now);
    return true;
  }
  if (stamped && seg.hasTimestamp && ((seg.tsVal - tcb.rcv.tsRecent) | 0) < 0) {
    core.drop(tcb, Drop.Paws, now);
    return true;
  }
  const ahead = seqDiff(seg.seq, tcb.irs);
  const fits = (seg.flags & SYN) === 0 && seg.ack === tcb.snd.nxt && ahead > 0 && ahead <= initialWindow(core, tcb);
  if (fits) return false;
  core.drop(tcb, Drop.BadAck, now);
  resetFrom(core, tcb, seg.ack, Tx.RstUnacceptableAck, now);
  core.finish(tcb, CloseError.None, St.SynAgain, now);
  return true;
}

/** Any SYN is the one that was there before: the SYN,ACK again, and its timer from the beginning. */
function repeated(core: Core, tcb: Tcb, seg: Segment, now: Micros): void {
  core.drop(tcb, Drop.OldSequence, now);
  negotiateAgain(core, tcb, seg);
  if (!seg.hasTimestamp) tcb.flags &= ~Flag.Timestamps;
  else if (has(tcb, Flag.Timestamps)) {
    tcb.rcv.tsRecent = seg.tsVal;
    tcb.rcv.tsRecentAt = now;
  }
  tcb.retries = tcb.backoff = 0;
  core.arm(tcb, Timer.Retransmission, NEVER, Tm.RtoStop, now);
  tcb.owes |= Owe.SynAck;
  tcb.ackWhy = Rtx.SynAck;
  tcb.ackCause = core.cause.id;
}
