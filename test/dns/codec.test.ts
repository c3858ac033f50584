import { encode } from "dns-packet";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeReply, encodeQuery } from "../../src/dns/codec.js";
import { parseResolvConf } from "../../src/dns/configuration.js";
import { Hosts } from "../../src/dns/hosts.js";
import { candidates, canonicalName } from "../../src/dns/name.js";
import { a, soa } from "./lab.js";

const reply = encode({
  id: 7,
  type: "response",
  questions: [{ name: "x.test", type: "A" }],
  answers: [a("x.test", "192.0.2.1")],
  authorities: [soa("test", 9)],
});

describe("DNS messages", () => {
  test("S-175: whatever octets come, the codec ends with a reply or without", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (octets) => void decodeReply(octets)),
      { numRuns: 2_000 },
    );
  });

  test("S-175: a reply with any octets changed or cut off does not upset it, and its names stay names", () => {
    const change = fc.tuple(fc.nat({ max: reply.length - 1 }), fc.integer({ min: 0, max: 255 }));
    fc.assert(
      fc.property(fc.array(change, { maxLength: 6 }), fc.nat({ max: reply.length }), (changes, cut) => {
        const octets = Uint8Array.from(reply);
        for (const [at, value] of changes) octets[at] = value;
        const decoded = decodeReply(octets.subarray(0, octets.length - cut));
        for (const record of decoded?.answers ?? []) expect(canonicalName(record.name)).toBe(record.name);
      }),
      { numRuns: 3_000 },
    );
  });

  const header = (answers: number): number[] => [0, 7, 0x80, 0, 0, 0, 0, answers, 0, 0, 0, 0];
  test.each([
    ["a pointer to itself", [...header(1), 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 1, 2, 3, 4]],
    ["a pointer forwards", [...header(1), 0xc0, 40, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 1, 2, 3, 4]],
    ["a label of 64", [...header(1), 64, ...new Array(64).fill(97), 0, 0, 1, 0, 1]],
    ["more records than there are", [...header(200)]],
  ])("S-175: %s is no reply", (_, octets) => {
    expect(decodeReply(Uint8Array.from(octets))).toBe(null);
  });

  test("S-175: an address that lacks octets is not handed on", () => {
    const octets = [...header(1), 1, 97, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0, 2, 1, 2];
    expect(decodeReply(Uint8Array.from(octets))?.answers ?? []).toEqual([]);
  });

  test("S-175, S-172: a name with an escape code in an answer is not handed on", () => {
    const octets = encode({
      id: 7,
      type: "response",
      questions: [{ name: "x.test", type: "CNAME" }],
      answers: [{ name: "x.test", type: "CNAME", ttl: 1, data: "\u001b[31m.test" }],
    });
    expect(decodeReply(octets)?.answers).toEqual([]);
  });

  test("S-175: 16 KiB of pointers and records are read in time that grows with the message, not with its square", () => {
    // Each pointer leads to the one before it, and each record's name to the last of them.
    const pointers = Array.from({ length: 3000 }, (_, i) =>
      i === 0 ? [0, 0] : [0xc0 | ((12 + 2 * (i - 1)) >> 8), (12 + 2 * (i - 1)) & 255],
    ).flat();
    const last = 12 + 2 * 2999;
    const records = Array.from({ length: 800 }, () => [0xc0 | (last >> 8), last & 255, 0, 1, 0, 1, 0, 0, 0, 1, 0, 0]).flat();
    const octets = Uint8Array.from([...header(0), ...pointers, ...records]);
    octets[6] = 3;
    octets[7] = 32;
    expect(octets.length).toBeLessThan(16_384);
    expect(() => decodeReply(octets)).not.toThrow();
  });

  test("RFC 1035 s4.1.1: a query asks for recursion, of one name in one class", () => {
    const octets = encodeQuery(0x1234, "a.test", "A");
    expect([...octets]).toEqual([0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 97, 4, 116, 101, 115, 116, 0, 0, 1, 0, 1]);
  });

  test("RFC 2308 s5: how long no is no", () => {
    expect(decodeReply(reply)?.negativeTtl).toBe(9);
  });
});

describe("names", () => {
  test("are compared in lower case, without the last dot", () => {
    expect(canonicalName("WWW.Example.")).toBe("www.example");
    for (const none of ["", ".", "a..b", "a b", "x".repeat(64), "ü.test"]) expect(canonicalName(none)).toBe(null);
  });

  test("every candidate is canonical, and the name itself is among them", () => {
    const text = fc.stringMatching(/^[a-z0-9.-]{0,80}$/);
    fc.assert(
      fc.property(text, fc.array(text, { maxLength: 5 }), fc.integer({ min: 0, max: 15 }), (name, search, ndots) => {
        const found = candidates(name, search, ndots);
        for (const candidate of found) expect(canonicalName(candidate)).toBe(candidate);
        const own = canonicalName(name);
        if (own !== null) expect(found).toContain(own);
      }),
    );
  });
});

describe("files of the system", () => {
  test("resolv.conf: what is understood is taken, within bounds", () => {
    const text =
      "# comment\nnameserver 10.0.0.1\nnameserver ::1\nnameserver 10.0.0.2 ; second\nsearch a.test b.test\noptions ndots:3 timeout:99 attempts:0 rotate\n";
    expect(parseResolvConf(text)).toEqual({
      servers: ["10.0.0.1", "10.0.0.2"],
      search: ["a.test", "b.test"],
      ndots: 3,
      timeout: 30_000,
      attempts: 1,
    });
    expect(parseResolvConf("")).toEqual({ servers: [], search: [], ndots: 1, timeout: 5000, attempts: 2 });
  });

  test("neither file upsets its reader, whatever is in it", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), (text) => {
        parseResolvConf(text);
        new Hosts(text).find("localhost");
      }),
    );
  });
});
