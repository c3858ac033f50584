/** Requests and responses on one core and on several: 64 octets each way over 64 connections, workers started by `onwire/workers`. The client is
 *  in the worker, on a stack of its own at the other end of a cable in memory, so a request costs both ends and nothing but this code is
 *  measured: no kernel, no device, no client that is the limit. Then the same over one connection, with the stack in the application's thread and
 *  in a thread of its own. Run: npm run bench -- workers [--workers N] [--rounds N] [--seconds N] [--json] */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { startWorkers } from "../src/workers/workers.js";
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

/** Requests a second of all workers together, and CPU microseconds of the process for each. */
const measure = async (count: number): Promise<{ rate: number; cpu: number }> => {
  const counters = new Float64Array(new SharedArrayBuffer(8 * 16 * count));
  const module = new URL("./workers/requests.ts", import.meta.url);
  const workers = await startWorkers({ module, workers: count, data: counters, signals: false });
  const total = (): number => {
    let sum = 0;
    for (let i = 0; i < count; i++) sum += counters[16 * i]!;
    return sum;
  };
  // The compiler has its turn first.
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const [done, at, cpu] = [total(), performance.now(), process.cpuUsage()];
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
  const requests = total() - done;
  const used = process.cpuUsage(cpu);
  const elapsed = performance.now() - at;
  await workers.close();
  return { rate: (requests * 1_000) / elapsed, cpu: (used.user + used.system) / requests };
};

const counts = most === 1 ? [1] : [1, most];
const figures = new Map(counts.map((count) => [count, [] as { rate: number; cpu: number }[]]));
for (let round = 0; round < Number(values.rounds); round++) for (const count of counts) figures.get(count)!.push(await measure(count));
const base = median(figures.get(1)!.map(({ rate }) => rate));
const rows = counts.map((count) => {
  const rates = figures.get(count)!.map(({ rate }) => rate);
  return {
    workers: count,
    "requests/s": Math.round(median(rates)),
    range: `${Math.round(Math.min(...rates))} to ${Math.round(Math.max(...rates))}`,
    "of one": Number((median(rates) / base).toFixed(2)),
    "CPU µs each": Number(median(figures.get(count)!.map(({ cpu }) => cpu)).toFixed(2)),
  };
});
const lines = await threads(milliseconds);
if (values.json) console.log(JSON.stringify({ rows, lines }));
else {
  console.table(rows);
  console.table(lines);
}
