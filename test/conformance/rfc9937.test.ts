/** RFC 9937: proportional rate reduction. The rule alone, and what a connection sends by it. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import { ProportionalRate } from "../../src/tcp/recovery/prr.js";
import type { Exchange } from "../tcp/exchange.js";
import { ack, established, MS, MSS, sent } from "../tcp/flow.js";

const memory = createMemory({ packets: 64, chunks: 2_048, chunkSize: 4_096 });
const blocks = (l: number, r: number): { sack: number[] } => ({ sack: [1 + l * MSS, 1 + r * MSS] });

/** A window of `flight` segments of which the first `lost` are; the rest arrives one by one, and all that may leave does. */
function recovery(flight: number, lost: number, ssthresh: number, appLimited = Number.POSITIVE_INFINITY): number[] {
  const prr = new ProportionalRate();
  let inFlight = flight - lost - 3;
  prr.begin(flight - 3 + 1);
  const out: number[] = [];
  let left = appLimited;
  const leave = (): void => {
    let n = 0;
    while (left > 0 && inFlight + n < prr.limit) {
      n += 1;
      left -= 1;
    }
    inFlight += n;
    prr.out += n;
    out.push(n);
  };
  prr.onAck(1, false, inFlight, ssthresh, 1);
  leave();
  for (let i = 0; i < flight - lost - 3; i++) {
    inFlight -= 1;
    prr.onAck(1, false, inFlight, ssthresh, 1);
    leave();
  }
  return out;
}

describe("s6: the rule", () => {
  test("s6.2: one loss of twenty: every second ACK lets one out, from the first (6937bis-01, 6937bis-02)", () => {
    const out = recovery(20, 1, 10);
    expect(out[0]).toBe(1);
    expect(out.reduce((a, b) => a + b)).toBeGreaterThanOrEqual(8);
    expect(out.reduce((a, b) => a + b)).toBeLessThanOrEqual(10);
    expect(Math.max(...out)).toBe(1);
  });

  test("s6.2: fifteen losses of twenty: below the threshold each ACK lets out what it delivers, no burst", () => {
    const out = recovery(20, 15, 10);
    expect(Math.max(...out)).toBe(1);
  });

  test("s6: SafeAck lets out one more, up to the threshold (6937bis-03)", () => {
    const prr = new ProportionalRate();
    prr.begin(20);
    prr.onAck(1, false, 4, 10, 1);
    expect(prr.limit).toBe(5);
    prr.out = 1;
    prr.onAck(1, true, 4, 10, 1);
    expect(prr.limit).toBe(6);
    prr.out = 3;
    prr.onAck(8, true, 9, 10, 1);
    expect(prr.limit).toBe(10);
  });

  test("s6: the first ACK lets the fast retransmit out; one that delivers nothing lets nothing out (6937bis-04)", () => {
    const prr = new ProportionalRate();
    prr.begin(100);
    prr.onAck(0, false, 90, 50, 1);
    expect(prr.limit).toBe(91);
    prr.out = 1;
    prr.onAck(0, true, 90, 50, 1);
    expect(prr.limit).toBe(91);
  });

  test("s6: at the end no more has left than the threshold's share, and what is in flight is at most the threshold, or has never been more (6937bis-06)", () => {
    const share = fc.record({ flight: fc.integer({ min: 10, max: 200 }), lost: fc.double({ min: 0, max: 0.9, noNaN: true }) });
    fc.assert(
      fc.property(share, fc.double({ min: 0.3, max: 0.9, noNaN: true }), ({ flight, lost }, beta) => {
        const ssthresh = Math.max(2, Math.floor(flight * beta));
        const gone = Math.min(flight - 4, Math.max(1, Math.floor(lost * (flight - 4))));
        const out = recovery(flight, gone, ssthresh).reduce((a, b) => a + b);
        const arrived = flight - gone - 2;
        expect(out).toBeLessThanOrEqual(Math.max(Math.ceil((arrived * ssthresh) / (flight - 2)) + 1, arrived));
      }),
    );
  });
});

describe("a connection", () => {
  function flying(): Exchange {
    const x = established({
      memory,
      policy: { congestionControl: "newreno" },
      connection: { sendBuffer: 1 << 20 },
      syn: { sackPermitted: true },
    });
    x.write(100 * MSS);
    expect(sent(x)).toBe("0 1 2 3 4 5 6 7 8 9");
    return x;
  }

  test("s6: ten in flight, one lost: the retransmission at once, and as many as half of what arrives; cwnd = ssthresh when it ends (6937bis-05)", () => {
    const x = flying();
    const out: string[] = [];
    for (let n = 2; n <= 10; n++) {
      ack(x, 0, blocks(1, n));
      out.push(sent(x));
    }
    // 10 and 11 by limited transmit; the retransmission with the third.
    expect(out).toEqual(["10", "11", "0", "", "", "12", "", "", "13"]);
    x.advance(100 * MS);
    ack(x, 12);
    expect([x.tcb.recovery.phase, x.tcb.cc.window(), x.tcb.cc.threshold()]).toEqual([0, 5 * MSS, 5 * MSS]);
  });

  test("a controller may decline: then its window holds in recovery", () => {
    const x = flying();
    Object.assign(x.tcb.cc, { proportional: false });
    for (let n = 2; n <= 4; n++) ack(x, 0, blocks(1, n));
    expect(x.tcb.recovery.inspect()["prrActive"]).toBe(false);
    expect(x.tcb.recovery.window(x.tcb.cc.window())).toBe(5 * MSS);
  });

  test("S-118: ACK division in recovery lets no more out", () => {
    const outs = [1, 10].map((parts) => {
      const x = flying();
      ack(x, 0, blocks(1, 5));
      let octets = x.take().reduce((sum, s) => sum + s.length, 0);
      for (let i = 1; i <= parts; i++) ack(x, 0, { sack: [1 + MSS, 1 + 5 * MSS + (i * 5 * MSS) / parts] });
      octets += x.take().reduce((sum, s) => sum + s.length, 0);
      return octets;
    });
    expect(outs[1]).toBeLessThanOrEqual(outs[0]! + MSS);
  });
});

describe("without SACK", () => {
  /** Ten in flight; `lost` of them are, and the receiver sends a duplicate ACK for each of the others. */
  function flying(policy: Record<string, unknown> = {}): Exchange {
    const x = established({ memory, policy: { congestionControl: "newreno", ...policy }, connection: { sendBuffer: 1 << 20 } });
    x.write(100 * MSS);
    expect(sent(x)).toBe("0 1 2 3 4 5 6 7 8 9");
    return x;
  }

  const perDuplicate = (x: Exchange, times: number): string[] =>
    Array.from({ length: times }, () => {
      ack(x, 0);
      return sent(x);
    });

  test("RFC 6937 s2: a duplicate ACK delivers a segment: as many leave as with SACK, the first from the third on (6937bis-05)", () => {
    const x = flying();
    expect(perDuplicate(x, 9)).toEqual(["10", "11", "0", "", "", "12", "", "", "13"]);
    x.advance(100 * MS);
    ack(x, 12);
    expect([x.tcb.recovery.phase, x.tcb.cc.window(), x.tcb.cc.threshold()]).toEqual([0, 5 * MSS, 5 * MSS]);
  });

  test("RFC 6937 s2: a partial ACK delivers what no duplicate has told of, and what leaves adds up to what arrives", () => {
    const x = flying();
    expect(perDuplicate(x, 8)).toEqual(["10", "11", "0", "", "", "12", "", ""]); // 0 and 4 are lost
    x.advance(100 * MS);
    ack(x, 4); // eight duplicates told of three of these four: the hole is the one that is new
    // Of nine in flight five have left, and the hole: three are, and ssthresh is five.
    expect(sent(x)).toBe("4 13");
    expect(x.tcb.recovery.inspect()).toMatchObject({ prrActive: true, prrDelivered: 7 * MSS, prrOut: 4 * MSS, departed: 5 * MSS });
  });

  test("by policy the letter of RFC 6582 instead: half of a window of duplicates lets nothing out, then each lets one", () => {
    expect(perDuplicate(flying({ proportionalWithoutSack: false }), 9)).toEqual(["10", "11", "0", "", "", "", "", "12", "13"]);
  });

  test("by policy recovery outlasts the ACK of all that was sent before it: more may leave, the window is not yet the threshold", () => {
    const [ends, outlasts] = [false, true].map((recoveryOutlasts) => {
      const x = flying({ recoveryOutlasts });
      perDuplicate(x, 9);
      ack(x, 12);
      const first = [x.tcb.recovery.phase, sent(x)];
      ack(x, 13);
      return [...first, x.tcb.recovery.phase, x.tcb.cc.window()];
    });
    expect(ends).toEqual([0, "14 15 16", 0, 5 * MSS]);
    expect(outlasts).toEqual([1, "14 15 16", 0, 5 * MSS]);
  });

  test("RFC 6298 s5.4: a timeout ends it", () => {
    const x = flying();
    perDuplicate(x, 4);
    x.advance(x.tcb.rto);
    expect([x.tcb.recovery.phase, x.tcb.recovery.inspect()["prrActive"], x.tcb.cc.window()]).toEqual([2, false, MSS]);
  });
});
