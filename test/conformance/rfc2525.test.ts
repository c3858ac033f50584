/** RFC 2525: eighteen defects that shipped, none of which is here. What other files prove in depth is proved here once more by its symptom. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { MILLISECOND, SECOND } from "../../src/base/environment.js";
import { createMemory } from "../../src/base/memory.js";
import { profiles } from "../../src/stack/profile.js";
import { Signal } from "../../src/tcp/congestion/controller.js";
import { Exchange, octets, type Sentry } from "../tcp/exchange.js";

const memory = createMemory({ packets: 64, chunks: 2_048, chunkSize: 4_096 });
const policy = { timestamps: false, sack: false, windowScaling: false };
const MSS = 1_000;

const sender = (syn: object = { mss: MSS }, passive = false): Exchange => {
  const x = new Exchange({ memory, policy });
  if (passive) x.accept({ wnd: 0xffff, ...syn });
  else x.open({}, { wnd: 0xffff, ...syn });
  return x;
};
const spans = (all: Sentry[]): string[] => all.map((s) => `${s.seq}+${s.length}`);

test("s2.1, s2.3: the first flight is the initial window, active or passive, with or without an MSS in the SYN (2525-01, 2525-03)", () => {
  for (const passive of [false, true])
    for (const [mss, segments] of [
      [MSS, 10],
      [1_460, 10],
      [0, 10],
    ] as const) {
      const x = sender({ mss }, passive);
      x.write(100_000);
      expect(x.take().length).toBe(segments);
    }
});

test("s2.2: after a timeout slow start begins with one segment (2525-02, 2525-14)", () => {
  const x = sender();
  x.write(8_000);
  x.take();
  x.advance(SECOND);
  const first = x.take();
  expect(spans(first)[0]).toBe("1+1000");
  expect(first.filter((s) => s.at === first[0]!.at).length).toBe(1);
  x.inject({ seq: 1, ack: 1_001, wnd: 0xffff });
  expect(x.take().length).toBeLessThanOrEqual(2);
});

test("s2.4: what is sent again under a number is what was sent under it (2525-04, I-09)", () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ write: fc.nat(3_000), ack: fc.double({ min: 0, max: 1, noNaN: true }), wait: fc.nat(2_000) }), {
        maxLength: 20,
      }),
      (steps) => {
        const x = sender();
        const wire = new Map<number, number>();
        let written = 0;
        let sent = 1;
        let acked = 1;
        const note = (): void => {
          for (const s of x.take()) {
            sent = Math.max(sent, s.seq + s.length);
            s.text.forEach((octet, i) => {
              const known = wire.get(s.seq + i);
              if (known !== undefined) expect(octet).toBe(known);
              wire.set(s.seq + i, octet);
              expect(octet).toBe(octets(1, s.seq - 1 + i)[0]);
            });
          }
        };
        for (const { write, ack, wait } of steps) {
          const taken = x.write(octets(write, written));
          written += Math.max(0, taken);
          note();
          acked += Math.floor((sent - acked) * ack);
          x.inject({ seq: 1, ack: acked, wnd: 0xffff });
          note();
          x.advance(wait * MILLISECOND);
          note();
        }
        x.tcp.closeAll(x.now);
      },
    ),
    { numRuns: 25 },
  );
});

test("s2.5: text above a hole is kept: only the hole is needed (2525-05)", () => {
  const x = sender();
  for (const seq of [3_001, 1_001, 2_001]) x.inject({ seq, ack: 1, text: 1_000 });
  x.take();
  x.inject({ seq: 1, ack: 1, text: 1_000 });
  expect(x.take()).toMatchObject([{ ack: 4_001 }]);
});

test("s2.6: congestion avoidance adds one segment a round trip and no constant (2525-06)", () => {
  const x = sender();
  x.tcb.cc.onCongestion(Signal.Loss, 20 * MSS, x.now); // ssthresh and cwnd: ten segments
  x.write(100_000);
  const pending = x.take();
  for (let i = 0; i < 10 + 11 + 12 + 13; i++) {
    const s = pending.shift()!;
    x.inject({ seq: 1, ack: s.seq + s.length, wnd: 0xffff });
    pending.push(...x.take());
  }
  expect(x.tcb.cc.window()).toBe(14 * MSS);
});

test("s2.7, s2.10: the RTO begins at a second, is never below the profile's floor, and doubles (2525-07, 2525-10)", () => {
  for (const profile of Object.values(profiles)) {
    const x = new Exchange({ memory, profile });
    x.connect();
    x.advance(20 * SECOND);
    const at = x.take().map((s) => s.at);
    expect(at[1]! - at[0]!).toBeGreaterThanOrEqual(SECOND);
    x.tcp.closeAll(x.now);
    const y = new Exchange({ memory, profile, policy });
    y.open({}, { mss: MSS, wnd: 0xffff });
    y.write(100);
    y.advance(30 * SECOND);
    const times = y.take().map((s) => s.at);
    const gaps = times.slice(1).map((time, i) => time - times[i]!);
    expect(gaps[0]).toBeGreaterThanOrEqual(profile.tcp.rtoMin);
    // The slop comes on top, each time.
    const { rtoSlop } = profile.tcp;
    for (let i = 1; i < gaps.length; i++) expect(gaps[i]! - rtoSlop).toBe((gaps[i - 1]! - rtoSlop) * 2);
    y.tcp.closeAll(y.now);
  }
});

test("s2.8: after recovery the window is what ssthresh says, not what duplicates inflated (2525-08)", () => {
  const x = sender();
  x.write(50_000);
  expect(x.take().length).toBe(10);
  for (let i = 0; i < 9; i++) x.inject({ seq: 1, ack: 1, wnd: 0xffff });
  x.take();
  const sent = (x.tcb.snd.nxt - x.iss!) | 0;
  x.inject({ seq: 1, ack: sent, wnd: 0xffff });
  expect(x.tcb.cc.window()).toBeLessThanOrEqual(6 * MSS);
});

test("s2.9, s2.11: keep-alive waits two hours, probes minutes apart, and takes more than one silence for an answer (2525-09, 2525-11)", () => {
  for (const { tcp } of Object.values(profiles)) {
    expect(tcp.keepAliveIdle).toBeGreaterThanOrEqual(7_200 * SECOND);
    expect(tcp.keepAliveInterval).toBeGreaterThanOrEqual(60 * SECOND);
    expect(tcp.keepAliveCount).toBeGreaterThanOrEqual(8);
  }
});

test("s2.12: a closed window with a lost update is found open by a probe (2525-12)", () => {
  const x = sender();
  x.write(3_000);
  x.take();
  x.inject({ seq: 1, ack: 3_001, wnd: 0 });
  x.write(2_000);
  x.advance(60 * SECOND);
  expect(x.take().length).toBeGreaterThan(3);
});

test("s2.13: not more than two full segments wait for an ACK (2525-13)", () => {
  const x = sender();
  let since = 0;
  for (let i = 0; i < 100; i++) {
    x.inject({ seq: 1 + i * MSS, ack: 1, text: MSS });
    since += 1;
    if (x.take().length > 0) since = 0;
    expect(since).toBeLessThan(2);
  }
});

test("s2.15: with text waiting behind the window, close is told when the text is through (2525-15)", () => {
  const x = sender({ mss: MSS, wnd: 2_000 });
  x.tcp.send(x.handle, octets(4_000), 0, 4_000, x.now);
  x.tcp.close(x.handle, x.now);
  x.turn();
  expect(spans(x.take())).toEqual(["1+1000", "1001+1000"]);
  x.inject({ seq: 1, ack: 2_001, wnd: 2_001 });
  expect(x.take().map((s) => s.flags)).toEqual([".", "FP."]);
});

test("s2.16, s2.17: what an application will never read is answered by a reset (2525-16, 2525-17)", () => {
  const late = sender();
  late.tcp.close(late.handle, late.now);
  late.turn();
  late.take();
  late.inject({ seq: 1, ack: 2, text: 10 });
  expect(late.take()).toMatchObject([{ flags: "R" }]);
  const unread = sender();
  unread.inject({ seq: 1, ack: 1, text: 10 });
  unread.take();
  unread.tcp.close(unread.handle, unread.now);
  unread.turn();
  expect(unread.take()).toMatchObject([{ flags: "R." }]);
});

test("s2.18: timestamps and SACK blocks come out of the segment, not on top of it (2525-18)", () => {
  const x = new Exchange({ memory });
  x.accept({ mss: MSS, sackPermitted: true, ts: [1, 0] });
  x.inject({ seq: 11, ack: 1, text: 10, ts: [2, 0] });
  x.take();
  x.write(5_000);
  for (const s of x.take()) expect(s.length + s.header.length - 20).toBeLessThanOrEqual(MSS);
});
