import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SeededRandom } from "../../src/base/prng.js";
import { SipKey, sipHash24 } from "../../src/base/siphash.js";
import { ipFromInt } from "../../src/ip/address.js";
import { Demux, Form } from "../../src/tcp/demux.js";

/** Few values, so that tuples meet. */
const tuple = fc.record({
  local: fc.constantFrom(0x0a00_0001, 0x0a00_0002, -1),
  localPort: fc.constantFrom(1, 80, 65_535),
  remote: fc.integer({ min: 0, max: 3 }),
  remotePort: fc.integer({ min: 1, max: 4 }),
});
type Tuple = typeof tuple extends fc.Arbitrary<infer T> ? T : never;
const keyOf = (t: Tuple): string => `${t.local} ${t.localPort} ${t.remote} ${t.remotePort}`;
const find = (demux: Demux, t: Tuple): number => demux.find(ipFromInt(t.local), t.localPort, ipFromInt(t.remote), t.remotePort);

describe("s3.10.7: the table of connections", () => {
  test("s3.10.7: it agrees with a Map, and dead handles name nothing", () => {
    const step = fc.oneof(
      fc.record({ open: tuple }),
      fc.record({ close: tuple }),
      fc.record({ leave: tuple }),
      fc.record({ find: tuple }),
      fc.record({ events: tuple, bits: fc.integer({ min: 0, max: 1_023 }) }),
    );
    fc.assert(
      fc.property(fc.integer(), fc.array(step, { maxLength: 300 }), (seed, steps) => {
        const demux = new Demux(new SeededRandom(seed), 30);
        const model = new Map<string, { handle: number; events: number }>();
        const left: number[] = [];
        const dead: number[] = [];
        for (const s of steps) {
          if ("open" in s) {
            const key = keyOf(s.open);
            if (model.has(key)) continue;
            const handle = demux.allocate(Form.Live);
            expect(handle === 0).toBe(model.size + left.length >= 30);
            if (handle === 0) continue;
            const slot = demux.slot(handle);
            demux.enter(slot, ipFromInt(s.open.local), s.open.localPort, ipFromInt(s.open.remote), s.open.remotePort);
            demux.place(slot, Form.Row, handle & 0xff);
            model.set(key, { handle, events: 0 });
          } else if ("close" in s) {
            const entry = model.get(keyOf(s.close));
            if (entry === undefined) continue;
            const slot = demux.slot(entry.handle);
            demux.leave(slot);
            demux.free(slot);
            model.delete(keyOf(s.close));
            dead.push(entry.handle);
          } else if ("leave" in s) {
            // Closed, and not yet let go by the application.
            const entry = model.get(keyOf(s.leave));
            if (entry === undefined || left.length > 5) continue;
            demux.leave(demux.slot(entry.handle));
            model.delete(keyOf(s.leave));
            left.push(entry.handle);
          } else if ("events" in s) {
            const entry = model.get(keyOf(s.events));
            if (entry === undefined) continue;
            const slot = demux.slot(entry.handle);
            if (s.bits === 0) demux.clearEvents(slot);
            else expect(demux.addEvents(slot, s.bits)).toBe(entry.events === 0);
            entry.events = s.bits === 0 ? 0 : entry.events | s.bits;
          } else {
            const entry = model.get(keyOf(s.find));
            expect(find(demux, s.find)).toBe(entry === undefined ? 0 : demux.slot(entry.handle));
          }
        }
        expect(demux.used).toBe(model.size + left.length);
        for (const [key, { handle, events }] of model) {
          const [local, localPort, remote, remotePort] = key.split(" ").map(Number) as [number, number, number, number];
          const slot = find(demux, { local: local as never, localPort: localPort as never, remote, remotePort });
          expect(demux.handleOf(slot)).toBe(handle);
          expect(demux.events(slot)).toBe(events);
          expect(demux.form(slot)).toBe(Form.Row);
          expect(demux.where(slot)).toBe(handle & 0xff);
          expect([demux.local(slot), demux.localPort(slot), demux.remote(slot), demux.remotePort(slot)]).toEqual([
            local,
            localPort,
            remote,
            remotePort,
          ]);
        }
        for (const handle of left) expect(demux.slot(handle)).not.toBe(0);
        const alive = new Set([...left, ...[...model.values()].map((entry) => entry.handle)]);
        for (const handle of dead) if (!alive.has(handle)) expect(demux.slot(handle)).toBe(0);
        expect(demux.slot(0)).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  test("s3.10.7: fifty thousand connections come and go, and each is found (S-100)", () => {
    const demux = new Demux(new SeededRandom(1), 100_000);
    const handles: number[] = [];
    for (let i = 0; i < 50_000; i++) {
      const handle = demux.allocate(Form.Live);
      handles.push(handle);
      demux.enter(demux.slot(handle), ipFromInt(1), 80, ipFromInt(i), i & 0xffff);
    }
    for (let i = 0; i < 50_000; i += 2) {
      const slot = demux.slot(handles[i]!);
      demux.leave(slot);
      demux.free(slot);
    }
    for (let i = 0; i < 50_000; i++) expect(demux.find(ipFromInt(1), 80, ipFromInt(i), i & 0xffff) !== 0).toBe(i % 2 === 1);
    expect(demux.used).toBe(25_000);
    const again = demux.allocate(Form.Live);
    expect(handles).not.toContain(again);
  });

  test("a handle comes back only after its slot was used 128 times, and slots wait in line for it", () => {
    const demux = new Demux(new SeededRandom(1), 10_000);
    const seen = new Set<number>();
    for (let i = 0; i < 100_000; i++) {
      const handle = demux.allocate(Form.Live);
      expect(seen.has(handle)).toBe(false);
      seen.add(handle);
      demux.free(demux.slot(handle));
    }
  });

  test("a table that is full says so, and has room again", () => {
    const demux = new Demux(new SeededRandom(1), 5);
    const handles = Array.from({ length: 5 }, () => demux.allocate(Form.Live));
    expect(new Set(handles).size).toBe(5);
    expect(demux.allocate(Form.Live)).toBe(0);
    demux.free(demux.slot(handles[2]!));
    expect(demux.allocate(Form.Listener)).not.toBe(0);
    expect(demux.allocate(Form.Live)).toBe(0);
  });

  test("RFC 6056 s3.3 in spirit: tuples that collide under one key do not under another (S-092, I-21)", () => {
    const bucket = (key: SipKey, i: number): number => sipHash24(key, 1, i, (80 << 16) | (i & 0xffff), 0) & 1_023;
    const [theirs, ours] = [new SipKey(new SeededRandom(1)), new SipKey(new SeededRandom(2))];
    const chosen: number[] = [];
    for (let i = 0; chosen.length < 1_000; i++) if (bucket(theirs, i) === 7) chosen.push(i);
    const counts = new Map<number, number>();
    for (const i of chosen) counts.set(bucket(ours, i), (counts.get(bucket(ours, i)) ?? 0) + 1);
    expect(Math.max(...counts.values())).toBeLessThanOrEqual(8); // a thousand in 1024 places at random: eight is once in 10^4
  });
});
