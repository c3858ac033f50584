/** SEGMENT ARRIVES, state LISTEN: RFC 9293 s3.10.7.2, with the SYN queue and cookies of RFC 4987. */
import type { Micros } from "../base/environment.js";
import { type Seq, seq, seqAdd, seqLeq } from "../base/seq.js";
import { Drop, St, Tx } from "../base/why.js";
import type { Datagram } from "../ip/network.js";
import { offer } from "./ack.js";
import { isGreedy, mayMakeRoom } from "./admission.js";
import { acceptCookie, sendCookie } from "./cookies.js";
import type { Core } from "./core.js";
import { offerEcn } from "./ecn.js";
import { FastOpen } from "./fast-open.js";
import { judgeFastOpen } from "./fast-open-handshake.js";
import type { Listener } from "./listener.js";
import { negotiate } from "./negotiate.js";
import { sendReset } from "./reset.js";
import { ACK, FIN, RST, type Segment, SYN } from "./segment.js";
import { State } from "./state.js";
import { Flag, Owe } from "./tcb.js";
import { receiveText } from "./text.js";
import { initialWindow, openReceiveWindow, receiveWindow } from "./window.js";

/** Further than this beyond the last number of the incarnation before it does a new one begin, where the clock is not (RFC 9293 s3.6.1). */
const INCARNATION_GAP = 0x1_0001;

/** `prior`: SND.NXT of a connection in TIME-WAIT that gives way to this SYN, or null. */
export function arrivesListen(core: Core, listener: Listener, datagram: Datagram, prior: Seq | null, now: Micros): void {
  const { seg } = core;

  // First, check for a RST: it is ignored.
  if (seg.flags & RST) return core.drop(null, Drop.RstInListen, now);

  // Second, check for an ACK: any is bad, unless it returns a SYN cookie.
  if (seg.flags & ACK) {
    if ((seg.flags & SYN) === 0 && acceptCookie(core, listener, datagram, now)) return;
    core.drop(null, Drop.NoSocket, now);
    return sendReset(core, datagram, Tx.RstNoConnection, now);
  }

  // Third, check for a SYN.
  // Fourth, other data or control: should not happen; drop.
  if ((seg.flags & SYN) === 0) return core.drop(null, Drop.NotSyn, now);
  // SYN and FIN together come from scanners only; RFC 9293 would queue the FIN. Deviation: syn-fin
  if (seg.flags & FIN && core.policy.synFin !== "syn") return core.drop(null, Drop.SynFin, now);
  if (listener.full && !core.policy.overflowResets) return core.drop(null, Drop.ListenOverflow, now);
  if (core.policy.synCookiesAlways) return sendCookie(core, listener, datagram, now);
  if (listener.pressed(core.limits.synQueue)) {
    if (core.policy.synCookies) return sendCookie(core, listener, datagram, now);
    return core.drop(null, Drop.SynAckBacklog, now);
  }
  if (isGreedy(core, datagram.source)) return core.drop(null, Drop.SourceShare, now);
  // A SYN proves nothing: only who returns a cookie takes another's place.
  if (core.policy.synCookies && mayMakeRoom(core, listener)) return sendCookie(core, listener, datagram, now);
  spawn(core, listener, seg, datagram, prior, now);
}

/** A new connection in SYN-RECEIVED. */
function spawn(core: Core, listener: Listener, seg: Segment, datagram: Datagram, prior: Seq | null, now: Micros): void {
  const { policy, secrets } = core;
  const local = datagram.destination;
  const remote = datagram.source;
  const tcb = core.createPassive(listener, local, seg.dstPort, remote, seg.srcPort, now);
  if (tcb === null) return core.drop(null, Drop.TableFull, now);

  const { rcv, snd } = tcb;
  rcv.nxt = seqAdd(seg.seq, 1);
  tcb.irs = seg.seq;
  rcv.up = rcv.nxt;
  rcv.lastAckSent = rcv.nxt;
  tcb.iss = secrets.isn(local, seg.dstPort, remote, seg.srcPort, now);
  if (prior !== null && (policy.isnFollows || seqLeq(tcb.iss, prior))) tcb.iss = seqAdd(prior, INCARNATION_GAP);
  tcb.tsOffset = secrets.timestampOffset(local, seg.dstPort, remote, seg.srcPort);
  snd.una = tcb.iss;
  snd.nxt = tcb.iss;
  snd.up = tcb.iss;
  snd.text = seqAdd(tcb.iss, 1);
  snd.sml = tcb.iss;
  snd.pushed = snd.text;
  snd.wl1 = seg.seq;
  snd.wl2 = seq(0);
  if (policy.timestamps) tcb.flags |= Flag.Timestamps;
  if (policy.sack) tcb.flags |= Flag.Sack;
  if (policy.windowScaling) tcb.flags |= Flag.WindowScale;
  offerEcn(core, tcb, true);
  openReceiveWindow(core, tcb);
  negotiate(core, tcb, seg, now);
  rcv.adv = seqAdd(rcv.nxt, initialWindow(core, tcb));
  core.beginRecovery(tcb, tcb.iss);
  listener.halfOpen += 1;
  core.enter(tcb, State.SynReceived, St.RcvSyn, now);
  tcb.fastOpen = judgeFastOpen(core, listener, seg, datagram);
  const early = (tcb.fastOpen & FastOpen.Early) !== 0;
  if (early) {
    listener.early += 1;
    offer(core, tcb, now);
  }
  // Text in the SYN is kept for later while the queue is not pressed; else the peer sends it again.
  if (seg.textEnd > seg.textStart) {
    const end = Math.min(seg.textEnd, seg.textStart + receiveWindow(tcb));
    if (early) tcb.fastOpen |= FastOpen.SynDataAcked;
    if (early || (core.policy.synText && listener.halfOpen * 4 <= core.limits.synQueue)) {
      receiveText(core, tcb, rcv.nxt, seg.textStart, end, now);
      rcv.ato = tcb.quickAcks = 0; // it is acknowledged with the SYN, and says nothing of the sender's pace
    } else core.tally.add(Drop.TextIgnored);
  }
  tcb.owes = Owe.SynAck;
  tcb.ackWhy = Tx.SynAck;
  tcb.ackCause = core.cause.id;
  core.touch(tcb);
}
