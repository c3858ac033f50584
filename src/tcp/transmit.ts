/** The last step of every segment that leaves: header, text, checksum, IP. `core.out` says what it is. */
import { pseudoHeaderSum } from "../base/checksum.js";
import type { Micros } from "../base/environment.js";
import { ChecksumState } from "../base/packet.js";
import { Hold } from "../base/why.js";
import type { IpAddress } from "../ip/address.js";
import { Protocol, type SendOptions } from "../ip/network.js";
import type { Core } from "./core.js";
import { headerLength, writeSegment } from "./segment.js";
import { Flag, has, type Tcb } from "./tcb.js";

/** DF always: RFC 1191 s6.1 makes path MTU discovery TCP's business. */
const options: SendOptions = { ttl: 64, trafficClass: 0, dontFragment: true };

/** Sends `core.out` with `length` octets of text from `ahead` in the connection's send queue. False when there was no buffer:
 *  nothing has been sent, and who can must try again. What is longer than `cut` is a super-segment, which the link cuts to that much
 *  text each. */
export function transmit(
  core: Core,
  tcb: Tcb | null,
  local: IpAddress,
  remote: IpAddress,
  ttl: number,
  ahead: number,
  length: number,
  cut: number,
  why: number,
  cause: number,
  now: Micros,
): boolean {
  const { out, network, view, memory } = core;
  const packet = (length <= network.pool.capacity ? network.pool : memory.large).take();
  if (packet === null) {
    core.tally.add(Hold.NoBuffers);
    core.wait = 0;
    return false;
  }
  const style = core.policy.optionStyle;
  const header = headerLength(out, style);
  const start = packet.start - header;
  packet.start = start;
  packet.end = start + header + length;
  writeSegment(view, start, out, style);
  const pseudo = pseudoHeaderSum(local, remote, Protocol.Tcp, header + length);
  if (tcb === null ? network.checksumOffloadTo(remote, local) : tcb.checksumOffload) {
    if (length > 0) tcb!.sendQueue.copyToArena(ahead, start + header, length);
    view.setUint16(start + 16, (pseudo & 0xffff) + (pseudo >>> 16));
    packet.checksum = ChecksumState.Partial;
  } else {
    // The text is summed as it is copied; it begins at an even octet of the segment.
    const text = length > 0 ? tcb!.sendQueue.copySummed(ahead, start + header, length) : 0;
    view.setUint16(start + 16, ~memory.arena.sum(start, header, pseudo + text) & 0xffff); // (MUST-2)
  }
  if (length > cut) packet.gsoSize = cut;
  if (core.wait > 0) {
    packet.wait = core.wait;
    core.wait = 0;
  }
  packet.why = why;
  packet.cause = cause;
  core.tally.add(why);
  const probe = core.probes.probe;
  if (probe?.segmentSent) probe.segmentSent(tcb, out, why, cause, now);
  options.ttl = ttl;
  // Who speaks ECN leaves its two bits to TCP.
  options.trafficClass = tcb === null ? 0 : has(tcb, Flag.Ecn) ? (tcb.options.trafficClass & ~3) | out.ecn : tcb.options.trafficClass;
  // What IP or the link has no way or no room for is lost as on a wire; the timers see to it.
  network.send(packet, local, remote, Protocol.Tcp, options, now - packet.wait);
  return true;
}
