/** What loss recovery is told, and what it answers: what is lost, what goes next, and how much is still in the network.
 *
 *  It decides *which* octets. *How many* is `congestion/`. It never reads a clock, never sees a packet, never sets a timer. */
import type { Micros } from "../../base/environment.js";
import type { Seq } from "../../base/seq.js";

const NO_BLOCKS = new Int32Array(0);

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

/** One ACK: the questions are filled by the caller, the answers by `SentRecords.update` and by `onAck`. Reused for every ACK: read
 *  it, do not keep it.
 *
 *  A delivery-rate sampler reads after `update`: `ack.delivered`, `sent.delivered` and `sent.deliveredAt` (C.delivered and
 *  C.delivered_time of draft-cheng-iccrg-delivery-rate-estimation), and `sent.newest`, the columns of the record that was sent last
 *  of those that this ACK delivered (P.delivered, P.delivered_time, P.first_sent_time, P.is_app_limited, P.sent_time; `sentAt` -1:
 *  there is none, the ACK covers a part of a record or nothing). The columns are written at each transmission, the first or again;
 *  when the flight was empty, `firstSentAt` and `deliveredAt` are that moment. Who finds the sender with nothing more to say sets
 *  `sent.appLimitedUntil = sent.delivered + sent.pipe` (C.app_limited, at least 1); it is cleared here. `ack.lost` and
 *  `sent.lostTotal` (C.lost) count octets when they are marked, again when their retransmission is; `sent.newestLost` has the
 *  columns of the one marked last, with what was in flight and lost when it left. */
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
  /** It echoes a mark, and ECN is agreed (RFC 3168 s6.1.3). */
  marked = false;
  mss = 0;
  /** SEG.SACK: edges as in `Segment.sack`; no blocks where SACK was not agreed. */
  sackCount = 0;
  sack: Int32Array = NO_BLOCKS;
  /** The timestamp that it echoes, as ticks of `tick` microseconds since the clock's origin. */
  stamped = false;
  echo = 0;
  tick: Micros = 1;
  /** The least round-trip time. */
  minRtt: Micros = 0;
  /** Originals that end at or before this are looked for. */
  point: Seq = 0 as Seq;

  // ---- answers

  /** Octets newly acknowledged, cumulatively or selectively. */
  delivered = 0;
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
}
