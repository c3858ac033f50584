import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { networkError } from "../../src/base/errors.js";
import { messageOf, Undo } from "../../src/cli/exit.js";

test("an error says its remedy: its own, or that of its code", async () => {
  expect(messageOf(networkError("ECONNREFUSED", "connect", "", undefined, "10.0.0.1", 9))).toBe(
    "connect ECONNREFUSED 10.0.0.1:9: nobody listens there",
  );
  expect(messageOf(networkError("EADDRINUSE", "listen", "0.0.0.0:80", "close the listener"))).toBe(
    "listen EADDRINUSE 0.0.0.0:80: close the listener",
  );
  const missing = await readFile("/nonexistent/file").catch((error: unknown) => error);
  expect(messageOf(missing)).toContain("no such file");
  expect(messageOf("text")).toBe("text");
});

test("what was done is undone in reverse order, once, and one failure does not stop the rest", async () => {
  const undo = new Undo();
  const seen: string[] = [];
  undo.add(() => seen.push("first"));
  undo.add(() => {
    throw new Error("breaks");
  });
  undo.add(async () => {
    await Promise.resolve();
    seen.push("last");
  });
  await Promise.all([undo.all(), undo.all()]);
  expect(seen).toEqual(["last", "first"]);
});
