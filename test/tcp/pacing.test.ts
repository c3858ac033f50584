/** Pacing: the token bucket in the output path. Segments of 1 000 octets, a round trip of 100 ms. */
import { describe, expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import { Exchange } from "./exchange.js";
import { ack, duplicates, established, MS, MSS, SECOND, sent } from "./flow.js";

const memory = createMemory({ packets: 64, chunks: 2_048, chunkSize: 4_096 });

/** Ten segments may be in flight: 2 * 10 000 octets in 100 ms are a segment in 5 ms. */
const paced = (policy: object = {}): Exchange => established({ memory, policy: { pacing: true, ...policy } });

describe("slow start", () => {
  test("it sends a burst of two and what has begun, then a burst in each of its times, until the window is full", () => {
    const x = paced();
    x.write(40 * MSS);
    expect(sent(x)).toBe("0 1 2");
    expect(x.tcb.pacingRate).toBe(200_000);
    expect(x.tcp.show(x.handle, x.now)).toMatchObject({ limitedBy: "hold.pacing", timers: { pacing: 10 * MS } });
    const left: [number, string][] = [];
    for (let at = 1; at <= 60; at++) {
      x.advance(MS);
      const segments = sent(x);
      if (segments !== "") left.push([at, segments]);
    }
    expect(left).toEqual([
      [10, "3 4"],
      [20, "5 6"],
      [30, "7 8"],
      [40, "9"],
    ]);
    expect(x.tcp.show(x.handle, x.now)).toMatchObject({ limitedBy: "hold.cwnd", timers: { pacing: null } });
  });

  test("the rate follows the window; in avoidance it is a fifth more than the window in a round trip", () => {
    const x = paced();
    x.write(400 * MSS);
    x.advance(100 * MS);
    ack(x, 1);
    expect(x.tcb.pacingRate).toBe(Math.round((2 * x.tcb.cc.window() * SECOND) / x.tcb.srtt));
    x.tcb.cc.adopt(10 * MSS, 8 * MSS);
    ack(x, 2);
    expect(x.tcb.pacingRate).toBe(Math.round((1.2 * x.tcb.cc.window() * SECOND) / x.tcb.srtt));
  });

  test("a timer that comes late lets a burst catch up, and no more", () => {
    const x = paced();
    x.write(40 * MSS);
    x.take();
    x.now += 30 * MS; // nobody turned
    x.tcp.expire(x.now);
    x.turn();
    expect(sent(x)).toBe("3 4 5");
  });

  test("without it the window leaves at once", () => {
    const x = established({ memory });
    x.write(40 * MSS);
    expect(sent(x)).toBe("0 1 2 3 4 5 6 7 8 9");
    expect(x.tcb.pacingRate).toBe(0);
  });
});

describe("who asks for it", () => {
  test("a controller that is no good without", () => {
    const x = established({ memory, connection: { congestionControl: "bbr" } });
    x.write(40 * MSS);
    expect(sent(x)).toBe("0 1 2");
  });

  test("an application that names a rate: that is the most, and can be changed and taken back", () => {
    const x = established({ memory, connection: { pacingRate: 10_000 } });
    x.write(40 * MSS);
    expect([sent(x), x.tcb.pacingRate]).toEqual(["0 1 2", 10_000]);
    x.advance(200 * MS);
    expect(sent(x)).toBe("3 4");
    x.tcp.configure(x.handle, { pacingRate: 0 }, x.now);
    x.turn();
    expect(sent(x)).toBe("5 6 7 8 9");
    expect(() => x.tcp.configure(x.handle, { pacingRate: -1 }, x.now)).toThrowError(/pacingRate -1/);
  });
});

test("what is lost goes at once, whatever the rate; what follows it is paced again", () => {
  const x = paced();
  x.write(40 * MSS);
  x.advance(60 * MS);
  expect(sent(x)).toBe("0 1 2 3 4 5 6 7 8 9");
  for (let i = 0; i < 3; i++) ack(x, 0);
  expect(sent(x).split(" ")).toContain("0");
});

test("RFC 3168 s6.1.2: a window of one segment that is marked waits for a retransmission timeout (3168-13)", () => {
  const x = new Exchange({ memory, policy: { ecn: "on" } });
  x.connect();
  x.advance(100 * MS);
  x.inject({ flags: "SE.", ack: 1, mss: MSS, windowScale: 7 });
  x.inject({ seq: 1, ack: 1 });
  x.write(40 * MSS);
  x.take();
  x.tcb.cc.adopt(MSS, 2 * MSS);
  ack(x, 10, { flags: "E." });
  expect(x.tcb.cc.window()).toBe(MSS);
  expect(sent(x)).toBe("");
  expect(x.tcp.show(x.handle, x.now)).toMatchObject({ limitedBy: "hold.pacing" });
  x.advance(x.tcb.rto - 1);
  expect(sent(x)).toBe("");
  x.advance(1);
  expect(sent(x)).toBe("10");
});

test("a FIN that waits for its time keeps the connection live, and goes when it has come", () => {
  const x = new Exchange({ memory, policy: { ecn: "on" } });
  x.connect();
  x.advance(100 * MS);
  x.inject({ flags: "SE.", ack: 1, mss: MSS, windowScale: 7 });
  x.inject({ seq: 1, ack: 1 });
  x.write(10 * MSS);
  x.tcb.cc.adopt(MSS, 2 * MSS);
  x.tcb.rto = 5 * SECOND;
  ack(x, 10, { flags: "E." });
  x.tcb.rto = 5 * SECOND;
  x.tcb.pacedUntil = x.now + 5 * SECOND;
  x.take();
  x.tcp.shutdown(x.handle, x.now);
  x.turn();
  x.advance(4 * SECOND);
  expect([x.take(), x.tcp.summary()]).toMatchObject([[], { live: 1 }]);
  x.advance(SECOND);
  expect(x.take().map((s) => s.flags)).toEqual(["F."]);
});

describe("a link that paces takes over what is due within four milliseconds", () => {
  const leaves = (x: Exchange): string =>
    x
      .take()
      .map((s) => `${(s.at - 1_000_100_000) / MS}+${s.wait / MS}`)
      .join(" ");

  /** Twenty segments in a round trip, each 2.5 ms behind the last. */
  function handed(policy: object = {}): Exchange {
    const x = new Exchange({ memory, policy: { pacing: true, ...policy } });
    x.network.paces = true;
    established({ exchange: x });
    x.tcb.cc.adopt(20 * MSS, 100 * MSS);
    x.write(40 * MSS);
    return x;
  }

  test("each segment with the time that it is to wait, behind the burst; one timer for as much as half of that", () => {
    const x = handed();
    expect([x.tcb.pacingRate, leaves(x)]).toEqual([400_000, "0+0 0+0 0+0 0+2.5"]);
    expect(x.tcp.show(x.handle, x.now)).toMatchObject({
      limitedBy: "hold.pacing",
      congestion: { pacedBy: "link" },
      timers: { pacing: 3 * MS },
    });
    x.advance(10 * MS);
    expect(leaves(x)).toBe("3+2 5.5+2 8+2");
  });

  test("round trips count from when the link lets go", () => {
    const x = handed();
    expect(x.take().length).toBe(4);
    expect(x.tcb.sent.sentAt(3) - x.tcb.sent.sentAt(2)).toBe(2_500);
  });

  test("what is lost goes behind what the link holds, whatever the rate: order is kept", () => {
    const x = handed();
    x.advance(6 * MS);
    x.take();
    duplicates(x, 0, 3);
    const again = x.take().filter((s) => s.why.startsWith("rtx"));
    expect(again.map((s) => s.seq)).toEqual([1]);
    expect(again[0]!.wait).toBeGreaterThan(0);
    expect(again[0]!.wait).toBeLessThanOrEqual(4 * MS);
  });

  test("ACKs wait for nothing, nor does what nobody paces", () => {
    const x = handed();
    x.take();
    x.inject({ seq: 1, ack: 1, text: 3 * MSS });
    x.advance(300);
    expect(x.take().map((s) => [s.length, s.wait])).toContainEqual([0, 0]);
    const y = handed({ pacing: false });
    expect(y.take().map((s) => s.wait)).toEqual(Array(20).fill(0));
    expect(y.tcp.show(y.handle, y.now)).toMatchObject({ congestion: { pacedBy: null } });
  });
});
