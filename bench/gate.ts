/** `npm run gate`: what every change passes, ten minutes at most on two cores: the tables and the model, the frames, the worlds, and every seed
 *  and input that has failed before. `--frames N --worlds N` make it shorter. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { parseArgs } from "./arguments.js";
import { errorOf } from "./fuzz/campaign.js";
import { targets } from "./fuzz/targets.js";

const { values } = parseArgs({
  options: {
    frames: { type: "string", default: "10000000" },
    worlds: { type: "string", default: "2000" },
    seed: { type: "string", default: "1" },
    "no-tables": { type: "boolean", default: false },
  },
});

/** Runs a program of the repository; its output is shown when it fails. */
function run(name: string, args: readonly string[]): Promise<boolean> {
  const begun = performance.now();
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [...args], { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, NO_COLOR: "1" } });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (output = (output + data).slice(-20_000)));
    child.on("close", (status) => {
      const passed = status === 0;
      console.log(`${passed ? "passed" : "FAILED"}  ${name} (${((performance.now() - begun) / 1_000).toFixed(0)} s)`);
      if (!passed) console.log(output);
      resolve(passed);
    });
  });
}

const tsx = ["--import", "tsx"];
const tables = ["test/conformance", "test/robustness", "test/tcp", "test/worlds", "test/base", "test/requirements.test.ts"];
const results: boolean[] = [];
// Past failures first: they are soon told.
const past = readFileSync(new URL("fuzz/failures.txt", import.meta.url), "utf8")
  .split("\n")
  .filter((line) => line !== "" && !line.startsWith("#"));
const broken = past.filter((line) => {
  const [name, input] = line.split(" ") as [string, string];
  const target = targets.find((one) => one.name === name);
  return target !== undefined && errorOf(target, Uint8Array.from(Buffer.from(input, "hex"))) !== null;
});
for (const line of broken) console.log(`FAILED  again: npm run fuzz -- --target ${line.replace(" ", " --input ")}`);
results.push(broken.length === 0);
console.log(`${broken.length === 0 ? "passed" : "FAILED"}  ${past.length} inputs that failed before`);

// Two at a time: the frames beside the tables, then the worlds on both cores.
const seeds = readFileSync(new URL("fuzz/seeds.txt", import.meta.url), "utf8")
  .split("\n")
  .filter((line) => /^\d+$/.test(line));
results.push(
  ...(await Promise.all([
    run(`${values.frames} structured frames`, [
      ...tsx,
      "bench/fuzz.ts",
      "--target",
      "frames",
      "--frames",
      values.frames,
      "--seed",
      values.seed,
    ]),
    values["no-tables"]
      ? Promise.resolve(true)
      : run("tables, model, requirements", ["node_modules/vitest/vitest.mjs", "run", "--project", "unit", ...tables]),
  ])),
);
results.push(await run(`${values.worlds} worlds`, [...tsx, "bench/campaign.ts", "--worlds", values.worlds, "--seed", values.seed]));
for (const seed of seeds)
  results.push(await run(`world ${seed}, which failed before`, [...tsx, "bench/campaign.ts", "--worlds", "1", "--seed", seed]));
const failed = results.filter((passed) => !passed).length;
console.log(failed === 0 ? "gate: passed" : `gate: ${failed} steps FAILED`);
process.exitCode = failed === 0 ? 0 : 1;
