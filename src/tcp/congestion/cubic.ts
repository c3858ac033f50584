/** CUBIC (RFC 9438), with HyStart++ (RFC 9406) for its slow start. Windows are octets where the RFC has segments, times microseconds.
 *
 *  Time is counted, not dated: `elapsed` is the RFC's t_current - t_epoch without what was limited by the application (s4.2, s5.8), so
 *  that an idle or frozen connection goes on where it was. */
import { type Micros, SECOND } from "../../base/environment.js";
import { Cc } from "../../base/why.js";
import { type AckSample, type CongestionController, type CongestionPolicy, initialWindow, NO_THRESHOLD, Signal } from "./controller.js";
import { cubeRoot } from "./cube-root.js";
import { HyStart } from "./hystart.js";

/** s5.1, s4.6. */
const C = 0.4;
const BETA = 0.7;
/** RFC 8511 s3.1. */
const BETA_ECN = 0.85;
/** s4.3. */
const ALPHA = (3 * (1 - BETA)) / (1 + BETA);
/** Slow start later than the first: L of RFC 9406 s4.2; one segment where an ACK may cover what left the network long ago (RFC 3465 s2.3). */
const LIMIT = 8;

/** A congestion avoidance stage. Saved as one for the undo of s4.9. */
class Stage {
  /** Its first ACK has come. */
  begun = false;
  /** It begins with K = 0 and W_max = cwnd: after a timeout (s4.8), or when nothing was ever lost (s4.10). */
  flat = true;
  cwndPrior = 0;
  wMax = 0;
  k: Micros = 0;
  wEst = 0;
  elapsed: Micros = 0;

  set(from: Stage): void {
    this.begun = from.begun;
    this.flat = from.flat;
    this.cwndPrior = from.cwndPrior;
    this.wMax = from.wMax;
    this.k = from.k;
    this.wEst = from.wEst;
    this.elapsed = from.elapsed;
  }
}

const fresh = new Stage();

export class Cubic implements CongestionController {
  readonly name = "cubic";
  #mss = 0;
  #policy: CongestionPolicy = { initialWindow: "rfc6928", alternativeBackoff: false };
  #cwnd = 0;
  #ssthresh = NO_THRESHOLD;
  /** The part of an octet that cwnd has not got yet. */
  #credit = 0;
  readonly #stage = new Stage();
  readonly #start = new HyStart();
  /** In the slow start that follows a timeout. */
  #repairing = false;
  /** When the last ACK came; -1: none has. */
  #ackedAt: Micros = -1;
  /** What the last loss replaced, and when; cwnd 0: nothing to put back. */
  readonly #priorStage = new Stage();
  #priorCwnd = 0;
  #priorSsthresh = NO_THRESHOLD;
  #priorAt: Micros = 0;

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
    this.#restart();
  }

  adopt(window: number, threshold: number): void {
    this.#cwnd = Math.max(window, this.#mss);
    this.#ssthresh = threshold;
  }

  onAck(ack: AckSample, now: Micros): number {
    const passed = this.#ackedAt < 0 ? 0 : now - this.#ackedAt;
    this.#ackedAt = now;
    if (ack.acked === 0 || ack.inRecovery || ack.appLimited || ack.marked) return 0;
    return this.#cwnd < this.#ssthresh ? this.#slowStart(ack) : this.#avoidance(ack, passed);
  }

  onCongestion(signal: Signal, flight: number, now: Micros): void {
    const { alternativeBackoff } = this.#policy;
    if (signal === Signal.Loss) this.#remember(now);
    else this.#priorCwnd = 0; // a mark is never spurious
    const left = this.#reduced(flight, signal === Signal.Ecn && alternativeBackoff ? BETA_ECN : BETA);
    this.#stage.flat = false;
    // s4.6: a loss leaves two segments, a mark may leave one.
    this.#cwnd = Math.max(left, signal === Signal.Ecn ? this.#mss : 2 * this.#mss);
    this.#repairing = false;
  }

  onTimeout(flight: number, first: boolean, now: Micros): void {
    if (first) {
      this.#remember(now);
      this.#reduced(flight, BETA);
    }
    this.#stage.begun = false;
    this.#stage.flat = true;
    this.#cwnd = this.#mss;
    this.#credit = 0;
    this.#repairing = true;
  }

  /** RFC 6582 s3.2 step 3, full acknowledgment, option (1). */
  onRecovered(flight: number): void {
    this.#cwnd = Math.min(this.#ssthresh, Math.max(flight, this.#mss) + this.#mss);
  }

  /** s4.9. */
  onUndo(now: Micros): void {
    if (this.#priorCwnd === 0) return;
    this.#cwnd = Math.max(this.#cwnd, this.#priorCwnd);
    this.#ssthresh = Math.max(this.#priorSsthresh, 2 * this.#mss); // the MSS may have grown meanwhile
    this.#stage.set(this.#priorStage);
    this.#stage.elapsed += now - this.#priorAt; // t_epoch is what it was
    this.#priorCwnd = 0;
    this.#repairing = false;
  }

  onMss(mss: number): void {
    if (mss === this.#mss) return;
    // RFC 5681 s3.1: a smaller segment shrinks the window in proportion; a larger one leaves its octets (RFC 4821 s4).
    const stage = this.#stage;
    if (mss < this.#mss) {
      const ratio = mss / this.#mss;
      this.#cwnd = Math.floor((this.#cwnd * mss) / this.#mss);
      stage.wMax *= ratio;
      stage.wEst *= ratio;
      stage.cwndPrior *= ratio;
    }
    this.#cwnd = Math.max(this.#cwnd, mss);
    if (this.#ssthresh !== NO_THRESHOLD) this.#ssthresh = Math.max(this.#ssthresh, 2 * mss);
    this.#mss = mss;
  }

  onResume(now: Micros): void {
    if (this.#ackedAt >= 0) this.#ackedAt = now;
  }

  /** RFC 5681 s4.1: RW = min(IW, cwnd). */
  onIdle(now: Micros): void {
    this.onResume(now);
    this.#cwnd = Math.min(this.#cwnd, initialWindow(this.#mss, this.#policy.initialWindow));
    this.#start.begin();
  }

  onUnused(window: number): void {
    this.#ssthresh = Math.max(this.#ssthresh, Math.floor((3 * this.#cwnd) / 4));
    this.#cwnd = Math.max(this.#mss, Math.min(this.#cwnd, window));
  }

  save(cells: Int32Array, at: number): void {
    const stage = this.#stage;
    cells[at] = this.#cwnd;
    cells[at + 1] = this.#ssthresh;
    cells[at + 2] = Math.floor(stage.cwndPrior);
    cells[at + 3] = Math.floor(stage.wMax);
    cells[at + 4] = stage.k;
    cells[at + 5] = Math.floor(stage.wEst);
    cells[at + 6] = Math.min(NO_THRESHOLD, Math.floor(stage.elapsed / 1_000));
    cells[at + 7] = (stage.begun ? 1 : 0) | (stage.flat ? 2 : 0);
  }

  load(cells: Int32Array, at: number, mss: number, policy: CongestionPolicy): void {
    this.begin(mss, policy, false);
    const stage = this.#stage;
    this.#cwnd = cells[at]!;
    this.#ssthresh = cells[at + 1]!;
    stage.cwndPrior = cells[at + 2]!;
    stage.wMax = cells[at + 3]!;
    stage.k = cells[at + 4]!;
    stage.wEst = cells[at + 5]!;
    stage.elapsed = cells[at + 6]! * 1_000;
    stage.begun = (cells[at + 7]! & 1) !== 0;
    stage.flat = (cells[at + 7]! & 2) !== 0;
  }

  inspect(): Record<string, number | string | null> {
    const { begun, elapsed, k, wMax, wEst, cwndPrior } = this.#stage;
    const starting = this.#cwnd < this.#ssthresh;
    return {
      mode: starting
        ? this.#start.conservative
          ? "conservative slow start"
          : "slow start"
        : begun && this.#cubic(elapsed) < wEst
          ? "reno-friendly"
          : this.#cwnd < wMax
            ? "concave"
            : "convex",
      wMax: Math.floor(wMax),
      wEst: Math.floor(wEst),
      cwndPrior: Math.floor(cwndPrior),
      k: begun ? k : null,
      elapsed: begun ? elapsed : null,
    };
  }

  #slowStart(ack: AckSample): number {
    let why: number = Cc.SlowStart;
    let growth: number;
    if (this.#ssthresh === NO_THRESHOLD) {
      why = this.#start.onAck(ack, this.#mss);
      growth = this.#start.growth;
      if (why === Cc.HystartExit) {
        // s4.10: cwnd_prior = cwnd, and a stage with K = 0.
        this.#ssthresh = this.#cwnd;
        this.#stage.set(fresh);
        this.#stage.cwndPrior = this.#cwnd;
        return why;
      }
    } else if (ack.unbounded) growth = Math.min(ack.acked, this.#ssthresh - this.#cwnd);
    else growth = Math.min(ack.acked, (this.#repairing ? 1 : LIMIT) * this.#mss);
    const before = this.#cwnd;
    this.#cwnd = Math.min(this.#cwnd + growth, NO_THRESHOLD);
    if (this.#cwnd >= this.#ssthresh) this.#repairing = false;
    return this.#cwnd !== before || why === Cc.HystartConservative || why === Cc.HystartResume ? why : 0;
  }

  #avoidance(ack: AckSample, passed: Micros): number {
    const stage = this.#stage;
    if (stage.begun) stage.elapsed += passed;
    else this.#beginStage();
    const cwnd = this.#cwnd;
    const share = Math.min(ack.acked, cwnd) / cwnd;
    // s4.3, equation (4).
    stage.wEst = Math.min(stage.wEst + (stage.wEst < stage.cwndPrior ? ALPHA : 1) * share * this.#mss, NO_THRESHOLD);
    if (this.#cubic(stage.elapsed) < stage.wEst) {
      if (stage.wEst < cwnd + 1) return 0;
      this.#cwnd = Math.floor(stage.wEst);
      this.#credit = 0;
      return Cc.CubicReno;
    }
    // s4.4, s4.5: (target - cwnd) / cwnd for each segment is (target - cwnd) * acked / cwnd octets.
    const target = Math.min(1.5 * cwnd, Math.max(cwnd, this.#cubic(stage.elapsed + ack.srtt)));
    this.#credit += (target - cwnd) * share;
    const whole = Math.floor(this.#credit);
    if (whole === 0) return 0;
    this.#credit -= whole;
    this.#cwnd = Math.min(cwnd + whole, NO_THRESHOLD);
    return cwnd < stage.wMax ? Cc.CubicConcave : Cc.CubicConvex;
  }

  #beginStage(): void {
    const stage = this.#stage;
    stage.begun = true;
    stage.elapsed = 0;
    stage.wEst = this.#cwnd;
    this.#credit = 0;
    // Where the window is beyond W_max already, there is no way up to it either.
    if (stage.flat || stage.wMax <= this.#cwnd) {
      stage.wMax = this.#cwnd;
      stage.k = 0;
    } else stage.k = Math.round(SECOND * cubeRoot((stage.wMax - this.#cwnd) / this.#mss / C));
  }

  /** Equation (1), octets, at `t` of the stage. */
  #cubic(t: Micros): number {
    const seconds = (t - this.#stage.k) / SECOND;
    return C * this.#mss * seconds * seconds * seconds + this.#stage.wMax;
  }

  /** s4.6, and the fast convergence of s4.7: returns what is left of the flight. */
  #reduced(flight: number, beta: number): number {
    const stage = this.#stage;
    const cwnd = this.#cwnd;
    stage.cwndPrior = cwnd;
    stage.wMax = cwnd < stage.wMax ? (cwnd * (1 + BETA)) / 2 : cwnd;
    stage.begun = false;
    this.#credit = 0;
    const exact = Math.round(flight * beta);
    const left = this.#policy.wholeSegments === true ? exact - (exact % this.#mss) : exact;
    this.#ssthresh = Math.max(left, 2 * this.#mss);
    return left;
  }

  #remember(now: Micros): void {
    this.#priorStage.set(this.#stage);
    this.#priorCwnd = this.#cwnd;
    this.#priorSsthresh = this.#ssthresh;
    this.#priorAt = now;
  }

  #restart(): void {
    this.#stage.set(fresh);
    this.#start.begin();
    this.#credit = 0;
    this.#repairing = false;
    this.#ackedAt = -1;
    this.#priorCwnd = 0;
    this.#priorSsthresh = NO_THRESHOLD;
  }
}
