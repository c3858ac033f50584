/** A stack that keeps a diary instead of speaking TCP. */
import { NEVER } from "../../src/base/environment.js";
import type { Stack } from "../../src/stack/stack.js";
import type { Link } from "../../src/transport/link.js";

export const fakeLink = (name: string): Link => ({
  name,
  capabilities: { medium: "ethernet", mtu: 1500, checksumOffload: false, gso: 0 },
  receive: () => 0,
  transmit: () => true,
  flush: () => {},
  onReadable: null,
  onError: null,
  close: () => {},
});

export const fakeStack = () => {
  const diary: string[] = [];
  const fake = {
    diary,
    devices: [] as { link: Link; attached: boolean }[],
    memory: { packets: { available: 100 } },
    /** Nothing is left to say after the callbacks. */
    tcp: { busy: false },
    onWork: null as (() => void) | null,
    onApplicationError: null as ((error: unknown) => void) | null,
    removeDevice: (device: { attached: boolean }): void => {
      device.attached = false;
      diary.push("remove");
    },
    /** Frames that wait, and the deadline. */
    waiting: 0,
    deadline: NEVER,
    onDeliver: () => {},
    pull(_now: number, budget: number): number {
      const pulled = Math.min(budget, fake.waiting);
      fake.waiting -= pulled;
      if (pulled > 0) diary.push(`pull ${pulled}`);
      return pulled;
    },
    expire(now: number): void {
      if (fake.deadline > now) return;
      diary.push("expire");
      fake.deadline = NEVER;
    },
    flush: (_now: number): void => {
      diary.push("flush");
    },
    deliver: (): void => fake.onDeliver(),
    nextTimeout: (): number => fake.deadline,
  };
  return fake;
};

export type FakeStack = ReturnType<typeof fakeStack>;
export const asStack = (fake: FakeStack): Stack => fake as unknown as Stack;
