/** The TCP header on the wire: RFC 9293 s3.1, options s3.2; RFC 7323 (window scale, timestamps); RFC 2018 (SACK); RFC 7413 (Fast Open);
 *  RFC 9768 (AccECN). */
import { type Seq, seq } from "../base/seq.js";

export const FIN = 0x01;
export const SYN = 0x02;
export const RST = 0x04;
export const PSH = 0x08;
export const ACK = 0x10;
export const URG = 0x20;
/** RFC 3168 s6.1. */
export const ECE = 0x40;
export const CWR = 0x80;
/** RFC 9768 s3.1.1: the last bit of the octet before. With CWR and ECE it is the ACE field, a number from 0 to 7. */
export const AE = 0x100;

/** The ECN field of IP's header (RFC 3168 s5). */
export const EcnField = { NotEct: 0, Ect1: 1, Ect0: 2, Ce: 3 } as const;

export const HEADER_MIN = 20;
/** Data offset is four bits of words: 60 octets, so 40 of options. */
export const HEADER_MAX = 60;
/** Octets of the timestamps option with the padding that every stack gives it (RFC 7323 appendix A). */
export const TIMESTAMPS_SIZE = 12;
/** RFC 7323 s2.3: a larger shift count means 14. */
export const MAX_WINDOW_SCALE = 14;

/** Why octets are no segment. 0 is success: this is the packet path, nothing throws here. */
export const Malformed = { No: 0, Truncated: 1, DataOffset: 2 } as const;
export type Malformed = (typeof Malformed)[keyof typeof Malformed];

/** Which order and padding the options of a SYN get: what implementations are recognised by. */
export const OptionStyle = { Linux: 0, Bsd: 1 } as const;
export type OptionStyle = (typeof OptionStyle)[keyof typeof OptionStyle];

/** RFC 7413 s4.1.1: a cookie has 4 to 16 octets, an even number of them. */
export const COOKIE_LEAST = 4;
export const COOKIE_MOST = 16;

/** What the counters of the AccECN option begin with, by ECN field, so that zeros are known for somebody else's (RFC 9768 s3.2.1). */
const COUNTER_START = [0, 1, 1, 0] as const;
/** The fields of the option of kind 172 in their order (RFC 9768 s3.2.3); that of 174 has it the other way round, and is what is sent. */
const ORDER_0 = [EcnField.Ect0, EcnField.Ce, EcnField.Ect1] as const;
const ORDER_1 = [EcnField.Ect1, EcnField.Ce, EcnField.Ect0] as const;

/** One segment in the vocabulary of RFC 9293 s3.3.1: SEG.SEQ is `seg.seq`, SEG.LEN is `seg.len`.
 *
 *  A stack has one for what it receives and one for what it sends. Each is overwritten by the next, so a handler may read it
 *  and must not keep it. */
export class Segment {
  srcPort = 0;
  dstPort = 0;
  seq: Seq = seq(0);
  ack: Seq = seq(0);
  flags = 0;
  /** The ECN field of the datagram that carries it. */
  ecn = 0;
  /** The window field as it stands in the header: 16 bits, unscaled. */
  wnd = 0;
  up = 0;
  /** SEG.LEN: octets of text, plus one for SYN and one for FIN. */
  len = 0;
  /** The text, [textStart, textEnd) in the arena. */
  textStart = 0;
  textEnd = 0;
  /** 0: option absent. */
  mss = 0;
  /** -1: option absent. */
  windowScale = -1;
  sackPermitted = false;
  hasTimestamp = false;
  tsVal = 0;
  tsEcr = 0;
  /** SACK blocks: left edge at 2i, right edge at 2i+1; at most four fit. */
  sackCount = 0;
  readonly sack = new Int32Array(8);
  /** Octets of the Fast Open cookie in a SYN, 0: it is asked for; -1: option absent. One of impossible length counts as that long, and is
   *  not kept. */
  cookieLength = -1;
  /** The option had, or shall have, the experimental form (RFC 6994, RFC 7413 appendix B). */
  cookieExperimental = false;
  readonly cookie = new Uint8Array(COOKIE_MOST);
  /** Counters in the AccECN option; -1: option absent. Which come first says `counterOrder`: it has kind 172 (false) or 174. */
  counterCount = -1;
  counterOrder = false;
  /** Octets of text received, by ECN field, modulo 2^24 and without what the counters begin with. A first counter of zero, or a last one, is
   *  none that this protocol has sent: `counterZeroed`. */
  readonly counters = new Int32Array(4);
  counterZeroed = false;
  /** It has a signature (RFC 2385), which nobody here can check. */
  signed = false;
}

const KIND_END = 0;
const KIND_NOP = 1;
const KIND_MSS = 2;
const KIND_WINDOW_SCALE = 3;
const KIND_SACK_PERMITTED = 4;
const KIND_SACK = 5;
const KIND_TIMESTAMPS = 8;
const KIND_SIGNATURE = 19;
const KIND_FAST_OPEN = 34;
const KIND_COUNTERS_0 = 172;
const KIND_COUNTERS_1 = 174;
const KIND_EXPERIMENT = 254;
/** RFC 7413 appendix B: the experiment's number. */
const FAST_OPEN_MAGIC = 0xf989;

const NOP_NOP = (KIND_NOP << 24) | (KIND_NOP << 16);

/** Reads [start, end) into `seg`. The checksum is the caller's: it knows the pseudo-header. */
export function parseSegment(seg: Segment, view: DataView, start: number, end: number): Malformed {
  if (end - start < HEADER_MIN) return Malformed.Truncated;
  const text = start + (view.getUint8(start + 12) >> 4) * 4;
  if (text < start + HEADER_MIN || text > end) return Malformed.DataOffset;

  seg.srcPort = view.getUint16(start);
  seg.dstPort = view.getUint16(start + 2);
  seg.seq = view.getInt32(start + 4) as Seq;
  seg.ack = view.getInt32(start + 8) as Seq;
  seg.flags = view.getUint16(start + 12) & 0x1ff;
  seg.wnd = view.getUint16(start + 14); // unsigned: (MUST-1)
  seg.up = view.getUint16(start + 18);
  seg.textStart = text;
  seg.textEnd = end;
  seg.len = end - text + (seg.flags & SYN ? 1 : 0) + (seg.flags & FIN ? 1 : 0);
  parseOptions(seg, view, start + HEADER_MIN, text);
  return Malformed.No;
}

/** Reads what it knows and stops at the first option whose length is impossible: the segment itself stays good (MUST-7). */
function parseOptions(seg: Segment, view: DataView, from: number, end: number): void {
  seg.mss = 0;
  seg.windowScale = -1;
  seg.sackPermitted = false;
  seg.hasTimestamp = false;
  seg.sackCount = 0;
  seg.cookieLength = -1;
  seg.counterCount = -1;
  seg.signed = false;
  // What almost every segment carries, at the place where every stack puts it (RFC 7323 appendix A).
  if (end - from === TIMESTAMPS_SIZE && view.getInt32(from) === (NOP_NOP | (KIND_TIMESTAMPS << 8) | 10)) {
    seg.hasTimestamp = true;
    seg.tsVal = view.getInt32(from + 4);
    seg.tsEcr = view.getInt32(from + 8);
    return;
  }
  let at = from;
  while (at < end) {
    const kind = view.getUint8(at);
    if (kind === KIND_END) return;
    if (kind === KIND_NOP) {
      at += 1;
      continue;
    }
    if (at + 1 >= end) return;
    const length = view.getUint8(at + 1);
    if (length < 2 || at + length > end) return;
    // An option we know, at a length it cannot have, is skipped like one that we do not know (MUST-6).
    if (kind === KIND_MSS && length === 4) seg.mss = view.getUint16(at + 2);
    else if (kind === KIND_WINDOW_SCALE && length === 3) seg.windowScale = Math.min(view.getUint8(at + 2), MAX_WINDOW_SCALE);
    else if (kind === KIND_SACK_PERMITTED && length === 2) seg.sackPermitted = true;
    else if (kind === KIND_TIMESTAMPS && length === 10) {
      seg.hasTimestamp = true;
      seg.tsVal = view.getInt32(at + 2);
      seg.tsEcr = view.getInt32(at + 6);
    } else if (kind === KIND_SACK && (length & 7) === 2) {
      seg.sackCount = (length - 2) >> 3;
      for (let i = 0; i < seg.sackCount * 2; i++) seg.sack[i] = view.getInt32(at + 2 + 4 * i);
    } else if (kind === KIND_FAST_OPEN && seg.flags & SYN) readCookie(seg, view, at + 2, length - 2, false);
    else if ((kind === KIND_COUNTERS_0 || kind === KIND_COUNTERS_1) && length <= 11 && length % 3 === 2)
      readCounters(seg, view, at + 2, (length - 2) / 3, kind === KIND_COUNTERS_1);
    else if (kind === KIND_EXPERIMENT && seg.flags & SYN && length >= 4 && view.getUint16(at + 2) === FAST_OPEN_MAGIC)
      readCookie(seg, view, at + 4, length - 4, true);
    else if (kind === KIND_SIGNATURE) seg.signed = true;
    at += length;
  }
}

function readCookie(seg: Segment, view: DataView, at: number, length: number, experimental: boolean): void {
  seg.cookieLength = length;
  seg.cookieExperimental = experimental;
  if (length <= COOKIE_MOST) for (let i = 0; i < length; i++) seg.cookie[i] = view.getUint8(at + i);
}

function readCounters(seg: Segment, view: DataView, at: number, count: number, order: boolean): void {
  const fields = order ? ORDER_1 : ORDER_0;
  seg.counterCount = count;
  seg.counterOrder = order;
  seg.counterZeroed = false;
  for (let i = 0; i < count; i++) {
    const field = fields[i]!;
    const value = (view.getUint8(at + 3 * i) << 16) | view.getUint16(at + 3 * i + 1);
    if (value === 0 && field !== EcnField.Ce) seg.counterZeroed = true;
    seg.counters[field] = (value - COUNTER_START[field]) & 0xff_ffff;
  }
}

/** Writes a header of `seg`'s fields and options at `start` with the checksum field zero; returns its length. */
export function writeSegment(view: DataView, start: number, seg: Segment, style: OptionStyle): number {
  let at = start + HEADER_MIN;
  if (seg.flags & SYN) at = style === OptionStyle.Linux ? writeSynOptionsLinux(view, at, seg) : writeSynOptionsBsd(view, at, seg);
  else {
    if (seg.hasTimestamp) at = writeTimestamps(view, at, seg);
    if (seg.counterCount >= 0) at = writeCounters(view, at, seg);
    if (seg.sackCount > 0) at = writeSack(view, pad(view, start, at, 2), seg);
    else if (seg.counterCount >= 0) at = pad(view, start, at, 0);
  }
  view.setUint16(start, seg.srcPort);
  view.setUint16(start + 2, seg.dstPort);
  view.setInt32(start + 4, seg.seq);
  view.setInt32(start + 8, seg.ack);
  view.setUint16(start + 12, ((at - start) << 10) | seg.flags);
  view.setUint16(start + 14, seg.wnd);
  view.setUint16(start + 16, 0);
  view.setUint16(start + 18, seg.up);
  return at - start;
}

/** The length that `writeSegment` will return. */
export function headerLength(seg: Segment, style: OptionStyle): number {
  if (seg.flags & SYN) {
    const mss = seg.mss !== 0 ? 4 : 0;
    const scale = seg.windowScale >= 0 ? 4 : 0;
    const cookie = cookieSize(seg);
    if (style === OptionStyle.Linux) {
      let at = HEADER_MIN + mss + (seg.hasTimestamp ? 12 : 0) + countersSize(seg);
      if (seg.sackPermitted && !seg.hasTimestamp) at += padding(at, 2) + 2;
      if (scale > 0) at += padding(at, 3) + 3;
      return ((at + 3) & ~3) + ((cookie + 3) & ~3);
    }
    const sack = seg.sackPermitted ? 2 : 0;
    const stamps = seg.hasTimestamp ? (sack === 0 ? 12 : 10) : 0;
    return HEADER_MIN + ((mss + scale + sack + stamps + cookie + countersSize(seg) + 3) & ~3);
  }
  const stamps = seg.hasTimestamp ? TIMESTAMPS_SIZE : 0;
  if (seg.counterCount >= 0) return HEADER_MIN + stamps + countersAndSack(seg.counterCount, seg.sackCount);
  return HEADER_MIN + stamps + (seg.sackCount > 0 ? 4 + 8 * seg.sackCount : 0);
}

/** Octets that so many counters and SACK blocks take together, padding included: what is left of a word of the one is begun by the other. */
export function countersAndSack(counters: number, blocks: number): number {
  const size = 2 + 3 * counters;
  return blocks === 0 ? (size + 3) & ~3 : size + padding(size, 2) + 2 + 8 * blocks;
}

const countersSize = (seg: Segment): number => (seg.counterCount < 0 ? 0 : 2 + 3 * seg.counterCount);

/** Octets of padding before an option, or the beginning of one, of so many octets, so that it ends a word. */
const padding = (at: number, octets: number): number => -(at + octets) & 3;

function pad(view: DataView, start: number, from: number, octets: number): number {
  const end = from + padding(from - start, octets);
  for (let at = from; at < end; at++) view.setUint8(at, KIND_NOP);
  return end;
}

/** The option of kind 174: what is marked, ECT(1) and CE, comes first, as it is what may have to be cut off that nobody misses. */
function writeCounters(view: DataView, at: number, seg: Segment): number {
  view.setUint16(at, (KIND_COUNTERS_1 << 8) | (2 + 3 * seg.counterCount));
  for (let i = 0; i < seg.counterCount; i++) {
    const field = ORDER_1[i]!;
    const value = seg.counters[field]! + COUNTER_START[field];
    view.setUint8(at + 2 + 3 * i, value >>> 16);
    view.setUint16(at + 3 + 3 * i, value & 0xffff);
  }
  return at + 2 + 3 * seg.counterCount;
}

function writeTimestamps(view: DataView, at: number, seg: Segment): number {
  view.setInt32(at, NOP_NOP | (KIND_TIMESTAMPS << 8) | 10);
  view.setInt32(at + 4, seg.tsVal);
  view.setInt32(at + 8, seg.tsEcr);
  return at + TIMESTAMPS_SIZE;
}

function writeSack(view: DataView, at: number, seg: Segment): number {
  view.setUint16(at, (KIND_SACK << 8) | (2 + 8 * seg.sackCount));
  for (let i = 0; i < seg.sackCount * 2; i++) view.setInt32(at + 2 + 4 * i, seg.sack[i]!);
  return at + 2 + 8 * seg.sackCount;
}

/** mss, sackOK, TS, counters, nop, wscale; without timestamps the SACK option is padded in front. */
function writeSynOptionsLinux(view: DataView, from: number, seg: Segment): number {
  let at = writeMss(view, from, seg);
  if (seg.hasTimestamp) {
    at = writeTimestamps(view, at, seg);
    if (seg.sackPermitted) view.setInt16(at - TIMESTAMPS_SIZE, (KIND_SACK_PERMITTED << 8) | 2); // where the two NOPs were
  }
  if (seg.counterCount >= 0) at = writeCounters(view, at, seg);
  if (seg.sackPermitted && !seg.hasTimestamp) {
    at = pad(view, from, at, 2);
    view.setInt16(at, (KIND_SACK_PERMITTED << 8) | 2);
    at += 2;
  }
  if (seg.windowScale >= 0) {
    at = pad(view, from, at, 3);
    view.setUint16(at, (KIND_WINDOW_SCALE << 8) | 3);
    view.setUint8(at + 2, seg.windowScale);
    at += 3;
  }
  at = pad(view, from, at, 0);
  const end = at + ((cookieSize(seg) + 3) & ~3);
  for (at = writeCookie(view, at, seg); at < end; at++) view.setUint8(at, KIND_NOP);
  return end;
}

/** mss, nop, wscale, sackOK, TS, cookie, counters; zeros (end of options, padding) up to the next word. */
function writeSynOptionsBsd(view: DataView, from: number, seg: Segment): number {
  let at = writeWindowScale(view, writeMss(view, from, seg), seg);
  if (seg.sackPermitted) {
    view.setInt16(at, (KIND_SACK_PERMITTED << 8) | 2);
    at += 2;
  }
  if (seg.hasTimestamp) {
    if (!seg.sackPermitted) {
      view.setInt16(at, (KIND_NOP << 8) | KIND_NOP);
      at += 2;
    }
    view.setInt16(at, (KIND_TIMESTAMPS << 8) | 10);
    view.setInt32(at + 2, seg.tsVal);
    view.setInt32(at + 6, seg.tsEcr);
    at += 10;
  }
  at = writeCookie(view, at, seg);
  if (seg.counterCount >= 0) at = writeCounters(view, at, seg);
  while ((at - from) & 3) view.setUint8(at++, KIND_END); // (MUST-69)
  return at;
}

function writeMss(view: DataView, at: number, seg: Segment): number {
  if (seg.mss === 0) return at;
  view.setUint16(at, (KIND_MSS << 8) | 4);
  view.setUint16(at + 2, seg.mss);
  return at + 4;
}

/** Octets of the Fast Open option without padding. */
const cookieSize = (seg: Segment): number => (seg.cookieLength < 0 ? 0 : seg.cookieLength + (seg.cookieExperimental ? 4 : 2));

function writeCookie(view: DataView, from: number, seg: Segment): number {
  if (seg.cookieLength < 0) return from;
  let at = from;
  view.setUint8(at, seg.cookieExperimental ? KIND_EXPERIMENT : KIND_FAST_OPEN);
  view.setUint8(at + 1, cookieSize(seg));
  at += 2;
  if (seg.cookieExperimental) {
    view.setUint16(at, FAST_OPEN_MAGIC);
    at += 2;
  }
  for (let i = 0; i < seg.cookieLength; i++) view.setUint8(at + i, seg.cookie[i]!);
  return at + seg.cookieLength;
}

function writeWindowScale(view: DataView, at: number, seg: Segment): number {
  if (seg.windowScale < 0) return at;
  view.setInt32(at, (KIND_NOP << 24) | (KIND_WINDOW_SCALE << 16) | (3 << 8) | seg.windowScale);
  return at + 4;
}
