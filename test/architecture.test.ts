import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { describe, expect, test } from "vitest";

/** What the core is built from: every entry point of the package that is to run where there is no Node. */
const core = ["src/index.ts", "src/sim/index.ts", "src/inspect/index.ts", "src/dhcp/index.ts", "src/testing.ts"];

describe("the core", () => {
  test.each(core)("%s bundles for a browser with zero externals", async (entry) => {
    // No `external` is allowed for: an import that a browser cannot resolve fails the build.
    const result = await build({
      entryPoints: [entry],
      bundle: true,
      platform: "browser",
      format: "esm",
      write: false,
      metafile: true,
      logLevel: "silent",
    });
    const outputs = Object.values(result.metafile.outputs);
    expect(outputs.flatMap((output) => output.imports)).toEqual([]);
    expect(Object.keys(result.metafile.inputs).filter((input) => !input.startsWith("src/"))).toEqual([]);
    expect(result.outputFiles.map((file) => file.text).join("")).not.toContain("node:");
  });
});

describe("docs/deviations.md", () => {
  const sources = readdirSync("src", { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join("src", name));
  const inCode = new Set(
    sources.flatMap((name) => [...readFileSync(name, "utf8").matchAll(/Deviation: ([a-z0-9-]+)/g)].map((match) => match[1]!)),
  );
  const rows = readFileSync("docs/deviations.md", "utf8")
    .split("\n")
    .filter((line) => /^\| *`[a-z0-9-]+` *\|/.test(line))
    .map((line) => line.split("|").map((cell) => cell.trim()))
    .map((cells) => ({ slug: cells[1]!.slice(1, -1), section: cells[2]!, what: cells[3]!, why: cells[4]!, test: cells[5]! }));
  const listed = new Set(rows.map((row) => row.slug));

  test("every deviation marked in the code has a row", () => {
    expect([...inCode].filter((slug) => !listed.has(slug))).toEqual([]);
  });

  test("every row is marked in the code, once in the table, and complete", () => {
    expect([...listed].filter((slug) => !inCode.has(slug))).toEqual([]);
    expect(rows.length).toBe(listed.size);
    expect(rows.filter((row) => [row.section, row.what, row.why].includes(""))).toEqual([]);
    expect(rows.filter((row) => !existsSync(row.test))).toEqual([]);
  });
});
