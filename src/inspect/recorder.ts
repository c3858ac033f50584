/** The flight recorder: the last events of a stack in a ring of fixed binary records. Recording allocates nothing; text is made
 *  only when somebody asks. */
import type { Micros } from "../base/environment.js";
import type { Probe } from "../stack/probe.js";
import { type EventOptions, eventProbe, type Kind, TraceEvent } from "./event.js";
import type { LineOptions } from "./format.js";
import { Connections, printEvent } from "./trace.js";

/** A record: 4 doubles, then int32 cells. */
const RECORD_OCTETS = 128;
const DOUBLES = RECORD_OCTETS / 8;
const CELLS = RECORD_OCTETS / 4;
const FIRST_CELL = 8;

const Flag = { SeqAbsolute: 1, AckAbsolute: 2, SackPermitted: 4, HasTimestamp: 8, Ae: 16 } as const;

export interface DumpOptions extends LineOptions {
  /** Only this connection's events. */
  readonly handle?: number;
  /** Only events at or after this time. */
  readonly since?: Micros;
}

export class Recorder {
  /** Give this to the stack, or to `fanOut`. */
  readonly probe: Probe;
  /** The most events it holds. */
  readonly capacity: number;
  readonly #doubles: Float64Array;
  readonly #cells: Int32Array;
  #recorded = 0;
  /** Where the next event goes: kept, because the remainder of a large number is slow. */
  #next = 0;

  /** `capacity` events of 128 octets each; default 4 096 (512 KiB). Throws a RangeError when it is not a positive integer. */
  constructor(capacity = 4_096, options: EventOptions = {}) {
    if (!Number.isSafeInteger(capacity) || capacity < 1) throw new RangeError(`capacity ${capacity}: use a positive integer`);
    this.capacity = capacity;
    const buffer = new ArrayBuffer(capacity * RECORD_OCTETS);
    this.#doubles = new Float64Array(buffer);
    this.#cells = new Int32Array(buffer);
    this.probe = eventProbe((event) => this.#record(event), options);
  }

  /** Events seen so far; those beyond `capacity` have been overwritten. */
  get recorded(): number {
    return this.#recorded;
  }

  /** Calls `visit` for each event held, the oldest first. The event is reused: read it, do not keep it. */
  each(visit: (event: TraceEvent) => void): void {
    const event = new TraceEvent();
    for (let i = Math.max(0, this.#recorded - this.capacity); i < this.#recorded; i++) {
      this.#load(event, i % this.capacity);
      visit(event);
    }
  }

  /** The events as the trace prints them, the oldest first. */
  dump(options: DumpOptions = {}): string[] {
    const lines: string[] = [];
    const connections = new Connections();
    this.each((event) => {
      if (options.handle !== undefined && event.handle !== options.handle) return;
      if (options.since !== undefined && event.at < options.since) return;
      printEvent(event, connections, (line) => lines.push(line), options);
    });
    return lines;
  }

  clear(): void {
    this.#recorded = 0;
    this.#next = 0;
  }

  #record(event: TraceEvent): void {
    const slot = this.#next;
    this.#next = slot + 1 === this.capacity ? 0 : slot + 1;
    this.#recorded += 1;
    const doubles = this.#doubles;
    const cells = this.#cells;
    let at = slot * DOUBLES;
    doubles[at] = event.at;
    doubles[at + 1] = event.id;
    doubles[at + 2] = event.extra;
    doubles[at + 3] = event.window;
    at = slot * CELLS + FIRST_CELL;
    cells[at] = event.kind | (event.why << 8);
    cells[at + 1] = event.handle;
    cells[at + 2] = event.local;
    cells[at + 3] = event.remote;
    cells[at + 4] = (event.localPort << 16) | event.remotePort;
    cells[at + 5] = event.seq;
    cells[at + 6] = event.ack;
    cells[at + 7] = event.length;
    cells[at + 8] =
      (event.seqAbsolute ? Flag.SeqAbsolute : 0) |
      (event.ackAbsolute ? Flag.AckAbsolute : 0) |
      (event.sackPermitted ? Flag.SackPermitted : 0) |
      (event.hasTimestamp ? Flag.HasTimestamp : 0) |
      ((event.flags & 0xff) << 8) |
      (event.flags & 0x100 ? Flag.Ae : 0) |
      (event.sackCount << 16) |
      ((event.windowScale + 1) << 24);
    cells[at + 9] = (event.mss << 16) | event.urgent;
    cells[at + 10] = event.tsVal;
    cells[at + 11] = event.tsEcr;
    cells[at + 12] = event.a;
    cells[at + 13] = event.b;
    cells[at + 14] = event.c;
    cells[at + 15] = event.d;
    for (let i = 0; i < 2 * event.sackCount; i++) cells[at + 16 + i] = event.sack[i]!;
  }

  #load(event: TraceEvent, slot: number): void {
    const doubles = this.#doubles;
    const cells = this.#cells;
    let at = slot * DOUBLES;
    event.at = doubles[at]!;
    event.id = doubles[at + 1]!;
    event.extra = doubles[at + 2]!;
    event.window = doubles[at + 3]!;
    at = slot * CELLS + FIRST_CELL;
    event.kind = (cells[at]! & 0xff) as Kind;
    event.why = cells[at]! >>> 8;
    event.handle = cells[at + 1]!;
    event.local = cells[at + 2]!;
    event.remote = cells[at + 3]!;
    event.localPort = cells[at + 4]! >>> 16;
    event.remotePort = cells[at + 4]! & 0xffff;
    event.seq = cells[at + 5]!;
    event.ack = cells[at + 6]!;
    event.length = cells[at + 7]!;
    const packed = cells[at + 8]!;
    event.seqAbsolute = (packed & Flag.SeqAbsolute) !== 0;
    event.ackAbsolute = (packed & Flag.AckAbsolute) !== 0;
    event.sackPermitted = (packed & Flag.SackPermitted) !== 0;
    event.hasTimestamp = (packed & Flag.HasTimestamp) !== 0;
    event.flags = ((packed >>> 8) & 0xff) | (packed & Flag.Ae ? 0x100 : 0);
    event.sackCount = (packed >>> 16) & 0xff;
    event.windowScale = (packed >>> 24) - 1;
    event.mss = cells[at + 9]! >>> 16;
    event.urgent = cells[at + 9]! & 0xffff;
    event.tsVal = cells[at + 10]!;
    event.tsEcr = cells[at + 11]!;
    event.a = cells[at + 12]!;
    event.b = cells[at + 13]!;
    event.c = cells[at + 14]!;
    event.d = cells[at + 15]!;
    for (let i = 0; i < 2 * event.sackCount; i++) event.sack[i] = cells[at + 16 + i]!;
  }
}
