/** One measurement of `bench/trace.ts`, in a process of its own, since code that is compiled for one observer is not what runs without: bulk and
 *  requests in memory, both stacks observed as the argument says. One line of JSON: nanoseconds for each. one.ts off|ring|subscriber SECONDS */
import { eventProbe } from "../../src/inspect/event.js";
import { Recorder } from "../../src/inspect/recorder.js";
import { bulk, type Observe, requests } from "../memory/pair.js";

const [mode, seconds] = process.argv.slice(2) as [string, string];
let told = 0;
const observers: Readonly<Record<string, Observe>> = {
  off: () => null,
  ring: () => new Recorder().probe,
  subscriber: () =>
    eventProbe((event) => {
      told += event.length;
    }),
};
const observe = observers[mode]!;
const size = Number(seconds);
/** Pieces of which the quickest counts: whatever else the machine does only adds. */
const PIECES = 24;
const quickest = (measure: () => number): number => {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < PIECES; i++) least = Math.min(least, measure());
  return least;
};
const found = {
  segment: quickest(() => bulk(Math.ceil(20_000 * size), () => {}, observe).nanoseconds),
  request: quickest(() => requests(10, Math.ceil(8_000 * size), observe)),
};
if (mode === "subscriber" && told === 0) throw new Error("the subscriber was told nothing");
console.log(JSON.stringify(found));
