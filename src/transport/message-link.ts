/** A link over messages: between a page and a worker, two threads, or through a WebSocket. The frames of a turn travel as one message.
 *
 *  A message is octets: a 32-bit count of frames that its sender has taken since its last message (credit), then for each frame its length in
 *  32 bits and its octets, all in network order. Nobody sends more frames ahead of the other's credit than `window`, so that a peer which does
 *  not keep up fills no memory: the stack's own queue waits, and loses as a queue does. */
import type { Packet, PacketPool } from "../base/packet.js";
import type { Capabilities, Link } from "./link.js";

/** What carries messages: a MessagePort, a worker, a WebSocket in binary mode, by one of the adapters below. */
export interface MessageChannelLike {
  send(message: ArrayBuffer): void;
  /** Set by the link. */
  onMessage: ((message: ArrayBuffer) => void) | null;
  /** Set by the link: the other side is gone. */
  onClose: (() => void) | null;
  close(): void;
}

export interface MessageLinkOptions {
  /** For people; absent: "messages". */
  readonly name?: string;
  readonly medium?: "ethernet" | "ip";
  /** The largest IP packet, 68 to 65 535; absent: 1 500. Both sides must agree. */
  readonly mtu?: number;
  /** Frames that may be on their way, and wait here to be received; absent: 1 024. Both sides must agree. */
  readonly window?: number;
}

const WORD = 4;
/** What a frame holds beyond the MTU: an Ethernet header with two tags. */
const FRAME_OVERHEAD = 22;

export class MessageLink implements Link {
  readonly name: string;
  readonly capabilities: Capabilities;
  readonly counters = {
    /** Frames sent after the end, and received ones that no packet could hold. */
    refused: 0,
    /** Messages that were not what this link sends. */
    malformed: 0,
    /** Frames beyond the window that the other side had no credit for. */
    excess: 0,
  };
  onReadable: (() => void) | null = null;
  onError: ((error: Error) => void) | null = null;
  readonly #channel: MessageChannelLike;
  readonly #window: number;
  readonly #longest: number;
  /** Received frames, each where it lies in its message. */
  #waiting: Uint8Array[] = [];
  #next = 0;
  /** Frames taken and not yet credited, and frames that may still be sent. */
  #taken = 0;
  #credit: number;
  readonly #batch: Packet[] = [];
  #octets = 0;
  #full = false;
  #open = true;

  constructor(channel: MessageChannelLike, options: MessageLinkOptions = {}) {
    const { name = "messages", medium = "ethernet", mtu = 1_500, window = 1_024 } = options;
    this.name = name;
    this.capabilities = { medium, mtu, checksumOffload: false, gso: 0 };
    this.#channel = channel;
    this.#window = window;
    this.#credit = window;
    this.#longest = mtu + FRAME_OVERHEAD;
    channel.onMessage = (message) => this.#arrives(message);
    channel.onClose = () => this.#lost();
  }

  receive(pool: PacketPool, batch: Packet[], budget: number): number {
    let count = 0;
    while (count < budget && this.#next < this.#waiting.length) {
      const packet = pool.take();
      if (packet === null) break;
      const frame = this.#waiting[this.#next]!;
      this.#next += 1;
      this.#taken += 1;
      if (packet.start + frame.length > packet.limit) {
        this.counters.refused += 1;
        packet.release();
        continue;
      }
      pool.arena.bytes.set(frame, packet.start);
      packet.end = packet.start + frame.length;
      batch[count] = packet;
      count += 1;
    }
    if (this.#next === this.#waiting.length) {
      this.#waiting = [];
      this.#next = 0;
    }
    // Credit travels with what we send, or alone when half of the window has gone.
    if (this.#taken * 2 >= this.#window) this.#post();
    return count;
  }

  transmit(packet: Packet): boolean {
    if (!this.#open) {
      this.counters.refused += 1;
      packet.release();
      return true;
    }
    if (this.#credit === 0) {
      this.#full = true;
      return false;
    }
    this.#credit -= 1;
    this.#batch.push(packet);
    this.#octets += WORD + packet.end - packet.start;
    return true;
  }

  flush(): void {
    if (this.#batch.length > 0) this.#post();
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.onReadable = null;
    for (const packet of this.#batch.splice(0)) packet.release();
    this.#channel.onMessage = null;
    this.#channel.onClose = null;
    this.#channel.close();
  }

  #post(): void {
    if (!this.#open) return;
    const message = new Uint8Array(WORD + this.#octets);
    const view = new DataView(message.buffer);
    view.setUint32(0, this.#taken);
    let at = WORD;
    for (const packet of this.#batch) {
      const length = packet.end - packet.start;
      view.setUint32(at, length);
      message.set(packet.pool.arena.bytes.subarray(packet.start, packet.end), at + WORD);
      at += WORD + length;
      packet.release();
    }
    this.#batch.length = 0;
    this.#octets = 0;
    this.#taken = 0;
    this.#channel.send(message.buffer);
  }

  /** What comes is the other side's word, and may be anybody's: it is checked to the last octet. */
  #arrives(message: ArrayBuffer): void {
    if (!(message instanceof ArrayBuffer) || message.byteLength < WORD) {
      this.counters.malformed += 1;
      return;
    }
    const view = new DataView(message);
    this.#credit = Math.min(this.#window, this.#credit + view.getUint32(0));
    let at = WORD;
    while (at < message.byteLength) {
      const length = message.byteLength - at < WORD ? -1 : view.getUint32(at);
      if (length <= 0 || length > this.#longest || length > message.byteLength - at - WORD) {
        this.counters.malformed += 1;
        break;
      }
      if (this.#waiting.length - this.#next >= this.#window) this.counters.excess += 1;
      else this.#waiting.push(new Uint8Array(message, at + WORD, length));
      at += WORD + length;
    }
    if (this.#waiting.length > 0 || (this.#full && this.#credit > 0)) {
      this.#full = false;
      this.onReadable?.();
    }
  }

  #lost(): void {
    const report = this.onError;
    if (!this.#open) return;
    this.close();
    report?.(new Error(`${this.name}: the other side has closed the channel`));
  }
}

/** The part of a MessagePort, Worker or DedicatedWorkerGlobalScope used here, of browsers and of node:worker_threads alike. */
interface PortLike {
  postMessage(message: unknown, transfer: ArrayBuffer[]): void;
  addEventListener?(type: string, listener: (event: object) => void): void;
  on?(type: string, listener: (data: unknown) => void): void;
  start?(): void;
  close?(): void;
}

/** Messages over a port; the octets are handed over, not copied. */
export const overPort = (port: PortLike): MessageChannelLike => {
  const channel: MessageChannelLike = {
    onMessage: null,
    onClose: null,
    send: (message) => port.postMessage(message, [message]),
    close: () => port.close?.(),
  };
  const hear = (data: unknown): void => channel.onMessage?.(data as ArrayBuffer);
  if (port.on !== undefined) {
    port.on("message", hear);
    port.on("close", () => channel.onClose?.());
  } else {
    port.addEventListener?.("message", (event) => hear((event as { readonly data: unknown }).data));
    port.addEventListener?.("close", () => channel.onClose?.());
  }
  port.start?.();
  return channel;
};

/** The part of a WebSocket used here, of browsers and of ws alike. */
interface SocketLike {
  binaryType: string;
  readonly readyState: number;
  send(message: ArrayBuffer): void;
  close(): void;
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: "open" | "close", listener: () => void): void;
}

const CONNECTING = 0;

/** Messages over a WebSocket; what is sent before it is open waits, no more than a window. */
export const overSocket = (socket: SocketLike): MessageChannelLike => {
  let early: ArrayBuffer[] | null = socket.readyState === CONNECTING ? [] : null;
  const channel: MessageChannelLike = {
    onMessage: null,
    onClose: null,
    send: (message) => {
      if (early === null) socket.send(message);
      else early.push(message);
    },
    close: () => socket.close(),
  };
  socket.binaryType = "arraybuffer";
  socket.addEventListener("open", () => {
    const waiting = early ?? [];
    early = null;
    for (const message of waiting) socket.send(message);
  });
  socket.addEventListener("message", (event) => channel.onMessage?.(event.data as ArrayBuffer));
  socket.addEventListener("close", () => channel.onClose?.());
  return channel;
};
