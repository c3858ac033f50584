/** What keeps the sender back, and for how long each thing has: a partition of a connection's life since its handshake, exact to the
 *  microsecond. RFC 4898 calls these the sender's limited states; here there is one at a time, and none without a name. */
import type { Micros } from "../base/environment.js";
import { Hold } from "../base/why.js";
import type { Core } from "./core.js";
import type { Tcb } from "./tcb.js";

/** The first of the codes whose time is kept; what is left of a life is `Hold.Application`. */
export const FIRST_HOLD = Hold.Application + 1;
/** Codes for which there is room. */
export const HOLDS = 12;

/** The handshake is over: from now on somebody is to blame. */
export function beginHolds(core: Core, tcb: Tcb, now: Micros): void {
  tcb.establishedAt = now;
  heldBy(core, tcb, Hold.Application, now);
}

/** As before a nap, in which there was nothing to send. */
export function resumeHolds(tcb: Tcb, establishedAt: Micros): void {
  tcb.establishedAt = tcb.heldSince = establishedAt;
  tcb.hold = Hold.Application;
}

/** The connection is over. */
export function endHolds(tcb: Tcb, now: Micros): void {
  if (tcb.hold === 0) return;
  settle(tcb, now);
  tcb.hold = 0;
}

/** What keeps the sender back is `hold`, a `Hold` code. */
export function heldBy(core: Core, tcb: Tcb, hold: number, now: Micros): void {
  if (tcb.hold === hold) return;
  settle(tcb, now);
  tcb.hold = hold;
  const probe = core.probes.probe;
  if (probe?.sendLimited) probe.sendLimited(tcb, hold, core.cause.id, now);
}

function settle(tcb: Tcb, now: Micros): void {
  if (tcb.hold >= FIRST_HOLD) tcb.holds[tcb.hold - FIRST_HOLD]! += now - tcb.heldSince;
  tcb.heldSince = now;
}

/** Microseconds since the handshake, or from it to the end; 0: it is not over. */
export const lifetime = (tcb: Tcb, now: Micros): Micros =>
  tcb.establishedAt < 0 ? 0 : (tcb.hold === 0 ? tcb.heldSince : now) - tcb.establishedAt;
