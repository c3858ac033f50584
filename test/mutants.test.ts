/** The defects that `npm run mutants` plants can be planted: the code that each changes is there, once. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { mutants } from "../bench/mutants/list.js";

test.each(mutants)("$what: has its place in $file", ({ file, find, replace }) => {
  expect(readFileSync(file, "utf8").split(find)).toHaveLength(2);
  expect(replace).not.toBe(find);
});
