/** RFC 2018: what a receiver reports, and what a sender may not believe. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import { Exchange, octets } from "../tcp/exchange.js";
import { ack, established, MS, MSS, SECOND, sent } from "../tcp/flow.js";

const memory = createMemory({ packets: 64, chunks: 2_048, chunkSize: 4_096 });

const receiver = (options: Parameters<typeof established>[0] = {}): Exchange =>
  established({ memory, ...options, syn: { sackPermitted: true, ...options.syn } });

/** Segment `n` of 1 000 octets arrives. */
const segment = (x: Exchange, n: number, more = {}): void => x.inject({ seq: 1 + n * MSS, ack: 1, text: MSS, ...more });
/** Blocks of the last segment that left, in segments: "5-6 2-3". */
const blocks = (x: Exchange): string => {
  const last = x.take().at(-1);
  if (last === undefined) return "silence";
  const list: string[] = [];
  for (let i = 0; i < last.sack.length; i += 2) list.push(`${(last.sack[i]! - 1) / MSS}-${(last.sack[i + 1]! - 1) / MSS}`);
  return list.join(" ");
};

describe("s2: SACK-permitted", () => {
  test("s2: on SYNs, both kinds, and on nothing else (2018-01)", () => {
    const x = new Exchange({ memory });
    x.connect();
    x.inject({ flags: "S.", ack: 1, mss: MSS, sackPermitted: true });
    x.write(10);
    x.inject({ seq: 1 + MSS, ack: 1, text: 5 });
    x.tcp.shutdown(x.handle, x.now);
    x.turn();
    x.tcp.abort(x.handle, x.now);
    expect(x.take().map((s) => [s.flags.includes("S"), s.sackPermitted])).toEqual([
      [true, true],
      ...Array.from({ length: 5 }, () => [false, false]),
    ]);
    const passive = new Exchange({ memory });
    passive.listen();
    passive.inject({ flags: "S", mss: MSS, sackPermitted: true });
    expect(passive.take()[0]!.sackPermitted).toBe(true);
  });

  test("s2: a SYN,ACK has it only if the SYN had (2018-02)", () => {
    const x = new Exchange({ memory });
    x.listen();
    x.inject({ flags: "S", mss: MSS });
    expect(x.take()[0]!.sackPermitted).toBe(false);
  });

  test("s4: no blocks unless both sent it (2018-02)", () => {
    for (const [theirs, ours] of [
      [false, true],
      [true, false],
      [false, false],
    ] as const) {
      const x = receiver({ syn: { sackPermitted: theirs }, policy: { sack: ours } });
      segment(x, 2);
      segment(x, 2);
      expect(blocks(x)).toBe("");
    }
  });
});

describe("s4: generating blocks", () => {
  test("s4: the first block has the segment that triggered the ACK (2018-03, 2018-04)", () => {
    const x = receiver();
    const seen = [5, 2, 9, 3, 6, 8].map((n) => {
      segment(x, n);
      return blocks(x);
    });
    expect(seen).toEqual(["5-6", "2-3 5-6", "9-10 2-3 5-6", "2-4 9-10 5-6", "5-7 2-4 9-10", "8-10 5-7 2-4"]);
  });

  test("s7: the example: 5000 lost, then segments of 500 (case 2 of s7)", () => {
    const x = receiver();
    const example = (n: number): void => x.inject({ seq: 1 + n * 500, ack: 1, text: 500 });
    const all: number[][] = [];
    for (const n of [1, 2, 3, 4, 5, 6, 7]) {
      example(n);
      all.push(x.take().at(-1)!.sack);
    }
    expect(all).toEqual([1, 2, 3, 4, 5, 6, 7].map((n) => [501, 501 + n * 500]));
  });

  test("s7: the example: every second segment lost (case 3 of s7)", () => {
    const x = receiver();
    const seen: string[] = [];
    for (const n of [0, 2, 4, 6]) {
      segment(x, n);
      seen.push(blocks(x));
    }
    expect(seen).toEqual(["", "2-3", "4-5 2-3", "6-7 4-5 2-3"]);
    segment(x, 3);
    expect(blocks(x)).toBe("2-5 6-7");
    segment(x, 1);
    expect(blocks(x)).toBe("6-7");
  });

  test("s3, s4: four blocks, the most recent; three beside timestamps (2018-05, 2018-06)", () => {
    const x = receiver();
    for (const n of [2, 4, 6, 8, 10, 12]) segment(x, n);
    expect(blocks(x)).toBe("12-13 10-11 8-9 6-7");
    const stamped = receiver({ syn: { ts: [100, 0] } });
    for (const n of [2, 4, 6, 8, 10, 12]) segment(stamped, n, { ts: [200, 0] });
    expect(blocks(stamped)).toBe("12-13 10-11 8-9");
  });

  test("s4: each block is repeated in at least three ACKs (2018-06)", () => {
    const x = receiver({ syn: { ts: [100, 0] } });
    const reports = new Map<number, number>();
    for (let n = 2; n < 60; n += 2) {
      segment(x, n, { ts: [200, 0] });
      const { sack } = x.take().at(-1)!;
      for (let i = 0; i < sack.length; i += 2) reports.set(sack[i]!, (reports.get(sack[i]!) ?? 0) + 1);
    }
    for (const [left, times] of reports) if (left < 1 + 54 * MSS) expect(times).toBeGreaterThanOrEqual(3);
  });

  test("s4: text that we send carries them too, and is shorter by what they take (MUST-16)", () => {
    const x = receiver({ syn: { mss: 1460 } });
    segment(x, 2);
    segment(x, 4);
    x.take();
    x.write(3_000);
    const out = x.take();
    expect(out.map((s) => [s.length, s.sack.length])).toEqual([
      [1_440, 4],
      [1_440, 4],
      [120, 4],
    ]);
  });

  test("s4: when the hole is filled nothing is reported any more (2018-03)", () => {
    const x = receiver();
    segment(x, 1);
    segment(x, 0);
    expect(blocks(x)).toBe("");
  });

  test("s4: an advancing ACK that leaves holes reports them (2018-03)", () => {
    const x = receiver();
    segment(x, 1);
    segment(x, 3);
    segment(x, 0);
    const last = x.take().at(-1)!;
    expect([last.ack, ...last.sack]).toEqual([1 + 2 * MSS, 1 + 3 * MSS, 1 + 4 * MSS]);
  });

  test("s4, s8: blocks describe what is held, and the first the trigger, whatever comes (2018-04, 2018-11)", () => {
    const arrival = fc.record({ at: fc.integer({ min: 0, max: 60 }), size: fc.integer({ min: 1, max: 12 }) });
    fc.assert(
      fc.property(fc.array(arrival, { maxLength: 60 }), fc.boolean(), fc.constantFrom(0x7fff_fff0, -20, 0), (arrivals, stamps, irs) => {
        const x = receiver({ irs, ...(stamps ? { syn: { ts: [1, 0] } } : {}) });
        const held = new Set<number>();
        let next = 0;
        for (const { at, size } of arrivals) {
          const before = next;
          const had = new Set(held);
          const known = (octet: number): boolean => octet < before || had.has(octet);
          const duplicate = Array.from({ length: size }, (_, i) => at + i).some(known);
          x.inject({ seq: 1 + at, ack: 1, text: size, ...(stamps ? { ts: [500, 0] } : {}) });
          for (let i = at; i < at + size; i++) if (i >= next) held.add(i);
          while (held.delete(next)) next += 1;
          const out = x.take();
          expect(out.length).toBeLessThanOrEqual(1);
          for (const s of out) {
            expect(s.ack).toBe(1 + next);
            expect(s.sack.length / 2).toBeLessThanOrEqual(stamps ? 3 : 4);
            const list: [number, number][] = [];
            for (let i = 0; i < s.sack.length; i += 2) list.push([s.sack[i]! - 1, s.sack[i + 1]! - 1]);
            const [first] = list;
            const isDuplicate = first !== undefined && (first[0] < next || list.slice(1).some(([l, r]) => l <= first[0] && first[1] <= r));
            if (isDuplicate) {
              // RFC 2883 s4 (1): what it reports came in this segment, and was known.
              expect(duplicate).toBe(true);
              expect(first[0]).toBeGreaterThanOrEqual(at);
              expect(first[1]).toBeLessThanOrEqual(at + size);
              for (let i = first[0]; i < first[1]; i++) expect(known(i)).toBe(true);
              list.shift();
            }
            for (const [left, right] of list) {
              expect(left).toBeGreaterThan(next);
              for (let i = left; i < right; i++) expect(held.has(i)).toBe(true);
              // Whole ranges: what touches a block is in it.
              expect([held.has(left - 1), held.has(right)]).toEqual([false, false]);
            }
            expect(new Set(list.map(([left]) => left)).size).toBe(list.length);
            if (at + size > next && at > next) {
              expect(list[0]![0]).toBeLessThanOrEqual(at);
              expect(list[0]![1]).toBeGreaterThanOrEqual(at + size);
            }
            if (held.size > 0) expect(list.length).toBeGreaterThan(0);
          }
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe("s5: the sender", () => {
  test("s5: blocks are recorded: duplicates are told from repetitions (2018-07)", () => {
    const x = receiver();
    x.write(20 * MSS);
    ack(x, 0, { sack: [1 + MSS, 1 + 3 * MSS] });
    expect([x.tcb.sent.ranges.count, x.tcb.sent.ranges.octets]).toEqual([1, 2 * MSS]);
    ack(x, 2);
    expect(x.tcb.sent.ranges.octets).toBe(MSS);
  });

  test("s8: what was reported is thrown away: once the first that is missing is one of it, nothing is believed (2018-08, 2018-09)", () => {
    const x = receiver();
    x.write(6 * MSS);
    x.take();
    ack(x, 0, { sack: [1 + MSS, 1 + 6 * MSS] });
    expect(sent(x)).toBe("0");
    ack(x, 1); // and not 6: it has thrown away what it reported
    expect([sent(x), x.tcb.sent.sacked]).toEqual(["", 5 * MSS]);
    x.advance(x.tcb.rto);
    expect(sent(x)).toBe("1");
    expect([x.tcb.sent.ranges.count, x.tcb.sent.sacked]).toEqual([0, 0]);
    ack(x, 2);
    ack(x, 3);
    ack(x, 4);
    expect(sent(x)).toBe("2 3 4 5");
    ack(x, 6);
    expect(x.tcb.sendQueue.length).toBe(0);
  });

  test("RFC 6675 s5.1: after a timeout nothing goes again that was reported", () => {
    const x = receiver();
    x.write(10 * MSS);
    x.take();
    ack(x, 0, { sack: [1 + 4 * MSS, 1 + 6 * MSS, 1 + 8 * MSS, 1 + 9 * MSS] });
    expect(sent(x)).toBe("0 1 2");
    x.advance(x.tcb.rto); // all of these were lost too
    expect(sent(x)).toBe("0");
    ack(x, 1, { sack: [1 + 4 * MSS, 1 + 6 * MSS, 1 + 8 * MSS, 1 + 9 * MSS] });
    ack(x, 2, { sack: [1 + 4 * MSS, 1 + 6 * MSS, 1 + 8 * MSS, 1 + 9 * MSS] });
    expect(sent(x)).toBe("1 2 3 6");
  });

  test("s8: nothing leaves the queue before it is acknowledged cumulatively (2018-12)", () => {
    const x = receiver();
    x.write(10 * MSS);
    ack(x, 0, { sack: [1 + MSS, 1 + 10 * MSS] });
    expect(x.tcb.sendQueue.length).toBe(10 * MSS);
  });

  test("s3: blocks that cannot be are ignored (2018-13)", () => {
    const edge = fc.integer({ min: -3_000, max: 30_000 });
    fc.assert(
      fc.property(fc.array(fc.array(fc.tuple(edge, edge), { maxLength: 4 }), { maxLength: 30 }), (acks) => {
        const x = receiver();
        x.write(10 * MSS);
        for (const list of acks) {
          ack(x, 0, { sack: list.flat() });
          const { una, nxt } = x.tcb.snd;
          const sacked = x.tcb.sent.ranges;
          for (let i = 0; i < sacked.count; i++) {
            expect((sacked.left(i) - una) | 0).toBeGreaterThan(0);
            expect((nxt - sacked.right(i)) | 0).toBeGreaterThanOrEqual(0);
          }
          x.take();
        }
        x.advance(100 * SECOND);
        expect(x.state).toBe("ESTABLISHED");
      }),
      { numRuns: 60 },
    );
  });
});

describe("s8: when memory is short", () => {
  test("s8: what is thrown away is not reported any more (2018-11)", () => {
    const small = createMemory({ packets: 64, chunks: 4, chunkSize: 4_096 });
    const x = established({ memory: small, syn: { sackPermitted: true } });
    for (let n = 2; n < 30; n += 2) segment(x, n);
    const last = x.take().at(-1)!;
    for (let i = 0; i < last.sack.length; i += 2) {
      const range = x.tcb.outOfOrder.indexOf((x.irs + last.sack[i]!) as never);
      expect(range).toBeGreaterThanOrEqual(0);
    }
    // And the connection goes on: in order is served first.
    let next = 0;
    for (let round = 0; round < 40 && next < 30; round++) {
      x.inject({ seq: 1 + next * MSS, ack: 1, text: octets(MSS, next) });
      x.read();
      next = ((x.tcb.rcv.nxt - x.tcb.irs - 1) | 0) / MSS;
    }
    expect(next).toBeGreaterThanOrEqual(30);
  });

  test("s8: more ranges than there may be: the newest is dropped, and said not to be here (2018-10; docs/deviations.md, sack-discarded)", () => {
    const x = receiver({ limits: { outOfOrderRanges: 3 } });
    for (const n of [2, 4, 6, 8]) segment(x, n);
    expect(blocks(x)).toBe("6-7 4-5 2-3");
    expect(x.drops.at(-1)).toBe("drop.ofo_limit");
    segment(x, 5);
    expect(blocks(x)).toBe("4-7 2-3");
  });
});

test("s4: the delay of ACKs does not hold blocks back", () => {
  const x = receiver();
  segment(x, 1);
  expect(blocks(x)).toBe("1-2");
  x.advance(200 * MS);
  expect(x.take()).toEqual([]);
});
