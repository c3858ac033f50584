import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { seq } from "../../src/base/seq.js";
import { ALL_KINDS } from "../../src/inspect/event.js";
import { Recorder } from "../../src/inspect/recorder.js";
import { traceProbe } from "../../src/inspect/trace.js";
import { arpFrame } from "./frames.js";
import { datagram, device, load, play, segment, tcb } from "./playing.js";

const EVERYTHING = { kinds: ALL_KINDS, timers: "all" } as const;

describe("flight recorder", () => {
  test("what it dumps is what the trace would have printed", () => {
    const lines: string[] = [];
    const trace = traceProbe((line) => lines.push(line), { kinds: ALL_KINDS });
    const recorder = new Recorder(4_096, EVERYTHING);
    for (const probe of [trace, recorder.probe]) {
      probe.frameSent?.(device(), load(arpFrame(1, 1, 2)), 260, 1, 0);
      play(probe, tcb(1));
      play(probe, tcb(2));
    }
    expect(recorder.dump()).toEqual(lines);
  });

  test("unless asked for, it keeps no samples, and of timers only that they expired", () => {
    const recorder = new Recorder();
    play(recorder.probe);
    const all = new Recorder(4_096, EVERYTHING);
    play(all.probe);
    const isKept = (line: string): boolean => !/ rtt | timer .* (in \d|cancelled)/.test(line);
    const text = (lines: readonly string[]): string[] => lines.map((line) => line.replace(/^ *[\d.]+ +(\+\d+)?/, ""));
    expect(text(recorder.dump())).toEqual(text(all.dump().filter(isKept)));
    expect(recorder.recorded).toBeLessThan(all.recorded);
    expect(recorder.dump().some((line) => line.includes("timer rto expired"))).toBe(true);
  });

  test("segments of every shape come back as they were told, beside what lay in the slot before", () => {
    const shape = fc.record({
      state: fc.constantFrom(2, 3, 4, 10),
      flags: fc.integer({ min: 0, max: 0x1ff }),
      numbers: fc.array(fc.integer(), { minLength: 4, maxLength: 4 }),
      wnd: fc.integer({ min: 0, max: 65_535 }),
      scale: fc.integer({ min: 0, max: 14 }),
      options: fc.record(
        {
          mss: fc.integer({ min: 0, max: 65_535 }),
          windowScale: fc.integer({ min: -1, max: 14 }),
          sackPermitted: fc.boolean(),
          hasTimestamp: fc.constant(true),
          up: fc.integer({ min: 0, max: 65_535 }),
          sackCount: fc.integer({ min: 1, max: 4 }),
          counterCount: fc.integer({ min: 0, max: 3 }),
        },
        { requiredKeys: [] },
      ),
      what: fc.constantFrom("segmentSent", "segmentReceived", "segmentDropped"),
      known: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(shape, { maxLength: 12 }), (shapes) => {
        const lines: string[] = [];
        const trace = traceProbe((line) => lines.push(line), { timestamps: true });
        // Three slots: each is used again, by segments of another shape.
        const recorder = new Recorder(3, EVERYTHING);
        shapes.forEach(({ state, flags, numbers, wnd, scale, options, what, known }, i) => {
          const seg = segment({ flags, seq: seq(numbers[0]!), ack: seq(numbers[1]!), wnd, len: 2, ...options });
          if (seg.hasTimestamp) Object.assign(seg, { tsVal: numbers[2]!, tsEcr: numbers[3]! });
          seg.sack.set(numbers);
          const connection = known ? Object.assign(tcb(), { state, irs: seq(numbers[3]!), snd: { ...tcb().snd, scale } }) : null;
          for (const probe of [trace, recorder.probe]) {
            if (what === "segmentSent") probe.segmentSent?.(connection, seg, 20, i, i);
            else if (what === "segmentReceived") probe.segmentReceived?.(connection, seg, datagram(), i, i);
            else probe.segmentDropped?.(connection, seg, 80, i, i);
          }
        });
        // The first line of a connection tells who it is, and the times between lines depend on those before.
        const told = (all: readonly string[]): string[] =>
          all.filter((line) => /^ *\d/.test(line)).map((line) => line.replace(/ \+\d+ | c\d+ /g, " ").replace(/ +/g, " "));
        expect(told(recorder.dump({ timestamps: true }))).toEqual(told(lines).slice(-3));
      }),
    );
  });

  test("it holds the last so many", () => {
    const all = new Recorder();
    const last = new Recorder(5);
    play(all.probe);
    play(last.probe);
    expect(last.recorded).toBe(all.recorded);
    const tail = (recorder: Recorder): string[] =>
      recorder
        .dump()
        .slice(-4)
        .map((line) => line.slice(30));
    expect(tail(last)).toEqual(tail(all));
    let held = 0;
    last.each(() => held++);
    expect(held).toBe(5);
    last.clear();
    expect(last.dump()).toEqual([]);
  });

  test("by connection, and since when", () => {
    const recorder = new Recorder();
    play(recorder.probe, tcb(1));
    play(recorder.probe, tcb(2));
    const half = recorder.dump({ handle: 2 });
    expect(half).toEqual(recorder.dump({ handle: 1 }));
    expect(recorder.dump({ handle: 2, since: 1_071_000 }).length).toBeLessThan(half.length);
    expect(recorder.dump({ handle: 3 })).toEqual([]);
  });

  test("a capacity that cannot be is refused", () => {
    expect(() => new Recorder(0)).toThrow(/capacity 0/);
  });
});
