/** Accurate ECN: RFC 9768. Every segment says how many marks have arrived, in the three bits of the ACE field, and by an option how many octets of
 *  text arrived with which ECN field. The data sender makes out of that which share of what it sent was marked.
 *
 *  Counters are kept without the values that they begin with (s3.2.1), which only the wire sees. */
import type { Micros } from "../base/environment.js";
import type { Seq } from "../base/seq.js";
import { Tx } from "../base/why.js";
import type { Core } from "./core.js";
import { type AckEvent, Phase } from "./recovery/recovery.js";
import { ACK, countersAndSack, EcnField, HEADER_MAX, headerLength, type OptionStyle, type Segment, SYN } from "./segment.js";
import { Flag, has, type Tcb } from "./tcb.js";

/** s3.2.1: what the ACE field begins with, so that a field of zeros looks like none that this protocol has begun. */
const ACE_START = 5;
/** What it counts up to. */
const ACE_MASK = 7;
/** How a SYN,ACK says with which ECN field the SYN came, and the ACK of the SYN,ACK with which that (s3.1.2, table 3; s3.2.2.1). */
const HANDSHAKE = [2, 3, 4, 6] as const;
/** The counter of the option of kind 174 that counts text of an ECN field, from 1; 0: none does. */
const PLACE = [0, 1, 3, 2] as const;
/** So many marks in a row on what asks for no ACK ask for one, and so many never go without: s3.2.2.5.1 has 3 to 7. */
const MOST_UNTOLD = 6;
/** A counter of octets is told at least as often as it passes a multiple of this (s3.2.3.3). */
const TELL_EVERY = 22;
/** Without an option for so many octets, counters of 24 bits may have wrapped unseen. */
const TOO_LATE = 2 ** 23 - 1;
/** Options are sent on until two have told of a change: the first alone would leave open where it was. */
const AFTER_CHANGE = 2;
/** The share of a new sample in the average of segments that an ACK delivers, as a shift; and how many show that ACKs are thinned out. */
const AVERAGE_SHIFT = 6;
const THINNED = 4;
const OPTION_SPACE = 40;
const TIMESTAMPS = 12;

/** What has been seen of the peer's option. */
export const Seen = { No: 0, Empty: 1, Counters: 2, Bad: 3 } as const;
export type Seen = (typeof Seen)[keyof typeof Seen];

export class AccurateEcn {
  // ---- what we have received

  /** Marked segments, and how many of them no ACE field has told yet. */
  marked = 0;
  untold = 0;
  /** Octets of text by ECN field; that of none is not counted. */
  readonly octets = new Uint32Array(4);
  /** The ECN field of the last segment, and whether that was a change which no ACK has told. */
  field = 0;
  changed = false;
  /** With which ECN field the SYN or SYN,ACK came. */
  synField = 0;

  // ---- what we tell

  /** Segments that must still carry the option, and the least number of counters in it that says what is new. */
  due = 0;
  leastCounters = 0;
  toldAt: Micros = 0;
  /** The last report of a duplicate went with the option; where that was. */
  toldDuplicate = false;
  duplicateEnd: Seq = 0 as Seq;
  /** What carries the option does not arrive: no more of them. */
  optionLost = false;

  // ---- what the peer has received

  /** Nothing it says about marks is believed (s3.2.2.3, s3.2.2.4). */
  deaf = false;
  seen: Seen = Seen.No;
  /** Octets by ECN field that have arrived there, as far as it has told or as it can be inferred. */
  readonly delivered = new Uint32Array(4);
  /** The ECN field with which all that was told lately arrived; 0: there is no single one. */
  likely = 0;
  /** Segments delivered by an ACK on average, as a fixed point number; 0: no sample. */
  average = 0;

  clear(): void {
    this.marked = this.untold = this.field = this.synField = this.due = this.leastCounters = this.toldAt = 0;
    this.changed = this.toldDuplicate = this.optionLost = this.deaf = false;
    this.duplicateEnd = 0 as Seq;
    this.octets.fill(0);
    this.delivered.fill(0);
    this.seen = Seen.No;
    this.likely = this.average = 0;
  }
}

/** (AE, CWR, ECE) as a number. */
export const aceOf = (seg: Segment): number => (seg.flags >>> 6) & ACE_MASK;
const flagsOf = (ace: number): number => (ace & ACE_MASK) << 6;

// ---- the handshake

/** The peer's SYN or SYN,ACK has agreed. */
export function beginAccurate(tcb: Tcb, seg: Segment): void {
  const accurate = beginMarks(tcb);
  tcb.deliveredMarked = 0;
  accurate.synField = accurate.field = seg.ecn;
  if ((seg.flags & (SYN | ACK)) !== (SYN | ACK)) return;
  // s3.2.2.1: the ACK of a SYN,ACK says how that came. It is for one segment, our SYN.
  accurate.average = 1 << AVERAGE_SHIFT;
  tcb.flags |= Flag.TellsSynMark;
  if (seg.ecn === EcnField.Ce) accurate.marked = accurate.untold = 1;
}

/** s3.1.5: it is told how the latest came. */
export function repeatedSynMark(tcb: Tcb, seg: Segment): void {
  tcb.accurate!.synField = seg.ecn;
}

/** s3.2.2.1: the SYN,ACK again, although it was here: the ACK of it was lost, and is sent as it was. */
export function repeatedSynAck(tcb: Tcb, seg: Segment): void {
  if (has(tcb, Flag.Passive) || (seg.flags & ACK) === 0 || seg.seq !== tcb.irs) return;
  repeatedSynMark(tcb, seg);
  tcb.flags |= Flag.TellsSynMark;
}

/** The flags of a SYN,ACK to a SYN that came with ECN field `synField`. */
export const answerFlags = (synField: number): number => flagsOf(HANDSHAKE[synField]!);

/** Our SYN was sent without ECT and is said to have arrived with something else: something on the way writes into the field (s3.2.2.3). 5 is
 *  reserved, and stands for "as it was sent" (s3.1.3). */
export function answersMangled(core: Core, tcb: Tcb, ace: number): boolean {
  if (!core.policy.ecnFallback || !core.policy.testsSynMark || ace === HANDSHAKE[EcnField.NotEct] || ace === ACE_START) return false;
  tcb.accurate!.deaf = true;
  return true;
}

/** The segment that has acknowledged our SYN,ACK (s3.2.2.1, table 4). Without text and SACK blocks it says how that arrived. */
export function hearSynAckFed(core: Core, tcb: Tcb, seg: Segment): void {
  const accurate = tcb.accurate!;
  const ace = aceOf(seg);
  hearOption(tcb, seg, 0);
  accurate.due = Math.max(accurate.due, 1);
  if (seg.textEnd > seg.textStart || seg.sackCount > 0) return;
  // Zeros: the field does not arrive. 1, 5 and 7 are reserved, and stand for nothing wrong.
  const wrong = ace === 0 || (core.policy.ecnFallback && ace !== HANDSHAKE[EcnField.NotEct] && HANDSHAKE.includes(ace as 2));
  if (wrong) {
    accurate.deaf = true;
    tcb.flags &= ~Flag.Ect;
  } else if (ace === HANDSHAKE[EcnField.Ce]) tcb.deliveredMarked = 1;
}

// ---- receiving

/** A segment has arrived that is valid, with text or without (s3.2.2.5, s3.2.3.3). */
export function countMark(core: Core, tcb: Tcb, seg: Segment): void {
  const accurate = tcb.accurate!;
  const { ecn } = seg;
  const text = seg.textEnd - seg.textStart;
  if (ecn !== EcnField.NotEct) tcb.flags |= Flag.EcnSeen;
  if (ecn === EcnField.Ce) {
    accurate.marked += 1;
    accurate.untold += 1;
  }
  if (ecn !== EcnField.NotEct && text > 0) {
    const before = accurate.octets[ecn]!;
    accurate.octets[ecn] = before + text;
    accurate.leastCounters = Math.max(accurate.leastCounters, PLACE[ecn]!);
    if ((before ^ accurate.octets[ecn]!) >>> TELL_EVERY) accurate.due = Math.max(accurate.due, 1);
  }
  const changed = ecn !== accurate.field;
  if (changed || ecn === EcnField.Ce) {
    accurate.field = ecn;
    accurate.due = AFTER_CHANGE;
    if (changed) accurate.changed = true;
  }
  // s3.2.2.5.1: a change is told at once, and so are several marks; but nobody acknowledges ACKs for less. Deviation: marks-untold
  const most = text > 0 ? core.policy.marksUntold : MOST_UNTOLD;
  if ((text > 0 && accurate.changed) || accurate.untold >= most) core.oweAck(tcb, Tx.AckMarkChanged);
}

/** What the peer sent again may show that it did not get our ACK: twice, with the option both times (s3.2.3.2.2). */
export function suspectOption(core: Core, tcb: Tcb, end: Seq): void {
  const accurate = tcb.accurate!;
  if (accurate.toldDuplicate && accurate.duplicateEnd === end && core.policy.accurateOption !== "persist") accurate.optionLost = true;
}

// ---- sending

/** The ACE field of a segment behind the handshake, as flags. */
export const aceFlags = (tcb: Tcb): number => flagsOf(ACE_START + tcb.accurate!.marked);

/** That of the ACK which answers a SYN,ACK. */
export const synFedFlags = (tcb: Tcb): number => answerFlags(tcb.accurate!.synField);

/** How many counters go into a segment beside so many SACK blocks; -1: no option. */
export function countersBeside(core: Core, tcb: Tcb, blocks: number, now: Micros): number {
  const accurate = tcb.accurate!;
  const { accurateOption } = core.policy;
  if (accurateOption === "off" || accurate.seen === Seen.No || accurate.optionLost) return -1;
  if (accurateOption === "due" && accurate.due === 0 && !beaconIsDue(core, tcb, now)) return -1;
  const room = OPTION_SPACE - (has(tcb, Flag.Timestamps) ? TIMESTAMPS : 0);
  for (let counters = 3; counters >= accurate.leastCounters; counters--) if (countersAndSack(counters, blocks) <= room) return counters;
  return -1;
}

/** s3.2.3.3: a few times a round trip whatever happens. */
function beaconIsDue(core: Core, tcb: Tcb, now: Micros): boolean {
  const { accurateBeacon } = core.policy;
  return accurateBeacon > 0 && (now - tcb.accurate!.toldAt) * accurateBeacon >= tcb.srtt;
}

/** SACK blocks that give way to counters which would have no room beside them: one of three. */
export function blocksBeside(core: Core, tcb: Tcb, blocks: number, now: Micros): number {
  if (blocks <= 2 || tcb.accurate!.leastCounters === 0) return blocks;
  return countersBeside(core, tcb, blocks, now) < 0 && countersBeside(core, tcb, blocks - 1, now) >= 0 ? blocks - 1 : blocks;
}

/** Puts `count` counters into what is sent. */
export function putCounters(tcb: Tcb, out: Segment, count: number): void {
  out.counterCount = count;
  const { octets } = tcb.accurate!;
  for (let field = 1; field < 4; field++) out.counters[field] = octets[field]! & 0xff_ffff;
}

/** The option of a SYN,ACK, once (s3.2.3.2.2): all counters as they begin, as far as there is room. */
export function putFirstCounters(out: Segment, style: OptionStyle): void {
  out.counters.fill(0);
  for (out.counterCount = 3; out.counterCount >= 0 && headerLength(out, style) > HEADER_MAX; ) out.counterCount -= 1;
}

/** It has left. */
export function toldMarks(tcb: Tcb, out: Segment, duplicate: boolean, now: Micros): void {
  const accurate = tcb.accurate!;
  accurate.untold = 0;
  accurate.changed = false;
  if (out.counterCount < 0) {
    if (duplicate) accurate.toldDuplicate = false;
    return;
  }
  accurate.leastCounters = 0;
  accurate.toldAt = now;
  if (accurate.due > 0) accurate.due -= 1;
  if (!duplicate) return;
  accurate.toldDuplicate = true;
  accurate.duplicateEnd = tcb.rcv.dsackRight;
}

// ---- what the peer says

/** Takes the option in, or does without; `octets`: of text that the ACK delivers. True when the octets that arrived marked are known with it. */
export function hearOption(tcb: Tcb, seg: Segment, octets: number): boolean {
  const accurate = tcb.accurate!;
  if (accurate.seen === Seen.Bad) return false;
  if (seg.counterCount < 0) {
    if (accurate.seen === Seen.No) {
      if (tcb.octetsSent >= TOO_LATE) accurate.seen = Seen.Bad;
      return false;
    }
    if (accurate.likely === 0) return false;
    accurate.delivered[accurate.likely] = accurate.delivered[accurate.likely]! + octets;
    return true;
  }
  if (accurate.seen !== Seen.Counters) {
    accurate.seen = seg.counterCount === 0 ? Seen.Empty : seg.counterZeroed ? Seen.Bad : Seen.Counters;
    if (seg.flags & SYN) accurate.due = AFTER_CHANGE;
    if (accurate.seen === Seen.Bad) return false;
  }
  return takeCounters(accurate, seg);
}

/** One counter that grows is where all went; several leave it open. */
function takeCounters(accurate: AccurateEcn, seg: Segment): boolean {
  const { likely } = accurate;
  let known = likely !== 0;
  let grown = 0;
  let several = false;
  for (let i = 0; i < seg.counterCount; i++) {
    const field = i === 1 ? EcnField.Ce : (i === 0) === seg.counterOrder ? EcnField.Ect1 : EcnField.Ect0;
    const before = accurate.delivered[field]!;
    const delta = ((seg.counters[field]! - before) << 8) >> 8;
    accurate.delivered[field] = before + delta;
    if (delta < 0) {
      known = false;
      several = true;
    }
    if (delta === 0 || field === likely) continue;
    if (grown !== 0) {
      known = false;
      several = true;
    }
    grown = field;
  }
  if (several) accurate.likely = 0;
  else if (grown !== 0) accurate.likely = grown;
  return known;
}

/** Marked segments that an ACK tells of (s3.2.2.5.2 and appendix A): where the field may have wrapped, the most that is likely. Fills
 *  `ack.markedOctets`. What was overtaken by a newer one tells nothing. */
export function marksTold(tcb: Tcb, seg: Segment, ack: AckEvent): number {
  const accurate = tcb.accurate!;
  ack.markedOctets = 0;
  const newer = has(tcb, Flag.Timestamps) && seg.hasTimestamp && ((seg.tsVal - tcb.rcv.tsRecent) | 0) > 0;
  if (accurate.deaf || !(ack.acked > 0 || ack.delivered > 0 || newer)) return 0;
  const before = accurate.delivered[EcnField.Ce]!;
  const known = hearOption(tcb, seg, ack.delivered);
  const octets = (accurate.delivered[EcnField.Ce]! - before) | 0;
  if (ack.segments > 0)
    accurate.average += accurate.average === 0 ? ack.segments << AVERAGE_SHIFT : ack.segments - (accurate.average >> AVERAGE_SHIFT);
  const told = likeliest(tcb, seg, ack, known, octets);
  tcb.deliveredMarked += told;
  ack.markedOctets = Math.min(ack.delivered, known && octets > 0 ? octets : told * ack.mss);
  return told;
}

function likeliest(tcb: Tcb, seg: Segment, ack: AckEvent, known: boolean, octets: number): number {
  const { segments, mss } = ack;
  const least = (aceOf(seg) - ACE_START - tcb.deliveredMarked) & ACE_MASK;
  if (segments <= ACE_MASK) return least;
  const most = segments - ((segments - least) & ACE_MASK);
  if (!known) return tcb.accurate!.average > THINNED << AVERAGE_SHIFT ? least : most;
  if (octets === 0) return least;
  if (segments >= 2 * (ACE_MASK + 1) && (has(tcb, Flag.Sack) || tcb.recovery.phase === Phase.Open)) {
    if (ack.delivered <= octets) return most;
    return Math.min(most, least + (Math.ceil((octets * segments) / ack.delivered) & ~ACE_MASK));
  }
  if (octets > least * mss) return most;
  return octets < (most * mss) >> 1 ? least : most;
}

// ---- rows

/** Cells of a row that hold all this. When the option was sent last is not among them: it is sent again. */
export const MARK_WORDS = 13;

/** Counters of a new connection, for one that has agreed. */
export function beginMarks(tcb: Tcb): AccurateEcn {
  tcb.accurate ??= new AccurateEcn();
  tcb.accurate.clear();
  return tcb.accurate;
}

export function saveMarks(tcb: Tcb, cells: Int32Array, at: number): void {
  const { marked, untold, octets, field, changed, synField, due, leastCounters, optionLost, deaf, seen, delivered, likely, average } =
    tcb.accurate!;
  cells[at] = marked;
  cells[at + 1] = untold;
  for (let i = 0; i < 3; i++) {
    cells[at + 2 + i] = octets[i + 1]!;
    cells[at + 5 + i] = delivered[i + 1]!;
  }
  cells[at + 8] = tcb.deliveredMarked;
  cells[at + 9] = average;
  cells[at + 10] = field | (synField << 2) | (likely << 4) | (seen << 6) | (leastCounters << 8);
  cells[at + 11] = (changed ? 1 : 0) | (optionLost ? 2 : 0) | (deaf ? 4 : 0);
  cells[at + 12] = due;
}

export function loadMarks(tcb: Tcb, cells: Int32Array, at: number): void {
  const accurate = beginMarks(tcb);
  accurate.marked = cells[at]!;
  accurate.untold = cells[at + 1]!;
  for (let i = 0; i < 3; i++) {
    accurate.octets[i + 1] = cells[at + 2 + i]!;
    accurate.delivered[i + 1] = cells[at + 5 + i]!;
  }
  tcb.deliveredMarked = cells[at + 8]!;
  accurate.average = cells[at + 9]!;
  const fields = cells[at + 10]!;
  accurate.field = fields & 3;
  accurate.synField = (fields >> 2) & 3;
  accurate.likely = (fields >> 4) & 3;
  accurate.seen = ((fields >> 6) & 3) as Seen;
  accurate.leastCounters = fields >> 8;
  const facts = cells[at + 11]!;
  accurate.changed = (facts & 1) !== 0;
  accurate.optionLost = (facts & 2) !== 0;
  accurate.deaf = (facts & 4) !== 0;
  accurate.due = cells[at + 12]!;
}
