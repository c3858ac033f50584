/** Windows by the memory that segments take, policy `countsMemory`: RFC 9293 s3.8.6. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import type { Exchange } from "./exchange.js";
import { established, MS } from "./flow.js";

const memory = createMemory({ packets: 64, chunks: 4_096, chunkSize: 4_096 });
const counting = (policy: object = {}, connection: Record<string, unknown> = {}): Exchange =>
  established({ memory, connection, policy: { ackRule: "adaptive", countsMemory: true, ...policy } });

const held = (x: Exchange): number => x.tcb.rcv.memory!.held;

describe("s3.8.6: memory that is counted", () => {
  test("a segment takes a piece of memory, which comes back when all of its text is read", () => {
    const x = counting();
    const costs: number[] = [];
    let next = 1;
    for (const text of [1_000, 1_400]) {
      x.inject({ seq: next, ack: 1, text });
      next += text;
      costs.push(held(x));
    }
    expect(costs).toEqual([2_304, 4_608]);
    x.read(999);
    expect(held(x)).toBe(4_608);
    x.read(1);
    expect(held(x)).toBe(2_304);
    x.read();
    expect(held(x)).toBe(0);
  });

  test("small text fits behind what is there", () => {
    const x = counting();
    x.inject({ seq: 1, ack: 1, text: 1_000 });
    x.inject({ seq: 1_001, ack: 1, text: 100 });
    expect(held(x)).toBe(2_304);
  });

  test("what is ahead counts, once, and still does when it is in order", () => {
    const x = counting();
    x.inject({ seq: 1_001, ack: 1, text: 1_000 });
    x.inject({ seq: 1_001, ack: 1, text: 1_000 });
    expect(held(x)).toBe(2_304);
    x.inject({ seq: 1, ack: 1, text: 1_000 });
    expect(held(x)).toBe(4_608);
    x.read();
    expect(held(x)).toBe(0);
  });

  test("where there is none, text is dropped and the window closed, until something is read", () => {
    const x = counting({}, { receiveBuffer: 20_000 });
    let next = 1;
    for (let i = 0; i < 12; i++) {
      x.inject({ seq: next, ack: 1, text: 100 + 500 * (i & 1) });
      next = (x.tcb.rcv.nxt - x.tcb.irs) | 0;
    }
    for (let i = 0; i < 20; i++) x.inject({ seq: next + 700 * (i + 1), ack: 1, text: 600 });
    expect(held(x)).toBeLessThanOrEqual(20_000 + 2_304);
    x.take();
    x.read();
    x.inject({ seq: next, ack: 1, text: 600 });
    expect((x.tcb.rcv.nxt - x.tcb.irs) | 0).toBeGreaterThan(next);
  });

  test("s3.8.6: whatever comes and is read, the sum is right and the right edge retreats only where policy lets it (9293-SHLD-14)", () => {
    const step = fc.record({ size: fc.integer({ min: 1, max: 1_460 }), gap: fc.nat(4), read: fc.nat(6_000), wait: fc.nat(60) });
    fc.assert(
      fc.property(
        fc.boolean(),
        fc.constantFrom(0, 4_608, 20_000, 200_000),
        fc.array(step, { maxLength: 60 }),
        (windowShrinks, size, steps) => {
          const x = counting({ windowShrinks }, size === 0 ? {} : { receiveBuffer: size });
          const counts = x.tcb.rcv.memory!;
          const refusals: boolean[] = [];
          let right = (x.tcb.rcv.adv - x.tcb.irs) | 0;
          for (const { size: text, gap, read, wait } of steps) {
            x.inject({ seq: ((x.tcb.rcv.nxt - x.tcb.irs) | 0) + (gap === 4 ? 1_460 : 0), ack: 1, text });
            x.read(read);
            x.advance(wait * MS);
            const now = (x.tcb.rcv.adv - x.tcb.irs) | 0;
            const closed = counts.offered === 0;
            refusals.push(closed);
            if (!windowShrinks && !closed) expect(now).toBeGreaterThanOrEqual(refusals.includes(true) ? 0 : right);
            right = now;
            const sum = [...counts.queue, ...counts.ahead].reduce((octets, one) => octets + one.cost, 0);
            expect(counts.held).toBe(sum);
          }
          x.read();
          if (x.tcb.outOfOrder.count === 0) expect(counts.held).toBe(0);
        },
      ),
      { numRuns: 100 },
    );
  });
});
