/** What recovery and congestion control achieve, in virtual time: the same figures on every machine. Compares with `netsim/snapshot.txt`, so
 *  that a change to either has to say what it changes. Run: npm run bench:netsim [-- --update] [--only WORDS] */
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "./arguments.js";
import { sections } from "./netsim/table.js";

const { values } = parseArgs({ options: { update: { type: "boolean", default: false }, only: { type: "string", default: "" } } });
const snapshot = new URL("netsim/snapshot.txt", import.meta.url);
const lines: string[] = [];
for (const section of sections) {
  if (!section.title.includes(values.only)) continue;
  lines.push("", section.title, section.header);
  console.log(lines.slice(-3).join("\n"));
  for (const row of section.rows) {
    lines.push(`${row.name} ${row.figures()}`);
    console.log(lines.at(-1));
  }
}
if (values.only === "") {
  const text = `${lines.slice(1).join("\n")}\n`;
  const known = values.update ? text : readFileSync(snapshot, "utf8");
  if (values.update) writeFileSync(snapshot, text);
  const before = known.split("\n");
  const changed = text.split("\n").flatMap((line, i) => (line === before[i] ? [] : [`- ${before[i] ?? ""}\n+ ${line}`]));
  if (changed.length > 0) {
    console.error(
      `\n${changed.length} lines differ from the snapshot; explain them in the commit that updates it (--update):\n${changed.join("\n")}`,
    );
    process.exitCode = 1;
  }
}
