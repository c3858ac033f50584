/** The suites of `onwire/net`, and of Node's own modules over a stack, where else the package promises to run: in each line of Node, under
 *  `--permission`, in Deno and in Bun. The runtimes come from npm, into node_modules/.cache.
 *
 *      npm run test:runtimes [-- node24 deno ...] */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { build } from "esbuild";

const cache = resolve("node_modules/.cache/onwire-runtimes");
const bundle = join(cache, "net.mjs");

interface Runtime {
  readonly name: string;
  /** As npm is told it, and where its program is then. */
  readonly install: string;
  readonly program: string;
  /** Each runs the suites of `onwire/net`. */
  readonly arguments: readonly (readonly string[])[];
  /** It runs vitest, too. */
  readonly isNode: boolean;
}

const node = (line: number, permission: string): Runtime => ({
  name: `node${line}`,
  install: `node@${line}`,
  program: "node_modules/node/bin/node",
  arguments: [[], [permission, "--allow-fs-read=*"]],
  isNode: true,
});
const runtimes: readonly Runtime[] = [
  node(20, "--experimental-permission"),
  node(22, "--permission"),
  node(24, "--permission"),
  node(26, "--permission"),
  { name: "deno", install: "deno@2", program: "node_modules/.bin/deno", arguments: [["run", "--allow-all"]], isNode: false },
  { name: "bun", install: "bun@1", program: "node_modules/.bin/bun", arguments: [[]], isNode: false },
];

const installed = ({ name, install, program }: Runtime): string => {
  const folder = join(cache, name);
  const path = join(folder, program);
  if (existsSync(path)) return path;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), '{ "private": true }\n');
  execFileSync("npm", ["install", "--no-audit", "--no-fund", "--loglevel=error", install], { cwd: folder, stdio: "inherit" });
  return path;
};

let failed = 0;
const run = (program: string, args: readonly string[]): void => {
  console.log(`$ ${[program, ...args].map((each) => each.replace(`${cache}/`, "")).join(" ")}`);
  const { status } = spawnSync(program, args, { stdio: "inherit" });
  if (status !== 0) failed += 1;
};

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !runtimes.some((runtime) => runtime.name === name));
if (unknown.length > 0) {
  console.error(`${unknown.join(", ")}: use ${runtimes.map(({ name }) => name).join(", ")}`);
  process.exit(2);
}
mkdirSync(cache, { recursive: true });
await build({
  entryPoints: ["test/runtimes/net.ts"],
  bundle: true,
  // package.json says that files have no effects but for one; tests are nothing else.
  ignoreAnnotations: true,
  alias: { vitest: resolve("test/runtimes/small-runner.ts") },
  platform: "node",
  format: "esm",
  target: "node20",
  outfile: bundle,
  logLevel: "error",
});
for (const runtime of runtimes.filter(({ name }) => asked.length === 0 || asked.includes(name))) {
  const program = installed(runtime);
  for (const args of runtime.arguments) run(program, [...args, bundle]);
  if (runtime.isNode) run(program, ["node_modules/vitest/vitest.mjs", "run", "--project", "unit", "test/node"]);
}
console.log(failed === 0 ? "runtimes: ok" : `runtimes: ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
