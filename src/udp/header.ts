/** The UDP header — RFC 768. */
import type { Arena } from "../base/arena.js";
import { pseudoHeaderSum } from "../base/checksum.js";
import { ChecksumState } from "../base/packet.js";
import { Udp } from "../base/why.js";
import { type Datagram, Protocol } from "../ip/network.js";

export const HEADER_LENGTH = 8;
/** The longest text of a datagram over IPv4. */
export const LONGEST_TEXT = 65_535 - 20 - HEADER_LENGTH;

/** A parsed header. One per stack, overwritten by the next. */
export class UdpHeader {
  sourcePort = 0;
  destinationPort = 0;
  textStart = 0;
  textEnd = 0;
}

/** Parses and verifies what `datagram` carries; returns 0, or the reason to drop it. */
export function parseUdp(header: UdpHeader, datagram: Datagram): number {
  const { packet, payloadStart: start, payloadEnd: end } = datagram;
  const { arena } = packet.pool;
  if (end - start < HEADER_LENGTH) return Udp.Short;
  const length = arena.view.getUint16(start + 4);
  // RFC 768: "the minimum value of the length is eight"; what lies behind it in the IP payload is ignored.
  if (length < HEADER_LENGTH || length > end - start) return Udp.Length;
  const sum = arena.view.getUint16(start + 6);
  // RFC 768: "An all zero transmitted checksum value means that the transmitter generated no checksum".
  if (sum !== 0 && packet.checksum === ChecksumState.Unknown) {
    const pseudo = pseudoHeaderSum(datagram.source, datagram.destination, Protocol.Udp, length);
    if (arena.sum(start, length, pseudo) !== 0xffff) return Udp.Checksum;
  }
  header.sourcePort = arena.view.getUint16(start);
  header.destinationPort = arena.view.getUint16(start + 2);
  if (header.destinationPort === 0) return Udp.PortZero;
  header.textStart = start + HEADER_LENGTH;
  header.textEnd = start + length;
  return 0;
}

/** Writes the header of the datagram [at, end), whose text is in place. `partial`: the link finishes the checksum. */
export function writeUdp(
  arena: Arena,
  at: number,
  end: number,
  source: number,
  sourcePort: number,
  destination: number,
  destinationPort: number,
  partial: boolean,
): void {
  const view = arena.view;
  const length = end - at;
  view.setUint16(at, sourcePort);
  view.setUint16(at + 2, destinationPort);
  view.setUint16(at + 4, length);
  view.setUint16(at + 6, 0);
  const pseudo = pseudoHeaderSum(source, destination, Protocol.Udp, length);
  if (partial) {
    view.setUint16(at + 6, arena.sum(at, 0, pseudo));
    return;
  }
  const sum = ~arena.sum(at, length, pseudo) & 0xffff;
  // RFC 768: "If the computed checksum is zero, it is transmitted as all ones".
  view.setUint16(at + 6, sum === 0 ? 0xffff : sum);
}
