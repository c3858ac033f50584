import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    // All cores: the tests of the unit project compute, and wait for nothing.
    maxWorkers: "100%",
    projects: [
      {
        // What examples import is the source, not a build.
        resolve: {
          alias: [
            { find: /^onwire$/, replacement: fileURLToPath(new URL("src/index.ts", import.meta.url)) },
            { find: /^onwire\/testing$/, replacement: fileURLToPath(new URL("src/testing.ts", import.meta.url)) },
          ],
        },
        test: {
          name: "unit",
          setupFiles: ["test/setup.ts"],
          include: ["test/**/*.test.ts"],
          exclude: ["test/wire/**", "test/ecosystem/**"],
          // Nothing here measures time: a busy machine is no reason to fail.
          testTimeout: 240_000,
        },
      },
      {
        test: {
          // Against the real kernel: needs Linux and root, and says so when it skips. One file at a time: the tests share a machine.
          name: "wire",
          setupFiles: ["test/setup.ts"],
          include: ["test/wire/**/*.test.ts"],
          fileParallelism: false,
          sequence: { groupOrder: 1 },
          testTimeout: 240_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
