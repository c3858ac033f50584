/** A pipe: octets on their way from one descriptor to another. Nobody sleeps in it; EAGAIN says that a call would. */
import type { Outcome } from "./call.js";

/** As many octets as systems give a pipe. */
const CAPACITY = 65_536;

export class Pipe {
  readonly #pieces: Uint8Array[] = [];
  #octets = 0;
  /** Ends that are open. */
  readers = 1;
  writers = 1;

  get room(): number {
    return CAPACITY - this.#octets;
  }

  get length(): number {
    return this.#octets;
  }

  /** As much of it as fits. */
  write(octets: Uint8Array): Outcome {
    if (this.readers === 0) return "EPIPE";
    const taken = Math.min(octets.length, this.room);
    if (octets.length > 0 && taken === 0) return "EAGAIN";
    if (taken > 0) this.#pieces.push(octets.slice(0, taken));
    this.#octets += taken;
    return taken;
  }

  /** The next octets, which stay: `discard` takes them. */
  peek(most: number): Uint8Array {
    const first = this.#pieces[0];
    return first === undefined ? new Uint8Array(0) : first.subarray(0, most);
  }

  discard(octets: number): void {
    this.#octets -= octets;
    for (let left = octets; left > 0; ) {
      const first = this.#pieces.shift()!;
      if (first.length > left) this.#pieces.unshift(first.subarray(left));
      left -= Math.min(left, first.length);
    }
  }

  /** 0 at the end: nobody can write any more. */
  read(octets: Uint8Array): Outcome {
    if (this.#octets === 0) return this.writers === 0 ? 0 : "EAGAIN";
    let taken = 0;
    while (taken < octets.length && this.#octets > 0) {
      const piece = this.peek(octets.length - taken);
      octets.set(piece, taken);
      taken += piece.length;
      this.discard(piece.length);
    }
    return taken;
  }
}
