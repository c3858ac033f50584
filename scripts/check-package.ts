/** Packs the package and looks at it as a stranger would: publint, "are the types wrong", and an installation in an empty folder
 *  where every entry point is imported and the command answers. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folder = mkdtempSync(join(tmpdir(), "onwire-package-"));
const run = (command: string, args: string[], cwd = "."): void => {
  console.log(`$ ${command} ${args.map((arg) => arg.replace(`${folder}/`, "")).join(" ")}`);
  execFileSync(command, args, { cwd, stdio: "inherit" });
};

try {
  const packed = execFileSync("npm", ["pack", "--json", "--silent", "--pack-destination", folder], { encoding: "utf8" });
  // A lifecycle script may print before the list.
  const [info] = JSON.parse(packed.slice(packed.indexOf("[\n"))) as { filename: string; entryCount: number; size: number }[];
  if (info === undefined) throw new Error(`npm pack printed no list: ${packed}`);
  const tarball = join(folder, info.filename);
  console.log(`${info.filename}: ${info.entryCount} files, ${info.size} octets`);

  run("npx", ["publint", "run", "--strict", tarball]);
  run("npx", ["attw", tarball, "--profile", "esm-only"]);

  const empty = mkdtempSync(join(folder, "empty-"));
  writeFileSync(join(empty, "package.json"), '{ "private": true, "type": "module" }\n');
  // Without the optional dependencies: what needs no kernel device must work all the same.
  run("npm", ["install", "--no-audit", "--no-fund", "--silent", "--omit=optional", tarball], empty);
  const { exports, version } = JSON.parse(readFileSync("package.json", "utf8")) as { exports: Record<string, unknown>; version: string };
  const entries = Object.keys(exports).filter((key) => !key.endsWith(".json"));
  const imports = entries.map((key) => `await import(${JSON.stringify(`onwire${key.slice(1)}`)});`);
  run(process.execPath, ["--input-type=module", "--eval", imports.join(" ")], empty);
  const answer = execFileSync("npx", ["--no-install", "onwire", "--version"], { cwd: empty, encoding: "utf8" }).trim();
  if (answer !== version) throw new Error(`onwire --version printed ${JSON.stringify(answer)}, package.json says ${version}`);
  run("npx", ["--no-install", "onwire", "--help"], empty);
  console.log(`package: ok (${entries.length} entry points and the command)`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
