/** A packet that came, as the line of a script that expects it. */
import type { IpInfo, Packet, TcpLine, TcpOption } from "./ast.js";
import { ACK, type Flow, SYN } from "./flow.js";
import { FAST_OPEN_MAGIC, hex, Kind, readOptions, type WireOption } from "./tcp-options.js";
import type { WirePacket, WireTcp } from "./wire-packet.js";

const ecnNames = ["noecn", "ect1", "ect0", "ce"] as const;

/** What of a packet a recording leaves out. */
export interface Omitted {
  readonly window: boolean;
  readonly options: boolean;
}

/** The line; null when the language has no words for the packet. `flow` null: of no connection that is known. */
export function recordedPacket(wire: WirePacket, flow: Flow | null, omitted: Omitted): Packet | null {
  const ip: IpInfo = { ecn: ecnNames[wire.tos & 3]!, tos: (wire.tos & 0xfc) === 0 ? null : wire.tos, ttl: null };
  const ports = flow === null ? null : flow.ports === null ? null : { source: flow.localPort, target: flow.remotePort };
  if (wire.udp !== null) return { kind: "packet", direction: "out", ip, body: { protocol: "udp", ports, length: wire.udp.text.length } };
  if (wire.icmp !== null) {
    const { type, code } = wire.icmp;
    const body = { protocol: "icmp", type: `type_${type}`, code: `code_${code}`, mtu: null, id: null, quoted: null } as const;
    return { kind: "packet", direction: "out", ip, body };
  }
  if (wire.tcp === null || flow === null) return null;
  return { kind: "packet", direction: "out", ip, body: { ...tcpLine(wire.tcp, flow, omitted), ports } };
}

function tcpLine(tcp: WireTcp, flow: Flow, omitted: Omitted): TcpLine {
  return {
    protocol: "tcp",
    ports: null,
    flags: tcp.flags,
    ace: null,
    seq: { start: flow.localSeq(tcp.seq, (tcp.flags & SYN) !== 0), length: tcp.text.length, as: "mapped" },
    ack: tcp.flags & ACK ? flow.ackOfRemote(tcp) : null,
    ackAbsolute: false,
    window: omitted.window ? null : tcp.window,
    urgent: tcp.urgent === 0 ? null : tcp.urgent,
    options: omitted.options && tcp.options.length > 0 ? "any" : optionsOf(tcp, flow),
  };
}

/** "any" when there is one among them that the language does not know. */
function optionsOf(tcp: WireTcp, flow: Flow): readonly TcpOption[] | "any" {
  const options: TcpOption[] = [];
  for (const wire of readOptions(tcp.options)) {
    const option = optionOf(wire, flow);
    if (option === null) return "any";
    options.push(option);
  }
  return options;
}

function optionOf({ kind, octets }: WireOption, flow: Flow): TcpOption | null {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  const { length } = octets;
  if (kind === Kind.Eol) return { kind: "eol" };
  if (kind === Kind.Nop) return { kind: "nop" };
  if (kind === Kind.Mss && length === 4) return { kind: "mss", value: view.getUint16(2) };
  if (kind === Kind.WindowScale && length === 3) return { kind: "wscale", value: octets[2]! };
  if (kind === Kind.SackPermitted && length === 2) return { kind: "sackOK" };
  if (kind === Kind.Timestamps && length === 10)
    return { kind: "TS", value: flow.scriptStamp(view.getUint32(2)), echo: view.getUint32(6), echoAbsolute: false };
  if (kind === Kind.FastOpen) return { kind: "FO", cookie: hex(octets.subarray(2)) };
  if (kind === Kind.Experiment && length >= 4 && view.getUint16(2) === FAST_OPEN_MAGIC)
    return { kind: "FOEXP", cookie: hex(octets.subarray(4)) };
  if (kind === Kind.Md5) return { kind: "md5", digest: hex(octets.subarray(2)) };
  if (kind === Kind.Sack && length % 8 === 2) {
    const origin = flow.remoteIsn ?? 0;
    const at = (place: number): number => (view.getUint32(place) - origin) >>> 0;
    return { kind: "sack", blocks: Array.from({ length: (length - 2) / 8 }, (_, i) => ({ left: at(2 + 8 * i), right: at(6 + 8 * i) })) };
  }
  if ((kind === Kind.AccEcn0 || kind === Kind.AccEcn1) && length % 3 === 2) {
    const names = kind === Kind.AccEcn0 ? (["e0b", "ceb", "e1b"] as const) : (["e1b", "ceb", "e0b"] as const);
    const fields = names
      .slice(0, (length - 2) / 3)
      .map((name, i) => ({ name, value: (octets[2 + 3 * i]! << 16) | view.getUint16(3 + 3 * i) }));
    return { kind: "ECN", fields };
  }
  return null;
}
