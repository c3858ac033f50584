/** TCP as a stack and an application see it: RFC 9293 s3.9.1 (user interface), s3.9.2 (lower level). A thin front: each rule is in
 *  the file that is named for it. */
import { type Micros, NEVER } from "../base/environment.js";
import { type ErrorCode, networkError } from "../base/errors.js";
import type { Memory } from "../base/memory.js";
import { St, Tx } from "../base/why.js";
import type { IpAddress } from "../ip/address.js";
import type { QuotedError } from "../ip/icmp/error.js";
import type { Datagram } from "../ip/network.js";
import { arrives } from "./arrives.js";
import { type ConnectionOptions, defaultConnectionOptions } from "./connection-options.js";
import { Core, type TcpParts } from "./core.js";
import { deadline } from "./deadlines.js";
import { setQuickAck } from "./delayed-ack.js";
import { Form } from "./demux.js";
import { type Application, CloseError, closeErrors } from "./events.js";
import { cookieKey } from "./fast-open.js";
import { synRoom } from "./fast-open-handshake.js";
import { ROW_SIZE, TIME_WAIT_ROW_SIZE } from "./frozen.js";
import { icmpError } from "./icmp.js";
import type { Listener } from "./listener.js";
import { output, resetFrom } from "./output.js";
import { announcedMss } from "./path.js";
import type { ShownHistory } from "./path-history.js";
import type { TcpPolicy } from "./policy.js";
import { showListener, showTcb } from "./show.js";
import { restore, snapshot } from "./snapshot.js";
import { State } from "./state.js";
import { Flag, has, Owe, type Tcb } from "./tcb.js";
import { expire } from "./timeouts.js";
import * as user from "./user.js";

/** Names a connection or a listener; never 0. Dead after `close` or `abort`: calls with it throw EBADF. */
export type Handle = number;

/** Connections whose timers are looked at in a turn. */
const MOST_TIMERS = 1_024;

export class Tcp {
  readonly #core: Core;
  readonly memory: Memory;
  /** What `lend` lends: [lentStart, lentStart + lentLength) in the arena. */
  lentStart = 0;
  lentLength = 0;

  constructor(parts: TcpParts, now: Micros) {
    this.#core = new Core(parts, now);
    this.memory = parts.memory;
  }

  // ---- for applications

  /** Opens a connection (RFC 9293 s3.9.1.1). Established or Closed follows. Throws EINVAL, ENETUNREACH, EADDRNOTAVAIL, EADDRINUSE, ENOBUFS. */
  connect(request: user.ConnectRequest, application: Application, now: Micros): Handle {
    this.#core.cause.begin();
    const tcb = user.connect(this.#core, request, application, now);
    this.#core.work();
    return tcb.handle;
  }

  /** Listens on a port. Acceptable follows for each connection. Throws EINVAL, EADDRINUSE, EADDRNOTAVAIL, ENOBUFS. */
  listen(request: user.ListenRequest, application: Application): Handle {
    return user.listen(this.#core, request, application);
  }

  /** The next connection of a listener, or 0. It has no application until `attach`. */
  accept(listener: Handle): Handle {
    const found = this.#listener(listener, "accept");
    for (let handle = found.shift(); handle !== 0; handle = found.shift()) {
      const slot = this.#core.demux.slot(handle);
      const tcb = slot === 0 ? null : this.#core.resolve(slot);
      if (tcb === null) continue;
      tcb.flags &= ~Flag.Unaccepted;
      this.#core.touch(tcb);
      this.#core.work();
      return handle;
    }
    return 0;
  }

  /** Gives a connection or a listener its application; events that waited for one are delivered. */
  attach(handle: Handle, application: Application): void {
    const slot = this.#slot(handle, "attach");
    this.#core.applications.set(slot, application);
    this.#core.reemit(slot);
    this.#core.work();
  }

  /** Connections that wait to be accepted. */
  waiting(listener: Handle): number {
    return this.#listener(listener, "waiting").waiting;
  }

  /** Queues octets of `source` (copied). Returns how many: fewer when the send buffer is full (Writable follows), -1 when
   *  nothing can be sent any more (`errorOf` says why, null: it was shut down). `more`: it is worth waiting for what follows. */
  send(handle: Handle, source: Uint8Array, offset: number, length: number, _now: Micros, more = false): number {
    const tcb = this.#connection(handle, "send");
    checkSpan(source, offset, length, "send");
    this.#core.cause.begin();
    const taken = user.send(this.#core, tcb, source, offset, length);
    tcb.more = more && taken === length;
    if (taken > 0) this.#core.work();
    return taken;
  }

  /** Copies received octets to `target`. Returns how many; 0: none now (Readable follows); -1: the end (`errorOf`: null if in order). */
  receive(handle: Handle, target: Uint8Array, offset: number, length: number, now: Micros): number {
    const tcb = this.#connection(handle, "receive");
    checkSpan(target, offset, length, "receive");
    const octets = user.receive(this.#core, tcb, target, offset, length, now);
    if (octets > 0) this.#core.work();
    return octets;
  }

  /** Copies received octets from `ahead` of the next one, and leaves them; returns how many. */
  peek(handle: Handle, ahead: number, target: Uint8Array, offset: number, length: number): number {
    const tcb = this.#connection(handle, "peek");
    checkSpan(target, offset, length, "peek");
    const octets = Math.max(0, Math.min(length, user.readable(tcb) - ahead));
    if (octets > 0) tcb.receiveQueue.copyOut(ahead, target, offset, octets);
    return octets;
  }

  /** As `send`, for several buffers in a row; returns how many octets of them it took, -1 when nothing can be sent any more. */
  sendVector(handle: Handle, sources: readonly Uint8Array[], now: Micros): number {
    let taken = 0;
    for (let i = 0; i < sources.length; i++) {
      const source = sources[i]!;
      const count = this.send(handle, source, 0, source.length, now);
      if (count < 0) return taken > 0 ? taken : count;
      taken += count;
      if (count < source.length) break;
    }
    return taken;
  }

  /** As `receive`, into several buffers in a row; returns how many octets, -1 at the end. */
  receiveVector(handle: Handle, targets: readonly Uint8Array[], now: Micros): number {
    let octets = 0;
    for (let i = 0; i < targets.length; i++) {
      const target = targets[i]!;
      const count = this.receive(handle, target, 0, target.length, now);
      if (count < 0) return octets > 0 ? octets : count;
      octets += count;
      if (count < target.length) break;
    }
    return octets;
  }

  /** Lends received octets in place, in `lentStart` and `lentLength`: the next ones, or those so many octets `ahead`; false when there are
   *  none. They stay until `consume`, and no longer than the callback or the turn in which they were lent: a reset takes them back. */
  lend(handle: Handle, ahead = 0): boolean {
    const tcb = this.#connection(handle, "lend");
    if (!(ahead >= 0 && ahead < user.readable(tcb))) return false;
    this.lentStart = tcb.receiveQueue.spanStart(ahead);
    this.lentLength = tcb.receiveQueue.spanLength(ahead);
    return true;
  }

  /** Gives octets that were lent back: they have been read. */
  consume(handle: Handle, octets: number, now: Micros): void {
    const tcb = this.#connection(handle, "consume");
    if (!Number.isInteger(octets) || octets < 0 || octets > user.readable(tcb))
      throw networkError("EINVAL", "consume", `${octets} octets`, `${user.readable(tcb)} can be read`);
    user.consume(this.#core, tcb, octets, now);
    this.#core.work();
  }

  /** Sends a FIN behind what is queued; receiving goes on (RFC 9293 s3.6, half-close). */
  shutdown(handle: Handle, now: Micros): void {
    const tcb = this.#connection(handle, "shutdown");
    this.#core.cause.begin();
    user.shutdown(this.#core, tcb, now);
    this.#core.work();
  }

  /** Lets go of a connection or a listener: queued data is still delivered, unread data makes it a reset. The handle is dead. */
  close(handle: Handle, now: Micros): void {
    this.#core.cause.begin();
    const listener = this.#core.listener(handle);
    if (listener !== null) user.closeListener(this.#core, listener, now);
    else user.close(this.#core, this.#connection(handle, "close"), now);
    this.#core.work();
  }

  /** Resets the connection (RFC 9293 s3.10.5). The handle is dead. */
  abort(handle: Handle, now: Micros): void {
    this.#core.cause.begin();
    user.abort(this.#core, this.#connection(handle, "abort"), now);
    this.#core.work();
  }

  /** Changes options of a connection, or of those that a listener will have. Throws EINVAL that names the option, its value and its range. */
  configure(handle: Handle, changes: Partial<ConnectionOptions>, now: Micros): void {
    const listener = this.#core.listener(handle);
    if (listener !== null) {
      listener.optionSet = user.deriveOptions(this.#core, listener.optionSet, changes, "configure");
      return;
    }
    user.configure(this.#core, this.#connection(handle, "configure"), changes, now);
    this.#core.work();
  }

  /** Throws as `configure` would for changes that are not possible. */
  check(changes: Partial<ConnectionOptions>): void {
    user.deriveOptions(this.#core, this.#core.defaultSet, changes, "check");
  }

  /** What waits for more to come, or for an ACK, leaves now (RFC 9293 s3.9.1.2, PUSH). */
  push(handle: Handle): void {
    const tcb = this.#connection(handle, "push");
    tcb.owes |= Owe.SwsOverride;
    this.#core.touch(tcb);
    this.#core.work();
  }

  /** Progress follows whenever text leaves, and when it is acknowledged. */
  followSends(handle: Handle): void {
    this.#connection(handle, "followSends").flags |= Flag.Followed;
  }

  /** The application will read no more: text that comes when it has closed its sending side, too, is answered by a RST, as after CLOSE
   *  (RFC 1122 s4.2.2.13). */
  shutdownReceive(handle: Handle): void {
    this.#connection(handle, "shutdownReceive").flags |= Flag.Deaf;
  }

  /** The application has more to send than it may queue by its own rules: Writable and Progress tell it when to look again. */
  wantRoom(handle: Handle): void {
    const tcb = this.#connection(handle, "wantRoom");
    if (has(tcb, Flag.WantsRoom)) return;
    tcb.flags |= Flag.WantsRoom | Flag.Followed;
    this.#core.touch(tcb);
  }

  /** All that has been sent so far is a record: no segment will have octets of it and of what follows. */
  endRecord(handle: Handle): void {
    user.endRecord(this.#connection(handle, "endRecord"));
  }

  /** Marks all that has been sent so far as urgent (RFC 9293 s3.8.5). */
  markUrgent(handle: Handle): void {
    user.markUrgent(this.#core, this.#connection(handle, "markUrgent"));
    this.#core.work();
  }

  /** ACKs leave at once from now on, or wait for a reply to travel on; `once`: only what waits now leaves. Where ACKs are delayed by a fixed
   *  time, nothing. */
  setQuickAck(handle: Handle, quick: boolean, once: boolean): void {
    setQuickAck(this.#core, this.#connection(handle, "setQuickAck"), quick, once);
    this.#core.work();
  }

  /** Octets still to be read before the urgent mark; 0: none (MUST-33). */
  urgentAhead(handle: Handle): number {
    return user.urgentAhead(this.#connection(handle, "urgentAhead"));
  }

  /** The code of an ICMP error that did not end the connection, once; null: there was none since. */
  takeSoftError(handle: Handle): ErrorCode | null {
    const tcb = this.#connection(handle, "takeSoftError");
    const error = tcb.softError;
    tcb.softError = CloseError.None;
    return closeErrors[error] ?? null;
  }

  /** The MSS that we announce on the way of a connection. */
  announcedMss(handle: Handle): number {
    const { remote, local } = this.#connection(handle, "announcedMss");
    return announcedMss(this.#core, remote, local);
  }

  stateOf(handle: Handle): State {
    if (this.#core.listener(handle) !== null) return State.Listen;
    return this.#connection(handle, "stateOf").state;
  }

  /** How the connection ended, or the soft error that would end it; null: in order, or not at all. */
  errorOf(handle: Handle): ErrorCode | null {
    return closeErrors[this.#connection(handle, "errorOf").error] ?? null;
  }

  /** The last ICMP error that has not ended the connection (MUST-47). */
  softErrorOf(handle: Handle): ErrorCode | null {
    return closeErrors[this.#connection(handle, "softErrorOf").softError] ?? null;
  }

  /** Octets that `receive` would give now. */
  readable(handle: Handle): number {
    return user.readable(this.#connection(handle, "readable"));
  }

  /** Octets that `send` would take now. */
  writable(handle: Handle): number {
    const tcb = this.#connection(handle, "writable");
    return Math.max(0, user.sendLimit(this.#core, tcb) - tcb.sendQueue.length);
  }

  /** Octets sent or queued and not acknowledged. */
  unsent(handle: Handle): number {
    return this.#connection(handle, "unsent").sendQueue.length;
  }

  optionsOf(handle: Handle): ConnectionOptions {
    return this.#connection(handle, "optionsOf").options;
  }

  endpointsOf(handle: Handle): { local: IpAddress; localPort: number; remote: IpAddress; remotePort: number } {
    const listener = this.#core.listener(handle);
    if (listener !== null) return { local: listener.local, localPort: listener.port, remote: 0 as IpAddress, remotePort: 0 };
    const slot = this.#slot(handle, "endpointsOf");
    const { demux } = this.#core;
    return { local: demux.local(slot), localPort: demux.localPort(slot), remote: demux.remote(slot), remotePort: demux.remotePort(slot) };
  }

  /** A small integer that no other open connection or listener has, above 0 and at most `limits.connections`: where an application keeps
   *  what it knows of a connection in arrays of its own. */
  indexOf(handle: Handle): number {
    return this.#slot(handle, "indexOf");
  }

  /** What is in force; `adopt` changes it. */
  get policy(): TcpPolicy {
    return this.#core.policy;
  }

  /** The options of a connection whose opener says nothing of them. */
  get defaults(): ConnectionOptions {
    return this.#core.optionSets.at(this.#core.defaultSet);
  }

  /** The name of the congestion controller of connections that name none. */
  get controller(): string {
    return this.#core.policy.congestionControl;
  }

  /** Changes policy while running, as an administrator does; connections keep the options that they have. */
  adopt(changes: Partial<TcpPolicy>): void {
    const core = this.#core;
    core.policy = { ...core.policy, ...changes };
    if (changes.sharing !== undefined) core.share();
    if (changes.fastOpenClient === false) core.fastOpenMemory.clear();
    if (changes.fastOpenKeys !== undefined && changes.fastOpenKeys.length > 0) this.setCookieKeys(changes.fastOpenKeys);
    core.defaultSet = core.optionSets.intern(defaultConnectionOptions(core.policy));
  }

  /** Sets the keys of Fast Open cookies (RFC 7413 s4.1.2), four words each: the one in use, and the one before it. Of one listener, if named. */
  setCookieKeys(keys: readonly (readonly number[])[], listener: Handle = 0): void {
    const made = keys.map(cookieKey);
    if (listener === 0) this.#core.cookieKeys = made;
    else this.#listener(listener, "setCookieKeys").cookieKeys = made;
  }

  /** How many connections may wait to be accepted, from now on. */
  setBacklog(listener: Handle, backlog: number): void {
    this.#listener(listener, "setBacklog").backlog = backlog;
  }

  /** How many connections of a listener an application may have before their handshake is over; 0: none. */
  setFastOpen(listener: Handle, most: number): void {
    this.#listener(listener, "setFastOpen").fastOpen = most;
  }

  /** What it is. */
  fastOpenOf(listener: Handle): number {
    return this.#listener(listener, "fastOpenOf").fastOpen;
  }

  /** Octets of text that the SYN of a connection just begun will take along; 0: none, or it has left. */
  synRoom(handle: Handle, now: Micros): number {
    return synRoom(this.#core, this.#connection(handle, "synRoom"), now);
  }

  /** True when text in a SYN to that server may be believed now: a cookie is at hand, or none is needed. */
  fastOpenReady(remote: IpAddress, remotePort: number, blind: boolean, now: Micros): boolean {
    const { policy, fastOpenMemory, network } = this.#core;
    if (!policy.fastOpenClient || fastOpenMemory.paused(policy.fastOpenPause, now)) return false;
    const port = policy.fastOpenByPort ? remotePort : 0;
    return blind || policy.fastOpenClientBlind || fastOpenMemory.hasCookie(network.sourceFor(remote), remote, port);
  }

  // ---- as octets

  /** What the stack knows of these connections, or of all, as octets: their sequence numbers, queues, timers, options. Nothing changes. Take it
   *  between turns; who goes on with it elsewhere makes this stack forget them before its next turn (`forget`, `Stack.abandon`). It holds
   *  what was sent and received: keep it as secret as that. Throws EBADF, ENOTCONN for a listener. */
  snapshot(now: Micros, handles: readonly Handle[] | null = null): Uint8Array {
    const slots = handles === null ? null : handles.map((handle) => this.#connection(handle, "snapshot").slot);
    return snapshot(this.#core, slots, now);
  }

  /** Goes on with the connections of a snapshot that was taken `elapsed` microseconds ago, here or elsewhere, on the same addresses: all of them or
   *  none. Returns their handles by what they were; they have no application until `attach`. What waits to be accepted is the listener's
   *  of that port, which must be there. Throws EINVAL that says what is wrong where, EADDRNOTAVAIL, EADDRINUSE, ENOBUFS. */
  restore(bytes: Uint8Array, now: Micros, elapsed: Micros = 0): Map<Handle, Handle> {
    this.#core.cause.begin();
    return restore(this.#core, bytes, elapsed, now);
  }

  /** Knows nothing of the connection any more, and says nothing of it to the peer: somebody else goes on with it. The handle is dead. */
  forget(handle: Handle, now: Micros): void {
    this.#forget(this.#connection(handle, "forget"), now);
  }

  /** The same of everything. */
  forgetAll(now: Micros): void {
    for (const listeners of [...this.#core.listeners.values()]) for (const listener of listeners) while (listener.shift() !== 0);
    for (let slot = 1; slot < this.#core.demux.top; slot++) {
      const form = this.#core.demux.form(slot);
      const tcb = form === Form.Live || form === Form.Row ? this.#core.resolve(slot) : null;
      if (tcb !== null) this.#forget(tcb, now);
    }
    for (const listeners of [...this.#core.listeners.values()])
      for (const listener of listeners) user.closeListener(this.#core, listener, now);
  }

  #forget(tcb: Tcb, now: Micros): void {
    tcb.flags |= Flag.Orphan;
    if (tcb.state === State.Closed) this.#core.release(tcb);
    else this.#core.finish(tcb, CloseError.None, St.Forgotten, now);
  }

  // ---- for the stack

  /** A datagram for TCP. The packet stays the caller's. */
  arrives(datagram: Datagram, now: Micros): void {
    arrives(this.#core, datagram, now);
  }

  icmpError(error: QuotedError, now: Micros): void {
    icmpError(this.#core, error, now);
  }

  /** Timers that are due, so many that frames need not wait for long: of the others `nextTimeout` says that they are late. Call it after the frames
   *  that waited: what they acknowledge needs no timeout. */
  expire(now: Micros): void {
    const { wheel } = this.#core;
    for (let fired = 0; fired < MOST_TIMERS; fired++) {
      const slot = wheel.pop(now);
      if (slot < 0) return;
      if (this.#core.leaveTimeWait(slot)) continue;
      const tcb = this.#core.resolve(slot, wheel.popped);
      if (tcb === null) continue;
      tcb.wheelAt = NEVER;
      if (deadline(tcb) > now) {
        this.#core.rearm(tcb);
        continue;
      }
      this.#core.cause.begin();
      expire(this.#core, tcb, now);
    }
  }

  /** Each connection that was touched speaks once. One that owes no more than the ACK of text which its application has not heard of yet
   *  waits for `deliver`, and speaks in the flush behind it: the reply, or the window that reading opens, takes the ACK along. */
  flush(now: Micros): void {
    const core = this.#core;
    for (let tcb = core.turn.nextTouched(); tcb !== null; tcb = core.turn.nextTouched()) {
      if (tcb.handle === 0) {
        core.recycle(tcb);
        continue;
      }
      if (core.awaitsReply(tcb)) {
        core.postpone(tcb);
        continue;
      }
      output(core, tcb, now);
      tcb.touched = false;
      core.settle(tcb, now);
    }
    core.feed();
  }

  /** Tells the applications. No protocol code is on the call stack. */
  deliver(): void {
    this.#core.deliver();
  }

  /** True when there is something to flush or to deliver. */
  get busy(): boolean {
    return this.#core.turn.busy;
  }

  nextTimeout(): Micros {
    return this.#core.wheel.next();
  }

  /** One of our addresses is gone (RFC 5227 s2.4, a removed device): its connections cannot go on (RFC 1122 s4.2.3.8 in spirit). */
  addressGone(address: IpAddress, now: Micros): void {
    for (let slot = 1; slot < this.#core.demux.top; slot++) {
      const form = this.#core.demux.form(slot);
      if ((form !== Form.Live && form !== Form.Row) || this.#core.demux.local(slot) !== address) continue;
      const tcb = this.#core.resolve(slot);
      if (tcb === null || tcb.state === State.Closed) continue;
      if (tcb.state !== State.SynSent && tcb.state !== State.TimeWait) resetFrom(this.#core, tcb, tcb.snd.nxt, Tx.RstAbort, now);
      this.#core.finish(tcb, CloseError.AddressGone, St.DeviceGone, now);
    }
  }

  /** Ends every connection in `state`, as an administrator does: peers that can be told are reset, owners hear ECONNABORTED. Returns how many. */
  drop(state: State, now: Micros): number {
    const core = this.#core;
    let dropped = 0;
    for (let slot = 1; slot < core.demux.top; slot++) {
      const form = core.demux.form(slot);
      const tcb = form === Form.Live || form === Form.Row ? core.resolve(slot) : null;
      if (tcb === null) continue;
      if (tcb.state === state && state !== State.Closed) {
        if (state !== State.SynSent && state !== State.Closing && state !== State.LastAck && state !== State.TimeWait)
          resetFrom(core, tcb, tcb.snd.nxt, Tx.RstAbort, now);
        core.finish(tcb, CloseError.Aborted, St.UserAbort, now);
        dropped += 1;
      } else if (form === Form.Row && !tcb.touched) core.refreeze(tcb);
    }
    core.work();
    return dropped;
  }

  /** Ends everything at once: every connection is reset. Closed follows for those that an application has: ECONNABORTED. */
  closeAll(now: Micros): void {
    for (const listeners of [...this.#core.listeners.values()])
      for (const listener of listeners) user.closeListener(this.#core, listener, now);
    for (let slot = 1; slot < this.#core.demux.top; slot++) {
      const form = this.#core.demux.form(slot);
      const tcb = form === Form.Live || form === Form.Row ? this.#core.resolve(slot) : null;
      if (tcb !== null) user.endWithStack(this.#core, tcb, now);
    }
  }

  // ---- for people

  /** A connection or listener as plain JSON. */
  show(handle: Handle, now: Micros): Record<string, unknown> {
    const listener = this.#core.listener(handle);
    if (listener !== null) return showListener(listener);
    // Also of one that was closed and still has something to deliver.
    const slot = this.#core.demux.slot(handle);
    return this.#showSlot(slot === 0 ? this.#slot(handle, "show") : slot, now);
  }

  /** Every connection and listener as plain JSON, at most `most` of them. */
  showAll(now: Micros, most = 10_000): Record<string, unknown>[] {
    const all: Record<string, unknown>[] = [];
    for (const listeners of this.#core.listeners.values()) for (const listener of listeners) all.push(showListener(listener));
    for (let slot = 1; slot < this.#core.demux.top && all.length < most; slot++) {
      const form = this.#core.demux.form(slot);
      if (form === Form.Live || form === Form.Row) all.push(this.#showSlot(slot, now));
    }
    return all;
  }

  /** Table sizes. */
  summary(): Record<string, number> {
    const { demux, live, rows, timeWaits } = this.#core;
    const sizes = { rowSize: ROW_SIZE, timeWaitRowSize: TIME_WAIT_ROW_SIZE };
    return { slots: demux.used, live: live.length, frozen: rows.used, timeWait: timeWaits.count, ...sizes };
  }

  /** What is known of the paths to peers from connections that are over; the latest last. */
  showPaths(now: Micros): ShownHistory[] {
    const { history, policy } = this.#core;
    return history === null ? [] : history.show(policy.sharingLifetime, now);
  }

  /** The connection itself, for tools that show what no call tells: it is live, change nothing and keep it no longer than the turn. */
  look(handle: Handle): Readonly<Tcb> {
    return this.#connection(handle, "look");
  }

  /** Visits every live connection, for invariants and probes: objects are live, keep none. */
  each(visit: (tcb: Tcb) => void): void {
    for (const tcb of this.#core.live) visit(tcb);
  }

  #showSlot(slot: number, now: Micros): Record<string, unknown> {
    const form = this.#core.demux.form(slot) === Form.Row ? "frozen" : "live";
    const tcb = this.#core.resolve(slot)!;
    const shown = showTcb(tcb, this.#core.policy, form, now);
    // Looking at a frozen connection leaves it frozen.
    if (form === "frozen" && !tcb.touched) this.#core.refreeze(tcb);
    return shown;
  }

  #slot(handle: Handle, syscall: string): number {
    const slot = this.#core.demux.slot(handle);
    if (slot === 0 || this.#core.isOrphan(slot))
      throw networkError("EBADF", syscall, `handle ${String(handle)}`, "it was closed, or never opened");
    return slot;
  }

  #connection(handle: Handle, syscall: string): Tcb {
    const tcb = this.#core.resolve(this.#slot(handle, syscall));
    if (tcb === null) throw networkError("ENOTCONN", syscall, `handle ${String(handle)}`, "a listener has connections, it is none");
    // Looking at a frozen connection must not keep it live: the wheel sees to it.
    if (!tcb.touched) this.#core.rearm(tcb);
    return tcb;
  }

  #listener(handle: Handle, syscall: string): Listener {
    const listener = this.#core.listener(handle);
    if (listener === null) throw networkError("EINVAL", syscall, `handle ${String(handle)}`, "it is no listener");
    return listener;
  }
}

/** Octets outside the buffer would be somebody else's. */
function checkSpan(buffer: Uint8Array, offset: number, length: number, syscall: string): void {
  if (offset >= 0 && length >= 0 && offset + length <= buffer.length) return;
  throw networkError("EINVAL", syscall, `${length} octets from ${offset}`, `the buffer has ${buffer.length}`);
}
