/** What a wire does to frames in one direction: its rate, its delay, and its faults. Plain data, so that a world can print itself. */
import type { Micros } from "../base/environment.js";
import type { FrameSummary } from "./frame-summary.js";

/** Bursty loss after Gilbert and Elliott: two states, each with its own loss, changed with each frame. */
export interface Burst {
  /** Chance, at each frame, of going from good to bad, and back. The mean burst is 1 / leave frames. */
  readonly enter: number;
  readonly leave: number;
  readonly lossGood: number;
  readonly lossBad: number;
}

/** An interval of the wire's life: in a partition it loses what is put on it, in a stall it puts nothing on. */
export interface Outage {
  readonly kind: "partition" | "stall";
  readonly from: Micros;
  readonly until: Micros;
}

/** A fault for chosen frames. The first rule that applies decides. */
export interface WireRule {
  /** Which frames the rule counts; absent: all. */
  readonly match?: (frame: FrameSummary) => boolean;
  /** Of the frames counted, from 1: only these, or only each so-many-th; absent: every one. */
  readonly nth?: number | readonly number[];
  readonly every?: number;
  /** Only frames offered in [from, until). */
  readonly from?: Micros;
  readonly until?: Micros;
  readonly action: "drop" | "duplicate" | "reorder" | "corrupt" | "delay";
  /** "reorder": how many later frames overtake it (1), but never longer than `delay` (50 ms). "delay": how much longer it takes. */
  readonly behind?: number;
  readonly delay?: Micros;
}

export interface WireOptions {
  /** Bits a second; 0: no limit. */
  readonly rate: number;
  /** Propagation, microseconds. */
  readonly delay: Micros;
  /** Up to so much is added to the delay of each frame, uniformly. */
  readonly jitter: Micros;
  /** Frames may overtake each other by their jitter. */
  readonly jitterReorders: boolean;
  /** Drop tail: what may wait behind the frame that is being sent. */
  readonly queueFrames: number;
  readonly queueOctets: number;
  /** A frame that finds so many octets or more waiting, and whose ECN field says that it may (RFC 3168 s5), is marked. */
  readonly markOctets: number;
  /** The largest IP packet that passes. */
  readonly mtu: number;
  /** A larger packet disappears ("drop"), or meets a router ("router"): it is fragmented, or with DF answered by ICMP
   *  fragmentation needed (RFC 1191 s4) from `routerAddress`, an IPv4 address as int32 (0: the packet's destination). */
  readonly tooBig: "drop" | "router";
  readonly routerAddress: number;
  /** Chances of each frame, 0 to 1. */
  readonly loss: number;
  readonly burst: Burst | null;
  readonly duplicate: number;
  /** Held back until `reorderBehind` later frames have overtaken it, but never longer than `reorderDelay`. */
  readonly reorder: number;
  readonly reorderBehind: number;
  readonly reorderDelay: Micros;
  /** `corruptBits` bits, anywhere in an IPv4 packet, are flipped. One bit never escapes the Internet checksum; several may. */
  readonly corrupt: number;
  readonly corruptBits: number;
  readonly rules: readonly WireRule[];
  readonly outages: readonly Outage[];
}

/** A wire that does nothing to frames. */
export const perfectWire: WireOptions = {
  rate: 0,
  delay: 0,
  jitter: 0,
  jitterReorders: false,
  queueFrames: 1_000,
  queueOctets: 16 * 1024 * 1024,
  markOctets: Number.POSITIVE_INFINITY,
  mtu: 65_535,
  tooBig: "drop",
  routerAddress: 0,
  loss: 0,
  burst: null,
  duplicate: 0,
  reorder: 0,
  reorderBehind: 1,
  reorderDelay: 50_000,
  corrupt: 0,
  corruptBits: 1,
  rules: [],
  outages: [],
};

/** Rules count these frames: segments with text; segments with all of `set` and none of `clear`; segments with any octet of
 *  [from, to) counted from the flow's initial sequence number, which the wire must have seen (the SYN is octet 0). */
export const data = (frame: FrameSummary): boolean => frame.isData;
export const flags =
  (set: number, clear = 0) =>
  (frame: FrameSummary): boolean =>
    frame.isTcp && (frame.flags & set) === set && (frame.flags & clear) === 0;
export const sequence =
  (from: number, to: number) =>
  (frame: FrameSummary): boolean =>
    frame.isData && frame.relative >= 0 && frame.relative < to && frame.relative + frame.textLength > from;

/** The error in an option's value, or null: for command lines and random worlds. */
export function wireOptionsError(options: WireOptions): string | null {
  for (const name of ["loss", "duplicate", "reorder", "corrupt"] as const)
    if (!(options[name] >= 0 && options[name] <= 1)) return `${name} ${options[name]} is no chance: use 0 to 1`;
  for (const name of ["rate", "delay", "jitter", "queueFrames", "queueOctets", "reorderDelay"] as const)
    if (!(options[name] >= 0 && options[name] < 2 ** 53)) return `${name} ${options[name]} is out of range: use 0 or more`;
  if (!(options.mtu >= 68 && options.mtu <= 65_535)) return `mtu ${options.mtu} is out of range: use 68 to 65535`;
  if (!(options.reorderBehind >= 1)) return `reorderBehind ${options.reorderBehind} is out of range: use 1 or more`;
  return null;
}
