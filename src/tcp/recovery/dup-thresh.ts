/** Loss by count: what DupThresh segments or more have overtaken is lost. RFC 6675 s4 (IsLost, NextSeg rules 3 and 4), s5.
 *
 *  A retransmission that is lost is not found so: its place counts as repaired until the retransmission timer fires. */
import { type Micros, NEVER } from "../../base/environment.js";
import { type Seq, seqAdd, seqDiff, seqGt, seqLt, seqMax } from "../../base/seq.js";
import { Loss } from "../../base/why.js";
import type { LossDetector } from "./detector.js";
import type { AckEvent, RecoveryPolicy } from "./recovery.js";
import { Mark, type SentRecords } from "./sent.js";

export class DupThresh implements LossDetector {
  readonly why = Loss.DupThresh;
  readonly reorderAt: Micros = NEVER;
  from: Seq = 0 as Seq;
  to: Seq = 0 as Seq;
  /** DupAcks. */
  #duplicates = 0;
  /** What lies before this has been judged. */
  #judged: Seq = 0 as Seq;
  /** HighRxt, RescueRxt: the octet after. */
  #highRxt: Seq = 0 as Seq;
  #rescueRxt: Seq = 0 as Seq;
  #recovering = false;
  /** Nothing has been sent again in this recovery. */
  #first = false;
  /** What `lastResort` has named is the rescue. */
  #rescue = false;
  readonly #sent: SentRecords;

  readonly #policy: RecoveryPolicy;

  constructor(sent: SentRecords, policy: RecoveryPolicy) {
    this.#sent = sent;
    this.#policy = policy;
  }

  begin(una: Seq): void {
    this.#duplicates = 0;
    this.#judged = this.#highRxt = this.#rescueRxt = una;
    this.#recovering = this.#first = this.#rescue = false;
  }

  onAck(ack: AckEvent): void {
    if (ack.acked > 0) this.#duplicates = 0;
    if (ack.duplicate) this.#duplicates += 1;
    this.#judged = seqMax(this.#judged, ack.una);
    this.#highRxt = seqMax(this.#highRxt, ack.una);
    if (!this.#recovering) this.#rescueRxt = ack.una;
  }

  detect(recovering: boolean, mss: number): number {
    const sent = this.#sent;
    let lost = 0;
    const { ranges } = sent;
    const i = overtaken(sent, this.#policy.dupThresh, mss);
    if (i >= 0) {
      const edge = ranges.left(i);
      for (let n = sent.find(this.#judged); n < sent.count && seqLt(sent.start(n), edge); n++) lost += sent.markLost(n);
      this.#judged = seqMax(this.#judged, edge);
    } else if (!recovering && this.#duplicates >= this.#policy.dupThresh && sent.count > 0) {
      // s5 (1): DupThresh duplicates of small segments.
      lost = sent.markLost(0);
      this.#judged = seqMax(this.#judged, sent.end(0));
    }
    if (lost > 0 && !this.#recovering) this.#recovering = this.#first = true;
    return lost;
  }

  /** s5.1: the scoreboard survives; all that it does not cover goes again. */
  onTimeout(nxt: Seq): number {
    const sent = this.#sent;
    let lost = 0;
    for (let i = 0; i < sent.count; i++) lost += sent.markLost(i);
    this.#judged = nxt;
    this.#recovering = false;
    return lost;
  }

  onExit(): void {
    this.#recovering = false;
  }

  onUndo(una: Seq): void {
    this.#judged = una;
    this.#recovering = false;
  }

  lastResort(una: Seq, nxt: Seq, mss: number): boolean {
    const sent = this.#sent;
    this.#rescue = false;
    // (3): the first that is neither SACKed nor sent again, below the highest SACKed.
    for (let i = sent.find(this.#highRxt); i < sent.count && seqLt(sent.start(i), sent.fack); i++) {
      if (sent.marks(i) & (Mark.Sacked | Mark.Lost)) continue;
      this.from = sent.start(i);
      this.to = sent.end(i);
      return true;
    }
    // (4): once in a recovery, the last that is outstanding.
    if (!seqGt(una, this.#rescueRxt)) return false;
    for (let i = sent.count - 1; i >= 0; i--) {
      if (sent.marks(i) & (Mark.Sacked | Mark.Lost)) continue;
      const end = sent.end(i);
      this.from = seqMax(sent.start(i), seqAdd(end, -mss));
      this.to = end;
      this.#rescue = true;
      this.#rescueRxt = nxt;
      return true;
    }
    return false;
  }

  onRetransmit(to: Seq): void {
    if (this.#rescue) {
      this.#rescue = false; // (4): HighRxt MUST NOT be updated
      return;
    }
    if (this.#first) this.#rescueRxt = to; // s5 (4.3)
    this.#first = false;
    this.#highRxt = seqMax(this.#highRxt, to);
  }

  inspect(): Record<string, number | boolean | null> {
    return { dupAcks: this.#duplicates };
  }
}

/** The highest SACKed range that DupThresh of them, or more than DupThresh - 1 segments, reach: what lies before it is lost; -1: none is. */
function overtaken(sent: SentRecords, dupThresh: number, mss: number): number {
  const { ranges } = sent;
  let octets = 0;
  for (let i = ranges.count - 1; i >= 0; i--) {
    octets += seqDiff(ranges.right(i), ranges.left(i));
    if (ranges.count - i >= dupThresh || octets > (dupThresh - 1) * mss) return i;
  }
  return -1;
}
