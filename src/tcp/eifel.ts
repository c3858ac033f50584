/** What follows when a timeout turns out to have been spurious: the Eifel response algorithm, RFC 4015 s3.1, its steps by number. Where policy wants no
 *  more than that all is as it was before, the controllers see to it (`onUndo`). */
import type { Micros } from "../base/environment.js";
import { seqDiff, seqGt } from "../base/seq.js";
import { Cc } from "../base/why.js";
import { initialWindow } from "./congestion/controller.js";
import type { Core } from "./core.js";
import { Phase } from "./recovery/recovery.js";
import type { Transmission } from "./recovery/transmission.js";
import { timeout } from "./rtt.js";
import type { Tcb } from "./tcb.js";

/** (0): the timer has fired, and nothing has heard of it yet. Not where it has fired before in the same recovery. */
export function rememberTimeout(core: Core, tcb: Tcb): void {
  const { before, snd, recovery } = tcb;
  if (core.policy.spuriousTimeout !== "eifel" || recovery.phase === Phase.AfterTimeout) return;
  before.known = true;
  before.awaits = false;
  before.pipe = Math.max(seqDiff(snd.nxt, snd.una), tcb.cc.threshold());
  before.srtt = tcb.srtt + 2 * core.policy.timestampTick;
  before.rttvar = tcb.rttvar;
  before.sent = snd.nxt;
}

/** (9), (10): an ACK of so many octets has shown that it was spurious, and the controller has taken back what it did: no more may leave at once
 *  than at a beginning. */
export function respondToSpurious(core: Core, tcb: Tcb, acked: number, now: Micros): void {
  const { before, snd, cc } = tcb;
  if (!before.known) return;
  const flight = seqDiff(snd.nxt, snd.una);
  const window = flight + Math.min(acked, initialWindow(snd.mss, core.policy.initialWindow));
  cc.adopt(window, before.pipe);
  tcb.use.checkedAt = now;
  before.known = false;
  before.awaits = true;
}

/** (11): a sample has been taken. The first of text that is new says how long the path is now. */
export function adaptTimeout(core: Core, tcb: Tcb, newest: Transmission, now: Micros): void {
  const { before, latestRtt: rtt } = tcb;
  if (newest.retransmitted || !seqGt(newest.end, before.sent)) return;
  before.awaits = false;
  tcb.srtt = Math.max(before.srtt, rtt);
  tcb.rttvar = Math.max(before.rttvar, rtt >> 1);
  tcb.rto = timeout(core.policy, tcb.srtt, tcb.rttvar, tcb.options);
  core.congestionChanged(tcb, Cc.RtoAdapted, now);
}
