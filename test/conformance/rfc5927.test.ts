/** RFC 5927, RFC 6633 and RFC 9293 s3.9.2.2: what ICMP may do to a connection. */
import { describe, expect, test } from "vitest";
import { SECOND } from "../../src/base/environment.js";
import { createMemory } from "../../src/base/memory.js";
import { SeededRandom } from "../../src/base/prng.js";
import { Icmp } from "../../src/base/why.js";
import { ip } from "../../src/ip/address.js";
import { IcmpError } from "../../src/ip/icmp/error.js";
import { EphemeralPorts } from "../../src/tcp/ports.js";
import { Exchange } from "../tcp/exchange.js";
import { quote } from "../tcp/quote.js";
import { exchangeAt, reach, type StateName, stateOf, synchronizedStates, wraps } from "../tcp/states.js";

const memory = createMemory({ packets: 64, chunks: 1_024, chunkSize: 4_096 });
const policy = { timestamps: false, sack: false, windowScaling: false };
const hard = ["ProtocolUnreachable", "PortUnreachable", "AdminProhibited"] as const;
const soft = [
  "NetUnreachable",
  "HostUnreachable",
  "SourceRouteFailed",
  "TimeExceeded",
  "ReassemblyTimeExceeded",
  "ParameterProblem",
] as const;

/** ESTABLISHED with 3000 octets in flight: SND.UNA 1, SND.NXT 3001. */
const flying = (iss = 0, irs = 0): Exchange => {
  const x = exchangeAt(iss, { memory, irs, policy });
  x.open({}, { mss: 1_000, wnd: 20_000 });
  x.write(3_000);
  x.take();
  return x;
};

describe("s4.1: the quoted sequence number", () => {
  test.each(wraps)("s4.1: SND.UNA <= SEQ < SND.NXT, or it is ignored; ISS %i IRS %i (5927-01, 1122-T-07, MUST-54)", (iss, irs) => {
    for (const [seq, good] of [
      [1, true],
      [3_000, true],
      [0, false],
      [3_001, false],
      [2 ** 31, false],
    ] as const) {
      const x = flying(iss, irs);
      x.events.length = 0;
      quote(x, IcmpError.HostUnreachable, { seq });
      expect(x.events.includes("SoftError")).toBe(good);
      expect(x.tcp.softErrorOf(x.handle)).toBe(good ? "EHOSTUNREACH" : null);
      x.tcp.closeAll(x.now);
    }
  });

  test("s4.1: an error finds its connection by the four numbers of the quote, no other (MUST-54, 1122-T-07)", () => {
    const x = flying();
    quote(x, IcmpError.HostUnreachable, { seq: 1, port: 5_001 });
    quote(x, IcmpError.HostUnreachable, { seq: 1, ourPort: 81 });
    expect(x.tcp.softErrorOf(x.handle)).toBeNull();
    expect(x.tally.counts[Icmp.QuoteNotOurs]).toBe(2);
  });

  test("s4.1: with nothing in flight there is nothing that an error could be about", () => {
    const x = new Exchange({ memory, policy });
    x.open();
    for (const kind of Object.values(IcmpError)) quote(x, kind, { seq: 1 });
    expect(x.tcp.softErrorOf(x.handle)).toBeNull();
    expect(x.network.lowered).toEqual([]);
    x.advance(5 * SECOND);
    quote(x, IcmpError.PortUnreachable, { seq: 1 }); // frozen meanwhile
    expect(x.state).toBe("ESTABLISHED");
  });
});

describe("s5.2: hard errors", () => {
  test.each(hard)("s5.2: %s ends a connection that is not synchronized (5927-02, SHLD-26)", (kind) => {
    const x = new Exchange({ memory, policy });
    x.connect();
    quote(x, IcmpError[kind]);
    expect(x.tcp.errorOf(x.handle)).not.toBeNull();
    const y = new Exchange({ memory, policy });
    y.connect();
    y.inject({ flags: "S" });
    quote(y, IcmpError[kind]);
    expect(y.tcp.errorOf(y.handle)).not.toBeNull();
  });

  test.each(synchronizedStates)("s5.2: in %s it is soft (5927-02, MUST-56)", (state) => {
    for (const kind of hard) {
      const x = new Exchange({ memory, policy });
      reach(x, state);
      if (state === "ESTABLISHED" || state === "CLOSE-WAIT") x.write(100);
      for (const seq of [0, 1, 2]) quote(x, IcmpError[kind], { seq });
      expect(stateOf(x)).toBe(state);
      x.tcp.closeAll(x.now);
    }
  });

  test("s5.2: a half-open connection of a listener is not ended from outside", () => {
    const x = new Exchange({ memory, policy });
    reach(x, "SYN-RECEIVED");
    for (const kind of hard) quote(x, IcmpError[kind]);
    expect(stateOf(x)).toBe("SYN-RECEIVED");
    x.inject({ seq: 1, ack: 1 });
    expect(x.state).toBe("ESTABLISHED");
  });
});

describe("RFC 9293 s3.9.2.2: soft errors", () => {
  test.each(soft)("s3.9.2.2: %s ends nothing, in no state (MUST-56)", (kind) => {
    for (const state of ["SYN-SENT", "SYN-RECEIVED", ...synchronizedStates] as StateName[]) {
      const x = new Exchange({ memory, policy });
      reach(x, state);
      for (const seq of [0, 1]) quote(x, IcmpError[kind], { seq });
      expect(stateOf(x)).toBe(state);
      x.tcp.closeAll(x.now);
    }
  });

  test("s3.9.2.2: the application is told, can look, and hears of it again when the connection times out (MUST-47, SHLD-25)", () => {
    const x = flying();
    quote(x, IcmpError.HostUnreachable, { seq: 1 });
    expect(x.events).toContain("SoftError");
    expect(x.tcp.softErrorOf(x.handle)).toBe("EHOSTUNREACH");
    expect(x.tcp.show(x.handle, x.now)).toMatchObject({ softError: "EHOSTUNREACH", error: null });
    while (x.state !== "CLOSED") x.advance(10 * SECOND);
    expect(x.tcp.errorOf(x.handle)).toBe("EHOSTUNREACH");
  });

  test("s3.9.1.8: reports can be switched off, from the start or later (SHLD-20)", () => {
    const x = flying();
    x.tcp.configure(x.handle, { softErrors: false }, x.now);
    quote(x, IcmpError.HostUnreachable, { seq: 1 });
    expect(x.events).not.toContain("SoftError");
    x.tcp.configure(x.handle, { softErrors: true }, x.now);
    quote(x, IcmpError.NetUnreachable, { seq: 1 });
    expect(x.events).toContain("SoftError");
  });
});

test.each(synchronizedStates)("s6.2, RFC 6633 s3: Source Quench in %s changes nothing (5927-03, 6633-02, MUST-55)", (state) => {
  const x = new Exchange({ memory, policy });
  reach(x, state);
  if (state === "ESTABLISHED" || state === "CLOSE-WAIT") x.write(3_000);
  x.take();
  const shown = (): unknown =>
    x.tcp
      .showAll(x.now)
      .map(({ state, snd, rcv, congestion, timers, error, softError }) => ({ state, snd, rcv, congestion, timers, error, softError }));
  const before = shown();
  for (const seq of [0, 1, 2]) quote(x, IcmpError.SourceQuench, { seq });
  expect(shown()).toEqual(before);
  expect(x.take()).toEqual([]);
  expect(x.events).not.toContain("SoftError");
});

describe("s7.2: path MTU", () => {
  test("s7.2: while nothing so large was acknowledged a claim is believed, and what is too large goes again, smaller (RFC 1191 s6.4)", () => {
    const x = flying();
    quote(x, IcmpError.FragmentationNeeded, { seq: 1, mtu: 640 });
    expect(x.network.lowered).toEqual([640]);
    const again = x.take();
    expect(again.length).toBeGreaterThan(0);
    expect(again.every((s) => s.length <= 600)).toBe(true);
    expect(again[0]!.seq).toBe(1);
  });

  test("s7.2: once such a segment was acknowledged only a timeout makes a claim credible (5927-04)", () => {
    const x = flying();
    x.inject({ seq: 1, ack: 3_001, wnd: 20_000 });
    x.write(3_000);
    x.take();
    quote(x, IcmpError.FragmentationNeeded, { seq: 3_001, mtu: 640 });
    expect(x.network.lowered).toEqual([]);
    expect(x.take()).toEqual([]);
    x.inject({ seq: 1, ack: 6_001, wnd: 20_000 }); // progress: it was a lie
    x.advance(5 * SECOND);
    expect(x.network.lowered).toEqual([]);
    x.write(3_000);
    x.take();
    quote(x, IcmpError.FragmentationNeeded, { seq: 6_001, mtu: 640 });
    x.advance(2 * SECOND);
    expect(x.network.lowered).toEqual([640]);
    expect(x.take().every((s) => s.length <= 600)).toBe(true);
  });

  test("s7.2: a claim that progress has refuted is forgotten: a later timeout is about something else (5927-04)", () => {
    const x = flying();
    x.inject({ seq: 1, ack: 3_001, wnd: 20_000 });
    x.write(3_000);
    quote(x, IcmpError.FragmentationNeeded, { seq: 3_001, mtu: 640 });
    x.inject({ seq: 1, ack: 6_001, wnd: 20_000 });
    x.write(1_000);
    x.advance(10 * SECOND);
    expect(x.network.lowered).toEqual([]);
  });

  test("s7.2: a claim of as much or more than the path is known to take is no news", () => {
    const x = flying();
    for (const mtu of [1_500, 9_000, 0]) quote(x, IcmpError.FragmentationNeeded, { seq: 1, mtu });
    expect(x.network.lowered).toEqual([]);
    expect(x.tally.counts[Icmp.PmtuIgnored]).toBe(3);
  });
});

test("s4.2: the source port of an active open is not foreseen (5927-05, 6056-03)", () => {
  const ports = new EphemeralPorts(new SeededRandom(3));
  const seen = new Set<number>();
  for (let i = 0; i < 2_000; i++) seen.add(ports.choose(ip("10.0.0.1"), ip(`10.0.${i >> 8}.${i & 255}`), 80, () => true));
  expect(seen.size).toBeGreaterThan(1_900);
});
