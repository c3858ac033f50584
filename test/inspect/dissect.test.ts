import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { dissect } from "../../src/inspect/dissect.js";
import { TraceEvent } from "../../src/inspect/event.js";
import { describePacket } from "../../src/inspect/format.js";
import { ip } from "../../src/ip/address.js";
import { arpFrame, conversation, ipFrame } from "./frames.js";

const said = (octets: Uint8Array, ethernet = true): string => {
  const event = new TraceEvent();
  dissect(event, octets, 0, octets.length, ethernet);
  return describePacket(event);
};

const A = ip("10.0.0.1");
const B = ip("10.0.0.2");
const tagged = (octets: Uint8Array): Uint8Array => Uint8Array.from([...octets.slice(0, 12), 0x81, 0, 0, 7, ...octets.slice(12)]);

describe("what a frame is about", () => {
  test.each([
    ["ARP request (RFC 826)", arpFrame(1, A, B), "ARP who-has 10.0.0.2 tell 10.0.0.1"],
    ["ARP in a VLAN (IEEE 802.1Q)", tagged(arpFrame(2, B, A)), "ARP 10.0.0.2 is-at (to 10.0.0.1)"],
    ["tags in tags", tagged(tagged(arpFrame(2, B, A))), "ARP 10.0.0.2 is-at (to 10.0.0.1)"],
    ["a TCP segment", conversation[2]![1], "TCP 10.0.0.1:49152 > 10.0.0.2:80 (40)"],
    ["echo (RFC 792)", ipFrame(A, B, 1, Uint8Array.of(0, 0, 0, 0, 0, 7, 0, 9)), "ICMP 10.0.0.1 > 10.0.0.2 echo reply id 7 seq 9 (8)"],
    [
      "port unreachable (RFC 792)",
      ipFrame(A, B, 1, Uint8Array.of(3, 3, 0, 0, 0, 0, 0, 0)),
      "ICMP 10.0.0.1 > 10.0.0.2 unreachable: port (8)",
    ],
    [
      "time exceeded (RFC 792)",
      ipFrame(A, B, 1, Uint8Array.of(11, 1, 0, 0, 0, 0, 0, 0)),
      "ICMP 10.0.0.1 > 10.0.0.2 time exceeded: reassembly (8)",
    ],
    ["an unknown type", Uint8Array.of(...new Array(12).fill(0), 0x86, 0xdd, 1), "type 0x86dd (15)"],
    ["too short", new Uint8Array(13), "frame (13)"],
  ])("%s", (_, octets, text) => expect(said(octets)).toBe(text));

  test("a bare IP packet", () => expect(said(conversation[2]![1].slice(14), false)).toBe("TCP 10.0.0.1:49152 > 10.0.0.2:80 (40)"));

  test("padding is not counted", () => {
    const frame = ipFrame(A, B, 17, new Uint8Array(8));
    const padded = new Uint8Array(60);
    padded.set(frame);
    expect(said(padded)).toBe("UDP 10.0.0.1:0 > 10.0.0.2:0 (8)");
  });

  test("property: any octets are described in a line of printable ASCII", () => {
    const kinds = [[8, 0], [8, 6], [0x81, 0], []];
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.constantFrom(...kinds), fc.boolean(), (octets, kind, ethernet) => {
        octets.set(kind.slice(0, Math.max(0, octets.length - 12)), Math.min(12, octets.length));
        expect(said(octets, ethernet)).toMatch(/^[\x20-\x7e]*$/);
      }),
      { numRuns: 2_000 },
    );
  });
});
