/** RFC 4015: the Eifel response to a timeout that was spurious. Segments of 1 000 octets, numbered from 0; RTT 100 ms; ten are in flight. */
import { describe, expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import { freebsd, linux, rfc } from "../../src/stack/profile.js";
import { NO_THRESHOLD } from "../../src/tcp/congestion/controller.js";
import type { Exchange } from "../tcp/exchange.js";
import { ack, established, MS, MSS, sent } from "../tcp/flow.js";

const memory = createMemory({ packets: 64, chunks: 2_048, chunkSize: 4_096 });

/** The timer has fired on a window of ten segments, and 20 more wait. */
const timedOut = (policy = {}): Exchange => fired(opened(policy), 30);

/** Likewise, on so many, in congestion avoidance. */
function flying(segments: number, policy = {}): Exchange {
  const x = opened(policy);
  x.tcb.cc.adopt(segments * MSS, 2 * MSS);
  return fired(x, segments + 20);
}

const opened = (policy: object): Exchange =>
  established({
    memory,
    policy: { lossProbe: false, spuriousTimeout: "eifel", ...policy },
    connection: { sendBuffer: 1 << 20 },
    syn: { flags: "S", sackPermitted: true },
  });

function fired(x: Exchange, segments: number): Exchange {
  x.write(segments * MSS);
  x.take();
  x.advance(x.tcb.rto);
  expect(sent(x)).toBe("0");
  return x;
}

/** F-RTO: two ACKs of what was sent before show that nothing was lost. */
function spurious(x: Exchange, delay = 200 * MS): void {
  x.advance(delay);
  ack(x, 1);
  x.take();
  ack(x, 2);
  expect(x.tally.show()["cc.undo_frto"]).toBe(1);
}

describe("s3.1 (9): the windows", () => {
  test("cwnd is what is in flight and what the ACK lets out, ssthresh what was in flight before, or itself (4015-04)", () => {
    const x = timedOut();
    x.tcb.cc.adopt(MSS, 2 * MSS); // as if an earlier loss had set one: pipe_prev was taken before
    spurious(x);
    // 12 have left, 2 are acknowledged: 10 are in flight, and the second ACK has covered one segment.
    expect([x.tcb.cc.window(), x.tcb.cc.threshold(), sent(x)]).toEqual([11 * MSS, NO_THRESHOLD, "12"]);
  });

  test("no more than the initial window leaves at once, however much the ACK covers (4015-04)", () => {
    for (const [initial, burst] of [
      ["rfc6928", 10],
      ["rfc5681", 4],
    ] as const) {
      const x = flying(20, { initialWindow: initial });
      x.advance(200 * MS);
      ack(x, 1);
      x.take();
      ack(x, 20);
      expect(sent(x).split(" ")).toHaveLength(burst);
      expect([x.tcb.cc.window(), x.tcb.cc.threshold()]).toEqual([(2 + burst) * MSS, 20 * MSS]);
    }
  });

  test("in slow start ssthresh stays, beyond it what was in flight counts (4015-04)", () => {
    const x = timedOut();
    expect(x.tcb.before.pipe).toBe(NO_THRESHOLD);
    const avoiding = flying(10);
    spurious(avoiding);
    expect(avoiding.tcb.cc.threshold()).toBe(10 * MSS);
  });

  test("by policy all is as it was before instead", () => {
    const x = timedOut({ spuriousTimeout: "undo" });
    spurious(x);
    expect([x.tcb.cc.window(), x.tcb.before.known]).toEqual([10 * MSS, false]);
    expect([linux, freebsd, rfc].map(({ tcp }) => tcp.spuriousTimeout)).toEqual(["undo", "undo", "eifel"]);
  });
});

describe("s3.1 (11): the retransmission timer", () => {
  test("the first round trip of new text sets SRTT, RTTVAR and RTO, none before it (4015-05)", () => {
    const x = timedOut();
    spurious(x);
    const { srtt } = x.tcb;
    x.advance(300 * MS);
    ack(x, 9); // what was sent before the timeout
    expect(x.tally.show()["cc.rto_adapted"]).toBeUndefined();
    expect(x.tcb.before.awaits).toBe(true);
    x.advance(200 * MS);
    ack(x, 12); // 10 and 11 left half a second ago
    expect(x.tally.show()["cc.rto_adapted"]).toBe(1);
    expect(srtt).toBeLessThan(500 * MS);
    expect([x.tcb.srtt, x.tcb.rttvar, x.tcb.rto]).toEqual([500 * MS, 250 * MS, 1_500 * MS]);
    expect([x.tcb.backoff, x.tcb.before.awaits]).toEqual([0, false]);
    // The timer runs by it.
    expect(x.tcb.rexmitAt - x.now).toBe(1_500 * MS);
  });

  test("where round trips are short again the RTO is what it was, and two ticks of the clock (4015-05)", () => {
    const x = timedOut();
    const before = [x.tcb.srtt, x.tcb.rttvar];
    spurious(x);
    x.advance(10 * MS);
    ack(x, 12);
    expect([x.tcb.srtt, x.tcb.rttvar]).toEqual([before[0]! + 2 * MS, before[1]!]);
  });

  test("once: the next sample counts as any other", () => {
    const x = timedOut();
    spurious(x);
    x.advance(500 * MS);
    ack(x, 12);
    x.write(MSS);
    x.advance(100 * MS);
    ack(x, 13);
    expect(x.tally.show()["cc.rto_adapted"]).toBe(1);
    expect(x.tcb.srtt).toBe(500 * MS); // 13 left before the last sample was taken
    x.advance(100 * MS);
    ack(x, 22);
    expect(x.tcb.srtt).toBe(462_500); // 7/8 of 500 and 1/8 of 200
  });

  test("a timeout that was real adapts nothing", () => {
    const x = timedOut();
    ack(x, 1);
    ack(x, 1, { sack: [1 + 10 * MSS, 1 + 11 * MSS] }); // new text has overtaken the old
    for (let n = 2; n < 20; n += 2) {
      x.advance(100 * MS);
      ack(x, n);
    }
    expect(x.tally.show()["cc.rto_adapted"]).toBeUndefined();
  });

  test("s3.1: a second timeout of the same segment begins nothing anew (4015-03)", () => {
    const x = timedOut();
    const { srtt, sent: end } = x.tcb.before;
    x.advance(2 * x.tcb.rto);
    expect(sent(x)).toBe("0");
    expect([x.tcb.before.srtt, x.tcb.before.sent]).toEqual([srtt, end]);
    spurious(x, 0);
    expect(x.tcb.before.awaits).toBe(true);
  });
});
