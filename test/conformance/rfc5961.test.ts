/** RFC 5961: blind attacks on connections, and what answers them. */
import { describe, expect, test } from "vitest";
import { SECOND } from "../../src/base/environment.js";
import { createMemory } from "../../src/base/memory.js";
import { Drop, Tx } from "../../src/base/why.js";
import { Exchange, octets } from "../tcp/exchange.js";
import { exchangeAt, rcvNxt, reach, type StateName, sndNxt, stateOf, synchronizedStates, wraps } from "../tcp/states.js";

const memory = createMemory({ packets: 64, chunks: 1_024, chunkSize: 4_096 });
const policy = { timestamps: false, sack: false, windowScaling: false };
const WINDOW = 20_000;
const options = { receiveBuffer: WINDOW };
const living = synchronizedStates.filter((state) => state !== "TIME-WAIT");

describe("s3.2: blind resets", () => {
  test.each(living)(
    "s3.2: in %s only the exact number resets, the window is challenged, the rest is silence (5961-01, 5961-02, 5961-03, S-107)",
    (state) => {
      for (const [iss, irs] of wraps) {
        const right = rcvNxt(state) === 2 ? WINDOW - 1 : WINDOW;
        for (const [offset, answer] of [
          [-1, "silence"],
          [1, "challenge"],
          [right - 1, "challenge"],
          [right, "silence"],
          [right + 100_000, "silence"],
          [0, "reset"],
        ] as const) {
          const x = exchangeAt(iss, { memory, irs, policy });
          reach(x, state, { mss: 1_460 }, options);
          x.inject({ flags: "R", seq: rcvNxt(state) + offset });
          expect(x.lines()).toEqual(answer === "challenge" ? [`. ${sndNxt(state)}:${sndNxt(state)}(0) ack ${rcvNxt(state)}`] : []);
          expect(stateOf(x)).toBe(answer === "reset" ? "CLOSED" : state);
          x.tcp.closeAll(x.now);
        }
      }
    },
  );

  test("s3.2: the ACK field and the text of a reset are of no interest (5961-09)", () => {
    for (const segment of [
      { flags: "R.", ack: 77_000 },
      { flags: "RU.", ack: -9, up: 3, text: 9 },
      { flags: "R", text: 100 },
    ]) {
      const x = new Exchange({ memory, policy });
      x.accept();
      x.inject({ seq: 1, ...segment });
      expect(x.tcp.errorOf(x.handle)).toBe("ECONNRESET");
      expect(x.take()).toEqual([]);
    }
  });
});

describe("s4.2: blind SYNs", () => {
  test.each(living)("s4.2: in %s a SYN is challenged whatever its number, and dropped (5961-04, S-108)", (state) => {
    for (const offset of [-100_000, -1, 0, 1, WINDOW, 1_000_000])
      for (const flags of ["S", "S.", "SF", "SP."]) {
        const x = new Exchange({ memory, policy });
        reach(x, state, { mss: 1_460 }, options);
        x.inject({ flags, seq: rcvNxt(state) + offset, ack: sndNxt(state), text: 3 });
        expect(x.lines()).toEqual([`. ${sndNxt(state)}:${sndNxt(state)}(0) ack ${rcvNxt(state)}`]);
        expect(stateOf(x)).toBe(state);
        x.tcp.closeAll(x.now);
      }
  });

  test("s4.2: a peer that has restarted ends the old connection by a valid reset, and its next SYN succeeds (5961-05, figure 2)", () => {
    const x = new Exchange({ memory, policy });
    x.accept();
    const first = x.handle;
    x.inject({ flags: "S", seq: 500_000, mss: 1_460 });
    const [challenge] = x.take();
    expect(challenge).toMatchObject({ flags: ".", ack: 1 });
    x.inject({ flags: "R", seq: challenge!.ack }); // what s3.10.7.3 makes of the challenge
    expect(x.tcp.errorOf(first)).toBe("ECONNRESET");
    x.inject({ flags: "S", seq: 500_000, mss: 1_460 });
    expect(x.take()).toMatchObject([{ flags: "S.", ack: 500_001 }]);
    x.inject({ seq: 500_001, ack: 1 });
    expect(x.tcp.stateOf(x.handle)).toBe(4);
    expect(x.handle).not.toBe(first);
  });

  test("s4.2: a SYN,ACK with another number in SYN-SENT's successor is challenged, never followed (S-085)", () => {
    const x = new Exchange({ memory, policy });
    x.open();
    x.inject({ flags: "S.", seq: 700_000, ack: 1 });
    expect(x.lines()).toEqual([". 1:1(0) ack 1"]);
    x.inject({ seq: 1, ack: 1, text: 5 });
    expect(x.tcp.readable(x.handle)).toBe(5);
  });

  test("s4.2, RFC 9293 s3.10.7.4: another SYN in SYN-RECEIVED: the client that lives is served in the end (S-084)", () => {
    for (const offset of [-70_000, 5, 70_000]) {
      const x = new Exchange({ memory, policy });
      x.listen(options);
      x.inject({ flags: "S", mss: 1_460 });
      x.take();
      x.inject({ flags: "S", seq: 1 + offset, mss: 1_460 }); // a client that has restarted
      for (const s of x.take()) if (s.flags === ".") x.inject({ flags: "R", seq: s.ack });
      x.now += SECOND;
      x.inject({ flags: "S", seq: 1 + offset, mss: 1_460 });
      expect(x.take()).toMatchObject([{ flags: "S.", ack: 2 + offset }]);
      x.inject({ seq: 2 + offset, ack: 1 });
      expect(x.events).toContain("Acceptable");
    }
  });
});

describe("s5.2: blind data", () => {
  test.each(wraps)("s5.2: SND.UNA - MAX.SND.WND <= SEG.ACK <= SND.NXT, ISS %i IRS %i (5961-06, 5961-07, MAY-12, S-109)", (iss, irs) => {
    for (const [offset, good] of [
      [-8_001, false],
      [-8_000, true],
      [0, true],
      [5_000, true],
      [5_001, false],
      [2 ** 30, false],
    ] as const) {
      const x = exchangeAt(iss, { memory, irs, policy });
      x.open({}, { mss: 1_000, wnd: 8_000 });
      x.write(13_000);
      x.inject({ seq: 1, ack: 8_001, wnd: 5_000 }); // UNA 8001, NXT 13001
      x.take();
      const before = x.tcp.readable(x.handle);
      x.inject({ seq: 1, ack: 8_001 + offset, text: 10, wnd: 5_000 });
      expect(x.tcp.readable(x.handle) - before).toBe(good ? 10 : 0);
      if (!good) expect(x.take()).toMatchObject([{ flags: ".", seq: 13_001, ack: 1 }]);
      x.tcp.closeAll(x.now);
    }
  });

  test("s5.2: the check holds before the peer has ever opened its window", () => {
    const x = new Exchange({ memory, policy });
    x.open({}, { mss: 1_000, wnd: 0 });
    x.inject({ seq: 1, ack: 0, text: 10, wnd: 0 });
    expect(x.tcp.readable(x.handle)).toBe(0);
    x.inject({ seq: 1, ack: 1, text: 10, wnd: 0 });
    expect(x.tcp.readable(x.handle)).toBe(10);
  });
});

describe("s7: throttling", () => {
  test("s7: one connection is challenged once a second (5961-08, S-110)", () => {
    const x = new Exchange({ memory, policy });
    x.accept({ mss: 1_460 }, options);
    let answers = 0;
    for (let i = 0; i < 10_000; i++) {
      x.now += 1_000;
      x.inject({ flags: i % 2 ? "S" : "R", seq: 10 });
      answers += x.take().length;
    }
    expect(answers).toBe(10);
    expect(x.tally.counts[Drop.ChallengeLimited]).toBe(9_990);
    expect(x.tally.counts[Tx.ChallengeAck]).toBe(10);
  });

  test.each<StateName>(["SYN-RECEIVED", "TIME-WAIT"])(
    "s7: %s, too, answers what should not come once in a while (5961-08, I-11)",
    (state) => {
      const x = new Exchange({ memory, policy });
      reach(x, state, { mss: 1_460 }, options);
      let answers = 0;
      for (let i = 0; i < 1_000; i++) {
        x.now += 1_000;
        x.inject({ seq: -500, ack: 1 });
        answers += x.take().length;
      }
      expect(answers).toBeLessThanOrEqual(2);
      x.advance(5 * SECOND);
      expect(x.tcp.summary()).toMatchObject({ live: 0, frozen: 1 });
    },
  );

  test("s7: the interval is tunable (5961-08)", () => {
    const x = new Exchange({ memory, policy: { ...policy, challengeInterval: 5 * SECOND } });
    x.accept();
    let answers = 0;
    for (let i = 0; i < 100; i++) {
      x.now += SECOND / 10;
      x.inject({ flags: "R", seq: 10 });
      answers += x.take().length;
    }
    expect(answers).toBe(2);
  });

  /** Challenges that `connections` of an attacker's own earn in one second, each asked once; one more is spent on the victim if `spoofed`. */
  const earned = (seed: number, spoofed: boolean): number => {
    const x = new Exchange({ memory, policy, seed, limits: { challengesPerSecond: 20 } });
    x.listen({ ...options, backlog: 100 });
    const isses: number[] = [];
    for (let port = 1; port <= 61; port++) {
      x.inject({ flags: "S", port, mss: 1_460 });
      isses.push(x.iss!);
      x.inject({ seq: 1, ack: 1, port });
    }
    x.take();
    x.now += 10 * SECOND;
    if (spoofed) x.inject({ flags: "R", seq: 10, port: 61 });
    x.take();
    let count = 0;
    for (let port = 1; port <= 60; port++) {
      x.inject({ flags: "R", seq: 10, port });
      count += x.take().length;
    }
    x.tcp.closeAll(x.now);
    return count;
  };

  test("s7: the budget of all connections is drawn anew each second, so that what is left of it tells nothing (S-110, CVE-2016-5696)", () => {
    const trials = 300;
    const without = Array.from({ length: trials }, (_, i) => earned(1 + i, false));
    const spent = Array.from({ length: trials }, (_, i) => earned(10_001 + i, true));
    expect(new Set(without).size).toBeGreaterThan(10);
    // The best that a threshold can do beyond guessing.
    let best = 0;
    for (let limit = 0; limit <= 60; limit++) {
      const hit = spent.filter((n) => n <= limit).length / trials;
      const false_ = without.filter((n) => n <= limit).length / trials;
      best = Math.max(best, Math.abs(hit - false_));
    }
    expect(best / 2).toBeLessThan(0.1);
  });

  test("s7: resets for no connection are limited too, with a budget that varies (S-089)", () => {
    const x = new Exchange({ memory });
    const seconds: number[] = [];
    for (let second = 0; second < 5; second++) {
      for (let i = 0; i < 20_000; i++) {
        x.now += 50;
        x.inject({ flags: "S", port: 1 + (i % 60_000), ourPort: 1_024 + i });
      }
      seconds.push(x.take().length);
    }
    expect(Math.max(...seconds)).toBeLessThanOrEqual(2_000);
    expect(Math.min(...seconds)).toBeGreaterThanOrEqual(200);
    expect(new Set(seconds).size).toBeGreaterThan(1);
    expect(x.tally.counts[Drop.ResetLimited]).toBeGreaterThan(80_000);
  });
});

test("s7: a stack that is told to be silent answers nothing for nobody (S-089)", () => {
  const x = new Exchange({ memory, limits: { resetsPerSecond: 0 } });
  for (let i = 0; i < 5_000; i++) {
    x.now += SECOND / 100;
    x.inject({ flags: i % 2 ? "S" : ".", ack: 1, ourPort: 1_000 + i });
  }
  expect(x.take()).toEqual([]);
});

test("s5.2: after blind attempts of every kind the stream is untouched (I-04)", () => {
  const x = new Exchange({ memory, policy });
  x.accept({ mss: 1_460 }, options);
  const states = new Set<StateName | string>();
  for (let i = 0; i < 3_000; i++) {
    x.now += 10_000;
    x.inject({
      flags: ["R", "S", "S.", ".", "F.", "R.", "U."][i % 7]!,
      seq: 2 + ((i * 7_919) % 19_000),
      ack: 2 + ((i * 104_729) % 1_000_000),
      text: i % 3,
    });
    states.add(stateOf(x));
  }
  expect([...states]).toEqual(["ESTABLISHED"]);
  x.inject({ seq: 1, ack: 1, text: 100 });
  expect(x.read()).toEqual(octets(100));
});
