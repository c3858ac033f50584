/** Every example runs, and prints what its last comment says. */
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const files = readdirSync("examples").filter((name) => name.endsWith(".ts"));

test.each(files)("examples/%s", async (name) => {
  const file = join("examples", name);
  const expected = /\/\/ prints: (.*)\n?$/m.exec(readFileSync(file, "utf8"))?.[1];
  expect(expected, "its last comment").toBeDefined();
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ["--import", "tsx", file], { timeout: 120_000 });
  expect(stderr).toBe("");
  expect(stdout.trim()).toBe(expected);
});
