/** What has been sent and is not acknowledged: one record for each segment, in order of sequence, and what is in the network also
 *  in order of transmission. The scoreboard of RFC 6675 s3, the per-segment variables of RFC 8985 s5.2, and the columns that a
 *  delivery-rate sampler wants.
 *
 *  The records are [SND.UNA, SND.NXT) without a gap, and all counts are octets: a record may be many segments long. Looking one up
 *  is a binary search; an ACK costs as much as it newly covers, whatever earlier ones have said. */
import type { Micros } from "../../base/environment.js";
import { SeqRanges } from "../../base/ranges.js";
import { type Seq, seqAdd, seqDiff, seqGeq, seqGt, seqLeq, seqLt, seqMax, seqMin } from "../../base/seq.js";
import type { AckEvent } from "./recovery.js";
import type { SentPool, SentStore } from "./sent-pool.js";
import { INTS, REALS } from "./sent-pool.js";

/** What is known of a record: bits. */
export const Mark = {
  /** It was sent more than once. */
  Retransmitted: 1,
  Sacked: 2,
  /** Its last transmission is taken for lost: it is to be sent again. */
  Lost: 4,
  /** Its last transmission was a loss probe (RFC 8985 s7). */
  Probe: 8,
  /** It was sent again without being lost: two copies are in the network (RFC 6675 s4, SetPipe). */
  Twice: 16,
  /** It was sent more than twice. */
  Repeated: 32,
  /** When it was last sent the sender had no more to say. */
  AppLimited: 64,
  /** It is lost, and no probe has been told. */
  Untold: 128,
  /** What left as one with those before it ended here. */
  Tail: 256,
  /** It was pushed for its own sake: an application had said no more then, or half a window was full. */
  Pushed: 512,
} as const;

/** Ranges of the peer's SACK blocks that are remembered, as many as a receiver of ours keeps; one too many is no news, and what it names goes again. */
const SACKED_RANGES = 1_024;
/** No more records than this by sending or by SACK. What goes again in smaller pieces may need more: one for each that it sends. */
export const MOST_RECORDS = 32_768;

// Columns of `ints` and `reals`.
const START = 0;
const MARKS = 1;
const PREVIOUS = 2;
const NEXT = 3;
const SENT_AT = 0;
const DELIVERED = 1;
const DELIVERED_AT = 2;
const FIRST_SENT_AT = 3;
const LOST = 4;
const IN_FLIGHT = 5;

/** No record. */
export const NONE = -1;

export class SentRecords {
  readonly #pool: SentPool;
  #store: SentStore | null = null;
  #mask = 0;
  #head = 0;
  #count = 0;
  /** Where the first record begins and the last ends, while there are any: SND.UNA and SND.NXT. */
  #start: Seq = 0 as Seq;
  #end: Seq = 0 as Seq;
  /** Least and most recent in order of transmission, of what is neither SACKed nor lost. */
  #oldest = NONE;
  #latest = NONE;
  /** No record before this is lost. */
  #lostFrom: Seq = 0 as Seq;

  /** Octets SACKed, lost and not yet sent again, and in the network twice; records SACKed. */
  sacked = 0;
  sackedRecords = 0;
  lost = 0;
  twice = 0;
  /** What the peer's SACK blocks have said, beyond SND.UNA (RFC 2018 s5). */
  readonly ranges = new SeqRanges(SACKED_RANGES);
  /** The highest octet acknowledged either way: RACK.fack. */
  fack: Seq = 0 as Seq;
  /** The last in order of transmission that was sent before `edgeAt`, `edgeEnd`: RACK.segment. */
  #edge = NONE;
  edgeAt: Micros = -1;
  edgeEnd: Seq = 0 as Seq;

  /** Octets delivered, cumulatively or selectively acknowledged, since the connection began, and when the last were. */
  delivered = 0;
  deliveredAt: Micros = 0;
  /** By how many segments text has overtaken other at most. */
  reordering = 0;
  /** When the most recently delivered record was sent; when the flight began if none of it is. */
  firstSentAt: Micros = 0;
  /** Octets ever marked lost, and those of them that had been sent again. */
  lostTotal = 0;
  lostAgain = 0;
  /** Records marked lost that no probe has been told of. */
  untold = 0;
  /** The sender ran out of text: what it sends counts as limited by the application until `delivered` passes this; 0: it has not. */
  appLimitedUntil = 0;
  constructor(pool: SentPool) {
    this.#pool = pool;
  }

  /** Begins a connection whose next octet is `nxt`. */
  begin(nxt: Seq): void {
    this.release();
    this.#end = this.fack = this.edgeEnd = nxt;
    this.edgeAt = -1;
    this.reordering = 0;
    this.delivered = this.deliveredAt = this.firstSentAt = this.lostTotal = this.lostAgain = this.appLimitedUntil = 0;
  }

  /** Gives the memory back: nothing is in flight. */
  release(): void {
    if (this.#store !== null) {
      for (; this.#count > 0; this.#count--) this.#free(this.#pop());
      this.#pool.give(this.#store);
      this.#store = null;
    }
    this.#head = this.#count = this.sacked = this.sackedRecords = this.lost = this.twice = this.untold = 0;
    this.#oldest = this.#latest = this.#edge = NONE;
    if (this.ranges.count > 0) this.ranges.clear();
  }

  get count(): number {
    return this.#count;
  }

  /** No more records may be added: what waits is sent when some have been acknowledged. */
  get full(): boolean {
    return this.#count >= MOST_RECORDS;
  }

  /** Octets that are taken to be in the network: neither delivered nor lost. */
  get pipe(): number {
    return this.#count === 0 ? 0 : seqDiff(this.#end, this.#start) - this.sacked - this.lost + this.twice;
  }

  // ---- records by position, 0 to count - 1 in order of sequence

  start(i: number): Seq {
    return this.#startOf(this.#slot(i));
  }

  end(i: number): Seq {
    return i + 1 < this.#count ? this.start(i + 1) : this.#end;
  }

  marks(i: number): number {
    return this.#store!.ints[this.#slot(i) * INTS + MARKS]!;
  }

  /** When it was last sent. */
  sentAt(i: number): Micros {
    return this.#store!.reals[this.#slot(i) * REALS + SENT_AT]!;
  }

  /** The record that holds `at`; `count` when there is none. */
  find(at: Seq): number {
    if (this.#count === 0 || seqGeq(at, this.#end)) return this.#count;
    let low = 0;
    let high = this.#count - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (seqLeq(this.start(middle), at)) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  // ---- sending

  /** [from, to) has left for the first time. */
  append(from: Seq, to: Seq, now: Micros): void {
    if (this.#count === 0) {
      this.firstSentAt = this.deliveredAt = now;
      this.#start = this.#lostFrom = from;
      if (seqLt(this.fack, from)) this.fack = from;
    }
    const slot = this.#take();
    const store = this.#store!;
    store.ring[(this.#head + this.#count) & this.#mask] = slot;
    this.#count += 1;
    this.#end = to;
    store.ints[slot * INTS + START] = from;
    store.ints[slot * INTS + MARKS] = this.appLimitedUntil > 0 ? Mark.AppLimited : 0;
    this.#stamp(store, slot, now);
    this.#link(store, slot);
  }

  /** What was sent last was pushed: as the last of several that left as one, or for its own sake. */
  pushed(mark: typeof Mark.Tail | typeof Mark.Pushed): void {
    const at = this.#slot(this.#count - 1) * INTS + MARKS;
    this.#store!.ints[at] = this.#store!.ints[at]! | mark;
  }

  /** How what ended there was pushed: bits of `Mark`. */
  pushesAt(at: Seq): number {
    const i = this.find(seqAdd(at, -1));
    return i < this.#count && this.end(i) === at ? this.marks(i) & (Mark.Tail | Mark.Pushed) : 0;
  }

  /** Where the burst ended that `from` left in, but no further than `to`. */
  burstEnd(from: Seq, to: Seq): Seq {
    for (let i = this.find(from); i < this.#count && seqLt(this.end(i), to); i++)
      if (this.marks(i) & (Mark.Tail | Mark.Pushed)) return this.end(i);
    return to;
  }

  /** [from, to) has left again. */
  again(from: Seq, to: Seq, probe: boolean, now: Micros): void {
    let i = this.find(from);
    if (i < this.#count && seqLt(this.start(i), from)) this.#split(i++, from);
    for (; i < this.#count && seqLt(this.start(i), to); i++) {
      if (seqGt(this.end(i), to)) this.#split(i, to);
      const store = this.#store!;
      const slot = this.#slot(i);
      const octets = seqDiff(this.end(i), this.start(i));
      let marks = store.ints[slot * INTS + MARKS]!;
      if (marks & Mark.Sacked) continue;
      if (marks & Mark.Lost) this.lost -= octets;
      else {
        this.#unlink(store, slot);
        if ((marks & Mark.Twice) === 0) this.twice += octets;
        marks |= Mark.Twice;
      }
      if (marks & Mark.Retransmitted) marks |= Mark.Repeated;
      marks = (marks & ~(Mark.Lost | Mark.Probe | Mark.AppLimited)) | Mark.Retransmitted | (probe ? Mark.Probe : 0);
      if (this.appLimitedUntil > 0) marks |= Mark.AppLimited;
      store.ints[slot * INTS + MARKS] = marks;
      this.#stamp(store, slot, now);
      this.#link(store, slot);
    }
  }

  // ---- acknowledgment

  /** Takes in what an acceptable ACK says, and fills the answers of `ack`. */
  update(ack: AckEvent, now: Micros): void {
    ack.delivered = ack.segments = ack.lost = ack.news = 0;
    ack.dsack = ack.reordered = ack.originals = false;
    ack.rackAt = ack.newest.sentAt = -1;
    if (this.#count > 0 && seqGt(ack.una, this.#start)) this.#acknowledge(ack, now);
    if (ack.sackCount > 0) this.#selective(ack, now);
    if (ack.delivered > 0) {
      this.delivered += ack.delivered;
      this.deliveredAt = now;
      if (ack.newest.sentAt >= 0) this.firstSentAt = ack.newest.sentAt;
      if (this.appLimitedUntil > 0 && this.delivered > this.appLimitedUntil) this.appLimitedUntil = 0;
    }
    if (this.#count === 0 && this.#store !== null) this.release();
  }

  #acknowledge(ack: AckEvent, now: Micros): void {
    const { una } = ack;
    const store = this.#store!;
    while (this.#count > 0) {
      const slot = this.#slot(0);
      const start = this.#startOf(slot);
      const end = this.end(0);
      const whole = seqLeq(end, una);
      const octets = seqDiff(whole ? end : una, start);
      if (octets <= 0) break;
      const marks = store.ints[slot * INTS + MARKS]!;
      if (marks & Mark.Sacked) {
        this.sacked -= octets;
        if (whole) this.sackedRecords -= 1;
      } else {
        ack.delivered += octets;
        // A part of a segment is none.
        ack.segments += whole ? (octets <= ack.mss ? 1 : Math.ceil(octets / ack.mss)) : Math.floor(octets / ack.mss);
        if (marks & Mark.Lost) this.lost -= octets;
        if (marks & Mark.Twice) this.twice -= octets;
        if (whole) {
          if ((marks & Mark.Lost) === 0) this.#unlink(store, slot);
          this.#deliver(store, slot, start, end, marks, ack, now);
        }
      }
      if (!whole) {
        store.ints[slot * INTS + START] = una;
        break;
      }
      this.#pop();
      this.#count -= 1;
      this.#free(slot);
    }
    this.#copyNewest(store, ack);
    this.#start = una;
    if (seqLt(this.#lostFrom, una)) this.#lostFrom = una;
    if (seqLt(this.fack, una)) this.fack = una;
    if (this.ranges.count > 0) this.ranges.removeBelow(una);
  }

  /** Blocks beyond the ACK, in ascending order: else a later one would make an earlier one look reordered. */
  #selective(ack: AckEvent, now: Micros): void {
    const { sack } = ack;
    let left = (1 << ack.sackCount) - 1;
    if (isDuplicateReport(ack)) {
      ack.dsack = true;
      ack.dsackLeft = sack[0]! as Seq;
      ack.dsackRight = sack[1]! as Seq;
      left ^= 1;
    }
    while (left !== 0) {
      let next = 31 - Math.clz32(left);
      for (let i = next - 1; i >= 0; i--) if (left & (1 << i) && seqLt(sack[2 * i]! as Seq, sack[2 * next]! as Seq)) next = i;
      left ^= 1 << next;
      const from = sack[2 * next]! as Seq;
      const to = sack[2 * next + 1]! as Seq;
      if (seqGt(from, ack.una) && seqLt(from, to) && seqLeq(to, ack.nxt)) this.#cover(from, to, ack, now);
    }
    if (this.#store !== null) this.#copyNewest(this.#store, ack);
  }

  /** Marks what [left, right) newly covers; what earlier blocks have covered is not looked at again. */
  #cover(left: Seq, right: Seq, ack: AckEvent, now: Micros): void {
    const { ranges } = this;
    const before = ranges.octets;
    let at = ranges.touching(left);
    const joins = at < ranges.count && seqLeq(ranges.left(at), right);
    if (joins ? seqLeq(ranges.left(at), left) && seqGeq(ranges.right(at), right) : ranges.count === ranges.cap) return;
    // [whole, end) is the range that it makes with those that it touches: a record inside it has arrived.
    const whole = joins ? seqMin(left, ranges.left(at)) : left;
    let gap: Seq = left;
    let end: Seq = right;
    for (let i = at; i < ranges.count && seqLeq(ranges.left(i), right); i++) end = seqMax(end, ranges.right(i));
    while (seqLt(gap, right)) {
      const known = at < ranges.count && seqLt(ranges.left(at), right);
      const to = known ? ranges.left(at) : right;
      if (seqLt(gap, to)) this.#mark(gap, to, whole, end, ack, now);
      if (!known) break;
      gap = seqMax(gap, ranges.right(at));
      at += 1;
    }
    ranges.add(left, right);
    ack.news += ranges.octets - before;
  }

  /** Marks the records that touch [from, to) and lie within [left, right). */
  #mark(from: Seq, to: Seq, left: Seq, right: Seq, ack: AckEvent, now: Micros): void {
    for (let i = this.find(from); i < this.#count && seqLt(this.start(i), to); i++) {
      const start = this.start(i);
      const end = this.end(i);
      if (seqGeq(start, left) && seqLeq(end, right)) this.#sack(i, ack, now);
      else if (seqDiff(end, start) > ack.mss) i = this.#sackPart(i, seqMax(start, left), seqMin(end, right), ack, now);
    }
  }

  /** Of a record of many segments [from, to) has arrived: the whole segments in it become a record of their own. Returns its place. */
  #sackPart(i: number, from: Seq, to: Seq, ack: AckEvent, now: Micros): number {
    const start = this.start(i);
    const end = this.end(i);
    const head = seqDiff(from, start) + ack.mss - 1;
    const tail = seqDiff(to, start);
    const first = head - (head % ack.mss);
    const last = to === end ? tail : tail - (tail % ack.mss);
    if (last <= first || this.full) return i;
    if (last < seqDiff(end, start)) this.#split(i, seqAdd(start, last));
    if (first > 0) this.#split(i++, seqAdd(start, first));
    this.#sack(i, ack, now);
    return i;
  }

  #sack(i: number, ack: AckEvent, now: Micros): void {
    const store = this.#store!;
    const slot = this.#slot(i);
    const marks = store.ints[slot * INTS + MARKS]!;
    if (marks & Mark.Sacked) return;
    const start = this.start(i);
    const end = this.end(i);
    const octets = seqDiff(end, start);
    if (marks & Mark.Lost) this.lost -= octets;
    else this.#unlink(store, slot);
    if (marks & Mark.Twice) this.twice -= octets;
    store.ints[slot * INTS + MARKS] = (marks & ~(Mark.Lost | Mark.Twice)) | Mark.Sacked;
    this.sacked += octets;
    this.sackedRecords += 1;
    ack.delivered += octets;
    ack.segments += octets <= ack.mss ? 1 : Math.ceil(octets / ack.mss);
    this.#deliver(store, slot, start, end, marks, ack, now);
  }

  /** A record has arrived as a whole. */
  #deliver(store: SentStore, slot: number, start: Seq, end: Seq, marks: number, ack: AckEvent, now: Micros): void {
    const sentAt = store.reals[slot * REALS + SENT_AT]!;
    const { newest } = ack;
    if (newest.sentAt < 0 || sentAfter(sentAt, end, newest.sentAt, newest.end)) {
      newest.sentAt = sentAt;
      newest.end = end;
      ack.newestSlot = slot;
    }
    const original = (marks & Mark.Retransmitted) === 0;
    if (seqGt(end, this.fack)) this.fack = end;
    else if (original && seqLt(end, this.fack)) {
      ack.reordered = true; // RFC 8985 s6.2 step 3
      this.reordering = Math.max(this.reordering, Math.ceil(seqDiff(this.fack, start) / ack.mss));
    }
    if (original) {
      if (seqLeq(end, ack.point)) ack.originals = true;
    } else if (!isLastCopy(sentAt, ack, now)) return;
    if (ack.rackAt < 0 || sentAfter(sentAt, end, ack.rackAt, ack.rackEnd)) {
      ack.rackAt = sentAt;
      ack.rackEnd = end;
    }
  }

  // ---- loss

  /** Marks record `i` lost, unless it is SACKed or lost already; returns the octets. */
  markLost(i: number): number {
    const marks = this.marks(i);
    if (marks & (Mark.Sacked | Mark.Lost)) return 0;
    const store = this.#store!;
    const slot = this.#slot(i);
    this.#unlink(store, slot);
    return this.#lose(store, slot, this.start(i), this.end(i), marks);
  }

  #lose(store: SentStore, slot: number, start: Seq, end: Seq, marks: number): number {
    const octets = seqDiff(end, start);
    if (marks & Mark.Twice) this.twice -= octets;
    store.ints[slot * INTS + MARKS] = (marks & ~Mark.Twice) | Mark.Lost | Mark.Untold;
    this.untold += 1;
    this.lost += octets;
    this.lostTotal += octets;
    if (marks & Mark.Retransmitted) this.lostAgain += octets;
    if (seqLt(start, this.#lostFrom)) this.#lostFrom = start;
    return octets;
  }

  /** A record that is newly lost; from now on it counts as told. `count` when there is none left. */
  nextUntold(): number {
    if (this.untold === 0) return this.#count;
    let i = this.find(this.#lostFrom);
    while (i < this.#count && (this.marks(i) & (Mark.Lost | Mark.Untold)) !== (Mark.Lost | Mark.Untold)) i += 1;
    this.untold = i < this.#count ? this.untold - 1 : 0;
    if (i < this.#count) this.#store!.ints[this.#slot(i) * INTS + MARKS] = this.marks(i) & ~Mark.Untold;
    return i;
  }

  /** The first lost record, or `count`. */
  firstLost(): number {
    if (this.lost === 0) return this.#count;
    let i = this.find(this.#lostFrom);
    while (i < this.#count && (this.marks(i) & Mark.Lost) === 0) i += 1;
    if (i < this.#count) this.#lostFrom = this.start(i);
    return i;
  }

  /** The peer may have thrown away what it has SACKed (RFC 2018 s8): all of it counts as in the network again. */
  forgetSacks(): void {
    this.ranges.clear();
    if (this.sackedRecords > 0) this.#forget(Mark.Sacked);
    this.sacked = this.sackedRecords = 0;
  }

  /** Nothing was lost after all: what was marked so and not yet sent again counts as in the network. */
  forgetLosses(): void {
    if (this.lost > 0) this.#forget(Mark.Lost);
    this.lost = 0;
  }

  // ---- order of transmission

  /** What was sent before (`at`, `end`) may be lost from now on: RACK.xmit_ts and RACK.end_seq of RFC 8985. */
  advanceEdge(at: Micros, end: Seq): void {
    this.edgeAt = at;
    this.edgeEnd = end;
    if (this.#store === null) return;
    const { ints, reals } = this.#store;
    let next = this.#edge === NONE ? this.#oldest : ints[this.#edge * INTS + NEXT]!;
    for (;;) {
      if (next === NONE) return;
      const sentAt = reals[next * REALS + SENT_AT]!;
      // Records do not overlap: of two sent at the same time the one that begins before `end` also ends before it.
      if (sentAt > at || (sentAt === at && !seqLt(this.#startOf(next), end))) return;
      this.#edge = next;
      next = ints[next * INTS + NEXT]!;
    }
  }

  /** What the edge was drawn by was not what had arrived: nothing is judged by it until something else has. */
  forgetEdge(): void {
    this.edgeAt = -1;
    this.#edge = NONE;
  }

  /** Marks lost what was sent before the edge and not after `at`, the oldest first; returns the octets. */
  loseSentUntil(at: Micros): number {
    let octets = 0;
    while (this.#edge !== NONE) {
      const store = this.#store!;
      const slot = this.#oldest;
      if (store.reals[slot * REALS + SENT_AT]! > at) break;
      octets += this.markLost(this.find(this.#startOf(slot)));
    }
    return octets;
  }

  /** Something is SACKed, lost, or may be lost by the edge. */
  get troubled(): boolean {
    return this.lost > 0 || this.sackedRecords > 0 || this.#edge !== NONE;
  }

  /** When the latest that may be lost by the edge was sent; -1 when there is none. */
  get suspectSentAt(): Micros {
    return this.#edge === NONE ? -1 : this.#store!.reals[this.#edge * REALS + SENT_AT]!;
  }

  #slot(i: number): number {
    return this.#store!.ring[(this.#head + i) & this.#mask]!;
  }

  #startOf(slot: number): Seq {
    return this.#store!.ints[slot * INTS + START]! as Seq;
  }

  #stamp(store: SentStore, slot: number, now: Micros): void {
    const { reals } = store;
    const at = slot * REALS;
    reals[at + SENT_AT] = now;
    reals[at + DELIVERED] = this.delivered;
    reals[at + DELIVERED_AT] = this.deliveredAt;
    reals[at + FIRST_SENT_AT] = this.firstSentAt;
    reals[at + LOST] = this.lostTotal;
    reals[at + IN_FLIGHT] = this.pipe;
  }

  /** An ACK may deliver many records: only the columns of the one sent last are looked at, and only when all are known. */
  #copyNewest(store: SentStore, ack: AckEvent): void {
    const slot = ack.newestSlot;
    if (slot === NONE) return;
    ack.newestSlot = NONE;
    const { newest } = ack;
    const { reals } = store;
    const at = slot * REALS;
    const marks = store.ints[slot * INTS + MARKS]!;
    newest.delivered = reals[at + DELIVERED]!;
    newest.deliveredAt = reals[at + DELIVERED_AT]!;
    newest.firstSentAt = reals[at + FIRST_SENT_AT]!;
    newest.lost = reals[at + LOST]!;
    newest.inFlight = reals[at + IN_FLIGHT]!;
    newest.appLimited = (marks & Mark.AppLimited) !== 0;
    newest.retransmitted = (marks & Mark.Retransmitted) !== 0;
  }

  #link(store: SentStore, slot: number): void {
    const { ints } = store;
    ints[slot * INTS + PREVIOUS] = this.#latest;
    ints[slot * INTS + NEXT] = NONE;
    if (this.#latest === NONE) this.#oldest = slot;
    else ints[this.#latest * INTS + NEXT] = slot;
    this.#latest = slot;
  }

  #unlink(store: SentStore, slot: number): void {
    const { ints } = store;
    const previous = ints[slot * INTS + PREVIOUS]!;
    const next = ints[slot * INTS + NEXT]!;
    if (previous === NONE) this.#oldest = next;
    else ints[previous * INTS + NEXT] = next;
    if (next === NONE) this.#latest = previous;
    else ints[next * INTS + PREVIOUS] = previous;
    if (this.#edge === slot) this.#edge = previous;
  }

  /** Takes `mark` from all records; those that are in the network by it again find their place among the others. */
  #forget(mark: number): void {
    const store = this.#store!;
    const { ints, reals } = store;
    const flying: number[] = [];
    for (let i = 0; i < this.#count; i++) {
      const slot = this.#slot(i);
      const marks = ints[slot * INTS + MARKS]! & ~mark;
      ints[slot * INTS + MARKS] = marks;
      if ((marks & (Mark.Sacked | Mark.Lost)) === 0) flying.push(slot);
    }
    // A stable sort: what was sent at the same time stays in order of sequence.
    flying.sort((a, b) => reals[a * REALS + SENT_AT]! - reals[b * REALS + SENT_AT]!);
    this.#oldest = this.#latest = this.#edge = NONE;
    for (const slot of flying) this.#link(store, slot);
    this.advanceEdge(this.edgeAt, this.edgeEnd);
  }

  /** Cuts record `i` in two at `at`. */
  #split(i: number, at: Seq): void {
    const slot = this.#take();
    const store = this.#store!;
    const { ints, reals, ring } = store;
    const old = this.#slot(i);
    for (let k = 0; k < REALS; k++) reals[slot * REALS + k] = reals[old * REALS + k]!;
    const marks = ints[old * INTS + MARKS]!;
    ints[slot * INTS + START] = at;
    ints[slot * INTS + MARKS] = marks;
    ints[old * INTS + MARKS] = marks & ~(Mark.Tail | Mark.Pushed);
    if (marks & Mark.Sacked) this.sackedRecords += 1;
    else if ((marks & Mark.Lost) === 0) {
      const next = ints[old * INTS + NEXT]!;
      ints[slot * INTS + PREVIOUS] = old;
      ints[slot * INTS + NEXT] = next;
      ints[old * INTS + NEXT] = slot;
      if (next === NONE) this.#latest = slot;
      else ints[next * INTS + PREVIOUS] = slot;
      if (this.#edge === old) this.#edge = slot;
    }
    // Whichever side is shorter makes room.
    const mask = this.#mask;
    if (i + 1 <= this.#count >> 1) {
      this.#head = (this.#head - 1) & mask;
      for (let k = 0; k <= i; k++) ring[(this.#head + k) & mask] = ring[(this.#head + k + 1) & mask]!;
    } else {
      for (let k = this.#count; k > i + 1; k--) ring[(this.#head + k) & mask] = ring[(this.#head + k - 1) & mask]!;
    }
    ring[(this.#head + i + 1) & mask] = slot;
    this.#count += 1;
  }

  /** A free slot; makes room for it when there is none. */
  #take(): number {
    let store = this.#store;
    if (store === null) store = this.#place(this.#pool.take(0));
    else if (this.#count === store.capacity) {
      const larger = this.#pool.take(2 * store.capacity);
      for (let i = 0; i < this.#count; i++) larger.ring[i] = store.ring[(this.#head + i) & this.#mask]!;
      larger.adopt(store);
      this.#head = 0;
      store.reset();
      this.#pool.give(store);
      store = this.#place(larger);
    }
    const slot = store.free;
    store.free = store.ints[slot * INTS + NEXT]!;
    return slot;
  }

  #place(store: SentStore): SentStore {
    this.#store = store;
    this.#mask = store.capacity - 1;
    return store;
  }

  #pop(): number {
    const slot = this.#slot(0);
    this.#head = (this.#head + 1) & this.#mask;
    return slot;
  }

  #free(slot: number): void {
    const store = this.#store!;
    store.ints[slot * INTS + NEXT] = store.free;
    store.free = slot;
  }
}

/** RFC 8985 s6.2 step 2: of two transmissions at the same time the one with the higher end was later. */
export const sentAfter = (at: Micros, end: Seq, otherAt: Micros, otherEnd: Seq): boolean =>
  at > otherAt || (at === otherAt && seqGt(end, otherEnd));

/** RFC 8985 s6.2 step 2: is what was sent again acknowledged by its last transmission, for all that can be known? */
const isLastCopy = (sentAt: Micros, ack: AckEvent, now: Micros): boolean =>
  !(ack.stamped && ((ack.echo - Math.floor(sentAt / ack.tick)) | 0) < 0) && now - sentAt >= ack.minRtt;

/** RFC 2883 s4: a first block at or below the ACK, or inside the second, reports a duplicate. */
function isDuplicateReport(ack: AckEvent): boolean {
  const { sack, una } = ack;
  const left = sack[0]! as Seq;
  const right = sack[1]! as Seq;
  if (!seqLt(left, right)) return false;
  if (seqLeq(right, una)) return true;
  return ack.sackCount > 1 && seqGeq(left, sack[2]! as Seq) && seqLeq(right, sack[3]! as Seq);
}
