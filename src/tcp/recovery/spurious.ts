/** Was it sent again for nothing? The Eifel detection by timestamps (RFC 3522), and the reports of duplicates (RFC 3708 s3).
 *
 *  Who answers an honest question can lie: a reduction is taken back once, and only if nothing speaks against it. */
import type { Micros } from "../../base/environment.js";
import { SeqRanges } from "../../base/ranges.js";
import { type Seq, seqLt } from "../../base/seq.js";
import type { AckEvent } from "./recovery.js";

/** Ranges sent again that are remembered; with more no report counts. */
const RANGES = 128;

export class SpuriousDetection {
  /** A recovery has begun, and its reduction may still be taken back. */
  #open = false;
  /** RetransmitTS: when the first retransmission of this recovery left; -1: none has, or its ACK has come. */
  #retransmittedAt: Micros = -1;
  #waiting = false;
  /** The peer has reported a duplicate once: it would again (RFC 3522 s3.2 step 5). */
  #reports = false;
  /** What was sent again, and what of it was reported to have arrived twice. */
  readonly #again = new SeqRanges(RANGES);
  readonly #twice = new SeqRanges(RANGES);
  /** What lies before was forgotten. */
  #known: Seq = 0 as Seq;
  /** Something was sent again twice: no report of this recovery counts (RFC 3708 s3, A.3). */
  #doubtful = false;
  /** The network duplicates: no report of this connection counts (A.4). */
  #duplicates = false;

  begin(una: Seq): void {
    this.#open = this.#waiting = this.#reports = this.#doubtful = this.#duplicates = false;
    this.#retransmittedAt = -1;
    this.#known = una;
    this.#again.clear();
    this.#twice.clear();
  }

  /** Recovery begins. RFC 3522 s3.2 (1). */
  onRecovery(una: Seq): void {
    this.#open = this.#waiting = true;
    this.#retransmittedAt = -1;
    this.#doubtful = false;
    this.#known = una;
    this.#again.removeBelow(una);
    this.#twice.removeBelow(una);
  }

  /** [from, to) has left again. */
  onRetransmit(from: Seq, to: Seq, now: Micros): void {
    if (this.#waiting && this.#retransmittedAt < 0) this.#retransmittedAt = now; // (2)
    if (this.#again.overlaps(from, to) || !this.#again.add(from, to)) this.#doubtful = true;
  }

  /** The first acceptable ACK since recovery began is still to come. */
  get waiting(): boolean {
    return this.#waiting;
  }

  /** There is nothing that could be taken back. */
  close(): void {
    this.#open = this.#waiting = false;
  }

  /** RFC 3522 s3.2 (3) to (6): does this, the first acceptable ACK since, answer what was sent before? */
  byTimestamp(ack: AckEvent): boolean {
    const reports = this.#reports;
    if (ack.dsack) this.#reports = true;
    if (!this.#waiting || this.#retransmittedAt < 0 || ack.acked === 0) return false;
    this.#waiting = false;
    if (!ack.stamped || ((ack.echo - Math.floor(this.#retransmittedAt / ack.tick)) | 0) >= 0) return false; // (4)
    return !ack.dsack && (reports || ack.una !== ack.nxt); // (5): else all ACKs may have been lost
  }

  /** RFC 3708 s3: have all that were sent again arrived twice? `blocks`: the peer has said more than this. */
  byDuplicate(ack: AckEvent, blocks: boolean): boolean {
    const { dsackLeft: left, dsackRight: right } = ack;
    if (!ack.dsack || this.#duplicates || seqLt(left, this.#known)) return false;
    if (!this.#again.overlaps(left, right)) {
      this.#duplicates = true; // (A.4)
      return false;
    }
    if (!blocks && left === ack.una) this.#doubtful = true; // (A.1)
    if (!this.#again.covers(left, right) || !this.#twice.add(left, right)) return false;
    return this.#open && !this.#doubtful && this.#twice.octets === this.#again.octets; // (B)
  }
}
