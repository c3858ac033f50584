/** Frames made by hand, by code that shares nothing with the stack's: what a capture must show. */

const sum = (octets: Uint8Array, from: number, to: number, initial: number): number => {
  let total = initial;
  for (let i = from; i < to; i++) total += (i - from) & 1 ? octets[i]! : octets[i]! << 8;
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return total;
};

export interface TcpFrame {
  source: [number, number];
  destination: [number, number];
  seq: number;
  ack?: number;
  flags: number;
  window?: number;
  text?: string;
  options?: number[];
}

/** An Ethernet frame with IPv4 and a payload, checksums right. `source` and `destination` are IPv4 addresses as integers. */
export function ipFrame(source: number, destination: number, protocol: number, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(14 + 20 + payload.length);
  const view = new DataView(frame.buffer);
  frame.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0]);
  view.setUint16(14, 0x4500);
  view.setUint16(16, 20 + payload.length);
  view.setUint16(20, 0x4000);
  view.setUint8(22, 64);
  view.setUint8(23, protocol);
  view.setInt32(26, source);
  view.setInt32(30, destination);
  view.setUint16(24, ~sum(frame, 14, 34, 0) & 0xffff);
  frame.set(payload, 34);
  return frame;
}

/** A TCP segment in IPv4 in Ethernet, checksums right. */
export function tcpFrame(facts: TcpFrame): Uint8Array {
  const text = new TextEncoder().encode(facts.text ?? "");
  const options = facts.options ?? [];
  const segment = new Uint8Array(20 + options.length + text.length);
  const view = new DataView(segment.buffer);
  view.setUint16(0, facts.source[1]);
  view.setUint16(2, facts.destination[1]);
  view.setUint32(4, facts.seq);
  view.setUint32(8, facts.ack ?? 0);
  view.setUint8(12, (20 + options.length) << 2);
  view.setUint8(13, facts.flags);
  view.setUint16(14, facts.window ?? 64_240);
  segment.set(options, 20);
  segment.set(text, 20 + options.length);
  const frame = ipFrame(facts.source[0], facts.destination[0], 6, segment);
  const pseudo = sum(frame, 26, 34, 6 + segment.length);
  new DataView(frame.buffer).setUint16(34 + 16, ~sum(frame, 34, frame.length, pseudo) & 0xffff);
  return frame;
}

/** An ARP request (operation 1) or reply (2) in Ethernet. */
export function arpFrame(operation: number, sender: number, target: number): Uint8Array {
  const frame = new Uint8Array(42);
  const view = new DataView(frame.buffer);
  const [ours, theirs] = operation === 1 ? [1, 2] : [2, 1];
  frame.set(operation === 1 ? [255, 255, 255, 255, 255, 255] : [2, 0, 0, 0, 0, theirs]);
  frame.set([2, 0, 0, 0, 0, ours, 8, 6, 0, 1, 8, 0, 6, 4, 0, operation, 2, 0, 0, 0, 0, ours], 6);
  view.setInt32(28, sender);
  if (operation === 2) frame.set([2, 0, 0, 0, 0, theirs], 32);
  view.setInt32(38, target);
  return frame;
}

const A = 0x0a000001;
const B = 0x0a000002;

/** A handshake, a request, an answer and a close between A and B; `true` in front: A sent it. */
export const conversation: readonly (readonly [boolean, Uint8Array])[] = (() => {
  const a: [number, number] = [A, 49_152];
  const b: [number, number] = [B, 80];
  const iss = 0xffff_fff0;
  const irs = 0x7fff_fff0;
  const timestamps = (value: number, echo: number): number[] => {
    const octets = new Uint8Array(12);
    const view = new DataView(octets.buffer);
    view.setUint32(0, 0x0101_080a);
    view.setUint32(4, value);
    view.setUint32(8, echo);
    return [...octets];
  };
  const request = "GET / HTTP/1.1\r\nHost: b\r\n\r\n";
  const answer = "HTTP/1.1 204 No Content\r\n\r\n";
  const ends = (n: number): number => n >>> 0;
  const syn = (value: number, echo: number): number[] => [2, 4, 5, 180, 4, 2, 8, 10, ...timestamps(value, echo).slice(4), 1, 3, 3, 7];
  const from = (x: [number, number], y: [number, number], flags: number, seq: number, ack: number, text = ""): Uint8Array =>
    tcpFrame({ source: x, destination: y, flags, seq: ends(seq), ack: ends(ack), window: 501, text, options: timestamps(10, 20) });
  return [
    [true, arpFrame(1, A, B)],
    [false, arpFrame(2, B, A)],
    [true, tcpFrame({ source: a, destination: b, seq: iss, flags: 2, options: syn(1, 0) })],
    [false, tcpFrame({ source: b, destination: a, seq: irs, ack: ends(iss + 1), flags: 0x12, options: syn(2, 1) })],
    [true, from(a, b, 0x10, iss + 1, irs + 1)],
    [true, from(a, b, 0x18, iss + 1, irs + 1, request)],
    [false, from(b, a, 0x18, irs + 1, iss + 1 + request.length, answer)],
    [true, from(a, b, 0x11, iss + 1 + request.length, irs + 1 + answer.length)],
    [false, from(b, a, 0x11, irs + 1 + answer.length, iss + 2 + request.length)],
    [true, from(a, b, 0x10, iss + 2 + request.length, irs + 2 + answer.length)],
  ];
})();
