/** RFC 9293 s3.7.4, s3.8.1 to s3.8.5 and s3.9.1: text, acknowledgments, patience, keep-alive, urgent data, and what applications can ask for. */
import { describe, expect, test } from "vitest";
import { MILLISECOND, SECOND } from "../../src/base/environment.js";
import { createMemory } from "../../src/base/memory.js";
import { profiles, rfc } from "../../src/stack/profile.js";
import { Exchange, octets, type Sentry } from "../tcp/exchange.js";
import { exchangeAt, wraps } from "../tcp/states.js";

const memory = createMemory({ packets: 64, chunks: 2_048, chunkSize: 4_096 });
const plain = { timestamps: false, sack: false, windowScaling: false };
const HOUR = 3_600 * SECOND;

const spans = (all: Sentry[]): string[] => all.map((s) => `${s.seq}+${s.length}`);
const established = (policy: object = {}, connection: Record<string, unknown> = {}): Exchange => {
  const x = new Exchange({ memory, policy: { ...plain, ...policy } });
  x.accept({ mss: 1_000, wnd: 0xffff }, connection);
  return x;
};

describe("s3.7.4: Nagle's algorithm", () => {
  test("s3.7.4: small writes wait while text is unacknowledged, and go together (SHLD-7, MAY-16, 1122-T-06)", () => {
    const x = established({ nagleMinshall: false });
    for (let i = 0; i < 10; i++) x.write(10);
    expect(spans(x.take())).toEqual(["1+10"]);
    x.inject({ seq: 1, ack: 11 });
    expect(spans(x.take())).toEqual(["11+90"]);
  });

  test("A.3: Minshall's variant holds a small segment only behind another small one (profile linux)", () => {
    const x = established();
    x.write(2_500);
    expect(spans(x.take())).toEqual(["1+1000", "1001+1000", "2001+500"]);
    x.write(100);
    expect(x.take()).toEqual([]);
  });

  test("s3.7.4: noDelay sends at once, from the start or from now on (MUST-17)", () => {
    const x = established({}, { noDelay: true });
    for (let i = 0; i < 3; i++) x.write(10);
    expect(spans(x.take())).toEqual(["1+10", "11+10", "21+10"]);
    const y = established();
    y.write(10);
    y.write(10);
    expect(spans(y.take())).toEqual(["1+10"]);
    y.tcp.configure(y.handle, { noDelay: true }, y.now);
    y.turn();
    expect(spans(y.take())).toEqual(["11+10"]);
  });

  test("s3.9.1.2: text never waits for ever: the last of it goes as soon as the rest is acknowledged (MUST-60)", () => {
    const x = established();
    x.write(10);
    x.write(10);
    x.take();
    x.inject({ seq: 1, ack: 11 });
    expect(spans(x.take())).toEqual(["11+10"]);
  });

  test("s3.9.1.2: PSH is on the segment that empties the queue, and on no other (MUST-61, SHLD-27, MAY-15)", () => {
    const x = established();
    for (let i = 0; i < 5; i++) x.tcp.send(x.handle, octets(700), 0, 700, x.now);
    x.turn();
    expect(x.take().map((s) => `${s.flags} ${s.length}`)).toEqual([". 1000", ". 1000", ". 1000", "P. 500"]);
  });

  test("s3.9.1.2: bulk text travels in full segments (SHLD-28)", () => {
    const x = established();
    let acked = 1;
    let full = 0;
    let all = 0;
    for (let round = 0; round < 40; round++) {
      x.write(30_000);
      for (const s of x.take()) {
        all += 1;
        if (s.length === 1_000) full += 1;
        acked = Math.max(acked, s.seq + s.length);
      }
      x.advance(10 * MILLISECOND);
      x.inject({ seq: 1, ack: acked, wnd: 0xffff });
    }
    expect(full / all).toBeGreaterThanOrEqual(0.99);
    expect(all).toBeGreaterThan(500);
  });
});

describe("s3.8.6.3: acknowledgments", () => {
  test.each(Object.keys(profiles))(
    "s3.8.6.3: profile %s: one segment's ACK waits, but less than half a second (MUST-40, SHLD-18, 1122-T-05, I-16)",
    (name) => {
      const x = new Exchange({ memory, profile: profiles[name]!, policy: { ...plain, quickAcks: 0 } });
      x.accept({ mss: 1_000 });
      x.inject({ seq: 1, ack: 1, text: 1_000 });
      expect(x.take()).toEqual([]);
      const start = x.now;
      x.advance(SECOND);
      const [ack] = x.take();
      expect(ack).toMatchObject({ flags: ".", ack: 1_001 });
      expect(ack!.at - start).toBeLessThan(500 * MILLISECOND);
    },
  );

  test("s3.8.6.3: every second full segment is acknowledged at once (SHLD-19, 2525-13)", () => {
    const x = established({ quickAcks: 0 });
    for (let i = 0; i < 20; i++) {
      x.inject({ seq: 1 + i * 1_000, ack: 1, text: 1_000 });
      expect(x.take().length).toBe(i % 2);
    }
  });

  test("s3.8.6.3: the ACK travels with text when there is some", () => {
    const x = established({ quickAcks: 0 });
    x.inject({ seq: 1, ack: 1, text: 100 });
    x.write(10);
    expect(x.take()).toMatchObject([{ length: 10, ack: 101 }]);
    x.advance(SECOND);
    expect(x.take().filter((s) => s.length === 0)).toEqual([]);
  });

  test("s3.10.7.4: a batch is processed before any ACK leaves, and shares one (MUST-58, MUST-59)", () => {
    const x = established();
    for (let i = 0; i < 12; i++) x.inject({ seq: 1 + i * 1_000, ack: 1, text: 1_000 }, true);
    expect(x.take()).toEqual([]);
    x.turn();
    const acks = x.take();
    expect(acks.length).toBeLessThan(12);
    expect(acks.at(-1)!.ack).toBe(12_001);
  });

  test("s3.10.7.4: a segment out of order is kept and told at once; the one that fills the hole moves the ACK over both (SHLD-31, MAY-13, 2525-05)", () => {
    const x = established();
    x.inject({ seq: 1_001, ack: 1, text: 1_000 });
    expect(x.lines()).toEqual([". 1:1(0) ack 1"]);
    x.inject({ seq: 1, ack: 1, text: 1_000 });
    expect(x.lines()).toEqual([". 1:1(0) ack 2001"]);
  });

  test.each([false, true])("s3.10.7.4: a segment without ACK is dropped (U09), ACK kept: %s", (ack) => {
    const x = established();
    x.inject({ flags: ack ? "P." : "P", seq: 1, ack: 1, text: 10 });
    expect(x.tcp.readable(x.handle)).toBe(ack ? 10 : 0);
    expect(x.drops).toEqual(ack ? [] : ["drop.no_ack"]);
  });

  test("A.2: two ends with different ideas of the numbers: the exchange ends (U17, S-111, I-11)", () => {
    // A ghost ACK beyond SND.NXT to both ends: each answers, and each answer is as wrong to the other.
    const x = established();
    let replies = 0;
    for (let i = 0; i < 1_000; i++) {
      x.now += 100;
      x.inject({ seq: 1, ack: 5_000 });
      replies += x.take().length;
    }
    expect(replies).toBe(1); // one in half a second
    for (let i = 0; i < 1_000; i++) {
      x.now += 100;
      x.inject({ seq: -1_000, ack: 1 });
      replies += x.take().length;
    }
    expect(replies).toBe(1);
  });
});

describe("s3.8.3: patience", () => {
  test("s3.8.3: at R1 IP is advised and the application told, at R2 the connection ends (MUST-20, SHLD-9, SHLD-10, SHLD-11)", () => {
    for (const profile of Object.values(profiles)) {
      const x = new Exchange({ memory, profile });
      x.open();
      x.network.advice.length = 0;
      x.write(100);
      const start = x.now;
      let sent = x.take().length;
      while (!x.events.includes("Advice")) {
        x.advance(100 * MILLISECOND);
        sent += x.take().length;
        expect(x.now - start).toBeLessThan(HOUR);
      }
      expect(sent - 1).toBeGreaterThanOrEqual(3);
      expect(x.network.advice).toEqual(["suspect"]);
      expect(x.state).toBe("ESTABLISHED");
      while (x.state !== "CLOSED") x.advance(SECOND);
      expect(x.now - start).toBeGreaterThanOrEqual(100 * SECOND);
      expect(x.events.filter((event) => event === "Advice").length).toBe(1);
      expect(x.tcp.errorOf(x.handle)).toBe("ETIMEDOUT");
    }
  });

  test("s3.8.3: the application sets R2 of its connection: sooner, or as late as it likes (MUST-21, 5482-01)", () => {
    const patience = (userTimeout: number, most: number): number | null => {
      const x = new Exchange({ memory });
      x.open({ userTimeout });
      x.write(100);
      const start = x.now;
      while (x.state !== "CLOSED" && x.now - start < most) x.advance(SECOND);
      return x.state === "CLOSED" ? (x.now - start) / SECOND : null;
    };
    expect(patience(10 * SECOND, HOUR)).toBe(10);
    expect(patience(2 * HOUR, 3 * HOUR)).toBe(7_200);
    expect(patience(2 ** 45, 24 * HOUR)).toBeNull(); // more than a year: infinity for all purposes
  });

  test("s3.8.3: the same holds for the SYN (MUST-21, MUST-22)", () => {
    const patience = (userTimeout: number): number => {
      const x = new Exchange({ memory });
      const start = x.now;
      x.connect({ userTimeout });
      while (x.state !== "CLOSED" && x.now - start < 2 * HOUR) x.advance(SECOND);
      return (x.now - start) / SECOND;
    };
    expect(patience(5 * SECOND)).toBe(5);
    expect(patience(1_000 * SECOND)).toBe(1_000);
  });

  test("s3.10.8: the head of what is unacknowledged is what the timer sends again (U13, 2525-14)", () => {
    const x = established();
    x.write(5_000);
    x.take();
    x.advance(SECOND - 1);
    const again = x.take();
    expect(spans(again)[0]).toBe("1+1000");
    expect(again.filter((s) => s.at === again[0]!.at).length).toBe(1);
  });
});

describe("s3.8.4: keep-alive", () => {
  const alive = { keepAlive: 100 * SECOND, keepAliveInterval: 10 * SECOND, keepAliveCount: 3 };

  test("s3.8.4: it is off unless asked for: a day of silence has no segment (MUST-25)", () => {
    const x = established();
    x.advance(24 * HOUR);
    expect(x.take()).toEqual([]);
    expect(x.state).toBe("ESTABLISHED");
  });

  test("s3.8.4: the idle time that the profiles name is two hours at least (MUST-28)", () => {
    for (const profile of Object.values(profiles)) expect(profile.tcp.keepAliveIdle).toBeGreaterThanOrEqual(7_200 * SECOND);
  });

  test.each(wraps)(
    "s3.8.4: a probe is empty, its number one before SND.NXT; all must fail (SHLD-12, MUST-27, MUST-29, MAY-5, MAY-6), ISS %i IRS %i",
    (iss, irs) => {
      const x = exchangeAt(iss, { memory, irs, policy: plain });
      x.open(alive, { mss: 1_000 });
      const start = x.now;
      x.advance(100 * SECOND - 1);
      expect(x.take()).toEqual([]);
      x.advance(25 * SECOND);
      expect(x.take().map((s) => [s.at - start, s.flags, s.seq, s.length, s.ack])).toEqual([
        [100 * SECOND, ".", 0, 0, 1],
        [110 * SECOND, ".", 0, 0, 1],
        [120 * SECOND, ".", 0, 0, 1],
      ]);
      expect(x.state).toBe("ESTABLISHED");
      x.advance(10 * SECOND);
      expect(x.take()).toMatchObject([{ flags: "R." }]);
      expect(x.tcp.errorOf(x.handle)).toBe("ETIMEDOUT");
    },
  );

  test("s3.8.4: one lost probe is no reason; an answer begins the idle time anew (MUST-29)", () => {
    const x = established({}, alive);
    x.advance(105 * SECOND);
    x.inject({ seq: 1, ack: 1 });
    x.take();
    x.advance(99 * SECOND);
    expect(x.take()).toEqual([]);
    x.advance(2 * SECOND);
    expect(x.take().length).toBe(1);
    expect(x.state).toBe("ESTABLISHED");
  });

  test("s3.8.4: no probe while text is in flight or has come meanwhile (MUST-26)", () => {
    const x = established({}, { ...alive, keepAlive: SECOND });
    x.write(100);
    x.take();
    for (let i = 0; i < 20; i++) {
      x.advance(300 * MILLISECOND);
      expect(x.take().every((s) => s.length === 100)).toBe(true);
    }
    x.inject({ seq: 1, ack: 101 });
    let at = 1;
    for (let i = 0; i < 10; i++) {
      x.advance(900 * MILLISECOND);
      x.inject({ seq: at, ack: 101, text: 10 });
      at += 10;
      expect(x.take().every((s) => s.seq === 101)).toBe(true);
    }
  });

  test("s3.8.4: it is switched on and off at any time (MUST-24)", () => {
    const x = established();
    x.tcp.configure(x.handle, { ...alive, keepAlive: 50 * SECOND }, x.now);
    x.turn();
    expect(x.take()).toEqual([]);
    x.advance(50 * SECOND);
    expect(x.take().length).toBe(1);
    x.tcp.configure(x.handle, { keepAlive: 0 }, x.now);
    x.advance(HOUR);
    expect(x.take()).toEqual([]);
    expect(x.state).toBe("ESTABLISHED");
    expect(() => x.tcp.configure(x.handle, { keepAlive: -2 }, x.now)).toThrowError(expect.objectContaining({ code: "EINVAL" }));
  });
});

describe("s3.8.5: urgent data", () => {
  test.each(wraps)("s3.8.5: the pointer names the octet after the urgent data (MUST-30, MUST-62), ISS %i IRS %i", (iss, irs) => {
    const x = exchangeAt(iss, { memory, irs, policy: plain });
    x.open({ noDelay: true }, { mss: 1_000 });
    x.tcp.send(x.handle, octets(50), 0, 50, x.now);
    x.tcp.markUrgent(x.handle);
    x.turn();
    expect(x.take()).toMatchObject([{ flags: "PU.", seq: 1, length: 50, up: 50 }]);
    x.write(10);
    expect(x.take()).toMatchObject([{ flags: "P.", up: 0 }]);
  });

  test("s3.8.5: urgent data of any length: the pointer follows as far as 16 bits reach (MUST-31)", () => {
    const x = established({}, { sendBuffer: 1 << 20 });
    x.tcp.send(x.handle, octets(200_000), 0, 200_000, x.now);
    x.tcp.markUrgent(x.handle);
    x.turn();
    let acked = 1;
    for (let i = 0; i < 100 && acked < 200_001; i++) {
      for (const s of x.take()) {
        expect(s.flags).toContain("U");
        expect(s.up).toBe(Math.min(0xffff, 200_001 - s.seq));
        acked = Math.max(acked, s.seq + s.length);
      }
      x.inject({ seq: 1, ack: acked });
    }
    expect(acked).toBe(200_001);
  });

  test.each(wraps)(
    "s3.8.5: the application hears when a pointer comes or advances, and knows how far it is (MUST-32, MUST-33), ISS %i IRS %i",
    (iss, irs) => {
      const x = exchangeAt(iss, { memory, irs, policy: plain });
      x.accept({ mss: 1_000 });
      x.inject({ flags: "U.", seq: 1, ack: 1, text: 10, up: 10 });
      expect(x.events.filter((event) => event === "Urgent").length).toBe(1);
      expect(x.tcp.urgentAhead(x.handle)).toBe(10);
      x.read(4);
      expect(x.tcp.urgentAhead(x.handle)).toBe(6);
      x.inject({ flags: "U.", seq: 11, ack: 1, text: 5, up: 0 });
      expect(x.events.filter((event) => event === "Urgent").length).toBe(1); // it did not advance
      x.inject({ flags: "U.", seq: 16, ack: 1, text: 5, up: 60_000 });
      expect(x.events.filter((event) => event === "Urgent").length).toBe(2);
      expect(x.tcp.urgentAhead(x.handle)).toBe(15 + 60_000 - 4);
      expect(Buffer.from(x.read()!)).toEqual(Buffer.from(octets(20).subarray(4)));
    },
  );

  test("s3.8.5: the pointer may come before its data, in a segment without text (MUST-32)", () => {
    const x = established();
    x.inject({ flags: "U.", seq: 1, ack: 1, up: 100 });
    expect(x.events).toContain("Urgent");
    expect(x.tcp.urgentAhead(x.handle)).toBe(100);
    x.advance(10 * SECOND); // also for a connection that is idle meanwhile
    expect(x.tcp.urgentAhead(x.handle)).toBe(100);
    x.inject({ flags: "U.", seq: 1, ack: 1, text: 100, up: 100 });
    expect(x.events.filter((event) => event === "Urgent").length).toBe(1);
  });

  test("s3.8.5: whatever the pointer, the stream is the stream (S-072)", () => {
    for (const up of [0, 1, 9, 10, 11, 65_535])
      for (const length of [0, 10]) {
        const x = established();
        x.inject({ flags: "U.", seq: 1, ack: 1, text: length, up });
        x.inject({ flags: "U.", seq: 1 + length, ack: 1, text: 10, up });
        expect(Buffer.from(x.read()!)).toEqual(Buffer.from(octets(length + 10)));
        expect(x.tcp.urgentAhead(x.handle)).toBe(Math.max(0, up + length - (length + 10)));
      }
  });

  test("s3.8.5, s3.4: a mark of long ago says nothing, and a new one is heard, after any amount of text (MUST-33, U16)", () => {
    const large = createMemory({ packets: 4, packetSize: 65_536, chunks: 64 });
    const x = new Exchange({ memory: large, policy: { ...plain, windowScaling: true } });
    x.accept({ mss: 1_460, windowScale: 0 }, { receiveBuffer: 1 << 17 });
    // 2^31 octets in segments of 65 000, as a link with receive offload hands them over.
    const text = new Uint8Array(65_000);
    const target = new Uint8Array(65_000);
    let at = 1;
    for (let i = 0; i < 33_100; i++) {
      x.inject({ seq: at, ack: 1, text }, true);
      at = (at + 65_000) | 0;
      x.tcp.receive(x.handle, target, 0, 65_000, x.now);
      x.turn();
      x.out.length = 0;
    }
    expect(x.tcb.rcv.nxt).toBe((x.irs + at) | 0);
    expect(x.tcp.urgentAhead(x.handle)).toBe(0);
    x.inject({ flags: "U.", seq: at, ack: 1, text: octets(5), up: 5 });
    expect(x.events).toContain("Urgent");
    expect(x.tcp.urgentAhead(x.handle)).toBe(5);
  });
});

describe("s3.9.1: what an application can ask for", () => {
  test("s3.9.1.9: the DS field, at the start and at any time, goes to IP as it is (MUST-48, SHLD-21, SHLD-22)", () => {
    const x = established({}, { trafficClass: 0xb8, noDelay: true });
    x.write(1);
    expect(x.take()[0]!.trafficClass).toBe(0xb8);
    x.tcp.configure(x.handle, { trafficClass: 0x28 }, x.now);
    x.write(1);
    expect(x.take().at(-1)!.trafficClass).toBe(0x28);
    const y = new Exchange({ memory });
    y.connect({ trafficClass: 4 });
    expect(y.take()[0]!.trafficClass).toBe(4);
  });

  test("s3.9.2: the time to live (MUST-49)", () => {
    const x = established({}, { ttl: 7 });
    x.write(1);
    expect(x.take()[0]!.ttl).toBe(7);
    x.tcp.abort(x.handle, x.now);
    expect(x.take()[0]!).toMatchObject({ flags: "R.", ttl: 7 });
    expect(() => new Exchange({ memory }).connect({ ttl: 256 })).toThrowError(expect.objectContaining({ code: "EINVAL" }));
  });

  test("s3.9.1.2: a full send buffer takes what fits, and Writable tells of room (S-132)", () => {
    const x = established({}, { sendBuffer: 4_096 });
    x.inject({ seq: 1, ack: 1, wnd: 0 });
    expect(x.write(10_000)).toBe(4_096);
    expect(x.write(1)).toBe(0);
    x.events.length = 0;
    x.inject({ seq: 1, ack: 1, wnd: 0xffff });
    x.inject({ seq: 1, ack: 4_097, wnd: 0xffff });
    expect(x.events).toContain("Writable");
    expect(x.tcp.unsent(x.handle)).toBe(0);
  });

  test("s3.10.2: text sent before ESTABLISHED waits for it", () => {
    const x = new Exchange({ memory, profile: rfc });
    x.connect();
    expect(x.write(100)).toBe(100);
    expect(x.lines()).toEqual(["S 0:0(0)"]);
    x.inject({ flags: "S.", ack: 1, mss: 1460 });
    expect(x.lines()).toEqual(["P. 1:101(100) ack 1"]);
  });
});
