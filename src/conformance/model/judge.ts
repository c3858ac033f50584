/** Is this trace legal TCP? Each segment of each connection in a capture is judged by what its sender may have known, and tells in which states
 *  both ends must be. What an end may know is what has passed the place of the capture before: no more can have reached it. Where both ends
 *  were captured it is what has come to that end. */
import type { CapturedFrame, CapturedInterface } from "../../inspect/capture-reader.js";
import { Direction } from "../../inspect/pcapng.js";
import { arrives } from "./arrives.js";
import { End, type StateName, states } from "./end.js";
import { Fragments } from "./fragments.js";
import { type CapturedSegment, datagramOf, segmentIn } from "./frames.js";
import { positionOf } from "./numbers.js";
import { assignPlaces, inOrderOfTime, type Sighting } from "./places.js";
import { type Breach, rules } from "./rules.js";
import { Bit, has, type ModelSegment, segmentText } from "./segment.js";
import { sends, type View } from "./sends.js";

export interface JudgedSegment {
  /** The frame's number in the capture, from 1. */
  readonly frame: number;
  /** Microseconds since the connection's first segment. */
  readonly at: number;
  /** Which of the two ends sent it. */
  readonly from: 0 | 1;
  /** As packet scripts write it, numbers relative but for SYNs. */
  readonly text: string;
  readonly breaches: readonly Breach[];
  /** The states that each end may be in now. */
  readonly states: readonly [readonly StateName[], readonly StateName[]];
}

export interface JudgedConnection {
  /** Address and port; the first is the one that was seen first. */
  readonly ends: readonly [string, string];
  readonly segments: readonly JudgedSegment[];
  /** Its SYN is not in the capture, or options are cut off: what was agreed is not known, and less is judged. */
  readonly joined: boolean;
}

export interface Judgment {
  readonly connections: readonly JudgedConnection[];
  /** Frames without a whole TCP segment over IPv4. */
  readonly others: number;
  /** Fragments of which no whole datagram came. */
  readonly fragments: number;
  /** Segments seen once more on their way, where neither end was. */
  readonly copies: number;
}

/** Judges every connection of a capture. */
export function judge(frames: readonly CapturedFrame[], interfaces: readonly CapturedInterface[]): Judgment {
  const open = new Map<string, Trial>();
  const all: Trial[] = [];
  const fragments = new Fragments();
  const sightings: Sighting[] = [];
  let others = 0;
  for (const { number, frame } of inOrderOfTime(frames)) {
    const datagram = datagramOf(frame, interfaces[frame.interfaceId]?.linkType ?? -1);
    const whole = datagram === null ? null : fragments.take(datagram, frame.at);
    const captured = whole === null ? null : segmentIn(whole);
    if (captured !== null) sightings.push({ number, frame, datagram: whole!, captured, sends: true, arrives: true });
    else if (whole !== null || datagram === null) others += 1;
  }
  assignPlaces(sightings);
  let copies = 0;
  for (const sighting of sightings) {
    if (!sighting.sends && !sighting.arrives) {
      copies += 1;
      continue;
    }
    const { captured } = sighting;
    const from = `${captured.source}:${captured.sourcePort}`;
    const to = `${captured.destination}:${captured.destinationPort}`;
    const key = from < to ? `${from} ${to}` : `${to} ${from}`;
    let trial = open.get(key);
    if (trial === undefined || (sighting.sends && trial.isNewOpening(from, captured))) {
      trial = new Trial([from, to], sighting.frame.at, trial ?? null);
      open.set(key, trial);
      all.push(trial);
    }
    trial.hear(from, sighting);
  }
  return { connections: all.filter((trial) => trial.segments.length > 0), others, fragments: fragments.waiting, copies };
}

/** One connection. */
class Trial implements JudgedConnection {
  readonly ends: readonly [string, string];
  readonly segments: JudgedSegment[] = [];
  joined = false;
  readonly #models: readonly [End, End];
  readonly #begun: bigint;
  /** Something else than SYNs has been seen. */
  #answered = false;
  /** The incarnation before, while the peer has not answered the SYN that may have ended it (RFC 9293 s3.5.1). */
  #previous: Trial | null;

  constructor(ends: readonly [string, string], begun: bigint, previous: Trial | null) {
    this.ends = ends;
    this.#begun = begun;
    // One that is itself not answered yet has had nothing of its own.
    this.#previous = previous === null ? null : (previous.#previous ?? previous);
    this.#models = [new End(ends[0], ["CLOSED", "LISTEN"], false), new End(ends[1], ["CLOSED", "LISTEN"], false)];
  }

  /** A SYN with another number than the first begins anew. */
  isNewOpening(from: string, { segment, checksum }: CapturedSegment): boolean {
    if (segment === null || checksum === "bad" || (segment.flags & (Bit.Syn | Bit.Ack | Bit.Rst)) !== Bit.Syn) return false;
    const own = this.#models[from === this.ends[0] ? 0 : 1];
    if (own.iss === segment.seq) return false;
    // Crossing SYNs are one connection.
    return own.iss !== null || this.#answered;
  }

  hear(from: string, sighting: Sighting): void {
    const { number: frame, captured, datagram } = sighting;
    const { segment } = captured;
    const side = from === this.ends[0] ? 0 : 1;
    if (this.#previous !== null && segment !== null && this.#isOfPrevious(side, segment)) return this.#previous.hear(from, sighting);
    const since = Number((sighting.frame.at - this.#begun) / 1_000n);
    if (segment === null) {
      if (!sighting.sends) return;
      this.#add(frame, since, side, "(no segment)", [{ rule: "header", detail: "its data offset is impossible" }]);
      return;
    }
    if (!has(segment, Bit.Syn) || has(segment, Bit.Ack)) this.#answered = true;
    const sender = this.#models[side];
    const receiver = this.#models[1 - side]!;
    if (this.segments.length === 0 && !has(segment, Bit.Syn) && !has(segment, Bit.Rst)) this.#join(sender, receiver, segment);
    if (!has(segment, Bit.Syn)) chooseInitials(sender, receiver, segment);
    if (segment.options.cut) this.joined = sender.joined = receiver.joined = true;
    const text = this.#textOf(sender, segment);
    if (captured.checksum === "bad") {
      if (!sighting.sends) return;
      this.#add(frame, since, side, text, [{ rule: "checksum", detail: "it is another; the receiver must drop the segment (MUST-3)" }]);
      return;
    }
    const view: View = { now: since, merged: captured.checksum !== "good", ordered: datagram.direction === Direction.Outbound };
    const breaches = sighting.sends ? sends(sender, segment, view) : [];
    if (sighting.arrives) arrives(receiver, segment, since);
    if (sighting.sends) this.#add(frame, since, side, text, breaches);
    if (side === 1 && has(segment, Bit.Syn)) this.#previous = null;
  }

  /** While a SYN is not answered, what comes from the other end, and the resets that it draws, belong to the incarnation before. */
  #isOfPrevious(side: 0 | 1, segment: ModelSegment): boolean {
    if (has(segment, Bit.Syn)) return false;
    if (side === 1) return !has(segment, Bit.Rst);
    return this.#models[1].iss === null;
  }

  /** Somewhere in the middle: both ends are synchronized. */
  #join(sender: End, receiver: End, segment: ModelSegment): void {
    this.joined = true;
    const open = states.slice(states.indexOf("SYN-RECEIVED"));
    for (const [end, own, other] of [
      [sender, segment.seq, segment.ack],
      [receiver, segment.ack, segment.seq],
    ] as const) {
      end.joined = true;
      end.states = new Set(open);
      end.iss = (own - 1) >>> 0;
      end.irs = (other - 1) >>> 0;
      end.nxt = end.acked = end.sure = end.rcvNxt = 1;
      end.held.add(0, 1);
      end.rcvEdge = Number.MAX_SAFE_INTEGER;
    }
  }

  #textOf(sender: End, segment: ModelSegment): string {
    const absolute = has(segment, Bit.Syn);
    const seq = absolute || sender.iss === null ? segment.seq : positionOf(segment.seq, sender.iss, sender.nxt);
    return segmentText(segment, seq, sender.irs === null ? segment.ack : positionOf(segment.ack, sender.irs, sender.acked));
  }

  #add(frame: number, at: number, from: 0 | 1, text: string, breaches: readonly Breach[]): void {
    const [first, second] = this.#models;
    this.segments.push({ frame, at, from, text, breaches, states: [[...first.states], [...second.states]] });
  }
}

/** Which of several SYN,ACKs a segment belongs to. */
function chooseInitials(sender: End, receiver: End, segment: ModelSegment): void {
  if (sender.initials.length > 1) {
    sender.chooseInitial(segment.seq);
    receiver.irs = sender.iss;
  }
  if (receiver.initials.length > 1 && has(segment, Bit.Ack)) {
    receiver.chooseInitial(segment.ack);
    sender.irs = receiver.iss;
  }
}

/** Breaches of MUSTs, and of the protocol's arithmetic. */
export const illegalOnes = ({ breaches }: JudgedSegment): readonly Breach[] =>
  breaches.filter(({ rule }) => rules[rule].severity === "illegal");
