/** Which requirement of which RFC is shown by which test, and which is deviated from: docs/requirements.csv, joined with the titles of
 *  the tests and with docs/deviations.md by the ids that both carry. */
import { readFileSync } from "node:fs";
import { parseCsv } from "./csv.js";
import { type TestTitle, testTitles } from "./test-titles.js";

export interface Requirement {
  readonly id: string;
  readonly rfc: string;
  readonly section: string;
  readonly level: "MUST" | "MUST NOT" | "SHOULD" | "SHOULD NOT" | "MAY" | "RULE";
  readonly statement: string;
  /** "in"; "later" while what it asks of is being built; "out" with the reason in `why`. */
  readonly scope: "in" | "later" | "out";
  readonly why: string;
  /** How RFC 9293 appendix B marks its rows of this label, joined by " + "; it differs from the text in a few places, where the text wins. */
  readonly appendix: string;
}

export interface Row extends Requirement {
  readonly tests: readonly TestTitle[];
  /** Slugs of docs/deviations.md. */
  readonly deviations: readonly string[];
}

export const LEVELS = ["MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY", "RULE"] as const;

/** Labels of RFC 9293 go without its number in the tests and deviations. */
const LABEL = /\b(?:9293-)?((?:MUST|SHLD|MAY|REC)-\d+|U\d\d)\b/g;
const ID = /\b(?!20\d\d-)\d{3,4}(?:bis)?-(?:[A-Z]-)?\d\d\b(?!-)|\b2018-\d\d\b(?!-)/g;
const RANGE = /\b((?:MUST|SHLD|MAY)-|U)(\d+)(?:\.\.| to )(?:MUST-|SHLD-|MAY-|U)?(\d+)\b/g;

/** The ids in a text, ranges written out: "U09..U12", "MUST-51 to MUST-53". */
export function idsIn(text: string): Set<string> {
  const found = new Set<string>();
  for (const [, prefix, first, last] of text.matchAll(RANGE))
    for (let n = Number(first); n <= Number(last); n++) found.add(`9293-${prefix}${prefix === "U" ? String(n).padStart(2, "0") : n}`);
  for (const [, label] of text.matchAll(LABEL)) found.add(`9293-${label}`);
  for (const [id] of text.matchAll(ID)) found.add(id);
  return found;
}

export function readRequirements(): Requirement[] {
  return parseCsv(readFileSync("docs/requirements.csv", "utf8")) as unknown as Requirement[];
}

export interface DeviationRow {
  readonly slug: string;
  readonly section: string;
}

export function readDeviations(): DeviationRow[] {
  return readFileSync("docs/deviations.md", "utf8")
    .split("\n")
    .filter((line) => /^\| *`[a-z0-9-]+` *\|/.test(line))
    .map((line) => line.split("|").map((cell) => cell.trim()))
    .map((cells) => ({ slug: cells[1]!.slice(1, -1), section: cells[2]! }));
}

export function requirementMatrix(): Row[] {
  const byTest = index(testTitles(), ({ title }) => title);
  const byDeviation = index(readDeviations(), ({ section }) => section);
  return readRequirements().map((requirement) => ({
    ...requirement,
    tests: byTest.get(requirement.id) ?? [],
    deviations: (byDeviation.get(requirement.id) ?? []).map(({ slug }) => slug),
  }));
}

function index<T>(items: readonly T[], text: (item: T) => string): Map<string, T[]> {
  const found = new Map<string, T[]>();
  for (const item of items) for (const id of idsIn(text(item))) found.set(id, [...(found.get(id) ?? []), item]);
  return found;
}

/** Neither a test nor a deviation. */
export const isOpen = (row: Row): boolean => row.scope !== "out" && row.tests.length === 0 && row.deviations.length === 0;

export const isShown = (row: Row): boolean => row.scope !== "out" && !isOpen(row);

export const isBinding = (row: Requirement): boolean => row.level === "MUST" || row.level === "MUST NOT";

/** docs/requirements.md. */
export function formatMatrix(rows: readonly Row[]): string {
  const lines = [
    "# Requirements",
    "",
    "Made by `npm run requirements` from docs/requirements.csv, the ids in the titles of the tests, and docs/deviations.md. Each",
    "pair is *shown by a test or listed as a deviation / in scope*. RULE: what an RFC says without one of RFC 2119's words.",
    "",
    `| RFC | ${LEVELS.join(" | ")} | out of scope |`,
    `|---|${LEVELS.map(() => "---").join("|")}|---|`,
  ];
  const rfcs = [...new Set(rows.map((row) => row.rfc))];
  const pair = (some: readonly Row[]): string => {
    const inScope = some.filter((row) => row.scope !== "out");
    return inScope.length === 0 ? "" : `${inScope.filter((row) => !isOpen(row)).length}/${inScope.length}`;
  };
  for (const rfc of [...rfcs, null]) {
    const some = rfc === null ? rows : rows.filter((row) => row.rfc === rfc);
    const cells = LEVELS.map((level) => pair(some.filter((row) => row.level === level)));
    lines.push(`| ${rfc ?? "**all**"} | ${cells.join(" | ")} | ${some.filter((row) => row.scope === "out").length || ""} |`);
  }
  lines.push("", ...formatAppendix(rows));
  const open = rows.filter(isOpen).sort((a, b) => Number(a.scope === "later") - Number(b.scope === "later"));
  lines.push("", "## Open", "");
  if (open.length === 0) lines.push("None.");
  for (const row of open) lines.push(`- ${row.id} (${row.rfc} s${row.section}, ${row.level}): ${row.statement}`);
  lines.push("", "## Out of scope", "", "| id | level | requirement | why |", "|---|---|---|---|");
  for (const row of rows) if (row.scope === "out") lines.push(`| ${row.id} | ${row.level} | ${row.statement} | ${row.why} |`);
  for (const rfc of rfcs) {
    const some = rows.filter((row) => row.rfc === rfc && row.scope !== "out");
    if (some.length === 0) continue;
    lines.push("", `## ${rfc}`, "", "| id | section | level | requirement | shown by |", "|---|---|---|---|---|");
    for (const row of some) lines.push(`| ${row.id} | ${row.section} | ${row.level} | ${row.statement} | ${shownBy(row)} |`);
  }
  return `${lines.join("\n")}\n`;
}

/** The rows of RFC 9293 appendix B as it marks them. */
function formatAppendix(rows: readonly Row[]): string[] {
  const marks = rows.flatMap((row) => row.appendix.split(" + ").map((mark) => ({ mark, shown: isShown(row) })));
  const count = (...levels: string[]): string => {
    const some = marks.filter(({ mark }) => levels.includes(mark));
    return `${some.filter(({ shown }) => shown).length} of ${some.length}`;
  };
  return [
    `Of the rows of RFC 9293 appendix B, as it marks them: MUST and MUST NOT ${count("MUST", "MUST NOT")}, SHOULD and SHOULD NOT`,
    `${count("SHOULD", "SHOULD NOT")}, MAY ${count("MAY")}. (Where its marks differ from the text, for MUST-29, SHLD-25, MAY-5, MAY-10 and MAY-11,`,
    "the tables below follow the text.)",
  ];
}

function shownBy(row: Row): string {
  const files = new Map<string, number>();
  for (const { file } of row.tests) files.set(file, (files.get(file) ?? 0) + 1);
  const tests = [...files].map(([file, count]) => (count === 1 ? file : `${file} (${count})`));
  return [...tests, ...row.deviations.map((slug) => `deviation \`${slug}\``)].join("<br>") || "**open**";
}
