import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { seq } from "../../src/base/seq.js";
import {
  ACK,
  HEADER_MAX,
  headerLength,
  MAX_WINDOW_SCALE,
  Malformed,
  OptionStyle,
  parseSegment,
  Segment,
  SYN,
  writeSegment,
} from "../../src/tcp/segment.js";

const style = fc.constantFrom(...Object.values(OptionStyle));
const u16 = fc.integer({ min: 0, max: 0xffff });
const i32 = fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff });

const segments = fc
  .record({
    srcPort: u16,
    dstPort: u16,
    seq: i32,
    ack: i32,
    flags: fc.integer({ min: 0, max: 255 }),
    wnd: u16,
    up: u16,
    mss: fc.integer({ min: 1, max: 0xffff }),
    hasMss: fc.boolean(),
    windowScale: fc.integer({ min: -1, max: MAX_WINDOW_SCALE }),
    sackPermitted: fc.boolean(),
    hasTimestamp: fc.boolean(),
    tsVal: i32,
    tsEcr: i32,
    sack: fc.array(i32, { maxLength: 8 }),
    text: fc.integer({ min: 0, max: 50 }),
    start: fc.integer({ min: 0, max: 7 }),
  })
  .map((r) => {
    const seg = new Segment();
    const syn = (r.flags & SYN) !== 0;
    Object.assign(seg, { srcPort: r.srcPort, dstPort: r.dstPort, seq: r.seq, ack: r.ack, flags: r.flags, wnd: r.wnd, up: r.up });
    if (syn) Object.assign(seg, { mss: r.hasMss ? r.mss : 0, windowScale: r.windowScale, sackPermitted: r.sackPermitted });
    else seg.sackCount = Math.min(r.sack.length >> 1, r.hasTimestamp ? 3 : 4);
    if (r.hasTimestamp) Object.assign(seg, { hasTimestamp: true, tsVal: r.tsVal, tsEcr: r.tsEcr });
    seg.sack.set(r.sack.slice(0, seg.sackCount * 2));
    return { seg, text: r.text, start: r.start };
  });

const plain = (seg: Segment): unknown => {
  const { textStart, textEnd, len, sack, ...rest } = seg;
  void textStart;
  void textEnd;
  void len;
  return {
    ...rest,
    tsVal: seg.hasTimestamp ? seg.tsVal : 0,
    tsEcr: seg.hasTimestamp ? seg.tsEcr : 0,
    sack: [...sack.subarray(0, seg.sackCount * 2)],
  };
};

describe("s3.1: the header", () => {
  test("s3.1: what is written is read, in every style, at every alignment", () => {
    fc.assert(
      fc.property(segments, style, ({ seg, text, start }, how) => {
        const buffer = new Uint8Array(160).fill(0xa5);
        const view = new DataView(buffer.buffer);
        const length = writeSegment(view, start, seg, how);
        expect(length).toBe(headerLength(seg, how));
        expect(length & 3).toBe(0);
        expect(length).toBeLessThanOrEqual(HEADER_MAX);
        expect(buffer.subarray(start + length).every((octet) => octet === 0xa5)).toBe(true);
        const read = new Segment();
        read.sackCount = 3;
        read.sackPermitted = true; // whatever was there before
        expect(parseSegment(read, view, start, start + length + text)).toBe(Malformed.No);
        expect(plain(read)).toEqual(plain(seg));
        expect(read.textEnd - read.textStart).toBe(text);
        expect(read.len).toBe(text + (seg.flags & SYN ? 1 : 0) + (seg.flags & 1));
      }),
      { numRuns: 3_000 },
    );
  });

  test("s3.1: arbitrary octets are a segment or not, in bounds either way (I-01, I-02)", () => {
    const read = new Segment();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (octets) => {
        const verdict = parseSegment(read, new DataView(octets.buffer, octets.byteOffset, octets.length), 0, octets.length);
        const offset = (octets[12] ?? 0) >> 4;
        const good = octets.length >= 20 && offset >= 5 && offset * 4 <= octets.length;
        expect(verdict === Malformed.No).toBe(good);
        if (!good) return;
        expect(read.textStart).toBe(offset * 4);
        expect(read.textEnd).toBe(octets.length);
        expect(read.windowScale).toBeGreaterThanOrEqual(-1);
        expect(read.windowScale).toBeLessThanOrEqual(MAX_WINDOW_SCALE);
        expect(read.sackCount).toBeGreaterThanOrEqual(0);
        expect(read.sackCount).toBeLessThanOrEqual(4);
        expect(read.mss).toBeGreaterThanOrEqual(0);
      }),
      { numRuns: 5_000 },
    );
  });

  test("s3.1: arbitrary octets as options of a good header: never beyond the header (I-01)", () => {
    const read = new Segment();
    const option = fc.oneof(
      fc.constantFrom([0], [1], [2, 4, 5, 180], [3, 3, 14], [4, 2], [8, 10, 0, 0, 0, 1, 0, 0, 0, 2], [5, 10, 0, 0, 0, 1, 0, 0, 0, 2]),
      fc.tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0, max: 255 })).map(([kind, length]) => [kind, length]),
    );
    fc.assert(
      fc.property(fc.array(option, { maxLength: 20 }), (list) => {
        const options = list.flat().slice(0, 40);
        const header = 20 + ((options.length + 3) & ~3);
        const octets = new Uint8Array(header + 4);
        octets.set(options, 20);
        octets[12] = header << 2;
        expect(parseSegment(read, new DataView(octets.buffer), 0, octets.length)).toBe(Malformed.No);
        expect(read.textEnd - read.textStart).toBe(4);
      }),
      { numRuns: 3_000 },
    );
  });

  test.each([0, 1, 13, 14, 15, 200, 255])("RFC 7323 s2.3: window scale %i counts as 14 at most (S-068)", (shift) => {
    const octets = new Uint8Array(24);
    octets.set([3, 3, shift, 0], 20);
    octets[12] = 24 << 2;
    const read = new Segment();
    parseSegment(read, new DataView(octets.buffer), 0, 24);
    expect(read.windowScale).toBe(Math.min(shift, 14));
  });

  test("RFC 2018 s3: SACK options of impossible lengths are skipped (S-071)", () => {
    const read = new Segment();
    for (let length = 0; length <= 40; length++) {
      const octets = new Uint8Array(60);
      octets[12] = 0xf0;
      octets.set([5, length], 20);
      parseSegment(read, new DataView(octets.buffer), 0, 60);
      expect(read.sackCount).toBe(length >= 10 && length <= 34 && length % 8 === 2 ? (length - 2) / 8 : 0);
    }
  });

  test("s3.1: the options of a SYN stand where the kernels put them, to the octet", () => {
    const seg = Object.assign(new Segment(), {
      flags: SYN,
      mss: 1460,
      windowScale: 7,
      sackPermitted: true,
      hasTimestamp: true,
      tsVal: 0x01020304,
    });
    const buffer = new Uint8Array(60);
    const view = new DataView(buffer.buffer);
    expect(writeSegment(view, 0, seg, OptionStyle.Linux)).toBe(40);
    expect([...buffer.subarray(20, 40)]).toEqual([2, 4, 5, 180, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7]);
    expect(writeSegment(view, 0, seg, OptionStyle.Bsd)).toBe(40);
    expect([...buffer.subarray(20, 40)]).toEqual([2, 4, 5, 180, 1, 3, 3, 7, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0]);
    const ack = Object.assign(new Segment(), { flags: ACK, sackCount: 1, seq: seq(-1) });
    ack.sack.set([1, 2]);
    expect(writeSegment(view, 0, ack, OptionStyle.Linux)).toBe(32);
    expect([...buffer.subarray(4, 8), ...buffer.subarray(20, 32)]).toEqual([255, 255, 255, 255, 1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2]);
  });
});
