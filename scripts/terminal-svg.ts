/** Draws the text on standard input as a terminal window: `npm run demo | npx tsx scripts/terminal-svg.ts "npm run demo" > docs/demo.svg`.
 *  Lines that were overwritten with a carriage return appear as they were left. */
import { readFileSync } from "node:fs";

const CHARACTER = 7.8;
const LINE = 17;
const MARGIN = 16;
const BAR = 30;

const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
// Control sequences of a terminal: ESC [ ... letter.
const plain = (text: string): string => text.replaceAll(/\u001b\[[0-9;?]*[A-Za-z]/g, "");

const title = process.argv[2] ?? "";
const lines = plain(readFileSync(0, "utf8"))
  .trimEnd()
  .split("\n")
  .map((line) => line.replace(/\r$/, "").split("\r").at(-1) ?? "");
if (title !== "") lines.unshift(`$ ${title}`);
const width = Math.ceil(Math.max(...lines.map((line) => [...line].length)) * CHARACTER + 2 * MARGIN);
const height = BAR + lines.length * LINE + MARGIN;

const rows = lines.map((line, i) => {
  const colour = /^\$ |: ok$|is equal/.test(line) ? "#7ee787" : /^\d+\. /.test(line) ? "#79c0ff" : "#e6edf3";
  return `<text x="${MARGIN}" y="${BAR + (i + 0.8) * LINE}" fill="${colour}" xml:space="preserve">${escaped(line)}</text>`;
});
console.log(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(title)}">
<rect width="${width}" height="${height}" rx="8" fill="#0d1117"/>
<circle cx="20" cy="16" r="5" fill="#ff5f57"/><circle cx="38" cy="16" r="5" fill="#febc2e"/><circle cx="56" cy="16" r="5" fill="#28c840"/>
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="13">
${rows.join("\n")}
</g>
</svg>`);
