/** The fuzz targets in a short dose, and what has failed before; the gate takes the long one. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { errorOf, fuzz, minimise } from "../../bench/fuzz/campaign.js";
import { type Target, targets } from "../../bench/fuzz/targets.js";

describe("fuzz targets", () => {
  test.each(targets)("$name: a short dose (S-074, S-173, S-175)", (target) => {
    const { failure } = fuzz(target, 1, ({ inputs }) => inputs >= 15);
    expect(failure).toBeNull();
  });

  test("inputs that failed once pass", () => {
    const lines = readFileSync("bench/fuzz/failures.txt", "utf8")
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"));
    const broken = lines.filter((line) => {
      const [name, input] = line.split(" ") as [string, string];
      return errorOf(targets.find((target) => target.name === name)!, Uint8Array.from(Buffer.from(input, "hex"))) !== null;
    });
    expect(lines.length).toBeGreaterThan(0);
    expect(broken).toEqual([]);
  });

  test("a failure is found by its seed, and made as small as can be", () => {
    const planted: Target = {
      name: "planted",
      size: 200,
      weight: 1,
      run: (input) => {
        if (input.indexOf(7) >= 0 && input.indexOf(7) < input.lastIndexOf(9)) throw new Error("7 before 9");
      },
    };
    const { failure } = fuzz(planted, 1, ({ inputs }) => inputs > 10_000);
    expect(failure!.input).toBe("0709");
    expect(fuzz(planted, failure!.seed, ({ inputs }) => inputs > 0).failure?.input).toBe("0709");
    expect([...minimise(planted, Uint8Array.of(1, 7, 3, 3, 9, 9))]).toEqual([7, 9]);
  });
});
