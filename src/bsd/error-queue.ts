/** The error queue of a stream socket (MSG_ERRQUEUE): what has become of what was sent. Which buffers of sends without a copy are free again, and when
 *  what was sent left and was acknowledged. */
import { type Micros, SECOND } from "../base/environment.js";
import { type Seq, seqGeq } from "../base/seq.js";
import { constantNamed } from "./constants.js";
import type { ControlMessage, TimeValue } from "./message.js";

const of = (name: string): number => constantNamed(name, "linux")!;
/** Bits of SO_TIMESTAMPING, and kinds of times. */
const Stamp = {
  Sent: of("SOF_TIMESTAMPING_TX_SOFTWARE"),
  Received: of("SOF_TIMESTAMPING_RX_SOFTWARE"),
  Numbered: of("SOF_TIMESTAMPING_OPT_ID"),
  Scheduled: of("SOF_TIMESTAMPING_TX_SCHED"),
  Acknowledged: of("SOF_TIMESTAMPING_TX_ACK"),
  Alone: of("SOF_TIMESTAMPING_OPT_TSONLY"),
} as const;
const Kind = { Sent: of("SCM_TSTAMP_SND"), Scheduled: of("SCM_TSTAMP_SCHED"), Acknowledged: of("SCM_TSTAMP_ACK") } as const;
const FROM_ZEROCOPY = of("SO_EE_ORIGIN_ZEROCOPY");
const FROM_TIMESTAMPING = of("SO_EE_ORIGIN_TIMESTAMPING");
const COPIED = of("SO_EE_CODE_ZEROCOPY_COPIED");

/** What a read of the queue gives. */
export interface Report {
  readonly control: ControlMessage[];
  /** The text comes along, as far as there is room. */
  readonly withText: boolean;
}

interface Pending {
  /** The octet after the last of the send, and that one's number. */
  readonly end: Seq;
  readonly last: number;
  /** Number of the send among those without a copy; -1: it had one. */
  readonly number: number;
  readonly flags: number;
  sent: boolean;
}

export class ErrorQueue {
  /** SO_ZEROCOPY, SO_TIMESTAMPING. */
  zeroCopy = false;
  stamps = 0;
  readonly #pending: Pending[] = [];
  readonly #reports: (Report & { low: number; high: number })[] = [];
  #sends = 0;
  #octets = 0;
  /** News so far, those that joined a report included. */
  #told = 0;

  get length(): number {
    return this.#reports.length;
  }

  /** Somebody wants to know what becomes of what is sent. */
  get active(): boolean {
    return this.zeroCopy || this.stamps !== 0;
  }

  setStamps(flags: number): void {
    // Octets are counted from here.
    if ((flags & Stamp.Numbered) !== 0 && (this.stamps & Stamp.Numbered) === 0) this.#octets = 0;
    this.stamps = flags;
  }

  /** `octets` have been taken; the send ends before `end`. */
  sends(octets: number, end: Seq, zeroCopy: boolean): void {
    this.#octets += octets;
    const number = zeroCopy && this.zeroCopy ? this.#sends++ : -1;
    if (number < 0 && this.stamps === 0) return;
    this.#pending.push({ end, last: this.#octets - 1, number, flags: this.stamps, sent: false });
  }

  /** SND.NXT and SND.UNA have come so far; `over`: nothing more will. True when there are news. */
  progress(nxt: Seq, una: Seq, over: boolean, now: Micros): boolean {
    const before = this.#told;
    for (const one of this.#pending) {
      if (one.sent || !(seqGeq(nxt, one.end) || over)) continue;
      one.sent = true;
      if (one.flags & Stamp.Scheduled) this.#stamp(one, Kind.Scheduled, now);
      if (one.flags & Stamp.Sent) this.#stamp(one, Kind.Sent, now);
    }
    while (this.#pending.length > 0 && (over || seqGeq(una, this.#pending[0]!.end))) {
      const one = this.#pending.shift()!;
      if (one.flags & Stamp.Acknowledged && !over) this.#stamp(one, Kind.Acknowledged, now);
      if (one.number >= 0) this.#free(one.number);
    }
    return this.#told !== before;
  }

  take(): Report | null {
    return this.#reports.shift() ?? null;
  }

  /** What goes with text that was read: when it came. */
  received(at: Micros): ControlMessage[] {
    return this.stamps & Stamp.Received ? [{ level: "SOL_SOCKET", type: "SCM_TIMESTAMPING", data: timeOf(at) }] : [];
  }

  #stamp(one: Pending, kind: number, now: Micros): void {
    this.#told += 1;
    const data = one.flags & Stamp.Numbered ? one.last : 0;
    this.#reports.push({
      control: [
        { level: "SOL_SOCKET", type: "SCM_TIMESTAMPING", data: timeOf(now) },
        { level: "SOL_IP", type: "IP_RECVERR", data: { errno: "ENOMSG", origin: FROM_TIMESTAMPING, type: 0, code: 0, info: kind, data } },
      ],
      withText: (one.flags & Stamp.Alone) === 0,
      low: -1,
      high: -1,
    });
  }

  /** Sends in a row are one report. Our stack has copied what it was given. */
  #free(number: number): void {
    this.#told += 1;
    const last = this.#reports.at(-1);
    const joins = last !== undefined && last.high === number - 1 && last.low >= 0;
    const low = joins ? last.low : number;
    if (joins) this.#reports.pop();
    const data = { errno: "" as const, origin: FROM_ZEROCOPY, type: 0, code: COPIED, info: low, data: number };
    this.#reports.push({ control: [{ level: "SOL_IP", type: "IP_RECVERR", data }], withText: false, low, high: number });
  }
}

const timeOf = (micros: Micros): TimeValue => ({ seconds: Math.floor(micros / SECOND), fraction: (micros % SECOND) * 1_000 });
