/** The handle under a `dgram.Socket` of Node's own. It is no native object: nobody but `dgram` looks at it. */
import { AsyncResource } from "node:async_hooks";
import { NetworkError } from "../base/errors.js";
import { type IpAddress, isMulticast, UNSPECIFIED } from "../ip/address.js";
import { type DatagramApplication, DatagramEvent } from "../ip/application.js";
import { hold, release } from "../net/liveness.js";
import type { UdpOptions } from "../udp/endpoint.js";
import type { Udp } from "../udp/udp.js";
import { atClosing, enter, soon } from "./bottom.js";
import type { Host, Told } from "./host.js";
import { errno, type Request } from "./internals.js";
import { ELSEWHERE, type Family, fill, IPV4_LOOPBACK, IPV6_LOOPBACK, parseName, type SocketName, spell } from "./names.js";
import { type Claim, claimOf } from "./taken-ports.js";

const IPV6_ONLY = 1;
const REUSE_ADDRESS = 4;
/** Datagrams in a row for one socket, before others have their turn. */
const BATCH = 32;
/** Linux counts its own overhead: what is set is doubled, and never less than this. */
const LEAST_RECEIVE_BUFFER = 2_304;
const LEAST_SEND_BUFFER = 4_608;
const DEFAULT_SEND_BUFFER = 212_992;
/** Ports that are tried where any will do. */
const PORT_ATTEMPTS = 64;

/** Node's own switch: nothing is sent before its turn. */
const QUEUES = process.execArgv.includes("--test-udp-no-try-send");

interface Sender {
  address: string;
  family: string;
  port: number;
}

interface Waiting {
  readonly octets: Uint8Array;
  readonly to: IpAddress;
  readonly port: number;
  readonly done: (status: number) => void;
}

/** What a call of `bufferSize` that fails leaves behind. */
interface Failure {
  errno?: number;
  code?: string;
  message?: string;
  syscall?: string;
}

export class UdpHandle implements DatagramApplication, Told {
  /** Set by `dgram`. */
  onmessage: ((octets: number, handle: UdpHandle, buffer: Buffer | undefined, from: Sender | undefined) => void) | undefined = undefined;
  onerror: unknown = undefined;
  readonly #host: Host;
  readonly #udp: Udp;
  readonly #resource = new AsyncResource("UDPWRAP");
  #handle = 0;
  #port = 0;
  #claim: Claim | null = null;
  #family: Family = 4;
  #connected = false;
  #receiving = false;
  #pumping = false;
  #closing = false;
  #referenced = true;
  #holding = false;
  #sendBuffer = DEFAULT_SEND_BUFFER;
  #options: Partial<UdpOptions> = {};
  #waiting: Waiting[] = [];
  /** What the stack has told and nobody has looked at. */
  #events = 0;

  constructor(host: Host) {
    this.#host = host;
    this.#udp = host.drive.stack.udp;
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
    if (this.#handle !== 0) return errno("EINVAL");
    const named = parseName(text, family);
    if (named === null) return errno("EINVAL");
    if (named === ELSEWHERE) return errno("EADDRNOTAVAIL");
    this.#family = family;
    const claim = claimOf(named, family, (flags & IPV6_ONLY) !== 0, (flags & REUSE_ADDRESS) !== 0);
    const number = portOf(port);
    if (number !== 0 && this.#host.udpPorts.conflicts(number, claim)) return errno("EADDRINUSE");
    const address = named === UNSPECIFIED && !claim.ipv4 ? IPV6_LOOPBACK : named;
    return this.#try(() => {
      for (let attempt = 1; attempt <= PORT_ATTEMPTS; attempt++) {
        const handle = this.#udp.bind({ ...this.#options, address, port: number, reuse: true }, this);
        const { localPort } = this.#udp.endpointsOf(handle);
        if (this.#host.udpPorts.add(localPort, claim)) {
          this.#handle = handle;
          this.#port = localPort;
          this.#claim = claim;
          return 0;
        }
        // Another process of the program has it.
        this.#udp.close(handle);
        if (number !== 0) break;
      }
      return errno("EADDRINUSE");
    });
  }

  /** Sending needs a port, any port. */
  #bindLazily(): number {
    return this.#handle !== 0 ? 0 : this.#bind(this.#family, this.#family === 4 ? "0.0.0.0" : "::", 0, 0);
  }

  connect(address: unknown, port: unknown): number {
    return this.#connect(4, address, port);
  }

  connect6(address: unknown, port: unknown): number {
    return this.#connect(6, address, port);
  }

  #connect(family: Family, text: unknown, port: unknown): number {
    if (this.#connected) return errno("EISCONN");
    this.#family = family;
    const unbound = this.#bindLazily();
    if (unbound !== 0) return unbound;
    const remote = this.#destination(text);
    if (typeof remote !== "number") return remote.status;
    return this.#try(() => {
      this.#udp.connect(this.#handle, remote, portOf(port));
      this.#connected = true;
      return 0;
    });
  }

  disconnect(): number {
    if (!this.#connected) return errno("ENOTCONN");
    this.#connected = false;
    this.#udp.disconnect(this.#handle);
    return 0;
  }

  getsockname(out: SocketName): number {
    if (this.#handle === 0) return errno("EBADF");
    const { local, localPort } = this.#udp.endpointsOf(this.#handle);
    fill(out, local, localPort, this.#family);
    return 0;
  }

  getpeername(out: SocketName): number {
    if (this.#handle === 0) return errno("EBADF");
    if (!this.#connected) return errno("ENOTCONN");
    const { remote, remotePort } = this.#udp.endpointsOf(this.#handle);
    fill(out, remote, remotePort, this.#family);
    return 0;
  }

  #destination(text: unknown): IpAddress | { readonly status: number } {
    const named = parseName(text, this.#family);
    if (named === null) return { status: errno("EINVAL") };
    if (named === ELSEWHERE) return { status: errno("ENETUNREACH") };
    return named === UNSPECIFIED ? (this.#family === 4 ? IPV4_LOOPBACK : IPV6_LOOPBACK) : named;
  }

  // ---- datagrams

  /** With a port and an address, or to the connected peer. Returns the octets sent plus one, 0 when the request will be told, or an error. */
  send(request: Request, list: ArrayBufferView[], _count: number, port: unknown, address?: unknown, _hasCallback?: boolean): number {
    return this.#send(4, request, list, port, address);
  }

  send6(request: Request, list: ArrayBufferView[], _count: number, port: unknown, address?: unknown, _hasCallback?: boolean): number {
    return this.#send(6, request, list, port, address);
  }

  #send(family: Family, request: Request, list: readonly ArrayBufferView[], port: unknown, address: unknown): number {
    if (this.#closing) return errno("EBADF");
    if (this.#handle === 0) this.#family = family;
    const unbound = this.#bindLazily();
    if (unbound !== 0) return unbound;
    const octets = joined(list);
    const connected = address === undefined && typeof port !== "number";
    const to = connected ? UNSPECIFIED : this.#destination(address);
    if (typeof to !== "number") return to.status;
    return this.#try(() => {
      const number = connected ? 0 : portOf(port);
      const sent =
        this.#waiting.length > 0 || QUEUES
          ? -1
          : this.#udp.send(this.#handle, octets, 0, octets.length, to, number, this.#host.drive.now());
      if (sent >= 0) return sent + 1;
      const resource = new AsyncResource("UDPSENDWRAP");
      const done = (status: number): void => enter(() => resource.runInAsyncScope(() => request.oncomplete?.(status, octets.length)));
      this.#waiting.push({ octets, to, port: number, done });
      this.#keepLoop();
      if (QUEUES) setImmediate(() => this.#sendWaiting());
      return 0;
    });
  }

  #sendWaiting(): void {
    for (let next = this.#waiting[0]; next !== undefined && this.#handle !== 0; next = this.#waiting[0]) {
      const { octets, to, port, done } = next;
      const status = this.#try(() => this.#udp.send(this.#handle, octets, 0, octets.length, to, port, this.#host.drive.now()));
      if (status === -1) return;
      this.#waiting.shift();
      this.#keepLoop();
      done(Math.min(status, 0));
    }
  }

  getSendQueueSize(): number {
    let octets = 0;
    for (const waiting of this.#waiting) octets += waiting.octets.length;
    return octets;
  }

  getSendQueueCount(): number {
    return this.#waiting.length;
  }

  recvStart(): number {
    const unbound = this.#bindLazily();
    if (unbound !== 0) return unbound;
    this.#receiving = true;
    this.#keepLoop();
    if (this.#udp.readable(this.#handle) > 0) this.#pumpSoon();
    return 0;
  }

  recvStop(): number {
    this.#receiving = false;
    this.#keepLoop();
    return 0;
  }

  #pumpSoon(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    soon(() => {
      this.#pumping = false;
      this.#pump();
    });
  }

  #pump(): void {
    const target = this.#host.scratch;
    for (let i = 0; i < BATCH && this.#receiving && this.#handle !== 0; i++) {
      const length = this.#udp.receive(this.#handle, target, 0, target.length);
      if (length < 0) return;
      const { from, fromPort, to } = this.#udp;
      // What a socket of IPv4 alone would not have heard.
      if (this.#family === 4 && to === IPV6_LOOPBACK) continue;
      const family = this.#family === 4 ? "IPv4" : "IPv6";
      this.#tell(length, Buffer.from(target.subarray(0, length)), { address: spell(from, this.#family), family, port: fromPort });
    }
    if (this.#receiving && this.#handle !== 0 && this.#udp.readable(this.#handle) > 0) this.#pumpSoon();
  }

  #tell(status: number, buffer: Buffer | undefined, from: Sender | undefined): void {
    enter(() => this.#resource.runInAsyncScope(() => this.onmessage?.(status, this, buffer, from)));
  }

  // ---- groups

  addMembership(group: unknown, interfaceAddress?: unknown): number {
    return this.#membership(group, interfaceAddress, (address, device) => this.#udp.join(this.#handle, address, device));
  }

  dropMembership(group: unknown, interfaceAddress?: unknown): number {
    return this.#membership(group, interfaceAddress, (address, device) => this.#udp.leave(this.#handle, address, device));
  }

  #membership(group: unknown, interfaceAddress: unknown, change: (group: IpAddress, device: number) => void): number {
    if (this.#closing) return errno("EBADF");
    const address = parseName(group, this.#family);
    if (typeof address !== "number" || !isMulticast(address)) return errno("EINVAL");
    const { device, status } = this.#deviceOf(interfaceAddress, "ENODEV");
    if (status !== 0) return status;
    const unbound = this.#bindLazily();
    if (unbound !== 0) return unbound;
    return this.#try(() => {
      change(address, device);
      return 0;
    });
  }

  /** The device that has the address, -1 when none is named; or the error. */
  #deviceOf(interfaceAddress: unknown, unknown: "ENODEV" | "EADDRNOTAVAIL"): { readonly device: number; readonly status: number } {
    if (interfaceAddress === undefined || interfaceAddress === null) return { device: -1, status: 0 };
    const address = parseName(interfaceAddress, this.#family);
    if (address === null) return { device: -1, status: errno("EINVAL") };
    if (address === UNSPECIFIED) return { device: -1, status: 0 };
    const device = address === ELSEWHERE ? -1 : this.#host.drive.stack.ip.deviceOf(address);
    return { device, status: device < 0 ? errno(unknown) : 0 };
  }

  /** RFC 4607 needs IGMPv3, which the stack does not speak. */
  addSourceSpecificMembership(source: unknown, group: unknown, _interfaceAddress?: unknown): number {
    const addresses = [parseName(source, this.#family), parseName(group, this.#family)];
    return addresses.includes(null) ? errno("EINVAL") : errno("ENOTSUP");
  }

  dropSourceSpecificMembership(source: unknown, group: unknown, interfaceAddress?: unknown): number {
    return this.addSourceSpecificMembership(source, group, interfaceAddress);
  }

  setMulticastInterface(interfaceAddress: unknown): number {
    const { device, status } = this.#deviceOf(interfaceAddress, "EADDRNOTAVAIL");
    if (status !== 0) return status;
    return this.#configure({ multicastDevice: device });
  }

  setMulticastTTL(ttl: number): number {
    return ttl === -1 ? this.#configure({ multicastTtl: 1 }) : this.#configure({ multicastTtl: ttl });
  }

  setMulticastLoopback(on: number): number {
    return this.#configure({ multicastLoop: on !== 0 });
  }

  setBroadcast(on: number): number {
    return this.#configure({ broadcast: on !== 0 });
  }

  setTTL(ttl: number): number {
    return this.#configure({ ttl });
  }

  #configure(options: Partial<UdpOptions>): number {
    if (this.#handle === 0) return errno("EBADF");
    return this.#try(() => {
      this.#udp.configure(this.#handle, options);
      return 0;
    });
  }

  /** Sets, unless `size` is 0, and returns the size of a buffer; undefined: `failure` says why not. */
  bufferSize(size: number, receiving: boolean, failure: Failure): number | undefined {
    const syscall = receiving ? "uv_recv_buffer_size" : "uv_send_buffer_size";
    const fails = (code: "EBADF" | "EINVAL", message: string): undefined => {
      Object.assign(failure, { errno: errno(code), code, message, syscall });
    };
    if (this.#handle === 0) return fails("EBADF", "bad file descriptor");
    if (size > 0x7fff_ffff) return fails("EINVAL", "invalid argument");
    const doubled = Math.min(size, 0x3fff_ffff) * 2;
    if (!receiving) {
      if (size !== 0) this.#sendBuffer = Math.max(doubled, LEAST_SEND_BUFFER);
      return this.#sendBuffer;
    }
    if (size !== 0) this.#options = { ...this.#options, receiveBuffer: Math.max(doubled, LEAST_RECEIVE_BUFFER) };
    if (size !== 0) this.#udp.configure(this.#handle, this.#options);
    return this.#options.receiveBuffer ?? this.#host.drive.stack.profile.lower.udpReceiveBuffer;
  }

  // ---- the rest of the contract

  get fd(): number {
    return -1;
  }

  open(_descriptor: number): number {
    return errno("EINVAL");
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

  getAsyncId(): number {
    return this.#resource.asyncId();
  }

  close(callback?: () => void): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#receiving = false;
    if (this.#handle !== 0 && !this.#host.drive.stack.closed) this.#udp.close(this.#handle);
    if (this.#claim !== null) this.#host.udpPorts.remove(this.#port, this.#claim);
    this.#handle = 0;
    this.#keepLoop();
    const waiting = this.#waiting;
    this.#waiting = [];
    atClosing(() => {
      for (const { done } of waiting) done(errno("ECANCELED"));
      if (callback !== undefined) enter(() => this.#resource.runInAsyncScope(callback, this));
    });
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
    if (this.#handle === 0) return;
    if (events & DatagramEvent.Writable) this.#sendWaiting();
    if (events & DatagramEvent.Error && this.#handle !== 0) {
      const error = this.#udp.errorOf(this.#handle);
      // As on Linux, only who is connected hears what became of a datagram.
      if (error !== null && this.#connected && this.#receiving) this.#tell(errno(error.code), undefined, undefined);
    }
    if (events & DatagramEvent.Readable) this.#pump();
  }

  #try(call: () => number): number {
    try {
      return call();
    } catch (error) {
      if (error instanceof NetworkError) return errno(error.code);
      throw error;
    }
  }

  #keepLoop(): void {
    const wanted = this.#referenced && !this.#closing && (this.#receiving || this.#waiting.length > 0);
    if (wanted === this.#holding) return;
    this.#holding = wanted;
    if (wanted) hold(this.#host.drive);
    else release(this.#host.drive);
  }
}

/** `dgram` hands the callback of bind on as its port: native code takes what is no number for 0. */
const portOf = (port: unknown): number => (typeof port === "number" || typeof port === "string" ? Number(port) & 0xffff : 0);

function joined(list: readonly ArrayBufferView[]): Uint8Array {
  const parts = list.map((part) => new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}
