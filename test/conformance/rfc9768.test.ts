/** RFC 9768: more accurate ECN feedback, both ends, as a script sees it. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import { linux, rfc } from "../../src/stack/profile.js";
import { EcnField, OptionStyle, parseSegment, Segment, writeSegment } from "../../src/tcp/segment.js";
import { Exchange, type Injection, type Sentry } from "../tcp/exchange.js";
import { MS, MSS } from "../tcp/flow.js";

const memory = createMemory({ packets: 64, chunks: 2_048, chunkSize: 4_096 });
const { NotEct: NONE, Ect1: ECT1, Ect0: ECT0, Ce: CE } = EcnField;
const ACCURATE = { ecn: "accurate", accurateOption: "due" } as const;

/** (AE, CWR, ECE) of what left. */
const ace = (s: Sentry): number => (((s.header[12]! & 1) << 8) | s.header[13]!) >>> 6;
const field = (s: Sentry): number => s.trafficClass & 3;

const syn: Injection = { flags: "S", ace: 7, mss: MSS, windowScale: 7 };

/** Listening; the answer to `more` on top of an AccECN SYN. */
function answered(more: Partial<Injection>, policy: object = {}): { x: Exchange; synAck: Sentry } {
  const x = new Exchange({ memory, policy: { ...ACCURATE, ...policy } });
  x.listen();
  x.inject({ ...syn, ...more });
  return { x, synAck: x.take()[0]! };
}

/** A passive open to ESTABLISHED; the ACK of the SYN,ACK is like `ack`. */
function accepted(ack: Partial<Injection> = {}, policy: object = {}, first: Partial<Injection> = {}): Exchange {
  const { x } = answered(first, policy);
  x.inject({ seq: 1, ack: 1, ace: 2, ...ack });
  x.out.length = 0;
  return x;
}

/** An active open, answered by a SYN,ACK like `answer`; the ACK of it is still in `out`. */
function opened(answer: Partial<Injection> = {}, policy: object = {}): Exchange {
  const x = new Exchange({ memory, policy: { ...ACCURATE, ...policy } });
  x.connect();
  x.out.length = 0;
  x.inject({ flags: "S.", ack: 1, ace: 2, mss: MSS, windowScale: 7, ...answer });
  return x;
}

/** Whether text that is sent now may be marked, and what its flags are. */
function speaks(x: Exchange): { field: number; ace: number } {
  x.write(10);
  const [s] = x.take().filter(({ length }) => length > 0);
  return { field: field(s!), ace: ace(s!) };
}

const modeOf = (x: Exchange): unknown => {
  const shown = x.tcp.showAll(x.now).find((row) => row["form"] !== "listener") as Record<string, Record<string, unknown>>;
  return shown["agreed"]!["ecn"];
};

describe("s3.1: negotiation", () => {
  test.each([
    ["accurate", 7],
    ["accurate-in", 3],
    ["accurate-passive", 0],
    ["on", 3],
  ] as const)("s3.1.1: with ecn %s our SYN has (AE,CWR,ECE) = %i, and no ECT (9768-01)", (ecn, flags) => {
    const x = new Exchange({ memory, policy: { ecn } });
    x.connect();
    expect(x.take().map((s) => [ace(s), field(s), s.counters])).toEqual([[flags, NONE, null]]);
  });

  test.each([
    [NONE, 2],
    [ECT1, 3],
    [ECT0, 4],
    [CE, 6],
  ])("s3.1.2: a SYN that came with ECN field %i is answered by %i (9768-02, 9768-03)", (trafficClass, expected) => {
    const { x, synAck } = answered({ trafficClass });
    expect([ace(synAck), field(synAck), synAck.counters]).toEqual([expected, NONE, [0, 0, 0]]);
    x.inject({ seq: 1, ack: 1, ace: 2 });
    expect([modeOf(x), speaks(x)]).toEqual(["accurate", { field: ECT0, ace: 5 }]);
  });

  test.each([
    [0, 0, false, NONE],
    [3, 1, "classic", ECT0],
    [1, 2, "accurate", ECT0],
    [2, 2, "accurate", ECT0],
    [4, 2, "accurate", ECT0],
    [5, 2, "accurate", ECT0],
    [6, 2, "accurate", ECT0],
    [7, 2, "accurate", ECT0],
  ])("s3.1.2: a SYN with %i is answered by %i: %s (9768-05)", (flags, expected, mode, ecn) => {
    const { x, synAck } = answered({ ace: flags });
    expect(ace(synAck)).toBe(expected);
    x.inject({ seq: 1, ack: 1, ace: mode === "accurate" ? 2 : 0 });
    x.take();
    expect([modeOf(x), speaks(x).field]).toEqual([mode, ecn]);
  });

  test.each([
    ["passive", 7, 1],
    ["on", 7, 1],
    ["off", 7, 0],
    ["accurate-passive", 7, 2],
    ["accurate-in", 7, 2],
  ] as const)("s3.1.2: with ecn %s a SYN %i is answered by %i", (ecn, flags, expected) => {
    const { synAck } = answered({ ace: flags }, { ecn });
    expect(ace(synAck)).toBe(expected);
  });

  test.each([
    [0, false, NONE],
    [1, "classic", ECT0],
    [2, "accurate", ECT0],
    [3, "accurate", NONE],
    [4, "accurate", NONE],
    [5, "accurate", ECT0],
    [6, "accurate", NONE],
    [7, false, NONE],
  ])(
    "s3.1.2, s3.2.2.3: a SYN,ACK with %i: %s; what says that our SYN did not arrive as it left stops ECT, where the profile tests it (9768-03, 9768-04, 9768-08)",
    (flags, mode, ecn) => {
      const x = opened({ ace: flags }, { testsSynMark: true });
      x.take();
      expect([modeOf(x), speaks(x).field]).toEqual([mode, ecn]);
      const y = opened({ ace: flags });
      y.take();
      expect([modeOf(y), speaks(y).field]).toEqual([mode, mode === false ? NONE : ECT0]);
    },
  );

  test("s3.1.4.1: a SYN that is lost goes once more with all three flags, then without; who did without sets no ECT (9768-08)", () => {
    const x = new Exchange({ memory, policy: ACCURATE });
    x.connect();
    x.advance(2_100 * MS);
    expect(x.take().map(ace)).toEqual([7, 7, 0]);
    x.inject({ flags: "S.", ack: 1, ace: 2, mss: MSS });
    expect(x.take().map(ace)).toEqual([2]);
    expect([modeOf(x), speaks(x)]).toEqual(["accurate", { field: NONE, ace: 5 }]);
  });

  test("s3.1.4.2, s3.2.3.2.2: a SYN,ACK that is lost goes once more without the option, then without flags; the feedback stays accurate (9768-06)", () => {
    const { x, synAck } = answered({});
    x.advance(3_100 * MS);
    expect([synAck, ...x.take()].map((s) => [ace(s), s.counters])).toEqual([
      [2, [0, 0, 0]],
      [2, null],
      [0, null],
    ]);
    x.inject({ seq: 1, ack: 1, ace: 2 });
    expect([modeOf(x), speaks(x)]).toEqual(["accurate", { field: NONE, ace: 5 }]);
  });

  test("s3.1.5: a second SYN without ECN: the answer tells how it came, the feedback stays, nobody sets ECT (9768-06)", () => {
    const { x } = answered({});
    x.inject({ ...syn, ace: 0, trafficClass: CE });
    expect(x.take().map(ace)).toEqual([6]);
    x.inject({ seq: 1, ack: 1, ace: 2 });
    expect([modeOf(x), speaks(x).field]).toEqual(["accurate", NONE]);
  });

  test("s3.1: simultaneous opens agree", () => {
    const x = new Exchange({ memory, policy: ACCURATE });
    x.connect();
    x.take();
    x.inject({ ...syn, trafficClass: ECT0 });
    expect(x.take().map((s) => [s.flags.includes("S"), ace(s)])).toEqual([[true, 4]]);
    x.inject({ flags: "S.", ack: 1, ace: 2, mss: MSS });
    x.take();
    expect([modeOf(x), speaks(x)]).toEqual(["accurate", { field: ECT0, ace: 5 }]);
  });

  test("s5.1: a SYN cookie offers it, and the ACK reminds of it; one of a host that speaks none does not", () => {
    for (const [flags, fed, mode] of [
      [7, 2, "accurate"],
      [7, 0, false],
      [3, 0, false],
      [0, 0, false],
    ] as const) {
      const x = new Exchange({ memory, policy: { ...ACCURATE, synCookies: true }, limits: { synQueue: 1 } });
      x.listen();
      x.inject({ ...syn, port: 4_000 });
      x.inject({ ...syn, port: 4_001 });
      x.take();
      x.inject({ ...syn, ace: flags });
      const [cookie] = x.take();
      expect([cookie!.why, ace(cookie!)]).toEqual(["tx.syn_cookie", flags === 7 ? 2 : 0]);
      x.inject({ seq: 1, ack: 1, ace: fed });
      x.take();
      expect([speaks(x).field]).toEqual([mode === "accurate" ? ECT0 : NONE]);
    }
  });
});

describe("s3.2.2: the ACE field", () => {
  test.each([
    [NONE, 2],
    [ECT1, 3],
    [ECT0, 4],
    [CE, 6],
  ])(
    "s3.2.2.1: the ACK of a SYN,ACK that came with ECN field %i has %i, and goes before text; r.cep begins at 5 (9768-09, 9768-11)",
    (trafficClass, expected) => {
      const x = new Exchange({ memory, policy: ACCURATE });
      x.connect();
      x.write(10);
      x.out.length = 0;
      x.inject({ flags: "S.", ack: 1, ace: 2, mss: MSS, trafficClass });
      expect(x.take().map((s) => [s.length, ace(s)])).toEqual([
        [0, expected],
        [10, trafficClass === CE ? 6 : 5],
      ]);
    },
  );

  test("s3.2.2.1: a SYN,ACK that comes again gets that ACK again, told how the latest came; a SYN of somebody else does not", () => {
    const x = opened({}, { challengeBurst: 3 });
    x.take();
    x.inject({ flags: "S.", ack: 1, ace: 2, mss: MSS, trafficClass: CE });
    x.inject({ flags: "S.", seq: 7, ack: 1, ace: 2, mss: MSS, trafficClass: ECT0 });
    x.inject({ flags: "S", seq: 9, mss: MSS });
    expect(x.take().map(ace)).toEqual([6, 5, 5]);
  });

  test.each([
    [0, NONE],
    [1, ECT0],
    [2, ECT0],
    [3, NONE],
    [4, NONE],
    [5, ECT0],
    [6, NONE],
    [7, ECT0],
  ])("s3.2.2.1, s3.2.2.4: the ACK of our SYN,ACK has %i: text has ECN field %i, and feedback goes on", (fed, expected) => {
    const x = accepted({ ace: fed });
    expect(speaks(x)).toEqual({ field: expected, ace: 5 });
    x.inject({ seq: 1, ack: 1, ace: 5, text: 10, trafficClass: CE });
    expect(x.take().map(ace)).toEqual([6]);
  });

  test("s3.2.2: every valid segment with CE counts, with text or without, new or again; what is not valid does not (9768-10, 9768-11)", () => {
    const x = accepted();
    const told: number[] = [];
    const step = (more: Partial<Injection>): void => {
      x.inject({ seq: 1, ack: 1, ace: 5, ...more });
      x.write(1);
      told.push(ace(x.take().at(-1)!));
    };
    x.tcp.configure(x.handle, { noDelay: true }, x.now);
    step({ text: 10, trafficClass: CE });
    step({ seq: 11, trafficClass: CE });
    step({ seq: 6, text: 10, trafficClass: CE });
    step({ seq: 6, text: 5, trafficClass: CE }); // all of it is old: not acceptable
    step({ seq: 500_000, text: 10, trafficClass: CE });
    step({ seq: 16, text: 10, trafficClass: ECT0 });
    step({ seq: 16, text: 10, trafficClass: CE }); // the last one again
    expect(told).toEqual([6, 7, 0, 0, 0, 0, 1]);
  });

  test("s3.2.2.5.1: a change of the ECN field is told at once (9768-10)", () => {
    const x = accepted({}, { quickAcks: 0 });
    const said: string[] = [];
    for (const [n, trafficClass] of [ECT0, ECT0, CE, CE, ECT0].entries()) {
      x.inject({ seq: 1 + 10 * n, ack: 1, ace: 5, text: 10, trafficClass });
      said.push(
        x
          .take()
          .map((s) => `${s.ack - 1} ${ace(s)} ${s.why}`)
          .join(),
      );
    }
    expect(said).toEqual(["10 5 tx.ack_mark_changed", "", "30 6 tx.ack_mark_changed", "", "50 7 tx.ack_mark_changed"]);
  });

  test.each([
    ["rfc", rfc, 2],
    ["linux", linux, 6],
  ] as const)(
    "s3.2.2.5.1: with profile %s marks on text do not wait beyond the limit; on what has no text six may",
    (_name, profile, most) => {
      const policy = { ...profile.tcp, ...ACCURATE, quickAcks: 0, ackEverySecondSegment: false };
      const x = accepted({}, policy);
      x.inject({ seq: 1, ack: 1, ace: 5, text: 500, trafficClass: CE });
      expect(x.take().length).toBe(1);
      for (let n = 1; n < most; n++) x.inject({ seq: 500 + n, ack: 1, ace: 5, text: 1, trafficClass: CE });
      expect(x.take()).toEqual([]);
      x.inject({ seq: 500 + most, ack: 1, ace: 5, text: 1, trafficClass: CE });
      expect(x.take().map(ace)).toEqual([(5 + 1 + most) & 7]);
      for (let n = 0; n < 5; n++) x.inject({ seq: 501 + most, ack: 1, ace: 5, trafficClass: CE });
      expect(x.take()).toEqual([]);
      x.inject({ seq: 501 + most, ack: 1, ace: 5, trafficClass: CE });
      expect(x.take().length).toBe(1);
    },
  );

  test("s3.1.5: CWR and ECE mean nothing by themselves: no CWR is sent, none is heard (9768-07)", () => {
    const x = accepted();
    x.write(20 * MSS);
    x.take();
    x.inject({ seq: 1, ack: 1 + 2 * MSS, ace: 6 });
    const window = x.tcb.cc.window();
    expect(window).toBeLessThan(10 * MSS);
    for (let n = 3; n <= 10; n++) x.inject({ seq: 1, ack: 1 + n * MSS, ace: 6 }); // the counter stays: nothing new
    expect(x.tcb.cc.window()).toBeGreaterThanOrEqual(window);
    expect(
      x
        .take()
        .map(ace)
        .filter((value) => value !== 5),
    ).toEqual([]);
  });

  test("s3.2.2.5.2: an ACK that was overtaken says nothing; one with a newer timestamp does", () => {
    const stamped = new Exchange({ memory, policy: ACCURATE });
    stamped.listen();
    stamped.inject({ ...syn, ts: [100, 0] });
    const echo = stamped.take()[0]!.tsVal!;
    stamped.inject({ seq: 1, ack: 1, ace: 2, ts: [101, echo] });
    stamped.inject({ seq: 1, ack: 1, ace: 7, ts: [101, echo] });
    expect(stamped.tcb.deliveredMarked).toBe(0);
    stamped.inject({ seq: 1, ack: 1, ace: 7, ts: [102, echo] });
    expect(stamped.tcb.deliveredMarked).toBe(2);
  });
});

describe("s3.2.2.5.2 and appendix A: what a field of three bits may stand for (9768-12)", () => {
  /** So many segments of 100 octets in flight; what the ACK of all of them makes of `ace` and counters. */
  function told(count: number, fed: number, counters: readonly number[] | null, sack = true): number {
    const x = accepted({ counters: [0, 0, 0] }, { initialWindow: "rfc6928", accurateOption: "off" }, { mss: 100, sackPermitted: sack });
    x.tcb.cc.adopt(100 * 100, 100 * 100);
    x.write(100); // an ACK for a single segment: they are not thinned out
    x.inject({ seq: 1, ack: 101, ace: 5, ...(counters === null ? {} : { counters: [0, 0, 100] }) });
    x.write(count * 100);
    x.inject({ seq: 1, ack: 101 + count * 100, ace: fed, ...(counters === null ? {} : { counters }) });
    return x.tcb.deliveredMarked;
  }

  test.each([
    // As many as the field can tell: no doubt.
    [7, 5, null, 0],
    [7, 4, null, 7],
    // More segments than that, and no option: the most that it can be.
    [10, 5, null, 8],
    [10, 6, null, 9],
    [10, 7, null, 10],
    [20, 7, null, 18],
    // The option says that nothing was marked, or how many octets were.
    [10, 5, [0, 0, 1_100], 0],
    [10, 6, [0, 900, 200], 9],
    [10, 6, [0, 100, 1_000], 1],
    [24, 6, [0, 900, 1_600], 9],
    [24, 6, [0, 2_400, 100], 17],
  ])("%i segments, ACE %i, counters %j: %i were marked", (count, fed, counters, expected) => {
    expect(told(count, fed, counters)).toBe(expected);
  });

  test("ACKs that are always thinned out are no sign that the field has wrapped", () => {
    const x = accepted({}, { accurateOption: "off" }, { mss: 100 });
    x.tcb.cc.adopt(100 * 100, 100 * 100);
    for (let n = 1; n <= 3; n++) {
      x.write(1_000);
      x.inject({ seq: 1, ack: 1 + n * 1_000, ace: 6 });
    }
    expect(x.tcb.deliveredMarked).toBe(1);
  });

  test("whatever is marked, the sender never believes in less than that less what a wrap hides, and never in more than arrived (property)", () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.boolean(), { minLength: 1, maxLength: 7 }), { minLength: 1, maxLength: 30 }), (acks) => {
        const x = accepted({}, { accurateOption: "off", windowValidation: "none" }, { mss: 100 });
        let marks = 0;
        let octets = 0;
        for (const marked of acks) {
          x.tcb.cc.adopt(100 * 100, 100 * 100);
          x.write(marked.length * 100);
          x.advance(400 * MS);
          octets += marked.length * 100;
          marks += marked.filter(Boolean).length;
          x.inject({ seq: 1, ack: 1 + octets, ace: (5 + marks) & 7 });
          expect(x.tcb.deliveredMarked).toBe(marks);
        }
        x.tcp.closeAll(x.now);
      }),
      { numRuns: 30 },
    );
  });
});

describe("s3.2.3: the option", () => {
  const octetsOf = (counters: readonly number[], order: boolean): number[] => {
    const seg = new Segment();
    seg.counterCount = counters.length;
    const fields = order ? [ECT1, CE, ECT0] : [ECT0, CE, ECT1];
    const octets = [order ? 174 : 172, 2 + 3 * counters.length];
    for (const [i, count] of counters.entries()) {
      const value = (count + (fields[i] === CE ? 0 : 1)) & 0xff_ffff;
      octets.push(value >>> 16, (value >>> 8) & 0xff, value & 0xff);
    }
    return octets;
  };

  test("s3.2.3: lengths 2, 5, 8 and 11 of either kind are read, others are skipped; what is written is read again (9768-13, property)", () => {
    const view = new DataView(new ArrayBuffer(128));
    const count = fc.integer({ min: 0, max: 0xff_ffff });
    fc.assert(
      fc.property(
        fc.array(count, { maxLength: 3 }),
        fc.boolean(),
        fc.integer({ min: 0, max: 3 }),
        fc.boolean(),
        (counters, order, blocks, stamped) => {
          const octets = octetsOf(counters, order);
          for (let i = 0; i < octets.length; i++) view.setUint8(20 + i, octets[i]!);
          const end = 20 + ((octets.length + 3) & ~3);
          for (let i = 20 + octets.length; i < end; i++) view.setUint8(i, 1);
          view.setUint16(12, (end << 10) | 0x10);
          const seg = new Segment();
          parseSegment(seg, view, 0, end);
          expect([seg.counterCount, seg.counterOrder]).toEqual([counters.length, order]);
          for (const [i, field_] of (order ? [ECT1, CE, ECT0] : [ECT0, CE, ECT1]).slice(0, counters.length).entries())
            expect(seg.counters[field_]).toBe(counters[i]);
          seg.hasTimestamp = stamped;
          seg.sackCount = stamped ? Math.min(blocks, 1) : blocks;
          const length = writeSegment(view, 0, seg, OptionStyle.Linux);
          const again = new Segment();
          parseSegment(again, view, 0, length);
          expect([again.counterCount, again.counterOrder, again.sackCount]).toEqual([counters.length, true, seg.sackCount]);
          const shared = [ECT1, CE, ECT0].slice(0, counters.length);
          expect(shared.map((f) => again.counters[f])).toEqual(shared.map((f) => seg.counters[f]));
        },
      ),
    );
    for (const length of [3, 4, 6, 7, 9, 10, 12]) {
      view.setUint8(20, 174);
      view.setUint8(21, length);
      for (let i = 22; i < 40; i++) view.setUint8(i, 1);
      view.setUint16(12, (40 << 10) | 0x10);
      const seg = new Segment();
      parseSegment(seg, view, 0, 40);
      expect(seg.counterCount).toBe(-1);
    }
  });

  test("s3.2.3.3: due: what is new is told twice, and then by the beacon only; three counters where they have room (9768-14)", () => {
    const x = accepted({ counters: [0, 0, 0] }, { quickAcks: 1_000, accurateBeacon: 0 });
    const said: (number[] | null)[] = [];
    for (const [n, trafficClass] of [ECT0, ECT0, ECT0, CE, CE, CE, ECT1, ECT1, ECT1].entries()) {
      x.inject({ seq: 1 + 10 * n, ack: 1, ace: 5, text: 10, trafficClass, counters: [0, 0, 0] });
      said.push(...x.take().map((s) => s.counters));
    }
    expect(said).toEqual([[0, 0, 10], [0, 0, 20], null, [0, 10, 30], [0, 20, 30], [0, 30, 30], [10, 30, 30], [20, 30, 30], null]);
  });

  test("s3.2.3.3: a beacon goes so many times a round trip, and after 2^22 octets in any case", () => {
    const x = accepted({ counters: [0, 0, 0] }, { quickAcks: 1_000, accurateBeacon: 2 });
    const step = (n: number): number[] | null => {
      x.inject({ seq: 1 + 10 * n, ack: 1, ace: 5, text: 10, trafficClass: ECT0, counters: [0, 0, 0] });
      return x.take()[0]!.counters;
    };
    expect([step(0), step(1)].map((c) => c !== null)).toEqual([true, true]);
    x.tcb.srtt = 100 * MS;
    expect(step(2)).toBe(null);
    x.advance(50 * MS);
    expect(step(3)).not.toBe(null);
    x.advance(49 * MS);
    expect(step(4)).toBe(null);
    x.tcb.accurate!.octets[ECT0] = 2 ** 22 - 5;
    expect(step(5)).not.toBe(null);
    expect(step(6)).toBe(null);
  });

  test("s3.2.3.2: not before the peer has shown that it knows it, and never where policy says so", () => {
    const text: Injection = { seq: 1, ack: 1, ace: 5, text: 10, trafficClass: ECT0 };
    const none = accepted();
    none.inject(text);
    expect(none.take().map((s) => s.counters)).toEqual([null]);
    const off = accepted({ counters: [0, 0, 0] }, { accurateOption: "off" });
    off.inject({ ...text, counters: [0, 0, 0] });
    expect(off.take().map((s) => s.counters)).toEqual([null]);
    expect(answered({}, { accurateOption: "off" }).synAck.counters).toBe(null);
    const always = accepted({ counters: [0, 0, 0] }, { accurateOption: "always" });
    always.write(3 * (MSS - 12));
    // The option takes its room from the text (MUST-16).
    expect(always.take().map((s) => [s.length, s.counters])).toEqual([
      [MSS - 12, [0, 0, 0]],
      [MSS - 12, [0, 0, 0]],
      [MSS - 12, [0, 0, 0]],
    ]);
  });

  test("s3.2.3.1: a client puts it on the ACK of a SYN,ACK that had it", () => {
    expect(
      opened({ counters: [0, 0, 0] })
        .take()
        .map((s) => [ace(s), s.counters]),
    ).toEqual([[2, [0, 0, 0]]]);
    expect(
      opened()
        .take()
        .map((s) => [ace(s), s.counters]),
    ).toEqual([[2, null]]);
  });

  test("s3.2.3.2.1: counters that begin with zero have been written over: they are not believed", () => {
    const x = accepted({ options: [174, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1] });
    x.write(5 * MSS);
    x.inject({ seq: 1, ack: 1 + 5 * MSS, ace: 5, counters: [0, 5_000, 0] });
    expect([...x.tcb.accurate!.delivered]).toEqual([0, 0, 0, 0]);
  });

  test("s3.2.3: counters wrap at 2^24; one that goes back is put right (9768-13)", () => {
    const x = accepted({ counters: [0, 0, 0] });
    const { delivered } = x.tcb.accurate!;
    const say = (n: number, counters: readonly number[]): number[] => {
      x.write(100);
      x.inject({ seq: 1, ack: 1 + n * 100, ace: 5, counters });
      return [...delivered];
    };
    expect(say(1, [0, 0, 0x7f_ff00])).toEqual([0, 0, 0x7f_ff00, 0]);
    expect(say(2, [0, 0, 0xff_fe00])).toEqual([0, 0, 0xff_fe00, 0]);
    expect(say(3, [0, 0, 0x00_0010])).toEqual([0, 0, 0x100_0010, 0]);
    expect(say(4, [0, 0, 0x00_0000])).toEqual([0, 0, 0x100_0000, 0]);
  });

  test("s3.2.3: where there is no option, what is delivered counts for the field that grew last", () => {
    const x = accepted({ counters: [0, 0, 0] });
    x.write(300);
    x.inject({ seq: 1, ack: 101, ace: 5, counters: [0, 0, 100] });
    x.inject({ seq: 1, ack: 301, ace: 5 });
    expect([...x.tcb.accurate!.delivered]).toEqual([0, 0, 300, 0]);
  });

  test("s3.2.3.3: SACK blocks go first, the newest counters are not forgotten for the third of them (9768-15)", () => {
    const x = new Exchange({ memory, policy: { ...ACCURATE, accurateOption: "always" } });
    x.listen();
    x.inject({ ...syn, sackPermitted: true, ts: [1, 0] });
    const echo = x.take()[0]!.tsVal!;
    x.inject({ seq: 1, ack: 1, ace: 2, counters: [0, 0, 0], ts: [2, echo] });
    x.take();
    const said: unknown[] = [];
    for (const n of [1, 3, 5, 7]) {
      x.inject({ seq: 1 + 10 * n, ack: 1, ace: 5, text: 10, trafficClass: n === 7 ? CE : NONE, ts: [2 + n, echo] });
      said.push(...x.take().map((s) => [s.sack.length / 2, s.counters, s.header.length]));
    }
    expect(said).toEqual([
      [1, [0, 0, 0], 56],
      [2, [0, 0], 60],
      [3, [], 60],
      [2, [0, 10], 60],
    ]);
    // A duplicate is reported beside it (RFC 2883).
    x.inject({ seq: 11, ack: 1, ace: 5, text: 10, ts: [20, echo] });
    expect(x.take().map((s) => s.sack.slice(0, 2))).toEqual([[11, 21]]);
  });

  test("s3.2.3.2.2: who sends the same again, although the option said that it was here, does not get it: no more options", () => {
    for (const [accurateOption, expected] of [
      ["always", [true, true, false]],
      ["persist", [true, true, true]],
    ] as const) {
      const x = accepted({ counters: [0, 0, 0] }, { accurateOption, quickAcks: 1_000 }, { sackPermitted: true });
      const said: boolean[] = [];
      for (let n = 0; n < 3; n++) {
        x.inject({ seq: 1, ack: 1, ace: 5, text: 10, trafficClass: ECT0, counters: [0, 0, 0] });
        said.push(...x.take().map((s) => s.counters !== null));
      }
      expect(said).toEqual(expected);
    }
  });

  test("s3.2.3: without an option for 2^23 octets it is too late to begin", () => {
    const x = accepted();
    x.tcb.octetsSent = 2 ** 23;
    x.write(100);
    x.inject({ seq: 1, ack: 101, ace: 5 });
    x.write(100);
    x.inject({ seq: 1, ack: 201, ace: 5, counters: [0, 0, 200] });
    expect([...x.tcb.accurate!.delivered]).toEqual([0, 0, 0, 0]);
  });
});

describe("what is done with it", () => {
  test("marks that are told halve the window once for a window of data; DCTCP takes their share (RFC 8257 s3.3)", () => {
    const reno = accepted();
    reno.write(60 * MSS);
    reno.inject({ seq: 1, ack: 1 + MSS, ace: 6 });
    expect(reno.tcb.cc.window()).toBe(5 * MSS);
    reno.inject({ seq: 1, ack: 1 + 2 * MSS, ace: 7 });
    expect(reno.tcb.cc.window()).toBe(5 * MSS);

    const dctcp = accepted({ counters: [0, 0, 0] }, { congestionControl: "dctcp" });
    dctcp.write(60 * MSS);
    const seen: number[] = [];
    for (let n = 1; n <= 30; n++) {
      dctcp.inject({ seq: 1, ack: 1 + n * MSS, ace: 5 + (n > 20 ? 1 : 0), counters: [0, n > 20 ? MSS : 0, (n - (n > 20 ? 1 : 0)) * MSS] });
      seen.push(dctcp.tcb.cc.inspect!()["alpha"] as number);
    }
    expect(seen[0]).toBeLessThan(1);
    expect(seen.at(-1)!).toBeLessThan(seen[0]!);
  });

  test.each([
    [true, ECT0],
    [false, NONE],
  ])("RFC 8311 s4.3: with ectEverywhere %s an ACK, and what is sent again, has ECN field %i", (ectEverywhere, expected) => {
    const x = accepted({}, { ectEverywhere });
    x.inject({ seq: 1, ack: 1, ace: 5, text: 10, trafficClass: ECT0 });
    x.write(MSS);
    x.take();
    x.inject({ seq: 11, ack: 1, ace: 5, text: 10, trafficClass: CE });
    expect(x.take().map(field)).toEqual([expected]);
    x.advance(1_000 * MS);
    expect(
      x
        .take()
        .filter(({ length }) => length > 0)
        .map(field)[0],
    ).toBe(expected);
  });

  test("a link that cuts segments would clear CWR on all but the first: those with that bit in the field leave one by one", () => {
    const x = accepted();
    x.network.gso = 60_000;
    x.tcb.gso = 60_000;
    x.write(4 * MSS);
    expect(x.take().map((s) => s.length)).toEqual([4 * MSS]);
    x.inject({ seq: 1, ack: 1 + 4 * MSS, ace: 5, text: 10, trafficClass: CE });
    x.take();
    x.write(3 * MSS);
    expect(x.take().map((s) => s.length)).toEqual([MSS, MSS, MSS]);
  });

  test("an idle connection keeps its counters as a row, and one that is only half open how its SYN came", () => {
    const x = accepted({ counters: [0, 0, 0] });
    x.inject({ seq: 1, ack: 1, ace: 5, text: 10, trafficClass: CE, counters: [0, 0, 0] });
    x.write(10);
    x.inject({ seq: 11, ack: 11, ace: 6, counters: [0, 10, 0] });
    x.tcp.receive(x.handle, new Uint8Array(100), 0, 100, x.now);
    x.turn();
    x.advance(3_000 * MS);
    expect(x.tcp.summary()).toMatchObject({ live: 0, frozen: 1 });
    x.take();
    x.inject({ seq: 11, ack: 11, ace: 6, text: 5, trafficClass: ECT0, counters: [0, 10, 0] });
    expect(x.take().map((s) => [ace(s), s.counters])).toEqual([[6, [0, 10, 5]]]);
    expect([x.tcb.deliveredMarked, ...x.tcb.accurate!.delivered]).toEqual([1, 0, 0, 0, 10]);

    const { x: half } = answered({ trafficClass: CE });
    half.advance(500 * MS);
    half.inject({ seq: 1, ack: 1, ace: 2 });
    half.take();
    expect(speaks(half)).toEqual({ field: ECT0, ace: 5 });
  });

  test("a reset says it too; one that answers takes its number from the segment, and nothing else", () => {
    const x = accepted();
    x.tcp.abort(x.handle, x.now);
    x.turn();
    expect(x.take().map((s) => [s.flags.includes("R"), ace(s)])).toEqual([[true, 5]]);
  });
});
