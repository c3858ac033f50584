/** The path of a segment leaves nothing to the garbage collector. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const NURSERY = ["--min-semi-space-size=16", "--max-semi-space-size=16"];

test("a million full segments, sent and received: the heap does not grow, and nothing is collected meanwhile", async () => {
  const program = fileURLToPath(new URL("million-segments.ts", import.meta.url));
  // V8's usual nursery, at its full size from the start: a collection of it means 16 octets a segment.
  const { stdout } = await promisify(execFile)(process.execPath, [...NURSERY, "--expose-gc", "--import", "tsx", program]);
  const { collections, grown } = JSON.parse(stdout) as { collections: number; grown: number };
  expect(collections).toBe(0);
  expect(grown).toBeLessThan(1 << 20);
}, 120_000);
