/** Runs an impairment box in real time. */
import { NEVER } from "../base/environment.js";
import { monotonicMicros } from "../drive/clock.js";
import type { WireBox } from "../sim/wire-box.js";
import type { Link } from "../transport/link.js";

const LONGEST_DELAY = 2 ** 31 - 1;

/** Begins to move frames; the returned function stops, and closes the box with its links. */
export const runWireBox = (box: WireBox, onError: (link: Link, error: Error) => void): (() => void) => {
  let immediate: NodeJS.Immediate | null = null;
  let timer: NodeJS.Timeout | null = null;
  let timerAt = NEVER;

  const schedule = (): void => {
    immediate ??= setImmediate(turn);
  };
  const turn = (): void => {
    immediate = null;
    const moved = box.turn(monotonicMicros());
    if (moved > 0) return schedule(); // more may wait, and it costs little to look
    sleep();
  };
  const sleep = (): void => {
    const next = box.next();
    if (timer !== null) {
      if (timerAt <= next) return;
      clearTimeout(timer);
    }
    const now = monotonicMicros();
    const delay = next === NEVER ? LONGEST_DELAY : Math.min(Math.max(Math.floor((next - now) / 1000), 1), LONGEST_DELAY);
    timerAt = now + delay * 1000;
    timer = setTimeout(() => {
      timer = null;
      schedule();
    }, delay);
  };
  for (const link of [box.a, box.b]) {
    link.onReadable = schedule;
    link.onError = (error) => onError(link, error);
  }
  schedule();
  return () => {
    if (immediate !== null) clearImmediate(immediate);
    if (timer !== null) clearTimeout(timer);
    for (const link of [box.a, box.b]) link.onReadable = null;
    box.close();
  };
};
