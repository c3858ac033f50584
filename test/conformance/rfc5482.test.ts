/** RFC 5482: the user timeout, set by the application. The option itself is neither sent nor adopted. */
import { describe, expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import { Exchange } from "../tcp/exchange.js";
import { ack, established, MS, MSS, SECOND } from "../tcp/flow.js";

const memory = createMemory({ packets: 64, chunks: 2_048, chunkSize: 4_096 });
const connection = (userTimeout: number, options: Parameters<typeof established>[0] = {}): Exchange =>
  established({ memory, ...options, connection: { userTimeout, ...options.connection } });

/** How long until the connection is over, in seconds; it is `most` when it is not. */
function lifetime(x: Exchange, most = 10_000): number {
  const start = x.now;
  while (x.state !== "CLOSED" && x.now - start < most * SECOND) x.advance(100 * MS);
  return (x.now - start) / SECOND;
}

describe("s3: what the timeout covers", () => {
  test("s3: text that stays unacknowledged for so long ends the connection: RST, ETIMEDOUT", () => {
    const x = connection(7 * SECOND);
    x.write(MSS);
    expect(lifetime(x)).toBe(7);
    expect(x.take().at(-1)!.flags).toBe("R.");
    expect(x.tcp.errorOf(x.handle)).toBe("ETIMEDOUT");
  });

  test("s3: it begins with the text, not with the connection, and not with the open", () => {
    const x = connection(7 * SECOND);
    x.advance(100 * SECOND);
    x.write(MSS);
    expect(lifetime(x)).toBe(7);
    const active = new Exchange({ memory });
    active.connect({ userTimeout: 7 * SECOND });
    active.advance(3 * SECOND);
    active.inject({ flags: "S.", ack: 1, mss: MSS });
    active.advance(100 * SECOND);
    expect(active.state).toBe("ESTABLISHED");
  });

  test("s3: each ACK of new text starts it anew", () => {
    const x = connection(2 * SECOND);
    x.write(10 * MSS);
    for (let n = 1; n < 10; n++) {
      x.advance(1_900 * MS);
      expect(x.state).toBe("ESTABLISHED");
      ack(x, n);
    }
    expect(lifetime(x)).toBe(2);
  });

  test("s3: also while the window is closed and the peer takes an octet now and then", () => {
    const x = connection(20 * SECOND, { policy: { probeWithText: true } });
    x.write(10 * MSS);
    x.take();
    ack(x, 10, { wnd: 0 });
    x.write(MSS);
    let acked = 1 + 10 * MSS;
    for (let i = 0; i < 12; i++) {
      x.advance(6 * SECOND);
      const probe = x.take().filter((s) => s.length === 1);
      if (probe.length > 0) acked = probe.at(-1)!.seq + 1;
      x.inject({ seq: 1, ack: acked, wnd: 0 });
      expect(x.state).toBe("ESTABLISHED");
    }
  });

  test("s3: behind a closed window it ends what probes keep alive (9293-MUST-37: unless the application says otherwise)", () => {
    const x = connection(30 * SECOND);
    x.inject({ seq: 1, ack: 1, wnd: 0 });
    x.write(MSS);
    const start = x.now;
    while (x.state === "ESTABLISHED" && x.now - start < 100 * SECOND) {
      x.advance(100 * MS);
      if (x.state === "ESTABLISHED" && x.take().length > 0) x.inject({ seq: 1, ack: 1, wnd: 0 });
    }
    expect((x.now - start) / SECOND).toBe(30);
  });

  test("s3: when all is acknowledged it stops, and the connection may idle", () => {
    const x = connection(2 * SECOND);
    x.write(MSS);
    x.advance(SECOND);
    ack(x, 1);
    x.advance(100 * SECOND);
    expect(x.tcp.summary()).toMatchObject({ frozen: 1 });
  });

  test("s3: a FIN that nobody acknowledges counts as text", () => {
    const x = connection(5 * SECOND);
    x.tcp.shutdown(x.handle, x.now);
    x.turn();
    expect(lifetime(x)).toBe(5);
  });

  test("s3: changed on the way, it counts from the change", () => {
    const x = connection(100 * SECOND);
    x.write(MSS);
    x.advance(10 * SECOND);
    x.tcp.configure(x.handle, { userTimeout: 3 * SECOND }, x.now);
    x.turn();
    expect(lifetime(x)).toBe(3);
    const off = connection(3 * SECOND);
    off.write(MSS);
    off.tcp.configure(off.handle, { userTimeout: 0 }, off.now);
    off.turn();
    expect(lifetime(off)).toBeGreaterThan(100);
  });
});

describe("s3.1: limits", () => {
  test("s3.1: without one R2 holds: 100 s and more (5482-04, 9293-SHLD-11)", () => {
    const x = connection(0);
    x.write(MSS);
    expect(lifetime(x)).toBeGreaterThanOrEqual(100);
  });

  test.each([-1, 1.5, Number.NaN, 2 ** 46, Number.POSITIVE_INFINITY])("s3: %d is refused, with the range (5482-01)", (userTimeout) => {
    const x = established({ memory });
    expect(() => x.tcp.configure(x.handle, { userTimeout }, x.now)).toThrow(/userTimeout .*integer from 0 to 35184372088832/);
    expect(() => new Exchange({ memory }).connect({ userTimeout })).toThrow(/EINVAL/);
  });
});

describe("s3.3: the option", () => {
  test.each([
    ["in a SYN", true],
    ["in text", false],
  ])("s3.3: kind 28 %s is ignored: nothing is adopted, nothing is answered (5482-06, 5482-02, 5482-03, 5482-05)", (_name, syn) => {
    const option = [28, 4, 0x80, 0x01, 1, 1, 1, 1]; // one minute
    const x = new Exchange({ memory });
    x.listen({ userTimeout: 9 * SECOND });
    x.inject({ flags: "S", mss: MSS, ...(syn ? { options: option } : {}) });
    x.inject({ seq: 1, ack: 1 });
    if (!syn) x.inject({ seq: 1, ack: 1, text: 10, options: option });
    for (const s of x.take()) expect([...s.header.subarray(20)]).not.toContain(28);
    expect(x.tcp.optionsOf(x.handle).userTimeout).toBe(9 * SECOND);
    x.read();
    x.write(1);
    expect(lifetime(x)).toBe(9);
  });
});

describe("s4.2: beside keep-alive", () => {
  test("s4.2: an idle connection is keep-alive's alone (5482-07)", () => {
    const x = connection(5 * SECOND, { connection: { keepAlive: 20 * SECOND, keepAliveInterval: SECOND, keepAliveCount: 3 } });
    expect(lifetime(x)).toBe(23);
  });
});
