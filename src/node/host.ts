/** What the handles of one stack share. */
import type { NodeDrive } from "../drive/node.js";
import type { IpAddress } from "../ip/address.js";
import { isLoopback } from "../ip/address.js";
import type { ConnectionOptions } from "../tcp/connection-options.js";
import { soon } from "./bottom.js";
import { passAsTcp, refuseToSend, watchTls } from "./internals.js";
import type { SharedLoopback } from "./relatives/shared-loopback.js";
import { TakenPorts } from "./taken-ports.js";
import { HandleType, READ_LIMIT, TcpHandle } from "./tcp-handle.js";
import { UdpHandle } from "./udp-handle.js";

/** A handle that the stack has told something. */
export interface Told {
  /** Does what there is to do about it. May throw what the program throws. */
  handleEvents(): void;
}

export class Host {
  readonly drive: NodeDrive;
  readonly listening = new TakenPorts();
  readonly udpPorts = new TakenPorts();
  /** Where the loopback is that of several processes. */
  sharedLoopback: SharedLoopback | null = null;
  /** Options of all connections. */
  readonly options: Partial<ConnectionOptions>;
  /** What one read takes out of the stack, on its way to Node: valid until the next read. */
  readonly scratch = new Uint8Array(READ_LIMIT);
  #scratched = this.scratch;
  /** The handle of a connection that was accepted: of the class that whoever listens has put in Node's place. */
  makeSocket: () => TcpHandle = () => new TcpHandle(this, HandleType.Socket);
  #warnedOfCluster = false;
  #told: Told[] = [];
  #next = 0;
  #afterTurn: (() => void)[] = [];

  /** Starts the drive. It is the handles now that keep the process alive, each as long as it waits for something. */
  constructor(drive: NodeDrive, options: Partial<ConnectionOptions> = {}) {
    this.drive = drive;
    this.options = options;
    watchTls();
    passAsTcp((value) => value instanceof TcpHandle);
    refuseToSend((handle) => handle instanceof TcpHandle || handle instanceof UdpHandle);
    drive.soon = soon;
    drive.unref();
    drive.onDelivered = () => this.#delivered();
    drive.start();
  }

  /** The first octets of `scratch`. Views cost more than what is done with a small one, and the next read is often as long as the last. */
  scratched(octets: number): Uint8Array {
    if (this.#scratched.length !== octets) this.#scratched = this.scratch.subarray(0, octets);
    return this.#scratched;
  }

  /** The handle is heard when the stack has told everybody, outside of the stack: what the program throws then is Node's matter, which
   *  expects to catch it on the bottom of the call stack. */
  defer(handle: Told): void {
    this.#told.push(handle);
  }

  /** Calls back when the stack has told everybody what there is to tell in its next turn. */
  afterNextTurn(callback: () => void): void {
    this.#afterTurn.push(callback);
  }

  #delivered(): void {
    const after = this.#afterTurn;
    if (after.length > 0) this.#afterTurn = [];
    // Behind what is told now.
    for (const handleEvents of after) this.#told.push({ handleEvents });
    this.#handle();
  }

  #handle(): void {
    if (this.#told.length === 0) return;
    try {
      while (this.#next < this.#told.length) {
        this.#told[this.#next++]!.handleEvents();
      }
    } finally {
      // What one of them has thrown must not keep the others from being heard.
      if (this.#next < this.#told.length) soon(() => this.#handle());
      else {
        this.#told = [];
        this.#next = 0;
      }
    }
  }

  /** Said once: connections are not handed on, but reset. */
  warnOfCluster(): void {
    if (this.#warnedOfCluster) return;
    this.#warnedOfCluster = true;
    const remedy = "let its workers listen with { exclusive: true }, each on a port of its own, or the primary alone";
    process.emitWarning(`a cluster's primary cannot hand a connection of the onwire stack to another process: ${remedy}`, "OnwireWarning");
  }

  /** True for addresses of this very host: what is said to them needs no time. */
  isInside(address: IpAddress): boolean {
    return isLoopback(address) || this.drive.stack.ip.isLocal(address);
  }
}
