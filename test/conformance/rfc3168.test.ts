/** RFC 3168: explicit congestion notification, as a script sees it; RFC 8511's gentler response. */
import { describe, expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import { EcnField } from "../../src/tcp/segment.js";
import { Exchange, type Injection, type Sentry } from "../tcp/exchange.js";
import { ack, duplicates, MS, MSS } from "../tcp/flow.js";

const memory = createMemory({ packets: 64, chunks: 2_048, chunkSize: 4_096 });
const CE = EcnField.Ce;
const ECT0 = EcnField.Ect0;

const setup: Injection = { flags: "SEW", mss: MSS, windowScale: 7 };

/** An active open that offers ECN; the peer's SYN,ACK has `flags`. */
function opened(flags = "SE.", policy: object = {}): Exchange {
  const x = new Exchange({ memory, policy: { ecn: "on", ...policy } });
  x.connect();
  x.inject({ flags, ack: 1, mss: MSS, windowScale: 7 });
  x.inject({ seq: 1, ack: 1 }); // the window, scaled
  x.out.length = 0;
  return x;
}

/** A passive open to ESTABLISHED; returns the flags of the SYN,ACK with it. */
function accepted(syn: Injection, policy: object = {}): { x: Exchange; synAck: string } {
  const x = new Exchange({ memory, policy });
  x.listen();
  x.inject({ flags: "S", ...syn });
  const synAck = x.take()[0]!.flags;
  x.inject({ seq: 1, ack: 1 });
  x.out.length = 0;
  return { x, synAck };
}

const fields = (all: readonly Sentry[]): number[] => all.map((s) => s.trafficClass & 3);
const texts = (x: Exchange): Sentry[] => x.take().filter((s) => s.length > 0);

describe("s6.1.1: negotiation", () => {
  test.each([
    ["on", "SEW"],
    ["passive", "S"],
    ["off", "S"],
  ] as const)("s6.1.1: with ecn %s our SYN is %s, never ECT (SHLD-8, 3168-05, 3168-08)", (ecn, flags) => {
    const x = new Exchange({ memory, policy: { ecn } });
    x.connect();
    expect(x.take()).toMatchObject([{ flags, trafficClass: 0 }]);
  });

  test.each([
    ["on", "SEW", "SE.", ECT0],
    ["passive", "SEW", "SE.", ECT0],
    ["off", "SEW", "S.", 0],
    ["on", "SE", "S.", 0],
    ["on", "SW", "S.", 0],
    ["on", "S", "S.", 0],
  ])("s6.1.1: with ecn %s a SYN %s is answered by %s, and text has field %i (3168-05, 3168-06, 3168-07)", (ecn, syn, answer, field) => {
    const { x, synAck } = accepted({ ...setup, flags: syn }, { ecn });
    expect(synAck).toBe(answer);
    x.write(MSS);
    expect(fields(x.take())).toEqual([field]);
  });

  test.each([
    ["SE.", ECT0],
    ["SEW.", 0],
    ["S.", 0],
    ["SW.", 0],
  ])("s6.1.1.2: a SYN,ACK %s: text has field %i; who reflects both flags speaks no ECN (3168-06, 3168-07)", (flags, field) => {
    const x = opened(flags);
    x.write(MSS);
    expect(fields(x.take())).toEqual([field]);
  });

  test("s6.1.1: simultaneous opens agree", () => {
    const x = new Exchange({ memory, policy: { ecn: "on" } });
    x.connect();
    x.take();
    x.inject(setup);
    expect(x.take()).toMatchObject([{ flags: "SE." }]);
    x.inject({ flags: "SE.", ack: 1, mss: MSS, windowScale: 7 });
    x.write(MSS);
    expect(fields(texts(x))).toEqual([ECT0]);
  });

  test("s6.1.1.1: a SYN without an answer goes again without ECN: then no ECT, but marks are echoed if the peer agreed (3168-10)", () => {
    const x = new Exchange({ memory, policy: { ecn: "on" } });
    x.connect();
    x.advance(1_000 * MS);
    expect(x.take().map((s) => s.flags)).toEqual(["SEW", "S"]);
    x.inject({ flags: "SE.", ack: 1, mss: MSS, windowScale: 7 });
    x.write(MSS);
    expect(fields(texts(x))).toEqual([0]);
    x.inject({ seq: 1, ack: 1 + MSS, text: MSS, trafficClass: CE });
    expect(x.take().at(-1)!.flags).toBe("E.");
  });

  test("s6.1.1.1: the peer falls back: our SYN,ACK does, too, and nobody sets ECT", () => {
    const x = new Exchange({ memory });
    x.listen();
    x.inject(setup);
    x.inject({ ...setup, flags: "S" });
    expect(x.take().map((s) => s.flags)).toEqual(["SE.", "S."]);
    x.inject({ seq: 1, ack: 1 });
    x.write(MSS);
    expect(fields(texts(x))).toEqual([0]);
  });

  test("s6.1.1: without ECN its two bits are the application's, with it they are TCP's (MUST-48)", () => {
    for (const [flags, expected] of [
      ["S.", 0xb9],
      ["SE.", 0xb8 | ECT0],
    ] as const) {
      const x = opened(flags);
      x.tcp.configure(x.handle, { trafficClass: 0xb9 }, x.now);
      x.write(MSS);
      expect(x.take().map((s) => s.trafficClass)).toEqual([expected]);
    }
  });
});

describe("s6.1.2: the sender", () => {
  /** Twenty segments written, ten in flight. */
  function flying(policy: object = {}): Exchange {
    const x = opened("SE.", { congestionControl: "newreno", ...policy });
    x.write(60 * MSS);
    x.take();
    x.advance(100 * MS);
    return x;
  }

  test("s6.1.2: an echo halves the window, once for a window of data; the next new text says CWR, all of it ECT(0) (8311-01, 8311-02, 3168-01, 3168-02, 3168-09, 3168-11, 3168-14)", () => {
    const x = flying();
    ack(x, 1, { flags: "E." });
    expect([x.tcb.cc.window(), x.tcb.cc.threshold()]).toEqual([5 * MSS, 5 * MSS]);
    expect(texts(x)).toEqual([]);
    for (let n = 2; n <= 9; n++) ack(x, n, { flags: "E." });
    expect(x.tcb.cc.window()).toBe(5 * MSS);
    const next = texts(x);
    expect(next.map((s) => s.flags.replace("P", ""))).toEqual(["W.", ".", ".", "."]);
    expect(fields(next)).toEqual([ECT0, ECT0, ECT0, ECT0]);
    // The window of data that was sent after the reduction is another one.
    ack(x, 11, { flags: "E." });
    expect(x.tcb.cc.window()).toBe(2_500);
  });

  test("s6.1.2: an ACK with an echo opens no window (3168-12)", () => {
    const x = flying();
    ack(x, 1, { flags: "E." });
    x.take();
    for (let n = 2; n <= 10; n++) ack(x, n, { flags: "E." });
    expect(x.tcb.cc.window()).toBe(5 * MSS);
  });

  test("s6.1.2: a loss in the window that a mark has reduced reduces it no more, nor the other way round (3168-11)", () => {
    const x = flying();
    ack(x, 1, { flags: "E." });
    duplicates(x, 1, 3, { flags: "E." });
    expect(x.tcb.cc.window()).toBe(5 * MSS);
    const y = flying();
    duplicates(y, 1, 4);
    const { window, threshold } = { window: y.tcb.cc.window(), threshold: y.tcb.cc.threshold() };
    ack(y, 2, { flags: "E." });
    expect([y.tcb.cc.window(), y.tcb.cc.threshold()]).toEqual([window, threshold]);
  });

  test("s6.1.2: CWR follows a reduction by loss as well, on new text only; what goes again has no ECT (3168-14, 3168-17)", () => {
    const x = flying();
    duplicates(x, 0, 3);
    const sent = texts(x);
    const again = sent.filter((s) => s.seq === 1);
    expect(again.map((s) => s.flags.includes("W"))).toEqual([false]);
    expect(fields(again)).toEqual([0]);
    ack(x, 12);
    const next = texts(x);
    expect(next[0]!.flags).toContain("W");
    expect(next.slice(1).every((s) => !s.flags.includes("W"))).toBe(true);
  });

  test("s6.1.2: what a timeout sends again has no ECT; nor has a window probe (3168-17, 3168-18)", () => {
    const x = flying();
    x.advance(2_000 * MS);
    expect(fields(texts(x).slice(0, 1))).toEqual([0]);
    const y = opened("SE.", { probeWithText: true });
    y.inject({ seq: 1, ack: 1, wnd: 0 });
    y.write(MSS);
    y.advance(5_000 * MS);
    const probes = y.take();
    expect(probes.length).toBeGreaterThan(0);
    for (const probe of probes) expect([probe.trafficClass & 3, probe.flags.includes("W")]).toEqual([0, false]);
  });

  test("s6.1.2: without ECN agreed an ECE means nothing", () => {
    const x = opened("S.", { congestionControl: "newreno" });
    x.write(60 * MSS);
    ack(x, 1, { flags: "E." });
    expect(x.tcb.cc.window()).toBe(11 * MSS);
  });

  test("RFC 8511 s3: with an alternative backoff a mark leaves 0.8 of the flight, a loss still half (8311-04)", () => {
    const x = flying({ alternativeBackoff: true });
    ack(x, 1, { flags: "E." });
    expect([x.tcb.cc.window(), x.tcb.cc.threshold()]).toEqual([8 * MSS, 8 * MSS]);
    const y = flying({ alternativeBackoff: true });
    duplicates(y, 0, 3);
    expect(y.tcb.cc.threshold()).toBe(5 * MSS);
  });
});

describe("s6.1.3: the receiver", () => {
  const receiving = (): Exchange => opened("SE.", { quickAcks: 0 });
  const text = (x: Exchange, n: number, more: Partial<Injection> = {}): void => x.inject({ seq: 1 + n * MSS, ack: 1, text: MSS, ...more });

  test("s6.1.3: from a mark on every ACK carries ECE, until CWR (3168-15, 3168-16)", () => {
    const x = receiving();
    text(x, 0, { trafficClass: ECT0 });
    text(x, 1, { trafficClass: CE });
    text(x, 2, { trafficClass: ECT0 });
    text(x, 3, { trafficClass: ECT0 });
    expect(x.take().map((s) => [s.flags, s.trafficClass & 3])).toEqual([
      ["E.", 0],
      ["E.", 0],
    ]);
    text(x, 4, { flags: "W.", trafficClass: ECT0 });
    text(x, 5);
    expect(x.take().map((s) => s.flags)).toEqual(["."]);
  });

  test("s6.1.3: a segment with CWR that was marked itself: CWR counts first (RFC 8257 s3.2)", () => {
    const x = receiving();
    text(x, 0, { trafficClass: CE });
    text(x, 1);
    text(x, 2, { flags: "W.", trafficClass: CE });
    text(x, 3);
    expect(x.take().map((s) => s.flags)).toEqual(["E.", "E."]);
  });

  test("s6.1.3: text in reply carries the echo as well", () => {
    const x = receiving();
    text(x, 0, { trafficClass: CE });
    x.write(10);
    expect(x.take().map((s) => s.flags)).toEqual(["PE."]);
  });

  test("s6.1.5: marks of what lies outside the window, of pure ACKs and without ECN are ignored (3168-17)", () => {
    const x = receiving();
    text(x, 0);
    text(x, 1);
    text(x, 0, { trafficClass: CE });
    x.inject({ seq: 1 + 2 * MSS, ack: 1, trafficClass: CE });
    text(x, 2);
    text(x, 3);
    expect(x.take().every((s) => !s.flags.includes("E"))).toBe(true);
    const y = opened("S.", { quickAcks: 0 });
    text(y, 0, { trafficClass: CE });
    text(y, 1);
    expect(y.take().map((s) => s.flags)).toEqual(["."]);
  });

  test("s6.1.4: acknowledgments and FINs have no ECT; frozen and thawed, it is still agreed (3168-03, 3168-16)", () => {
    const x = receiving();
    text(x, 0);
    text(x, 1);
    x.advance(10_000 * MS);
    expect(x.tcp.summary()).toMatchObject({ frozen: 0 }); // text is unread
    x.read();
    x.advance(10_000 * MS);
    expect(x.tcp.summary()).toMatchObject({ frozen: 1 });
    x.take();
    x.write(MSS);
    expect(fields(texts(x))).toEqual([ECT0]);
    x.tcp.shutdown(x.handle, x.now);
    x.turn();
    expect(x.take().map((s) => [s.flags, s.trafficClass & 3])).toEqual([["F.", 0]]);
  });
});
