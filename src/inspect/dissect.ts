/** What a frame is about, in a few numbers. It shares nothing with the stack's own parsers, because it must read what they refuse:
 *  it believes no length, and leaves at zero what is not there. */
import type { TraceEvent } from "./event.js";

export const EtherType = { Ipv4: 0x0800, Arp: 0x0806, Vlan: 0x8100 } as const;

/** Fills addresses, ports, `length`, `a` (EtherType; -1: no room for one), `b` (IP protocol or ARP operation), `c` (ICMP type and code)
 *  and `d` (fragment offset in octets; -1: not a fragment) of `event`. */
export function dissect(event: TraceEvent, octets: Uint8Array, start: number, end: number, ethernet: boolean): void {
  event.length = end - start;
  event.a = -1;
  event.d = -1;
  let at = start;
  if (ethernet) {
    if (end - at < 14) return;
    event.a = short(octets, at + 12);
    at += 14;
    // Any number of tags: each is four octets.
    while (event.a === EtherType.Vlan && end - at >= 4) {
      event.a = short(octets, at + 2);
      at += 4;
    }
  } else event.a = end > at && octets[at]! >> 4 === 4 ? EtherType.Ipv4 : -1;
  if (event.a === EtherType.Ipv4) ipv4(event, octets, at, end);
  else if (event.a === EtherType.Arp && end - at >= 28) {
    event.b = short(octets, at + 6);
    event.local = word(octets, at + 14);
    event.remote = word(octets, at + 24);
  }
}

function ipv4(event: TraceEvent, octets: Uint8Array, at: number, end: number): void {
  if (end - at < 20) return;
  event.b = octets[at + 9]!;
  event.local = word(octets, at + 12);
  event.remote = word(octets, at + 16);
  const fragment = short(octets, at + 6);
  if (fragment & 0x3fff) event.d = (fragment & 0x1fff) * 8;
  const header = (octets[at]! & 15) * 4;
  const total = short(octets, at + 2);
  if (total >= header && at + total <= end) event.length = total - header;
  const payload = at + header;
  if (event.d > 0 || end - payload < 8) return;
  if (event.b === 1) {
    event.c = short(octets, payload);
    event.seq = short(octets, payload + 4);
    event.ack = short(octets, payload + 6);
  } else if (event.b === 6 || event.b === 17) {
    event.localPort = short(octets, payload);
    event.remotePort = short(octets, payload + 2);
  }
}

const short = (octets: Uint8Array, at: number): number => (octets[at]! << 8) | octets[at + 1]!;
const word = (octets: Uint8Array, at: number): number => (short(octets, at) << 16) | short(octets, at + 2);
