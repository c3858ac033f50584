/** RFC 6528: initial sequence numbers. */
import { expect, test } from "vitest";
import { SECOND } from "../../src/base/environment.js";
import { createMemory } from "../../src/base/memory.js";
import { SeededRandom } from "../../src/base/prng.js";
import { ipFromInt } from "../../src/ip/address.js";
import { Secrets } from "../../src/tcp/isn.js";
import { Exchange, THEM, US } from "../tcp/exchange.js";

const memory = createMemory({ packets: 64, chunks: 64 });

test("s3: ISN = M + F(4-tuple, key): for one 4-tuple it runs with a clock of 4 µs (6528-01, MUST-8, SHLD-1)", () => {
  const secrets = new Secrets(new SeededRandom(1));
  const at = (now: number): number => secrets.isn(US, 80, THEM, 5_000, now);
  for (const start of [0, 7, 1_000_000_000, 2 ** 34 - 10, 2 ** 45]) {
    expect((at(start + 4) - at(start)) | 0).toBe(1);
    expect((at(start + SECOND) - at(start)) | 0).toBe(250_000);
    expect((at(start + 4 * 2 ** 32) - at(start)) | 0).toBe(0); // 4.77 hours: a whole turn
  }
  const isns: number[] = [];
  for (const now of [1_000_000_000, 1_003_000_000]) {
    const x = new Exchange({ memory, now });
    x.connect();
    isns.push(x.iss!);
  }
  expect((isns[1]! - isns[0]!) | 0).toBe(750_000);
});

test("s3: each part of the 4-tuple and the key changes F (6528-01, 6528-03)", () => {
  const values = new Set<number>();
  for (let seed = 0; seed < 3; seed++) {
    const secrets = new Secrets(new SeededRandom(seed));
    values.add(secrets.isn(US, 80, THEM, 5_000, 0));
    values.add(secrets.isn(US, 81, THEM, 5_000, 0));
    values.add(secrets.isn(US, 80, THEM, 5_001, 0));
    values.add(secrets.isn(THEM, 80, US, 5_000, 0));
    values.add(secrets.isn(US, 80, ipFromInt(THEM + 1), 5_000, 0));
  }
  expect(values.size).toBe(15);
});

/** Chi-square of `values` by their upper six bits: 63 degrees of freedom. */
const spread = (values: Int32Array): number => {
  const classes = new Array<number>(64).fill(0);
  for (const value of values) classes[value >>> 26]! += 1;
  const expected = values.length / 64;
  return classes.reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0);
};

test("s3: over other 4-tuples ISNs, and their differences of first and second order, are as good as random (6528-02, MUST-9, S-096)", () => {
  const secrets = new Secrets(new SeededRandom(9));
  const count = 60_000;
  const isns = Int32Array.from({ length: count }, (_, i) => secrets.isn(US, 80, THEM, i, 1_000_000_000 + i * 50));
  const first = Int32Array.from({ length: count - 1 }, (_, i) => isns[i + 1]! - isns[i]!);
  const second = Int32Array.from({ length: count - 2 }, (_, i) => first[i + 1]! - first[i]!);
  for (const series of [isns, first, second]) expect(spread(series)).toBeLessThan(120); // exceeded once in 50 000
  expect(new Set(first).size).toBeGreaterThan(count * 0.999);
});

test("s3, RFC 7323 s7.1: nothing else that leaves uses the key of the ISN (6528-02, S-098, I-21)", () => {
  const secrets = new Secrets(new SeededRandom(4));
  const isn = new Set<number>();
  const others = new Set<number>();
  for (let port = 1; port <= 2_000; port++) {
    isn.add(secrets.isn(US, 80, THEM, port, 0));
    others.add(secrets.timestampOffset(US, 80, THEM, port));
    others.add(secrets.cookie(US, 80, THEM, port, 0 as never, 5, 3, 0));
  }
  expect([...others].filter((value) => isn.has(value)).length).toBeLessThanOrEqual(1);
  expect(secrets.timestampOffset(US, 80, THEM, 1)).toBe(secrets.timestampOffset(US, 80, THEM, 1)); // so that incarnations go on rising
});

test("s3, s4: the keys come from the randomness that was handed in, 128 bits each (6528-03, 6528-04)", () => {
  let drawn = 0;
  const random = new SeededRandom(1);
  const counting = {
    int32: (): number => {
      drawn += 1;
      return random.int32();
    },
  };
  new Secrets(counting as never);
  expect(drawn).toBe(12); // three keys of four words
});
