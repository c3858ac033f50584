import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SeededRandom } from "../../src/base/prng.js";
import { AckSample, CONTROLLER_WORDS, initialWindow, NO_THRESHOLD, Signal } from "../../src/tcp/congestion/controller.js";
import { controllers } from "../../src/tcp/congestion/index.js";
import { NewReno } from "../../src/tcp/congestion/newreno.js";

const MSS = 1_000;

function begun(mss = MSS, rule: "rfc6928" | "rfc5681" = "rfc6928", synLost = false): NewReno {
  const cc = new NewReno();
  cc.begin(mss, { initialWindow: rule, alternativeBackoff: false }, synLost);
  return cc;
}

const RFC6928 = { initialWindow: "rfc6928", alternativeBackoff: false } as const;

const acked = (octets: number, more: Partial<AckSample> = {}): AckSample =>
  Object.assign(new AckSample(), { acked: octets, flight: octets }, more);

describe("initial window", () => {
  test("s3.1: two segments above 2190 octets, three above 1095, else four (5681-04)", () => {
    const table: [number, number][] = [
      [9_000, 18_000],
      [2_191, 4_382],
      [2_190, 6_570],
      [1_460, 4_380],
      [1_096, 3_288],
      [1_095, 4_380],
      [536, 2_144],
    ];
    for (const [mss, window] of table) expect([mss, initialWindow(mss, "rfc5681")]).toEqual([mss, window]);
  });

  test("RFC 6928 s2: min(10*MSS, max(2*MSS, 14600)) (6928-01)", () => {
    for (const mss of [64, 536, 1_220, 1_448, 1_460, 4_000, 7_300, 7_301, 8_960, 65_483])
      expect(initialWindow(mss, "rfc6928")).toBe(Math.min(10 * mss, Math.max(2 * mss, 14_600)));
  });

  test("s3.1: ssthresh starts arbitrarily high (5681-08)", () => {
    expect(begun().threshold()).toBe(NO_THRESHOLD);
    expect(NO_THRESHOLD).toBeGreaterThan(2 ** 30); // RFC 7323's largest window
  });

  test("s3.1: a lost SYN leaves one segment (5681-06)", () => {
    expect(begun(MSS, "rfc6928", true).window()).toBe(MSS);
  });
});

describe("slow start", () => {
  test("s3.1: the octets acknowledged, at most L = 2 segments an ACK (5681-03, 5681-10; RFC 3465 s2.2)", () => {
    const cc = begun();
    for (const [octets, grows] of [
      [1, 1],
      [MSS, MSS],
      [2 * MSS, 2 * MSS],
      [5 * MSS, 2 * MSS],
    ] as const) {
      const before = cc.window();
      cc.onAck(acked(octets));
      expect(cc.window() - before).toBe(grows);
    }
  });

  test("RFC 3465 s3.3: a thousand ACKs of one octet grow the window like one ACK of a thousand (5681-10)", () => {
    const divided = begun();
    for (let i = 0; i < MSS; i++) divided.onAck(acked(1));
    const whole = begun();
    whole.onAck(acked(MSS));
    expect(divided.window()).toBe(whole.window());
  });

  test("RFC 3465 s2.3: L is one segment in the slow start that follows a timeout, two again after it", () => {
    const cc = begun();
    cc.onTimeout(20 * MSS, true);
    expect([cc.window(), cc.threshold()]).toEqual([MSS, 10 * MSS]);
    for (let i = 0; i < 9; i++) {
      const before = cc.window();
      cc.onAck(acked(8 * MSS));
      expect(cc.window() - before).toBe(MSS);
    }
    expect(cc.window()).toBe(10 * MSS);
    // Later, below ssthresh for another reason: the loss is long repaired.
    cc.onIdle();
    const fresh = begun();
    fresh.onTimeout(20 * MSS, true);
    fresh.onCongestion(Signal.Loss, 20 * MSS);
    fresh.onIdle();
    expect(fresh.window()).toBe(10 * MSS);
  });
});

describe("congestion avoidance", () => {
  test("s3.1: one segment for each window of acknowledged octets, no more (5681-03, 5681-11, 5681-12)", () => {
    const cc = begun();
    cc.onCongestion(Signal.Loss, 20 * MSS);
    expect(cc.window()).toBe(10 * MSS);
    for (let round = 10; round < 20; round++) {
      expect(cc.window()).toBe(round * MSS);
      for (let i = 0; i < round - 1; i++) cc.onAck(acked(MSS));
      expect(cc.window()).toBe(round * MSS);
      cc.onAck(acked(MSS));
      expect(cc.window()).toBe((round + 1) * MSS);
    }
  });

  test("RFC 3465 s2.1: divided ACKs earn what whole ones do", () => {
    const cc = begun();
    cc.onCongestion(Signal.Loss, 20 * MSS);
    for (let i = 0; i < 10 * MSS - 1; i++) cc.onAck(acked(1));
    expect(cc.window()).toBe(10 * MSS);
    cc.onAck(acked(1));
    expect(cc.window()).toBe(11 * MSS);
  });
});

describe("congestion", () => {
  test("s3.1: equation (4), and not below two segments (5681-09, 5681-31)", () => {
    for (const [flight, half] of [
      [20 * MSS, 10 * MSS],
      [5 * MSS, 2_500],
      [3 * MSS, 2 * MSS],
      [MSS, 2 * MSS],
      [0, 2 * MSS],
    ] as const) {
      const cc = begun();
      cc.onCongestion(Signal.Loss, flight);
      expect(cc.threshold()).toBe(half);
    }
  });

  test("s3.1: a timeout leaves one segment and half of the flight (5681-13)", () => {
    const cc = begun();
    cc.onTimeout(12 * MSS, true);
    expect([cc.window(), cc.threshold()]).toEqual([MSS, 6 * MSS]);
  });

  test("s3.1: a repeated timeout of the same segment keeps ssthresh (5681-14)", () => {
    const cc = begun();
    cc.onTimeout(12 * MSS, true);
    cc.onTimeout(MSS, false);
    cc.onTimeout(MSS, false);
    expect([cc.window(), cc.threshold()]).toEqual([MSS, 6 * MSS]);
  });

  test("s4.3: losses in two windows reduce twice (5681-32)", () => {
    const cc = begun();
    cc.onCongestion(Signal.Loss, 40 * MSS);
    cc.onRecovered(20 * MSS);
    cc.onCongestion(Signal.Loss, 20 * MSS);
    expect(cc.threshold()).toBe(10 * MSS);
  });

  test("RFC 6582 s3.2: a full acknowledgment leaves min(ssthresh, max(FlightSize, SMSS) + SMSS) (6582-03)", () => {
    for (const [flight, window] of [
      [20 * MSS, 10 * MSS],
      [4 * MSS, 5 * MSS],
      [100, 2 * MSS],
      [0, 2 * MSS],
    ] as const) {
      const cc = begun();
      cc.onCongestion(Signal.Loss, 20 * MSS);
      cc.onRecovered(flight);
      expect(cc.window()).toBe(window);
    }
  });

  test("RFC 4015 s3.2: undone, the window and ssthresh are what they were, once", () => {
    const cc = begun();
    for (let i = 0; i < 10; i++) cc.onAck(acked(MSS));
    cc.onCongestion(Signal.Loss, 20 * MSS);
    cc.onUndo();
    expect([cc.window(), cc.threshold()]).toEqual([20 * MSS, NO_THRESHOLD]);
    cc.onUndo();
    expect(cc.window()).toBe(20 * MSS);
  });
});

describe("what is not used", () => {
  test("RFC 7661 s4.4: no growth while the window is not used, nor in recovery (7661-05)", () => {
    const cc = begun();
    cc.onAck(acked(MSS, { appLimited: true }));
    cc.onAck(acked(MSS, { inRecovery: true }));
    expect(cc.window()).toBe(10 * MSS);
  });

  test("s4.1: after idleness min(IW, cwnd) (5681-26)", () => {
    const cc = begun();
    for (let i = 0; i < 10; i++) cc.onAck(acked(2 * MSS));
    expect(cc.window()).toBe(30 * MSS);
    cc.onIdle();
    expect(cc.window()).toBe(10 * MSS);
    cc.onTimeout(10 * MSS, true);
    cc.onIdle();
    expect(cc.window()).toBe(MSS);
  });

  test("s4.1: IW is that of the segment size of now (5681-26)", () => {
    const cc = begun(1_460);
    for (let i = 0; i < 40; i++) cc.onAck(acked(2_920));
    cc.onMss(536);
    cc.onIdle();
    expect(cc.window()).toBe(5_360);
  });
});

describe("segment size", () => {
  test("s3.1: a smaller one shrinks the window by the ratio of the two (5681-07)", () => {
    const cc = begun(1_460);
    cc.onMss(536);
    expect(cc.window()).toBe(5_360);
  });

  test("RFC 4821 s4: a larger one leaves the octets, but one segment must fit", () => {
    const cc = begun(536);
    cc.onMss(1_460);
    expect(cc.window()).toBe(5_360);
    const small = begun(536, "rfc6928", true);
    small.onMss(1_460);
    expect(small.window()).toBe(1_460);
  });
});

type Step =
  | { kind: "ack"; share: number; limited: boolean; recovering: boolean }
  | { kind: "congestion" | "recovered"; share: number }
  | { kind: "timeout"; share: number; first: boolean }
  | { kind: "idle" };

/** RFC 5681 s3 with RFC 3465 and RFC 6582's step 3, in the words of the RFCs and in fractions where they have them. */
class Reference {
  cwnd: number;
  ssthresh = Number.POSITIVE_INFINITY;
  bytesAcked = 0;
  repairing = false;
  readonly smss: number;
  readonly iw: number;

  constructor(smss: number) {
    this.smss = smss;
    this.iw = Math.min(10 * smss, Math.max(2 * smss, 14_600));
    this.cwnd = this.iw;
  }

  ack(n: number): void {
    if (this.cwnd < this.ssthresh) {
      const limit = this.repairing ? 1 : 2;
      this.cwnd += Math.min(n, limit * this.smss);
      if (this.cwnd >= this.ssthresh) this.repairing = false;
      return;
    }
    this.bytesAcked += n;
    if (this.bytesAcked >= this.cwnd) {
      this.bytesAcked -= this.cwnd;
      this.cwnd += this.smss;
    }
  }

  equation4(flight: number): void {
    this.ssthresh = Math.max(Math.floor(flight / 2), 2 * this.smss);
    this.bytesAcked = 0;
  }
}

const shares = fc.integer({ min: 0, max: 1_000 });
const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({ kind: fc.constant("ack" as const), share: shares, limited: fc.constant(false), recovering: fc.constant(false) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("ack" as const), share: shares, limited: fc.boolean(), recovering: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("congestion" as const), share: shares }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("recovered" as const), share: shares }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("timeout" as const), share: shares, first: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("idle" as const) }) },
);

describe("against a reference", () => {
  test("s3.1: every history gives the window that the RFCs give, within their bounds (5681-02, 7661-07, 9293-MUST-19)", () => {
    fc.assert(
      fc.property(fc.constantFrom(100, 536, 1_448, 8_960), fc.array(steps, { maxLength: 200 }), (mss, history) => {
        const cc = begun(mss);
        const model = new Reference(mss);
        for (const step of history) {
          const share = "share" in step ? Math.floor((cc.window() * step.share) / 1_000) : 0;
          switch (step.kind) {
            case "ack":
              cc.onAck(acked(share, { appLimited: step.limited, inRecovery: step.recovering }));
              if (!step.limited && !step.recovering) model.ack(share);
              break;
            case "congestion":
              cc.onCongestion(Signal.Loss, share);
              model.equation4(share);
              model.cwnd = model.ssthresh;
              model.repairing = false;
              break;
            case "recovered":
              if (model.ssthresh === Number.POSITIVE_INFINITY) break;
              cc.onRecovered(share);
              model.cwnd = Math.min(model.ssthresh, Math.max(share, mss) + mss);
              break;
            case "timeout":
              cc.onTimeout(share, step.first);
              if (step.first) model.equation4(share);
              else model.bytesAcked = 0;
              model.cwnd = mss;
              model.repairing = true;
              break;
            case "idle":
              cc.onIdle();
              model.cwnd = Math.min(model.cwnd, model.iw);
              break;
          }
          expect(cc.window()).toBe(model.cwnd);
          expect(cc.threshold()).toBe(Math.min(model.ssthresh, NO_THRESHOLD));
          expect(cc.window()).toBeGreaterThanOrEqual(mss);
          expect(cc.threshold()).toBeGreaterThanOrEqual(2 * mss);
        }
      }),
      { numRuns: 300 },
    );
  });

  test("s3.1: frozen and thawed, it goes on as if nothing had been", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 4_000 }), { maxLength: 60 }),
        fc.nat(30_000),
        fc.array(fc.nat(4_000)),
        (first, flight, then) => {
          const cc = begun();
          for (const octets of first) cc.onAck(acked(octets));
          if (flight > 0) cc.onCongestion(Signal.Loss, flight);
          const cells = new Int32Array(CONTROLLER_WORDS + 2);
          cc.save(cells, 1);
          expect([cells[0], cells[CONTROLLER_WORDS + 1]]).toEqual([0, 0]);
          const thawed = new NewReno();
          thawed.load(cells, 1, MSS, RFC6928);
          for (const octets of then) {
            cc.onAck(acked(octets));
            thawed.onAck(acked(octets));
            expect(thawed.window()).toBe(cc.window());
          }
          expect(thawed.threshold()).toBe(cc.threshold());
        },
      ),
    );
  });

  test("s3.1: the window never passes what RFC 7323 can express, however many ACKs come", () => {
    const cc = begun(65_495);
    for (let i = 0; i < 40_000; i++) cc.onAck(acked(130_990));
    expect(cc.window()).toBeGreaterThan(0);
    expect(cc.window()).toBeLessThanOrEqual(NO_THRESHOLD);
  });
});

test("the registry names what it makes", () => {
  for (const [name, make] of Object.entries(controllers)) expect(make(new SeededRandom(1)).name).toBe(name);
});
