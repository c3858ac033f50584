/** The timers of a connection as deadlines in its TCB; the wheel holds one entry for all of them, not later than the least. */
import { type Micros, NEVER } from "../base/environment.js";
import { Timer } from "./probe.js";
import type { Tcb } from "./tcb.js";

/** Sets the deadline of a timer (NEVER: none); returns what it was. */
export function setDeadline(tcb: Tcb, timer: Timer, at: Micros): Micros {
  let old: Micros;
  switch (timer) {
    case Timer.Retransmission:
    case Timer.Persist:
      old = tcb.rexmitAt;
      tcb.rexmitAt = at;
      return old;
    case Timer.LossProbe:
    case Timer.Reordering:
      old = tcb.probeKind === timer ? tcb.probeAt : NEVER;
      tcb.probeKind = timer;
      tcb.probeAt = at;
      return old;
    case Timer.DelayedAck:
      old = tcb.ackAt;
      tcb.ackAt = at;
      return old;
    case Timer.UserTimeout:
      old = tcb.userAt;
      tcb.userAt = at;
      break;
    case Timer.SwsOverride:
      old = tcb.swsAt;
      tcb.swsAt = at;
      break;
    case Timer.Pacing:
      old = tcb.paceAt;
      tcb.paceAt = at;
      break;
    default:
      old = tcb.idleAt;
      tcb.idleAt = at;
  }
  if (old !== at) noteSlow(tcb);
  return old;
}

/** The least of a connection's deadlines. */
export function deadline(tcb: Tcb): Micros {
  let at = tcb.rexmitAt;
  if (tcb.probeAt < at) at = tcb.probeAt;
  if (tcb.ackAt < at) at = tcb.ackAt;
  if (tcb.slowAt < at) at = tcb.slowAt;
  return at;
}

/** The least of the deadlines that segments do not move. */
export function noteSlow(tcb: Tcb): void {
  tcb.slowAt = Math.min(tcb.idleAt, tcb.userAt, tcb.swsAt, tcb.paceAt, tcb.freezeAt);
}
