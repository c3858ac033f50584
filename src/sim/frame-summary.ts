/** What a frame is, as far as fault rules and traces need to know. It reads what the wire carries, good or bad, and never throws.
 *
 *  Written against the standards and not with the stack's own parsers: what judges the stack must not share its mistakes. */

export const Flag = { Fin: 0x01, Syn: 0x02, Rst: 0x04, Psh: 0x08, Ack: 0x10, Urg: 0x20 } as const;

const ETHERNET = 14;
const TAG = 4;

/** Overwritten by the next `read`. Numbers that the frame does not have are -1. */
export class FrameSummary {
  /** Octets of the frame, and of its link header. */
  length = 0;
  header = 0;
  etherType = -1;
  /** IPv4: addresses as signed int32, the packet's length by its own header, fragment offset in octets. */
  source = 0;
  destination = 0;
  protocol = -1;
  ipLength = -1;
  dontFragment = false;
  moreFragments = false;
  fragmentOffset = 0;
  identification = -1;
  /** TCP and UDP, of a datagram that is whole or a first fragment. */
  sourcePort = -1;
  destinationPort = -1;
  /** TCP: flags, numbers as signed int32, octets of text and where they begin in what was read. */
  flags = -1;
  seq = 0;
  ack = 0;
  window = -1;
  textLength = -1;
  textStart = -1;
  /** Octets from the flow's SYN to the segment's first, when the wire has seen the SYN. The reader fills it in. */
  relative = -1;
  /** ICMP. */
  icmpType = -1;
  icmpCode = -1;
  /** ARP: operation. */
  arpOperation = -1;

  get isTcp(): boolean {
    return this.flags >= 0;
  }

  /** A TCP segment with text. */
  get isData(): boolean {
    return this.textLength > 0;
  }

  read(bytes: Uint8Array, start: number, end: number, medium: "ethernet" | "ip" = "ethernet"): this {
    this.length = end - start;
    this.etherType = -1;
    this.protocol = -1;
    this.ipLength = -1;
    this.identification = -1;
    this.sourcePort = -1;
    this.destinationPort = -1;
    this.flags = -1;
    this.window = -1;
    this.textLength = -1;
    this.textStart = -1;
    this.relative = -1;
    this.icmpType = -1;
    this.icmpCode = -1;
    this.arpOperation = -1;
    let at = start;
    if (medium === "ethernet") {
      if (end - at < ETHERNET) return this;
      this.etherType = u16(bytes, at + 12);
      at += ETHERNET;
      while ((this.etherType === 0x8100 || this.etherType === 0x88a8) && end - at >= TAG) {
        this.etherType = u16(bytes, at + 2);
        at += TAG;
      }
    } else if (end > at) this.etherType = bytes[at]! >> 4 === 4 ? 0x0800 : bytes[at]! >> 4 === 6 ? 0x86dd : -1;
    this.header = at - start;
    if (this.etherType === 0x0806 && end - at >= 8) this.arpOperation = u16(bytes, at + 6);
    else if (this.etherType === 0x0800) this.#readIp(bytes, at, end);
    return this;
  }

  #readIp(bytes: Uint8Array, at: number, end: number): void {
    if (end - at < 20 || bytes[at]! >> 4 !== 4) return;
    const header = (bytes[at]! & 15) * 4;
    const total = u16(bytes, at + 2);
    if (header < 20 || total < header || total > end - at) return;
    this.ipLength = total;
    this.identification = u16(bytes, at + 4);
    const fragment = u16(bytes, at + 6);
    this.dontFragment = (fragment & 0x4000) !== 0;
    this.moreFragments = (fragment & 0x2000) !== 0;
    this.fragmentOffset = (fragment & 0x1fff) * 8;
    this.protocol = bytes[at + 9]!;
    this.source = i32(bytes, at + 12);
    this.destination = i32(bytes, at + 16);
    if (this.fragmentOffset === 0) this.#readTransport(bytes, at + header, at + total);
  }

  #readTransport(bytes: Uint8Array, at: number, end: number): void {
    if (this.protocol === 1 && end - at >= 8) {
      this.icmpType = bytes[at]!;
      this.icmpCode = bytes[at + 1]!;
    } else if (this.protocol === 17 && end - at >= 8) {
      this.sourcePort = u16(bytes, at);
      this.destinationPort = u16(bytes, at + 2);
    } else if (this.protocol === 6 && end - at >= 20) {
      const header = (bytes[at + 12]! >> 4) * 4;
      if (header < 20 || header > end - at) return;
      this.sourcePort = u16(bytes, at);
      this.destinationPort = u16(bytes, at + 2);
      this.seq = i32(bytes, at + 4);
      this.ack = i32(bytes, at + 8);
      this.flags = bytes[at + 13]!;
      this.window = u16(bytes, at + 14);
      this.textStart = at + header;
      this.textLength = end - at - header;
    }
  }
}

const u16 = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;
const i32 = (bytes: Uint8Array, at: number): number => (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
