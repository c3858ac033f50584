/** A connection as a ladder: our side left, the peer's right, an arrow for every segment, at the times of this side.
 *
 *  It keeps the first segments, those with SYN, FIN or RST, and the last ones; what lies between is counted. */
import type { Micros } from "../base/environment.js";
import { Hold, Rtx } from "../base/why.js";
import { whyName } from "../base/why-registry.js";
import type { Probe } from "../stack/probe.js";
import { ACK, FIN, RST, SYN } from "../tcp/segment.js";
import { stateNames } from "../tcp/state.js";
import { eventProbe, Kind, type TraceEvent } from "./event.js";
import { formatEndpoint, formatFlags, formatRelative, formatSeconds } from "./format.js";

export interface LadderOptions {
  /** Which connection: the first of whose events this is true of; default: any. */
  readonly match?: (event: TraceEvent) => boolean;
  /** Segments kept at the beginning (default 8) and at the end (default 6). */
  readonly head?: number;
  readonly tail?: number;
}

/** Segments with SYN, FIN or RST that are kept beside the first and the last. */
const MARKS = 12;
/** SYNs to listeners that are remembered until their connection exists. */
const STRANGERS = 16;

/** One arrow. */
class Rung {
  /** Its place among all segments of the connection; -1: empty. */
  index = -1;
  at: Micros = 0;
  id = 0;
  sent = false;
  flags = 0;
  seq = 0;
  ack = 0;
  seqAbsolute = false;
  ackAbsolute = false;
  length = 0;
  window = 0;
  why = 0;
  localPort = 0;
  remotePort = 0;
  remote = 0;
  /** Why it was dropped when it arrived; 0: it was not. */
  dropped = 0;
  /** The state that it led to; -1: the same. */
  state = -1;
  /** Octets of text sent and received before it, repeats included. */
  sentBefore = 0;
  receivedBefore = 0;
}

export class Ladder {
  /** Give this to the stack, or to `fanOut`. */
  readonly probe: Probe;
  readonly #match: (event: TraceEvent) => boolean;
  readonly #head: readonly Rung[];
  readonly #marks: readonly Rung[];
  readonly #tail: readonly Rung[];
  readonly #strangers: readonly Rung[];
  #strangersSeen = 0;
  #marked = 0;
  #count = 0;
  #last: Rung | null = null;
  #nextState = -1;
  #sent = 0;
  #received = 0;
  #handle = 0;
  #local = "";
  #remote = "";
  #localPort = 0;
  #remotePort = 0;
  #remoteAddress = 0;
  /** Where the sides began to count, where only absolute numbers were told. */
  #ours: number | null = null;
  #theirs: number | null = null;

  constructor(options: LadderOptions = {}) {
    this.#match = options.match ?? (() => true);
    this.#head = rungs(options.head ?? 8);
    this.#tail = rungs(Math.max(options.tail ?? 6, 1));
    this.#marks = rungs(MARKS);
    this.#strangers = rungs(STRANGERS);
    const kinds = (1 << Kind.Sent) | (1 << Kind.Received) | (1 << Kind.Dropped) | (1 << Kind.State);
    this.probe = eventProbe((event) => this.#take(event), { kinds });
  }

  /** Segments of the connection so far. */
  get segments(): number {
    return this.#count;
  }

  /** The handle of the connection that is watched; 0: none yet. */
  get handle(): number {
    return this.#handle;
  }

  #take(event: TraceEvent): void {
    if (this.#handle === 0) {
      if (event.handle === 0) return this.#stranger(event);
      if (!this.#match(event)) return;
      this.#adopt(event);
    } else if (!this.#concerns(event)) return;
    if (event.kind === Kind.State) this.#state(event);
    else if (event.kind === Kind.Dropped) this.#drop(event);
    else this.#segment(event);
  }

  #concerns(event: TraceEvent): boolean {
    if (event.handle !== 0) return event.handle === this.#handle;
    const ports = event.localPort === this.#localPort && event.remotePort === this.#remotePort;
    return ports && (event.remote === 0 || event.remote === this.#remoteAddress);
  }

  #stranger(event: TraceEvent): void {
    if (event.kind === Kind.State || event.kind === Kind.Dropped) return;
    const rung = this.#strangers[this.#strangersSeen++ % STRANGERS]!;
    fill(rung, event);
    rung.index = this.#strangersSeen;
  }

  #adopt(event: TraceEvent): void {
    this.#handle = event.handle;
    this.#local = formatEndpoint(event.local, event.localPort);
    this.#remote = formatEndpoint(event.remote, event.remotePort);
    this.#localPort = event.localPort;
    this.#remotePort = event.remotePort;
    this.#remoteAddress = event.remote;
    for (let i = Math.max(0, this.#strangersSeen - STRANGERS); i < this.#strangersSeen; i++) {
      const rung = this.#strangers[i % STRANGERS]!;
      const ours = rung.localPort === this.#localPort && rung.remotePort === this.#remotePort;
      if (ours && (rung.remote === 0 || rung.remote === this.#remoteAddress)) this.#keep((target) => Object.assign(target, rung));
    }
  }

  #state(event: TraceEvent): void {
    // What a segment led to stands beside it; what led to a segment, beside that one.
    if (this.#last !== null && this.#last.id === event.id) this.#last.state = event.b;
    else this.#nextState = event.b;
  }

  #drop(event: TraceEvent): void {
    if (this.#last !== null && !this.#last.sent && this.#last.id === event.id) this.#last.dropped = event.why;
  }

  #segment(event: TraceEvent): void {
    this.#keep((rung) => {
      fill(rung, event);
      rung.state = this.#nextState;
    });
    this.#nextState = -1;
  }

  #keep(fillIn: (rung: Rung) => void): void {
    const index = this.#count++;
    const tail = this.#tail[index % this.#tail.length]!;
    // The tail's oldest makes room; if it is of those that matter, it moves.
    if (tail.index >= 0 && (tail.flags & (SYN | FIN | RST)) !== 0 && this.#marked < this.#marks.length)
      Object.assign(this.#marks[this.#marked++]!, tail);
    const rung = index < this.#head.length ? this.#head[index]! : tail;
    fillIn(rung);
    rung.index = index;
    rung.sentBefore = this.#sent;
    rung.receivedBefore = this.#received;
    if (rung.sent) this.#sent += rung.length;
    else this.#received += rung.length;
    if (rung.flags & SYN && rung.seqAbsolute) {
      if (rung.sent) this.#ours = rung.seq;
      else this.#theirs = rung.seq;
    }
    this.#last = rung;
  }

  /** The ladder, a line an element; empty when no connection was seen. */
  render(): string[] {
    const kept = [...this.#head, ...this.#marks, ...this.#tail].filter((rung) => rung.index >= 0).sort((a, b) => a.index - b.index);
    if (kept.length === 0) return [];
    const labels = kept.map((rung) => this.#label(rung));
    const width = Math.max(...labels.map((label) => label.length), this.#local.length + this.#remote.length - 6) + 12;
    const lines = [`${" ".repeat(13)}${this.#local}${this.#remote.padStart(width + 2 - this.#local.length)}`];
    const start = kept[0]!.at;
    let previous: Rung | null = null;
    for (const [i, rung] of kept.entries()) {
      if (previous !== null && rung.index > previous.index + 1) lines.push(this.#gap(previous, rung, width));
      lines.push(arrow(rung, labels[i]!, width, rung.at - start));
      previous = rung;
    }
    return lines;
  }

  #label(rung: Rung): string {
    const seqBase = rung.seqAbsolute ? (rung.sent ? this.#ours : this.#theirs) : 0;
    const ackBase = rung.ackAbsolute ? (rung.sent ? this.#theirs : this.#ours) : 0;
    const seq = (rung.seq - (seqBase ?? 0)) | 0;
    const end = rung.length > 0 ? `:${formatRelative((seq + rung.length) | 0, seqBase === null)}` : "";
    const ack = rung.flags & ACK ? ` ack ${formatRelative((rung.ack - (ackBase ?? 0)) | 0, ackBase === null)}` : "";
    return `${formatFlags(rung.flags)} seq ${formatRelative(seq, seqBase === null)}${end}${ack} win ${rung.window}`;
  }

  #gap(from: Rung, to: Rung, width: number): string {
    const count = to.index - from.index - 1;
    const sent = to.sentBefore - from.sentBefore - (from.sent ? from.length : 0);
    const received = to.receivedBefore - from.receivedBefore - (from.sent ? 0 : from.length);
    const took = ((to.at - from.at) / 1e6).toFixed(3);
    const text = `${count} ${count === 1 ? "segment" : "segments"}: ${sent} octets sent, ${received} received, in ${took} s`;
    return `${" ".repeat(13)}:${` ${text} `.padStart((width + text.length + 2) >> 1).padEnd(width)}:`;
  }
}

const rungs = (count: number): Rung[] => Array.from({ length: count }, () => new Rung());

function fill(rung: Rung, event: TraceEvent): void {
  rung.at = event.at;
  rung.id = event.id;
  rung.sent = event.kind === Kind.Sent;
  rung.flags = event.flags;
  rung.seq = event.seq;
  rung.ack = event.ack;
  rung.seqAbsolute = event.seqAbsolute;
  rung.ackAbsolute = event.ackAbsolute;
  rung.length = event.length;
  rung.window = event.window;
  rung.why = event.why;
  rung.localPort = event.localPort;
  rung.remotePort = event.remotePort;
  rung.remote = event.remote;
  rung.dropped = 0;
  rung.state = -1;
}

/** "|--- SYN seq 0 win 64240 ------>|"; a repeat is drawn with `=`, what was dropped on arrival ends in an X. */
function arrow(rung: Rung, label: string, width: number, at: Micros): string {
  const line = rung.sent && rung.why >= Rtx.Fast && rung.why < Hold.Application ? "=" : "-";
  const body = ` ${label} `.padStart(label.length + 5, line).padEnd(width - 1, line);
  const drawn = rung.sent ? `|${body}>|` : `|${rung.dropped === 0 ? "<" : "X"}${body}|`;
  const why = rung.sent ? whyName(rung.why) : rung.dropped === 0 ? "" : whyName(rung.dropped);
  const state = rung.state < 0 ? "" : (stateNames[rung.state] ?? "");
  return `${formatSeconds(at).padStart(12)} ${drawn}  ${[why, state].filter((text) => text !== "").join(" ")}`.trimEnd();
}
