/** RFC 9293 s3.8.6 and s3.10.7.4's windows: what may be sent, what is taken, and how a closed window opens again. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MILLISECOND, SECOND } from "../../src/base/environment.js";
import { createMemory } from "../../src/base/memory.js";
import { SeededRandom } from "../../src/base/prng.js";
import { linux, type Profile, profiles, rfc } from "../../src/stack/profile.js";
import { Exchange, type Injection, octets, type Sentry } from "../tcp/exchange.js";

const memory = createMemory({ packets: 64, chunks: 2_048, chunkSize: 4_096 });
const plain = { timestamps: false, sack: false, windowScaling: false };
const HOUR = 3_600 * SECOND;

/** ESTABLISHED, their window and MSS as told, the congestion window out of the way. */
function sender(
  wnd: number,
  options: { profile?: Profile; mss?: number; policy?: object; connection?: Record<string, unknown> } = {},
): Exchange {
  const x = new Exchange({ memory, profile: options.profile ?? linux, policy: { ...plain, ...options.policy } });
  x.open(options.connection ?? {}, { mss: options.mss ?? 1_000, wnd });
  x.tcb.cc.begin(100_000, linux.tcp, false);
  return x;
}
const spans = (all: Sentry[]): string[] => all.map((s) => `${s.seq}+${s.length}`);

describe("s3.8.6: the sender", () => {
  test("s3.8.6: a window that shrinks below SND.NXT stops new text and harms nothing (MUST-34, SHLD-15, S-127)", () => {
    const x = sender(8_000);
    x.write(20_000);
    expect(x.take().length).toBe(8);
    x.inject({ seq: 1, ack: 2_001, wnd: 3_000 }); // the right edge went from 8001 to 5001
    expect(x.take()).toEqual([]);
    x.inject({ seq: 1, ack: 5_001, wnd: 0 });
    expect(x.take()).toEqual([]);
    x.inject({ seq: 1, ack: 5_001, wnd: 5_000 });
    const again = x.take();
    expect(again.every((s) => s.seq + s.length <= 10_001)).toBe(true);
    x.inject({ seq: 1, ack: 10_001, wnd: 20_000 });
    expect(spans(x.take()).at(-1)).toBe("19001+1000");
  });

  test("s3.8.6: what lies beyond a shrunken edge is sent again when its time comes, and ends no connection (SHLD-16, SHLD-17, MAY-7)", () => {
    const x = sender(4_000, { policy: { r2: 3 } });
    x.write(4_000);
    x.take();
    x.inject({ seq: 1, ack: 1_001, wnd: 1_000 });
    for (let i = 0; i < 400; i++) {
      x.advance(SECOND);
      // A peer that takes one segment, drops what is beyond the edge, and says so.
      if (x.take().length > 0) x.inject({ seq: 1, ack: 1_001, wnd: 0 });
    }
    expect(x.state).toBe("ESTABLISHED");
    x.inject({ seq: 1, ack: 1_001, wnd: 4_000 });
    expect(spans(x.take())).toContain("1001+1000");
  });

  test("s3.8.6: whatever windows come, nothing new leaves beyond the largest edge, and all of it arrives in the end (I-06, I-07, S-127)", () => {
    const steps = fc.array(
      fc.record({ wnd: fc.integer({ min: 0, max: 6_000 }), take: fc.double({ min: 0, max: 1, noNaN: true }), wait: fc.nat(900) }),
      {
        maxLength: 30,
      },
    );
    fc.assert(
      fc.property(steps, (list) => {
        const x = sender(3_000);
        const total = 12_000;
        x.write(total);
        let edge = 3_001;
        let got = 1;
        const check = (): void => {
          for (const s of x.take()) {
            if (s.length > 1) expect(s.seq + s.length).toBeLessThanOrEqual(edge);
            if (s.seq <= got) got = Math.max(got, s.seq + s.length);
          }
          const { una, nxt } = x.tcb.snd;
          expect((nxt - una) | 0).toBeGreaterThanOrEqual(0);
        };
        check();
        let acked = 1;
        for (const { wnd, take, wait } of list) {
          x.advance(wait * MILLISECOND);
          check();
          acked += Math.floor((got - acked) * take);
          edge = Math.max(edge, acked + wnd);
          x.inject({ seq: 1, ack: acked, wnd });
          check();
        }
        for (let i = 0; i < 60 && got <= total; i++) {
          edge = Math.max(edge, got + 5_000);
          x.inject({ seq: 1, ack: got, wnd: 5_000 });
          check();
          x.advance(SECOND);
          check();
        }
        expect(got).toBe(total + 1);
        x.tcp.closeAll(x.now);
      }),
      { numRuns: 150 },
    );
  });

  test("s3.10.7.4: an older segment does not change SND.WND (U08)", () => {
    const x = sender(8_000);
    x.inject({ seq: 1, ack: 1, wnd: 9_000, text: 10 });
    x.inject({ seq: 11, ack: 1, wnd: 7_000, text: 10 });
    expect(x.tcb.snd.wnd).toBe(7_000);
    x.inject({ seq: 1, ack: 1, wnd: 100, text: 15 }); // older SEG.SEQ, in part new
    expect(x.tcb.snd.wnd).toBe(7_000);
    x.write(2_000);
    x.inject({ seq: 21, ack: 1_001, wnd: 6_000 });
    x.inject({ seq: 21, ack: 1, wnd: 50 }); // same SEG.SEQ, older SEG.ACK
    expect(x.tcb.snd.wnd).toBe(6_000);
    x.inject({ seq: 21, ack: 1_001, wnd: 5_000 });
    expect(x.tcb.snd.wnd).toBe(5_000);
  });
});

describe("s3.8.6.1: probing a closed window", () => {
  /** A peer that keeps the window closed and answers every probe. */
  const answer = (x: Exchange, ack: number): Sentry[] => {
    const out = x.take();
    if (out.length > 0) x.inject({ seq: 1, ack, wnd: 0 });
    return out;
  };

  test.each(Object.keys(profiles))(
    "s3.8.6.1: profile %s: the first probe comes one RTO after the window closed, the next at doubling intervals (MUST-35, MUST-36, SHLD-29, SHLD-30)",
    (name) => {
      const x = sender(1_000, { profile: profiles[name]! });
      x.write(5_000);
      x.take();
      x.advance(10 * MILLISECOND);
      x.inject({ seq: 1, ack: 1_001, wnd: 0 });
      const closed = x.now;
      const rto = Math.max(x.tcb.rto, profiles[name]!.tcp.persistMin);
      const times: number[] = [];
      for (let i = 0; i < 4_000 && times.length < 7; i++) {
        x.advance(100 * MILLISECOND);
        times.push(...x.take().map((s) => s.at - closed));
      }
      expect(times[0]).toBe(rto);
      const gaps = times.slice(1).map((at, i) => at - times[i]!);
      expect(gaps).toEqual(gaps.map((_, i) => Math.min(rto * 2 ** (i + 1), profiles[name]!.tcp.persistMax)));
    },
  );

  test("s3.8.6.1: where policy says so, probes come at doubling multiples of the round trip, five seconds and a minute being the bounds (persist-floor)", () => {
    const freebsd = profiles.freebsd!;
    const x = sender(1_000, { profile: { ...freebsd, tcp: { ...freebsd.tcp, persistByRoundTrip: true } } });
    x.write(5_000);
    x.take();
    x.advance(10 * MILLISECOND);
    x.inject({ seq: 1, ack: 1_001, wnd: 0 });
    const base = 4 * x.tcb.srtt + 8 * x.tcb.rttvar;
    const times = [x.now];
    for (let i = 0; i < 9_000 && times.length < 14; i++) {
      x.advance(100 * MILLISECOND);
      times.push(...x.take().map((s) => s.at));
    }
    const expected = (i: number): number => Math.min(60 * SECOND, Math.max(5 * SECOND, base * 2 ** i + 200 * MILLISECOND));
    expect(times.slice(1).map((at, i) => at - times[i]!)).toEqual(times.slice(1).map((_, i) => expected(i)));
    expect(expected(12)).toBe(60 * SECOND);
  });

  test("s3.8.6.1: a probe is an octet of text by the letter, or nothing at an old number (docs/deviations.md, empty-probe)", () => {
    const letter = sender(1_000, { profile: rfc });
    letter.write(5_000);
    letter.take();
    letter.inject({ seq: 1, ack: 1_001, wnd: 0 });
    letter.advance(2 * SECOND);
    expect(letter.take()[0]).toMatchObject({ seq: 1_001, length: 1 });
    const usual = sender(1_000);
    usual.write(5_000);
    usual.take();
    usual.inject({ seq: 1, ack: 1_001, wnd: 0 });
    usual.advance(2 * SECOND);
    expect(usual.take()[0]).toMatchObject({ seq: 1_000, length: 0, flags: "." });
  });

  test.each(["linux", "rfc"])(
    "s3.8.6.1: profile %s: a closed window whose probes are answered stays open for a day (MUST-37, MAY-8)",
    (name) => {
      const x = sender(1_000, { profile: profiles[name]! });
      x.write(5_000);
      x.take();
      x.inject({ seq: 1, ack: 1_001, wnd: 0 });
      let probes = 0;
      for (let i = 0; i < 24 * 60; i++) {
        x.advance(60 * SECOND);
        probes += answer(x, 1_001).length;
      }
      expect(x.state).toBe("ESTABLISHED");
      expect(probes).toBeGreaterThan(500);
      expect(probes).toBeLessThan(2_000);
    },
  );

  test.each(["linux", "rfc"])("s3.8.6.1: profile %s: nobody answers: given up after R2", (name) => {
    const x = sender(1_000, { profile: profiles[name]! });
    x.write(5_000);
    x.inject({ seq: 1, ack: 1_001, wnd: 0 });
    x.advance(HOUR);
    expect(x.tcp.errorOf(x.handle)).toBe("ETIMEDOUT");
  });

  test.each(["linux", "rfc"])(
    "s3.8.6.1: profile %s: the update that opens the window is lost, and the transfer still ends (MUST-36, 2525-12)",
    (name) => {
      const x = sender(1_000, { profile: profiles[name]! });
      x.write(5_000);
      x.take();
      x.inject({ seq: 1, ack: 1_001, wnd: 0 });
      let got = 1_001;
      let open = false;
      for (let i = 0; i < 100 && got <= 5_000; i++) {
        x.advance(SECOND);
        open ||= i > 5; // at some time the reader reads, and says so in vain
        for (const s of x.take()) {
          if (open && s.seq <= got) got = Math.max(got, s.seq + s.length);
          x.inject({ seq: 1, ack: got, wnd: open ? 5_000 : 0 });
        }
      }
      expect(got).toBe(5_001);
    },
  );

  test("s3.8.6.1: the peer takes the probe's octet, acknowledges it and stays closed: the probing goes on (MUST-36, 2525-12)", () => {
    const x = sender(1_000, { profile: rfc });
    x.write(5_000);
    x.take();
    x.inject({ seq: 1, ack: 1_001, wnd: 0 });
    let got = 1_001;
    let probes = 0;
    for (let i = 0; i < 3_600; i++) {
      x.advance(SECOND);
      for (const s of x.take()) {
        if (s.seq <= got) got = Math.max(got, s.seq + s.length);
        probes += 1;
        x.inject({ seq: 1, ack: got, wnd: 0 });
      }
    }
    expect(probes).toBeGreaterThan(25);
    expect(x.state).toBe("ESTABLISHED");
    x.inject({ seq: 1, ack: got, wnd: 10_000 });
    for (const s of x.take()) if (s.seq <= got) got = Math.max(got, s.seq + s.length);
    expect(got).toBe(5_001);
  });

  test("s3.8.6.1: acknowledged in two steps with a closed window: there is still a probe (MUST-36, 2525-12)", () => {
    for (const steps of [
      [1_001, 2_001],
      [1, 1_001, 2_001],
      [1, 1, 2_001, 2_001],
    ]) {
      const x = sender(2_000);
      x.write(5_000);
      expect(x.take().length).toBe(2);
      for (const ack of steps) x.inject({ seq: 1, ack, wnd: 0 });
      x.advance(300 * SECOND);
      expect(x.take().length).toBeGreaterThan(3);
      x.inject({ seq: 1, ack: 2_001, wnd: 10_000 });
      expect(spans(x.take())).toContain("2001+1000");
    }
  });

  test("s3.8.6.1: both windows closed, updates lost on both sides: each learns by its probes (2525-12)", () => {
    const x = sender(500);
    x.tcp.configure(x.handle, { receiveBuffer: 2_048 }, x.now);
    x.inject({ seq: 1, ack: 1, wnd: 500, text: 1_000 });
    x.write(1_000);
    x.take();
    x.inject({ seq: 1_001, ack: 501, wnd: 0 });
    // Their probe of our window, whatever it is, is answered with the window of now.
    x.read();
    x.take(); // our update is lost
    x.inject({ seq: 1_000, ack: 501, wnd: 0 });
    expect(x.take()[0]!.wnd).toBeGreaterThan(1_000);
    x.advance(2 * SECOND);
    expect(x.take().length).toBeGreaterThan(0);
    x.inject({ seq: 1_001, ack: 501, wnd: 5_000 });
    expect(spans(x.take())[0]).toBe("501+500");
  });

  test("s3.8.6.1: a FIN waits behind a closed window, and is told when it opens", () => {
    for (const profile of [linux, rfc]) {
      const x = sender(100, { profile });
      x.write(100);
      x.take();
      x.inject({ seq: 1, ack: 101, wnd: 0 });
      x.tcp.shutdown(x.handle, x.now);
      x.turn();
      let fin = false;
      for (let i = 0; i < 200 && !fin; i++) {
        x.advance(SECOND);
        for (const s of x.take()) {
          fin ||= s.flags.includes("F");
          x.inject({ seq: 1, ack: 101, wnd: i > 100 ? 100 : 0 });
          fin ||= x.take().some((after) => after.flags.includes("F"));
        }
      }
      expect(fin).toBe(true);
      x.inject({ seq: 1, ack: 102, wnd: 100 });
      expect(x.state).toBe("FIN-WAIT-2");
    }
  });

  test("s3.8.6.1: a probe of ours is answered with the window of now, with text or without (1122-T-02)", () => {
    const x = new Exchange({ memory, policy: plain });
    x.accept({ mss: 1_000 }, { receiveBuffer: 2_048 });
    x.inject({ seq: 1, ack: 1, text: 2_048 });
    x.take();
    x.inject({ seq: 2_049, ack: 1, text: 1 });
    expect(x.take()).toMatchObject([{ flags: ".", ack: 2_049, wnd: 0 }]);
    x.now += SECOND;
    x.inject({ seq: 2_048, ack: 1 });
    expect(x.take()).toMatchObject([{ flags: ".", ack: 2_049, wnd: 0 }]);
    x.read();
    expect(x.take()).toMatchObject([{ ack: 2_049, wnd: 2_048 }]);
  });
});

describe("s3.8.6.2: silly windows", () => {
  test("s3.8.6.2.1: a segment goes when it is full, when it is all there is, when it is half of the largest window, or by the override (MUST-38, U14)", () => {
    const x = sender(10_000);
    x.write(2_500);
    expect(spans(x.take())).toEqual(["1+1000", "1001+1000", "2001+500"]); // full, full, and all that is left with nothing small out
    x.write(100);
    expect(x.take()).toEqual([]); // Nagle
    x.inject({ seq: 1, ack: 2_501, wnd: 10_000 });
    expect(spans(x.take())).toEqual(["2501+100"]);
    x.inject({ seq: 1, ack: 2_601, wnd: 300 });
    x.write(5_000);
    expect(x.take()).toEqual([]); // U = 300: not full, not all, not half of 10000
    const start = x.now;
    x.advance(SECOND);
    const late = x.take();
    expect(spans(late)[0]).toBe("2601+300");
    expect(late[0]!.at - start).toBeGreaterThanOrEqual(100 * MILLISECOND);
    expect(late[0]!.at - start).toBeLessThanOrEqual(SECOND);
    expect(late[0]!.why).toContain("sws");
  });

  test("s3.8.6.2.1: half of the largest window that was ever offered is enough (MUST-38, U14)", () => {
    const x = sender(400);
    x.write(5_000);
    expect(spans(x.take())).toEqual(["1+400"]);
    x.inject({ seq: 1, ack: 401, wnd: 199 });
    expect(x.take()).toEqual([]);
    x.inject({ seq: 1, ack: 401, wnd: 200 });
    expect(spans(x.take())).toEqual(["401+200"]);
  });

  test("s3.8.6.2.1: a peer that offers an octet at a time gets an octet at a time, by the override's clock (S-126)", () => {
    const x = sender(10_000);
    x.write(1_000);
    x.take();
    x.inject({ seq: 1, ack: 1_001, wnd: 1 });
    x.write(50_000);
    x.take();
    let sent = 0;
    let acked = 1_001;
    for (let i = 0; i < 1_000; i++) {
      x.advance(10 * MILLISECOND);
      for (const s of x.take()) {
        sent += 1;
        acked = Math.max(acked, s.seq + s.length);
        x.inject({ seq: 1, ack: acked, wnd: 1 });
      }
    }
    expect(sent).toBeGreaterThan(5);
    expect(sent).toBeLessThanOrEqual(100); // ten a second at most in these ten seconds
    expect(x.state).toBe("ESTABLISHED");
  });

  test("s3.8.6.2.1: whatever is written and offered, each segment obeys one of the four rules (MUST-38, U14)", () => {
    const action = fc.oneof(
      fc.record({ write: fc.integer({ min: 1, max: 4_000 }) }),
      fc.record({ wnd: fc.integer({ min: 0, max: 9_000 }) }),
      fc.record({ wait: fc.integer({ min: 1, max: 400 }) }),
    );
    fc.assert(
      fc.property(fc.boolean(), fc.array(action, { maxLength: 40 }), (noDelay, actions) => {
        const x = sender(5_000, { policy: { nagleMinshall: false }, connection: { noDelay } });
        let written = 1;
        let acked = 1;
        let largest = 5_000;
        let outstandingBefore = 0;
        const judge = (): void => {
          for (const s of x.take()) {
            if (s.length === 0 || s.seq < acked) continue;
            const all = s.seq + s.length === written;
            const rule =
              s.length === 1_000 ||
              (all && (noDelay || outstandingBefore === 0)) ||
              s.length * 2 >= largest ||
              s.why.includes("sws") ||
              s.why.includes("probe") ||
              s.why.startsWith("rtx");
            expect(rule ? "" : `${s.seq}+${s.length} of ${written}, ${s.why}`).toBe("");
            outstandingBefore = s.seq + s.length - acked;
          }
        };
        for (const a of actions) {
          if ("write" in a) {
            written += Math.max(0, x.write(a.write));
          } else if ("wnd" in a) {
            const nxt = 1 + ((x.tcb.snd.nxt - x.iss! - 1) | 0);
            acked = nxt;
            outstandingBefore = 0;
            largest = Math.max(largest, a.wnd);
            x.inject({ seq: 1, ack: acked, wnd: a.wnd });
          } else x.advance(a.wait * MILLISECOND);
          judge();
        }
        x.tcp.closeAll(x.now);
      }),
      { numRuns: 200 },
    );
  });

  test("s3.8.6.2.2: the right edge moves by min(half of the buffer, the MSS) or not at all, and never back (MUST-39, SHLD-14, U15)", () => {
    const run = fc.record({
      buffer: fc.constantFrom(2_048, 5_000, 20_000, 60_000),
      mss: fc.constantFrom(536, 1_000, 1_460),
      steps: fc.array(fc.record({ text: fc.integer({ min: 1, max: 1_400 }), read: fc.integer({ min: 0, max: 3_000 }) }), { maxLength: 40 }),
    });
    fc.assert(
      fc.property(run, ({ buffer, mss, steps }) => {
        const x = new Exchange({ memory, policy: plain });
        x.accept({ mss }, { receiveBuffer: buffer });
        let at = 1;
        let edge = 1 + Math.min(buffer, 0xffff);
        const judge = (): void => {
          for (const s of x.take()) {
            const right = s.ack + s.wnd;
            expect(right).toBeGreaterThanOrEqual(edge);
            if (right > edge) expect(right - edge).toBeGreaterThanOrEqual(Math.min(buffer >> 1, mss));
            edge = right;
          }
        };
        for (const { text, read } of steps) {
          const length = Math.min(text, edge - at);
          if (length > 0) x.inject({ seq: at, ack: 1, text: length });
          at += Math.max(0, length);
          judge();
          if (read > 0) x.read(read);
          judge();
          x.advance(50 * MILLISECOND);
          judge();
        }
        x.tcp.closeAll(x.now);
      }),
      { numRuns: 200 },
    );
  });

  test("s3.8.6.2.2: a reader of single octets makes no stream of updates, a closed window opens when it is worth it", () => {
    const x = new Exchange({ memory, policy: plain });
    x.accept({ mss: 1_000 }, { receiveBuffer: 4_096 });
    x.inject({ seq: 1, ack: 1, text: octets(1_000) });
    for (let i = 1; i < 4; i++) x.inject({ seq: 1 + 1_000 * i, ack: 1, text: 1_000 });
    x.inject({ seq: 4_001, ack: 1, text: 96 });
    x.take();
    const updates: Sentry[] = [];
    for (let i = 0; i < 4_096; i++) {
      x.read(1);
      updates.push(...x.take());
    }
    expect(updates.length).toBeGreaterThan(0);
    expect(updates.length).toBeLessThanOrEqual(4);
    expect(updates[0]!.wnd).toBeGreaterThanOrEqual(1_000);
  });
});

test("s3.8.6.2.2: a window that its field cannot express makes no updates", () => {
  const x = new Exchange({ memory, policy: { ...plain, quickAcks: 0 } });
  x.accept({ mss: 1_000 }, { receiveBuffer: 1 << 20 });
  for (let i = 0; i < 20; i += 1) {
    x.inject({ seq: 1 + i * 10, ack: 1, text: 10 });
    x.read();
    expect(x.take().filter((s) => s.why.includes("window"))).toEqual([]);
  }
});

describe("s3.10.7.4: the receiver", () => {
  test("s3.10.7.4: the table of acceptable segments, against all of it (U05)", () => {
    // Brute force over octets: a segment is acceptable if any number that it occupies, or SEG.SEQ when it occupies none, is in the window.
    const random = new SeededRandom(7);
    for (const buffer of [2_048, 3_000]) {
      for (let i = 0; i < 1_500; i++) {
        const x = new Exchange({ memory, irs: i % 2 ? -3 : 0x7fff_fffe, policy: { ...plain, quickAcks: 0 } });
        x.accept({ mss: 1_460 }, { receiveBuffer: buffer });
        const fill = i % 3 === 0 ? buffer : i % 3 === 1 ? buffer - 5 : 0;
        for (let at = 0; at < fill; at += 1_000) x.inject({ seq: 1 + at, ack: 1, text: Math.min(1_000, fill - at) });
        x.advance(SECOND);
        x.take();
        const window = (x.tcb.rcv.adv - x.tcb.rcv.nxt) | 0;
        const near = random.below(2) === 0 ? 0 : window;
        const offset = near + random.below(13) - 6;
        const length = random.below(3) * random.below(6);
        const occupied = length === 0 ? [offset] : Array.from({ length }, (_, k) => offset + k);
        const acceptable = window === 0 ? offset === 0 && length === 0 : occupied.some((n) => n >= 0 && n < window);
        const before = x.drops.length;
        x.inject({ seq: fill + 1 + offset, ack: 1, text: length });
        const dropped = x.drops.length > before;
        // In a closed window what begins at RCV.NXT is taken without its text: its ACK counts (MUST-66).
        // At the edge of an open one an ACK alone counts, too (docs/deviations.md, ack-at-edge).
        const spared = window === 0 ? offset === 0 : length === 0 && offset === window;
        expect({ offset, length, window, dropped }).toEqual({ offset, length, window, dropped: !acceptable && !spared });
        if (dropped) expect(x.take().length).toBe(1);
        x.tcp.closeAll(x.now);
      }
    }
  });

  test("s3.10.7.4: an unacceptable segment earns one <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>, a reset none (U06)", () => {
    for (const segment of [{ seq: -100, text: 50 }, { seq: 200_000_000, text: 50 }, { seq: -5 }, { flags: "F.", seq: 0 }] as Injection[]) {
      const x = new Exchange({ memory, policy: plain });
      x.accept();
      x.write(7);
      x.take();
      x.inject({ ack: 1, ...segment });
      expect(x.lines()).toEqual([". 8:8(0) ack 1"]);
      x.inject({ ...segment, flags: "R" });
      expect(x.take()).toEqual([]);
      expect(x.state).toBe("ESTABLISHED");
    }
  });

  test("s3.10.7.4: overlaps of any kind deliver each octet once (U07, SHLD-31, 1122-T-03, I-04)", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(3_000), fc.integer({ min: 1, max: 900 })), { maxLength: 40 }),
        fc.constantFrom(-1_500, 0x7fff_f800, 5),
        (pieces, irs) => {
          const x = new Exchange({ memory, irs, policy: plain });
          x.accept({ mss: 1_460 }, { receiveBuffer: 4_000 });
          const stream = octets(4_000);
          const chunks: Uint8Array[] = [];
          for (const [at, length] of pieces) {
            x.inject({ seq: 1 + at, ack: 1, text: stream.slice(at, at + length) });
            if (at % 3 === 0) chunks.push(x.read()!);
          }
          chunks.push(x.read()!);
          const got = Buffer.concat(chunks);
          expect(got.equals(Buffer.from(stream.slice(0, got.length)))).toBe(true);
          // As far as the pieces reach without a hole.
          const edge = (x.tcb.rcv.nxt - x.irs - 1) | 0;
          expect(got.length).toBe(edge);
          x.tcp.closeAll(x.now);
        },
      ),
      { numRuns: 200 },
    );
  });
});
