/** The loopback: a link whose frames come back to the stack that sends them, so that what is for this host never meets a wire
 *  (RFC 1122 s3.2.1.3 (g)). */
import { Cast, ChecksumState, type Packet, type PacketPool, PacketQueue } from "../base/packet.js";
import type { Capabilities, Link } from "../transport/link.js";

export class Loopback implements Link {
  readonly name = "loopback";
  readonly capabilities: Capabilities;
  readonly #queue = new PacketQueue();
  readonly #limit: number;
  onReadable: (() => void) | null = null;
  onError: ((error: Error) => void) | null = null;
  /** Where several stacks are one host: takes a packet that is for another of them and returns true, or leaves it. */
  divert: ((packet: Packet) => boolean) | null = null;

  /** `limit`: the most packets under way. */
  constructor(mtu: number, limit: number) {
    this.capabilities = { medium: "ip", mtu, checksumOffload: true, gso: 0 };
    this.#limit = limit;
  }

  /** Packets under way. */
  get waiting(): number {
    return this.#queue.length;
  }

  receive(_pool: PacketPool, batch: Packet[], budget: number): number {
    let taken = 0;
    while (taken < budget) {
      const packet = this.#queue.shift();
      if (packet === null) break;
      packet.cast = Cast.Unicast;
      // The octets have never left this memory.
      packet.checksum = ChecksumState.Partial;
      packet.gsoSize = 0;
      batch[taken] = packet;
      taken += 1;
    }
    return taken;
  }

  /** Takes a packet that another stack of this host has diverted. What finds no room is lost. */
  bring(packet: Packet): void {
    if (this.#queue.length >= this.#limit) {
      packet.release();
      return;
    }
    this.#queue.push(packet);
    this.onReadable?.();
  }

  transmit(packet: Packet): boolean {
    if (this.divert?.(packet) === true) return true;
    if (this.#queue.length >= this.#limit) return false;
    this.#queue.push(packet);
    return true;
  }

  flush(): void {}

  close(): void {
    this.#queue.releaseAll();
  }
}
