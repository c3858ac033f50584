/** RFC 8257: DCTCP, both ends. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import { linux } from "../../src/stack/profile.js";
import { AckSample, Signal } from "../../src/tcp/congestion/controller.js";
import { Dctcp } from "../../src/tcp/congestion/dctcp.js";
import { EcnField } from "../../src/tcp/segment.js";
import { Exchange, type Injection } from "../tcp/exchange.js";
import { MSS } from "../tcp/flow.js";

const memory = createMemory({ packets: 64, chunks: 2_048, chunkSize: 4_096 });
const { Ce: CE, Ect0: ECT0 } = EcnField;

/** Active, with DCTCP at our end. */
function opened(): Exchange {
  const x = new Exchange({ memory, policy: { congestionControl: "dctcp", quickAcks: 0 } });
  x.connect();
  x.inject({ flags: "SE.", ack: 1, mss: MSS, windowScale: 7 });
  x.inject({ seq: 1, ack: 1 });
  x.out.length = 0;
  return x;
}

describe("s3.2: the receiver", () => {
  const text = (x: Exchange, n: number, trafficClass: number, more: Partial<Injection> = {}): void =>
    x.inject({ seq: 1 + n * MSS, ack: 1, text: MSS, trafficClass, ...more });
  const said = (x: Exchange): string[] => x.take().map((s) => `${s.flags} ${(s.ack - 1) / MSS}`);

  test("s3.2: each ACK says of its segments whether they were marked, exactly; where that changes, two ACKs at once", () => {
    const x = opened();
    text(x, 0, ECT0);
    expect(said(x)).toEqual([]);
    text(x, 1, CE);
    expect(said(x)).toEqual([". 1", "E. 2"]);
    text(x, 2, CE);
    text(x, 3, CE);
    expect(said(x)).toEqual(["E. 4"]);
    text(x, 4, CE);
    text(x, 5, ECT0);
    expect(said(x)).toEqual(["E. 5", ". 6"]);
    text(x, 6, ECT0);
    text(x, 7, ECT0);
    expect(said(x)).toEqual([". 8"]);
  });

  test("s3.2: it goes by marks, not by CWR", () => {
    const x = opened();
    text(x, 0, CE);
    x.take();
    text(x, 1, CE, { flags: "W." });
    text(x, 2, CE);
    expect(said(x)).toEqual(["E. 3"]);
  });
});

describe("s3.3: the sender", () => {
  test("s3.6: it offers ECN whatever the profile says, in a SYN that is not ECN-capable", () => {
    const x = new Exchange({ memory, policy: { congestionControl: "dctcp", ecn: "off" } });
    x.connect();
    expect(x.take()).toMatchObject([{ flags: "SEW", trafficClass: 0 }]);
  });

  const begun = (): Dctcp => {
    const cc = new Dctcp();
    cc.begin(MSS, linux.tcp, false);
    return cc;
  };
  /** A window of data is acknowledged, so many of a hundred parts of it by ACKs with ECE. */
  function round(cc: Dctcp, percent: number): void {
    const window = 100 * MSS;
    cc.adopt(window, window);
    for (let i = 0; i < 100; i++) {
      const marked = i < percent;
      cc.onAck(Object.assign(new AckSample(), { acked: MSS, flight: window, marked, markedOctets: marked ? MSS : 0 }));
    }
  }
  const alpha = (cc: Dctcp): number => cc.inspect()["alpha"] as number;

  test("s3.3: alpha begins at one and follows the share of marks with a gain of 1/16", () => {
    const cc = begun();
    expect(alpha(cc)).toBe(1);
    cc.onAck(Object.assign(new AckSample(), { acked: MSS, flight: 101 * MSS })); // the first window of observation begins
    let expected = alpha(cc);
    for (const percent of [100, 50, 0, 0, 25]) {
      round(cc, percent);
      expected += percent / 1_600 - expected / 16;
      expect(alpha(cc)).toBeCloseTo(expected, 3);
    }
  });

  test("s4.2: alpha comes to nothing where nothing is marked, and never beyond one (property)", () => {
    const cc = begun();
    for (let i = 0; i < 200; i++) round(cc, 0);
    expect(alpha(cc)).toBe(0);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 100 }), { maxLength: 40 }), (shares) => {
        const other = begun();
        for (const share of shares) {
          round(other, share);
          expect(alpha(other)).toBeGreaterThanOrEqual(0);
          expect(alpha(other)).toBeLessThanOrEqual(1);
        }
      }),
      { numRuns: 20 },
    );
  });

  test("s3.3: an echo takes alpha / 2 of the window: half at first, a little where little is marked", () => {
    const cc = begun();
    cc.adopt(100 * MSS, 100 * MSS);
    cc.onCongestion(Signal.Ecn, 100 * MSS);
    expect([cc.window(), cc.threshold()]).toEqual([50 * MSS, 50 * MSS]);
    const calm = begun();
    for (let i = 0; i < 100; i++) round(calm, 10);
    calm.adopt(100 * MSS, 100 * MSS);
    calm.onCongestion(Signal.Ecn, 100 * MSS);
    expect(calm.window()).toBeGreaterThan(94 * MSS);
    expect(calm.window()).toBeLessThan(96 * MSS);
  });

  test("s3.5: a loss is a loss: half of what is in flight", () => {
    const cc = begun();
    for (let i = 0; i < 100; i++) round(cc, 0);
    cc.onCongestion(Signal.Loss, 100 * MSS);
    expect(cc.window()).toBe(50 * MSS);
  });
});
