/** DCTCP (RFC 8257): NewReno that gives way to marks by their share. For data centers whose switches mark early and whose hosts all speak it:
 *  it takes from others what it does not give up. */
import { type AckSample, type CongestionController, type CongestionPolicy, Signal } from "./controller.js";
import { NewReno } from "./newreno.js";

/** s4.2: alpha counts in 1/SCALE; g = 1/16. */
const SCALE = 65_536;
const SHIFT = 4;

export class Dctcp implements CongestionController {
  readonly name = "dctcp";
  readonly exactEcho = true;
  readonly #reno = new NewReno();
  #mss = 0;
  /** DCTCP.Alpha: the share of octets that were marked. */
  #alpha = SCALE;
  #acked = 0;
  #marked = 0;
  /** Octets still to be acknowledged until the observation window ends. */
  #left = 0;

  window(): number {
    return this.#reno.window();
  }

  threshold(): number {
    return this.#reno.threshold();
  }

  begin(mss: number, policy: CongestionPolicy, synLost: boolean): void {
    this.#mss = mss;
    this.#reno.begin(mss, policy, synLost);
    this.#alpha = SCALE; // s3.3: SHOULD, so that the first mark halves
    this.#acked = this.#marked = this.#left = 0;
  }

  adopt(window: number, threshold: number): void {
    this.#reno.adopt(window, threshold);
  }

  onAck(ack: AckSample): number {
    if (ack.acked > 0) this.#observe(ack);
    return this.#reno.onAck(ack);
  }

  onCongestion(signal: Signal, flight: number): void {
    if (signal === Signal.Loss) return this.#reno.onCongestion(signal, flight);
    // s3.3 step 9: cwnd * (1 - alpha / 2).
    const window = this.#reno.window();
    const left = window - Math.floor((window * this.#alpha) / (2 * SCALE));
    this.#reno.adopt(left, Math.max(left, 2 * this.#mss));
  }

  onTimeout(flight: number, first: boolean): void {
    this.#reno.onTimeout(flight, first);
  }

  onRecovered(flight: number): void {
    this.#reno.onRecovered(flight);
  }

  onUndo(): void {
    this.#reno.onUndo();
  }

  onMss(mss: number): void {
    this.#mss = mss;
    this.#reno.onMss(mss);
  }

  onIdle(): void {
    this.#reno.onIdle();
  }

  onUnused(window: number): void {
    this.#reno.onUnused(window);
  }

  save(cells: Int32Array, at: number): void {
    this.#reno.save(cells, at);
    cells[at + 3] = this.#alpha;
  }

  load(cells: Int32Array, at: number, mss: number, policy: CongestionPolicy): void {
    this.begin(mss, policy, false);
    this.#reno.load(cells, at, mss, policy);
    this.#alpha = cells[at + 3]!;
  }

  inspect(): Record<string, number | string | boolean | null> {
    return { ...this.#reno.inspect(), alpha: this.#alpha / SCALE };
  }

  /** s3.3 steps 1 to 8, with the integers of s4.2. */
  #observe(ack: AckSample): void {
    this.#acked += ack.acked;
    this.#marked += Math.min(ack.acked, ack.markedOctets);
    this.#left -= ack.acked;
    if (this.#left > 0) return;
    const share = Math.floor((SCALE * this.#marked) / this.#acked);
    if (this.#alpha >> SHIFT === 0) this.#alpha = 0;
    this.#alpha = Math.min(SCALE, this.#alpha + (share >> SHIFT) - (this.#alpha >> SHIFT));
    this.#left = Math.max(1, ack.flight - ack.acked);
    this.#acked = this.#marked = 0;
  }
}
