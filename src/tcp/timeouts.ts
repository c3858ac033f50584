/** TIMEOUTS: RFC 9293 s3.10.8, and the timers of RFC 6298, RFC 5482 and RFC 9293 s3.8. */
import { type Micros, NEVER } from "../base/environment.js";
import { seqDiff } from "../base/seq.js";
import { Hold, Loss, Rtx, St, Tm, Tx } from "../base/why.js";
import { lossesFound, tellLosses } from "./ack.js";
import { armKeepAlive, keepAliveIdle, mayIdle } from "./closing.js";
import * as congestion from "./congestion-signals.js";
import type { Core } from "./core.js";
import { noteSlow } from "./deadlines.js";
import { delayMissed } from "./delayed-ack.js";
import { CloseError, TcpEvent } from "./events.js";
import { FastOpen } from "./fast-open.js";
import { suspectFastOpen } from "./fast-open-handshake.js";
import { applyClaimedMtu } from "./icmp.js";
import { resetFrom, tailBeyond } from "./output.js";
import { suspectBlackHole } from "./path-search.js";
import { Timer } from "./probe.js";
import { synTimeout as backoffOfSyn, persistInterval, synsAgain, timeoutNow } from "./rtt.js";
import { State } from "./state.js";
import { Flag, has, Owe, type Tcb } from "./tcb.js";

/** Every deadline of the connection that has come. */
export function expire(core: Core, tcb: Tcb, now: Micros): void {
  whatIsDue(core, tcb, now);
  // Also when nothing was: the flush puts it back into the wheel. Who has been released is not kept until then: millions may leave TIME-WAIT at a time.
  if (tcb.handle !== 0) core.touch(tcb);
}

function whatIsDue(core: Core, tcb: Tcb, now: Micros): void {
  if (tcb.ackAt <= now) delayedAck(core, tcb, now);
  if (tcb.swsAt <= now) swsOverride(core, tcb, now);
  if (tcb.paceAt <= now) pacing(core, tcb, now);
  if (tcb.userAt <= now) return userTimeout(core, tcb, now);
  if (tcb.probeAt <= now) {
    if (tcb.probeKind === Timer.LossProbe) lossProbe(core, tcb, now);
    else reordering(core, tcb, now);
  }
  if (tcb.rexmitAt <= now) {
    if (has(tcb, Flag.Persisting)) persist(core, tcb, now);
    else retransmission(core, tcb, now);
  }
  if (tcb.idleAt <= now && tcb.state !== State.Closed) idle(core, tcb, now);
}

function delayedAck(core: Core, tcb: Tcb, now: Micros): void {
  tcb.ackAt = NEVER;
  core.expired(tcb, Timer.DelayedAck, Tm.DelayedAck, now);
  delayMissed(core, tcb);
  tcb.owes &= ~Owe.DelayedAck;
  core.oweAck(tcb, Tx.AckDelayTimer);
}

/** The touch is all it takes: output goes on. */
function pacing(core: Core, tcb: Tcb, now: Micros): void {
  tcb.paceAt = NEVER;
  noteSlow(tcb);
  core.expired(tcb, Timer.Pacing, Tm.Pacing, now);
  tcb.sendCause = core.cause.id;
}

function swsOverride(core: Core, tcb: Tcb, now: Micros): void {
  tcb.swsAt = NEVER;
  tcb.flags &= ~Flag.SwsArmed;
  noteSlow(tcb);
  core.expired(tcb, Timer.SwsOverride, Tm.SwsOverride, now);
  tcb.sendCause = core.cause.id;
  if (tcb.hold === Hold.Sws) tcb.owes |= Owe.SwsOverride;
}

/** RFC 5482, RFC 9293 s3.10.8: data has stayed unacknowledged for too long. */
function userTimeout(core: Core, tcb: Tcb, now: Micros): void {
  tcb.userAt = NEVER;
  noteSlow(tcb);
  core.expired(tcb, Timer.UserTimeout, Tm.UserTimeout, now);
  giveUp(core, tcb, St.UserTimeout, now);
}

/** An application that has chosen a user timeout has chosen R2: the clock decides, not the count (MUST-21). */
const patient = (tcb: Tcb): boolean => tcb.options.userTimeout > 0 && tcb.userAt !== NEVER && !has(tcb, Flag.Orphan);

const r2 = (core: Core, tcb: Tcb): number =>
  has(tcb, Flag.Orphan) ? core.policy.orphanRetries : patient(tcb) ? Number.POSITIVE_INFINITY : core.policy.r2;

/** RFC 6298 s5.4 to s5.7, RFC 9293 s3.8.3 (R1, R2), s3.10.8. */
function retransmission(core: Core, tcb: Tcb, now: Micros): void {
  tcb.rexmitAt = NEVER;
  core.expired(tcb, Timer.Retransmission, tcb.state === State.SynSent || tcb.state === State.SynReceived ? Tm.SynRto : Tm.Rto, now);
  tcb.timeouts += 1;
  tcb.sendCause = core.cause.id;
  if (tcb.state === State.SynSent || tcb.state === State.SynReceived) return synTimeout(core, tcb, now);
  const { snd, recovery } = tcb;
  if (snd.una === snd.nxt) return;

  const first = tcb.retries === 0;
  tcb.retries += 1;
  suspectFastOpen(core, tcb, tcb.retries > r2(core, tcb), now);
  if (tcb.retries >= core.policy.r1 && !has(tcb, Flag.Advised)) {
    // R1: negative advice to IP (MUST-20), a word to the application (SHLD-9).
    tcb.flags |= Flag.Advised;
    core.network.suspect(tcb.remote, tcb.local, now);
    core.tell(tcb, TcpEvent.Advice);
  }
  if (tcb.retries > r2(core, tcb)) return giveUp(core, tcb, St.RetransmitTimeout, now);

  // RFC 5927 s7.2: the timeout confirms what an ICMP message claimed.
  if (has(tcb, Flag.PmtuPending)) applyClaimedMtu(core, tcb, now);
  const smaller = suspectBlackHole(core, tcb, now);
  if (tcb.options.userTimeout > 0 && tcb.userAt === NEVER)
    core.arm(tcb, Timer.UserTimeout, now + tcb.options.userTimeout, Tm.UserTimeout, now);
  tcb.backoff += 1; // RFC 6298 s5.5
  congestion.timedOut(core, tcb, first, now);
  recovery.onTimeout(snd.una, snd.nxt, now);
  tcb.rtxWhy = smaller ? Rtx.BlackHole : Rtx.Rto;
  tellLosses(core, tcb, Loss.Rto, now);
  core.arm(tcb, Timer.Retransmission, now + timeoutNow(core, tcb), Tm.RtoBackoff, now);
}

/** RFC 8985 s7.3: asks for an ACK, if there is no other question and the answer would be one. The RTO begins anew in any case. */
function lossProbe(core: Core, tcb: Tcb, now: Micros): void {
  const { recovery } = tcb;
  tcb.probeAt = NEVER;
  core.expired(tcb, Timer.LossProbe, Tm.LossProbe, now);
  tcb.sendCause = core.cause.id;
  if (tailBeyond(core, tcb)) {
    // No probe: the timer of what was sent first counts.
    const due = tcb.sent.sentAt(0) + timeoutNow(core, tcb);
    return core.arm(tcb, Timer.Retransmission, Math.max(now + core.policy.timestampTick, due), Tm.RtoRestart, now);
  }
  if (recovery.probeAllowed && !recovery.probeOutstanding && has(tcb, Flag.Measured)) tcb.owes |= Owe.LossProbe;
  core.arm(tcb, Timer.Retransmission, now + timeoutNow(core, tcb), Tm.RtoRestart, now);
}

/** RFC 8985 s6.2 step 5: what was left time to arrive has not. */
function reordering(core: Core, tcb: Tcb, now: Micros): void {
  const { snd, recovery } = tcb;
  tcb.probeAt = NEVER;
  core.expired(tcb, Timer.Reordering, Tm.Reordering, now);
  tcb.sendCause = core.cause.id;
  const outcome = recovery.onReorderTimer(snd.una, snd.nxt, now);
  lossesFound(core, tcb, outcome, seqDiff(snd.nxt, snd.una), now);
  core.arm(tcb, Timer.Retransmission, now + timeoutNow(core, tcb), Tm.RtoRestart, now);
}

function synTimeout(core: Core, tcb: Tcb, now: Micros): void {
  const passive = tcb.state === State.SynReceived;
  const early = (tcb.fastOpen & FastOpen.Early) !== 0;
  // The first so many SYNs do not back off, and come on top.
  const most = passive
    ? core.policy.synAckRetries + (early ? 1 : 0)
    : patient(tcb)
      ? Number.POSITIVE_INFINITY
      : tcb.options.synRetries || synsAgain(core.policy.synRetries, core.policy.synLinear);
  tcb.retries += 1;
  tcb.backoff += 1;
  suspectFastOpen(core, tcb, tcb.retries > most, now);
  if (tcb.retries > most) {
    if (passive && has(tcb, Flag.Passive) && !early) core.finish(tcb, CloseError.None, St.SynTimeout, now);
    else core.finish(tcb, tcb.softError === 0 ? CloseError.TimedOut : tcb.softError, St.SynTimeout, now);
    return;
  }
  if (tcb.retries === core.policy.r1) core.network.suspect(tcb.remote, tcb.local, now);
  if (tcb.deferred && tcb.retries < tcb.options.deferAccept) {
    // The peer has answered: only the last timeout asks once more.
    const delay = backoffOfSyn(core.policy, tcb.options, tcb.rto, tcb.backoff);
    return core.arm(tcb, Timer.Retransmission, now + delay, Tm.SynRto, now);
  }
  tcb.owes |= passive ? Owe.SynAck : Owe.Syn;
  tcb.ackCause = core.cause.id;
}

/** The window is closed: ask (RFC 9293 s3.8.6.1). Who answers is not given up (MUST-37). */
function persist(core: Core, tcb: Tcb, now: Micros): void {
  tcb.rexmitAt = NEVER;
  core.expired(tcb, Timer.Persist, Tm.Persist, now);
  tcb.retries += 1;
  if (tcb.retries > r2(core, tcb)) return giveUp(core, tcb, St.RetransmitTimeout, now);
  tcb.backoff += 1;
  tcb.owes |= Owe.Probe;
  core.arm(tcb, Timer.Persist, now + persistInterval(core, tcb), Tm.PersistBackoff, now);
}

/** The timer that each state has at most one of. */
function idle(core: Core, tcb: Tcb, now: Micros): void {
  tcb.idleAt = NEVER;
  noteSlow(tcb);
  switch (tcb.state) {
    case State.TimeWait:
      core.expired(tcb, Timer.TimeWait, Tm.TimeWait, now);
      core.finish(tcb, CloseError.None, St.TimeWaitOver, now);
      return;
    case State.FinWait2:
      if (!has(tcb, Flag.Orphan)) return keepAlive(core, tcb, now);
      core.expired(tcb, Timer.FinWait2, Tm.FinWait2, now);
      core.finish(tcb, CloseError.TimedOut, St.FinWait2Timeout, now);
      return;
    default:
      if (!has(tcb, Flag.Orphan)) return keepAlive(core, tcb, now);
  }
  // What is left is linger: the application gave its queued data so long.
  core.expired(tcb, Timer.Linger, Tm.Linger, now);
  resetFrom(core, tcb, tcb.snd.nxt, Tx.RstTimeout, now);
  core.finish(tcb, CloseError.TimedOut, St.LingerTimeout, now);
}

/** RFC 9293 s3.8.4: only when nothing is outstanding and nothing was heard for the interval (MUST-26). */
function keepAlive(core: Core, tcb: Tcb, now: Micros): void {
  const { options } = tcb;
  const idle = keepAliveIdle(core, tcb);
  if (idle === 0 || !mayIdle(tcb)) return;
  if (tcb.snd.una !== tcb.snd.nxt || tcb.sendQueue.length > 0) return armKeepAlive(core, tcb, now);
  const due = tcb.lastHeardAt + idle;
  if (tcb.keepAliveProbes === 0 && due > now) {
    core.arm(tcb, Timer.KeepAlive, due, Tm.KeepAlive, now);
    return;
  }
  core.expired(tcb, Timer.KeepAlive, Tm.KeepAlive, now);
  // Not one lost probe: all of them in a row (MUST-29).
  if (tcb.keepAliveProbes >= options.keepAliveCount) return giveUp(core, tcb, St.KeepAliveTimeout, now);
  tcb.keepAliveProbes += 1;
  tcb.owes |= Owe.KeepAlive;
  core.arm(tcb, Timer.KeepAlive, now + options.keepAliveInterval, Tm.KeepAlive, now);
}

/** The peer is gone, or might as well be: reset, and tell the application. */
function giveUp(core: Core, tcb: Tcb, why: number, now: Micros): void {
  if (tcb.state !== State.SynSent && (core.policy.resetOnTimeout || why === St.KeepAliveTimeout))
    resetFrom(core, tcb, tcb.snd.nxt, Tx.RstTimeout, now);
  core.finish(tcb, tcb.softError === 0 ? CloseError.TimedOut : tcb.softError, why, now);
}
