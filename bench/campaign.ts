/** Random simulated worlds by the thousand: `npm run campaign -- --worlds 10000 --seed 1`.
 *
 *  Each seed is a world. A world that breaks an invariant prints its seed and leaves its plan, its trace and one capture for each
 *  host in a folder; `--seed N --worlds 1 --keep` replays it. Exit status 1 when there was one. */
import { type ChildProcess, fork } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Capture } from "../src/inspect/capture.js";
import { CaptureFile } from "../src/inspect/capture-file.js";
import { attachProbe } from "../src/inspect/probes.js";
import { traceProbe } from "../src/inspect/trace.js";
import { FramePool } from "../src/sim/frame-pool.js";
import { MemoryShelf } from "../src/sim/memory-shelf.js";
import { runWorld, type WorldResult } from "../src/sim/run-world.js";
import { planWorld } from "../src/sim/world-plan.js";
import { parseArgs } from "./arguments.js";

/** Seeds that a worker gets at a time. */
const BATCH = 20;
/** One world of so many is run twice: its trace must be the same. */
const AGAIN = 25;

interface Batch {
  readonly from: number;
  readonly count: number;
}

interface Report {
  readonly from: number;
  readonly results: readonly WorldResult[];
}

const { values } = parseArgs({
  options: {
    worlds: { type: "string", default: "1000" },
    hours: { type: "string" },
    seed: { type: "string", default: "1" },
    jobs: { type: "string", default: String(availableParallelism()) },
    out: { type: "string", default: join(tmpdir(), "onwire-campaign") },
    keep: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

if (process.send !== undefined && process.env["ONWIRE_CAMPAIGN_WORKER"] === "1") work();
else if (values.help) {
  console.log(`npm run campaign -- [--worlds N | --hours H] [--seed FIRST] [--jobs PROCESSES] [--out FOLDER] [--keep]

  --worlds  how many worlds, one for each seed from --seed on; default 1000
  --hours   go on for so long instead; resume with the --seed that it prints
  --keep    write the traces and captures of every world, not only of those that fail`);
} else process.exitCode = await conduct();

/** A worker: runs the worlds it is given. */
function work(): void {
  const shelf = new MemoryShelf();
  const frames = new FramePool();
  process.on("message", (batch: Batch) => {
    const results: WorldResult[] = [];
    for (let seed = batch.from; seed < batch.from + batch.count; seed++) results.push(runOne(seed, shelf, frames));
    process.send!({ from: batch.from, results } satisfies Report);
  });
}

function runOne(seed: number, shelf: MemoryShelf, frames: FramePool): WorldResult {
  const plan = planWorld(seed);
  const twice = seed % AGAIN === 0;
  const result = runWorld(plan, { shelf, frames, hash: twice });
  if (!twice || result.violationCount > 0) return result;
  const again = runWorld(plan, { shelf, frames, hash: true });
  if (again.digest === result.digest) return result;
  const text = `two runs of the seed differ: ${result.digest} and ${again.digest}`;
  return { ...result, violationCount: 1, violations: [{ id: "I-20", host: "world", event: 0, at: 0, text }] };
}

/** Hands out seeds, gathers results, tells how it goes. */
async function conduct(): Promise<number> {
  const first = Number(values.seed);
  const until = values.hours === undefined ? Number.POSITIVE_INFINITY : performance.now() + Number(values.hours) * 3_600_000;
  const most = values.hours === undefined ? Number(values.worlds) : Number.MAX_SAFE_INTEGER;
  const begun = performance.now();
  const totals = { worlds: 0, failed: 0, events: 0, frames: 0, segments: 0, octets: 0, virtual: 0 };
  const outcomes: Record<string, number> = {};
  const broken: Record<string, number> = {};
  let next = first;
  let told = begun;

  const take = (): Batch | null => {
    const count = Math.min(BATCH, first + most - next);
    if (count <= 0 || performance.now() > until) return null;
    const batch = { from: next, count };
    next += count;
    return batch;
  };
  const add = (result: WorldResult): void => {
    totals.worlds += 1;
    totals.events += result.events;
    totals.frames += result.frames;
    totals.segments += result.segments;
    totals.octets += result.octets;
    totals.virtual += result.duration / 3.6e9;
    for (const [outcome, count] of Object.entries(result.outcomes)) outcomes[outcome] = (outcomes[outcome] ?? 0) + count;
    if (values.keep && result.violationCount === 0) console.log(`seed ${result.seed}: ${explain(result.seed)}`);
    if (result.violationCount === 0) return;
    totals.failed += 1;
    for (const id of new Set(result.violations.map((violation) => violation.id))) broken[id] = (broken[id] ?? 0) + 1;
    const where = totals.failed <= 20 ? explain(result.seed) : "replay for its files";
    const [violation] = result.violations;
    console.log(`seed ${result.seed}: ${violation!.id} ${violation!.host} t=${violation!.at} ${violation!.text.slice(0, 300)}\n  ${where}`);
  };
  const progress = (): void => {
    const seconds = (performance.now() - begun) / 1_000;
    const rate = totals.worlds / seconds;
    console.log(
      `${totals.worlds} worlds, ${totals.failed} failed, ${seconds.toFixed(0)} s, ${rate.toFixed(1)} worlds/s, next seed ${next}`,
    );
  };

  const jobs = Math.max(1, Number(values.jobs));
  await Promise.all(
    Array.from({ length: jobs }, () =>
      drive(take, (report) => {
        for (const result of report.results) add(result);
        if (performance.now() - told < 5_000) return;
        told = performance.now();
        progress();
      }),
    ),
  );
  progress();
  console.log(
    `${totals.events} events, ${totals.segments} segments, ${(totals.octets / 1e6).toFixed(1)} MB read, ${totals.virtual.toFixed(0)} virtual hours`,
  );
  console.log(`ends of connections: ${JSON.stringify(outcomes)}`);
  if (totals.failed > 0) console.log(`broken: ${JSON.stringify(broken)}`);
  console.log(`${totals.worlds - totals.failed} passed, ${totals.failed} failed`);
  return totals.failed === 0 ? 0 : 1;
}

/** One worker process, fed until there is nothing left to do. */
function drive(take: () => Batch | null, report: (report: Report) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    let worker: ChildProcess;
    let batch: Batch | null = null;
    const feed = (): void => {
      batch = take();
      if (batch === null) worker.disconnect();
      else worker.send(batch);
    };
    const start = (): void => {
      worker = fork(fileURLToPath(import.meta.url), [], { env: { ...process.env, ONWIRE_CAMPAIGN_WORKER: "1" } });
      worker.on("message", (message: Report) => {
        report(message);
        feed();
      });
      worker.on("error", reject);
      worker.on("exit", (code) => {
        if (batch === null && code === 0) resolve();
        else reject(new Error(`a worker ended with status ${code} in the worlds from seed ${batch?.from}`));
      });
      feed();
    };
    start();
  });
}

/** Runs the world again with everything written down; returns the folder. */
function explain(seed: number): string {
  const folder = join(values.out, String(seed));
  mkdirSync(folder, { recursive: true });
  const lines: string[] = [];
  const captures: { close(): void }[] = [];
  const result = runWorld(planWorld(seed), {
    attach: (stack) => {
      const file = new CaptureFile(join(folder, `${stack.name}.pcapng`));
      const capture = new Capture(file.sink, { comment: `simulated world ${seed}, host ${stack.name}` });
      attachProbe(stack, capture.probe);
      attachProbe(
        stack,
        traceProbe((line) => lines.push(`${stack.name} ${line}`)),
      );
      captures.push(capture, file);
    },
  });
  for (const capture of captures) capture.close();
  for (const { id, host, at, text } of result.violations) lines.push(`${id} ${host} t=${at} ${text}`);
  writeFileSync(join(folder, "trace.txt"), `${lines.join("\n")}\n`);
  writeFileSync(join(folder, "plan.json"), `${JSON.stringify(planWorld(seed), null, 1)}\n`);
  return folder;
}
