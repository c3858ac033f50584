import { describe, expect, test } from "vitest";
import { parseCsv } from "../scripts/csv.js";
import { idsIn, isBinding, isOpen, isShown, LEVELS, readRequirements, requirementMatrix } from "../scripts/requirement-matrix.js";

describe("docs/requirements.csv", () => {
  const rows = requirementMatrix();

  test("every MUST and MUST NOT in scope is shown by a test or listed as a deviation", () => {
    expect(rows.filter((row) => row.scope === "in" && isBinding(row) && isOpen(row)).map((row) => `${row.id}: ${row.statement}`)).toEqual(
      [],
    );
  });

  test("all 76 MUST and MUST NOT rows of RFC 9293 appendix B are, and 33 of its 35 SHOULD rows at least", () => {
    const marks = rows.flatMap((row) => row.appendix.split(" + ").map((mark) => ({ mark, shown: isShown(row) })));
    const binding = marks.filter(({ mark }) => mark === "MUST" || mark === "MUST NOT");
    const should = marks.filter(({ mark }) => mark === "SHOULD" || mark === "SHOULD NOT");
    expect([binding.length, should.length]).toEqual([76, 35]);
    expect(binding.filter(({ shown }) => shown).length).toBe(76);
    expect(should.filter(({ shown }) => shown).length).toBeGreaterThanOrEqual(33);
  });

  test("is well-formed: ids are unique, levels known, and what is out of scope says why", () => {
    const all = readRequirements();
    expect(new Set(all.map((row) => row.id)).size).toBe(all.length);
    expect(all.filter((row) => !LEVELS.includes(row.level) || !["in", "later", "out"].includes(row.scope)).map((row) => row.id)).toEqual(
      [],
    );
    expect(all.filter((row) => (row.scope === "out") !== (row.why !== "")).map((row) => row.id)).toEqual([]);
    expect(all.filter((row) => !idsIn(row.id).has(row.id)).map((row) => row.id)).toEqual([]);
  });
});

test("ids are found alone, abbreviated, and in ranges", () => {
  expect([...idsIn("s3.1: a thing (MUST-2, U09..U11, MUST-51 to MUST-53, 7323-04, 1122-I-16)")].sort()).toEqual(
    // biome-ignore format: a list
    ["1122-I-16", "7323-04", "9293-MUST-2", "9293-MUST-51", "9293-MUST-52", "9293-MUST-53", "9293-U09", "9293-U10", "9293-U11"].sort(),
  );
  expect([...idsIn("I-01, S-074, RFC 9293, 2026-11-21, s3.10.7")]).toEqual([]);
});

test("comma-separated values: quotes, commas and line feeds within them", () => {
  expect(parseCsv('a,b\n1,"x, ""y""\nz"\n,\n')).toEqual([
    { a: "1", b: 'x, "y"\nz' },
    { a: "", b: "" },
  ]);
  expect(() => parseCsv("a,b\n1\n")).toThrow("row 2 has 1 cells");
});
