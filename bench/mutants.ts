/** `npm run mutants`: plants defects that real stacks have shipped, one by one, in a copy of the repository, and asks the gate, the tests that ought
 *  to know first. Prints a row of a table for each: what found it, after how long. `--only N,M` plants some. Exit status 1 when one is missed. */
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { parseArgs } from "./arguments.js";
import { type Mutant, mutants } from "./mutants/list.js";

const { values } = parseArgs({
  options: { only: { type: "string" }, seconds: { type: "string", default: "600" } },
});
const chosen = values.only === undefined ? null : new Set(values.only.split(",").map(Number));

const copy = mkdtempSync(join(tmpdir(), "onwire-mutants-"));
process.on("exit", () => rmSync(copy, { recursive: true, force: true }));
for (const name of ["src", "test", "bench", "scripts", "docs", "conformance", "package.json", "tsconfig.json", "vitest.config.ts"])
  cpSync(name, join(copy, name), { recursive: true });
symlinkSync(resolve("node_modules"), join(copy, "node_modules"));

/** The gate's tests, those that ought to know before the rest; then its frames and worlds. */
const sharp = [
  "conformance/model",
  "conformance/rfc9293",
  "conformance/rfc7323",
  "conformance/rfc5681",
  "conformance/rfc6298",
  "test/tcp/",
];
const rest = ["test/conformance", "test/robustness", "test/worlds", "test/base"];

/** Vitest's exit status when a test has failed; a run that was interrupted has another. */
const FAILED = 1;

function run(name: string, args: readonly string[]): number | null {
  const { status, signal } = spawnSync(process.execPath, args, {
    cwd: copy,
    timeout: Number(values.seconds) * 1_000,
    stdio: "ignore",
    env: { ...process.env, NO_COLOR: "1" },
  });
  // A test that hangs has its own timeout: this one is the patience of who waits, and proves nothing.
  if (signal !== null) console.log(`    ${name}: not done within ${values.seconds} s`);
  else if (status !== 0 && status !== FAILED) console.log(`    ${name}: ended with ${status}, which is no verdict`);
  return status;
}

/** The first test that fails; null: none does. */
function failing(paths: readonly string[]): string | null {
  const report = join(copy, "report.json");
  const output = ["--reporter", "json", "--outputFile", report];
  const args = [
    "node_modules/vitest/vitest.mjs",
    "run",
    "--project",
    "unit",
    "--bail",
    "1",
    "--testTimeout",
    "120000",
    ...output,
    ...paths,
  ];
  if (run(paths.join(" "), args) !== FAILED) return null;
  const { testResults } = JSON.parse(readFileSync(report, "utf8")) as {
    testResults: { name: string; status: string; assertionResults: { status: string; title: string }[] }[];
  };
  const file = testResults.find(({ assertionResults }) => assertionResults.some(({ status }) => status === "failed"));
  const test = file?.assertionResults.find(({ status }) => status === "failed");
  return file === undefined ? "a test file does not load" : `${relative(copy, file.name)}: ${test!.title}`;
}

/** What of the gate finds what is planted; null: nothing. */
function finder({ near }: Mutant): string | null {
  const tests = failing(near) ?? failing(sharp) ?? failing(rest);
  if (tests !== null) return tests;
  return run("frames and worlds", ["--import", "tsx", "bench/gate.ts", "--no-tables"]) === FAILED ? "frames or worlds" : null;
}

let missed = 0;
let caught = 0;
for (const [i, mutant] of mutants.entries()) {
  const { file, find, replace, what } = mutant;
  const number = i + 1;
  if (chosen !== null && !chosen.has(number)) continue;
  const source = readFileSync(join(copy, file), "utf8");
  if (source.split(find).length !== 2) {
    console.log(`| ${number} | ${what} | **stale**: ${file} has not exactly one ${JSON.stringify(find)} | |`);
    missed += 1;
    continue;
  }
  writeFileSync(
    join(copy, file),
    source.replace(find, () => replace),
  );
  const begun = performance.now();
  const found = finder(mutant);
  writeFileSync(join(copy, file), source);
  if (found === null) missed += 1;
  else caught += 1;
  console.log(`| ${number} | ${what} | ${found ?? "**missed**"} | ${((performance.now() - begun) / 1_000).toFixed(0)} s |`);
}
console.log(`${caught} found, ${missed} missed`);
process.exitCode = missed === 0 ? 0 : 1;
