/** RFC 9406: HyStart++ as CUBIC uses it. Segments of 1 000 octets; an ACK for each. */
import { describe, expect, test } from "vitest";
import { Cc } from "../../src/base/why.js";
import { linux } from "../../src/stack/profile.js";
import { AckSample, NO_THRESHOLD, Signal } from "../../src/tcp/congestion/controller.js";
import { Cubic } from "../../src/tcp/congestion/cubic.js";

const MSS = 1_000;
const MS = 1_000;

class Start {
  readonly cc = new Cubic();
  now = 0;

  constructor() {
    this.cc.begin(MSS, linux.tcp, false);
  }

  ack(rtt: number, more: Partial<AckSample> = {}): number {
    this.now += 100;
    return this.cc.onAck(Object.assign(new AckSample(), { acked: MSS, flight: this.cc.window(), rtt, srtt: rtt }, more), this.now);
  }

  /** A round: an ACK for each segment that was in flight when it began; its reasons, each once, in order. */
  round(rtt: number, more: Partial<AckSample> = {}): number[] {
    const flight = this.cc.window();
    const whys = new Set<number>();
    for (let octets = flight; octets > 0; octets -= MSS) whys.add(this.ack(rtt, { flight, ...more }));
    return [...whys];
  }

  get segments(): number {
    return this.cc.window() / MSS;
  }
}

const STARTING = [Cc.SlowStart];

describe("s4.2", () => {
  test("s4.2: while round trips stay as they are, slow start doubles the window (9406-01, 9438-19)", () => {
    const start = new Start();
    for (const segments of [20, 40, 80]) {
      expect(start.round(50 * MS)).toEqual(STARTING);
      expect(start.segments).toBe(segments);
    }
  });

  test.each([
    [20, 4],
    [50, 6.25],
    [100, 12.5],
    [400, 16],
  ])(
    "s4.2: at %i ms a round that is %f ms longer in all its samples enters conservative slow start; less does not (9406-03, 9406-08)",
    (rtt, margin) => {
      const start = new Start();
      start.round(rtt * MS);
      expect(start.round((rtt + margin) * MS - 1)).toEqual(STARTING);
      const other = new Start();
      other.round(rtt * MS);
      expect(other.round((rtt + margin) * MS)).toEqual([Cc.SlowStart, Cc.HystartConservative, Cc.ConservativeStart]);
      expect(other.cc.inspect()).toMatchObject({ mode: "conservative slow start" });
    },
  );

  test("s4.2: a single short sample in the round says that the queue is not full", () => {
    const start = new Start();
    start.round(50 * MS);
    const flight = start.cc.window();
    start.ack(50 * MS, { flight });
    for (let i = 1; i < flight / MSS; i++) expect(start.ack(90 * MS, { flight })).toBe(Cc.SlowStart);
  });

  test("s4.2: seven samples are no evidence, nor ACKs of what was sent again (9406-02, 9406-03)", () => {
    const start = new Start();
    start.round(50 * MS);
    const flight = start.cc.window();
    for (let i = 0; i < 7; i++) expect(start.ack(90 * MS, { flight })).toBe(Cc.SlowStart);
    for (let i = 7; i < flight / MSS; i++) expect(start.ack(0, { flight })).toBe(Cc.SlowStart);
  });

  /** Conservative slow start, with a window of 28 segments: 20 + 8 at the eighth sample, the rest at a quarter. */
  function conservative(): Start {
    const start = new Start();
    start.round(50 * MS);
    start.round(60 * MS);
    expect(start.segments).toBe(20 + 8 + 12 / 4);
    return start;
  }

  test("s4.2: conservatively it grows by a quarter of that, and ends after five rounds, the one it began in counted (9406-04, 9406-06)", () => {
    const start = conservative();
    let before = start.segments;
    for (let round = 2; round <= 5; round++) {
      expect(start.round(60 * MS)).toEqual([Cc.ConservativeStart]);
      expect(start.segments).toBe(before + Math.floor(before * 1_000) / 4_000 - (before % 1) / 4 + (before % 1 === 0 ? 0 : 0.25));
      before = start.segments;
    }
    expect(start.cc.threshold()).toBe(NO_THRESHOLD);
    expect(start.ack(60 * MS)).toBe(Cc.HystartExit);
    expect(start.cc.threshold()).toBe(start.cc.window());
    // RFC 9438 s4.10: avoidance begins with K = 0.
    start.ack(60 * MS);
    expect(start.cc.inspect()).toMatchObject({ mode: "reno-friendly", k: 0 });
  });

  test("s4.2: a round shorter than the one that it began in: chance, and slow start goes on (9406-05)", () => {
    const start = conservative();
    expect(start.round(55 * MS)).toEqual([Cc.ConservativeStart, Cc.HystartResume, Cc.SlowStart]);
    expect(start.cc.inspect()).toMatchObject({ mode: "slow start" });
    const before = start.segments;
    start.round(55 * MS);
    expect(start.segments).toBeGreaterThan(1.9 * before);
  });

  test("s4.2: loss and marks end it at once (9406-07)", () => {
    for (const signal of [Signal.Loss, Signal.Ecn]) {
      const start = conservative();
      start.cc.onCongestion(signal, start.cc.window(), start.now);
      expect(start.cc.threshold()).toBe(Math.floor(31 * MSS * 0.7));
      start.ack(60 * MS);
      expect(start.cc.inspect()).not.toMatchObject({ mode: "conservative slow start" });
    }
  });

  test("s4.2, s4.3: an ACK opens the window by eight segments at most, unless segments are paced (9406-08)", () => {
    const start = new Start();
    start.ack(50 * MS, { acked: 30 * MSS });
    expect(start.segments).toBe(18);
    start.ack(50 * MS, { acked: 30 * MSS, unbounded: true });
    expect(start.segments).toBe(48);
  });

  test("s4.2: only the first slow start: later ones know a threshold (9406-09)", () => {
    const start = new Start();
    start.round(50 * MS);
    start.cc.onTimeout(20 * MSS, true, start.now);
    for (let i = 0; i < 13; i++) expect(start.ack(500 * MS)).toBe(Cc.SlowStart);
    expect(start.segments).toBe(14);
  });
});
