/** The handle under a `net.Socket` or a `net.Server` of Node's own: a native stream whose octets come from a stack. What `net`, TLS, HTTP and
 *  HTTP/2 ask of a handle, and when they expect to be told, is libuv's way with sockets of Linux. */
import { AsyncResource } from "node:async_hooks";
import { type ErrorCode, NetworkError } from "../base/errors.js";
import { type IpAddress, isLoopback, UNSPECIFIED } from "../ip/address.js";
import { hold, release } from "../net/liveness.js";
import { type Application, TcpEvent } from "../tcp/events.js";
import type { Tcp } from "../tcp/tcp.js";
import { amongImmediates, atClosing, enter, soon } from "./bottom.js";
import type { Host, Told } from "./host.js";
import { errno, hasTls, JSStream, noteWrite, ownerOf, type Request, readError, readerOf, WriteWrap } from "./internals.js";
import { ELSEWHERE, type Family, fill, IPV4_LOOPBACK, IPV6_LOOPBACK, parseName, type SocketName } from "./names.js";
import { type Claim, claimOf } from "./taken-ports.js";

export const HandleType = { Socket: 0, Server: 1 } as const;

/** Octets of one read at most, as libuv has it. */
export const READ_LIMIT = 65_536;

/** What TLS makes room for in one read. */
const TLS_READ_LIMIT = 16_384;
/** Reads in a row, before others have their turn: libuv's number. */
const READS = 32;

const IPV6_ONLY = 1;
const REUSE_PORT = 2;
/** Two hours: RFC 9293 s3.8.4 (MUST-28). */
const KEEP_ALIVE_IDLE = 7_200_000_000;
/** Between attempts to write when the stack's memory is full. */
const RETRY_MILLISECONDS = 10;
/** Ports that are tried where any will do. */
const PORT_ATTEMPTS = 64;
const nowhere = new Uint8Array(1);

interface Write {
  readonly buffers: readonly Uint8Array[];
  index: number;
  offset: number;
  octets: number;
  readonly done: (status: number) => void;
}

interface Shutdown {
  readonly done: (status: number) => void;
}

interface Bound {
  readonly address: IpAddress;
  port: number;
  readonly family: Family;
  readonly claim: Claim;
}

/** What `handle.onconnection` is. */
type OnConnection = (this: TcpHandle, status: number, handle?: TcpHandle) => void;

export class TcpHandle extends JSStream implements Application, Told {
  /** Set by `net`. */
  onconnection: OnConnection | undefined = undefined;
  readonly isServer: boolean;

  readonly #host: Host;
  readonly #tcp: Tcp;
  readonly #resource: AsyncResource;
  /** Of the connection or the listener in the stack; 0: none. */
  #handle = 0;
  #bound: Bound | null = null;
  #family: Family = 4;
  /** What bind has found and only listen, connect and getsockname tell. */
  #deferred = 0;
  #listening = false;
  #connecting: { readonly request: Request; readonly resource: AsyncResource } | null = null;
  /** The handshake is over; `net` may still have to hear of it. */
  #opened = false;
  #connected = false;
  #reading = false;
  #pumping = false;
  /** The peer has said its last, or the connection is over: there is an end behind what can still be read. */
  #ended = false;
  #endTold = false;
  #errorTold = false;
  #readLimit = READ_LIMIT;
  /** What the stack has told and nobody has looked at. */
  #events = 0;
  #writes: Write[] = [];
  #written = 0;
  #shutdown: Shutdown | null = null;
  #isShut = false;
  #closing = false;
  #referenced = true;
  #holding = false;
  #noDelay = false;
  #keepAlive = 0;

  constructor(host: Host, type: number) {
    super();
    this.#host = host;
    this.#tcp = host.drive.stack.tcp;
    this.isServer = type === HandleType.Server;
    this.#resource = new AsyncResource(this.isServer ? "TCPSERVERWRAP" : "TCPWRAP");
  }

  // ---- addresses

  bind(address: unknown, port: unknown, flags = 0): number {
    return this.#bind(4, address, port, flags);
  }

  bind6(address: unknown, port: unknown, flags = 0): number {
    return this.#bind(6, address, port, flags);
  }

  #bind(family: Family, text: unknown, port: unknown, flags: number): number {
    if (this.#closing) return errno("EBADF");
    if (this.#bound !== null || this.#handle !== 0) return errno("EINVAL");
    const address = parseName(text, family);
    if (address === null) return errno("EINVAL");
    if (address === ELSEWHERE) return errno("EADDRNOTAVAIL");
    const { ip } = this.#host.drive.stack;
    if (address !== UNSPECIFIED && !ip.isLocal(address)) return errno("EADDRNOTAVAIL");
    if ((flags & REUSE_PORT) !== 0) return errno("ENOTSUP");
    const number = portOf(port);
    const claim = claimOf(address, family, (flags & IPV6_ONLY) !== 0);
    this.#family = family;
    if (number !== 0 && this.#host.listening.conflicts(number, claim)) {
      this.#deferred = errno("EADDRINUSE");
      return 0;
    }
    this.#bound = { address, port: number, family, claim };
    return 0;
  }

  belongsTo(host: Host): boolean {
    return this.#host === host;
  }

  /** Says so when it is to listen or to connect. */
  failWith(status: number): void {
    this.#deferred = status;
  }

  getsockname(out: SocketName): number {
    if (this.#deferred !== 0) return this.#deferred;
    if (this.#closing) return errno("EBADF");
    if (this.#handle !== 0) {
      const { local, localPort } = this.#tcp.endpointsOf(this.#handle);
      const address = this.#listening && this.#bound !== null ? this.#bound.address : local;
      fill(out, address, localPort, this.#family);
      return 0;
    }
    if (this.#bound === null) return errno("EBADF");
    if (this.#bound.port === 0) this.#bound.port = this.#freePort();
    fill(out, this.#bound.address, this.#bound.port, this.#family);
    return 0;
  }

  getpeername(out: SocketName): number {
    if (this.#closing) return errno("EBADF");
    if (this.#handle === 0 || this.#listening || !this.#connected) return errno("ENOTCONN");
    const { remote, remotePort } = this.#tcp.endpointsOf(this.#handle);
    fill(out, remote, remotePort, this.#family);
    return 0;
  }

  /** A port for a socket that was bound to none in particular and is asked for its name. */
  #freePort(): number {
    const { random } = this.#host.drive.stack;
    for (;;) {
      const port = 32_768 + ((random.int32() >>> 0) % 28_232);
      if (this.#bound !== null && !this.#host.listening.conflicts(port, this.#bound.claim)) return port;
    }
  }

  // ---- listening

  listen(backlog: number): number {
    if (this.#deferred !== 0) return this.#deferred;
    if (this.#closing) return errno("EBADF");
    if (this.#listening) return 0;
    if (this.#handle !== 0) return errno("EINVAL");
    this.#bound ??= { address: UNSPECIFIED, port: 0, family: 4, claim: claimOf(UNSPECIFIED, 4, false) };
    const { address, port, claim } = this.#bound;
    if (port !== 0 && this.#host.listening.conflicts(port, claim)) return errno("EADDRINUSE");
    const local = address === UNSPECIFIED && !claim.ipv4 ? IPV6_LOOPBACK : address;
    const options = { ...this.#host.options, local, port, backlog: Math.max(1, Math.trunc(backlog) || 0) };
    for (let attempt = 1; ; attempt++) {
      try {
        this.#handle = this.#tcp.listen(options, this);
      } catch (error) {
        return errnoOf(error);
      }
      this.#bound.port = this.#tcp.endpointsOf(this.#handle).localPort;
      if (this.#host.listening.add(this.#bound.port, claim)) break;
      // Another process of the program has it.
      this.#tcp.close(this.#handle, this.#host.drive.now());
      this.#handle = 0;
      if (port !== 0 || attempt === PORT_ATTEMPTS) return errno("EADDRINUSE");
    }
    this.#listening = true;
    this.#keepLoop();
    return 0;
  }

  /** Takes over a connection that a listener has accepted. */
  adopt(handle: number, family: Family): void {
    this.#handle = handle;
    this.#family = family;
    this.#connected = true;
    this.#tcp.attach(handle, this);
  }

  #accept(): void {
    while (this.#listening) {
      const handle = this.#tcp.accept(this.#handle);
      if (handle === 0) return;
      const { family, claim } = this.#bound!;
      if (!claim.ipv6 && this.#tcp.endpointsOf(handle).local === IPV6_LOOPBACK) {
        this.#tcp.abort(handle, this.#host.drive.now());
        continue;
      }
      if (isOfCluster(this)) {
        this.#host.warnOfCluster();
        this.#tcp.abort(handle, this.#host.drive.now());
        continue;
      }
      this.#call(this.#resource, () => {
        const client = this.#host.makeSocket();
        client.adopt(handle, family);
        this.onconnection?.(0, client);
      });
    }
  }

  // ---- connecting

  connect(request: Request, address: unknown, port: unknown): number {
    return this.#connect(4, request, address, port);
  }

  connect6(request: Request, address: unknown, port: unknown): number {
    return this.#connect(6, request, address, port);
  }

  #connect(family: Family, request: Request, text: unknown, port: unknown): number {
    if (this.#closing) return errno("EBADF");
    if (this.#connecting !== null) return errno("EALREADY");
    if (this.#handle !== 0) return errno("EISCONN");
    const named = parseName(text, family);
    if (named === null) return errno("EINVAL");
    if (named === ELSEWHERE) return errno("ENETUNREACH");
    // As on Linux: to nowhere in particular is to oneself.
    const remote = named === UNSPECIFIED ? (family === 4 ? IPV4_LOOPBACK : IPV6_LOOPBACK) : named;
    const remotePort = portOf(port);
    this.#family = family;
    const resource = new AsyncResource("TCPCONNECTWRAP");
    if (this.#deferred !== 0 || this.#isRefused(remote, remotePort)) {
      this.#connecting = { request, resource };
      this.#keepLoop();
      soon(() => this.#connectEnded(this.#deferred === 0 ? errno("ECONNREFUSED") : this.#deferred));
      return 0;
    }
    const { bound, source } = this.#source(remote);
    const open = (localPort: number): number => this.#open(remote, remotePort, source, localPort);
    const localPort = bound?.port ?? 0;
    const shared = isLoopback(remote) ? this.#host.sharedLoopback : null;
    try {
      this.#handle = shared?.joined ? shared.connect(remote, remotePort, localPort, open) : open(localPort);
    } catch (error) {
      const status = errnoOf(error);
      // The port is free, but not towards this peer.
      return status === errno("EADDRINUSE") ? errno("EADDRNOTAVAIL") : status;
    }
    this.#connecting = { request, resource };
    this.#keepLoop();
    return 0;
  }

  #open(remote: IpAddress, remotePort: number, source: IpAddress, localPort: number): number {
    const options = {
      ...this.#host.options,
      ...(this.#noDelay ? { noDelay: true } : {}),
      ...(this.#keepAlive > 0 ? { keepAlive: this.#keepAlive } : {}),
      ...(source === UNSPECIFIED ? {} : { local: source }),
    };
    return this.#tcp.connect({ ...options, remote, remotePort, localPort }, this, this.#host.drive.now());
  }

  /** Nobody can listen on port 0; and a listener of IPv4 alone is not for ::1. */
  #isRefused(remote: IpAddress, port: number): boolean {
    if (port === 0) return true;
    return remote === IPV6_LOOPBACK && !this.#host.listening.has(port, remote) && !this.#host.sharedLoopback?.joined;
  }

  #source(remote: IpAddress): { bound: Bound | null; source: IpAddress } {
    const bound = this.#bound;
    if (bound !== null && bound.address !== UNSPECIFIED) return { bound, source: bound.address };
    if (remote === IPV6_LOOPBACK) return { bound, source: IPV6_LOOPBACK };
    return { bound, source: isLoopback(remote) ? IPV4_LOOPBACK : UNSPECIFIED };
  }

  #connectEnded(status: number): void {
    const connecting = this.#connecting;
    if (connecting === null || this.#closing) return;
    this.#connecting = null;
    this.#connected = status === 0;
    this.#keepLoop();
    const { request, resource } = connecting;
    this.#call(resource, () => request.oncomplete?.(status, this, request, true, true));
  }

  #established(): void {
    this.#opened = true;
    const { remote } = this.#tcp.endpointsOf(this.#handle);
    // Inside one host the listener knows first: the last ACK is still on its way to it.
    if (this.#host.isInside(remote)) this.#host.afterNextTurn(() => this.#connectEnded(0));
    else this.#connectEnded(0);
  }

  // ---- reading

  override readStart(): number {
    if (this.#closing) return errno("EBADF");
    this.#reading = !this.#endTold;
    this.#keepLoop();
    if (this.#handle !== 0 && this.#connected && (this.#ended || this.#tcp.readable(this.#handle) > 0)) this.#pumpSoon();
    return 0;
  }

  readStop(): number {
    this.#reading = false;
    this.#keepLoop();
    return 0;
  }

  /** From here on, reads fill this buffer. */
  override useUserBuffer(buffer: Uint8Array): number {
    this.#readLimit = Math.min(READ_LIMIT, Math.max(1, buffer.byteLength));
    return super.useUserBuffer(buffer);
  }

  #pumpSoon(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    soon(() => {
      this.#pumping = false;
      this.#pump();
    });
  }

  /** Moves what has arrived to the reader, as long as it wants more. The end comes in a round of its own, as from a kernel. */
  #pump(): void {
    if (!this.#reading || this.#handle === 0 || !this.#connected) return;
    let delivered = 0;
    const limit = hasTls(this) ? Math.min(this.#readLimit, TLS_READ_LIMIT) : this.#readLimit;
    while (this.#reading && this.#handle !== 0 && delivered < READS) {
      const waiting = this.#tcp.readable(this.#handle);
      if (waiting === 0) break;
      const { scratch } = this.#host;
      const octets = this.#tcp.receive(this.#handle, scratch, 0, Math.min(waiting, limit), this.#host.drive.now());
      if (octets <= 0) break;
      delivered += 1;
      this.readBuffer(this.#host.scratched(octets));
    }
    if (!this.#reading || this.#handle === 0) return;
    if (this.#tcp.readable(this.#handle) > 0 || (this.#ended && delivered > 0)) this.#pumpSoon();
    else if (this.#ended) this.#tellEnd();
  }

  #tellEnd(): void {
    if (this.#tcp.receive(this.#handle, nowhere, 0, 1, this.#host.drive.now()) !== -1) return;
    const code = this.#tcp.errorOf(this.#handle);
    this.#reading = false;
    this.#endTold = true;
    this.#keepLoop();
    if (code === null) this.emitEOF();
    else if (!this.#errorTold) {
      this.#errorTold = true;
      this.#call(this.#resource, () => readError(readerOf(this), errno(code)));
    }
  }

  // ---- writing

  get bytesWritten(): number {
    return this.#written;
  }

  get writeQueueSize(): number {
    let octets = 0;
    for (const write of this.#writes) octets += write.octets;
    return octets;
  }

  writeBuffer(request: Request | null, octets: Uint8Array): number | Request {
    const length = octets.byteLength;
    if (length === 0 || this.#writes.length > 0) return this.#write(request, [octets], length, 0);
    // As a rule all of it fits, and nothing has to be kept.
    const taken = this.#handle === 0 || this.#closing ? 0 : this.#tcp.send(this.#handle, octets, 0, length, this.#host.drive.now());
    if (taken !== length) return this.#write(request, [octets], length, Math.max(0, taken));
    this.#written += length;
    noteWrite(length, false);
    return 0;
  }

  writeUtf8String(request: Request | null, text: string): number | Request {
    return this.writeBuffer(request, Buffer.from(text, "utf8"));
  }

  writeAsciiString(request: Request | null, text: string): number | Request {
    return this.writeBuffer(request, Buffer.from(text, "latin1"));
  }

  writeLatin1String(request: Request | null, text: string): number | Request {
    return this.writeBuffer(request, Buffer.from(text, "latin1"));
  }

  writeUcs2String(request: Request | null, text: string): number | Request {
    return this.writeBuffer(request, Buffer.from(text, "utf16le"));
  }

  /** `chunks`: buffers, or else strings and buffers, each followed by its encoding. */
  writev(request: Request | null, chunks: unknown[], allBuffers: boolean): number | Request {
    const buffers: Uint8Array[] = [];
    let octets = 0;
    for (let i = 0; i < chunks.length; i += allBuffers ? 1 : 2) {
      const chunk = chunks[i];
      const buffer = typeof chunk === "string" ? Buffer.from(chunk, chunks[i + 1] as BufferEncoding) : (chunk as Uint8Array);
      octets += buffer.byteLength;
      buffers.push(buffer);
    }
    return this.#write(request, buffers, octets, 0);
  }

  /** What fits is taken at once, if some of it has not been `taken` already; the request hears of the rest. Node 26 brings none, and is given one
   *  when there is a rest. */
  #write(request: Request | null, buffers: readonly Uint8Array[], octets: number, taken: number): number | Request {
    noteWrite(octets, false);
    if (this.#handle === 0 || this.#closing) return errno("EBADF");
    this.#written += octets;
    const write = { buffers, index: 0, offset: taken, octets: octets - taken, done: (_status: number) => {} };
    const status = this.#writes.length > 0 ? 1 : this.#offer(write);
    if (status <= 0) return status;
    noteWrite(octets, true);
    const pending = request ?? Object.assign(new WriteWrap(), { writeStatus: null });
    const resource = new AsyncResource("WRITEWRAP");
    write.done = (ended) => this.#call(resource, () => pending.oncomplete?.(ended, this, undefined));
    this.#writes.push(write);
    this.#keepLoop();
    return request === null ? pending : 0;
  }

  /** Gives the stack as much of a write as it takes; returns 0 when that was all, 1 when something is left, or an error. */
  #offer(write: Write): number {
    const now = this.#host.drive.now();
    while (write.index < write.buffers.length) {
      const buffer = write.buffers[write.index]!;
      const left = buffer.byteLength - write.offset;
      const taken = left === 0 ? 0 : this.#tcp.send(this.#handle, buffer, write.offset, left, now);
      if (taken < 0) return this.#writeError();
      write.offset += taken;
      write.octets -= taken;
      if (taken < left) {
        // The stack's memory is full of others' octets: no acknowledgement of ours will tell of room.
        if (this.#tcp.unsent(this.#handle) === 0) setTimeout(() => this.#continueWriting(), RETRY_MILLISECONDS);
        return 1;
      }
      write.index += 1;
      write.offset = 0;
    }
    return 0;
  }

  /** As on Linux: a reset is told once, to whoever comes first; then nobody is there to write to. */
  #writeError(): number {
    const code = this.#tcp.errorOf(this.#handle);
    if (code === null || this.#errorTold) return errno("EPIPE");
    this.#errorTold = true;
    return errno(code);
  }

  #continueWriting(): void {
    while (this.#writes.length > 0 && this.#handle !== 0 && !this.#closing) {
      const write = this.#writes[0]!;
      const status = this.#offer(write);
      if (status === 1) return;
      this.#writes.shift();
      this.#keepLoop();
      write.done(status);
    }
    if (this.#writes.length === 0 && this.#shutdown !== null) this.#finish();
  }

  shutdown(request: Request): number {
    const resource = new AsyncResource("SHUTDOWNWRAP");
    return this.#end((status) => this.#call(resource, () => request.oncomplete?.(status)));
  }

  #end(done: (status: number) => void): number {
    if (this.#handle === 0 || !this.#connected || this.#isShut || this.#closing) return errno("ENOTCONN");
    this.#isShut = true;
    this.#shutdown = { done };
    this.#keepLoop();
    if (this.#writes.length === 0) this.#finish();
    return 0;
  }

  /** All that was written is in the stack: the FIN follows it. */
  #finish(): void {
    const shutdown = this.#shutdown;
    if (shutdown === null || this.#handle === 0) return;
    const over = this.#tcp.errorOf(this.#handle) !== null;
    if (!over) this.#tcp.shutdown(this.#handle, this.#host.drive.now());
    soon(() => {
      if (this.#shutdown !== shutdown) return;
      this.#shutdown = null;
      this.#keepLoop();
      shutdown.done(over ? errno("ENOTCONN") : 0);
    });
  }

  // ---- for TLS, HTTP and HTTP/2, which use the stream from below

  onreadstart(): number {
    return this.readStart();
  }

  onreadstop(): number {
    return this.readStop();
  }

  onwrite(request: object, buffers: Uint8Array[]): number {
    if (this.#handle === 0 || this.#closing) return errno("EBADF");
    let octets = 0;
    for (const buffer of buffers) octets += buffer.byteLength;
    this.#written += octets;
    const write: Write = { buffers, index: 0, offset: 0, octets, done: (status) => this.finishWrite(request, status) };
    const status = this.#writes.length > 0 ? 1 : this.#offer(write);
    if (status < 0) return status;
    if (status === 1) this.#writes.push(write);
    // TLS cannot bear that a write ends before its call does, and expects that end where Node itself puts it. HTTP/2 is lost for words when it
    // does not: what it has to say last would find a write in progress.
    else if (hasTls(this)) amongImmediates(() => write.done(0));
    else write.done(0);
    this.#keepLoop();
    return 0;
  }

  onshutdown(request: object): number {
    return this.#end((status) => this.finishShutdown(request, status));
  }

  isClosing(): boolean {
    return this.#closing;
  }

  // ---- the rest of the contract

  get fd(): number {
    return -1;
  }

  open(_descriptor: number): number {
    return errno("EINVAL");
  }

  setNoDelay(noDelay: boolean): number {
    this.#noDelay = noDelay;
    return this.#configure({ noDelay });
  }

  /** `delay` in seconds. */
  setKeepAlive(enable: boolean, delay: number): number {
    this.#keepAlive = enable ? (delay > 0 ? delay * 1_000_000 : KEEP_ALIVE_IDLE) : 0;
    return this.#configure({ keepAlive: this.#keepAlive });
  }

  setSimultaneousAccepts(): number {
    return 0;
  }

  setBlocking(): number {
    return errno("ENOTSUP");
  }

  #configure(options: { noDelay?: boolean; keepAlive?: number }): number {
    if (this.#closing) return errno("EBADF");
    if (this.#handle === 0 || this.#listening) return 0;
    this.#tcp.configure(this.#handle, options, this.#host.drive.now());
    return 0;
  }

  ref(): void {
    this.#referenced = true;
    this.#keepLoop();
  }

  unref(): void {
    this.#referenced = false;
    this.#keepLoop();
  }

  hasRef(): boolean {
    return this.#referenced && !this.#closing;
  }

  close(callback?: () => void): void {
    this.#close(false, callback);
  }

  /** Closes with a RST. */
  reset(callback?: () => void): number {
    if (this.#closing || this.#isShut) return errno("EINVAL");
    this.#close(true, callback);
    return 0;
  }

  #close(reset: boolean, callback: (() => void) | undefined): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#reading = false;
    this.#keepLoop();
    this.#letGo(reset);
    const connecting = this.#connecting;
    const writes = this.#writes;
    const shutdown = this.#shutdown;
    this.#connecting = null;
    this.#writes = [];
    this.#shutdown = null;
    atClosing(() => {
      const canceled = errno("ECANCELED");
      if (connecting !== null) {
        const { request, resource } = connecting;
        this.#call(resource, () => request.oncomplete?.(canceled, this, request, false, false));
      }
      for (const write of writes) write.done(canceled);
      shutdown?.done(canceled);
      if (callback !== undefined) this.#call(this.#resource, () => callback.call(this));
    });
  }

  #letGo(reset: boolean): void {
    const handle = this.#handle;
    if (this.#listening && this.#bound !== null) this.#host.listening.remove(this.#bound.port, this.#bound.claim);
    this.#listening = false;
    this.#handle = 0;
    if (handle === 0 || this.#host.drive.stack.closed) return;
    if (reset) this.#tcp.abort(handle, this.#host.drive.now());
    else this.#tcp.close(handle, this.#host.drive.now());
  }

  // ---- from the stack

  onEvents(handle: number, events: number): void {
    if (handle !== this.#handle) return;
    if (this.#events === 0) this.#host.defer(this);
    this.#events |= events;
  }

  handleEvents(): void {
    const events = this.#events;
    this.#events = 0;
    let whole = false;
    try {
      this.#handleEvents(events);
      whole = true;
    } finally {
      // The stack tells nothing twice, and doing a step again does no harm.
      if (!whole) soon(() => this.#handleEvents(events));
    }
  }

  #handleEvents(events: number): void {
    if (this.#handle === 0) return;
    if (this.#listening) {
      if (events & TcpEvent.Acceptable) this.#accept();
      return;
    }
    if (events & (TcpEvent.PeerClosed | TcpEvent.Closed)) this.#ended = true;
    if (this.#connecting !== null) this.#opening(events);
    if (events & (TcpEvent.Writable | TcpEvent.Closed)) this.#continueWriting();
    if (events & (TcpEvent.Readable | TcpEvent.PeerClosed | TcpEvent.Closed)) this.#pump();
  }

  #opening(events: number): void {
    if (this.#opened) return;
    if (events & TcpEvent.Established) return this.#established();
    if (events & TcpEvent.Closed) return this.#connectEnded(errno(this.#tcp.errorOf(this.#handle) ?? "ECONNABORTED"));
    // RFC 5461 s4.1: the user of a host that is unreachable wants to know in seconds, not in minutes.
    const code: ErrorCode | null = events & TcpEvent.SoftError ? this.#tcp.softErrorOf(this.#handle) : null;
    if (code !== null) this.#connectEnded(errno(code));
  }

  /** Calls the program, in the context in which it asked for it. */
  #call(resource: AsyncResource, callback: () => void): void {
    enter(() => resource.runInAsyncScope(callback));
  }

  #keepLoop(): void {
    const waits = this.#listening || this.#connecting !== null || this.#reading || this.#writes.length > 0 || this.#shutdown !== null;
    const wanted = this.#referenced && !this.#closing && waits;
    if (wanted === this.#holding) return;
    this.#holding = wanted;
    if (wanted) hold(this.#host.drive);
    else release(this.#host.drive);
  }
}

/** The primary of a cluster takes the handle away from its server, to hand what it accepts on to workers. */
const isOfCluster = (handle: TcpHandle): boolean => ownerOf(handle)?._handle === null;

/** Native code takes what is no number for 0. */
const portOf = (port: unknown): number => (typeof port === "number" || typeof port === "string" ? Number(port) & 0xffff : 0);

const errnoOf = (error: unknown): number => {
  if (error instanceof NetworkError) return errno(error.code);
  throw error;
};
