/** Our stack against the Linux kernel as bulk sender and as receiver over one impaired wire, in turn: the same rate, delay, queue, seed and
 *  faults. Ratios to the kernel sending to the kernel. Needs root, iproute2 and a C compiler.
 *  Run: npm run bench:recovery [-- --seconds N --rounds N --congestion cubic,bbr --only TEXT --json] */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Namespace } from "../src/transport/namespace.js";
import { parseArgs, wantRoot } from "./arguments.js";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "6" },
    rounds: { type: "string", default: "1" },
    congestion: { type: "string", default: "cubic" },
    only: { type: "string", default: "" },
    json: { type: "boolean", default: false },
  },
});
const seconds = values.seconds;
const rounds = Number(values.rounds);
const PORT = "7000";
const FLOW_ADDRESS = { sender: "10.9.3.1", receiver: "10.9.3.2" };
const OWN_ADDRESS = { sender: "10.9.3.3", receiver: "10.9.3.4" };

interface Path {
  readonly name: string;
  readonly rtt: number;
  readonly rate: number;
  readonly faults: readonly string[];
}

const kib = (rate: number, rtt: number): number => Math.max(32, Math.round((rate * 1e6 * rtt) / 8e3 / 1_024));
const paths: Path[] = [];
for (const rate of [10, 100])
  for (const rtt of [10, 50, 100])
    for (const loss of [0, 0.1, 1, 2, 5])
      paths.push({ name: `${rate} Mbit/s, ${rtt} ms, loss ${loss} %`, rate, rtt, faults: ["-l", String(loss)] });
for (const rate of [10, 100])
  paths.push(
    { name: `${rate} Mbit/s, 50 ms, 1 % reordered by 3 ms`, rate, rtt: 50, faults: ["-R", "1", "-x", "3"] },
    { name: `${rate} Mbit/s, 50 ms, bursts of 10 frames lost`, rate, rtt: 50, faults: ["-B", "0.1,10"] },
  );
paths.push({ name: "240 Mbit/s, 66 ms, 0.1 % reordered by 1 ms", rate: 240, rtt: 66, faults: ["-R", "0.1", "-x", "1"] });

wantRoot();
const folder = mkdtempSync(join(tmpdir(), "onwire-recovery-"));
const undo: (() => void)[] = [() => rmSync(folder, { recursive: true, force: true })];
process.on("exit", () => {
  for (const step of undo.splice(0).reverse()) step();
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(1));

const here = (file: string): string => new URL(`recovery/${file}`, import.meta.url).pathname;
const compile = (name: string): string => {
  const out = join(folder, name);
  execFileSync("cc", ["-O2", "-o", out, here(`${name}.c`)]);
  return out;
};
const impair = compile("impair");
const flow = compile("flow");

const tag = process.pid;
const namespace = (name: string): Namespace => {
  const made = Namespace.create(`${name}${tag}`);
  undo.push(() => made.close());
  return made;
};
const ip = (...args: string[]): void => void execFileSync("ip", args);
const wire = namespace("owr-w");
const kernel = { sender: namespace("owr-s"), receiver: namespace("owr-r") };
const bridges = { sender: "brs", receiver: "brr" };
type Side = "sender" | "receiver";
for (const side of ["sender", "receiver"] as const) {
  ip("-n", wire.name, "link", "add", "name", bridges[side], "type", "bridge");
  ip("-n", wire.name, "link", "set", bridges[side], "up");
  ip("link", "add", "name", "flow0", "netns", kernel[side].name, "type", "veth", "peer", "name", `v${side}`, "netns", wire.name);
  ip("-n", wire.name, "link", "set", `v${side}`, "master", bridges[side], "up");
  ip("-n", kernel[side].name, "addr", "add", `${FLOW_ADDRESS[side]}/24`, "dev", "flow0");
  ip("-n", kernel[side].name, "link", "set", "flow0", "up");
}

/** A child, its lines as they come, and its end. */
class Child {
  readonly process: ChildProcess;
  readonly ended: Promise<void>;
  readonly lines: string[] = [];
  #wake: (() => void) | null = null;

  constructor(process: ChildProcess) {
    this.process = process;
    const kill = (): void => void process.kill("SIGKILL");
    undo.push(kill);
    this.ended = new Promise((resolve) =>
      process.once("exit", () => {
        undo.splice(undo.indexOf(kill), 1);
        resolve();
        setImmediate(() => this.#wake?.());
      }),
    );
    createInterface({ input: process.stdout! }).on("line", (line) => {
      this.lines.push(line);
      this.#wake?.();
    });
  }

  /** The next line; null when it has ended, or says nothing for so long. */
  async line(milliseconds: number): Promise<string | null> {
    const until = Date.now() + milliseconds;
    while (this.lines.length === 0) {
      if (this.process.exitCode !== null || this.process.signalCode !== null || Date.now() >= until) return null;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, until - Date.now());
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return this.lines.shift()!;
  }

  async ready(): Promise<this> {
    const line = await this.line(20_000);
    if (line !== "ready") throw new Error(`${this.process.spawnargs.join(" ")} did not start`);
    return this;
  }

  async stop(): Promise<void> {
    this.process.kill("SIGTERM");
    await this.ended;
  }
}

const start = (ns: Namespace, file: string, args: readonly string[]): Child =>
  new Child(ns.run(() => spawn(file, args, { stdio: ["ignore", "pipe", "inherit"] })));
const ours = (side: Side, ...args: string[]): Child =>
  new Child(
    spawn(process.execPath, ["--import", "tsx", here("host.ts"), wire.name, `own${side}`, bridges[side], OWN_ADDRESS[side], ...args], {
      stdio: ["ignore", "pipe", "inherit"],
    }),
  );

type Who = "onwire" | "kernel";
interface Figures {
  /** Mbit/s, by sender. */
  readonly goodput: number[];
  /** Of all segments with text that arrived, in per mille: those that brought nothing new. */
  readonly vain: number;
}

/** One run: these senders at once, to one receiver. */
async function measure(
  path: Path,
  senders: readonly Who[],
  receiver: Who,
  congestion: string,
  seed: number,
  length: string,
): Promise<Figures> {
  const box = await start(wire, impair, [
    ...["-a", "boxs", "-b", "boxr", "-d", String(path.rtt / 2), "-r", String(path.rate), "-q", String(kib(path.rate, path.rtt))],
    ...["-s", String(seed), ...path.faults],
  ]).ready();
  for (const side of ["sender", "receiver"] as const) {
    ip("-n", wire.name, "link", "set", side === "sender" ? "boxs" : "boxr", "master", bridges[side], "up");
    ip("-n", kernel[side].name, "tcp_metrics", "flush", "all");
    // Our hosts are new each time, with hardware addresses of their own: what the kernel knows of the last one is wrong.
    ip("-n", kernel[side].name, "neighbor", "flush", "all");
  }
  const sink = await (receiver === "onwire" ? ours("receiver", "sink", PORT) : start(kernel.receiver, flow, ["sink", PORT])).ready();
  const host = receiver === "onwire" ? OWN_ADDRESS.receiver : FLOW_ADDRESS.receiver;
  // Ours takes a second to start; who competes with it begins when it does, not with a wire of his own.
  const own = senders.includes("onwire") ? [await ours("sender", "send", host, PORT, length, congestion).ready()] : [];
  const theirs = senders
    .filter((who) => who === "kernel")
    .map(() => start(kernel.sender, flow, ["send", host, PORT, length, congestion === "newreno" ? "reno" : congestion]));
  const sending = [...own, ...theirs];
  await Promise.all(sending.map((child) => child.ended));
  const goodput = senders.map(() => 0);
  for (let i = 0; i < senders.length; i++) {
    const line = await sink.line(10_000);
    if (line === null) continue;
    const { peer, octets, seconds: taken } = JSON.parse(line) as { peer: string; octets: number; seconds: number };
    goodput[senders.indexOf(peer === OWN_ADDRESS.sender ? "onwire" : "kernel")] = (octets * 8) / taken / 1e6;
  }
  await sink.stop();
  await box.stop();
  const [forward] = JSON.parse((await box.line(1_000))!) as [{ segments: number; vain: number }];
  return { goodput, vain: (1_000 * forward.vain) / Math.max(1, forward.segments) };
}

const median = (list: readonly number[]): number => {
  const sorted = [...list].sort((x, y) => x - y);
  return (sorted[(list.length - 1) >> 1]! + sorted[list.length >> 1]!) / 2;
};
const shown = (list: readonly number[], digits: number): string =>
  list.length === 1
    ? list[0]!.toFixed(digits)
    : `${median(list).toFixed(digits)} (${Math.min(...list).toFixed(digits)} to ${Math.max(...list).toFixed(digits)})`;

const combinations: { name: string; sender: Who; receiver: Who }[] = [
  { name: "kernel to kernel", sender: "kernel", receiver: "kernel" },
  { name: "onwire to kernel", sender: "onwire", receiver: "kernel" },
  { name: "kernel to onwire", sender: "kernel", receiver: "onwire" },
];

const rows: Record<string, string>[] = [];
const ratios = { sender: [] as number[], receiver: [] as number[] };
const print = (row: Record<string, string>): void => {
  rows.push(row);
  if (!values.json)
    console.log(
      Object.entries(row)
        .map(([key, value]) => `${key} ${value}`)
        .join(" | "),
    );
};
for (const congestion of values.congestion.split(","))
  for (const path of paths) {
    if (!path.name.includes(values.only)) continue;
    const figures = combinations.map(() => ({ goodput: [] as number[], vain: [] as number[] }));
    for (let round = 0; round < rounds; round++)
      for (let k = 0; k < combinations.length; k++) {
        // Both orders: a machine that warms up or is disturbed favours nobody.
        const i = round % 2 === 0 ? k : combinations.length - 1 - k;
        const { sender, receiver } = combinations[i]!;
        const got = await measure(path, [sender], receiver, congestion, round + 1, seconds);
        figures[i]!.goodput.push(got.goodput[0]!);
        figures[i]!.vain.push(got.vain);
      }
    const [base, sender, receiver] = figures.map((figure) => figure.goodput) as [number[], number[], number[]];
    const asSender = sender.map((value, i) => value / base[i]!);
    const asReceiver = receiver.map((value, i) => value / base[i]!);
    ratios.sender.push(median(asSender));
    ratios.receiver.push(median(asReceiver));
    print({
      path: `${path.name}, ${congestion}`,
      "kernel, Mbit/s": shown(base, 2),
      "as sender": shown(asSender, 2),
      "as receiver": shown(asReceiver, 2),
      "in vain, per mille, kernel": shown(figures[0]!.vain, 1),
      ours: shown(figures[1]!.vain, 1),
    });
  }
if ("competing".includes(values.only) || values.only.startsWith("competing"))
  for (const rtt of [10, 50]) {
    const shares: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const path = { name: "", rate: 50, rtt, faults: [] };
      const { goodput } = await measure(path, ["onwire", "kernel"], "kernel", "cubic", round + 1, "60");
      shares.push(goodput[0]! / (goodput[0]! + goodput[1]!));
    }
    print({ path: `50 Mbit/s, ${rtt} ms, beside a kernel cubic flow for 60 s`, "share of ours": shown(shares, 3) });
  }
if (values.json) console.log(JSON.stringify(rows));
else if (ratios.sender.length > 0)
  console.log(
    `median of ${ratios.sender.length} paths: as sender ${median(ratios.sender).toFixed(2)}, as receiver ${median(ratios.receiver).toFixed(2)}; paths below 1.0 as sender: ${ratios.sender.filter((ratio) => ratio < 1).length}`,
  );
