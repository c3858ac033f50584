/** Stack to stack in memory: nanoseconds for a full segment with checksums, both ends and ACKs, and for a request and its response over 10 and over
 *  10 000 connections; and what of it is left to the garbage collector. Run: npm run bench -- memory [--rounds N] [--seconds N] [--json] */
import { formatTable } from "../src/inspect/show.js";
import { parseArgs } from "./arguments.js";
import { median } from "./compare/figures.js";
import { bulk, requests } from "./memory/pair.js";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "1" },
    json: { type: "boolean", default: false },
  },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);

const subjects = [
  { title: "full segment, both ends and ACKs", size: Math.ceil(500_000 * seconds), run: (segments: number) => bulk(segments).nanoseconds },
  { title: "request and response, 10 connections", size: Math.ceil(150_000 * seconds), run: (count: number) => requests(10, count) },
  {
    title: "request and response, 10 000 connections",
    size: Math.ceil(100_000 * seconds),
    run: (count: number) => requests(10_000, count),
  },
];
const found = subjects.map(({ title }) => ({ title, runs: [] as number[] }));
for (let round = 0; round <= rounds; round++)
  subjects.forEach(({ size, run }, i) => {
    const took = run(size);
    // The first round is the compiler's.
    if (round > 0) found[i]!.runs.push(took);
  });
const results = found.map(({ title, runs }) => ({ title, nanoseconds: median(runs), range: [Math.min(...runs), Math.max(...runs)] }));
if (values.json) console.log(JSON.stringify({ node: process.version, results }));
else
  for (const line of formatTable(
    ["in memory", "ns each", "range"],
    results.map(({ title, nanoseconds, range }) => [title, String(Math.round(nanoseconds)), range.map(Math.round).join(" to ")]),
  ))
    console.log(line);
