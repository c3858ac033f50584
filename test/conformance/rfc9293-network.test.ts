/** RFC 9293 s3.9.2 through the whole stack: what IP hands to TCP, and what never reaches it. */
import { describe, expect, test } from "vitest";
import { ChecksumState } from "../../src/base/packet.js";
import { address, BROADCAST_MAC, datagram, decodeTcp, Lab, listener, OUR_MAC, OURS, PEER, tcp } from "../stack/lab.js";

const SYN = 2;
const listening = (): Lab => {
  const lab = new Lab();
  lab.stack.tcp.listen({ port: 80 }, listener());
  return lab;
};
/** A SYN to port 80; the pseudo-header is taken as verified where the addresses are not the usual ones. */
const syn = (lab: Lab, fields: Parameters<typeof datagram>[0], to: readonly number[] = OUR_MAC): Uint8Array[] =>
  lab.frame(datagram({ protocol: 6, ...fields }, tcp({ sourcePort: 5_000, port: 80, seq: 1_000, flags: SYN }), to), ChecksumState.Verified);

describe("s3.9.2.3: addresses", () => {
  test("s3.9.2.3: an honest SYN is answered", () => {
    const lab = listening();
    expect(syn(lab, {}).map((frame) => decodeTcp(frame).flags)).toEqual([0x12]);
  });

  test.each([
    "0.0.0.0",
    "0.1.2.3",
    "127.0.0.1",
    "127.255.0.9",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "10.0.0.255",
    OURS,
  ])("s3.9.2.3: a SYN from %s is ignored: no segment, no ICMP, no connection (MUST-63, 1122-T-08)", (source) => {
    const lab = listening();
    expect(syn(lab, { source })).toEqual([]);
    expect(lab.stack.tcp.summary()).toMatchObject({ slots: 1 });
  });

  test.each([
    ["255.255.255.255", BROADCAST_MAC],
    ["10.0.0.255", BROADCAST_MAC],
    ["224.0.0.1", [1, 0, 0x5e, 0, 0, 1]],
    [OURS, BROADCAST_MAC], // ours in IP, everybody's on the link (RFC 1122 s3.3.6)
  ] as const)("s3.9.2.3: a SYN to %s by a broadcast or multicast frame is dropped in silence (MUST-57)", (destination, mac) => {
    const lab = listening();
    expect(syn(lab, { destination }, mac)).toEqual([]);
    expect(lab.stack.tcp.summary()).toMatchObject({ slots: 1 });
  });
});

describe("s3.9.2.1: IP options", () => {
  const NOP = 1;
  test.each<[string, number[]]>([
    ["an option that nobody knows", [0x9e, 4, 1, 2]],
    ["a record of the route", [7, 7, 4, 0, 0, 0, 0, NOP]],
    ["a timestamp", [0x44, 8, 5, 0, 0, 0, 0, 0]],
    ["a router alert", [0x94, 4, 0, 0]],
    ["padding", [NOP, NOP, NOP, 0]],
  ])("s3.9.2: %s is no reason to refuse a segment (MUST-50, MAY-10, MAY-11)", (_name, options) => {
    const lab = listening();
    expect(syn(lab, { options }).map((frame) => decodeTcp(frame).flags)).toEqual([0x12]);
  });

  test.each<[string, number]>([
    ["loose", 0x83],
    ["strict", 0x89],
  ])(
    "s3.9.2.1: a %s source route opens nothing and is not answered along it (docs/deviations.md, source-route; MUST-51 to MUST-53)",
    (_name, kind) => {
      const lab = listening();
      expect(syn(lab, { options: [kind, 7, 4, 10, 0, 0, 9, NOP] })).toEqual([]);
      expect(lab.stack.tcp.summary()).toMatchObject({ slots: 1 });
    },
  );
});

test("s3.1: header errors and bad checksums of segments are silent, too, through the stack (MUST-3)", () => {
  const lab = listening();
  const good = tcp({ sourcePort: 5_000, port: 80, flags: SYN });
  for (let i = 0; i < good.length; i++) {
    const bad = good.slice();
    bad[i]! ^= 0x10;
    expect(lab.frame(datagram({ protocol: 6 }, bad))).toEqual([]);
  }
  for (let length = 0; length < 20; length++) expect(lab.frame(datagram({ protocol: 6 }, good.slice(0, length)))).toEqual([]);
  expect(lab.stack.tcp.summary()).toMatchObject({ slots: 1 });
  expect(lab.conserved).toBe(true);
});

test("s3.9.2: DF, TTL and DS field stand in the IP header as TCP asked (MUST-48, MUST-49, SHLD-22, 4821-16)", () => {
  const lab = new Lab();
  lab.stack.tcp.connect({ remote: address(PEER), remotePort: 80, ttl: 9, trafficClass: 0xb8 }, listener(), lab.now);
  const [frame] = lab.turn();
  const header = [...frame!.subarray(14, 34)];
  expect(header[1]).toBe(0xb8);
  expect(header[8]).toBe(9);
  expect(header[6]! & 0x40).toBe(0x40);
});
