import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import * as testing from "../src/testing.js";

const page = readFileSync("docs/testing.md", "utf8");

test("the examples of docs/testing.md are the tests that they name", () => {
  const examples = [...page.matchAll(/<!-- (test\/\S+\.ts) -->\n```ts\n([\s\S]*?)```/g)];
  expect(examples).toHaveLength(2);
  for (const [, file, code] of examples) expect(code).toBe(readFileSync(file!, "utf8"));
});

test("what docs/testing.md lists is there", () => {
  const names = [...page.matchAll(/^\| (`.*?`) \|/gm)].flatMap(([, cell]) => [...cell!.matchAll(/`(\w+)/g)].map(([, name]) => name!));
  expect(names.length).toBeGreaterThan(8);
  expect(names.filter((name) => !(name in testing))).toEqual([]);
});
