/** RFC 8899 and RFC 4821 for TCP in a script: what a probe is, what its fate means, how the states follow each other. Worlds: path-mtu.test.ts. */
import { describe, expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import { SeededRandom } from "../../src/base/prng.js";
import { linux } from "../../src/stack/profile.js";
import { Controllers } from "../../src/tcp/congestion/index.js";
import { searchStateNames } from "../../src/tcp/path-search-state.js";
import { Exchange, type Sentry } from "../tcp/exchange.js";
import { MS, SECOND } from "../tcp/flow.js";

const memory = createMemory({ packets: 64, chunks: 2_048, chunkSize: 4_096 });
const size = (s: Sentry): number => s.header.length + 20 + s.length;
const sizes = (x: Exchange): number[] => x.take().flatMap((s) => (s.length > 0 ? [size(s)] : []));
const state = (x: Exchange): string => searchStateNames[x.tcb.search.state];

/** A connection with no timestamps whose peer takes 1 460 octets, to which so much has been written. */
function connection(octets: number, policy: object = {}, syn: object = {}): Exchange {
  const x = new Exchange({ memory, policy: { pathProbing: "always", ...policy } });
  x.accept({ mss: 1_460, sackPermitted: true, windowScale: 7, ...syn }, { sendBuffer: 1 << 20 });
  x.write(octets);
  return x;
}

/** Acknowledges all that has left and what follows, `times` times; returns the sizes of what left meanwhile. */
function acknowledge(x: Exchange, times: number): number[] {
  const left: number[] = [];
  for (let i = 0; i < times; i++) {
    x.advance(20 * MS);
    const out = x.take();
    left.push(...out.filter((s) => s.length > 0).map(size));
    x.inject({ seq: 1, ack: (x.tcb.snd.nxt - x.tcb.iss) | 0 });
  }
  return left;
}

/** The peer acknowledges no more than `ack`, and reports what came behind the probe. */
function report(x: Exchange, out: readonly Sentry[], probe: Sentry, ack: number): void {
  for (const s of out) if (s.seq > probe.seq) x.inject({ seq: 1, ack, sack: [probe.seq + probe.length, s.seq + s.length] });
}

/** The peer has all that left but the probe, and says so segment by segment; returns the probe. */
function loseProbe(x: Exchange, out: readonly Sentry[]): Sentry {
  const probe = out.find((s) => s.why === "tx.path_probe")!;
  x.inject({ seq: 1, ack: probe.seq });
  report(x, [...out, ...x.take()], probe, probe.seq);
  return probe;
}

describe("s5.2: the states", () => {
  test("s5.2: BASE until a segment of its size has arrived; then larger ones are tried, the largest first", () => {
    const x = connection(100_000);
    expect(state(x)).toBe("base");
    expect(new Set(sizes(x))).toEqual(new Set([1_064]));
    x.inject({ seq: 1, ack: 1 + 1_024 });
    expect(state(x)).toBe("searching");
    const probe = x.take().find((s) => s.why === "tx.path_probe")!;
    expect(size(probe)).toBe(1_500);
    x.inject({ seq: 1, ack: probe.seq + probe.length });
    expect([x.tcb.snd.mss, x.tcb.pathMtu]).toEqual([1_460, 1_500]);
    acknowledge(x, 2);
    expect(state(x)).toBe("complete");
  });

  test("s5.1.1: after the raise timer it is tried again, with the text that there is (4821-10)", () => {
    const x = connection(100_000);
    x.network.pathMtu = 1_200; // a router has said so
    x.network.epoch += 1;
    acknowledge(x, 12);
    expect([state(x), x.tcb.pathMtu]).toEqual(["complete", 1_200]);
    x.network.pathMtu = 1_500;
    x.network.epoch += 1;
    x.advance(599 * SECOND);
    x.write(60_000);
    expect(Math.max(...acknowledge(x, 12))).toBe(1_200);
    x.advance(SECOND);
    x.write(60_000);
    expect(Math.max(...acknowledge(x, 12))).toBe(1_500);
  });

  test("s4.3: three timeouts in a row of full segments lead to BASE, more to ERROR, and an answer to a search (4821-14)", () => {
    const x = connection(30_000, { pathProbing: "black-hole", lossProbe: false });
    expect([state(x), new Set(sizes(x))]).toEqual(["disabled", new Set([1_500])]);
    const seen: [string, number][] = [];
    while (seen.length < 9) {
      x.advance(x.tcp.nextTimeout() - x.now);
      // The wheel may wake up early, and a loss probe is no timeout.
      const out = x.take().flatMap((s) => (s.why === "rtx.rto" || s.why === "rtx.blackhole" ? [size(s)] : []));
      if (out.length > 0) seen.push([state(x), Math.max(...out)]);
    }
    expect(seen).toEqual([
      ["disabled", 1_500],
      ["disabled", 1_500],
      ["base", 1_064],
      ["base", 1_064],
      ["error", 576],
      ["error", 576],
      ["error", 296],
      ["error", 296],
      ["error", 68],
    ]);
    x.inject({ seq: 1, ack: 1 + 28 });
    expect(state(x)).toBe("searching");
  });

  test("s7.3: what goes again beside SACK blocks is no probe: they take of its room (MUST-16)", () => {
    const x = connection(5_000, { pathProbing: "black-hole" });
    x.advance(70 * SECOND);
    x.take();
    x.inject({ seq: 11, ack: 500, text: 100 });
    const again = x.take().find((s) => s.length > 0)!;
    expect(again.sack).toEqual([11, 111]);
    expect(again.length + again.header.length - 20).toBeLessThanOrEqual(1_460);
    expect(again.why).not.toBe("rtx.probe_again");
  });

  test("s4.3: a short segment that is not answered is no black hole", () => {
    const x = connection(300, { pathProbing: "black-hole" });
    x.advance(30 * SECOND);
    expect([state(x), new Set(sizes(x))]).toEqual(["disabled", new Set([340])]);
  });

  test("once the old size is proven the network decides alone again, unless the profile says always", () => {
    const x = connection(30_000, { pathProbing: "black-hole", lossProbe: false });
    x.advance(3 * SECOND);
    expect(state(x)).toBe("base");
    x.write(100_000);
    acknowledge(x, 15);
    expect([state(x), x.tcb.pathMtu, x.tcb.search.limit]).toEqual(["complete", 1_500, 1_500]); // on trial (RFC 4821 s7.8)
    for (let i = 0; i < 60; i++) {
      x.write(3_000);
      acknowledge(x, 1);
    }
    expect([state(x), x.tcb.pathMtu, x.tcb.search.limit]).toEqual(["disabled", 1_500, 0]);
  });
});

describe("RFC 4821 s7: probing with text", () => {
  test("s7.4: no probe unless text, windows and three full segments behind it are there to show its loss (4821-11)", () => {
    for (const [octets, wnd, probes] of [
      [1_024 + 1_460 + 3 * 1_024, 0xffff, true],
      [1_024 + 1_460 + 3 * 1_024 - 1, 0xffff, false],
      [20_000, Math.ceil((1_460 + 3 * 1_024) / 128), true],
      [20_000, Math.floor((1_460 + 3 * 1_024) / 128) - 8, false],
    ] as const) {
      const x = connection(1_024);
      x.take();
      x.inject({ seq: 1, ack: 1 + 1_024, wnd });
      x.write(octets - 1_024);
      expect([octets, wnd, x.take().some((s) => s.why === "tx.path_probe")]).toEqual([octets, wnd, probes]);
    }
  });

  test("s7.6.2: a probe that is lost alone goes again at once, split; cwnd and ssthresh stay, and one loss proves nothing (4821-02, 4821-12)", () => {
    const x = connection(200_000);
    x.take();
    x.inject({ seq: 1, ack: 1 + 1_024 });
    const before = [x.tcb.cc.window(), x.tcb.cc.threshold()];
    const probe = loseProbe(x, x.take());
    const again = x.take().filter((s) => s.seq >= probe.seq && s.seq < probe.seq + probe.length);
    expect(again.map((s) => [s.seq - probe.seq, s.why])).toEqual([
      [0, "rtx.path_probe"],
      [1_024, "rtx.path_probe"],
    ]);
    expect(x.tcb.cc.window()).toBeGreaterThanOrEqual(before[0]!);
    expect(x.tcb.cc.threshold()).toBe(before[1]);
    expect([state(x), x.tcb.search.high, x.tcb.snd.mss]).toEqual(["searching", 1_500, 1_024]);
  });

  test("s7.6.2: lost three times, a size is too large, and the interval is halved by way of sizes that paths have (4821-08, 4821-13)", () => {
    const x = connection(1_000_000);
    x.take();
    x.inject({ seq: 1, ack: 1 + 1_024 });
    const tried: number[] = [];
    for (let i = 0; i < 400 && tried.length < 5; i++) {
      const out = x.take();
      if (out.some((s) => s.why === "tx.path_probe")) tried.push(size(loseProbe(x, out)));
      x.advance(10 * MS);
      x.inject({ seq: 1, ack: (x.tcb.snd.nxt - x.tcb.iss) | 0 });
    }
    expect(tried).toEqual([1_500, 1_500, 1_500, 1_400, 1_400]);
  });

  test("s7.6.3: with another loss beside it nothing is known of the size, and it is congestion (4821-01, 4821-09)", () => {
    const x = connection(200_000);
    x.take();
    x.inject({ seq: 1, ack: 1 + 1_024 });
    const out = x.take();
    const probe = out.find((s) => s.why === "tx.path_probe")!;
    x.inject({ seq: 1, ack: probe.seq - 1_024 });
    // The segment before the probe is lost, and the probe.
    report(x, [...out, ...x.take()], probe, probe.seq - 1_024);
    expect(x.tcb.cc.threshold()).toBeLessThan(0x7fff_ffff);
    expect([x.tcb.search.size, x.tcb.search.lost]).toEqual([0, 0]);
  });

  test("s4: probes that are lost without consequence are few: a search ends, and begins again after ten minutes (4821-03)", () => {
    const x = connection(1_000_000);
    x.take();
    x.inject({ seq: 1, ack: 1 + 1_024 });
    let lost = 0;
    for (let i = 0; i < 400 && state(x) !== "complete"; i++) {
      const out = x.take();
      if (out.some((s) => s.why === "tx.path_probe")) lost += size(loseProbe(x, out)) > 0 ? 1 : 0;
      expect(x.tcb.search.limit).toBeLessThanOrEqual(x.tcb.search.high);
      x.advance(10 * MS);
      x.inject({ seq: 1, ack: (x.tcb.snd.nxt - x.tcb.iss) | 0 });
      if (x.tcb.sendQueue.length < 100_000) x.write(200_000);
    }
    expect(state(x)).toBe("complete");
    expect(lost).toBeLessThanOrEqual(3 * 8);
    x.advance(300 * SECOND);
    x.write(100_000);
    expect(Math.max(...acknowledge(x, 12))).toBeLessThan(1_072);
  });

  test.each(["newreno", "cubic", "dctcp", "bbr"])(
    "s4: %s: a larger segment opens no window, in a smaller one go no more of them (4821-04, 4821-05)",
    (name) => {
      const cc = new Controllers({}, new SeededRandom(1)).make(name);
      cc.begin(1_000, linux.tcp, false);
      cc.adopt(20_000, 20_000);
      cc.onMss(1_400);
      expect(cc.window()).toBeLessThanOrEqual(20_000);
      const before = cc.window() / 1_400;
      cc.onMss(500);
      expect(Math.floor(cc.window() / 500)).toBeLessThanOrEqual(Math.max(2, Math.ceil(before)));
    },
  );

  test("s10.1: text behind a probe does not overlap it: one of nine thousand octets that arrives draws no duplicate ACK (4821-18)", () => {
    const x = new Exchange({ memory, policy: { pathProbing: "always" } });
    x.network.mtu = x.network.pathMtu = 9_000;
    x.accept({ mss: 8_960, sackPermitted: true, windowScale: 7 }, { sendBuffer: 1 << 20 });
    x.write(1 << 20);
    x.take();
    x.inject({ seq: 1, ack: 1 + 1_024 });
    const out = x.take().filter((s) => s.length > 0);
    while (!out.some((s) => s.why === "tx.path_probe")) {
      x.inject({ seq: 1, ack: (x.tcb.snd.nxt - x.tcb.iss) | 0 });
      out.push(...x.take().filter((s) => s.length > 0));
    }
    expect(size(out.find((s) => s.why === "tx.path_probe")!)).toBe(9_000);
    for (const [i, s] of out.slice(1).entries()) expect(s.seq).toBe(out[i]!.seq + out[i]!.length);
  });

  test("s7.3: no probe is larger than the peer's MSS lets", () => {
    const x = connection(200_000, {}, { mss: 1_300 });
    expect(Math.max(...acknowledge(x, 10))).toBe(1_340);
  });
});

test("a nap leaves what was found", () => {
  const x = connection(30_000, { pathProbing: "black-hole", lossProbe: false });
  x.advance(3 * SECOND);
  acknowledge(x, 3);
  const { limit } = x.tcb.search;
  expect(limit).toBeGreaterThan(0);
  for (let i = 0; i < 40; i++) acknowledge(x, 1);
  const found = x.tcb.search.limit;
  x.advance(10 * SECOND);
  expect(x.tcp.summary()).toMatchObject({ live: 0, frozen: 1 });
  x.write(3_000);
  expect([x.tcb.search.limit, Math.max(...sizes(x))]).toEqual([found, found === 0 ? 1_500 : found]);
});
