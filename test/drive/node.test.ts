import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { NEVER } from "../../src/base/environment.js";
import { monotonicMicros } from "../../src/drive/clock.js";
import { NodeDrive } from "../../src/drive/node.js";
import { asStack, fakeLink, fakeStack } from "./fake-stack.js";

/** The loop's immediates. The fake timers' own let time pass between one and the next. */
const immediates = new Map<object, () => void>();

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "hrtime"] });
  vi.stubGlobal("setImmediate", (callback: () => void) => {
    const immediate = { ref: () => immediate, unref: () => immediate };
    immediates.set(immediate, callback);
    return immediate;
  });
  vi.stubGlobal("clearImmediate", (immediate: object) => immediates.delete(immediate));
});
afterEach(() => {
  expect(immediates.size).toBe(0);
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

/** Lets the loop go round without time passing, until it would sleep. */
const loop = (): void => {
  while (immediates.size > 0) {
    for (const [immediate, callback] of [...immediates]) {
      if (!immediates.delete(immediate)) continue;
      callback();
    }
  }
};

/** Lets time pass. */
const pass = (milliseconds: number): void => {
  loop();
  for (let left = milliseconds; left > 0; ) {
    const step = Math.min(left, milliseconds > 10_000 ? left : 1);
    vi.advanceTimersByTime(step);
    left -= step;
    loop();
  }
};

const started = (options?: ConstructorParameters<typeof NodeDrive>[1]) => {
  const stack = fakeStack();
  const link = fakeLink("a");
  stack.devices.push({ link, attached: true });
  const drive = new NodeDrive(asStack(stack), options);
  drive.start();
  loop();
  stack.diary.length = 0;
  drive.turns = 0;
  return { stack, link, drive };
};

describe("turns", () => {
  test("a readable link wakes the drive, once for all it said", () => {
    const { stack, link, drive } = started();
    stack.waiting = 3;
    link.onReadable?.();
    link.onReadable?.();
    expect(stack.diary).toEqual([]);
    loop();
    expect(stack.diary).toEqual(["pull 3", "flush"]);
    expect(drive.turns).toBe(1);
    expect(drive.frames).toBe(3);
    drive.stop();
  });

  test("a bounded drain, then the loop's other callbacks, then the rest", () => {
    const { stack, link, drive } = started();
    stack.waiting = 1300;
    link.onReadable?.();
    setImmediate(() => stack.diary.push("somebody else"));
    loop();
    expect(stack.diary.filter((line) => line !== "flush")).toEqual(["pull 512", "somebody else", "pull 512", "pull 276"]);
    drive.stop();
  });

  test("after a stall the frames that wait come before the timers", () => {
    const { stack, link, drive } = started();
    stack.waiting = 1100;
    stack.deadline = monotonicMicros() - 5_000_000;
    link.onReadable?.();
    loop();
    expect(stack.diary.filter((line) => line !== "flush")).toEqual(["pull 512", "pull 512", "pull 76", "expire"]);
    drive.stop();
  });

  test("an endless flood does not put the timers off for ever", () => {
    const { stack, link, drive } = started();
    stack.waiting = 512 * 40;
    stack.deadline = monotonicMicros();
    link.onReadable?.();
    loop();
    expect(stack.diary.indexOf("expire")).toBeGreaterThan(0);
    expect(stack.diary.slice(0, stack.diary.indexOf("expire")).filter((line) => line === "pull 512")).toHaveLength(17);
    drive.stop();
  });

  test("work left outside a turn asks for one; work left by an event leaves with the turn it was heard in", () => {
    const { stack, drive } = started();
    stack.onWork?.();
    loop();
    expect(stack.diary).toEqual(["flush"]);
    stack.diary.length = 0;
    let replies = 1;
    stack.onDeliver = () => {
      if (replies-- > 0) stack.onWork?.();
    };
    stack.onWork?.();
    loop();
    expect(stack.diary).toEqual(["flush", "flush"]);
    expect(drive.turns).toBe(2);
    drive.stop();
  });

  test("an application's exception is its own: it surfaces, and the next turn goes on", () => {
    const { stack, drive } = started();
    let thrown = false;
    let delivered = 0;
    stack.onDeliver = () => {
      delivered += 1;
      if (thrown) return;
      thrown = true;
      throw new Error("from the application");
    };
    stack.onWork?.();
    expect(loop).toThrow("from the application");
    loop();
    expect(delivered).toBe(2);
    stack.deadline = drive.now() + 3000;
    stack.onWork?.();
    pass(5);
    expect(stack.diary).toContain("expire");
    drive.stop();
  });
});

describe("deadlines", () => {
  test("the timer fires at the deadline, not before and not twice", () => {
    const { stack, drive } = started();
    stack.deadline = drive.now() + 40_000;
    stack.onWork?.();
    loop();
    pass(39);
    expect(stack.diary).not.toContain("expire");
    pass(1);
    expect(stack.diary.filter((line) => line === "expire")).toHaveLength(1);
    const { turns } = drive;
    pass(100_000);
    expect(drive.turns - turns).toBeLessThanOrEqual(1);
    drive.stop();
  });

  test("a deadline that comes nearer is met; one that moves away costs one idle turn", () => {
    const { stack, drive } = started();
    const begin = drive.now();
    stack.deadline = begin + 500_000;
    stack.onWork?.();
    loop();
    stack.deadline = begin + 20_000;
    stack.onWork?.();
    loop();
    stack.deadline = begin + 900_000;
    stack.onWork?.();
    loop();
    const { turns } = drive;
    pass(899);
    expect(stack.diary).not.toContain("expire");
    expect(drive.turns - turns).toBeLessThanOrEqual(2);
    pass(2);
    expect(stack.diary).toContain("expire");
    drive.stop();
  });

  test("a deadline beyond what setTimeout takes is waited for in pieces, not fired at once", () => {
    const { stack, drive } = started();
    stack.deadline = drive.now() + (2 ** 31 + 5000) * 1000;
    stack.onWork?.();
    loop();
    const { turns } = drive;
    pass(2 ** 31 - 2);
    expect(drive.turns - turns).toBe(0);
    pass(5010);
    expect(stack.diary).toContain("expire");
    expect(drive.turns - turns).toBeLessThanOrEqual(4);
    drive.stop();
  });

  test("below a millisecond: late by at most one, without a busy loop", () => {
    const { stack, drive } = started();
    stack.deadline = drive.now() + 50;
    stack.onWork?.();
    loop();
    pass(1);
    expect(stack.diary).toContain("expire");
    expect(drive.turns).toBeLessThan(70);
    drive.stop();
  });

  test("a deadline that stays in the past is soon asked for once a millisecond only", () => {
    const { stack, drive } = started();
    stack.nextTimeout = () => 0;
    stack.onWork?.();
    pass(100);
    expect(drive.turns).toBeLessThanOrEqual(70 + 100);
    drive.stop();
  });

  test("with no packet left for waiting frames it looks again soon", () => {
    const { stack, link, drive } = started();
    stack.memory.packets.available = 0;
    link.onReadable?.();
    loop();
    stack.waiting = 5;
    stack.memory.packets.available = 9;
    pass(2);
    expect(stack.diary).toContain("pull 5");
    drive.stop();
  });
});

test("adaptive: turns go on for a while after the last frame, then it sleeps", () => {
  const { stack, link, drive } = started({ busy: "adaptive" });
  stack.waiting = 1;
  drive.turns = 0;
  link.onReadable?.();
  loop();
  expect(drive.turns).toBeGreaterThan(40);
  expect(drive.turns).toBeLessThan(60);
  const { turns } = drive;
  stack.deadline = NEVER;
  pass(1000);
  expect(drive.turns).toBe(turns);
  drive.stop();
});

describe("links and life", () => {
  test("devices that come and go are heard, and no longer heard", () => {
    const { stack, link, drive } = started();
    const second = fakeLink("b");
    stack.devices.push({ link: second, attached: true });
    stack.onWork?.();
    loop();
    expect(second.onReadable).not.toBeNull();
    stack.devices[0]!.attached = false;
    stack.onWork?.();
    loop();
    expect(link.onReadable).toBeNull();
    expect(second.onReadable).not.toBeNull();
    drive.stop();
    expect(second.onReadable).toBeNull();
  });

  test("a link that breaks is reported; without a listener the error is thrown", () => {
    const errors: string[] = [];
    const heard = started({ onLinkError: (link, error) => errors.push(`${link.name} ${error.message}`) });
    heard.link.onError?.(new Error("gone"));
    expect(errors).toEqual([]);
    loop();
    expect(heard.stack.diary).toContain("remove");
    expect(errors).toEqual(["a gone"]);
    heard.drive.stop();
    const unheard = started();
    unheard.link.onError?.(new Error("gone"));
    expect(loop).toThrow("gone");
    unheard.drive.stop();
  });

  test("what an application threw reaches the process, each of it, once the turn is over", () => {
    const { stack, drive } = started();
    const ticks: (() => void)[] = [];
    const nextTick = vi.spyOn(process, "nextTick").mockImplementation((callback) => void ticks.push(callback as () => void));
    for (const name of ["first", "second"]) stack.onApplicationError?.(new Error(name));
    nextTick.mockRestore();
    expect(ticks).toHaveLength(2);
    expect(() => ticks[0]!()).toThrow("first");
    expect(() => ticks[1]!()).toThrow("second");
    drive.stop();
    expect(stack.onApplicationError).toBeNull();
  });

  test("stop leaves nothing behind, also from within a callback", () => {
    const { stack, link, drive } = started();
    stack.onDeliver = () => drive.stop();
    stack.onWork?.();
    loop();
    expect(stack.onWork).toBeNull();
    expect(link.onReadable).toBeNull();
    expect(vi.getTimerCount()).toBe(0);
    drive.stop();
    drive.start();
    expect(vi.getTimerCount()).toBeGreaterThan(0);
    drive.stop();
    expect(vi.getTimerCount()).toBe(0);
  });
});

test("a link that changes hands reports its end to the drive that has it now", () => {
  const heard: string[] = [];
  const link = fakeLink("cable");
  const start = (name: string): NodeDrive => {
    const stack = fakeStack();
    stack.devices.push({ link, attached: true });
    const drive = new NodeDrive(asStack(stack), { onLinkError: () => void heard.push(name) });
    drive.start();
    loop();
    return drive;
  };
  start("first").stop();
  expect([link.onReadable, link.onError]).toEqual([null, null]);
  const second = start("second");
  link.onError?.(new Error("gone"));
  loop();
  expect(heard).toEqual(["second"]);
  second.stop();
});
