import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { leaseOf } from "../../src/dhcp/lease.js";
import { type DhcpMessage, Op, parseDhcp, writeDhcp } from "../../src/dhcp/message.js";
import {
  Option,
  readAddresses,
  readClasslessRoutes,
  readInt32,
  readMask,
  readName,
  readSearchList,
  writeInt32,
} from "../../src/dhcp/options.js";
import { formatIp, ip } from "../../src/ip/address.js";

const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const uint16 = fc.integer({ min: 0, max: 65_535 });
const code = fc.integer({ min: 1, max: 254 }).filter((n) => n !== Option.Overload);
const messages: fc.Arbitrary<DhcpMessage> = fc.record({
  op: fc.constantFrom(Op.Request, Op.Reply),
  xid: int32,
  secs: uint16,
  broadcast: fc.boolean(),
  ciaddr: int32,
  yiaddr: int32,
  siaddr: int32,
  giaddr: int32,
  chaddr: fc.uint8Array({ minLength: 6, maxLength: 6 }),
  options: fc.array(fc.tuple(code, fc.uint8Array({ maxLength: 600 })), { maxLength: 12 }).map((entries) => new Map(entries)),
});
const base: DhcpMessage = {
  op: Op.Reply,
  xid: 7,
  secs: 0,
  broadcast: true,
  ciaddr: 0,
  yiaddr: ip("10.0.0.50"),
  siaddr: 0,
  giaddr: 0,
  chaddr: Uint8Array.of(2, 0, 0, 0, 0, 1),
  options: new Map(),
};
const bytes = (text: string): number[] => [...text].map((c) => c.charCodeAt(0));
const name = (...labels: string[]): number[] => [...labels.flatMap((label) => [label.length, ...bytes(label)]), 0];

describe("DHCP messages", () => {
  test("RFC 2131 s2: what is written is read again", () => {
    fc.assert(fc.property(messages, (message) => void expect(parseDhcp(writeDhcp(message))).toEqual(message)));
  });

  test("RFC 1542 s2.1: no message is shorter than 300 octets", () => {
    expect(writeDhcp(base).length).toBe(300);
  });

  test("S-175: whatever octets come, the parser ends with a message or without", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 700 }), (octets) => {
        const message = parseDhcp(octets);
        if (message !== null) leaseOf(message);
      }),
      { numRuns: 2_000 },
    );
  });

  test("S-175: a message with any octets changed or cut off does not upset the parser, and its options hold no more than it has", () => {
    const change = fc.tuple(fc.nat({ max: 1_200 }), fc.integer({ min: 0, max: 255 }));
    fc.assert(
      fc.property(messages, fc.array(change, { maxLength: 8 }), fc.nat({ max: 1_200 }), (message, changes, cut) => {
        const octets = writeDhcp(message);
        for (const [at, value] of changes) octets[at % octets.length] = value;
        const parsed = parseDhcp(octets.subarray(0, octets.length - (cut % octets.length)));
        if (parsed === null) return;
        let held = 0;
        for (const value of parsed.options.values()) held += value.length;
        expect(held).toBeLessThan(octets.length);
        leaseOf(parsed);
      }),
      { numRuns: 2_000 },
    );
  });

  const refusals: readonly (readonly [string, (octets: Uint8Array) => Uint8Array])[] = [
    ["one octet short of the cookie", (octets) => octets.subarray(0, 239)],
    ["another cookie", (octets) => octets.fill(0, 236, 240)],
    ["another medium", (octets) => octets.fill(6, 1, 2)],
    ["a longer hardware address", (octets) => octets.fill(16, 2, 3)],
    ["an operation that is none", (octets) => octets.fill(3, 0, 1)],
    ["an option longer than the message", (octets) => Uint8Array.of(...octets.subarray(0, 240), 12, 60)],
    ["an option without a length", (octets) => Uint8Array.of(...octets.subarray(0, 240), 12)],
  ];
  test.each(refusals)("S-175: refused: %s", (_, change) => {
    expect(parseDhcp(writeDhcp(base))).not.toBe(null);
    expect(parseDhcp(change(writeDhcp(base)))).toBe(null);
  });

  test("RFC 2131 s4.1: with the overload option 'file' and 'sname' hold options too, in that order behind the others", () => {
    const octets = writeDhcp({
      ...base,
      options: new Map([
        [Option.Overload, Uint8Array.of(3)],
        [12, Uint8Array.of(1)],
      ]),
    });
    octets.set([12, 1, 3, 255], 44);
    octets.set([12, 1, 2, 15, 1, 97, 255], 108);
    const options = parseDhcp(octets)?.options;
    expect(options?.get(12)).toEqual(Uint8Array.of(1, 2, 3));
    expect(options?.get(15)).toEqual(Uint8Array.of(97));
  });

  test("RFC 2131 s4.1: without it they are text, and hold nothing", () => {
    const octets = writeDhcp(base);
    octets.set([12, 1, 2, 255], 108);
    expect(parseDhcp(octets)?.options.size).toBe(0);
  });

  test("S-175: an option in 'file' that runs into the options field is refused", () => {
    const octets = writeDhcp({ ...base, options: new Map([[Option.Overload, Uint8Array.of(1)]]) });
    octets.set([12, 200], 108);
    expect(parseDhcp(octets)).toBe(null);
  });
});

describe("DHCP options", () => {
  test("S-175: no reader throws, whatever the octets", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (octets) => {
        for (const read of [readInt32, readMask, readName]) read(octets);
        expect(readAddresses(octets).length).toBeLessThanOrEqual(64);
        expect(readClasslessRoutes(octets)?.length ?? 0).toBeLessThanOrEqual(64);
        expect(readSearchList(octets).length).toBeLessThanOrEqual(64);
        for (const found of readSearchList(octets)) expect(found.length).toBeLessThanOrEqual(253);
      }),
      { numRuns: 2_000 },
    );
  });

  test("RFC 2132 s3.3: a mask is ones and then zeros", () => {
    expect(readMask(writeInt32(ip("255.255.255.0")))).toBe(24);
    expect(readMask(writeInt32(ip("255.255.255.255")))).toBe(32);
    for (const broken of ["255.0.255.0", "0.0.0.255", "0.0.0.0"]) expect(readMask(writeInt32(ip(broken)))).toBe(null);
  });

  test("RFC 3442: routes with their significant octets; one that is cut off spoils all", () => {
    const octets = Uint8Array.of(24, 10, 17, 0, 10, 0, 0, 1, 0, 10, 0, 0, 254, 9, 10, 255, 10, 0, 0, 2);
    const shown = readClasslessRoutes(octets)?.map((route) => [formatIp(route.prefix), route.prefixLength, formatIp(route.gateway)]);
    expect(shown).toEqual([
      ["10.17.0.0", 24, "10.0.0.1"],
      ["0.0.0.0", 0, "10.0.0.254"],
      ["10.128.0.0", 9, "10.0.0.2"],
    ]);
    expect(readClasslessRoutes(octets.subarray(0, 19))).toBe(null);
    expect(readClasslessRoutes(Uint8Array.of(33, 1, 2, 3, 4, 5, 6, 7, 8, 9))).toBe(null);
  });

  test("RFC 3397: a search list, with a pointer to what came before", () => {
    const octets = Uint8Array.of(...name("eng", "example", "com"), 3, ...bytes("lab"), 0xc0, 4);
    expect(readSearchList(octets)).toEqual(["eng.example.com", "lab.example.com"]);
  });

  test("S-175: pointers that lead forwards, to themselves or round in a circle end the list", () => {
    expect(readSearchList(Uint8Array.of(0xc0, 0))).toEqual([]);
    expect(readSearchList(Uint8Array.of(0xc0, 2, 1, 97, 0))).toEqual([]);
    expect(readSearchList(Uint8Array.of(...name("a"), 1, 98, 0xc0, 3))).toEqual(["a"]);
    expect(readSearchList(Uint8Array.of(...name("a"), 64, ...new Array(64).fill(97), 0))).toEqual(["a"]);
  });

  test("S-175: a name is a name: no escape codes, no blanks, no label above 63", () => {
    const read = (text: string): string | null => readName(Uint8Array.from(bytes(text)));
    expect(read("Home.Example\0")).toBe("home.example");
    for (const hostile of ["\u001b[31mred", "a b", "a..b", ".a", "", "a".repeat(64), `${"a.".repeat(130)}a`])
      expect(read(hostile)).toBe(null);
  });
});
