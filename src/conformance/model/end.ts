/** One end of a connection, as far as is known: the variables of RFC 9293 s3.3.1, with the states of s3.3.2.
 *
 *  Who looks from outside does not know everything: a segment that was seen on its way may have been lost behind the place where it was seen,
 *  and what a user asked for is not seen at all. So there is a set of states that the end may be in, and where a variable may have several
 *  values this has the extreme ones. Where all is known (the model beside a stack) the set has one element, and the extremes are equal. */
import { Octets, Ranges } from "./numbers.js";
import type { SegmentOptions } from "./segment.js";

export const states = [
  "CLOSED",
  "LISTEN",
  "SYN-SENT",
  "SYN-RECEIVED",
  "ESTABLISHED",
  "FIN-WAIT-1",
  "FIN-WAIT-2",
  "CLOSE-WAIT",
  "CLOSING",
  "LAST-ACK",
  "TIME-WAIT",
] as const;
export type StateName = (typeof states)[number];

/** Something the end owes its peer. */
export interface Debt {
  readonly what: "ack" | "syn,ack";
  /** Microseconds; it must have been sent before. */
  readonly by: number;
}

/** A segment that arrived, as far as a reset may answer it. */
export interface Heard {
  readonly ack: number | null;
  /** SEG.SEQ + SEG.LEN. */
  readonly end: number;
}

/** So many segments are remembered that a late reset may answer, and timestamps that may be echoed. */
const MEMORY = 64;
const INITIALS = 64;
const TIMESTAMPS = 4_096;

export class End {
  /** For people. */
  readonly name: string;
  states: Set<StateName>;
  /** Every segment that arrives is told, in the order in which it arrives, and every call of the user. */
  readonly certain: boolean;
  /** Seen from the middle on: what the SYNs agreed is not known. */
  joined = false;

  // ---- send sequence variables, positions in its own stream
  iss: number | null = null;
  /** The most that an acceptable ACK may have acknowledged: SND.UNA. */
  una = 0;
  /** SND.NXT, the highest it has ever been. */
  nxt = 0;
  /** The farthest right edge, SND.UNA+SND.WND, that the peer may have offered; null: none yet. */
  edge: number | null = null;
  /** Acknowledgments that may have arrived. */
  acksHeard = 0;
  /** MAX.SND.WND of RFC 5961 s5.2. */
  maxWnd = 0;
  /** Where its FIN is, once it has been sent. */
  fin: number | null = null;
  readonly sent = new Octets();
  /** What its SYN,ACKs have said, where not all is known: a listener that answers by cookies takes another number for each SYN, and so does one
   *  that has given a handshake up and hears the SYN again (RFC 4987 s3.6, RFC 6528 s3). `iss` is one of them. */
  readonly initials: number[] = []; // at most INITIALS
  /** SYNs without ACK that may have arrived. */
  synsHeard = 0;

  // ---- receive sequence variables, positions in the peer's stream
  irs: number | null = null;
  /** RCV.NXT is no less than what it has acknowledged, and than text that has surely arrived in order. */
  acked = 0;
  sure = 0;
  /** RCV.NXT is no more than this: all that may have arrived without a hole. */
  rcvNxt = 0;
  /** All that may have arrived, the SYN too. */
  readonly held = new Ranges();
  /** The farthest right edge that it has offered; the window of a SYN waits for the peer's number. */
  rcvEdge: number | null = null;
  /** Where there is room to without having been offered, for ends that take that, too (docs/deviations.md, window-room). */
  roomEdge = 0;
  synWindow = 0;
  /** Where the peer's FIN is, if it may have arrived. */
  peerFin: number | null = null;

  // ---- what the SYNs said
  offered: SegmentOptions | null = null;
  heard: SegmentOptions | null = null;
  ecnOffered = false;
  ecnHeard = false;

  // ---- RFC 9768: the ACE field of the SYNs sent and heard, with ACK or without, null: there was none; and marked segments received, at
  // least and at most so many
  readonly setup: Record<"opens" | "answers" | "hearsOpening" | "hearsAnswer", number | null> = {
    opens: null,
    answers: null,
    hearsOpening: null,
    hearsAnswer: null,
  };
  marksLeast = 0;
  marksMost = 0;
  /** The segment that has just arrived was taken, whatever else is open about it. */
  taken = false;

  // ---- RFC 7323
  tsVal: number | null = null;
  tsEcr: number | null = null;
  /** TS.Recent lies between these; null: none yet. */
  tsRecent: { least: number; most: number } | null = null;
  readonly tsHeard = new Set<number>();

  // ---- the economy of acknowledgments
  /** ACKs that what has arrived entitles it to. */
  credit = 0;
  readonly debts: Debt[] = [];
  readonly recent: Heard[] = [];
  /** A RST that would count may have arrived. */
  resetHeard = false;
  /** CLOSE has been called: a FIN follows what is queued. */
  closing = false;
  /** The ACK of a segment from before the window counts (RFC 9293 appendix A.2). */
  takesOldAcks = false;
  /** What becomes of a segment without the timestamps that were agreed (RFC 7323 s3.2: it SHOULD be dropped). */
  dropsUnstamped = true;
  /** The user has let go of it altogether: text that arrives now may be answered by a reset (s3.6.1). */
  released = false;
  /** Segments that have offered a scaled window. */
  offers = 0;
  timeWaitSince: number | null = null;
  /** Takes back what the last segment changed, if it turns out to have been dropped: a listener may have no room for the end of a handshake. */
  undo: (() => void) | null = null;

  constructor(name: string, states: readonly StateName[], certain: boolean) {
    this.name = name;
    this.states = new Set(states);
    this.certain = certain;
  }

  /** Snd.Wind.Shift and Rcv.Wind.Shift: zero unless both SYNs had the option (RFC 7323 s2.2). */
  get sendShift(): number {
    return this.#scaled ? Math.min(14, this.heard!.windowScale!) : 0;
  }
  get receiveShift(): number {
    return this.#scaled ? Math.min(14, this.offered!.windowScale!) : 0;
  }
  get #scaled(): boolean {
    return (this.offered?.windowScale ?? null) !== null && (this.heard?.windowScale ?? null) !== null;
  }
  get stamped(): boolean {
    return (this.offered?.timestamps ?? null) !== null && (this.heard?.timestamps ?? null) !== null;
  }
  /** SACK blocks may be sent. */
  get mayReport(): boolean {
    return this.heard?.sackPermitted === true;
  }
  /** Surely: with the feedback of RFC 9768, by tables 2 and 3 of its s3.1. */
  get accurate(): boolean {
    const { opens, answers, hearsOpening, hearsAnswer } = this.setup;
    const asClient = opens === 7 && hearsAnswer !== null && hearsAnswer >= 2 && hearsAnswer <= 6 && answers === null;
    const asServer =
      answers !== null && [2, 3, 4, 6].includes(answers) && hearsOpening !== null && hearsOpening !== 0 && hearsOpening !== 3;
    return asClient || (asServer && opens === null);
  }
  /** RFC 9293 s3.7.1: what the peer announced, else 536; a peer's MSS below 48 counts as 48 (docs/deviations.md, mss-floor). */
  get sendMss(): number {
    return Math.max(48, this.heard?.mss ?? 536);
  }

  /** What begins at `seq` is taken as far as this. Seen from outside, what begins in the window or where it ends may be taken whole: a probe of a
   *  closed window, where there is room by now. */
  takesTo(seq: number): number {
    const offered = this.rcvEdge ?? this.rcvNxt;
    if (this.certain) return Math.max(offered, this.roomEdge);
    return seq <= offered ? Number.MAX_SAFE_INTEGER : offered;
  }

  /** Another SYN,ACK has been seen. */
  addInitial(initial: number): void {
    if (!this.initials.includes(initial)) this.initials.push(initial);
    if (this.initials.length > INITIALS) this.initials.shift();
  }

  /** Of several initial numbers: the one that `number`, of its own stream, lies least behind. */
  chooseInitial(number: number): void {
    for (const initial of this.initials) if ((number - initial) >>> 0 < (number - this.iss!) >>> 0) this.iss = initial;
  }

  is(...some: StateName[]): boolean {
    return some.some((state) => this.states.has(state));
  }

  /** The states that it may have come to by what was seen on its way to it, at any time since. */
  reach(): void {
    const fin = this.fin !== null && this.una > this.fin;
    const peerFin = this.peerFin !== null && this.rcvNxt > this.peerFin;
    const next: Partial<Record<StateName, readonly (StateName | false)[]>> = {
      LISTEN: [this.synsHeard > 0 && "SYN-RECEIVED"],
      "SYN-SENT": [this.synsHeard > 0 && "SYN-RECEIVED", this.irs !== null && this.una > 0 && "ESTABLISHED"],
      "SYN-RECEIVED": [this.una > 0 && "ESTABLISHED"],
      ESTABLISHED: [peerFin && "CLOSE-WAIT"],
      "FIN-WAIT-1": [fin && "FIN-WAIT-2", peerFin && "CLOSING"],
      "FIN-WAIT-2": [peerFin && "TIME-WAIT"],
      CLOSING: [fin && "TIME-WAIT"],
      "LAST-ACK": [fin && "CLOSED"],
    };
    // A set visits what is added while it is walked.
    for (const state of this.states) for (const after of next[state] ?? []) if (after !== false) this.states.add(after);
    if (this.resetHeard) this.states.add("CLOSED");
  }

  /** Two with the same are one. */
  get standing(): string {
    const { states, rcvNxt, sure, peerFin, acked, rcvEdge, una, nxt, edge, tsRecent, credit, debts, held, undo } = this;
    return JSON.stringify([
      [...states],
      rcvNxt,
      sure,
      peerFin,
      acked,
      rcvEdge,
      una,
      nxt,
      edge,
      tsRecent,
      credit,
      debts,
      held.list,
      undo === null,
    ]);
  }

  /** Another that knows the same: from here on the two are told different things. */
  clone(): End {
    const twin = new End(this.name, [...this.states], this.certain);
    const { states, setup, sent, held, initials, debts, recent, tsHeard } = twin;
    Object.assign(twin, this, { states, setup, sent, held, initials, debts, recent, tsHeard, undo: null });
    if (this.tsRecent !== null) twin.tsRecent = { ...this.tsRecent };
    Object.assign(setup, this.setup);
    sent.copy(this.sent);
    held.reset(this.held.list);
    initials.push(...this.initials);
    debts.push(...this.debts);
    recent.push(...this.recent);
    for (const val of this.tsHeard) tsHeard.add(val);
    return twin;
  }

  /** From here on it can be taken back. */
  mark(): void {
    const { una, edge, maxWnd, rcvNxt, sure, peerFin, tsRecent, acksHeard } = this;
    const recent = tsRecent === null ? null : { ...tsRecent };
    const held = this.held.list;
    this.undo = () => {
      Object.assign(this, { una, edge, maxWnd, rcvNxt, sure, peerFin, tsRecent: recent, acksHeard });
      this.held.reset(held);
    };
  }

  /** It must be in one of `some`: true if it may have been. */
  narrow(...some: StateName[]): boolean {
    const left = [...this.states].filter((state) => some.includes(state));
    if (left.length === 0) return false;
    this.states = new Set(left);
    return true;
  }

  /** A segment has come to its ears. */
  remember(heard: Heard): void {
    this.recent.push(heard);
    if (this.recent.length > MEMORY) this.recent.shift();
  }

  rememberTimestamp(val: number): void {
    this.tsHeard.add(val);
    if (this.tsHeard.size > TIMESTAMPS) this.tsHeard.delete(this.tsHeard.values().next().value!);
  }
}
