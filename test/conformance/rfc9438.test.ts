/** RFC 9438: CUBIC, by traces that can be checked with a pencil. Segments of 1 000 octets. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Cc } from "../../src/base/why.js";
import { linux } from "../../src/stack/profile.js";
import { AckSample, CONTROLLER_WORDS, NO_THRESHOLD, Signal } from "../../src/tcp/congestion/controller.js";
import { cubeRoot } from "../../src/tcp/congestion/cube-root.js";
import { Cubic } from "../../src/tcp/congestion/cubic.js";

const MSS = 1_000;
const MS = 1_000;
const SECOND = 1_000_000;
const POLICY = { ...linux.tcp, alternativeBackoff: false };

/** A connection with a clock, whose ACKs come evenly over a round trip. */
class Flow {
  readonly cc = new Cubic();
  readonly rtt: number;
  now = 5 * SECOND;

  constructor(rtt: number, policy = POLICY) {
    this.rtt = rtt;
    this.cc.begin(MSS, policy, false);
  }

  ack(more: Partial<AckSample> = {}): number {
    return this.cc.onAck(
      Object.assign(new AckSample(), { acked: MSS, flight: this.cc.window(), srtt: this.rtt, minRtt: this.rtt }, more),
      this.now,
    );
  }

  /** ACKs of single segments for so long; returns the reasons that they gave, each once. */
  run(micros: number, more: Partial<AckSample> = {}): Set<number> {
    const whys = new Set<number>();
    const end = this.now + micros;
    while (this.now < end) {
      this.now += Math.max(1, Math.floor((this.rtt * MSS) / this.cc.window()));
      const why = this.ack(more);
      if (why !== 0) whys.add(why);
    }
    return whys;
  }

  /** A loss that a window of so many segments met, and the recovery from it. */
  lose(segments: number): this {
    this.cc.adopt(segments * MSS, this.cc.threshold());
    this.cc.onCongestion(Signal.Loss, segments * MSS, this.now);
    return this;
  }

  get state(): Record<string, unknown> {
    return this.cc.inspect();
  }

  /** cwnd in segments. */
  get w(): number {
    return this.cc.window() / MSS;
  }
}

describe("s4.2: the window increase function", () => {
  test("s4.2: K is the cube root of (W_max - cwnd_epoch) / C: 100 segments, 70 left, 4.217 s (9438-02, 9438-20)", () => {
    const flow = new Flow(100 * MS).lose(100);
    expect(flow.w).toBe(70);
    flow.ack();
    expect(flow.state).toMatchObject({ wMax: 100_000, k: 4_217_163, elapsed: 0 });
  });

  test("s4.2, s4.3, s4.4: the first two ACKs, by hand (9438-02, 9438-05, 9438-07)", () => {
    const flow = new Flow(100 * MS).lose(100);
    // t = 0: W_cubic = 70 segments; W_est = 70 + 0.5294 / 70 = 70.00756: Reno's is more.
    expect(flow.ack()).toBe(Cc.CubicReno);
    expect(flow.cc.window()).toBe(70_007);
    // t = 1.43 ms: W_cubic = 100 - 0.4 * 4.215733^3 = 70.0305 > W_est = 70.0151; target = 100 - 0.4 * 4.115733^3 = 72.1136.
    // (72.1136 - 70.007) / 70.007 = 0.03009 segments.
    flow.now += 1_430;
    expect(flow.ack()).toBe(Cc.CubicConcave);
    expect(flow.cc.window()).toBe(70_037);
  });

  test("s4.4: concave: fast first, then slower and slower up to W_max, which it has after K (9438-07)", () => {
    const flow = new Flow(100 * MS).lose(100);
    const windows: number[] = [];
    for (let i = 0; i < 4; i++) {
      const whys = flow.run(SECOND);
      expect([...whys].every((why) => why === Cc.CubicConcave || why === Cc.CubicReno)).toBe(true);
      windows.push(flow.w);
    }
    // W_cubic(1 .. 4) = 86.7, 95.6, 99.3, 99.996; the window is up to a round trip ahead.
    for (const [i, w] of [86.69, 95.64, 99.28, 99.996].entries()) {
      expect(windows[i]).toBeGreaterThan(w - 0.3);
      expect(windows[i]).toBeLessThan(w + 1.2);
    }
  });

  test("s4.5: convex: slow around W_max, then ever faster, never more than 1.5 times in a round trip (9438-03, 9438-08)", () => {
    const flow = new Flow(400 * MS).lose(100); // Reno's window would be larger where round trips are shorter
    flow.run(5_200 * MS);
    const growth: number[] = [];
    for (let i = 0; i < 5; i++) {
      const before = flow.w;
      expect([...flow.run(SECOND)]).toEqual([Cc.CubicConvex]);
      growth.push(flow.w - before);
    }
    // W_cubic(K + 0.98 + 1..5) - 100 = 0.4 * 1.98^3 ...: 3.1, 10.6, 25.2, 49.4, 85.5; the window is up to a round trip ahead.
    for (let i = 1; i < 5; i++) expect(growth[i]).toBeGreaterThan(growth[i - 1]!);
    expect(flow.w).toBeGreaterThan(183);
    expect(flow.w).toBeLessThan(206);
    // Much later the target is bounded, so that a round trip brings half as much again at most.
    const late = new Flow(SECOND).lose(10);
    late.run(15 * SECOND);
    const before = late.w;
    late.run(SECOND);
    expect(late.w / before).toBeLessThan(1.7);
  });

  test("s4.3: Reno-friendly: where round trips are short it grows by alpha a round trip, by one beyond cwnd_prior (9438-04, 9438-05, 9438-06)", () => {
    const flow = new Flow(10 * MS).lose(20);
    expect([...flow.run(100 * MS)]).toEqual([Cc.CubicReno]);
    // Ten round trips: 14 + 10 * 9 / 17 = 19.3.
    expect(flow.w).toBeGreaterThan(18.6);
    expect(flow.w).toBeLessThan(19.4);
    flow.run(50 * MS);
    const before = flow.w;
    expect(before).toBeGreaterThan(20);
    flow.run(100 * MS);
    expect(flow.w - before).toBeGreaterThan(9);
    expect(flow.w - before).toBeLessThan(10.5);
  });

  test("s4.2, s5.8: time that the application limits is none: t stands still, and so does the window (9438-01, 9438-11, 9438-21)", () => {
    const flow = new Flow(100 * MS).lose(100);
    flow.run(SECOND);
    const { window, elapsed } = { window: flow.cc.window(), elapsed: flow.state["elapsed"] };
    flow.run(20 * SECOND, { appLimited: true });
    expect([flow.cc.window(), flow.state["elapsed"]]).toEqual([window, elapsed]);
    flow.now += 500 * SECOND;
    flow.cc.onResume(flow.now);
    flow.ack();
    expect(flow.cc.window()).toBeLessThan(window + 100);
    flow.run(SECOND);
    expect(flow.w).toBeLessThan(97);
  });
});

describe("s4.6: multiplicative decrease", () => {
  test("s4.6: 0.7 of what is in flight, at least two segments (9438-09, 9438-10, 9438-13)", () => {
    for (const [flight, left] of [
      [100, 70],
      [10, 7],
      [2, 2],
      [1, 2],
    ] as const) {
      const flow = new Flow(100 * MS);
      flow.cc.onCongestion(Signal.Loss, flight * MSS, flow.now);
      expect([flow.cc.window(), flow.cc.threshold()]).toEqual([left * MSS, left * MSS]);
    }
  });

  test("s4.6: marks may go on to one segment, ssthresh to two (9438-12)", () => {
    const flow = new Flow(100 * MS);
    for (let i = 0; i < 20; i++) flow.cc.onCongestion(Signal.Ecn, flow.cc.window(), flow.now);
    expect([flow.cc.window(), flow.cc.threshold()]).toEqual([MSS, 2 * MSS]);
  });

  test("RFC 8511 s3.1: a mark leaves 0.85 where the profile says so", () => {
    const flow = new Flow(100 * MS, { ...POLICY, alternativeBackoff: true });
    flow.cc.adopt(100 * MSS, NO_THRESHOLD);
    flow.cc.onCongestion(Signal.Ecn, 100 * MSS, flow.now);
    expect([flow.cc.window(), flow.cc.threshold()]).toEqual([85 * MSS, 85 * MSS]);
    flow.cc.onCongestion(Signal.Loss, 85 * MSS, flow.now);
    expect(flow.cc.threshold()).toBe(59_500);
  });
});

test("s4.7: fast convergence: who meets congestion below W_max takes 0.85 of the window for the new one (9438-14)", () => {
  const flow = new Flow(100 * MS).lose(100);
  flow.run(SECOND);
  const cwnd = flow.cc.window();
  expect(cwnd).toBeLessThan(100 * MSS);
  flow.cc.onCongestion(Signal.Loss, cwnd, flow.now);
  expect(flow.state).toMatchObject({ wMax: Math.floor(cwnd * 0.85), cwndPrior: cwnd });
  // Beyond W_max nothing is given up.
  flow.run(60 * SECOND);
  const large = flow.cc.window();
  flow.cc.onCongestion(Signal.Loss, large, flow.now);
  expect(flow.state).toMatchObject({ wMax: large });
});

describe("s4.8: timeout", () => {
  test("s4.8: one segment, ssthresh 0.7 of the flight; then a stage with K = 0 from where avoidance begins (9438-15, 9438-18)", () => {
    const flow = new Flow(100 * MS).lose(100);
    flow.run(SECOND);
    flow.cc.onTimeout(80 * MSS, true, flow.now);
    expect([flow.cc.window(), flow.cc.threshold()]).toEqual([MSS, 56 * MSS]);
    flow.cc.onTimeout(MSS, false, flow.now);
    expect([flow.cc.window(), flow.cc.threshold()]).toEqual([MSS, 56 * MSS]);
    while (flow.cc.window() < flow.cc.threshold()) expect(flow.ack()).toBe(Cc.SlowStart);
    flow.ack();
    expect(flow.state).toMatchObject({ k: 0, wMax: 56 * MSS });
  });
});

describe("s4.9: spurious congestion", () => {
  test("s4.9: a loss that was none: cwnd, ssthresh, W_max, K, W_est, and the time that has gone on (9438-17)", () => {
    const flow = new Flow(100 * MS).lose(100);
    flow.run(2 * SECOND);
    const before = { ...flow.state, window: flow.cc.window(), threshold: flow.cc.threshold() };
    flow.cc.onCongestion(Signal.Loss, flow.cc.window(), flow.now);
    flow.now += 200 * MS;
    flow.cc.onUndo(flow.now);
    const after = { ...flow.state, window: flow.cc.window(), threshold: flow.cc.threshold() };
    expect(after).toEqual({ ...before, elapsed: (before as { elapsed?: number }).elapsed! + 200 * MS });
    flow.cc.onUndo(flow.now); // only once
    expect(flow.cc.window()).toBe(before.window);
  });

  test("s4.9: a timeout that was none, and a mark, which always is one (9438-16)", () => {
    const flow = new Flow(100 * MS).lose(100);
    flow.run(SECOND);
    const window = flow.cc.window();
    flow.cc.onTimeout(window, true, flow.now);
    flow.cc.onUndo(flow.now);
    expect(flow.cc.window()).toBe(window);
    flow.cc.onCongestion(Signal.Ecn, window, flow.now);
    flow.cc.onUndo(flow.now);
    expect(flow.cc.window()).toBe(Math.round(window * 0.7));
  });
});

describe("the controller as a whole", () => {
  const steps = fc.array(
    fc.oneof(
      { weight: 12, arbitrary: fc.record({ kind: fc.constant("acks" as const), n: fc.nat(60), limited: fc.boolean() }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("loss", "mark", "timeout", "undo", "idle", "pause", "freeze") }) },
    ),
    { maxLength: 60 },
  );

  test("s4.2: frozen and thawed it goes on, to the octet in slow start, to a segment in avoidance", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 400 }), steps, (rtt, history) => {
        const flow = new Flow(rtt * MS);
        let cc = flow.cc;
        const sample = new AckSample();
        for (const step of history) {
          const window = cc.window();
          switch (step.kind) {
            case "acks": {
              const { n, limited } = step as { n: number; limited: boolean };
              for (let i = 0; i < n; i++) {
                flow.now += rtt * 20;
                Object.assign(sample, { acked: MSS, flight: cc.window(), srtt: rtt * MS, appLimited: limited });
                const before = cc.window();
                cc.onAck(sample, flow.now);
                expect(cc.window()).toBeGreaterThanOrEqual(before);
                // s4.2: less than slow start, which adds what is acknowledged.
                expect(cc.window() - before).toBeLessThanOrEqual(MSS + 1);
              }
              break;
            }
            case "loss":
              cc.onCongestion(Signal.Loss, window, flow.now);
              break;
            case "mark":
              cc.onCongestion(Signal.Ecn, window, flow.now);
              break;
            case "timeout":
              cc.onTimeout(window, true, flow.now);
              break;
            case "undo":
              cc.onUndo(flow.now);
              break;
            case "idle":
              cc.onIdle(flow.now);
              break;
            case "pause":
              flow.now += 10 * SECOND;
              cc.onResume(flow.now);
              break;
            default: {
              const cells = new Int32Array(CONTROLLER_WORDS + 2);
              cc.save(cells, 1);
              expect([cells[0], cells[CONTROLLER_WORDS + 1]]).toEqual([0, 0]);
              const thawed = new Cubic();
              thawed.load(cells, 1, MSS, POLICY);
              expect([thawed.window(), thawed.threshold()]).toEqual([cc.window(), cc.threshold()]);
              const { elapsed: was, ...before } = cc.inspect();
              const { elapsed: is, ...after } = thawed.inspect();
              expect({ ...after, mode: before["mode"] }).toEqual(before);
              if (was !== null) expect((was as number) - (is as number)).toBeLessThan(MS);
              cc = thawed;
            }
          }
          expect(cc.window()).toBeGreaterThanOrEqual(MSS);
          expect(cc.threshold()).toBeGreaterThanOrEqual(2 * MSS);
        }
      }),
      { numRuns: 200 },
    );
  });

  test("the cube root is exact to the last bit or two, and the same everywhere", () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-9, max: 1e12, noNaN: true }), (x) => {
        const root = cubeRoot(x);
        expect(Math.abs(root * root * root - x) / x).toBeLessThan(1e-14);
      }),
    );
    expect([cubeRoot(0), cubeRoot(-8), cubeRoot(27), cubeRoot(75)]).toEqual([0, 0, 3, 4.2171633265087465]);
  });
});
