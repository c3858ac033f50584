/** BBR: a model of the path, its bandwidth and its least round trip, says how fast to send and how much to keep in flight.
 *
 *  The model and the state machine of version 1 (startup, drain, probing for bandwidth, probing for the round trip), with what version 3 adds
 *  by draft-ietf-ccwg-bbr: the cycle down, cruise, refill, up; upper bounds of what may be in flight from where losses exceed 2 %, lower ones from
 *  the last rounds; the way out of startup on losses. Not here: its answer to ECN, which the draft leaves open, and the policer detector of
 *  version 1, which version 3 has dropped. A mark counts as congestion of that round, as a loss does. */
import { MILLISECOND, type Micros, type Random, randomBelow, SECOND } from "../../base/environment.js";
import { Cc } from "../../base/why.js";
import { type AckSample, type CongestionController, type CongestionPolicy, initialWindow, NO_THRESHOLD, Signal } from "./controller.js";

const STARTUP_GAIN = 2.77; // 4 * ln 2: twice the data in each round trip
const DRAIN_GAIN = 0.5;
const DOWN_GAIN = 0.9;
const UP_GAIN = 1.25;
const WINDOW_GAIN = 2;
const UP_WINDOW_GAIN = 2.25;
const PROBE_RTT_GAIN = 0.5;
/** Less than the bandwidth, so that queues drain by themselves. */
const MARGIN = 0.99;
const LOSS_THRESHOLD = 0.02;
const BETA = 0.7;
/** Left for others below the upper bound. */
const HEADROOM = 0.85;
const FULL_GROWTH = 1.25;
const FULL_ROUNDS = 3;
/** Startup ends by losses after so many ACKs of a round that tell of some. */
const FULL_LOSSES = 6;
const LEAST_SEGMENTS = 4;
const MIN_RTT_LIFE: Micros = 10 * SECOND;
const PROBE_RTT_EVERY: Micros = 5 * SECOND;
const PROBE_RTT_TIME: Micros = 200 * MILLISECOND;
/** A probe for bandwidth comes 2 to 3 s after the last, and no later than Reno would have needed. */
const PROBE_WAIT: Micros = 2 * SECOND;
const RENO_ROUNDS = 63;

export const BbrState = { Startup: 0, Drain: 1, Down: 2, Cruise: 3, Refill: 4, Up: 5, ProbeRtt: 6 } as const;
export type BbrState = (typeof BbrState)[keyof typeof BbrState];

const names = ["startup", "drain", "probe bw: down", "probe bw: cruise", "probe bw: refill", "probe bw: up", "probe rtt"];
const whys = [Cc.BbrStartup, Cc.BbrDrain, Cc.BbrDown, Cc.BbrCruise, Cc.BbrRefill, Cc.BbrUp, Cc.BbrProbeRtt];
const pacingGains = [STARTUP_GAIN, DRAIN_GAIN, DOWN_GAIN, 1, 1, UP_GAIN, 1];
const NONE = Number.POSITIVE_INFINITY;

export class Bbr implements CongestionController {
  readonly name = "bbr";
  readonly paced = true;
  /** Its window is its own answer to loss. */
  readonly proportional = false;
  readonly #random: Random;
  #policy: CongestionPolicy = { initialWindow: "rfc6928", alternativeBackoff: false };
  #mss = 0;
  #cwnd = 0;
  #state: BbrState = BbrState.Startup;
  /** The largest rate of the cycle before this one and of this one, octets a second. */
  #lastCycleBw = 0;
  #cycleBw = 0;
  /** Bounds that the last losses have left; `NONE`: none. */
  #bwLow = NONE;
  #inflightLow = NONE;
  #inflightHigh = NONE;
  /** Best of the round: what the lower bounds do not go below. */
  #bwLatest = 0;
  #inflightLatest = 0;
  #minRtt: Micros = NONE;
  #minRttAt: Micros = 0;
  #probeRttMin: Micros = NONE;
  #probeRttMinAt: Micros = 0;
  /** A round trip is over when what was sent at its begin is acknowledged. */
  #delivered = 0;
  #roundEnd = 0;
  #roundStart = false;
  /** In this round: losses told, octets lost, a mark. */
  #lossEvents = 0;
  #lossInRound = false;
  #fullBw = 0;
  #fullRounds = 0;
  #full = false;
  /** Since when in this state, and rounds since the last probe for bandwidth. */
  #since: Micros = 0;
  #wait: Micros = PROBE_WAIT;
  #probedAt: Micros = 0;
  #rounds = 0;
  /** Losses belong to a probe for bandwidth, and bound it. */
  #probing = false;
  /** Octets acknowledged towards the next growth of the upper bound, and how many rounds it has grown. */
  #upAcked = 0;
  #upRounds = 0;
  /** PROBE_RTT is over then, if a round is, too; 0: not small enough yet. */
  #probeRttDone: Micros = 0;
  #probeRttRound = false;
  /** In the first round of a recovery as much is sent as is delivered. */
  #conserving = false;
  #conserveEnd = 0;
  /** A loss has just been found: the window falls to what is in flight. */
  #entering = false;
  #prior = 0;
  #rate = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  window(): number {
    return this.#cwnd;
  }

  /** It knows none: what it knows is in `inspect`. */
  threshold(): number {
    return NO_THRESHOLD;
  }

  pacingRate(): number {
    return this.#rate;
  }

  begin(mss: number, policy: CongestionPolicy, synLost: boolean): void {
    this.#mss = mss;
    this.#policy = policy;
    this.#cwnd = synLost ? mss : initialWindow(mss, policy.initialWindow);
    this.#lastCycleBw = this.#cycleBw = this.#bwLatest = this.#inflightLatest = this.#rate = 0;
    this.#bwLow = this.#inflightLow = this.#inflightHigh = NONE;
    this.#minRtt = this.#probeRttMin = NONE;
    this.#minRttAt = this.#probeRttMinAt = 0;
    this.#forgetRounds();
    this.#fullBw = this.#fullRounds = 0;
    this.#full = false;
    this.#state = BbrState.Startup;
    this.#since = this.#probedAt = 0;
  }

  adopt(window: number): void {
    this.#cwnd = Math.max(window, this.#mss);
  }

  onAck(ack: AckSample, now: Micros): number {
    const before = this.#state;
    const window = this.#cwnd;
    this.#countRound(ack);
    this.#learnBandwidth(ack);
    this.#learnBounds(ack, now);
    this.#learnRoundTrip(ack, now);
    if (this.#minRtt === NONE || this.#bw() === 0) {
      // Nothing is known of the path yet: as slow start.
      if (ack.acked > 0 && !ack.inRecovery) this.#cwnd = Math.min(this.#cwnd + ack.acked, NO_THRESHOLD);
      return this.#cwnd === window ? 0 : Cc.BbrModel;
    }
    this.#advance(ack, now);
    this.#setRate();
    this.#setWindow(ack);
    if (this.#state !== before) return whys[this.#state]!;
    return this.#cwnd === window ? 0 : Cc.BbrModel;
  }

  onCongestion(_signal: Signal, flight: number): void {
    this.#prior = Math.max(this.#prior, this.#cwnd);
    this.#conserving = true;
    this.#conserveEnd = this.#delivered + flight;
    this.#entering = this.#lossInRound = true;
  }

  onTimeout(flight: number, first: boolean): void {
    if (first) this.onCongestion(Signal.Loss, flight);
    this.#cwnd = this.#mss;
  }

  onRecovered(): void {
    this.#restore();
  }

  onUndo(): void {
    this.#bwLow = this.#inflightLow = NONE;
    this.#restore();
  }

  onMss(mss: number): void {
    if (mss < this.#mss) this.#cwnd = Math.floor((this.#cwnd * mss) / this.#mss);
    this.#cwnd = Math.max(this.#cwnd, mss);
    this.#mss = mss;
  }

  /** An idle time is as good as a probe for the round trip: the queue had time to drain. */
  onResume(now: Micros): void {
    if (this.#minRtt !== NONE && now - this.#probeRttMinAt > PROBE_RTT_EVERY) this.#probeRttMinAt = now;
  }

  /** What it knows of the path is not a window that goes stale, and its segments are paced. */
  onIdle(now: Micros): void {
    this.onResume(now);
  }

  save(cells: Int32Array, at: number): void {
    cells[at] = this.#cwnd;
    cells[at + 1] = this.#full ? 1 : 0;
    cells[at + 2] = Math.min(NO_THRESHOLD, Math.floor(this.#maxBw() / 16));
    cells[at + 3] = this.#minRtt === NONE ? 0 : this.#minRtt;
    cells[at + 4] = this.#inflightHigh === NONE ? 0 : this.#inflightHigh;
    cells[at + 5] = Math.min(NO_THRESHOLD, Math.floor(this.#fullBw / 16));
    cells[at + 6] = Math.floor(this.#minRttAt / SECOND);
    cells[at + 7] = 0;
  }

  load(cells: Int32Array, at: number, mss: number, policy: CongestionPolicy): void {
    this.begin(mss, policy, false);
    this.#cwnd = cells[at]!;
    this.#full = cells[at + 1] === 1;
    this.#cycleBw = cells[at + 2]! * 16;
    this.#minRtt = this.#probeRttMin = cells[at + 3]! || NONE;
    this.#inflightHigh = cells[at + 4]! || NONE;
    this.#fullBw = cells[at + 5]! * 16;
    this.#minRttAt = this.#probeRttMinAt = cells[at + 6]! * SECOND;
    if (this.#full) this.#state = BbrState.Cruise;
    if (this.#minRtt !== NONE && this.#cycleBw > 0) this.#setRate();
  }

  inspect(): Record<string, number | string | boolean | null> {
    return {
      mode: names[this.#state]!,
      bandwidth: this.#bw(),
      maxBandwidth: this.#maxBw(),
      minRtt: this.#minRtt === NONE ? null : this.#minRtt,
      pacingGain: pacingGains[this.#state]!,
      full: this.#full,
      bandwidthLow: this.#bwLow === NONE ? null : this.#bwLow,
      inflightLow: this.#inflightLow === NONE ? null : this.#inflightLow,
      inflightHigh: this.#inflightHigh === NONE ? null : this.#inflightHigh,
    };
  }

  // ---- the model

  #maxBw(): number {
    return Math.max(this.#lastCycleBw, this.#cycleBw);
  }

  #bw(): number {
    return Math.min(this.#maxBw(), this.#bwLow);
  }

  /** What `rate` keeps in flight, times a gain, and room for delayed ACKs and bursts of pacing. */
  #inflight(rate: number, gain: number): number {
    return Math.max(Math.floor((gain * rate * this.#minRtt) / SECOND) + 3 * this.#mss, LEAST_SEGMENTS * this.#mss);
  }

  #countRound(ack: AckSample): void {
    this.#delivered = ack.totalDelivered;
    this.#roundStart = ack.delivered > 0 && ack.priorDelivered >= this.#roundEnd;
    if (ack.lost > 0) {
      this.#lossEvents += 1;
      this.#lossInRound = true;
    }
    if (ack.marked) this.#lossInRound = true;
    if (!this.#roundStart) return;
    this.#roundEnd = this.#delivered;
    this.#rounds += 1;
    if (this.#conserving && this.#delivered >= this.#conserveEnd) this.#conserving = false;
  }

  #learnBandwidth(ack: AckSample): void {
    if (ack.rate > this.#bwLatest) this.#bwLatest = ack.rate;
    if (ack.flightWhenSent > 0 && ack.delivered > 0)
      this.#inflightLatest = Math.max(this.#inflightLatest, Math.min(ack.flightWhenSent, this.#delivered - ack.priorDelivered));
    if (ack.rate > this.#cycleBw && (!ack.rateLimited || ack.rate > this.#maxBw())) this.#cycleBw = ack.rate;
  }

  /** Losses bound what may be in flight: while it probes from above, else by what the last round has delivered. */
  #learnBounds(ack: AckSample, now: Micros): void {
    const tooMuch = ack.lostSince > ack.flightWhenSent * LOSS_THRESHOLD && ack.lostSince > 0;
    if (tooMuch && this.#probing && ack.delivered > 0) {
      this.#probing = false;
      if (!ack.rateLimited) this.#inflightHigh = Math.max(ack.flightWhenSent, Math.floor(BETA * this.#target()));
      if (this.#state === BbrState.Up) this.#enter(BbrState.Down, now);
    } else if (!tooMuch && this.#inflightHigh !== NONE && ack.delivered > 0) {
      if (ack.flightWhenSent > this.#inflightHigh) this.#inflightHigh = ack.flightWhenSent;
      if (this.#state === BbrState.Up) this.#raise(ack);
    }
    if (!this.#roundStart) return;
    const asksForMore = this.#state === BbrState.Startup || this.#state === BbrState.Refill || this.#state === BbrState.Up;
    if (this.#lossInRound && !asksForMore) {
      if (this.#bwLow === NONE) this.#bwLow = this.#maxBw();
      if (this.#inflightLow === NONE) this.#inflightLow = this.#cwnd;
      this.#bwLow = Math.max(this.#bwLatest, Math.floor(BETA * this.#bwLow));
      this.#inflightLow = Math.max(this.#inflightLatest, Math.floor(BETA * this.#inflightLow));
    }
    this.#leaveStartup(ack);
    this.#lossEvents = 0;
    this.#lossInRound = false;
    this.#bwLatest = ack.rate;
    this.#inflightLatest = 0;
  }

  /** What fits into the path, and the upper bound. */
  #target(): number {
    return this.#minRtt === NONE ? this.#cwnd : Math.min(this.#inflight(this.#bw(), 1), this.#cwnd);
  }

  /** The upper bound was reached and nothing is lost: it grows, twice as fast in each round. */
  #raise(ack: AckSample): void {
    if (ack.flight < this.#inflightHigh - this.#mss || this.#cwnd < this.#inflightHigh) return;
    if (this.#roundStart) this.#upRounds += 1;
    this.#upAcked += ack.delivered;
    const each = Math.max(this.#mss, Math.floor(this.#cwnd / 2 ** Math.min(this.#upRounds, 30)));
    while (this.#upAcked >= each) {
      this.#upAcked -= each;
      this.#inflightHigh += this.#mss;
    }
  }

  /** The pipe is full: three rounds without a quarter more, or a round of losses. */
  #leaveStartup(ack: AckSample): void {
    if (this.#full) return;
    if (this.#state === BbrState.Startup && this.#lossEvents >= FULL_LOSSES && ack.lostSince > ack.flightWhenSent * LOSS_THRESHOLD) {
      this.#full = true;
      this.#inflightHigh = Math.max(this.#inflightLatest, this.#minRtt === NONE ? 0 : this.#inflight(this.#maxBw(), 1));
      return;
    }
    if (ack.rateLimited) return;
    if (this.#maxBw() >= this.#fullBw * FULL_GROWTH) {
      this.#fullBw = this.#maxBw();
      this.#fullRounds = 0;
      return;
    }
    this.#fullRounds += 1;
    if (this.#fullRounds >= FULL_ROUNDS) this.#full = true;
  }

  #learnRoundTrip(ack: AckSample, now: Micros): void {
    const expired = this.#probeRttMin !== NONE && now - this.#probeRttMinAt > PROBE_RTT_EVERY;
    if (ack.rtt > 0 && (ack.rtt <= this.#probeRttMin || expired)) {
      this.#probeRttMin = ack.rtt;
      this.#probeRttMinAt = now;
    }
    if (this.#probeRttMin < this.#minRtt || now - this.#minRttAt > MIN_RTT_LIFE) {
      this.#minRtt = this.#probeRttMin;
      this.#minRttAt = this.#probeRttMinAt;
    }
    if (expired && this.#minRtt !== NONE && this.#state !== BbrState.ProbeRtt) {
      this.#prior = Math.max(this.#prior, this.#cwnd);
      this.#enter(BbrState.ProbeRtt, now);
      this.#probeRttDone = 0;
    }
  }

  // ---- the state machine

  #advance(ack: AckSample, now: Micros): void {
    switch (this.#state) {
      case BbrState.Startup:
        if (this.#full) this.#enter(BbrState.Drain, now);
        return;
      case BbrState.Drain:
        if (ack.inFlight <= this.#inflight(this.#bw(), 1)) this.#enter(BbrState.Down, now);
        return;
      case BbrState.Down:
        if (this.#isTimeToProbe(now)) this.#refill(now);
        else if (ack.inFlight <= this.#roomy() && ack.inFlight <= this.#inflight(this.#maxBw(), 1)) this.#enter(BbrState.Cruise, now);
        if (this.#roundStart && this.#rounds > 1) this.#probing = false;
        return;
      case BbrState.Cruise:
        if (this.#isTimeToProbe(now)) this.#refill(now);
        return;
      case BbrState.Refill:
        if (!this.#roundStart) return;
        this.#upAcked = this.#upRounds = 0;
        this.#probing = true;
        this.#enter(BbrState.Up, now);
        return;
      case BbrState.Up:
        if (now - this.#since > this.#minRtt && ack.inFlight >= this.#inflight(this.#maxBw(), UP_GAIN)) this.#enter(BbrState.Down, now);
        return;
      default:
        this.#probeRtt(ack, now);
    }
  }

  #enter(state: BbrState, now: Micros): void {
    this.#state = state;
    this.#since = now;
    if (state === BbrState.Down) this.#beginCycle(now);
  }

  /** A cycle begins: the filter of the bandwidth forgets the one before the last. */
  #beginCycle(now: Micros): void {
    this.#lastCycleBw = this.#cycleBw === 0 ? this.#lastCycleBw : this.#cycleBw;
    this.#cycleBw = 0;
    this.#probedAt = now;
    this.#rounds = randomBelow(this.#random, 2);
    this.#wait = PROBE_WAIT + randomBelow(this.#random, SECOND);
  }

  #isTimeToProbe(now: Micros): boolean {
    const reno = Math.min(RENO_ROUNDS, Math.floor(this.#target() / this.#mss));
    return now - this.#probedAt > this.#wait || this.#rounds >= reno;
  }

  /** A round at the full bandwidth before more of it is asked for; what losses had bounded is tried again. */
  #refill(now: Micros): void {
    this.#bwLow = this.#inflightLow = NONE;
    this.#roundEnd = this.#delivered;
    this.#enter(BbrState.Refill, now);
  }

  #probeRtt(ack: AckSample, now: Micros): void {
    if (this.#probeRttDone === 0) {
      if (ack.inFlight > this.#probeRttWindow()) return;
      this.#probeRttDone = now + PROBE_RTT_TIME;
      this.#probeRttRound = false;
      this.#roundEnd = this.#delivered;
      return;
    }
    if (this.#roundStart) this.#probeRttRound = true;
    if (!this.#probeRttRound || now < this.#probeRttDone) return;
    this.#probeRttMinAt = now;
    this.#restore();
    this.#bwLow = this.#inflightLow = NONE;
    if (!this.#full) this.#enter(BbrState.Startup, now);
    else {
      this.#beginCycle(now);
      this.#enter(BbrState.Cruise, now);
    }
  }

  #probeRttWindow(): number {
    return Math.max(Math.floor((PROBE_RTT_GAIN * this.#bw() * this.#minRtt) / SECOND), LEAST_SEGMENTS * this.#mss);
  }

  /** The upper bound with room for others. */
  #roomy(): number {
    if (this.#inflightHigh === NONE) return NONE;
    return Math.max(Math.floor(HEADROOM * this.#inflightHigh), LEAST_SEGMENTS * this.#mss);
  }

  // ---- what follows from it

  #setRate(): void {
    const rate = Math.round(pacingGains[this.#state]! * this.#bw() * MARGIN);
    if (this.#full || rate > this.#rate) this.#rate = rate;
  }

  #setWindow(ack: AckSample): void {
    const most = this.#inflight(this.#bw(), this.#state === BbrState.Up ? UP_WINDOW_GAIN : WINDOW_GAIN);
    if (this.#entering) this.#cwnd = ack.inFlight + Math.max(ack.delivered, this.#mss);
    else if (this.#conserving) this.#cwnd = Math.max(this.#cwnd, ack.inFlight + ack.delivered);
    else if (this.#full) this.#cwnd = Math.min(this.#cwnd + ack.delivered, most);
    else if (this.#cwnd < most || this.#delivered < initialWindow(this.#mss, this.#policy.initialWindow)) this.#cwnd += ack.delivered;
    this.#entering = false;
    let bound = this.#inflightLow;
    if (this.#state === BbrState.Cruise || this.#state === BbrState.ProbeRtt) bound = Math.min(bound, this.#roomy());
    else if (this.#state >= BbrState.Down) bound = Math.min(bound, this.#inflightHigh);
    if (this.#state === BbrState.ProbeRtt) bound = Math.min(bound, this.#probeRttWindow());
    this.#cwnd = Math.min(this.#cwnd, bound, NO_THRESHOLD);
    this.#cwnd = Math.max(this.#cwnd, LEAST_SEGMENTS * this.#mss);
  }

  #restore(): void {
    this.#conserving = false;
    this.#cwnd = Math.max(this.#cwnd, this.#prior);
    this.#prior = 0;
  }

  #forgetRounds(): void {
    this.#delivered = this.#roundEnd = this.#rounds = this.#lossEvents = 0;
    this.#roundStart = this.#entering = this.#lossInRound = this.#probing = this.#conserving = this.#probeRttRound = false;
    this.#upAcked = this.#upRounds = this.#probeRttDone = this.#conserveEnd = this.#prior = 0;
  }
}
