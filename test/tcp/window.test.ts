/** The receive window and what lies in it: RFC 9293 s3.8.6.2.2 and s3.10.7.4, RFC 7323 s2.4. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import { Exchange, type Sentry } from "./exchange.js";
import { established, MS, MSS, SECOND } from "./flow.js";

const memory = createMemory({ packets: 64, chunks: 4_096, chunkSize: 4_096 });

/** A receiver with a buffer of so many octets; nothing is read unless a test reads. */
const receiver = (receiveBuffer: number, options: Parameters<typeof established>[0] = {}): Exchange =>
  established({ memory, ...options, connection: { receiveBuffer, ...options.connection } });

/** The right edge that a segment offers, from their ISN. */
const edge = (x: Exchange, s: Sentry): number => s.ack + (s.flags.includes("S") ? s.wnd : s.wnd << x.tcb.rcv.scale);

describe("s3.8.6.2.2: silly window syndrome, the receiver", () => {
  test("s3.8.6.2.2: the right edge stays until it can move by the MSS or half of the buffer (9293-MUST-39, 9293-U15)", () => {
    const x = receiver(10 * MSS);
    let next = 1;
    for (let i = 0; i < 10; i++, next += MSS) x.inject({ seq: next, ack: 1, text: MSS });
    const full = x.take().at(-1)!;
    expect([full.wnd, edge(x, full)]).toEqual([0, 1 + 10 * MSS]);
    x.read(MSS - 1);
    x.advance(10 * SECOND);
    expect(x.take()).toEqual([]);
    x.read(1);
    expect(x.take().map((s) => [s.wnd, s.why])).toEqual([[MSS, "tx.window_update"]]);
  });

  test("s3.8.6.2.2: a tiny buffer opens by its half", () => {
    const x = receiver(2_048);
    x.inject({ seq: 1, ack: 1, text: 1_000 });
    x.inject({ seq: 1_001, ack: 1, text: 1_000 });
    x.inject({ seq: 2_001, ack: 1, text: 48 });
    x.advance(SECOND);
    x.take();
    x.read(999);
    expect(x.take()).toEqual([]);
    x.read(1);
    expect(x.take().map((s) => s.wnd)).toEqual([1_000]);
  });

  test("s3.8.6.2.2: a reader of single octets makes no stream of ACKs", () => {
    const x = receiver(64 * MSS);
    for (let i = 0; i < 40; i++) x.inject({ seq: 1 + i * MSS, ack: 1, text: MSS });
    x.advance(SECOND);
    x.take();
    for (let i = 0; i < 40 * MSS; i++) x.read(1);
    expect(x.take().length).toBeLessThanOrEqual(3);
  });

  test("s3.8.6.2.2: the edge moves by nothing, or by enough; it never retreats but for the shift (9293-MUST-39, 9293-SHLD-14, 7323-09)", () => {
    const step = fc.record({ size: fc.integer({ min: 1, max: MSS }), gap: fc.nat(3), read: fc.nat(5_000), wait: fc.nat(100) });
    fc.assert(
      fc.property(fc.constantFrom(2_048, 5_000, 30_000, 100_000, 1_000_000), fc.array(step, { maxLength: 80 }), (buffer, steps) => {
        const x = receiver(buffer);
        const unit = 1 << x.tcb.rcv.scale;
        const enough = Math.min(buffer >> 1, MSS);
        let next = 1;
        let right = 1 + Math.min(buffer, 65_535);
        const look = (): void => {
          for (const s of x.take()) {
            const now = edge(x, s);
            expect(now).toBeGreaterThan(right - unit);
            if (now > right) {
              expect(now - right).toBeGreaterThan(enough - unit);
              right = now;
            }
            // Never more than there is room for.
            expect(now - s.ack).toBeLessThanOrEqual(buffer - x.tcb.receiveQueue.length + unit);
          }
        };
        for (const { size, gap, read, wait } of steps) {
          const at = next + (gap === 3 ? MSS : 0);
          x.inject({ seq: at, ack: 1, text: size });
          next = (x.tcb.rcv.nxt - x.tcb.irs) | 0;
          look();
          // What was offered once is taken: nothing before the edge is refused.
          expect((x.tcb.rcv.adv - x.tcb.irs) | 0).toBe(right);
          x.read(read);
          look();
          x.advance(wait * MS);
          look();
        }
      }),
      { numRuns: 100 },
    );
  });

  test("s3.8.6: frozen and thawed, the right edge is what it was (9293-SHLD-14)", () => {
    const x = receiver(100_000);
    x.inject({ seq: 1, ack: 1, text: MSS });
    x.read();
    x.advance(100 * MS);
    const before = (x.tcb.rcv.adv - x.tcb.irs) | 0;
    x.advance(10 * SECOND);
    expect(x.tcp.summary()).toMatchObject({ frozen: 1 });
    expect((x.tcb.rcv.adv - x.tcb.irs) | 0).toBe(before);
  });
});

describe("s3.8.6: closing the window", () => {
  test("s3.8.6: a slow reader closes it, and text beyond is refused with an ACK that says so (MAY-8)", () => {
    const x = receiver(4 * MSS);
    for (let i = 0; i < 4; i++) x.inject({ seq: 1 + i * MSS, ack: 1, text: MSS });
    x.take();
    x.inject({ seq: 1 + 4 * MSS, ack: 1, text: 1 });
    expect(x.take().map((s) => [s.ack, s.wnd, s.why])).toEqual([[1 + 4 * MSS, 0, "tx.ack_zero_window"]]);
    expect(x.read()!.length).toBe(4 * MSS);
  });

  test("s3.8.6.1: each probe is answered with what the window is now (1122-T-02)", () => {
    const x = receiver(4 * MSS);
    for (let i = 0; i < 4; i++) x.inject({ seq: 1 + i * MSS, ack: 1, text: MSS });
    x.take();
    for (let i = 0; i < 20; i++) {
      x.inject({ seq: 1 + 4 * MSS, ack: 1, text: 1 });
      x.advance(10 * SECOND);
      expect(x.take().map((s) => s.wnd)).toEqual([0]);
    }
    x.read();
    expect(x.take().map((s) => s.wnd)).toEqual([4 * MSS]);
  });

  test("s3.10.7.4: part of a segment fits: that part is taken (9293-U07)", () => {
    const x = receiver(2_500);
    x.inject({ seq: 1, ack: 1, text: MSS });
    x.inject({ seq: 1_001, ack: 1, text: MSS });
    x.inject({ flags: "F.", seq: 2_001, ack: 1, text: MSS });
    expect(x.state).toBe("ESTABLISHED"); // the FIN lies beyond the edge
    expect(x.read()!.length).toBe(2_500);
  });

  test("s3.4: a RST and the ACK of a segment count although the window is closed (9293-MUST-66)", () => {
    const x = receiver(3 * MSS);
    for (let i = 0; i < 3; i++) x.inject({ seq: 1 + i * MSS, ack: 1, text: MSS });
    x.write(100);
    x.inject({ seq: 1 + 3 * MSS, ack: 101, text: 5 });
    expect(x.tcb.sendQueue.length).toBe(0);
    x.inject({ flags: "R", seq: 1 + 3 * MSS });
    expect(x.state).toBe("CLOSED");
  });
});

describe("s3.10.7.4: reassembly", () => {
  const piece = fc.record({ at: fc.nat(4_000), length: fc.integer({ min: 1, max: MSS }), read: fc.nat(1_500) });

  test("s3.10.7.4: segments in any order, overlapping and repeated, deliver exactly the stream (9293-SHLD-31, 9293-U07, 1122-T-03)", () => {
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 50 }),
        fc.constantFrom(0x7fff_fff0, 0x7fff_fe00, -16, -2_000, 0),
        fc.constantFrom(2_048, 3_000, 65_536),
        fc.integer({ min: 40, max: 700 }),
        (pieces, irs, buffer, tail) => {
          const x = receiver(buffer, { irs });
          const stream = Uint8Array.from({ length: 5_000 }, (_, i) => (i * 131 + (i >> 8) * 17) & 0xff);
          const got: number[] = [];
          // The model: which octets have come and were in the window then.
          const held = new Set<number>();
          let next = 0;
          const arrives = (at: number, length: number): void => {
            const right = (x.tcb.rcv.adv - x.tcb.irs - 1) | 0;
            const end = Math.min(at + length, stream.length);
            for (let i = at; i < Math.min(end, right); i++) if (i >= next) held.add(i);
            x.inject({ seq: 1 + at, ack: 1, text: stream.subarray(at, end) });
            while (held.delete(next)) next += 1;
            expect((x.tcb.rcv.nxt - x.tcb.irs - 1) | 0).toBe(next);
            expect(x.tcb.outOfOrder.octets).toBe(held.size);
            expect(x.tcp.readable(x.handle)).toBe(next - got.length);
          };
          for (const { at, length, read } of pieces) {
            arrives(at, length);
            got.push(...x.read(read)!);
          }
          while (next < stream.length) {
            arrives(next, tail);
            got.push(...x.read(8_192)!);
          }
          expect(Buffer.compare(Buffer.from(got), stream)).toBe(0);
          expect(x.tcb.receiveQueue.chunksHeld).toBe(0);
        },
      ),
      { numRuns: 200 },
    );
  });

  test("s3.10.7.4: what was delivered is not changed by text that contradicts it (I-04)", () => {
    const x = receiver(65_536);
    x.inject({ seq: 1, ack: 1, text: new Uint8Array(100).fill(1) });
    x.inject({ seq: 51, ack: 1, text: new Uint8Array(100).fill(2) });
    expect([...x.read()!]).toEqual([...new Uint8Array(100).fill(1), ...new Uint8Array(50).fill(2)]);
  });

  test("s3.10.7.4: the FIN waits for the text before it, and text behind it is none (9293-U10)", () => {
    const x = receiver(65_536);
    x.inject({ flags: "F.", seq: 1_001, ack: 1, text: 10 });
    expect(x.state).toBe("ESTABLISHED");
    x.inject({ seq: 1_011, ack: 1, text: 100 });
    x.inject({ seq: 1, ack: 1, text: 1_000 });
    expect(x.state).toBe("CLOSE-WAIT");
    expect(x.read()!.length).toBe(1_010);
    expect(x.read()).toBeNull();
    expect(x.take().at(-1)!.ack).toBe(1_012);
  });

  test("s3.10.7.4: a thousand holes are kept, more are not, and cost no more than the last one (I-03)", () => {
    const x = receiver(4 << 20, { limits: { outOfOrderRanges: 1_000 } });
    for (let i = 0; i < 1_100; i++) x.inject({ seq: 2 + 2 * i, ack: 1, text: 1 });
    expect(x.tcb.outOfOrder.count).toBe(1_000);
    expect(x.tcb.receiveQueue.chunksHeld).toBe(1);
    for (let i = 0; i < 1_100; i++) x.inject({ seq: 1 + 2 * i, ack: 1, text: 2 });
    expect(x.read()!.length).toBe(2_200);
  });

  test("s3.10.7.4: out of memory, text in order still gets through, and nothing is forged (I-04)", () => {
    const small = createMemory({ packets: 64, chunks: 6, chunkSize: 4_096 });
    const stream = Uint8Array.from({ length: 60_000 }, (_, i) => (i * 7 + (i >> 8)) & 0xff);
    fc.assert(
      fc.property(fc.array(fc.nat(40), { maxLength: 60 }), (order) => {
        const x = new Exchange({ memory: small });
        x.accept({ mss: MSS, sackPermitted: true, windowScale: 7 });
        const got: number[] = [];
        for (const n of order) {
          x.inject({ seq: 1 + n * MSS, ack: 1, text: stream.subarray(n * MSS, (n + 1) * MSS) });
          if (n % 3 === 0) got.push(...x.read(2 * MSS)!);
        }
        for (let rounds = 0; got.length < 41 * MSS && rounds < 100; rounds++) {
          const next = (x.tcb.rcv.nxt - x.tcb.irs - 1) | 0;
          x.inject({ seq: 1 + next, ack: 1, text: stream.subarray(next, Math.min(next + MSS, 41 * MSS)) });
          got.push(...x.read(8_192)!);
        }
        expect(Buffer.compare(Buffer.from(got), stream.subarray(0, 41 * MSS))).toBe(0);
        x.tcp.abort(x.handle, x.now);
        x.turn();
        expect(small.chunks.available).toBe(6);
      }),
      { numRuns: 60 },
    );
  });
});
