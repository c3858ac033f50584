/** The application's half of a stack in another thread: the raw API over the memory they share, so that onwire/net runs on it unchanged. Nothing
 *  here waits for the stack, but for `listen`, which must tell at once whether the port is to be had. */
import { type ErrorCode, isErrorCode, NetworkError, networkError } from "../base/errors.js";
import { formatIp, ipFromInt, UNSPECIFIED } from "../ip/address.js";
import type { Endpoints, RawTcp } from "../net/raw.js";
import { linux } from "../stack/profile.js";
import { type ConnectionOptions, defaultConnectionOptions, OptionSets } from "../tcp/connection-options.js";
import { type Application, closeErrors, TcpEvent } from "../tcp/events.js";
import type { ErrorText } from "./application-host.js";
import { type Area, Ask, Form, Mark, Slot } from "./area.js";

const BACKLOG = 511;
const LISTEN_MILLISECONDS = 10_000;
const REPLIED_WELL = 1;

type ConnectRequest = Parameters<RawTcp["connect"]>[0];
type ListenRequest = Parameters<RawTcp["listen"]>[0];

export class RemoteTcp implements RawTcp {
  readonly #area: Area;
  /** Options travel apart: they have no place among the octets. */
  readonly #configure: (slot: number, generation: number, changes: Partial<ConnectionOptions>) => void;
  /** By slot: null while a connection that was accepted has none; absent: the slot is not ours. */
  readonly #applications = new Map<number, Application | null>();
  /** Connections of a listener that wait here. */
  readonly #accepted = new Map<number, number[]>();
  /** Listeners of a predecessor, until they are asked for again. */
  readonly #inherited = new Set<number>();
  #dead = false;

  constructor(area: Area, configure: (slot: number, generation: number, changes: Partial<ConnectionOptions>) => void) {
    this.#area = area;
    this.#configure = configure;
  }

  /** The connections that a predecessor has left, by handle: `attach` them, or let them go. Its listeners go on for who listens there again. */
  inherit(): number[] {
    const area = this.#area;
    const connections: number[] = [];
    for (let slot = 0; slot < area.slots; slot++) {
      const form = area.get(slot, Slot.Form);
      if (form === Form.Connection) {
        this.#applications.set(slot, null);
        connections.push(this.#handle(slot));
      } else if (form === Form.Listener) {
        // Those that nobody has taken are among the connections.
        area.takeAccepted(slot);
        area.set(slot, Slot.Waiting, 0);
        this.#inherited.add(slot);
      }
    }
    return connections;
  }

  connect(request: ConnectRequest, application: Application): number {
    const { remote, remotePort, local = UNSPECIFIED, localPort = 0, ...options } = request;
    checkPort(remotePort, 1, "connect");
    checkPort(localPort, 0, "connect");
    const slot = this.#open(Form.Connection, options, application, "connect");
    const area = this.#area;
    area.set(slot, Slot.Remote, remote);
    area.set(slot, Slot.RemotePort, remotePort);
    area.set(slot, Slot.Local, local);
    area.set(slot, Slot.LocalPort, localPort);
    area.ask(slot, Ask.Connect);
    return this.#handle(slot);
  }

  listen(request: ListenRequest, application: Application): number {
    const { local = UNSPECIFIED, port, backlog = BACKLOG, ...options } = request;
    checkPort(port, 0, "listen");
    const area = this.#area;
    for (const slot of this.#inherited) {
      if (area.get(slot, Slot.Local) !== local || area.get(slot, Slot.LocalPort) !== port) continue;
      this.#inherited.delete(slot);
      this.#applications.set(slot, application);
      area.ask(slot, Ask.Accepted);
      return this.#handle(slot);
    }
    const slot = this.#open(Form.Listener, options, application, "listen");
    area.set(slot, Slot.Local, local);
    area.set(slot, Slot.LocalPort, port);
    area.set(slot, Slot.Backlog, backlog);
    area.ask(slot, Ask.Listen);
    // The stack's thread has no work that blocks: it answers within microseconds, or is dead.
    const answered = area.await(slot, Slot.Reply, LISTEN_MILLISECONDS);
    if (answered && area.get(slot, Slot.Reply) === REPLIED_WELL) return this.#handle(slot);
    this.#applications.delete(slot);
    if (!answered) throw networkError("ETIMEDOUT", "listen", "the stack's thread does not answer", "see what its `finished` says");
    const error = this.#textOf(slot);
    area.give(slot);
    throw new NetworkError(error.code as ErrorCode, "listen", error.message, formatIp(local), port);
  }

  accept(listener: number): number {
    const slot = this.#slot(listener, "accept");
    const waiting = this.#waiting(slot);
    const next = waiting.shift();
    if (next === undefined) return 0;
    this.#area.add(slot, Slot.Waiting, -1);
    this.#area.ask(slot, Ask.Accepted);
    this.#applications.set(next, null);
    return this.#handle(next);
  }

  attach(handle: number, application: Application): void {
    const slot = this.#slot(handle, "attach");
    this.#applications.set(slot, application);
    const over = (this.#area.get(slot, Slot.Marks) & Mark.Over) !== 0;
    const events = (this.#hasNews(slot) ? TcpEvent.Readable : 0) | (over ? TcpEvent.Closed : 0);
    if (events === 0) return;
    setImmediate(() => {
      if (this.#applications.get(slot) === application && this.#handle(slot) === handle) this.#deliver(slot, handle, events);
    });
  }

  send(handle: number, source: Uint8Array, offset: number, length: number): number {
    const slot = this.#slot(handle, "send");
    const area = this.#area;
    if ((area.get(slot, Slot.Marks) & (Mark.Over | Mark.Shut)) !== 0) return -1;
    const ring = area.toSend(slot);
    let sent = 0;
    while (sent < length) {
      const tail = area.get(slot, Slot.SendTail);
      const room = area.ring - area.held(slot, Slot.SendHead, Slot.SendTail);
      if (room === 0) {
        // It may have made room before it could know that we want some.
        area.set(slot, Slot.MoreToSend, 1);
        if (area.held(slot, Slot.SendHead, Slot.SendTail) === area.ring) break;
        continue;
      }
      const place = tail & (area.ring - 1);
      const octets = Math.min(length - sent, room, area.ring - place);
      ring.set(source.subarray(offset + sent, offset + sent + octets), place);
      area.set(slot, Slot.SendTail, (tail + octets) | 0);
      sent += octets;
    }
    if (sent > 0) area.ask(slot, Ask.Sent);
    return sent;
  }

  receive(handle: number, target: Uint8Array, offset: number, length: number): number {
    const slot = this.#slot(handle, "receive");
    const area = this.#area;
    // Looked at before the ring: what is in it then came before the end.
    const ended = (area.get(slot, Slot.Marks) & Mark.End) !== 0;
    const ring = area.received(slot);
    let taken = 0;
    for (let held = this.readable(handle); held > 0 && taken < length; held = this.readable(handle)) {
      const head = area.get(slot, Slot.ReceiveHead);
      const place = head & (area.ring - 1);
      const octets = Math.min(length - taken, held, area.ring - place);
      target.set(ring.subarray(place, place + octets), offset + taken);
      area.set(slot, Slot.ReceiveHead, (head + octets) | 0);
      taken += octets;
    }
    if (taken === 0) return ended && this.readable(handle) === 0 ? -1 : 0;
    const room = area.ring - this.readable(handle);
    if (room >= area.ring >> 1 && area.exchange(slot, Slot.MoreToReceive, 0) === 1) area.ask(slot, Ask.Taken);
    return taken;
  }

  shutdown(handle: number): void {
    const slot = this.#slot(handle, "shutdown");
    this.#area.mark(slot, Mark.Shut);
    this.#area.ask(slot, Ask.Shutdown);
  }

  close(handle: number): void {
    const slot = this.#slot(handle, "close");
    if (this.#area.get(slot, Slot.Form) === Form.Listener) {
      for (const waiting of this.#waiting(slot)) this.#area.ask(waiting, Ask.Abort);
      this.#accepted.delete(slot);
    }
    this.#letGo(slot, Ask.Close);
  }

  abort(handle: number): void {
    this.#letGo(this.#slot(handle, "abort"), Ask.Abort);
  }

  configure(handle: number, changes: Partial<ConnectionOptions>): void {
    const slot = this.#slot(handle, "configure");
    check(changes, "configure");
    this.#configure(slot, this.#area.get(slot, Slot.Generation), changes);
  }

  errorOf(handle: number): ErrorCode | null {
    const slot = this.#slot(handle, "errorOf");
    if (this.#dead) return "ECONNABORTED";
    if (this.#area.get(slot, Slot.Error) === 0) return null;
    const { code } = this.#textOf(slot);
    return isErrorCode(code) ? code : "EIO";
  }

  softErrorOf(handle: number): ErrorCode | null {
    return closeErrors[this.#area.get(this.#slot(handle, "softErrorOf"), Slot.SoftError)] ?? null;
  }

  readable(handle: number): number {
    return this.#area.held(this.#slot(handle, "readable"), Slot.ReceiveHead, Slot.ReceiveTail);
  }

  unsent(handle: number): number {
    const slot = this.#slot(handle, "unsent");
    return this.#area.held(slot, Slot.SendHead, Slot.SendTail) + this.#area.get(slot, Slot.Unsent);
  }

  endpointsOf(handle: number): Endpoints {
    const slot = this.#slot(handle, "endpointsOf");
    const area = this.#area;
    return {
      local: ipFromInt(area.get(slot, Slot.Local)),
      localPort: area.get(slot, Slot.LocalPort),
      remote: ipFromInt(area.get(slot, Slot.Remote)),
      remotePort: area.get(slot, Slot.RemotePort),
    };
  }

  /** Hands on what the stack has told. Call it when the bell rings. */
  deliver(): void {
    const area = this.#area;
    for (let slot = area.nextTold(); slot >= 0; slot = area.nextTold()) {
      const events = area.told(slot);
      // With no application it was let go; or it was not taken yet, and `attach` looks.
      this.#deliver(slot, this.#handle(slot), events);
    }
  }

  /** The stack is dead: everybody is told. */
  die(): void {
    this.#dead = true;
    for (const [slot, application] of [...this.#applications])
      if (application !== null) this.#deliver(slot, this.#handle(slot), TcpEvent.Readable | TcpEvent.Writable | TcpEvent.Closed);
  }

  #open(form: number, options: object, application: Application, syscall: string): number {
    if (this.#dead) throw networkError("ECONNABORTED", syscall, "", "its stack has ended");
    if (Object.keys(options).length > 0) check(options, syscall);
    const area = this.#area;
    const slot = area.take();
    if (slot < 0)
      throw networkError("ENOBUFS", syscall, `${area.slots} connections and listeners`, "close some, or attach with more `slots`");
    area.set(slot, Slot.Form, form);
    area.set(slot, Slot.Next, 0);
    if (Object.keys(options).length > 0 && !area.write(slot, Slot.Options, options)) {
      area.give(slot);
      throw networkError("EINVAL", syscall, "options beyond 2048 octets of JSON", "leave out what is no option of a connection");
    }
    this.#applications.set(slot, application);
    return slot;
  }

  #letGo(slot: number, ask: number): void {
    this.#applications.delete(slot);
    this.#area.ask(slot, ask);
  }

  #waiting(slot: number): number[] {
    const waiting = this.#accepted.get(slot) ?? [];
    for (const taken of this.#area.takeAccepted(slot)) waiting.push(taken);
    this.#accepted.set(slot, waiting);
    return waiting;
  }

  #hasNews(slot: number): boolean {
    const area = this.#area;
    return (area.get(slot, Slot.Marks) & Mark.End) !== 0 || area.held(slot, Slot.ReceiveHead, Slot.ReceiveTail) > 0;
  }

  /** What an application throws is its own, and keeps nobody else from being told. */
  #deliver(slot: number, handle: number, events: number): void {
    try {
      this.#applications.get(slot)?.onEvents(handle, events);
    } catch (error) {
      process.nextTick(() => {
        throw error;
      });
    }
  }

  #textOf(slot: number): ErrorText {
    return this.#area.read(slot, Slot.Error) as ErrorText;
  }

  /** A handle is a slot and its generation; never 0. */
  #handle(slot: number): number {
    return (this.#area.get(slot, Slot.Generation) << 16) | (slot + 1);
  }

  #slot(handle: number, syscall: string): number {
    const slot = (handle & 0xffff) - 1;
    if (!this.#applications.has(slot) || this.#handle(slot) !== handle)
      throw networkError("EBADF", syscall, `handle ${String(handle)}`, "it was closed, or never opened");
    return slot;
  }
}

/** As the stack would: options that are out of range are refused where they were named. */
const check = (changes: object, syscall: string): void => {
  new OptionSets(defaultConnectionOptions(linux.tcp)).derive(0, changes as Partial<ConnectionOptions>, syscall);
};

const checkPort = (port: number, least: number, syscall: string): void => {
  if (!Number.isInteger(port) || port < least || port > 65_535)
    throw networkError("EINVAL", syscall, `port ${String(port)}`, `use an integer from ${least} to 65535`);
};
