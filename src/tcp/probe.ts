/** What TCP tells an observer (ARCHITECTURE.md, "Inspection"). Objects are live: a probe must not keep or change them. */
import type { Micros } from "../base/environment.js";
import type { Datagram } from "../ip/network.js";
import type { Segment } from "./segment.js";
import type { State } from "./state.js";
import type { Tcb } from "./tcb.js";

export const Timer = {
  Retransmission: 0,
  Persist: 1,
  DelayedAck: 2,
  KeepAlive: 3,
  TimeWait: 4,
  FinWait2: 5,
  UserTimeout: 6,
  SwsOverride: 7,
  Linger: 8,
  LossProbe: 9,
  Reordering: 10,
  Pacing: 11,
} as const;
export type Timer = (typeof Timer)[keyof typeof Timer];
export const TimerEvent = { Set: 0, Expired: 1, Cancelled: 2 } as const;
export type TimerEvent = (typeof TimerEvent)[keyof typeof TimerEvent];

export interface TcpProbe {
  /** A segment leaves. `tcb` is null for a reset or cookie that belongs to no connection. `cause` is the id of the event that led to it. */
  segmentSent?(tcb: Tcb | null, seg: Segment, why: number, cause: number, now: Micros): void;
  /** A segment that passed the checksum has arrived, before it is judged. */
  segmentReceived?(tcb: Tcb | null, seg: Segment, datagram: Datagram, event: number, now: Micros): void;
  /** A datagram for TCP is no segment, or its checksum is wrong: nothing in it can be believed. The device is known to who saw the frame. */
  dropped?(device: null, why: number, event: number, now: Micros): void;
  segmentDropped?(tcb: Tcb | null, seg: Segment, why: number, event: number, now: Micros): void;
  /** [from, to) of the sequence space is taken for lost. */
  segmentLost?(tcb: Tcb, from: number, to: number, why: number, cause: number, now: Micros): void;
  stateChanged?(tcb: Tcb, old: State, why: number, cause: number, now: Micros): void;
  timerUpdated?(tcb: Tcb, timer: Timer, event: TimerEvent, at: Micros, why: number, cause: number, now: Micros): void;
  /** For who wants no more of timers than that one was due: `timerUpdated` tells that, too, and all that becomes of them, several times a segment. */
  timerExpired?(tcb: Tcb, timer: Timer, why: number, cause: number, now: Micros): void;
  /** cwnd, ssthresh or the recovery state changed. */
  congestionChanged?(tcb: Tcb, why: number, cause: number, now: Micros): void;
  rttSampled?(tcb: Tcb, rtt: Micros, cause: number, now: Micros): void;
  /** What keeps the sender from sending more became `why` (a `Hold` code; 0: nothing). */
  sendLimited?(tcb: Tcb, why: number, cause: number, now: Micros): void;
}
