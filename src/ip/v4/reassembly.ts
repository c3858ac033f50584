/** Reassembly of fragments — RFC 791 s3.2, RFC 815, RFC 1122 s3.3.2; overlaps refused as RFC 5722 does for IPv6 (RFC 1858 s4).
 *
 *  Fragments are copied into chunks at once, so nothing of a link's memory is kept, and what a datagram is charged is what it really holds. */

import { checksum } from "../../base/checksum.js";
import { type Micros, NEVER } from "../../base/environment.js";
import { KeyedTable } from "../../base/keyed-table.js";
import type { Memory } from "../../base/memory.js";
import type { Packet } from "../../base/packet.js";
import type { SipKey } from "../../base/siphash.js";
import { Ip } from "../../base/why.js";
import { Protocol } from "../network.js";
import { At, CONGESTION_EXPERIENCED, HEADER_LENGTH, headerLengthAt, LONGEST_DATAGRAM, MORE_FRAGMENTS, OFFSET_MASK } from "./header.js";
import { Partial } from "./partial.js";

export interface ReassemblyLimits {
  /** Octets held for all datagrams together, counted in whole chunks. */
  readonly reassemblyOctets: number;
  /** The most octets of one source. */
  readonly reassemblyShare: number;
  /** Datagrams being reassembled. */
  readonly reassemblies: number;
  /** Fragments of one datagram. */
  readonly fragments: number;
}

/** What a datagram under reassembly costs besides its chunks. */
const OVERHEAD = 1024;
/** RFC 1858 s3: a first fragment must hold a TCP header, so that filters see it. */
const TCP_HEADER = 20;

export interface ReassemblyPort {
  /** The datagram whose first fragment lies whole in `packet`, from the IP header on, will never be complete. The packet stays the caller's. */
  timedOut(packet: Packet, device: number, now: Micros): void;
  /** A datagram was given up before it was complete: count it. */
  count(why: number, now: Micros): void;
}

export class Reassembly {
  readonly #memory: Memory;
  readonly #limits: ReassemblyLimits;
  readonly #timeout: Micros;
  readonly #port: ReassemblyPort;
  readonly #table: KeyedTable;
  readonly #partials: (Partial | null)[] = [];
  readonly #spare: Partial[] = [];
  /** Octets charged to each source. */
  readonly #sources: KeyedTable;
  readonly #charges: number[] = [];
  #octets = 0;
  /** The datagram that `arrives` completed last: it is the caller's. */
  completed: Packet | null = null;

  constructor(memory: Memory, limits: ReassemblyLimits, timeout: Micros, port: ReassemblyPort, key: SipKey) {
    this.#memory = memory;
    // Several stacks may share one memory: reassembly takes at most a quarter of its chunks.
    const most = Math.min(limits.reassemblyOctets, (memory.chunks.count * memory.chunks.size) >> 2);
    this.#limits = { ...limits, reassemblyOctets: most, reassemblyShare: Math.min(limits.reassemblyShare, most) };
    this.#timeout = timeout;
    this.#port = port;
    this.#table = new KeyedTable(key, limits.reassemblies);
    this.#sources = new KeyedTable(key, limits.reassemblies);
  }

  get count(): number {
    return this.#table.count;
  }

  /** Octets charged, of at most `limits.reassemblyOctets`. */
  get octets(): number {
    return this.#octets;
  }

  /** Takes in the fragment whose header is at `packet.start`; returns its fate. Ip.Reassembled: `completed` is the whole datagram. */
  arrives(packet: Packet, device: number, now: Micros): number {
    const view = packet.pool.arena.view;
    const header = packet.start;
    const headerLength = headerLengthAt(view, header);
    const fragment = view.getUint16(header + At.Fragment);
    const start = (fragment & OFFSET_MASK) * 8;
    const length = packet.end - header - headerLength;
    const end = start + length;
    const more = (fragment & MORE_FRAGMENTS) !== 0;
    const protocol = view.getUint8(header + At.Protocol);
    // RFC 791 s3.1: fragments are counted in units of 8 octets, so only the last may have another length.
    if (length === 0 || (more && (length & 7) !== 0)) return Ip.FragmentSize;
    // RFC 1858 s3.2.1 and RFC 3128: a TCP header in two pieces is nobody's honest need.
    if (protocol === Protocol.Tcp && (start === 0 ? length < TCP_HEADER : start < TCP_HEADER)) return Ip.FragmentTiny;

    const source = view.getInt32(header + At.Source);
    const destination = view.getInt32(header + At.Destination);
    // RFC 791 s3.2: source, destination, protocol and identification together name the datagram.
    const identity = (protocol << 16) | view.getUint16(header + At.Identification);
    const slot = this.#table.find(source, destination, identity, device);
    let partial = slot < 0 ? null : this.#partials[slot]!;
    if (partial === null) {
      partial = this.#begin(source, destination, identity, device, now);
      if (partial === null) return Ip.FragmentLimit;
    }
    if (partial.refused) return Ip.FragmentOverlap;
    // RFC 791 s3.1: no datagram is longer than 65 535 octets, whatever its fragments add up to ("ping of death").
    if (end + headerLength > LONGEST_DATAGRAM) return this.#refuse(partial, Ip.FragmentTooLong);

    const at = partial.placeOf(start);
    if (partial.holds(at, start, end, more)) return Ip.FragmentDuplicate;
    if (partial.overlaps(at, start, end, more)) return this.#refuse(partial, Ip.FragmentOverlap);
    if (partial.count >= partial.starts.length) return this.#refuse(partial, Ip.FragmentLimit);
    if (!this.#copy(partial, start, end, header + headerLength, now)) return Ip.FragmentLimit;

    partial.insert(at, start, end, more);
    partial.ecn |= 1 << (view.getUint8(header + At.TrafficClass) & 3);
    if (start === 0) {
      partial.headerLength = headerLength;
      const bytes = packet.pool.arena.bytes;
      for (let i = 0; i < headerLength; i++) partial.header[i] = bytes[header + i]!;
    }
    if (partial.received !== partial.total) return Ip.FragmentHeld;
    return this.#complete(partial);
  }

  expire(now: Micros): void {
    for (let slot = this.#table.oldest; slot >= 0; slot = this.#table.oldest) {
      const partial = this.#partials[slot]!;
      if (partial.deadline > now) return;
      if (!partial.refused) {
        this.#port.count(Ip.FragmentTimeout, now);
        this.#report(partial, now);
      }
      this.#end(partial);
    }
  }

  nextTimeout(): Micros {
    // All live equally long, so the oldest ends first.
    const slot = this.#table.oldest;
    return slot < 0 ? NEVER : this.#partials[slot]!.deadline;
  }

  clear(): void {
    for (let slot = this.#table.oldest; slot >= 0; slot = this.#table.oldest) this.#end(this.#partials[slot]!);
  }

  /** Plain data, for inspection. */
  show(now: Micros): {
    source: number;
    destination: number;
    protocol: number;
    identification: number;
    fragments: number;
    received: number;
    total: number;
    refused: boolean;
    timeLeft: Micros;
  }[] {
    const shown = [];
    for (let slot = this.#table.oldest; slot >= 0; slot = this.#table.newerThan(slot)) {
      const partial = this.#partials[slot]!;
      const identity = this.#table.word(slot, 2);
      shown.push({
        source: partial.source,
        destination: this.#table.word(slot, 1),
        protocol: (identity >>> 16) & 255,
        identification: identity & 0xffff,
        fragments: partial.count,
        received: partial.received,
        total: partial.total,
        refused: partial.refused,
        timeLeft: partial.deadline - now,
      });
    }
    return shown;
  }

  #begin(source: number, destination: number, identity: number, device: number, now: Micros): Partial | null {
    // A full table gives up what began first; it is the next to time out anyway.
    if (this.#table.count >= this.#table.limit) this.#evict(now);
    if (!this.#charge(source, OVERHEAD, null, now)) return null;
    const slot = this.#table.insert(source, destination, identity, device);
    const partial = this.#spare.pop() ?? this.#another();
    partial.begin(slot, source, device, now + this.#timeout);
    partial.charged = OVERHEAD;
    this.#partials[slot] = partial;
    return partial;
  }

  #another(): Partial {
    return new Partial((LONGEST_DATAGRAM >> this.#memory.chunks.shift) + 1, this.#limits.fragments);
  }

  /** Copies payload octets into the datagram's chunks; false when the limits or the pool do not allow it. */
  #copy(partial: Partial, start: number, end: number, from: number, now: Micros): boolean {
    const { chunks, arena } = this.#memory;
    const first = start >> chunks.shift;
    const last = (end - 1) >> chunks.shift;
    let missing = 0;
    for (let k = first; k <= last; k++) if (partial.chunks[k]! < 0) missing += 1;
    if (missing > 0) {
      const charge = missing * chunks.size;
      if (!this.#charge(partial.source, charge, partial, now)) return false;
      if (chunks.available < missing) {
        this.#discharge(partial.source, charge);
        return false;
      }
      partial.charged += charge;
      for (let k = first; k <= last; k++) if (partial.chunks[k]! < 0) partial.chunks[k] = chunks.take();
    }
    let source = from;
    for (let at = start; at < end; ) {
      const within = at & (chunks.size - 1);
      const count = Math.min(chunks.size - within, end - at);
      arena.bytes.copyWithin(partial.chunks[at >> chunks.shift]! + within, source, source + count);
      at += count;
      source += count;
    }
    return true;
  }

  /** Charges a source; others' oldest datagrams make room, but never beyond the source's own share. */
  #charge(source: number, octets: number, keep: Partial | null, now: Micros): boolean {
    let slot = this.#sources.find(source, 0, 0, 0);
    if ((slot < 0 ? 0 : this.#charges[slot]!) + octets > this.#limits.reassemblyShare) return false;
    while (this.#octets + octets > this.#limits.reassemblyOctets) {
      if (this.#table.oldest < 0 || this.#partials[this.#table.oldest] === keep) return false;
      this.#evict(now);
    }
    slot = this.#sources.find(source, 0, 0, 0);
    if (slot < 0) {
      slot = this.#sources.insert(source, 0, 0, 0);
      if (slot < 0) return false;
      this.#charges[slot] = 0;
    }
    this.#charges[slot]! += octets;
    this.#octets += octets;
    return true;
  }

  #discharge(source: number, octets: number): void {
    const slot = this.#sources.find(source, 0, 0, 0);
    this.#octets -= octets;
    this.#charges[slot]! -= octets;
    if (this.#charges[slot] === 0) this.#sources.remove(slot);
  }

  #evict(now: Micros): void {
    this.#port.count(Ip.FragmentLimit, now);
    this.#end(this.#partials[this.#table.oldest]!);
  }

  /** Gives the datagram up, and remembers that. RFC 5722 s4: "the entire datagram (and any constituent fragments, including those not yet received) MUST be silently discarded". */
  #refuse(partial: Partial, why: number): number {
    partial.refused = true;
    this.#giveChunks(partial);
    this.#discharge(partial.source, partial.charged - OVERHEAD);
    partial.charged = OVERHEAD;
    return why;
  }

  #complete(partial: Partial): number {
    // RFC 3168 s5.3: a datagram with a fragment that is not ECN-capable and one that met congestion is dropped.
    const congested = (partial.ecn & (1 << CONGESTION_EXPERIENCED)) !== 0;
    if (congested && (partial.ecn & 1) !== 0) {
      this.#end(partial);
      return Ip.FragmentEcn;
    }
    const packet = this.#assemble(partial, partial.total);
    if (packet !== null) this.#renew(packet, partial.headerLength, congested);
    this.#end(partial);
    if (packet === null) return Ip.NoBuffers;
    this.completed = packet;
    return Ip.Reassembled;
  }

  /** The first `length` octets of the payload behind their header, in a packet of their own; null: no packet. */
  #assemble(partial: Partial, length: number): Packet | null {
    const { packets, large, chunks, arena } = this.#memory;
    const packet = (partial.headerLength + length <= packets.capacity ? packets : large).take();
    if (packet === null) return null;
    const start = packet.start;
    for (let i = 0; i < partial.headerLength; i++) arena.bytes[start + i] = partial.header[i]!;
    let to = start + partial.headerLength;
    for (let at = 0; at < length; at += chunks.size) {
      const from = partial.chunks[at >> chunks.shift]!;
      const count = Math.min(chunks.size, length - at);
      arena.bytes.copyWithin(to, from, from + count);
      to += count;
    }
    packet.end = to;
    return packet;
  }

  /** Makes the first fragment's header that of the whole. */
  #renew(packet: Packet, headerLength: number, congested: boolean): void {
    const { start } = packet;
    const { arena } = packet.pool;
    const { view } = arena;
    view.setUint16(start + At.TotalLength, packet.end - start);
    view.setUint16(start + At.Fragment, 0);
    if (congested) view.setUint8(start + At.TrafficClass, view.getUint8(start + At.TrafficClass) | CONGESTION_EXPERIENCED);
    view.setUint16(start + At.Checksum, 0);
    view.setUint16(start + At.Checksum, checksum(arena, start, start + headerLength));
  }

  /** RFC 1122 s3.3.2: "Time Exceeded (code 1)" if the first fragment has come, and only then (RFC 792). */
  #report(partial: Partial, now: Micros): void {
    if (partial.headerLength < HEADER_LENGTH) return;
    const packet = this.#assemble(partial, Math.min(partial.ends[0]!, this.#memory.packets.capacity - partial.headerLength));
    if (packet === null) return;
    this.#port.timedOut(packet, partial.device, now);
    packet.release();
  }

  #end(partial: Partial): void {
    this.#giveChunks(partial);
    this.#discharge(partial.source, partial.charged);
    this.#table.remove(partial.slot);
    this.#partials[partial.slot] = null;
    this.#spare.push(partial);
  }

  #giveChunks(partial: Partial): void {
    const chunks = this.#memory.chunks;
    for (let k = 0; k < partial.chunks.length; k++) {
      if (partial.chunks[k]! < 0) continue;
      chunks.give(partial.chunks[k]!);
      partial.chunks[k] = -1;
    }
  }
}
