/** What a link has merged, taken apart again: a script counts the segments of the host, not those of a network card. */
import { CWR, FIN, PSH } from "../conformance/script/flow.js";
import { readPacket, writeTcpPacket } from "../conformance/script/wire-packet.js";

const IP_HEADER = 20;

/** The segments of an IPv4 packet whose text was merged of pieces of `size` octets; itself, if it was not. */
export function segmentsOf(octets: Uint8Array, size: number): Uint8Array[] {
  const packet = readPacket(octets);
  const tcp = packet?.tcp ?? null;
  if (packet === null || tcp === null || size <= 0 || tcp.text.length <= size || packet.headerOctets !== IP_HEADER) return [octets];
  const segments: Uint8Array[] = [];
  for (let at = 0; at < tcp.text.length; at += size) {
    const last = at + size >= tcp.text.length;
    // What ends the text stands on its last segment, what begins an answer to a mark on the first.
    const flags = tcp.flags & ~(last ? 0 : FIN | PSH) & ~(at === 0 ? 0 : CWR);
    const text = tcp.text.subarray(at, at + size);
    segments.push(writeTcpPacket(packet, (packet.id + segments.length) & 0xffff, { ...tcp, seq: (tcp.seq + at) >>> 0, flags, text }));
  }
  return segments;
}
