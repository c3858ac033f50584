/** What loss recovery is told, and what it answers: what is lost, what goes next, and how much is still in the network.
 *
 *  It decides *which* octets. *How many* is `congestion/`. It never reads a clock, never sees a packet, never sets a timer. */
import type { Micros } from "../../base/environment.js";
import type { Seq } from "../../base/seq.js";

export const Phase = { Open: 0, FastRecovery: 1, AfterTimeout: 2 } as const;
export type Phase = (typeof Phase)[keyof typeof Phase];

/** What an ACK meant: bits. The caller tells the congestion controller. */
export const Outcome = { None: 0, Entered: 1, Partial: 2, Exited: 4 } as const;

export interface LossRecovery {
  readonly name: string;
  readonly phase: Phase;
  /** Recovery ends when SND.UNA passes this. */
  readonly recoveryPoint: Seq;
  /** Begins a connection at its initial send sequence number (RFC 6582 s3.2 step 1). */
  begin(iss: Seq): void;
  /** Judges an acceptable ACK; returns `Outcome` bits. */
  onAck(ack: AckEvent, now: Micros): number;
  /** The retransmission timer fired: everything from `una` to `nxt` is to be sent again as the window allows. */
  onTimeout(una: Seq, nxt: Seq, now: Micros): void;
  /** [from, to) has left; `again` if it was a retransmission. */
  onSent(from: Seq, to: Seq, again: boolean, now: Micros): void;
  /** True when there is something to be sent again now; then [from, to) is what, unlimited by segment size. */
  next(una: Seq, nxt: Seq, mss: number): boolean;
  readonly from: Seq;
  readonly to: Seq;
  /** What `next` named goes out whatever the congestion window says: the fast retransmit and its like. */
  readonly exempt: boolean;
  /** In fast recovery: the hole came to light by a partial ACK, not by duplicates. For the reason given. */
  readonly partial: boolean;
  /** Octets that are taken to be in the network. */
  pipe(una: Seq, nxt: Seq, mss: number): number;
}

/** Filled by the caller, reused for every ACK: read it, do not keep it. */
export class AckEvent {
  /** SND.UNA after this ACK, and SND.NXT. */
  una: Seq = 0 as Seq;
  nxt: Seq = 0 as Seq;
  /** Octets that this ACK newly acknowledged. */
  acked = 0;
  /** It is a duplicate in the sense of RFC 5681 s2. */
  duplicate = false;
  /** Duplicates of this connection come with SACK blocks that say something new. */
  selective = false;
  mss = 0;
}
