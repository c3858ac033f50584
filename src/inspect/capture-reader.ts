/** Reads captures: pcapng (draft-ietf-opsawg-pcapng) and pcap (draft-ietf-opsawg-pcap), both byte orders, any resolution.
 *
 *  A file is as hostile as a wire: lengths are believed only within bounds, and what is wrong with it is a sentence in
 *  `problem`, never an exception. Frames read before the wrong place stay good. */
import type { IpAddress } from "../ip/address.js";
import { Block, BYTE_ORDER_MAGIC, Direction, type HostName, Opt } from "./pcapng.js";
import { plain } from "./plain.js";

export interface CapturedInterface {
  readonly name: string;
  /** A LINKTYPE_ number: 1 Ethernet, 101 raw IP. */
  readonly linkType: number;
  readonly snapLength: number;
}

export interface CapturedFrame {
  /** An index into `interfaces`. */
  readonly interfaceId: number;
  /** Nanoseconds since 1970, UTC. */
  readonly at: bigint;
  /** A copy: yours. */
  readonly octets: Uint8Array;
  /** The frame's length on the wire; more than `octets.length` when it was cut. */
  readonly length: number;
  readonly direction: Direction;
  /** 0 unicast, 1 multicast, 2 broadcast; -1 not recorded. */
  readonly cast: number;
  /** Several comments are joined by line feeds. Escaped: it may be shown. */
  readonly comment: string | null;
  readonly id: bigint | null;
}

export interface ReaderLimits {
  /** The longest block or record, octets. */
  readonly block: number;
  readonly interfaces: number;
  readonly names: number;
}

const defaultLimits: ReaderLimits = { block: 1 << 24, interfaces: 1_024, names: 65_536 };

interface InterfaceClock extends CapturedInterface {
  /** Units a second, and seconds to be added. */
  readonly resolution: bigint;
  readonly offset: bigint;
}

const Format = { Unknown: 0, Pcapng: 1, Pcap: 2 } as const;
const BILLION = 1_000_000_000n;
const textDecoder = new TextDecoder();

/** Takes a capture in pieces of any size: `push` them, ask `next` for frames until it says null, `finish` at the end of the file. */
export class CaptureReader {
  readonly #limits: ReaderLimits;
  #octets = new Uint8Array(0);
  #view = new DataView(this.#octets.buffer);
  #at = 0;
  /** The file offset of `#octets[0]`, for messages. */
  #base = 0;
  #format: number = Format.Unknown;
  #little = true;
  #interfaces: InterfaceClock[] = [];
  /** Interfaces of earlier sections come first; this is where the current section's begin. */
  #firstInterface = 0;
  #names: HostName[] = [];
  #problem: string | null = null;

  constructor(limits: Partial<ReaderLimits> = {}) {
    this.#limits = { ...defaultLimits, ...limits };
  }

  /** What is wrong with the file, or null. Nothing is read after a problem. */
  get problem(): string | null {
    return this.#problem;
  }

  get interfaces(): readonly CapturedInterface[] {
    return this.#interfaces;
  }

  get names(): readonly HostName[] {
    return this.#names;
  }

  push(octets: Uint8Array): void {
    if (this.#problem !== null) return;
    const left = this.#octets.length - this.#at;
    const joined = new Uint8Array(left + octets.length);
    joined.set(this.#octets.subarray(this.#at));
    joined.set(octets, left);
    this.#base += this.#at;
    this.#octets = joined;
    this.#view = new DataView(joined.buffer);
    this.#at = 0;
  }

  /** The next frame, or null when more octets are needed or the file has a problem. */
  next(): CapturedFrame | null {
    while (this.#problem === null) {
      if (this.#format === Format.Unknown && !this.#recognise()) return null;
      const before = this.#at;
      const frame = this.#format === Format.Pcap ? this.#record() : this.#block();
      if (frame !== null) return frame;
      if (this.#at === before) return null;
    }
    return null;
  }

  /** The file ends here: octets that are left over are a problem. */
  finish(): void {
    if (this.#problem === null && this.#at < this.#octets.length) this.#fail("the file ends in the middle of a block");
    else if (this.#problem === null && this.#format === Format.Unknown) this.#fail("the file is empty");
  }

  #fail(what: string): null {
    this.#problem = `${what} (at octet ${this.#base + this.#at})`;
    return null;
  }

  #recognise(): boolean {
    if (this.#octets.length - this.#at < 4) return false;
    const magic = this.#view.getUint32(this.#at);
    if (magic === Block.SectionHeader) {
      this.#format = Format.Pcapng;
      return true;
    }
    const micros = magic === 0xa1b2c3d4 || magic === 0xd4c3b2a1;
    if (!micros && magic !== 0xa1b23c4d && magic !== 0x4d3cb2a1) {
      this.#fail("this is neither pcapng nor pcap");
      return false;
    }
    if (this.#octets.length - this.#at < 24) return false;
    this.#little = magic === 0xd4c3b2a1 || magic === 0x4d3cb2a1;
    // The low 16 bits of the last word are the link type; above them lies the length of the FCS.
    const linkType = this.#view.getUint32(this.#at + 20, this.#little) & 0xffff;
    const snapLength = this.#view.getUint32(this.#at + 16, this.#little);
    this.#interfaces.push({ name: "", linkType, snapLength, resolution: micros ? 1_000_000n : BILLION, offset: 0n });
    this.#at += 24;
    this.#format = Format.Pcap;
    return true;
  }

  #record(): CapturedFrame | null {
    if (this.#octets.length - this.#at < 16) return null;
    const kept = this.#view.getUint32(this.#at + 8, this.#little);
    if (kept > this.#limits.block) return this.#fail(`a record claims ${kept} octets`);
    if (this.#octets.length - this.#at < 16 + kept) return null;
    const seconds = BigInt(this.#view.getUint32(this.#at, this.#little));
    const fraction = BigInt(this.#view.getUint32(this.#at + 4, this.#little));
    const frame: CapturedFrame = {
      interfaceId: 0,
      at: seconds * BILLION + (fraction * BILLION) / this.#interfaces[0]!.resolution,
      octets: this.#octets.slice(this.#at + 16, this.#at + 16 + kept),
      length: this.#view.getUint32(this.#at + 12, this.#little),
      direction: Direction.Unknown,
      cast: -1,
      comment: null,
      id: null,
    };
    this.#at += 16 + kept;
    return frame;
  }

  /** One block; null when it held no frame. It is consumed only when it is whole. */
  #block(): CapturedFrame | null {
    const left = this.#octets.length - this.#at;
    if (left < 12) return null;
    const start = this.#at;
    // A section header is the same in both byte orders, and says which one follows.
    if (this.#view.getUint32(start) === Block.SectionHeader) {
      const magic = this.#view.getUint32(start + 8);
      if (magic !== BYTE_ORDER_MAGIC && magic !== 0x4d3c2b1a) return this.#fail("the section header has no byte-order magic");
      this.#little = magic !== BYTE_ORDER_MAGIC;
    }
    const type = this.#view.getUint32(start, this.#little);
    const length = this.#view.getUint32(start + 4, this.#little);
    if (length < 12 || (length & 3) !== 0 || length > this.#limits.block) return this.#fail(`a block claims ${length} octets`);
    if (left < length) return null;
    if (this.#view.getUint32(start + length - 4, this.#little) !== length) return this.#fail("a block's two lengths differ");
    const body = start + 8;
    const end = start + length - 4;
    let frame: CapturedFrame | null = null;
    if (type === Block.SectionHeader) this.#section(body, end);
    else if (type === Block.InterfaceDescription) this.#describe(body, end);
    else if (type === Block.EnhancedPacket) frame = this.#enhanced(body, end);
    else if (type === Block.ObsoletePacket) frame = this.#obsolete(body, end);
    else if (type === Block.SimplePacket) frame = this.#simple(body, end);
    else if (type === Block.NameResolution) this.#resolve(body, end);
    if (this.#problem === null) this.#at = start + length;
    return frame;
  }

  #section(body: number, end: number): void {
    if (end - body < 16) this.#fail("the section header is too short");
    else if (this.#view.getUint16(body + 4, this.#little) !== 1) this.#fail("this major version of pcapng is not known");
    this.#firstInterface = this.#interfaces.length;
  }

  #describe(body: number, end: number): void {
    if (end - body < 8) return void this.#fail("an interface description is too short");
    if (this.#interfaces.length >= this.#limits.interfaces)
      return void this.#fail(`there are more than ${this.#limits.interfaces} interfaces`);
    let name = "";
    let resolution = 1_000_000n;
    let offset = 0n;
    this.#options(body + 8, end, (code, at, length) => {
      if (code === Opt.IfName) name = this.#textAt(at, length);
      else if (code === Opt.IfResolution && length === 1) {
        const exponent = this.#octets[at]! & 0x7f;
        // Finer than 2^-64 s is nonsense: the exponent alone would fill memory.
        if (exponent <= 64) resolution = (this.#octets[at]! & 0x80 ? 2n : 10n) ** BigInt(exponent);
      } else if (code === Opt.IfOffset && length === 8) offset = this.#view.getBigInt64(at, this.#little);
    });
    const linkType = this.#view.getUint16(body, this.#little);
    this.#interfaces.push({ name, linkType, snapLength: this.#view.getUint32(body + 4, this.#little), resolution, offset });
  }

  #enhanced(body: number, end: number): CapturedFrame | null {
    if (end - body < 20) return this.#fail("an enhanced packet block is too short");
    const interfaceId = this.#firstInterface + this.#view.getUint32(body, this.#little);
    return this.#packet(interfaceId, body + 4, body + 20, end);
  }

  #obsolete(body: number, end: number): CapturedFrame | null {
    if (end - body < 20) return this.#fail("a packet block is too short");
    return this.#packet(this.#firstInterface + this.#view.getUint16(body, this.#little), body + 4, body + 20, end);
  }

  /** `at`: timestamp (high, low), captured length, original length; then the octets, then options. */
  #packet(interfaceId: number, at: number, text: number, end: number): CapturedFrame | null {
    const from = this.#interfaces[interfaceId];
    if (from === undefined) return this.#fail("a packet names an interface that is not described");
    const kept = this.#view.getUint32(at + 8, this.#little);
    if (kept > end - text) return this.#fail(`a packet of ${kept} octets does not fit its block`);
    const units = (BigInt(this.#view.getUint32(at, this.#little)) << 32n) | BigInt(this.#view.getUint32(at + 4, this.#little));
    let comment: string | null = null;
    let flags = 0;
    let id: bigint | null = null;
    this.#options(text + ((kept + 3) & ~3), end, (code, from, length) => {
      if (code === Opt.Comment) comment = comment === null ? this.#textAt(from, length) : `${comment}\n${this.#textAt(from, length)}`;
      else if (code === Opt.EpbFlags && length === 4) flags = this.#view.getUint32(from, this.#little);
      else if (code === Opt.EpbPacketId && length === 8) id = this.#view.getBigUint64(from, this.#little);
    });
    const reception = (flags >>> 2) & 7;
    return {
      interfaceId,
      at: from.offset * BILLION + (units * BILLION) / from.resolution,
      octets: this.#octets.slice(text, text + kept),
      length: this.#view.getUint32(at + 12, this.#little),
      direction: (flags & 3) as Direction,
      cast: reception >= 1 && reception <= 3 ? reception - 1 : -1,
      comment,
      id,
    };
  }

  /** No timestamp, no options; the interface is the section's first, and its snap length bounds the octets. */
  #simple(body: number, end: number): CapturedFrame | null {
    const from = this.#interfaces[this.#firstInterface];
    if (end - body < 4) return this.#fail("a simple packet block is too short");
    if (from === undefined) return this.#fail("a packet names an interface that is not described");
    const length = this.#view.getUint32(body, this.#little);
    const kept = Math.min(length, end - body - 4, from.snapLength === 0 ? length : from.snapLength);
    const octets = this.#octets.slice(body + 4, body + 4 + kept);
    return { interfaceId: this.#firstInterface, at: 0n, octets, length, direction: Direction.Unknown, cast: -1, comment: null, id: null };
  }

  #resolve(body: number, end: number): void {
    let at = body;
    while (at + 4 <= end) {
      const type = this.#view.getUint16(at, this.#little);
      const length = this.#view.getUint16(at + 2, this.#little);
      if (type === 0) return;
      if (at + 4 + length > end) return void this.#fail("a name does not fit its block");
      if (type === 1 && length >= 5 && this.#names.length < this.#limits.names) {
        const address = this.#view.getInt32(at + 4) as IpAddress;
        const stop = this.#octets.indexOf(0, at + 8);
        const nameEnd = stop < 0 || stop > at + 4 + length ? at + 4 + length : stop;
        this.#names.push({ address, name: this.#textAt(at + 8, nameEnd - at - 8) });
      }
      at += 4 + ((length + 3) & ~3);
    }
  }

  #options(from: number, end: number, take: (code: number, at: number, length: number) => void): void {
    let at = from;
    while (at + 4 <= end) {
      const code = this.#view.getUint16(at, this.#little);
      const length = this.#view.getUint16(at + 2, this.#little);
      if (code === Opt.End) return;
      if (at + 4 + length > end) return void this.#fail("an option does not fit its block");
      take(code, at + 4, length);
      at += 4 + ((length + 3) & ~3);
    }
  }

  #textAt(at: number, length: number): string {
    return plain(textDecoder.decode(this.#octets.subarray(at, at + length)), 4_096);
  }
}

/** A whole capture. */
export interface CaptureContents {
  readonly frames: readonly CapturedFrame[];
  readonly interfaces: readonly CapturedInterface[];
  readonly names: readonly HostName[];
  readonly problem: string | null;
}

/** Reads a capture that is in memory, at most `limit` frames of it. */
export function readCapture(octets: Uint8Array, limit = Number.POSITIVE_INFINITY, limits: Partial<ReaderLimits> = {}): CaptureContents {
  const reader = new CaptureReader(limits);
  reader.push(octets);
  const frames: CapturedFrame[] = [];
  let frame = frames.length < limit ? reader.next() : null;
  while (frame !== null) {
    frames.push(frame);
    frame = frames.length < limit ? reader.next() : null;
  }
  if (frames.length < limit) reader.finish();
  return { frames, interfaces: reader.interfaces, names: reader.names, problem: reader.problem };
}
