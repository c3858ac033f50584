/** Which robustness case is tried by which test: docs/robustness.csv, joined with the titles of the tests by the ids that both carry.
 *  Run by itself it lists what nobody tries. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseCsv } from "./csv.js";
import { type TestTitle, testTitles } from "./test-titles.js";

export interface RobustnessCase {
  readonly id: string;
  readonly case: string;
  /** Why no test tries it; empty: one does. */
  readonly why_not: string;
  readonly tests: readonly TestTitle[];
}

export function robustnessCases(): RobustnessCase[] {
  const titles = testTitles();
  const rows = parseCsv(readFileSync("docs/robustness.csv", "utf8")) as unknown as RobustnessCase[];
  return rows.map((row) => ({ ...row, tests: titles.filter(({ title }) => new RegExp(`\\b${row.id}\\b`).test(title)) }));
}

export const untried = (cases: readonly RobustnessCase[]): RobustnessCase[] =>
  cases.filter(({ tests, why_not }) => tests.length === 0 && why_not === "");

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const cases = robustnessCases();
  for (const { id, case: what } of untried(cases)) console.log(`${id}  ${what}`);
  console.log(`${cases.length} cases, ${untried(cases).length} untried`);
}
