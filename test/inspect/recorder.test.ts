import { describe, expect, test } from "vitest";
import { ALL_KINDS } from "../../src/inspect/event.js";
import { Recorder } from "../../src/inspect/recorder.js";
import { traceProbe } from "../../src/inspect/trace.js";
import { arpFrame } from "./frames.js";
import { device, load, play, tcb } from "./playing.js";

describe("flight recorder", () => {
  test("what it dumps is what the trace would have printed", () => {
    const lines: string[] = [];
    const trace = traceProbe((line) => lines.push(line), { kinds: ALL_KINDS });
    const recorder = new Recorder();
    for (const probe of [trace, recorder.probe]) {
      probe.frameSent?.(device(), load(arpFrame(1, 1, 2)), 260, 1, 0);
      play(probe, tcb(1));
      play(probe, tcb(2));
    }
    expect(recorder.dump()).toEqual(lines);
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
