/** RFC 6928: the initial window on the wire. */
import { describe, expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import { Exchange } from "../tcp/exchange.js";
import { ack, established, MS, MSS, SECOND } from "../tcp/flow.js";

const memory = createMemory({ packets: 64, chunks: 2_048, chunkSize: 4_096 });

/** Octets of the first flight of a connection that has much to send. */
function firstFlight(x: Exchange): number {
  x.take();
  x.write(400_000);
  return x.take().reduce((sum, s) => sum + s.length, 0);
}

describe("s2", () => {
  test.each([
    [536, 5_360],
    [1_220, 12_200],
    [1_440, 14_400],
    [1_460, 14_600],
    [4_000, 14_600],
    [7_300, 14_600],
    [8_960, 17_920],
  ])("s2: an MSS of %d sends %d octets, in whole segments (6928-01)", (mss, window) => {
    const x = new Exchange({ memory });
    x.network.mtu = x.network.pathMtu = 65_535;
    x.listen();
    x.inject({ flags: "S", mss, windowScale: 7 });
    x.inject({ seq: 1, ack: 1 });
    expect(x.tcb.cc.window()).toBe(window);
    expect(firstFlight(x)).toBe(Math.floor(window / mss) * mss);
  });

  test("s2: timestamps: segments of 1448 octets, ten of them (6928-01)", () => {
    const x = established({ memory, syn: { mss: 1460, ts: [1, 0] } });
    expect(firstFlight(x)).toBe(14_480);
  });

  test("s2: one SYN lost is no reason for a smaller one; two are (6928-02, 5681-06)", () => {
    for (const [lost, window] of [
      [0, 10 * MSS],
      [1, 10 * MSS],
      [2, MSS],
      [3, MSS],
    ] as const) {
      const x = new Exchange({ memory });
      x.connect();
      x.advance(lost * SECOND);
      x.inject({ flags: "S.", ack: 1, mss: MSS, windowScale: 7 });
      x.inject({ seq: 1, ack: 1 });
      expect([lost, firstFlight(x)]).toEqual([lost, window]);
    }
  });

  test("s2: the same for the SYN,ACK (6928-02, 5681-06)", () => {
    for (const [rtt, window] of [
      [500 * MS, 10 * MSS],
      [1_500 * MS, 10 * MSS],
      [3_500 * MS, MSS],
    ] as const)
      expect([rtt, firstFlight(established({ memory, rtt }))]).toEqual([rtt, window]);
  });

  test("s2: it is an upper bound: the peer's window may be less", () => {
    const x = established({ memory, syn: { windowScale: 0, wnd: 3 * MSS } });
    x.inject({ seq: 1, ack: 1, wnd: 3 * MSS });
    expect(firstFlight(x)).toBe(3 * MSS);
  });

  test("s2: after the first flight slow start goes on from there", () => {
    const x = established({ memory });
    x.write(100 * MSS);
    x.advance(100 * MS);
    ack(x, 10);
    expect(x.tcb.cc.window()).toBe(12 * MSS); // one ACK: L = 2 segments
  });
});
