/** RACK: what was sent well before something that has arrived is lost. RFC 8985 s6, its steps by name. */
import { type Micros, NEVER } from "../../base/environment.js";
import { type Seq, seqGeq } from "../../base/seq.js";
import { Loss } from "../../base/why.js";
import type { LossDetector } from "./detector.js";
import type { AckEvent, RecoveryPolicy } from "./recovery.js";
import { type SentRecords, sentAfter } from "./sent.js";

/** Recoveries after which a reordering window that has grown is forgotten (s6.2 step 4). */
const PERSIST = 16;
/** reo_wnd is at most SRTT: beyond this many quarters of the least round trip nothing is gained by counting on. */
const MOST_QUARTERS = 1_024;

export class Rack implements LossDetector {
  readonly why = Loss.Rack;
  reorderAt: Micros = NEVER;
  readonly from: Seq = 0 as Seq;
  readonly to: Seq = 0 as Seq;
  /** RACK.rtt, RACK.reo_wnd, RACK.reordering_seen, RACK.reo_wnd_mult, RACK.reo_wnd_persist. */
  rtt: Micros = 0;
  reoWnd: Micros = 0;
  reorderingSeen = false;
  reoWndMult = 1;
  reoWndPersist = PERSIST;
  /** RACK.dsack_round, while there is one. */
  #dsackRound: Seq = 0 as Seq;
  #inDsackRound = false;
  #minRtt: Micros = 0;
  #srtt: Micros = 0;
  readonly #sent: SentRecords;
  readonly #policy: RecoveryPolicy;

  constructor(sent: SentRecords, policy: RecoveryPolicy) {
    this.#sent = sent;
    this.#policy = policy;
  }

  begin(): void {
    this.reorderAt = NEVER;
    this.rtt = this.reoWnd = this.#minRtt = this.#srtt = 0;
    this.reorderingSeen = this.#inDsackRound = false;
    this.reoWndMult = 1;
    this.reoWndPersist = PERSIST;
  }

  onAck(ack: AckEvent, now: Micros): void {
    const sent = this.#sent;
    this.#minRtt = ack.minRtt; // step 1
    this.#srtt = ack.srtt;
    // Step 2; `SentRecords.update` has left out what may have been an earlier copy.
    if (ack.rackAt >= 0) {
      this.rtt = now - ack.rackAt;
      if (sentAfter(ack.rackAt, ack.rackEnd, sent.edgeAt, sent.edgeEnd)) sent.advanceEdge(ack.rackAt, ack.rackEnd);
    }
    if (ack.reordered) this.reorderingSeen = true; // step 3
    // Step 4: the window grows once for each round trip with a report of a duplicate.
    if (this.#inDsackRound && seqGeq(ack.una, this.#dsackRound)) this.#inDsackRound = false;
    if (!this.#inDsackRound && ack.dsack) {
      this.#inDsackRound = true;
      this.#dsackRound = ack.nxt;
      if (this.reoWndMult < MOST_QUARTERS) this.reoWndMult += 1;
      this.reoWndPersist = PERSIST;
    }
  }

  /** Step 5. */
  detect(recovering: boolean, mss: number, now: Micros): number {
    const sent = this.#sent;
    this.reorderAt = NEVER;
    if (sent.edgeAt < 0) return 0;
    this.reoWnd = this.#window(recovering, mss);
    const lost = sent.loseSentUntil(now - this.rtt - this.reoWnd);
    const suspect = sent.suspectSentAt;
    if (suspect >= 0) this.reorderAt = suspect + this.rtt + this.reoWnd;
    return lost;
  }

  #window(recovering: boolean, mss: number): Micros {
    const { sackedRecords, sacked } = this.#sent;
    // Three segments: a record may be many of them, or a small one.
    const { dupThresh } = this.#policy;
    if (!this.reorderingSeen && (recovering || sackedRecords >= dupThresh || sacked > (dupThresh - 1) * mss)) return 0;
    return Math.min((this.reoWndMult * this.#minRtt) / 4, this.#srtt);
  }

  /** s6.3: the first, which was sent an RTO ago, and what was sent a round trip ago. */
  onTimeout(_nxt: Seq, now: Micros): number {
    const sent = this.#sent;
    const until = now - this.rtt - this.reoWnd;
    let lost = 0;
    for (let i = 0; i < sent.count; i++) if (i === 0 || sent.sentAt(i) <= until) lost += sent.markLost(i);
    this.reorderAt = NEVER;
    return lost;
  }

  onExit(): void {
    this.reoWndPersist = Math.max(0, this.reoWndPersist - 1);
    if (this.reoWndPersist === 0) this.reoWndMult = 1;
  }

  /** What was sent again had arrived before: that it seemed to overtake the rest says nothing of the rest. */
  onUndo(): void {
    this.#sent.forgetEdge();
    this.reorderAt = NEVER;
  }

  lastResort(): boolean {
    return false;
  }

  onRetransmit(): void {}

  inspect(): Record<string, number | boolean | null> {
    return {
      rackRtt: this.rtt || null,
      reoWnd: this.reoWnd,
      reoWndMult: this.reoWndMult,
      reoWndPersist: this.reoWndPersist,
      reorderingSeen: this.reorderingSeen,
    };
  }
}
