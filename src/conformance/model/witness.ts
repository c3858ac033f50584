/** The model beside a stack, in lockstep: it is told each segment that arrives and leaves, each change of state and each call, and says what
 *  was not legal. It knows the stack by its probe and by its calls, and shares only types with it. */
import type { Datagram } from "../../ip/network.js";
import type { TcpProbe } from "../../tcp/probe.js";
import type { Segment } from "../../tcp/segment.js";
import type { Tcb } from "../../tcp/tcb.js";
import type { Tcp } from "../../tcp/tcp.js";
import { arrives, readings } from "./arrives.js";
import { aborts, closes, opens, timesOut } from "./calls.js";
import { End, states } from "./end.js";
import { type Breach, breachText, type RuleName } from "./rules.js";
import { Bit, has, lengthOf, type ModelSegment, noOptions, readSegment } from "./segment.js";
import { sends } from "./sends.js";

export interface WitnessOptions {
  /** 2 MSL of the profile, microseconds. */
  readonly timeWait: number;
  /** Whether the profile drops segments without the timestamps that were agreed. */
  readonly requireTimestamps: boolean;
  /** Whether the ACK of a segment from before the window counts for it (RFC 9293 appendix A.2). */
  readonly oldSegmentsAcknowledge: boolean;
  /** Whether it takes what there is room for, whatever it has offered. */
  readonly windowFollowsRoom: boolean;
  /** Called with each breach; default: they are only kept. */
  readonly onBreach?: (text: string, now: number) => void;
}

/** Something that happened, for schedules. */
export interface Happening {
  readonly at: number;
  readonly what: "in" | "out" | "call";
  readonly connection: string;
  readonly segment: ModelSegment | null;
  readonly call: string;
}

interface Witnessed {
  readonly name: string;
  /** All that the connection may be, by what it has heard of its segments (readings): what one of them may do is legal. */
  ends: readonly End[];
  /** The state that the stack has told. */
  actual: number;
}

/** The last so many happenings are kept. */
const LOG = 4_000;

export class Witness {
  /** Give this to the stack. */
  readonly probe: TcpProbe;
  /** Everything that was not legal, as text. */
  readonly breaches: string[] = [];
  readonly log: Happening[] = [];
  readonly #options: WitnessOptions;
  readonly #bytes: () => Uint8Array;
  readonly #ends = new Map<number, Witnessed>();
  #arrival: { segment: ModelSegment; event: number } | null = null;
  #calling: string | null = null;

  /** `tcp`: whose calls are watched. */
  constructor(tcp: Tcp, options: WitnessOptions) {
    this.#options = options;
    this.#bytes = () => tcp.memory.arena.bytes;
    this.#watchCalls(tcp);
    this.probe = {
      segmentReceived: (tcb, _seg, datagram, event, now) => this.#arrived(tcb, datagram, event, now),
      segmentSent: (tcb, seg, _why, _cause, now) => this.#sent(tcb, seg, now),
      stateChanged: (tcb, old, _why, cause, now) => this.#changed(tcb, old, cause, now),
    };
  }

  /** Nothing more follows at this time: what was owed must have been sent. */
  settle(now: number): void {
    for (const witnessed of this.#ends.values()) {
      this.#agree(witnessed, now);
      this.#collect(witnessed, now + 1);
    }
  }

  #arrived(tcb: Tcb | null, datagram: Datagram, event: number, now: number): void {
    const segment = readSegment(this.#bytes().slice(datagram.payloadStart, datagram.payloadEnd));
    if (segment === null) return;
    this.#arrival = { segment, event };
    if (tcb === null || datagram.group || tcb.localPort === 0) return;
    const witnessed = this.#ends.get(tcb.handle);
    if (witnessed === undefined) return;
    this.#agree(witnessed, now);
    this.#collect(witnessed, now);
    this.#note({ at: now, what: "in", connection: witnessed.name, segment, call: "" });
    if (this.#options.windowFollowsRoom) for (const end of witnessed.ends) end.roomEdge = roomEdge(end, tcb);
    this.#hear(witnessed, segment, now, (datagram.trafficClass & 3) === 3);
  }

  #changed(tcb: Tcb, old: number, cause: number, now: number): void {
    const witnessed = this.#ends.get(tcb.handle);
    if (witnessed === undefined || old === 0) {
      this.#ends.set(tcb.handle, this.#begin(tcb, now));
      return;
    }
    if (states[witnessed.actual] === "TIME-WAIT") this.#checkTimeWait(witnessed.ends[0]!, cause, now);
    for (const end of witnessed.ends) {
      if (tcb.state === 0 && this.#calling === null && cause !== this.#arrival?.event) timesOut(end);
      if (tcb.state === 0 && this.#calling !== null) aborts(end); // a listener that closes takes those with it that nobody has accepted
    }
    witnessed.actual = tcb.state;
    if (tcb.state !== 0) return;
    this.#agree(witnessed, now);
    this.#ends.delete(tcb.handle);
  }

  /** A connection that was not there before: opened by a call, by a SYN, or by the return of a SYN cookie (RFC 4987 s3.6). */
  #begin(tcb: Tcb, now: number): Witnessed {
    const end = new End(`${tcb.localPort}>${tcb.remotePort}`, ["LISTEN"], true);
    end.dropsUnstamped = this.#options.requireTimestamps;
    end.takesOldAcks = this.#options.oldSegmentsAcknowledge;
    end.synWindow = Math.min(0xffff, tcb.options.receiveBuffer);
    const witnessed: Witnessed = { name: end.name, ends: [end], actual: tcb.state };
    const segment = this.#arrival?.segment;
    if (states[tcb.state] === "SYN-SENT") {
      opens(end);
      this.#note({ at: now, what: "call", connection: end.name, segment: null, call: "connect" });
    } else if (segment !== undefined && has(segment, Bit.Syn)) {
      this.#note({ at: now, what: "in", connection: end.name, segment, call: "" });
      this.#hear(witnessed, segment, now, false);
      // What opened it may have been dropped elsewhere; this one was not.
      for (const { debts } of witnessed.ends) debts.splice(0, debts.length, { what: "syn,ack", by: now });
    } else if (segment !== undefined) {
      end.joined = true;
      end.states = new Set(["SYN-RECEIVED"]);
      end.iss = (segment.ack - 1) >>> 0;
      end.irs = (segment.seq - 1) >>> 0;
      end.nxt = end.acked = end.sure = end.rcvNxt = 1;
      end.held.add(0, 1);
      end.rcvEdge = 1 + Math.min(0xffff, tcb.options.receiveBuffer);
      end.offered = noOptions;
      end.heard = noOptions;
      arrives(end, segment, now);
    }
    return witnessed;
  }

  /** A segment is heard, in each of the ways in which it may be. */
  #hear(witnessed: Witnessed, segment: ModelSegment, now: number, marked: boolean): void {
    const all: End[] = [];
    for (const end of witnessed.ends) {
      const [whole, ...others] = end.is("LISTEN", "SYN-SENT", "SYN-RECEIVED") ? readings(segment) : [segment];
      for (const other of others) {
        const twin = end.clone();
        arrives(twin, other, now, marked);
        all.push(twin);
      }
      arrives(end, whole!, now, marked);
      all.push(end);
    }
    witnessed.ends = all.length === 1 ? all : [...new Map(all.map((end) => [end.standing, end])).values()];
  }

  #sent(tcb: Tcb | null, seg: Segment, now: number): void {
    const segment = sentSegment(tcb, seg);
    if (tcb === null) return this.#answered(segment, now);
    const witnessed = this.#ends.get(tcb.handle);
    if (witnessed === undefined) return;
    this.#note({ at: now, what: "out", connection: witnessed.name, segment, call: "" });
    // A RST leaves before the state changes.
    if (!has(segment, Bit.Rst)) this.#agree(witnessed, now);
    this.#collect(witnessed, now);
    this.#judge(witnessed, now, (end) => sends(end, segment, { now }));
  }

  /** Of what the connection may be, that remains which breaks nothing; where everything does, the first is believed. */
  #judge(witnessed: Witnessed, now: number, look: (end: End) => readonly Breach[]): void {
    const found = witnessed.ends.map(look);
    const legal = witnessed.ends.filter((_, i) => found[i]!.length === 0);
    if (legal.length === 0) for (const breach of found[0]!) this.#breach(witnessed.name, breach, now);
    witnessed.ends = legal.length === 0 ? witnessed.ends.slice(0, 1) : legal;
  }

  /** What belongs to no connection: a reset (s3.10.7.1, s3.10.7.2) or a SYN cookie. */
  #answered(segment: ModelSegment, now: number): void {
    const heard = this.#arrival?.segment;
    const wrong = (rule: RuleName, detail: string): void => this.#breach("no connection", { rule, detail }, now);
    if (heard === undefined) return wrong("resetNumber", "nothing has arrived");
    if (has(segment, Bit.Syn)) {
      if (!has(heard, Bit.Syn) || segment.ack !== (heard.seq + 1) >>> 0) wrong("synAcknowledgment", `it acknowledges ${segment.ack}`);
      return;
    }
    if (has(heard, Bit.Rst)) wrong("resetNumber", "a RST is answered by a RST");
    const right = has(heard, Bit.Ack)
      ? segment.seq === heard.ack && !has(segment, Bit.Ack)
      : segment.seq === 0 && has(segment, Bit.Ack) && segment.ack === (heard.seq + lengthOf(heard)) >>> 0;
    if (!right) wrong("resetNumber", `SEQ ${segment.seq}, ACK ${segment.ack}`);
  }

  /** The stack must be where the model says that it may be; then that is where it is. */
  #agree(witnessed: Witnessed, now: number): void {
    const actual = states[witnessed.actual]!;
    this.#judge(witnessed, now, (end) => {
      const detail = `it is in ${actual}, and may be in ${[...end.states].join(" or ")}`;
      const breaches: Breach[] = end.states.has(actual) ? [] : [{ rule: "state", detail }];
      end.states = new Set([actual]);
      if (actual === "SYN-RECEIVED") end.undo?.();
      end.undo = null;
      // A SYN,ACK that was owed is not, once the peer's own has ended the handshake.
      if (actual !== "SYN-RECEIVED" && end.debts.some(({ what }) => what === "syn,ack"))
        end.debts.splice(0, end.debts.length, ...end.debts.filter(({ what }) => what !== "syn,ack"));
      if (actual === "CLOSED") end.debts.length = 0;
      return breaches;
    });
  }

  /** What was owed must have been paid. */
  #collect(witnessed: Witnessed, now: number): void {
    this.#judge(witnessed, now, (end) => {
      const late = end.debts.find((debt) => debt.by < now);
      if (late === undefined) return [];
      end.debts.splice(0, end.debts.length, ...end.debts.filter((debt) => debt.by >= now));
      const rule = late.what === "syn,ack" ? "synAckMissing" : now - late.by > 400_000 ? "ackDelay" : "ackMissing";
      return [{ rule, detail: `it was due at ${late.by} us` }];
    });
  }

  #checkTimeWait(end: End, cause: number, now: number): void {
    const stayed = now - (end.timeWaitSince ?? now);
    // A SYN may end it early (RFC 6191), a call, or, where the profile says so, a RST: those arrive.
    if (this.#calling !== null || cause === this.#arrival?.event || stayed >= this.#options.timeWait) return;
    this.#breach(end.name, { rule: "timeWait", detail: `it left after ${stayed} us of ${this.#options.timeWait}` }, now);
  }

  #breach(connection: string, breach: Breach, now: number): void {
    const text = `${connection}: ${breachText(breach)}`;
    this.breaches.push(text);
    this.#options.onBreach?.(text, now);
  }

  #note(happening: Happening): void {
    this.log.push(happening);
    if (this.log.length > LOG) this.log.shift();
  }

  /** Stands between the applications and TCP. */
  #watchCalls(tcp: Tcp): void {
    const during = <T>(name: string, run: () => T): T => {
      const outer = this.#calling;
      this.#calling = name;
      try {
        return run();
      } finally {
        this.#calling = outer;
      }
    };
    const tell = (handle: number, call: string, now: number, change: (end: End) => void): void => {
      const witnessed = this.#ends.get(handle);
      if (witnessed === undefined || witnessed.ends[0]!.released) return; // the handle is dead: the call will be refused
      this.#agree(witnessed, now);
      witnessed.ends.forEach(change);
      this.#note({ at: now, what: "call", connection: witnessed.name, segment: null, call });
    };
    const { send, receive, shutdown, close, abort, closeAll, addressGone } = tcp;
    tcp.send = (handle, source, offset, length, now) => {
      const taken = send.call(tcp, handle, source, offset, length, now);
      if (taken > 0) tell(handle, `write ${taken}`, now, () => {});
      return taken;
    };
    tcp.receive = (handle, target, offset, length, now) => {
      const octets = receive.call(tcp, handle, target, offset, length, now);
      if (octets > 0) tell(handle, `read ${octets}`, now, () => {});
      return octets;
    };
    tcp.shutdown = (handle, now) => {
      tell(handle, "shutdown", now, (end) => closes(end, false));
      during("shutdown", () => shutdown.call(tcp, handle, now));
    };
    tcp.close = (handle, now) => {
      tell(handle, "close", now, (end) => closes(end, true));
      during("close", () => close.call(tcp, handle, now));
    };
    tcp.abort = (handle, now) => {
      tell(handle, "abort", now, aborts);
      during("abort", () => abort.call(tcp, handle, now));
    };
    tcp.closeAll = (now) => during("closeAll", () => closeAll.call(tcp, now));
    tcp.addressGone = (address, now) => during("addressGone", () => addressGone.call(tcp, address, now));
  }
}

/** RCV.NXT and what the buffer has room for; what a listener has not offered in its SYN,ACK it does not take. */
const roomEdge = (end: End, tcb: Tcb): number =>
  states[tcb.state] === "SYN-RECEIVED" && tcb.listener !== 0 ? 0 : end.rcvNxt + tcb.rcv.buffer - tcb.receiveQueue.length;

/** Octets of the SACK and AccECN options with their padding: what one leaves of a word the other begins (RFC 9768 s3.2.3.3). */
function blocksAndCounters(blocks: number, counters: number): number {
  const option = counters < 0 ? 0 : 2 + 3 * counters;
  return Math.ceil((option + (blocks === 0 ? 0 : 2 + 8 * blocks)) / 4) * 4;
}

/** A segment that is about to leave, with its text from the send queue. */
function sentSegment(tcb: Tcb | null, seg: Segment): ModelSegment {
  const length = Math.max(0, seg.len - (seg.flags & Bit.Syn ? 1 : 0) - (seg.flags & Bit.Fin ? 1 : 0));
  const text = new Uint8Array(length);
  if (tcb !== null && length > 0) tcb.sendQueue.copyOut((seg.seq - tcb.snd.text) | 0, text, 0, length);
  const timestamps = seg.hasTimestamp ? { val: seg.tsVal >>> 0, ecr: seg.tsEcr >>> 0 } : null;
  const sack = Array.from({ length: seg.sackCount }, (_, i) => [seg.sack[2 * i]! >>> 0, seg.sack[2 * i + 1]! >>> 0] as const);
  return {
    seq: seg.seq >>> 0,
    ack: seg.ack >>> 0,
    flags: seg.flags & 0xff,
    reserved: seg.flags >>> 8,
    wnd: seg.wnd,
    up: seg.up,
    length,
    text,
    optionOctets: (timestamps === null ? 0 : 12) + blocksAndCounters(sack.length, seg.counterCount),
    options: {
      ...noOptions,
      mss: seg.mss === 0 ? null : seg.mss,
      windowScale: seg.windowScale < 0 ? null : seg.windowScale,
      sackPermitted: seg.sackPermitted,
      timestamps,
      sack: sack.length === 0 ? null : sack,
    },
  };
}
