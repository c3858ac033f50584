/** What loss recovery is told, and what it answers: what is lost, what goes next, and how much is still in the network.
 *
 *  It decides *which* octets. *How many* is `congestion/`. It never reads a clock, never sees a packet, never sets a timer. */
import type { Micros } from "../../base/environment.js";
import type { Seq } from "../../base/seq.js";
import { Transmission } from "./transmission.js";

const NO_BLOCKS = new Int32Array(0);

export const Phase = { Open: 0, FastRecovery: 1, AfterTimeout: 2 } as const;
export type Phase = (typeof Phase)[keyof typeof Phase];

/** What an ACK, or the reordering timer, meant: bits. The caller tells the congestion controller. */
export const Outcome = {
  None: 0,
  /** Fast recovery has begun. */
  Entered: 1,
  Partial: 2,
  Exited: 4,
  /** What was sent again had not been lost: recovery is over, its reduction is to be taken back (`undoWhy`). */
  Undone: 8,
  /** What was sent again in this recovery is lost too (RFC 5681 s4.3). */
  LostAgain: 16,
  /** A loss probe has repaired the only loss (RFC 8985 s7.4.2). */
  Repaired: 32,
} as const;

/** Choices of the profile that recoveries share; `TcpPolicy` has them. */
export interface RecoveryPolicy {
  /** How losses are found where SACK is agreed: by time (RFC 8985), or by count (RFC 6675). */
  readonly lossDetection: "rack" | "sack";
  /** DupThresh: so many segments that arrived behind one that did not make it likely that it is lost (RFC 5681 s3.2, RFC 8985 s6.2: 3). */
  readonly dupThresh: number;
  /** Ask with a segment when ACKs stay away: RFC 8985 s7. */
  readonly lossProbe: boolean;
  /** RFC 5682; where `frtoEager`, the first ACK of what was sent once is proof enough. Deviation: frto-eager */
  readonly frto: boolean;
  readonly frtoEager: boolean;
  /** Take back what turns out to have been sent again for nothing: by timestamps (RFC 3522), by reports of duplicates (RFC 3708). */
  readonly undoByTimestamp: boolean;
  readonly undoByDuplicate: boolean;
  /** Without SACK, too, the window is led down by RFC 9937; else by the letter of RFC 6582. */
  readonly proportionalWithoutSack: boolean;
  /** Then recovery ends when more than all that was sent before it is acknowledged, not with the ACK of just that. */
  readonly recoveryOutlasts?: boolean;
  /** What recovery lets out is whole segments. */
  readonly wholeSegments?: boolean;
}

export interface LossRecovery {
  readonly name: string;
  readonly phase: Phase;
  /** Recovery ends when SND.UNA passes this. */
  readonly recoveryPoint: Seq;
  /** Begins a connection at its initial send sequence number (RFC 6582 s3.2 step 1). */
  begin(iss: Seq): void;
  /** Judges an acceptable ACK that has been put to the records; returns `Outcome` bits. */
  onAck(ack: AckEvent, now: Micros): number;
  /** When the reordering timer is due; NEVER: it is not running. And that it was. */
  readonly reorderAt: Micros;
  onReorderTimer(una: Seq, nxt: Seq, now: Micros): number;
  /** The congestion controller has answered an outcome. `proportional`: it leaves the way down to `ssthresh` to RFC 9937. */
  reduced(ssthresh: number, proportional: boolean): void;
  /** Octets that duplicate ACKs say have left, where no SACK says which. */
  readonly departed: number;
  /** A mark asks for less: what is in flight is led down to `ssthresh` as in recovery, until what was sent before is acknowledged. */
  slowDown(nxt: Seq, cwnd: number, delivered: number, ssthresh: number): void;
  /** It is on the way down. */
  readonly slowing: boolean;
  /** The retransmission timer fired. */
  onTimeout(una: Seq, nxt: Seq, now: Micros): void;
  /** All that is outstanding and in segments of more octets than `longer` has not arrived, which is no sign of congestion. */
  resend(una: Seq, nxt: Seq, longer: number): void;
  /** [from, to) has left; `again` if it was a retransmission. */
  onSent(from: Seq, to: Seq, again: boolean, now: Micros): void;
  /** True when there is something to be sent again now; then [from, to) is what, unlimited by segment size. `resort`: there is
   *  nothing new that could be sent instead. */
  next(una: Seq, nxt: Seq, mss: number, resort: boolean): boolean;
  readonly from: Seq;
  readonly to: Seq;
  /** A `Rtx` code: why what `next` named goes again, unless a timeout is. */
  readonly why: number;
  /** What `next` named goes out whatever the congestion window says: the fast retransmit and its like. */
  readonly exempt: boolean;
  /** A `Loss` code: why what is lost is taken for it. A `Cc` code: how the last `Undone` came to light. */
  readonly lossWhy: number;
  readonly undoWhy: number;
  /** Octets that are taken to be in the network. */
  pipe(una: Seq, nxt: Seq, mss: number): number;
  /** What may be in the network now, where the congestion window is `cwnd`; `proportional`: less than that, as RFC 9937 has it. */
  window(cwnd: number): number;
  readonly proportional: boolean;
  /** A loss probe is to be scheduled anew, may stay scheduled, is outstanding (RFC 8985 s7.2, s7.3). */
  readonly probeDue: boolean;
  readonly probeAllowed: boolean;
  readonly probeOutstanding: boolean;
  /** It has been scheduled. */
  probeScheduled(): void;
  /** What is sent next is the probe; the next `onSent` clears it. */
  probing: boolean;
  /** What else is worth seeing, for people: plain values by name. */
  inspect(): Record<string, number | boolean | null>;
}

/** One ACK: the questions are filled by the caller, the answers by `SentRecords.update` and by `onAck`. Reused for every ACK: read
 *  it, do not keep it.
 *
 *  A delivery-rate sampler reads after `update`: `ack.delivered`, `sent.delivered` and `sent.deliveredAt` (C.delivered and
 *  C.delivered_time of draft-cheng-iccrg-delivery-rate-estimation), and `ack.newest`, the columns of the record that was sent last
 *  of those that this ACK delivered (P.delivered, P.delivered_time, P.first_sent_time, P.is_app_limited, P.sent_time; `sentAt` -1:
 *  there is none, the ACK covers a part of a record or nothing). The columns are written at each transmission, the first or again;
 *  when the flight was empty, `firstSentAt` and `deliveredAt` are that moment. Who finds the sender with nothing more to say sets
 *  `sent.appLimitedUntil = sent.delivered + sent.pipe` (C.app_limited, at least 1); it is cleared here. `ack.lost` and
 *  `sent.lostTotal` (C.lost) count octets when they are marked, again when their retransmission is. */
export class AckEvent {
  /** SND.UNA after this ACK, and SND.NXT. */
  una: Seq = 0 as Seq;
  nxt: Seq = 0 as Seq;
  /** Octets by which SND.UNA moved. */
  acked = 0;
  /** Octets in flight before this ACK. */
  flight = 0;
  /** It is a duplicate: by RFC 6675 s2 where SACK is agreed, else by RFC 5681 s2. */
  duplicate = false;
  /** It echoes a mark, and ECN is agreed (RFC 3168 s6.1.3); or it tells of marks that none has told before (RFC 9768). */
  marked = false;
  mss = 0;
  /** SEG.SACK: edges as in `Segment.sack`; no blocks where SACK was not agreed. */
  sackCount = 0;
  sack: Int32Array = NO_BLOCKS;
  /** The timestamp that it echoes, as ticks of `tick` microseconds since the clock's origin. */
  stamped = false;
  echo = 0;
  tick: Micros = 1;
  /** The least round-trip time, and the smoothed. */
  minRtt: Micros = 0;
  srtt: Micros = 0;
  /** It has no text and says nothing that the last one has not, but for SACK blocks. */
  repeats = false;
  /** Originals that end at or before this are looked for. */
  point: Seq = 0 as Seq;

  // ---- answers

  /** Octets newly acknowledged, cumulatively or selectively. */
  delivered = 0;
  /** Segments newly acknowledged, cumulatively or selectively. */
  segments = 0;
  /** Octets of what it delivers that it says, or lets infer, to have arrived marked. */
  markedOctets = 0;
  /** Octets newly marked lost. */
  lost = 0;
  /** Octets that its SACK blocks say have arrived and none has said before. */
  news = 0;
  /** It reports a duplicate (RFC 2883), and which. */
  dsack = false;
  dsackLeft: Seq = 0 as Seq;
  dsackRight: Seq = 0 as Seq;
  /** What was sent once has arrived behind what was sent later. */
  reordered = false;
  /** It delivers what was never sent again and ends at or before `point`. */
  originals = false;
  /** When the last of what it delivers was sent, and its end; -1 when no transmission is known to be the one delivered. */
  rackAt: Micros = -1;
  rackEnd: Seq = 0 as Seq;
  /** What it delivers that was sent last; and the record whose columns are still to be copied there, -1: none. */
  readonly newest = new Transmission();
  newestSlot = -1;
}
