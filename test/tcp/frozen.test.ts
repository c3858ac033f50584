import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SECOND } from "../../src/base/environment.js";
import { createMemory } from "../../src/base/memory.js";
import { SeededRandom } from "../../src/base/prng.js";
import { linux } from "../../src/stack/profile.js";
import { Controllers } from "../../src/tcp/congestion/index.js";
import { canFreeze, FrozenRows, freeze, frozenDeadline, thaw } from "../../src/tcp/frozen.js";
import { recoveries } from "../../src/tcp/recovery/index.js";
import { SentRecords } from "../../src/tcp/recovery/sent.js";
import { SentPool } from "../../src/tcp/recovery/sent-pool.js";
import { State } from "../../src/tcp/state.js";
import { clear, Tcb } from "../../src/tcp/tcb.js";
import { Exchange, type ExchangeOptions, octets } from "./exchange.js";
import { exchangeAt, rcvNxt, reach, type StateName, sndNxt, stateOf, wraps } from "./states.js";

const memory = createMemory({ packets: 64, chunks: 1_024, chunkSize: 4_096 });
const freezable = ["SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-2", "CLOSE-WAIT", "TIME-WAIT"] as const;
const stamped = { mss: 1_400, sackPermitted: true, windowScale: 5, ts: [1_000, 0] as [number, number] };
const plain = { mss: 900 };

/** What a frozen connection must still be: everything but statistics. */
const essence = (x: Exchange): unknown => {
  const [shown] = x.tcp.showAll(x.now).filter((row) => row["form"] !== "listener") as [Record<string, Record<string, unknown>>];
  const { counters, form, path, limitedBy, lastSent, lastTextSent, opened, ...rest } = shown;
  void [counters, form, path, limitedBy, lastSent, lastTextSent, opened];
  const { latest, ...rtt } = rest["rtt"]!;
  void latest;
  const { tsRecentAge, ...rcv } = rest["rcv"]!; // kept to the second
  void tsRecentAge;
  const { recoveryState, ...congestion } = rest["congestion"]!; // of a flight: it begins anew
  void recoveryState;
  if (String(rest["state"]) !== "TIME-WAIT") return { ...rest, rtt, rcv, congestion };
  // It sends no text any more, and measures nothing.
  const { wl1, wl2, wnd, ...snd } = rest["snd"]!;
  void [wl1, wl2, wnd];
  return { ...rest, snd, rtt: null, rcv, congestion: null };
};
const form = (x: Exchange): unknown => x.tcp.showAll(x.now).find((row) => row["form"] !== "listener")?.["form"];

/** Into `state`, with some text exchanged on the way where the state has seen any. */
function prepared(state: StateName, syn: object, options: ExchangeOptions = {}, at: readonly [number, number] = [0, 0]): Exchange {
  const x = exchangeAt(at[0], { memory, irs: at[1], ...options });
  reach(x, state, syn);
  return x;
}

describe("a connection that does nothing is a row", () => {
  test.each(freezable)("s3.3.2: %s freezes within two seconds, and not what is in flight", (state) => {
    for (const syn of [plain, stamped]) {
      const x = prepared(state, syn);
      x.advance(2 * SECOND + 100_000);
      expect(x.tcp.summary()).toMatchObject({ live: 0, frozen: 1 });
      expect(form(x)).toBe("frozen");
      expect(x.tcp.summary()).toMatchObject({ live: 0, frozen: 1 }); // looking leaves it frozen
      x.tcp.closeAll(x.now);
    }
  });

  test.each<StateName>(["SYN-SENT", "FIN-WAIT-1", "CLOSING", "LAST-ACK"])("s3.3.2: %s waits for an answer and stays live", (state) => {
    const x = prepared(state, plain);
    x.advance(2 * SECOND);
    expect(x.tcp.summary()).toMatchObject({ live: 1, frozen: 0 });
  });

  test("text in either queue, a hole, a closed window with text behind it: live", () => {
    const cases: ((x: Exchange) => void)[] = [
      (x) => x.write(10),
      (x) => x.inject({ seq: 1, ack: 1, text: 10 }),
      (x) => x.inject({ seq: 11, ack: 1, text: 10 }),
      (x) => x.inject({ flags: "F.", seq: 11, ack: 1 }),
      (x) => {
        x.inject({ seq: 1, ack: 1, wnd: 0 });
        x.write(10);
      },
    ];
    for (const prepare of cases) {
      const x = prepared("ESTABLISHED", plain);
      prepare(x);
      for (let i = 0; i < 5; i++) {
        x.advance(SECOND);
        expect(x.tcp.summary()).toMatchObject({ live: 1, frozen: 0 });
      }
      x.tcp.closeAll(x.now);
    }
  });
});

describe("thawed, it is what it was", () => {
  test.each(freezable)("%s: every field of RFC 9293 s3.3.1, options, timers, RTT and congestion state", (state) => {
    for (const at of wraps)
      for (const syn of [plain, stamped]) {
        const x = prepared(state, syn, {}, at);
        const before = form(x) === "live" ? essence(x) : null;
        const y = prepared(state, syn, {}, at);
        const opened = y.now;
        y.advance(2 * SECOND + 100_000);
        expect(form(y)).toBe("frozen");
        y.now = opened; // seen from the same moment
        if (before !== null && state !== "SYN-RECEIVED") expect(essence(y)).toEqual(before);
        x.tcp.closeAll(x.now);
        y.tcp.closeAll(y.now);
      }
  });

  test("any TCB that may freeze comes back equal, field by field (property)", () => {
    const i32 = fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff });
    const size = fc.integer({ min: 0, max: 2 ** 30 });
    const time = fc.integer({ min: 0, max: 2 ** 44 });
    const fields = fc.record({
      state: fc.constantFrom(4, 6, 7, 10),
      iss: i32,
      irs: i32,
      una: i32,
      wnd: size,
      maxWnd: size,
      wl1: i32,
      wl2: i32,
      scales: fc.tuple(fc.integer({ min: 0, max: 14 }), fc.integer({ min: 0, max: 14 })),
      mss: fc.integer({ min: 1, max: 65_495 }),
      peerMss: fc.integer({ min: 48, max: 65_535 }),
      rcvNxt: i32,
      window: size,
      rcvMss: fc.integer({ min: 0, max: 65_535 }),
      tsRecent: i32,
      tsOffset: i32,
      srtt: fc.integer({ min: 0, max: 2 ** 30 }),
      rttvar: fc.integer({ min: 0, max: 2 ** 30 }),
      rto: fc.integer({ min: 1, max: 120_000_000 }),
      heard: time,
      idle: fc.option(time),
    });
    const list = new Controllers({}, new SeededRandom(1));
    const make = (): Tcb => {
      const x = new Exchange({ memory });
      x.open();
      const options = x.tcp.optionsOf(x.handle);
      x.tcp.closeAll(x.now);
      const sent = new SentRecords(new SentPool());
      const tcb = new Tcb(memory.chunks, 16, options, list.make("cubic"), sent, recoveries.newreno(sent, linux.tcp));
      clear(tcb);
      return tcb;
    };
    const rows = new FrozenRows(8);
    fc.assert(
      fc.property(fields, (f) => {
        const tcb = make();
        tcb.state = f.state as never;
        Object.assign(tcb, {
          iss: f.iss,
          irs: f.irs,
          tsOffset: f.tsOffset,
          srtt: f.srtt,
          rttvar: f.rttvar,
          rto: f.rto,
          listener: 77,
          flags: 7,
        });
        tcb.lastHeardAt = f.heard;
        tcb.idleAt = f.idle ?? Number.POSITIVE_INFINITY;
        const { snd, rcv } = tcb;
        Object.assign(snd, {
          una: f.una,
          nxt: f.una,
          up: f.una,
          sml: f.una,
          pushed: f.una,
          text: f.una,
          reduced: (f.una - 1) | 0,
          wnd: f.wnd,
          maxWnd: f.maxWnd,
          wl1: f.wl1,
          wl2: f.wl2,
        });
        Object.assign(snd, { scale: f.scales[0], mss: f.mss, peerMss: f.peerMss });
        Object.assign(rcv, {
          nxt: f.rcvNxt,
          up: f.rcvNxt,
          lastAckSent: f.rcvNxt,
          adv: (f.rcvNxt + f.window) | 0,
          scale: f.scales[1],
          mss: f.rcvMss,
        });
        rcv.tsRecent = f.tsRecent;
        rcv.finSeen = f.state === 7 || f.state === 10;
        rcv.fin = (rcv.finSeen ? (f.rcvNxt - 1) | 0 : 0) as never;
        tcb.cc.begin(f.mss, linux.tcp, false);
        expect(canFreeze(tcb)).toBe(true);
        const due = frozenDeadline(tcb);
        const row = freeze(rows, tcb, list);
        expect(row).toBeGreaterThanOrEqual(0);
        const back = make();
        thaw(rows, row, back, due, list, linux.tcp);
        expect(rows.used).toBe(0);
        const waits = f.state === State.TimeWait;
        const kept = ["state", "flags", "iss", "irs", "tsOffset", "rto", "lastHeardAt", "idleAt", "rexmitAt"];
        const pick = (t: Tcb): unknown => ({
          ...Object.fromEntries(
            [...kept, ...(waits ? [] : ["srtt", "rttvar", "listener"])].map((key) => [key, (t as unknown as Record<string, unknown>)[key]]),
          ),
          snd: { ...t.snd, ...(waits ? { wnd: null, wl1: null, wl2: null } : {}) },
          rcv: { ...t.rcv, tsRecentAt: Math.floor(t.rcv.tsRecentAt / 1e6) },
          cwnd: t.cc.window(),
          ssthresh: t.cc.threshold(),
        });
        expect(pick(back)).toEqual(pick(tcb));
      }),
      { numRuns: 300 },
    );
  });
});

describe("thawed, it goes on working", () => {
  /** Lets the connection freeze, if it may. */
  const doze = (x: Exchange): void => {
    x.advance(3 * SECOND);
    expect(x.tcp.summary()).toMatchObject({ live: 0 });
  };

  test.each(wraps)("ESTABLISHED: text both ways, urgent, both closes, with a nap before each step, ISS %i IRS %i", (iss, irs) => {
    const x = exchangeAt(iss, { memory, irs });
    x.open({}, stamped);
    let echo = 1_001;
    const ts = (): { ts: [number, number] } => ({ ts: [echo++, 0] });
    doze(x);
    x.inject({ seq: 1, ack: 1, text: 100, ...ts() });
    expect(x.read()).toEqual(octets(100));
    expect(x.take().at(-1)!.ack).toBe(101);
    doze(x);
    x.write(200);
    expect(x.take()).toMatchObject([{ seq: 1, length: 200, ack: 101 }]);
    x.inject({ seq: 101, ack: 201, ...ts() });
    doze(x);
    x.inject({ seq: 201, ack: 201, text: 100, ...ts() });
    expect(x.take()[0]).toMatchObject({ ack: 101, sack: [201, 301] });
    x.inject({ seq: 101, ack: 201, text: 100, ...ts() });
    expect(x.read()!.length).toBe(200);
    x.take();
    doze(x);
    x.inject({ flags: "F.", seq: 301, ack: 201, ...ts() });
    expect(x.state).toBe("CLOSE-WAIT");
    x.take();
    doze(x);
    expect(x.state).toBe("CLOSE-WAIT");
    expect(x.read()).toBeNull();
    x.write(50);
    x.take();
    x.inject({ seq: 302, ack: 251, ...ts() });
    doze(x);
    x.tcp.shutdown(x.handle, x.now);
    x.turn();
    expect(x.take()).toMatchObject([{ flags: "F.", seq: 251, ack: 302 }]);
    x.inject({ seq: 302, ack: 252, ...ts() });
    expect(x.transitions.at(-1)).toBe("LAST-ACK>CLOSED");
  });

  test.each(wraps)("SYN-RECEIVED: the SYN,ACK goes again on time, the ACK establishes, ISS %i IRS %i", (iss, irs) => {
    const x = exchangeAt(iss, { memory, irs });
    x.listen();
    const start = x.now;
    x.inject({ flags: "S", ...stamped });
    expect(x.tcp.summary()).toMatchObject({ live: 0, frozen: 1 });
    x.advance(4 * SECOND);
    expect(x.take().map((s) => [s.flags, s.at - start, s.ack, s.tsEcr])).toEqual([
      ["S.", 0, 1, 1_000],
      ["S.", SECOND, 1, 1_000],
      ["S.", 3 * SECOND, 1, 1_000],
    ]);
    expect(x.tcp.summary()).toMatchObject({ live: 0, frozen: 1 });
    x.inject({ seq: 1, ack: 1, text: 10, ts: [1_001, 0] });
    expect(x.read()).toEqual(octets(10));
    x.write(3_000);
    expect(x.take().some((s) => s.seq === 1 && s.length > 0)).toBe(true);
  });

  test("SYN-RECEIVED: the round trip of the SYN,ACK is measured across the row (RFC 6298 s2.2)", () => {
    const x = new Exchange({ memory });
    x.listen();
    x.inject({ flags: "S", ...plain });
    x.now += 70_000;
    x.inject({ seq: 1, ack: 1 });
    expect(x.tcb.srtt).toBe(70_000);
  });

  test("FIN-WAIT-2: text and the FIN still arrive, the orphan's timer still runs", () => {
    const x = new Exchange({ memory });
    reach(x, "FIN-WAIT-2", plain);
    doze(x);
    x.inject({ seq: 1, ack: 2, text: 10 });
    expect(x.read()).toEqual(octets(10));
    x.take();
    doze(x);
    x.inject({ flags: "F.", seq: 11, ack: 2 });
    expect(x.state).toBe("TIME-WAIT");
    expect(x.take()).toMatchObject([{ ack: 12, seq: 2 }]);
    const y = new Exchange({ memory });
    y.open({}, plain);
    y.tcp.close(y.handle, y.now);
    y.turn();
    y.inject({ seq: 1, ack: 2 });
    const since = y.now;
    y.advance(200 * SECOND);
    expect(y.transitions.at(-1)).toBe("FIN-WAIT-2>CLOSED");
    expect(y.tcp.summary()).toMatchObject({ slots: 0 });
    expect(y.now - since).toBe(200 * SECOND);
  });

  test("TIME-WAIT: the FIN again is acknowledged, 2 MSL counts from then, a reset is ignored", () => {
    const x = new Exchange({ memory });
    reach(x, "TIME-WAIT", plain);
    x.tcp.close(x.handle, x.now);
    x.turn();
    expect(x.tcp.summary()).toMatchObject({ live: 0, frozen: 1, timeWait: 1 });
    x.advance(50 * SECOND);
    x.inject({ flags: "F.", seq: 1, ack: 2 });
    expect(x.lines()).toEqual([". 2:2(0) ack 2"]);
    x.inject({ flags: "R", seq: 2 });
    x.advance(59 * SECOND);
    expect(stateOf(x)).toBe("TIME-WAIT");
    expect(x.tcp.summary()).toMatchObject({ live: 0, frozen: 1 });
    x.advance(SECOND);
    expect(x.tcp.summary()).toMatchObject({ slots: 0, frozen: 0, timeWait: 0 });
    expect(x.tcp.nextTimeout()).toBe(Number.POSITIVE_INFINITY);
  });

  test("keep-alive goes on in its row, and the handle keeps its options", () => {
    const x = new Exchange({ memory });
    x.open({ keepAlive: 60 * SECOND, keepAliveInterval: 10 * SECOND, keepAliveCount: 2, ttl: 9 }, plain);
    const start = x.now;
    doze(x);
    x.advance(60 * SECOND);
    expect(x.take()).toMatchObject([{ at: start + 60 * SECOND, seq: 0, ttl: 9 }]);
    x.inject({ seq: 1, ack: 1 });
    doze(x);
    expect(x.tcp.optionsOf(x.handle)).toMatchObject({ ttl: 9, keepAlive: 60 * SECOND });
    expect(x.tcp.endpointsOf(x.handle)).toMatchObject({ localPort: 80, remotePort: 5_000 });
  });

  test("s3.10.7.4: naps change nothing on the wire: a script with and without them gives the same segments (property)", () => {
    const step = fc.oneof(
      fc.record({ text: fc.integer({ min: 1, max: 1_500 }) }),
      fc.record({ write: fc.integer({ min: 1, max: 3_000 }) }),
      fc.record({ old: fc.integer({ min: 1, max: 100 }) }),
      fc.record({ reset: fc.integer({ min: 1, max: 100 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), fc.constantFrom(...wraps), (steps, [iss, irs]) => {
        const play = (nap: number): string[] => {
          const x = exchangeAt(iss, { memory, irs, policy: { timestamps: false, idleRestart: false } });
          x.open({}, { mss: 1_000, wnd: 30_000 });
          const trace: string[] = [];
          let theirs = 1;
          let ours = 1;
          for (const s of steps) {
            x.advance(nap);
            x.take();
            if ("text" in s) {
              x.inject({ seq: theirs, ack: ours, text: s.text, wnd: 30_000 });
              theirs += s.text;
              trace.push(`read ${x.read()!.length}`);
            } else if ("write" in s) {
              ours += x.write(s.write);
            } else if ("old" in s) {
              x.inject({ seq: theirs - s.old, ack: ours, wnd: 30_000 });
            } else x.inject({ flags: "R", seq: theirs + s.reset });
            x.advance(50_000);
            trace.push(...x.take().map((out) => `${out.flags} ${out.seq} ${out.length} ${out.ack} ${out.wnd}`));
            x.inject({ seq: theirs, ack: ours, wnd: 30_000 });
            x.take();
          }
          trace.push(stateOf(x));
          x.tcp.closeAll(x.now);
          return trace;
        };
        // Long enough for every limit on answers to have passed, in the one too short to freeze, in the other not.
        expect(play(10 * SECOND)).toEqual(play(1_900_000));
      }),
      { numRuns: 60 },
    );
  });
});

test("s3.3.2: what these tests call RCV.NXT and SND.NXT of a state is so", () => {
  for (const state of freezable) {
    const x = prepared(state, plain);
    const [shown] = x.tcp.showAll(x.now).filter((row) => row["form"] !== "listener") as [Record<string, Record<string, number>>];
    expect((shown["rcv"]!["nxt"]! - x.irs) | 0).toBe(rcvNxt(state));
    expect((shown["snd"]!["nxt"]! - x.iss!) | 0).toBe(sndNxt(state));
  }
});
