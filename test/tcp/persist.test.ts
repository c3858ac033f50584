/** Probes of a closed window: RFC 9293 s3.8.6.1. */
import { describe, expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import { freebsd, linux, type Profile, rfc } from "../../src/stack/profile.js";
import type { Exchange } from "./exchange.js";
import { established, MS, MSS, SECOND } from "./flow.js";

const memory = createMemory({ packets: 64, chunks: 2_048, chunkSize: 4_096 });
const profiles: [string, Profile][] = [
  ["linux", linux],
  ["freebsd", freebsd],
  ["rfc", rfc],
];

/** The window is closed, and there is text to send. */
function closed(options: Parameters<typeof established>[0] = {}, octets = 5 * MSS): Exchange {
  const x = established({ memory, ...options });
  x.inject({ seq: 1, ack: 1, wnd: 0 });
  x.write(octets);
  expect(x.take()).toEqual([]);
  return x;
}

describe("s3.8.6.1: when", () => {
  test("s3.8.6.1: the first probe after one RTO, then twice as long each time (9293-MUST-35, 9293-SHLD-29, 9293-SHLD-30)", () => {
    const x = closed();
    const start = x.now;
    x.advance(40 * SECOND);
    expect(x.take().map((s) => (s.at - start) / MS)).toEqual([300, 900, 2_100, 4_500, 9_300, 18_900, 38_100]);
  });

  test.each(profiles)("s3.8.6.1: never farther apart than the profile's bound: %s", (_name, profile) => {
    const x = closed({ profile });
    let last = x.now;
    let longest = 0;
    for (let i = 0; i < 40; i++) {
      x.advance(profile.tcp.persistMax);
      for (const s of x.take()) {
        longest = Math.max(longest, s.at - last);
        last = s.at;
      }
      x.inject({ seq: 1, ack: 1, wnd: 0 });
    }
    expect(longest).toBe(profile.tcp.persistMax);
  });

  test("s3.8.6.1: a window that closes behind the last octet in flight is probed too (9293-MUST-36)", () => {
    const x = established({ memory });
    x.write(5 * MSS);
    x.take();
    x.inject({ seq: 1, ack: 1 + 3 * MSS, wnd: 0 });
    x.write(MSS);
    x.inject({ seq: 1, ack: 1 + 5 * MSS, wnd: 0 }); // the rest of what was in flight
    x.advance(SECOND);
    expect(x.take().map((s) => s.why)).toContain("tx.zero_probe");
  });

  test("s3.8.6.1: no text, no probe", () => {
    const x = established({ memory });
    x.inject({ seq: 1, ack: 1, wnd: 0 });
    x.advance(1_000 * SECOND);
    expect(x.take()).toEqual([]);
  });

  test("s3.8.6.1: a FIN that waits is reason enough", () => {
    const x = established({ memory });
    x.inject({ seq: 1, ack: 1, wnd: 0 });
    x.tcp.shutdown(x.handle, x.now);
    x.turn();
    x.advance(10 * SECOND);
    expect(x.take().length).toBeGreaterThan(0);
    x.inject({ seq: 1, ack: 1, wnd: 100 });
    expect(x.take().map((s) => s.flags)).toEqual(["F."]);
  });
});

describe("s3.8.6.1: what", () => {
  test("s3.8.6.1: linux: no text and an old number (docs/deviations.md, empty-probe)", () => {
    const x = closed();
    x.advance(300 * MS);
    expect(x.take().map((s) => [s.seq, s.length, s.flags, s.why])).toEqual([[0, 0, ".", "tx.zero_probe"]]);
  });

  test.each([
    ["freebsd", freebsd],
    ["rfc", rfc],
  ])("s3.8.6.1: %s: one octet of new text, again the same one (9293-MUST-36)", (_name, profile) => {
    const x = closed({ profile });
    x.advance(40 * SECOND);
    const out = x.take();
    expect(out.length).toBeGreaterThan(2);
    for (const s of out) expect([s.seq, s.length]).toEqual([1, 1]);
  });

  test("s3.8.6.1: the octet is taken and the window stays closed: the next one (9293-MUST-37)", () => {
    const x = closed({ profile: rfc });
    let acked = 1;
    for (let i = 0; i < 5; i++) {
      x.advance(300 * SECOND);
      const out = x.take();
      expect(out.length).toBeGreaterThan(0);
      for (const s of out) expect([s.seq, s.length]).toEqual([acked, 1]);
      acked += 1;
      x.inject({ seq: 1, ack: acked, wnd: 0 });
    }
    x.inject({ seq: 1, ack: acked, wnd: 0xffff });
    expect(x.take()[0]!.seq).toBe(acked);
  });
});

describe("s3.8.6.1: until", () => {
  test.each(profiles)(
    "s3.8.6.1: the window opens: everything goes at once, what a probe carried too: %s (9293-MUST-36)",
    (_name, profile) => {
      const x = closed({ profile }, 3 * MSS);
      x.advance(70 * SECOND);
      x.take();
      x.inject({ seq: 1, ack: 1, wnd: 0xffff });
      const have = new Set<number>();
      let acked = 1;
      for (let i = 0; i < 10 && acked < 1 + 3 * MSS; i++) {
        for (const s of x.take()) for (let o = 0; o < s.length; o++) have.add(s.seq + o);
        while (have.has(acked)) acked += 1;
        x.inject({ seq: 1, ack: acked });
      }
      expect(acked).toBe(1 + 3 * MSS);
      expect(x.tcb.timeouts).toBe(0);
    },
  );

  test("s3.8.6.1: a day of closed window with answers does not end it (9293-MUST-37, 9293-MAY-8)", () => {
    const x = closed();
    for (let i = 0; i < 24 * 60; i++) {
      x.advance(60 * SECOND);
      if (x.take().length > 0) x.inject({ seq: 1, ack: 1, wnd: 0 });
    }
    expect(x.state).toBe("ESTABLISHED");
  });

  test("s3.8.3: without answers R2 holds", () => {
    const x = closed();
    x.advance(3_600 * SECOND);
    expect(x.tcp.errorOf(x.handle)).toBe("ETIMEDOUT");
  });

  test("RFC 6429 s3: an orphan is given up although the peer answers: nobody waits, and memory has an end", () => {
    const x = closed();
    x.tcp.close(x.handle, x.now);
    x.turn();
    for (let i = 0; i < 60; i++) {
      x.advance(60 * SECOND);
      if (x.take().some((s) => s.why === "tx.zero_probe")) x.inject({ seq: 1, ack: 1, wnd: 0 });
    }
    expect(x.tcp.summary()).toMatchObject({ live: 0, frozen: 0 });
  });
});

describe("s3.8.6: a window that shrinks", () => {
  test("s3.8.6: no new text while it is below SND.NXT; old text goes on being sent (9293-MUST-34, 9293-SHLD-15, 9293-SHLD-16, MAY-7)", () => {
    const x = established({ memory, syn: { windowScale: 0 } });
    x.write(20 * MSS);
    x.take();
    x.inject({ seq: 1, ack: 1 + 2 * MSS, wnd: 3 * MSS });
    expect(x.take()).toEqual([]);
    x.advance(x.tcb.rto);
    expect(x.take().map((s) => (s.seq - 1) / MSS)).toEqual([2]);
  });

  test("s3.8.6: text beyond the edge does not time the connection out while the peer takes what is before it (9293-SHLD-17)", () => {
    const x = established({ memory, syn: { windowScale: 0 }, policy: { r2: 4 } });
    x.write(10 * MSS);
    let acked = 1;
    for (let i = 0; i < 100; i++) {
      x.advance(SECOND);
      x.take();
      acked += 10;
      x.inject({ seq: 1, ack: acked, wnd: 10 });
      expect(x.state).toBe("ESTABLISHED");
    }
  });
});
