/** `npm run bench -- NAME ...`: runs bench/NAME.ts with the rest of the arguments; without a name, says which there are. */
import { readdirSync } from "node:fs";

const folder = new URL("./", import.meta.url);
const names = readdirSync(folder).map((file) => file.replace(/\.ts$/, ""));
const [name, ...rest] = process.argv.slice(2);
if (name === undefined || !names.includes(name) || name === "run") {
  console.error("usage: npm run bench -- memory | wire");
  process.exitCode = 2;
} else {
  process.argv.splice(2, process.argv.length, ...rest);
  await import(new URL(`${name}.ts`, folder).href);
}
