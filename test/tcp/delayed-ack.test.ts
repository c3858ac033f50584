/** ACKs that wait as long as sender and application suggest, policy `ackRule: "adaptive"`; bursts, records, and what else is bolder than the default
 *  profile where policy says so. RFC 9293 s3.8.6.3, RFC 5681 s4.2. */
import { describe, expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import { Exchange } from "./exchange.js";
import { ack, established, MS, MSS, SECOND } from "./flow.js";

const memory = createMemory({ packets: 64, chunks: 2_048, chunkSize: 4_096 });
const adaptive = (policy: object = {}): Exchange => established({ memory, policy: { ackRule: "adaptive", ...policy } });

/** Text of `length` octets at `seq` after `wait`; the ACKs that have left `after` so long, and how long each waited. */
const waits = (x: Exchange, at: number, length: number, flags = "P."): number[] => {
  const from = x.now;
  x.inject({ seq: at, ack: 1 + x.tcb.octetsSent, text: length, flags });
  x.advance(300 * MS);
  return x.take().map((segment) => (segment.at - from) / MS);
};

describe("s3.8.6.3: a delay that adapts", () => {
  test("s4.2: the first segments are acknowledged at once, sixteen at most", () => {
    const x = adaptive();
    const lines: number[] = [];
    for (let i = 0; i < 20; i++) {
      x.inject({ seq: 1 + 100 * i, ack: 1, text: 100, flags: "P." });
      lines.push(x.take().length);
      x.advance(5 * MS);
    }
    expect(lines.slice(0, 16)).toEqual(Array(16).fill(1));
    expect(lines.slice(16)).toEqual([0, 0, 0, 0]);
  });

  test("s4.2: more than one full segment is not kept waiting", () => {
    const x = adaptive({ quickAcks: 0 });
    for (let i = 0; i < 3; i++) waits(x, 1 + i * MSS, MSS);
    x.tcp.setQuickAck(x.handle, false, false);
    x.inject({ seq: 1 + 3 * MSS, ack: 1, text: MSS });
    expect(x.take()).toEqual([]);
    x.inject({ seq: 1 + 4 * MSS, ack: 1, text: 1 });
    expect(x.take().length).toBe(1);
  });

  test("s3.8.6.3: whoever has replied once is trusted to reply again; who then does not is not", () => {
    const x = adaptive();
    expect(waits(x, 1, 500)).toEqual([0]);
    x.inject({ seq: 501, ack: 1, text: 500, flags: "P." });
    x.write(100);
    x.take();
    x.advance(100 * MS);
    expect(waits(x, 1_001, 500)).toEqual([40]);
    expect(waits(x, 1_501, 500)).toEqual([0]);
  });

  test("s3.10.7.4: a FIN waits like text: the answer to it is mostly ours", () => {
    const x = adaptive();
    waits(x, 1, 500);
    const from = x.now;
    x.inject({ seq: 501, ack: 1, flags: "F." });
    expect(x.take()).toEqual([]);
    x.advance(300 * MS);
    expect(x.take().map((segment) => (segment.at - from) / MS)).toEqual([40]);
  });

  test("s4.2: old text makes the next ACKs quick", () => {
    const x = adaptive();
    waits(x, 1, 500);
    x.tcp.setQuickAck(x.handle, false, false);
    expect(waits(x, 501, 500)).toEqual([40]);
    x.tcp.setQuickAck(x.handle, false, false);
    waits(x, 1, 500);
    expect(waits(x, 1_001, 500)).toEqual([0]);
  });

  test("an application may ask for ACKs at once, and what waits leaves when all is read", () => {
    const x = adaptive();
    x.tcp.setQuickAck(x.handle, false, false);
    x.inject({ seq: 1, ack: 1, text: 500, flags: "P." });
    expect(x.take()).toEqual([]);
    x.read(500);
    x.tcp.setQuickAck(x.handle, true, false);
    x.turn();
    expect(x.take().length).toBe(1);
  });

  test("a full segment is what the sender shows it to be", () => {
    const x = adaptive();
    expect(x.tcb.rcv.guess).toBe(536);
    waits(x, 1, MSS, ".");
    expect(x.tcb.rcv.guess).toBe(MSS);
    waits(x, 1 + MSS, 300, ".");
    expect(x.tcb.rcv.guess).toBe(MSS);
    waits(x, 1 + MSS + 300, 300, ".");
    expect(x.tcb.rcv.guess).toBe(300);
  });
});

describe("s3.9.1.2: what is pushed", () => {
  test("on a path of 100 ms two segments leave as one; the last of them has PSH", () => {
    const x = established({ memory });
    x.write(5 * MSS);
    expect(x.take().map(({ flags }) => flags)).toEqual([".", "P.", ".", "P.", "P."]);
  });

  test("bursts are no shorter than policy says, nor longer than half of the window", () => {
    const x = established({ memory, policy: { burstLeast: 8 } });
    x.write(10 * MSS);
    expect(
      x
        .take()
        .map(({ flags }) => (flags === "P." ? 1 : 0))
        .join(""),
    ).toBe("0000100001");
  });

  test("no segment has octets of two records, and a record's end is pushed", () => {
    const x = established({ memory });
    x.write(MSS + 100);
    x.tcp.endRecord(x.handle);
    x.write(MSS);
    x.tcp.endRecord(x.handle);
    x.turn();
    expect(x.take().map(({ flags, length }) => `${flags}${length}`)).toEqual([`.${MSS}`, "P.100", `P.${MSS}`]);
  });
});

describe("deviations that policy allows", () => {
  test("start-unbounded: in slow start an ACK of twenty segments opens the window by twenty", () => {
    const x = established({ memory, policy: { congestionControl: "cubic", startUnbounded: true } });
    x.write(60 * MSS);
    ack(x, 10);
    expect(x.tcb.cc.window()).toBe(20 * MSS);
    x.advance(100 * MS);
    ack(x, 30);
    expect(x.tcb.cc.window()).toBe(40 * MSS);
  });

  test("frto-eager: the first ACK of what was sent once shows that the timeout was spurious", () => {
    const x = established({ memory, policy: { frtoEager: true, lossProbe: false }, syn: { sackPermitted: true } });
    x.write(10 * MSS);
    x.advance(SECOND);
    expect(x.tcb.cc.window()).toBe(MSS);
    ack(x, 10);
    expect(x.tcb.cc.window()).toBeGreaterThanOrEqual(10 * MSS);
  });

  test("syn-ack-text: what a SYN,ACK brings beside itself is left to come again", () => {
    for (const synAckText of [true, false]) {
      const x = new Exchange({ memory, policy: { synAckText } });
      x.connect();
      x.take();
      x.inject({ flags: "S.", seq: 0, ack: 1, mss: MSS, text: 100 });
      expect(x.take().map((segment) => segment.ack)).toEqual([synAckText ? 101 : 1]);
    }
  });

  test("reduceWindow: a timeout halves the window as it was, not what was in flight", () => {
    for (const reduceWindow of [true, false]) {
      const x = established({ memory, policy: { reduceWindow } });
      x.write(4 * MSS);
      x.advance(SECOND);
      expect(x.tcb.cc.threshold()).toBe((reduceWindow ? 5 : 2) * MSS);
    }
  });
});

describe("s3.8.6.3: acksPushedText, a fixed delay that pushed text ends by being read", () => {
  const fixed = (policy: object = {}): Exchange => established({ memory, policy: { quickAcks: 0, ...policy } });
  const arrives = (x: Exchange, at: number, flags: string, read: boolean): number[] => {
    const from = x.now;
    x.inject({ seq: at, ack: 1 + x.tcb.octetsSent, text: 500, flags });
    if (read) x.read(500);
    x.advance(300 * MS);
    return x.take().map((segment) => (segment.at - from) / MS);
  };

  test("text that was not pushed waits, and so does what nobody reads", () => {
    const x = fixed();
    expect([arrives(x, 1, ".", true), arrives(x, 501, "P.", false)]).toEqual([[40], [40]]);
  });

  test("what was pushed and read is acknowledged, and says why", () => {
    const x = fixed();
    x.inject({ seq: 1, ack: 1, text: 500, flags: "P." });
    expect(x.take()).toEqual([]);
    x.read(500);
    expect(x.take().map((segment) => segment.why)).toEqual(["tx.ack_read"]);
  });

  test("who has replied is trusted to reply again; when the timer shows that he does not, no longer", () => {
    const x = fixed();
    x.inject({ seq: 1, ack: 1, text: 500, flags: "P." });
    x.write(100); // before it reads
    x.read(500);
    x.take();
    x.advance(100 * MS);
    x.inject({ seq: 501, ack: 101 });
    expect(arrives(x, 501, "P.", true)).toEqual([40]);
    expect(arrives(x, 1_001, "P.", true)).toEqual([0]);
  });

  test("by policy the delay holds", () => {
    expect(arrives(fixed({ acksPushedText: false }), 1, "P.", true)).toEqual([40]);
  });
});
