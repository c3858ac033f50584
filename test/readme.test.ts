import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";

const readme = readFileSync("README.md", "utf8");
const blocks = [...readme.matchAll(/<!-- (examples\/\S+\.ts) -->\n```ts\n([\s\S]*?)```/g)].map((match) => ({
  file: match[1]!,
  code: match[2]!,
}));

describe("README.md", () => {
  test("has an embedding example", () => {
    expect(blocks.length).toBeGreaterThan(0);
  });

  test.each(blocks)("$file is what the README shows, and runs", async ({ file, code }) => {
    expect(code).toBe(readFileSync(file, "utf8"));
    const { stdout, stderr } = await promisify(execFile)(process.execPath, ["--import", "tsx", file], { timeout: 120_000 });
    expect(stderr).toBe("");
    // The example's last comment says what it prints.
    expect(stdout.trim()).toBe(/\/\/ prints: (.*)\n?$/m.exec(code)?.[1]);
  });

  test("names no command and no file that is not there", () => {
    const { scripts } = JSON.parse(readFileSync("package.json", "utf8")) as { scripts: Record<string, string> };
    const named = [...readme.matchAll(/npm run ([a-z:]+)/g)].map((match) => match[1]!);
    expect(named.filter((name) => scripts[name] === undefined)).toEqual([]);
    const links = [...readme.matchAll(/\]\(((?!https?:)[^)#]+)\)/g)].map((match) => match[1]!);
    for (const link of links) expect(() => readFileSync(link), link).not.toThrow();
  });
});
