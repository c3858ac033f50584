/** Receive offload in software: text segments of one connection that arrive side by side in a batch become one super-segment before IP and TCP
 *  look at them, as a network card or a kernel does it. What a segment costs is paid once a run. Nothing waits for more: a run ends with its batch.
 *
 *  Only what could have been cut from one super-segment is joined: the headers agree in everything but sequence number, length, checksums
 *  and PSH. Each checksum is verified before its segment loses it. */
import { pseudoHeaderSum } from "../base/checksum.js";
import type { Memory } from "../base/memory.js";
import { ChecksumState, type Packet, type PacketPool } from "../base/packet.js";
import { HEADER_LENGTH as ETHERNET, EtherType } from "../ethernet/frame.js";
import { Protocol } from "../ip/network.js";
import { ACK, HEADER_MIN, PSH } from "../tcp/segment.js";

const IP = 20;
/** Version 4, five words: no options. */
const VERSION_AND_LENGTH = 0x45;
const FRAGMENTED = 0x3fff;
const LONGEST = 65_535;
/** PSH in the word of the header that holds data offset, flags and window. */
const PSH_BIT = PSH << 16;

export class ReceiveOffload {
  readonly #view: DataView;
  readonly #memory: Memory;
  /** The segment that others join; it lies where it arrived until the first of them does. */
  #head: Packet | null = null;
  /** Octets from its first to its text, and of the text that a whole segment has. */
  #headers = 0;
  #size = 0;
  /** The sequence number that comes next. */
  #next = 0;
  #count = 0;
  /** The run takes no more: its last segment was short, or pushed, or the datagram is as long as can be. */
  full = false;

  constructor(memory: Memory) {
    this.#memory = memory;
    this.#view = memory.arena.view;
  }

  /** Holds the frame for others to join it; false, and nothing done, for what none can join. */
  begin(packet: Packet): boolean {
    const view = this.#view;
    const ip = packet.start + ETHERNET;
    const tcp = ip + IP;
    if (packet.end - tcp < HEADER_MIN + 1 || packet.gsoSize > 0) return false;
    if (view.getUint8(tcp + 13) !== ACK || view.getUint8(ip) !== VERSION_AND_LENGTH || view.getUint8(ip + 9) !== Protocol.Tcp) return false;
    if (view.getUint16(ip - 2) !== EtherType.Ipv4 || (view.getUint16(ip + 6) & FRAGMENTED) !== 0) return false;
    const end = ip + view.getUint16(ip + 2);
    const text = tcp + (view.getUint8(tcp + 12) >> 4) * 4;
    if (end > packet.end || text < tcp + HEADER_MIN || text >= end) return false;
    packet.end = end; // padding is no text
    this.#head = packet;
    this.#headers = text - packet.start;
    this.#size = end - text;
    this.#next = (view.getInt32(tcp + 4) + this.#size) | 0;
    this.#count = 1;
    this.full = false;
    return true;
  }

  /** Appends the text of the frame to what is held, and releases it; false, and nothing done, when it is not the next of the run. */
  join(packet: Packet): boolean {
    const head = this.#head;
    if (head === null || packet.gsoSize > 0 || !this.#follows(head, packet)) return false;
    const view = this.#view;
    const ip = packet.start + ETHERNET;
    const text = packet.start + this.#headers;
    const octets = ip + view.getUint16(ip + 2) - text;
    if (octets <= 0 || octets > this.#size || text + octets > packet.end) return false;
    const total = head.end - head.start - ETHERNET + octets;
    if (total > LONGEST || !this.#sound(packet, text + octets)) return false;
    const run = this.#count > 1 ? head : this.#widen(head);
    if (run === null || run.end + octets > run.limit) return false;
    run.pool.arena.copy(run.end, text, octets);
    run.end += octets;
    this.#next = (this.#next + octets) | 0;
    this.#count += 1;
    const pushed = view.getUint8(ip + IP + 13) & PSH;
    if (pushed !== 0) view.setUint8(run.start + ETHERNET + IP + 13, ACK | PSH);
    this.full = pushed !== 0 || octets < this.#size || total + this.#size > LONGEST;
    packet.release();
    return true;
  }

  /** What is held, as one frame; null: nothing is. */
  end(): Packet | null {
    const head = this.#head;
    this.#head = null;
    if (head === null || this.#count === 1) return head;
    const ip = head.start + ETHERNET;
    const view = this.#view;
    view.setUint16(ip + 2, head.end - ip);
    view.setUint16(ip + 10, 0);
    view.setUint16(ip + 10, ~head.pool.arena.sum(ip, IP, 0) & 0xffff);
    // What captures show: a checksum that is left to be finished, as in any super-segment.
    const pseudo = pseudoHeaderSum(view.getInt32(ip + 12), view.getInt32(ip + 16), Protocol.Tcp, head.end - ip - IP);
    view.setUint16(ip + IP + 16, (pseudo & 0xffff) + (pseudo >>> 16));
    head.checksum = ChecksumState.Verified;
    head.gsoSize = this.#size;
    return head;
  }

  /** How many frames the one that `end` returns next is made of. */
  get count(): number {
    return this.#count;
  }

  /** The same connection, the next sequence number, and headers that say the same. */
  #follows(head: Packet, packet: Packet): boolean {
    const view = this.#view;
    const a = head.start;
    const b = packet.start;
    if (packet.end - b <= this.#headers) return false;
    const tcp = ETHERNET + IP;
    if (view.getInt32(b + tcp + 4) !== this.#next) return false;
    const same =
      view.getInt32(a) === view.getInt32(b) &&
      view.getInt32(a + 4) === view.getInt32(b + 4) &&
      view.getInt32(a + 8) === view.getInt32(b + 8) &&
      // EtherType, version and length of the header, traffic class
      view.getInt32(a + 12) === view.getInt32(b + 12) &&
      view.getUint16(a + ETHERNET + 6) === view.getUint16(b + ETHERNET + 6) &&
      view.getUint16(a + ETHERNET + 8) === view.getUint16(b + ETHERNET + 8) &&
      view.getInt32(a + ETHERNET + 12) === view.getInt32(b + ETHERNET + 12) &&
      view.getInt32(a + ETHERNET + 16) === view.getInt32(b + ETHERNET + 16) &&
      view.getInt32(a + tcp) === view.getInt32(b + tcp) &&
      view.getInt32(a + tcp + 8) === view.getInt32(b + tcp + 8) &&
      ((view.getInt32(a + tcp + 12) ^ view.getInt32(b + tcp + 12)) & ~PSH_BIT) === 0;
    if (!same) return false;
    for (let at = tcp + HEADER_MIN; at < this.#headers; at += 4) if (view.getInt32(a + at) !== view.getInt32(b + at)) return false;
    return true;
  }

  /** Whether the checksums of IP's header and of the segment are right, or the link answers for the latter. */
  #sound(packet: Packet, end: number): boolean {
    const { arena } = packet.pool;
    const view = this.#view;
    const ip = packet.start + ETHERNET;
    if (arena.sum(ip, IP, 0) !== 0xffff) return false;
    if (packet.checksum !== ChecksumState.Unknown) return true;
    const length = end - ip - IP;
    return arena.sum(ip + IP, length, pseudoHeaderSum(view.getInt32(ip + 12), view.getInt32(ip + 16), Protocol.Tcp, length)) === 0xffff;
  }

  /** The first segment where others have room behind it; null: it is not sound, or there is no such packet. */
  #widen(head: Packet): Packet | null {
    if (!this.#sound(head, head.end)) return null;
    if (head.limit - head.start >= LONGEST + ETHERNET) return head;
    const run = roomy(this.#memory.large);
    if (run === null) return null;
    run.pool.arena.copy(run.start, head.start, head.end - head.start);
    run.end = run.start + head.end - head.start;
    head.release();
    this.#head = run;
    return run;
  }
}

/** One is left for the datagram that IP may have to put together. */
const roomy = (pool: PacketPool): Packet | null => (pool.available > 1 ? pool.take() : null);
