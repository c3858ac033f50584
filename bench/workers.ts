/** Requests and responses on one core and on several: 64 octets each way over 64 connections, workers started by `onwire/workers`. The client is
 *  in the worker, on a stack of its own at the other end of a cable in memory, so a request costs both ends and nothing but this code is
 *  measured: no kernel, no device, no client that is the limit. Beside it stands what threads that share nothing get out of the machine. Then the same over one connection, with the stack in the application's thread and
 *  in a thread of its own. Run: npm run bench -- workers [--workers N] [--rounds N] [--seconds N] [--json] */
import { availableParallelism } from "node:os";
import { startWorkers } from "../src/workers/workers.js";
import { parseArgs } from "./arguments.js";
import { control } from "./workers/control.js";
import { threads } from "./workers/threads.js";

const { values } = parseArgs({
  options: {
    workers: { type: "string", default: String(availableParallelism()) },
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "2" },
    json: { type: "boolean", default: false },
  },
});
const most = Number(values.workers);
const milliseconds = Number(values.seconds) * 1_000;
const median = (list: number[]): number => [...list].sort((x, y) => x - y)[list.length >> 1]!;

/** Octets apart: counters of two cores must not share a cache line. */
const STRIDE = 16;

interface Run {
  /** Requests a second of all workers together. */
  readonly rate: number;
  /** CPU microseconds of the process for each, and how many cores that was. */
  readonly cpu: number;
  readonly cores: number;
}

const measure = async (count: number): Promise<Run> => {
  const counters = new Float64Array(new SharedArrayBuffer(8 * STRIDE * count));
  const module = new URL("./workers/requests.ts", import.meta.url);
  const workers = await startWorkers({ module, workers: count, data: counters, signals: false });
  const total = (): number => {
    let sum = 0;
    for (let i = 0; i < count; i++) sum += counters[STRIDE * i]!;
    return sum;
  };
  // The compiler has its turn first.
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const [done, at, before] = [total(), performance.now(), process.cpuUsage()];
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
  const requests = total() - done;
  const used = process.cpuUsage(before);
  const [elapsed, cpu] = [performance.now() - at, used.user + used.system];
  await workers.close();
  return { rate: (requests * 1_000) / elapsed, cpu: cpu / requests, cores: cpu / (elapsed * 1_000) };
};

const counts = most === 1 ? [1] : [1, most];
const figures = new Map(counts.map((count) => [count, [] as Run[]]));
const controls = new Map(counts.map((count) => [count, [] as number[]]));
for (let round = 0; round < Number(values.rounds); round++)
  for (const count of counts) {
    figures.get(count)!.push(await measure(count));
    controls.get(count)!.push(await control(count, milliseconds / 4));
  }
const bare = (count: number): number => median(controls.get(count)!) / median(controls.get(1)!);
const of = (count: number, figure: keyof Run): number => median(figures.get(count)!.map((run) => run[figure]));
/** What so many cores do when nobody else wants them, by the CPU time of a request: the rate itself says less on a machine that is busy. */
const capacity = (count: number): number => (count * 1_000_000) / of(count, "cpu");
const rows = counts.map((count) => ({
  workers: count,
  "requests/s": Math.round(of(count, "rate")),
  range: `${Math.round(Math.min(...figures.get(count)!.map((run) => run.rate)))} to ${Math.round(Math.max(...figures.get(count)!.map((run) => run.rate)))}`,
  "of one": Number((of(count, "rate") / of(1, "rate")).toFixed(2)),
  "bare threads, of one": Number(bare(count).toFixed(2)),
  "cores got": Number(of(count, "cores").toFixed(2)),
  "CPU µs each": Number(of(count, "cpu").toFixed(2)),
  "requests/s by CPU time": Math.round(capacity(count)),
  "of one by CPU time": Number((capacity(count) / capacity(1)).toFixed(2)),
}));
const lines = await threads(milliseconds);
if (values.json) console.log(JSON.stringify({ rows, lines }));
else {
  console.table(rows);
  console.table(lines);
}
