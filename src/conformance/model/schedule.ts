/** What a witness has seen, to be looked at: as a packet script that plays it again, and as a capture. */
import { Direction, LinkType, PcapngWriter } from "../../inspect/pcapng.js";
import { Bit, has, type ModelSegment, segmentText } from "./segment.js";
import type { Happening } from "./witness.js";

/** The happenings of one connection as a packet script (packetdrill's language). */
export function packetScript(log: readonly Happening[], connection: string): string {
  const some = log.filter((happening) => happening.connection === connection);
  const first = some[0];
  if (first === undefined) return "";
  const active = first.what === "call";
  const lines = ["0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3", "+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0"];
  if (!active) lines.push("+0 bind(3, ..., ...) = 0", "+0 listen(3, 1) = 0");
  const descriptor = active ? 3 : 4;
  let accepted = active;
  let [ours, theirs]: [number | null, number | null] = [null, null];
  let before = first.at;
  for (const { at, what, segment, call } of some) {
    const time = `+${((at - before) / 1e6).toFixed(6)}`;
    before = at;
    if (segment === null) {
      if (!accepted) lines.push("+0 accept(3, ..., ...) = 4");
      accepted = true;
      lines.push(`${time} ${systemCall(call, descriptor)}`);
      continue;
    }
    const out = what === "out";
    if (has(segment, Bit.Syn)) {
      if (out) ours ??= segment.seq;
      else theirs ??= segment.seq;
    }
    // SYNs are absolute, all else is relative to them; "..." and ecr are mapped by the runner.
    const [own, other] = out ? [ours, theirs] : [theirs, ours];
    const seq = (segment.seq - (own ?? 0)) | 0;
    const ack = (segment.ack - (other ?? 0)) | 0;
    lines.push(`${time} ${out ? ">" : "<"} ${segmentText(relativeBlocks(segment, other ?? 0), seq, ack)}`);
  }
  return `${lines.join("\n")}\n`;
}

const relativeBlocks = (segment: ModelSegment, isn: number): ModelSegment => ({
  ...segment,
  options: {
    ...segment.options,
    sack: segment.options.sack?.map(([left, right]) => [(left - isn) | 0, (right - isn) | 0] as const) ?? null,
  },
});

function systemCall(call: string, descriptor: number): string {
  const [name, octets] = call.split(" ");
  switch (name) {
    case "connect":
      return `connect(${descriptor}, ..., ...) = -1 EINPROGRESS (Operation now in progress)`;
    case "write":
    case "read":
      return `${name}(${descriptor}, ..., ${octets}) = ${octets}`;
    case "shutdown":
      return `shutdown(${descriptor}, SHUT_WR) = 0`;
    case "abort":
      return `setsockopt(${descriptor}, SOL_SOCKET, SO_LINGER, {onoff=1, linger=0}, 8) = 0\n+0 close(${descriptor}) = 0`;
    default:
      return `close(${descriptor}) = 0`;
  }
}

/** The happenings as a pcapng file of raw IP: 10.0.0.1 is the witness's own. */
export function captureOf(log: readonly Happening[], comment: string): Uint8Array {
  const pieces: Uint8Array[] = [];
  const writer = new PcapngWriter((octets) => pieces.push(octets.slice()), { comment });
  const device = writer.addInterface({ name: "model", linkType: LinkType.RawIp });
  for (const { at, what, connection, segment } of log) {
    if (segment === null) continue;
    const [local, remote] = connection.split(">").map(Number) as [number, number];
    const octets = what === "out" ? datagram(segment, 1, 2, local, remote) : datagram(segment, 2, 1, remote, local);
    writer.frame(device, octets, 0, octets.length, { at, direction: what === "out" ? Direction.Outbound : Direction.Inbound });
  }
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  pieces.reduce((at, piece) => {
    whole.set(piece, at);
    return at + piece.length;
  }, 0);
  return whole;
}

/** An IPv4 datagram from 10.0.0.`from` to 10.0.0.`to` with the segment in it, checksums in order. */
export function datagram(segment: ModelSegment, from: number, to: number, sourcePort: number, destinationPort: number): Uint8Array {
  const options = optionOctets(segment);
  const header = 20 + options.length;
  const total = 20 + header + segment.text.length;
  const octets = new Uint8Array(total);
  const view = new DataView(octets.buffer);
  octets.set([0x45, 0, total >> 8, total & 255, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, from, 10, 0, 0, to]);
  view.setUint16(10, ~sum(octets.subarray(0, 20)) & 0xffff);
  view.setUint16(20, sourcePort);
  view.setUint16(22, destinationPort);
  view.setUint32(24, segment.seq);
  view.setUint32(28, segment.ack);
  view.setUint8(32, ((header / 4) << 4) | segment.reserved);
  view.setUint8(33, segment.flags);
  view.setUint16(34, segment.wnd);
  view.setUint16(38, segment.up);
  octets.set(options, 40);
  octets.set(segment.text, 20 + header);
  const length = total - 20;
  const pseudo = Uint8Array.of(10, 0, 0, from, 10, 0, 0, to, 0, 6, length >> 8, length & 255);
  view.setUint16(36, ~sum(octets.subarray(20), sum(pseudo)) & 0xffff);
  return octets;
}

function optionOctets(segment: ModelSegment): Uint8Array {
  const { mss, windowScale, sackPermitted, timestamps, sack } = segment.options;
  const list: number[] = [];
  const word = (number: number): number[] => [number >>> 24, (number >>> 16) & 255, (number >>> 8) & 255, number & 255];
  if (mss !== null) list.push(2, 4, mss >> 8, mss & 255);
  if (windowScale !== null) list.push(1, 3, 3, windowScale);
  if (sackPermitted) list.push(1, 1, 4, 2);
  if (timestamps !== null) list.push(1, 1, 8, 10, ...word(timestamps.val), ...word(timestamps.ecr));
  if (sack !== null && sack.length > 0) list.push(1, 1, 5, 2 + 8 * sack.length, ...sack.flat().flatMap(word));
  return Uint8Array.from(list);
}

/** The one's complement sum of 16-bit words (RFC 1071). */
function sum(octets: Uint8Array, from = 0): number {
  let total = from;
  for (const [i, octet] of octets.entries()) total += i % 2 === 0 ? octet << 8 : octet;
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return total;
}
