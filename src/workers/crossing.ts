/** The link of a stack that shares an address with others, each with a queue of one device of its own: what the kernel or the hardware has put
 *  into the wrong queue crosses over to its home by a ring. A device that learns where a flow was sent from (TAP), or that hashes as well as we
 *  do, lets little cross. */
import type { Packet, PacketPool } from "../base/packet.js";
import type { Capabilities, Link } from "../transport/link.js";
import { BellPost, ring } from "./bell.js";
import { FrameReader, FrameWriter } from "./frame-ring.js";
import { ALL, type Steering } from "./steering.js";

export interface CrossingPlan {
  readonly index: number;
  readonly steering: Steering;
  /** By index of the other stack: what comes from it, and what goes to it. Null in our own place. */
  readonly from: readonly (SharedArrayBuffer | null)[];
  readonly to: readonly (SharedArrayBuffer | null)[];
  /** One for each stack, our own included. */
  readonly bells: readonly SharedArrayBuffer[];
}

interface Neighbor {
  readonly reader: FrameReader;
  readonly writer: FrameWriter;
  readonly bell: Int32Array;
  written: boolean;
}

export class CrossingLink implements Link {
  readonly name: string;
  readonly capabilities: Capabilities;
  readonly counters = {
    /** Frames that came by our queue and were ours, that went over to another, and that came over from one. */
    home: 0,
    sentOver: 0,
    cameOver: 0,
    /** Frames for another that its ring had no room for. */
    overflow: 0,
  };
  readonly #own: Link;
  readonly #index: number;
  readonly #steering: Steering;
  readonly #others: readonly (Neighbor | null)[];
  readonly #arrived: Packet[] = [];
  readonly #post: BellPost;
  #next = 0;
  #open = true;

  /** Owns `own` from here. */
  constructor(own: Link, plan: CrossingPlan) {
    this.#own = own;
    this.#index = plan.index;
    this.#steering = plan.steering;
    this.name = own.name;
    this.capabilities = own.capabilities;
    this.#others = plan.bells.map((bell, i) => {
      const [from, to] = [plan.from[i], plan.to[i]];
      if (i === plan.index || !from || !to) return null;
      return { reader: new FrameReader(from), writer: new FrameWriter(to), bell: new Int32Array(bell), written: false };
    });
    this.#post = new BellPost(new Int32Array(plan.bells[plan.index]!), () => this.#own.onReadable?.());
  }

  get onReadable(): (() => void) | null {
    return this.#own.onReadable;
  }

  set onReadable(callback: (() => void) | null) {
    this.#own.onReadable = callback;
  }

  get onError(): ((error: Error) => void) | null {
    return this.#own.onError;
  }

  set onError(callback: ((error: Error) => void) | null) {
    this.#own.onError = callback;
  }

  receive(pool: PacketPool, batch: Packet[], budget: number): number {
    if (!this.#open) return 0;
    const others = this.#others;
    let count = 0;
    // Each turn begins at another, so that none starves the rest; our own queue has what they leave.
    this.#next = (this.#next + 1) % others.length;
    for (let i = 0; i < others.length; i++) {
      const other = others[(this.#next + i) % others.length]!;
      if (other !== null) count = other.reader.take(pool, batch, count, budget);
    }
    this.counters.cameOver += count;
    if (count === budget) return count;

    const arrived = this.#own.receive(pool, this.#arrived, budget - count);
    for (let i = 0; i < arrived; i++) {
      const packet = this.#arrived[i]!;
      const home = this.#steering.home(pool.arena.view, packet.start, packet.end);
      if (home === this.#index || home === ALL) {
        if (home === ALL) for (let k = 0; k < others.length; k++) this.#send(others[k]!, packet);
        batch[count] = packet;
        count += 1;
        this.counters.home += 1;
      } else {
        this.#send(others[home]!, packet);
        packet.release();
      }
    }
    for (let i = 0; i < others.length; i++) this.#publish(others[i]!);
    return count;
  }

  transmit(packet: Packet): boolean {
    if (this.#steering.maySpeak(this.#index, packet.pool.arena.view, packet.start, packet.end)) return this.#own.transmit(packet);
    packet.release();
    return true;
  }

  flush(): void {
    this.#own.flush();
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#post.close();
    this.#own.close();
  }

  #send(other: Neighbor | null, packet: Packet): void {
    if (other === null) return;
    if (other.writer.put(packet)) {
      other.written = true;
      this.counters.sentOver += 1;
    } else this.counters.overflow += 1;
  }

  #publish(other: Neighbor | null): void {
    if (!other?.written) return;
    other.written = false;
    other.writer.publish();
    ring(other.bell);
  }
}
