/** What all handlers share: the tables, the timers, the secrets, and the few ways in which they change a connection. */
import type { Cause } from "../base/cause.js";
import { type FlowOwner, type Micros, NEVER, type Random, SECOND } from "../base/environment.js";
import type { Memory } from "../base/memory.js";
import { type Seq, seqAdd } from "../base/seq.js";
import { SipKey } from "../base/siphash.js";
import type { Tally } from "../base/tally.js";
import { TimerWheel } from "../base/timer-wheel.js";
import { TokenBucket } from "../base/token-bucket.js";
import { St, Tm, Tx } from "../base/why.js";
import type { IpAddress } from "../ip/address.js";
import type { Network } from "../ip/network.js";
import { Applications } from "./applications.js";
import { beginBuffers } from "./autotune.js";
import type { ControllerFactory } from "./congestion/controller.js";
import { Controllers } from "./congestion/index.js";
import { defaultConnectionOptions, OptionSets } from "./connection-options.js";
import { deadline, noteSlow, setDeadline } from "./deadlines.js";
import { Demux, Form } from "./demux.js";
import { CloseError, TcpEvent } from "./events.js";
import { cookieKey, FastOpen, FastOpenMemory } from "./fast-open.js";
import { concludeFastOpen } from "./fast-open-handshake.js";
import { canFreeze, FrozenRows, freeze, frozenDeadline, frozenFlags, giveTimeWaitRow, isTimeWaitRow, thaw } from "./frozen.js";
import { endHolds } from "./hold.js";
import { Secrets } from "./isn.js";
import type { TcpLimits } from "./limits.js";
import type { Listener } from "./listener.js";
import { learnPath, PathHistory } from "./path-history.js";
import type { TcpPolicy } from "./policy.js";
import { EphemeralPorts } from "./ports.js";
import { type TcpProbe, type Timer, TimerEvent } from "./probe.js";
import { recoveries, recoveryFor } from "./recovery/index.js";
import { SentRecords } from "./recovery/sent.js";
import { SentPool } from "./recovery/sent-pool.js";
import { Segment } from "./segment.js";
import { SourceCounts } from "./source-counts.js";
import { mayEnter, State, stateNames } from "./state.js";
import { clear, Flag, has, Owe, Tcb } from "./tcb.js";
import { TimeWaits } from "./time-waits.js";
import { Turn } from "./turn.js";

/** Where the probe is; the stack changes it while running. */
export interface ProbeSlot {
  probe: TcpProbe | null;
}

export interface TcpParts {
  readonly network: Network;
  readonly memory: Memory;
  readonly random: Random;
  readonly tally: Tally;
  readonly cause: Cause;
  readonly policy: TcpPolicy;
  readonly limits: TcpLimits;
  readonly probes: ProbeSlot;
  /** Congestion controllers beside those that are built in, by name. */
  readonly controllers?: Readonly<Record<string, ControllerFactory>>;
  /** Absent: every flow is ours. */
  readonly owns?: FlowOwner | null;
  /** A user call has left something to flush or to deliver. */
  readonly work: () => void;
  /** An application's callback threw. */
  readonly applicationError: (error: unknown) => void;
}

/** An open connection with nothing to do becomes a row after so long. */
const FREEZE_AFTER: Micros = 2 * SECOND;
/** Connections that the hand passes for each that has spoken. */
const STEPS = 2;
/** TCBs kept for the next connections. */
const SPARE_TCBS = 1_024;

export class Core {
  readonly network: Network;
  readonly memory: Memory;
  readonly view: DataView;
  readonly tally: Tally;
  readonly cause: Cause;
  policy: TcpPolicy;
  readonly limits: TcpLimits;
  readonly probes: ProbeSlot;
  readonly owns: FlowOwner | null;
  readonly work: () => void;
  readonly applicationError: (error: unknown) => void;
  /** The option set of connections whose opener says nothing. */
  defaultSet = 0;

  readonly secrets: Secrets;
  readonly ports: EphemeralPorts;
  readonly demux: Demux;
  /** Connections that peers have opened. */
  readonly sources: SourceCounts;
  readonly wheel: TimerWheel;
  readonly optionSets: OptionSets;
  readonly fastOpenMemory: FastOpenMemory;
  /** Null: connections share nothing (`policy.sharing`). */
  history: PathHistory | null = null;
  /** The keys of Fast Open cookies: the one in use, and the one before it. */
  cookieKeys: readonly SipKey[];
  readonly rows: FrozenRows;
  readonly resets: TokenBucket;
  readonly challenges: TokenBucket;

  /** What is being received and what is being sent. */
  readonly seg = new Segment();
  readonly out = new Segment();
  /** How long a link that paces is to hold it (pacing.ts). */
  wait: Micros = 0;

  /** The longer of the intervals in which a connection answers once what should not have come. */
  readonly #answerInterval: Micros;

  /** Live connections; the demux knows the index. */
  readonly live: Tcb[] = [];
  /** With so many of them it gets narrow: seven eighths of `limits.live`. */
  readonly #narrow: number;
  /** Which of them the hand looks at next. */
  #hand = 0;
  readonly #spare: Tcb[] = [];
  readonly #random: Random;
  readonly #sentPool = new SentPool();
  readonly turn = new Turn();
  /** Handles of connections that found no memory for a first octet, the longest waiting first. */
  readonly #starved: number[] = [];
  /** Listeners by port. */
  readonly listeners = new Map<number, Listener[]>();
  readonly applications = new Applications();
  readonly timeWaits: TimeWaits;
  readonly controllers: Controllers;

  constructor(parts: TcpParts, now: Micros) {
    this.network = parts.network;
    this.memory = parts.memory;
    this.view = parts.memory.arena.view;
    this.tally = parts.tally;
    this.cause = parts.cause;
    this.policy = parts.policy;
    this.limits = parts.limits;
    this.#narrow = parts.limits.live - (parts.limits.live >> 3);
    this.probes = parts.probes;
    this.owns = parts.owns ?? null;
    this.work = parts.work;
    this.applicationError = parts.applicationError;
    this.#answerInterval = Math.max(parts.policy.challengeInterval, parts.policy.invalidAckInterval);
    this.secrets = new Secrets(parts.random);
    this.controllers = new Controllers(parts.controllers ?? {}, parts.random);
    this.controllers.check(parts.policy.congestionControl, "stack");
    this.ports = new EphemeralPorts(parts.random);
    this.demux = new Demux(parts.random, parts.limits.connections);
    this.sources = new SourceCounts(parts.random, parts.limits.connections);
    this.wheel = new TimerWheel(now);
    this.timeWaits = new TimeWaits(this.demux, parts.limits.timeWaits);
    this.optionSets = new OptionSets(defaultConnectionOptions(parts.policy));
    this.rows = new FrozenRows(parts.limits.connections);
    this.resets = new TokenBucket(parts.limits.resetsPerSecond, parts.limits.resetsPerSecond, now, parts.random);
    this.challenges = new TokenBucket(parts.limits.challengesPerSecond, parts.limits.challengesPerSecond, now, parts.random);
    this.fastOpenMemory = new FastOpenMemory(parts.random, parts.limits.fastOpenServers);
    const { fastOpenKeys } = parts.policy;
    this.cookieKeys = fastOpenKeys.length > 0 ? fastOpenKeys.map(cookieKey) : [new SipKey(parts.random)];
    this.#random = parts.random;
    this.share();
  }

  /** Begins to remember paths, or forgets them, as policy says. */
  share(): void {
    if (this.policy.sharing === "none") this.history = null;
    else this.history ??= new PathHistory(this.#random, this.limits.pathHistories);
  }

  /** A new live connection in CLOSED, not yet in the table of 4-tuples; null when there are as many as there may be. */
  create(optionSet: number, now: Micros): Tcb | null {
    const handle = this.demux.allocate(Form.Live);
    if (handle === 0) return null;
    const slot = this.demux.slot(handle);
    const tcb = this.#takeTcb(optionSet);
    tcb.handle = handle;
    tcb.slot = slot;
    tcb.rto = tcb.options.rtoInitial;
    beginBuffers(this, tcb);
    if (this.policy.ackRule === "fixed") tcb.quickAcks = this.policy.quickAcks;
    tcb.openedAt = now;
    tcb.lastHeardAt = now;
    tcb.freezeAt = now + FREEZE_AFTER;
    tcb.slowAt = tcb.freezeAt;
    this.#enlist(tcb);
    this.applications.set(slot, null);
    return tcb;
  }

  /** A new live connection that `remote` has opened; null when there are as many as there may be. */
  createPassive(listener: Listener, local: IpAddress, localPort: number, remote: IpAddress, remotePort: number, now: Micros): Tcb | null {
    const tcb = this.create(listener.optionSet, now);
    if (tcb === null) return null;
    tcb.local = local;
    tcb.remote = remote;
    tcb.localPort = localPort;
    tcb.remotePort = remotePort;
    tcb.listener = listener.handle;
    tcb.flags |= Flag.Passive;
    this.sources.add(remote, 1);
    this.demux.enter(tcb.slot, local, localPort, remote, remotePort);
    return tcb;
  }

  /** The live connection in a slot, thawed if it was frozen; null for a listener or a free slot. `due`: when its timer was, if the wheel
   *  has forgotten. */
  resolve(slot: number, due: Micros = NEVER): Tcb | null {
    const index = this.demux.liveAt(slot);
    if (index >= 0) return this.live[index]!;
    if (this.demux.form(slot) !== Form.Row) return null;
    const row = this.demux.where(slot);
    const tcb = this.#takeTcb(0);
    const wheelAt = this.wheel.deadline(slot);
    thaw(this.rows, row, tcb, Math.min(due, wheelAt), this.controllers, this.policy);
    this.beginRecovery(tcb, seqAdd(tcb.snd.una, -1));
    tcb.options = this.optionSets.at(tcb.optionSet);
    tcb.handle = this.demux.handleOf(slot);
    tcb.slot = slot;
    tcb.local = this.demux.local(slot);
    tcb.remote = this.demux.remote(slot);
    tcb.localPort = this.demux.localPort(slot);
    tcb.remotePort = this.demux.remotePort(slot);
    if (this.policy.ackRule === "fixed") tcb.quickAcks = this.policy.quickAcks; // whoever sends after a pause starts slowly again (RFC 5681 s4.1)
    tcb.rcv.guess = tcb.rcv.mss;
    beginBuffers(this, tcb);
    tcb.heardBefore = tcb.lastHeardAt;
    tcb.freezeAt = tcb.lastHeardAt + FREEZE_AFTER;
    tcb.wheelAt = wheelAt;
    noteSlow(tcb);
    this.#enlist(tcb);
    return tcb;
  }

  listener(handle: number): Listener | null {
    const slot = this.demux.slot(handle);
    if (slot === 0 || this.demux.form(slot) !== Form.Listener) return null;
    for (const listener of this.listeners.get(this.demux.where(slot)) ?? []) if (listener.handle === handle) return listener;
    return null;
  }

  /** Recovery begins behind the initial sequence number, as it is agreed: with SACK or without. */
  beginRecovery(tcb: Tcb, iss: Seq): void {
    const name = recoveryFor(this.policy, has(tcb, Flag.Sack));
    if (tcb.recovery.name !== name) tcb.recovery = recoveries[name](tcb.sent, this.policy);
    tcb.recovery.begin(iss);
  }

  /** The connection will be flushed at the end of the turn. */
  touch(tcb: Tcb): void {
    if (tcb.touched) return;
    tcb.touched = true;
    this.turn.touch(tcb);
  }

  /** Text has arrived in order, or the FIN behind it, its application is about to hear of that, and nothing else is to be said: the ACK may wait
   *  for the reply, or for our own FIN; and where it waits for a timer there is nothing to say before. */
  awaitsReply(tcb: Tcb): boolean {
    if (tcb.owes !== Owe.DelayedAck) {
      if (has(tcb, Flag.Postponed)) return false; // once is enough
      if ((tcb.owes & ~Owe.DelayedAck) !== Owe.Ack || !mayGoWithReply(tcb)) return false;
    }
    if (tcb.sendQueue.length > 0 || this.demux.events(tcb.slot) === 0) return false;
    return this.applications.at(tcb.slot) !== null;
  }

  postpone(tcb: Tcb): void {
    if (tcb.owes & Owe.Ack) tcb.flags |= Flag.Postponed;
    this.turn.postpone(tcb);
  }

  /** The connection could not queue a first octet: the memory is in use. */
  starve(tcb: Tcb): void {
    if (has(tcb, Flag.Starved)) return;
    tcb.flags |= Flag.Starved;
    this.#starved.push(tcb.handle);
  }

  /** Memory has come back: those who wait for it hear of room, as many as there are chunks. */
  feed(): void {
    for (let room = this.memory.chunks.available; room > 0 && this.#starved.length > 0; room--) {
      const slot = this.demux.slot(this.#starved.shift()!);
      const tcb = slot === 0 ? null : this.resolve(slot);
      if (tcb === null) continue;
      tcb.flags &= ~(Flag.Starved | Flag.WantsRoom);
      this.rearm(tcb);
      this.tell(tcb, TcpEvent.Writable);
    }
  }

  /** An ACK is owed, because of what is being handled. The first reason stands: it is the one that could not wait. */
  oweAck(tcb: Tcb, why: number): void {
    if ((tcb.owes & Owe.Ack) === 0) {
      tcb.owes |= Owe.Ack;
      tcb.ackWhy = why;
      tcb.ackCause = this.cause.id;
    }
    this.touch(tcb);
  }

  /** True when the application has let go of the connection in the slot. */
  isOrphan(slot: number): boolean {
    const index = this.demux.liveAt(slot);
    if (index >= 0) return has(this.live[index]!, Flag.Orphan);
    return this.demux.form(slot) === Form.Row && (frozenFlags(this.rows, this.demux.where(slot)) & Flag.Orphan) !== 0;
  }

  /** The application of the connection is to hear of it, if there is one left. */
  tell(tcb: Tcb, events: number): void {
    if (!has(tcb, Flag.Orphan)) this.emit(tcb.slot, events);
  }

  emit(slot: number, events: number): void {
    if (this.demux.addEvents(slot, events)) this.turn.noteEvents(slot);
  }

  /** Calls the applications. Events of a connection that has none wait for `attach`. */
  deliver(): void {
    for (let slot = this.turn.nextEventful(); slot !== 0; slot = this.turn.nextEventful()) {
      const application = this.applications.at(slot);
      const events = this.demux.events(slot);
      if (application === null || events === 0) continue;
      this.demux.clearEvents(slot);
      this.cause.begin();
      try {
        application.onEvents(this.demux.handleOf(slot), events);
      } catch (error) {
        this.applicationError(error);
      }
      if (this.live.length <= this.#narrow) continue;
      const index = this.demux.liveAt(slot);
      if (index < 0) continue;
      const tcb = this.live[index]!;
      if (!tcb.touched && this.#visits(tcb)) this.refreeze(tcb);
    }
  }

  /** Events that waited for an application are delivered again. */
  reemit(slot: number): void {
    if (this.demux.events(slot) !== 0) this.turn.noteEvents(slot);
  }

  drop(tcb: Tcb | null, why: number, now: Micros): void {
    this.tally.add(why);
    const probe = this.probes.probe;
    if (probe?.segmentDropped) probe.segmentDropped(tcb, this.seg, why, this.cause.id, now);
  }

  /** The one way in which a state changes: the edge must exist in RFC 9293 figure 5. */
  enter(tcb: Tcb, state: State, why: number, now: Micros, cause: number = this.cause.id): void {
    const old = tcb.state;
    if (!mayEnter(old, state)) throw new Error(`${stateNames[old]} to ${stateNames[state]} is no edge of RFC 9293 figure 5`);
    if (old === State.SynReceived && tcb.listener !== 0 && has(tcb, Flag.Passive)) {
      const listener = this.listener(tcb.listener);
      if (listener !== null) {
        listener.halfOpen -= 1;
        if (tcb.fastOpen & FastOpen.Early) listener.early -= 1;
      }
    }
    if (old === State.TimeWait) this.timeWaits.count -= 1;
    tcb.state = state;
    this.tally.add(why);
    if (state === State.TimeWait) {
      learnPath(this, tcb, now);
      this.#noteTimeWait(tcb, now);
    }
    const probe = this.probes.probe;
    if (probe?.stateChanged) probe.stateChanged(tcb, old, why, cause, now);
  }

  /** Arms a timer, moves it or stops it (`at` NEVER). */
  arm(tcb: Tcb, timer: Timer, at: Micros, why: number, now: Micros): void {
    const old = setDeadline(tcb, timer, at);
    if (old === at) return;
    const probe = this.probes.probe;
    if (probe?.timerUpdated) {
      const event = at === NEVER ? TimerEvent.Cancelled : TimerEvent.Set;
      probe.timerUpdated(tcb, timer, event, at, why, this.cause.id, now);
    }
  }

  /** Tells the probe that a timer is due; its deadline is cleared. */
  expired(tcb: Tcb, timer: Timer, why: number, now: Micros): void {
    this.tally.add(why);
    const probe = this.probes.probe;
    if (probe?.timerUpdated) probe.timerUpdated(tcb, timer, TimerEvent.Expired, now, why, this.cause.id, now);
    if (probe?.timerExpired) probe.timerExpired(tcb, timer, why, this.cause.id, now);
  }

  /** What arrived is no segment that can be believed. */
  reject(why: number, now: Micros): void {
    this.tally.add(why);
    const probe = this.probes.probe;
    if (probe?.dropped) probe.dropped(null, why, this.cause.id, now);
  }

  congestionChanged(tcb: Tcb, why: number, now: Micros): void {
    this.tally.add(why);
    const probe = this.probes.probe;
    if (probe?.congestionChanged) probe.congestionChanged(tcb, why, this.cause.id, now);
  }

  /** After a connection has been flushed: its row, its place in the wheel, or its end. */
  settle(tcb: Tcb, now: Micros): void {
    if (tcb.state === State.Closed) return;
    tcb.lively = true;
    const short = tcb.state === State.SynReceived || tcb.state === State.TimeWait;
    if (short || tcb.slowAt <= now) {
      const quiet = short || (tcb.freezeAt <= now && now - tcb.lastHeardAt >= FREEZE_AFTER);
      const provoked = this.#isProvoked(tcb, now);
      if (quiet && !provoked && this.refreeze(tcb)) return;
      if (short) tcb.freezeAt = now + (provoked ? this.#answerInterval : FREEZE_AFTER);
      // What keeps it live will touch it when it is gone, unless only time does.
      else if (tcb.freezeAt <= now) tcb.freezeAt = quiet && !provoked ? NEVER : now + FREEZE_AFTER;
      noteSlow(tcb);
    } else if (tcb.freezeAt === NEVER) {
      tcb.freezeAt = now + FREEZE_AFTER;
      noteSlow(tcb);
    }
    if (this.live.length > this.#narrow && this.#visits(tcb) && this.refreeze(tcb)) return;
    this.rearm(tcb);
    if (this.live.length > this.limits.live) this.#thin(now);
  }

  /** It had been a row for long: where it is narrow, it goes as it came, while it is in the cache. Of millions, another speaks next. */
  #visits(tcb: Tcb): boolean {
    return tcb.lastHeardAt - tcb.heardBefore >= FREEZE_AFTER && !this.#isProvoked(tcb, tcb.lastHeardAt);
  }

  /** A row does not know when it answered last: who is provoked stays an object, so that the limits of RFC 5961 s7 hold. */
  #isProvoked(tcb: Tcb, now: Micros): boolean {
    return now - Math.max(tcb.challengedAt, tcb.invalidAckAt) < this.#answerInterval;
  }

  /** Moves the hand over the live connections ("second chance", F. J. Corbató, 1968): who has been quiet for a round of it becomes a row. */
  #thin(now: Micros): void {
    for (let step = 0; step < STEPS && this.live.length > this.limits.live; step++) {
      if (this.#hand >= this.live.length) this.#hand = 0;
      const tcb = this.live[this.#hand]!;
      // Another takes the place of one that goes.
      if (!tcb.lively && !tcb.touched && !this.#isProvoked(tcb, now) && this.refreeze(tcb)) continue;
      tcb.lively = false;
      this.#hand += 1;
    }
  }

  /** The wheel holds a deadline that is not later than the connection's: most move away before they come, and cost nothing so. */
  rearm(tcb: Tcb): void {
    const at = deadline(tcb);
    if (at >= tcb.wheelAt) return;
    tcb.wheelAt = at;
    this.wheel.set(tcb.slot, at);
  }

  /** Makes a row of a live connection that does nothing; false if it does something, or has something to tell. */
  refreeze(tcb: Tcb): boolean {
    if (this.demux.events(tcb.slot) !== 0 || !canFreeze(tcb)) return false;
    const due = frozenDeadline(tcb);
    const row = freeze(this.rows, tcb, this.controllers);
    if (row < 0) return false;
    this.#retire(tcb);
    this.demux.place(tcb.slot, Form.Row, row);
    this.wheel.set(tcb.slot, due);
    this.#giveTcb(tcb);
    return true;
  }

  /** The connection is over: out of the table, timers stopped, the application told. What it has not read it may still read. */
  finish(tcb: Tcb, error: number, why: number, now: Micros): void {
    if (tcb.fastOpen !== 0) concludeFastOpen(this, tcb, now);
    const told = tcb.state === State.TimeWait; // it was over for the application then
    if (!told) learnPath(this, tcb, now);
    const listener = tcb.listener !== 0 && has(tcb, Flag.Unaccepted) ? this.listener(tcb.listener) : null;
    if (tcb.state !== State.Closed) this.enter(tcb, State.Closed, why, now);
    endHolds(tcb, now);
    if (tcb.local !== 0 || tcb.localPort !== 0) {
      this.demux.leave(tcb.slot);
      this.ports.left(tcb.local, tcb.localPort, tcb.remote, tcb.remotePort);
    }
    tcb.error = error;
    tcb.owes = 0;
    tcb.rexmitAt = tcb.probeAt = tcb.ackAt = tcb.idleAt = tcb.userAt = tcb.swsAt = tcb.paceAt = tcb.freezeAt = tcb.slowAt = NEVER;
    this.wheel.cancel(tcb.slot);
    tcb.sendQueue.clear();
    tcb.sent.release();
    tcb.outOfOrder.clear();
    tcb.receiveQueue.trim();
    const kept = listener?.holds(tcb.handle) === true && this.policy.acceptsEnded && !has(tcb, Flag.Orphan);
    // RFC 9293 s3.10.7.4 flushes all queues. What came before a RST is still good: the application reads it first. Deviation: reset-keeps-text
    if (error !== CloseError.None && error !== CloseError.Reset && !kept) tcb.receiveQueue.clear();
    if (!kept) listener?.remove(tcb.handle);
    if (
      !kept &&
      (has(tcb, Flag.Orphan) || has(tcb, Flag.Unaccepted) || (has(tcb, Flag.Passive) && this.applications.at(tcb.slot) === null))
    ) {
      this.release(tcb);
      return;
    }
    if (!told) this.tell(tcb, TcpEvent.Closed | (error === CloseError.None ? 0 : TcpEvent.Readable));
  }

  /** The end of a TIME-WAIT that is due, as `expire` and `finish` have it, straight from the row: as many leave as come, and an object made for each
   *  would cost more than its leaving. False: it is none, or somebody has to be told. */
  leaveTimeWait(slot: number): boolean {
    const { demux } = this;
    if (this.probes.probe !== null || demux.form(slot) !== Form.Row) return false;
    const row = demux.where(slot);
    if (!isTimeWaitRow(row)) return false;
    const flags = frozenFlags(this.rows, row);
    if ((flags & Flag.Orphan) === 0) return false;
    this.cause.begin();
    this.tally.add(Tm.TimeWait);
    this.tally.add(St.TimeWaitOver);
    this.timeWaits.count -= 1;
    demux.leave(slot);
    this.ports.left(demux.local(slot), demux.localPort(slot), demux.remote(slot), demux.remotePort(slot));
    if (flags & Flag.Passive) this.sources.add(demux.remote(slot), -1);
    this.applications.set(slot, null);
    giveTimeWaitRow(this.rows, row);
    demux.free(slot);
    return true;
  }

  /** Forgets a connection that is CLOSED and that nobody holds. */
  release(tcb: Tcb): void {
    const slot = tcb.slot;
    if (has(tcb, Flag.Passive)) this.sources.add(tcb.remote, -1);
    this.#retire(tcb);
    this.applications.set(slot, null);
    this.demux.free(slot);
    // A touched one is still in the list of this turn: the flush gives it back.
    if (!tcb.touched) this.#giveTcb(tcb);
    else tcb.handle = 0;
  }

  /** Returns a connection that was released while it was touched. */
  recycle(tcb: Tcb): void {
    tcb.touched = false;
    this.#giveTcb(tcb);
  }

  /** The name of the controller that a connection with these options has. */
  controllerOf(options: { readonly congestionControl: string }): string {
    return options.congestionControl || this.policy.congestionControl;
  }

  /** RFC 9293 s3.6.1 keeps TIME-WAIT for 2 MSL; memory has an end, so the oldest goes when there are too many. Deviation: time-wait-limit */
  #noteTimeWait(tcb: Tcb, now: Micros): void {
    this.timeWaits.add(tcb.handle);
    for (let slot = this.timeWaits.excess(); slot !== 0; slot = this.timeWaits.excess()) {
      const oldest = this.resolve(slot);
      if (oldest !== null && oldest.state === State.TimeWait && oldest !== tcb) this.finish(oldest, CloseError.None, St.ResourceLimit, now);
    }
  }

  #takeTcb(optionSet: number): Tcb {
    const options = this.optionSets.at(optionSet);
    const tcb = this.#spare.pop() ?? this.#newTcb();
    tcb.optionSet = optionSet;
    tcb.options = options;
    const name = this.controllerOf(options);
    if (tcb.cc.name !== name) tcb.cc = this.controllers.make(name);
    return tcb;
  }

  /** A TCB of no connection. */
  blank(): Tcb {
    return this.#newTcb();
  }

  #newTcb(): Tcb {
    const options = this.optionSets.at(0);
    const sent = new SentRecords(this.#sentPool);
    const recovery = recoveries[recoveryFor(this.policy, true)](sent, this.policy);
    const tcb = new Tcb(
      this.memory.chunks,
      this.limits.outOfOrderRanges,
      options,
      this.controllers.make(this.controllerOf(options)),
      sent,
      recovery,
    );
    clear(tcb);
    return tcb;
  }

  #giveTcb(tcb: Tcb): void {
    clear(tcb);
    if (this.#spare.length < SPARE_TCBS) this.#spare.push(tcb);
  }

  #enlist(tcb: Tcb): void {
    this.demux.place(tcb.slot, Form.Live, this.live.length);
    this.live.push(tcb);
  }

  #retire(tcb: Tcb): void {
    const index = this.demux.where(tcb.slot);
    const last = this.live.pop()!;
    if (last !== tcb) {
      this.live[index] = last;
      this.demux.place(last.slot, Form.Live, index);
    }
  }
}

const mayGoWithReply = ({ ackWhy, state }: Tcb): boolean =>
  ackWhy === Tx.AckQuick || ackWhy === Tx.AckEverySecond || (ackWhy === Tx.AckFin && state === State.CloseWait);
