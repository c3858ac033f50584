import fc from "fast-check";
import { arbitraries, attachProbe, controllerSuite, packetScript, profiles, runWorld, Witness } from "onwire/testing";
import { describe, expect, test } from "vitest";
import { Gentle } from "../examples/gentle-controller.js";

// What every congestion controller must do, whoever wrote it.
controllerSuite({ describe, test, expect, fc }, "gentle", () => new Gentle());

const stack = { congestionControllers: { gentle: () => new Gentle() }, congestionControl: "gentle" };

test("whatever applications and network do, TCP stays legal with it", () => {
  const { world } = arbitraries(fc);
  fc.assert(
    fc.property(world, (plan) => {
      const witnesses: Witness[] = [];
      const { violations } = runWorld(plan, {
        stack,
        attach: (host) => {
          const policy = profiles[plan.hosts[witnesses.length]!.profile]!.tcp;
          const witness = new Witness(host.tcp, policy);
          attachProbe(host, witness.probe);
          witnesses.push(witness);
        },
      });
      expect(violations).toEqual([]);
      for (const { breaches, log } of witnesses)
        if (breaches.length > 0) throw new Error(`${breaches[0]}\n${packetScript(log, log[0]!.connection)}`);
    }),
    { numRuns: 25 },
  );
});
