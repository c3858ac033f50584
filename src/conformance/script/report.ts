/** Results for people and for machines: text, JSON, JUnit. */
import { plain } from "../../inspect/plain.js";
import { type Result, type Verdict, verdicts } from "./verdict.js";

/** One line for a result; behind a failure, what was expected and what came, field by field, and the last events. */
export function reportLines(result: Result, capture: string | null = null): string[] {
  const place = result.at === null ? "" : `:${result.at.line}`;
  const head = `${result.verdict.toUpperCase().padEnd(11)} ${result.name}${result.verdict === "error" && result.reason.startsWith(`${result.name}:`) ? "" : place}`;
  const lines = [result.reason === "" ? head : `${head}: ${plain(result.reason, 2_000)}`];
  if (result.verdict === "pass" || result.verdict === "unsupported") return lines;
  if (result.line !== "") lines.push(`  script    ${plain(result.line, 400)}`);
  if (result.expected !== "") lines.push(`  expected  ${plain(result.expected, 400)}`);
  if (result.actual !== "") lines.push(`  came      ${plain(result.actual, 400)}`);
  const width = Math.max(0, ...result.differences.map(({ field }) => field.length));
  for (const { field, expected, actual } of result.differences)
    lines.push(`    ${field.padEnd(width)}  expected ${plain(expected, 400)}, came ${plain(actual, 400)}`);
  for (const line of result.printed) lines.push(`  printed   ${plain(line, 400)}`);
  if (result.events.length > 0) lines.push("  last events:", ...result.events.map((line) => `    ${line}`));
  if (capture !== null) lines.push(`  capture   ${capture}`);
  return lines;
}

export type Counts = Record<Verdict, number>;

export function countVerdicts(results: readonly Result[]): Counts {
  const counts: Counts = { pass: 0, fail: 0, unsupported: 0, error: 0 };
  for (const { verdict } of results) counts[verdict] += 1;
  return counts;
}

/** "270 scripts: 120 pass, 3 fail, 147 unsupported, 0 error". */
export function summaryLine(results: readonly Result[]): string {
  const counts = countVerdicts(results);
  return `${results.length} ${results.length === 1 ? "script" : "scripts"}: ${verdicts.map((verdict) => `${counts[verdict]} ${verdict}`).join(", ")}`;
}

/** Everything but the octets of captures. */
export const resultJson = ({ capture: _, ...rest }: Result): object => rest;

const escapes: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;" };
/** What XML 1.0 cannot hold at all becomes a question mark. */
const xml = (text: string): string => text.replace(/[^\t\n\r\x20-\ud7ff\ue000-\ufffd]/g, "?").replace(/[&<>"']/g, (mark) => escapes[mark]!);

/** As continuous integration reads it: unsupported scripts are skipped, which is not passed. */
export function junit(results: readonly Result[]): string {
  const counts = countVerdicts(results);
  const cases = results.map((result) => {
    const open = `  <testcase classname="onwire test" name="${xml(result.name)}" time="0"`;
    if (result.verdict === "pass") return `${open}/>`;
    const text = xml(reportLines(result).join("\n"));
    const reason = xml(result.reason);
    const inside =
      result.verdict === "unsupported"
        ? `<skipped message="${reason}"/>`
        : result.verdict === "fail"
          ? `<failure message="${reason}">${text}</failure>`
          : `<error message="${reason}">${text}</error>`;
    return `${open}>${inside}</testcase>`;
  });
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuite name="onwire test" tests="${results.length}" failures="${counts.fail}" errors="${counts.error}" skipped="${counts.unsupported}">`,
    ...cases,
    "</testsuite>",
    "",
  ].join("\n");
}
