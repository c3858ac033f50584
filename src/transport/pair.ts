/** A pair: two links in one process, joined by a cable that neither loses nor delays. */
import { ChecksumState, type Packet, type PacketPool, PacketQueue } from "../base/packet.js";
import type { Capabilities, Link } from "./link.js";

export interface PairOptions {
  /** For people; absent: "pair". The links are "pair:a" and "pair:b". */
  readonly name?: string;
  readonly medium?: "ethernet" | "ip";
  readonly mtu?: number;
  /** Frames that wait in one direction before `transmit` says full. */
  readonly queue?: number;
  /** As veth does: transport checksums are left unfinished and trusted at the other end. */
  readonly checksumOffload?: boolean;
  /** As veth does: super-segments up to this many octets pass uncut. */
  readonly gso?: number;
}

/** Two links, each other's far end. */
export const createPair = (options: PairOptions = {}): [PairLink, PairLink] => {
  const name = options.name ?? "pair";
  const capabilities: Capabilities = {
    medium: options.medium ?? "ethernet",
    mtu: options.mtu ?? 1500,
    checksumOffload: options.checksumOffload ?? false,
    gso: options.gso ?? 0,
  };
  const a = new PairLink(`${name}:a`, capabilities, options.queue ?? 512);
  const b = new PairLink(`${name}:b`, capabilities, options.queue ?? 512);
  a.join(b);
  return [a, b];
};

/** One end. A frame waits in its sender's packet and is copied into the receiver's when that one takes it: two stacks share no memory. */
export class PairLink implements Link {
  readonly name: string;
  readonly capabilities: Capabilities;
  readonly counters = {
    /** Frames that the far end's packets are too small for, or that came after it closed. */
    refused: 0,
  };
  onReadable: (() => void) | null = null;
  onError: ((error: Error) => void) | null = null;
  readonly #limit: number;
  /** What we have sent and the far end has not yet taken. */
  readonly #sent = new PacketQueue();
  #unflushed = false;
  #refusedOne = false;
  #far: PairLink | null = null;
  #open = true;

  constructor(name: string, capabilities: Capabilities, limit: number) {
    this.name = name;
    this.capabilities = capabilities;
    this.#limit = limit;
  }

  /** Plugs both ends in. */
  join(far: PairLink): void {
    this.#far = far;
    far.#far = this;
  }

  /** Frames that wait for this end. */
  get waiting(): number {
    return this.#far === null ? 0 : this.#far.#sent.length;
  }

  receive(pool: PacketPool, batch: Packet[], budget: number): number {
    const far = this.#far;
    if (!this.#open || far === null) return 0;
    let taken = 0;
    while (taken < budget) {
      const first = far.#sent.first;
      if (first === null) break;
      const octets = first.end - first.start;
      const packet = pool.take();
      if (packet === null) break;
      far.#sent.shift();
      if (packet.start + octets > packet.limit) {
        packet.release();
        far.counters.refused += 1;
      } else {
        copy(first, packet, octets);
        batch[taken] = packet;
        taken += 1;
      }
      first.release();
    }
    if (far.#refusedOne && far.#sent.length < far.#limit) {
      far.#refusedOne = false;
      far.onReadable?.();
    }
    return taken;
  }

  transmit(packet: Packet): boolean {
    if (!this.#open || this.#far === null || !this.#far.#open) {
      this.counters.refused += 1;
      packet.release();
      return true;
    }
    if (this.#sent.length >= this.#limit) {
      this.#refusedOne = true;
      return false;
    }
    this.#sent.push(packet);
    this.#unflushed = true;
    return true;
  }

  carrier(): boolean {
    if (this.#far === null) return false;
    return this.#open && this.#far.#open;
  }

  flush(): void {
    if (!this.#unflushed) return;
    this.#unflushed = false;
    this.#far?.onReadable?.();
  }

  /** The far end stays, as with a cable that is pulled: what it sends is lost. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.onReadable = null;
    this.#sent.releaseAll();
    if (this.#far !== null) this.#far.#sent.releaseAll();
  }
}

const copy = (from: Packet, to: Packet, octets: number): void => {
  const source = from.pool.arena;
  const target = to.pool.arena;
  if (source === target) target.bytes.copyWithin(to.start, from.start, from.end);
  else target.bytes.set(source.bytes.subarray(from.start, from.end), to.start);
  to.end = to.start + octets;
  to.gsoSize = from.gsoSize;
  to.checksum = from.checksum === ChecksumState.Partial ? ChecksumState.Partial : ChecksumState.Unknown;
};
