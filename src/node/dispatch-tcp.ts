/** The TCP handle of a process that has two networks: it learns at `bind` or `connect` whether it is our stack's or the kernel's. What is the
 *  kernel's gets a handle of Node's own, which takes our place under the socket; only where TLS has built on us already do we stay between. */

import { UNSPECIFIED } from "../ip/address.js";
import { soon } from "./bottom.js";
import type { Host } from "./host.js";
import { errno, ownerOf, passOwner, type Request, relayRead, relayWrite, ShutdownWrap } from "./internals.js";
import { type KernelTcp, KernelTcpHandle } from "./kernel-tcp.js";
import { type Family, parseName, type SocketName } from "./names.js";
import { TcpHandle } from "./tcp-handle.js";
import type { Territory } from "./territory.js";

/** Those that a handle of ours has asked for. */
export const kernelTcps = new WeakSet<object>();

/** Where a client was bound before it is known where it goes. */
interface Undecided {
  readonly family: Family;
  readonly address: unknown;
  readonly port: unknown;
  readonly flags: number;
}

export abstract class DispatchTcp extends TcpHandle {
  readonly #territory: Territory;
  readonly #type: number;
  #kernel: KernelTcp | null = null;
  #gaveWay = false;
  #undecided: Undecided | null = null;

  constructor(host: Host, territory: Territory, type: number) {
    super(host, type);
    this.#territory = territory;
    this.#type = type;
  }

  override bind(address: unknown, port: unknown, flags = 0): number {
    return this.#decideLocal(4, address, port, flags);
  }

  override bind6(address: unknown, port: unknown, flags = 0): number {
    return this.#decideLocal(6, address, port, flags);
  }

  #decideLocal(family: Family, address: unknown, port: unknown, flags: number): number {
    const named = parseName(address, family);
    const ours = this.isServer ? this.#territory.ownsLocal(named, Number(port)) : named === UNSPECIFIED || this.#territory.holds(named);
    if (this.#kernel === null && ours) {
      if (this.#territory.refuses(named)) return errno("EADDRNOTAVAIL");
      if (!this.isServer) this.#undecided = { family, address, port, flags };
      return family === 4 ? super.bind(address, port, flags) : super.bind6(address, port, flags);
    }
    const kernel = this.#toKernel();
    return family === 4 ? kernel.bind(address, port, flags) : kernel.bind6(address, port, flags);
  }

  override connect(request: Request, address: unknown, port: unknown): number {
    return this.#decideRemote(4, request, address, port);
  }

  override connect6(request: Request, address: unknown, port: unknown): number {
    return this.#decideRemote(6, request, address, port);
  }

  #decideRemote(family: Family, request: Request, address: unknown, port: unknown): number {
    const named = parseName(address, family);
    if (this.#kernel === null && this.#territory.ownsDestination(named, Number(port))) {
      if (this.#territory.refuses(named)) return errno("ENETUNREACH");
      return family === 4 ? super.connect(request, address, port) : super.connect6(request, address, port);
    }
    const kernel = this.#toKernel();
    const bound = this.#undecided;
    this.#undecided = null;
    if (bound !== null) {
      const { address: local, port: localPort, flags } = bound;
      const status = bound.family === 4 ? kernel.bind(local, localPort, flags) : kernel.bind6(local, localPort, flags);
      if (status !== 0) return status;
    }
    this.#giveWay(kernel);
    return family === 4 ? kernel.connect(request, address, port) : kernel.connect6(request, address, port);
  }

  override listen(backlog: number): number {
    const kernel = this.#kernel;
    if (kernel === null) return super.listen(backlog);
    this.#giveWay(kernel);
    return kernel.listen(backlog);
  }

  override open(descriptor: number): number {
    return this.#toKernel().open(descriptor);
  }

  #toKernel(): KernelTcp {
    if (this.#kernel !== null) return this.#kernel;
    const kernel = new KernelTcpHandle(this.#type);
    kernelTcps.add(kernel);
    if (!super.hasRef()) kernel.unref();
    this.#kernel = kernel;
    return kernel;
  }

  /** Puts the kernel's handle under the socket in our place. Where somebody has built on us, we pass on what is said. */
  #giveWay(kernel: KernelTcp): void {
    const owner = ownerOf(this);
    if (this.#gaveWay || owner === null) return;
    this.#gaveWay = true;
    passOwner(this, kernel);
    if (owner._handle === this) owner._handle = kernel;
    else kernel.onread = (memory) => relayRead(this, memory as ArrayBuffer | undefined);
  }

  /** The kernel's handle, for a call that is its. */
  #theirs(): KernelTcp | null {
    if (this.#kernel !== null) this.#giveWay(this.#kernel);
    return this.#kernel;
  }

  override getsockname(out: SocketName): number {
    return this.#kernel?.getsockname(out) ?? super.getsockname(out);
  }

  override getpeername(out: SocketName): number {
    return this.#kernel?.getpeername(out) ?? super.getpeername(out);
  }

  override setNoDelay(noDelay: boolean): number {
    return this.#theirs()?.setNoDelay(noDelay) ?? super.setNoDelay(noDelay);
  }

  override setKeepAlive(enable: boolean, delay: number): number {
    return this.#theirs()?.setKeepAlive(enable, delay) ?? super.setKeepAlive(enable, delay);
  }

  override readStart(): number {
    return this.#theirs()?.readStart() ?? super.readStart();
  }

  override readStop(): number {
    return this.#theirs()?.readStop() ?? super.readStop();
  }

  override onwrite(request: object, buffers: Uint8Array[]): number {
    const kernel = this.#kernel;
    if (kernel === null) return super.onwrite(request, buffers);
    return relayWrite(kernel, buffers, (status) => soon(() => this.finishWrite(request, status)));
  }

  override onshutdown(request: object): number {
    const kernel = this.#kernel;
    if (kernel === null) return super.onshutdown(request);
    const theirs = new ShutdownWrap();
    theirs.oncomplete = (status) => this.finishShutdown(request, status);
    return kernel.shutdown(theirs);
  }

  override get fd(): number {
    return this.#kernel?.fd ?? -1;
  }

  override get bytesWritten(): number {
    return this.#kernel?.bytesWritten ?? super.bytesWritten;
  }

  override ref(): void {
    this.#kernel?.ref();
    super.ref();
  }

  override unref(): void {
    this.#kernel?.unref();
    super.unref();
  }

  override reset(callback?: () => void): number {
    return this.#kernel?.reset(callback) ?? super.reset(callback);
  }

  override close(callback?: () => void): void {
    if (this.#kernel === null) return super.close(callback);
    super.close();
    this.#kernel.close(callback);
  }
}
