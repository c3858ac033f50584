/** RFC 7661 and RFC 2861: what becomes of a window that is not used. */
import { describe, expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import type { Exchange } from "../tcp/exchange.js";
import { ack, duplicates, established, MS, MSS, SECOND } from "../tcp/flow.js";

const memory = createMemory({ packets: 64, chunks: 2_048, chunkSize: 4_096 });

describe("s4.4", () => {
  test("s4.4: an application that sends little keeps the window it had (7661-05)", () => {
    const x = established({ memory });
    for (let n = 1; n <= 100; n++) {
      x.write(MSS);
      x.advance(50 * MS);
      ack(x, n);
    }
    expect(x.tcb.cc.window()).toBe(10 * MSS);
  });

  test("s4.4: in slow start it grows to twice what is used, and stops (7661-05)", () => {
    const x = established({ memory });
    let acked = 0;
    for (let round = 0; round < 50; round++) {
      x.write(8 * MSS);
      x.advance(50 * MS);
      for (let i = 0; i < 8; i++) ack(x, ++acked);
    }
    expect(x.tcb.cc.window()).toBeGreaterThanOrEqual(11 * MSS);
    expect(x.tcb.cc.window()).toBeLessThanOrEqual(16 * MSS);
  });

  test("s4.4: a peer's small window limits it as well (7661-05)", () => {
    const x = established({ memory, syn: { windowScale: 0, wnd: 4 * MSS }, connection: { sendBuffer: 400 * MSS } });
    x.write(400 * MSS);
    for (let n = 1; n <= 200; n++) {
      x.advance(10 * MS);
      ack(x, n, { wnd: 4 * MSS });
    }
    expect(x.tcb.cc.window()).toBe(10 * MSS);
  });

  test("s4.4: used again, it grows again", () => {
    const x = established({ memory });
    x.write(MSS);
    ack(x, 1);
    x.write(100 * MSS);
    x.advance(50 * MS);
    ack(x, 11);
    expect(x.tcb.cc.window()).toBe(12 * MSS);
  });

  test("s4.4.1: never below one segment, whatever is lost (7661-07)", () => {
    const x = established({ memory });
    x.write(40 * MSS);
    for (let i = 0; i < 8; i++) {
      x.advance(x.tcb.rto * 2 ** i);
      expect(x.tcb.cc.window()).toBeGreaterThanOrEqual(x.tcb.snd.mss);
    }
  });
});

describe("with windowValidation rfc7661", () => {
  const MINUTE = 60 * SECOND;

  /** Twenty segments may be in flight, and were. */
  function used(): Exchange {
    const x = established({ memory, policy: { windowValidation: "rfc7661" } });
    x.tcb.cc.adopt(40 * MSS, 40 * MSS);
    for (let acked = 0; acked < 400; ) {
      x.write(20 * MSS);
      for (let i = 0; i < 20; i++) {
        x.advance(5 * MS);
        ack(x, ++acked);
      }
    }
    x.tcb.cc.adopt(40 * MSS, 40 * MSS);
    return x;
  }

  /** A segment each round trip for so long, from segment `n` on; returns the next. */
  function trickle(x: Exchange, n: number, micros: number): number {
    let next = n;
    for (const end = x.now + micros; x.now < end; ) {
      x.write(MSS);
      x.advance(100 * MS);
      ack(x, ++next);
    }
    return next;
  }

  const since = (x: Exchange): number => x.tcb.use.nonValidatedSince;

  test("s4.2: what is acknowledged in a round trip is sampled, the highest of a second counts (7661-01)", () => {
    const x = used();
    expect(x.tcb.use.pipeAck).toBeGreaterThan(5 * MSS);
    trickle(x, 400, 3 * SECOND);
    expect(x.tcb.use.pipeAck).toBeGreaterThanOrEqual(MSS);
    expect(x.tcb.use.pipeAck).toBeLessThanOrEqual(2 * MSS);
  });

  test("s4.3, s4.4: less than half of the window used: not validated, and preserved; half of it: validated (7661-03)", () => {
    const x = used();
    let n = trickle(x, 400, 3 * SECOND);
    expect(since(x)).toBeGreaterThan(0);
    n = trickle(x, n, 2 * MINUTE);
    expect(x.tcb.cc.window()).toBe(40 * MSS);
    for (let round = 0; round < 5; round++) {
      x.write(30 * MSS);
      for (let i = 0; i < 30; i++) {
        x.advance(5 * MS);
        ack(x, ++n);
      }
    }
    expect(since(x)).toBe(-1);
  });

  test("s4.4.3: five minutes later it is halved, not below the initial window, and ssthresh remembers three quarters (7661-04)", () => {
    const x = used();
    let n = trickle(x, 400, 3 * SECOND);
    n = trickle(x, n, 5 * MINUTE);
    expect([x.tcb.cc.window(), x.tcb.cc.threshold()]).toEqual([20 * MSS, 40 * MSS]);
    n = trickle(x, n, 5 * MINUTE);
    expect(x.tcb.cc.window()).toBe(10 * MSS);
    trickle(x, n, 6 * MINUTE);
    expect(x.tcb.cc.window()).toBe(10 * MSS);
  });

  test("s4.4: an idle time is nothing else: no restart of slow start (RFC 5681 s4.1 is replaced)", () => {
    const x = used();
    trickle(x, 400, 3 * SECOND);
    x.advance(30 * SECOND);
    x.write(MSS);
    expect(x.tcb.cc.window()).toBe(40 * MSS);
  });

  test("s4.4.1: a loss then leaves half of what was used, less what had to be sent again; pipeACK is undefined after (7661-02, 7661-06)", () => {
    const x = used();
    const n = trickle(x, 400, 3 * SECOND);
    const pipeAck = x.tcb.use.pipeAck;
    x.write(8 * MSS);
    x.advance(200 * MS); // paced
    duplicates(x, n, 3);
    expect(x.tcb.cc.threshold()).toBe(Math.max(2 * MSS, Math.max(pipeAck, 8 * MSS) / 2));
    x.advance(100 * MS);
    ack(x, n + 8);
    expect(x.tcb.cc.window()).toBeLessThanOrEqual((8 * MSS - MSS) / 2);
    expect([x.tcb.use.pipeAck, since(x)]).toEqual([-1, -1]);
  });

  test("s4.4: a timeout ends the phase (7661-06)", () => {
    const x = used();
    trickle(x, 400, 3 * SECOND);
    x.write(MSS);
    x.advance(SECOND);
    expect([x.tcb.cc.window(), since(x)]).toEqual([MSS, -1]);
  });

  test("s4.4.2: what is sent in that phase is paced (7661-08)", () => {
    const x = used();
    trickle(x, 400, 3 * SECOND);
    x.take();
    x.write(30 * MSS);
    expect(x.take().length).toBeLessThan(6);
    expect(x.tcp.show(x.handle, x.now)).toMatchObject({ limitedBy: "hold.pacing" });
  });
});

describe("RFC 2861, with windowValidation rfc2861", () => {
  const sending = (): Exchange => {
    const x = established({ memory, policy: { windowValidation: "rfc2861" } });
    x.tcb.cc.adopt(80 * MSS, 40 * MSS);
    x.write(MSS);
    x.advance(100 * MS);
    ack(x, 1);
    return x;
  };

  test("RFC 2861 s3.1: halved for each RTO without a segment, as far as the initial window; ssthresh has three quarters", () => {
    const x = sending();
    x.advance(x.tcb.rto * 2 + 10 * MS);
    x.write(MSS);
    expect([x.tcb.cc.window(), x.tcb.cc.threshold()]).toEqual([20 * MSS, 60 * MSS]);
    x.advance(100 * MS);
    ack(x, 2);
    x.advance(10 * SECOND);
    x.write(MSS);
    expect(x.tcb.cc.window()).toBe(10 * MSS);
  });

  test("RFC 2861 s3.1: used in part, it goes half of the way to what is used, once an RTO", () => {
    const x = sending();
    let acked = 1;
    const windows: number[] = [];
    for (let round = 0; round < 12; round++) {
      x.write(20 * MSS);
      x.advance(100 * MS);
      acked += 20;
      ack(x, acked);
      const window = x.tcb.cc.window() / MSS;
      if (window !== windows.at(-1)) windows.push(window);
    }
    expect(windows.slice(0, 3)).toEqual([80, 50, 37]); // (80 + 20) / 2; (50 + 20) / 2, more than half of which is used, and 2
  });
});
