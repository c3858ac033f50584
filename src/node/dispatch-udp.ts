/** The UDP handle of a process that has two networks. One that is bound to all addresses belongs to both: what it sends goes where it belongs,
 *  and the kernel's half is made when it is needed. */
import { UNSPECIFIED } from "../ip/address.js";
import type { Host } from "./host.js";
import { binding, errno, type Request } from "./internals.js";
import { type Family, parseName, type SocketName } from "./names.js";
import type { Territory } from "./territory.js";
import { UdpHandle } from "./udp-handle.js";

type Setting = "setTTL" | "setBroadcast" | "setMulticastTTL" | "setMulticastLoopback";

/** Node's own, as far as it is used. */
interface KernelUdp {
  onmessage: unknown;
  readonly fd: number;
  open(descriptor: number): number;
  bind(address: unknown, port: unknown, flags?: number): number;
  bind6(address: unknown, port: unknown, flags?: number): number;
  connect(address: unknown, port: unknown): number;
  connect6(address: unknown, port: unknown): number;
  disconnect(): number;
  send(request: Request, list: ArrayBufferView[], count: number, ...to: unknown[]): number;
  send6(request: Request, list: ArrayBufferView[], count: number, ...to: unknown[]): number;
  recvStart(): number;
  recvStop(): number;
  getsockname(out: SocketName): number;
  getpeername(out: SocketName): number;
  addMembership(group: unknown, interfaceAddress?: unknown): number;
  dropMembership(group: unknown, interfaceAddress?: unknown): number;
  addSourceSpecificMembership(source: unknown, group: unknown, interfaceAddress?: unknown): number;
  dropSourceSpecificMembership(source: unknown, group: unknown, interfaceAddress?: unknown): number;
  setMulticastInterface(interfaceAddress: unknown): number;
  setTTL(ttl: number): number;
  setBroadcast(on: number): number;
  setMulticastTTL(ttl: number): number;
  setMulticastLoopback(on: number): number;
  bufferSize(size: number, receiving: boolean, failure: object): number | undefined;
  getSendQueueSize(): number;
  getSendQueueCount(): number;
  close(callback?: () => void): void;
  ref(): void;
  unref(): void;
}

export const KernelUdpHandle = binding("udp_wrap").UDP as new () => KernelUdp;
/** The kernel's halves of handles of ours. */
export const kernelUdps = new WeakSet<object>();

export abstract class DispatchUdp extends UdpHandle {
  readonly #territory: Territory;
  /** The kernel's half. */
  #kernel: KernelUdp | null = null;
  /** The kernel's half is all there is. */
  #theirs = false;
  #receiving = false;
  readonly #settings = new Map<Setting, number>();

  constructor(host: Host, territory: Territory) {
    super(host);
    this.#territory = territory;
  }

  override bind(address: unknown, port: unknown, flags = 0): number {
    return this.#decideLocal(4, address, port, flags);
  }

  override bind6(address: unknown, port: unknown, flags = 0): number {
    return this.#decideLocal(6, address, port, flags);
  }

  #decideLocal(family: Family, address: unknown, port: unknown, flags: number): number {
    const named = parseName(address, family);
    const number = typeof port === "number" ? port : 0;
    // Bound to nothing in particular, to send from: nobody has asked for an address.
    const ours = this.#territory.ownsLocal(named, number) || (named === UNSPECIFIED && number === 0) || this.#territory.holds(named);
    if (!ours) {
      this.#theirs = true;
      const kernel = this.#half();
      return family === 4 ? kernel.bind(address, port, flags) : kernel.bind6(address, port, flags);
    }
    if (this.#territory.refuses(named) && named !== UNSPECIFIED) return errno("EADDRNOTAVAIL");
    return family === 4 ? super.bind(address, port, flags) : super.bind6(address, port, flags);
  }

  override connect(address: unknown, port: unknown): number {
    return this.#decideRemote(4, address, port);
  }

  override connect6(address: unknown, port: unknown): number {
    return this.#decideRemote(6, address, port);
  }

  #decideRemote(family: Family, address: unknown, port: unknown): number {
    const named = parseName(address, family);
    if (!this.#theirs && this.#territory.ownsDestination(named, Number(port))) {
      if (this.#territory.refuses(named)) return errno("ENETUNREACH");
      return family === 4 ? super.connect(address, port) : super.connect6(address, port);
    }
    this.#theirs = true;
    const kernel = this.#half();
    return family === 4 ? kernel.connect(address, port) : kernel.connect6(address, port);
  }

  override send(request: Request, list: ArrayBufferView[], count: number, port: unknown, address?: unknown, told?: boolean): number {
    return this.#decideSend(4, request, list, count, port, address, told);
  }

  override send6(request: Request, list: ArrayBufferView[], count: number, port: unknown, address?: unknown, told?: boolean): number {
    return this.#decideSend(6, request, list, count, port, address, told);
  }

  #decideSend(
    family: Family,
    request: Request,
    list: ArrayBufferView[],
    count: number,
    port: unknown,
    address: unknown,
    told: boolean | undefined,
  ): number {
    const named = typeof port === "number" ? parseName(address, family) : undefined;
    const ours = named === undefined ? !this.#theirs : !this.#theirs && this.#territory.ownsDestination(named, port as number);
    if (ours) {
      if (named !== undefined && this.#territory.refuses(named)) return errno("ENETUNREACH");
      return family === 4 ? super.send(request, list, count, port, address, told) : super.send6(request, list, count, port, address, told);
    }
    const kernel = this.#half();
    const to = named === undefined ? [port] : [port, address, told];
    return family === 4 ? kernel.send(request, list, count, ...to) : kernel.send6(request, list, count, ...to);
  }

  override open(descriptor: number): number {
    this.#theirs = true;
    return this.#half().open(descriptor);
  }

  #half(): KernelUdp {
    if (this.#kernel !== null) return this.#kernel;
    const kernel = new KernelUdpHandle();
    kernelUdps.add(kernel);
    this.#kernel = kernel;
    kernel.onmessage = (octets: number, _handle: unknown, buffer: Buffer | undefined, from: never) =>
      this.onmessage?.(octets, this, buffer, from);
    for (const [name, value] of this.#settings) kernel[name](value);
    if (!this.hasRef()) kernel.unref();
    if (this.#receiving) kernel.recvStart();
    return kernel;
  }

  override recvStart(): number {
    this.#receiving = true;
    const status = this.#kernel?.recvStart() ?? 0;
    return this.#theirs ? status : super.recvStart();
  }

  override recvStop(): number {
    this.#receiving = false;
    this.#kernel?.recvStop();
    return this.#theirs ? 0 : super.recvStop();
  }

  override disconnect(): number {
    if (!this.#theirs || this.#kernel === null) return super.disconnect();
    return this.#kernel.disconnect();
  }

  override getsockname(out: SocketName): number {
    return this.#theirs && this.#kernel !== null ? this.#kernel.getsockname(out) : super.getsockname(out);
  }

  override getpeername(out: SocketName): number {
    return this.#theirs && this.#kernel !== null ? this.#kernel.getpeername(out) : super.getpeername(out);
  }

  override addMembership(group: unknown, interfaceAddress?: unknown): number {
    return this.#only()?.addMembership(group, interfaceAddress) ?? super.addMembership(group, interfaceAddress);
  }

  override dropMembership(group: unknown, interfaceAddress?: unknown): number {
    return this.#only()?.dropMembership(group, interfaceAddress) ?? super.dropMembership(group, interfaceAddress);
  }

  override addSourceSpecificMembership(source: unknown, group: unknown, interfaceAddress?: unknown): number {
    const theirs = this.#only();
    if (theirs === null) return super.addSourceSpecificMembership(source, group, interfaceAddress);
    return theirs.addSourceSpecificMembership(source, group, interfaceAddress);
  }

  override dropSourceSpecificMembership(source: unknown, group: unknown, interfaceAddress?: unknown): number {
    const theirs = this.#only();
    if (theirs === null) return super.dropSourceSpecificMembership(source, group, interfaceAddress);
    return theirs.dropSourceSpecificMembership(source, group, interfaceAddress);
  }

  override setMulticastInterface(interfaceAddress: unknown): number {
    return this.#only()?.setMulticastInterface(interfaceAddress) ?? super.setMulticastInterface(interfaceAddress);
  }

  override setTTL(ttl: number): number {
    return this.#set("setTTL", ttl, super.setTTL);
  }

  override setBroadcast(on: number): number {
    return this.#set("setBroadcast", on, super.setBroadcast);
  }

  override setMulticastTTL(ttl: number): number {
    return this.#set("setMulticastTTL", ttl, super.setMulticastTTL);
  }

  override setMulticastLoopback(on: number): number {
    return this.#set("setMulticastLoopback", on, super.setMulticastLoopback);
  }

  /** Both halves have it, also the one that comes later. */
  #set(name: Setting, value: number, ours: (value: number) => number): number {
    if (this.#theirs && this.#kernel !== null) return this.#kernel[name](value);
    const status = ours.call(this, value);
    if (status !== 0) return status;
    this.#settings.set(name, value);
    return this.#kernel?.[name](value) ?? 0;
  }

  #only(): KernelUdp | null {
    return this.#theirs ? this.#kernel : null;
  }

  override bufferSize(size: number, receiving: boolean, failure: object): number | undefined {
    const theirs = this.#only();
    return theirs === null ? super.bufferSize(size, receiving, failure) : theirs.bufferSize(size, receiving, failure);
  }

  override getSendQueueSize(): number {
    return super.getSendQueueSize() + (this.#kernel?.getSendQueueSize() ?? 0);
  }

  override getSendQueueCount(): number {
    return super.getSendQueueCount() + (this.#kernel?.getSendQueueCount() ?? 0);
  }

  override get fd(): number {
    return this.#only()?.fd ?? -1;
  }

  override ref(): void {
    this.#kernel?.ref();
    super.ref();
  }

  override unref(): void {
    this.#kernel?.unref();
    super.unref();
  }

  override close(callback?: () => void): void {
    this.#kernel?.close();
    super.close(callback);
  }
}
