/** Proportional rate reduction: in recovery as much goes out as the reduction lets in, no more in bursts, no less in pauses. RFC 9937. */
export class ProportionalRate {
  active = false;
  /** prr_delivered, prr_out, RecoverFS. */
  delivered = 0;
  out = 0;
  recoverFs = 0;
  /** What may be in flight until the next ACK: inflight + sndcnt. */
  limit = 0;

  /** Recovery begins with so many octets in flight. */
  begin(recoverFs: number): void {
    this.active = true;
    this.delivered = this.out = this.limit = 0;
    this.recoverFs = Math.max(1, recoverFs);
  }

  end(): void {
    this.active = false;
  }

  /** The reduction is known, or an ACK has delivered so much: nothing new, nothing to answer. `safe`: SND.UNA has moved, and nothing more is lost. */
  onAck(delivered: number, safe: boolean, inFlight: number, ssthresh: number, mss: number, whole = false): void {
    if (delivered === 0 && this.limit > 0) return;
    this.delivered += delivered;
    let more: number;
    if (inFlight > ssthresh) more = Math.ceil((this.delivered * ssthresh) / this.recoverFs) - this.out;
    else more = Math.min(ssthresh - inFlight, Math.max(this.delivered - this.out, delivered) + (safe ? mss : 0));
    if (whole) more = Math.ceil(more / mss) * mss;
    // The fast retransmit goes whatever the rate says.
    if (this.out === 0 && more < mss) more = mss;
    this.limit = inFlight + Math.max(0, more);
  }
  inspect(): Record<string, number | boolean | null> {
    const { active } = this;
    return {
      prrActive: active,
      prrDelivered: active ? this.delivered : null,
      prrOut: active ? this.out : null,
      prrLimit: active ? this.limit : null,
    };
  }
}
