/** The IPv4 header — RFC 791 s3.1. */
import type { Arena } from "../../base/arena.js";
import { checksum } from "../../base/checksum.js";
import { Ip } from "../../base/why.js";

export const HEADER_LENGTH = 20;
export const LONGEST_HEADER = 60;
export const LONGEST_DATAGRAM = 65_535;
/** The flags, and the offset in units of eight octets, in the 16-bit word at octet 6. */
export const DONT_FRAGMENT = 0x4000;
export const MORE_FRAGMENTS = 0x2000;
export const OFFSET_MASK = 0x1fff;
/** An ECN field (RFC 3168 s5) that says congestion was met. */
export const CONGESTION_EXPERIENCED = 3;

/** Where the fields lie, from the header's first octet. */
export const At = {
  TrafficClass: 1,
  TotalLength: 2,
  Identification: 4,
  Fragment: 6,
  Ttl: 8,
  Protocol: 9,
  Checksum: 10,
  Source: 12,
  Destination: 16,
} as const;

/** Judges the form of the header at `start` of [start, end); returns 0, or the reason to drop the datagram. */
export function verifyHeader(arena: Arena, start: number, end: number): number {
  const view = arena.view;
  if (end - start < HEADER_LENGTH) return Ip.Short;
  const first = view.getUint8(start);
  // RFC 1122 s3.2.1.1: "A datagram whose version number is not 4 MUST be silently discarded."
  if (first >>> 4 !== 4) return Ip.Version;
  const length = (first & 15) * 4;
  const total = view.getUint16(start + At.TotalLength);
  if (length < HEADER_LENGTH || length > total) return Ip.HeaderLength;
  if (total > end - start) return Ip.TotalLength;
  // RFC 1122 s3.2.1.2: "A host MUST verify the IP header checksum on every received datagram and silently discard every datagram that has a bad checksum."
  if (checksum(arena, start, start + length) !== 0) return Ip.Checksum;
  return 0;
}

export const headerLengthAt = (view: DataView, start: number): number => (view.getUint8(start) & 15) * 4;

/** Writes a header without options at `at` and sums it. `fragment`: flags and offset. */
export function writeHeader(
  arena: Arena,
  at: number,
  trafficClass: number,
  totalLength: number,
  identification: number,
  fragment: number,
  ttl: number,
  protocol: number,
  source: number,
  destination: number,
): void {
  const view = arena.view;
  view.setUint8(at, 0x45);
  view.setUint8(at + At.TrafficClass, trafficClass);
  view.setUint16(at + At.TotalLength, totalLength);
  view.setUint16(at + At.Identification, identification);
  view.setUint16(at + At.Fragment, fragment);
  view.setUint8(at + At.Ttl, ttl);
  view.setUint8(at + At.Protocol, protocol);
  view.setUint16(at + At.Checksum, 0);
  view.setInt32(at + At.Source, source);
  view.setInt32(at + At.Destination, destination);
  view.setUint16(at + At.Checksum, checksum(arena, at, at + HEADER_LENGTH));
}
