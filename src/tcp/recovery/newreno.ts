/** Fast retransmit and fast recovery without SACK: RFC 5681 s3.2, RFC 6582, limited transmit (RFC 3042); F-RTO (RFC 5682 s2) and the
 *  Eifel detection (RFC 3522); by policy, proportional rate reduction (RFC 9937, without SACK as RFC 6937 s2 has it).
 *
 *  The RFCs inflate cwnd by a segment for each duplicate ACK. Here cwnd stays what it is, and the pipe shrinks by the same:
 *  a duplicate ACK says that a segment has left the network. */
import { type Micros, NEVER } from "../../base/environment.js";
import { type Seq, seqAdd, seqDiff, seqGeq, seqGt, seqLt, seqMax } from "../../base/seq.js";
import { Cc, Loss, Rtx } from "../../base/why.js";
import { ForwardRto, Verdict } from "./frto.js";
import { ProportionalRate } from "./prr.js";
import { type AckEvent, type LossRecovery, Outcome, Phase, type RecoveryPolicy } from "./recovery.js";
import type { SentRecords } from "./sent.js";
import { SpuriousDetection } from "./spurious.js";

export class NewRenoRecovery implements LossRecovery {
  readonly name = "newreno";
  phase: Phase = Phase.Open;
  recoveryPoint: Seq = 0 as Seq;
  from: Seq = 0 as Seq;
  to: Seq = 0 as Seq;
  exempt = false;
  why: number = Rtx.Fast;
  lossWhy: number = Loss.DupThresh;
  undoWhy: number = Cc.Undo;
  /** Without SACK nobody could tell what a probe has found. */
  probing = false;
  readonly slowing = false;
  readonly probeDue = false;
  readonly probeAllowed = false;
  readonly probeOutstanding = false;
  readonly reorderAt: Micros = NEVER;
  #duplicates = 0;
  /** Octets that duplicate ACKs say have arrived; below zero when a partial ACK deflates by more than they inflated. */
  #departed = 0;
  /** Next octet to be sent again; in fast recovery only while it is the hole at SND.UNA. */
  #next: Seq = 0 as Seq;
  #pending = false;
  readonly #prr = new ProportionalRate();
  #ssthresh = 0;
  #mss = 0;
  /** What the ACK that recovery began with has delivered, and what was in flight then. */
  #entering = 0;
  #inFlight = 0;
  /** One segment may go beyond the window: its duplicate ACK has come (RFC 5682 s2.1, 3a). */
  #allowed = false;
  readonly #frto = new ForwardRto();
  readonly #spurious = new SpuriousDetection();
  readonly #sent: SentRecords;
  readonly #policy: RecoveryPolicy;

  constructor(sent: SentRecords, policy: RecoveryPolicy) {
    this.#sent = sent;
    this.#policy = policy;
  }

  begin(iss: Seq): void {
    this.#sent.begin(seqAdd(iss, 1));
    this.phase = Phase.Open;
    this.recoveryPoint = iss;
    this.#duplicates = 0;
    this.#departed = 0;
    this.#next = iss;
    this.#pending = false;
    this.#prr.end();
    this.#frto.stop();
    this.#spurious.begin(seqAdd(iss, 1));
  }

  onAck(ack: AckEvent): number {
    const undone = this.#isSpurious(ack) ? this.#undo(ack.una) : Outcome.None;
    if (ack.acked > 0) return undone | this.#advance(ack);
    return undone | (ack.duplicate ? this.#duplicate(ack) : Outcome.None);
  }

  #isSpurious(ack: AckEvent): boolean {
    const byTimestamp = this.#spurious.byTimestamp(ack);
    const second = this.#frto.step === 2;
    const verdict = this.phase === Phase.AfterTimeout ? this.#frto.onAck(ack) : Verdict.None;
    this.#allowed = second && verdict === Verdict.Real;
    if (this.#frto.step === 2) this.recoveryPoint = this.#frto.point;
    if (byTimestamp && this.#policy.undoByTimestamp) this.undoWhy = Cc.UndoTimestamp;
    else if (verdict === Verdict.Spurious) this.undoWhy = Cc.UndoFrto;
    else return false;
    return true;
  }

  #undo(una: Seq): number {
    this.#spurious.close();
    this.#frto.stop();
    this.#sent.forgetLosses();
    this.phase = Phase.Open;
    this.recoveryPoint = seqAdd(una, -1);
    this.#pending = false;
    this.#prr.end();
    return Outcome.Undone;
  }

  #duplicate(ack: AckEvent): number {
    if (this.phase === Phase.AfterTimeout) return Outcome.None;
    // However many duplicates come, no more can have left than was sent (RFC 5681 s3.2 step 4, MAY limit).
    const flight = seqDiff(ack.nxt, ack.una);
    const delivered = Math.min(ack.mss, flight - this.#departed);
    this.#departed += delivered;
    if (this.phase === Phase.FastRecovery) {
      this.#lead(ack, delivered, false);
      return Outcome.None;
    }
    this.#duplicates += 1;
    if (this.#duplicates < this.#policy.dupThresh) return Outcome.None;
    // RFC 6582 s3.2 step 2: only if the ACK covers more than "recover", else these may echo what was sent again needlessly. A
    // duplicate that names what has arrived is no echo: then all of "recover" is enough (RFC 6675 s5.1).
    if (!seqGt(ack.una, this.recoveryPoint)) {
      this.#departed = 0;
      return Outcome.None;
    }
    this.phase = Phase.FastRecovery;
    this.recoveryPoint = ack.nxt;
    this.#next = ack.una;
    this.#pending = true;
    this.why = Rtx.Fast;
    this.lossWhy = Loss.DupThresh;
    this.#spurious.onRecovery(ack.una);
    ack.lost += this.#sent.markLost(0);
    this.#mss = ack.mss;
    if (this.#policy.proportionalWithoutSack) {
      // RecoverFS: what has left before is not in flight, but for what this ACK tells of, which counts as delivered in recovery.
      this.#prr.begin(flight - this.#departed + delivered);
      this.#entering = delivered;
      this.#inFlight = this.pipe(ack.una, ack.nxt);
    }
    return Outcome.Entered;
  }

  #advance(ack: AckEvent): number {
    this.#duplicates = 0;
    // What duplicates have told of is no news; the segment that was missing is (RFC 6937 s2, DeliveredData).
    const told = this.departed;
    const delivered = Math.max(ack.acked - told, Math.min(ack.acked, ack.mss));
    if (told > 0) ack.segments = Math.max(1, ack.segments - Math.floor(told / ack.mss));
    if (this.phase === Phase.Open) {
      this.#departed = 0;
      // It follows behind, or a comparison would err after 2^31 octets without a loss.
      if (seqGt(ack.una, this.recoveryPoint)) this.recoveryPoint = seqAdd(ack.una, -1);
      return Outcome.None;
    }
    if (ack.una === this.recoveryPoint && this.#prr.active && this.#policy.recoveryOutlasts) {
      this.#departed = 0;
      this.#pending = false;
      this.#lead(ack, delivered, true);
      return Outcome.None;
    }
    if (seqGeq(ack.una, this.recoveryPoint)) {
      this.phase = Phase.Open;
      this.#departed = 0;
      this.#pending = false;
      this.#prr.end();
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
    this.why = Rtx.PartialAck;
    this.lossWhy = Loss.PartialAck;
    ack.lost += this.#sent.markLost(0);
    if (this.#prr.active) this.#departed = this.departed;
    this.#lead(ack, delivered, false);
    return Outcome.Partial;
  }

  /** An ACK in fast recovery has delivered so much; `safe`: SND.UNA has moved, and shows no further loss. */
  #lead(ack: AckEvent, delivered: number, safe: boolean): void {
    if (this.#prr.active)
      this.#prr.onAck(delivered, safe, this.pipe(ack.una, ack.nxt), this.#ssthresh, ack.mss, this.#policy.wholeSegments);
  }

  onTimeout(una: Seq, nxt: Seq): void {
    const again = this.phase === Phase.AfterTimeout && this.#frto.step !== 1;
    this.#frto.onTimeout(una, this.#policy.frto && this.phase !== Phase.FastRecovery && !again);
    if (this.phase !== Phase.AfterTimeout) this.#spurious.onRecovery(una);
    this.#goBack(una, nxt);
  }

  /** All of it goes again, however long its segments were: one that does not fit is where the next begins. */
  resend(una: Seq, nxt: Seq): void {
    this.#frto.stop();
    this.#spurious.close();
    this.#goBack(una, nxt);
  }

  #goBack(una: Seq, nxt: Seq): void {
    this.phase = Phase.AfterTimeout;
    this.recoveryPoint = nxt; // RFC 6582 s3.2 step 4
    this.#duplicates = 0;
    this.#departed = 0;
    this.#next = una;
    this.#pending = false;
    this.#prr.end();
    for (let i = 0; i < this.#sent.count; i++) this.#sent.markLost(i);
  }

  onReorderTimer(): number {
    return Outcome.None;
  }

  reduced(ssthresh: number, proportional: boolean): void {
    this.#ssthresh = ssthresh;
    if (!proportional) this.#prr.end();
    else if (this.#prr.active) this.#prr.onAck(this.#entering, false, this.#inFlight, ssthresh, this.#mss, this.#policy.wholeSegments);
  }

  slowDown(): void {}

  get departed(): number {
    return Math.max(0, this.#departed);
  }

  probeScheduled(): void {}

  onSent(from: Seq, to: Seq, again: boolean, now: Micros): void {
    this.#frto.onSent(to, again);
    this.#prr.out += seqDiff(to, from);
    if (!again) return this.#sent.append(from, to, now);
    this.#allowed = false;
    this.#sent.again(from, to, false, now);
    this.#spurious.onRetransmit(from, to, now);
    if (this.phase === Phase.AfterTimeout) this.#next = seqMax(this.#next, to);
    else this.#pending = false;
  }

  next(una: Seq, nxt: Seq, mss: number, resort: boolean): boolean {
    if (this.#frto.step === 2) {
      // RFC 5682 s2.1 (2b): new text first; where there is none, the conventional recovery.
      if (!resort || this.#frto.sentNew) return false;
      this.#frto.stop();
    }
    this.exempt = this.phase === Phase.FastRecovery ? !this.#prr.active || this.#prr.out === 0 : this.#allowed;
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
    const flight = seqDiff(nxt, una);
    // RFC 6582 counts the hole at SND.UNA as in flight, whether it was sent again or not.
    const hole = this.#pending && this.#prr.active ? Math.min(this.#mss, flight) : 0;
    return Math.max(0, flight - this.#departed - hole);
  }

  window(cwnd: number): number {
    return this.#prr.active ? this.#prr.limit : cwnd;
  }

  get proportional(): boolean {
    return this.#prr.active;
  }

  inspect(): Record<string, number | boolean | null> {
    return { duplicates: this.#duplicates, departed: this.#departed, frtoStep: this.#frto.step, ...this.#prr.inspect() };
  }
}
