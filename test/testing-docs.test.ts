import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import * as testing from "../src/testing.js";

const page = readFileSync("docs/testing.md", "utf8");

test("the example of docs/testing.md is the test that it names", () => {
  const [, file, code] = /<!-- (test\/\S+\.ts) -->\n```ts\n([\s\S]*?)```/.exec(page)!;
  expect(code).toBe(readFileSync(file!, "utf8"));
});

test("what docs/testing.md lists is there", () => {
  const names = [...page.matchAll(/^\| (`.*?`) \|/gm)].flatMap(([, cell]) => [...cell!.matchAll(/`(\w+)/g)].map(([, name]) => name!));
  expect(names.length).toBeGreaterThan(8);
  expect(names.filter((name) => !(name in testing))).toEqual([]);
});
