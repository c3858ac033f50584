import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SeededRandom } from "../../src/base/prng.js";
import { TokenBucket } from "../../src/base/token-bucket.js";

describe("TokenBucket", () => {
  test("RFC 1812 s4.3.2.8: exactly the burst and the rate", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1000 }),
        fc.integer({ min: 1, max: 50 }),
        fc.array(fc.oneof(fc.nat(2000), fc.nat(2_000_000))),
        (rate, burst, gaps) => {
          let now = 5e15;
          const bucket = new TokenBucket(rate, burst, now);
          let millionths = BigInt(burst) * 1_000_000n;
          for (const gap of gaps) {
            now += gap;
            millionths += BigInt(gap) * BigInt(rate);
            if (millionths > BigInt(burst) * 1_000_000n) millionths = BigInt(burst) * 1_000_000n;
            const expected = millionths >= 1_000_000n;
            if (expected) millionths -= 1_000_000n;
            expect(bucket.take(now)).toBe(expected);
          }
        },
      ),
    );
  });

  test("saves up the burst and no more", () => {
    const bucket = new TokenBucket(10, 3, 0);
    const drain = (now: number): number => {
      let taken = 0;
      while (bucket.take(now)) taken += 1;
      return taken;
    };
    expect(drain(0)).toBe(3);
    expect(drain(99_999)).toBe(0);
    expect(drain(100_000)).toBe(1);
    expect(drain(100_000_000)).toBe(3);
    expect(drain(50_000_000)).toBe(0);
  });

  test("RFC 5961 s7: with chance, each second's budget is its own, and the mean is the rate", () => {
    const bucket = new TokenBucket(100, 0, 0, new SeededRandom(5961));
    const budgets: number[] = [];
    for (let second = 0; second < 2000; second++) {
      let taken = 0;
      while (bucket.take(second * 1_000_000 + taken)) taken += 1;
      budgets.push(taken);
    }
    expect(Math.min(...budgets)).toBeGreaterThanOrEqual(50);
    expect(Math.max(...budgets)).toBeLessThanOrEqual(150);
    expect(new Set(budgets).size).toBeGreaterThan(80);
    const mean = budgets.reduce((a, b) => a + b) / budgets.length;
    expect(Math.abs(mean - 100)).toBeLessThan(3);
  });
});
