/** Results of `onwire test` as they come: lines or JSON, captures, JUnit, the summary. */
import { mkdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { junit, reportLines, resultJson, summaryLine } from "../conformance/script/report.js";
import type { Result } from "../conformance/script/verdict.js";
import { say } from "./exit.js";

export interface ReportOptions {
  readonly json: boolean;
  readonly verbose: boolean;
  readonly pcapng?: string;
  readonly junit?: string;
}

export type Report = (result: Result, index: number) => void;

export const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

/** Prints results in the order of the scripts, whoever is done first. */
export const reporter = (options: ReportOptions, count: number): Report => {
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

/** The summary, and an error unless all have passed. `began`: as performance.now() has it. */
export const conclude = (results: readonly Result[], options: ReportOptions, began: number): void => {
  if (options.junit !== undefined) writeFileSync(options.junit, junit(results));
  const summary = `${summaryLine(results)} (${((performance.now() - began) / 1e3).toFixed(1)} s)`;
  if (options.json) say(summary);
  else print(summary);
  const bad = results.filter(({ verdict }) => verdict !== "pass").length;
  if (bad > 0) throw new Error(`${bad} of ${results.length} did not pass`);
};

const show = (result: Result, index: number, options: ReportOptions): void => {
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
