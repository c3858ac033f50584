/** Our stack over TAP against node:net and a C server over the kernel (veth), same client, same run, in turn: bulk both ways, requests over
 *  1, 64 and 10 000 connections, connections a second. Medians, and the server's CPU beside the rate. Needs root, iproute2 and a C compiler.
 *  Run: npm run bench -- wire [--rounds N] [--seconds N] */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Namespace } from "../src/transport/namespace.js";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "3" },
    json: { type: "boolean", default: false },
  },
});
const rounds = Number(values.rounds);
const seconds = values.seconds;

interface Candidate {
  readonly name: string;
  readonly host: string;
  /** Where the client runs. */
  readonly client: Namespace;
  readonly start: () => ChildProcess;
}

const folder = mkdtempSync(join(tmpdir(), "onwire-bench-"));
const pb = join(folder, "pb");
const undo: (() => void)[] = [() => rmSync(folder, { recursive: true, force: true })];
const cleanUp = (): void => {
  for (const step of undo.splice(0).reverse()) step();
};
process.on("exit", cleanUp);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(1));

const here = (file: string): string => new URL(file, import.meta.url).pathname;
execFileSync("cc", ["-O2", "-w", "-o", pb, here("pb.c")]);

const tag = `${process.pid}`;
const tapName = `owb-t${tag}`;
const namespace = (name: string): Namespace => {
  const made = Namespace.create(name);
  undo.push(() => made.close());
  return made;
};
const tapSide = namespace(tapName);
const clientSide = namespace(`owb-c${tag}`);
const serverSide = namespace(`owb-s${tag}`);
const run = (...args: string[]): void => void execFileSync("ip", args);
run("link", "add", "owbc", "netns", clientSide.name, "type", "veth", "peer", "name", "owbs", "netns", serverSide.name);
for (const [ns, dev, address] of [
  [clientSide.name, "owbc", "10.9.1.1/24"],
  [serverSide.name, "owbs", "10.9.1.2/24"],
] as const) {
  run("-n", ns, "addr", "add", address, "dev", dev);
  run("-n", ns, "link", "set", dev, "up");
}

const server = (...args: string[]): ChildProcess =>
  spawn(process.execPath, ["--import", "tsx", here("wire-server.ts"), ...args], { stdio: ["ignore", "pipe", "inherit"] });
const candidates: Candidate[] = [
  { name: "onwire raw/TAP", host: "10.9.0.2", client: tapSide, start: () => server("tap", tapName) },
  { name: "onwire raw/TAP, offload", host: "10.9.0.2", client: tapSide, start: () => server("offload", tapName) },
  { name: "node:net/veth", host: "10.9.1.2", client: clientSide, start: () => serverSide.run(() => server("net", "10.9.1.2")) },
  {
    name: "C epoll/veth",
    host: "10.9.1.2",
    client: clientSide,
    start: () => serverSide.run(() => spawn(pb, ["serve"], { stdio: ["ignore", "pipe", "inherit"] })),
  },
];

const tests: { name: string; args: (host: string) => string[]; rate: string; cost: string; unit: string }[] = [
  { name: "up, Gbit/s", args: (h) => ["up", h, seconds], rate: "gbps", cost: "stack_cpu_s_per_GB", unit: "s/GB" },
  { name: "down, Gbit/s", args: (h) => ["down", h, seconds], rate: "gbps", cost: "stack_cpu_s_per_GB", unit: "s/GB" },
  { name: "rr 1, requests/s", args: (h) => ["rr", h, "1", "64", seconds], rate: "rps", cost: "stack_us_per_req", unit: "µs" },
  { name: "rr 64, requests/s", args: (h) => ["rr", h, "64", "64", seconds], rate: "rps", cost: "stack_us_per_req", unit: "µs" },
  { name: "rr 10 000, requests/s", args: (h) => ["rr", h, "10000", "64", seconds], rate: "rps", cost: "stack_us_per_req", unit: "µs" },
  { name: "crr 16, connections/s", args: (h) => ["crr", h, "16", "4000", seconds], rate: "cps", cost: "stack_us_per_conn", unit: "µs" },
];

/** One run of the client; its JSON line. */
const measure = (candidate: Candidate, child: ChildProcess, args: string[]): Record<string, number> | null => {
  try {
    const out = candidate.client.run(() =>
      execFileSync(pb, ["-l", candidate.name, "-p", String(child.pid), ...args], {
        encoding: "utf8",
        timeout: 60_000,
        stdio: ["ignore", "pipe", "ignore"],
      }),
    );
    return JSON.parse(out.trim().split("\n").at(-1)!) as Record<string, number>;
  } catch {
    return null;
  }
};

const figures = new Map<string, { rate: number[]; cost: number[] }>();
const of = (test: string, candidate: string): { rate: number[]; cost: number[] } => {
  const key = `${test}|${candidate}`;
  const known = figures.get(key) ?? { rate: [], cost: [] };
  figures.set(key, known);
  return known;
};

for (let round = 1; round <= rounds; round++) {
  for (const candidate of candidates) {
    const child = candidate.start();
    const kill = (): void => void child.kill("SIGKILL");
    undo.push(kill);
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    for (const test of tests) {
      if (process.stderr.isTTY) process.stderr.write(`round ${round} of ${rounds}: ${candidate.name}, ${test.name}          \r`);
      const got = measure(candidate, child, test.args(candidate.host));
      if (got === null) continue;
      const kept = of(test.name, candidate.name);
      kept.rate.push(got[test.rate]!);
      kept.cost.push(got[test.cost]!);
    }
    const gone = new Promise((resolve) => child.once("exit", resolve));
    kill();
    await gone;
    undo.splice(undo.indexOf(kill), 1);
  }
}
if (process.stderr.isTTY) process.stderr.write(`${" ".repeat(70)}\r`);

const median = (list: number[]): number => [...list].sort((x, y) => x - y)[list.length >> 1] ?? Number.NaN;
const base = "node:net/veth";
const rows = tests.flatMap((test) =>
  candidates.map((candidate) => {
    const { rate, cost } = of(test.name, candidate.name);
    const reference = of(test.name, base);
    return {
      test: test.name,
      server: candidate.name,
      median: Number(median(rate).toPrecision(4)),
      range: rate.length === 0 ? "no run ended" : `${Math.min(...rate)} to ${Math.max(...rate)}`,
      "of node:net": Number((median(rate) / median(reference.rate)).toFixed(2)),
      cpu: `${median(cost).toPrecision(3)} ${test.unit}`,
      "cpu of node:net": Number((median(cost) / median(reference.cost)).toFixed(2)),
    };
  }),
);
if (values.json) console.log(JSON.stringify(rows));
else console.table(rows);
