import { describe, expect, test } from "vitest";
import { randomBelow } from "../../src/base/environment.js";
import { SeededRandom } from "../../src/base/prng.js";

const take = (random: SeededRandom, count: number): number[] => Array.from({ length: count }, () => random.int32());

describe("SeededRandom", () => {
  test("the same seed gives the same numbers, in every engine and release", () => {
    expect(take(new SeededRandom(1), 4)).toEqual(take(new SeededRandom(1), 4));
    expect(take(new SeededRandom(1), 4)).toEqual([-1852823138, -1056867545, -475049425, 2104621829]);
  });

  test("neighbouring seeds, great ones and negative ones give other numbers", () => {
    const seeds = [0, 1, 2, 3, -1, -2, 2 ** 31, 2 ** 32, 2 ** 32 + 1, 2 ** 33, 2 ** 52, 2 ** 53 - 1];
    const firsts = seeds.map((seed) => take(new SeededRandom(seed), 2).join());
    expect(new Set(firsts).size).toBe(seeds.length);
  });

  test("numbers are signed int32, and every bit is set about half the time", () => {
    const numbers = take(new SeededRandom(7), 20_000);
    for (const n of numbers) if (n !== (n | 0)) throw new Error(`${n} is no int32`);
    for (let bit = 0; bit < 32; bit++) {
      const ones = numbers.filter((n) => ((n >>> bit) & 1) === 1).length;
      expect(Math.abs(ones - 10_000)).toBeLessThan(400);
    }
    expect(new Set(numbers).size).toBeGreaterThan(19_990);
  });

  test("below and float stay in their bounds and reach all of them", () => {
    const random = new SeededRandom(8);
    const seen = new Set<number>();
    for (let i = 0; i < 2000; i++) {
      seen.add(random.below(7));
      const f = random.float();
      expect(f >= 0 && f < 1).toBe(true);
      expect(randomBelow(random, 3)).toBeLessThan(3);
    }
    expect([...seen].sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  test("a fork goes its own way: what its parent gives later does not change it", () => {
    const parent = new SeededRandom(9);
    const fork = parent.fork();
    take(parent, 100);
    const other = new SeededRandom(9);
    const same = other.fork();
    expect(take(fork, 5)).toEqual(take(same, 5));
    expect(take(other.fork(), 5)).not.toEqual(take(parent.fork(), 5));
  });
});
