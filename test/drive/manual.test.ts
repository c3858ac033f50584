import { describe, expect, test } from "vitest";
import { NEVER } from "../../src/base/environment.js";
import { ManualDrive, VirtualClock } from "../../src/drive/manual.js";
import { asStack, fakeStack } from "./fake-stack.js";

describe("virtual time", () => {
  test("stops at each deadline on the way, in order over all stacks", () => {
    const clock = new VirtualClock(100);
    const fired: string[] = [];
    const stacks = [0, 1].map((i) => {
      const stack = fakeStack();
      const deadlines = i === 0 ? [150, 400, 900] : [200, 400];
      stack.nextTimeout = () => deadlines[0] ?? NEVER;
      stack.expire = (now) => {
        for (; (deadlines[0] ?? NEVER) <= now; deadlines.shift()) fired.push(`${i}@${now}`);
      };
      return new ManualDrive(asStack(stack), clock);
    });
    stacks[0]!.advance(500);
    expect(fired).toEqual(["0@150", "1@200", "0@400", "1@400"]);
    expect(clock.now).toBe(600);
    stacks[1]!.advance(300);
    expect(fired).toHaveLength(5);
    expect(stacks[1]!.now()).toBe(900);
  });

  test("settles what one stack's timer leaves for another that has had its turn", () => {
    const clock = new VirtualClock();
    const first = fakeStack();
    const second = fakeStack();
    let due = 10;
    second.nextTimeout = () => due;
    second.expire = (now) => {
      if (now < due) return;
      due = NEVER;
      first.waiting += 1;
    };
    new ManualDrive(asStack(first), clock);
    new ManualDrive(asStack(second), clock).advance(10);
    expect(first.diary).toContain("pull 1");
  });

  test("two stacks that answer each other without end are reported, not waited for", () => {
    const stack = fakeStack();
    const drive = new ManualDrive(asStack(stack));
    stack.flush = () => {};
    stack.onDeliver = () => stack.onWork?.();
    expect(() => drive.settle()).toThrow(/not settled after/);
  });

  test("a deadline that stays where it is does not hold time still", () => {
    const stack = fakeStack();
    const drive = new ManualDrive(asStack(stack));
    stack.nextTimeout = () => 0;
    drive.advance(50);
    expect(drive.now()).toBe(50);
  });

  test("a drive that stopped is out of it", () => {
    const stack = fakeStack();
    const drive = new ManualDrive(asStack(stack));
    drive.stop();
    stack.waiting = 1;
    drive.clock.advance(10);
    expect(stack.diary).toEqual([]);
    expect(stack.onWork).toBeNull();
  });
});
