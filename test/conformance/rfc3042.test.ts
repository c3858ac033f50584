/** RFC 3042: limited transmit. */
import { describe, expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import type { Exchange } from "../tcp/exchange.js";
import { ack, established, MSS, sent } from "../tcp/flow.js";

const memory = createMemory({ packets: 64, chunks: 2_048, chunkSize: 4_096 });

/** Ten segments in flight, the window full. */
function flying(options: Parameters<typeof established>[0] = {}, octets = 40 * MSS): Exchange {
  const x = established({ memory, ...options });
  x.write(octets);
  expect(sent(x)).toBe("0 1 2 3 4 5 6 7 8 9");
  return x;
}

describe("s2", () => {
  test("s2: each of the first two duplicates sends one segment of new text, and says why (3042-01)", () => {
    const x = flying();
    for (const n of [10, 11]) {
      ack(x, 0);
      expect(x.take().map((s) => [(s.seq - 1) / MSS, s.length, s.why])).toEqual([[n, MSS, "tx.limited_transmit"]]);
    }
  });

  test("s2: cwnd does not change, and no more than cwnd + 2*SMSS is outstanding (3042-02)", () => {
    const x = flying();
    ack(x, 0);
    ack(x, 0);
    expect(x.tcb.cc.window()).toBe(10 * MSS);
    expect((x.tcb.snd.nxt - x.tcb.snd.una) | 0).toBe(12 * MSS);
  });

  test("s2: not beyond the receiver's window (3042-01)", () => {
    const x = established({ memory, syn: { windowScale: 0, wnd: 11 * MSS } });
    x.inject({ seq: 1, ack: 1, wnd: 11 * MSS });
    x.write(40 * MSS);
    expect(sent(x)).toBe("0 1 2 3 4 5 6 7 8 9");
    ack(x, 0, { wnd: 11 * MSS });
    expect(sent(x)).toBe("10");
    ack(x, 0, { wnd: 11 * MSS });
    expect(sent(x)).toBe("");
  });

  test("s2: nothing when there is no new text", () => {
    const x = flying({}, 10 * MSS);
    ack(x, 0);
    ack(x, 0);
    expect(sent(x)).toBe("");
    ack(x, 0);
    expect(sent(x)).toBe("0");
  });

  test("s2: with SACK only for a duplicate that says something new (3042-03)", () => {
    const x = flying({ syn: { sackPermitted: true } });
    ack(x, 0);
    expect(sent(x)).toBe("");
    ack(x, 0, { sack: [1 + MSS, 1 + 2 * MSS] });
    expect(sent(x)).toBe("10");
    ack(x, 0, { sack: [1 + MSS, 1 + 2 * MSS] });
    expect(sent(x)).toBe("");
    ack(x, 0, { sack: [1 + MSS, 1 + 3 * MSS] });
    expect(sent(x)).toBe("11");
  });

  test("s3: a window of two segments recovers without a timeout", () => {
    const x = established({ memory, policy: { proportionalWithoutSack: false } });
    x.tcb.cc.onTimeout(4 * MSS, true, x.now);
    x.tcb.cc.onAck(Object.assign({ acked: MSS, flight: MSS, srtt: 0, minRtt: 0, appLimited: false, inRecovery: false }), x.now);
    expect(x.tcb.cc.window()).toBe(2 * MSS);
    x.write(10 * MSS);
    expect(sent(x)).toBe("0 1");
    ack(x, 0); // 0 was lost, 1 arrived
    expect(sent(x)).toBe("2");
    ack(x, 0);
    expect(sent(x)).toBe("3");
    ack(x, 0);
    expect(sent(x)).toBe("0 4"); // cwnd = ssthresh + 3 segments = 5, FlightSize 4
    expect(x.tcb.timeouts).toBe(0);
  });
});
