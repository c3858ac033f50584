/** Frames for the tests of wires: well-formed Ethernet, IPv4 and TCP, with nothing behind them. */

export interface TestFrame {
  seq?: number;
  ack?: number;
  flags?: number;
  text?: number;
  dontFragment?: boolean;
  from?: number;
  to?: number;
}

const A = 0x0a000001;
const B = 0x0a000002;

/** An Ethernet frame with a TCP segment of `text` octets, from host 1 to host 2 unless told. */
export function tcpFrame(options: TestFrame = {}): Uint8Array {
  const { seq = 0, ack = 0, flags = 0x10, text = 0, dontFragment = true, from = A, to = B } = options;
  const bytes = new Uint8Array(54 + text);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 0x0200);
  view.setUint32(2, to);
  view.setUint16(6, 0x0200);
  view.setUint32(8, from);
  view.setUint16(12, 0x0800);
  view.setUint16(14, 0x4500);
  view.setUint16(16, 40 + text);
  view.setUint16(20, dontFragment ? 0x4000 : 0);
  view.setUint16(22, 0x4006);
  view.setUint32(26, from);
  view.setUint32(30, to);
  view.setUint16(24, ~sum(view, 14, 34) & 0xffff);
  view.setUint16(34, 1000);
  view.setUint16(36, 80);
  view.setInt32(38, seq | 0);
  view.setInt32(42, ack | 0);
  view.setUint16(46, 0x5000 | flags);
  view.setUint16(48, 0xffff);
  for (let i = 0; i < text; i++) bytes[54 + i] = i;
  return bytes;
}

/** The one's complement sum of the 16-bit words in [from, to): 0xffff when a checksum among them is right. */
export function sum(view: DataView, from: number, to: number): number {
  let total = 0;
  for (let at = from; at < to; at += 2) total += at + 1 < to ? view.getUint16(at) : view.getUint8(at) << 8;
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return total;
}
