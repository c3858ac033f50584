/** SEGMENT ARRIVES: RFC 9293 s3.10.7. Checks that hold in every state, then one file a subsection. */
import { pseudoHeaderSum } from "../base/checksum.js";
import type { Micros } from "../base/environment.js";
import { ChecksumState } from "../base/packet.js";
import type { Seq } from "../base/seq.js";
import { Drop } from "../base/why.js";
import { type Datagram, Protocol } from "../ip/network.js";
import { arrivesClosed } from "./arrives-closed.js";
import { arrivesListen } from "./arrives-listen.js";
import { arrivesSynSent } from "./arrives-syn-sent.js";
import { arrivesSynchronized, Next } from "./arrives-synchronized.js";
import type { Core } from "./core.js";
import { listenerFor } from "./listener.js";
import { output } from "./output.js";
import { FIN, Malformed, parseSegment, SYN } from "./segment.js";
import { State } from "./state.js";
import type { Tcb } from "./tcb.js";

/** One datagram for TCP. Nothing of its packet is kept: text is copied into the receive queue. */
export function arrives(core: Core, datagram: Datagram, now: Micros): void {
  const { seg } = core;
  if (!checksumIsGood(core, datagram)) return core.reject(Drop.BadChecksum, now); // (MUST-3)
  if (parseSegment(seg, core.view, datagram.payloadStart, datagram.payloadEnd) !== Malformed.No) return core.reject(Drop.Malformed, now);
  seg.ecn = datagram.trafficClass & 3;
  const slot = core.demux.find(datagram.destination, seg.dstPort, datagram.source, seg.srcPort);
  const tcb = slot === 0 ? null : core.resolve(slot);
  const probe = core.probes.probe;
  if (probe?.segmentReceived) probe.segmentReceived(tcb, seg, datagram, core.cause.id, now);

  // RFC 9293 s3.9.2.3: nothing that was addressed to a group belongs to TCP (MUST-57).
  if (datagram.group) return core.drop(tcb, Drop.ToGroup, now);
  if (seg.srcPort === 0 || seg.dstPort === 0) return core.drop(tcb, Drop.PortZero, now);

  if (seg.signed && core.policy.refusesSigned) return core.drop(tcb, Drop.Signed, now);

  if (tcb !== null) return arrivesForConnection(core, tcb, datagram, now);
  arrivesForNone(core, datagram, null, now);
}

function arrivesForConnection(core: Core, tcb: Tcb, datagram: Datagram, now: Micros): void {
  if ((core.seg.flags & (SYN | FIN)) === (SYN | FIN) && core.policy.synFin === "drop") return core.drop(tcb, Drop.SynFin, now);
  tcb.segmentsReceived += 1;
  core.touch(tcb);
  if (tcb.state === State.SynSent) {
    arrivesSynSent(core, tcb, core.seg, now);
    return;
  }
  const prior = tcb.snd.nxt;
  const strays = tcb.outOfOrderSegments;
  if (arrivesSynchronized(core, tcb, core.seg, now) === Next.AsNew) {
    arrivesForNone(core, datagram, prior, now); // TIME-WAIT gave way to a new incarnation
    return;
  }
  if (tcb.state === State.Closed) return;
  // A turn's segments share an ACK (MUST-58), but what comes out of order has its own: the sender counts them, and the first
  // SACK block names the segment (RFC 5681 s3.2, RFC 2018 s4). Nor must a long batch silence the sender's ACK clock.
  if (tcb.outOfOrderSegments !== strays || tcb.rcv.unacked >= core.policy.ackStretch) output(core, tcb, now);
}

/** `prior`: SND.NXT of the incarnation that has just given way, or null. */
function arrivesForNone(core: Core, datagram: Datagram, prior: Seq | null, now: Micros): void {
  const listener = listenerFor(core.listeners, datagram.destination, core.seg.dstPort);
  if (listener !== null) arrivesListen(core, listener, datagram, prior, now);
  else arrivesClosed(core, datagram, now);
}

function checksumIsGood(core: Core, datagram: Datagram): boolean {
  if (datagram.packet.checksum !== ChecksumState.Unknown) return true;
  const length = datagram.payloadEnd - datagram.payloadStart;
  const pseudo = pseudoHeaderSum(datagram.source, datagram.destination, Protocol.Tcp, length);
  return core.memory.arena.sum(datagram.payloadStart, length, pseudo) === 0xffff;
}
