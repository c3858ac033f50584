/** What every congestion controller must do, whoever wrote it: run it on yours (docs/congestion.md, docs/testing.md). */
import type fc from "fast-check";
import { SeededRandom } from "../base/prng.js";
import { whyEntry } from "../base/why-registry.js";
import {
  AckSample,
  CONTROLLER_WORDS,
  type CongestionController,
  type CongestionPolicy,
  type ControllerFactory,
  initialWindow,
  NO_THRESHOLD,
  Signal,
} from "../tcp/congestion/controller.js";

const POLICY: CongestionPolicy = { initialWindow: "rfc6928", alternativeBackoff: false };

type Step =
  | { readonly kind: "acks"; readonly n: number; readonly size: number; readonly gap: number; readonly limited: boolean }
  | { readonly kind: "loss" | "mark" | "timeout" | "again" | "undo" | "idle" | "pause" | "unused" | "freeze" }
  | { readonly kind: "mss"; readonly mss: number };

/** What the suite is told of the test runner: vitest's or jest's functions, and fast-check. */
export interface TestTools {
  readonly describe: (name: string, body: () => void) => void;
  readonly test: (name: string, body: () => void) => void;
  readonly expect: (value: unknown) => Matchers;
  readonly fc: typeof fc;
}

/** Of a runner's matchers those that are used here. */
export interface Matchers {
  toBe(value: unknown): void;
  toEqual(value: unknown): void;
  toBeDefined(): void;
  toBeGreaterThan(value: number): void;
  toBeGreaterThanOrEqual(value: number): void;
  toBeLessThan(value: number): void;
  toBeLessThanOrEqual(value: number): void;
}

const historiesOf = ({ fc }: TestTools): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.oneof(
      {
        weight: 12,
        arbitrary: fc.record({
          kind: fc.constant("acks" as const),
          n: fc.nat(60),
          size: fc.integer({ min: 0, max: 20_000 }),
          gap: fc.nat(50_000),
          limited: fc.boolean(),
        }),
      },
      {
        weight: 6,
        arbitrary: fc.record({
          kind: fc.constantFrom("loss", "mark", "timeout", "again", "undo", "idle", "pause", "unused", "freeze" as const),
        }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("mss" as const), mss: fc.integer({ min: 64, max: 9_000 }) }) },
    ) as fc.Arbitrary<Step>,
    { maxLength: 80 },
  );

/** A controller on a path that delivers everything, and the steps that may happen to it. */
class Course {
  cc: CongestionController;
  mss: number;
  now = 7_000_000;
  delivered = 0;
  readonly #make: ControllerFactory;
  readonly #sample = new AckSample();

  readonly #expect: TestTools["expect"];

  constructor(expect: TestTools["expect"], make: ControllerFactory, mss: number) {
    this.#expect = expect;
    this.#make = make;
    this.mss = mss;
    this.cc = make(new SeededRandom(1));
    this.cc.begin(mss, POLICY, false);
  }

  /** An ACK for so many octets, a round trip of 40 ms behind what it acknowledges. */
  ack(octets: number, more: Partial<AckSample> = {}): number {
    const flight = this.cc.window();
    this.delivered += octets;
    Object.assign(this.#sample, new AckSample(), {
      acked: octets,
      delivered: octets,
      flight,
      inFlight: Math.max(0, flight - octets),
      rtt: 40_000,
      srtt: 40_000,
      minRtt: 40_000,
      rate: Math.floor(flight / 0.04),
      totalDelivered: this.delivered,
      priorDelivered: Math.max(0, this.delivered - flight),
      flightWhenSent: flight,
      ...more,
    });
    return this.cc.onAck(this.#sample, this.now);
  }

  play(step: Step): void {
    const { cc } = this;
    const window = cc.window();
    switch (step.kind) {
      case "acks":
        for (let i = 0; i < step.n; i++) {
          this.now += step.gap;
          const why = this.ack(step.size, { appLimited: step.limited, rateLimited: step.limited });
          if (why !== 0) this.#expect(whyEntry(why)).toBeDefined();
          this.check();
        }
        return;
      case "loss":
        return cc.onCongestion(Signal.Loss, window, this.now);
      case "mark":
        return cc.onCongestion(Signal.Ecn, window, this.now);
      case "timeout":
        return cc.onTimeout(window, true, this.now);
      case "again":
        return cc.onTimeout(window, false, this.now);
      case "undo":
        return cc.onUndo(this.now);
      case "idle":
        this.now += 3_000_000;
        return cc.onIdle(this.now);
      case "pause":
        this.now += 20_000_000;
        return cc.onResume?.(this.now);
      case "unused":
        return cc.onUnused?.(window >> 1, this.now);
      case "mss":
        this.mss = step.mss;
        return cc.onMss(step.mss);
      case "freeze": {
        const cells = new Int32Array(CONTROLLER_WORDS + 2);
        cc.save(cells, 1);
        this.#expect([cells[0], cells[CONTROLLER_WORDS + 1]]).toEqual([0, 0]); // it keeps to its cells
        this.cc = this.#make(new SeededRandom(2));
        this.cc.load(cells, 1, this.mss, POLICY);
        this.#expect([this.cc.window(), this.cc.threshold()]).toEqual([window, cc.threshold()]);
        this.delivered = 0;
      }
    }
  }

  /** What holds at any time. */
  check(): void {
    const { cc, mss } = this;
    const window = cc.window();
    this.#expect(Number.isInteger(window)).toBe(true);
    this.#expect(window).toBeGreaterThanOrEqual(mss);
    this.#expect(window).toBeLessThanOrEqual(NO_THRESHOLD);
    const threshold = cc.threshold();
    this.#expect(Number.isInteger(threshold)).toBe(true);
    this.#expect(threshold).toBeGreaterThanOrEqual(2 * mss);
    this.#expect(threshold).toBeLessThanOrEqual(NO_THRESHOLD);
    const rate = cc.pacingRate?.() ?? 0;
    this.#expect(rate >= 0 && Number.isFinite(rate)).toBe(true);
    if (cc.inspect !== undefined) this.#expect(JSON.parse(JSON.stringify(cc.inspect()))).toEqual(cc.inspect());
  }
}

/** Declares the tests that every congestion controller passes. */
export function controllerSuite(tools: TestTools, name: string, make: ControllerFactory): void {
  const { describe, test, expect, fc } = tools;
  const histories = historiesOf(tools);
  describe(`${name}: what every congestion controller does`, () => {
    test("it has the name that it is registered by", () => {
      expect(make(new SeededRandom(1)).name).toBe(name);
    });

    test("s3.1: it begins with the initial window, or one segment behind a SYN that was lost twice (RFC 6928 s2; 5681-04, 5681-06)", () => {
      for (const mss of [100, 536, 1_448, 8_960])
        for (const rule of ["rfc6928", "rfc5681"] as const) {
          const cc = make(new SeededRandom(1));
          cc.begin(mss, { ...POLICY, initialWindow: rule }, false);
          expect([cc.window(), cc.threshold()]).toEqual([initialWindow(mss, rule), NO_THRESHOLD]);
          cc.begin(mss, { ...POLICY, initialWindow: rule }, true);
          expect(cc.window()).toBe(mss);
        }
    });

    test("whatever happens, the window is whole, at least a segment, and finite; the threshold at least two (property)", () => {
      fc.assert(
        fc.property(fc.constantFrom(100, 536, 1_448, 8_960), histories, (mss, history) => {
          const course = new Course(expect, make, mss);
          for (const step of history) {
            course.play(step);
            course.check();
          }
        }),
        { numRuns: 150 },
      );
    });

    test("an ACK opens the window by no more than half as much again, or by what it acknowledges (property)", () => {
      fc.assert(
        fc.property(fc.array(fc.integer({ min: 0, max: 3_000 }), { maxLength: 200 }), (sizes) => {
          const course = new Course(expect, make, 1_000);
          for (const size of sizes) {
            const before = course.cc.window();
            course.now += 1_000;
            course.ack(size);
            expect(course.cc.window() - before).toBeLessThanOrEqual(Math.max(size, 8_000, before / 2));
          }
        }),
      );
    });

    test("where nothing is lost, it grows; a loss makes it smaller, a timeout a segment (5681-09, 5681-13)", () => {
      const course = new Course(expect, make, 1_000);
      const begin = course.cc.window();
      for (let i = 0; i < 400; i++) {
        course.now += 1_000;
        course.ack(1_000);
      }
      const grown = course.cc.window();
      expect(grown).toBeGreaterThan(begin);
      course.cc.onCongestion(Signal.Loss, grown, course.now);
      course.ack(1_000, { inRecovery: true, lost: 1_000, inFlight: Math.floor(grown / 2) });
      expect(course.cc.window()).toBeLessThan(grown);
      course.cc.onTimeout(course.cc.window(), true, course.now);
      expect(course.cc.window()).toBe(1_000);
    });

    test("s3.2: undone, a loss leaves at least the window that there was (RFC 4015)", () => {
      const course = new Course(expect, make, 1_000);
      for (let i = 0; i < 100; i++) course.ack(1_000);
      const before = course.cc.window();
      course.cc.onCongestion(Signal.Loss, before, course.now);
      course.cc.onUndo(course.now);
      expect(course.cc.window()).toBeGreaterThanOrEqual(before);
    });

    test("an undo that meets a larger MSS leaves ssthresh at two segments at least (RFC 5681 s3.1, I-08)", () => {
      const course = new Course(expect, make, 500);
      // Down to the floor, and once more from there.
      for (let i = 0; i < 8; i++) course.cc.onTimeout(1_000, true, course.now);
      course.cc.onMss(1_400);
      course.cc.onUndo(course.now);
      expect(course.cc.threshold()).toBeGreaterThanOrEqual(2 * 1_400);
    });

    test("it takes over a window from another controller, and goes on from there", () => {
      const course = new Course(expect, make, 1_000);
      course.cc.adopt(50_000, 40_000);
      expect(course.cc.window()).toBe(50_000);
      course.cc.adopt(1, NO_THRESHOLD);
      expect(course.cc.window()).toBe(1_000);
    });

    test("what it does is a function of what it is told: two of them do the same (property)", () => {
      fc.assert(
        fc.property(histories, (history) => {
          const windows = (): number[] => {
            const course = new Course(expect, make, 1_448);
            return history.map((step) => {
              course.play(step);
              return course.cc.window();
            });
          };
          expect(windows()).toEqual(windows());
        }),
        { numRuns: 30 },
      );
    });
  });
}
