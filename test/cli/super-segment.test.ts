import { describe, expect, test } from "vitest";
import { segmentsOf } from "../../src/cli/super-segment.js";
import { ACK, CWR, FIN, PSH } from "../../src/conformance/script/flow.js";
import { finishChecksum, readPacket, writeTcpPacket, writeUdpPacket } from "../../src/conformance/script/wire-packet.js";

const ip = { tos: 2, ttl: 64, source: 0x0a090001, target: 0x0a090002 };
const text = Uint8Array.from({ length: 2_500 }, (_, i) => i);
const tcp = {
  sourcePort: 1,
  targetPort: 2,
  seq: 0xffff_fc00,
  ack: 7,
  flags: ACK | PSH | FIN | CWR,
  window: 9,
  urgent: 0,
  options: Uint8Array.of(1, 1, 1, 0),
  text,
};

describe("what a link has merged", () => {
  test("comes apart into the segments of which it was made", () => {
    const segments = segmentsOf(writeTcpPacket(ip, 0xffff, tcp), 1_000).map((octets) => readPacket(octets)!);
    expect(segments.map((packet) => [packet.id, packet.tcp!.seq, packet.tcp!.text.length, packet.tcp!.flags])).toEqual([
      [0xffff, 0xffff_fc00, 1_000, ACK | CWR],
      [0, 0xffff_ffe8, 1_000, ACK],
      [1, 976, 500, ACK | PSH | FIN],
    ]);
    expect(segments.flatMap((packet) => [...packet.tcp!.text])).toEqual([...text]);
    for (const packet of segments) {
      expect(packet).toMatchObject({ tos: 2, ttl: 64, headerChecksumGood: true });
      expect(packet.tcp).toMatchObject({ ack: 7, window: 9, options: tcp.options, checksumGood: true });
    }
  });

  test("is left as it is where nothing was merged", () => {
    const whole = writeTcpPacket(ip, 1, tcp);
    for (const [octets, size] of [
      [whole, 0],
      [whole, 2_500],
      [writeUdpPacket(ip, 1, 1, 2, text), 1_000],
      [Uint8Array.of(1, 2, 3), 1],
    ] as const)
      expect(segmentsOf(octets, size)).toEqual([octets]);
  });
});

test("a checksum that was left to hardware is filled in, with padding behind the packet or without", () => {
  const whole = [writeTcpPacket(ip, 1, tcp), writeUdpPacket(ip, 1, 1, 2, text.subarray(0, 3))];
  for (const octets of whole)
    for (const padding of [0, 15]) {
      const spoiled = new Uint8Array(octets.length + padding);
      spoiled.set(octets);
      const field = 20 + (octets[9] === 6 ? 16 : 6);
      spoiled[field] = octets[field]! ^ 0x55;
      finishChecksum(spoiled);
      expect(spoiled.subarray(0, octets.length)).toEqual(octets);
    }
  const short = Uint8Array.of(0x45, 0, 0);
  finishChecksum(short);
  expect([...short]).toEqual([0x45, 0, 0]);
});
