/** An impairment box: two links and a wire between them, in whatever time its driver keeps. Between two TAP devices, with the
 *  host's clock, it impairs any traffic. */
import { type Micros, NEVER, type Random } from "../base/environment.js";
import type { Packet, PacketPool } from "../base/packet.js";
import type { Link } from "../transport/link.js";
import { FramePool } from "./frame-pool.js";
import { WireModel } from "./wire-model.js";
import type { WireOptions } from "./wire-options.js";

const BATCH = 256;

export class WireBox {
  readonly a: Link;
  readonly b: Link;
  readonly forward: WireModel;
  readonly backward: WireModel;
  readonly #packets: PacketPool;
  readonly #frames: FramePool;
  readonly #batch: Packet[] = [];
  /** A packet that its link was too full to take. */
  #toA: Packet | null = null;
  #toB: Packet | null = null;

  /** `packets` is what frames pass through on their way between link and wire; the wire itself holds up to `frames.limit` octets. */
  constructor(
    a: Link,
    b: Link,
    packets: PacketPool,
    random: Random,
    options: { forward?: Partial<WireOptions>; backward?: Partial<WireOptions>; frames?: FramePool } = {},
  ) {
    this.a = a;
    this.b = b;
    this.#packets = packets;
    this.#frames = options.frames ?? new FramePool();
    this.forward = new WireModel(`${a.name}>${b.name}`, options.forward ?? {}, random, this.#frames, a.capabilities.medium);
    this.backward = new WireModel(`${b.name}>${a.name}`, options.backward ?? {}, random, this.#frames, b.capabilities.medium);
    this.forward.back = this.backward;
    this.backward.back = this.forward;
  }

  /** Takes what waits on both links, and puts out what is due. Returns the frames moved: after a full batch, turn again. */
  turn(now: Micros): number {
    const taken = this.#take(this.a, this.forward, now) + this.#take(this.b, this.backward, now);
    this.#toB = this.#put(this.forward, this.b, this.#toB, now);
    this.#toA = this.#put(this.backward, this.a, this.#toA, now);
    return taken;
  }

  /** When to turn again, if no link is readable before; NEVER when nothing is on its way. */
  next(): Micros {
    // Behind a full link nothing is due until the link says that it has room.
    return Math.min(this.#toB === null ? this.forward.next() : NEVER, this.#toA === null ? this.backward.next() : NEVER);
  }

  close(): void {
    this.#toA?.release();
    this.#toB?.release();
    this.#toA = null;
    this.#toB = null;
    this.a.close();
    this.b.close();
  }

  #take(from: Link, wire: WireModel, now: Micros): number {
    const count = from.receive(this.#packets, this.#batch, BATCH);
    for (let i = 0; i < count; i++) {
      const packet = this.#batch[i]!;
      wire.offer(packet.pool.arena.bytes, packet.start, packet.end, now);
      packet.release();
    }
    return count;
  }

  #put(wire: WireModel, to: Link, waiting: Packet | null, now: Micros): Packet | null {
    if (waiting !== null && !to.transmit(waiting)) return waiting;
    while (wire.next() <= now) {
      const packet = this.#packets.take();
      if (packet === null) break; // the links hold them all: as soon as they have sent some
      const frame = wire.due(now)!;
      packet.end = packet.start + frame.length;
      packet.pool.arena.bytes.set(frame.bytes.subarray(0, frame.length), packet.start);
      this.#frames.give(frame);
      if (!to.transmit(packet)) {
        to.flush();
        return packet;
      }
    }
    to.flush();
    return null;
  }
}
