/** Datagrams that wait for an application to read them: whole, in order, bounded by octets; in chunks, so that an empty queue holds none. */
import type { Arena } from "../base/arena.js";
import { ByteQueue } from "../base/byte-queue.js";
import type { ChunkPool } from "../base/chunks.js";
import { type IpAddress, ipFromInt, UNSPECIFIED } from "./address.js";

/** Octets of the record before each datagram; they count against the bound. */
const RECORD = 32;

/** Where in a record what lies. */
const At = { Length: 0, Source: 4, Destination: 8, Ports: 12, Class: 16, Device: 20 } as const;

export class DatagramQueue {
  readonly #queue: ByteQueue;
  readonly #arena: Arena;
  /** RECORD octets of the arena to build records in. */
  readonly #scratch: number;
  readonly #record = new Uint8Array(RECORD);
  readonly #view = new DataView(this.#record.buffer);
  #count = 0;

  /** The datagram that `read` returned last. */
  from: IpAddress = UNSPECIFIED;
  to: IpAddress = UNSPECIFIED;
  /** A port of UDP; the sequence number of an echo. */
  fromPort = 0;
  trafficClass = 0;
  ttl = 0;
  device = 0;
  /** The datagram's own length: what did not fit the target is lost. */
  fullLength = 0;

  constructor(chunks: ChunkPool, scratch: number) {
    this.#queue = new ByteQueue(chunks);
    this.#arena = chunks.arena;
    this.#scratch = scratch;
  }

  /** Reserves the octets that queues of one owner share for building records. */
  static scratch(arena: Arena): number {
    return arena.reserve(RECORD);
  }

  /** Datagrams waiting. */
  get count(): number {
    return this.#count;
  }

  /** Octets waiting, with their records. */
  get octets(): number {
    return this.#queue.length;
  }

  /** Adds a datagram whose text is [start, start + length) of the arena; false, and nothing done, when `bound` octets or the pool do not allow it. */
  push(
    start: number,
    length: number,
    from: IpAddress,
    fromPort: number,
    to: IpAddress,
    trafficClass: number,
    ttl: number,
    device: number,
    bound: number,
  ): boolean {
    const queue = this.#queue;
    if (queue.length + RECORD + length > bound) return false;
    const view = this.#arena.view;
    const at = this.#scratch;
    view.setInt32(at + At.Length, length);
    view.setInt32(at + At.Source, from);
    view.setInt32(at + At.Destination, to);
    view.setInt32(at + At.Ports, fromPort);
    view.setInt32(at + At.Class, (trafficClass << 8) | ttl);
    view.setInt32(at + At.Device, device);
    const end = queue.length;
    if (!queue.place(end, at, RECORD)) return false;
    if (!queue.place(end + RECORD, start, length)) {
      queue.trim();
      return false;
    }
    queue.extend(RECORD + length);
    this.#count += 1;
    return true;
  }

  /** Octets of the oldest datagram; 0 when there is none. */
  get nextLength(): number {
    if (this.#count === 0) return 0;
    this.#queue.copyOut(0, this.#record, 0, RECORD);
    return this.#view.getInt32(At.Length);
  }

  /** Copies the oldest datagram's text, up to `length` octets of it, and takes it off unless told to leave it; -1 when there is none. */
  read(target: Uint8Array, offset: number, length: number, take = true): number {
    if (this.#count === 0) return -1;
    const queue = this.#queue;
    const view = this.#view;
    queue.copyOut(0, this.#record, 0, RECORD);
    this.fullLength = view.getInt32(At.Length);
    this.from = ipFromInt(view.getInt32(At.Source));
    this.to = ipFromInt(view.getInt32(At.Destination));
    this.fromPort = view.getInt32(At.Ports);
    this.trafficClass = view.getInt32(At.Class) >>> 8;
    this.ttl = view.getInt32(At.Class) & 255;
    this.device = view.getInt32(At.Device);
    const count = Math.min(length, this.fullLength);
    queue.copyOut(RECORD, target, offset, count);
    if (!take) return count;
    queue.discard(RECORD + this.fullLength);
    this.#count -= 1;
    return count;
  }

  clear(): void {
    this.#queue.clear();
    this.#count = 0;
  }
}
