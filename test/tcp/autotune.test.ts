/** Buffers that grow with the path, and the memory that all share: RFC 7323 s2.3, RFC 9293 s3.8.6.2.2; M. Fisk, W. Feng, "Dynamic right-sizing". */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import { freebsd, linux, rfc } from "../../src/stack/profile.js";
import { Exchange } from "./exchange.js";
import { established, MS, MSS, SECOND } from "./flow.js";

const memory = createMemory({ packets: 64, chunks: 8_192, chunkSize: 4_096 });
const KIB = 1_024;

/** A sender that fills a window of `pace` octets each round trip, and a reader that takes all. Returns the buffer after each round. */
function rounds(x: Exchange, paces: readonly number[], rtt: number, stamped = false): number[] {
  let next = (x.tcb.rcv.nxt - x.tcb.irs) | 0;
  let clock = 1_000;
  const sizes: number[] = [];
  for (const pace of paces) {
    const echo = x.take().at(-1)?.tsVal ?? 0;
    x.advance(rtt);
    const edge = (x.tcb.rcv.adv - x.tcb.irs) | 0;
    const until = Math.min(next + pace, edge);
    while (until - next >= MSS) {
      x.inject({ seq: next, ack: 1, text: MSS, ...(stamped ? { ts: [++clock, echo] } : {}) });
      next += MSS;
      x.read(MSS);
    }
    sizes.push(x.tcb.rcv.buffer);
  }
  return sizes;
}

describe("the receive buffer", () => {
  test("begins where the profile says, and the window scale is for where it ends (RFC 7323 s2.3)", () => {
    for (const [profile, scale] of [
      [linux, 7],
      [freebsd, 6],
      [rfc, 7],
      [{ ...linux, tcp: { ...linux.tcp, receiveBufferMost: 15_728_640 } }, 8],
    ] as const) {
      const x = new Exchange({ memory, profile });
      x.connect();
      expect(x.take()[0]).toMatchObject({ wnd: 65_535, windowScale: scale });
      expect(x.tcb.rcv.buffer).toBe(65_536);
    }
  });

  test.each([false, true])("a sender in slow start is never held by it (timestamps: %s)", (stamped) => {
    const x = established({ memory, ...(stamped ? { syn: { ts: [1, 0] as [number, number] } } : {}) });
    const paces = Array.from({ length: 8 }, (_, i) => 10 * MSS * 2 ** i);
    const before = [x.tcb.rcv.buffer, ...rounds(x, paces, 100 * MS, stamped)];
    paces.forEach((pace, i) => expect([i, before[i]! >= pace]).toEqual([i, true]));
    expect(x.tcb.rcv.buffer).toBeGreaterThanOrEqual(2 * paces.at(-1)!);
  });

  test("a steady sender makes it twice its round trip's worth, and no more", () => {
    const x = established({ memory });
    rounds(
      x,
      Array.from({ length: 40 }, () => 60 * MSS),
      100 * MS,
    );
    expect(x.tcb.rcv.buffer).toBeGreaterThanOrEqual(120 * MSS);
    expect(x.tcb.rcv.buffer).toBeLessThanOrEqual(320 * MSS);
  });

  test("it ends where the profile says", () => {
    const x = established({ memory, policy: { receiveBufferMost: 300_000 } });
    rounds(
      x,
      Array.from({ length: 6 }, () => 1_000_000),
      100 * MS,
    );
    expect(x.tcb.rcv.buffer).toBe(300_000);
  });

  test("an application that does not read keeps it as it is", () => {
    const x = established({ memory });
    for (let i = 0; i < 60; i++) x.inject({ seq: 1 + i * MSS, ack: 1, text: MSS });
    x.advance(10 * SECOND);
    expect(x.tcb.rcv.buffer).toBe(65_536);
  });

  test("a size that the application names stays, whatever comes", () => {
    const x = established({ memory, connection: { receiveBuffer: 65_536 } });
    rounds(
      x,
      Array.from({ length: 6 }, () => 1_000_000),
      100 * MS,
    );
    expect(x.tcb.rcv.buffer).toBe(65_536);
    const y = established({ memory });
    rounds(y, [100_000, 100_000, 100_000], 100 * MS);
    y.tcp.configure(y.handle, { receiveBuffer: 32_768 }, y.now);
    const adv = y.tcb.rcv.adv;
    rounds(
      y,
      Array.from({ length: 6 }, () => 1_000_000),
      100 * MS,
    );
    expect([y.tcb.rcv.buffer, ((y.tcb.rcv.adv - adv) | 0) >= 0]).toEqual([32_768, true]);
    y.tcp.configure(y.handle, { receiveTuning: true }, y.now);
    rounds(
      y,
      Array.from({ length: 6 }, () => 1_000_000),
      100 * MS,
    );
    expect(y.tcb.rcv.buffer).toBeGreaterThan(65_536);
  });

  test("the round trip: by the handshake, by echoes, or by windows full of text", () => {
    const handshake = established({ memory, rtt: 40 * MS });
    rounds(handshake, [MSS], 40 * MS);
    expect(handshake.tcb.rcv.rtt).toBe(40 * MS);
    const echoes = established({ memory, rtt: 40 * MS, syn: { ts: [1, 0] } });
    rounds(
      echoes,
      Array.from({ length: 80 }, () => 4 * MSS),
      80 * MS,
      true,
    );
    expect(Math.abs(echoes.tcb.rcv.rtt - 80 * MS)).toBeLessThanOrEqual(2 * MS);
    // The SYN,ACK was sent again: no sample.
    const windows = established({ memory, rtt: 1_500 * MS });
    rounds(
      windows,
      Array.from({ length: 10 }, () => 1_000_000),
      30 * MS,
    );
    expect([windows.tcb.srtt, windows.tcb.rcv.rtt]).toEqual([0, 30 * MS]);
  });

  test("after a nap what was offered stands", () => {
    const x = established({ memory });
    rounds(
      x,
      Array.from({ length: 8 }, (_, i) => 10 * MSS * 2 ** i),
      100 * MS,
    );
    const edge = x.tcb.rcv.adv;
    x.advance(60 * SECOND);
    expect(x.tcp.summary()).toMatchObject({ live: 0, frozen: 1 });
    x.inject({ seq: (x.tcb.rcv.nxt - x.tcb.irs) | 0, ack: 1, text: 10 });
    expect([x.tcb.rcv.adv, x.tcb.rcv.buffer > 1_000_000]).toEqual([edge, true]);
  });

  test("s3.8.6.2.2: whatever is sent and read, the right edge never retreats, and the buffer never shrinks (SHLD-14)", () => {
    const step = fc.record({ burst: fc.nat(80), read: fc.nat(100_000), wait: fc.nat(200) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.boolean(), (steps, stamped) => {
        const x = established({ memory, ...(stamped ? { syn: { ts: [1, 0] as [number, number] } } : {}) });
        let next = 1;
        let { adv } = x.tcb.rcv;
        let { buffer } = x.tcb.rcv;
        let clock = 1;
        for (const { burst, read, wait } of steps) {
          for (let i = 0; i < burst; i++) {
            if (next + MSS > ((x.tcb.rcv.adv - x.tcb.irs) | 0)) break;
            x.inject({ seq: next, ack: 1, text: MSS, ...(stamped ? { ts: [++clock, x.out.at(-1)?.tsVal ?? 0] } : {}) });
            next += MSS;
          }
          x.read(read);
          x.advance(wait * MS);
          expect((x.tcb.rcv.adv - adv) | 0).toBeGreaterThanOrEqual(0);
          expect(x.tcb.rcv.buffer).toBeGreaterThanOrEqual(buffer);
          expect(x.tcb.receiveQueue.length).toBeLessThanOrEqual(x.tcb.rcv.buffer);
          ({ adv, buffer } = x.tcb.rcv);
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe("the send buffer", () => {
  test("holds two congestion windows, from the first size to the last", () => {
    const x = established({ memory, policy: { sendBufferMost: 400_000 } });
    expect(x.write(1_000_000)).toBe(65_536);
    let acked = 1;
    let most = 0;
    for (let round = 0; round < 12; round++) {
      x.advance(50 * MS);
      for (const s of x.take()) if (s.length > 0) x.inject({ seq: 1, ack: (acked = Math.max(acked, s.seq + s.length)) });
      x.write(1_000_000);
      expect(x.tcb.snd.buffer).toBe(Math.max(65_536, most, Math.min(400_000, 2 * x.tcb.cc.window())));
      most = x.tcb.snd.buffer;
      expect(x.tcb.sendQueue.length).toBeLessThanOrEqual(most);
    }
    expect(most).toBe(400_000);
  });

  test("a size that the application names stays", () => {
    const x = established({ memory, connection: { sendBuffer: 20_000 } });
    let acked = 1;
    for (let round = 0; round < 12; round++) {
      x.write(1_000_000);
      expect(x.tcb.sendQueue.length).toBeLessThanOrEqual(20_000);
      for (const s of x.take()) acked = Math.max(acked, s.seq + s.length);
      x.inject({ seq: 1, ack: acked });
    }
    expect(x.tcb.snd.buffer).toBe(20_000);
  });
});

describe("memory that runs short", () => {
  const small = () => createMemory({ packets: 64, chunks: 128, chunkSize: 4_096 }); // 512 KiB

  /** Our initial sequence numbers by the peer's port. */
  const initials: Exchange["iss"][] = [];

  /** `count` connections to one listener, by port. */
  function many(count: number): Exchange {
    const x = new Exchange({ memory: small(), policy: { receiveBuffer: 256 * KIB } });
    x.listen();
    for (let port = 6_000; port < 6_000 + count; port++) {
      x.inject({ flags: "S", mss: MSS, windowScale: 7, port });
      x.inject({ seq: 1, ack: 1, port });
      initials[port - 6_000] = x.iss;
    }
    return x;
  }
  const held = (x: Exchange): number[] => {
    const queues: number[] = [];
    x.tcp.each((tcb) => queues.push(tcb.receiveQueue.length));
    return queues;
  };

  test("whoever does not read holds no more than half of what is free, and a new peer is still offered a share", () => {
    const x = many(1);
    let next = 1;
    for (let i = 0; i < 2_000; i++) {
      let room = 0;
      x.tcp.each((tcb) => {
        room = ((tcb.rcv.adv - tcb.irs) | 0) - next;
      });
      if (room < MSS) break;
      x.inject({ seq: next, ack: 1, text: MSS, port: 6_000 });
      next += MSS;
    }
    const [hog] = held(x);
    expect(hog).toBeLessThanOrEqual(260 * KIB);
    x.take();
    x.inject({ flags: "S", mss: MSS, windowScale: 7, port: 7_000 });
    x.inject({ seq: 1, ack: 1, port: 7_000 });
    x.take();
    x.inject({ seq: 1, ack: 1, text: 3 * MSS, port: 7_000 });
    x.advance(500 * MS);
    const ack = x.take().at(-1)!;
    expect([ack.dstPort, ack.ack]).toEqual([7_000, 1 + 3 * MSS]);
    expect(ack.wnd << 7).toBeGreaterThanOrEqual(16_384);
  });

  test("twenty peers that never stop, and nobody reads: all that was in order and acknowledged is there, and the memory is not exceeded", () => {
    const x = many(20);
    const next = Array.from({ length: 20 }, () => 1);
    for (let i = 0; i < 60; i++)
      for (let port = 0; port < 20; port++) {
        x.iss = initials[port]!;
        x.inject({ seq: next[port]!, ack: 1, text: MSS, port: 6_000 + port });
        for (const s of x.take()) next[s.dstPort - 6_000] = Math.max(next[s.dstPort - 6_000]!, s.ack);
      }
    const queues = held(x);
    const sum = queues.reduce((total, n) => total + n, 0);
    expect(sum).toBeLessThanOrEqual(512 * KIB);
    expect(Math.min(...queues)).toBeGreaterThan(0);
    expect(Math.max(...queues)).toBeLessThanOrEqual(8 * Math.min(...queues));
    x.tcp.each((tcb) => expect(((tcb.rcv.nxt - tcb.irs) | 0) - 1).toBe(tcb.receiveQueue.length));
  });
});
