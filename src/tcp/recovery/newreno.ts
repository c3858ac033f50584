/** Fast retransmit and fast recovery without SACK: RFC 5681 s3.2, RFC 6582, limited transmit (RFC 3042).
 *
 *  The RFCs inflate cwnd by a segment for each duplicate ACK. Here cwnd stays what it is, and the pipe shrinks by the same:
 *  a duplicate ACK says that a segment has left the network. */
import type { Micros } from "../../base/environment.js";
import { type Seq, seqAdd, seqDiff, seqGeq, seqGt, seqLt, seqMax } from "../../base/seq.js";
import { type AckEvent, type LossRecovery, Outcome, Phase } from "./recovery.js";
import type { SentRecords } from "./sent.js";

const DUP_THRESH = 3;

export class NewRenoRecovery implements LossRecovery {
  readonly name = "newreno";
  phase: Phase = Phase.Open;
  recoveryPoint: Seq = 0 as Seq;
  from: Seq = 0 as Seq;
  to: Seq = 0 as Seq;
  exempt = false;
  partial = false;
  #duplicates = 0;
  /** Octets that duplicate ACKs say have arrived; below zero when a partial ACK deflates by more than they inflated. */
  #departed = 0;
  /** Next octet to be sent again; in fast recovery only while it is the hole at SND.UNA. */
  #next: Seq = 0 as Seq;
  #pending = false;

  readonly #sent: SentRecords;

  constructor(sent: SentRecords) {
    this.#sent = sent;
  }

  begin(iss: Seq): void {
    this.#sent.begin(seqAdd(iss, 1));
    this.phase = Phase.Open;
    this.recoveryPoint = iss;
    this.#duplicates = 0;
    this.#departed = 0;
    this.#next = iss;
    this.#pending = false;
  }

  onAck(ack: AckEvent): number {
    if (ack.acked > 0) return this.#advance(ack);
    return ack.duplicate ? this.#duplicate(ack) : Outcome.None;
  }

  #duplicate(ack: AckEvent): number {
    if (this.phase === Phase.AfterTimeout) return Outcome.None;
    // However many duplicates come, no more can have left than was sent (RFC 5681 s3.2 step 4, MAY limit).
    this.#departed = Math.min(this.#departed + ack.mss, seqDiff(ack.nxt, ack.una));
    if (this.phase === Phase.FastRecovery) return Outcome.None;
    this.#duplicates += 1;
    if (this.#duplicates < DUP_THRESH) return Outcome.None;
    // RFC 6582 s3.2 step 2: only if the ACK covers more than "recover", else these may echo what was sent again needlessly. A
    // duplicate that names what has arrived is no echo: then all of "recover" is enough (RFC 6675 s5.1).
    if (ack.sackCount > 0 ? seqLt(ack.una, this.recoveryPoint) : !seqGt(ack.una, this.recoveryPoint)) {
      this.#departed = 0;
      return Outcome.None;
    }
    this.phase = Phase.FastRecovery;
    this.recoveryPoint = ack.nxt;
    this.#next = ack.una;
    this.#pending = true;
    this.partial = false;
    ack.lost += this.#sent.markLost(0);
    return Outcome.Entered;
  }

  #advance(ack: AckEvent): number {
    this.#duplicates = 0;
    if (this.phase === Phase.Open) {
      this.#departed = 0;
      // It follows behind, or a comparison would err after 2^31 octets without a loss.
      if (seqGt(ack.una, this.recoveryPoint)) this.recoveryPoint = seqAdd(ack.una, -1);
      return Outcome.None;
    }
    if (seqGeq(ack.una, this.recoveryPoint)) {
      this.phase = Phase.Open;
      this.#departed = 0;
      this.#pending = false;
      return Outcome.Exited;
    }
    if (this.phase === Phase.AfterTimeout) {
      this.#next = seqMax(this.#next, ack.una);
      return Outcome.None;
    }
    // RFC 6582 s3.2 step 3, partial acknowledgment: the next hole is at SND.UNA; deflate by what was acknowledged, and add
    // back a segment for the one that this ACK says has left.
    this.#departed += (ack.acked >= ack.mss ? ack.mss : 0) - ack.acked;
    this.#next = ack.una;
    this.#pending = true;
    this.partial = true;
    ack.lost += this.#sent.markLost(0);
    return Outcome.Partial;
  }

  onTimeout(una: Seq, nxt: Seq): void {
    this.phase = Phase.AfterTimeout;
    this.recoveryPoint = nxt; // RFC 6582 s3.2 step 4
    this.#duplicates = 0;
    this.#departed = 0;
    this.#next = una;
    this.#pending = false;
    this.#sent.forgetSacks(); // the peer may have reneged (RFC 2018 s5.1)
    for (let i = 0; i < this.#sent.count; i++) this.#sent.markLost(i);
  }

  onSent(from: Seq, to: Seq, again: boolean, now: Micros): void {
    if (!again) return this.#sent.append(from, to, now);
    this.#sent.again(from, to, false, now);
    if (this.phase === Phase.AfterTimeout) this.#next = seqMax(this.#next, to);
    else this.#pending = false;
  }

  next(una: Seq, nxt: Seq, mss: number): boolean {
    this.exempt = this.phase === Phase.FastRecovery;
    if (this.phase === Phase.AfterTimeout) {
      this.from = seqMax(this.#next, una);
      this.to = this.recoveryPoint;
      return seqLt(this.from, this.to);
    }
    if (!this.#pending) return false;
    this.from = una;
    this.to = seqDiff(nxt, una) < mss ? nxt : seqAdd(una, mss); // one segment for each entry or partial ACK
    return seqLt(this.from, this.to);
  }

  pipe(una: Seq, nxt: Seq): number {
    if (this.phase === Phase.AfterTimeout) {
      const again = Math.max(0, seqDiff(this.#next, una));
      return again + Math.max(0, seqDiff(nxt, seqMax(this.recoveryPoint, una)));
    }
    return Math.max(0, seqDiff(nxt, una) - this.#departed);
  }
}
