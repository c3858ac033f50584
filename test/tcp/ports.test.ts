import fc from "fast-check";
import { expect, test } from "vitest";
import { SeededRandom } from "../../src/base/prng.js";
import { ipFromInt } from "../../src/ip/address.js";
import { EphemeralPorts } from "../../src/tcp/ports.js";

test("RFC 6056 s3.3.4: whatever is taken, a free port of 1024 to 65535 is found if there is one", () => {
  fc.assert(
    fc.property(
      fc.integer(),
      fc.integer(),
      fc.uniqueArray(fc.integer({ min: 1_024, max: 65_535 }), { maxLength: 20 }),
      (seed, remote, free) => {
        const ports = new EphemeralPorts(new SeededRandom(seed));
        const open = new Set(free);
        const given: number[] = [];
        for (let i = 0; i < free.length; i++) {
          const port = ports.choose(ipFromInt(1), ipFromInt(remote), 80, (candidate) => open.has(candidate));
          expect(open.delete(port)).toBe(true);
          given.push(port);
        }
        expect(ports.choose(ipFromInt(1), ipFromInt(remote), 80, (candidate) => open.has(candidate))).toBe(0);
        expect(given.sort()).toEqual([...free].sort());
      },
    ),
    { numRuns: 25 },
  );
});

test("RFC 6056 s3.3: a destination to which no port is free costs one search until something ends; others are not touched (S-094)", () => {
  const ports = new EphemeralPorts(new SeededRandom(1));
  let asked = 0;
  const choose = (remote: number, departures: number, free: boolean): number =>
    ports.choose(
      ipFromInt(1),
      ipFromInt(remote),
      80,
      () => {
        asked += 1;
        return free;
      },
      departures,
    );
  expect([choose(2, 7, false), asked]).toEqual([0, 64_512]);
  for (let i = 0; i < 1_000; i++) expect(choose(2, 7, true)).toBe(0);
  expect(asked).toBe(64_512);
  expect(choose(3, 7, true)).toBeGreaterThan(0);
  expect([choose(2, 8, true) > 0, asked]).toEqual([true, 64_514]);
});

test("RFC 6056 s3.3.4: each destination has its own place to begin, and a seed makes a run", () => {
  const first = (seed: number): number[] => {
    const ports = new EphemeralPorts(new SeededRandom(seed));
    return Array.from({ length: 50 }, (_, i) => ports.choose(ipFromInt(1), ipFromInt(i), 80, () => true));
  };
  expect(first(1)).toEqual(first(1));
  expect(first(1)).not.toEqual(first(2));
  expect(new Set(first(1)).size).toBeGreaterThan(45);
});
