/** A line may expect a segment of several MSS, as a stack gives it to a device that cuts it. One that cuts itself sends the pieces: they
 *  are put together again, by rules that nothing but such pieces meets. */
import { CWR, FIN, PSH, SYN } from "./flow.js";
import type { Reply, Request, Sent } from "./host.js";
import { readPacket, type WirePacket, type WireTcp } from "./wire-packet.js";

/** What the pieces of one segment may differ in. */
const FREE = FIN | PSH | CWR;

const sameOctets = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((octet, i) => octet === b[i]);

/** True when `next` is the piece behind `piece`: all pieces but the last are as long as the first. */
function follows(first: WireTcp, piece: WireTcp, next: WireTcp): boolean {
  if ((piece.flags | next.flags) & SYN) return false;
  return (
    next.sourcePort === piece.sourcePort &&
    next.targetPort === piece.targetPort &&
    next.seq === (piece.seq + piece.text.length) >>> 0 &&
    piece.text.length === first.text.length &&
    next.text.length > 0 &&
    next.text.length <= first.text.length &&
    (next.flags & ~FREE) === (piece.flags & ~FREE) &&
    next.ack === piece.ack &&
    next.window === piece.window &&
    next.urgent === piece.urgent &&
    sameOctets(next.options, piece.options)
  );
}

/** Puts pieces together until they have `length` octets. `more` gives the next packet, or null when there is none in time. What does not fit
 *  is given back by `back`. */
export function* merge(
  sent: Sent,
  wire: WirePacket,
  length: number,
  more: () => Generator<Request, Sent | null, Reply>,
  back: (sent: Sent) => void,
): Generator<Request, { sent: Sent; wire: WirePacket }, Reply> {
  const first = wire.tcp!;
  let last = { sent, wire };
  let octets = first.text.length;
  const texts = [first.text];
  while (octets < length && octets > 0) {
    const next: Sent | null = yield* more();
    if (next === null) break;
    const read = readPacket(next.octets);
    if (read?.tcp == null || !follows(first, last.wire.tcp!, read.tcp) || octets + read.tcp.text.length > length) {
      back(next);
      break;
    }
    texts.push(read.tcp.text);
    octets += read.tcp.text.length;
    last = { sent: next, wire: read };
  }
  if (last.sent === sent) return last;
  const text = new Uint8Array(octets);
  let at = 0;
  for (const piece of texts) {
    text.set(piece, at);
    at += piece.length;
  }
  const tail = last.wire.tcp!;
  const tcp: WireTcp = { ...tail, seq: first.seq, flags: (tail.flags & ~CWR) | (first.flags & CWR), text };
  return { sent: last.sent, wire: { ...last.wire, tcp } };
}
