/** Frames on their way over a wire: owned copies of octets, in buffers that are used again. */
import type { Timed } from "./time-heap.js";

export class WireFrame implements Timed {
  /** When it arrives at the far end. */
  at = 0;
  order = 0;
  /** The frame is `bytes[0..length)`; what lies behind is of former frames. */
  bytes: Uint8Array;
  length = 0;
  /** When it was held back: how many later frames have yet to overtake it. */
  behind = 0;

  constructor(size: number) {
    this.bytes = new Uint8Array(size);
  }
}

/** Buffer sizes: an ACK, a full Ethernet frame, a jumbo frame, the largest IP packet with any link header. */
const SIZES = [256, 2_048, 16_384, 65_600] as const;

export class FramePool {
  /** Octets that frames on their way may hold together. */
  readonly limit: number;
  #held = 0;
  readonly #free: WireFrame[][] = SIZES.map(() => []);

  constructor(limit = 64 * 1024 * 1024) {
    this.limit = limit;
  }

  /** Octets of buffers in use. */
  get held(): number {
    return this.#held;
  }

  /** A copy of `bytes[start..end)`, or null when the limit is reached or the frame larger than any IP packet. */
  take(bytes: Uint8Array, start: number, end: number): WireFrame | null {
    const length = end - start;
    let size = 0;
    while (size < SIZES.length && length > SIZES[size]!) size += 1;
    if (size === SIZES.length || this.#held + SIZES[size]! > this.limit) return null;
    const frame = this.#free[size]!.pop() ?? new WireFrame(SIZES[size]!);
    this.#held += frame.bytes.length;
    frame.length = length;
    frame.behind = 0;
    if (length < 128) for (let i = 0; i < length; i++) frame.bytes[i] = bytes[start + i]!;
    else frame.bytes.set(bytes.subarray(start, end));
    return frame;
  }

  give(frame: WireFrame): void {
    this.#held -= frame.bytes.length;
    this.#free[SIZES.indexOf(frame.bytes.length as 256)]!.push(frame);
  }
}
