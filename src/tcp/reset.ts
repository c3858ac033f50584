/** Segments of no connection: resets (RFC 9293 s3.5.2, s3.10.7.1). The one exception to "handlers decide, output speaks". */
import type { Micros } from "../base/environment.js";
import { seq, seqAdd } from "../base/seq.js";
import { Drop } from "../base/why.js";
import type { Datagram } from "../ip/network.js";
import type { Core } from "./core.js";
import { ACK, RST } from "./segment.js";
import { transmit } from "./transmit.js";

/** Answers the segment in `core.seg` with a reset whose numbers make it acceptable to the sender:
 *  <SEQ=SEG.ACK><CTL=RST>, or <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK> where there is no ACK to go by. */
export function sendReset(core: Core, datagram: Datagram, why: number, now: Micros): void {
  // As many as there may be a second: a scan must not make us a source of packets (RFC 5961 s7 in spirit; RFC 9293 is silent).
  if (!core.resets.take(now)) return core.tally.add(Drop.ResetLimited);
  const { seg, out } = core;
  out.srcPort = seg.dstPort;
  out.dstPort = seg.srcPort;
  if (seg.flags & ACK) {
    out.seq = seg.ack;
    out.ack = seq(0);
    out.flags = RST;
  } else {
    out.seq = seq(0);
    out.ack = seqAdd(seg.seq, seg.len);
    out.flags = RST | ACK;
  }
  out.wnd = 0;
  out.up = 0;
  out.ecn = 0;
  out.len = 0;
  out.mss = 0;
  out.windowScale = -1;
  out.sackPermitted = false;
  out.hasTimestamp = seg.hasTimestamp && core.policy.resetStamped;
  out.tsVal = 0; // RFC 7323 s5.2
  out.tsEcr = seg.tsVal;
  out.sackCount = 0;
  out.counterCount = -1;
  transmit(core, null, datagram.destination, datagram.source, core.policy.ttl, 0, 0, 0, why, core.cause.id, now);
}
