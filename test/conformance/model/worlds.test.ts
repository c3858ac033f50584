/** Two stacks, each with the model beside it: drawn applications over drawn networks, sometimes with an intruder. Every segment that leaves is
 *  legal, and every state is one that the model allows. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { arbitraries } from "../../../src/conformance/arbitraries.js";
import { Witness } from "../../../src/conformance/model/witness.js";
import { attachProbe } from "../../../src/inspect/probes.js";
import { FramePool } from "../../../src/sim/frame-pool.js";
import { MemoryShelf } from "../../../src/sim/memory-shelf.js";
import { runWorld } from "../../../src/sim/run-world.js";
import type { WorldPlan } from "../../../src/sim/world-plan.js";
import { profiles } from "../../../src/stack/profile.js";
import { expectLegal, type Seen } from "./legal.js";

const shelf = new MemoryShelf();
const frames = new FramePool();

/** `timeWait`: what the model believes 2 MSL to be, if not the profile's. */
function play(plan: WorldPlan, timeWait?: number): Seen {
  const witnesses: Witness[] = [];
  const result = runWorld(plan, {
    shelf,
    frames,
    attach: (stack) => {
      const policy = profiles[plan.hosts[witnesses.length]!.profile]!.tcp;
      const witness = new Witness(stack.tcp, { ...policy, timeWait: timeWait ?? policy.timeWait });
      witnesses.push(witness);
      attachProbe(stack, witness.probe);
    },
  });
  const broken = witnesses.find((witness) => witness.breaches.length > 0) ?? witnesses[0]!;
  return { breaches: [...broken.breaches, ...result.violations.map(({ id, text }) => `${id} ${text}`)], log: broken.log };
}

describe("worlds in lockstep with the model", () => {
  const { world } = arbitraries(fc);

  test("s3.10: whatever the applications and the network do, segments and states are legal (9293-U05, U06, U11, U13, I-14, I-15)", () => {
    expectLegal("worlds", world, 250, (plan) => play(plan));
  });

  test("a breach shrinks to a minimal schedule, printed as a packet script with seed and capture", () => {
    let told = "";
    try {
      // A model that believes in a longer TIME-WAIT than the stack's.
      expectLegal("planted", world, 200, (plan) => play(plan, 3_600_000_000));
    } catch (error) {
      told = (error as Error).message;
    }
    expect(told).toContain("timeWait: it left after");
    expect(told).toMatch(/SEED=\d+ path [\d:]+/);
    expect(told).toMatch(/connect\(3, \.\.\., \.\.\.\)|listen\(3, 1\)/);
    expect(told).toMatch(/\+0\.\d{6} [<>] F\. /);
    expect(told).toContain("capture: ");
    // Nothing was written and nothing lost: the shortest way to TIME-WAIT.
    expect(told.match(/write\(/g)?.length ?? 0).toBe(0);
  });
});
