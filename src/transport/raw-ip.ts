/** `rawip`: bare IP packets by the raw sockets of the npm package raw-socket, where there is no TAP device to be had. The kernel goes on hearing what
 *  we hear: the address must be its own, or nothing arrives, and then it answers TCP with resets, which a rule of its firewall must hold
 *  back. One socket a protocol. */
import { createRequire } from "node:module";
import { networkError } from "../base/errors.js";
import type { Packet, PacketPool } from "../base/packet.js";
import type { Capabilities, Link } from "./link.js";

/** The part of raw-socket used here: an optional peer, whose types nobody must need. */
export interface RawSocketModule {
  readonly AddressFamily: { readonly IPv4: number };
  readonly SocketLevel: { readonly IPPROTO_IP: number };
  readonly SocketOption: { readonly IP_HDRINCL: number };
  createSocket(options: { protocol: number; addressFamily: number; bufferSize: number }): RawSocket;
}
interface RawSocket {
  on(event: "message", listener: (octets: Uint8Array, source: string) => void): void;
  on(event: "error", listener: (error: Error) => void): void;
  on(event: "close", listener: () => void): void;
  setOption(level: number, option: number, value: number): void;
  send(octets: Uint8Array, offset: number, length: number, address: string, done: (error: Error | null) => void): void;
  pauseRecv(): void;
  resumeRecv(): void;
  close(): void;
}

export interface RawIpOptions {
  /** Numbers of the protocols that are heard: each has a socket. Absent: ICMP (1), TCP (6) and UDP (17). */
  readonly protocols?: readonly number[];
  /** The largest packet; absent: 1 500. */
  readonly mtu?: number;
  /** Packets that wait to be received before more are dropped, and that are on their way out before the link is full. Absent: 1 024. */
  readonly queue?: number;
}

const PROTOCOLS = [1, 6, 17];
const HEADER = 20;
const MOST_PROTOCOLS = 255;

/** Opens the sockets. Throws ENOTSUP (raw-socket is not installed), EPERM (no privilege), EINVAL (an option). */
export const openRawIp = (options: RawIpOptions = {}, load: (name: string) => unknown = createRequire(import.meta.url)): RawIpLink => {
  const { protocols = PROTOCOLS, mtu = 1_500, queue = 1_024 } = options;
  if (!(mtu >= 68 && mtu <= 65_535)) throw networkError("EINVAL", "open", `MTU ${mtu}`, "use 68 to 65535");
  if (!(Number.isInteger(queue) && queue >= 1)) throw networkError("EINVAL", "open", `queue ${queue}`, "use 1 or more packets");
  const odd = protocols.find((protocol) => !(Number.isInteger(protocol) && protocol >= 1 && protocol <= MOST_PROTOCOLS));
  if (protocols.length === 0 || odd !== undefined)
    throw networkError("EINVAL", "open", `protocol ${odd ?? "of none"}`, "give numbers from 1 to 255: 1 is ICMP, 6 TCP, 17 UDP");
  let module: RawSocketModule;
  try {
    module = load("raw-socket") as RawSocketModule;
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n", 1)[0] : String(error);
    throw networkError("ENOTSUP", "load", `raw-socket (${reason})`, "npm install raw-socket (it compiles), or use a TAP device");
  }
  return new RawIpLink(module, protocols, mtu, queue);
};

export class RawIpLink implements Link {
  readonly name = "rawip";
  readonly capabilities: Capabilities;
  readonly counters = {
    /** Packets that came when the queue was full, that no packet could hold, and that the kernel refused or that came after the end. */
    overflowed: 0,
    oversize: 0,
    refused: 0,
  };
  onReadable: (() => void) | null = null;
  onError: ((error: Error) => void) | null = null;
  readonly #sockets = new Map<number, RawSocket>();
  readonly #queue: number;
  #waiting: Uint8Array[] = [];
  #next = 0;
  /** On their way out: their octets are the socket's until it says so. */
  #sending = 0;
  #full = false;
  #open = true;

  constructor(module: RawSocketModule, protocols: readonly number[], mtu: number, queue: number) {
    this.capabilities = { medium: "ip", mtu, checksumOffload: false, gso: 0 };
    this.#queue = queue;
    try {
      for (const protocol of protocols) this.#sockets.set(protocol, this.#openSocket(module, protocol));
    } catch (error) {
      this.close();
      const remedy = "run as root, or give node the capability cap_net_raw";
      throw networkError("EPERM", "socket", `raw socket (${error instanceof Error ? error.message : String(error)})`, remedy);
    }
  }

  receive(pool: PacketPool, batch: Packet[], budget: number): number {
    let taken = 0;
    while (taken < budget && this.#next < this.#waiting.length) {
      const packet = pool.take();
      if (packet === null) break;
      const octets = this.#waiting[this.#next]!;
      this.#next += 1;
      if (packet.start + octets.length > packet.limit) {
        this.counters.oversize += 1;
        packet.release();
        continue;
      }
      pool.arena.bytes.set(octets, packet.start);
      packet.end = packet.start + octets.length;
      batch[taken++] = packet;
    }
    if (this.#next === this.#waiting.length) {
      this.#waiting = [];
      this.#next = 0;
    }
    return taken;
  }

  transmit(packet: Packet): boolean {
    const { bytes, view } = packet.pool.arena;
    const socket = this.#sockets.get(view.getUint8(packet.start + 9));
    if (!this.#open || socket === undefined) {
      this.counters.refused += 1;
      packet.release();
      return true;
    }
    if (this.#sending >= this.#queue) {
      this.#full = true;
      return false;
    }
    this.#sending += 1;
    const destination = [16, 17, 18, 19].map((at) => bytes[packet.start + at]).join(".");
    // The socket sends when it can, and the packet's place is another's by then.
    const octets = Buffer.from(bytes.subarray(packet.start, packet.end));
    packet.release();
    socket.send(octets, 0, octets.length, destination, (error) => this.#sent(error));
    return true;
  }

  /** Each packet has gone to its socket already. */
  flush(): void {}

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.onReadable = null;
    this.#waiting = [];
    for (const socket of this.#sockets.values()) socket.close();
  }

  #openSocket(module: RawSocketModule, protocol: number): RawSocket {
    const addressFamily = module.AddressFamily.IPv4;
    const socket = module.createSocket({ protocol, addressFamily, bufferSize: this.capabilities.mtu });
    socket.on("message", (octets) => this.#arrives(octets));
    socket.on("error", (error) => this.#fail(error));
    socket.setOption(module.SocketLevel.IPPROTO_IP, module.SocketOption.IP_HDRINCL, 1);
    return socket;
  }

  /** The package gives each message octets of its own. */
  #arrives(octets: Uint8Array): void {
    if (!this.#open || octets.length < HEADER) return;
    if (this.#waiting.length - this.#next >= this.#queue) {
      this.counters.overflowed += 1;
      return;
    }
    this.#waiting.push(octets);
    this.onReadable?.();
  }

  #sent(error: Error | null): void {
    this.#sending -= 1;
    if (error !== null) this.counters.refused += 1;
    if (!this.#full) return;
    this.#full = false;
    this.onReadable?.();
  }

  #fail(error: Error): void {
    if (!this.#open) return;
    const report = this.onError;
    this.close();
    report?.(error);
  }
}
