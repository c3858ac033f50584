/** RFC 6298 and RFC 8961 in a script: when the retransmission timer runs, and what it does. The estimator: test/tcp/rtt.test.ts. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import { linux, rfc } from "../../src/stack/profile.js";
import { Exchange, line } from "../tcp/exchange.js";
import { ack, established, MS, MSS, SECOND, sent } from "../tcp/flow.js";

const memory = createMemory({ packets: 64, chunks: 2_048, chunkSize: 4_096 });

describe("s2, s5: the timer", () => {
  test("s2.1: the first SYN goes again after one second (6298-01, 8961-01)", () => {
    for (const profile of [linux, rfc]) {
      const x = new Exchange({ memory, profile });
      x.connect();
      expect(x.lines()).toEqual(["S 0:0(0)"]);
      x.advance(SECOND - 1);
      expect(x.lines()).toEqual([]);
      x.advance(1);
      expect(x.lines()).toEqual(["S 0:0(0)"]);
    }
  });

  test("s2.1: without a sample text waits one second too (6298-01)", () => {
    const x = established({ memory, rtt: 2_500 * MS }); // the SYN,ACK went twice more: no sample
    expect(x.tcb.srtt).toBe(0);
    x.tcb.rto = SECOND; // s5.7 apart
    x.write(MSS);
    x.take();
    x.advance(SECOND - 1);
    expect(sent(x)).toBe("");
    x.advance(1);
    expect(sent(x)).toBe("0");
  });

  test("s5.1: starts when text is sent and it does not run, and is not put off by more (6298-10)", () => {
    const x = established({ memory });
    x.write(MSS);
    x.advance(200 * MS);
    x.write(MSS);
    x.take();
    x.advance(100 * MS - 1);
    expect(sent(x)).toBe("");
    x.advance(1);
    expect(sent(x)).toBe("0");
  });

  test("s5.2: stops when all is acknowledged (6298-11)", () => {
    const x = established({ memory });
    x.write(3 * MSS);
    x.take();
    ack(x, 3);
    x.advance(1);
    expect(x.tcb.rexmitAt).toBe(Number.POSITIVE_INFINITY);
    x.advance(600 * SECOND);
    expect(x.lines()).toEqual([]);
  });

  test("s5.3: starts again by an ACK of new text (6298-12)", () => {
    const x = established({ memory });
    x.write(3 * MSS);
    x.take();
    x.advance(100 * MS);
    ack(x, 1); // SRTT 100 ms, RTTVAR 37.5 ms: RTO 300 ms
    x.advance(300 * MS - 1);
    expect(sent(x)).toBe("");
    x.advance(1);
    expect(sent(x)).toBe("1");
  });

  test("s5.3: not by a duplicate ACK", () => {
    const x = established({ memory });
    x.write(3 * MSS);
    x.take();
    x.advance(200 * MS);
    ack(x, 0);
    x.advance(100 * MS - 1);
    expect(sent(x)).toBe("");
    x.advance(1);
    expect(sent(x)).toBe("0");
  });

  test("s5.4: exactly the earliest segment that is not acknowledged goes again (6298-13)", () => {
    const x = established({ memory });
    x.write(10 * MSS);
    ack(x, 2);
    x.take();
    x.advance(x.tcb.rto - 1);
    expect(x.take()).toEqual([]);
    x.advance(1);
    expect(x.take().map((s) => [line(s), s.why])).toEqual([[`. ${1 + 2 * MSS}:${1 + 3 * MSS}(${MSS}) ack 1`, "rtx.rto"]]);
  });

  test("s5.5, s5.6: twice the RTO each time, up to the maximum (6298-14, 8961-02)", () => {
    const x = established({ memory });
    const start = x.now;
    x.write(MSS);
    x.advance(400 * SECOND);
    const times = x.take().map((s) => (s.at - start) / MS);
    expect(times).toEqual([0, 300, 900, 2_100, 4_500, 9_300, 18_900, 38_100, 76_500, 153_300, 273_300, 393_300]);
  });

  test("s5.5: a new measurement replaces what was backed off; until then it stands", () => {
    const x = established({ memory });
    x.write(MSS);
    x.advance(900 * MS); // sent again at 300 and 900 ms
    ack(x, 1); // no sample: Karn
    expect(x.tcb.backoff).toBe(2);
    x.take();
    x.write(MSS);
    x.take();
    x.advance(1_200 * MS - 1);
    expect(sent(x)).toBe("");
    x.advance(1);
    expect(sent(x)).toBe("1");
    ack(x, 2);
    x.write(MSS);
    x.advance(100 * MS);
    ack(x, 3);
    expect([x.tcb.backoff, x.tcb.rto]).toEqual([0, 300 * MS]);
  });

  test("s5: by the timer nothing goes again earlier than an RTO after it went before (6298-09)", () => {
    fc.assert(
      fc.property(fc.array(fc.record({ write: fc.nat(4), ack: fc.nat(3), wait: fc.nat(900) }), { maxLength: 50 }), (steps) => {
        const x = established({ memory });
        const last = new Map<number, number>();
        let acked = 0;
        const look = (rto: number): void => {
          for (const s of x.take()) {
            if (s.length === 0) continue;
            const before = last.get(s.seq);
            if (s.why === "rtx.rto") expect(s.at - before!).toBeGreaterThanOrEqual(Math.min(rto, 200 * MS));
            last.set(s.seq, s.at);
          }
        };
        for (const step of steps) {
          const { rto } = x.tcb;
          x.write(step.write * MSS);
          look(rto);
          const most = ((x.tcb.snd.nxt - x.tcb.iss - 1) | 0) / MSS;
          acked = Math.min(acked + step.ack, Math.floor(most));
          ack(x, acked);
          look(Math.min(rto, x.tcb.rto));
          for (let i = 0; i < step.wait; i += 30) {
            const before = x.tcb.rto;
            x.advance(30 * MS);
            if (x.state === "CLOSED") return;
            look(before);
          }
        }
      }),
      { numRuns: 40 },
    );
  });
});

test("s5: SRTT and RTTVAR are kept however often the RTO was doubled: the next sample moves them (6298-16)", () => {
  const x = established({ memory });
  x.write(MSS);
  x.advance(60 * SECOND);
  expect(x.tcb.backoff).toBeGreaterThan(5);
  expect([x.tcb.srtt, x.tcb.rttvar, x.tcb.rto]).toEqual([100 * MS, 50 * MS, 300 * MS]);
});

describe("s5.7: a lost SYN", () => {
  test("s5.7: without a sample the RTO is three seconds when text begins (6298-15)", () => {
    const x = new Exchange({ memory });
    x.connect();
    x.advance(1_050 * MS);
    x.inject({ flags: "S.", ack: 1, mss: MSS });
    x.take();
    expect(x.tcb.rto).toBe(3 * SECOND);
    x.write(MSS);
    x.take();
    x.advance(3 * SECOND - 1);
    expect(sent(x)).toBe("");
    x.advance(1);
    expect(sent(x)).toBe("0");
  });

  test("s5.7: the side that sent the SYN,ACK twice too (6298-15)", () => {
    const x = established({ memory, rtt: 1_050 * MS });
    expect(x.tcb.rto).toBe(3 * SECOND);
  });

  test("s5.7: a timestamp that has measured the round trip stands (docs/deviations.md, rto-after-syn)", () => {
    const x = new Exchange({ memory });
    x.connect();
    x.advance(1_050 * MS);
    const again = x.take().at(-1)!;
    x.inject({ flags: "S.", ack: 1, mss: MSS, ts: [9, again.tsVal!] });
    expect([x.tcb.srtt, x.tcb.rto]).toEqual([50 * MS, 250 * MS]);
  });

  test("s5.7: the first sample replaces it", () => {
    const x = established({ memory, rtt: 1_050 * MS });
    x.write(MSS);
    x.advance(100 * MS);
    ack(x, 1);
    expect(x.tcb.rto).toBe(300 * MS);
  });
});

describe("RFC 8961 s4", () => {
  test("s4 (4): each expiry is taken for congestion: cwnd and ssthresh fall (8961-02)", () => {
    const x = established({ memory });
    x.write(10 * MSS);
    x.advance(300 * MS);
    expect([x.tcb.cc.window(), x.tcb.cc.threshold()]).toEqual([MSS, 5 * MSS]);
    expect(x.tcb.backoff).toBe(1);
  });

  test("s4 (1): the handshake gives the sample of a passive open, frozen or not (6298-07)", () => {
    const x = established({ memory, rtt: 123_456 });
    expect(x.tcb.srtt).toBe(123_456);
  });
});

describe("RFC 9293 s3.8.3: how long", () => {
  test("s3.8.3: at R1 IP and the application are told, at R2 it is over (9293-MUST-20, 9293-SHLD-9, 9293-SHLD-10, 9293-SHLD-11)", () => {
    const x = established({ memory });
    const start = x.now;
    const told: [string, number][] = [];
    x.onEvents = () => told.push([x.events.at(-1)!, Math.round((x.now - start) / MS)]);
    x.write(MSS);
    x.network.advice.length = 0;
    x.advance(2_100 * MS - 1);
    expect([x.network.advice, x.events]).toEqual([[], []]);
    x.advance(1); // the third time that it is sent again
    expect([x.network.advice, x.events]).toEqual([["suspect"], ["Advice"]]);
    x.advance(2_000 * SECOND);
    expect(x.state).toBe("CLOSED");
    expect(x.tcp.errorOf(x.handle)).toBe("ETIMEDOUT");
    expect(told.at(-1)![1]).toBeGreaterThanOrEqual(100_000);
    expect(x.take().at(-1)!.flags).toBe("R.");
  });

  test("s3.8.3: an ACK of new text starts the count anew", () => {
    const x = established({ memory, policy: { r2: 3 } });
    x.write(4 * MSS);
    for (let n = 1; n <= 4; n++) {
      x.advance(2 * SECOND);
      expect(x.state).toBe("ESTABLISHED");
      ack(x, n);
    }
    expect(x.tcb.retries).toBe(0);
  });
});
