/** The flight recorder: the last events of a stack in a ring of fixed binary records. Recording allocates nothing; text is made
 *  only when somebody asks. It may stay on: a record is a cache line, written straight from what the probe is told. */
import type { Micros } from "../base/environment.js";
import type { Packet, PacketPool } from "../base/packet.js";
import type { Datagram } from "../ip/network.js";
import type { Device } from "../stack/device.js";
import type { Probe } from "../stack/probe.js";
import { type Timer, TimerEvent } from "../tcp/probe.js";
import type { Segment } from "../tcp/segment.js";
import { State } from "../tcp/state.js";
import type { Tcb } from "../tcp/tcb.js";
import { dissect, EtherType } from "./dissect.js";
import { ALL_KINDS, type EventOptions, isWholeTcp, Kind, TraceEvent, takeSegment } from "./event.js";
import type { LineOptions } from "./format.js";
import { Connections, printEvent } from "./trace.js";

// A record is 16 cells: the time and the id as doubles, then these. What a kind has no place for lies in a second record beside it.
const CELLS = 16;
const DOUBLES = CELLS / 2;
const KIND = 4;
const HANDLE = 5;
const LOCAL = 6;
const REMOTE = 7;
const PORTS = 8;
/** The sequence numbers, octets and window of a segment; of other kinds the four numbers of `TraceEvent`. */
const SEQ = 9;
const ACK = 10;
const LENGTH = 11;
const WINDOW = 12;
const FLAGS = 13;
/** A segment's timestamps; what else is a double of its own. */
const TS_VAL = 14;
const TS_ECR = 15;
const EXTRA = 7;
// In the record beside it:
const MSS = 0;
const SHAPE = 1;
const A = 2;
const SACK = 6;

/** Beside the nine TCP flags. */
const Bit = { SeqAbsolute: 1 << 9, AckAbsolute: 1 << 10, HasTimestamp: 1 << 11, SackPermitted: 1 << 12, Beside: 1 << 13 } as const;
const TCP_FLAGS = 0x1ff;

export interface DumpOptions extends LineOptions {
  /** Only this connection's events. */
  readonly handle?: number;
  /** Only events at or after this time. */
  readonly since?: Micros;
}

/** Absent `kinds`: all but round-trip samples. */
export interface RecorderOptions extends EventOptions {
  /** "all": also that they are set, moved and stopped, which is two thirds of what a connection with requests and answers tells. Absent: "expired". */
  readonly timers?: "all" | "expired";
}

export class Recorder {
  /** Give this to the stack, or to `fanOut`. */
  readonly probe: Probe;
  /** The most events it holds. */
  readonly capacity: number;
  readonly #ring: Ring;

  /** `capacity` events of 128 octets each; default 4 096 (512 KiB). Throws a RangeError when it is not a positive integer. */
  constructor(capacity = 4_096, options: RecorderOptions = {}) {
    if (!Number.isSafeInteger(capacity) || capacity < 1) throw new RangeError(`capacity ${capacity}: use a positive integer`);
    this.capacity = capacity;
    this.#ring = new Ring(capacity);
    this.probe = new RecorderProbe(this.#ring, options);
  }

  /** Events seen so far; those beyond `capacity` have been overwritten. */
  get recorded(): number {
    return this.#ring.recorded;
  }

  /** Calls `visit` for each event held, the oldest first. The event is reused: read it, do not keep it. */
  each(visit: (event: TraceEvent) => void): void {
    const event = new TraceEvent();
    for (let i = Math.max(0, this.recorded - this.capacity); i < this.recorded; i++) {
      this.#ring.load(event, i % this.capacity);
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
    this.#ring.clear();
  }
}

/** What the probe writes and the recorder reads. */
class Ring {
  readonly capacity: number;
  readonly doubles: Float64Array;
  readonly cells: Int32Array;
  /** The second record of each, written by few. */
  readonly beside: Int32Array;
  /** Where the next event goes, and how often it has come round. */
  next = 0;
  rounds = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.cells = new Int32Array(capacity * CELLS);
    this.doubles = new Float64Array(this.cells.buffer);
    this.beside = new Int32Array(capacity * CELLS);
  }

  get recorded(): number {
    return this.rounds * this.capacity + this.next;
  }

  /** Begins a record; returns its first cell. */
  begin(kind: Kind, why: number, id: number, now: Micros): number {
    const slot = this.next;
    this.next = slot + 1;
    if (slot + 1 === this.capacity) this.#comeRound();
    this.doubles[slot * DOUBLES] = now;
    this.doubles[slot * DOUBLES + 1] = id;
    const at = slot * CELLS;
    this.cells[at + KIND] = kind | (why << 8);
    this.cells[at + FLAGS] = 0;
    return at;
  }

  #comeRound(): void {
    this.next = 0;
    this.rounds += 1;
  }

  /** A whole record of a segment with nothing but timestamps, of a connection whose numbers are known at both ends: flat, because it is all that a
   *  segment costs. */
  plain(kind: Kind, tcb: Tcb, seg: Segment, ours: number, theirs: number, scale: number, why: number, id: number, now: Micros): void {
    const { cells, doubles, next } = this;
    const at = next * CELLS;
    doubles[next * DOUBLES] = now;
    doubles[next * DOUBLES + 1] = id;
    cells[at + KIND] = kind | (why << 8);
    cells[at + HANDLE] = tcb.handle;
    cells[at + LOCAL] = tcb.local;
    cells[at + REMOTE] = tcb.remote;
    cells[at + PORTS] = (tcb.localPort << 16) | tcb.remotePort;
    cells[at + SEQ] = seg.seq - ours;
    cells[at + ACK] = seg.ack - theirs;
    cells[at + LENGTH] = seg.len;
    cells[at + WINDOW] = seg.wnd << scale;
    cells[at + FLAGS] = seg.hasTimestamp ? seg.flags | Bit.HasTimestamp : seg.flags;
    cells[at + TS_VAL] = seg.tsVal;
    cells[at + TS_ECR] = seg.tsEcr;
    this.next = next + 1;
    if (next + 1 === this.capacity) this.#comeRound();
  }

  /** Whose it is. */
  connection(at: number, tcb: Tcb): void {
    const { cells } = this;
    cells[at + HANDLE] = tcb.handle;
    cells[at + LOCAL] = tcb.local;
    cells[at + REMOTE] = tcb.remote;
    cells[at + PORTS] = (tcb.localPort << 16) | tcb.remotePort;
  }

  four(at: number, a: number, b: number, c: number, d: number): void {
    const { cells } = this;
    cells[at + SEQ] = a;
    cells[at + ACK] = b;
    cells[at + LENGTH] = c;
    cells[at + WINDOW] = d;
  }

  /** All that an event of segments or frames has, whatever it is. */
  whole(at: number, event: TraceEvent): void {
    const { cells, beside } = this;
    cells[at + HANDLE] = event.handle;
    cells[at + LOCAL] = event.local;
    cells[at + REMOTE] = event.remote;
    cells[at + PORTS] = (event.localPort << 16) | event.remotePort;
    this.four(at, event.seq, event.ack, event.length, event.window);
    cells[at + FLAGS] =
      Bit.Beside |
      event.flags |
      (event.seqAbsolute ? Bit.SeqAbsolute : 0) |
      (event.ackAbsolute ? Bit.AckAbsolute : 0) |
      (event.sackPermitted ? Bit.SackPermitted : 0) |
      (event.hasTimestamp ? Bit.HasTimestamp : 0);
    if (isSegment(event.kind)) {
      cells[at + TS_VAL] = event.tsVal;
      cells[at + TS_ECR] = event.tsEcr;
    } else this.doubles[(at >> 1) + EXTRA] = event.extra;
    beside[at + MSS] = (event.mss << 16) | event.urgent;
    beside[at + SHAPE] = (event.windowScale + 1) | (event.sackCount << 8);
    beside[at + A] = event.a;
    beside[at + A + 1] = event.b;
    beside[at + A + 2] = event.c;
    beside[at + A + 3] = event.d;
    for (let i = 0; i < 2 * event.sackCount; i++) beside[at + SACK + i] = event.sack[i]!;
  }

  load(event: TraceEvent, slot: number): void {
    const { cells, beside } = this;
    const at = slot * CELLS;
    const kind = (cells[at + KIND]! & 0xff) as Kind;
    const flags = cells[at + FLAGS]!;
    const more = (flags & Bit.Beside) !== 0;
    const segment = isSegment(kind);
    const told = segment || isFrame(kind) || kind === Kind.Lost;
    event.at = this.doubles[slot * DOUBLES]!;
    event.id = this.doubles[slot * DOUBLES + 1]!;
    event.kind = kind;
    event.why = cells[at + KIND]! >>> 8;
    event.handle = cells[at + HANDLE]!;
    event.local = cells[at + LOCAL]!;
    event.remote = cells[at + REMOTE]!;
    event.localPort = cells[at + PORTS]! >>> 16;
    event.remotePort = cells[at + PORTS]! & 0xffff;
    event.seq = told ? cells[at + SEQ]! : 0;
    event.ack = told ? cells[at + ACK]! : 0;
    event.length = told ? cells[at + LENGTH]! : 0;
    event.window = told ? cells[at + WINDOW]! : 0;
    event.flags = flags & TCP_FLAGS;
    event.seqAbsolute = (flags & Bit.SeqAbsolute) !== 0;
    event.ackAbsolute = (flags & Bit.AckAbsolute) !== 0;
    event.sackPermitted = (flags & Bit.SackPermitted) !== 0;
    event.hasTimestamp = (flags & Bit.HasTimestamp) !== 0;
    event.tsVal = segment && event.hasTimestamp ? cells[at + TS_VAL]! : 0;
    event.tsEcr = segment && event.hasTimestamp ? cells[at + TS_ECR]! : 0;
    event.extra = segment || kind === Kind.Lost ? 0 : this.doubles[slot * DOUBLES + EXTRA]!;
    event.mss = more ? beside[at + MSS]! >>> 16 : 0;
    event.urgent = more ? beside[at + MSS]! & 0xffff : 0;
    event.windowScale = more ? (beside[at + SHAPE]! & 0xff) - 1 : -1;
    event.sackCount = more ? beside[at + SHAPE]! >>> 8 : 0;
    const four = more ? beside : cells;
    const from = more ? at + A : at + SEQ;
    const has = more || !told;
    event.a = has ? four[from]! : 0;
    event.b = has ? four[from + 1]! : 0;
    event.c = has ? four[from + 2]! : 0;
    event.d = has ? four[from + 3]! : 0;
    for (let i = 0; i < 2 * event.sackCount; i++) event.sack[i] = beside[at + SACK + i]!;
  }

  clear(): void {
    this.next = this.rounds = 0;
  }
}

const isSegment = (kind: Kind): boolean => kind <= Kind.Dropped;
const isFrame = (kind: Kind): boolean => kind >= Kind.FrameSent;

/** Which hook tells which kind. */
const hooks: readonly (readonly [keyof Probe, number])[] = [
  ["segmentSent", 1 << Kind.Sent],
  ["segmentReceived", 1 << Kind.Received],
  ["segmentDropped", 1 << Kind.Dropped],
  ["segmentLost", 1 << Kind.Lost],
  ["stateChanged", 1 << Kind.State],
  ["timerUpdated", 1 << Kind.Timer],
  ["timerExpired", 1 << Kind.Timer],
  ["congestionChanged", 1 << Kind.Congestion],
  ["rttSampled", 1 << Kind.Rtt],
  ["sendLimited", 1 << Kind.Limited],
  ["frameSent", 1 << Kind.FrameSent],
  // What is dropped is told without its octets: they are remembered from the frame that brought it.
  ["frameReceived", (1 << Kind.FrameReceived) | (1 << Kind.FrameDropped)],
  ["dropped", 1 << Kind.FrameDropped],
];

const IPV4_AT = 14;
const TCP = 6;

class RecorderProbe implements Probe {
  readonly #ring: Ring;
  readonly #tcpFrames: boolean;
  readonly #receivedFrames: boolean;
  /** For what is too rich for the short way. */
  readonly #event = new TraceEvent();
  #seenId = -1;
  #seenPool: PacketPool | null = null;
  #seenStart = 0;
  #seenEnd = 0;
  #seenEthernet = true;

  constructor(ring: Ring, options: RecorderOptions) {
    const kinds = options.kinds ?? ALL_KINDS & ~(1 << Kind.Rtt);
    this.#ring = ring;
    this.#tcpFrames = options.tcpFrames ?? false;
    this.#receivedFrames = (kinds & (1 << Kind.FrameReceived)) !== 0;
    // A hook that is not there costs nothing.
    const unwanted = options.timers === "all" ? "timerExpired" : "timerUpdated";
    for (const [name, bits] of hooks)
      if ((kinds & bits) === 0 || name === unwanted) Object.defineProperty(this, name, { value: undefined });
  }

  segmentSent(tcb: Tcb | null, seg: Segment, why: number, cause: number, now: Micros): void {
    if (tcb === null || isRich(tcb, seg)) this.#rich(this.#ring.begin(Kind.Sent, why, cause, now), Kind.Sent, tcb, seg, null);
    else this.#ring.plain(Kind.Sent, tcb, seg, tcb.iss, tcb.irs, tcb.rcv.scale, why, cause, now);
  }

  segmentReceived(tcb: Tcb | null, seg: Segment, datagram: Datagram, event: number, now: Micros): void {
    if (tcb === null || isRich(tcb, seg)) this.#rich(this.#ring.begin(Kind.Received, 0, event, now), Kind.Received, tcb, seg, datagram);
    else this.#ring.plain(Kind.Received, tcb, seg, tcb.irs, tcb.iss, tcb.snd.scale, 0, event, now);
  }

  segmentDropped(tcb: Tcb | null, seg: Segment, why: number, event: number, now: Micros): void {
    this.#rich(this.#ring.begin(Kind.Dropped, why, event, now), Kind.Dropped, tcb, seg, null);
  }

  segmentLost(tcb: Tcb, from: number, to: number, why: number, cause: number, now: Micros): void {
    const at = this.#ring.begin(Kind.Lost, why, cause, now);
    this.#ring.connection(at, tcb);
    this.#ring.four(at, (from - tcb.iss) | 0, 0, (to - from) | 0, 0);
  }

  stateChanged(tcb: Tcb, old: State, why: number, cause: number, now: Micros): void {
    this.#four(Kind.State, tcb, why, cause, now, old, tcb.state, 0, 0, 0);
  }

  timerUpdated(tcb: Tcb, timer: Timer, event: TimerEvent, at: Micros, why: number, cause: number, now: Micros): void {
    this.#four(Kind.Timer, tcb, why, cause, now, timer, event, 0, 0, at);
  }

  timerExpired(tcb: Tcb, timer: Timer, why: number, cause: number, now: Micros): void {
    this.#four(Kind.Timer, tcb, why, cause, now, timer, TimerEvent.Expired, 0, 0, now);
  }

  congestionChanged(tcb: Tcb, why: number, cause: number, now: Micros): void {
    this.#windows(Kind.Congestion, tcb, why, cause, now);
  }

  rttSampled(tcb: Tcb, rtt: Micros, cause: number, now: Micros): void {
    this.#four(Kind.Rtt, tcb, 0, cause, now, rtt, tcb.srtt, tcb.rttvar, tcb.rto, 0);
  }

  sendLimited(tcb: Tcb, why: number, cause: number, now: Micros): void {
    this.#windows(Kind.Limited, tcb, why, cause, now);
  }

  frameSent(device: Device, packet: Packet, why: number, cause: number, now: Micros): void {
    if (this.#tcpFrames || !isPlainTcp(device, packet)) this.#frame(Kind.FrameSent, device, packet, why, cause, now);
  }

  frameReceived(device: Device, packet: Packet, event: number, now: Micros): void {
    this.#seenId = event;
    this.#seenPool = packet.pool;
    this.#seenStart = packet.start;
    this.#seenEnd = packet.end;
    this.#seenEthernet = device.ethernet;
    if (this.#receivedFrames && (this.#tcpFrames || !isPlainTcp(device, packet)))
      this.#frame(Kind.FrameReceived, device, packet, 0, event, now);
  }

  dropped(device: Device | null, why: number, event: number, now: Micros): void {
    const scratch = this.#blank(Kind.FrameDropped);
    scratch.a = -1;
    scratch.d = -1;
    if (event === this.#seenId && this.#seenPool !== null)
      dissect(scratch, this.#seenPool.arena.bytes, this.#seenStart, this.#seenEnd, this.#seenEthernet);
    scratch.extra = device === null ? -1 : device.index;
    this.#ring.whole(this.#ring.begin(Kind.FrameDropped, why, event, now), scratch);
  }

  #rich(at: number, kind: Kind, tcb: Tcb | null, seg: Segment, datagram: Datagram | null): void {
    const event = this.#blank(kind);
    if (tcb !== null) {
      event.handle = tcb.handle;
      event.local = tcb.local;
      event.remote = tcb.remote;
      event.localPort = tcb.localPort;
      event.remotePort = tcb.remotePort;
    }
    takeSegment(event, tcb, seg, kind === Kind.Sent);
    if (datagram !== null) {
      event.local = datagram.destination;
      event.remote = datagram.source;
    }
    this.#ring.whole(at, event);
  }

  #four(kind: Kind, tcb: Tcb, why: number, id: number, now: Micros, a: number, b: number, c: number, d: number, extra: number): void {
    const at = this.#ring.begin(kind, why, id, now);
    this.#ring.connection(at, tcb);
    this.#ring.four(at, a, b, c, d);
    this.#ring.doubles[(at >> 1) + EXTRA] = extra;
  }

  #windows(kind: Kind, tcb: Tcb, why: number, id: number, now: Micros): void {
    this.#four(kind, tcb, why, id, now, tcb.cc.window(), tcb.cc.threshold(), (tcb.snd.nxt - tcb.snd.una) | 0, tcb.snd.wnd, 0);
  }

  #frame(kind: Kind, device: Device, packet: Packet, why: number, id: number, now: Micros): void {
    const event = this.#blank(kind);
    dissect(event, packet.pool.arena.bytes, packet.start, packet.end, device.ethernet);
    if (!this.#tcpFrames && isWholeTcp(event)) return;
    event.extra = device.index;
    this.#ring.whole(this.#ring.begin(kind, why, id, now), event);
  }

  #blank(kind: Kind): TraceEvent {
    const event = this.#event;
    event.kind = kind;
    event.handle = event.local = event.remote = event.localPort = event.remotePort = event.urgent = event.mss = event.window = 0;
    event.flags = event.length = event.sackCount = event.a = event.b = event.c = event.d = event.extra = event.seq = event.ack = 0;
    event.windowScale = -1;
    event.seqAbsolute = event.ackAbsolute = event.sackPermitted = event.hasTimestamp = false;
    return event;
  }
}

/** Whether a segment says more than most: then it is told the long way. */
const isRich = (tcb: Tcb, seg: Segment): boolean =>
  (seg.flags & 0x17) !== 0x10 || // more than ACK, or not that: SYN, RST, FIN
  (seg.sackCount | seg.up | seg.mss) !== 0 ||
  (seg.counterCount & seg.windowScale) >= 0 || // -1: there is none
  seg.sackPermitted ||
  tcb.state <= State.SynSent;

/** Whether a frame holds a whole segment, which is told as one; seen at a glance, or left to `dissect`. */
function isPlainTcp(device: Device, packet: Packet): boolean {
  const { view } = packet.pool.arena;
  const at = packet.start;
  if (!device.ethernet || packet.end - at < IPV4_AT + 20) return false;
  return (
    view.getUint16(at + 12) === EtherType.Ipv4 &&
    view.getUint8(at + IPV4_AT + 9) === TCP &&
    (view.getUint16(at + IPV4_AT + 6) & 0x3fff) === 0
  );
}
