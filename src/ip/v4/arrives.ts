/** A datagram arrives — RFC 1122 s3.2.1, s3.3.4.2 and s3.3.6. Each step judges, in the order of the sections; the first reason to drop it stands. */
import type { Micros } from "../../base/environment.js";
import { Cast, ChecksumState, type Packet } from "../../base/packet.js";
import { Ip as Why } from "../../base/why.js";
import { type IpAddress, ipFromInt, isClassE, isLoopback, isMulticast, LIMITED_BROADCAST } from "../address.js";
import type { IpInterface } from "../interface.js";
import { Protocol } from "../network.js";
import { At, HEADER_LENGTH, headerLengthAt, MORE_FRAGMENTS, OFFSET_MASK, verifyHeader } from "./header.js";
import type { Ip } from "./ip.js";
import { judgeOptions } from "./options.js";

/** Handles the datagram in [packet.start, packet.end), which came by `device`; returns its fate. The packet stays the caller's. */
export function arrives(ip: Ip, device: IpInterface, packet: Packet, now: Micros): number {
  const view = packet.pool.arena.view;
  const start = packet.start;
  const malformed = verifyHeader(packet.pool.arena, start, packet.end);
  if (malformed !== 0) return malformed;
  // RFC 791 s3.1: the total length bounds the datagram; what lies behind it is the link's padding.
  packet.end = start + view.getUint16(start + At.TotalLength);

  const source = ipFromInt(view.getInt32(start + At.Source));
  const destination = ipFromInt(view.getInt32(start + At.Destination));
  const { received, admitted } = ip;
  if (!admitted.holds(ip, device, packet.cast, source, destination)) {
    const misdirected = judgeAddresses(ip, device, packet.cast, source, destination, now);
    if (misdirected !== 0) return misdirected;
    admitted.note(ip, device, packet.cast, source, destination);
  }
  const headerLength = headerLengthAt(view, start);
  received.packet = packet;
  received.headerStart = start;
  received.device = device.index;
  received.source = source;
  received.destination = destination;
  received.protocol = view.getUint8(start + At.Protocol);
  received.payloadStart = start + headerLength;
  received.payloadEnd = packet.end;
  // RFC 1122 s3.2.1.7: "A host MUST NOT discard a datagram just because it was received with TTL less than 2."
  received.ttl = view.getUint8(start + At.Ttl);
  received.trafficClass = view.getUint8(start + At.TrafficClass);
  received.group = admitted.group;

  if (headerLength > HEADER_LENGTH) {
    const bad = judgeOptions(view, start, start + HEADER_LENGTH, received.payloadStart);
    if (bad !== 0) {
      // RFC 1122 s3.2.2.5: SHOULD send Parameter Problem; never about a source route, which we refuse knowingly.
      if ((bad & 0xffff) === Why.BadOption) ip.errors?.parameterProblem(bad >>> 16, now);
      return bad & 0xffff;
    }
  }

  // RFC 6864 s4.1: the identification of a datagram that is not a fragment is ignored.
  if ((view.getUint16(start + At.Fragment) & (MORE_FRAGMENTS | OFFSET_MASK)) === 0) return deliver(ip, now);
  return reassemble(ip, device, packet, now);
}

/** RFC 1122 s3.2.1.3 and RFC 1812 s5.3.7: who may have sent it, and whether it is for us. */
function judgeAddresses(ip: Ip, device: IpInterface, cast: Cast, source: IpAddress, destination: IpAddress, now: Micros): number {
  if (device.loopback) {
    if (!isLoopback(source) && !ip.isLocal(source)) return Why.BadSource;
    if (isMulticast(destination)) return ip.isMember(destination) ? 0 : Why.GroupNotJoined;
    return isLoopback(destination) || ip.isLocal(destination) ? 0 : Why.NotForUs;
  }
  // (g): "Addresses of this form MUST NOT appear outside a host."
  if (isLoopback(source) || isLoopback(destination)) return Why.LoopbackOnWire;
  // "A host MUST silently discard an incoming datagram containing an IP source address that is invalid by the rules of this section."
  if (source >>> 24 === 0 || isMulticast(source) || isClassE(source) || source === LIMITED_BROADCAST || ip.isSubnetBroadcast(source)) {
    return Why.BadSource;
  }
  if (ip.isLocal(source)) return Why.BadSource;

  const owner = ip.deviceOf(destination);
  if (owner >= 0) {
    // RFC 1122 s3.3.6: "SHOULD silently discard a datagram that is received via a link-layer broadcast but does not specify an IP multicast or broadcast destination address."
    if (cast !== Cast.Unicast) return Why.UnicastInBroadcast;
    // RFC 1122 s3.3.4.2, the strong model: (A) a datagram whose destination is not of the interface it came by is discarded.
    if (owner !== device.index) return Why.WrongDevice;
  } else if (isMulticast(destination)) {
    if (!device.isMember(destination)) return Why.GroupNotJoined;
  } else if (!ip.isBroadcastOf(destination, device.index)) {
    return isClassE(destination) ? Why.BadDestination : Why.NotForUs;
  }
  if (ip.options.sourceValidation && !ip.leadsTo(source, device.index, now)) return Why.WrongDevice;
  return 0;
}

function reassemble(ip: Ip, device: IpInterface, packet: Packet, now: Micros): number {
  const fate = ip.reassembly.arrives(packet, device.index, now);
  if (fate !== Why.Reassembled) return fate;
  const whole = ip.reassembly.completed;
  if (whole === null) return Why.NoBuffers;
  ip.reassembly.completed = null;
  const received = ip.received;
  const view = whole.pool.arena.view;
  whole.cast = packet.cast;
  // What the link knew of the last fragment says nothing of the whole.
  whole.checksum = packet.checksum === ChecksumState.Partial ? ChecksumState.Partial : ChecksumState.Unknown;
  received.packet = whole;
  received.headerStart = whole.start;
  received.payloadStart = whole.start + headerLengthAt(view, whole.start);
  received.payloadEnd = whole.end;
  received.trafficClass = view.getUint8(whole.start + At.TrafficClass);
  received.ttl = view.getUint8(whole.start + At.Ttl);
  ip.count(deliver(ip, now), now);
  whole.release();
  return Why.Reassembled;
}

/** Hands `ip.received` to its protocol; returns its fate. */
function deliver(ip: Ip, now: Micros): number {
  const received = ip.received;
  switch (received.protocol) {
    case Protocol.Tcp:
      if (ip.tcp !== null) {
        ip.tcp.arrives(received, now);
        return Why.Delivered;
      }
      break;
    case Protocol.Udp:
      if (ip.udp !== null) return ip.udp.arrives(received, now);
      break;
    case Protocol.Icmp:
      if (ip.icmp !== null) return ip.icmp.arrives(received, now);
      break;
  }
  // RFC 1122 s3.2.2.1: code 2, "when the designated transport protocol is not supported".
  ip.errors?.protocolUnreachable(now);
  return Why.UnknownProtocol;
}
