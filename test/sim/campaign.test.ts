import { describe, expect, test } from "vitest";
import { FramePool } from "../../src/sim/frame-pool.js";
import { MemoryShelf } from "../../src/sim/memory-shelf.js";
import { runWorld } from "../../src/sim/run-world.js";
import { planWorld } from "../../src/sim/world-plan.js";

/** Seeds of worlds that a defect once broke, by the defect. A change of `world-plan.ts` makes other worlds of them. */
const past: Readonly<Record<string, readonly number[]>> = {
  "no keep-alive in FIN-WAIT-2": [10, 22, 36],
  "a window that counted from the wrong ACK": [166, 321, 351, 447],
  "TIME-WAIT gave way to an old SYN": [197, 212, 264, 518],
  "a forged segment of any age acknowledged what was lost": [150, 5_566],
};

/** Long enough for a busy machine. */
const TIMEOUT = 120_000;

const shelf = new MemoryShelf();
const frames = new FramePool();
const kinds = new Set<string>();
const outcomes = new Set<string>();

/** Runs the world of a seed; what it broke, each with the way to see it again. */
function broken(seed: number): string[] {
  const plan = planWorld(seed);
  const { violations, outcomes: ends } = runWorld(plan, { shelf, frames });
  for (const flow of plan.flows) kinds.add(flow.kind);
  for (const outcome of Object.keys(ends)) outcomes.add(outcome);
  return violations.map(
    (v) => `seed ${seed}: ${v.id} ${v.host} t=${v.at} ${v.text.slice(0, 300)} (npm run campaign -- --worlds 1 --seed ${seed})`,
  );
}

describe("random worlds", () => {
  test.each(Object.entries(past))("%s: the seeds that found it break no invariant", { timeout: TIMEOUT }, (_defect, seeds) => {
    expect(seeds.flatMap(broken)).toEqual([]);
  });

  // In parts, so that a failure names its fifty.
  test.each([20_001, 20_051, 20_101, 20_151, 20_201, 20_251])(
    "worlds from seed %i on break no invariant (I-01 to I-24)",
    { timeout: TIMEOUT },
    (first) => {
      expect(Array.from({ length: 50 }, (_, i) => broken(first + i)).flat()).toEqual([]);
    },
  );

  test("these worlds are worth their while: all kinds of connections, all kinds of ends", () => {
    expect(kinds.size).toBeGreaterThanOrEqual(18);
    for (const outcome of ["closed", "aborted", "vanished", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "EHOSTUNREACH"])
      expect(outcomes).toContain(outcome);
  });

  test("the same seed is the same world, to the octet and the microsecond (I-20)", { timeout: TIMEOUT }, () => {
    for (let seed = 30_001; seed <= 30_015; seed++) {
      const plan = planWorld(seed);
      const [one, two] = [runWorld(plan, { shelf, hash: true }), runWorld(plan, { hash: true })];
      expect(two.digest).toBe(one.digest);
      expect(two.events).toBe(one.events);
    }
  });
});
