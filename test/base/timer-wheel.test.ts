import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { NEVER } from "../../src/base/environment.js";
import { SeededRandom } from "../../src/base/prng.js";
import { TimerWheel } from "../../src/base/timer-wheel.js";

const DAY = 86_400_000_000;

/** A list, searched from end to end. */
class Naive {
  readonly timers = new Map<number, { at: number; order: number }>();
  #order = 0;

  set(id: number, at: number): void {
    this.#order += 1;
    if (at === NEVER) this.timers.delete(id);
    else this.timers.set(id, { at, order: this.#order });
  }

  pop(now: number): number {
    let best = -1;
    for (const [id, timer] of this.timers) {
      if (timer.at > now) continue;
      const other = this.timers.get(best);
      if (other === undefined || timer.at < other.at || (timer.at === other.at && timer.order < other.order)) best = id;
    }
    this.timers.delete(best);
    return best;
  }

  earliest(): number {
    return Math.min(NEVER, ...[...this.timers.values()].map((timer) => timer.at));
  }
}

type Step = { kind: "set" | "cancel" | "pass" | "next"; id: number; by: number };

const spans = fc.oneof(
  fc.nat(3),
  fc.nat(3000),
  fc.nat(300_000),
  fc.nat(100_000_000),
  fc.integer({ min: 0, max: 40 }).map((days) => days * DAY),
  // Around the edges of slots, levels and the whole wheel.
  fc.tuple(fc.integer({ min: 0, max: 42 }), fc.integer({ min: -2, max: 2 })).map(([power, off]) => Math.max(0, 2 ** power + off)),
);
const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom("set", "set", "set", "cancel", "pass", "pass", "next"),
  id: fc.oneof(fc.nat(8), fc.nat(300)),
  by: spans,
});
const origins = fc.oneof(
  fc.constantFrom(0, 1, 1023, 1024, 2 ** 40 - 1, 2 ** 52),
  fc.nat().map((n) => n * 1e6 + 7),
);

describe("TimerWheel", () => {
  test("gives out what a sorted list would, to the microsecond and in the order of arming, whatever is armed, moved and cancelled", () => {
    fc.assert(
      fc.property(origins, fc.array(step, { maxLength: 120 }), (origin, steps) => {
        let now = origin;
        const wheel = new TimerWheel(now);
        const naive = new Naive();
        for (const { kind, id, by } of steps) {
          if (kind === "set") {
            wheel.set(id, now + by);
            naive.set(id, now + by);
          } else if (kind === "cancel") {
            wheel.cancel(id);
            naive.set(id, NEVER);
          } else {
            now += kind === "pass" ? by : 0;
            for (;;) {
              const expected = naive.pop(now);
              expect(wheel.pop(now)).toBe(expected);
              if (expected < 0) break;
              // Callers arm timers between two of them.
              if (expected % 3 === 0) {
                wheel.set(expected + 1, now + (by % 5));
                naive.set(expected + 1, now + (by % 5));
                if (by % 5 === 0) break;
              }
            }
          }
          expect(wheel.size).toBe(naive.timers.size);
          expect(wheel.next()).toBeLessThanOrEqual(naive.earliest());
          expect(wheel.next() === NEVER).toBe(naive.timers.size === 0);
          expect(wheel.deadline(id)).toBe(naive.timers.get(id)?.at ?? NEVER);
        }
      }),
      { numRuns: 1500 },
    );
  });

  test("who sleeps until next() misses nothing and wakes a bounded number of times for nothing", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(50), spans, fc.boolean()), { minLength: 1, maxLength: 60 }), (settings) => {
        const wheel = new TimerWheel(0);
        const naive = new Naive();
        for (const [id, by, cancel] of settings) {
          wheel.set(id, by);
          naive.set(id, by);
          if (cancel) {
            wheel.cancel((id * 7) % 50);
            naive.set((id * 7) % 50, NEVER);
          }
        }
        let idle = 0;
        while (wheel.size > 0) {
          const now = wheel.next();
          const id = wheel.pop(now);
          if (id < 0) {
            idle += 1;
            expect(naive.earliest()).toBeGreaterThan(now);
          } else {
            expect(naive.earliest()).toBe(now);
            expect(naive.pop(now)).toBe(id);
          }
        }
        expect(naive.timers.size).toBe(0);
        // At most once for each time a timer was moved or cancelled.
        expect(idle).toBeLessThanOrEqual(2 * settings.length);
      }),
      { numRuns: 1000 },
    );
  });

  test("a timer nobody has moved wakes its owner once", () => {
    for (const at of [1, 1023, 1024, 65_536, 123_456_789, 30 * DAY + 1, 400 * DAY, 2 ** 52]) {
      const wheel = new TimerWheel(0);
      wheel.set(3, at);
      expect(wheel.next()).toBe(at);
      expect(wheel.pop(at - 1)).toBe(-1);
      expect(wheel.pop(at)).toBe(3);
      expect(wheel.next()).toBe(NEVER);
    }
  });

  test("what is due already is due at once, earliest first", () => {
    const wheel = new TimerWheel(1_000_000);
    wheel.set(0, 999_999);
    wheel.set(1, 5);
    wheel.set(2, 1_000_000);
    wheel.set(3, 5);
    expect(wheel.next()).toBe(5);
    expect([wheel.pop(1_000_000), wheel.pop(1_000_000), wheel.pop(1_000_000), wheel.pop(1_000_000), wheel.pop(1_000_000)]).toEqual([
      1, 3, 0, 2, -1,
    ]);
  });

  test("setting again to the same time arms anew: it goes behind its equals", () => {
    const wheel = new TimerWheel(0);
    for (const id of [4, 5, 6, 4]) wheel.set(id, 777_777);
    expect([wheel.pop(777_777), wheel.pop(777_777), wheel.pop(777_777)]).toEqual([5, 6, 4]);
  });

  test("NEVER, and what is no time, cancel", () => {
    const wheel = new TimerWheel(0);
    wheel.set(1, 10);
    wheel.set(2, 10_000_000);
    wheel.set(1, NEVER);
    wheel.set(2, Number.NaN);
    wheel.set(9, NEVER);
    wheel.cancel(1_000_000);
    expect(wheel.size).toBe(0);
    expect(wheel.next()).toBe(NEVER);
    expect(wheel.deadline(1_000_000)).toBe(NEVER);
  });

  test("time that goes backwards gives out nothing early", () => {
    const wheel = new TimerWheel(10_000_000);
    expect(wheel.pop(20_000_000)).toBe(-1);
    wheel.set(1, 15_000_000);
    expect(wheel.pop(14_999_999)).toBe(-1);
    expect(wheel.pop(15_000_000)).toBe(1);
  });

  describe("costs", () => {
    test("20 000 timers in one slot come out in order for about log n moves each", () => {
      const wheel = new TimerWheel(0);
      const count = 20_000;
      for (let id = 0; id < count; id++) wheel.set(id, 5_000_000 + ((id * 7919) % 100));
      expect(wheel.moves).toBe(0);
      let last = -1;
      for (let i = 0; i < count; i++) {
        const id = wheel.pop(6_000_000);
        const at = (id * 7919) % 100;
        expect(at).toBeGreaterThanOrEqual(last);
        last = at;
      }
      expect(wheel.moves).toBeLessThan(count * 20);
    });

    test("asking for the next deadline with 20 000 in its slot moves nothing", () => {
      const wheel = new TimerWheel(0);
      for (let id = 0; id < 20_000; id++) wheel.set(id, 5_000_000 + id);
      for (let i = 0; i < 1000; i++) expect(wheel.next()).toBe(5_000_000);
      expect(wheel.moves).toBe(0);
    });

    test("moving a timer later with every segment moves it in the wheel only as often as its old deadline passes", () => {
      const wheel = new TimerWheel(0);
      for (let id = 0; id < 100; id++) wheel.set(id, 200_000);
      for (let now = 0; now < 10_000_000; now += 100) {
        wheel.set((now / 100) % 100, now + 200_000);
        if (wheel.pop(now) !== -1) throw new Error(`early at ${now}`);
      }
      // 50 times 200 ms in 10 s, from slot to slot of two levels: 1 000 times for each timer re-armed.
      expect(wheel.moves).toBeLessThan(100 * 50 * 8);
    });

    test("cancelling costs the same from the middle of a crowd", () => {
      const wheel = new TimerWheel(0);
      for (let id = 0; id < 20_000; id++) wheel.set(id, 5_000_000);
      for (let id = 0; id < 20_000; id++) wheel.cancel((id * 7919) % 20_000);
      expect(wheel.moves).toBe(0);
      expect(wheel.size).toBe(0);
      expect(wheel.next()).toBe(NEVER);
    });

    test("a jump over a year moves each timer a few times, not once for each slot on the way", () => {
      const wheel = new TimerWheel(0);
      const random = new SeededRandom(365);
      for (let id = 0; id < 1000; id++) wheel.set(id, random.float() * 365 * DAY);
      let popped = 0;
      while (wheel.pop(366 * DAY) >= 0) popped += 1;
      expect(popped).toBe(1000);
      expect(wheel.moves).toBeLessThan(1000 * 40);
    });
  });

  test("a slot that many share is emptied a part at a time: none is early, none is lost, and next says when to come back", () => {
    const wheel = new TimerWheel(0, 100);
    const random = new SeededRandom(5);
    const COUNT = 5_000;
    const deadlines = new Map<number, number>();
    // All in one slot of 4.2 s.
    for (let id = 0; id < COUNT; id++) deadlines.set(id, 21_000_000 + random.below(4_000_000));
    for (const [id, at] of deadlines) wheel.set(id, at);
    let late = 0;
    for (let now = 20_900_000; deadlines.size > 0; now += 1_000) {
      const before = wheel.moves;
      for (let id = wheel.pop(now); id >= 0; id = wheel.pop(now)) {
        const at = deadlines.get(id)!;
        expect([at <= now, wheel.popped]).toEqual([true, at]);
        late = Math.max(late, now - at);
        deadlines.delete(id);
      }
      // The heap's own moves are as many as its depth for each that is put in or taken out.
      expect(wheel.moves - before).toBeLessThan(100 * 30);
      expect(wheel.next()).toBeLessThanOrEqual(Math.min(NEVER, ...deadlines.values()));
      if (wheel.size === 0) break;
    }
    expect([deadlines.size, wheel.size, wheel.next()]).toEqual([0, 0, NEVER]);
    // Fifty times a hundred, a millisecond apart.
    expect(late).toBeLessThanOrEqual(51_000);
  });

  test("however little is moved at a time, what is armed, moved and cancelled meanwhile comes out once, and never early", () => {
    fc.assert(
      fc.property(origins, fc.array(step, { maxLength: 120 }), (origin, steps) => {
        let now = origin;
        const wheel = new TimerWheel(now, 2);
        const armed = new Map<number, number>();
        const popAll = (): void => {
          for (let id = wheel.pop(now); id >= 0; id = wheel.pop(now)) {
            expect(armed.get(id)).toBe(wheel.popped);
            expect(wheel.popped).toBeLessThanOrEqual(now);
            armed.delete(id);
          }
        };
        for (const { kind, id, by } of steps) {
          if (kind === "set") {
            wheel.set(id, now + by);
            armed.set(id, now + by);
          } else if (kind === "cancel") {
            wheel.cancel(id);
            armed.delete(id);
          } else {
            now += kind === "pass" ? by : 0;
            popAll();
            expect(wheel.next()).toBeLessThanOrEqual(Math.min(NEVER, ...armed.values()));
          }
          expect(wheel.size).toBe(armed.size);
        }
        // The rest, by going where `next` says, or a little on while that is past.
        for (let turn = 0; armed.size > 0 && turn < 5_000; turn++) {
          now = Math.max(now + 1, wheel.next());
          popAll();
        }
        expect(armed.size).toBe(0);
      }),
    );
  });
});
