/** Forward RTO-Recovery: after a timeout new text goes first, and what the ACKs say next tells whether anything was lost. RFC 5682. */
import { type Seq, seqGt, seqLeq, seqLt } from "../../base/seq.js";
import type { AckEvent } from "./recovery.js";

/** What the ACKs after a timeout have shown. */
export const Verdict = { None: 0, Real: 1, Spurious: 2 } as const;
export type Verdict = (typeof Verdict)[keyof typeof Verdict];

export class ForwardRto {
  /** 0: not at work; 1: the first segment was sent again; 2: new text was let out, or would be. The steps are the RFC's less one. */
  step = 0;
  /** New text has left in step 2. */
  sentNew = false;
  /** "recover", "RecoveryPoint". */
  point: Seq = 0 as Seq;
  /** End of what was sent again in step 1. */
  #again: Seq = 0 as Seq;

  stop(): void {
    this.step = 0;
  }

  /** The timer has fired. `may`: not in a recovery from another timeout. */
  onTimeout(una: Seq, may: boolean): void {
    this.step = may ? 1 : 0;
    this.sentNew = false;
    this.#again = una;
  }

  onSent(to: Seq, again: boolean): void {
    if (this.step === 1 && again) this.#again = to;
    if (this.step === 2 && !again) this.sentNew = true;
  }

  /** s3.1, where SACK is agreed. `fack`: the highest that was acknowledged in any way. */
  onSelectiveAck(ack: AckEvent, fack: Seq, eager: boolean): Verdict {
    if (eager && this.step !== 0 && ack.originals) return this.#end(Verdict.Spurious);
    if (this.step === 1) {
      if (ack.acked === 0) return Verdict.None;
      this.point = ack.nxt;
      if (ack.una === ack.nxt) return this.#end(Verdict.Real); // (2a)
      this.step = 2; // (2b)
      return Verdict.None;
    }
    if (this.step !== 2 || (ack.acked === 0 && !ack.duplicate)) return Verdict.None;
    if (seqGt(ack.una, this.point) || seqGt(fack, this.point)) return this.#end(Verdict.Real); // (3a)
    return this.#end(ack.originals ? Verdict.Spurious : Verdict.Real); // (3b)
  }

  /** s2.1, where it is not. */
  onAck(ack: AckEvent): Verdict {
    if (this.step === 0 || (ack.acked === 0 && !ack.duplicate)) return Verdict.None;
    if (this.step === 1) {
      this.point = ack.nxt;
      if (ack.duplicate || ack.una === ack.nxt || seqLt(ack.una, this.#again)) return this.#end(Verdict.Real); // (2a)
      this.step = 2; // (2b)
      return Verdict.None;
    }
    const spurious = ack.acked > 0 && ack.originals && seqLeq(ack.una, this.point);
    return this.#end(spurious ? Verdict.Spurious : Verdict.Real); // (3)
  }

  #end(verdict: Verdict): Verdict {
    this.step = 0;
    return verdict;
  }
}
