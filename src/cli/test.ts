/** `onwire test [FILES...]`: packet scripts against our stack, in virtual time. */
import { fork } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { type RunOptions, runScript } from "../conformance/script/run.js";
import type { Result } from "../conformance/script/verdict.js";
import { profiles } from "../stack/profile.js";
import { runCommand, type Undo, UsageError } from "./exit.js";
import { linkChoice } from "./link.js";
import { type HostName, openHosts, type WireOptions } from "./live-hosts.js";
import { parseAddress, parseInteger, parsePlace, parsePrefix } from "./parse.js";
import { playOnWire, record, versus } from "./test-live.js";
import { conclude, print, type Report, type ReportOptions, reporter } from "./test-report.js";

export interface TestOptions extends ReportOptions, WireOptions {
  readonly jobs: number;
  readonly profile: string;
  readonly ignore: readonly ("window" | "options")[];
  readonly strict: boolean;
  readonly trace: boolean;
  readonly define: ReadonlyMap<string, string>;
  readonly option: ReadonlyMap<string, string>;
  readonly list: boolean;
  readonly wire: boolean;
  readonly versus?: HostName;
  readonly record?: HostName | "onwire";
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
      "--wire",
      "run each script on a host behind a wire: the kernel in a namespace (needs Linux and root), or that of --agent",
      false,
    )
    .option("--versus <host>", "run each script on our stack and on this host, and print both verdicts: kernel, or agent", parseHost)
    .option(
      "--record <host>",
      "play only what the scripts do to a host (calls, packets to it, code), and write the scripts that expect what it did: kernel, agent or onwire",
      parseRecorded,
    )
    .option("--into <folder>", "with --record: write there, under the scripts' names, and not to standard output")
    .option("--agent <a.b.c.d:port>", "another host: the agent on it (onwire agent) makes the calls", parsePlace)
    .option("--token-file <file>", "the secret of the agent; default: ONWIRE_AGENT_TOKEN in the environment")
    .option("--link <kind:name>", "with --agent: the link on which the host is, as packet:eth1", linkChoice)
    .option("--address <a.b.c.d/n>", "with --agent: an address of the link that nobody has: the other end of scripts", parsePrefix)
    .option("--host <address>", "with --agent: the host's address on the link; default: the agent's", parseAddress)
    .option("--gateway <address>", "with --agent: the router to a host that is not on the link", parseAddress)
    .option("-v, --verbose", "print scripts that passed, too", false)
    .addHelpText("after", EXAMPLES)
    .action((files: string[], options: TestOptions) => runCommand((undo) => test(files, options, undo)));
};

const test = async (files: readonly string[], options: TestOptions, undo: Undo): Promise<void> => {
  const scripts = findScripts(files);
  if (options.list) {
    for (const script of scripts) print(script);
    return;
  }
  if (options.wire || options.versus !== undefined || options.record !== undefined) return testLive(scripts, options, undo);
  const began = performance.now();
  const report = reporter(options, scripts.length);
  const results =
    options.jobs > 1 && scripts.length > 1 ? await runInProcesses(scripts, options, report) : runHere(scripts, options, report);
  conclude(results, options, began);
};

/** On hosts whose time is real: one script after the other. */
const testLive = async (scripts: readonly string[], options: TestOptions, undo: Undo): Promise<void> => {
  const { wire, versus: other, record: recorded } = options;
  if ([wire, other !== undefined, recorded !== undefined].filter((asked) => asked).length > 1)
    throw new UsageError("--wire, --versus and --record are three things to do: ask for one of them");
  if (options.jobs > 1) throw new UsageError(`--jobs ${options.jobs}: a host behind a wire plays one script at a time: leave it out`);
  for (const option of ["strict", "trace"] as const)
    if (wire && options[option]) throw new UsageError(`--${option} is for our stack in virtual time: leave it out with --wire`);
  const runOptions = runOptionsOf(options);
  if (recorded === "onwire") return record(scripts, null, runOptions, options.into);
  const name = other ?? recorded ?? (options.agent === undefined ? "kernel" : "agent");
  const hosts = await openHosts(name, options, undo);
  if (recorded !== undefined) return record(scripts, hosts, runOptions, options.into);
  return other === undefined ? playOnWire(scripts, hosts, runOptions, options) : versus(scripts, name, hosts, runOptions, options);
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

const parseProfile = (text: string): string => {
  if (!Object.hasOwn(profiles, text))
    throw new UsageError(`there is no profile ${JSON.stringify(text)}: use ${Object.keys(profiles).join(", ")}`);
  return text;
};

const parseHost = (text: string): HostName => {
  if (text !== "kernel" && text !== "agent")
    throw new UsageError(`there is no host ${JSON.stringify(text)} to compare with: use kernel (of this machine) or agent (of another)`);
  return text;
};

const parseRecorded = (text: string): HostName | "onwire" => {
  if (text !== "kernel" && text !== "agent" && text !== "onwire")
    throw new UsageError(`there is no host ${JSON.stringify(text)} to record: use kernel (of this machine), agent (of another) or onwire`);
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
  sudo onwire test --record kernel stimulus.pkt > whole.pkt
  sudo onwire test my.pkt --wire --agent 10.9.0.1:7474 --token-file token --link packet:eth1 --address 10.9.0.99/24`;
