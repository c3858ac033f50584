/** Packets for the host under test: from a line of the script to octets. */
import type { Ecn, IcmpLine, IpInfo, TcpLine } from "./ast.js";
import { ACK, type Flow, SYN } from "./flow.js";
import { icmpCode, icmpType } from "./icmp-names.js";
import type { Settings } from "./settings.js";
import { writeOptions } from "./tcp-options.js";
import { type IpFields, Protocol, writeIcmpPacket, writeTcpPacket, writeUdpPacket } from "./wire-packet.js";

const TTL = 255;
const ecnBits: Readonly<Record<Ecn, number>> = { noecn: 0, ect1: 1, ect0: 2, ect01: 2, ce: 3 };
/** The code of `parameter_problem` that points at an octet has the octet's place in the first octet of the second word. */
const FRAG_NEEDED = 4;

const tosOf = (info: IpInfo): number => ((info.tos ?? 0) & (info.ecn === null ? 0xff : 0xfc)) | (info.ecn === null ? 0 : ecnBits[info.ecn]);

const ipFor = (flow: Flow, info: IpInfo): IpFields => ({ tos: tosOf(info), ttl: info.ttl ?? TTL, source: flow.remote, target: flow.local });

export function tcpInbound(line: TcpLine, info: IpInfo, flow: Flow, id: number, settings: Settings): Uint8Array {
  const syn = (line.flags & SYN) !== 0;
  // The remote end's initial number is that of its first SYN.
  if (flow.remoteIsn === null || (syn && !flow.remoteSyn)) {
    flow.remoteIsn = line.seq.start;
    flow.remoteSyn = syn;
  }
  const ack = (line.flags & ACK) !== 0;
  const options = line.options === "any" ? [] : line.options.map((option) => flow.inboundOption(option, ack, settings.echoScaled));
  return writeTcpPacket(ipFor(flow, info), id, {
    sourcePort: flow.remotePort,
    targetPort: flow.localPort,
    seq: flow.remoteSeq(line.seq, syn),
    ack: flow.ackOfLocal(line),
    flags: flagsOf(line),
    window: line.window ?? 0,
    urgent: line.urgent ?? 0,
    options: writeOptions(options),
    text: new Uint8Array(line.seq.length),
  });
}

/** The three ECN bits as a number: AE is 4, CWR 2, ECE 1. */
const flagsOf = ({ flags, ace }: TcpLine): number =>
  ace === null ? flags : flags | ((ace & 4) << 6) | ((ace & 2) << 6) | ((ace & 1) << 6);

export const udpInbound = (length: number, info: IpInfo, flow: Flow, id: number): Uint8Array =>
  writeUdpPacket(ipFor(flow, info), id, flow.remotePort, flow.localPort, new Uint8Array(length));

/** An ICMP message of the remote end, about a packet of `flow` where it quotes one. */
export function icmpInbound(line: IcmpLine, info: IpInfo, flow: Flow | null, id: number, settings: Settings): Uint8Array {
  const ip: IpFields = { tos: tosOf(info), ttl: info.ttl ?? TTL, source: settings.remote, target: settings.local };
  const type = icmpType(line.type);
  const code = icmpCode(line.type, line.code);
  const body = line.quoted === null ? new Uint8Array(0) : quotedOctets(line.quoted, flow, settings);
  const low = type === 3 && code === FRAG_NEEDED ? (line.mtu ?? 0) : 0;
  return writeIcmpPacket(ip, id, { type, code, high: line.id ?? 0, low, body });
}

/** The packet of the host that is quoted: its IP header, and what follows of it. */
function quotedOctets(quoted: NonNullable<IcmpLine["quoted"]>, flow: Flow | null, settings: Settings): Uint8Array {
  const ip: IpFields = { tos: 0, ttl: 64, source: flow?.local ?? settings.local, target: flow?.remote ?? settings.remote };
  const sourcePort = flow?.localPort ?? settings.bindPort;
  const targetPort = flow?.remotePort ?? settings.connectPort;
  if (quoted.protocol === "tcp") {
    const { start, length, as } = quoted.seq;
    const seq = as === "absolute" || flow === null ? start : flow.localSeqLive(start);
    const fields = {
      sourcePort,
      targetPort,
      seq,
      ack: 0,
      flags: 0,
      window: 0,
      urgent: 0,
      options: new Uint8Array(0),
      text: new Uint8Array(length),
    };
    // RFC 792: the header and 64 bits; RFC 1122 s3.2.2: more may follow. The whole TCP header does.
    return writeTcpPacket(ip, 0, fields).subarray(0, 40);
  }
  if (quoted.protocol === "udp") return writeUdpPacket(ip, 0, sourcePort, targetPort, new Uint8Array(quoted.length)).subarray(0, 28);
  const raw = writeUdpPacket(ip, 0, 0, 0, new Uint8Array(Math.max(0, quoted.length - 8)));
  raw[9] = Protocol.Udp;
  return raw.subarray(0, 28);
}
