import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type CapturedFrame, CaptureReader, readCapture } from "../../src/inspect/capture-reader.js";
import { Direction, LinkType, PcapngWriter } from "../../src/inspect/pcapng.js";
import { ip } from "../../src/ip/address.js";
import { collector } from "./collector.js";
import { conversation } from "./frames.js";
import { expertComplaints, tshark, tsharkMissing } from "./tshark.js";

const EPOCH = 1_785_000_000_123_456; // µs; its nanoseconds do not fit a double

function capture(): Uint8Array {
  const file = collector();
  const writer = new PcapngWriter(file.sink, { epoch: EPOCH, comment: "a conversation", application: "onwire test" });
  const id = writer.addInterface({
    name: "pair:a",
    linkType: LinkType.Ethernet,
    hardwareAddress: Uint8Array.of(2, 0, 0, 0, 0, 1),
    addresses: [{ address: ip("10.0.0.1"), prefixLength: 24 }],
  });
  writer.addNames([
    { address: ip("10.0.0.1"), name: "alpha.test" },
    { address: ip("10.0.0.2"), name: "beta.test" },
  ]);
  let at = 7;
  for (const [sent, octets] of conversation) {
    const comment = sent ? `tx.why: RFC 9293 s3.10.7.2: the ${at}th, cause ${at}` : undefined;
    writer.frame(id, octets, 0, octets.length, {
      at,
      direction: sent ? Direction.Outbound : Direction.Inbound,
      ...(sent ? {} : { cast: 0, id: at }),
      ...(comment === undefined ? {} : { comment }),
    });
    at += 1_000;
  }
  writer.close();
  return file.octets();
}

describe("pcapng (draft-ietf-opsawg-pcapng)", () => {
  test("s4.3: what is written is read back: octets, time to the microsecond, direction, comment, id", () => {
    const read = readCapture(capture());
    expect(read.problem).toBeNull();
    expect(read.interfaces).toMatchObject([{ name: "pair:a", linkType: 1 }]);
    expect(read.names).toEqual([
      { address: ip("10.0.0.1"), name: "alpha.test" },
      { address: ip("10.0.0.2"), name: "beta.test" },
    ]);
    expect(read.frames.map((frame) => frame.octets)).toEqual(conversation.map(([, octets]) => octets));
    expect(read.frames[0]).toMatchObject({
      at: BigInt(EPOCH) * 1_000n + 7_000n,
      direction: Direction.Outbound,
      comment: "tx.why: RFC 9293 s3.10.7.2: the 7th, cause 7",
      id: null,
      cast: -1,
    });
    expect(read.frames[1]).toMatchObject({ direction: Direction.Inbound, cast: 0, comment: null, id: 1_007n });
  });

  test("s4.3: property: any frame, time and comment survives", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 0, maxLength: 2_000 }),
        fc.integer({ min: 0, max: 2 ** 50 }),
        fc.integer({ min: 0, max: 2 ** 51 }),
        fc.string({ unit: fc.constantFrom(..."abc äß€ 0:;") }),
        (octets, epoch, at, comment) => {
          const file = collector();
          const writer = new PcapngWriter(file.sink, { epoch });
          const id = writer.addInterface({ name: "x", linkType: LinkType.RawIp });
          writer.frame(id, octets, 0, octets.length, { at, direction: Direction.Inbound, comment });
          writer.close();
          const read = readCapture(file.octets());
          expect(read.problem).toBeNull();
          expect(read.frames[0]).toMatchObject({ octets, at: (BigInt(epoch) + BigInt(at)) * 1_000n, comment, length: octets.length });
        },
      ),
    );
  });

  test("s4.3: a long frame is cut at the snap length, and its true length is recorded", () => {
    const file = collector();
    const writer = new PcapngWriter(file.sink, { snapLength: 64 });
    const id = writer.addInterface({ name: "x", linkType: LinkType.Ethernet });
    writer.frame(id, new Uint8Array(9_000).fill(7), 10, 8_000, { at: 0, direction: Direction.Outbound });
    const [frame] = readCapture(file.octets()).frames;
    expect(frame!.octets).toEqual(new Uint8Array(64).fill(7));
    expect(frame!.length).toBe(7_990);
  });

  test("options that cannot be: refused with the range", () => {
    expect(() => new PcapngWriter(() => {}, { snapLength: 1 })).toThrow(/snapLength 1 .*64 to 262144/);
    expect(() => new PcapngWriter(() => {}).frame(0, new Uint8Array(1), 0, 1, { at: 0, direction: 1 })).toThrow(/interface 0/);
  });

  test("text is bounded, ends at a whole character and holds no NUL", () => {
    const file = collector();
    const writer = new PcapngWriter(file.sink);
    const id = writer.addInterface({ name: "a\0b", linkType: LinkType.Ethernet });
    writer.addNames([{ address: ip("10.0.0.1"), name: "€".repeat(5_000) }]);
    writer.frame(id, new Uint8Array(60), 0, 60, { at: 0, direction: 2, comment: "€".repeat(5_000) });
    const read = readCapture(file.octets());
    expect(read.problem).toBeNull();
    expect(read.interfaces[0]!.name).toBe("ab");
    expect(read.names[0]!.name).toBe("€".repeat(341));
    expect(read.frames[0]!.comment).toBe("€".repeat(341));
  });

  test.skipIf(tsharkMissing)("tshark reads it clean, with names, times, directions and comments", () => {
    const octets = capture();
    // biome-ignore format: a table reads better in lines
    const fields = ["frame.time_epoch", "frame.interface_name", "frame.packet_flags_direction", "frame.packet_id", "frame.comment", "tcp.flags.str"];
    const rows = tshark(octets, "-T", "fields", ...fields.flatMap((field) => ["-e", field]))
      .trimEnd()
      .split("\n")
      .map((line) => line.split("\t"));
    expect(rows).toHaveLength(conversation.length);
    expect(rows[2]).toEqual([
      "1785000000.125463000",
      "pair:a",
      "0x00000002",
      "",
      "tx.why: RFC 9293 s3.10.7.2: the 2007th, cause 2007",
      "··········S·",
    ]);
    expect(rows[3]).toEqual(["1785000000.126463000", "pair:a", "0x00000001", "3007", "", "·······A··S·"]);
    expect(tshark(octets, "-N", "n")).toContain("alpha.test → beta.test");
    expect(tshark(octets, "-Y", "_ws.malformed")).toBe("");
    expect(expertComplaints(octets)).toEqual([]);
  });
});

/** A file in big-endian order with a second interface of another resolution and offset, and every kind of block. */
function foreign(little: boolean): Uint8Array {
  const octets: number[] = [];
  const word = (n: number): number[] => {
    const four = [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];
    return little ? four.reverse() : four;
  };
  const half = (n: number): number[] => (little ? [n & 255, n >>> 8] : [n >>> 8, n & 255]);
  const block = (type: number, ...body: number[]): void => {
    const length = body.length + 12;
    octets.push(...word(type), ...word(length), ...body, ...word(length));
  };
  block(0x0a0d0d0a, ...word(0x1a2b3c4d), ...half(1), ...half(0), ...word(-1), ...word(-1));
  block(1, ...half(1), ...half(0), ...word(5)); // microseconds by default, snap length 5
  const offset = little ? [...word(1_000), ...word(0)] : [...word(0), ...word(1_000)];
  block(
    1,
    ...half(101),
    ...half(0),
    ...word(0),
    ...half(9),
    ...half(1),
    0x8a,
    0,
    0,
    0,
    ...half(14),
    ...half(8),
    ...offset,
    ...half(0),
    ...half(0),
  );
  block(0x0bad, 1, 2, 3, 4); // a custom block is skipped
  block(5, ...word(0), ...word(0), ...word(0)); // interface statistics
  block(6, ...word(1), ...word(0), ...word(1_536), ...word(3), ...word(3), 9, 8, 7, 0);
  block(3, ...word(6), 1, 2, 3, 4, 5, 0, 0, 0);
  block(2, ...half(0), ...half(0), ...word(0), ...word(2_000_001), ...word(1), ...word(1), 42, 0, 0, 0);
  return Uint8Array.from(octets);
}

describe("reading", () => {
  test.each([true, false])("s4: either byte order, any resolution (little-endian: %s)", (little) => {
    const read = readCapture(foreign(little));
    expect(read.problem).toBeNull();
    expect(read.frames).toMatchObject([
      { interfaceId: 1, at: 1_001_500_000_000n, octets: Uint8Array.of(9, 8, 7) }, // 1536 units of 2^-10 s, 1000 s later
      { interfaceId: 0, at: 0n, octets: Uint8Array.of(1, 2, 3, 4, 5), length: 6 },
      { interfaceId: 0, at: 2_000_001_000n, octets: Uint8Array.of(42) },
    ]);
  });

  test("s4.1: a second section may have another byte order, and its own interfaces", () => {
    const two = readCapture(Uint8Array.from([...foreign(true), ...foreign(false)]));
    expect(two.problem).toBeNull();
    expect(two.frames.map((frame) => frame.interfaceId)).toEqual([1, 0, 0, 3, 2, 2]);
  });

  test.each([
    ["microseconds", 0xa1b2c3d4, 5_000n],
    ["nanoseconds", 0xa1b23c4d, 5n],
  ])("pcap, %s, both byte orders", (_, magic, fraction) => {
    for (const little of [true, false]) {
      const octets = new Uint8Array(24 + 16 + 3);
      const view = new DataView(octets.buffer);
      view.setUint32(0, magic, little);
      view.setUint16(4, 2, little);
      view.setUint16(6, 4, little);
      view.setUint32(16, 65_535, little);
      view.setUint32(20, 1, little);
      view.setUint32(24, 3, little);
      view.setUint32(28, 5, little);
      view.setUint32(32, 3, little);
      view.setUint32(36, 1_500, little);
      octets.set([1, 2, 3], 40);
      const read = readCapture(octets);
      expect(read.problem).toBeNull();
      expect(read.interfaces).toMatchObject([{ linkType: 1 }]);
      expect(read.frames).toMatchObject([{ at: 3_000_000_000n + fraction, octets: Uint8Array.of(1, 2, 3), length: 1_500 }]);
    }
  });

  test("property: a file in pieces reads as a file at once", () => {
    const whole = capture();
    const expected = readCapture(whole).frames;
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1 }), (sizes) => {
        const reader = new CaptureReader();
        const frames: CapturedFrame[] = [];
        for (let at = 0, i = 0; at < whole.length; i++) {
          const size = sizes[i % sizes.length]!;
          reader.push(whole.subarray(at, at + size));
          at += size;
          for (let frame = reader.next(); frame !== null; frame = reader.next()) frames.push(frame);
        }
        reader.finish();
        expect(reader.problem).toBeNull();
        expect(frames).toEqual(expected);
      }),
    );
  });

  test("property: a damaged file is never an exception, and its frames are bounded by its size", () => {
    const whole = [...capture(), ...foreign(false)];
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 0, max: 255 })), { maxLength: 8 }),
        fc.nat(whole.length),
        (changes, length) => {
          const octets = Uint8Array.from(whole.slice(0, length));
          for (const [at, value] of changes) if (at < length) octets[at] = value;
          const read = readCapture(octets);
          const total = read.frames.reduce((sum, frame) => sum + frame.octets.length, 0);
          expect(total).toBeLessThanOrEqual(length);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test("property: noise is never an exception", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (octets) => void readCapture(octets)));
  });

  test.each([
    ["no capture", new TextEncoder().encode("not a capture"), /neither pcapng nor pcap/],
    ["nothing", new Uint8Array(0), /empty/],
    ["an end in a block", capture().slice(0, -3), /middle of a block/],
    ["a huge block", Uint8Array.from([...capture(), 6, 0, 0, 0, 0xfc, 0xff, 0xff, 0x7f, 0, 0, 0, 0]), /claims 2147483644 octets/],
  ])("what is wrong is said: %s", (_, octets, message) => {
    expect(readCapture(octets).problem).toMatch(message);
  });

  test("limits: no more interfaces and names than may be", () => {
    const file = collector();
    const writer = new PcapngWriter(file.sink);
    for (let i = 0; i < 3; i++) writer.addInterface({ name: `${i}`, linkType: 1 });
    expect(readCapture(file.octets(), 10, { interfaces: 2 }).problem).toMatch(/more than 2 interfaces/);
  });

  test("comments are escaped: no terminal obeys them", () => {
    const file = collector();
    const writer = new PcapngWriter(file.sink);
    writer.addInterface({ name: "\x1b]0;title\x07", linkType: 1 });
    expect(readCapture(file.octets()).interfaces[0]!.name).toBe("\\x1b]0;title\\x07");
  });
});
