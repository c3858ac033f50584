/** The TCP part of the profiles: what they are, and that a stack with each does what it says. */
import { describe, expect, test } from "vitest";
import { freebsd, linux, type Profile, profiles, rfc } from "../../src/stack/profile.js";
import { OptionStyle } from "../../src/tcp/segment.js";
import { Exchange } from "../tcp/exchange.js";
import { established, MS, MSS, SECOND } from "../tcp/flow.js";

const all: [string, Profile][] = Object.entries(profiles);

/** When the SYNs of an active open leave that nobody answers, in seconds, and when it is over. */
function opening(profile: Profile): { syns: number[]; over: number } {
  const x = new Exchange({ profile });
  const start = x.now;
  x.connect();
  let over = 0;
  x.onEvents = () => {
    over = (x.now - start) / SECOND;
  };
  x.advance(1_000 * SECOND);
  expect(x.tcp.errorOf(x.handle)).toBe("ETIMEDOUT");
  return { syns: x.take().map((s) => (s.at - start) / SECOND), over };
}

/** The same for text that nobody acknowledges. */
function sending(profile: Profile, sampled = false): { sent: number[]; over: number } {
  const x = established({ profile });
  if (sampled) {
    x.write(1);
    x.advance(100 * MS);
    x.inject({ seq: 1, ack: 2 });
    x.take();
  }
  const start = x.now;
  let over = 0;
  x.onEvents = () => {
    if (x.state === "CLOSED") over = (x.now - start) / SECOND;
  };
  x.write(1);
  x.advance(5_000 * SECOND);
  return { sent: x.take().flatMap((s) => (s.length > 0 ? [(s.at - start) / SECOND] : [])), over };
}

describe("every profile", () => {
  test.each(all)("%s: is within what the standards allow", (_name, { tcp }) => {
    expect(tcp.rtoInitial).toBeGreaterThanOrEqual(SECOND); // RFC 8961 s4 (1), RFC 6298 s2.1 (8961-01)
    expect(tcp.rtoMax).toBeGreaterThanOrEqual(60 * SECOND); // RFC 6298 s2.5 (6298-05)
    expect(tcp.rtoMin).toBeGreaterThan(0);
    expect(tcp.timestampTick).toBeGreaterThanOrEqual(MS); // RFC 7323 s5.4 (7323-30)
    expect(tcp.timestampTick).toBeLessThanOrEqual(SECOND);
    expect(tcp.ackDelay).toBeLessThan(500 * MS); // (MUST-40)
    expect(tcp.ackEvery).toBe(2); // (SHLD-19)
    expect(tcp.r1).toBeGreaterThanOrEqual(3); // (SHLD-10)
    expect(tcp.swsOverride).toBeGreaterThanOrEqual(100 * MS); // RFC 9293 s3.8.6.2.1
    expect(tcp.swsOverride).toBeLessThanOrEqual(SECOND);
    expect(tcp.keepAliveIdle).toBeGreaterThanOrEqual(7_200 * SECOND); // (MUST-28)
    expect(tcp.persistMax).toBeGreaterThanOrEqual(tcp.persistMin);
    expect(tcp.persistMax).toBeGreaterThanOrEqual(60 * SECOND); // RFC 1122 s4.2.2.17
    expect(tcp.timeWait).toBeGreaterThanOrEqual(60 * SECOND);
    expect(tcp.sendBuffer).toBeGreaterThanOrEqual(16_384);
    expect(tcp.sendBufferMost).toBeGreaterThanOrEqual(tcp.sendBuffer);
    expect(tcp.receiveBufferMost).toBeGreaterThanOrEqual(tcp.receiveBuffer);
    expect(tcp.receiveBuffer).toBeGreaterThanOrEqual(65_536);
    expect(tcp.receiveBufferMost).toBeLessThanOrEqual(2 ** 30); // RFC 7323 s2.3
  });

  test.each(all)("%s: offers window scaling, timestamps and SACK, and an MSS on every SYN (SHLD-5)", (_name, profile) => {
    const x = new Exchange({ profile });
    x.connect();
    expect(x.take()[0]).toMatchObject({
      mss: 1460,
      sackPermitted: true,
      windowScale: expect.any(Number),
      tsVal: expect.any(Number),
      tsEcr: 0,
    });
  });

  test.each(all)("%s: R2 is 100 s or more (SHLD-11)", (_name, profile) => {
    expect(sending(profile).over).toBeGreaterThanOrEqual(100);
  });

  test.each(all)("%s: a record that nobody changes", (name, profile) => {
    expect(profile.name).toBe(name);
    expect(Object.keys(profile.tcp).sort()).toEqual(Object.keys(linux.tcp).sort());
  });
});

describe("linux", () => {
  test("SYNs: five a second apart, then twice as long each time, over after 131 s", () => {
    expect(opening(linux)).toEqual({ syns: [0, 1, 2, 3, 4, 5, 7, 11, 19, 35, 67], over: 131 });
  });

  test("text: 300 ms after a round trip of 100 ms, doubled up to 120 s, 15 times", () => {
    const { sent, over } = sending(linux);
    expect(sent.slice(0, 6)).toEqual([0, 0.3, 0.9, 2.1, 4.5, 9.3]);
    expect(sent.length).toBe(16);
    expect(over).toBeGreaterThan(924); // Linux: at least 924.6 s
  });

  test("the first 16 segments are acknowledged at once, then every second or after 40 ms", () => {
    const x = established();
    for (let i = 0; i < 16; i++) x.inject({ seq: 1 + i * MSS, ack: 1, text: MSS });
    expect(x.take().length).toBe(16);
    x.inject({ seq: 1 + 16 * MSS, ack: 1, text: MSS });
    expect(x.take()).toEqual([]);
    x.advance(40 * MS);
    expect(x.take().length).toBe(1);
  });

  test("a window scale of 7: six megabytes of buffer", () => {
    const x = new Exchange();
    x.connect();
    expect(x.take()[0]).toMatchObject({ windowScale: 7, wnd: 65_535 });
  });

  test("options: mss, sackOK, TS, nop, wscale", () => {
    const x = new Exchange();
    x.connect();
    const options = [...x.take()[0]!.header.subarray(20)];
    expect([options[0], options[4], options[6], options[16], options[17]]).toEqual([2, 4, 8, 1, 3]);
    expect(options.length).toBe(20);
  });
});

describe("freebsd", () => {
  test("options: mss, nop, wscale, sackOK, TS", () => {
    expect(freebsd.tcp.optionStyle).toBe(OptionStyle.Bsd);
    const x = new Exchange({ profile: freebsd });
    x.connect();
    const options = [...x.take()[0]!.header.subarray(20)];
    expect([options[0], options[4], options[5], options[8], options[10]]).toEqual([2, 1, 3, 4, 8]);
    expect(options.length).toBe(20);
  });

  test("text before the first sample: a second, then the slop as well", () => {
    expect(sending(freebsd).sent.slice(0, 4)).toEqual([0, 1, 3.2, 7.4]);
  });

  test("text: the round trip, four times its variance and 200 ms of slop; at most 64 s, 12 times", () => {
    const { sent, over } = sending(freebsd, true);
    expect(sent.slice(0, 4)).toEqual([0, 0.5, 1.3, 2.7]);
    expect(sent.length).toBe(13);
    expect(sent.at(-1)! - sent.at(-2)!).toBe(64);
    expect(over - sent.at(-1)!).toBe(64);
  });

  test("SYNs back off from the first on, with the slop, and end after 75 s", () => {
    const { syns, over } = opening(freebsd);
    expect(syns).toEqual([0, 1, 3.2, 7.4, 15.6, 31.8, 64]);
    expect(over).toBe(75);
  });

  test("the delay of ACKs is 40 ms from the first segment on", () => {
    const x = established({ profile: freebsd });
    x.inject({ seq: 1, ack: 1, text: MSS });
    x.advance(40 * MS - 1);
    expect(x.take()).toEqual([]);
    x.advance(1);
    expect(x.take().length).toBe(1);
  });

  test("2 MSL is 60 s, timestamps that were agreed are asked for", () => {
    expect([freebsd.tcp.timeWait, freebsd.tcp.requireTimestamps]).toEqual([60 * SECOND, true]);
  });
});

describe("rfc", () => {
  test("s3.8.3: SYNs for more than three minutes (9293-MUST-23)", () => {
    const { syns, over } = opening(rfc);
    expect(syns).toEqual([0, 1, 3, 7, 15, 31, 63, 127]);
    expect(over).toBeGreaterThanOrEqual(180);
  });

  test("RFC 6298 s2.4: the RTO is not below a second (6298-04)", () => {
    const { sent } = sending(rfc);
    expect(sent.slice(0, 4)).toEqual([0, 1, 3, 7]);
  });

  test("RFC 5681 s3.1: two to four segments at first (5681-04)", () => {
    const x = established({ profile: rfc });
    x.write(20 * MSS);
    expect(x.take().length).toBe(4);
  });

  test("the rest of the cautious letter", () => {
    expect(rfc.tcp).toMatchObject({
      timeWait: 240 * SECOND,
      quickAcks: 0,
      ackDelay: 200 * MS,
      nagleMinshall: false,
      probeWithText: true,
      requireTimestamps: true,
      rtoVarianceMin: 0,
    });
  });
});
