// A congestion controller of one's own: Reno that also stops growing when packets begin to queue. docs/congestion.md explains it.
import { type AckSample, Cc, type CongestionController, type CongestionPolicy, initialWindow, NO_THRESHOLD } from "onwire";

/** So much longer than the least round trip may one be, microseconds: the rest is a queue. */
const QUEUE = 20_000;

export class Gentle implements CongestionController {
  readonly name = "gentle";
  #mss = 0;
  #cwnd = 0;
  #ssthresh = NO_THRESHOLD;
  #before = 0;

  window = (): number => Math.floor(this.#cwnd);
  threshold = (): number => this.#ssthresh;

  begin(mss: number, policy: CongestionPolicy, synLost: boolean): void {
    this.#mss = mss;
    this.adopt(synLost ? mss : initialWindow(mss, policy.initialWindow), NO_THRESHOLD);
  }

  adopt(window: number, threshold: number): void {
    this.#cwnd = Math.max(window, this.#mss);
    this.#ssthresh = threshold;
    this.#before = 0;
  }

  onAck(ack: AckSample): number {
    if (ack.acked === 0 || ack.inRecovery || ack.appLimited) return 0;
    if (ack.rtt > ack.minRtt + QUEUE) return 0;
    const starting = this.#cwnd < this.#ssthresh;
    const acked = Math.min(ack.acked, 2 * this.#mss);
    this.#cwnd = Math.min(this.#cwnd + (starting ? acked : (this.#mss * acked) / this.#cwnd), NO_THRESHOLD);
    return starting ? Cc.SlowStart : Cc.Avoidance;
  }

  onCongestion(_signal: number, flight: number): void {
    this.#before = this.#cwnd;
    this.#ssthresh = this.#cwnd = Math.max(flight >> 1, 2 * this.#mss);
  }

  onTimeout(flight: number, first: boolean): void {
    if (first) this.onCongestion(0, flight);
    this.#cwnd = this.#mss;
  }

  onRecovered(): void {
    this.#before = 0;
  }

  onUndo(): void {
    this.#cwnd = Math.max(this.#cwnd, this.#before);
  }

  onMss(mss: number): void {
    this.#cwnd = Math.max((this.#cwnd * Math.min(mss, this.#mss)) / this.#mss, mss);
    if (this.#ssthresh !== NO_THRESHOLD) this.#ssthresh = Math.max(this.#ssthresh, 2 * mss);
    this.#mss = mss;
  }

  onIdle(): void {
    this.#cwnd = Math.min(this.#cwnd, 10 * this.#mss);
  }

  save(cells: Int32Array, at: number): void {
    cells[at] = this.window();
    cells[at + 1] = this.#ssthresh;
  }

  load(cells: Int32Array, at: number, mss: number): void {
    this.#mss = mss;
    this.adopt(cells[at]!, cells[at + 1]!);
  }
}

if (import.meta.url === `file://${process.argv[1]}`) {
  const gentle = new Gentle();
  gentle.begin(1_460, { initialWindow: "rfc6928", alternativeBackoff: false }, false);
  console.log(`${gentle.name} begins with ${gentle.window()} octets`);
}

// prints: gentle begins with 14600 octets
