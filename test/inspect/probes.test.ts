import { describe, expect, test } from "vitest";
import { attachProbe, fanOut } from "../../src/inspect/probes.js";
import type { Probe } from "../../src/stack/probe.js";
import { segment, tcb } from "./playing.js";

describe("several probes in one slot", () => {
  test("none, one, many: one is itself", () => {
    const one: Probe = { sendLimited: () => {} };
    expect(fanOut([])).toBeNull();
    expect(fanOut([one])).toBe(one);
  });

  test("each is told, in order, with all arguments and its own `this`; absent hooks stay absent", () => {
    const told: unknown[] = [];
    class Counter {
      #count = 0;
      segmentSent(...all: unknown[]): void {
        this.#count += 1;
        told.push(this.#count, all.slice(0, 5));
      }
    }
    const both = fanOut([{ segmentSent: (...all) => void told.push("first", all.slice(0, 5)) }, new Counter(), { sendLimited: () => {} }])!;
    const connection = tcb();
    const seg = segment({});
    both.segmentSent!(connection, seg, 1, 2, 3);
    expect(told).toEqual(["first", [connection, seg, 1, 2, 3], 1, [connection, seg, 1, 2, 3]]);
    expect(both.segmentReceived).toBeUndefined();
    expect(both.sendLimited).toBeDefined();
  });

  test("probes come and go", () => {
    const stack: { probe: Probe | null } = { probe: null };
    const a: Probe = { sendLimited: () => {} };
    const b: Probe = { sendLimited: () => {} };
    const removeA = attachProbe(stack, a);
    expect(stack.probe).toBe(a);
    const removeB = attachProbe(stack, b);
    expect(stack.probe).not.toBe(a);
    removeA();
    expect(stack.probe).toBe(b);
    removeA();
    removeB();
    expect(stack.probe).toBeNull();
  });

  test("a slot that was filled by hand keeps what was in it", () => {
    let told = 0;
    const stack: { probe: Probe | null } = { probe: { sendLimited: () => void told++ } };
    const remove = attachProbe(stack, { sendLimited: () => void told++ });
    stack.probe!.sendLimited!(tcb(), 1, 1, 1);
    expect(told).toBe(2);
    remove();
    stack.probe!.sendLimited!(tcb(), 1, 1, 1);
    expect(told).toBe(3);
  });
});
