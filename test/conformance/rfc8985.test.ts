/** RFC 8985: RACK-TLP as a sender shows it to a script. Segments of 1 000 octets, numbered from 0; RTT 100 ms; profile linux. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import { rfc } from "../../src/stack/profile.js";
import { Timer } from "../../src/tcp/probe.js";
import type { Exchange } from "../tcp/exchange.js";
import { ack, established, MS, MSS, SECOND, sent } from "../tcp/flow.js";

const memory = createMemory({ packets: 64, chunks: 2_048, chunkSize: 4_096 });

/** `[1, 3]`: segments 1 and 2 have arrived. */
const blocks = (...ranges: [number, number][]): { sack: number[] } => ({ sack: ranges.flatMap(([l, r]) => [1 + l * MSS, 1 + r * MSS]) });

function open(options: Parameters<typeof established>[0] = {}): Exchange {
  return established({ memory, ...options, syn: { sackPermitted: true, ...options.syn } });
}

/** `n` segments in flight, nothing more to send. */
function flying(n: number, options: Parameters<typeof established>[0] = {}): Exchange {
  const x = open(options);
  x.write(n * MSS);
  expect(sent(x)).toBe(Array.from({ length: n }, (_, i) => i).join(" "));
  return x;
}

const rack = (x: Exchange): Record<string, unknown> => x.tcb.recovery.inspect();
const count = (x: Exchange, why: string): number => x.tally.show()[why] ?? 0;
const reasons = (x: Exchange): string[] => x.take().map((s) => `${(s.seq - 1) / MSS} ${s.why}`);

describe("s6.2: what RACK infers from an ACK", () => {
  test("s6.2 step 4: without reordering three SACKed segments are enough at once (8985-04)", () => {
    const x = flying(10);
    x.advance(100 * MS);
    ack(x, 0, blocks([1, 3]));
    expect(sent(x)).toBe("");
    ack(x, 0, blocks([1, 4]));
    expect(reasons(x)).toEqual(["0 rtx.fast"]);
    expect(count(x, "loss.rack")).toBe(1);
    expect([x.tcb.recovery.phase, rack(x)["reoWnd"]]).toEqual([1, 0]);
  });

  test("s6.2 step 5: fewer than three wait for the reordering window, min_RTT/4, and its timer (8985-08, 8985-09)", () => {
    const x = flying(3);
    x.advance(100 * MS);
    ack(x, 0, blocks([1, 2]));
    expect([sent(x), rack(x)["reoWnd"]]).toEqual(["", 25 * MS]);
    x.advance(25 * MS - 1);
    expect(sent(x)).toBe("");
    x.advance(1);
    expect(reasons(x)).toEqual(["0 rtx.fast"]);
    expect(x.tcb.timeouts).toBe(0);
  });

  test("s6.2 step 5: one that arrives in that time was reordered, and nothing goes again", () => {
    const x = flying(3);
    x.advance(100 * MS);
    ack(x, 0, blocks([1, 2]));
    x.advance(10 * MS);
    ack(x, 2);
    x.advance(10 * MS);
    ack(x, 3);
    x.advance(SECOND);
    expect([sent(x), rack(x)["reorderingSeen"]]).toEqual(["", true]);
  });

  test("s6.2 step 4: once reordering was seen three SACKed segments wait like one", () => {
    const x = flying(10);
    x.advance(100 * MS);
    ack(x, 0, blocks([1, 2]));
    ack(x, 2);
    ack(x, 2, blocks([3, 6]));
    expect([sent(x), rack(x)["reoWnd"]]).toEqual(["", 25 * MS]);
    x.advance(25 * MS);
    expect(sent(x)).toBe("2");
  });

  test("s6.2 step 4: each round trip with a D-SACK adds min_RTT/4, to SRTT at most; 16 recoveries without forget it (8985-03, 8985-05)", () => {
    const x = open();
    Object.assign(x.tcb.cc, { window: () => 20 * MSS, proportional: false }); // the rounds are the subject here
    const window = (): unknown => rack(x)["reoWnd"];
    let n = 0;
    const round = (duplicate: boolean): void => {
      x.write(4 * MSS);
      x.take();
      x.advance(100 * MS);
      ack(x, n + 1);
      ack(x, n + 1, blocks([n + 2, n + 3]));
      x.advance(SECOND); // n + 1 goes again
      ack(x, n + 4, duplicate ? { sack: [1 + (n + 1) * MSS, 1 + (n + 2) * MSS] } : {});
      n += 4;
    };
    const seen: unknown[] = [];
    for (let i = 0; i < 6; i++) {
      round(true);
      x.write(4 * MSS);
      x.take();
      x.advance(100 * MS);
      ack(x, n, blocks([n + 1, n + 2]));
      seen.push(window());
      ack(x, n + 4);
      n += 4;
    }
    expect(seen.slice(0, 3)).toEqual([50 * MS, 75 * MS, 100 * MS]);
    expect(Math.max(...(seen as number[]))).toBeLessThanOrEqual(x.tcb.srtt);
    for (let i = 0; i < 16; i++) round(false);
    expect([rack(x)["reoWndMult"], rack(x)["reoWndPersist"]]).toEqual([1, 0]);
  });

  test("s6.2 step 1: the least round trip is that of the last minutes: a path that has become longer is known as such (8985-06)", () => {
    const x = open();
    let n = 0;
    const round = (rtt: number): void => {
      x.write(MSS);
      x.advance(rtt);
      ack(x, ++n);
    };
    round(100 * MS);
    const seen: number[] = [];
    for (let second = 0; second < 400; second++) {
      round(200 * MS);
      x.advance(800 * MS);
      seen.push(x.tcb.minRtt);
    }
    expect(seen.slice(0, 140).every((least) => least === 100 * MS)).toBe(true);
    expect(seen.slice(300).every((least) => least === 200 * MS)).toBe(true);
    round(150 * MS); // one that is shorter counts at once
    expect(x.tcb.minRtt).toBe(150 * MS);
    x.write(3 * MSS);
    x.advance(150 * MS);
    ack(x, n, blocks([n + 1, n + 2]));
    expect(rack(x)["reoWnd"]).toBe(37_500);
  });

  test("s6.2 step 2: a lost retransmission is found by what was sent after it, without a timeout", () => {
    const x = flying(10, { connection: { sendBuffer: 1 << 20 } });
    x.write(40 * MSS);
    x.advance(100 * MS);
    ack(x, 0, blocks([1, 4]));
    x.advance(50 * MS);
    ack(x, 0, blocks([1, 8]));
    expect(sent(x)).toBe("0 10 11");
    x.advance(100 * MS);
    ack(x, 0, blocks([1, 11])); // 10 has arrived, and 0, sent before it, has not
    expect(sent(x).split(" ")[0]).toBe("0");
    expect(x.tcb.timeouts).toBe(0);
    expect(x.tcb.sent.lostAgain).toBe(MSS);
  });

  test("RFC 5681 s4.3: that is a second sign of congestion for a profile that says so (docs/deviations.md, lost-again) (8985-20)", () => {
    const thresholds = [false, true].map((reduceAgain) => {
      const x = flying(10, { policy: { reduceAgain }, connection: { sendBuffer: 1 << 20 } });
      x.write(40 * MSS);
      x.advance(100 * MS);
      ack(x, 0, blocks([1, 8]));
      const first = x.tcb.cc.threshold();
      x.advance(100 * MS);
      x.take();
      ack(x, 0, blocks([1, 11]));
      return [first, x.tcb.cc.threshold() < first];
    });
    expect(thresholds.map(([, again]) => again)).toEqual([false, true]);
  });

  test("s6.2 step 2: a spurious retransmission's ACK tells nothing: no RACK.rtt below min_RTT (8985-07)", () => {
    const x = flying(2);
    x.advance(100 * MS);
    ack(x, 1);
    x.advance(2 * x.tcb.rto); // a probe, then a timeout
    expect(sent(x)).toBe("1 1");
    const before = rack(x)["rackRtt"];
    x.advance(1 * MS);
    ack(x, 2); // cannot be for what left a millisecond ago
    expect(rack(x)["rackRtt"]).toBe(before);
  });

  test("s3.5, s6.3: a timeout marks the first, and what is older than a round trip; not what has just left (8985-10)", () => {
    const x = flying(1, { connection: { noDelay: true } });
    x.advance(100 * MS);
    ack(x, 1);
    x.write(MSS);
    const rto = 2 * x.tcb.rto; // the probe goes when the first is due
    x.advance(rto - 10 * MS);
    expect(sent(x)).toBe("1 1");
    x.write(MSS);
    x.write(MSS);
    expect(sent(x)).toBe("2 3");
    x.advance(10 * MS);
    expect(reasons(x)).toEqual(["1 rtx.rto"]);
    expect(x.tcb.sent.lostTotal).toBe(MSS);
    x.advance(10 * MS);
    ack(x, 2);
    expect(sent(x)).toBe(""); // the others are not presumed lost
    ack(x, 4);
    expect(x.tcb.sent.count).toBe(0);
  });
});

describe("what goes with it", () => {
  test("s5.1: only where SACK is agreed: else by duplicates (8985-01)", () => {
    expect([open(), open({ syn: { sackPermitted: false } })].map((x) => x.tcb.recovery.name)).toEqual(["rack", "newreno"]);
  });

  test("s5.1: time decides, not RFC 6675's count: three ranges far apart are no loss while nothing has arrived whole (8985-18)", () => {
    const x = flying(10);
    const parts = [2, 4, 6].flatMap((n) => [1 + n * MSS, 1 + n * MSS + 10]);
    ack(x, 0, { sack: parts });
    expect([x.tcb.recovery.phase, count(x, "loss.dupthresh"), x.take().some((s) => s.why.startsWith("rtx"))]).toEqual([0, 0, false]);
  });

  test("s9.3: what is lost goes as the window lets it, not all at once (8985-19)", () => {
    const x = flying(10, { connection: { sendBuffer: 1 << 20 } });
    x.write(40 * MSS);
    x.advance(100 * MS);
    ack(x, 0, blocks([7, 10]));
    expect(x.tcb.sent.lostTotal).toBe(7 * MSS);
    expect(sent(x).split(" ").length).toBeLessThanOrEqual(3);
  });

  test("s8: one timer at a time: the reordering timer takes the place of the loss probe's (8985-17)", () => {
    const x = flying(3);
    expect(x.tcb.probeKind).toBe(Timer.LossProbe);
    x.advance(100 * MS);
    ack(x, 0, blocks([1, 2]));
    expect([x.tcb.probeKind, x.tcb.probeAt - x.now]).toEqual([Timer.Reordering, 25 * MS]);
  });
});

describe("s7: tail loss probes", () => {
  test("s7.2: after two SRTT and a little the last segment goes again; the RTO begins anew (8985-11, 8985-15)", () => {
    const x = flying(5);
    x.advance(202 * MS - 1);
    expect(sent(x)).toBe("");
    x.advance(1);
    expect(reasons(x)).toEqual(["4 rtx.loss_probe"]);
    expect(x.tcb.rexmitAt - x.now).toBe(x.tcb.rto);
  });

  test("s7.2: a single segment may wait for a delayed ACK: two SRTT and 200 ms, but not beyond the RTO (8985-12)", () => {
    const x = open({ rtt: 400 * MS }); // RTO = 400 + 4 * 200
    x.write(MSS);
    x.take();
    x.advance(1_000 * MS - 1);
    expect(sent(x)).toBe("");
    x.advance(1);
    expect(reasons(x)).toEqual(["0 rtx.loss_probe"]);
    const y = flying(1); // RTO 300 ms comes before 2 * 100 + 200
    y.advance(300 * MS);
    expect(reasons(y)).toEqual(["0 rtx.loss_probe"]);
    expect(y.tcb.timeouts).toBe(0);
  });

  test("s7.3: new text, if there is some, rather than old; one segment beyond cwnd (8985-14)", () => {
    const x = open();
    x.write(11 * MSS);
    expect(sent(x)).toBe("0 1 2 3 4 5 6 7 8 9");
    x.advance(202 * MS);
    expect(reasons(x)).toEqual(["10 tx.loss_probe"]);
  });

  test("s7.3: one probe at a time: without an answer the RTO follows (8985-13)", () => {
    const x = flying(3);
    x.advance(202 * MS);
    expect(sent(x)).toBe("2");
    x.advance(300 * MS - 1);
    expect(sent(x)).toBe("");
    x.advance(1);
    expect(reasons(x)).toEqual(["0 rtx.rto"]);
  });

  test("s7.3: no second one before a new sample of the round trip (8985-13)", () => {
    const x = flying(2);
    x.advance(202 * MS);
    expect(sent(x)).toBe("1");
    x.advance(10 * MS);
    ack(x, 1); // its original may have been long on the way: without timestamps the sample is of segment 0
    x.write(MSS);
    expect(sent(x)).toBe("2");
    x.tcb.flags &= ~8_388_608;
    x.advance(x.tcb.rexmitAt - x.now - 1);
    expect(reasons(x)).toEqual([]);
  });

  test("s7.2: not while something is SACKed, not in recovery, not without SACK", () => {
    const x = flying(10);
    x.advance(100 * MS);
    ack(x, 0, blocks([1, 4]));
    expect(sent(x)).toBe("0");
    x.advance(299 * MS);
    expect(sent(x)).toBe("");
    const y = established({ memory });
    y.write(3 * MSS);
    y.take();
    y.advance(299 * MS);
    expect(sent(y)).toBe("");
    const z = flying(3, { policy: { lossProbe: false } });
    z.advance(299 * MS);
    expect(sent(z)).toBe("");
  });

  test("s3.4: the example: three of four lost, the probe's SACK shows two, one of them is lost again", () => {
    const x = flying(4);
    Object.assign(x.tcb.cc, { proportional: false });
    x.advance(100 * MS);
    ack(x, 1);
    const pto = 2 * x.tcb.srtt + 2 * MS;
    x.advance(pto);
    expect(reasons(x)).toEqual(["3 rtx.loss_probe"]); // 3b
    x.advance(100 * MS);
    ack(x, 1, blocks([3, 4])); // 4
    expect(sent(x)).toBe("1 2"); // 5c
    x.advance(100 * MS);
    ack(x, 1, blocks([2, 4])); // 6
    expect(sent(x)).toBe("1"); // 7b
    x.advance(100 * MS);
    ack(x, 4); // 8
    expect([x.tcb.timeouts, x.tcb.recovery.phase, x.tcb.sent.count]).toEqual([0, 0, 0]);
  });

  test("s7.4.2: the probe repaired the only loss: cwnd answers for it once an ACK goes beyond (8985-16)", () => {
    const x = flying(10);
    x.advance(100 * MS);
    ack(x, 9);
    x.advance(2 * x.tcb.srtt + 200 * MS);
    expect(x.take().map((s) => s.why)).toEqual(["rtx.loss_probe"]);
    x.advance(100 * MS);
    ack(x, 10);
    const cwnd = x.tcb.cc.window();
    x.write(2 * MSS);
    x.advance(100 * MS);
    ack(x, 12);
    expect(x.tcb.cc.window()).toBeLessThan(cwnd);
    expect([count(x, "loss.probe"), count(x, "cc.probe_repaired")]).toEqual([1, 1]);
  });

  test.each(["dsack", "duplicate"])("s7.4.2: a %s says that both copies arrived: nothing to answer for", (how) => {
    const x = flying(10);
    x.advance(100 * MS);
    ack(x, 9);
    x.advance(2 * x.tcb.srtt + 200 * MS);
    x.take();
    ack(x, 10);
    if (how === "dsack") ack(x, 10, blocks([9, 10]));
    else ack(x, 10);
    const cwnd = x.tcb.cc.window();
    x.write(2 * MSS);
    x.advance(100 * MS);
    ack(x, 12);
    expect(x.tcb.cc.window()).toBeGreaterThanOrEqual(cwnd);
    expect(count(x, "cc.probe_repaired")).toBe(0);
  });

  test("s7.3: a FIN is probed like text", () => {
    const x = flying(2);
    x.tcp.shutdown(x.handle, x.now);
    x.turn();
    expect(x.take().map((s) => s.flags)).toEqual(["F."]);
    x.advance(300 * MS);
    expect(x.take().map((s) => [s.flags.includes("F"), s.why])).toEqual([[true, "rtx.loss_probe"]]);
  });
});

describe("whatever the peer says", () => {
  test("S-135: SACKs far ahead do not make it send more than twice what they deliver and a window", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(30), fc.nat(30), fc.integer({ min: 1, max: 10 }), fc.nat(60)), { maxLength: 80 }), (acks) => {
        const x = open({ connection: { sendBuffer: 1 << 20 } });
        x.write(200 * MSS);
        let una = 0;
        let out = x.take().reduce((sum, s) => sum + s.length, 0);
        for (const [step, ahead, length, wait] of acks) {
          const flight = Math.floor(((x.tcb.snd.nxt - x.tcb.snd.una) | 0) / MSS);
          una += step < 4 ? Math.min(step, flight) : 0;
          ack(x, una, blocks([una + 1 + ahead, una + 1 + ahead + length]));
          x.advance(wait * MS);
          out += x.take().reduce((sum, s) => sum + s.length, 0);
        }
        // What was lost went again at most once for each time that something sent after it arrived, or by a timer.
        const timers = x.tcb.timeouts + count(x, "rtx.loss_probe") + count(x, "tx.loss_probe");
        expect(out).toBeLessThanOrEqual(2 * x.tcb.sent.delivered + (12 + 2 * timers) * MSS + x.tcb.cc.window() * 2);
        x.advance(100 * SECOND);
        expect(x.state).toBe("ESTABLISHED");
      }),
      { numRuns: 100 },
    );
  });

  test("the profile rfc: RACK too, and a loss of what was lost reduces again", () => {
    expect([rfc.tcp.lossDetection, rfc.tcp.reduceAgain]).toEqual(["rack", true]);
  });
});
