/** What keeps the sender back: one thing at a time, and the time of each to the microsecond (RFC 4898's limited states). */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import { whyName } from "../../src/base/why-registry.js";
import type { Exchange } from "./exchange.js";
import { ack, established, MS, MSS, SECOND } from "./flow.js";

const memory = createMemory({ packets: 64, chunks: 2_048, chunkSize: 4_096 });
const connection = (options: Parameters<typeof established>[0] = {}): Exchange => established({ memory, ...options });

interface Limited {
  since: number;
  lifetime: number;
  spent: Record<string, number>;
}
const limited = (x: Exchange): Limited => x.tcp.show(x.handle, x.now)["limited"] as Limited;
const by = (x: Exchange): unknown => x.tcp.show(x.handle, x.now)["limitedBy"];
const total = (spent: Record<string, number>): number => Object.values(spent).reduce((sum, n) => sum + n, 0);

describe("each has its name", () => {
  test("the application, which has nothing to send", () => {
    const x = connection();
    x.advance(70 * MS);
    expect([by(x), limited(x).spent]).toEqual(["hold.app", { "hold.app": 70 * MS }]);
  });

  test("the congestion window, and what is left when it opens", () => {
    const x = connection();
    x.write(12 * MSS); // the initial window is ten
    expect(by(x)).toBe("hold.cwnd");
    x.advance(30 * MS);
    ack(x, 2);
    expect([by(x), limited(x).spent]).toEqual(["hold.app", { "hold.app": 0, "hold.cwnd": 30 * MS }]);
  });

  test("recovery, while what was lost fills the window", () => {
    const x = connection();
    x.write(30 * MSS);
    x.advance(400 * MS); // the timeout
    expect(by(x)).toBe("hold.recovery");
    ack(x, 10);
    expect(by(x)).toBe("hold.cwnd");
  });

  test("the peer's window", () => {
    const x = connection({ syn: { wnd: 3 * MSS, windowScale: -1 } });
    x.write(5 * MSS);
    expect(by(x)).toBe("hold.rwnd");
    x.advance(10 * MS);
    x.inject({ seq: 1, ack: 1 + 3 * MSS, wnd: 3 * MSS });
    expect([by(x), limited(x).spent["hold.rwnd"]]).toEqual(["hold.app", 10 * MS]);
  });

  test("Nagle's rule", () => {
    const x = connection();
    x.write(1);
    x.write(1);
    expect(by(x)).toBe("hold.nagle");
    x.advance(25 * MS);
    x.inject({ seq: 1, ack: 2 });
    expect([by(x), limited(x).spent["hold.nagle"]]).toEqual(["hold.app", 25 * MS]);
  });

  test("a silly window, until the override", () => {
    const x = connection({ syn: { windowScale: -1 } });
    x.inject({ seq: 1, ack: 1, wnd: 100 });
    x.write(2 * MSS);
    expect(by(x)).toBe("hold.sws");
    x.advance(200 * MS);
    expect([by(x), limited(x).spent["hold.sws"]]).toEqual(["hold.rwnd", 200 * MS]);
  });

  test("the send buffer, when all that it holds is on its way and the application has more", () => {
    const x = connection({ connection: { sendBuffer: 4 * MSS } });
    expect(x.write(6 * MSS)).toBe(4 * MSS);
    expect(by(x)).toBe("hold.sndbuf");
    x.advance(40 * MS);
    ack(x, 4);
    expect([by(x), limited(x).spent["hold.sndbuf"]]).toEqual(["hold.app", 40 * MS]);
  });

  test("a lack of packets", () => {
    const x = connection();
    const held = [];
    for (let packet = x.memory.packets.take(); packet !== null; packet = x.memory.packets.take()) held.push(packet);
    x.write(MSS);
    expect(by(x)).toBe("hold.no_buffers");
    for (const packet of held) packet.release();
    x.advance(5 * MS);
    expect([by(x), limited(x).spent["hold.no_buffers"]]).toEqual(["hold.app", 5 * MS]);
  });

  test("nobody before the handshake, nor after the end", () => {
    const x = connection();
    x.write(20 * MSS);
    x.advance(50 * MS);
    x.inject({ flags: "R", seq: 1 });
    x.advance(10 * SECOND);
    expect([by(x), limited(x).lifetime, limited(x).spent]).toEqual([null, 50 * MS, { "hold.app": 0, "hold.cwnd": 50 * MS }]);
    x.connect({ localPort: 0 });
    expect(x.tcp.show(x.handle, x.now)["limited"]).toBeNull();
  });
});

test("a nap leaves the past as it was, and counts as the application's", () => {
  const x = connection();
  x.write(12 * MSS);
  x.advance(30 * MS);
  ack(x, 10);
  ack(x, 12);
  x.advance(100 * SECOND);
  expect(x.tcp.summary()).toMatchObject({ live: 0, frozen: 1 });
  expect(limited(x)).toMatchObject({ lifetime: 100 * SECOND + 30 * MS, spent: { "hold.app": 100 * SECOND, "hold.cwnd": 30 * MS } });
  x.write(12 * MSS);
  x.advance(7 * MS);
  expect(limited(x).spent).toEqual({ "hold.app": 100 * SECOND, "hold.cwnd": 37 * MS });
});

test("the parts are what a probe sees them to be, and their sum is the life of the connection (property)", () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant("write" as const), octets: fc.integer({ min: 1, max: 30 * MSS }) }),
    fc.record({ do: fc.constant("ack" as const), segments: fc.integer({ min: 0, max: 12 }), wnd: fc.constantFrom(0, 1, 50, 2_000) }),
    fc.record({ do: fc.constant("wait" as const), micros: fc.integer({ min: 1, max: 3 * SECOND }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const x = connection({ connection: { sendBuffer: 20 * MSS, keepAlive: 0 }, policy: { r2: 100 } });
      const born = x.now;
      let since = x.now;
      let held = "hold.app";
      const seen: Record<string, number> = {};
      x.probe = {
        sendLimited: (_tcb, why, _cause, now) => {
          seen[held] = (seen[held] ?? 0) + now - since;
          since = now;
          held = whyName(why);
        },
      };
      let acked = 1;
      let sent = 1;
      for (const s of steps) {
        if (s.do === "write") x.write(s.octets);
        else if (s.do === "wait") x.advance(s.micros);
        else {
          acked = Math.min(sent, acked + s.segments * MSS);
          x.inject({ seq: 1, ack: acked, wnd: s.wnd });
        }
        for (const { seq, length } of x.take()) sent = Math.max(sent, seq + length);
        const { spent, lifetime } = limited(x);
        expect(total(spent)).toBe(x.now - born);
        expect(lifetime).toBe(x.now - born);
        const now = { ...seen, [held]: (seen[held] ?? 0) + x.now - since };
        for (const name of new Set([...Object.keys(spent), ...Object.keys(now)]))
          expect([name, spent[name] ?? 0]).toEqual([name, now[name] ?? 0]);
      }
    }),
    { numRuns: 100 },
  );
});
