/** Slow start and congestion avoidance: RFC 5681 s3.1, by octets (RFC 3465). */
import { type AckSample, type CongestionController, initialWindow, NO_THRESHOLD } from "./controller.js";

export class NewReno implements CongestionController {
  readonly name = "newreno";
  #cwnd = 0;
  #ssthresh = NO_THRESHOLD;
  /** Octets acknowledged in congestion avoidance that have not yet earned a segment. */
  #credit = 0;
  #mss = 0;
  #initial = 0;
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

  begin(mss: number, rule: "rfc6928" | "rfc5681", synLost: boolean): void {
    this.#mss = mss;
    this.#initial = initialWindow(mss, rule);
    this.#cwnd = synLost ? mss : this.#initial;
    this.#ssthresh = NO_THRESHOLD;
    this.#credit = 0;
    this.#repairing = false;
    this.#priorCwnd = 0;
    this.#priorSsthresh = NO_THRESHOLD;
  }

  onAck(ack: AckSample): void {
    if (ack.inRecovery || ack.appLimited) return;
    if (this.#cwnd < this.#ssthresh) {
      // L = 2*SMSS (RFC 3465 s2.2): delayed ACKs do not slow the start, ACK division does not speed it. After a timeout one ACK
      // may cover much that left the network long ago: L = 1*SMSS (s2.3). Deviation: abc-limit
      const limit = this.#repairing ? this.#mss : 2 * this.#mss;
      this.#cwnd = Math.min(this.#cwnd + Math.min(ack.acked, limit), NO_THRESHOLD);
      if (this.#cwnd >= this.#ssthresh) this.#repairing = false;
      return;
    }
    // One SMSS for each window of acknowledged octets (RFC 3465 s2.1).
    this.#credit += ack.acked;
    if (this.#credit >= this.#cwnd) {
      this.#credit -= this.#cwnd;
      this.#cwnd = Math.min(this.#cwnd + this.#mss, NO_THRESHOLD);
      if (this.#credit > this.#cwnd) this.#credit = this.#cwnd;
    }
  }

  onCongestion(flight: number): void {
    this.#remember();
    this.#ssthresh = this.#half(flight);
    this.#cwnd = this.#ssthresh;
    this.#credit = 0;
    this.#repairing = false;
  }

  onTimeout(flight: number, first: boolean): void {
    if (first) {
      this.#remember();
      this.#ssthresh = this.#half(flight);
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
    this.#ssthresh = this.#priorSsthresh;
    this.#priorCwnd = 0;
    this.#repairing = false;
  }

  onMss(mss: number): void {
    if (mss === this.#mss) return;
    // RFC 5681 s3.1: a smaller segment shrinks the window in proportion; a larger one leaves its octets (RFC 4821 s4).
    if (mss < this.#mss) this.#cwnd = Math.floor((this.#cwnd * mss) / this.#mss);
    this.#cwnd = Math.max(this.#cwnd, mss);
    this.#initial = Math.floor((this.#initial * mss) / this.#mss);
    if (this.#ssthresh !== NO_THRESHOLD) this.#ssthresh = Math.max(this.#ssthresh, 2 * mss);
    this.#mss = mss;
  }

  /** RFC 5681 s4.1: RW = min(IW, cwnd). */
  onIdle(): void {
    this.#cwnd = Math.min(this.#cwnd, this.#initial);
  }

  save(cells: Int32Array, at: number): void {
    cells[at] = this.#cwnd;
    cells[at + 1] = this.#ssthresh;
    cells[at + 2] = this.#credit;
    cells[at + 3] = this.#initial;
  }

  load(cells: Int32Array, at: number, mss: number): void {
    this.#mss = mss;
    this.#cwnd = cells[at]!;
    this.#ssthresh = cells[at + 1]!;
    this.#credit = cells[at + 2]!;
    this.#initial = cells[at + 3]!;
    this.#repairing = false;
    this.#priorCwnd = 0;
    this.#priorSsthresh = NO_THRESHOLD;
  }

  #remember(): void {
    this.#priorCwnd = this.#cwnd;
    this.#priorSsthresh = this.#ssthresh;
  }

  /** Equation (4): max(FlightSize / 2, 2 * SMSS). */
  #half(flight: number): number {
    return Math.max(flight >> 1, 2 * this.#mss);
  }
}
