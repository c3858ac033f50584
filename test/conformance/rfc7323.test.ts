/** RFC 7323: window scale, timestamps, PAWS. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import { linux, rfc } from "../../src/stack/profile.js";
import { Exchange, octets } from "../tcp/exchange.js";
import { ack, established, MS, MSS, SECOND, sent } from "../tcp/flow.js";

const memory = createMemory({ packets: 64, chunks: 2_048, chunkSize: 4_096 });
const DAY = 86_400 * SECOND;

/** With timestamps: theirs are 100 at the handshake and 200 after it; `echo` is ours. */
function stamped(options: Parameters<typeof established>[0] = {}): { x: Exchange; echo: number } {
  const x = established({ memory, ...options, syn: { ts: [100, 0], ...options.syn } });
  x.write(1);
  const echo = x.take()[0]!.tsVal!;
  x.inject({ seq: 1, ack: 2, ts: [200, echo] });
  return { x, echo };
}

describe("s2.2, s2.3: window scale", () => {
  test.each([
    ["both sides", 5, true, 5],
    ["their SYN lacks it", undefined, true, 0],
    ["ours lacks it", 5, false, 0],
  ] as const)("s2.2: %s: scaling in both directions or in none (7323-01, 7323-04)", (_name, theirs, ours, shift) => {
    const x = new Exchange({ memory, policy: { windowScaling: ours } });
    x.listen({ receiveBuffer: 6 << 20 });
    x.inject({ flags: "S", mss: MSS, ...(theirs === undefined ? {} : { windowScale: theirs }) });
    expect(x.take()[0]!.windowScale).toBe(ours && theirs !== undefined ? 7 : -1);
    x.inject({ seq: 1, ack: 1, wnd: 1_000 });
    expect(x.tcb.snd.wnd).toBe(1_000 << shift);
    x.inject({ seq: 1, ack: 1, text: 1 });
    x.write(1);
    const { wnd } = x.take().at(-1)!;
    if (shift === 0)
      expect(wnd).toBe(65_534); // unscaled; the right edge does not move for one octet (MUST-39)
    else expect(wnd << 7).toBeGreaterThan(65_535);
  });

  test("s2.2: an active open offers it, and takes it only from a SYN,ACK that has it (7323-01)", () => {
    for (const theirs of [undefined, 3]) {
      const x = new Exchange({ memory });
      x.connect();
      expect(x.take()[0]!.windowScale).toBe(7);
      x.inject({ flags: "S.", ack: 1, mss: MSS, wnd: 100, ...(theirs === undefined ? {} : { windowScale: theirs }) });
      x.inject({ seq: 1, ack: 1, wnd: 100 });
      expect(x.tcb.snd.wnd).toBe(theirs === undefined ? 100 : 800);
    }
  });

  test("s2.2: the option in a segment without SYN is ignored (7323-02)", () => {
    const x = established({ memory, syn: { windowScale: 2 } });
    x.inject({ seq: 1, ack: 1, wnd: 100, windowScale: 9 });
    expect([x.tcb.snd.wnd, x.tcb.snd.scale]).toEqual([400, 2]);
  });

  test("s2.2: the window of a SYN or SYN,ACK is never scaled, in or out (7323-03)", () => {
    const passive = new Exchange({ memory });
    passive.listen();
    passive.inject({ flags: "S", mss: MSS, windowScale: 14, wnd: 3_000 });
    expect(passive.take()[0]!.wnd).toBe(65_535);
    const active = new Exchange({ memory });
    active.connect();
    active.inject({ flags: "S.", ack: 1, mss: MSS, windowScale: 14, wnd: 3_000 });
    active.write(20 * MSS);
    expect(active.tcb.snd.wnd).toBe(3_000);
    expect(sent(active)).toBe("0 1 2");
    const small = new Exchange({ memory });
    small.connect({ receiveBuffer: 4_000 });
    expect(small.take()[0]).toMatchObject({ wnd: 4_000, windowScale: 0 });
  });

  test("s2.3: windows that arrive are shifted left, those that leave right (7323-05, 7323-06)", () => {
    for (const shift of [0, 1, 7, 14]) {
      const x = established({ memory, syn: { windowScale: shift }, connection: { receiveBuffer: 2 << 20 } });
      x.inject({ seq: 1, ack: 1, wnd: 0xffff });
      expect(x.tcb.snd.wnd).toBe(0xffff * 2 ** shift); // the largest is 2^30 - 2^14: RFC 7323 s2.3
      x.inject({ seq: 1, ack: 1, text: 1 });
      x.advance(100 * MS);
      const { wnd } = x.take().at(-1)!;
      expect(wnd).toBe(Math.floor((2 * 2 ** 20 - 1) / 64));
    }
  });

  test.each([15, 16, 32, 255])("s2.3: a shift of %d counts as 14 (7323-07)", (shift) => {
    const x = established({ memory, syn: { windowScale: shift } });
    x.inject({ seq: 1, ack: 1, wnd: 2 });
    expect(x.tcb.snd.wnd).toBe(2 << 14);
  });

  test("s2.3: our own shift is what the buffer needs, 14 at most (7323-07)", () => {
    for (const [buffer, shift] of [
      [2_048, 0],
      [65_535, 0],
      [65_536, 1],
      [131_070, 1],
      [131_071, 2],
      [1 << 30, 14],
    ] as const) {
      const x = new Exchange({ memory });
      x.connect({ receiveBuffer: buffer });
      expect(x.take()[0]!.windowScale).toBe(shift);
    }
  });
});

describe("s2.4: shrinking windows", () => {
  test("s2.4: a window that shrinks below what was sent stops new text, and resumes (7323-08, 7323-11)", () => {
    const x = established({ memory, syn: { windowScale: 0 } });
    x.write(20 * MSS);
    expect(sent(x)).toBe("0 1 2 3 4 5 6 7 8 9");
    ack(x, 2, { wnd: 3 * MSS });
    expect(sent(x)).toBe("");
    ack(x, 5, { wnd: 0 });
    expect(sent(x)).toBe("");
    ack(x, 10, { wnd: 4 * MSS });
    expect(sent(x)).toBe("10 11 12 13");
  });

  test("s2.4: text in the window of any ACK that was sent is taken, although the last one rounds down (7323-09, 7323-10)", () => {
    const x = established({ memory, connection: { receiveBuffer: 100_000 }, syn: { windowScale: 7 }, policy: { quickAcks: 0 } });
    x.inject({ seq: 1, ack: 1, text: 999 });
    x.advance(100 * MS);
    const first = x.take().at(-1)!;
    const edge = first.ack + (first.wnd << 1);
    for (let at = 1_000; at < 20_000; at += 999) x.inject({ seq: at, ack: 1, text: 999 });
    let right = edge;
    for (const s of x.take()) right = Math.max(right, s.ack + (s.wnd << 1));
    // The last octet that any of them allowed.
    x.inject({ seq: right - 1, ack: 1, text: 1 });
    expect(x.tcb.outOfOrder.octets).toBe(1);
    x.inject({ seq: right, ack: 1, text: 1 });
    expect(x.tcb.outOfOrder.octets).toBe(1);
    expect(x.drops.at(-1)).toBe("drop.out_of_window");
  });
});

describe("s3: the timestamps option", () => {
  test("s3.2: TSecr is zero where there is no ACK (7323-12)", () => {
    const x = new Exchange({ memory });
    x.connect();
    x.advance(10 * SECOND);
    for (const s of x.take()) expect(s.tsEcr).toBe(0);
  });

  test("s3.2: a TSecr that comes without ACK is ignored (7323-14)", () => {
    const x = new Exchange({ memory });
    x.connect();
    x.inject({ flags: "S", mss: MSS, ts: [7, 12_345] }); // simultaneous open
    expect(x.state).toBe("SYN-RECEIVED");
    expect(x.tcb.srtt).toBe(0);
    expect(x.take().at(-1)!.tsEcr).toBe(7);
  });

  test("s3.2: in a SYN,ACK only if the SYN had it; on only if both had (7323-15, 7323-20)", () => {
    for (const theirs of [true, false]) {
      const x = established({ memory, syn: theirs ? { ts: [100, 0] } : {} });
      x.write(10);
      expect(x.take()[0]!.tsVal !== null).toBe(theirs);
    }
    const off = new Exchange({ memory, policy: { timestamps: false } });
    off.listen();
    off.inject({ flags: "S", mss: MSS, ts: [100, 0] });
    expect(off.take()[0]!.tsVal).toBeNull();
    const active = new Exchange({ memory });
    active.connect();
    active.inject({ flags: "S.", ack: 1, mss: MSS });
    expect(active.take().map((s) => s.tsVal !== null)).toEqual([true, false]);
  });

  test("s3.2: one that was not agreed is ignored: no PAWS, no echo (7323-20)", () => {
    const x = established({ memory });
    x.inject({ seq: 1, ack: 1, text: 10, ts: [500, 1] });
    x.inject({ seq: 11, ack: 1, text: 10, ts: [400, 1] });
    expect(x.read()!.length).toBe(20);
    for (const s of x.take()) expect(s.tsVal).toBeNull();
  });

  test("s3.2: after that every segment carries it: text, ACK, retransmission, probe, keep-alive, FIN, RST (7323-16, 7323-17)", () => {
    const { x, echo } = stamped({ connection: { keepAlive: 10 * SECOND } });
    const seen = new Set<string>();
    const look = (): void => {
      for (const s of x.take()) {
        seen.add(s.why);
        expect([s.why, s.tsVal === null]).toEqual([s.why, false]);
      }
    };
    x.inject({ seq: 1, ack: 2, text: 100, ts: [210, echo] });
    x.inject({ seq: 301, ack: 2, text: 100, ts: [211, echo] });
    x.write(100);
    x.advance(SECOND);
    look();
    x.inject({ seq: 101, ack: 102, text: 1, wnd: 0, ts: [220, echo] });
    x.write(100);
    x.advance(5 * SECOND);
    x.inject({ seq: 401, ack: 102, wnd: 100, ts: [230, echo] });
    x.advance(SECOND);
    x.inject({ seq: 401, ack: 202, wnd: 100, ts: [240, echo] });
    x.advance(20 * SECOND);
    x.inject({ seq: 401, ack: 202, wnd: 100, ts: [241, echo] });
    x.read();
    x.tcp.shutdown(x.handle, x.now);
    x.turn();
    x.tcp.abort(x.handle, x.now);
    look();
    expect([...seen]).toEqual(
      expect.arrayContaining(["tx.dup_ack_ooo", "rtx.rto", "tx.zero_probe", "tx.keepalive", "tx.fin", "tx.rst_abort"]),
    );
  });

  test("s5.2: a RST for no connection echoes: TSecr is the segment's TSval, TSval zero (7323-26)", () => {
    const x = new Exchange({ memory, policy: { resetStamped: true } });
    x.inject({ seq: 5, ack: 9, text: 3, ts: [777, 3] });
    expect(x.take()[0]).toMatchObject({ flags: "R", tsVal: 0, tsEcr: 777 });
    x.inject({ flags: "S", seq: 5, ts: [778, 0] });
    expect(x.take()[0]).toMatchObject({ flags: "R.", tsVal: 0, tsEcr: 778 });
    x.inject({ flags: "S", seq: 5 });
    expect(x.take()[0]!.tsVal).toBeNull();
  });

  test("s3.2: a segment without it is dropped in silence, and the connection lives (7323-18, 7323-19)", () => {
    const { x, echo } = stamped({ policy: { requireTimestamps: true } });
    x.take();
    for (let i = 0; i < 20; i++) x.inject({ seq: 1, ack: 2, text: 100 });
    expect([x.take(), x.state, x.drops.at(-1)]).toEqual([[], "ESTABLISHED", "drop.timestamp_missing"]);
    x.inject({ seq: 1, ack: 2, text: 100, ts: [201, echo] });
    expect(x.read()!.length).toBe(100);
  });

  test("s3.2: the linux profile takes it: middleboxes strip options (docs/deviations.md, stripped-timestamps)", () => {
    const { x } = stamped();
    x.inject({ seq: 1, ack: 2, text: 100 });
    expect(x.read()!.length).toBe(100);
    expect(x.tcb.rcv.tsRecent).toBe(200);
  });

  test("s3.2: a RST without it counts (7323-18, 7323-27)", () => {
    const { x } = stamped({ policy: { requireTimestamps: true } });
    x.inject({ flags: "R", seq: 1 });
    expect(x.state).toBe("CLOSED");
  });
});

describe("s4: which timestamp is echoed", () => {
  const echoes = (x: Exchange): number[] => x.take().map((s) => s.tsEcr!);

  test("s4.3: of delayed ACKs the earliest segment's (7323-13, 7323-24 A)", () => {
    const { x, echo } = stamped({ policy: { quickAcks: 0 }, syn: { mss: MSS } });
    x.inject({ seq: 1, ack: 2, text: 100, ts: [300, echo] });
    x.inject({ seq: 101, ack: 2, text: 50, ts: [310, echo] });
    x.advance(40 * MS);
    expect(echoes(x)).toEqual([300]);
    x.inject({ seq: 151, ack: 2, text: 50, ts: [320, echo] });
    x.advance(40 * MS);
    expect(echoes(x)).toEqual([320]);
  });

  test("s4.3: out of order the last in sequence, of what fills a hole its own (7323-24 B, C)", () => {
    const { x, echo } = stamped();
    x.inject({ seq: 1, ack: 2, text: 100, ts: [300, echo] });
    x.inject({ seq: 201, ack: 2, text: 100, ts: [310, echo] });
    x.inject({ seq: 301, ack: 2, text: 100, ts: [320, echo] });
    x.inject({ seq: 101, ack: 2, text: 100, ts: [330, echo] });
    x.inject({ seq: 401, ack: 2, text: 100, ts: [340, echo] });
    expect(echoes(x)).toEqual([300, 300, 300, 330, 340]);
  });

  test("s4.3: what begins beyond Last.ACK.sent does not change it (7323-29, CVE-2005-0356)", () => {
    const { x, echo } = stamped({ policy: { quickAcks: 0 } });
    x.inject({ seq: 5_001, ack: 2, text: 10, ts: [0x3000_0000, echo] });
    expect(echoes(x)).toEqual([200]);
    x.inject({ seq: 1, ack: 2, text: 10, ts: [201, echo] });
    expect(x.read()!.length).toBe(10);
  });

  test("s4.3: nor does what lies outside the window (7323-29)", () => {
    const { x, echo } = stamped();
    x.take();
    x.inject({ seq: 1 - 3 * MSS, ack: 2, text: 10, ts: [0x3000_0000, echo] });
    x.inject({ seq: 100_000_000, ack: 2, text: 10, ts: [0x3000_0000, echo] });
    for (const tsEcr of echoes(x)) expect(tsEcr).toBe(200);
    x.inject({ seq: 1, ack: 2, text: 10, ts: [201, echo] });
    expect(x.read()!.length).toBe(10);
  });

  test("s5.2: TS.Recent never goes back, whatever comes (7323-25)", () => {
    const stamp = fc.oneof(fc.integer({ min: 190, max: 260 }), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }));
    fc.assert(
      fc.property(
        fc.array(fc.record({ stamp, at: fc.integer({ min: -300, max: 600 }), size: fc.nat(200), flags: fc.constantFrom(".", "S.", "F.") })),
        (segments) => {
          const { x, echo } = stamped();
          let recent = 200;
          for (const s of segments) {
            x.inject({ flags: s.flags === "F." ? "." : s.flags, seq: 1 + s.at, ack: 2, text: s.size, ts: [s.stamp, echo] });
            if (x.state === "CLOSED") return;
            const now = x.tcb.rcv.tsRecent;
            expect((now - recent) | 0).toBeGreaterThanOrEqual(0);
            recent = now;
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  test("s5.4: the clock ticks once a millisecond and follows real time (7323-21, 7323-30)", () => {
    const { x } = stamped();
    x.write(1);
    const first = x.take()[0]!;
    x.inject({ seq: 1, ack: 3, ts: [201, first.tsVal!] });
    for (const wait of [1 * MS, 10 * MS, 999 * MS, 40 * 60 * SECOND]) {
      x.advance(wait);
      const at = x.now;
      x.inject({ seq: 1, ack: 3, text: new Uint8Array(0), ts: [202, first.tsVal!] });
      x.write(1);
      const s = x.take().find((out) => out.length > 0)!;
      expect((s.tsVal! - first.tsVal!) | 0).toBe(Math.floor(at / MS) - Math.floor(first.at / MS));
      x.inject({ seq: 1, ack: s.seq + 1, ts: [203, s.tsVal!] });
    }
  });

  test("s7.1: every connection has its own offset, the same for a 4-tuple (7323-33)", () => {
    const x = new Exchange({ memory });
    x.listen();
    const stamps = [6_000, 6_001, 6_002, 6_003].map((port) => {
      x.inject({ flags: "S", port, mss: MSS, ts: [1, 0] });
      return x.take()[0]!.tsVal!;
    });
    expect(new Set(stamps).size).toBe(4);
    for (let i = 1; i < 4; i++) expect(Math.abs((stamps[i]! - stamps[0]!) | 0)).toBeGreaterThan(10_000);
    x.inject({ flags: "R", seq: 1, port: 6_000 });
    x.inject({ flags: "S", port: 6_000, mss: MSS, ts: [1, 0] });
    expect(x.take().at(-1)!.tsVal).toBe(stamps[0]);
    const other = new Exchange({ memory, seed: 2 });
    other.listen();
    other.inject({ flags: "S", port: 6_000, mss: MSS, ts: [1, 0] });
    expect(other.take()[0]!.tsVal).not.toBe(stamps[0]);
  });
});

describe("s5: PAWS", () => {
  test("s5.3: an old timestamp: not acceptable, one ACK, dropped (7323-28)", () => {
    const { x, echo } = stamped();
    x.take();
    x.inject({ seq: 1, ack: 2, text: 100, ts: [199, echo] });
    expect(x.take().map((s) => [s.ack, s.length, s.tsEcr, s.why])).toEqual([[1, 0, 200, "tx.ack_paws"]]);
    expect([x.read()!.length, x.drops.at(-1)]).toEqual([0, "drop.paws"]);
  });

  test("s5.3: an equal one is taken (7323-28)", () => {
    const { x, echo } = stamped();
    x.inject({ seq: 1, ack: 2, text: 100, ts: [200, echo] });
    expect(x.read()!.length).toBe(100);
  });

  test("s5.3: it comes before the sequence number, the ACK and the SYN (7323-28)", () => {
    const { x, echo } = stamped();
    x.write(100);
    x.inject({ seq: 1, ack: 102, ts: [199, echo] });
    expect(x.tcb.sendQueue.length).toBe(100);
    x.inject({ flags: "F.", seq: 1, ack: 102, ts: [10, echo] });
    expect(x.state).toBe("ESTABLISHED");
    x.inject({ flags: "S", seq: 1, ts: [10, 0] });
    expect(x.drops.slice(-3)).toEqual(["drop.paws", "drop.paws", "drop.paws"]);
  });

  test("s5.2: half of the number space counts as old, across the wrap (7323-28)", () => {
    for (const recent of [0, 100, 0x7fff_fff0, 0xffff_fff0, 0x8000_0000]) {
      const taken = (offset: number): boolean => {
        const x = established({ memory, syn: { ts: [recent, 0] } });
        const at = (recent + 100) | 0;
        x.inject({ seq: 1, ack: 1, text: 1, ts: [(at + offset) | 0, 0] });
        return x.read()!.length === 1;
      };
      expect([-(2 ** 31) + 1, -1_000, -1, 0, 1, 1_000, 2 ** 31 - 1].map(taken)).toEqual([false, false, false, true, true, true, true]);
    }
  });

  test("s5.2: a RST is never subject to it, and its timestamp changes nothing (7323-27)", () => {
    const exact = stamped().x;
    exact.inject({ flags: "R", seq: 1, ts: [1, 0] });
    expect(exact.state).toBe("CLOSED");
    const { x } = stamped();
    x.inject({ flags: "R", seq: 2, ts: [0x4000_0000, 0] }); // in the window, not exact: a challenge
    expect([x.state, x.tcb.rcv.tsRecent]).toEqual(["ESTABLISHED", 200]);
  });

  test("s5.5: TS.Recent is worth nothing after 24 days (7323-31)", () => {
    for (const days of [23, 25]) {
      const { x } = stamped();
      x.advance(days * DAY);
      x.take();
      x.inject({ seq: 1, ack: 2, text: 10, ts: [150, 0] });
      expect(x.read()!.length).toBe(days === 25 ? 10 : 0);
      if (days === 25) expect(x.tcb.rcv.tsRecent).toBe(150);
    }
  });

  test("s5.3: it protects a stream whose sequence numbers have wrapped", () => {
    const { x, echo } = stamped();
    // A duplicate from 2^32 octets ago has the right sequence number and an old timestamp.
    x.inject({ seq: 1, ack: 2, text: octets(100, 9), ts: [50, echo] });
    x.inject({ seq: 1, ack: 2, text: octets(100), ts: [201, echo] });
    expect(x.read()).toEqual(octets(100));
  });

  test("s5.3: ACKs for what it drops start no war: those without text are limited", () => {
    const { x, echo } = stamped();
    x.take();
    for (let i = 0; i < 100; i++) x.inject({ seq: 1, ack: 2, ts: [100, echo] });
    expect(x.take().length).toBe(1);
  });

  test("s4.3: frozen and thawed, TS.Recent is what it was", () => {
    const { x, echo } = stamped();
    x.advance(60 * SECOND);
    expect(x.tcp.summary()).toMatchObject({ live: 0, frozen: 1 });
    x.take();
    x.inject({ seq: 1, ack: 2, text: 10, ts: [199, echo] });
    expect(x.drops.at(-1)).toBe("drop.paws");
    x.inject({ seq: 1, ack: 2, text: 10, ts: [260, echo] });
    expect(x.take().at(-1)!.tsEcr).toBe(260);
  });
});

describe("s5.7", () => {
  test("s5.7: with PAWS goes path MTU discovery: segments shrink when IP says so (7323-32)", () => {
    const { x } = stamped({ syn: { mss: 1460 } });
    x.network.lowerMtu(0 as never, 1_000);
    x.write(5_000);
    for (const s of x.take()) expect(s.length).toBeLessThanOrEqual(1_000 - 52);
  });

  test("RFC 9293 s3.7.1: the option takes its twelve octets from the segment (MUST-16)", () => {
    const { x } = stamped({ syn: { mss: 1460 } });
    x.write(5_000);
    expect(Math.max(...x.take().map((s) => s.length))).toBe(1_448);
  });
});

test("s2.4: the profiles differ in nothing but what a missing timestamp means", () => {
  expect([linux.tcp.requireTimestamps, rfc.tcp.requireTimestamps]).toEqual([false, true]);
  expect([linux.tcp.timestampTick, rfc.tcp.timestampTick]).toEqual([MS, MS]);
});
