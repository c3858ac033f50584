import { expect, test } from "vitest";
import { robustnessCases, untried } from "../../scripts/robustness-cases.js";

test("every case of docs/robustness.csv is tried by a test that is named by its id, or says why not", () => {
  const cases = robustnessCases();
  expect(cases.length).toBe(143);
  expect(untried(cases).map(({ id, case: what }) => `${id} ${what}`)).toEqual([]);
});
