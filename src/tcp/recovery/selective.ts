/** Loss recovery where SACK is agreed: RFC 6675 s5, RFC 8985, with proportional rate reduction (RFC 9937), F-RTO (RFC 5682 s3) and
 *  undoing (RFC 3522, RFC 3708, RFC 4015). What is lost, a detector finds: by time or by count. */
import { type Micros, NEVER } from "../../base/environment.js";
import { type Seq, seqAdd, seqDiff, seqGeq, seqGt } from "../../base/seq.js";
import { Cc, Loss, Rtx } from "../../base/why.js";
import type { LossDetector } from "./detector.js";
import { ForwardRto, Verdict } from "./frto.js";
import { LossProbe } from "./loss-probe.js";
import { ProportionalRate } from "./prr.js";
import { type AckEvent, type LossRecovery, Outcome, Phase, type RecoveryPolicy } from "./recovery.js";
import { Mark, type SentRecords } from "./sent.js";
import { SpuriousDetection } from "./spurious.js";

export class SelectiveRecovery implements LossRecovery {
  readonly name: string;
  phase: Phase = Phase.Open;
  recoveryPoint: Seq = 0 as Seq;
  from: Seq = 0 as Seq;
  to: Seq = 0 as Seq;
  exempt = false;
  why: number = Rtx.Fast;
  lossWhy: number = Loss.Rack;
  undoWhy: number = Cc.Undo;
  probing = false;
  /** What to show. */
  readonly prr = new ProportionalRate();
  readonly #frto = new ForwardRto();
  readonly #spurious = new SpuriousDetection();
  readonly #probe = new LossProbe();
  readonly #detector: LossDetector;
  readonly #sent: SentRecords;
  readonly #policy: RecoveryPolicy;
  readonly departed = 0;
  slowing = false;
  /** Where it ends. */
  #slowUntil: Seq = 0 as Seq;
  /** The first retransmission of this recovery is still to come. */
  #first = false;
  /** A loss probe may be scheduled anew: text was sent or acknowledged. */
  #restart = false;
  /** Octets lost just now that had been sent again before. */
  #lostAgain = 0;
  /** Delivered by the ACK that this recovery began with. */
  #entering = 0;
  #ssthresh = 0;
  #mss = 0;

  constructor(name: string, sent: SentRecords, policy: RecoveryPolicy, detector: LossDetector) {
    this.name = name;
    this.#sent = sent;
    this.#policy = policy;
    this.#detector = detector;
    this.lossWhy = detector.why;
  }

  get reorderAt(): Micros {
    return this.#detector.reorderAt;
  }

  begin(iss: Seq): void {
    const una = seqAdd(iss, 1);
    this.#sent.begin(una);
    this.#detector.begin(una);
    this.#spurious.begin(una);
    this.#frto.stop();
    this.#probe.reset();
    this.prr.end();
    this.phase = Phase.Open;
    this.recoveryPoint = iss;
    this.probing = this.#first = this.#restart = this.slowing = false;
  }

  onAck(ack: AckEvent, now: Micros): number {
    let outcome = 0;
    this.#mss = ack.mss;
    this.lossWhy = this.#detector.why;
    if (ack.acked > 0) this.#restart = true;
    this.#detector.onAck(ack, now);
    if (this.#isOrdinary(ack)) {
      this.#follow(ack.una);
      return 0;
    }
    if (this.slowing && seqGt(ack.una, this.#slowUntil)) {
      this.slowing = false;
      if (this.phase === Phase.Open) this.prr.end();
    }
    if (this.#probe.repaired(ack)) outcome |= Outcome.Repaired;
    if (this.#isSpurious(ack)) {
      outcome |= Outcome.Undone;
      this.#undo(ack.una);
    }
    if (this.phase === Phase.Open) this.#follow(ack.una);
    else if (seqGeq(ack.una, this.recoveryPoint)) {
      outcome |= Outcome.Exited;
      this.phase = Phase.Open;
      this.#first = false;
      this.prr.end();
      this.#frto.stop();
      this.#detector.onExit();
    }
    const lost = this.#detect(now);
    ack.lost += lost;
    outcome |= this.#judge(ack.una, ack.nxt, ack.delivered);
    if (this.prr.active && (outcome & Outcome.Entered) === 0)
      this.prr.onAck(ack.delivered, ack.acked > 0 && lost === 0, this.#sent.pipe, this.#ssthresh, ack.mss, this.#policy.wholeSegments);
    return outcome;
  }

  /** Nothing is wrong, and the ACK says nothing that would be. */
  #isOrdinary(ack: AckEvent): boolean {
    return (
      this.phase === Phase.Open &&
      ack.sackCount === 0 &&
      !this.#sent.troubled &&
      !this.slowing &&
      !this.#probe.outstanding &&
      !this.#spurious.waiting &&
      this.#detector.reorderAt === NEVER
    );
  }

  /** The point of a recovery that is over follows behind, or a comparison would err after 2^31 octets without a loss. */
  #follow(una: Seq): void {
    if (seqGt(una, this.recoveryPoint)) this.recoveryPoint = seqAdd(una, -1);
  }

  onReorderTimer(una: Seq, nxt: Seq, now: Micros): number {
    this.#detect(now);
    const outcome = this.#judge(una, nxt, 0);
    if (this.prr.active && (outcome & Outcome.Entered) === 0)
      this.prr.onAck(0, false, this.#sent.pipe, this.#ssthresh, this.#mss, this.#policy.wholeSegments);
    return outcome;
  }

  #detect(now: Micros): number {
    const before = this.#sent.lostAgain;
    const lost = this.#detector.detect(this.phase !== Phase.Open, this.#mss, now);
    this.#lostAgain = this.#sent.lostAgain - before;
    return lost;
  }

  /** What is lost begins a recovery, if none is going on. */
  #judge(una: Seq, nxt: Seq, delivered: number): number {
    const sent = this.#sent;
    // What was sent during a recovery may be lost too, and be known so when it ends.
    if (this.phase === Phase.Open && sent.lost > 0) {
      this.phase = Phase.FastRecovery;
      this.recoveryPoint = nxt;
      this.#first = true;
      this.#entering = delivered;
      this.#probe.reset();
      this.#spurious.onRecovery(una);
      // RFC 9937: what is SACKed is not in flight, but for what this ACK has said, which counts as delivered in recovery.
      this.prr.begin(seqDiff(nxt, una) - sent.sacked + delivered);
      return Outcome.Entered;
    }
    return this.#lostAgain > 0 && this.phase === Phase.FastRecovery ? Outcome.LostAgain : 0;
  }

  reduced(ssthresh: number, proportional: boolean): void {
    this.#ssthresh = ssthresh;
    if (!proportional) this.prr.end();
    else if (this.prr.active) this.prr.onAck(this.#entering, false, this.#sent.pipe, ssthresh, this.#mss, this.#policy.wholeSegments);
    this.#entering = 0;
  }

  slowDown(nxt: Seq, cwnd: number, delivered: number, ssthresh: number): void {
    this.slowing = true;
    this.#slowUntil = nxt;
    this.#ssthresh = ssthresh;
    this.prr.begin(cwnd);
    this.prr.onAck(delivered, false, this.#sent.pipe, ssthresh, this.#mss, this.#policy.wholeSegments);
  }

  #isSpurious(ack: AckEvent): boolean {
    const sent = this.#sent;
    const byTimestamp = this.#spurious.byTimestamp(ack);
    const byDuplicate = this.#spurious.byDuplicate(ack, sent.ranges.count > 0);
    const verdict = this.phase === Phase.AfterTimeout ? this.#frto.onSelectiveAck(ack, sent.fack, this.#policy.frtoEager) : Verdict.None;
    if (this.#frto.step === 2) this.recoveryPoint = this.#frto.point;
    if (byTimestamp && this.#policy.undoByTimestamp) this.undoWhy = Cc.UndoTimestamp;
    else if (verdict === Verdict.Spurious) this.undoWhy = Cc.UndoFrto;
    else if (byDuplicate && this.#policy.undoByDuplicate) this.undoWhy = Cc.UndoDuplicate;
    // What was lost has arrived before it could go again: in the same turn, or while the window was shut.
    else if (this.phase === Phase.FastRecovery && this.#first && sent.lost === 0) this.undoWhy = Cc.Undo;
    else return false;
    return true;
  }

  #undo(una: Seq): void {
    this.#spurious.close();
    this.#frto.stop();
    if (this.phase === Phase.Open) return;
    this.#sent.forgetLosses();
    this.#detector.onUndo(una);
    this.slowing = false;
    this.prr.end();
    this.phase = Phase.Open;
    this.recoveryPoint = una;
    this.#first = false;
  }

  onTimeout(una: Seq, nxt: Seq, now: Micros): void {
    const sent = this.#sent;
    // What is first is what the peer misses: if it has said that it has it, it has thrown it away (RFC 2018 s8).
    if (sent.count > 0 && sent.marks(0) & Mark.Sacked) sent.forgetSacks();
    const again = this.phase === Phase.AfterTimeout && this.#frto.step !== 1;
    this.#frto.onTimeout(una, this.#policy.frto && this.phase !== Phase.FastRecovery && !again);
    if (this.phase !== Phase.AfterTimeout) this.#spurious.onRecovery(una);
    this.#detector.onTimeout(nxt, now);
    this.#enterAfterTimeout(nxt);
  }

  resend(_una: Seq, nxt: Seq, longer: number): void {
    const sent = this.#sent;
    for (let i = 0; i < sent.count; i++) if (seqDiff(sent.end(i), sent.start(i)) > longer) sent.markLost(i);
    this.#spurious.close();
    this.#frto.stop();
    this.#enterAfterTimeout(nxt);
  }

  #enterAfterTimeout(nxt: Seq): void {
    this.phase = Phase.AfterTimeout;
    this.recoveryPoint = nxt;
    this.slowing = false;
    this.prr.end();
    this.#probe.reset();
    this.#first = true;
  }

  onSent(from: Seq, to: Seq, again: boolean, now: Micros): void {
    const { probing } = this;
    this.probing = false;
    this.prr.out += seqDiff(to, from);
    this.#frto.onSent(to, again);
    if (again) {
      this.#sent.again(from, to, probing, now);
      this.#spurious.onRetransmit(from, to, now);
      if (!probing) {
        this.#first = false;
        this.#detector.onRetransmit(to);
      }
    } else {
      this.#sent.append(from, to, now);
      if (!probing) this.#restart = true;
    }
    if (probing) this.#probe.onSent(this.#sent.end(this.#sent.count - 1), again);
  }

  next(una: Seq, nxt: Seq, mss: number, resort: boolean): boolean {
    const sent = this.#sent;
    if (this.#frto.step === 2) {
      // RFC 5682 s3.1 (2b): new text first; where there is none, the conventional recovery.
      if (!resort || this.#frto.sentNew) return false;
      this.#frto.stop();
    }
    this.exempt = this.#first;
    this.why = Rtx.Fast;
    const first = sent.firstLost();
    if (first < sent.count) {
      this.from = sent.start(first);
      this.to = sent.end(first);
      for (let i = first + 1; i < sent.count && seqDiff(this.to, this.from) < mss && sent.marks(i) & Mark.Lost; i++) this.to = sent.end(i);
      return true;
    }
    if (!resort || this.phase !== Phase.FastRecovery || !this.#detector.lastResort(una, nxt, mss)) return false;
    this.from = this.#detector.from;
    this.to = this.#detector.to;
    this.why = Rtx.LastResort;
    return true;
  }

  pipe(): number {
    return this.#sent.pipe;
  }

  window(cwnd: number): number {
    return this.prr.active ? this.prr.limit : cwnd;
  }

  get proportional(): boolean {
    return this.prr.active;
  }

  /** RFC 8985 s7.2: not in recovery, not while something is SACKed; s7.3: not while another is outstanding. */
  get probeDue(): boolean {
    return this.#policy.lossProbe && this.#restart && this.probeAllowed && !this.#probe.outstanding;
  }

  get probeAllowed(): boolean {
    return this.phase === Phase.Open && this.#sent.sackedRecords === 0;
  }

  probeScheduled(): void {
    this.#restart = false;
  }

  get probeOutstanding(): boolean {
    return this.#probe.outstanding;
  }

  inspect(): Record<string, number | boolean | null> {
    const sent = this.#sent;
    return {
      sacked: sent.sacked,
      lost: sent.lost,
      ...this.#detector.inspect(),
      reorderTimer: this.reorderAt === NEVER ? null : this.reorderAt,
      frtoStep: this.#frto.step,
      lossProbe: this.#probe.outstanding,
      ...this.prr.inspect(),
    };
  }
}
