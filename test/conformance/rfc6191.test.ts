/** RFC 6191 s2 and RFC 9293 s3.6.1: a SYN in TIME-WAIT. */
import { describe, expect, test } from "vitest";
import { SECOND } from "../../src/base/environment.js";
import { createMemory } from "../../src/base/memory.js";
import { Exchange, type Injection } from "../tcp/exchange.js";
import { exchangeAt, reach, stateOf, wraps } from "../tcp/states.js";

const memory = createMemory({ packets: 64, chunks: 1_024, chunkSize: 4_096 });

/** In TIME-WAIT with somebody listening; TS.Recent is 1000, RCV.NXT is 2. */
function waiting(stamped: boolean, at: readonly [number, number] = [0, 0]): Exchange {
  const x = exchangeAt(at[0], { memory, irs: at[1] });
  x.connect();
  const syn: Injection = { mss: 1_460, ...(stamped ? { ts: [998, 0] as [number, number] } : {}) };
  x.inject({ flags: "S.", ack: 1, ...syn });
  x.tcp.shutdown(x.handle, x.now);
  x.turn();
  x.inject({ seq: 1, ack: 2, ...(stamped ? { ts: [999, 0] as [number, number] } : {}) });
  x.inject({ flags: "F.", seq: 1, ack: 2, ...(stamped ? { ts: [1_000, 0] as [number, number] } : {}) });
  expect(x.state).toBe("TIME-WAIT");
  x.listen();
  x.take();
  x.advance(SECOND);
  return x;
}

const larger = 50_000;
const smaller = -50_000;

describe("s2: the five branches (S-101)", () => {
  test.each<[string, boolean, Injection, boolean]>([
    ["newer timestamp, larger number (6191-01)", true, { ts: [1_001, 0], seq: larger }, true],
    ["newer timestamp, smaller number (6191-01)", true, { ts: [1_001, 0], seq: smaller }, true],
    ["equal timestamp, larger number (6191-02)", true, { ts: [1_000, 0], seq: larger }, true],
    ["equal timestamp, same number (6191-02)", true, { ts: [1_000, 0], seq: 2 }, false],
    ["equal timestamp, smaller number (6191-05)", true, { ts: [1_000, 0], seq: smaller }, false],
    ["older timestamp, larger number (6191-05)", true, { ts: [999, 0], seq: larger }, false],
    ["older timestamp, smaller number (6191-05)", true, { ts: [999, 0], seq: smaller }, false],
    ["timestamps before, none now, larger number (6191-03)", true, { seq: larger }, true],
    ["timestamps before, none now, smaller number (6191-03)", true, { seq: smaller }, false],
    ["none before, timestamps now, smaller number (6191-04)", false, { ts: [5, 0], seq: smaller }, true],
    ["none before, timestamps now, larger number (6191-04)", false, { ts: [5, 0], seq: larger }, true],
    ["none at all, larger number (MAY-2, 1122-T-01)", false, { seq: 3 }, true],
    ["none at all, smaller number (6191-05)", false, { seq: smaller }, false],
  ])("s2: %s", (_name, before, syn, accepted) => {
    for (const at of wraps) {
      const x = waiting(before, at);
      const old = x.handle;
      x.inject({ flags: "S", mss: 1_460, ...syn });
      const out = x.take();
      if (!accepted) {
        expect(out).toEqual([]); // silently
        expect(x.tcp.stateOf(old)).toBe(10);
      } else {
        expect(out).toMatchObject([{ flags: "S.", ack: syn.seq! + 1 }]);
        expect(stateOf(x)).not.toBe("TIME-WAIT");
      }
      x.tcp.closeAll(x.now);
    }
  });
});

describe("RFC 9293 s3.6.1: conditions", () => {
  test("s3.6.1: the new incarnation's numbers begin beyond those of the old one, however fast it was (MAY-2, SHLD-4)", () => {
    const x = new Exchange({ memory });
    x.open({}, { mss: 1_460, windowScale: 14 });
    // 40 MB within a moment: the clock of the ISN (RFC 6528) is far behind SND.NXT.
    let acked = 1;
    while (acked < 40_000_000) {
      x.tcp.send(x.handle, new Uint8Array(1 << 20), 0, 1 << 20, x.now);
      x.turn();
      for (const s of x.take()) acked = Math.max(acked, s.seq + s.length);
      x.inject({ seq: 1, ack: acked, wnd: 0xffff });
    }
    x.tcp.shutdown(x.handle, x.now);
    for (let i = 0; i < 50 && x.state !== "FIN-WAIT-2"; i++) {
      x.turn();
      for (const s of x.take()) acked = Math.max(acked, s.seq + s.length + (s.flags.includes("F") ? 1 : 0));
      x.inject({ seq: 1, ack: acked, wnd: 0xffff });
    }
    x.inject({ flags: "F.", seq: 1, ack: acked });
    expect(x.state).toBe("TIME-WAIT");
    const last = (x.iss! + acked) | 0;
    x.listen();
    x.take();
    x.inject({ flags: "S", seq: larger, mss: 1_460 });
    const [synAck] = x.take();
    expect(synAck!.flags).toBe("S.");
    expect((synAck!.rawSeq - last) | 0).toBeGreaterThan(0);
  });

  test("s3.6.1: without a listener TIME-WAIT is kept, and the SYN dropped (I-17)", () => {
    const x = new Exchange({ memory });
    reach(x, "TIME-WAIT");
    x.inject({ flags: "S", seq: larger });
    expect(x.take()).toEqual([]);
    expect(stateOf(x)).toBe("TIME-WAIT");
  });

  test("s3.6.1: a profile may refuse altogether", () => {
    const x = new Exchange({ memory, policy: { timeWaitReuse: false } });
    reach(x, "TIME-WAIT");
    x.listen();
    x.inject({ flags: "S", seq: larger });
    expect(x.take()).toEqual([]);
    expect(stateOf(x)).toBe("TIME-WAIT");
  });

  test("s3.6.1: an active open does not take a pair of sockets that is in TIME-WAIT", () => {
    const x = new Exchange({ memory });
    reach(x, "TIME-WAIT");
    expect(() => x.connect()).toThrowError(expect.objectContaining({ code: "EADDRINUSE" }));
    x.advance(60 * SECOND);
    x.connect();
    expect(x.lines()).toEqual(["S 0:0(0)"]);
  });
});
