import { describe, expect, test } from "vitest";
import { FramePool } from "../../src/sim/frame-pool.js";
import { MemoryShelf, runWorld } from "../../src/sim/run-world.js";
import type { Violation } from "../../src/sim/violations.js";
import { planWorld } from "../../src/sim/world-plan.js";

/** Seeds of worlds that once broke an invariant. */
const past = [3, 10, 33, 88, 94, 101, 106, 140, 227, 285, 331, 347, 518, 628, 917, 1038, 1134, 1325];

const shelf = new MemoryShelf();
const frames = new FramePool();
const show = (seed: number, violations: readonly Violation[]): string[] =>
  violations.map(
    (v) => `seed ${seed}: ${v.id} ${v.host} t=${v.at} ${v.text.slice(0, 300)} (npm run campaign -- --worlds 1 --seed ${seed})`,
  );

describe("random worlds", () => {
  test("seeds that once failed break no invariant", () => {
    for (const seed of past) expect(show(seed, runWorld(planWorld(seed), { shelf, frames }).violations)).toEqual([]);
  });

  // In parts, so that a failure names its hundred.
  test.each([20_001, 20_101, 20_201])("worlds from seed %i on break no invariant (I-01 to I-24)", (first) => {
    const broken: string[] = [];
    for (let seed = first; seed < first + 100; seed++) broken.push(...show(seed, runWorld(planWorld(seed), { shelf, frames }).violations));
    expect(broken).toEqual([]);
  });

  test("the same seed is the same world, to the octet and the microsecond (I-20)", () => {
    for (let seed = 30_001; seed <= 30_020; seed++) {
      const plan = planWorld(seed);
      const [one, two] = [runWorld(plan, { shelf, hash: true }), runWorld(plan, { hash: true })];
      expect(two.digest).toBe(one.digest);
      expect(two.events).toBe(one.events);
    }
  });

  test("the random worlds are worth their while: all kinds of connections, all kinds of ends", () => {
    const kinds = new Set<string>();
    const outcomes = new Set<string>();
    for (let seed = 20_001; seed <= 20_100; seed++) {
      const plan = planWorld(seed);
      for (const flow of plan.flows) kinds.add(flow.kind);
      for (const outcome of Object.keys(runWorld(plan, { shelf, frames }).outcomes)) outcomes.add(outcome);
    }
    expect(kinds.size).toBeGreaterThanOrEqual(15);
    for (const outcome of ["closed", "aborted", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT"]) expect(outcomes).toContain(outcome);
  });
});
