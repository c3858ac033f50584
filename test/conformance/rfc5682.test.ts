/** RFC 5682: forward RTO-recovery, with SACK and without. Segments of 1 000 octets, numbered from 0. */
import { describe, expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import type { Exchange } from "../tcp/exchange.js";
import { ack, established, MS, MSS, sent } from "../tcp/flow.js";

const memory = createMemory({ packets: 64, chunks: 2_048, chunkSize: 4_096 });
const blocks = (l: number, r: number): { sack: number[] } => ({ sack: [1 + l * MSS, 1 + r * MSS] });

/** Ten segments are in flight, and the timer has fired. */
function timedOut(sack: boolean, more = 20, policy = {}, flags = "S"): Exchange {
  const x = established({
    memory,
    policy: { lossProbe: false, congestionControl: "newreno", ...policy },
    connection: { sendBuffer: 1 << 20 },
    syn: { flags, sackPermitted: sack },
  });
  x.write((10 + more) * MSS);
  x.take();
  x.advance(x.tcb.rto);
  expect(x.take().map((s) => [(s.seq - 1) / MSS, s.why])).toEqual([[0, "rtx.rto"]]);
  expect(x.tcb.cc.window()).toBe(MSS);
  return x;
}

const undone = (x: Exchange): number => x.tally.show()["cc.undo_frto"] ?? 0;

describe.each([false, true])("SACK: %s", (sack) => {
  test("s2.1 (2b), s3.1 (2b): the first new ACK lets two new segments out, none again (5682-01)", () => {
    const x = timedOut(sack);
    x.advance(200 * MS);
    ack(x, 1);
    expect(sent(x)).toBe("10 11");
  });

  test("s2.1 (3b), s3.1 (3b): the second one covers what did not go again: the timeout was spurious, the window is back (4015-01, 4015-02)", () => {
    const x = timedOut(sack);
    x.advance(200 * MS);
    ack(x, 1);
    x.take();
    ack(x, 2);
    expect([undone(x), x.tcb.recovery.phase, x.tcb.cc.window()]).toEqual([1, 0, 10 * MSS]);
    ack(x, 10);
    expect(x.take().every((s) => s.why === "tx.new_data" || s.why === "tx.limited_transmit")).toBe(true);
    expect(x.tcb.segmentsRetransmitted).toBe(1);
  });

  test("s2.1 (3a), s3.1 (3a): duplicates instead: the loss was real, the rest goes again (5682-03)", () => {
    const x = timedOut(sack);
    ack(x, 1);
    x.take();
    ack(x, 1, sack ? blocks(10, 11) : {});
    expect(sent(x).split(" ")[0]).toBe("1");
    expect([undone(x), x.tcb.recovery.phase]).toEqual([0, 2]);
  });

  test("s2.1 (2a), s3.1 (2a): an ACK of all that was outstanding decides nothing (5682-06)", () => {
    const x = timedOut(sack, 0);
    ack(x, 10);
    expect([undone(x), x.tcb.recovery.phase, sent(x)]).toEqual([0, 0, ""]);
  });

  test("s2.1 (2b): with nothing new to send the conventional recovery goes on", () => {
    const x = timedOut(sack, 0);
    ack(x, 1);
    expect(sent(x)).toBe("1 2");
  });

  test("s2.1 (1): a second timeout of the same segment begins anew; one inside a recovery does not (5682-02, 5682-05)", () => {
    const x = timedOut(sack);
    x.advance(2 * x.tcb.rto);
    expect(sent(x)).toBe("0");
    ack(x, 1);
    expect(sent(x)).toBe("10 11");
    ack(x, 1, sack ? blocks(10, 11) : {});
    x.take();
    x.advance(4 * x.tcb.rto);
    expect(sent(x)).toBe("1");
    ack(x, 2);
    expect(sent(x).split(" ")[0]).toBe("2"); // in recovery: no new text first
  });

  test("RFC 4015 s3.1: a second timeout does not forget what the window was before the first (4015-03)", () => {
    const x = timedOut(sack);
    x.advance(2 * x.tcb.rto);
    ack(x, 1);
    x.take();
    ack(x, 2);
    expect([undone(x), x.tcb.cc.window()]).toEqual([1, 10 * MSS]);
  });

  test.each(["first", "second"])(
    "RFC 4015 s3.4: where the %s ACK tells of a mark, the window stays as the timeout has left it (4015-06)",
    (which) => {
      const x = timedOut(sack, 20, { ecn: "on" }, "SEW");
      const marked = { flags: "E." };
      ack(x, 1, which === "first" ? marked : {});
      x.take();
      ack(x, 2, which === "second" ? marked : {});
      expect(x.tcb.cc.window()).toBeLessThan(5 * MSS);
    },
  );

  test("by policy: without it all goes again by slow start", () => {
    const x = timedOut(sack, 20, { frto: false });
    ack(x, 1);
    expect(sent(x)).toBe("1 2");
  });
});

test("s2.1 (2a): without SACK a duplicate before the first new ACK says that the loss was real", () => {
  const x = timedOut(false);
  ack(x, 0);
  ack(x, 1);
  expect(sent(x)).toBe("1 2");
});

test("s3.1 (2): with SACK duplicates before it are kept, and waited out (5682-04)", () => {
  const x = timedOut(true);
  ack(x, 0, blocks(5, 6));
  expect(sent(x)).toBe("");
  ack(x, 1, blocks(5, 6));
  expect(sent(x)).toBe("10 11");
  ack(x, 1, blocks(5, 7));
  expect(undone(x)).toBe(1); // 6 was sent before the timeout, and only once
});
