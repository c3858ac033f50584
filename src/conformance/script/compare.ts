/** A packet that was expected and one that came, field by field. */
import { formatIp, type IpAddress } from "../../ip/address.js";
import type { Ecn, IcmpLine, IpInfo, Packet, TcpLine, TcpOption } from "./ast.js";
import { ACK, type Flow, SYN } from "./flow.js";
import { icmpCode, icmpType } from "./icmp-names.js";
import { printFlags } from "./print.js";
import { describeOption, Kind, optionOctets, readOptions, type WireOption, writeOptions } from "./tcp-options.js";
import { describeOctets, Protocol, type WirePacket, type WireTcp } from "./wire-packet.js";

/** One thing that is not as it should be, in words. */
export interface Difference {
  readonly field: string;
  readonly expected: string;
  readonly actual: string;
}

export interface Comparing {
  readonly ignoreWindow: boolean;
  readonly ignoreOptions: boolean;
  readonly strict: boolean;
  /** Outbound timestamps are checked by ticks of so many microseconds, with an allowance; 0: they are not. */
  readonly timestampTick: number;
  readonly tolerance: number;
}

const ECN_BITS = 64 | 128 | 256;
const ecnCodes: Readonly<Record<Ecn, readonly number[]>> = { noecn: [0], ect1: [1], ect0: [2], ce: [3], ect01: [1, 2] };
const ecnNames = ["noecn", "ect1", "ect0", "ce"] as const;

export class Comparison {
  readonly differences: Difference[] = [];
  readonly #how: Comparing;

  constructor(how: Comparing) {
    this.#how = how;
  }

  add(field: string, expected: string | number | boolean, actual: string | number | boolean): void {
    if (expected !== actual) this.differences.push({ field, expected: String(expected), actual: String(actual) });
  }

  /** What every packet must have right. */
  ip(info: IpInfo, wire: WirePacket): void {
    if (info.ecn !== null && !ecnCodes[info.ecn].includes(wire.tos & 3))
      this.add("ECN of the IP header", info.ecn, ecnNames[wire.tos & 3]!);
    if (info.tos !== null) this.add("type of service", `0x${info.tos.toString(16)}`, `0x${wire.tos.toString(16)}`);
    if (info.ttl !== null) this.add("time to live", info.ttl, wire.ttl);
    this.add("IP header octets", 20, wire.headerOctets);
    this.add("IP header checksum", "good", wire.headerChecksumGood ? "good" : "bad");
    if (wire.moreFragments || wire.fragmentOffset !== 0) this.add("fragment", "none", `at ${wire.fragmentOffset}`);
  }

  tcp(line: TcpLine, wire: WireTcp, flow: Flow, at: number): void {
    const syn = (wire.flags & SYN) !== 0;
    this.#flags(line, wire);
    this.add("reserved bits", 0, wire.reserved);
    if (line.seq.as === "mapped") this.add("sequence number", line.seq.start, flow.localSeq(wire.seq, syn));
    else if (line.seq.as === "absolute") this.add("sequence number", line.seq.start, wire.seq);
    this.add("octets of text", line.seq.length, wire.text.length);
    this.add("acknowledgment number", line.ack ?? 0, line.ackAbsolute ? wire.ack : flow.ackOfRemote(wire));
    if (line.window !== null && !this.#how.ignoreWindow) this.add("window", line.window, wire.window);
    this.add("urgent pointer", line.urgent ?? 0, wire.urgent);
    if (line.options !== "any" && !this.#how.ignoreOptions) this.#options(line.options, wire, flow, at);
    if (!wire.text.every((octet) => octet === 0)) this.add("text", "zeros", "something else");
    if (this.#how.strict) this.add("TCP checksum", "good", wire.checksumGood ? "good" : "bad");
  }

  #flags(line: TcpLine, wire: WireTcp): void {
    if (line.ace === null) {
      this.add("flags", printFlags(line.flags, null), printFlags(wire.flags, null));
      return;
    }
    const ace = ((wire.flags & 256) >> 6) | ((wire.flags & 128) >> 6) | ((wire.flags & 64) >> 6);
    this.add("flags", printFlags(line.flags, line.ace), printFlags(wire.flags & ~ECN_BITS, ace));
  }

  /** Kinds, order, lengths and octets. Sequence numbers and timestamps are those of the script. */
  #options(expected: readonly TcpOption[], wire: WireTcp, flow: Flow, at: number): void {
    const actual = readOptions(wire.options);
    const count = Math.max(expected.length, actual.length);
    const wanted: string[] = [];
    const found: string[] = [];
    let equal =
      expected.length === actual.length && expected.reduce((sum, option) => sum + optionOctets(option), 0) === wire.options.length;
    for (let i = 0; i < count; i++) {
      const one = expected[i];
      const other = actual[i];
      const want = one === undefined ? null : describeOption(readOptions(writeOptions([one]))[0]!);
      const got = other === undefined ? null : describeOption(this.#inScript(expected, other, flow, at));
      if (want !== null) wanted.push(want);
      if (got !== null) found.push(got);
      if (want !== got) equal = false;
    }
    if (!equal) this.add("options", `<${wanted.join(",")}>`, `<${found.join(",")}>`);
  }

  #inScript(expected: readonly TcpOption[], actual: WireOption, flow: Flow, at: number): WireOption {
    const { kind, octets } = actual;
    const length = octets.length;
    if (kind === Kind.Sack && length % 8 === 2) {
      const mapped = octets.slice();
      const view = new DataView(mapped.buffer);
      for (let i = 2; i < length; i += 4) view.setUint32(i, view.getUint32(i) - (flow.remoteIsn ?? 0));
      return { kind, octets: mapped };
    }
    const stamp = expected.find((option) => option.kind === "TS");
    if (kind === Kind.Timestamps && length === 10 && stamp?.kind === "TS") {
      const mapped = octets.slice();
      const view = new DataView(mapped.buffer);
      view.setUint32(2, this.#stamp(stamp.value, view.getUint32(2), flow, at));
      if (!this.#how.strict && !stamp.echoAbsolute) view.setUint32(6, stamp.echo);
      return { kind, octets: mapped };
    }
    return actual;
  }

  /** The script's own number where it is not checked, or right; else what the script would have to say. */
  #stamp(expected: number | null, live: number, flow: Flow, at: number): number {
    const { timestampTick, tolerance } = this.#how;
    const first = flow.firstStamp;
    if (expected === null) return 0;
    if (timestampTick === 0 || first === null) return expected;
    const told = (expected - first.script) | 0;
    const came = (live - first.live) | 0;
    const elapsed = Math.abs(told - came) * timestampTick;
    return elapsed <= Math.max(tolerance, timestampTick) || at < 0 ? expected : (first.script + came) >>> 0;
  }

  udp(length: number, wire: WirePacket): void {
    if (wire.udp === null) return this.add("protocol", "UDP", protocolName(wire));
    this.add("octets of text", length, wire.udp.text.length);
    this.add("UDP checksum", "good", wire.udp.checksumGood ? "good" : "bad");
  }

  icmp(line: IcmpLine, wire: WirePacket): void {
    if (wire.icmp === null) return this.add("protocol", "ICMP", protocolName(wire));
    const { type, code, high, low, checksumGood } = wire.icmp;
    this.add("ICMP type", icmpType(line.type), type);
    this.add("ICMP code", icmpCode(line.type, line.code), code);
    this.add("ICMP checksum", "good", checksumGood ? "good" : "bad");
    if (line.mtu !== null) this.add("MTU", line.mtu, low);
    if (line.id !== null) this.add("identifier", line.id, high);
  }
}

export const protocolName = (wire: WirePacket): string =>
  wire.protocol === Protocol.Tcp
    ? "TCP"
    : wire.protocol === Protocol.Udp
      ? "UDP"
      : wire.protocol === Protocol.Icmp
        ? "ICMP"
        : `protocol ${wire.protocol}`;

export const endpointsOf = (wire: WirePacket): string => {
  const ports = wire.tcp ?? wire.udp;
  const end = (address: number, port: number | undefined): string =>
    `${formatIp((address | 0) as IpAddress)}${port === undefined ? "" : `:${port}`}`;
  return `${end(wire.source, ports?.sourcePort)} > ${end(wire.target, ports?.targetPort)}`;
};

/** A packet that came, in the words of a script; `flow` null: of no connection that the script knows. */
export function describePacket(octets: Uint8Array, wire: WirePacket | null, flow: Flow | null): string {
  if (wire === null) return describeOctets(octets);
  if (wire.udp !== null) return `udp (${wire.udp.text.length})`;
  if (wire.icmp !== null) return `icmp type_${wire.icmp.type} code_${wire.icmp.code}`;
  const { tcp } = wire;
  if (tcp === null) return `${protocolName(wire)}, ${describeOctets(octets)}`;
  const syn = (tcp.flags & SYN) !== 0;
  const seq = flow === null ? tcp.seq : flow.localSeq(tcp.seq, syn);
  const parts = [printFlags(tcp.flags, null), `${seq}:${(seq + tcp.text.length) >>> 0}(${tcp.text.length})`];
  if (tcp.flags & ACK) parts.push(`ack ${flow === null ? tcp.ack : flow.ackOfRemote(tcp)}`);
  parts.push(`win ${tcp.window}`);
  if (tcp.urgent !== 0) parts.push(`urg ${tcp.urgent}`);
  const options = readOptions(tcp.options).map((option) =>
    describeOption(option.kind === Kind.Sack && flow !== null ? relativeBlocks(option, flow) : option),
  );
  if (options.length > 0) parts.push(`<${options.join(",")}>`);
  return parts.join(" ");
}

function relativeBlocks({ kind, octets }: WireOption, flow: Flow): WireOption {
  const mapped = octets.slice();
  const view = new DataView(mapped.buffer);
  for (let at = 2; at + 4 <= octets.length; at += 4) view.setUint32(at, view.getUint32(at) - (flow.remoteIsn ?? 0));
  return { kind, octets: mapped };
}

/** What of the packet is not even looked at by a script that is not strict. */
export function strictIp(comparison: Comparison, wire: WirePacket, identifications: Set<string>): void {
  if (wire.protocol === Protocol.Tcp) comparison.add("DF", true, wire.dontFragment);
  if (wire.dontFragment) return;
  // RFC 6864 s4.3: one source, destination and protocol do not repeat it, while what may be fragmented lives.
  const key = `${wire.source} ${wire.target} ${wire.protocol} ${wire.id}`;
  comparison.add("IP identification", "one of its own", identifications.has(key) ? `${wire.id}, for the second time` : "one of its own");
  identifications.add(key);
}

export const isTcp = (packet: Packet): packet is Packet & { readonly body: TcpLine } => packet.body.protocol === "tcp";
