/** `npm run mutants`: plants defects that real stacks have shipped, one by one, in a copy of the repository, and asks the gate. What it does not find
 *  is printed, with exit status 1. `--only N,M` plants some, `--full` runs every table test for each and not first those that know most. */
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "./arguments.js";
import { mutants } from "./mutants/list.js";

const { values } = parseArgs({
  options: { only: { type: "string" }, full: { type: "boolean", default: false }, seconds: { type: "string", default: "600" } },
});
const chosen = values.only === undefined ? null : new Set(values.only.split(",").map(Number));

const copy = mkdtempSync(join(tmpdir(), "onwire-mutants-"));
process.on("exit", () => rmSync(copy, { recursive: true, force: true }));
for (const name of ["src", "test", "bench", "scripts", "docs", "conformance", "package.json", "tsconfig.json", "vitest.config.ts"])
  cpSync(name, join(copy, name), { recursive: true });
symlinkSync(resolve("node_modules"), join(copy, "node_modules"));

/** Cheap and sharp first; the rest of the gate when they see nothing. */
const stages: readonly (readonly string[])[] = [
  ["conformance/model", "conformance/rfc9293", "conformance/rfc7323", "conformance/rfc5681", "conformance/rfc6298", "test/tcp/"],
  ["test/conformance", "test/robustness", "test/worlds", "test/base", "test/sim"],
];

/** Vitest's exit status when a test has failed; a run that was interrupted has another. */
const FAILED = 1;

function vitest(paths: readonly string[]): boolean {
  const args = ["node_modules/vitest/vitest.mjs", "run", "--project", "unit", "--bail", "1", "--testTimeout", "120000", ...paths];
  const { status, signal } = spawnSync(process.execPath, args, {
    cwd: copy,
    timeout: Number(values.seconds) * 1_000,
    stdio: "ignore",
    env: { ...process.env, NO_COLOR: "1" },
  });
  // A test that hangs has its own timeout: this one is the patience of who waits, and proves nothing.
  if (signal !== null) console.log(`    ${paths.join(" ")}: not done within ${values.seconds} s`);
  else if (status !== 0 && status !== FAILED) console.log(`    ${paths.join(" ")}: ended with ${status}, which is no verdict`);
  return status !== FAILED;
}

let missed = 0;
let found = 0;
for (const [i, { file, find, replace, what }] of mutants.entries()) {
  const number = i + 1;
  if (chosen !== null && !chosen.has(number)) continue;
  const source = readFileSync(join(copy, file), "utf8");
  if (source.split(find).length !== 2) {
    console.log(`${number}  STALE   ${what}: ${file} has not exactly one ${JSON.stringify(find)}`);
    missed += 1;
    continue;
  }
  writeFileSync(
    join(copy, file),
    source.replace(find, () => replace),
  );
  const begun = performance.now();
  const stage = values.full ? (vitest(stages.flat()) ? -1 : 0) : stages.findIndex((paths) => !vitest(paths));
  writeFileSync(join(copy, file), source);
  const seconds = ((performance.now() - begun) / 1_000).toFixed(0);
  if (stage < 0) missed += 1;
  else found += 1;
  console.log(`${number}  ${stage < 0 ? "MISSED" : "found "}  ${what} (${seconds} s)`);
}
console.log(`${found} found, ${missed} missed`);
process.exitCode = missed === 0 ? 0 : 1;
