/** Packets: octets in pooled slots of one arena. Headers are prepended by moving `start`; nothing is copied, nothing is allocated. */
import type { Arena } from "./arena.js";

/** What is known of the checksum of a received packet's transport header. Never guessed. */
export const ChecksumState = {
  /** Nobody has looked: verify it. */
  Unknown: 0,
  /** The sender is on this machine and left it to hardware that is not there: the octets are good, the field is not. */
  Partial: 1,
  /** The link has verified it. */
  Verified: 2,
} as const;
export type ChecksumState = (typeof ChecksumState)[keyof typeof ChecksumState];

/** How a frame was addressed at the link layer (RFC 1122 s2.4: IP must be told). */
export const Cast = { Unicast: 0, Multicast: 1, Broadcast: 2 } as const;
export type Cast = (typeof Cast)[keyof typeof Cast];

/** One packet. It belongs to whoever holds it: hand it on or `release` it, never both. */
export class Packet {
  readonly pool: PacketPool;
  /** The slot's first octet in the arena, and the octet after its last. */
  readonly base: number;
  readonly limit: number;
  /** The packet: [start, end) in the arena. */
  start: number;
  end: number;
  checksum: ChecksumState = ChecksumState.Unknown;
  cast: Cast = Cast.Unicast;
  /** Octets of text per segment when this is a super-segment for a link that cuts it (GSO); 0: one segment. */
  gsoSize = 0;
  /** Microseconds that a link which paces (`Capabilities.paces`) is to hold the packet, from when it is handed over; 0: it may leave at once. */
  wait = 0;
  /** Why it is being sent: a `Why` code, and the id of the event that caused it. For probes and captures. */
  why = 0;
  cause = 0;
  /** The link in whatever queue holds the packet. */
  next: Packet | null = null;
  /** False while it lies in the pool: releasing twice is a bug that the pool reports. */
  held = false;

  constructor(pool: PacketPool, base: number, limit: number) {
    this.pool = pool;
    this.base = base;
    this.limit = limit;
    this.start = base;
    this.end = base;
  }

  release(): void {
    this.pool.give(this);
  }
}

/** Octets kept free in front of a new packet: Ethernet and a VLAN tag (18), IPv4 with options (60), TCP with options (60), a virtio-net header (12). */
export const HEADROOM = 152;

/** Octets of a slot for a packet of `capacity` octets. */
export const slotOf = (capacity: number, align: number): number => Math.ceil((HEADROOM + capacity) / align) * align;

/** A fixed number of packets, all made at construction. */
export class PacketPool {
  readonly arena: Arena;
  /** The most octets a packet can hold behind the headroom. */
  readonly capacity: number;
  readonly size: number;
  /** The first octet of the first slot, and the octets of one: slots lie side by side. */
  readonly base: number;
  readonly slot: number;
  readonly #packets: Packet[] = [];
  #free: Packet | null = null;
  #available: number;
  /** Overwrite released packets, so that a view kept too long shows (0xA5; tests and simulation). */
  poison = false;

  /** Throws a RangeError when the arena has no room for `size` packets of `capacity` octets. Slots begin at multiples of `align`. */
  constructor(arena: Arena, size: number, capacity: number, align = 16) {
    this.arena = arena;
    this.capacity = capacity;
    this.size = size;
    this.#available = size;
    const slot = slotOf(capacity, align);
    const reserved = arena.reserve(slot * size + (align > 16 ? align : 0));
    const base = Math.ceil(reserved / align) * align;
    this.base = base;
    this.slot = slot;
    for (let i = 0; i < size; i++) this.#packets.push(new Packet(this, base + i * slot, base + (i + 1) * slot));
    for (let i = size - 1; i >= 0; i--) {
      const packet = this.#packets[i]!;
      packet.next = this.#free;
      this.#free = packet;
    }
  }

  /** The packet whose slot holds the arena's octet at `offset`. */
  packetAt(offset: number): Packet {
    return this.#packets[Math.floor((offset - this.base) / this.slot)]!;
  }

  /** Packets that can be taken now. */
  get available(): number {
    return this.#available;
  }

  /** An empty packet behind its headroom, or null when the pool is empty: the caller drops and counts. */
  take(): Packet | null {
    const packet = this.#free;
    if (packet === null) return null;
    this.#free = packet.next;
    this.#available -= 1;
    packet.next = null;
    packet.held = true;
    packet.start = packet.base + HEADROOM;
    packet.end = packet.start;
    packet.checksum = ChecksumState.Unknown;
    packet.cast = Cast.Unicast;
    packet.gsoSize = 0;
    packet.wait = 0;
    packet.why = 0;
    packet.cause = 0;
    return packet;
  }

  give(packet: Packet): void {
    if (!packet.held) throw new Error(`packet at ${packet.base} released twice`);
    packet.held = false;
    if (this.poison) this.arena.bytes.fill(0xa5, packet.base, packet.limit);
    packet.next = this.#free;
    this.#free = packet;
    this.#available += 1;
  }
}

/** A first-in, first-out chain of packets by their own `next`. */
export class PacketQueue {
  #first: Packet | null = null;
  #last: Packet | null = null;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  get first(): Packet | null {
    return this.#first;
  }

  push(packet: Packet): void {
    packet.next = null;
    if (this.#last === null) this.#first = packet;
    else this.#last.next = packet;
    this.#last = packet;
    this.#length += 1;
  }

  shift(): Packet | null {
    const packet = this.#first;
    if (packet === null) return null;
    this.#first = packet.next;
    if (this.#first === null) this.#last = null;
    packet.next = null;
    this.#length -= 1;
    return packet;
  }

  releaseAll(): void {
    for (let packet = this.shift(); packet !== null; packet = this.shift()) packet.release();
  }
}
