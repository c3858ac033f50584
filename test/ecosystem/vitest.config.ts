import { defineConfig } from "vitest/config";

/** Libraries and programs of others over our stack: `npm run test:ecosystem` installs the libraries and runs this. */
export default defineConfig({
  test: {
    name: "ecosystem",
    root: new URL("../..", import.meta.url).pathname,
    setupFiles: ["test/setup.ts"],
    include: ["test/ecosystem/*.test.ts"],
    // The tests share a machine, and each moves hundreds of megabytes.
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 60_000,
  },
});
