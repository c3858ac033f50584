import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SeqRanges } from "../../src/base/ranges.js";
import { type Seq, seq, seqAdd, seqDiff } from "../../src/base/seq.js";

/** Start where the arithmetic wraps: at 2^31, at 2^32, and where nothing does. */
const origins = fc.constantFrom(0, 2 ** 31 - 150, 2 ** 32 - 150, 2 ** 31 - 1, 2 ** 32 - 1, 123_456);

const edgesOf = (ranges: SeqRanges, origin: Seq): [number, number][] =>
  Array.from({ length: ranges.count }, (_, i) => [seqDiff(ranges.left(i), origin), seqDiff(ranges.right(i), origin)]);

/** The runs of a plain set. */
const runsOf = (members: Set<number>): [number, number][] => {
  const runs: [number, number][] = [];
  for (const n of [...members].sort((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last !== undefined && last[1] === n) last[1] = n + 1;
    else runs.push([n, n + 1]);
  }
  return runs;
};

type Step = { kind: "add" | "below" | "clear"; at: number; length: number };
const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom("add", "add", "add", "add", "below", "clear"),
  at: fc.nat(300),
  length: fc.oneof(fc.nat(3), fc.nat(60)),
});

describe("SeqRanges", () => {
  test("RFC 9293 s3.4: is the set of its numbers, sorted, disjoint and never adjacent, across the wrap", () => {
    fc.assert(
      fc.property(origins, fc.integer({ min: 1, max: 12 }), fc.array(step, { maxLength: 40 }), (start, cap, steps) => {
        const origin = seq(start);
        const at = (n: number): Seq => seqAdd(origin, n);
        const ranges = new SeqRanges(cap);
        let members = new Set<number>();
        for (const { kind, at: from, length } of steps) {
          if (kind === "add") {
            const wanted = new Set(members);
            for (let n = from; n < from + length; n++) wanted.add(n);
            const fits = runsOf(wanted).length <= cap;
            expect(ranges.add(at(from), at(from + length))).toBe(fits);
            if (fits) members = wanted;
          } else if (kind === "below") {
            ranges.removeBelow(at(from));
            members = new Set([...members].filter((n) => n >= from));
          } else {
            ranges.clear();
            members.clear();
          }
          expect(edgesOf(ranges, origin)).toEqual(runsOf(members));
          expect(ranges.octets).toBe(members.size);
          const runs = runsOf(members);
          for (const n of [0, from - 1, from, from + 1, from + length, 200, 400]) {
            expect(ranges.indexOf(at(n))).toBe(runs.findIndex(([left, right]) => left <= n && n < right));
            const after = runs.findIndex(([, right]) => right > n);
            expect(ranges.after(at(n))).toBe(after < 0 ? runs.length : after);
            const some = Array.from({ length }, (_, i) => members.has(n + i));
            expect(ranges.covers(at(n), at(n + length))).toBe(some.every(Boolean));
            expect(ranges.overlaps(at(n), at(n + length))).toBe(some.some(Boolean));
          }
        }
      }),
      { numRuns: 1000 },
    );
  });

  test("RFC 2018 s3: every second octet fills it to the cap and no further, and the octets between join it again", () => {
    const cap = 1000;
    const ranges = new SeqRanges(cap);
    const origin = seq(2 ** 31 - 1000);
    for (let i = 0; i < cap; i++) expect(ranges.add(seqAdd(origin, 2 * i), seqAdd(origin, 2 * i + 1))).toBe(true);
    const full = edgesOf(ranges, origin);
    for (const n of [-5, 2 * cap, 2 * cap + 500]) expect(ranges.add(seqAdd(origin, n), seqAdd(origin, n + 1))).toBe(false);
    expect(edgesOf(ranges, origin)).toEqual(full);
    expect(ranges.octets).toBe(cap);
    // What joins ranges is welcome at the cap.
    expect(ranges.add(seqAdd(origin, 501), seqAdd(origin, 502))).toBe(true);
    expect(ranges.count).toBe(cap - 1);
    for (let i = 0; i < cap; i++) ranges.add(seqAdd(origin, 2 * i + 1), seqAdd(origin, 2 * i + 2));
    expect(edgesOf(ranges, origin)).toEqual([[0, 2 * cap]]);
  });

  test("one range may be as long as 2^31 - 1, around both wraps", () => {
    for (const start of [0, -1, 2 ** 31 - 1, -(2 ** 30)]) {
      const ranges = new SeqRanges(4);
      const left = seq(start);
      const right = seqAdd(left, 2 ** 31 - 1);
      expect(ranges.add(seqAdd(left, 10), seqAdd(left, 20))).toBe(true);
      expect(ranges.add(left, right)).toBe(true);
      expect(ranges.octets).toBe(2 ** 31 - 1);
      expect(ranges.covers(left, right)).toBe(true);
      ranges.removeBelow(right);
      expect(ranges.count).toBe(0);
    }
  });

  test("nothing is added by nothing, and a cap of none takes none", () => {
    const ranges = new SeqRanges(0);
    expect(ranges.add(seq(5), seq(5))).toBe(true);
    expect(ranges.add(seq(5), seq(6))).toBe(false);
    expect(ranges.count).toBe(0);
    expect(ranges.octets).toBe(0);
  });
});
