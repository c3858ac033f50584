/** A middlebox at a link: it sees each TCP segment that the link sends, and may change it; checksums are set right behind it. */
import type { Packet } from "../../src/base/packet.js";
import type { SimLink } from "../../src/sim/sim-link.js";

/** A TCP segment in a frame, to be read and changed in place. */
export class Passing {
  readonly view: DataView;
  readonly bytes: Uint8Array;
  /** Where the TCP header begins, and the frame ends. */
  readonly at: number;
  readonly end: number;

  constructor(bytes: Uint8Array, at: number, end: number) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = at;
    this.end = end;
  }

  get flags(): number {
    return this.bytes[this.at + 13]!;
  }
  set flags(flags: number) {
    this.bytes[this.at + 13] = flags;
  }
  get isSyn(): boolean {
    return (this.flags & 2) !== 0;
  }
  get isSynAck(): boolean {
    return (this.flags & 18) === 18;
  }
  get textLength(): number {
    return this.end - this.at - (this.bytes[this.at + 12]! >> 4) * 4;
  }
  get seq(): number {
    return this.view.getUint32(this.at + 4);
  }
  set seq(seq: number) {
    this.view.setUint32(this.at + 4, seq);
  }
  get ack(): number {
    return this.view.getUint32(this.at + 8);
  }
  set ack(ack: number) {
    this.view.setUint32(this.at + 8, ack);
  }

  /** Replaces options of these kinds by NOPs. */
  strip(...kinds: number[]): void {
    this.eachOption((kind, at, length) => {
      if (kinds.includes(kind)) this.bytes.fill(1, at, at + length);
    });
  }

  eachOption(visit: (kind: number, at: number, length: number) => void): void {
    const stop = this.at + (this.bytes[this.at + 12]! >> 4) * 4;
    for (let at = this.at + 20; at < stop; ) {
      const kind = this.bytes[at]!;
      if (kind === 0) return;
      const length = kind === 1 ? 1 : this.bytes[at + 1]!;
      if (kind !== 1) visit(kind, at, length);
      at += length;
    }
  }
}

/** `rewrite` sees each segment; false: it is lost. */
export function middlebox(link: SimLink, rewrite: (segment: Passing) => boolean | void): void {
  const transmit = link.transmit.bind(link);
  link.transmit = (packet: Packet): boolean => {
    const { bytes } = packet.pool.arena;
    const ip = packet.start + 14;
    if (bytes[packet.start + 12] !== 8 || bytes[packet.start + 13] !== 0 || bytes[ip + 9] !== 6) return transmit(packet);
    const end = ip + ((bytes[ip + 2]! << 8) | bytes[ip + 3]!);
    const segment = new Passing(bytes, ip + 20, end);
    if (rewrite(segment) === false) {
      packet.release();
      return true;
    }
    const length = end - segment.at;
    segment.view.setUint16(segment.at + 16, 0);
    let sum = 6 + length;
    for (let i = ip + 12; i < ip + 20; i += 2) sum += segment.view.getUint16(i);
    for (let i = segment.at; i < end; i += 2) sum += i + 1 < end ? segment.view.getUint16(i) : bytes[i]! << 8;
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
    segment.view.setUint16(segment.at + 16, ~sum & 0xffff);
    return transmit(packet);
  };
}
