/** The open suite in conformance/, and scripts of others where they lie beside the repository. */
import { existsSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { describe, expect, test } from "vitest";
import { findScripts } from "../../../src/cli/test.js";
import { mutationScore } from "../../../src/conformance/script/mutation-score.js";
import { reportLines } from "../../../src/conformance/script/report.js";
import { runScript } from "../../../src/conformance/script/run.js";

const own = findScripts(["conformance"]);

describe("the open suite", () => {
  test.each(own)("%s", (path) => {
    const result = runScript(readFileSync(path, "utf8"), path);
    expect(result.verdict === "pass" ? "" : reportLines(result).join("\n")).toBe("");
  });

  test("every script is named for its clause, and cites it; those of what a system does name the system", () => {
    for (const path of own) {
      const system = /\/(linux|freebsd)\//.exec(path)?.[1];
      if (system !== undefined) {
        expect.soft(readFileSync(path, "utf8"), path).toMatch(system === "linux" ? /^\/\/ Linux: / : /^\/\/ FreeBSD: /);
        continue;
      }
      const rfc = /rfc(\d+)\//.exec(path)?.[1];
      const section = /^([\d.]+|[a-z])-/.exec(basename(path))?.[1];
      expect.soft(readFileSync(path, "utf8"), path).toContain(`RFC ${rfc} s${section}`);
    }
  });

  test("nothing that a script asserts can be changed unnoticed", () => {
    // Every seventh mutant of every script: `npm run mutate:scripts` tries all of them.
    let caught = 0;
    const survivors: string[] = [];
    for (const path of own) {
      const score = mutationScore(readFileSync(path, "utf8"), path, {}, 7);
      caught += score?.caught ?? 0;
      for (const { what, line } of score?.survivors ?? []) survivors.push(`${path}:${line}: ${what}`);
    }
    expect(caught).toBeGreaterThan(700);
    expect(survivors).toEqual([]);
  });
});

const corpus = "../shared/corpus";

describe.skipIf(!existsSync(corpus))("scripts of others", () => {
  const resultsOf = (folder: string, profile: string) =>
    findScripts([`${corpus}/${folder}`]).map((path) => runScript(readFileSync(path, "utf8"), path, { profile }));

  test("FreeBSD's, for IPv4: at least 95 of 100 pass as they are, and none is misread", () => {
    const results = resultsOf("freebsd", "freebsd").filter(({ reason }) => !reason.startsWith("IPv6"));
    const passed = results.filter(({ verdict }) => verdict === "pass").length;
    expect(results.length).toBeGreaterThan(150);
    expect(passed / results.length).toBeGreaterThanOrEqual(0.95);
    expect(
      results.filter(({ verdict }) => verdict === "error" || verdict === "unsupported").map(({ name, reason }) => `${name}: ${reason}`),
    ).toEqual([]);
  });

  test("gVisor's: none is misread", () => {
    const results = resultsOf("gvisor", "linux");
    expect(
      results.filter(({ verdict }) => verdict === "error" || verdict === "unsupported").map(({ name, reason }) => `${name}: ${reason}`),
    ).toEqual([]);
    expect(results.length).toBe(8);
  });
});
