/** A datagram leaves — RFC 791 s3.2, RFC 1122 s3.2.1 and s3.3.1. */
import type { Micros } from "../../base/environment.js";
import { Cast, ChecksumState, type Packet } from "../../base/packet.js";
import { Ip as Why } from "../../base/why.js";
import { type IpAddress, isClassE, isLoopback, isMulticast, LIMITED_BROADCAST, UNSPECIFIED } from "../address.js";
import { type IpInterface, LOOPBACK_INDEX } from "../interface.js";
import { type SendOptions, Sent } from "../network.js";
import { DONT_FRAGMENT, HEADER_LENGTH, LONGEST_DATAGRAM, MORE_FRAGMENTS, writeHeader } from "./header.js";
import type { Ip } from "./ip.js";

/** Where a datagram goes. One per stack, overwritten by the next. */
export class Path {
  device: IpInterface | null = null;
  nextHop: IpAddress = UNSPECIFIED;
  cast: Cast = Cast.Unicast;
  /** The route's own MTU, or the device's. */
  mtu = 0;
  /** The route's preferred source, or UNSPECIFIED. */
  source: IpAddress = UNSPECIFIED;

  // What it was asked for, as long as the answer is good: datagrams leave in rows.
  #from: IpAddress = UNSPECIFIED;
  #to: IpAddress = UNSPECIFIED;
  #by = -1;
  #epoch = 0;
  #known = false;

  /** Is it the way to `to`, as it was when it was found? */
  holds(ip: Ip, to: IpAddress, from: IpAddress, by: number, now: Micros): boolean {
    return (
      this.#known && this.#to === to && this.#from === from && this.#by === by && this.#epoch === ip.epoch && now >= ip.routes.deadUntil
    );
  }

  note(ip: Ip, to: IpAddress, from: IpAddress, by: number): void {
    this.#known = true;
    this.#to = to;
    this.#from = from;
    this.#by = by;
    this.#epoch = ip.epoch;
  }

  clear(): void {
    this.#known = false;
  }
}

/** Finds the way to `destination` from `source` (UNSPECIFIED: any); returns 0, or the reason why there is none. `by`: the device for
 *  a group, -1: the source's. */
export function resolve(ip: Ip, path: Path, destination: IpAddress, source: IpAddress, by: number, now: Micros): number {
  if (path.holds(ip, destination, source, by, now)) return 0;
  path.clear();
  path.cast = Cast.Unicast;
  path.nextHop = destination;
  path.source = UNSPECIFIED;
  // RFC 1122 s3.2.1.3 (g): what is for this host stays inside it.
  if (isLoopback(destination) || ip.isLocal(destination)) return take(path, ip.interfaces[LOOPBACK_INDEX] ?? null);
  if (isLoopback(source)) return Why.LoopbackOnWire;
  if (destination === UNSPECIFIED || isClassE(destination)) return Why.BadDestination;

  const from = by >= 0 ? by : source === UNSPECIFIED ? -1 : ip.deviceOf(source);
  if (destination === LIMITED_BROADCAST || isMulticast(destination)) {
    path.cast = destination === LIMITED_BROADCAST ? Cast.Broadcast : Cast.Multicast;
    // RFC 1122 s3.3.6 and RFC 1112 s6.1: by the interface named, that of the source, that of the route, or the first.
    const route = from >= 0 ? null : ip.routes.lookup(destination, -1, now);
    return take(path, ip.interfaces[from >= 0 ? from : (route?.device ?? ip.firstDevice)] ?? null);
  }
  // RFC 1122 s3.3.4.2, the strong model: (B) a datagram leaves by an interface of its source address.
  const route = ip.routes.lookup(destination, from, now);
  if (route === null) return Why.NoRoute;
  const missing = take(path, ip.interfaces[route.device] ?? null);
  if (missing !== 0) return missing;
  if (route.mtu > 0 && route.mtu < path.mtu) path.mtu = route.mtu;
  path.source = route.source;
  if (route.gateway !== UNSPECIFIED) path.nextHop = route.gateway;
  else if (ip.isBroadcastOf(destination, route.device)) path.cast = Cast.Broadcast;
  path.note(ip, destination, source, by);
  return 0;
}

function take(path: Path, device: IpInterface | null): number {
  path.device = device;
  if (device === null) return Why.NoRoute;
  path.mtu = device.mtu;
  return 0;
}

/** Sends the packet, whose octets are a transport header and its text, and takes it in every case. */
export function output(
  ip: Ip,
  packet: Packet,
  source: IpAddress,
  destination: IpAddress,
  protocol: number,
  options: SendOptions,
  by: number,
  now: Micros,
): Sent {
  // RFC 1122 s3.2.1.3: the source is one of our own addresses, or 0 when we have none yet and ask everybody (DHCP).
  if (!ip.isLocal(source) && !isLoopback(source) && !(source === UNSPECIFIED && destination === LIMITED_BROADCAST)) {
    return drop(ip, packet, Why.BadSource, Sent.Refused, now);
  }
  const path = ip.path;
  const lost = resolve(ip, path, destination, source, by, now);
  if (lost !== 0) return drop(ip, packet, lost, lost === Why.NoRoute ? Sent.NoRoute : Sent.Refused, now);
  const device = path.device!;
  const length = packet.end - packet.start + HEADER_LENGTH;
  if (length > LONGEST_DATAGRAM) return drop(ip, packet, Why.TooBig, Sent.TooBig, now);

  let mtu = path.mtu;
  let mayFragment = false;
  if (path.cast === Cast.Unicast && !device.loopback) {
    const { pathMtu } = ip;
    const estimate = pathMtu.find(destination, now);
    if (estimate >= 0) {
      mtu = Math.min(mtu, pathMtu.mtuAt(estimate));
      mayFragment = pathMtu.lockedAt(estimate);
    }
  }
  // A link that cuts super-segments is given them whole; each piece fits because TCP made it so.
  if (length > mtu && !(packet.gsoSize > 0 && device.gso > 0 && length <= device.gso + HEADER_LENGTH)) {
    if (options.dontFragment && !mayFragment) return drop(ip, packet, Why.TooBig, Sent.TooBig, now);
    return fragment(ip, packet, device, source, destination, protocol, options, mtu, now);
  }

  // RFC 6864 s4: an atomic datagram (DF set, whole) needs no identification. One that may be cut on its way has its own.
  let identification = 0;
  if (mayFragment) {
    identification = ip.identification.take(source, destination, protocol, now);
    if (identification < 0) return drop(ip, packet, Why.IdExhausted, Sent.Limited, now);
  }
  packet.start -= HEADER_LENGTH;
  writeHeader(
    packet.pool.arena,
    packet.start,
    options.trafficClass,
    length,
    identification,
    mayFragment ? 0 : DONT_FRAGMENT,
    timeToLive(options),
    protocol,
    source,
    destination,
  );
  packet.cast = path.cast;
  return device.sendIp(packet, path.nextHop, path.cast, now);
}

/** RFC 791 s3.2, "An Example Fragmentation Procedure". The packet has no header yet. */
function fragment(
  ip: Ip,
  packet: Packet,
  device: IpInterface,
  source: IpAddress,
  destination: IpAddress,
  protocol: number,
  options: SendOptions,
  mtu: number,
  now: Micros,
): Sent {
  const identification = ip.identification.take(source, destination, protocol, now);
  if (identification < 0) return drop(ip, packet, Why.IdExhausted, Sent.Limited, now);
  const { nextHop, cast } = ip.path;
  const arena = ip.pool.arena;
  const piece = (Math.min(mtu, ip.pool.capacity) - HEADER_LENGTH) & ~7;
  let result: Sent = Sent.Sent;
  for (let at = packet.start; at < packet.end && (result === Sent.Sent || result === Sent.Queued); at += piece) {
    const part = ip.pool.take();
    if (part === null) {
      result = Sent.NoBuffers;
      ip.count(Why.NoBuffers, now);
      break;
    }
    const count = Math.min(piece, packet.end - at);
    const more = at + count < packet.end;
    arena.bytes.copyWithin(part.start, at, at + count);
    part.end = part.start + count;
    part.start -= HEADER_LENGTH;
    writeHeader(
      arena,
      part.start,
      options.trafficClass,
      count + HEADER_LENGTH,
      identification,
      (more ? MORE_FRAGMENTS : 0) | ((at - packet.start) >> 3),
      timeToLive(options),
      protocol,
      source,
      destination,
    );
    part.why = packet.why;
    part.cause = packet.cause;
    part.cast = cast;
    part.checksum = ChecksumState.Unknown;
    ip.tally.add(Why.Fragmented);
    result = device.sendIp(part, nextHop, cast, now);
  }
  packet.release();
  return result;
}

/** RFC 1122 s3.2.1.7: "A host MUST NOT send a datagram with a Time-to-Live (TTL) value of zero." */
const timeToLive = (options: SendOptions): number => Math.min(255, Math.max(1, options.ttl));

function drop(ip: Ip, packet: Packet, why: number, result: Sent, now: Micros): Sent {
  ip.dropped(packet, why, now);
  packet.release();
  return result;
}
