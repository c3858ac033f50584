/** What a router would do in the middle of a wire: fragment (RFC 791 s3.2), or say that it must not (RFC 792, RFC 1191 s4). */
import type { FrameSummary } from "./frame-summary.js";
import { internetChecksum, put16, put32 } from "./internet-sum.js";

/** The frame's IPv4 packet in fragments that fit `mtu`, each behind a copy of the link header. */
export function fragment(bytes: Uint8Array, start: number, end: number, summary: FrameSummary, mtu: number): Uint8Array[] {
  const ip = start + summary.header;
  const header = (bytes[ip]! & 15) * 4;
  const text = Math.min(end, ip + summary.ipLength) - ip - header;
  const step = (mtu - header) & ~7;
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < text; at += step) {
    const length = Math.min(step, text - at);
    const piece = new Uint8Array(summary.header + header + length);
    piece.set(bytes.subarray(start, ip + header));
    piece.set(bytes.subarray(ip + header + at, ip + header + at + length), summary.header + header);
    const more = at + length < text || summary.moreFragments;
    const own = summary.header;
    put16(piece, own + 2, header + length);
    put16(piece, own + 6, (more ? 0x2000 : 0) | ((summary.fragmentOffset + at) >> 3));
    if (at > 0) blankUncopiedOptions(piece, own + 20, own + header);
    put16(piece, own + 10, 0);
    put16(piece, own + 10, internetChecksum(piece, own, own + header));
    pieces.push(piece);
  }
  return pieces;
}

/** RFC 791 s3.1: only options with the copied flag go into later fragments; here the others become no-operations. */
function blankUncopiedOptions(piece: Uint8Array, from: number, end: number): void {
  for (let at = from; at < end; ) {
    const kind = piece[at]!;
    const length = kind < 2 ? 1 : (piece[at + 1] ?? 0);
    if (kind === 0 || length < 1 || at + length > end) return;
    if (kind !== 1 && (kind & 0x80) === 0) piece.fill(1, at, at + length);
    at += length;
  }
}

/** Writes the ICMP error about the frame into `into[0..]`, addressed to its sender; returns its octets. 0: nobody to tell. */
export function fragmentationNeeded(
  into: Uint8Array,
  bytes: Uint8Array,
  start: number,
  summary: FrameSummary,
  mtu: number,
  router: number,
): number {
  // RFC 1122 s3.2.2: never about an ICMP error or a fragment that is not the first.
  if (summary.fragmentOffset > 0 || (summary.protocol === 1 && summary.icmpType !== 8 && summary.icmpType !== 0)) return 0;
  const ip = start + summary.header;
  const quote = Math.min((bytes[ip]! & 15) * 4 + 8, summary.ipLength);
  const own = summary.header;
  into.fill(0, 0, own + 28);
  if (own > 0) {
    into.set(bytes.subarray(start, start + own)); // type and tags
    into.set(bytes.subarray(start + 6, start + 12), 0);
    into.set(bytes.subarray(start, start + 6), 6);
  }
  into[own] = 0x45;
  put16(into, own + 2, 28 + quote);
  into[own + 8] = 64;
  into[own + 9] = 1;
  put32(into, own + 12, router !== 0 ? router : summary.destination);
  put32(into, own + 16, summary.source);
  put16(into, own + 10, internetChecksum(into, own, own + 20));
  const icmp = own + 20;
  into[icmp] = 3;
  into[icmp + 1] = 4;
  put16(into, icmp + 6, mtu);
  into.set(bytes.subarray(ip, ip + quote), icmp + 8);
  put16(into, icmp + 2, internetChecksum(into, icmp, icmp + 8 + quote));
  const length = own + 28 + quote;
  if (own === 0 || length >= 60) return length;
  into.fill(0, length, 60);
  return 60;
}
