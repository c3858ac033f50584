/** One direction of a wire: frames go in with a time, and come out with another, or not at all.
 *
 *  It is driven from outside and sets no timer, so one model serves the simulator's virtual clock and a box between two real
 *  devices: `offer` a frame, ask `next` when something is due, take it with `due`. */
import { type Micros, NEVER, type Random, randomBelow } from "../base/environment.js";
import { Tally } from "../base/tally.js";
import { Wire } from "../base/why.js";
import { fragment, fragmentationNeeded } from "./fake-router.js";
import type { FramePool, WireFrame } from "./frame-pool.js";
import { Flag, FrameSummary } from "./frame-summary.js";
import { internetChecksum, put16 } from "./internet-sum.js";
import { TimeHeap } from "./time-heap.js";
import { perfectWire, type WireOptions, type WireRule } from "./wire-options.js";

/** Is told the fate of each frame, `bytes[start..end)`, with its `Why` code of the group `Wire`. */
export interface WireObserver {
  /** A frame is put on the wire; its fate follows, at once or later. */
  offered?(wire: WireModel, bytes: Uint8Array, start: number, end: number, now: Micros): void;
  fate(wire: WireModel, why: number, bytes: Uint8Array, start: number, end: number, now: Micros): void;
}

export class WireModel {
  /** For people: "a>b". */
  readonly name: string;
  readonly medium: "ethernet" | "ip";
  /** Frames by fate. What goes in is what comes out: offered + duplicated = delivered + `lost` + fragmented + `inFlight`. */
  readonly tally = new Tally();
  /** Frames offered; the fragments that a router made count as offered, too. */
  offered = 0;
  /** The other direction: where a router's ICMP errors go. */
  back: WireModel | null = null;
  observer: WireObserver | null = null;
  #options: WireOptions = perfectWire;
  readonly #random: Random;
  readonly #pool: FramePool;
  readonly #underway = new TimeHeap<WireFrame>();
  /** Frames held back until others have overtaken them; few. */
  readonly #held: WireFrame[] = [];
  /** When the line is free, and the last arrival of an order-keeping wire. Fractions of a microsecond count. */
  #busyUntil = 0;
  #lastArrival = 0;
  /** Frames that wait for the line: when each begins, and its octets. */
  readonly #waiting: { begin: number; length: number }[] = [];
  #waitingOctets = 0;
  #bad = false;
  readonly #summary = new FrameSummary();
  /** Frames that each rule has counted, and initial sequence numbers by flow. */
  #counted: number[] = [];
  readonly #initial = new Map<string, number>();
  readonly #scratch = new Uint8Array(65_600);

  constructor(name: string, options: Partial<WireOptions>, random: Random, pool: FramePool, medium: "ethernet" | "ip" = "ethernet") {
    this.name = name;
    this.medium = medium;
    this.#random = random;
    this.#pool = pool;
    this.configure(options);
  }

  get options(): WireOptions {
    return this.#options;
  }

  /** Copies on their way. */
  get inFlight(): number {
    return this.#underway.length + this.#held.length;
  }

  /** Frames that ended here, for whatever reason. */
  get lost(): number {
    let sum = 0;
    for (const why of [Wire.Loss, Wire.Rule, Wire.QueueFull, Wire.TooBig, Wire.Partition]) sum += this.tally.counts[why]!;
    return sum;
  }

  /** Changes what the wire does from now on; frames on their way are not touched. */
  configure(changes: Partial<WireOptions>): void {
    this.#options = { ...this.#options, ...changes };
    if (changes.rules !== undefined) this.#counted = this.#options.rules.map(() => 0);
  }

  /** Puts `bytes[start..end)` on the wire; the octets are copied. */
  offer(bytes: Uint8Array, start: number, end: number, now: Micros): void {
    this.offered += 1;
    if (this.observer?.offered) this.observer.offered(this, bytes, start, end, now);
    const rule = this.#options.rules.length === 0 ? null : this.#ruleFor(bytes, start, end, now);
    if (rule !== null && rule.action === "drop") return this.#fate(Wire.Rule, bytes, start, end, now);
    const tagged = end - start > 18 && bytes[start + 12] === 0x81 && bytes[start + 13] === 0;
    const header = this.medium === "ip" ? 0 : tagged ? 18 : 14;
    if (end - start - header > this.#options.mtu) return this.#tooBig(bytes, start, end, now);
    this.#send(bytes, start, end, rule, now);
  }

  /** When the next frame is due; NEVER when none is on its way. */
  next(): Micros {
    let next = this.#underway.next;
    for (const frame of this.#held) if (frame.at < next) next = frame.at;
    return next;
  }

  /** A frame whose time has come, in order of arrival, or null. The caller gives it back to the pool. */
  due(now: Micros): WireFrame | null {
    if (this.#held.length > 0) this.#letGo(now);
    const frame = this.#underway.first;
    if (frame === null || frame.at > now) return null;
    this.#underway.pop();
    this.#fate(Wire.Delivered, frame.bytes, 0, frame.length, now);
    return frame;
  }

  /** True when a frame of `length` octets would not be lost to the queue now. */
  hasRoom(length: number, now: Micros): boolean {
    this.#drain(now);
    const o = this.#options;
    if (this.#waiting.length === 0 && this.#beginOf(now) <= now) return true;
    return this.#waiting.length < o.queueFrames && this.#waitingOctets + length <= o.queueOctets;
  }

  /** When the queue next shrinks, or the line is free. */
  roomAt(): Micros {
    return wholeMicros(this.#waiting.length === 0 ? this.#busyUntil : this.#waiting[0]!.begin);
  }

  #send(bytes: Uint8Array, start: number, end: number, rule: WireRule | null, now: Micros): void {
    const o = this.#options;
    const length = end - start;
    this.#drain(now);
    const begin = this.#beginOf(now);
    if (begin > now) {
      if (this.#waiting.length >= o.queueFrames || this.#waitingOctets + length > o.queueOctets)
        return this.#fate(Wire.QueueFull, bytes, start, end, now);
      this.#waiting.push({ begin, length });
      this.#waitingOctets += length;
    }
    const mark = this.#waitingOctets >= o.markOctets;
    // A frame that is lost has been on the line all the same.
    this.#busyUntil = o.rate > 0 ? begin + (length * 8e6) / o.rate : begin;
    if (this.#outageAt("partition", begin) !== null) return this.#fate(Wire.Partition, bytes, start, end, now);
    if (this.#chance(o.loss) || this.#lostInBurst()) return this.#fate(Wire.Loss, bytes, start, end, now);

    const again = rule?.action === "duplicate" || this.#chance(o.duplicate);
    this.#launch(bytes, start, end, rule, mark, now);
    if (!again) return;
    this.#fate(Wire.Duplicated, bytes, start, end, now);
    this.#launch(bytes, start, end, null, mark, now);
  }

  /** One copy sets out at `#busyUntil`. */
  #launch(bytes: Uint8Array, start: number, end: number, rule: WireRule | null, mark: boolean, now: Micros): void {
    const o = this.#options;
    const frame = this.#pool.take(bytes, start, end);
    if (frame === null) return this.#fate(Wire.QueueFull, bytes, start, end, now);
    if (mark) this.#mark(frame, now);
    if (rule?.action === "corrupt" || this.#chance(o.corrupt)) this.#corrupt(frame, now);

    frame.at = wholeMicros(this.#busyUntil) + o.delay + (o.jitter > 0 ? randomBelow(this.#random, o.jitter + 1) : 0);
    if (!o.jitterReorders) frame.at = Math.max(frame.at, this.#lastArrival);
    const held = rule?.action === "reorder" || this.#chance(o.reorder);
    if (held) {
      frame.behind = rule?.action === "reorder" ? (rule.behind ?? 1) : o.reorderBehind;
      frame.at += (rule?.action === "reorder" ? rule.delay : undefined) ?? o.reorderDelay;
      this.#held.push(frame);
      return this.#fate(Wire.Reordered, frame.bytes, 0, frame.length, now);
    }
    if (rule?.action === "delay") frame.at += rule.delay ?? 0;
    else if (!o.jitterReorders) this.#lastArrival = frame.at;
    this.#underway.push(frame);
    if (this.#held.length > 0) this.#overtake(frame.at);
  }

  /** A frame that arrives at `at` has overtaken those held back. */
  #overtake(at: Micros): void {
    for (let i = 0; i < this.#held.length; i++) {
      const frame = this.#held[i]!;
      frame.behind -= 1;
      if (frame.behind > 0) continue;
      frame.at = Math.min(frame.at, at);
      this.#held.splice(i--, 1);
      this.#underway.push(frame);
    }
  }

  /** Frames held back for too long arrive without having been overtaken. */
  #letGo(now: Micros): void {
    for (let i = 0; i < this.#held.length; i++) {
      if (this.#held[i]!.at > now) continue;
      this.#underway.push(this.#held[i]!);
      this.#held.splice(i--, 1);
    }
  }

  #tooBig(bytes: Uint8Array, start: number, end: number, now: Micros): void {
    const o = this.#options;
    if (o.tooBig === "drop") return this.#fate(Wire.TooBig, bytes, start, end, now);
    const summary = this.#summary.read(bytes, start, end, this.medium);
    if (summary.ipLength < 0) return this.#fate(Wire.TooBig, bytes, start, end, now);
    if (!summary.dontFragment) {
      this.#fate(Wire.Fragmented, bytes, start, end, now);
      for (const piece of fragment(bytes, start, end, summary, o.mtu)) {
        this.offered += 1;
        this.#send(piece, 0, piece.length, null, now);
      }
      return;
    }
    this.#fate(Wire.TooBig, bytes, start, end, now);
    if (this.back === null) return;
    const length = fragmentationNeeded(this.#scratch, bytes, start, summary, o.mtu, o.routerAddress);
    if (length > 0) this.back.offer(this.#scratch, 0, length, now);
  }

  /** Frames that have begun wait no more. */
  #drain(now: Micros): void {
    while (this.#waiting.length > 0 && wholeMicros(this.#waiting[0]!.begin) <= now) this.#waitingOctets -= this.#waiting.shift()!.length;
  }

  /** When the line is free for one more frame: after the last, and not in a stall. */
  #beginOf(now: Micros): number {
    let begin = Math.max(now, this.#busyUntil);
    for (let stall = this.#outageAt("stall", begin); stall !== null; stall = this.#outageAt("stall", begin)) begin = stall;
    return begin;
  }

  /** The end of the outage of that kind that `at` lies in, or null. */
  #outageAt(kind: "partition" | "stall", at: number): Micros | null {
    for (const outage of this.#options.outages) if (outage.kind === kind && at >= outage.from && at < outage.until) return outage.until;
    return null;
  }

  #lostInBurst(): boolean {
    const burst = this.#options.burst;
    if (burst === null) return false;
    if (this.#chance(this.#bad ? burst.leave : burst.enter)) this.#bad = !this.#bad;
    return this.#chance(this.#bad ? burst.lossBad : burst.lossGood);
  }

  #corrupt(frame: WireFrame, now: Micros): void {
    const summary = this.#summary.read(frame.bytes, 0, frame.length, this.medium);
    if (summary.ipLength < 0) return; // ARP has no checksum, and Ethernet's is the hardware's: what they carry arrives whole
    for (let i = 0; i < this.#options.corruptBits; i++) {
      const bit = randomBelow(this.#random, summary.ipLength * 8);
      frame.bytes[summary.header + (bit >> 3)]! ^= 0x80 >> (bit & 7);
    }
    this.#fate(Wire.Corrupted, frame.bytes, 0, frame.length, now);
  }

  /** RFC 3168 s5: ECT becomes CE. */
  #mark(frame: WireFrame, now: Micros): void {
    const summary = this.#summary.read(frame.bytes, 0, frame.length, this.medium);
    if (summary.ipLength < 0) return;
    const at = summary.header;
    const field = frame.bytes[at + 1]! & 3;
    if (field === 0 || field === 3) return;
    frame.bytes[at + 1]! |= 3;
    put16(frame.bytes, at + 10, 0);
    put16(frame.bytes, at + 10, internetChecksum(frame.bytes, at, at + (frame.bytes[at]! & 15) * 4));
    this.#fate(Wire.Marked, frame.bytes, 0, frame.length, now);
  }

  #ruleFor(bytes: Uint8Array, start: number, end: number, now: Micros): WireRule | null {
    const summary = this.#summary.read(bytes, start, end, this.medium);
    if (summary.isTcp) this.#relate(summary);
    let found: WireRule | null = null;
    for (const [i, rule] of this.#options.rules.entries()) {
      if (now < (rule.from ?? 0) || now >= (rule.until ?? NEVER)) continue;
      if (rule.match !== undefined && !rule.match(summary)) continue;
      const count = ++this.#counted[i]!;
      if (found === null && chosen(rule, count)) found = rule;
    }
    return found;
  }

  #relate(summary: FrameSummary): void {
    const flow = `${summary.source}:${summary.sourcePort}>${summary.destination}:${summary.destinationPort}`;
    const syn = (summary.flags & Flag.Syn) !== 0;
    if (syn) this.#initial.set(flow, summary.seq);
    const initial = this.#initial.get(flow);
    if (initial !== undefined) summary.relative = (summary.seq - initial + (syn ? 1 : 0)) >>> 0;
  }

  #chance(p: number): boolean {
    return p > 0 && this.#random.int32() >>> 0 < p * 2 ** 32;
  }

  #fate(why: number, bytes: Uint8Array, start: number, end: number, now: Micros): void {
    this.tally.add(why);
    if (this.observer !== null) this.observer.fate(this, why, bytes, start, end, now);
  }
}

/** The first whole microsecond that is not before `at`; the last nanosecond is rounding. */
const wholeMicros = (at: number): Micros => Math.ceil(at - 0.001);

const chosen = (rule: WireRule, count: number): boolean => {
  if (rule.every !== undefined && count % rule.every !== 0) return false;
  if (rule.nth === undefined) return true;
  return typeof rule.nth === "number" ? rule.nth === count : rule.nth.includes(count);
};
