/** `onwire test [FILES...]`: packet scripts against our stack, in virtual time. */
import { fork } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { printScript } from "../conformance/script/print.js";
import { junit, reportLines, resultJson, summaryLine } from "../conformance/script/report.js";
import { type RunOptions, runScript } from "../conformance/script/run.js";
import { runScriptOn } from "../conformance/script/run-live.js";
import { recordScript, recordScriptOn } from "../conformance/script/run-record.js";
import type { Result } from "../conformance/script/verdict.js";
import { profiles } from "../stack/profile.js";
import { runCommand, say, UsageError } from "./exit.js";
import { openKernel } from "./kernel-host.js";
import { parseInteger } from "./parse.js";

export interface TestOptions {
  readonly jobs: number;
  readonly profile: string;
  readonly ignore: readonly ("window" | "options")[];
  readonly strict: boolean;
  readonly pcapng?: string;
  readonly trace: boolean;
  readonly json: boolean;
  readonly junit?: string;
  readonly define: ReadonlyMap<string, string>;
  readonly option: ReadonlyMap<string, string>;
  readonly list: boolean;
  readonly verbose: boolean;
  readonly versus?: "kernel";
  readonly record?: "kernel" | "onwire";
  readonly into?: string;
}

export const addTest = (program: Command): void => {
  program
    .command("test")
    .argument("<files...>", "packet scripts (.pkt), or folders of them")
    .description("play packet scripts against the stack in virtual time; status 0 when all of them passed")
    .option("-p, --profile <name>", `policy of the stack: ${Object.keys(profiles).join(", ")}`, parseProfile, "linux")
    .option("-j, --jobs <n>", "processes", parseInteger("jobs", 1, 64), 1)
    .option("--ignore <fields>", "do not compare: window, options (with a comma between)", parseIgnore, [])
    .option("--strict", "no packet may be left over; times exact; echoed timestamps, checksums, DF and IP id checked", false)
    .option("-D, --define <name=value>", "a name that scripts find defined (again for more)", collect, new Map())
    .option("-o, --option <name=value>", "an option as scripts have it, as tolerance_usecs=10000 (again for more)", collect, new Map())
    .option("--pcapng <folder>", "write a capture of each script that failed; with --verbose, of every one")
    .option("--trace", "print what the stack does, and why", false)
    .option("--json", "print results as JSON, one a line", false)
    .option("--junit <file>", "write results as JUnit XML")
    .option("--list", "print the scripts and stop", false)
    .option(
      "--versus <host>",
      "run each script on our stack and on this host, and print both verdicts: kernel (in a namespace; needs Linux and root)",
      parseHost,
    )
    .option(
      "--record <host>",
      "play only what the scripts do to a host (calls, packets to it, code), and write the scripts that expect what it did: kernel, or onwire",
      parseRecorded,
    )
    .option("--into <folder>", "with --record: write there, under the scripts' names, and not to standard output")
    .option("-v, --verbose", "print scripts that passed, too", false)
    .addHelpText("after", EXAMPLES)
    .action((files: string[], options: TestOptions) => runCommand(() => test(files, options)));
};

const test = async (files: readonly string[], options: TestOptions): Promise<void> => {
  const scripts = findScripts(files);
  if (options.list) {
    for (const script of scripts) print(script);
    return;
  }
  if (options.versus !== undefined) return versusKernel(scripts, options);
  if (options.record !== undefined) return record(scripts, options.record, options);
  const began = performance.now();
  const report = reporter(options, scripts.length);
  const results =
    options.jobs > 1 && scripts.length > 1 ? await runInProcesses(scripts, options, report) : runHere(scripts, options, report);
  if (options.junit !== undefined) writeFileSync(options.junit, junit(results));
  const summary = `${summaryLine(results)} (${((performance.now() - began) / 1e3).toFixed(1)} s)`;
  if (options.json) say(summary);
  else print(summary);
  const bad = results.filter(({ verdict }) => verdict !== "pass").length;
  if (bad > 0) throw new Error(`${bad} of ${results.length} did not pass`);
};

/** Files as they are given, folders with all scripts below them, in the order of their names. */
export const findScripts = (paths: readonly string[]): string[] => {
  const found: string[] = [];
  for (const path of paths) {
    if (!existsSync(path)) throw new UsageError(`there is no ${path}: name packet scripts, or folders of them`);
    if (!statSync(path).isDirectory()) {
      found.push(path);
      continue;
    }
    const inside = readdirSync(path, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".pkt"));
    found.push(...inside.sort().map((name) => join(path, name)));
  }
  if (found.length === 0) throw new UsageError(`no packet scripts (.pkt) in ${paths.join(", ")}`);
  return found;
};

/** What is asked of the runner. */
export const runOptionsOf = (options: TestOptions): RunOptions => ({
  profile: options.profile,
  ignore: options.ignore,
  strict: options.strict,
  options: options.option,
  defines: options.define,
  capture: options.pcapng !== undefined,
});

/** One script of a file. A file that cannot be read is an error, and the others go on. */
export const runFile = (path: string, options: RunOptions): Result => {
  let source: string;
  try {
    source = readFileSync(path, "utf8");
  } catch (error) {
    source = "";
    return {
      ...runScript(source, path, options),
      verdict: "error",
      reason: `cannot be read: ${(error as Error).message}`,
      at: null,
      line: "",
    };
  }
  return runScript(source, path, options);
};

/** Both verdicts of each script, side by side. The kernel takes its time: it is real. */
const versusKernel = async (scripts: readonly string[], options: TestOptions): Promise<void> => {
  const runOptions = runOptionsOf(options);
  const ours: Result[] = [];
  const theirs: Result[] = [];
  let different = 0;
  print(`${"onwire".padEnd(12)}${"kernel".padEnd(12)}script`);
  for (const path of scripts) {
    const source = readFileSync(path, "utf8");
    const our = runScript(source, path, runOptions);
    const their = await runScriptOn(openKernel, source, path, runOptions);
    ours.push(our);
    theirs.push(their);
    const same = our.verdict === their.verdict;
    if (!same) different += 1;
    if (options.json) print(JSON.stringify({ name: path, onwire: resultJson(our), kernel: resultJson(their) }));
    else print(`${our.verdict.padEnd(12)}${their.verdict.padEnd(12)}${path}`);
    if (options.json || (same && our.reason === their.reason && !options.verbose)) continue;
    for (const [who, result] of [
      ["onwire", our],
      ["kernel", their],
    ] as const)
      if (result.verdict === "fail" || result.verdict === "error")
        for (const line of reportLines({ ...result, events: [] })) print(`    ${who}: ${line}`);
  }
  print(`onwire: ${summaryLine(ours)}`);
  print(`kernel: ${summaryLine(theirs)}`);
  const bad = [...ours, ...theirs].filter(({ verdict }) => verdict !== "pass").length;
  if (bad > 0) throw new Error(`${bad} verdicts are no pass; ${different} scripts have two verdicts`);
};

/** Writes what a host makes of each script. */
const record = async (scripts: readonly string[], on: "kernel" | "onwire", options: TestOptions): Promise<void> => {
  const runOptions = runOptionsOf(options);
  let failed = 0;
  if (options.into !== undefined) mkdirSync(options.into, { recursive: true });
  for (const path of scripts) {
    const source = readFileSync(path, "utf8");
    const { result, script } =
      on === "onwire" ? recordScript(source, path, runOptions) : await recordScriptOn(openKernel, source, path, runOptions);
    if (script === null) {
      failed += 1;
      for (const line of reportLines(result)) say(line);
    } else if (options.into === undefined) process.stdout.write(printScript(script));
    else writeFileSync(join(options.into, basename(path)), printScript(script));
  }
  if (failed > 0) throw new Error(`${failed} of ${scripts.length} could not be recorded`);
};

type Report = (result: Result, index: number) => void;

/** Prints results in the order of the scripts, whoever is done first. */
const reporter = (options: TestOptions, count: number): Report => {
  const waiting = new Map<number, Result>();
  let next = 0;
  let bad = 0;
  return (result, index) => {
    waiting.set(index, result);
    for (let ready = waiting.get(next); ready !== undefined; ready = waiting.get(next)) {
      waiting.delete(next);
      next += 1;
      if (ready.verdict !== "pass") bad += 1;
      show(ready, next - 1, options);
    }
    if (process.stderr.isTTY && !options.json)
      process.stderr.write(next < count ? `\r${next}/${count}, ${bad} did not pass\x1b[K` : "\r\x1b[K");
  };
};

const show = (result: Result, index: number, options: TestOptions): void => {
  const wanted = options.verbose || result.verdict === "fail" || result.verdict === "error";
  const capture = options.pcapng !== undefined && wanted && result.capture !== null ? writeCapture(options.pcapng, result, index) : null;
  if (options.json) print(JSON.stringify({ ...resultJson(result), capture }));
  else if (result.verdict !== "pass" || options.verbose) for (const line of reportLines(result, capture)) print(line);
};

const writeCapture = (folder: string, result: Result, index: number): string => {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${String(index + 1).padStart(4, "0")}-${basename(result.name, ".pkt")}.pcapng`);
  writeFileSync(path, result.capture!);
  return path;
};

const runHere = (scripts: readonly string[], options: TestOptions, report: Report): Result[] =>
  scripts.map((path, index) => {
    const result = runFile(path, { ...runOptionsOf(options), ...(options.trace ? { trace: print } : {}) });
    report(result, index);
    return result;
  });

/** Scripts are dealt out one by one to processes: a slow one holds up nobody else. */
const runInProcesses = async (scripts: readonly string[], options: TestOptions, report: Report): Promise<Result[]> => {
  const results: Result[] = [];
  const program = fileURLToPath(import.meta.url).replace(/test(\.[jt]s)$/, "test-worker$1");
  let next = 0;
  const workers = Array.from({ length: Math.min(options.jobs, scripts.length) }, async () => {
    const worker = fork(program, { serialization: "advanced" });
    try {
      while (next < scripts.length) {
        const index = next++;
        const result = await new Promise<Result>((resolve, reject) => {
          worker.once("message", (message) => resolve(message as Result));
          worker.once("exit", (status) => reject(new Error(`a process that runs scripts has ended with status ${status}`)));
          worker.send({ path: scripts[index], options: runOptionsOf(options) });
        });
        worker.removeAllListeners();
        results[index] = result;
        report(result, index);
      }
    } finally {
      worker.disconnect();
    }
  });
  await Promise.all(workers);
  return results;
};

const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

const parseProfile = (text: string): string => {
  if (!Object.hasOwn(profiles, text))
    throw new UsageError(`there is no profile ${JSON.stringify(text)}: use ${Object.keys(profiles).join(", ")}`);
  return text;
};

const parseHost = (text: string): "kernel" => {
  if (text !== "kernel") throw new UsageError(`there is no host ${JSON.stringify(text)} to compare with: use kernel`);
  return text;
};

const parseRecorded = (text: string): "kernel" | "onwire" => {
  if (text !== "kernel" && text !== "onwire")
    throw new UsageError(`there is no host ${JSON.stringify(text)} to record: use kernel (of this machine) or onwire`);
  return text;
};

const parseIgnore = (text: string): ("window" | "options")[] =>
  text.split(",").map((field) => {
    if (field !== "window" && field !== "options")
      throw new UsageError(`cannot ignore ${JSON.stringify(field)}: use window, options or both`);
    return field;
  });

const collect = (text: string, before: ReadonlyMap<string, string>): Map<string, string> => {
  const equals = text.indexOf("=");
  const name = equals < 0 ? text : text.slice(0, equals);
  if (!/^\w+$/.test(name)) throw new UsageError(`${JSON.stringify(text)}: use NAME=VALUE`);
  return new Map([...before, [name, equals < 0 ? "1" : text.slice(equals + 1)]]);
};

const EXAMPLES = `
Verdicts: pass; fail (the stack did something else); unsupported (the script wants what is not here, said which); error (the script is wrong).

Examples:
  onwire test conformance
  onwire test my.pkt --trace --pcapng captures --verbose
  onwire test scripts --profile freebsd --jobs 2 --junit results.xml
  sudo onwire test --record kernel stimulus.pkt > whole.pkt`;
