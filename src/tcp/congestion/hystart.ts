/** HyStart++ (RFC 9406 s4): leaves the first slow start when round trips grow longer, before the queue overflows; and for five rounds
 *  conservatively, in case they did so by chance. Rounds are counted in octets acknowledged: what was in flight when one begins, ends it. */
import { MILLISECOND, type Micros } from "../../base/environment.js";
import { Cc } from "../../base/why.js";
import type { AckSample } from "./controller.js";

const MIN_RTT_THRESH: Micros = 4 * MILLISECOND;
const MAX_RTT_THRESH: Micros = 16 * MILLISECOND;
const MIN_RTT_DIVISOR = 8;
const N_RTT_SAMPLE = 8;
const CSS_GROWTH_DIVISOR = 4;
const CSS_ROUNDS = 5;
/** L: an ACK opens the window by so many segments at most; what is paced makes no burst of it. */
const LIMIT = 8;

const NONE = Number.POSITIVE_INFINITY;

export class HyStart {
  /** In Conservative Slow Start. */
  conservative = false;
  /** Octets that the last ACK may open the window by. */
  growth = 0;
  #acked = 0;
  /** The round ends when so much is acknowledged. */
  #roundEnd = 0;
  #lastRoundMin: Micros = NONE;
  #roundMin: Micros = NONE;
  #samples = 0;
  #baseline: Micros = NONE;
  #rounds = 0;

  begin(): void {
    this.conservative = false;
    this.growth = 0;
    this.#acked = this.#roundEnd = 0;
    this.#lastRoundMin = this.#roundMin = this.#baseline = NONE;
    this.#samples = this.#rounds = 0;
  }

  /** An ACK in the first slow start: sets `growth`; returns `Cc.HystartExit` when slow start is over, or why the window grows. */
  onAck(ack: AckSample, mss: number): number {
    if (this.#acked >= this.#roundEnd) {
      this.#roundEnd = this.#acked + Math.max(1, ack.flight);
      if (this.conservative && ++this.#rounds > CSS_ROUNDS) {
        this.growth = 0;
        return Cc.HystartExit;
      }
      this.#lastRoundMin = this.#roundMin;
      this.#roundMin = NONE;
      this.#samples = 0;
    }
    this.#acked += ack.acked;
    const room = ack.unbounded ? ack.acked : Math.min(ack.acked, LIMIT * mss);
    this.growth = this.conservative ? Math.floor(room / CSS_GROWTH_DIVISOR) : room;
    const usual = this.conservative ? Cc.ConservativeStart : Cc.SlowStart;
    if (ack.rtt === 0) return usual;
    if (ack.rtt < this.#roundMin) this.#roundMin = ack.rtt;
    this.#samples += 1;
    if (this.#samples < N_RTT_SAMPLE) return usual;
    if (this.conservative) {
      if (this.#roundMin >= this.#baseline) return usual;
      this.conservative = false;
      this.#baseline = NONE;
      return Cc.HystartResume;
    }
    if (this.#lastRoundMin === NONE) return usual;
    const margin = Math.min(MAX_RTT_THRESH, Math.max(MIN_RTT_THRESH, Math.floor(this.#lastRoundMin / MIN_RTT_DIVISOR)));
    if (this.#roundMin < this.#lastRoundMin + margin) return usual;
    this.conservative = true;
    this.#baseline = this.#roundMin;
    this.#rounds = 1; // the round in which it begins counts
    return Cc.HystartConservative;
  }
}
