/** The stack's half of an application in another thread: does what the application asks, and moves octets between the connections and the rings
 *  they share. The stack never waits for the application: a ring that is not read fills up, and the connection's window closes. */
import { NetworkError } from "../base/errors.js";
import type { Drive } from "../drive/drive.js";
import { ipFromInt, UNSPECIFIED } from "../ip/address.js";
import type { ConnectionOptions } from "../tcp/connection-options.js";
import { type Application, closeErrors, TcpEvent } from "../tcp/events.js";
import { type Area, Ask, Form, Mark, Slot } from "./area.js";

/** An error on its way to the application's thread. */
export interface ErrorText {
  readonly code: string;
  readonly message: string;
}

const LONGEST_MESSAGE = 500;

const textOf = (error: unknown): ErrorText =>
  error instanceof NetworkError
    ? { code: error.code, message: error.message.slice(0, LONGEST_MESSAGE) }
    : { code: "EIO", message: String(error).slice(0, LONGEST_MESSAGE) };

export class ApplicationHost {
  readonly area: Area;
  readonly #drive: Drive;
  /** By slot. */
  readonly #served: (Connection | Listening | null)[];
  /** Listeners that have connections and no slot for them. */
  readonly #holding = new Set<Listening>();
  #told = false;
  #open = true;

  constructor(area: Area, drive: Drive) {
    this.area = area;
    this.#drive = drive;
    this.#served = new Array<Connection | Listening | null>(area.slots).fill(null);
  }

  /** Connections and listeners that it has. */
  get count(): number {
    return this.#served.reduce((count, one) => count + (one === null ? 0 : 1), 0);
  }

  /** Does all that is asked. Call it when the bell rings, and as often as you like: it costs a look when nothing is. */
  serve(): void {
    if (!this.#open) return;
    const { area } = this;
    for (let slot = area.nextAsked(); slot >= 0; slot = area.nextAsked()) {
      const asked = area.asked(slot);
      if ((asked & Ask.Connect) !== 0) this.#connect(slot);
      if ((asked & Ask.Listen) !== 0) this.#listen(slot);
      this.#served[slot]?.asked(asked);
    }
    if (this.#holding.size > 0) for (const listening of [...this.#holding]) listening.accept();
    this.deliver();
  }

  /** Tells the application what there is to tell. */
  deliver(): void {
    if (!this.#told) return;
    this.#told = false;
    this.area.ringApplication();
  }

  configure(slot: number, generation: number, changes: Partial<ConnectionOptions>): void {
    this.serve();
    const one = this.#served[slot];
    if (one instanceof Connection && this.area.get(slot, Slot.Generation) === generation) one.configure(changes);
  }

  /** The application is gone: its connections are reset, its listeners closed. */
  reset(): void {
    this.serve();
    this.#open = false;
    for (const one of this.#served) one?.abort();
  }

  /** The application is gone and another will come: what it has left half done is finished. */
  bereave(): void {
    this.serve();
    const { area } = this;
    for (let slot = 0; slot < area.slots; slot++)
      if (area.get(slot, Slot.Form) !== Form.Free && this.#served[slot] === null) area.give(slot);
  }

  // ---- for connections and listeners

  get tcp() {
    return this.#drive.stack.tcp;
  }

  now(): number {
    return this.#drive.now();
  }

  tell(slot: number, events: number): void {
    this.area.tell(slot, events);
    this.#told = true;
  }

  /** A slot for a connection that was accepted, or -1. */
  take(): number {
    return this.area.take();
  }

  enter(slot: number, one: Connection): void {
    this.#served[slot] = one;
  }

  give(slot: number): void {
    this.#served[slot] = null;
    // When all is over, the application's handles stay what they were: it is told of each.
    if (this.#open) this.area.give(slot);
  }

  hold(listening: Listening, on: boolean): void {
    if (on) this.#holding.add(listening);
    else this.#holding.delete(listening);
  }

  /** Those of a listener that nobody has taken. */
  abandon(listener: number): void {
    for (const slot of this.area.takeAccepted(listener)) this.#served[slot]?.abort();
  }

  #connect(slot: number): void {
    const { area } = this;
    const [remote, remotePort] = [ipFromInt(area.get(slot, Slot.Remote)), area.get(slot, Slot.RemotePort)];
    const [local, localPort] = [ipFromInt(area.get(slot, Slot.Local)), area.get(slot, Slot.LocalPort)];
    const options = area.read(slot, Slot.Options) as Partial<ConnectionOptions> | null;
    const connection = new Connection(this, slot);
    this.#served[slot] = connection;
    try {
      const request = { remote, remotePort, ...(local === UNSPECIFIED ? {} : { local }), localPort, ...options };
      connection.open(this.tcp.connect(request, connection, this.now()));
    } catch (error) {
      connection.fail(textOf(error));
    }
  }

  #listen(slot: number): void {
    const { area } = this;
    const [local, port, backlog] = [ipFromInt(area.get(slot, Slot.Local)), area.get(slot, Slot.LocalPort), area.get(slot, Slot.Backlog)];
    const options = area.read(slot, Slot.Options) as Partial<ConnectionOptions> | null;
    const listening = new Listening(this, slot);
    this.#served[slot] = listening;
    try {
      const request = { ...(local === UNSPECIFIED ? {} : { local }), port, backlog, ...options };
      listening.open(this.tcp.listen(request, listening));
    } catch (error) {
      area.write(slot, Slot.Error, textOf(error));
      this.#served[slot] = null;
      area.settle(slot, Slot.Reply, 2);
    }
  }
}

/** A connection of the application's. */
class Connection implements Application {
  readonly #host: ApplicationHost;
  readonly #area: Area;
  readonly #slot: number;
  readonly #received: Uint8Array;
  readonly #toSend: Uint8Array;
  /** 0: it never came to be, or is no more. */
  #handle = 0;
  #shutting = false;
  /** The application has let go; what it has written is still to be sent. */
  #closing = false;

  constructor(host: ApplicationHost, slot: number) {
    this.#host = host;
    this.#area = host.area;
    this.#slot = slot;
    this.#received = host.area.received(slot);
    this.#toSend = host.area.toSend(slot);
  }

  open(handle: number): void {
    this.#handle = handle;
    const { local, localPort, remote, remotePort } = this.#host.tcp.endpointsOf(handle);
    const area = this.#area;
    area.set(this.#slot, Slot.Local, local);
    area.set(this.#slot, Slot.LocalPort, localPort);
    area.set(this.#slot, Slot.Remote, remote);
    area.set(this.#slot, Slot.RemotePort, remotePort);
  }

  fail(error: ErrorText): void {
    this.#area.write(this.#slot, Slot.Error, error);
    this.#area.mark(this.#slot, Mark.End | Mark.Over);
    this.#host.tell(this.#slot, TcpEvent.Closed);
  }

  asked(asked: number): void {
    if ((asked & Ask.Abort) !== 0) return this.abort();
    if ((asked & Ask.Taken) !== 0 && this.#receive()) this.#host.tell(this.#slot, TcpEvent.Readable);
    if ((asked & Ask.Shutdown) !== 0) this.#shutting = true;
    if ((asked & Ask.Close) !== 0) this.#close();
    else if ((asked & (Ask.Sent | Ask.Shutdown)) !== 0) this.#send();
  }

  onEvents(handle: number, events: number): void {
    const { tcp } = this.#host;
    let told = events & (TcpEvent.Established | TcpEvent.PeerClosed | TcpEvent.Urgent | TcpEvent.Advice);
    if ((events & TcpEvent.Established) !== 0) this.open(handle);
    if (this.#closing) {
      // As `close` itself: what nobody will read must not look read (RFC 9293 s3.6.1, RFC 2525 s2.17).
      if (tcp.readable(handle) > 0) return this.abort();
      if ((events & TcpEvent.Closed) !== 0) return this.#end();
    }
    if ((events & TcpEvent.SoftError) !== 0) {
      const code = tcp.softErrorOf(handle);
      this.#area.set(this.#slot, Slot.SoftError, code === null ? 0 : closeErrors.indexOf(code));
      told |= TcpEvent.SoftError;
    }
    if ((events & TcpEvent.Closed) !== 0) {
      const code = tcp.errorOf(handle);
      if (code !== null) this.#area.write(this.#slot, Slot.Error, { code, message: "" });
      this.#area.mark(this.#slot, Mark.Over);
      told |= TcpEvent.Closed;
    }
    if ((events & (TcpEvent.Readable | TcpEvent.PeerClosed | TcpEvent.Closed)) !== 0 && this.#receive()) told |= TcpEvent.Readable;
    if ((events & (TcpEvent.Established | TcpEvent.Writable | TcpEvent.Drained | TcpEvent.Closed)) !== 0) this.#send();
    if (told !== 0 && this.#handle !== 0) this.#host.tell(this.#slot, told);
  }

  configure(changes: Partial<ConnectionOptions>): void {
    if (this.#handle === 0) return;
    try {
      this.#host.tcp.configure(this.#handle, changes, this.#host.now());
    } catch {
      // What the application's half could not judge, such as the name of a controller, changes nothing.
    }
  }

  abort(): void {
    const handle = this.#handle;
    this.#handle = 0;
    if (handle !== 0) this.#host.tcp.abort(handle, this.#host.now());
    this.#host.give(this.#slot);
  }

  /** From the stack into the ring, as much as it holds; true when that is something to tell. */
  #receive(): boolean {
    const [area, slot, handle] = [this.#area, this.#slot, this.#handle];
    if (handle === 0) return false;
    const { tcp } = this.#host;
    let some = false;
    for (;;) {
      const tail = area.get(slot, Slot.ReceiveTail);
      const room = area.ring - area.held(slot, Slot.ReceiveHead, Slot.ReceiveTail);
      if (room === 0) {
        // The reader asks for more when it has read; it may have done so just now.
        area.set(slot, Slot.MoreToReceive, 1);
        if (area.held(slot, Slot.ReceiveHead, Slot.ReceiveTail) === area.ring) return some;
        continue;
      }
      const place = tail & (area.ring - 1);
      const octets = tcp.receive(handle, this.#received, place, Math.min(room, area.ring - place), this.#host.now());
      if (octets > 0) {
        area.set(slot, Slot.ReceiveTail, (tail + octets) | 0);
        some = true;
        continue;
      }
      if (octets < 0 && (area.get(slot, Slot.Marks) & Mark.End) === 0) {
        area.mark(slot, Mark.End);
        some = true;
      }
      return some;
    }
  }

  /** From the ring into the stack, as much as it takes; then what was to come behind. */
  #send(): void {
    const [area, slot, handle] = [this.#area, this.#slot, this.#handle];
    if (handle === 0) {
      if (this.#closing) this.#end();
      return;
    }
    const { tcp } = this.#host;
    for (let held = area.held(slot, Slot.SendHead, Slot.SendTail); held > 0; held = area.held(slot, Slot.SendHead, Slot.SendTail)) {
      const head = area.get(slot, Slot.SendHead);
      const place = head & (area.ring - 1);
      const length = Math.min(held, area.ring - place);
      const taken = tcp.send(handle, this.#toSend, place, length, this.#host.now());
      // Nothing can be sent any more: what was written goes nowhere, as with any socket.
      area.set(slot, Slot.SendHead, (head + (taken < 0 ? length : taken)) | 0);
      if (taken >= 0 && taken < length) break;
    }
    area.set(slot, Slot.Unsent, tcp.unsent(handle));
    const left = area.held(slot, Slot.SendHead, Slot.SendTail);
    if (left <= area.ring >> 1 && area.exchange(slot, Slot.MoreToSend, 0) === 1) this.#host.tell(slot, TcpEvent.Writable);
    if (left > 0) return;
    if (this.#closing) this.#end();
    else if (this.#shutting) tcp.shutdown(handle, this.#host.now());
  }

  #close(): void {
    const inRing = this.#area.held(this.#slot, Slot.ReceiveHead, Slot.ReceiveTail);
    if (this.#handle !== 0 && inRing + this.#host.tcp.readable(this.#handle) > 0) return this.abort();
    this.#closing = true;
    this.#send();
  }

  #end(): void {
    const handle = this.#handle;
    this.#handle = 0;
    if (handle !== 0) this.#host.tcp.close(handle, this.#host.now());
    this.#host.give(this.#slot);
  }
}

/** A listener of the application's. */
class Listening implements Application {
  readonly #host: ApplicationHost;
  readonly #area: Area;
  readonly #slot: number;
  #handle = 0;

  constructor(host: ApplicationHost, slot: number) {
    this.#host = host;
    this.#area = host.area;
    this.#slot = slot;
  }

  open(handle: number): void {
    this.#handle = handle;
    const { local, localPort } = this.#host.tcp.endpointsOf(handle);
    this.#area.set(this.#slot, Slot.Local, local);
    this.#area.set(this.#slot, Slot.LocalPort, localPort);
    this.#area.settle(this.#slot, Slot.Reply, 1);
  }

  asked(asked: number): void {
    if ((asked & Ask.Close) !== 0) this.abort();
    else if ((asked & Ask.Accepted) !== 0) this.accept();
  }

  onEvents(_handle: number, events: number): void {
    if ((events & TcpEvent.Acceptable) !== 0) this.accept();
    if ((events & TcpEvent.Closed) !== 0) this.#host.tell(this.#slot, TcpEvent.Closed);
  }

  /** Connections take slots as long as there are slots, and no more wait than the application has said; the rest waits in the stack. */
  accept(): void {
    const [host, area, slot] = [this.#host, this.#area, this.#slot];
    this.#host.hold(this, false);
    while (this.#handle !== 0 && host.tcp.waiting(this.#handle) > 0 && area.get(slot, Slot.Waiting) < area.get(slot, Slot.Backlog)) {
      const free = host.take();
      if (free < 0) {
        host.hold(this, true);
        return;
      }
      const handle = host.tcp.accept(this.#handle);
      if (handle === 0) return void area.give(free);
      const connection = new Connection(host, free);
      area.set(free, Slot.Form, Form.Connection);
      connection.open(handle);
      host.enter(free, connection);
      area.addAccepted(slot, free);
      area.add(slot, Slot.Waiting, 1);
      host.tcp.attach(handle, connection);
      host.tell(slot, TcpEvent.Acceptable);
    }
  }

  abort(): void {
    const handle = this.#handle;
    this.#handle = 0;
    this.#host.hold(this, false);
    if (handle !== 0) this.#host.tcp.close(handle, this.#host.now());
    this.#host.abandon(this.#slot);
    this.#host.give(this.#slot);
  }
}
