/** RFC 3522, RFC 3708, RFC 4015: what was sent again for nothing is noticed, and the reduction taken back. RFC 7765: RTO restart. */
import { describe, expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import type { Exchange } from "../tcp/exchange.js";
import { ack, established, MS, MSS, sent } from "../tcp/flow.js";

const memory = createMemory({ packets: 64, chunks: 2_048, chunkSize: 4_096 });
const blocks = (...ranges: [number, number][]): { sack: number[] } => ({ sack: ranges.flatMap(([l, r]) => [1 + l * MSS, 1 + r * MSS]) });

/** Ten segments are in flight, the first counts as lost and has gone again. */
function recovering(policy = {}): Exchange {
  const x = established({
    memory,
    policy: { congestionControl: "newreno", ...policy },
    connection: { sendBuffer: 1 << 20 },
    syn: { sackPermitted: true },
  });
  x.write(60 * MSS);
  expect(sent(x)).toBe("0 1 2 3 4 5 6 7 8 9");
  x.advance(100 * MS);
  ack(x, 0, blocks([1, 5]));
  expect(sent(x).split(" ")[0]).toBe("0");
  expect(x.tcb.cc.window()).toBe(5 * MSS);
  return x;
}

const count = (x: Exchange, why: string): number => x.tally.show()[why] ?? 0;

describe("RFC 3708 s3", () => {
  test("(B.1): all that went again arrived twice: the window is back", () => {
    const x = recovering();
    ack(x, 10);
    expect(x.tcb.recovery.phase).toBe(0);
    ack(x, 10, blocks([0, 1]));
    expect([count(x, "cc.undo_dsack"), x.tcb.cc.window() >= 10 * MSS]).toEqual([1, true]);
  });

  test("(B.2), S-136: not while something that went again was not reported, and once only", () => {
    const x = recovering();
    ack(x, 0, blocks([1, 5], [6, 9])); // 5 is lost too
    expect(sent(x)).toContain("5");
    ack(x, 10, blocks([0, 1]));
    expect(count(x, "cc.undo_dsack")).toBe(0);
    for (let i = 0; i < 3; i++) ack(x, 10, blocks([5, 6]));
    expect(count(x, "cc.undo_dsack")).toBe(1);
  });

  test("(A.4): a report of what never went again: the network duplicates, and no report counts any more", () => {
    const x = recovering();
    ack(x, 10, blocks([7, 8]));
    ack(x, 10, blocks([0, 1]));
    expect(count(x, "cc.undo_dsack")).toBe(0);
  });

  test("by policy", () => {
    const x = recovering({ undoByDuplicate: false });
    ack(x, 10);
    ack(x, 10, blocks([0, 1]));
    expect(count(x, "cc.undo_dsack")).toBe(0);
  });
});

describe("RFC 3522 s3.2", () => {
  test.each([
    [-50, 1],
    [10, 0],
  ])("(4): the first acceptable ACK echoes a timestamp %d ms from the retransmission's: undone %d times", (offset, times) => {
    const x = established({
      memory,
      policy: { congestionControl: "newreno" },
      connection: { sendBuffer: 1 << 20 },
      syn: { sackPermitted: true, ts: [1_000, 0] },
    });
    x.write(60 * MSS);
    x.take();
    x.advance(100 * MS);
    ack(x, 0, { ts: [1_200, 0], sack: blocks([1, 5]).sack.map((edge) => edge) });
    const again = x.take().find((s) => s.why === "rtx.fast")!;
    x.advance(20 * MS);
    x.inject({ seq: 1, ack: again.seq + again.length, ts: [1_220, again.tsVal! + offset] });
    expect(count(x, "cc.undo_timestamp")).toBe(times);
  });
});

test("what was taken for lost arrives before it could go again: undone", () => {
  const x = established({
    memory,
    policy: { congestionControl: "newreno" },
    connection: { sendBuffer: 1 << 20 },
    syn: { sackPermitted: true },
  });
  x.write(60 * MSS);
  x.take();
  x.advance(100 * MS);
  x.inject({ seq: 1, ack: 1, ...blocks([1, 5]) }, true);
  x.inject({ seq: 1, ack: 1 + 5 * MSS });
  expect([x.tcb.recovery.phase, x.tcb.cc.window(), x.tcb.segmentsRetransmitted]).toEqual([0, 10 * MSS, 0]);
});

test.each([
  [true, 200],
  [false, 300],
])("RFC 7765 s4: restart %s: with few segments left the RTO counts from when the first of them left", (rtoRestart, left) => {
  const x = established({ memory, policy: { rtoRestart, lossProbe: false } });
  x.write(MSS);
  x.write(MSS);
  x.take();
  x.advance(100 * MS);
  ack(x, 1);
  expect(x.tcb.rexmitAt - x.now).toBe(x.tcb.rto - (300 - left) * MS);
});
