/** What observing costs: stacks in memory without a probe, with the flight recorder that every stack could have, and with a subscriber that is
 *  called for each event. Both ends are observed. Run: npm run bench -- trace [--rounds N] [--seconds N] [--json] */
import { execFileSync } from "node:child_process";
import { formatTable } from "../src/inspect/show.js";
import { parseArgs } from "./arguments.js";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "7" },
    seconds: { type: "string", default: "1" },
    json: { type: "boolean", default: false },
  },
});
const one = new URL("trace/one.ts", import.meta.url).pathname;
const modes = ["off", "ring", "subscriber"] as const;
const subjects = { segment: "full segment, both ends and ACKs", request: "request and response" } as const;
type Subject = keyof typeof subjects;
const runs: Record<Subject, Record<string, number[]>> = { segment: {}, request: {} };
for (let round = 0; round < Number(values.rounds); round++)
  for (const mode of modes) {
    const out = execFileSync(process.execPath, ["--import", "tsx", one, mode, values.seconds], { encoding: "utf8" });
    const found = JSON.parse(out) as Record<Subject, number>;
    for (const subject of Object.keys(runs) as Subject[]) (runs[subject][mode] ??= []).push(found[subject]);
  }
const rows = (Object.keys(runs) as Subject[]).flatMap((subject) =>
  modes.map((mode) => {
    const list = runs[subject][mode]!;
    // The same work each time: the least is what it takes, the rest is what else the machine did.
    const least = Math.min(...list);
    return { subject, mode, nanoseconds: least, most: Math.max(...list), ratio: least / Math.min(...runs[subject]["off"]!) };
  }),
);
if (values.json) console.log(JSON.stringify({ node: process.version, rows }));
else {
  const cells = rows.map(({ subject, mode, nanoseconds, most, ratio }) => [
    subjects[subject],
    mode,
    String(Math.round(nanoseconds)),
    String(Math.round(most)),
    `${((ratio - 1) * 100).toFixed(1)} %`,
  ]);
  for (const line of formatTable(["in memory", "observed by", "ns each, least", "most", "more than off"], cells)) console.log(line);
}
