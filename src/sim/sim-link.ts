/** The end of a simulated wire, as a stack sees it: a `Link` whose frames come from a world. */
import type { Micros } from "../base/environment.js";
import type { Packet, PacketPool } from "../base/packet.js";
import { ChecksumState } from "../base/packet.js";
import { Tally } from "../base/tally.js";
import { Wire } from "../base/why.js";
import type { Capabilities, Link } from "../transport/link.js";
import type { FramePool, WireFrame } from "./frame-pool.js";
import type { WireModel } from "./wire-model.js";

export interface SimLinkOptions {
  /** The largest IP packet; 1500. */
  readonly mtu?: number;
  readonly medium?: "ethernet" | "ip";
  /** Frames that the receive ring holds; more are lost and counted. */
  readonly ring?: number;
  /** It holds frames for as long as they say (`Capabilities.paces`). */
  readonly paces?: boolean;
  /** A full wire refuses frames instead of losing them, and says when it has room. */
  readonly backPressure?: boolean;
}

export class SimLink implements Link {
  readonly name: string;
  readonly capabilities: Capabilities;
  /** Frames lost to a full ring, or that came after close. */
  readonly tally = new Tally();
  onReadable: (() => void) | null = null;
  onError: ((error: Error) => void) | null = null;
  /** Frames that the stack has taken from the ring, and given to the wire. */
  received = 0;
  transmitted = 0;
  /** Runs something so much later; set by the world. */
  later: ((delay: Micros, run: () => void) => void) | null = null;
  /** The wire refused a frame: it is to say when it has room. */
  blocked = false;
  closed = false;
  /** Where frames go; set when the link is wired. */
  out: WireModel | null = null;
  /** Called after frames were offered, so that the wire is looked at. */
  onTransmit: (() => void) | null = null;
  readonly #clock: { readonly now: Micros };
  readonly #frames: FramePool;
  readonly #ring: number;
  readonly #backPressure: boolean;
  #waiting: WireFrame[] = [];
  #head = 0;

  constructor(name: string, clock: { readonly now: Micros }, frames: FramePool, options: SimLinkOptions = {}) {
    this.name = name;
    this.#clock = clock;
    this.#frames = frames;
    this.#ring = options.ring ?? 4_096;
    this.#backPressure = options.backPressure ?? false;
    this.capabilities = {
      medium: options.medium ?? "ethernet",
      mtu: options.mtu ?? 1_500,
      checksumOffload: false,
      gso: 0,
      paces: options.paces ?? false,
    };
  }

  /** Frames that wait for the stack. */
  get waiting(): number {
    return this.#waiting.length - this.#head;
  }

  receive(pool: PacketPool, batch: Packet[], budget: number): number {
    let taken = 0;
    while (taken < budget && this.#head < this.#waiting.length) {
      const frame = this.#waiting[this.#head]!;
      if (frame.length > pool.capacity) {
        this.tally.add(Wire.TooBig);
        this.#next();
        continue;
      }
      const packet = pool.take();
      if (packet === null) break;
      packet.end = packet.start + frame.length;
      pool.arena.bytes.set(frame.bytes.subarray(0, frame.length), packet.start);
      packet.checksum = ChecksumState.Unknown;
      batch[taken++] = packet;
      this.received += 1;
      this.#next();
    }
    return taken;
  }

  transmit(packet: Packet): boolean {
    if (packet.wait > 0 && this.capabilities.paces && this.later !== null) {
      const { wait } = packet;
      packet.wait = 0;
      this.later(wait, () => {
        this.transmit(packet);
        this.flush();
      });
      return true;
    }
    const out = this.out;
    const length = packet.end - packet.start;
    if (out !== null && !this.closed) {
      if (this.#backPressure && !out.hasRoom(length, this.#clock.now)) {
        this.blocked = true;
        return false;
      }
      out.offer(packet.pool.arena.bytes, packet.start, packet.end, this.#clock.now);
      this.transmitted += 1;
    } else this.tally.add(Wire.Partition); // no cable
    packet.release();
    return true;
  }

  flush(): void {
    if (this.onTransmit !== null) this.onTransmit();
  }

  close(): void {
    this.closed = true;
    while (this.#head < this.#waiting.length) this.#next();
  }

  /** The host has crashed: what waits in its ring is gone. */
  forget(): void {
    while (this.#head < this.#waiting.length) {
      this.tally.add(Wire.ReceiverFull);
      this.#next();
    }
    this.blocked = false;
  }

  /** A frame has come over the wire, and belongs to the link now. */
  arrive(frame: WireFrame): void {
    if (this.closed || this.waiting >= this.#ring) {
      this.tally.add(Wire.ReceiverFull);
      this.#frames.give(frame);
      return;
    }
    this.#waiting.push(frame);
    if (this.onReadable !== null) this.onReadable();
  }

  #next(): void {
    this.#frames.give(this.#waiting[this.#head]!);
    this.#head += 1;
    if (this.#head < this.#waiting.length) return;
    this.#waiting = [];
    this.#head = 0;
  }
}
