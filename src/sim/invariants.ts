/** The invariants of a stack's TCP, checked at each segment, state change and timer, and after each turn. What they compare with
 *  is remembered here, not read from the TCB, where that is possible.
 *
 *  I-05 acceptance, I-06 order of the send and receive variables, I-07 windows, I-08 cwnd, I-10 RTO, I-12 replies, I-13 amplification, I-14 states,
 *  I-15 a timer for whatever waits, I-16 ACK delay, I-17 TIME-WAIT, I-18 timers; "why": everything has a reason. */
import { type Micros, NEVER } from "../base/environment.js";
import { type Seq, seqAdd, seqDiff, seqGt, seqLeq, seqLt } from "../base/seq.js";
import { Cc, Rtx, St, Tm, Tx } from "../base/why.js";
import { whyEntry, whyName } from "../base/why-registry.js";
import type { Datagram } from "../ip/network.js";
import type { TcpPolicy } from "../tcp/policy.js";
import { Timer, TimerEvent } from "../tcp/probe.js";
import { ACK, FIN, RST, type Segment, SYN } from "../tcp/segment.js";
import { State, stateNames } from "../tcp/state.js";
import { Flag, type Tcb } from "../tcp/tcb.js";
import { ConnectionWatch } from "./connection-watch.js";
import { acting, bad, earlyEnds, figure5, replies, unaskedAcks } from "./tcp-rules.js";
import type { Violations } from "./violations.js";

const HALF_SECOND = 500_000;

export class TcpInvariants {
  readonly host: string;
  readonly violations: Violations;
  /** Segments sent and received, by all connections. */
  segmentsSent = 0;
  segmentsReceived = 0;
  readonly #policy: TcpPolicy;
  readonly #watches = new Map<number, ConnectionWatch>();
  readonly #touched = new Set<ConnectionWatch>();
  /** Events in which a segment was bad, with the replies so far; events that brought a RST. Of this turn. */
  readonly #bad = new Map<number, number>();
  readonly #resets = new Set<number>();
  /** ISS less the clock, by 4-tuple. */
  readonly #offsets = new Map<string, number>();
  /** The last segment of a connection: where it began, and its timestamp. */
  #lastSeq: Seq = 0 as Seq;
  #lastTimestamp: number | null = null;
  #event = 0;

  constructor(host: string, policy: TcpPolicy, violations: Violations) {
    this.host = host;
    this.#policy = policy;
    this.violations = violations;
  }

  segmentSent(tcb: Tcb | null, seg: Segment, why: number, cause: number, now: Micros): void {
    this.segmentsSent += 1;
    this.#event = cause;
    if (whyEntry(why) === undefined || !isSending(why)) this.#broken("why", now, `segment sent with reason ${why}`);
    if (!(cause > 0)) this.#broken("why", now, `segment sent (${whyName(why)}) without a cause`);
    this.#checkReply(seg, why, cause, now);
    if (tcb === null) return;
    const watch = this.#watch(tcb);
    watch.fired = -1;
    const from = seg.seq;
    const octets = textLength(seg);
    const to = seqAdd(from, octets + (seg.flags & SYN ? 1 : 0) + (seg.flags & FIN ? 1 : 0));
    if (octets > 0 && seqGt(seqAdd(from, octets), watch.sent)) this.#checkNewText(tcb, watch, seqAdd(from, octets), why, now);
    if (seqGt(from, watch.sent) && (seg.flags & RST) === 0)
      this.#broken("I-06", now, `${name(tcb)} sends at ${rel(tcb, from)}, but had sent only to ${rel(tcb, watch.sent)}`);
    // I-13: an address that has not answered gets no more SYN,ACKs than it sent SYNs, and the budget of retransmissions.
    if (seg.flags & SYN && seg.flags & ACK && ++watch.synAcks > 1 + this.#policy.synAckRetries + watch.received)
      this.#broken("I-13", now, `${name(tcb)} sends SYN,ACK number ${watch.synAcks} for ${watch.received} segments`);
    if (isRetransmissionByTimer(why) && !seqLt(from, watch.sent))
      this.#broken("I-10", now, `${name(tcb)} retransmits ${rel(tcb, from)}, which was never sent`);
    if ((seg.flags & RST) === 0) watch.noteSent(from, to);
    if (seg.flags & ACK) this.#checkAcknowledgment(tcb, watch, seg, now);
    if (octets === 0 && (seg.flags & (SYN | FIN | RST)) === 0) {
      watch.bareAcks += 1;
      if (unaskedAcks.includes(why)) watch.unasked += 1;
    }
  }

  segmentReceived(tcb: Tcb | null, seg: Segment, _datagram: Datagram, event: number, _now: Micros): void {
    this.segmentsReceived += 1;
    this.#event = event;
    if (seg.flags & RST) this.#resets.add(event);
    if (tcb === null) return;
    const watch = this.#watch(tcb);
    watch.received += 1;
    this.#lastSeq = seg.seq;
    this.#lastTimestamp = seg.hasTimestamp ? seg.tsVal : null;
    // Whatever an ACK offers may be used, whether the stack takes it or not: an upper bound.
    if (seg.flags & ACK && seqLeq(seg.ack, watch.sent)) watch.noteOffer(seg.ack, seg.wnd * 2 ** (seg.flags & SYN ? 0 : tcb.snd.scale));
    else if (seg.flags & SYN) watch.noteOffer(seqAdd(watch.iss, 1), seg.wnd);
  }

  segmentDropped(_tcb: Tcb | null, _seg: Segment, why: number, event: number, now: Micros): void {
    this.#event = event;
    if (whyEntry(why) === undefined) this.#broken("why", now, `segment dropped with reason ${why}`);
    if (bad.includes(why) && !this.#bad.has(event)) this.#bad.set(event, 0);
  }

  stateChanged(tcb: Tcb, old: State, why: number, cause: number, now: Micros): void {
    this.#event = cause;
    const watch = this.#watch(tcb);
    if (whyEntry(why) === undefined) this.#broken("why", now, `state changed with reason ${why}`);
    if (tcb.state !== State.Closed && !figure5[old].includes(tcb.state))
      this.#broken("I-14", now, `${name(tcb)} went from ${stateNames[old]} to ${stateNames[tcb.state]} (${whyName(why)})`);
    if (watch.state !== old && watch.state !== tcb.state)
      this.#broken("I-14", now, `${name(tcb)} was in ${stateNames[watch.state]}, not in ${stateNames[old]}`);
    // Output runs once for the whole turn: a FIN that it sends is not the last segment's doing.
    if (this.#bad.has(cause) && tcb.state !== State.Closed && why !== St.CloseSendFin)
      this.#broken("I-05", now, `${name(tcb)} went to ${stateNames[tcb.state]} because of a segment that was dropped`);
    if (tcb.state === State.SynSent) this.#checkInitial(tcb, now);
    // R2 of RFC 9293 s3.8.3: not given up before so many attempts.
    const attempts = tcb.flags & Flag.Orphan ? this.#policy.orphanRetries : this.#policy.r2;
    if (why === St.RetransmitTimeout && watch.timeouts <= attempts)
      this.#broken("I-15", now, `${name(tcb)} is given up after ${watch.timeouts} timeouts`);
    if (tcb.state === State.TimeWait) watch.timeWaitAt = now;
    if (old === State.TimeWait && tcb.state === State.Closed) this.#checkTimeWait(tcb, watch, why, now);
    watch.state = tcb.state;
    if (tcb.state === State.Closed) {
      this.#checkEconomy(tcb, watch, now);
      this.#watches.delete(tcb.handle);
      this.#touched.delete(watch);
    }
  }

  timerUpdated(tcb: Tcb, timer: Timer, event: TimerEvent, at: Micros, why: number, cause: number, now: Micros): void {
    this.#event = cause;
    if (whyEntry(why) === undefined) this.#broken("why", now, `timer set with reason ${why}`);
    const watch = this.#watch(tcb);
    const isRetransmission = timer === Timer.Retransmission || timer === Timer.Persist;
    if (event === TimerEvent.Expired) {
      if (acting.includes(timer)) watch.fired = timer;
      if (isRetransmission) watch.timeouts += 1;
      if (isRetransmission && now < watch.deadline)
        this.#broken("I-10", now, `${name(tcb)} timer ${timer} fired ${watch.deadline - now} us early`);
      return;
    }
    if (at !== NEVER && tcb.state === State.Closed) this.#broken("I-18", now, `${name(tcb)} is closed and arms timer ${timer}`);
    if (event === TimerEvent.Set && timer === Timer.DelayedAck && at - now >= HALF_SECOND)
      this.#broken("I-16", now, `${name(tcb)} delays an ACK by ${at - now} us`);
    if (event === TimerEvent.Set && isRetransmission) this.#checkDeadline(tcb, watch, timer, at, why, now);
    if (event === TimerEvent.Cancelled && isRetransmission) watch.lastWait = 0;
  }

  congestionChanged(tcb: Tcb, why: number, cause: number, now: Micros): void {
    this.#event = cause;
    const watch = this.#watch(tcb);
    const cwnd = tcb.cc.window();
    const grown = watch.cwnd === 0 ? 0 : cwnd - watch.cwnd;
    // After a timeout cwnd may be less than the least ssthresh, which recovery then begins with (RFC 5681 s3.1, equation 4).
    const least = why === Cc.FastRetransmit ? 2 * tcb.snd.mss - watch.cwnd : 0;
    const limit = tcb.cc.name === "cubic" ? 8 : 2; // L of RFC 9406 s4.2 and of RFC 3465 s2.2
    const most = why === Cc.SlowStart ? limit * tcb.snd.mss : why === Cc.Avoidance ? tcb.snd.mss : Math.max(0, least);
    if (
      grown > most &&
      (why === Cc.SlowStart || why === Cc.Avoidance || why === Cc.FastRetransmit || why === Cc.RtoCollapse || why === Cc.IdleRestart)
    )
      this.#broken("I-08", now, `${name(tcb)} cwnd grew by ${grown} (${whyName(why)}), SMSS ${tcb.snd.mss}`);
    if (why === Cc.RtoCollapse && cwnd > tcb.snd.mss)
      this.#broken("I-08", now, `${name(tcb)} cwnd ${cwnd} after a timeout, SMSS ${tcb.snd.mss}`);
    watch.cwnd = cwnd;
  }

  rttSampled(tcb: Tcb, rtt: Micros, cause: number, now: Micros): void {
    this.#event = cause;
    const watch = this.#watch(tcb);
    // Karn: without timestamps or SACK nobody knows which copy was acknowledged (RFC 6298 s3).
    if (!(tcb.flags & (Flag.Timestamps | Flag.Sack)) && watch.sentAgain(seqAdd(tcb.snd.una, -1)))
      this.#broken("I-10", now, `${name(tcb)} measures ${rtt} us by ${rel(tcb, seqAdd(tcb.snd.una, -1))}, which was sent twice`);
    if (tcb.rto < this.#policy.rtoMin || tcb.rto > this.#policy.rtoMax) this.#broken("I-10", now, `${name(tcb)} RTO ${tcb.rto} us`);
  }

  /** The end of a turn: everything owed has been sent. */
  afterTurn(now: Micros): void {
    for (const watch of this.#touched) {
      const tcb = watch.tcb;
      const same = tcb !== null && tcb.handle === watch.handle && tcb.iss === watch.iss && tcb.state !== State.Closed;
      if (same && tcb.touched) continue; // an application has called in this turn: the next turn does what is owed
      if (same) this.#checkAtRest(tcb, watch, now);
      watch.tcb = null;
      this.#touched.delete(watch);
    }
    this.#bad.clear();
    this.#resets.clear();
  }

  /** I-12: a bad segment gets one reply at most, a RST none. */
  #checkReply(seg: Segment, why: number, cause: number, now: Micros): void {
    if (seg.flags & RST && replies.includes(why) && this.#resets.has(cause))
      this.#broken("I-12", now, `a RST answered by a RST (${whyName(why)})`);
    const count = this.#bad.get(cause);
    if (count === undefined || !replies.includes(why)) return;
    this.#bad.set(cause, count + 1);
    if (count >= 1) this.#broken("I-12", now, `${count + 1} replies to one bad segment (${whyName(why)})`);
  }

  /** I-07: new text stays within the largest window that the peer ever offered; a probe of a closed one carries an octet. */
  #checkNewText(tcb: Tcb, watch: ConnectionWatch, to: Seq, why: number, now: Micros): void {
    // Below the base a probe of the path's MTU goes in place of one segment, whatever its size.
    const octets = why === Tx.PathProbe ? Math.min(tcb.snd.mss, seqDiff(to, tcb.snd.nxt)) : seqDiff(to, tcb.snd.nxt);
    if (why !== Tx.ZeroWindowProbe && why !== Tx.LossProbe && tcb.state >= State.Established) this.#checkPipe(tcb, octets, now);
    const allowed = why === Tx.ZeroWindowProbe ? seqAdd(watch.peerEdge, 1) : watch.peerEdge;
    if (!watch.offered || seqGt(to, allowed))
      this.#broken(
        "I-07",
        now,
        `${name(tcb)} sends to ${rel(tcb, to)}, but the peer's window ends at ${rel(tcb, watch.peerEdge)} (${whyName(why)})`,
      );
  }

  /** I-10: a deadline is the least RTO away at least, and each timeout in a row doubles the wait (RFC 6298 s5.5). */
  #checkDeadline(tcb: Tcb, watch: ConnectionWatch, timer: Timer, at: Micros, why: number, now: Micros): void {
    const wait = at - now;
    const floor = timer === Timer.Persist ? this.#policy.persistMin : this.#policy.rtoMin;
    const most = timer === Timer.Persist ? this.#policy.persistMax : this.#policy.rtoMax;
    if (wait < floor) this.#broken("I-10", now, `${name(tcb)} sets timer ${timer} to ${wait} us, below ${floor}`);
    if (wait > most) this.#broken("I-10", now, `${name(tcb)} sets timer ${timer} to ${wait} us, above ${most}`);
    const again = why === Tm.RtoBackoff || why === Tm.PersistBackoff || (why === Tm.SynRto && tcb.backoff > this.#policy.synLinear + 1);
    // A sample may have moved the RTO without moving the deadline: by no more than the time that had passed.
    // The slop in it is not doubled.
    const slop = timer === Timer.Persist ? 0 : this.#policy.rtoSlop;
    if (again && wait - slop < Math.min(1.9 * (watch.lastWait - slop), most - slop))
      this.#broken("I-10", now, `${name(tcb)} sets timer ${timer} to ${wait} us, after ${watch.lastWait} us before`);
    watch.lastWait = wait;
    watch.deadline = at;
  }

  /** I-06: acknowledgments do not go back. I-07: nor does the right edge, but for what the scale rounds off (RFC 7323 s2.4). */
  #checkAcknowledgment(tcb: Tcb, watch: ConnectionWatch, seg: Segment, now: Micros): void {
    const unit = seg.flags & SYN ? 1 : 2 ** tcb.rcv.scale;
    const edge = seqAdd(seg.ack, seg.wnd * unit);
    if (seg.flags & RST) return;
    if (watch.spoke && seqLt(seg.ack, watch.acked))
      this.#broken("I-06", now, `${name(tcb)} acknowledged ${seqDiff(watch.acked, tcb.irs)} and now ${seqDiff(seg.ack, tcb.irs)}`);
    // A SYN,ACK sent again cannot say as much as what the scaled window of an ACK has said meanwhile.
    if (watch.spoke && (seg.flags & SYN) === 0 && seqDiff(edge, watch.edge) <= -unit)
      this.#broken("I-07", now, `${name(tcb)} takes back ${-seqDiff(edge, watch.edge)} octets of its window`);
    // RFC 9293 s3.8.6.2.2 (MUST-39): the edge moves by a segment or half of the buffer, or not at all, where policy keeps it.
    const gain = watch.spoke ? seqDiff(edge, watch.edge) : 0;
    // A field that is full tells of less than there is: such an edge creeps with what arrives.
    const full = seg.wnd === 0xffff || watch.full;
    watch.full = seg.wnd === 0xffff;
    const least = Math.min(tcb.rcv.buffer >> 1, tcb.rcv.mss, tcb.snd.mss);
    const kept = !this.#policy.windowFollowsRoom;
    if (kept && gain >= unit && !full && tcb.state >= State.Established && !tcb.rcv.finSeen && gain + 2 * unit < least)
      this.#broken("I-07", now, `${name(tcb)} moves its right edge by ${gain} octets, ${least} are worth it`);
    if (!watch.spoke || gain > 0) watch.edge = edge;
    watch.acked = seg.ack;
    watch.spoke = true;
    if (watch.unackedSince !== NEVER && seg.ack === tcb.rcv.nxt) watch.unackedSince = NEVER;
  }

  /** I-21: initial sequence numbers of different connections differ by more than their clock (RFC 6528). */
  #checkInitial(tcb: Tcb, now: Micros): void {
    this.#offsets.set(`${tcb.local}:${tcb.localPort}>${tcb.remote}:${tcb.remotePort}`, (tcb.iss - (Math.floor(now / 4) % 2 ** 32)) | 0);
    if (this.#offsets.size >= 4 && new Set(this.#offsets.values()).size === 1)
      this.#broken("I-21", now, `${name(tcb)}: ${this.#offsets.size} connections, one offset of the initial sequence number`);
  }

  /** I-17. */
  #checkTimeWait(tcb: Tcb, watch: ConnectionWatch, why: number, now: Micros): void {
    const stayed = now - watch.timeWaitAt;
    // RFC 6191 s2, RFC 9293 s3.6.1: only a SYN that cannot be an old one ends it.
    const stamped = this.#policy.timestamps && this.#lastTimestamp !== null;
    const newer = stamped && (!(tcb.flags & Flag.Timestamps) || ((this.#lastTimestamp! - tcb.rcv.tsRecent) | 0) > 0);
    if (why === St.TimeWaitReused && !newer && !seqGt(this.#lastSeq, tcb.rcv.nxt))
      this.#broken("I-17", now, `${name(tcb)} gave way to an old SYN`);
    if (watch.timeWaitAt === NEVER || stayed >= this.#policy.timeWait || earlyEnds.includes(why)) return;
    if (why === St.RcvRst && !this.#policy.timeWaitIgnoresReset) return;
    this.#broken("I-17", now, `${name(tcb)} left TIME-WAIT after ${stayed} us (${whyName(why)})`);
  }

  /** I-11: no more ACKs than segments came, and those that say something by themselves. */
  #checkEconomy(tcb: Tcb, watch: ConnectionWatch, now: Micros): void {
    if (watch.bareAcks > watch.received + watch.unasked)
      this.#broken(
        "I-11",
        now,
        `${name(tcb)} sent ${watch.bareAcks} ACKs for ${watch.received} segments and ${watch.unasked} reasons of its own`,
      );
  }

  #checkAtRest(tcb: Tcb, watch: ConnectionWatch, now: Micros): void {
    const { snd, rcv } = tcb;
    // I-06
    if (seqGt(snd.una, snd.nxt)) this.#broken("I-06", now, `${name(tcb)} SND.UNA ${rel(tcb, snd.una)} > SND.NXT ${rel(tcb, snd.nxt)}`);
    if (seqGt(snd.nxt, watch.sent))
      this.#broken("I-06", now, `${name(tcb)} SND.NXT ${rel(tcb, snd.nxt)} > SND.MAX ${rel(tcb, watch.sent)}`);
    if (seqLt(snd.una, watch.una))
      this.#broken("I-06", now, `${name(tcb)} SND.UNA went back to ${rel(tcb, snd.una)} from ${rel(tcb, watch.una)}`);
    if (seqDiff(watch.sent, snd.una) > 2 ** 30 + 65_536)
      this.#broken("I-06", now, `${name(tcb)} has ${seqDiff(watch.sent, snd.una)} octets in flight`);
    watch.una = snd.una;
    if (watch.fired >= 0)
      this.#broken("I-15", now, `${name(tcb)} let timer ${watch.fired} fire without sending anything (hold ${tcb.hold})`);
    watch.fired = -1;
    if (tcb.state === State.SynSent) return;
    // I-05: what was accepted was offered; a FIN may lie just behind the edge of a closed window.
    if (watch.spoke && seqGt(rcv.nxt, seqAdd(watch.edge, 2 ** rcv.scale)))
      this.#broken("I-05", now, `${name(tcb)} accepted ${seqDiff(rcv.nxt, watch.edge)} octets beyond its window`);
    // I-03: queues within their buffers.
    if (tcb.sendQueue.length > tcb.snd.buffer)
      this.#broken("I-03", now, `${name(tcb)} queues ${tcb.sendQueue.length} octets of ${tcb.snd.buffer}`);
    // A window that says all the room there is rounds it up to its unit.
    const spare = this.#policy.windowFollowsRoom ? 2 ** rcv.scale - 1 : 0;
    if (tcb.receiveQueue.length > tcb.rcv.buffer + spare)
      this.#broken("I-03", now, `${name(tcb)} holds ${tcb.receiveQueue.length} octets of ${tcb.rcv.buffer}`);
    if (tcb.flags & Flag.Orphan && tcb.receiveQueue.length > 0)
      this.#broken("I-04", now, `${name(tcb)} has taken ${tcb.receiveQueue.length} octets that no application will read`);
    if (tcb.state >= State.Established) this.#checkCongestion(tcb, now);
    this.#checkAckDelay(tcb, watch, now);
    this.#checkTimers(tcb, now);
  }

  /** I-08. */
  #checkCongestion(tcb: Tcb, now: Micros): void {
    const { snd, cc } = tcb;
    if (cc.window() < snd.mss) this.#broken("I-08", now, `${name(tcb)} cwnd ${cc.window()} < SMSS ${snd.mss}`);
    if (cc.threshold() < 2 * snd.mss) this.#broken("I-08", now, `${name(tcb)} ssthresh ${cc.threshold()} < 2 * SMSS ${snd.mss}`);
  }

  /** I-08: new text goes only while the pipe fits the window, limited transmit's two segments apart. */
  #checkPipe(tcb: Tcb, octets: number, now: Micros): void {
    const { snd, cc, recovery } = tcb;
    const pipe = recovery.pipe(snd.una, snd.nxt, snd.mss);
    if (pipe > 0 && pipe + octets > recovery.window(cc.window()) + 2 * snd.mss)
      this.#broken(
        "I-08",
        now,
        `${name(tcb)} sends ${octets} octets of new text with ${pipe} in the pipe and a window of ${recovery.window(cc.window())}`,
      );
  }

  /** I-16: at the end of a turn less than two full segments wait for an ACK (what came in one turn shares one), and none for
   *  half a second. */
  #checkAckDelay(tcb: Tcb, watch: ConnectionWatch, now: Micros): void {
    const { rcv } = tcb;
    if (!watch.spoke || rcv.nxt === watch.acked || tcb.state < State.Established) {
      watch.unackedSince = NEVER;
      return;
    }
    if (watch.unackedSince === NEVER) watch.unackedSince = now;
    const waiting = seqDiff(rcv.nxt, watch.acked);
    if (now - watch.unackedSince >= HALF_SECOND)
      this.#broken("I-16", now, `${name(tcb)} has left ${waiting} octets without an ACK for ${now - watch.unackedSince} us`);
    if (rcv.mss > 0 && waiting >= 2 * rcv.mss)
      this.#broken("I-16", now, `${name(tcb)} leaves ${waiting} octets without an ACK, RMSS ${rcv.mss}`);
  }

  /** I-18: four timers at most. I-15: whatever waits has a timer that will not let it wait for ever. */
  #checkTimers(tcb: Tcb, now: Micros): void {
    const armed = [tcb.rexmitAt, tcb.ackAt, tcb.idleAt, tcb.userAt, tcb.swsAt].filter((at) => at !== NEVER).length;
    if (armed > 4) this.#broken("I-18", now, `${name(tcb)} has ${armed} timers`);
    if (tcb.snd.una !== tcb.snd.nxt && tcb.rexmitAt === NEVER)
      this.#broken("I-15", now, `${name(tcb)} has ${seqDiff(tcb.snd.nxt, tcb.snd.una)} octets outstanding and no timer`);
    const synchronized =
      tcb.state === State.Established ||
      tcb.state === State.CloseWait ||
      tcb.state === State.FinWait1 ||
      tcb.state === State.Closing ||
      tcb.state === State.LastAck;
    const unsent =
      seqDiff(seqAdd(tcb.snd.text, tcb.sendQueue.length), tcb.snd.nxt) > 0 || (tcb.flags & Flag.FinQueued && !(tcb.flags & Flag.FinSent));
    if (synchronized && unsent && tcb.rexmitAt === NEVER && tcb.swsAt === NEVER && tcb.paceAt === NEVER)
      this.#broken("I-15", now, `${name(tcb)} has text to send and no timer (hold ${tcb.hold})`);
  }

  #watch(tcb: Tcb): ConnectionWatch {
    let watch = this.#watches.get(tcb.handle);
    if (watch === undefined || watch.iss !== tcb.iss) {
      watch = new ConnectionWatch(tcb);
      this.#watches.set(tcb.handle, watch);
    }
    watch.tcb = tcb;
    this.#touched.add(watch);
    return watch;
  }

  #broken(id: string, now: Micros, text: string): void {
    this.violations.report(id, this.host, this.#event, now, text);
  }
}

const textLength = (seg: Segment): number => (seg.flags & RST ? 0 : seg.len - (seg.flags & SYN ? 1 : 0) - (seg.flags & FIN ? 1 : 0));
const rel = (tcb: Tcb, at: Seq): number => seqDiff(at, tcb.iss);
const name = (tcb: Tcb): string => `${tcb.localPort}>${tcb.remotePort} ${stateNames[tcb.state]}`;
const isRetransmissionByTimer = (why: number): boolean => why === Rtx.Rto || why === Rtx.Syn;
/** Reasons of the groups `Tx` and `Rtx`. */
const isSending = (why: number): boolean => why > 0 && why < 60;
