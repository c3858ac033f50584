/** Captures as pcapng (draft-ietf-opsawg-pcapng): what a stack sent and received, with names, directions and reasons.
 *
 *  A file holds one vantage point: the interfaces of one host. Two hosts in one file make analysers see retransmissions that
 *  never were. Everything is little-endian, timestamps are nanoseconds. */
import type { Micros } from "../base/environment.js";
import type { IpAddress } from "../ip/address.js";

/** Takes octets in order; the array is valid during the call only. */
export type Sink = (octets: Uint8Array) => void;

/** What the frames of an interface begin with: LINKTYPE_ values of the tcpdump group. */
export const LinkType = { Ethernet: 1, RawIp: 101 } as const;
export type LinkType = (typeof LinkType)[keyof typeof LinkType];

/** Which way a frame went: epb_flags, bits 0 and 1. */
export const Direction = { Unknown: 0, Inbound: 1, Outbound: 2 } as const;
export type Direction = (typeof Direction)[keyof typeof Direction];

/** Block types: draft-ietf-opsawg-pcapng s10.1. */
// biome-ignore format: a table reads better in lines
export const Block = {
  SectionHeader: 0x0a0d0d0a, InterfaceDescription: 1, ObsoletePacket: 2, SimplePacket: 3, NameResolution: 4, InterfaceStatistics: 5, EnhancedPacket: 6,
} as const;
/** Option codes; their meaning depends on the block from 2 on. */
// biome-ignore format: a table reads better in lines
export const Opt = {
  End: 0, Comment: 1, ShbHardware: 2, ShbOs: 3, ShbApplication: 4, IfName: 2, IfDescription: 3, IfIpv4: 4, IfMac: 6, IfResolution: 9, IfOffset: 14,
  EpbFlags: 2, EpbDropCount: 4, EpbPacketId: 5, IsbStart: 2, IsbEnd: 3, IsbReceived: 4, IsbDropped: 5,
} as const;
export const BYTE_ORDER_MAGIC = 0x1a2b3c4d;

/** Every octet that a super-segment may have, with its headers. */
export const DEFAULT_SNAP_LENGTH = 262_144;
/** The most octets of text in one option; analysers read 65 535, people fewer. */
const TEXT_LIMIT = 1_024;

export interface PcapngOptions {
  /** Microseconds since 1970 (UTC) when the stack's clock read 0. 0, the default, makes files of a simulation equal. */
  readonly epoch?: Micros;
  /** The most octets kept of a frame, at least 64; the true length is recorded beside them. */
  readonly snapLength?: number;
  /** The program that writes. */
  readonly application?: string;
  /** A remark about the whole file: scenario, seed. */
  readonly comment?: string;
}

export interface InterfaceOptions {
  readonly name: string;
  readonly linkType: LinkType;
  readonly description?: string;
  /** Six octets. */
  readonly hardwareAddress?: Uint8Array;
  readonly addresses?: readonly { readonly address: IpAddress; readonly prefixLength: number }[];
}

export interface HostName {
  readonly address: IpAddress;
  readonly name: string;
}

/** What is known of a frame beside its octets. */
export interface FrameFacts {
  readonly at: Micros;
  readonly direction: Direction;
  /** How it was addressed at the link: 0 unicast, 1 multicast, 2 broadcast (`Cast`). */
  readonly cast?: number;
  /** Why it was sent, or what became of it: one comment, or several. */
  readonly comment?: string | readonly string[];
  /** An id by which it is named elsewhere. */
  readonly id?: number;
}

/** Writes one section. Nothing is buffered: every block goes to the sink in one call. */
export class PcapngWriter {
  readonly #sink: Sink;
  readonly #epoch: Micros;
  readonly #snapLength: number;
  readonly #encoder = new TextEncoder();
  #octets = new Uint8Array(4_096);
  #view = new DataView(this.#octets.buffer);
  #at = 0;
  /** One for each interface: frames seen, and the last time. */
  readonly #frames: number[] = [];
  #last: Micros = 0;
  #closed = false;

  /** Throws a RangeError when `snapLength` is out of range. */
  constructor(sink: Sink, options: PcapngOptions = {}) {
    this.#sink = sink;
    this.#epoch = options.epoch ?? 0;
    this.#snapLength = options.snapLength ?? DEFAULT_SNAP_LENGTH;
    if (!(this.#snapLength >= 64 && this.#snapLength <= DEFAULT_SNAP_LENGTH))
      throw new RangeError(`snapLength ${this.#snapLength} is out of range: use 64 to ${DEFAULT_SNAP_LENGTH} octets`);
    this.#begin(Block.SectionHeader);
    this.#word(BYTE_ORDER_MAGIC);
    this.#half(1);
    this.#half(0);
    this.#word(-1); // section length: not known
    this.#word(-1);
    if (options.comment !== undefined) this.#text(Opt.Comment, options.comment);
    this.#text(Opt.ShbApplication, options.application ?? "onwire");
    this.#option(Opt.End, 0);
    this.#end();
  }

  /** Describes an interface; returns the number by which its frames name it. */
  addInterface(options: InterfaceOptions): number {
    this.#begin(Block.InterfaceDescription);
    this.#half(options.linkType);
    this.#half(0);
    this.#word(this.#snapLength);
    this.#text(Opt.IfName, options.name);
    if (options.description !== undefined) this.#text(Opt.IfDescription, options.description);
    for (const { address, prefixLength } of options.addresses ?? []) {
      this.#option(Opt.IfIpv4, 8);
      this.#view.setInt32(this.#at, address);
      this.#view.setInt32(this.#at + 4, prefixLength === 0 ? 0 : -1 << (32 - prefixLength));
      this.#at += 8;
    }
    if (options.hardwareAddress?.length === 6) {
      this.#option(Opt.IfMac, 6);
      this.#octets.set(options.hardwareAddress, this.#at);
      this.#advance(6);
    }
    this.#option(Opt.IfResolution, 1);
    this.#octets[this.#at] = 9; // 10^-9 s
    this.#advance(1);
    this.#option(Opt.End, 0);
    this.#end();
    this.#frames.push(0);
    return this.#frames.length - 1;
  }

  /** Tells analysers what to call addresses. May come any number of times. */
  addNames(names: readonly HostName[]): void {
    if (names.length === 0) return;
    this.#begin(Block.NameResolution);
    for (const { address, name } of names) {
      this.#room(8 + 3 * TEXT_LIMIT);
      const start = this.#at;
      this.#half(1); // nrb_record_ipv4
      this.#half(0);
      this.#view.setInt32(this.#at, address);
      this.#at += 4;
      const length = 4 + this.#encode(name) + 1;
      this.#octets[start + 4 + length - 1] = 0;
      this.#view.setUint16(start + 2, length, true);
      this.#at = start + 4;
      this.#advance(length);
    }
    this.#room(8);
    this.#word(0); // nrb_record_end
    this.#option(Opt.End, 0);
    this.#end();
  }

  /** Records the frame octets[start, end). Throws a RangeError for an interface that was never described. */
  frame(interfaceId: number, octets: Uint8Array, start: number, end: number, facts: FrameFacts): void {
    if (!(interfaceId >= 0 && interfaceId < this.#frames.length)) throw new RangeError(`interface ${interfaceId} has not been added`);
    const length = end - start;
    const kept = Math.min(length, this.#snapLength);
    this.#begin(Block.EnhancedPacket);
    this.#word(interfaceId);
    this.#time(facts.at);
    this.#word(kept);
    this.#word(length);
    this.#room(kept + 64);
    this.#octets.set(octets.subarray(start, start + kept), this.#at);
    this.#advance(kept);
    if (typeof facts.comment === "string") this.#text(Opt.Comment, facts.comment);
    else if (facts.comment !== undefined) for (const comment of facts.comment) this.#text(Opt.Comment, comment);
    this.#option(Opt.EpbFlags, 4);
    // Bits 2 to 4, reception type: 1 unicast, 2 multicast, 3 broadcast; of sent frames it is not specified.
    this.#word(facts.direction | (facts.cast === undefined ? 0 : (facts.cast + 1) << 2));
    if (facts.id !== undefined) {
      this.#option(Opt.EpbPacketId, 8);
      this.#word(facts.id % 2 ** 32);
      this.#word(Math.floor(facts.id / 2 ** 32));
    }
    this.#option(Opt.End, 0);
    this.#end();
    this.#frames[interfaceId]! += 1;
    this.#last = Math.max(this.#last, facts.at);
  }

  /** Ends the section with the statistics of each interface. Closing twice does nothing. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (let id = 0; id < this.#frames.length; id++) {
      this.#begin(Block.InterfaceStatistics);
      this.#word(id);
      this.#time(this.#last);
      this.#option(Opt.IsbReceived, 8);
      this.#word(this.#frames[id]! % 2 ** 32);
      this.#word(Math.floor(this.#frames[id]! / 2 ** 32));
      this.#option(Opt.End, 0);
      this.#end();
    }
  }

  #begin(type: number): void {
    this.#at = 0;
    this.#word(type);
    this.#word(0);
  }

  /** A block's total length stands at both of its ends. */
  #end(): void {
    this.#word(this.#at + 4);
    this.#view.setUint32(4, this.#at, true);
    this.#sink(this.#octets.subarray(0, this.#at));
  }

  #room(octets: number): void {
    if (this.#at + octets <= this.#octets.length) return;
    const grown = new Uint8Array(Math.max(2 * this.#octets.length, this.#at + octets));
    grown.set(this.#octets.subarray(0, this.#at));
    this.#octets = grown;
    this.#view = new DataView(grown.buffer);
  }

  #word(n: number): void {
    this.#room(4);
    this.#view.setUint32(this.#at, n, true);
    this.#at += 4;
  }

  #half(n: number): void {
    this.#room(2);
    this.#view.setUint16(this.#at, n, true);
    this.#at += 2;
  }

  #option(code: number, length: number): void {
    this.#half(code);
    this.#half(length);
    this.#room(length + 4);
  }

  /** Moves over octets that are in place and pads with zeros to 32 bits. */
  #advance(octets: number): void {
    this.#at += octets;
    while (this.#at & 3) this.#octets[this.#at++] = 0;
  }

  #text(code: number, text: string): void {
    this.#room(8 + TEXT_LIMIT);
    this.#option(code, 0);
    const length = this.#encode(text);
    this.#view.setUint16(this.#at - 2, length, true);
    this.#advance(length);
  }

  /** Whole characters only, and no NUL, which would end a name early. */
  #encode(text: string): number {
    const clean = text.includes("\0") ? text.replaceAll("\0", "") : text;
    this.#room(TEXT_LIMIT + 8);
    return this.#encoder.encodeInto(clean, this.#octets.subarray(this.#at, this.#at + TEXT_LIMIT)).written;
  }

  /** Microseconds to nanoseconds in two 32-bit halves, high first, without leaving the exact integers. */
  #time(at: Micros): void {
    const micros = Math.max(0, this.#epoch + at);
    const low = (micros % 2 ** 32) * 1_000;
    this.#word(Math.floor(micros / 2 ** 32) * 1_000 + Math.floor(low / 2 ** 32));
    this.#word(low % 2 ** 32);
  }
}
