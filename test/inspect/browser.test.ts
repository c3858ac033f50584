import { build } from "esbuild";
import { expect, test } from "vitest";

test("the entry point bundles for a browser with no externals", async () => {
  const bundled = await build({
    entryPoints: ["src/inspect/index.ts"],
    bundle: true,
    minify: true,
    platform: "browser",
    format: "esm",
    write: false,
    logLevel: "silent",
  });
  expect(bundled.outputFiles).toHaveLength(1);
});
