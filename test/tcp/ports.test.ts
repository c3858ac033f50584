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

test("RFC 6056 s3.3: with all ports but a few taken a port costs one look, and with none free none; others are not touched (S-094)", () => {
  const ports = new EphemeralPorts(new SeededRandom(1));
  const [us, them] = [ipFromInt(1), ipFromInt(2)];
  const open = new Set<number>();
  let asked = 0;
  const choose = (remote = them): number =>
    ports.choose(us, remote, 80, (port) => {
      asked += 1;
      return remote !== them || open.has(port);
    });
  expect([choose(), asked <= 64_512 + 256]).toEqual([0, true]);
  asked = 0;
  for (let i = 0; i < 1_000; i++) expect(choose()).toBe(0);
  expect(asked).toBe(0);
  expect(choose(ipFromInt(3))).toBeGreaterThan(0);
  expect(asked).toBe(1);
  for (let i = 0; i < 1_000; i++) {
    const port = 1_024 + ((i * 7_919) % 64_512);
    open.add(port);
    ports.left(us, port, them, 80);
    expect(choose()).toBe(port);
    open.delete(port);
  }
  expect(asked).toBe(1_001);
});

test("RFC 6056 s3.3: a listener's port is free towards everybody when the listener has ended", () => {
  const ports = new EphemeralPorts(new SeededRandom(1));
  let listening = true;
  const choose = (): number => ports.choose(ipFromInt(1), ipFromInt(2), 80, (port) => port === 5_000 && !listening);
  expect(choose()).toBe(0);
  listening = false;
  ports.forget();
  expect(choose()).toBe(5_000);
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
