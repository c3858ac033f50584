/** Writes docs/requirements.md and says what is open: `npm run requirements`. Exit status 1 when a MUST or MUST NOT is. */
import { writeFileSync } from "node:fs";
import { formatMatrix, isBinding, isOpen, requirementMatrix } from "./requirement-matrix.js";

const rows = requirementMatrix();
writeFileSync("docs/requirements.md", formatMatrix(rows));
const open = rows.filter(isOpen);
for (const row of open) console.log(`${row.level.padEnd(10)} ${row.id.padEnd(14)} ${row.statement}`);
const binding = open.filter((row) => isBinding(row) && row.scope === "in").length;
console.log(
  `docs/requirements.md: ${rows.filter((row) => row.scope !== "out").length} in scope, ${open.length} open, ${binding} of them MUST or MUST NOT of what is built`,
);
process.exitCode = binding === 0 ? 0 : 1;
