/** An Ethernet segment of n ports: a switch that learns addresses (IEEE 802.1D), or a hub that repeats to everyone. */
import type { Micros } from "../base/environment.js";
import type { WireFrame } from "./frame-pool.js";
import type { WireModel } from "./wire-model.js";

export class Switch {
  readonly learns: boolean;
  /** From the switch to each port. */
  readonly #out: WireModel[] = [];
  /** Port by hardware address, as a 48-bit number. */
  readonly #ports = new Map<number, number>();

  constructor(learns = true) {
    this.learns = learns;
  }

  /** Adds a port, whose frames leave by `out`; returns its number. */
  addPort(out: WireModel): number {
    this.#out.push(out);
    return this.#out.length - 1;
  }

  /** A frame has come in by `port`; it is copied to where it goes. Calls `sent` for each port that got it. */
  forward(port: number, frame: WireFrame, now: Micros, sent: (port: number) => void): void {
    if (frame.length < 14) return;
    const group = (frame.bytes[0]! & 1) !== 0;
    if (this.learns) this.#ports.set(address(frame.bytes, 6), port);
    const known = this.learns && !group ? this.#ports.get(address(frame.bytes, 0)) : undefined;
    if (known === port) return; // the receiver is on the side where the frame came from
    for (let i = 0; i < this.#out.length; i++) {
      if (i === port || (known !== undefined && known !== i)) continue;
      this.#out[i]!.offer(frame.bytes, 0, frame.length, now);
      sent(i);
    }
  }
}

const address = (bytes: Uint8Array, at: number): number =>
  ((bytes[at]! << 8) | bytes[at + 1]!) * 2 ** 32 +
  (((bytes[at + 2]! << 24) | (bytes[at + 3]! << 16) | (bytes[at + 4]! << 8) | bytes[at + 5]!) >>> 0);
