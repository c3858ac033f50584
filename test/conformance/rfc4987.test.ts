/** RFC 4987: SYN floods. */
import { describe, expect, test } from "vitest";
import { SECOND } from "../../src/base/environment.js";
import { createMemory } from "../../src/base/memory.js";
import { SeededRandom } from "../../src/base/prng.js";
import { seqAdd } from "../../src/base/seq.js";
import { ipFromInt } from "../../src/ip/address.js";
import { mssBits, mssOf } from "../../src/tcp/cookies.js";
import { Secrets } from "../../src/tcp/isn.js";
import { Exchange, octets, THEM, US } from "../tcp/exchange.js";
import { stateOf } from "../tcp/states.js";

const memory = createMemory({ packets: 64, chunks: 256, chunkSize: 4_096 });

/** `count` SYNs from sources that do not exist. */
const flood = (x: Exchange, count: number, from = 0): void => {
  for (let i = from; i < from + count; i++) {
    x.inject({ flags: "S", from: ipFromInt(0x0b00_0000 + (i >>> 8)), port: 1_024 + (i & 0xff), mss: 1_460, ts: [1, 0] });
    x.out.length = 0;
  }
};

describe("s3.3, s3.6: the backlog is bounded", () => {
  test("s3.6: half-open connections are rows, no more than the limit, and a hundred thousand SYNs add nothing (4987-01, S-081)", () => {
    const x = new Exchange({ memory, limits: { synQueue: 200 } });
    x.listen();
    flood(x, 100_000);
    expect(x.tcp.summary()).toMatchObject({ slots: 201, live: 0, frozen: 200 });
    expect(x.tcp.summary()["rowSize"]! * 200).toBeLessThanOrEqual(200 * 256);
  });

  test("s3.6: a client is served in the midst of the flood, every time (4987-01, S-081, I-23)", () => {
    const x = new Exchange({ memory, limits: { synQueue: 50 } });
    x.listen();
    let served = 0;
    for (let i = 0; i < 200; i++) {
      flood(x, 200, i * 200);
      x.advance(SECOND / 10);
      const port = 30_000 + i;
      x.inject({ flags: "S", port, mss: 1_460, windowScale: 7, sackPermitted: true, ts: [5, 0] });
      const synAck = x.take().find((s) => s.flags === "S." && s.dstPort === port)!;
      flood(x, 50, 1_000_000 + i * 50);
      x.events.length = 0;
      x.iss = synAck.rawSeq as never;
      x.inject({ port, seq: 1, ack: 1, text: 100 });
      if (x.events.includes("Acceptable")) {
        served += 1;
        expect(x.read()).toEqual(octets(100));
        x.tcp.abort(x.handle, x.now);
      }
      x.turn();
      x.out.length = 0;
    }
    expect(served).toBe(200);
  });

  test("s3.3: half-open connections are forgotten, and the listener returns to full handshakes (4987-02)", () => {
    const x = new Exchange({ memory, limits: { synQueue: 50 } });
    x.listen();
    flood(x, 500);
    x.advance(100 * SECOND);
    expect(x.tcp.summary()).toMatchObject({ slots: 1, live: 0, frozen: 0 });
    x.out.length = 0;
    x.inject({ flags: "S", mss: 1_460, windowScale: 7, sackPermitted: true, ts: [5, 0] });
    expect(x.take()).toMatchObject([{ flags: "S.", windowScale: expect.any(Number), sackPermitted: true }]);
  });

  test("s3.6: without cookies the SYNs beyond the limit are dropped", () => {
    const x = new Exchange({ memory, limits: { synQueue: 5 }, policy: { synCookies: false } });
    x.listen();
    flood(x, 50);
    expect(x.tcp.summary()).toMatchObject({ frozen: 5 });
    x.inject({ flags: "S" });
    expect(x.take()).toEqual([]);
  });

  test("s2: a SYN is answered by no more than it brought: one SYN,ACK a cookie, six at most else (S-087, I-13)", () => {
    const x = new Exchange({ memory, limits: { synQueue: 1 } });
    x.listen();
    x.inject({ flags: "S", port: 1_000, mss: 1_460 });
    x.inject({ flags: "S", port: 1_001, mss: 1_460 });
    x.advance(300 * SECOND);
    const all = x.take();
    expect(all.filter((s) => s.dstPort === 1_000).length).toBe(6);
    expect(all.filter((s) => s.dstPort === 1_001).length).toBe(1);
    expect(all.every((s) => s.length === 0 && s.header.length <= 60)).toBe(true);
  });

  test("s2: a request without a handshake is answered by a reset of 40 octets at most (S-088)", () => {
    const x = new Exchange({ memory });
    x.listen();
    const get = new TextEncoder().encode("GET / HTTP/1.1\r\nHost: example\r\n\r\n");
    x.inject({ flags: "P.", seq: 1, ack: 1, text: get });
    x.inject({ flags: "P.", seq: 1, ack: 1, text: get, ourPort: 4_000 });
    x.inject({ flags: "PU", seq: 1, text: get });
    const out = x.take();
    expect(out.length).toBe(2);
    expect(out.every((s) => s.flags.includes("R") && s.length === 0 && s.header.length === 20)).toBe(true);
  });
});

describe("s3.6: cookies", () => {
  const syn = { flags: "S", mss: 1_400, windowScale: 7, sackPermitted: true, ts: [5, 0] as [number, number] };
  const pressed = (): Exchange => {
    const x = new Exchange({ memory, limits: { synQueue: 1 } });
    x.listen();
    x.inject({ flags: "S", port: 9 });
    x.take();
    return x;
  };

  test("s3.6: the ACK brings back what the SYN said: numbers and the MSS; what does not fit is not agreed", () => {
    const x = pressed();
    x.inject(syn);
    const [synAck] = x.take();
    expect(synAck).toMatchObject({
      flags: "S.",
      ack: 1,
      why: expect.stringContaining("cookie"),
      tsVal: null,
      sackPermitted: false,
      windowScale: -1,
    });
    expect(stateOf(x)).toBe("CLOSED");
    x.inject({ seq: 1, ack: 1, text: 10 });
    expect(x.state).toBe("ESTABLISHED");
    expect(x.tcb.snd.peerMss).toBe(1_400);
    expect(x.read()).toEqual(octets(10));
    x.write(5_000);
    expect(x.take().every((s) => s.length <= 1_400)).toBe(true);
  });

  test("s3.6: it is good for less than two minutes (S-082)", () => {
    for (const [wait, good] of [
      [30, true],
      [120, false],
    ] as const) {
      for (let phase = 0; phase < 16; phase++) {
        const x = new Exchange({ memory, limits: { synQueue: 1 }, policy: { synAckRetries: 100 }, now: 1_000_000_000 + phase * 4_000_000 });
        x.listen();
        x.inject({ flags: "S", port: 9 });
        x.inject(syn);
        x.now += wait * SECOND;
        x.inject({ seq: 1, ack: 1 });
        expect(stateOf(x)).toBe(good ? "ESTABLISHED" : "CLOSED");
        x.tcp.closeAll(x.now);
      }
    }
  });

  test("s3.6: any other number, 4-tuple or ISN is refused by a reset (S-082)", () => {
    const x = pressed();
    x.inject(syn);
    x.take();
    for (const wrong of [
      { seq: 1, ack: -20 },
      { seq: 1, ack: 9 },
      { seq: 2, ack: 1 },
      { seq: 1, ack: 1, port: 5_001 },
      { seq: 1, ack: 1 + 0x1000_0000 },
    ]) {
      x.inject(wrong);
      expect(x.take()).toMatchObject([{ flags: "R" }]);
    }
    x.inject({ flags: "R", seq: 1 });
    expect(stateOf(x)).toBe("CLOSED");
    x.inject({ seq: 1, ack: 1 });
    expect(x.state).toBe("ESTABLISHED");
  });

  test("s3.6: 2^20 guesses at a cookie open nothing (S-082, I-21)", () => {
    const secrets = new Secrets(new SeededRandom(5));
    const random = new SeededRandom(6);
    let hits = 0;
    for (let i = 0; i < 1 << 20; i++)
      if (secrets.cookieBits(random.int32() as never, US, 80, THEM, 5_000, 77 as never, 3, 1_000_000_000) >= 0) hits += 1;
    expect(hits).toBeLessThanOrEqual(1); // two ticks of 2^-29 each
  });

  test("s3.6: cookies of one MSS say nothing of another's: they differ in all of their bits", () => {
    const secrets = new Secrets(new SeededRandom(5));
    const cookie = (port: number, mss: number): number => secrets.cookie(US, 80, THEM, port, 77 as never, mssBits(mss), 3, 1_000_000_000);
    const seen = new Set<number>();
    for (let port = 1; port < 5_000; port++) seen.add(cookie(port, 1_460));
    expect(seen.size).toBe(4_999);
    for (const mss of [1, 535, 536, 1_219, 1_220, 1_460, 9_000, 65_535]) {
      const got = mssOf(secrets.cookieBits(cookie(9, mss) as never, US, 80, THEM, 9, 77 as never, 3, 1_000_000_000));
      expect(got).toBeLessThanOrEqual(Math.max(536, mss)); // never more than the peer said, or the default
      expect(got).toBeGreaterThan(0);
    }
    expect(secrets.cookieBits(seqAdd(cookie(9, 1_460) as never, 8), US, 80, THEM, 9, 77 as never, 3, 1_000_000_000)).toBe(-1);
  });
});

describe("RFC 9293 s3.10.7.2: a full accept queue", () => {
  test("s3.10.7.2: SYNs and the last ACKs are dropped, not reset, and are served when there is room (S-086)", () => {
    const x = new Exchange({ memory });
    x.listener = x.tcp.listen({ port: 80, backlog: 2 }, { onEvents: () => {} });
    const isses = new Map<number, number>();
    for (let port = 1; port <= 3; port++) {
      x.inject({ flags: "S", port, mss: 1_460 });
      isses.set(port, x.iss!);
    }
    const ack = (port: number, text = 0): void => {
      x.iss = isses.get(port)! as never;
      x.inject({ port, seq: 1, ack: 1, text });
    };
    x.take();
    for (let port = 1; port <= 3; port++) ack(port);
    expect(stateOf(x, 3)).toBe("SYN-RECEIVED");
    x.inject({ flags: "S", port: 4 });
    expect(x.take()).toEqual([]);
    expect(x.tcp.accept(x.listener)).not.toBe(0);
    ack(3, 10);
    expect(stateOf(x, 3)).toBe("ESTABLISHED");
    expect(x.take().some((s) => s.flags.includes("R"))).toBe(false);
  });

  test("s3.10.7.2: who is never accepted is asked five times and forgotten (S-086)", () => {
    const x = new Exchange({ memory });
    x.listener = x.tcp.listen({ port: 80, backlog: 1 }, { onEvents: () => {} });
    x.inject({ flags: "S", port: 1 });
    x.inject({ port: 1, seq: 1, ack: 1 });
    x.inject({ flags: "S", port: 2 });
    expect(stateOf(x, 2)).toBe("CLOSED");
    expect(x.tcp.summary()).toMatchObject({ slots: 2 });
  });
});
