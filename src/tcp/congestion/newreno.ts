/** Slow start and congestion avoidance: RFC 5681 s3.1, by octets (RFC 3465). */
import { Cc } from "../../base/why.js";
import { type AckSample, type CongestionController, type CongestionPolicy, initialWindow, NO_THRESHOLD, Signal } from "./controller.js";

/** beta_ecn of RFC 8511 s3.1. */
const BETA_ECN = 0.8;

export class NewReno implements CongestionController {
  readonly name = "newreno";
  #cwnd = 0;
  #ssthresh = NO_THRESHOLD;
  /** Octets acknowledged in congestion avoidance that have not yet earned a segment. */
  #credit = 0;
  #mss = 0;
  #policy: CongestionPolicy = { initialWindow: "rfc6928", alternativeBackoff: false };
  /** In the slow start that follows a timeout. */
  #repairing = false;
  /** What the last congestion event replaced. */
  #priorCwnd = 0;
  #priorSsthresh = NO_THRESHOLD;

  window(): number {
    return this.#cwnd;
  }

  threshold(): number {
    return this.#ssthresh;
  }

  begin(mss: number, policy: CongestionPolicy, synLost: boolean): void {
    this.#mss = mss;
    this.#policy = policy;
    this.#cwnd = synLost ? mss : initialWindow(mss, policy.initialWindow);
    this.#ssthresh = NO_THRESHOLD;
    this.#credit = 0;
    this.#repairing = false;
    this.#priorCwnd = 0;
    this.#priorSsthresh = NO_THRESHOLD;
  }

  adopt(window: number, threshold: number): void {
    this.#cwnd = Math.max(window, this.#mss);
    this.#ssthresh = threshold;
  }

  onAck(ack: AckSample): number {
    if (ack.acked === 0 || ack.inRecovery || ack.appLimited || ack.marked) return 0;
    if (ack.unbounded) return this.#grow(ack.acked);
    if (this.#cwnd < this.#ssthresh) {
      // L = 2*SMSS (RFC 3465 s2.2): delayed ACKs do not slow the start, ACK division does not speed it. After a timeout one ACK
      // may cover much that left the network long ago: L = 1*SMSS (s2.3). Deviation: abc-limit
      const limit = this.#repairing ? this.#mss : 2 * this.#mss;
      this.#cwnd = Math.min(this.#cwnd + Math.min(ack.acked, limit), NO_THRESHOLD);
      if (this.#cwnd >= this.#ssthresh) this.#repairing = false;
      return Cc.SlowStart;
    }
    return this.#avoidance(ack.acked);
  }

  /** Slow start by all that is acknowledged, and what is left over counts beyond the threshold. */
  #grow(acked: number): number {
    const started = Math.min(acked, Math.max(0, this.#ssthresh - this.#cwnd));
    this.#cwnd = Math.min(this.#cwnd + started, NO_THRESHOLD);
    const why = acked > started ? this.#avoidance(acked - started) : 0;
    return started > 0 ? Cc.SlowStart : why;
  }

  /** One SMSS for each window of acknowledged octets (RFC 3465 s2.1). */
  #avoidance(acked: number): number {
    this.#credit += acked;
    if (this.#credit < this.#cwnd) return 0;
    this.#credit -= this.#cwnd;
    this.#cwnd = Math.min(this.#cwnd + this.#mss, NO_THRESHOLD);
    if (this.#credit > this.#cwnd) this.#credit = this.#cwnd;
    return Cc.Avoidance;
  }

  onCongestion(signal: Signal, flight: number): void {
    if (signal === Signal.Loss) this.#remember();
    else this.#priorCwnd = 0; // a mark is never spurious
    const left = Math.floor(flight * (signal === Signal.Ecn && this.#policy.alternativeBackoff ? BETA_ECN : 0.5));
    this.#ssthresh = Math.max(this.#whole(left), 2 * this.#mss);
    // RFC 3168 s6.1.2: marks may bring the window down to one segment; a loss leaves two.
    this.#cwnd = signal === Signal.Ecn ? Math.max(left, this.#mss) : this.#ssthresh;
    this.#credit = 0;
    this.#repairing = false;
  }

  onTimeout(flight: number, first: boolean): void {
    if (first) {
      this.#remember();
      this.#ssthresh = Math.max(this.#whole(flight >> 1), 2 * this.#mss); // equation (4)
    }
    this.#cwnd = this.#mss; // the loss window, LW
    this.#credit = 0;
    this.#repairing = true;
  }

  /** RFC 6582 s3.2 step 3, full acknowledgment, option (1). */
  onRecovered(flight: number): void {
    this.#cwnd = Math.min(this.#ssthresh, Math.max(flight, this.#mss) + this.#mss);
  }

  onUndo(): void {
    if (this.#priorCwnd === 0) return;
    this.#cwnd = Math.max(this.#cwnd, this.#priorCwnd);
    this.#ssthresh = Math.max(this.#priorSsthresh, 2 * this.#mss); // the MSS may have grown meanwhile
    this.#priorCwnd = 0;
    this.#repairing = false;
  }

  onMss(mss: number): void {
    if (mss === this.#mss) return;
    // RFC 5681 s3.1: a smaller segment shrinks the window in proportion; a larger one leaves its octets (RFC 4821 s4).
    if (mss < this.#mss) this.#cwnd = Math.floor((this.#cwnd * mss) / this.#mss);
    this.#cwnd = Math.max(this.#cwnd, mss);
    if (this.#ssthresh !== NO_THRESHOLD) this.#ssthresh = Math.max(this.#ssthresh, 2 * mss);
    this.#mss = mss;
  }

  /** RFC 5681 s4.1: RW = min(IW, cwnd). */
  onIdle(): void {
    this.#cwnd = Math.min(this.#cwnd, initialWindow(this.#mss, this.#policy.initialWindow));
  }

  onUnused(window: number): void {
    this.#ssthresh = Math.max(this.#ssthresh, Math.floor((3 * this.#cwnd) / 4));
    this.#cwnd = Math.max(this.#mss, Math.min(this.#cwnd, window));
  }

  save(cells: Int32Array, at: number): void {
    cells[at] = this.#cwnd;
    cells[at + 1] = this.#ssthresh;
    cells[at + 2] = this.#credit;
  }

  load(cells: Int32Array, at: number, mss: number, policy: CongestionPolicy): void {
    this.begin(mss, policy, false);
    this.#cwnd = cells[at]!;
    this.#ssthresh = cells[at + 1]!;
    this.#credit = cells[at + 2]!;
  }

  inspect(): Record<string, number | string | null> {
    return { mode: this.#cwnd < this.#ssthresh ? "slow start" : "congestion avoidance", credit: this.#credit };
  }

  #whole(octets: number): number {
    return this.#policy.wholeSegments === true ? octets - (octets % this.#mss) : octets;
  }

  #remember(): void {
    this.#priorCwnd = this.#cwnd;
    this.#priorSsthresh = this.#ssthresh;
  }
}
