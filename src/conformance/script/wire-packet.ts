/** Packets as the link carries them, in the fields that scripts speak of: IPv4 with TCP, UDP or ICMP inside. */
import { hex } from "./tcp-options.js";

export interface IpFields {
  readonly tos: number;
  readonly ttl: number;
  /** Dotted addresses are for people; these are 32 bits. */
  readonly source: number;
  readonly target: number;
}

export interface WireTcp {
  readonly sourcePort: number;
  readonly targetPort: number;
  readonly seq: number;
  readonly ack: number;
  /** Nine bits: AE 256, CWR 128, ECE 64, URG, ACK, PSH, RST, SYN, FIN. */
  readonly flags: number;
  /** The three bits beside AE, which must be zero. */
  readonly reserved: number;
  readonly window: number;
  readonly urgent: number;
  readonly options: Uint8Array;
  readonly text: Uint8Array;
  readonly checksumGood: boolean;
}

export interface WireUdp {
  readonly sourcePort: number;
  readonly targetPort: number;
  readonly text: Uint8Array;
  readonly checksumGood: boolean;
}

export interface WireIcmp {
  readonly type: number;
  readonly code: number;
  /** The second word of the header: two halves of 16 bits. */
  readonly high: number;
  readonly low: number;
  readonly body: Uint8Array;
  readonly checksumGood: boolean;
}

export interface WirePacket extends IpFields {
  readonly octets: Uint8Array;
  readonly headerOctets: number;
  readonly totalLength: number;
  readonly id: number;
  readonly dontFragment: boolean;
  readonly moreFragments: boolean;
  readonly fragmentOffset: number;
  readonly protocol: number;
  readonly headerChecksumGood: boolean;
  readonly tcp: WireTcp | null;
  readonly udp: WireUdp | null;
  readonly icmp: WireIcmp | null;
}

export const Protocol = { Icmp: 1, Tcp: 6, Udp: 17 } as const;
const IP_HEADER = 20;

/** Reads a packet; null when it is no IPv4 packet whose lengths agree with each other. */
export function readPacket(octets: Uint8Array): WirePacket | null {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  if (octets.length < IP_HEADER || octets[0]! >> 4 !== 4) return null;
  const headerOctets = (octets[0]! & 15) * 4;
  const totalLength = view.getUint16(2);
  if (headerOctets < IP_HEADER || totalLength < headerOctets || totalLength > octets.length) return null;
  const fragment = view.getUint16(6);
  const protocol = octets[9]!;
  const source = view.getUint32(12);
  const target = view.getUint32(16);
  const body = octets.subarray(headerOctets, totalLength);
  const fragmentOffset = (fragment & 0x1fff) * 8;
  const whole = fragmentOffset === 0 && (fragment & 0x2000) === 0;
  const pseudo = pseudoSum(source, target, protocol, body.length);
  return {
    octets: octets.subarray(0, totalLength),
    headerOctets,
    totalLength,
    tos: octets[1]!,
    ttl: octets[8]!,
    source,
    target,
    id: view.getUint16(4),
    dontFragment: (fragment & 0x4000) !== 0,
    moreFragments: (fragment & 0x2000) !== 0,
    fragmentOffset,
    protocol,
    headerChecksumGood: fold(sum(octets, 0, headerOctets)) === 0xffff,
    tcp: whole && protocol === Protocol.Tcp ? readTcp(body, pseudo) : null,
    udp: whole && protocol === Protocol.Udp ? readUdp(body, pseudo) : null,
    icmp: whole && protocol === Protocol.Icmp ? readIcmp(body) : null,
  };
}

function readTcp(body: Uint8Array, pseudo: number): WireTcp | null {
  if (body.length < 20) return null;
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const text = (body[12]! >> 4) * 4;
  if (text < 20 || text > body.length) return null;
  return {
    sourcePort: view.getUint16(0),
    targetPort: view.getUint16(2),
    seq: view.getUint32(4),
    ack: view.getUint32(8),
    flags: view.getUint16(12) & 0x1ff,
    reserved: (body[12]! >> 1) & 7,
    window: view.getUint16(14),
    urgent: view.getUint16(18),
    options: body.subarray(20, text),
    text: body.subarray(text),
    checksumGood: fold(pseudo + sum(body, 0, body.length)) === 0xffff,
  };
}

function readUdp(body: Uint8Array, pseudo: number): WireUdp | null {
  if (body.length < 8) return null;
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const length = view.getUint16(4);
  if (length < 8 || length > body.length) return null;
  return {
    sourcePort: view.getUint16(0),
    targetPort: view.getUint16(2),
    text: body.subarray(8, length),
    checksumGood: view.getUint16(6) === 0 || fold(pseudo + sum(body, 0, length)) === 0xffff,
  };
}

function readIcmp(body: Uint8Array): WireIcmp | null {
  if (body.length < 8) return null;
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  return {
    type: body[0]!,
    code: body[1]!,
    high: view.getUint16(4),
    low: view.getUint16(6),
    body: body.subarray(8),
    checksumGood: fold(sum(body, 0, body.length)) === 0xffff,
  };
}

export interface TcpFields {
  readonly sourcePort: number;
  readonly targetPort: number;
  readonly seq: number;
  readonly ack: number;
  readonly flags: number;
  readonly window: number;
  readonly urgent: number;
  readonly options: Uint8Array;
  readonly text: Uint8Array;
}

export function writeTcpPacket(ip: IpFields, id: number, tcp: TcpFields): Uint8Array {
  const headers = 20 + tcp.options.length;
  const { octets, view } = writeIp(ip, id, Protocol.Tcp, headers + tcp.text.length);
  view.setUint16(20, tcp.sourcePort);
  view.setUint16(22, tcp.targetPort);
  view.setUint32(24, tcp.seq);
  view.setUint32(28, tcp.ack);
  view.setUint16(32, ((headers / 4) << 12) | tcp.flags);
  view.setUint16(34, tcp.window);
  view.setUint16(38, tcp.urgent);
  octets.set(tcp.options, 40);
  octets.set(tcp.text, IP_HEADER + headers);
  view.setUint16(36, checksum(octets, pseudoSum(ip.source, ip.target, Protocol.Tcp, headers + tcp.text.length)));
  return octets;
}

export function writeUdpPacket(ip: IpFields, id: number, sourcePort: number, targetPort: number, text: Uint8Array): Uint8Array {
  const { octets, view } = writeIp(ip, id, Protocol.Udp, 8 + text.length);
  view.setUint16(20, sourcePort);
  view.setUint16(22, targetPort);
  view.setUint16(24, 8 + text.length);
  octets.set(text, 28);
  const found = checksum(octets, pseudoSum(ip.source, ip.target, Protocol.Udp, 8 + text.length));
  view.setUint16(26, found === 0 ? 0xffff : found);
  return octets;
}

/** `high` and `low`: the second word of the header. */
export function writeIcmpPacket(
  ip: IpFields,
  id: number,
  icmp: { type: number; code: number; high: number; low: number; body: Uint8Array },
): Uint8Array {
  const { octets, view } = writeIp(ip, id, Protocol.Icmp, 8 + icmp.body.length);
  octets[20] = icmp.type;
  octets[21] = icmp.code;
  view.setUint16(24, icmp.high);
  view.setUint16(26, icmp.low);
  octets.set(icmp.body, 28);
  view.setUint16(22, checksum(octets, 0));
  return octets;
}

function writeIp(ip: IpFields, id: number, protocol: number, length: number): { octets: Uint8Array; view: DataView } {
  const octets = new Uint8Array(IP_HEADER + length);
  const view = new DataView(octets.buffer);
  octets[0] = 0x45;
  octets[1] = ip.tos;
  view.setUint16(2, octets.length);
  view.setUint16(4, id);
  octets[8] = ip.ttl;
  octets[9] = protocol;
  view.setUint32(12, ip.source);
  view.setUint32(16, ip.target);
  view.setUint16(10, ~fold(sum(octets, 0, IP_HEADER)) & 0xffff);
  return { octets, view };
}

/** Of everything behind the IP header. */
const checksum = (octets: Uint8Array, pseudo: number): number => ~fold(pseudo + sum(octets, IP_HEADER, octets.length)) & 0xffff;

const pseudoSum = (source: number, target: number, protocol: number, length: number): number =>
  (source >>> 16) + (source & 0xffff) + (target >>> 16) + (target & 0xffff) + protocol + length;

/** The plain loop of RFC 1071: this code judges the stack's, and shares nothing with it. */
function sum(octets: Uint8Array, from: number, to: number): number {
  let total = 0;
  let at = from;
  for (; at + 1 < to; at += 2) total += (octets[at]! << 8) | octets[at + 1]!;
  if (at < to) total += octets[at]! << 8;
  return total;
}

function fold(total: number): number {
  let folded = total;
  while (folded > 0xffff) folded = Math.floor(folded / 0x1_0000) + (folded & 0xffff);
  return folded;
}

/** Fills in the checksum of TCP or UDP, if the sender has left it to hardware that is not there. */
export function finishChecksum(octets: Uint8Array): void {
  const packet = readPacket(octets);
  const field = packet?.tcp ? 16 : packet?.udp ? 6 : null;
  if (packet === null || field === null) return;
  const { headerOctets, totalLength, source, target, protocol } = packet;
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  view.setUint16(headerOctets + field, 0);
  const total = pseudoSum(source, target, protocol, totalLength - headerOctets) + sum(octets, headerOctets, totalLength);
  const found = ~fold(total) & 0xffff;
  view.setUint16(headerOctets + field, found === 0 && packet.udp !== null ? 0xffff : found);
}

/** The first octets of a packet, for a person who asks what it is. */
export const describeOctets = (octets: Uint8Array): string =>
  `${octets.length} octets: ${hex(octets.subarray(0, 32))}${octets.length > 32 ? "…" : ""}`;
