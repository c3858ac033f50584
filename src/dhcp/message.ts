/** DHCP messages — RFC 2131 s2, with the options field of RFC 2132 and RFC 3396. What is read is bounded by the octets that are there. */
import { Option } from "./options.js";

/** "The first four octets of the 'options' field contain the (decimal) values 99, 130, 83 and 99". */
const COOKIE = 0x6382_5363;
const FIXED = 236;
const SNAME = 44;
const FILE = 108;
const OPTIONS = FIXED + 4;
/** What BOOTP's relay agents expect at least: RFC 1542 s2.1. */
const LEAST_LENGTH = 300;
const BROADCAST = 0x8000;
const ETHERNET = 1;

export const Op = { Request: 1, Reply: 2 } as const;
export type Op = (typeof Op)[keyof typeof Op];

/** RFC 2132 s9.6. */
export const Type = { Discover: 1, Offer: 2, Request: 3, Decline: 4, Ack: 5, Nak: 6, Release: 7, Inform: 8 } as const;
export type Type = (typeof Type)[keyof typeof Type];

/** The fields by their names in figure 1 of RFC 2131; addresses as signed 32-bit integers. */
export interface DhcpMessage {
  readonly op: Op;
  /** A signed 32-bit integer. */
  readonly xid: number;
  readonly secs: number;
  readonly broadcast: boolean;
  readonly ciaddr: number;
  readonly yiaddr: number;
  readonly siaddr: number;
  readonly giaddr: number;
  /** Six octets. */
  readonly chaddr: Uint8Array;
  /** By code, in the order of the message. One that came in pieces is whole here (RFC 3396). */
  readonly options: ReadonlyMap<number, Uint8Array>;
}

/** The message; null for what is none: too short, of another medium, with another cookie, or with an option that says more than there is. */
export function parseDhcp(octets: Uint8Array): DhcpMessage | null {
  if (octets.length < OPTIONS) return null;
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
  const op = view.getUint8(0);
  if (op !== Op.Request && op !== Op.Reply) return null;
  if (view.getUint8(1) !== ETHERNET || view.getUint8(2) !== 6 || view.getUint32(FIXED) !== COOKIE) return null;
  const options = parseOptions(octets);
  if (options === null) return null;
  return {
    op,
    xid: view.getInt32(4),
    secs: view.getUint16(8),
    broadcast: (view.getUint16(10) & BROADCAST) !== 0,
    ciaddr: view.getInt32(12),
    yiaddr: view.getInt32(16),
    siaddr: view.getInt32(20),
    giaddr: view.getInt32(24),
    chaddr: octets.slice(28, 34),
    options,
  };
}

/** RFC 2131 s4.1: the options field is read first; if it says so, 'file' and then 'sname' hold more. */
function parseOptions(octets: Uint8Array): Map<number, Uint8Array> | null {
  const options = new Map<number, Uint8Array>();
  if (!collect(octets, OPTIONS, octets.length, options)) return null;
  const overload = options.get(Option.Overload)?.[0] ?? 0;
  if (overload > 3) return null;
  if ((overload & 1) !== 0 && !collect(octets, FILE, FIXED, options)) return null;
  if ((overload & 2) !== 0 && !collect(octets, SNAME, FILE, options)) return null;
  return options;
}

/** Adds the options of [start, end) to those that are there; false when one runs over the end. */
function collect(octets: Uint8Array, start: number, end: number, options: Map<number, Uint8Array>): boolean {
  for (let at = start; at < end; ) {
    const code = octets[at]!;
    if (code === Option.End) return true;
    if (code === Option.Pad) {
      at += 1;
      continue;
    }
    const value = at + 2;
    const next = value + (octets[at + 1] ?? 0);
    if (value > end || next > end) return false;
    const before = options.get(code);
    // RFC 3396 s7: what came before, and this behind it.
    options.set(code, before === undefined ? octets.slice(value, next) : joined(before, octets.subarray(value, next)));
    at = next;
  }
  // RFC 2132 s3.2 wants an end option; what lacks it is no less clear.
  return true;
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

export function writeDhcp(message: DhcpMessage): Uint8Array {
  let length = OPTIONS + 1;
  for (const value of message.options.values()) length += value.length + 2 * Math.max(1, Math.ceil(value.length / 255));
  const octets = new Uint8Array(Math.max(LEAST_LENGTH, length));
  const view = new DataView(octets.buffer);
  octets[0] = message.op;
  octets[1] = ETHERNET;
  octets[2] = 6;
  view.setInt32(4, message.xid);
  view.setUint16(8, message.secs);
  view.setUint16(10, message.broadcast ? BROADCAST : 0);
  view.setInt32(12, message.ciaddr);
  view.setInt32(16, message.yiaddr);
  view.setInt32(20, message.siaddr);
  view.setInt32(24, message.giaddr);
  octets.set(message.chaddr.subarray(0, 6), 28);
  view.setUint32(FIXED, COOKIE);
  let at = OPTIONS;
  for (const [code, value] of message.options) {
    let from = 0;
    do {
      const piece = value.subarray(from, from + 255);
      octets[at] = code;
      octets[at + 1] = piece.length;
      octets.set(piece, at + 2);
      at += 2 + piece.length;
      from += 255;
    } while (from < value.length);
  }
  octets[at] = Option.End;
  return octets;
}
