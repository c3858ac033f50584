/** SEGMENT ARRIVES, state SYN-SENT: RFC 9293 s3.10.7.3. The steps below are the RFC's, in its order. */
import type { Micros } from "../base/environment.js";
import { seqAdd, seqGt, seqLeq } from "../base/seq.js";
import { Drop, St, Tm, Tx } from "../base/why.js";
import { acknowledgeSyn } from "./ack.js";
import type { Core } from "./core.js";
import { offerEcn } from "./ecn.js";
import { CloseError } from "./events.js";
import { FastOpen } from "./fast-open.js";
import { heardSynAck } from "./fast-open-handshake.js";
import { negotiate } from "./negotiate.js";
import { resetFrom } from "./output.js";
import { Timer } from "./probe.js";
import { ACK, FIN, RST, type Segment, SYN, URG } from "./segment.js";
import { State } from "./state.js";
import { Flag, has, Owe, type Tcb } from "./tcb.js";
import { holdText, receiveFin, receiveText, receiveUrgent } from "./text.js";
import { initialWindow, receiveWindow } from "./window.js";

/** Whoever answers so has a connection of ours from before: our RST ends it. */
const SYN_AFTER_BAD_ACK: Micros = 8_000;

export function arrivesSynSent(core: Core, tcb: Tcb, seg: Segment, now: Micros): void {
  const { snd, rcv } = tcb;

  // First, check the ACK bit.
  const acknowledges = (seg.flags & ACK) !== 0;
  if (acknowledges && (seqLeq(seg.ack, tcb.iss) || seqGt(seg.ack, snd.nxt))) {
    core.drop(tcb, seg.flags & RST ? Drop.RstBadAck : Drop.BadAck, now);
    if ((seg.flags & RST) === 0) resetFrom(core, tcb, seg.ack, Tx.RstUnacceptableAck, now); // <SEQ=SEG.ACK><CTL=RST>
    if (core.policy.synAfterBadAck && tcb.retries === 0) core.arm(tcb, Timer.Retransmission, now + SYN_AFTER_BAD_ACK, Tm.SynRto, now);
    return;
  }

  // Second, check the RST bit. Without an acceptable ACK it may be blind (RFC 5961 s3.2): drop.
  if (seg.flags & RST) {
    if (acknowledges) core.finish(tcb, CloseError.Refused, St.RcvRst, now);
    else core.drop(tcb, Drop.RstNotExact, now);
    return;
  }

  // Third, security: no compartments here, see docs/deviations.md. Deviation: security-compartment

  // Fourth, check the SYN bit.
  // Fifth, if neither SYN nor RST is set, drop.
  if ((seg.flags & SYN) === 0) return core.drop(tcb, Drop.NotSyn, now);

  rcv.nxt = seqAdd(seg.seq, 1);
  tcb.irs = seg.seq;
  rcv.up = rcv.nxt;
  rcv.lastAckSent = rcv.nxt;
  if (!acknowledges && !has(tcb, Flag.Ecn)) offerEcn(core, tcb, true); // a simultaneous open is passive, too
  negotiate(core, tcb, seg, now);
  rcv.adv = seqAdd(rcv.nxt, initialWindow(core, tcb));
  snd.wl1 = seg.seq;
  tcb.lastHeardAt = now;
  const end = Math.min(seg.textEnd, seg.textStart + receiveWindow(tcb)); // what lies beyond the window is not here

  if (acknowledges) {
    // Our SYN has been acknowledged.
    snd.wl2 = seg.ack;
    heardSynAck(core, tcb, seg, now);
    acknowledgeSyn(core, tcb, seg, St.RcvSynAck, now);
    core.oweAck(tcb, Tx.AckSyn); // <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>, with text if any is queued
    // Other control or text in the segment continues at s3.10.7.4, sixth step.
    if (seg.flags & URG) receiveUrgent(core, tcb, seg);
    if (!takesText(core, tcb) && seg.len > 1) {
      core.tally.add(Drop.TextIgnored); // it comes again behind our ACK
      return;
    }
    if (end > seg.textStart) receiveText(core, tcb, rcv.nxt, seg.textStart, end, now);
    if (seg.flags & FIN && receiveWindow(tcb) > 0) receiveFin(core, tcb, seqAdd(seg.seq, seg.len - 1), now);
    return;
  }

  // Simultaneous open (MUST-10): <SEQ=ISS><ACK=RCV.NXT><CTL=SYN,ACK>.
  core.enter(tcb, State.SynReceived, St.RcvSynSimultaneous, now);
  tcb.owes = (tcb.owes & ~Owe.Syn) | Owe.SynAck;
  tcb.ackWhy = Tx.SimultaneousOpen;
  tcb.ackCause = core.cause.id;
  if (end > seg.textStart && core.policy.crossingTextWaits) holdText(tcb, seg.textStart, end);
  else if (end > seg.textStart) receiveText(core, tcb, rcv.nxt, seg.textStart, end, now);
}

/** Text that a SYN,ACK brings is for those who have spoken of Fast Open, and whose own text has arrived, in any case (RFC 7413 s3). */
const takesText = (core: Core, tcb: Tcb): boolean =>
  core.policy.synAckText ||
  ((tcb.fastOpen & (FastOpen.Asked | FastOpen.SynData)) !== 0 &&
    (tcb.fastOpen & (FastOpen.SynData | FastOpen.SynDataAcked)) !== FastOpen.SynData);
