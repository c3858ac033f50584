/** The raw TCP API in memory: hosts on one lossless network without segments, for tests of what stands on that API. */
import { type ErrorCode, networkError } from "../../src/base/errors.js";
import { formatIp, type IpAddress, ip, UNSPECIFIED } from "../../src/ip/address.js";
import type { NetDrive, RawTcp } from "../../src/net/raw.js";
import { type Application, TcpEvent } from "../../src/tcp/events.js";

interface Connection {
  handle: number;
  app: Application | null;
  events: number;
  local: IpAddress;
  localPort: number;
  remote: IpAddress;
  remotePort: number;
  peer: Connection | null;
  established: boolean;
  closed: boolean;
  released: boolean;
  error: ErrorCode | null;
  outbox: Buffer[];
  outSize: number;
  wantsRoom: boolean;
  shut: boolean;
  inbox: Buffer[];
  inSize: number;
  ended: boolean;
  host: FakeTcp;
}
interface Listener {
  handle: number;
  app: Application;
  local: IpAddress;
  port: number;
  queue: Connection[];
}

export class FakeNetwork {
  readonly hosts = new Map<IpAddress, FakeTcp>();
  /** Octets of the buffers of both sides; a small one shows back-pressure. */
  buffer = 65_536;
  #scheduled = false;

  host(address: string): FakeDrive {
    const tcp = new FakeTcp(this, ip(address));
    this.hosts.set(ip(address), tcp);
    return { stack: { tcp }, now: () => 0 };
  }

  wake(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      for (const host of this.hosts.values()) host.move();
      for (const host of this.hosts.values()) host.deliver();
    });
  }
}

export interface FakeDrive extends NetDrive {
  readonly stack: { readonly tcp: FakeTcp };
}

export class FakeTcp implements RawTcp {
  readonly network: FakeNetwork;
  readonly address: IpAddress;
  readonly configured: object[] = [];
  readonly connections = new Map<number, Connection>();
  readonly listeners = new Map<number, Listener>();
  #next = 1;
  #port = 49_152;

  constructor(network: FakeNetwork, address: IpAddress) {
    this.network = network;
    this.address = address;
  }

  connect(o: { remote: IpAddress; remotePort: number; localPort?: number }, app: Application): number {
    if (o.remotePort === 0) throw networkError("EADDRNOTAVAIL", "connect", `${formatIp(o.remote)}:0`);
    const c = this.#connection(this.address, o.localPort ?? this.#port++, o.remote, o.remotePort);
    c.app = app;
    const host = this.network.hosts.get(o.remote);
    if (host === undefined) this.#end(c, "EHOSTUNREACH");
    else {
      const listener = [...host.listeners.values()].find(
        (l) => l.port === o.remotePort && (l.local === UNSPECIFIED || l.local === o.remote),
      );
      if (listener === undefined) this.#end(c, "ECONNREFUSED");
      else {
        const d = host.#connection(o.remote, o.remotePort, this.address, c.localPort);
        c.peer = d;
        d.peer = c;
        c.established = d.established = true;
        c.events |= TcpEvent.Established | TcpEvent.Writable;
        listener.queue.push(d);
      }
    }
    this.network.wake();
    return c.handle;
  }

  listen(o: { local?: IpAddress; port: number }, app: Application): number {
    const port = o.port === 0 ? this.#port++ : o.port;
    if ([...this.listeners.values()].some((l) => l.port === port))
      throw networkError("EADDRINUSE", "listen", `0.0.0.0:${port}`, "close the listener, or choose another port", "0.0.0.0", port);
    const handle = this.#next++;
    this.listeners.set(handle, { handle, app, local: o.local ?? UNSPECIFIED, port, queue: [] });
    return handle;
  }

  accept(listener: number): number {
    return this.listeners.get(listener)?.queue.shift()?.handle ?? 0;
  }

  attach(handle: number, app: Application): void {
    const c = this.connections.get(handle)!;
    c.app = app;
    this.network.wake();
  }

  send(handle: number, source: Uint8Array, offset: number, length: number): number {
    const c = this.#of(handle);
    if (c.closed || c.shut) return -1;
    const room = Math.min(length, this.network.buffer - c.outSize);
    if (room < length) c.wantsRoom = true;
    if (room === 0) return 0;
    c.outbox.push(Buffer.from(source.subarray(offset, offset + room)));
    c.outSize += room;
    this.network.wake();
    return room;
  }

  receive(handle: number, target: Uint8Array, offset: number, length: number): number {
    const c = this.#of(handle);
    let got = 0;
    while (got < length && c.inbox.length > 0) {
      const first = c.inbox[0]!;
      const n = Math.min(first.length, length - got);
      target.set(first.subarray(0, n), offset + got);
      got += n;
      if (n === first.length) c.inbox.shift();
      else c.inbox[0] = first.subarray(n);
    }
    c.inSize -= got;
    if (got > 0) this.network.wake();
    return got > 0 ? got : c.ended || c.closed ? -1 : 0;
  }

  shutdown(handle: number): void {
    this.#of(handle).shut = true;
    this.network.wake();
  }

  close(handle: number): void {
    const listener = this.listeners.get(handle);
    if (listener !== undefined) {
      this.listeners.delete(handle);
      for (const c of listener.queue) this.network.hosts.get(c.local)!.abort(c.handle);
      return;
    }
    const c = this.#of(handle);
    c.released = true;
    if (c.inSize > 0 && !c.closed) return this.abort(handle);
    c.shut = true;
    this.connections.delete(handle);
    this.#lingering.push(c);
    this.network.wake();
  }

  abort(handle: number): void {
    const c = this.#of(handle);
    c.released = true;
    this.connections.delete(handle);
    if (!c.closed && c.peer !== null) this.#end(c.peer, "ECONNRESET");
    c.closed = true;
    this.network.wake();
  }

  configure(_handle: number, options: object): void {
    this.configured.push({ ...options });
  }
  errorOf(handle: number): ErrorCode | null {
    const c = this.connections.get(handle);
    return c === undefined ? null : c.error;
  }
  softErrorOf(): ErrorCode | null {
    return null;
  }
  readable(handle: number): number {
    return this.#of(handle).inSize;
  }
  unsent(handle: number): number {
    return this.#of(handle).outSize;
  }
  endpointsOf(handle: number) {
    const listener = this.listeners.get(handle);
    if (listener !== undefined) return { local: listener.local, localPort: listener.port, remote: UNSPECIFIED, remotePort: 0 };
    return this.#of(handle);
  }

  /** Ends the connection with an error, as a reset or a timeout would. */
  fail(handle: number, error: ErrorCode): void {
    this.#end(this.#of(handle), error);
    this.network.wake();
  }

  readonly #lingering: Connection[] = [];

  /** What was sent arrives, as far as there is room. */
  move(): void {
    for (const c of [...this.connections.values(), ...this.#lingering]) {
      const peer = c.peer;
      if (peer === null || c.closed || peer.closed) continue;
      while (c.outbox.length > 0 && peer.inSize < this.network.buffer) {
        if (peer.released) {
          this.#end(c, "ECONNRESET");
          break;
        }
        const first = c.outbox[0]!;
        const n = Math.min(first.length, this.network.buffer - peer.inSize);
        peer.inbox.push(first.subarray(0, n));
        peer.inSize += n;
        c.outSize -= n;
        if (n === first.length) c.outbox.shift();
        else c.outbox[0] = first.subarray(n);
        peer.events |= TcpEvent.Readable;
        if (c.wantsRoom) c.events |= TcpEvent.Writable;
        c.wantsRoom = false;
      }
      if (c.shut && c.outSize === 0 && !peer.ended) {
        peer.ended = true;
        peer.events |= TcpEvent.PeerClosed;
        if (c.ended) {
          c.closed = peer.closed = true;
          c.events |= TcpEvent.Closed;
          peer.events |= TcpEvent.Closed;
        }
      }
    }
  }

  deliver(): void {
    for (const l of this.listeners.values()) if (l.queue.length > 0) l.app.onEvents(l.handle, TcpEvent.Acceptable);
    for (const c of this.connections.values()) {
      if (c.app === null || c.events === 0) continue;
      const events = c.events;
      c.events = 0;
      c.app.onEvents(c.handle, events);
    }
    if ([...this.connections.values()].some((c) => c.events !== 0 && c.app !== null)) this.network.wake();
  }

  #of(handle: number): Connection {
    const c = this.connections.get(handle);
    if (c === undefined) throw new Error(`handle ${handle} is dead: this must not be called`);
    return c;
  }

  #end(c: Connection, error: ErrorCode): void {
    c.closed = true;
    c.error = error;
    c.events |= TcpEvent.Closed | TcpEvent.Readable;
  }

  #connection(local: IpAddress, localPort: number, remote: IpAddress, remotePort: number): Connection {
    const c: Connection = {
      handle: this.#next++,
      app: null,
      events: 0,
      local,
      localPort,
      remote,
      remotePort,
      peer: null,
      established: false,
      closed: false,
      released: false,
      error: null,
      outbox: [],
      outSize: 0,
      wantsRoom: false,
      shut: false,
      inbox: [],
      inSize: 0,
      ended: false,
      host: this,
    };
    this.connections.set(c.handle, c);
    return c;
  }
}
