/** `onwire test --wire`, `--versus` and `--record`: scripts on hosts whose time is real. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { printScript } from "../conformance/script/print.js";
import { reportLines, resultJson, summaryLine } from "../conformance/script/report.js";
import { type RunOptions, runScript } from "../conformance/script/run.js";
import { runScriptOn } from "../conformance/script/run-live.js";
import { recordScript, recordScriptOn } from "../conformance/script/run-record.js";
import type { Result } from "../conformance/script/verdict.js";
import { say } from "./exit.js";
import type { LiveHosts } from "./live-hosts.js";
import { conclude, print, type ReportOptions, reporter } from "./test-report.js";

/** One verdict of each script: that of a host behind a wire. */
export const playOnWire = async (
  scripts: readonly string[],
  hosts: LiveHosts,
  runOptions: RunOptions,
  options: ReportOptions,
): Promise<void> => {
  const began = performance.now();
  const report = reporter(options, scripts.length);
  const results: Result[] = [];
  for (const [index, path] of scripts.entries()) {
    const result = await runScriptOn((settings) => hosts.open(settings), readFileSync(path, "utf8"), path, hosts.adapted(runOptions));
    results.push(result);
    report(result, index);
  }
  conclude(results, options, began);
};

/** Both verdicts of each script, side by side. The other host takes its time: it is real. */
export const versus = async (
  scripts: readonly string[],
  name: string,
  hosts: LiveHosts,
  runOptions: RunOptions,
  options: ReportOptions,
): Promise<void> => {
  const ours: Result[] = [];
  const theirs: Result[] = [];
  let different = 0;
  if (!options.json) print(`${"onwire".padEnd(12)}${name.padEnd(12)}script`);
  for (const path of scripts) {
    const source = readFileSync(path, "utf8");
    const our = runScript(source, path, runOptions);
    const their = await runScriptOn((settings) => hosts.open(settings), source, path, hosts.adapted(runOptions));
    ours.push(our);
    theirs.push(their);
    const same = our.verdict === their.verdict;
    if (!same) different += 1;
    if (options.json) print(JSON.stringify({ name: path, onwire: resultJson(our), [name]: resultJson(their) }));
    else print(`${our.verdict.padEnd(12)}${their.verdict.padEnd(12)}${path}`);
    if (options.json || (same && our.reason === their.reason && !options.verbose)) continue;
    for (const [who, result] of [
      ["onwire", our],
      [name, their],
    ] as const)
      if (result.verdict === "fail" || result.verdict === "error")
        for (const line of reportLines({ ...result, events: [] })) print(`    ${who}: ${line}`);
  }
  const tell = options.json ? say : print;
  tell(`onwire: ${summaryLine(ours)}`);
  tell(`${name}: ${summaryLine(theirs)}`);
  const bad = [...ours, ...theirs].filter(({ verdict }) => verdict !== "pass").length;
  if (bad > 0) throw new Error(`${bad} verdicts are no pass; ${different} scripts have two verdicts`);
};

/** Writes what a host makes of each script; null: our stack. */
export const record = async (
  scripts: readonly string[],
  hosts: LiveHosts | null,
  runOptions: RunOptions,
  into: string | undefined,
): Promise<void> => {
  let failed = 0;
  if (into !== undefined) mkdirSync(into, { recursive: true });
  for (const path of scripts) {
    const source = readFileSync(path, "utf8");
    const { result, script } =
      hosts === null
        ? recordScript(source, path, runOptions)
        : await recordScriptOn((settings) => hosts.open(settings), source, path, hosts.adapted(runOptions));
    if (script === null) {
      failed += 1;
      for (const line of reportLines(result)) say(line);
    } else if (into === undefined) process.stdout.write(printScript(script));
    else writeFileSync(join(into, basename(path)), printScript(script));
  }
  if (failed > 0) throw new Error(`${failed} of ${scripts.length} could not be recorded`);
};
