/** RFC 6582: NewReno on the wire. The bookkeeping alone: test/tcp/recovery/newreno.test.ts. */
import { describe, expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import type { Exchange } from "../tcp/exchange.js";
import { ack, duplicates, established, MS, MSS, segments, sent, withIss } from "../tcp/flow.js";

const memory = createMemory({ packets: 64, chunks: 2_048, chunkSize: 4_096 });

/** The letter; what RFC 9937 makes of it: rfc9937.test.ts. */
const policy = { proportionalWithoutSack: false };

/** Ten segments in flight. */
function flying(options: Parameters<typeof established>[0] = {}, octets = 100 * MSS): Exchange {
  const x = established({ memory, policy, ...options });
  x.write(octets);
  expect(sent(x)).toBe("0 1 2 3 4 5 6 7 8 9");
  return x;
}

describe("s3.2", () => {
  test("s3.2 (1): the first segment of a connection can be recovered (6582-01)", () => {
    const x = flying();
    duplicates(x, 0, 3);
    expect(sent(x)).toBe("10 11 0");
  });

  test("s3.2 (3): two lost of ten: the partial ACK sends the second at once (6582-04)", () => {
    const x = flying();
    duplicates(x, 0, 8); // 0 and 4 are lost
    expect(sent(x)).toBe("10 11 0 12");
    x.advance(100 * MS);
    ack(x, 4);
    const out = x.take();
    expect(out.filter((s) => s.why === "rtx.partial_ack").map((s) => (s.seq - 1) / MSS)).toEqual([4]);
    // FlightSize 9, inflation 8 - 4 + 1 = 5, cwnd 5: one new segment fits.
    expect(segments(out)).toBe("4 13");
    expect(x.tcb.recovery.phase).toBe(1);
    expect(x.tcb.cc.window()).toBe(5 * MSS);
  });

  test("s3.2 (3): a hole a round trip, each by its partial ACK, until all before recover is there (6582-04)", () => {
    const x = flying();
    duplicates(x, 0, 5); // 0, 2, 4, 6, 8 are lost
    x.take();
    const again: string[] = [];
    for (const n of [2, 4, 6, 8]) {
      x.advance(100 * MS);
      ack(x, n);
      again.push(segments(x.take().filter((s) => s.why.startsWith("rtx"))));
    }
    expect(again).toEqual(["2", "4", "6", "8"]);
    ack(x, 12);
    expect(x.tcb.recovery.phase).toBe(0);
    expect([x.tcb.timeouts, x.tcb.fastRetransmits]).toEqual([0, 1]);
  });

  test("s3.2 (3): the full ACK ends it: min(ssthresh, max(FlightSize, SMSS) + SMSS) (6582-03)", () => {
    const x = flying();
    duplicates(x, 0, 9);
    expect(sent(x)).toBe("10 11 0 12 13");
    ack(x, 10);
    expect(x.tcb.recovery.phase).toBe(1); // 10 and 11 left before the third duplicate: recover is 11
    expect(sent(x)).toBe("10 14");
    ack(x, 12);
    expect([x.tcb.recovery.phase, x.tcb.cc.window(), x.tcb.cc.threshold()]).toEqual([0, 4 * MSS, 5 * MSS]); // 12, 13, 14 and one
  });

  test("s3.2 (3): the first partial ACK resets the timer (6582-05)", () => {
    const x = flying();
    duplicates(x, 0, 8);
    x.advance(200 * MS);
    ack(x, 4);
    x.take();
    const { rto } = x.tcb;
    x.advance(rto - 1);
    expect(x.take()).toEqual([]);
    x.advance(1);
    expect(sent(x)).toBe("4");
    expect(x.tcb.timeouts).toBe(1);
  });

  test("s3.2 (4): a timeout in recovery records recover and leaves it (6582-06)", () => {
    const x = flying();
    duplicates(x, 0, 5);
    const { nxt } = x.tcb.snd;
    x.advance(x.tcb.rto);
    expect([x.tcb.recovery.phase, x.tcb.recovery.recoveryPoint]).toEqual([2, nxt]);
    expect(x.tcb.cc.window()).toBe(MSS);
  });

  test("s3.2 (2), s4: duplicates after a timeout that do not cover more than recover start no fast retransmit (6582-02)", () => {
    const x = flying();
    x.advance(x.tcb.rto); // all ten arrived, the ACKs were lost
    x.take();
    duplicates(x, 0, 4);
    expect(sent(x)).toBe("");
    ack(x, 10);
    x.take();
    duplicates(x, 10, 4);
    expect(x.take().filter((s) => s.why.startsWith("rtx"))).toEqual([]);
    expect(x.tcb.fastRetransmits).toBe(0);
    ack(x, 11);
    x.take();
    duplicates(x, 11, 3);
    expect(segments(x.take().filter((s) => s.why === "rtx.fast"))).toBe("11");
  });

  test("s4.1: neither heuristic: the timer repairs what is lost right behind recover (6582-07)", () => {
    const x = flying();
    duplicates(x, 0, 9);
    x.take();
    ack(x, 12);
    x.take();
    duplicates(x, 12, 4); // 12 was lost, and is where recover ended
    expect(x.take().filter((s) => s.why.startsWith("rtx"))).toEqual([]);
    x.advance(x.tcb.rto);
    expect(segments(x.take().filter((s) => s.why === "rtx.rto"))).toBe("12");
  });

  test.each([0x7fff_e000, -5_000, 0x8000_0000 | 0, -1])("s3.2: the same where numbers wrap: ISS %d (9293-U16)", (iss) => {
    const x = flying({ exchange: withIss(iss, { memory, policy }) });
    expect(x.tcb.iss).toBe(iss);
    duplicates(x, 0, 8);
    expect(sent(x)).toBe("10 11 0 12");
    ack(x, 4);
    expect(sent(x)).toBe("4 13");
    ack(x, 14);
    expect(x.tcb.recovery.phase).toBe(0);
  });
});
