/** A segment exchange: one Tcp against a script. Segments in by `inject`, segments out by `expect`, time by hand; relative sequence
 *  numbers. No network, no clock: `Network` is a stub that keeps what was sent. */
import { Cause } from "../../src/base/cause.js";
import { pseudoHeaderSum } from "../../src/base/checksum.js";
import { createMemory, type Memory } from "../../src/base/memory.js";
import { ChecksumState, type Packet } from "../../src/base/packet.js";
import { SeededRandom } from "../../src/base/prng.js";
import { type Seq, seq } from "../../src/base/seq.js";
import { Tally } from "../../src/base/tally.js";
import { whyName } from "../../src/base/why-registry.js";
import { type IpAddress, ip } from "../../src/ip/address.js";
import { type Datagram, type Network, type SendOptions, Sent } from "../../src/ip/network.js";
import { linux, type Profile } from "../../src/stack/profile.js";
import { type Application, TcpEvent } from "../../src/tcp/events.js";
import { defaultTcpLimits, type TcpLimits } from "../../src/tcp/limits.js";
import type { TcpProbe } from "../../src/tcp/probe.js";
import {
  ACK,
  AE,
  CWR,
  ECE,
  EcnField,
  FIN,
  OptionStyle,
  PSH,
  parseSegment,
  RST,
  Segment,
  SYN,
  URG,
  writeSegment,
} from "../../src/tcp/segment.js";
import { stateNames } from "../../src/tcp/state.js";
import type { Tcb } from "../../src/tcp/tcb.js";
import { Tcp } from "../../src/tcp/tcp.js";

export const US = ip("10.0.0.1");
export const THEM = ip("10.0.0.2");
export const OUR_PORT = 80;
export const THEIR_PORT = 5000;

/** A segment that left, in numbers relative to both ISNs (SYN: absolute of ours is 0). */
export interface Sentry {
  readonly flags: string;
  readonly seq: number;
  readonly ack: number;
  readonly length: number;
  readonly wnd: number;
  readonly why: string;
  readonly at: number;
  /** How long the link is to hold it. */
  readonly wait: number;
  readonly up: number;
  readonly mss: number;
  readonly windowScale: number;
  readonly sackPermitted: boolean;
  readonly tsVal: number | null;
  readonly tsEcr: number | null;
  readonly sack: number[];
  /** Octets that the AccECN option counts by ECN field: ECT(1), CE, ECT(0), as far as it goes; null: there is none. */
  readonly counters: number[] | null;
  readonly text: Uint8Array;
  readonly srcPort: number;
  readonly dstPort: number;
  readonly rawSeq: number;
  readonly rawAck: number;
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly ttl: number;
  readonly trafficClass: number;
  /** The header with its options, as it left. */
  readonly header: Uint8Array;
}

export interface Injection {
  flags?: string;
  /** Relative to their ISN (their SYN is 0, their first octet 1). */
  seq?: number;
  /** Relative to our ISN; absent: no ACK bit unless the flags have ".". */
  ack?: number;
  wnd?: number;
  text?: Uint8Array | number;
  mss?: number;
  windowScale?: number;
  sackPermitted?: boolean;
  ts?: [number, number];
  sack?: number[];
  up?: number;
  port?: number;
  ourPort?: number;
  badChecksum?: boolean;
  group?: boolean;
  /** DS field and ECN bits of its datagram. */
  trafficClass?: number;
  /** The ACE field, beside the flags; and octets that the AccECN option counts: ECT(1), CE, ECT(0), or the first of them. */
  ace?: number;
  counters?: readonly number[];
  from?: IpAddress;
  to?: IpAddress;
  /** Octets of options in place of those above; padded with zeros to a word. */
  options?: readonly number[];
}

export const flagText = (flags: number): string =>
  `${flags & SYN ? "S" : ""}${flags & FIN ? "F" : ""}${flags & RST ? "R" : ""}${flags & PSH ? "P" : ""}${flags & URG ? "U" : ""}${flags & ECE ? "E" : ""}${flags & CWR ? "W" : ""}${flags & AE ? "A" : ""}${flags & ACK ? "." : ""}` ||
  "-";

const flagBits = (text: string): number =>
  [...text].reduce((bits, c) => bits | ({ S: SYN, F: FIN, R: RST, P: PSH, U: URG, E: ECE, W: CWR, A: AE, ".": ACK, "-": 0 }[c] ?? 0), 0);

/** The order of counters in an AccECN option of kind 174. */
const counted = [EcnField.Ect1, EcnField.Ce, EcnField.Ect0];

/** Octets of a stream from place `from`: any two calls agree where they overlap. */
export const octets = (length: number, from = 0): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => ((from + i) * 7 + ((from + i) >> 8)) & 0xff);

class StubNetwork implements Network {
  /** The longest super-segment of the link; 0: none. */
  gso = 0;
  paces = false;
  readonly pool;
  epoch = 0;
  mtu = 1500;
  pathMtu = 1500;
  lowered: number[] = [];
  advice: string[] = [];
  readonly locals: IpAddress[] = [US];
  readonly sent: (packet: Packet, source: IpAddress, destination: IpAddress, options: SendOptions, now: number) => void;
  constructor(memory: Memory, sent: StubNetwork["sent"]) {
    this.pool = memory.packets;
    this.sent = sent;
  }
  send(packet: Packet, source: IpAddress, destination: IpAddress, _protocol: number, options: SendOptions, now: number): Sent {
    this.sent(packet, source, destination, options, now);
    packet.release();
    return Sent.Sent;
  }
  mtuTo(): number {
    return Math.min(this.mtu, this.pathMtu);
  }
  lowerMtu(_destination: IpAddress, mtu: number): void {
    this.pathMtu = mtu;
    this.epoch += 1;
    this.lowered.push(mtu);
  }
  linkMtuTo(): number {
    return this.mtu;
  }
  checksumOffloadTo(): boolean {
    return false;
  }
  gsoTo(): number {
    return this.gso;
  }
  pacesTo(): boolean {
    return this.paces;
  }
  sourceFor(): IpAddress {
    return this.locals[0]!;
  }
  isLocal(address: IpAddress): boolean {
    return this.locals.includes(address);
  }
  isGroup(address: IpAddress): boolean {
    return address >>> 28 >= 0xe || address === 0 || address === ip("10.0.0.255");
  }
  reachable(): void {
    this.advice.push("reachable");
  }
  suspect(): void {
    this.advice.push("suspect");
  }
}

export interface ExchangeOptions {
  profile?: Profile;
  policy?: Partial<Profile["tcp"]>;
  limits?: Partial<TcpLimits>;
  /** Their ISN. */
  irs?: number;
  seed?: number;
  now?: number;
  /** A memory to share: making one is most of the cost of an exchange. */
  memory?: Memory;
}

export class Exchange {
  readonly memory: Memory;
  readonly network: StubNetwork;
  readonly tally = new Tally();
  readonly tcp: Tcp;
  readonly irs: Seq;
  /** Ours, learned from the first SYN that leaves. */
  iss: Seq | null = null;
  now: number;
  readonly out: Sentry[] = [];
  readonly events: string[] = [];
  readonly transitions: string[] = [];
  readonly drops: string[] = [];
  readonly errors: unknown[] = [];
  listener = 0;
  handle = 0;
  readonly application: Application = {
    onEvents: (handle, events) => {
      for (const [name, bit] of Object.entries(TcpEvent)) if (events & bit) this.events.push(name);
      if (events & TcpEvent.Acceptable) {
        const accepted = this.tcp.accept(this.listener);
        // Reset meanwhile, it is not there any more.
        if (accepted !== 0) this.tcp.attach((this.handle = accepted), this.application);
      }
      this.onEvents?.(handle, events);
    },
  };
  probe: TcpProbe | null = null;
  onEvents: ((handle: number, events: number) => void) | null = null;

  constructor(options: ExchangeOptions = {}) {
    this.now = options.now ?? 1_000_000_000;
    this.irs = seq(options.irs ?? 0x7fff_fff0);
    this.memory = options.memory ?? createMemory({ packets: 64, chunks: 2_048, chunkSize: 4_096 });
    this.memory.packets.poison = true;
    this.memory.chunks.poison = true;
    this.network = new StubNetwork(this.memory, (packet, source, destination, sendOptions, now) =>
      this.#capture(packet, source, destination, sendOptions, now),
    );
    const profile = options.profile ?? linux;
    this.tcp = new Tcp(
      {
        network: this.network,
        memory: this.memory,
        random: new SeededRandom(options.seed ?? 1),
        tally: this.tally,
        cause: new Cause(),
        // Reno's window, which stays as it is while nothing happens, so that segments can be counted.
        policy: { ...profile.tcp, congestionControl: "newreno", windowValidation: "none", sharing: "none", ...options.policy },
        limits: { ...defaultTcpLimits, ...options.limits },
        probes: {
          probe: {
            stateChanged: (tcb: Tcb, old, ...told) => {
              this.transitions.push(`${stateNames[old]}>${stateNames[tcb.state]}`);
              this.probe?.stateChanged?.(tcb, old, ...told);
            },
            segmentDropped: (_tcb, _seg, why) => this.drops.push(whyName(why)),
            dropped: (_device, why) => this.drops.push(whyName(why)),
            segmentSent: (...told) => this.probe?.segmentSent?.(...told),
            sendLimited: (...told) => this.probe?.sendLimited?.(...told),
            segmentReceived: (...told) => this.probe?.segmentReceived?.(...told),
          },
        },
        work: () => {},
        applicationError: (error) => this.errors.push(error),
      },
      this.now,
    );
  }

  /** Ends the turn: what is owed leaves, applications are told, what they did leaves. */
  turn(): void {
    for (let i = 0; i < 10; i++) {
      this.tcp.flush(this.now);
      this.tcp.deliver();
      if (!this.tcp.busy) return;
    }
  }

  /** Lets time pass, timer by timer. */
  advance(micros: number): void {
    const end = this.now + micros;
    for (let at = this.tcp.nextTimeout(); at <= end; at = this.tcp.nextTimeout()) {
      this.now = Math.max(this.now, at);
      this.tcp.expire(this.now);
      this.turn();
    }
    this.now = end;
  }

  /** A segment from them; the turn ends unless `hold`. */
  inject(segment: Injection, hold = false): void {
    const text = typeof segment.text === "number" ? octets(segment.text, (segment.seq ?? 1) - 1) : (segment.text ?? new Uint8Array(0));
    const seg = new Segment();
    seg.srcPort = segment.port ?? THEIR_PORT;
    seg.dstPort = segment.ourPort ?? OUR_PORT;
    seg.seq = seq(this.irs + (segment.seq ?? 0));
    seg.flags = flagBits(segment.flags ?? (segment.ack === undefined ? "-" : "."));
    seg.flags |= (segment.ace ?? 0) << 6;
    if (segment.counters) {
      seg.counterCount = segment.counters.length;
      for (const [i, count] of segment.counters.entries()) seg.counters[counted[i]!] = count;
    }
    seg.ack = seg.flags & ACK ? seq((this.iss ?? 0) + (segment.ack ?? 0)) : seq(0);
    seg.wnd = segment.wnd ?? 0xffff;
    seg.up = segment.up ?? 0;
    seg.mss = segment.mss ?? 0;
    seg.windowScale = segment.windowScale ?? -1;
    seg.sackPermitted = segment.sackPermitted ?? false;
    if (segment.ts) {
      seg.hasTimestamp = true;
      seg.tsVal = segment.ts[0] | 0;
      seg.tsEcr = segment.ts[1] | 0;
    }
    for (const edge of segment.sack ?? []) seg.sack[seg.sackCount++] = seq((this.iss ?? 0) + edge);
    seg.sackCount = (segment.sack?.length ?? 0) / 2;
    const packet = this.memory.packets.take()!;
    const { view, bytes } = this.memory.arena;
    let header = writeSegment(view, packet.start, seg, OptionStyle.Linux);
    if (segment.options) {
      header = 20 + ((segment.options.length + 3) & ~3);
      bytes.fill(0, packet.start + 20, packet.start + header);
      bytes.set(segment.options, packet.start + 20);
      view.setUint8(packet.start + 12, header << 2);
    }
    bytes.set(text, packet.start + header);
    packet.end = packet.start + header + text.length;
    const source = segment.from ?? THEM;
    const destination = segment.to ?? US;
    const sum = pseudoHeaderSum(source, destination, 6, header + text.length);
    view.setUint16(packet.start + 16, ~this.memory.arena.sum(packet.start, header + text.length, sum) & 0xffff);
    if (segment.badChecksum) view.setUint16(packet.start + 16, view.getUint16(packet.start + 16) ^ 0x5555);
    packet.checksum = ChecksumState.Unknown;
    const datagram: Datagram = {
      packet,
      source,
      destination,
      protocol: 6,
      payloadStart: packet.start,
      payloadEnd: packet.end,
      ttl: 64,
      trafficClass: segment.trafficClass ?? 0,
      device: 0,
      group: segment.group ?? false,
    };
    this.tcp.arrives(datagram, this.now);
    packet.release();
    if (!hold) this.turn();
  }

  /** What has left since the last call. */
  take(): Sentry[] {
    return this.out.splice(0);
  }

  /** "S 0:0(0) ack 1" for each that has left since the last call. */
  lines(): string[] {
    return this.take().map(line);
  }

  listen(options: Record<string, unknown> = {}): void {
    this.listener = this.tcp.listen({ port: OUR_PORT, ...options }, this.application);
  }

  /** Passive open to ESTABLISHED. */
  accept(syn: Injection = { mss: 1460, sackPermitted: true, windowScale: 7 }, options: Record<string, unknown> = {}): void {
    this.listen(options);
    this.inject({ flags: "S", ...syn });
    const synAck = this.take()[0];
    if (synAck === undefined) throw new Error("no SYN,ACK");
    const stamp: Injection = synAck.tsVal === null ? {} : { ts: [(syn.ts?.[0] ?? 0) + 1, synAck.tsVal] };
    this.inject({ seq: 1, ack: 1, ...stamp });
    this.out.length = 0;
    this.events.length = 0;
    if (this.handle === 0) throw new Error("not accepted");
  }

  /** Active open to SYN-SENT. */
  connect(options: Record<string, unknown> = {}): void {
    this.handle = this.tcp.connect({ remote: THEM, remotePort: THEIR_PORT, localPort: OUR_PORT, ...options }, this.application, this.now);
    this.turn();
  }

  /** Active open to ESTABLISHED. */
  open(options: Record<string, unknown> = {}, synAck: Injection = { mss: 1460, sackPermitted: true, windowScale: 7 }): void {
    this.connect(options);
    this.inject({ flags: "S.", ack: 1, ...synAck });
    this.out.length = 0;
    this.events.length = 0;
  }

  write(length: number | Uint8Array): number {
    const text = typeof length === "number" ? octets(length) : length;
    const taken = this.tcp.send(this.handle, text, 0, text.length, this.now);
    this.turn();
    return taken;
  }

  /** Reads what there is; null at the end. */
  read(most = 1 << 20): Uint8Array | null {
    const target = new Uint8Array(most);
    const length = this.tcp.receive(this.handle, target, 0, most, this.now);
    this.turn();
    return length < 0 ? null : target.subarray(0, length);
  }

  get state(): string {
    return stateNames[this.tcp.stateOf(this.handle)]!;
  }

  get tcb(): Tcb {
    let found: Tcb | null = null;
    this.tcp.stateOf(this.handle);
    this.tcp.each((tcb) => {
      if (tcb.handle === this.handle) found = tcb;
    });
    if (found === null) throw new Error("no such connection");
    return found;
  }

  #capture(packet: Packet, source: IpAddress, destination: IpAddress, options: SendOptions, now: number): void {
    const seg = new Segment();
    const { view, bytes } = this.memory.arena;
    const total = this.memory.arena.sum(
      packet.start,
      packet.end - packet.start,
      pseudoHeaderSum(source, destination, 6, packet.end - packet.start),
    );
    if (total !== 0xffff) throw new Error("a segment left with a bad checksum (MUST-2)");
    parseSegment(seg, view, packet.start, packet.end);
    if (seg.flags & SYN) this.iss = seg.seq;
    if (packet.why === 0) throw new Error("a segment left without a why");
    const relative = (a: number, b: number | null): number => (a - (b ?? 0)) | 0;
    this.out.push({
      flags: flagText(seg.flags),
      seq: this.iss === null ? seg.seq : relative(seg.seq, this.iss),
      ack: seg.flags & ACK ? relative(seg.ack, this.irs) : 0,
      length: seg.textEnd - seg.textStart,
      wnd: seg.wnd,
      why: whyName(packet.why),
      at: now,
      wait: packet.wait,
      up: seg.up,
      mss: seg.mss,
      windowScale: seg.windowScale,
      sackPermitted: seg.sackPermitted,
      tsVal: seg.hasTimestamp ? seg.tsVal : null,
      tsEcr: seg.hasTimestamp ? seg.tsEcr : null,
      sack: Array.from(seg.sack.subarray(0, seg.sackCount * 2), (edge) => relative(edge, this.irs)),
      counters: seg.counterCount < 0 ? null : counted.slice(0, seg.counterCount).map((field) => seg.counters[field]!),
      text: bytes.slice(seg.textStart, seg.textEnd),
      srcPort: seg.srcPort,
      dstPort: seg.dstPort,
      rawSeq: seg.seq,
      rawAck: seg.ack,
      source,
      destination,
      ttl: options.ttl,
      trafficClass: options.trafficClass,
      header: bytes.slice(packet.start, seg.textStart),
    });
  }
}

/** As packet scripts write it. */
export const line = (s: Sentry): string =>
  `${s.flags} ${s.seq}:${s.seq + s.length}(${s.length})${s.flags.includes(".") ? ` ack ${s.ack}` : ""}`;
