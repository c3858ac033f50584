/** `npm run bench -- NAME ...`: runs bench/NAME.ts with the rest of the arguments; without a name, says which there are. */
const folder = new URL("./", import.meta.url);
const names = ["memory", "wire"];
const [name, ...rest] = process.argv.slice(2);
if (name === undefined || !names.includes(name)) {
  console.error(`usage: npm run bench -- ${names.join(" | ")}`);
  process.exitCode = 2;
} else {
  process.argv.splice(2, process.argv.length, ...rest);
  await import(new URL(`${name}.ts`, folder).href);
}
