/** Connections for those to whom a stream costs too much. What has arrived is read where it lies, and given back; what is written is handed over, and
 *  its completion says that the peer has it; callbacks come once a turn, however many segments that was. */
import type { Micros } from "../base/environment.js";
import type { ErrorCode } from "../base/errors.js";
import type { IpAddress } from "../ip/address.js";
import type { ConnectionOptions } from "../tcp/connection-options.js";
import { type Application, TcpEvent } from "../tcp/events.js";
import type { Endpoints, RawTcp } from "./raw.js";

interface LendingTcp extends RawTcp {
  readonly lentStart: number;
  readonly lentLength: number;
  lend(handle: number, ahead?: number): boolean;
  consume(handle: number, octets: number, now: Micros): void;
}

/** A stack, and its clock: any `Drive`. */
export interface LendingDrive {
  readonly stack: { readonly tcp: LendingTcp; readonly memory: { readonly arena: { readonly bytes: Uint8Array } } };
  now(): Micros;
}

/** What a connection tells, once a turn. */
export interface LendingHandlers {
  /** The handshake is over, or the connection was accepted. */
  opened?(connection: LendingConnection): void;
  /** Octets have arrived. What is not released is told of again when more arrive. */
  arrived(connection: LendingConnection): void;
  /** The peer has said its last; what it has said can still be read. */
  ended?(connection: LendingConnection): void;
  /** The connection is over, and nothing can be read any more when this returns. null: in order. */
  closed?(connection: LendingConnection, error: ErrorCode | null): void;
}

type Completed = (error: ErrorCode | null) => void;

interface Write {
  readonly buffers: readonly Uint8Array[];
  index: number;
  offset: number;
  /** In the stream, counted from its beginning; known when all of it is in the stack. */
  end: number;
  readonly done: Completed | undefined;
}

export class LendingConnection implements Application {
  readonly #drive: LendingDrive;
  readonly #tcp: LendingTcp;
  #handlers: LendingHandlers | null;
  #handle = 0;
  /** Not yet wholly in the stack; and there, but not yet acknowledged. */
  #waiting: Write[] = [];
  #sent: Write[] = [];
  #octets = 0;
  #ending = false;

  constructor(drive: LendingDrive, handlers: LendingHandlers) {
    this.#drive = drive;
    this.#tcp = drive.stack.tcp;
    this.#handlers = handlers;
  }

  /** The raw API's handle; 0: the connection is over. */
  get handle(): number {
    return this.#handle;
  }

  get endpoints(): Endpoints {
    return this.#tcp.endpointsOf(this.#handle);
  }

  /** Octets that were handed over and that the peer has not acknowledged, as far as they are in the stack. */
  get unacknowledged(): number {
    return this.#handle === 0 ? 0 : this.#tcp.unsent(this.#handle);
  }

  /** For whoever has opened or accepted the connection. */
  begin(handle: number): this {
    this.#handle = handle;
    return this;
  }

  /** All that has arrived, as views of the stack's memory. They are good until `release`, and no longer than this callback: a reset takes them
   *  back. */
  lend(): Uint8Array[] {
    const views: Uint8Array[] = [];
    const { bytes } = this.#drive.stack.memory.arena;
    for (let ahead = 0; this.#handle !== 0 && this.#tcp.lend(this.#handle, ahead); ahead += this.#tcp.lentLength)
      views.push(bytes.subarray(this.#tcp.lentStart, this.#tcp.lentStart + this.#tcp.lentLength));
    return views;
  }

  /** The first so many octets of those lent have been read: the peer may send as many more. Throws EINVAL for more than there are. */
  release(octets: number): void {
    if (octets > 0) this.#tcp.consume(this.#handle, octets, this.#drive.now());
  }

  /** The buffers are the connection's until `done` is called: when the peer has acknowledged all of them, or with the reason why it will not. */
  write(buffers: Uint8Array | readonly Uint8Array[], done?: Completed): void {
    if (this.#handle === 0 || this.#ending) {
      done?.("ECONNABORTED");
      return;
    }
    this.#waiting.push({ buffers: buffers instanceof Uint8Array ? [buffers] : buffers, index: 0, offset: 0, end: 0, done });
    if (this.#waiting.length === 1) this.#feed();
  }

  /** Says the last, behind all that was written. */
  end(): void {
    if (this.#ending || this.#handle === 0) return;
    this.#ending = true;
    if (this.#waiting.length === 0) this.#tcp.shutdown(this.#handle, this.#drive.now());
  }

  /** Resets the connection. */
  abort(): void {
    if (this.#handle !== 0) this.#over("ECONNABORTED", () => this.#tcp.abort(this.#handle, this.#drive.now()));
  }

  onEvents(handle: number, events: number): void {
    if (handle !== this.#handle) return;
    if (events & TcpEvent.Established) this.#handlers?.opened?.(this);
    if (this.#handle !== 0 && events & (TcpEvent.Writable | TcpEvent.Drained | TcpEvent.Established)) {
      this.#complete();
      this.#feed();
    }
    if (this.#handle !== 0 && events & TcpEvent.Readable && this.#tcp.readable(handle) > 0) this.#handlers?.arrived(this);
    if (this.#handle !== 0 && events & TcpEvent.PeerClosed) this.#handlers?.ended?.(this);
    if (this.#handle !== 0 && events & TcpEvent.Closed) this.#closed();
  }

  /** Gives the stack as much of what waits as it takes. */
  #feed(): void {
    for (let write = this.#waiting[0]; write !== undefined; write = this.#waiting[0]) {
      if (!this.#offer(write)) return;
      write.end = this.#octets;
      this.#waiting.shift();
      this.#sent.push(write);
    }
    if (this.#ending && this.#handle !== 0) this.#tcp.shutdown(this.#handle, this.#drive.now());
  }

  #offer(write: Write): boolean {
    while (write.index < write.buffers.length) {
      const buffer = write.buffers[write.index]!;
      const left = buffer.length - write.offset;
      const taken = left === 0 ? 0 : this.#tcp.send(this.#handle, buffer, write.offset, left, this.#drive.now());
      // Nothing can be sent any more: `closed` will say why.
      if (taken < 0) return false;
      this.#octets += taken;
      write.offset += taken;
      if (taken < left) return false;
      write.index += 1;
      write.offset = 0;
    }
    return true;
  }

  #complete(): void {
    const acknowledged = this.#octets - this.#tcp.unsent(this.#handle);
    while (this.#sent.length > 0 && this.#sent[0]!.end <= acknowledged) this.#sent.shift()!.done?.(null);
  }

  #closed(): void {
    this.#complete();
    this.#over(this.#tcp.errorOf(this.#handle), () => this.#tcp.close(this.#handle, this.#drive.now()));
  }

  #over(error: ErrorCode | null, close: () => void): void {
    const unheard = [...this.#sent.splice(0), ...this.#waiting.splice(0)];
    const handlers = this.#handlers;
    for (const { done } of unheard) done?.(error ?? "ECONNRESET");
    handlers?.closed?.(this, error);
    close();
    this.#handle = 0;
    this.#handlers = null;
  }
}

export interface LendingConnectOptions extends Partial<ConnectionOptions> {
  readonly remote: IpAddress;
  readonly remotePort: number;
  readonly local?: IpAddress;
  readonly localPort?: number;
}

/** Connects. Throws what there is to say at once: ENETUNREACH, EADDRINUSE, EINVAL. */
export function connectLending(drive: LendingDrive, options: LendingConnectOptions, handlers: LendingHandlers): LendingConnection {
  const connection = new LendingConnection(drive, handlers);
  return connection.begin(drive.stack.tcp.connect(options, connection, drive.now()));
}

export interface LendingListenOptions extends Partial<ConnectionOptions> {
  /** 0: any. */
  readonly port: number;
  readonly local?: IpAddress;
  readonly backlog?: number;
}

export interface LendingListener {
  readonly port: number;
  /** Connections that were accepted go on. */
  close(): void;
}

/** Listens; `accept` says who is to hear of a connection. Throws EADDRINUSE, EADDRNOTAVAIL, EINVAL. */
export function listenLending(drive: LendingDrive, options: LendingListenOptions, accept: () => LendingHandlers): LendingListener {
  const { tcp } = drive.stack;
  const onEvents = (listener: number, events: number): void => {
    if ((events & TcpEvent.Acceptable) === 0) return;
    for (let handle = tcp.accept(listener); handle !== 0; handle = tcp.accept(listener)) {
      const handlers = accept();
      const connection = new LendingConnection(drive, handlers).begin(handle);
      tcp.attach(handle, connection);
      handlers.opened?.(connection);
    }
  };
  const listener = tcp.listen(options, { onEvents });
  return { port: tcp.endpointsOf(listener).localPort, close: () => tcp.close(listener, drive.now()) };
}
