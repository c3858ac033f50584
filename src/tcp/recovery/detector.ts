/** How SACK recovery tells what is lost: by time (rack.ts) or by count (dup-thresh.ts). It marks records; the rest is `selective.ts`. */
import type { Micros } from "../../base/environment.js";
import type { Seq } from "../../base/seq.js";
import type { AckEvent } from "./recovery.js";

export interface LossDetector {
  /** A `Loss` code: why what it marks is lost. */
  readonly why: number;
  /** When it will know more without an ACK; NEVER: not. */
  readonly reorderAt: Micros;
  /** Begins a connection. */
  begin(una: Seq): void;
  /** Takes in an ACK that has been put to the records. */
  onAck(ack: AckEvent, now: Micros): void;
  /** Marks what is lost by now; `recovering`: something was before, and is not repaired. Returns octets. */
  detect(recovering: boolean, mss: number, now: Micros): number;
  /** The retransmission timer fired: marks what that says is lost. */
  onTimeout(nxt: Seq, now: Micros): number;
  /** Recovery is over. */
  onExit(): void;
  /** What was marked was not lost. */
  onUndo(una: Seq): void;
  /** There is nothing better to send: finds a record worth sending again without being known to be lost, -1: none (RFC 6675 s4,
   *  NextSeg rules 3 and 4). `from` and `to` are what of it. */
  lastResort(una: Seq, nxt: Seq, mss: number): boolean;
  readonly from: Seq;
  readonly to: Seq;
  /** [from, to) has left again, in this recovery. */
  onRetransmit(to: Seq): void;
  /** What to show of it, for people. */
  inspect(): Record<string, number | boolean | null>;
}
