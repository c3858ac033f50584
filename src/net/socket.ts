/** A TCP connection as a Node stream: `net.Socket` in shape and manners, over the raw API of a stack and without a Node handle.
 *
 *  Back-pressure goes both ways. A reader that does not read leaves octets in the stack, whose window closes; a write that the
 *  stack does not take waits with its callback until the stack can take it. Nothing given to the application lies in the
 *  stack's memory: it is copied out, and never changes afterwards. */
import { Duplex } from "node:stream";
import { type ErrorCode, networkError } from "../base/errors.js";
import { formatIp, type IpAddress, ip, parseIp, UNSPECIFIED } from "../ip/address.js";
import type { ConnectionOptions } from "../tcp/connection-options.js";
import { type Application, TcpEvent } from "../tcp/events.js";
import { hold, release } from "./liveness.js";
import type { NetDrive, RawTcp } from "./raw.js";

/** Resolves a host name, with the signature of `dns.lookup`. */
export type Lookup = (
  hostname: string,
  options: { family: 4 },
  callback: (error: Error | null, address: string, family?: number) => void,
) => void;

export interface SocketOptions {
  /** Keep the writing side open when the peer has ended its own. Default false, as Node's. */
  readonly allowHalfOpen?: boolean | undefined;
  /** Octets that the stream buffers for the reader beyond what waits in the stack, and for the writer. Default: Node's. */
  readonly highWaterMark?: number | undefined;
  readonly noDelay?: boolean | undefined;
  readonly keepAlive?: boolean | undefined;
  /** Milliseconds of idleness before the first keep-alive probe; 0: two hours. */
  readonly keepAliveInitialDelay?: number | undefined;
  /** Destroys the socket with an AbortError. */
  readonly signal?: AbortSignal | undefined;
}

export interface ConnectOptions extends SocketOptions {
  readonly port: number | string;
  /** An IPv4 address, or a name when there is `lookup`. `address` is the same. Default "localhost", which is 127.0.0.1. */
  readonly host?: string | null | undefined;
  readonly address?: string | undefined;
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
  /** Milliseconds without activity after which `timeout` is emitted. */
  readonly timeout?: number | undefined;
  readonly lookup?: Lookup | undefined;
  /** Further options of the connection, such as `sendBuffer`, `userTimeout` (microseconds) or `congestionControl`. */
  readonly tcp?: Partial<ConnectionOptions> | undefined;
}

export interface AddressInfo {
  readonly address: string;
  readonly family: "IPv4";
  readonly port: number;
}

/** Octets of one read at most: enough to make the cost of a Buffer small, little enough to keep it out of the large object space. */
const READ_LIMIT = 65_536;

/** Between attempts to write when the stack's memory is full. */
const RETRY_MILLISECONDS = 10;

const nowhere = new Uint8Array(0);
const throwLater = (error: unknown): void =>
  process.nextTick(() => {
    throw error;
  });

interface Writing {
  readonly chunks: readonly Uint8Array[];
  index: number;
  offset: number;
  readonly done: (error?: Error | null) => void;
}

export class Socket extends Duplex implements Application {
  /** True from `connect` until `connect` is emitted or the attempt has failed. */
  connecting = false;
  /** Octets read from the connection. */
  bytesRead = 0;
  /** The inactivity timeout in milliseconds, or undefined. */
  timeout: number | undefined = undefined;
  remoteAddress: string | undefined = undefined;
  remotePort: number | undefined = undefined;
  remoteFamily: "IPv4" | undefined = undefined;
  localAddress: string | undefined = undefined;
  localPort: number | undefined = undefined;
  localFamily: "IPv4" | undefined = undefined;
  /** The server that accepted the socket; http sets its own. */
  server: unknown = null;

  readonly #drive: NetDrive;
  readonly #tcp: RawTcp;
  /** 0: none yet, or none any more. */
  #handle = 0;
  #wantsData = false;
  #writing: Writing | null = null;
  #taken = 0;
  #finalDone: ((error?: Error | null) => void) | null = null;
  #resetting = false;
  #timer: NodeJS.Timeout | null = null;
  #unsentAtTimeout = 0;
  #settings: { noDelay?: boolean; keepAlive?: number };
  #referenced = true;
  #holding = false;

  constructor(drive: NetDrive, options: SocketOptions = {}) {
    super({
      allowHalfOpen: options.allowHalfOpen ?? false,
      emitClose: false,
      autoDestroy: true,
      ...(options.highWaterMark === undefined ? {} : { highWaterMark: options.highWaterMark }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    this.#drive = drive;
    this.#tcp = drive.stack.tcp;
    this.#settings = settingsOf(options);
    this.on("end", () => {
      if (!this.allowHalfOpen) this.write = writeAfterEnd;
    });
  }

  /** Opens the connection: as `net.Socket.connect`, with a port and a host, or with options. Emits `connect` and `ready`, or `error`. */
  connect(options: ConnectOptions, listener?: () => void): this;
  connect(port: number | string, host?: string, listener?: () => void): this;
  connect(port: number | string, listener?: () => void): this;
  connect(first: ConnectOptions | number | string, second?: string | (() => void), third?: () => void): this {
    const options: ConnectOptions =
      typeof first === "object" ? first : { port: first, ...(typeof second === "string" ? { host: second } : {}) };
    const listener = typeof second === "function" ? second : third;
    if (this.#handle !== 0 || this.connecting || this.destroyed)
      throw networkError("EISCONN", "connect", "this socket", "a socket connects once: make another");
    const port = portOf(options.port);
    if (listener !== undefined) this.once("connect", listener);
    if (options.timeout !== undefined) this.setTimeout(options.timeout);
    Object.assign(this.#settings, settingsOf(options));
    this.connecting = true;
    this.#keepLoop();

    const host = options.host || options.address || "localhost";
    const address = host === "localhost" ? ip("127.0.0.1") : parseIp(host);
    if (address !== null) this.#open(address, port, options);
    else this.#resolve(host, port, options);
    return this;
  }

  /** Takes over a connection that a listener has accepted. For `Server`. */
  adopt(handle: number, reading: boolean): void {
    this.#handle = handle;
    this.#named();
    this.#keepLoop();
    this.#configure();
    this.#tcp.attach(handle, this);
    if (reading) this.read(0);
  }

  get pending(): boolean {
    return this.#handle === 0 || this.connecting;
  }

  get readyState(): "opening" | "open" | "readOnly" | "writeOnly" | "closed" {
    if (this.connecting) return "opening";
    if (this.readable && this.writable) return "open";
    if (this.readable) return "readOnly";
    return this.writable ? "writeOnly" : "closed";
  }

  /** Octets written, those that still wait for the stack included. */
  get bytesWritten(): number {
    let bytes = this.#taken + (this.destroyed ? 0 : this.writableLength);
    const writing = this.#writing;
    if (writing !== null && !this.destroyed) {
      for (let i = 0; i < writing.index; i++) bytes -= writing.chunks[i]!.length;
      bytes -= writing.offset;
    }
    return bytes;
  }

  /** The handle of the connection in the stack, 0 when there is none: for `stack.tcp.show` and the like. */
  get handle(): number {
    return this.#handle;
  }

  address(): AddressInfo | Record<string, never> {
    if (this.localAddress === undefined || this.localPort === undefined) return {};
    return { address: this.localAddress, family: "IPv4", port: this.localPort };
  }

  /** Send small segments at once: Nagle's algorithm off. */
  setNoDelay(noDelay = true): this {
    this.#settings.noDelay = noDelay;
    this.#configure();
    return this;
  }

  setKeepAlive(enable = false, initialDelay = 0): this {
    this.#settings.keepAlive = enable ? keepAliveOf(initialDelay) : 0;
    this.#configure();
    return this;
  }

  /** Emits `timeout` after so many milliseconds without activity; 0: never. The connection stays open: that is the listener's to decide. */
  setTimeout(milliseconds: number, listener?: () => void): this {
    if (!(Number.isFinite(milliseconds) && milliseconds >= 0))
      throw new RangeError(`timeout ${milliseconds} is out of range: use 0 or more milliseconds`);
    if (this.destroyed) return this;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.timeout = milliseconds;
    if (milliseconds > 0) {
      // A longer delay than setTimeout can hold would fire at once.
      this.#timer = setTimeout(() => this.#onTimeout(), Math.min(milliseconds, 2 ** 31 - 1)).unref();
      if (listener !== undefined) this.once("timeout", listener);
    } else if (listener !== undefined) this.removeListener("timeout", listener);
    return this;
  }

  ref(): this {
    this.#referenced = true;
    this.#keepLoop();
    return this;
  }

  /** The event loop need not go on for this socket alone. */
  unref(): this {
    this.#referenced = false;
    this.#keepLoop();
    return this;
  }

  /** Ends the writing side, and destroys the socket when all is written. */
  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once("finish", this.destroy);
  }

  /** Closes the connection with a reset, when what is written has been taken by the stack. */
  resetAndDestroy(): this {
    if (this.#handle === 0) return this.destroy(closedError("ERR_SOCKET_CLOSED", "the socket has no connection"));
    this.#resetting = true;
    if (this.connecting) this.once("connect", () => this.destroySoon());
    else this.destroySoon();
    return this;
  }

  /** Events of the stack, after the turn. What a listener throws is reported as uncaught, and does not reach the stack; what it has kept
   *  from being done is done later, since the stack tells nothing twice. Doing a step again does no harm. */
  onEvents(handle: number, events: number): void {
    if (handle !== this.#handle) return;
    const { closed = false, died = false } = this.#drive.stack;
    if (closed && !died) return void setImmediate(() => this.#stackClosed());
    try {
      if (events & TcpEvent.Established && this.connecting) this.#established();
      if (events & TcpEvent.SoftError && this.connecting) this.#discouraged();
      if (events & (TcpEvent.Writable | TcpEvent.Established)) this.#continueWriting();
      if (events & (TcpEvent.Readable | TcpEvent.PeerClosed | TcpEvent.Closed)) this.#pump();
      if (events & TcpEvent.Closed) this.#closed();
    } catch (error) {
      throwLater(error);
      setImmediate(() => this.onEvents(handle, events));
    }
  }

  override _read(): void {
    this.#wantsData = true;
    this.#pump();
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#write([chunk], done);
  }

  override _writev(chunks: { chunk: Uint8Array }[], done: (error?: Error | null) => void): void {
    this.#write(
      chunks.map((c) => c.chunk),
      done,
    );
  }

  override _final(done: (error?: Error | null) => void): void {
    // The reset follows at once. A stack in another thread could put a FIN before it, which the peer would take for the end.
    if (this.#resetting) done();
    else if (this.connecting) this.#finalDone = done;
    else this.#finish(done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.connecting = false;
    this.#wantsData = false;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const handle = this.#handle;
    this.#handle = 0;
    this.#keepLoop();
    if (handle !== 0 && !this.#drive.stack.closed) {
      if (this.#resetting) this.#tcp.abort(handle, this.#drive.now());
      else this.#tcp.close(handle, this.#drive.now());
    }
    const writing = this.#writing;
    this.#writing = null;
    done(error);
    // Callbacks that wait must settle, and `close` comes after `error`.
    if (writing !== null)
      process.nextTick(writing.done, error ?? closedError("ERR_SOCKET_CLOSED", "the socket was closed before this write was taken"));
    process.nextTick(() => this.emit("close", error !== null && error !== undefined));
  }

  #open(remote: IpAddress, port: number, options: ConnectOptions): void {
    const host = formatIp(remote);
    try {
      this.#handle = this.#tcp.connect(
        {
          remote,
          remotePort: port,
          ...(options.localAddress === undefined ? {} : { local: addressOf(options.localAddress, "localAddress") }),
          ...(options.localPort === undefined ? {} : { localPort: options.localPort }),
          ...this.#settings,
          ...options.tcp,
        },
        this,
        this.#drive.now(),
      );
    } catch (error) {
      // As Node's: what is wrong with an attempt is told by `error`, never thrown.
      process.nextTick(() => this.destroy(error as Error));
      return;
    }
    this.remoteAddress = host;
    this.remotePort = port;
    this.remoteFamily = "IPv4";
    this.#named();
  }

  #resolve(host: string, port: number, options: ConnectOptions): void {
    if (options.lookup === undefined) {
      const error = Object.assign(
        new Error(`getaddrinfo ENOTFOUND ${host}: the stack resolves no names, give an IPv4 address or the option lookup`),
        { code: "ENOTFOUND", syscall: "getaddrinfo", hostname: host },
      );
      process.nextTick(() => this.destroy(error));
      return;
    }
    options.lookup(host, { family: 4 }, (error, address) => {
      if (this.destroyed) return;
      const found = error === null || error === undefined ? parseIp(address) : null;
      this.emit("lookup", error, address, 4, host);
      if (found !== null) this.#open(found, port, options);
      else this.destroy(error ?? new Error(`lookup of ${host} gave ${JSON.stringify(address)}, which is no IPv4 address`));
    });
  }

  #established(): void {
    this.connecting = false;
    this.#named();
    this.#active();
    const final = this.#finalDone;
    try {
      this.emit("connect");
      this.emit("ready");
    } finally {
      if (!this.destroyed && final !== null && this.#finalDone !== null) this.#finish(final);
      if (!this.destroyed && !this.isPaused()) this.read(0);
    }
  }

  #named(): void {
    const { local, localPort, remote, remotePort } = this.#tcp.endpointsOf(this.#handle);
    if (local !== UNSPECIFIED) {
      this.localAddress = formatIp(local);
      this.localPort = localPort;
      this.localFamily = "IPv4";
    }
    this.remoteAddress = formatIp(remote);
    this.remotePort = remotePort;
    this.remoteFamily = "IPv4";
  }

  #configure(): void {
    if (this.#handle === 0 || this.#drive.stack.closed || Object.keys(this.#settings).length === 0) return;
    this.#tcp.configure(this.#handle, this.#settings, this.#drive.now());
  }

  /** Moves what has arrived to the reader, as long as it wants more. */
  #pump(): void {
    if (this.connecting || this.#orphaned()) return;
    while (this.#wantsData && this.#handle !== 0) {
      const waiting = this.#tcp.readable(this.#handle);
      if (waiting === 0) {
        // Nothing now, or never again. With a stack in another thread something may have come since.
        if (this.#tcp.receive(this.#handle, nowhere, 0, 0, this.#drive.now()) < 0) this.#ended();
        return;
      }
      const buffer = Buffer.allocUnsafe(Math.min(waiting, READ_LIMIT));
      const got = this.#tcp.receive(this.#handle, buffer, 0, buffer.length, this.#drive.now());
      if (got <= 0) return;
      this.bytesRead += got;
      this.#active();
      this.#wantsData = false;
      // A listener may read, pause, destroy or throw in the midst of this: _read sets the flag again.
      let more = true;
      let whole = false;
      try {
        more = this.push(got === buffer.length ? buffer : buffer.subarray(0, got));
        whole = true;
      } finally {
        if (more) this.#wantsData = true;
        // What is left in the stack announces itself no more.
        if (!whole) setImmediate(() => this.#pump());
      }
    }
  }

  #ended(): void {
    this.#wantsData = false;
    const code = this.#tcp.errorOf(this.#handle);
    if (code !== null) {
      this.destroy(this.#error(code, "read"));
      return;
    }
    this.#active();
    this.push(null);
    // As Node does: without a reader, nobody would notice the end.
    if (this.readableLength === 0) this.read(0);
  }

  /** TCP must not give up for a soft error (RFC 9293 s3.9.2.2, MUST-56), but its user may, before there is a connection: RFC 5461 s4.1.
   *  Node's users know a host to be unreachable after seconds, not minutes. */
  #discouraged(): void {
    const code = this.#tcp.softErrorOf(this.#handle);
    if (code !== null) this.destroy(this.#error(code, "connect"));
  }

  #closed(): void {
    if (this.#handle === 0) return;
    const code = this.#tcp.errorOf(this.#handle);
    if (this.connecting) {
      this.destroy(this.#error(code ?? "ECONNABORTED", "connect"));
      return;
    }
    if (this.#writing !== null) this.#continueWriting();
    // A reader that has fallen behind learns of a reset when it has read what came before it, as with the kernel's sockets.
    if (code !== null && this.#handle !== 0 && this.#tcp.readable(this.#handle) === 0 && this.readableLength === 0)
      this.destroy(this.#error(code, "read"));
  }

  #write(chunks: readonly Uint8Array[], done: (error?: Error | null) => void): void {
    this.#writing = { chunks, index: 0, offset: 0, done };
    if (!this.connecting) this.#continueWriting();
  }

  /** Gives the stack as much as it takes; the rest goes when it says Writable. */
  #continueWriting(): void {
    if (this.#orphaned()) return;
    const writing = this.#writing;
    if (writing === null || this.#handle === 0) {
      if (writing !== null && !this.connecting) this.#written(closedError("EPIPE", "this socket is not connected"));
      return;
    }
    const now = this.#drive.now();
    while (writing.index < writing.chunks.length) {
      const chunk = writing.chunks[writing.index]!;
      const left = chunk.length - writing.offset;
      const taken = left === 0 ? 0 : this.#tcp.send(this.#handle, chunk, writing.offset, left, now);
      if (taken < 0) {
        this.#written(this.#error(this.#tcp.errorOf(this.#handle) ?? "EPIPE", "write"));
        return;
      }
      if (taken > 0) this.#active();
      this.#taken += taken;
      writing.offset += taken;
      if (taken < left) {
        if (this.#tcp.unsent(this.#handle) === 0) this.#tryAgain();
        return;
      }
      writing.index += 1;
      writing.offset = 0;
    }
    this.#written(null);
  }

  /** The stack was closed, and the connection with it: whoever waits for something hears why, others that it is over. */
  #stackClosed(): void {
    if (this.#handle === 0) return;
    if (this.connecting || this.#writing !== null) this.#orphaned();
    else this.destroy();
  }

  /** A closed stack has taken its connections along: whoever uses one learns of it here. */
  #orphaned(): boolean {
    if (this.#handle === 0 || !this.#drive.stack.closed) return false;
    this.destroy(networkError("ECONNABORTED", "socket", "", "its stack was closed", this.remoteAddress, this.remotePort));
    return true;
  }

  /** The stack's memory is full of others' octets. With none of ours in it, no acknowledgement will tell of room. */
  #tryAgain(): void {
    setTimeout(() => this.#continueWriting(), RETRY_MILLISECONDS);
  }

  #written(error: Error | null): void {
    const writing = this.#writing;
    this.#writing = null;
    writing?.done(error);
  }

  #finish(done: (error?: Error | null) => void): void {
    this.#finalDone = null;
    if (this.#handle !== 0 && !this.#orphaned()) this.#tcp.shutdown(this.#handle, this.#drive.now());
    done();
  }

  #error(code: ErrorCode, syscall: string): Error {
    return syscall === "connect"
      ? networkError(code, syscall, "", undefined, this.remoteAddress, this.remotePort)
      : networkError(code, syscall, "");
  }

  #active(): void {
    if (this.#timer !== null) this.#timer.refresh();
  }

  #onTimeout(): void {
    if (this.#orphaned()) return;
    // Octets that are being acknowledged are activity, though nobody told us.
    const unsent = this.#handle === 0 ? 0 : this.#tcp.unsent(this.#handle);
    if (unsent > 0 && unsent !== this.#unsentAtTimeout) {
      this.#unsentAtTimeout = unsent;
      this.#timer?.refresh();
      return;
    }
    this.#unsentAtTimeout = 0;
    this.emit("timeout");
  }

  #keepLoop(): void {
    const wanted = this.#referenced && (this.connecting || this.#handle !== 0);
    if (wanted === this.#holding) return;
    this.#holding = wanted;
    if (wanted) hold(this.#drive);
    else release(this.#drive);
  }
}

/** A connection to `host:port`, or to what the options say: as `net.connect`. */
export const connect = (drive: NetDrive, options: ConnectOptions, listener?: () => void): Socket =>
  new Socket(drive, options).connect(options, listener);

/** Replaces `write` when the peer has ended and so have we: Node's answer to a late write. */
function writeAfterEnd(this: Socket, chunk: unknown, encoding?: unknown, callback?: unknown): boolean {
  if (!this.writableEnded) return (Duplex.prototype.write as (...a: unknown[]) => boolean).call(this, chunk, encoding, callback);
  const done = typeof encoding === "function" ? encoding : callback;
  const error = closedError("EPIPE", "This socket has been ended by the other party");
  if (typeof done === "function") process.nextTick(done as (error: Error) => void, error);
  this.destroy(error);
  return false;
}

const closedError = (code: string, message: string): Error => Object.assign(new Error(message), { code });

/** Milliseconds of an application; none: as long as the profile says. */
const keepAliveOf = (initialDelay = 0): number => (initialDelay > 0 ? initialDelay * 1000 : -1);

const settingsOf = (options: SocketOptions): { noDelay?: boolean; keepAlive?: number } => ({
  ...(options.noDelay === undefined ? {} : { noDelay: options.noDelay }),
  ...(options.keepAlive ? { keepAlive: keepAliveOf(options.keepAliveInitialDelay) } : {}),
});

export const portOf = (port: number | string): number => {
  const number = typeof port === "string" && /^\d+$/.test(port) ? Number(port) : port;
  if (typeof number === "number" && Number.isInteger(number) && number >= 0 && number <= 65_535) return number;
  throw Object.assign(new RangeError(`port ${JSON.stringify(port)} is out of range: use an integer from 0 to 65535`), {
    code: "ERR_SOCKET_BAD_PORT",
  });
};

export const addressOf = (text: string, name: string): IpAddress => {
  const address = parseIp(text);
  if (address !== null) return address;
  throw networkError("EINVAL", "bind", `${name} ${JSON.stringify(text)}`, "use an IPv4 address, A.B.C.D");
};
