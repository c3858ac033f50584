/** What a congestion controller is told, and the one thing it answers: how much may be in flight.
 *
 *  It decides *how much*. *Which* octets are lost and which go next is `recovery/`. Octets throughout; `now` is microseconds of
 *  the stack's clock. A controller never reads a clock, never sees a packet, never sets a timer. */
import type { Micros } from "../../base/environment.js";

export interface CongestionController {
  readonly name: string;
  /** cwnd, octets; at least one SMSS. */
  window(): number;
  /** ssthresh, octets; `NO_THRESHOLD` before the first loss. */
  threshold(): number;
  /** Begins a connection: the initial window for this SMSS, or one SMSS when the SYN was lost more than once (RFC 6928 s2). */
  begin(mss: number, initialWindow: "rfc6928" | "rfc5681", synLost: boolean): void;
  /** New data was acknowledged, outside or inside recovery. */
  onAck(ack: AckSample, now: Micros): void;
  /** Recovery begins: the first loss inferred in this window of data. */
  onCongestion(flight: number, now: Micros): void;
  /** The retransmission timer fired. `first` is false for backed-off repeats (RFC 5681 s3.1: ssthresh is held). */
  onTimeout(flight: number, first: boolean, now: Micros): void;
  /** SND.UNA passed the recovery point (RFC 6582 s3.2 step 3). */
  onRecovered(flight: number, now: Micros): void;
  /** The last congestion event was spurious (RFC 4015): put things back. */
  onUndo(now: Micros): void;
  /** The segment size changed (RFC 9293 s3.7.5); the window in octets shrinks with it, and does not grow. */
  onMss(mss: number): void;
  /** Nothing was sent for longer than an RTO (RFC 5681 s4.1). */
  onIdle(now: Micros): void;
  /** Puts the state into `CONTROLLER_WORDS` cells from `at`, and takes it back: how a controller is frozen. */
  save(cells: Int32Array, at: number): void;
  load(cells: Int32Array, at: number, mss: number): void;
}

/** Cells of a row that a controller may fill. */
export const CONTROLLER_WORDS = 4;

/** "Arbitrarily high" (RFC 5681 s3.1) and still a small integer. */
export const NO_THRESHOLD = 0x7fff_ffff;

/** Filled by the caller, reused for every ACK: read it, do not keep it. */
export class AckSample {
  /** Octets newly acknowledged. */
  acked = 0;
  /** Octets in flight before this ACK. */
  flight = 0;
  /** Smoothed and least round-trip time, microseconds; 0: no sample yet. */
  srtt = 0;
  minRtt = 0;
  /** The sender did not use the window it had: it must not grow (RFC 7661 s4.4, RFC 9293 s3.8.2). */
  appLimited = false;
  inRecovery = false;
}

/** RFC 6928 s2: min(10*SMSS, max(2*SMSS, 14600)). RFC 5681 s3.1: 2, 3 or 4 segments by size. */
export const initialWindow = (mss: number, rule: "rfc6928" | "rfc5681"): number =>
  rule === "rfc6928" ? Math.min(10 * mss, Math.max(2 * mss, 14_600)) : mss > 2_190 ? 2 * mss : mss > 1_095 ? 3 * mss : 4 * mss;
