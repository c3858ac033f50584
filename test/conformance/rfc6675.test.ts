/** RFC 6675: loss recovery by counting SACKs, as the profile freebsd has it. Segments of 1 000 octets, numbered from 0; NewReno. */
import { describe, expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import { freebsd } from "../../src/stack/profile.js";
import type { Exchange } from "../tcp/exchange.js";
import { ack, established, MS, MSS, sent } from "../tcp/flow.js";

const memory = createMemory({ packets: 64, chunks: 2_048, chunkSize: 4_096 });
const blocks = (...ranges: [number, number][]): { sack: number[] } => ({ sack: ranges.flatMap(([l, r]) => [1 + l * MSS, 1 + r * MSS]) });

/** Ten segments in flight, and `more` queued behind them. */
function flying(more = 0, mss = MSS): Exchange {
  const x = established({
    memory,
    profile: freebsd,
    policy: { congestionControl: "newreno" },
    connection: { sendBuffer: 1 << 20 },
    syn: { sackPermitted: true, mss },
  });
  x.write((10 + more) * MSS);
  expect(sent(x)).toBe("0 1 2 3 4 5 6 7 8 9");
  return x;
}

/** The window is no limit: what rules 3 and 4 of NextSeg choose is seen as it is. */
const unlimited = (x: Exchange): void => void Object.assign(x.tcb.cc, { proportional: false, window: () => 100 * MSS });
const reasons = (x: Exchange): string[] => x.take().map((s) => `${(s.seq - 1) / MSS} ${s.why}`);
const retransmitted = (x: Exchange): string =>
  x
    .take()
    .filter((s) => s.why.startsWith("rtx"))
    .map((s) => (s.seq - 1) / MSS)
    .join(" ");

describe("s4: IsLost", () => {
  test("s4: more than (DupThresh - 1) * SMSS octets SACKed above it (6675-10)", () => {
    const x = flying();
    ack(x, 0, { sack: [1 + MSS, 1 + 3 * MSS] });
    expect([sent(x), x.tcb.recovery.phase]).toEqual(["", 0]);
    ack(x, 0, { sack: [1 + MSS, 1 + 3 * MSS + 1] });
    expect([sent(x), x.tcb.recovery.phase]).toEqual(["0", 1]);
    expect(x.tally.show()["loss.dupthresh"]).toBe(1);
  });

  test("s4: DupThresh discontiguous ranges above it, however small (6675-10)", () => {
    const x = flying();
    ack(x, 0, { sack: [1 + 2 * MSS, 1 + 2 * MSS + 10, 1 + 4 * MSS, 1 + 4 * MSS + 10] });
    expect(sent(x)).toBe("");
    ack(x, 0, { sack: [1 + 6 * MSS, 1 + 6 * MSS + 10, 1 + 4 * MSS, 1 + 4 * MSS + 10] });
    expect(sent(x).split(" ")[0]).toBe("0");
  });

  test("s5 (1): three duplicates are enough where segments are small (6675-10)", () => {
    const x = flying();
    for (const end of [1, 2, 3]) {
      expect(sent(x)).toBe("");
      ack(x, 0, { sack: [1 + MSS, 1 + MSS + end] });
    }
    expect(sent(x)).toBe("0");
  });

  test("s5: duplicates without news count for nothing", () => {
    const x = flying(10);
    for (let i = 0; i < 10; i++) ack(x, 0, blocks([1, 2]));
    expect([sent(x), x.tcb.duplicateAcks]).toEqual(["10", 1]);
  });
});

describe("s5: what is kept", () => {
  test("s5 (3): a cumulative ACK begins the count of duplicates anew (6675-09)", () => {
    const x = flying();
    for (const end of [1, 2]) ack(x, 0, { sack: [1 + MSS, 1 + MSS + end] });
    ack(x, 1);
    for (const end of [1, 2]) ack(x, 1, { sack: [1 + 2 * MSS, 1 + 2 * MSS + end] });
    expect([sent(x), x.tcb.recovery.phase]).toEqual(["", 0]);
    ack(x, 1, { sack: [1 + 2 * MSS, 1 + 2 * MSS + 3] });
    expect(sent(x)).toBe("1");
  });

  test("s5.1: what is SACKed stays in the queue until it is acknowledged, and goes again if the peer has thrown it away (6675-02)", () => {
    const x = flying();
    ack(x, 0, blocks([1, 10]));
    expect(x.tcb.sendQueue.length).toBe(10 * MSS);
    x.advance(x.tcb.rexmitAt - x.now);
    const again = new Set<string>();
    for (let n = 1; n <= 10; n++) {
      for (const s of sent(x).split(" ")) again.add(s);
      x.advance(x.tcb.rexmitAt - x.now);
    }
    expect(x.tcb.sendQueue.length).toBe(10 * MSS);
    expect(again.has("0")).toBe(true);
    ack(x, 1); // and no word of the others: it has reneged
    for (let n = 1; n <= 10; n++) {
      x.advance(x.tcb.rexmitAt - x.now);
      ack(x, n);
    }
    expect(x.tcb.sendQueue.length).toBe(0);
  });

  test("s5 (A): what is SACKed beyond the end of a recovery is known after it (6675-13)", () => {
    const x = flying(40);
    ack(x, 0, blocks([1, 4]));
    for (let n = 5; n <= 9; n++) ack(x, 0, blocks([1, n]));
    x.take();
    expect(x.tcb.snd.nxt).toBeGreaterThan(x.tcb.recovery.recoveryPoint);
    ack(x, 10, blocks([11, 12]));
    expect([x.tcb.recovery.phase, x.tcb.sent.sacked]).toEqual([0, MSS]);
  });
});

describe("s4: NextSeg and pipe", () => {
  test("s5 (4), s4: half of the flight; holes before new text, each once, as pipe allows (6675-04, 6675-05, 6675-11, 6675-14)", () => {
    const x = flying(40);
    ack(x, 0, blocks([1, 3], [4, 6], [7, 9])); // 0, 3 and 6 are lost, and of 9 nothing is known
    expect(x.tcb.cc.threshold()).toBe(5 * MSS);
    // Above 6 only two segments are SACKed. pipe = 10 - 6 SACKed - 2 lost, and up to 5 may be in flight.
    expect([x.tcb.sent.sacked, x.tcb.sent.lostTotal]).toEqual([6 * MSS, 2 * MSS]);
    expect(sent(x)).toBe("0 3 10");
    ack(x, 0, blocks([1, 3], [4, 6], [7, 11]));
    expect(sent(x)).toBe("6 11 12");
    ack(x, 0, blocks([1, 3], [4, 6], [7, 13]));
    expect(sent(x)).not.toMatch(/\b[036]\b/);
  });

  test("s5 (A): all that was outstanding then is acknowledged: recovery ends at the threshold (6675-12)", () => {
    const x = flying(40);
    ack(x, 0, blocks([1, 4]));
    x.take();
    ack(x, 9);
    expect(x.tcb.recovery.phase).toBe(1);
    ack(x, 10);
    expect([x.tcb.recovery.phase, x.tcb.cc.window()]).toEqual([0, 5 * MSS]);
  });

  test("s4, NextSeg (3): with nothing new to send, holes that may be lost go too (6675-06)", () => {
    const x = flying();
    unlimited(x);
    ack(x, 0, blocks([1, 4]));
    expect(reasons(x)).toEqual(["0 rtx.fast"]); // and by rule (4) nothing: the first retransmission is not acknowledged

    ack(x, 0, blocks([1, 4], [6, 8])); // 4 and 5 are below the highest SACKed, not yet lost
    expect(reasons(x)).toEqual(["4 rtx.last_resort", "5 rtx.last_resort"]);
  });

  test("s4, NextSeg (4): once in a recovery the last one goes, to rescue the end of the flight (6675-07)", () => {
    const x = flying();
    unlimited(x);
    ack(x, 0, blocks([1, 5])); // 0 is lost, and 5 to 9
    expect(retransmitted(x)).toBe("0");
    ack(x, 5);
    expect(reasons(x)).toEqual(["9 rtx.last_resort"]);
    ack(x, 6);
    expect(sent(x)).toBe(""); // RescueRxt = RecoveryPoint
    ack(x, 10);
    expect([x.tcb.recovery.phase, x.tcb.timeouts]).toEqual([0, 0]);
  });

  test("s4: what was sent twice without being lost counts twice in pipe (6675-03)", () => {
    const x = flying();
    unlimited(x);
    ack(x, 0, blocks([1, 4]));
    ack(x, 0, blocks([1, 4], [6, 8]));
    x.take();
    expect(x.tcb.sent.twice).toBe(2 * MSS); // 4 and 5
    ack(x, 0, blocks([1, 6], [6, 8]));
    expect(x.tcb.sent.twice).toBe(0);
  });
});

describe("s5.1: timeouts", () => {
  test("s5.1: a lost retransmission is found by the timer only; no new recovery before recover (6675-15, 6675-16)", () => {
    const x = flying(20);
    ack(x, 0, blocks([1, 4]));
    expect(retransmitted(x)).toBe("0");
    x.advance(100 * MS);
    ack(x, 0, blocks([1, 10]));
    expect(retransmitted(x)).toBe("");
    x.advance(x.tcb.rexmitAt - x.now);
    expect(reasons(x)[0]).toBe("0 rtx.rto");
    const point = x.tcb.recovery.recoveryPoint;
    expect(point).toBe(x.tcb.snd.nxt);
    expect(x.tcb.recovery.phase).toBe(2);
    ack(x, 0, blocks([1, 11]));
    expect(x.tcb.recovery.phase).toBe(2);
  });
});
