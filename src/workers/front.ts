/** Where a link has one queue and cannot share its flows out: the thread that has the link hands each frame to the stack that is its home, and
 *  sends what the stacks give it. It has no stack of its own. */
import { createMemory, type Memory } from "../base/memory.js";
import type { Packet } from "../base/packet.js";
import type { Link } from "../transport/link.js";
import { BELL_WORDS, BellPost, ring } from "./bell.js";
import { FrameReader, FrameWriter, makeRing, RING_OCTETS, SUPER_RING_OCTETS } from "./frame-ring.js";
import type { RingEnd } from "./ring-link.js";
import { ALL, type Steering } from "./steering.js";

/** Frames of one turn and direction; then the loop serves everybody else in the thread. */
const BUDGET = 512;
/** With no packet free, what waits is looked at again after this. */
const STARVED_MILLISECONDS = 1;

interface Served {
  readonly end: RingEnd;
  readonly reader: FrameReader;
  readonly writer: FrameWriter;
  readonly bell: Int32Array;
  written: boolean;
}

export class Front {
  readonly counters = {
    /** Frames from the link, and those that no ring had room for. */
    in: 0,
    overflow: 0,
    /** Frames to the link, and those that only one of the stacks may say. */
    out: 0,
    silenced: 0,
  };
  readonly #link: Link;
  readonly #memory: Memory;
  readonly #steering: Steering;
  readonly #served: Served[] = [];
  readonly #batch: Packet[] = [];
  readonly #post: BellPost;
  /** What the full link has refused: [from, to) of the batch, of the stack that is `#refusedOf`. */
  readonly #waiting: Packet[] = [];
  #waitingFrom = 0;
  #immediate: NodeJS.Immediate | null = null;
  #starved: NodeJS.Timeout | null = null;
  #next = 0;
  #open = true;

  /** Owns `link` from here. `onError`: it broke for good. */
  constructor(link: Link, steering: Steering, onError: (error: Error) => void) {
    this.#link = link;
    this.#steering = steering;
    const large = link.capabilities.gso > 0;
    this.#memory = createMemory({
      packets: large ? BUDGET : 2 * BUDGET,
      packetSize: large ? 65_600 : Math.max(2_048, link.capabilities.mtu + 18),
      chunks: 1,
    });
    const bell = new SharedArrayBuffer(4 * BELL_WORDS);
    for (let i = 0; i < steering.count; i++) {
      const [to, from] = [makeRing(large ? SUPER_RING_OCTETS : RING_OCTETS), makeRing(large ? SUPER_RING_OCTETS : RING_OCTETS)];
      const own = new SharedArrayBuffer(4 * BELL_WORDS);
      const end = { name: `${link.name}/${i}`, capabilities: link.capabilities, receive: to, transmit: from, bell: own, farBell: bell };
      this.#served.push({ end, reader: new FrameReader(from), writer: new FrameWriter(to), bell: new Int32Array(own), written: false });
    }
    this.#post = new BellPost(new Int32Array(bell), () => this.#schedule());
    link.onReadable = () => this.#schedule();
    link.onError = onError;
    this.#schedule();
  }

  /** What the stack that is `index` opens, by `new RingLink`; again after a crash. */
  end(index: number): RingEnd {
    return this.#served[index]!.end;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    // What the stacks said last.
    this.#send();
    this.#post.close();
    if (this.#immediate !== null) clearImmediate(this.#immediate);
    if (this.#starved !== null) clearTimeout(this.#starved);
    for (; this.#waitingFrom < this.#waiting.length; this.#waitingFrom++) this.#waiting[this.#waitingFrom]!.release();
    this.#link.onError = null;
    this.#link.close();
  }

  #schedule(): void {
    if (!this.#open || this.#immediate !== null) return;
    this.#immediate = setImmediate(() => {
      this.#immediate = null;
      const full = this.#handOut();
      const more = this.#send();
      if (this.#memory.packets.available === 0) this.#comeBack();
      else if (full || more) this.#schedule();
    });
  }

  /** From the link to the stacks; true when the budget was used up. */
  #handOut(): boolean {
    const { packets, arena } = this.#memory;
    const served = this.#served;
    const count = this.#link.receive(packets, this.#batch, BUDGET);
    this.counters.in += count;
    for (let i = 0; i < count; i++) {
      const packet = this.#batch[i]!;
      const home = this.#steering.home(arena.view, packet.start, packet.end);
      if (home === ALL) for (let k = 0; k < served.length; k++) this.#give(served[k]!, packet);
      else this.#give(served[home]!, packet);
      packet.release();
    }
    for (let i = 0; i < served.length; i++) {
      const one = served[i]!;
      if (!one.written) continue;
      one.written = false;
      one.writer.publish();
      ring(one.bell);
    }
    return count === BUDGET;
  }

  /** A stack that does not keep up loses frames, as a queue of the hardware does; the others do not wait for it. */
  #give(one: Served, packet: Packet): void {
    if (one.writer.put(packet)) one.written = true;
    else this.counters.overflow += 1;
  }

  /** From the stacks to the link, as long as it takes; true when there may be more. */
  #send(): boolean {
    const { packets } = this.#memory;
    let more = false;
    if (!this.#drain()) return false;
    for (let k = 0; k < this.#served.length; k++) {
      this.#next = (this.#next + 1) % this.#served.length;
      const index = this.#next;
      const one = this.#served[index]!;
      const count = one.reader.take(packets, this.#waiting, 0, BUDGET);
      if (one.reader.isWanted()) ring(one.bell);
      this.#waiting.length = count;
      this.#waitingFrom = 0;
      this.#silence(index);
      more ||= count === BUDGET;
      if (!this.#drain()) return false;
    }
    this.#link.flush();
    return more;
  }

  #silence(index: number): void {
    let kept = 0;
    for (let i = 0; i < this.#waiting.length; i++) {
      const packet = this.#waiting[i]!;
      if (this.#steering.maySpeak(index, packet.pool.arena.view, packet.start, packet.end)) {
        this.#waiting[kept] = packet;
        kept += 1;
      } else {
        packet.release();
        this.counters.silenced += 1;
      }
    }
    this.#waiting.length = kept;
  }

  /** What waits for the link; false when it is full: it will be readable when it is not. */
  #drain(): boolean {
    for (; this.#waitingFrom < this.#waiting.length; this.#waitingFrom++) {
      if (this.#link.transmit(this.#waiting[this.#waitingFrom]!)) this.counters.out += 1;
      else {
        this.#link.flush();
        return false;
      }
    }
    return true;
  }

  #comeBack(): void {
    this.#starved ??= setTimeout(() => {
      this.#starved = null;
      this.#schedule();
    }, STARVED_MILLISECONDS);
  }
}
