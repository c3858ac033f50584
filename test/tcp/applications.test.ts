import fc from "fast-check";
import { expect, test } from "vitest";
import { Applications } from "../../src/tcp/applications.js";
import type { Application } from "../../src/tcp/events.js";

test("s3.9.1: each slot has the application that it was given last (property)", () => {
  const some: Application[] = Array.from({ length: 5 }, () => ({ onEvents: () => undefined }));
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(100), fc.nat(5)), { maxLength: 300 }), (steps) => {
      const applications = new Applications();
      const model = new Map<number, Application | null>();
      for (const [slot, which] of steps) {
        const application = some[which] ?? null;
        applications.set(slot, application);
        model.set(slot, application);
        for (const [each, expected] of model) expect(applications.at(each)).toBe(expected);
      }
      expect(applications.at(100_000)).toBe(null);
    }),
  );
});
