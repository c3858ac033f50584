/** A stack on a link whose other end is the test: frames are written and read here by other code than the stack's own. */
import { createMemory, type Memory, type MemoryOptions } from "../../src/base/memory.js";
import { ChecksumState, type Packet, type PacketPool } from "../../src/base/packet.js";
import { SeededRandom } from "../../src/base/prng.js";
import { whyName } from "../../src/base/why-registry.js";
import { type IpAddress, ip } from "../../src/ip/address.js";
import type { Device } from "../../src/stack/device.js";
import type { DeviceOptions, StackOptions } from "../../src/stack/options.js";
import type { Probe } from "../../src/stack/probe.js";
import { Stack } from "../../src/stack/stack.js";
import type { Capabilities, Link } from "../../src/transport/link.js";

export const OUR_MAC = [2, 0, 0, 0, 0, 1] as const;
export const PEER_MAC = [2, 0, 0, 0, 0, 2] as const;
export const OTHER_MAC = [2, 0, 0, 0, 0, 3] as const;
export const ZERO_MAC = [0, 0, 0, 0, 0, 0] as const;
export const BROADCAST_MAC = [255, 255, 255, 255, 255, 255] as const;
export const OURS = "10.0.0.1";
export const PEER = "10.0.0.2";
export const OTHER = "10.0.0.3";

export type Octets = readonly number[];

export class TestLink implements Link {
  readonly name: string;
  readonly capabilities: Capabilities;
  onReadable: (() => void) | null = null;
  onError: ((error: Error) => void) | null = null;
  /** Frames the stack has sent. */
  readonly sent: Uint8Array[] = [];
  readonly waiting: { frame: Uint8Array; checksum: ChecksumState }[] = [];
  flushes = 0;
  full = false;

  constructor(name = "test", capabilities: Partial<Capabilities> = {}) {
    this.name = name;
    this.capabilities = { medium: "ethernet", mtu: 1500, checksumOffload: false, gso: 0, ...capabilities };
  }

  receive(pool: PacketPool, batch: Packet[], budget: number): number {
    let taken = 0;
    while (taken < budget && this.waiting.length > 0) {
      const packet = pool.take();
      if (packet === null) break;
      const { frame, checksum } = this.waiting.shift()!;
      pool.arena.bytes.set(frame, packet.start);
      packet.end = packet.start + frame.length;
      packet.checksum = checksum;
      batch[taken++] = packet;
    }
    return taken;
  }

  transmit(packet: Packet): boolean {
    if (this.full) return false;
    this.sent.push(packet.pool.arena.bytes.slice(packet.start, packet.end));
    packet.release();
    return true;
  }

  flush(): void {
    this.flushes += 1;
  }

  close(): void {}
}

export interface LabOptions extends Partial<Omit<StackOptions, "memory">> {
  readonly device?: Partial<DeviceOptions>;
  readonly link?: Partial<Capabilities>;
  readonly seed?: number;
  readonly memory?: MemoryOptions;
  /** Already in the neighbor cache; absent: the peer. */
  readonly known?: boolean;
}

export class Lab {
  now = 1_000_000_000;
  readonly memory: Memory;
  readonly stack: Stack;
  readonly link: TestLink;
  readonly device: Device;

  constructor(options: LabOptions = {}) {
    const { device = {}, link = {}, seed = 1, memory = {}, known = true, ...rest } = options;
    this.memory = createMemory({ packets: 512, chunks: 4096, ...memory });
    this.memory.packets.poison = true;
    this.memory.chunks.poison = true;
    this.stack = new Stack({ random: new SeededRandom(seed), memory: this.memory, ...rest }, this.now);
    this.link = new TestLink("test", link);
    const addresses = [{ address: ip(OURS), prefixLength: 24 }];
    this.device = this.stack.addDevice(this.link, { hardwareAddress: Uint8Array.from(OUR_MAC), addresses, ...device }, this.now);
    if (known && this.device.ethernet) this.device.arp.neighbors.pin(ip(PEER), 0x0200, 2, this.now);
  }

  /** One frame in, and a turn; returns the frames that come out. */
  frame(frame: Octets | Uint8Array, checksum: ChecksumState = ChecksumState.Unknown): Uint8Array[] {
    this.link.waiting.push({ frame: Uint8Array.from(frame), checksum });
    return this.turn();
  }

  /** The reason that was counted for one frame. */
  fate(frame: Octets | Uint8Array): string {
    const before = Float64Array.from(this.stack.tally.counts);
    this.frame(frame);
    const fates: string[] = [];
    this.stack.tally.counts.forEach((count, code) => {
      for (let i = before[code]!; i < count; i++) fates.push(whyName(code));
    });
    return fates.join(" ");
  }

  turn(): Uint8Array[] {
    this.stack.turn(this.now);
    return this.link.sent.splice(0);
  }

  /** Time passes, with a turn at each deadline; returns what was sent and when. */
  advance(micros: number): { at: number; frame: Uint8Array }[] {
    const end = this.now + micros;
    const sent: { at: number; frame: Uint8Array }[] = this.turn().map((frame) => ({ at: this.now, frame }));
    for (let rounds = 0; rounds < 100_000; rounds++) {
      const next = this.stack.nextTimeout();
      if (next > end) break;
      this.now = Math.max(this.now, next);
      for (const frame of this.turn()) sent.push({ at: this.now, frame });
    }
    this.now = end;
    for (const frame of this.turn()) sent.push({ at: this.now, frame });
    return sent;
  }

  count(name: string): number {
    return this.stack.tally.show()[name] ?? 0;
  }

  /** I-19. */
  get conserved(): boolean {
    const { frames } = this.stack;
    return frames.in === frames.delivered + frames.dropped;
  }
}

export const probeCounting = (): { probe: Probe; dropped: string[] } => {
  const dropped: string[] = [];
  return { probe: { dropped: (_device, why) => dropped.push(whyName(why)) }, dropped };
};

// ---- writing frames

export const octetsOf = (address: string): number[] => address.split(".").map(Number);
const u16 = (n: number): number[] => [(n >> 8) & 255, n & 255];

export const sum16 = (octets: Octets): number => {
  let sum = 0;
  for (let i = 0; i < octets.length; i += 2) sum += (octets[i]! << 8) | (octets[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
};

export const ethernet = (type: number, payload: Octets, to: Octets = OUR_MAC, from: Octets = PEER_MAC): number[] => [
  ...to,
  ...from,
  ...u16(type),
  ...payload,
];

export interface ArpFields {
  op?: number;
  sha?: Octets;
  spa?: string;
  tha?: Octets;
  tpa?: string;
  to?: Octets;
  from?: Octets;
}

export const arp = ({
  op = 1,
  sha = PEER_MAC,
  spa = PEER,
  tha = ZERO_MAC,
  tpa = OURS,
  to = BROADCAST_MAC,
  from = sha,
}: ArpFields = {}): number[] =>
  ethernet(0x0806, [0, 1, 8, 0, 6, 4, ...u16(op), ...sha, ...octetsOf(spa), ...tha, ...octetsOf(tpa)], to, from);

export interface IpFields {
  version?: number;
  ihl?: number;
  tos?: number;
  total?: number;
  id?: number;
  df?: boolean;
  mf?: boolean;
  /** In units of 8 octets. */
  offset?: number;
  ttl?: number;
  protocol?: number;
  checksum?: number;
  source?: string;
  destination?: string;
  options?: Octets;
}

export function ipv4(fields: IpFields, payload: Octets): number[] {
  const {
    options = [],
    tos = 0,
    id = 0,
    df = false,
    mf = false,
    offset = 0,
    ttl = 64,
    protocol = 17,
    source = PEER,
    destination = OURS,
  } = fields;
  const { version = 4, ihl = 5 + options.length / 4, total = 20 + options.length + payload.length } = fields;
  const flags = (df ? 0x4000 : 0) | (mf ? 0x2000 : 0) | offset;
  const header = [
    (version << 4) | ihl,
    tos,
    ...u16(total),
    ...u16(id),
    ...u16(flags),
    ttl,
    protocol,
    0,
    0,
    ...octetsOf(source),
    ...octetsOf(destination),
    ...options,
  ];
  const sum = fields.checksum ?? sum16(header);
  header[10] = sum >> 8;
  header[11] = sum & 255;
  return [...header, ...payload];
}

/** A frame with an IPv4 datagram from the peer. */
export const datagram = (fields: IpFields, payload: Octets, to: Octets = OUR_MAC): number[] => ethernet(0x0800, ipv4(fields, payload), to);

export interface UdpFields {
  sourcePort?: number;
  port?: number;
  length?: number;
  /** -1: the right one. */
  checksum?: number;
  source?: string;
  destination?: string;
}

export function udp(fields: UdpFields, text: Octets): number[] {
  const { sourcePort = 1000, port = 2000, length = 8 + text.length, checksum = -1, source = PEER, destination = OURS } = fields;
  const header = [...u16(sourcePort), ...u16(port), ...u16(length), 0, 0];
  const right = sum16([...octetsOf(source), ...octetsOf(destination), 0, 17, ...u16(length), ...header, ...text]);
  const sum = checksum >= 0 ? checksum : right === 0 ? 0xffff : right;
  header[6] = sum >> 8;
  header[7] = sum & 255;
  return [...header, ...text];
}

/** A frame with a UDP datagram from the peer. */
export const udpFrame = (fields: UdpFields & IpFields, text: Octets, to: Octets = OUR_MAC): number[] =>
  datagram({ ...without(fields), protocol: 17 }, udp(fields, text), to);

const without = ({ ...fields }: UdpFields & IpFields): IpFields => {
  const { checksum: _checksum, ...rest } = fields;
  return rest;
};

export interface TcpFields {
  sourcePort?: number;
  port: number;
  seq?: number;
  ack?: number;
  /** FIN 1, SYN 2, RST 4, PSH 8, ACK 16. */
  flags?: number;
  window?: number;
  options?: Octets;
}

const u32 = (n: number): number[] => [(n >>> 24) & 255, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];

/** A segment from the peer to us. */
export function tcp(fields: TcpFields, text: Octets = []): number[] {
  const { sourcePort = 80, port, seq = 0, ack = 0, flags = 16, window = 65_535, options = [] } = fields;
  const header = [
    ...u16(sourcePort),
    ...u16(port),
    ...u32(seq),
    ...u32(ack),
    (5 + options.length / 4) << 4,
    flags,
    ...u16(window),
    0,
    0,
    0,
    0,
    ...options,
  ];
  const segment = [...header, ...text];
  const sum = sum16([...octetsOf(PEER), ...octetsOf(OURS), 0, 6, ...u16(segment.length), ...segment]);
  segment[16] = sum >> 8;
  segment[17] = sum & 255;
  return segment;
}

export function icmp(type: number, code: number, rest: Octets, body: Octets, checksum = -1): number[] {
  const message = [type, code, 0, 0, ...rest, ...body];
  const sum = checksum >= 0 ? checksum : sum16(message);
  message[2] = sum >> 8;
  message[3] = sum & 255;
  return message;
}

export const icmpFrame = (fields: IpFields, message: Octets, to: Octets = OUR_MAC): number[] =>
  datagram({ ...fields, protocol: 1 }, message, to);

export const echo = (length: number, identifier = 1, sequence = 1): number[] =>
  icmp(
    8,
    0,
    [...u16(identifier), ...u16(sequence)],
    Array.from({ length }, (_, i) => (i * 7) & 255),
  );

// ---- reading frames

export interface Decoded {
  to: string;
  from: string;
  type: number;
  vlan: number;
  /** Behind the Ethernet header and tag. */
  payload: Uint8Array;
}

export const macText = (octets: Octets | Uint8Array): string => [...octets].map((octet) => octet.toString(16).padStart(2, "0")).join(":");
const at16 = (octets: Uint8Array, at: number): number => (octets[at]! << 8) | octets[at + 1]!;

export function decode(frame: Uint8Array): Decoded {
  const tagged = at16(frame, 12) === 0x8100;
  const at = tagged ? 16 : 12;
  return {
    to: macText(frame.subarray(0, 6)),
    from: macText(frame.subarray(6, 12)),
    type: at16(frame, at),
    vlan: tagged ? at16(frame, 14) & 0xfff : 0,
    payload: frame.subarray(at + 2),
  };
}

export function decodeArp(frame: Uint8Array) {
  const { to, from, type, payload } = decode(frame);
  if (type !== 0x0806) throw new Error(`type ${type.toString(16)} is not ARP`);
  return {
    to,
    from,
    op: at16(payload, 6),
    sha: macText(payload.subarray(8, 14)),
    spa: payload.subarray(14, 18).join("."),
    tha: macText(payload.subarray(18, 24)),
    tpa: payload.subarray(24, 28).join("."),
  };
}

export function decodeIp(frame: Uint8Array, medium: "ethernet" | "ip" = "ethernet") {
  const packet = medium === "ip" ? frame : decode(frame).payload;
  if (packet[0]! >>> 4 !== 4) throw new Error("not IPv4");
  const header = (packet[0]! & 15) * 4;
  const total = at16(packet, 2);
  const flags = at16(packet, 6);
  return {
    to: medium === "ip" ? "" : decode(frame).to,
    headerLength: header,
    tos: packet[1]!,
    total,
    id: at16(packet, 4),
    reserved: flags >>> 15,
    df: (flags & 0x4000) !== 0,
    mf: (flags & 0x2000) !== 0,
    offset: flags & 0x1fff,
    ttl: packet[8]!,
    protocol: packet[9]!,
    checksumGood: sum16([...packet.subarray(0, header)]) === 0,
    source: packet.subarray(12, 16).join("."),
    destination: packet.subarray(16, 20).join("."),
    payload: packet.subarray(header, total),
    padding: packet.subarray(total),
  };
}

export function decodeUdp(frame: Uint8Array) {
  const packet = decodeIp(frame);
  const { payload, source, destination } = packet;
  const length = at16(payload, 4);
  const pseudo = [...octetsOf(source), ...octetsOf(destination), 0, 17, ...u16(length)];
  return {
    ...packet,
    sourcePort: at16(payload, 0),
    port: at16(payload, 2),
    length,
    checksum: at16(payload, 6),
    checksumGood: packet.checksumGood && sum16([...pseudo, ...payload.subarray(0, length)]) === 0,
    text: [...payload.subarray(8, length)],
  };
}

export function decodeTcp(frame: Uint8Array) {
  const packet = decodeIp(frame);
  const { payload } = packet;
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  const header = (payload[12]! >> 4) * 4;
  return {
    ...packet,
    sourcePort: view.getUint16(0),
    port: view.getUint16(2),
    seq: view.getUint32(4),
    ack: view.getUint32(8),
    flags: payload[13]!,
    window: view.getUint16(14),
    options: [...payload.subarray(20, header)],
    text: [...payload.subarray(header)],
  };
}

export function decodeIcmp(frame: Uint8Array, medium: "ethernet" | "ip" = "ethernet") {
  const packet = decodeIp(frame, medium);
  const { payload } = packet;
  return {
    ...packet,
    type: payload[0]!,
    code: payload[1]!,
    rest: [...payload.subarray(4, 8)],
    body: [...payload.subarray(8)],
    checksumGood: packet.checksumGood && sum16([...payload]) === 0,
  };
}

/** An application that remembers what it was told. */
export const listener = (): { events: number[]; onEvents(handle: number, events: number): void } => {
  const events: number[] = [];
  return { events, onEvents: (_handle, event) => void events.push(event) };
};

export const address = (text: string): IpAddress => ip(text);
