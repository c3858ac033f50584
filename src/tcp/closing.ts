/** The ends of a connection that take time: TIME-WAIT, keep-alive, and what an orphan may cost. RFC 9293 s3.6, s3.8.4. */
import { type Micros, NEVER } from "../base/environment.js";
import { Tm } from "../base/why.js";
import type { Core } from "./core.js";
import { TcpEvent } from "./events.js";
import { Timer } from "./probe.js";
import { State } from "./state.js";
import { Flag, has, type Tcb } from "./tcb.js";

/** Start the time-wait timer, turn off the other timers (MUST-13). For the application the connection is over. */
export function enterTimeWait(core: Core, tcb: Tcb, why: number, now: Micros): void {
  core.arm(tcb, Timer.Retransmission, NEVER, Tm.RtoStop, now);
  core.arm(tcb, Timer.UserTimeout, NEVER, Tm.UserTimeout, now);
  core.arm(tcb, Timer.SwsOverride, NEVER, Tm.SwsOverride, now);
  core.enter(tcb, State.TimeWait, why, now);
  core.arm(tcb, Timer.TimeWait, now + core.policy.timeWait, Tm.TimeWait, now);
  core.tell(tcb, TcpEvent.Closed);
}

/** States in which a connection may do nothing for ever, so that only keep-alive would notice that the peer has gone. */
export const mayIdle = (tcb: Tcb): boolean =>
  tcb.state === State.Established || tcb.state === State.CloseWait || (tcb.state === State.FinWait2 && !has(tcb, Flag.Orphan));

/** In FIN-WAIT-2 only an orphan waits no longer than the profile says: a half-closed application may wait for ever (RFC 9293 s3.6). */
export function armFinWait2(core: Core, tcb: Tcb, now: Micros): void {
  const patience = Math.max(1, tcb.options.finWait2 || core.policy.finWait2);
  if (has(tcb, Flag.Orphan)) core.arm(tcb, Timer.FinWait2, now + patience, Tm.FinWait2, now);
  else armKeepAlive(core, tcb, now);
}

/** Idle time before the first probe; 0: the application wants none. */
export const keepAliveIdle = (core: Core, tcb: Tcb): Micros =>
  tcb.options.keepAlive < 0 ? core.policy.keepAliveIdle : tcb.options.keepAlive;

/** The keep-alive timer runs while the application wants it and nothing else keeps the connection honest (MUST-25, MUST-26). */
export function armKeepAlive(core: Core, tcb: Tcb, now: Micros): void {
  if (!mayIdle(tcb) || has(tcb, Flag.Orphan) || (has(tcb, Flag.FinQueued) && !has(tcb, Flag.FinAcked))) return;
  const idle = keepAliveIdle(core, tcb);
  core.arm(tcb, Timer.KeepAlive, idle > 0 ? now + idle : NEVER, Tm.KeepAlive, now);
}
