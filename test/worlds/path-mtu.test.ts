/** Paths that carry less than the links at their ends, with routers that say so and with ones that do not: RFC 1191, RFC 4821, RFC 8899. */
import { describe, expect, test } from "vitest";
import { MILLISECOND, SECOND } from "../../src/base/environment.js";
import type { Step } from "../../src/sim/application.js";
import { FrameSummary } from "../../src/sim/frame-summary.js";
import type { WireObserver } from "../../src/sim/wire-model.js";
import { linux, type Profile } from "../../src/stack/profile.js";
import type { TcpPolicy } from "../../src/tcp/policy.js";
import { converse, end, send, settled, stage } from "./two-hosts.js";

const profile = (policy: Partial<TcpPolicy>): Profile => ({ ...linux, tcp: { ...linux.tcp, ...policy } });

/** It closes when the other end has: nobody is an orphan that is given up early. */
const reader: Step[] = [{ do: "end" }, { do: "shutdown" }, { do: "close" }];

interface Passage {
  /** IP octets of the largest packet that came out, and of those that were eaten: how many. */
  largest: number;
  eaten: number;
  micros: number;
  tally: Readonly<Record<string, number>>;
}

/** `octets` from A to B by a hop of `mtu`. */
function pass(octets: number, mtu: number, tooBig: "router" | "drop", policy: Partial<TcpPolicy> = {}, delay = 10 * MILLISECOND): Passage {
  const at = stage({ profile: profile(policy), wire: { delay, mtu, tooBig }, back: { delay } });
  const passage: Passage = { largest: 0, eaten: 0, micros: 0, tally: {} };
  const frame = new FrameSummary();
  const observer: WireObserver = {
    fate: (wire, why, bytes, start, finish) => {
      frame.read(bytes, start, finish);
      if (!frame.isTcp || wire !== at.cable.forward) return;
      if (why === 408) passage.largest = Math.max(passage.largest, finish - start - 14);
      if (why === 404) passage.eaten += 1;
    },
  };
  at.world.observe(observer);
  const begun = at.world.now;
  const { server } = converse(at, [send(octets), ...end], reader, { within: 3_600 * SECOND });
  expect(server.received).toBe(octets);
  settled(at);
  return { ...passage, micros: at.world.now - begun, tally: at.a.stack.tally.show() };
}

describe("a hop that eats what is too big, and says nothing", () => {
  test.each([1_499, 1_492, 1_400, 1_280, 1_100, 1_064])(
    "RFC 8899 s4.3: %d octets: found after three timeouts, and the size to within eight (S-049)",
    (mtu) => {
      const p = pass(3 << 20, mtu, "drop");
      expect(p.largest).toBeGreaterThan(mtu - 8);
      expect(p.largest).toBeLessThanOrEqual(mtu);
      expect(p.tally["rtx.blackhole"]).toBe(1);
      expect(p.micros).toBeLessThan(6 * SECOND);
    },
  );

  test.each([1_000, 600, 576, 300, 68])("RFC 8899 s5.2, ERROR: %d octets, below the base: it still arrives", (mtu) => {
    const p = pass(20_000, mtu, "drop");
    expect(p.largest).toBeLessThanOrEqual(mtu);
    expect(p.tally["rtx.blackhole"]).toBeGreaterThan(1);
  });

  test("RFC 4821 s5.2: from the base up no timeout is needed, whatever the path carries", () => {
    for (const mtu of [1_500, 1_454, 1_300, 1_064]) {
      const p = pass(3 << 20, mtu, "drop", { pathProbing: "always" });
      expect(p.largest).toBeGreaterThan(mtu - 8);
      expect(p.largest).toBeLessThanOrEqual(mtu);
      expect([p.tally["rtx.blackhole"] ?? 0, p.tally["loss.rto"] ?? 0]).toEqual([0, 0]);
    }
  });

  test("RFC 4821 s7.6.2: what probes cost is a segment each, and the congestion window does not shrink", () => {
    const p = pass(4 << 20, 1_400, "drop", { pathProbing: "always" });
    expect(p.tally["loss.path_probe"]).toBe(p.eaten);
    expect(p.eaten).toBeLessThanOrEqual(21);
    expect(p.tally["cc.md_loss"] ?? 0).toBe(0);
  });

  test("without it nothing arrives: what the profile says is done", () => {
    const at = stage({
      profile: profile({ pathProbing: "off", r2: 6 }),
      wire: { delay: 5_000, mtu: 1_400, tooBig: "drop" },
      back: { delay: 5_000 },
    });
    const { client, server } = converse(at, [send(100_000), ...end], end, { within: 3_600 * SECOND });
    expect([client.outcome, server.received]).toEqual(["ETIMEDOUT", 0]);
  });
});

describe("a router that says so", () => {
  test("RFC 1191 s6.4: within a round trip, without a timeout, and nothing larger is sent (S-050)", () => {
    for (const mtu of [1_400, 1_006, 576]) {
      const p = pass(1 << 20, mtu, "router");
      expect([p.largest, p.tally["loss.rto"] ?? 0, p.tally["rtx.blackhole"] ?? 0]).toEqual([mtu, 0, 0]);
      expect(p.tally["cc.md_loss"] ?? 0).toBe(0);
    }
  });

  test("RFC 8899 s4.6: what it says ends a search from above", () => {
    const p = pass(1 << 20, 1_380, "router", { pathProbing: "always" });
    expect(p.largest).toBe(1_380);
    expect(p.eaten).toBeLessThanOrEqual(1);
  });
});

test("an outage that looks like a black hole: the size is back within a few round trips of its end", () => {
  const at = stage({
    wire: {
      delay: 10 * MILLISECOND,
      outages: [{ kind: "partition", from: 200 * MILLISECOND, until: 8 * SECOND }],
      rate: 20_000_000,
      queueFrames: 100,
    },
    back: { delay: 10 * MILLISECOND },
  });
  converse(at, [send(8 << 20), ...end], end, { within: 600 * SECOND });
  settled(at);
  const tally = at.a.stack.tally.show();
  expect(tally["rtx.blackhole"]).toBeGreaterThan(0);
  expect((tally["tx.path_probe"] ?? 0) + (tally["rtx.path_probe_again"] ?? 0)).toBe(1);
  expect(tally["cc.mss_change"]).toBeGreaterThanOrEqual(2);
});

test("random losses that look like a black hole do not make segments small for long (RFC 8899 s5.3.3)", () => {
  const at = stage({ wire: { delay: 10 * MILLISECOND, loss: 0.3 }, back: { delay: 10 * MILLISECOND, loss: 0.3 } });
  const { server } = converse(at, [send(1 << 20), ...end], end, { within: 3_600 * SECOND });
  expect(server.received).toBe(1 << 20);
  const tally = at.a.stack.tally.show();
  expect(tally["rtx.blackhole"]).toBeGreaterThan(0);
  expect(tally["rtx.path_probe_again"]).toBeGreaterThan(0);
  // 725 full segments would do.
  expect(tally["tx.new_data"]).toBeLessThan(1_600);
});

describe("RFC 4821 s7.8: a flow that is striped over two paths, of which one is narrower", () => {
  /** Every second frame takes a path of so many IP octets, and no router says so. */
  function striped(narrow: number, octets: number, policy: Partial<TcpPolicy> = {}) {
    let frames = 0;
    const match = ({ ipLength }: FrameSummary): boolean => (frames++ & 1) === 1 && ipLength > narrow;
    const at = stage({
      profile: profile({ pathProbing: "always", ...policy }),
      wire: { delay: 10 * MILLISECOND, rules: [{ match, action: "drop" }] },
      back: { delay: 10 * MILLISECOND },
    });
    const { server } = converse(at, [send(octets), ...end], reader, { within: 3_600 * SECOND });
    expect(server.received).toBe(octets);
    settled(at);
    return { micros: at.world.now, tally: at.a.stack.tally.show() };
  }

  test("a probe gets through by chance; that half of what follows is lost brings the size before back (4821-15)", () => {
    const p = striped(1_300, 4 << 20);
    expect(p.tally["cc.size_unverified"]).toBeGreaterThan(0);
    // Without verification a thousand windows end in a timeout, and it takes 328 seconds.
    expect(p.micros).toBeLessThan(60 * SECOND);
  });

  test("where both are wide enough nothing is given up (4821-15)", () => {
    const p = striped(1_500, 4 << 20);
    expect(p.tally["cc.size_unverified"]).toBeUndefined();
  });
});

test("RFC 4821 s7.8: losses that were there before segments grew say nothing against them (4821-15)", () => {
  const at = stage({
    profile: profile({ pathProbing: "always" }),
    wire: { delay: 10 * MILLISECOND, loss: 0.05 },
    back: { delay: 10 * MILLISECOND },
  });
  converse(at, [send(2 << 20), ...end], reader, { within: 3_600 * SECOND });
  settled(at);
  expect(at.a.stack.tally.show()["cc.size_unverified"]).toBeUndefined();
});
