/** What is known of the tail loss probe: RFC 8985 s7. When it goes out is the timers' business, how is output's. */
import { type Seq, seqGeq, seqGt } from "../../base/seq.js";
import type { AckEvent } from "./recovery.js";

export class LossProbe {
  /** TLP.end_seq, while a probe is outstanding. */
  outstanding = false;
  end: Seq = 0 as Seq;
  /** TLP.is_retrans. */
  isRetransmission = false;

  /** s7.1: when a connection, fast recovery or RTO recovery begins. */
  reset(): void {
    this.outstanding = this.isRetransmission = false;
  }

  onSent(end: Seq, again: boolean): void {
    this.outstanding = true;
    this.end = end;
    this.isRetransmission = again;
  }

  /** s7.4.2, TLP_process_ack: true when the probe has repaired a loss that nobody has answered for. */
  repaired(ack: AckEvent): boolean {
    if (!this.outstanding || !seqGeq(ack.una, this.end)) return false;
    if (!this.isRetransmission || (ack.dsack && ack.dsackRight === this.end)) {
      this.outstanding = false; // text that was new has arrived; or both copies have (case 1)
      return false;
    }
    if (seqGt(ack.una, this.end)) {
      this.outstanding = false;
      return true;
    }
    if (ack.repeats && ack.sackCount === 0) this.outstanding = false; // case 2
    return false;
  }
}
