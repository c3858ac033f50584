/** What the standards say of states, reasons and timers, as the invariants compare it. */
import { Drop, St, Tx } from "../base/why.js";
import { Timer } from "../tcp/probe.js";
import { State } from "../tcp/state.js";

/** RFC 9293 figure 5 and s3.10, written down once more. Every state may go to CLOSED. */
export const figure5: Readonly<Record<State, readonly State[]>> = {
  [State.Closed]: [State.Listen, State.SynSent, State.SynReceived],
  [State.Listen]: [State.SynReceived, State.SynSent],
  [State.SynSent]: [State.SynReceived, State.Established],
  [State.SynReceived]: [State.Established, State.FinWait1, State.CloseWait, State.Listen],
  [State.Established]: [State.FinWait1, State.CloseWait],
  [State.FinWait1]: [State.FinWait2, State.Closing, State.TimeWait],
  [State.FinWait2]: [State.TimeWait],
  [State.CloseWait]: [State.LastAck],
  [State.Closing]: [State.TimeWait],
  [State.LastAck]: [],
  [State.TimeWait]: [],
};

/** Reasons for which TIME-WAIT may end before 2 MSL: RFC 6191, a bound that was reached, an address that has gone. */
export const earlyEnds: readonly number[] = [St.TimeWaitReused, St.ResourceLimit, St.DeviceGone, St.UserAbort];

/** A segment dropped for these is bad as a whole: one reply at most. */
export const bad: readonly number[] = [
  Drop.NoSocket,
  Drop.Paws,
  Drop.OldSequence,
  Drop.OutOfWindow,
  Drop.BadAck,
  Drop.AckUnsent,
  Drop.TooOldAck,
  Drop.SynInWindow,
  Drop.RstNotExact,
  Drop.NoAck,
  Drop.NotSyn,
];

/** Replies that nothing but a segment can ask for. */
export const replies: readonly number[] = [
  Tx.RstNoConnection,
  Tx.RstUnacceptableAck,
  Tx.ChallengeAck,
  Tx.AckUnacceptable,
  Tx.AckPaws,
  Tx.AckUnsent,
  Tx.AckDuplicate,
];

export const unaskedAcks: readonly number[] = [Tx.WindowUpdate, Tx.ZeroWindowProbe, Tx.KeepAlive, Tx.AckDelayTimer];
/** Timers that make their connection speak. */
export const acting: readonly Timer[] = [Timer.Retransmission, Timer.Persist, Timer.DelayedAck, Timer.KeepAlive];
