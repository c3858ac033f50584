/** The judge of captures, by how they were made: in fragments, in VLANs, of both ends, of a router, cut, and by somebody who means harm. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Fragments } from "../../../src/conformance/model/fragments.js";
import { datagramOf } from "../../../src/conformance/model/frames.js";
import { type Judgment, judge } from "../../../src/conformance/model/judge.js";
import { Ranges } from "../../../src/conformance/model/numbers.js";
import { Bit, noOptions } from "../../../src/conformance/model/segment.js";
import { type CapturedFrame, readCapture } from "../../../src/inspect/capture-reader.js";
import { Direction, LinkType, PcapngWriter } from "../../../src/inspect/pcapng.js";
import { breaches, change, frameOf, ISN, type Line, lines, shifted } from "./conversation.js";

const raw = { name: "", linkType: 101, snapLength: 0 };
const judgeRaw = (frames: readonly CapturedFrame[]): Judgment => judge(frames, [raw, raw, raw]);
const segmentsOf = ({ connections }: Judgment): number => connections.reduce((sum, { segments }) => sum + segments.length, 0);
const rulesOf = ({ connections }: Judgment): string[] =>
  connections.flatMap(({ segments }) => segments.flatMap((segment) => segment.breaches.map(({ rule }) => rule)));

/** `octets` behind others, as a link has them. */
const wrapped = (frame: CapturedFrame, header: readonly number[]): CapturedFrame => {
  const octets = Uint8Array.from([...header, ...frame.octets]);
  return { ...frame, octets, length: octets.length };
};

/** The datagram of a frame in fragments of `size` octets. */
function inFragments(frame: CapturedFrame, id: number, size: number): CapturedFrame[] {
  const { octets } = frame;
  const all: CapturedFrame[] = [];
  for (let at = 20; at < octets.length; at += size) {
    const stop = Math.min(octets.length, at + size);
    const piece = Uint8Array.from([...octets.subarray(0, 20), ...octets.subarray(at, stop)]);
    const view = new DataView(piece.buffer);
    view.setUint16(2, piece.length);
    view.setUint16(4, id);
    view.setUint16(6, ((at - 20) / 8) | (stop < octets.length ? 0x2000 : 0));
    all.push({ ...frame, octets: piece, length: piece.length });
  }
  return all;
}

describe("fragments", () => {
  const whole = lines().map(frameOf);
  const pieces = whole.flatMap((frame, i) => (frame.octets.length > 500 ? inFragments(frame, i + 1, 256) : [frame]));

  test("are put together before they are judged, in any order, and again (RFC 791 s3.2)", () => {
    expect(pieces.length).toBeGreaterThan(whole.length + 8);
    for (const list of [pieces, pieces.flatMap((frame) => [frame, frame])]) {
      const judgment = judgeRaw(list.map((frame, i) => ({ ...frame, at: BigInt(i) })));
      expect(breaches(judgment)).toEqual([]);
      expect(judgment.connections[0]!.segments.at(-1)!.states[1]).toContain("TIME-WAIT");
    }
    const reversed = [...pieces];
    const first = reversed.findIndex(({ octets }) => (octets[6]! & 0x20) !== 0);
    reversed.splice(first, 6, ...reversed.slice(first, first + 6).reverse());
    expect(breaches(judgeRaw(reversed))).toEqual([]);
    expect(judgeRaw(reversed).fragments).toBe(0);
  });

  test("of which one is missing, or that contradict each other, are judged by nobody (RFC 1858 s4)", () => {
    const gone = pieces.findIndex(({ octets }) => (octets[6]! & 0x20) !== 0);
    const less = judgeRaw(pieces.filter((_, i) => i !== gone));
    expect(less.fragments).toBe(5);
    expect(segmentsOf(less)).toBe(lines().length - 1);
    const forged = pieces[gone]!.octets.slice();
    forged[100]! ^= 1;
    const two = pieces.flatMap((frame, i) => (i === gone ? [{ ...frame, octets: forged }, frame] : [frame]));
    expect(segmentsOf(judgeRaw(two))).toBe(lines().length - 1);
  });

  test("that never end take no more than their share (S-173)", () => {
    const fragments = new Fragments();
    const [piece] = inFragments(whole[4]!, 0, 1_200);
    for (let i = 0; i < 50_000; i++) {
      const octets = piece!.octets.slice();
      new DataView(octets.buffer).setUint16(4, i & 0xffff);
      octets[19] = i >> 16;
      expect(fragments.take(datagramOf({ ...piece!, octets }, 101)!, BigInt(i))).toBeNull();
    }
    expect(fragments.held).toBeLessThanOrEqual(16 << 20);
    expect(fragments.waiting).toBe(50_000);
  });
});

describe("links", () => {
  const ethernet = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
  const cooked = [0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 2, 0, 0];
  const cases: readonly (readonly [string, number, readonly number[]])[] = [
    ["Ethernet", 1, [...ethernet, 8, 0]],
    ["a VLAN", 1, [...ethernet, 0x81, 0, 0, 7, 8, 0]],
    ["a VLAN in a provider's", 1, [...ethernet, 0x88, 0xa8, 0, 9, 0x81, 0, 0, 7, 8, 0]],
    ["Linux cooked", 113, [...cooked, 8, 0]],
    ["Linux cooked with a VLAN", 113, [...cooked, 0x81, 0, 0, 7, 8, 0]],
    ["Linux cooked, version 2", 276, [8, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 2, 0, 0, 0, 0, 2, 0, 0]],
    ["the loopback of BSD", 0, [2, 0, 0, 0]],
    ["raw IP", 101, []],
  ];
  test.each(cases)("%s is understood", (_name, linkType, header) => {
    const list = lines();
    change(list, 4, { seq: shifted(list[4]!.segment.seq, 1) });
    const judgeLink = (some: readonly Line[]): Judgment =>
      judge(
        some.map((line, i) => wrapped(frameOf(line, i), header)),
        [{ name: "", linkType, snapLength: 0 }],
      );
    expect(breaches(judgeLink(lines()))).toEqual([]);
    expect(segmentsOf(judgeLink(lines()))).toBe(lines().length);
    expect(rulesOf(judgeLink(list))).toContain("textChanged");
  });

  test("what is not IPv4 in it is counted, not judged", () => {
    const arp = wrapped(frameOf(lines()[0]!, 0), [...ethernet, 8, 6]);
    expect(judge([arp], [{ name: "", linkType: 1, snapLength: 0 }])).toEqual({ connections: [], others: 1, fragments: 0, copies: 0 });
  });
});

describe("both ends", () => {
  /** The conversation as both ends have captured it: interface 0 is the first one's. What `lost` names has not come to the other end. */
  const both = (list: readonly Line[], lost: readonly number[] = [], skew = 0n, directions = true): CapturedFrame[] => {
    const sent = list.map((line, i) => ({ ...frameOf(line, i), interfaceId: line.from - 1 }));
    const come = sent.flatMap((frame, i) =>
      lost.includes(i) ? [] : [{ ...frame, interfaceId: 1 - frame.interfaceId, at: frame.at + 400_000n, direction: Direction.Inbound }],
    );
    return [...sent, ...come]
      .map((frame) => ({ ...frame, at: frame.interfaceId === 1 ? frame.at + skew : frame.at + 1_000_000_000n }))
      .map((frame) => (directions ? frame : { ...frame, direction: Direction.Unknown }))
      .sort((a, b) => a.interfaceId - b.interfaceId || Number(a.at - b.at));
  };
  const aligned = 1_000_000_000n;

  test.each([true, false])("each segment counts once, whether the capture says who sent it (%s) or not", (directions) => {
    const judgment = judgeRaw(both(lines(), [], aligned, directions));
    expect(segmentsOf(judgment)).toBe(lines().length);
    expect(rulesOf(judgment)).toEqual([]);
    expect(judgment.connections[0]!.segments.at(-1)!.states[1]).toContain("TIME-WAIT");
  });

  test.each([true, false])("what was lost between them has not arrived: who acknowledges it is wrong (directions %s)", (directions) => {
    expect(rulesOf(judgeRaw(both(lines(), [5], aligned, directions)))).toContain("ackUnreceived");
    // One place alone cannot tell.
    const one = both(lines(), [5], aligned, directions).filter(({ interfaceId }) => interfaceId === 1);
    expect(rulesOf(judgeRaw(one))).toEqual([]);
  });

  test("whose clocks differ are judged by one of them", () => {
    for (const skew of [aligned - 700_000n, aligned + 700_000n, 0n]) {
      const judgment = judgeRaw(both(lines(), [], skew));
      expect(rulesOf(judgment)).toEqual([]);
      expect(segmentsOf(judgment)).toBe(lines().length);
    }
  });

  test("a router between them, seen at both of its interfaces, is neither", () => {
    const come = lines().map((line, i) => ({ ...frameOf(line, i), interfaceId: line.from - 1, direction: Direction.Inbound }));
    const gone = come.map((frame) => ({ ...frame, interfaceId: 1 - frame.interfaceId, at: frame.at + 10n, direction: Direction.Outbound }));
    const judgment = judgeRaw([...come, ...gone].sort((a, b) => Number(a.at - b.at)));
    expect(segmentsOf(judgment)).toBe(lines().length);
    expect(rulesOf(judgment)).toEqual([]);
  });

  test("a third place between them tells nothing new", () => {
    const some = both(lines(), [], aligned, false);
    const between = some
      .filter(({ interfaceId, octets }) => octets[15] === interfaceId + 1)
      .map((frame) => ({ ...frame, interfaceId: 2, at: frame.at + 200_000n }));
    const judgment = judgeRaw([...some, ...between]);
    expect([segmentsOf(judgment), judgment.copies, rulesOf(judgment)]).toEqual([lines().length, lines().length, []]);
  });

  test("one end that changes its interface is still one end", () => {
    const moved = lines().map((line, i) => ({ ...frameOf(line, i), interfaceId: i < 5 ? 0 : 1 }));
    expect([segmentsOf(judgeRaw(moved)), rulesOf(judgeRaw(moved))]).toEqual([lines().length, []]);
  });
});

describe("captures that are cut", () => {
  test("are judged by what is left of them, and never for what is not", () => {
    for (let snap = 20; snap < 120; snap++) {
      const cut = lines().map((line, i) => {
        const frame = frameOf(line, i);
        return { ...frame, octets: frame.octets.slice(0, snap) };
      });
      expect([snap, rulesOf(judgeRaw(cut))]).toEqual([snap, []]);
    }
  });

  test("what the numbers tell is still told", () => {
    const list = lines();
    change(list, 6, { ack: shifted(list[6]!.segment.ack, -1_400) });
    change(list, 8, { ack: shifted(list[8]!.segment.ack, -2_000) });
    const cut = list.map((line, i) => ({ ...frameOf(line, i), octets: frameOf(line, i).octets.slice(0, 40) }));
    expect(judgeRaw(cut).connections[0]!.joined).toBe(true);
    expect(rulesOf(judgeRaw(cut))).toContain("ackBackwards");
  });
});

describe("a hostile capture", () => {
  const captured = (frames: readonly CapturedFrame[]): Uint8Array => {
    const pieces: Uint8Array[] = [];
    const writer = new PcapngWriter((octets) => pieces.push(octets.slice()));
    const device = writer.addInterface({ name: "x", linkType: LinkType.RawIp });
    for (const { octets, direction } of frames) writer.frame(device, octets, 0, octets.length, { at: 0, direction });
    return Buffer.concat(pieces);
  };
  const file = captured(lines().map(frameOf));

  test("with any octets changed is read to its end or to its fault, and judged (S-173, I-01)", () => {
    const changes = fc.array(fc.tuple(fc.nat(file.length - 1), fc.nat(255)), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(changes, (some) => {
        const octets = file.slice();
        for (const [at, octet] of some) octets[at] = octet;
        const { frames, interfaces } = readCapture(octets);
        judge(frames, interfaces);
      }),
      { numRuns: 2_000 },
    );
  });

  test("whose segments are changed behind their checksums is judged (I-01)", () => {
    const edit = fc.record({
      line: fc.nat(lines().length - 1),
      at: fc.nat(59),
      octet: fc.nat(255),
      interfaceId: fc.nat(2),
      direction: fc.constantFrom(Direction.Unknown, Direction.Inbound, Direction.Outbound),
    });
    fc.assert(
      fc.property(fc.array(edit, { maxLength: 60 }), (edits) => {
        const frames = edits.map(({ line, at, octet, interfaceId, direction }, i) => {
          const frame = frameOf(lines()[line]!, i);
          frame.octets[at % frame.octets.length] = octet;
          frame.octets[36] = frame.octets[37] = 0; // the sum of nothing: "partial", or bad
          return { ...frame, interfaceId, direction, length: at % 7 === 0 ? frame.octets.length : frame.length + octet };
        });
        const judgment = judgeRaw(frames);
        expect(segmentsOf(judgment)).toBeLessThanOrEqual(frames.length);
      }),
      { numRuns: 1_000 },
    );
  });

  const many = (count: number, make: (i: number) => Partial<Line["segment"]>, from: (i: number) => 1 | 2 = () => 1): CapturedFrame[] => {
    const { segment } = lines()[2]!;
    return Array.from({ length: count }, (_, i) => frameOf({ from: from(i), segment: { ...segment, ...make(i) } }, i));
  };
  const opening = lines().slice(0, 3).map(frameOf);

  test("of twenty thousand SYNs that nobody answers does not go as deep", () => {
    const syns = many(20_000, (i) => ({ flags: Bit.Syn, seq: i * 1_000, ack: 0, options: noOptions }));
    expect(judgeRaw([...opening, ...syns, frameOf(lines()[4]!, 0)]).connections.length).toBe(20_001);
  });

  test("of SYN,ACKs with as many numbers, and of text with as many holes, keeps few of them", () => {
    const answers = many(
      5_000,
      (i) => ({ flags: Bit.Syn | Bit.Ack, seq: i * 1_000, ack: shifted(ISN[1], 1) }),
      () => 2,
    );
    expect(segmentsOf(judgeRaw([opening[0]!, ...answers, opening[2]!]))).toBe(5_002);
    const holes = many(5_000, (i) => ({ seq: shifted(ISN[1], 10 + 2 * i), length: 1, text: Uint8Array.of(1) }));
    expect(segmentsOf(judgeRaw([...opening, ...holes]))).toBe(5_003);
    const ranges = new Ranges();
    for (let i = 0; i < 5_000; i++) ranges.add(2 * i, 2 * i + 1);
    expect(ranges.list.length).toBeLessThanOrEqual(1_024);
    expect(ranges.covers(9_998, 9_999)).toBe(true);
  });
});
