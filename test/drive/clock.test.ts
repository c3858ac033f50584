import { expect, test } from "vitest";
import { cryptoRandom, monotonicMicros } from "../../src/drive/clock.js";

test("the clock is an integer and never runs backwards", () => {
  let last = monotonicMicros();
  for (let i = 0; i < 10_000; i++) {
    const now = monotonicMicros();
    expect(Number.isSafeInteger(now) && now >= last).toBe(true);
    last = now;
  }
});

test("random words are int32, differ, and use all their bits", () => {
  const seen = new Set<number>();
  let or = 0;
  let and = -1;
  for (let i = 0; i < 5000; i++) {
    const word = cryptoRandom.int32();
    expect(word | 0).toBe(word);
    seen.add(word);
    or |= word;
    and &= word;
  }
  // 5 000 draws of 2^32 collide twice or more with probability below 10^-4.
  expect(seen.size).toBeGreaterThan(4997);
  expect([or, and]).toEqual([-1, 0]);
});
