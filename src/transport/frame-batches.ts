/** Many frames by one system call, where each takes one of its own else. Beside the calls that saves what a kernel does at the end of one: a task
 *  that a frame has woken runs there, in our place and for that frame alone. Behind a batch it finds all of them. */
import type { Packet, PacketPool } from "../base/packet.js";
import { IoUring } from "./io-uring.js";
import { type NativePort, systemError } from "./native-port.js";

const MOST = 256;
/** So many written frames do not wait for the end of the turn: the other end has work to do meanwhile. */
const DUE = 32;
const EINTR = -4;
const EAGAIN = -11;

export class FrameBatches {
  /** Of the last `receive`: the error that ended it, or 0; and whether packets were short. */
  failure = 0;
  starved = false;
  /** Frames that the last `flush` lost. */
  lost = 0;
  readonly #uring: IoUring;
  readonly #fd: number;
  /** Octets of the header in front of each frame. */
  readonly #header: number;
  readonly #reading: Packet[] = [];
  readonly #writing: Packet[] = [];
  /** Where each of those is, its header included. */
  readonly #addresses = new Float64Array(MOST);
  #written = 0;
  /** Frames that the next `receive` asks for. */
  #expected = 1;

  /** Of a descriptor whose reads and writes take one frame each. Throws a NetworkError where the kernel has no io_uring, or keeps it from us. */
  constructor(port: NativePort, fd: number, header: number) {
    this.#uring = new IoUring(port, MOST);
    this.#fd = fd;
    this.#header = header;
  }

  /** A link's `receive`; the pool's memory lies at `arena` in the process. */
  receive(pool: PacketPool, arena: number, batch: Packet[], budget: number): number {
    const uring = this.#uring;
    this.failure = 0;
    this.starved = false;
    let taken = 0;
    for (let more = true; more && taken < budget; ) {
      const asked = this.#ask(pool, arena, Math.min(this.#expected, uring.size, budget - taken));
      const done = uring.enter();
      let got = 0;
      more = asked > 0 && done === asked;
      for (let i = 0; i < asked; i++) {
        const packet = this.#reading[i]!;
        const octets = i < done ? uring.result(i) - this.#header : EAGAIN;
        if (octets > 0) {
          packet.end = packet.start + octets;
          batch[taken + got] = packet;
          got += 1;
          continue;
        }
        packet.release();
        more = false;
        if (i < done && uring.result(i) < 0 && uring.result(i) !== EAGAIN) this.failure = uring.result(i);
      }
      uring.release(done);
      taken += got;
      this.starved &&= got === asked;
      more &&= !this.starved;
      // One more than there were tells that there are no more.
      this.#expected = more ? this.#expected * 2 : got + 1 + (got >> 3);
    }
    return taken;
  }

  /** Frames that wait for the next `flush`. */
  get written(): number {
    return this.#written;
  }

  /** Whether that should come now, and whether it must before another `write`. */
  get isDue(): boolean {
    return this.#written >= DUE;
  }

  get isFull(): boolean {
    return this.#written === this.#uring.size;
  }

  /** Takes the packet, whose memory lies at `arena` in the process: it leaves with the next `flush`. */
  write(packet: Packet, arena: number): void {
    this.#addresses[this.#written] = arena + packet.start - this.#header;
    this.#writing[this.#written] = packet;
    this.#written += 1;
  }

  /** Returns 0, or the error that frames were `lost` by. Those that stay wait for the descriptor to be writable. */
  flush(): number {
    const count = this.#written;
    this.lost = 0;
    if (count === 0) return 0;
    const uring = this.#uring;
    for (let i = 0; i < count; i++) {
      const packet = this.#writing[i]!;
      uring.write(this.#fd, this.#addresses[i]!, packet.end - packet.start + this.#header);
    }
    const done = uring.enter();
    let failure = 0;
    let kept = 0;
    for (let i = 0; i < count; i++) {
      const packet = this.#writing[i]!;
      const result = i < done ? uring.result(i) : EAGAIN;
      if (result === EAGAIN || result === EINTR) {
        this.#addresses[kept] = this.#addresses[i]!;
        this.#writing[kept] = packet;
        kept += 1;
        continue;
      }
      packet.release();
      if (result >= 0) continue;
      failure = result;
      this.lost += 1;
    }
    uring.release(done);
    this.#written = kept;
    return failure;
  }

  /** Throws unless the kernel does for this descriptor at once what it is asked for (Linux 5.11 and later, for a TAP): a read of nothing. */
  probe(): void {
    this.#uring.read(this.#fd, 0, 0);
    const done = this.#uring.enter();
    const result = done === 1 ? this.#uring.result(0) : EAGAIN;
    this.#uring.release(done);
    if (result !== 0) throw systemError("io_uring_enter", result, "a read of nothing", { "": "open it without `batches`" });
  }

  close(): void {
    for (let i = 0; i < this.#written; i++) this.#writing[i]!.release();
    this.#written = 0;
    this.#uring.close();
  }

  /** Prepares reads into packets, as many as there are. */
  #ask(pool: PacketPool, arena: number, wanted: number): number {
    let asked = 0;
    for (; asked < wanted; asked++) {
      const packet = pool.take();
      if (packet === null) {
        this.starved = true;
        break;
      }
      this.#reading[asked] = packet;
      const from = packet.start - this.#header;
      this.#uring.read(this.#fd, arena + from, packet.limit - from);
    }
    return asked;
  }
}

/** What serves a descriptor in batches, or null: not `wanted`, or the kernel has no io_uring, keeps it from us, or serves no such descriptor. Throws
 *  a NetworkError when it is wanted for sure. */
export const openBatches = (port: NativePort, fd: number, header: number, wanted: boolean | undefined): FrameBatches | null => {
  if (wanted === false) return null;
  let batches: FrameBatches | null = null;
  try {
    batches = new FrameBatches(port, fd, header);
    batches.probe();
    return batches;
  } catch (error) {
    batches?.close();
    if (wanted) throw error;
    return null;
  }
};
