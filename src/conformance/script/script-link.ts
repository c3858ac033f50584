/** The wire of a script: what is injected comes out of it, what the stack sends is kept with its time. Bare IP, as on a TUN device. */
import type { Micros } from "../../base/environment.js";
import type { Packet, PacketPool } from "../../base/packet.js";
import { whyName } from "../../base/why-registry.js";
import type { Capabilities, Link } from "../../transport/link.js";
import type { Sent } from "./host.js";

export class ScriptLink implements Link {
  readonly name = "script";
  readonly capabilities: Capabilities;
  onReadable: (() => void) | null = null;
  onError: ((error: Error) => void) | null = null;
  readonly sent: Sent[] = [];
  readonly #injected: { readonly octets: Uint8Array; readonly segmentSize: number }[] = [];
  readonly #now: () => Micros;

  constructor(mtu: number, now: () => Micros) {
    this.capabilities = { medium: "ip", mtu, checksumOffload: false, gso: 0 };
    this.#now = now;
  }

  /** Packets that the stack has not taken yet. */
  get waiting(): number {
    return this.#injected.length;
  }

  /** `segmentSize`: octets of text in each of the segments that the packet was merged of; 0: it is one. */
  inject(octets: Uint8Array, segmentSize: number): void {
    this.#injected.push({ octets, segmentSize });
  }

  receive(pool: PacketPool, batch: Packet[], budget: number): number {
    let taken = 0;
    while (taken < budget && this.#injected.length > 0) {
      const packet = pool.take();
      if (packet === null) break;
      const { octets, segmentSize } = this.#injected.shift()!;
      packet.end = packet.start + octets.length;
      packet.gsoSize = segmentSize;
      pool.arena.bytes.set(octets, packet.start);
      batch[taken] = packet;
      taken += 1;
    }
    return taken;
  }

  transmit(packet: Packet): boolean {
    this.sent.push({ at: this.#now(), octets: packet.pool.arena.bytes.slice(packet.start, packet.end), why: whyName(packet.why) });
    packet.release();
    return true;
  }

  flush(): void {}

  close(): void {}
}
