/** One measurement of `bench/trace.ts`, in a process of its own, since code that is compiled for one observer is not what runs without: bulk and
 *  requests in memory, both stacks observed as the argument says. One line of JSON: nanoseconds for each. one.ts off|ring|subscriber SECONDS */
import { eventProbe } from "../../src/inspect/event.js";
import { Recorder } from "../../src/inspect/recorder.js";
import { bulk, type Observe, Quickest, requests } from "../memory/pair.js";

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
/** Another world each time: where things lie in memory is part of what they cost. */
const WORLDS = 3;
// A millisecond each.
const [segment, request] = [new Quickest(800), new Quickest(200)];
for (let i = 0; i < WORLDS; i++) {
  bulk(Math.ceil(120_000 * size), () => {}, observe, segment);
  requests(10, Math.ceil(50_000 * size), observe, request);
}
const found = { segment: segment.nanoseconds, request: request.nanoseconds };
if (mode === "subscriber" && told === 0) throw new Error("the subscriber was told nothing");
console.log(JSON.stringify(found));
