/** What the controllers do to a bottleneck of 10 Mbit/s, and to each other. */
import { describe, expect, test } from "vitest";
import { type Shares, share } from "./bottleneck.js";

const MS = 1_000;
const path = { rate: 10_000_000, delay: 20 * MS };
const FRAME = 1_514;

describe("fairness", () => {
  test.each(["cubic", "newreno", "bbr"])("four flows of %s share the wire and use it", (name) => {
    const shares = share({ controllers: [name, name, name, name], wire: { ...path, queueFrames: 66 }, seconds: 15 });
    expect(shares.fairness).toBeGreaterThan(0.94);
    expect(shares.used).toBeGreaterThan(0.88);
  });

  test("bbr and cubic, side by side in a queue of two round trips: neither starves", () => {
    const shares = share({ controllers: ["bbr", "cubic"], wire: { ...path, queueFrames: 66 }, seconds: 30 });
    for (const octets of shares.delivered) expect(octets / shares.delivered.reduce((a, b) => a + b)).toBeGreaterThan(0.15);
  });
});

describe("ECN (RFC 3168)", () => {
  const queue = { ...path, queueFrames: 60, markOctets: 30 * FRAME };
  const with_ = (controller: string, ecn: "off" | "on"): Shares =>
    share({ controllers: [controller], wire: queue, seconds: 15, policy: { ecn } });

  test.each(["cubic", "newreno"])("%s with marks loses less and uses as much (3168-02)", (name) => {
    const marked = with_(name, "on");
    const lost = with_(name, "off");
    expect(marked.marked).toBeGreaterThan(0);
    expect(lost.marked).toBe(0);
    expect(marked.retransmitted).toBeLessThan(lost.retransmitted);
    expect(marked.used).toBeGreaterThan(lost.used - 0.02);
  });

  test("RFC 8511 s2: where the queue marks early, the gentler answer uses more of the wire", () => {
    const run = (alternativeBackoff: boolean): Shares =>
      share({
        controllers: ["cubic"],
        wire: { ...path, queueFrames: 1_000, markOctets: 5 * FRAME },
        seconds: 15,
        policy: { ecn: "on", alternativeBackoff },
      });
    expect(run(true).used).toBeGreaterThan(run(false).used);
  });

  test("RFC 8257: dctcp keeps a queue of ten segments full and no more: all of the wire, none of the delay, no loss", () => {
    const shares = share({
      controllers: ["dctcp", "dctcp"],
      wire: { ...path, delay: 5 * MS, queueFrames: 1_000, markOctets: 10 * FRAME },
      seconds: 10,
      policy: { ecn: "on" },
    });
    expect(shares.used).toBeGreaterThan(0.93);
    expect([shares.retransmitted, shares.dropped]).toEqual([0, 0]);
    expect(shares.fairness).toBeGreaterThan(0.95);
    for (const srtt of shares.srtt) expect(srtt).toBeLessThan(35 * MS);
  });
});

test("bbr leaves a deep queue empty that cubic fills", () => {
  const deep = { ...path, queueFrames: 2_000 };
  const [bbr, cubic] = ["bbr", "cubic"].map((name) => share({ controllers: [name], wire: deep, seconds: 12 })) as [Shares, Shares];
  expect(bbr.used).toBeGreaterThan(0.88);
  expect(bbr.srtt[0]).toBeLessThan(70 * MS);
  expect(cubic.srtt[0]).toBeGreaterThan(3 * bbr.srtt[0]!);
});
