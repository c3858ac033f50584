/** What a congestion controller is told, and the few things it answers: how much may be in flight, and how fast it should leave.
 *
 *  It decides *how much*. *Which* octets are lost and which go next is `recovery/`. Octets throughout; `now` is microseconds of
 *  the stack's clock. A controller never reads a clock, never sees a packet, never sets a timer. docs/congestion.md shows how to write one. */
import type { Micros, Random } from "../../base/environment.js";

/** What told of congestion. */
export const Signal = { Loss: 0, Ecn: 1 } as const;
export type Signal = (typeof Signal)[keyof typeof Signal];

/** Choices of the profile that controllers share; `TcpPolicy` has them. */
export interface CongestionPolicy {
  /** Initial window: RFC 6928 (10 segments) or RFC 5681 s3.1 (2 to 4). */
  readonly initialWindow: "rfc6928" | "rfc5681";
  /** Give way less to a mark than to a loss: RFC 8511. */
  readonly alternativeBackoff: boolean;
  /** Thresholds, and what recovery lets out, are whole segments: no part of one is ever sent for them. */
  readonly wholeSegments?: boolean;
}

export interface CongestionController {
  readonly name: string;
  /** True: it is no good unless its segments are paced, whatever the profile says. */
  readonly paced?: boolean;
  /** False: in recovery `window` holds as it is; else RFC 9937 leads what is in flight down to `threshold`. */
  readonly proportional?: boolean;
  /** True: the peer is to say of each segment whether it was marked (RFC 8257 s3.2), not once for a window (RFC 3168 s6.1.3). */
  readonly exactEcho?: boolean;

  /** cwnd, octets; at least one SMSS. */
  window(): number;
  /** ssthresh, octets; `NO_THRESHOLD` before the first loss. */
  threshold(): number;
  /** Octets a second; 0, or absent: as window and round trip say. */
  pacingRate?(): number;

  /** Begins a connection: the initial window for this SMSS, or one SMSS when the SYN was lost more than once (RFC 6928 s2). */
  begin(mss: number, policy: CongestionPolicy, synLost: boolean): void;
  /** After `begin`: takes over a live connection from another controller. */
  adopt(window: number, threshold: number): void;
  /** An ACK said something new, outside or inside recovery. Returns why the window changed, or what else is worth telling: a `Cc` code; 0: nothing. */
  onAck(ack: AckSample, now: Micros): number;
  /** The first sign of congestion in this window of data. `flight`: what was outstanding, at most cwnd. */
  onCongestion(signal: Signal, flight: number, now: Micros): void;
  /** The retransmission timer fired. `first` is false for backed-off repeats (RFC 5681 s3.1: ssthresh is held). */
  onTimeout(flight: number, first: boolean, now: Micros): void;
  /** SND.UNA passed the recovery point (RFC 6582 s3.2 step 3). */
  onRecovered(flight: number, now: Micros): void;
  /** The last loss was none (RFC 4015): put things back. */
  onUndo(now: Micros): void;
  /** The segment size changed (RFC 9293 s3.7.5); the window in octets shrinks with it, and does not grow. */
  onMss(mss: number): void;
  /** Something is sent again after nothing was in flight: the time between is none in which the window was tried. */
  onResume?(now: Micros): void;
  /** Nothing was sent for longer than an RTO (RFC 5681 s4.1). */
  onIdle(now: Micros): void;
  /** Less than the window was used for long: it is to be at most `window` (RFC 2861 s3.2, RFC 7661 s4.4.3). */
  onUnused?(window: number, now: Micros): void;
  /** Puts the state into `CONTROLLER_WORDS` cells from `at`, and takes it back: how a controller is frozen. */
  save(cells: Int32Array, at: number): void;
  load(cells: Int32Array, at: number, mss: number, policy: CongestionPolicy): void;
  /** What else is worth seeing, for people: plain values by name. */
  inspect?(): Record<string, number | string | boolean | null>;
}

/** Makes a controller for one connection. `random` is the stack's: chance comes from nowhere else. */
export type ControllerFactory = (random: Random) => CongestionController;

/** Cells of a row that a controller may fill. */
export const CONTROLLER_WORDS = 8;

/** "Arbitrarily high" (RFC 5681 s3.1) and still a small integer. */
export const NO_THRESHOLD = 0x7fff_ffff;

/** Filled by the caller, reused for every ACK: read it, do not keep it. */
export class AckSample {
  /** Octets by which SND.UNA moved. */
  acked = 0;
  /** Octets newly acknowledged, cumulatively or selectively, and octets newly taken for lost. */
  delivered = 0;
  lost = 0;
  /** Octets between SND.UNA and SND.NXT before this ACK; and what is taken to be in the network after it. */
  flight = 0;
  inFlight = 0;
  /** Of the newest segment that this ACK delivers, if it was sent once; 0: none. Microseconds, as the next two. */
  rtt = 0;
  /** Smoothed and least round-trip time; 0: no sample yet. */
  srtt = 0;
  minRtt = 0;
  /** The rate at which the network delivered while that segment was under way, octets a second; 0: no sample. */
  rate = 0;
  /** The application offered less than the window then: the rate may be its, not the network's. */
  rateLimited = false;
  /** Octets delivered since the connection began, now and when that segment left: it has passed a round trip when the one is as large as
   *  the other was when it left. */
  totalDelivered = 0;
  priorDelivered = 0;
  /** What was in the network when that segment had left, itself included, and what was lost since. */
  flightWhenSent = 0;
  lostSince = 0;
  /** The sender did not use the window it had: it must not grow (RFC 7661 s4.4, RFC 9293 s3.8.2). */
  appLimited = false;
  inRecovery = false;
  /** In slow start the window may open by all that the ACK says: segments leave one by one, not in bursts, or policy does not mind bursts. */
  unbounded = false;
  /** The ACK tells of marks; and on how many octets, as far as one can know: with the feedback of RFC 3168, on all that it acknowledges. */
  marked = false;
  markedOctets = 0;
}

/** RFC 6928 s2: min(10*SMSS, max(2*SMSS, 14600)). RFC 5681 s3.1: 2, 3 or 4 segments by size. */
export const initialWindow = (mss: number, rule: "rfc6928" | "rfc5681"): number =>
  rule === "rfc6928" ? Math.min(10 * mss, Math.max(2 * mss, 14_600)) : mss > 2_190 ? 2 * mss : mss > 1_095 ? 3 * mss : 4 * mss;
