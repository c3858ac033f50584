/** RFC 5681 as one TCP shows it to a script: what leaves, and when. The window itself: test/tcp/newreno-controller.test.ts. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { rfc } from "../../src/stack/profile.js";
import { Exchange, line } from "../tcp/exchange.js";
import { ack, duplicates, established, MS, MSS, SECOND, segments, sent } from "../tcp/flow.js";

/** Ten segments in flight: the initial window. */
function flying(options: Parameters<typeof established>[0] = {}, octets = 40 * MSS): Exchange {
  const x = established(options);
  x.write(octets);
  expect(sent(x)).toBe("0 1 2 3 4 5 6 7 8 9");
  return x;
}

describe("s2: definitions", () => {
  test("s2: nothing is sent beyond the highest ACK and min(cwnd, rwnd) (5681-01)", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ ack: fc.nat(6), wnd: fc.nat(200), duplicate: fc.boolean(), wait: fc.nat(400) }), { maxLength: 60 }),
        (steps) => {
          const x = established();
          let acked = 0;
          let right = 0xffff * 128;
          let highest = 0;
          for (const step of steps) {
            x.write(20 * MSS);
            for (const s of x.take()) highest = Math.max(highest, s.seq + s.length - 1);
            if (!step.duplicate) acked = Math.min(acked + step.ack, Math.floor(highest / MSS));
            const wnd = step.duplicate ? Math.floor((right - acked * MSS) / 128) : step.wnd;
            if (wnd < 0 || wnd > 0xffff) continue;
            right = acked * MSS + wnd * 128;
            const window = x.tcb.cc.window();
            const before = highest;
            ack(x, acked, { wnd });
            x.advance(step.wait * MS);
            if (x.state === "CLOSED") return;
            for (const s of x.take()) {
              if (s.length === 0) continue;
              // Old text again is limited by cwnd alone (RFC 9293 s3.8.6, MAY-7); new text by both.
              if (s.seq - 1 + s.length > highest) expect(s.seq - 1 + s.length).toBeLessThanOrEqual(right);
              highest = Math.max(highest, s.seq - 1 + s.length);
            }
            const { cc, recovery, snd } = x.tcb;
            if (highest > before) expect(recovery.pipe(snd.una, snd.nxt, snd.mss)).toBeLessThanOrEqual(Math.max(window, cc.window()));
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe("s3.1: slow start and congestion avoidance", () => {
  test("s3.1: the first flight is the initial window, whatever is queued (5681-04, 6928-01)", () => {
    const x = established({ policy: { initialWindow: "rfc5681" } });
    x.write(40 * MSS);
    expect(sent(x)).toBe("0 1 2 3");
  });

  test("s3.1: the SYN,ACK and the ACK of it do not open the window (5681-05)", () => {
    expect(established().tcb.cc.window()).toBe(10 * MSS);
    const active = new Exchange();
    active.open({}, { mss: MSS });
    expect(active.tcb.cc.window()).toBe(10 * MSS);
  });

  test("s3.1: slow start sends two segments for each that is acknowledged (5681-03)", () => {
    const x = flying();
    ack(x, 1);
    expect(sent(x)).toBe("10 11");
    ack(x, 3);
    expect(sent(x)).toBe("12 13 14 15");
    expect(x.tcb.cc.window()).toBe(13 * MSS);
  });

  test("s3.1: ACKs of single octets open the window by what they acknowledge (5681-10)", () => {
    const x = flying();
    for (let octet = 1; octet <= MSS; octet++) x.inject({ seq: 1, ack: 1 + octet });
    expect(x.tcb.cc.window()).toBe(11 * MSS);
    expect(sent(x)).toBe("10 11");
  });

  test("s3.1: in congestion avoidance the window grows by a segment a round trip (5681-03, 5681-11)", () => {
    const x = flying({}, 200 * MSS);
    duplicates(x, 0, 3);
    ack(x, 12); // full acknowledgment: 0 to 9 and two of limited transmit
    expect(x.tcb.cc.threshold()).toBe(5 * MSS);
    let acked = 12;
    for (let round = 0; round < 6; round++) {
      const before = x.tcb.cc.window();
      const flight = x.tcb.snd.nxt - x.tcb.snd.una;
      for (let i = 0; i < flight / MSS; i++) ack(x, ++acked);
      if (before >= 5 * MSS) expect(x.tcb.cc.window() - before).toBeLessThanOrEqual(MSS);
    }
    expect(x.tcb.cc.window()).toBeGreaterThanOrEqual(8 * MSS);
    expect(x.tcb.cc.window()).toBeLessThanOrEqual(11 * MSS);
  });

  test("s3.1: a timeout leaves one segment, and half of the flight as ssthresh (5681-13)", () => {
    const x = flying();
    x.advance(300 * MS - 1);
    expect(sent(x)).toBe("");
    x.advance(1);
    expect(sent(x)).toBe("0");
    expect([x.tcb.cc.window(), x.tcb.cc.threshold()]).toEqual([MSS, 5 * MSS]);
  });

  test("s3.1: the same segment timing out again keeps ssthresh (5681-14)", () => {
    const x = flying();
    x.advance(300 * MS);
    x.advance(600 * MS);
    x.advance(1_200 * MS);
    expect(sent(x)).toBe("0 0 0");
    expect(x.tcb.cc.threshold()).toBe(5 * MSS);
  });

  test("s3.1: after a timeout slow start repairs: 1, 2, 4 segments", () => {
    const x = flying({ policy: { frto: false } });
    x.advance(300 * MS);
    expect(sent(x)).toBe("0");
    ack(x, 1);
    expect(sent(x)).toBe("1 2");
    ack(x, 2);
    ack(x, 3);
    expect(sent(x)).toBe("3 4 5 6");
  });

  test("s3.1: the path MTU shrinks: cwnd by the same ratio (5681-07)", () => {
    const x = established({ syn: { mss: 1460 } });
    expect(x.tcb.cc.window()).toBe(14_600);
    x.network.lowerMtu(0 as never, 770);
    x.write(100);
    expect(x.tcb.snd.mss).toBe(730);
    expect(x.tcb.cc.window()).toBe(7_300);
  });
});

describe("s3.2: fast retransmit and fast recovery", () => {
  test("s3.2: two duplicates send two new segments, the third sends the lost one (5681-17, 5681-18)", () => {
    const x = flying();
    ack(x, 0);
    expect(sent(x)).toBe("10");
    ack(x, 0);
    expect(sent(x)).toBe("11");
    ack(x, 0);
    const out = x.take();
    expect(segments(out)).toBe("0");
    expect(out[0]!.why).toBe("rtx.fast");
  });

  test("s3.2: limited transmit leaves cwnd as it is (5681-19)", () => {
    const x = flying();
    duplicates(x, 0, 2);
    expect(x.tcb.cc.window()).toBe(10 * MSS);
  });

  test("s3.2: ssthresh is half of what was in flight without limited transmit (5681-21, 5681-31)", () => {
    const x = flying();
    duplicates(x, 0, 3);
    expect([x.tcb.cc.window(), x.tcb.cc.threshold()]).toEqual([5 * MSS, 5 * MSS]);
  });

  test("s3.2: of a window that is not full too: half of the flight, not of cwnd (5681-21)", () => {
    const x = established();
    x.write(8 * MSS);
    duplicates(x, 0, 3);
    expect(x.tcb.cc.threshold()).toBe(4 * MSS);
  });

  test("s3.2: with ssthresh + 3 segments of credit, each further duplicate lets one more go (5681-22, 5681-23)", () => {
    const x = flying({ policy: { proportionalWithoutSack: false } });
    duplicates(x, 0, 3);
    expect(sent(x)).toBe("10 11 0");
    // FlightSize 12, inflated window 5 + 3: four duplicates until a new segment fits.
    duplicates(x, 0, 4);
    expect(sent(x)).toBe("");
    ack(x, 0);
    expect(sent(x)).toBe("12");
    ack(x, 0);
    expect(sent(x)).toBe("13");
  });

  test("s3.2: a new ACK ends it with cwnd at ssthresh or less (5681-24)", () => {
    const x = flying({ policy: { proportionalWithoutSack: false } });
    duplicates(x, 0, 9);
    expect(sent(x)).toBe("10 11 0 12 13");
    ack(x, 12);
    expect(x.tcb.cc.window()).toBe(3 * MSS); // min(ssthresh, FlightSize + SMSS): RFC 6582 s3.2
    expect(sent(x)).toBe("14");
  });

  test("s3.2: with SACK, a duplicate that says nothing new sends nothing (5681-20, 3042-03)", () => {
    const x = flying({ syn: { sackPermitted: true }, policy: { lossDetection: "sack" } });
    duplicates(x, 0, 5);
    expect(sent(x)).toBe("");
    const block = [1 + MSS, 1 + 2 * MSS];
    ack(x, 0, { sack: block });
    expect(sent(x)).toBe("10");
    duplicates(x, 0, 5, { sack: block }); // the same ACK, multiplied by the network or by an attacker
    expect(sent(x)).toBe("");
    duplicates(x, 0, 5, { sack: [1 + MSS, 1 + MSS + 500, ...block] }); // a D-SACK of it
    expect(sent(x)).toBe("");
    ack(x, 0, { sack: [1 + 3 * MSS, 1 + 4 * MSS, ...block] });
    expect(sent(x)).toBe("11");
    ack(x, 0, { sack: [1 + 2 * MSS, 1 + 4 * MSS] });
    expect(sent(x)).toBe("0");
  });

  test("s3.2: with SACK, blocks beyond what was sent or below SND.UNA count for nothing (2018-13)", () => {
    const x = flying({ syn: { sackPermitted: true } });
    for (let i = 0; i < 5; i++) {
      ack(x, 0, { sack: [1 + 20 * MSS, 1 + (21 + i) * MSS] });
      ack(x, 0, { sack: [1 - MSS, 1 - i] });
      ack(x, 0, { sack: [1 + 5 * MSS, 1 + 4 * MSS] });
      ack(x, 0, { sack: [1 + 5 * MSS, 1 + 5 * MSS] });
    }
    expect(sent(x)).toBe("");
  });
});

describe("s2: what is a duplicate ACK (5681-25)", () => {
  test.each([
    ["text", { text: 10 }],
    ["another window", { wnd: 0x7fff }],
    ["a FIN", { flags: "F.", seq: 1 }],
  ] as const)("s2: not one with %s", (_name, more) => {
    const x = flying();
    for (let i = 0; i < 2; i++) ack(x, 0);
    expect(sent(x)).toBe("10 11");
    ack(x, 0, more);
    expect(segments(x.take().filter((s) => s.length > 0))).toBe("");
  });

  test("RFC 6675 s2: with SACK one that reports something new is, also with text or another window", () => {
    const x = flying({ syn: { sackPermitted: true } });
    ack(x, 0, { text: 10, sack: [1 + MSS, 1 + 2 * MSS] });
    expect(sent(x)).toBe("10");
    ack(x, 0, { seq: 11, wnd: 0x7fff, sack: [1 + MSS, 1 + 3 * MSS] });
    expect(sent(x)).toBe("11");
    x.inject({ seq: 11, ack: 1, text: 10, sack: [1 + MSS, 1 + 4 * MSS] });
    expect(sent(x)).toBe("0");
  });

  test("s2: not one while nothing is outstanding", () => {
    const x = established();
    duplicates(x, 0, 10);
    x.write(3 * MSS);
    expect(sent(x)).toBe("0 1 2");
    expect(x.tcb.duplicateAcks).toBe(0);
  });

  test("s2: not one that is older than SND.UNA", () => {
    const x = flying();
    ack(x, 2);
    x.take();
    duplicates(x, 1, 5);
    expect(sent(x)).toBe("");
  });
});

describe("s4.1: restart after idleness", () => {
  /** Thirty segments sent and acknowledged, cwnd above the initial window. */
  function grown(options: Parameters<typeof established>[0] = {}): Exchange {
    const x = established(options);
    let acked = 0;
    for (const n of [10, 20]) {
      x.write(n * MSS);
      for (let i = 0; i < n; i++) ack(x, ++acked);
    }
    expect(x.tcb.cc.window()).toBe(23 * MSS);
    x.take();
    return x;
  }

  test("s4.1: idle for longer than the RTO, it starts again from min(IW, cwnd) (5681-26)", () => {
    const x = grown();
    x.advance(x.tcb.rto + 1);
    x.write(40 * MSS);
    expect(sent(x).split(" ").length).toBe(10);
  });

  test("s4.1: idle for less it goes on (5681-26)", () => {
    const x = grown();
    x.advance(x.tcb.rto);
    x.write(40 * MSS);
    expect(sent(x).split(" ").length).toBe(23);
  });

  test("s4.1: a request that arrives does not count: what matters is what was sent (5681-26)", () => {
    const x = grown();
    x.advance(x.tcb.rto + 1);
    x.inject({ seq: 1, ack: 1 + 30 * MSS, text: 10 });
    x.take();
    x.write(40 * MSS);
    expect(sent(x).split(" ").length).toBe(10);
  });

  test("s4.1: frozen meanwhile, it starts again from the initial window too", () => {
    const x = grown();
    x.advance(60 * SECOND);
    expect(x.tcp.summary()).toMatchObject({ live: 0, frozen: 1 });
    x.write(40 * MSS);
    expect(sent(x).split(" ").length).toBe(10);
  });
});

describe("s4.2: generating acknowledgments", () => {
  /** Quick ACKs are spent. */
  const receiver = (options: Parameters<typeof established>[0] = {}): Exchange =>
    established({ ...options, policy: { quickAcks: 0, ...options.policy } });

  test("s4.2: the first segment waits for the delay, no longer (5681-27, 9293-MUST-40, 9293-SHLD-18)", () => {
    const x = receiver();
    x.inject({ seq: 1, ack: 1, text: MSS });
    expect(x.lines()).toEqual([]);
    x.advance(40 * MS - 1);
    expect(x.lines()).toEqual([]);
    x.advance(1);
    expect(x.lines()).toEqual([`. 1:1(0) ack ${1 + MSS}`]);
  });

  test("s4.2: every second full-sized segment is acknowledged at once (5681-28, 9293-SHLD-19)", () => {
    const x = receiver();
    for (let i = 0; i < 10; i++) x.inject({ seq: 1 + i * MSS, ack: 1, text: MSS });
    expect(x.take().map((s) => (s.ack - 1) / MSS)).toEqual([2, 4, 6, 8, 10]);
  });

  test("s4.2: the letter's profile delays 200 ms, and acknowledges every second too (5681-27)", () => {
    const x = established({ profile: rfc });
    x.inject({ seq: 1, ack: 1, text: MSS });
    x.advance(200 * MS - 1);
    expect(x.lines()).toEqual([]);
    x.advance(1);
    expect(x.lines().length).toBe(1);
    x.inject({ seq: 1 + MSS, ack: 1, text: MSS });
    x.inject({ seq: 1 + 2 * MSS, ack: 1, text: MSS });
    expect(x.lines().length).toBe(1);
  });

  test("s2: RMSS is what we announced: of segments that the link has merged each is two and more (5681-28)", () => {
    const x = receiver();
    for (let i = 0; i < 3; i++) x.inject({ seq: 1 + i * 8_760, ack: 1, text: 8_760 });
    expect(x.take().map((s) => (s.ack - 1) / 8_760)).toEqual([1, 2, 3]);
    expect(x.tcb.rcv.mss).toBe(1_460);
  });

  test("s4.2: small segments share the delay until two full ones are together", () => {
    const x = receiver();
    x.inject({ seq: 1, ack: 1, text: MSS });
    x.advance(40 * MS);
    x.take();
    for (let i = 0; i < 19; i++) x.inject({ seq: 1 + MSS + i * 100, ack: 1, text: 100 });
    expect(x.lines()).toEqual([]);
    x.inject({ seq: 1 + MSS + 1_900, ack: 1, text: 100 });
    expect(x.lines().length).toBe(1);
  });

  test("s4.2: out of order is acknowledged at once, each segment by itself (5681-15, 5681-30, 6582 s5)", () => {
    const x = receiver();
    for (let i = 1; i <= 4; i++) x.inject({ seq: 1 + i * MSS, ack: 1, text: MSS });
    expect(x.lines()).toEqual(Array.from({ length: 4 }, () => ". 1:1(0) ack 1"));
  });

  test("s4.2: also when all of them arrive in one turn: the sender counts them (5681-15, 2018-04)", () => {
    const x = receiver({ syn: { sackPermitted: true } });
    for (let i = 1; i <= 4; i++) x.inject({ seq: 1 + i * MSS, ack: 1, text: MSS }, true);
    x.turn();
    expect(x.take().map((s) => [s.ack, ...s.sack])).toEqual([1, 2, 3, 4].map((n) => [1, 1 + MSS, 1 + (n + 1) * MSS]));
  });

  test("s4.2: in order, a turn's segments share one ACK (9293-MUST-58, 9293-MUST-59)", () => {
    const x = receiver();
    for (let i = 0; i < 8; i++) x.inject({ seq: 1 + i * MSS, ack: 1, text: MSS }, true);
    x.turn();
    expect(x.lines()).toEqual([`. 1:1(0) ack ${1 + 8 * MSS}`]);
  });

  test("s4.2: what fills all or part of a gap is acknowledged at once (5681-16)", () => {
    const x = receiver();
    x.inject({ seq: 1 + 2 * MSS, ack: 1, text: MSS });
    x.inject({ seq: 1 + 4 * MSS, ack: 1, text: MSS });
    x.take();
    x.inject({ seq: 1, ack: 1, text: MSS });
    expect(x.lines()).toEqual([`. 1:1(0) ack ${1 + MSS}`]);
    x.inject({ seq: 1 + MSS, ack: 1, text: MSS });
    expect(x.lines()).toEqual([`. 1:1(0) ack ${1 + 3 * MSS}`]);
    x.inject({ seq: 1 + 3 * MSS, ack: 1, text: MSS });
    expect(x.lines()).toEqual([`. 1:1(0) ack ${1 + 5 * MSS}`]);
  });

  test("s4.2: text that goes the other way carries the ACK, and the delay is over", () => {
    const x = receiver();
    x.inject({ seq: 1, ack: 1, text: MSS });
    x.write(10);
    expect(x.lines()).toEqual([`P. 1:11(10) ack ${1 + MSS}`]);
    x.advance(100 * MS);
    expect(x.lines()).toEqual([]);
  });

  test("s4.2: quick ACKs at the start, then delay (linux)", () => {
    const x = established({ policy: { quickAcks: 3 } });
    for (let i = 0; i < 3; i++) {
      x.inject({ seq: 1 + i * 100, ack: 1, text: 100 });
      expect(x.take().map((s) => s.why)).toEqual(["tx.ack_quick"]);
      x.advance(1);
    }
    x.inject({ seq: 301, ack: 1, text: 50 });
    expect(x.lines()).toEqual([]);
  });

  test("s4.2: no ACK waits 500 ms, two full segments have one, and there are not more ACKs than segments (5681-27, 5681-28, 5681-29)", () => {
    const step = fc.record({
      size: fc.constantFrom(1, 100, 999, 1_000),
      skip: fc.nat(2),
      wait: fc.nat(300),
      reader: fc.boolean(),
      again: fc.nat(3),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 80 }), fc.boolean(), (steps, letter) => {
        const x = letter ? established({ profile: rfc }) : established();
        let next = 1;
        let arrived = 0;
        let acks = 0;
        let updates = 0;
        let oldest = Number.POSITIVE_INFINITY;
        let acknowledged = 1;
        const look = (): void => {
          for (const s of x.take()) {
            if (s.why === "tx.window_update") updates += 1;
            else acks += 1;
            if (s.ack > acknowledged) {
              acknowledged = s.ack;
              if (acknowledged === ((x.tcb.rcv.nxt - x.tcb.irs) | 0)) oldest = Number.POSITIVE_INFINITY;
              else oldest = Math.min(oldest, s.at);
            }
            expect(s.at - oldest).toBeLessThan(500 * MS);
          }
        };
        for (const step of steps) {
          const at = step.again === 0 ? Math.max(1, next - step.size) : next + step.skip * MSS;
          x.inject({ seq: at, ack: 1, text: step.size });
          arrived += 1;
          const contiguous = (x.tcb.rcv.nxt - x.tcb.irs) | 0;
          if (contiguous > acknowledged && oldest === Number.POSITIVE_INFINITY) oldest = x.now;
          next = contiguous;
          look();
          // Two full-sized segments never wait.
          expect(((x.tcb.rcv.nxt - x.tcb.irs) | 0) - acknowledged).toBeLessThan(2 * Math.max(1, x.tcb.rcv.mss));
          if (step.reader) x.read();
          x.advance(step.wait * MS);
          look();
          expect(acks).toBeLessThanOrEqual(arrived);
        }
        x.advance(500 * MS);
        look();
        expect(acknowledged).toBe((x.tcb.rcv.nxt - x.tcb.irs) | 0);
        expect(updates).toBeLessThanOrEqual(steps.length);
      }),
      { numRuns: 60 },
    );
  });
});

describe("s4.3: loss recovery", () => {
  test("s4.3: a retransmission lost too is a second indication: cwnd and ssthresh are lowered again (5681-32)", () => {
    const x = flying({}, 100 * MSS);
    duplicates(x, 0, 9);
    expect(x.tcb.cc.threshold()).toBe(5 * MSS);
    x.advance(x.tcb.rto);
    expect([x.tcb.cc.window(), x.tcb.cc.threshold()]).toEqual([MSS, 2_500]);
  });

  test("s4.3: until the first loss is repaired no more than half goes in a round trip (5681-31)", () => {
    const x = flying({}, 100 * MSS);
    duplicates(x, 0, 9); // one of ten was lost, nine arrived
    const more = sent(x).split(" ").length;
    expect(more).toBeLessThanOrEqual(5 + 1); // half of ten, and the retransmission
  });
});

test("s3: the ACKs and text of a whole transfer, drawn (5681-03)", () => {
  const x = established({ policy: { initialWindow: "rfc5681" } });
  x.write(8 * MSS);
  const out = [x.take().map(line)];
  for (let n = 2; n <= 8; n += 2) {
    x.advance(100 * MS);
    ack(x, n);
    out.push(x.take().map(line));
  }
  expect(out).toEqual([
    [". 1:1001(1000) ack 1", "P. 1001:2001(1000) ack 1", ". 2001:3001(1000) ack 1", "P. 3001:4001(1000) ack 1"],
    [". 4001:5001(1000) ack 1", "P. 5001:6001(1000) ack 1", ". 6001:7001(1000) ack 1", "P. 7001:8001(1000) ack 1"],
    [],
    [],
    [],
  ]);
});
