/** `npm run mutate:scripts [FOLDERS] [--profile NAME]`: changes one assertion of a passing script at a time, and tells which changes the
 *  runner does not notice. Status 1 when it notices fewer than 99 of 100. */
import { readFileSync } from "node:fs";
import { findScripts } from "../src/cli/test.js";
import { mutationScore } from "../src/conformance/script/mutation-score.js";
import { printEvent } from "../src/conformance/script/print.js";

const LEAST = 0.99;
const words = process.argv.slice(2);
const flag = words.indexOf("--profile");
const profile = flag < 0 ? "linux" : (words.splice(flag, 2)[1] ?? "linux");
const scripts = findScripts(words.length > 0 ? words : ["conformance"]);

let caught = 0;
let tried = 0;
let passing = 0;
for (const path of scripts) {
  const score = mutationScore(readFileSync(path, "utf8"), path, { profile });
  if (score === null) continue;
  passing += 1;
  caught += score.caught;
  tried += score.caught + score.survivors.length;
  for (const { what, line, script } of score.survivors) {
    const event = script.events.find(({ at }) => at.line === line);
    console.log(`survives: ${path}:${line}: ${what}: ${event === undefined ? "" : printEvent(event)}`);
  }
}
console.log(
  `${passing} of ${scripts.length} scripts pass; ${caught} of ${tried} mutants caught (${((100 * caught) / Math.max(1, tried)).toFixed(2)} %)`,
);
process.exitCode = tried > 0 && caught / tried >= LEAST ? 0 : 1;
