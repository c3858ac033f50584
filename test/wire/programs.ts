/** Programs of the system that a test needs: where they are, or a skip that says which is missing. */
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import type { TestContext } from "vitest";

/** Debian keeps servers where a user's path does not lead. */
const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin", "/sbin"];

export const findProgram = (name: string): string | null => {
  for (const folder of folders) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not there.
    }
  }
  return null;
};

/** The program's path; without it the test is skipped. `debian`: the package that has it. */
export const needProgram = (context: TestContext, name: string, debian: string): string =>
  findProgram(name) ?? context.skip(`${name} is not installed: apt-get install ${debian}`);
