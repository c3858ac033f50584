/** A process of `onwire test --jobs`: paths of scripts come in, results go out. It ends with its parent. */
import type { RunOptions } from "../conformance/script/run.js";
import { runFile } from "./test.js";

process.on("message", ({ path, options }: { path: string; options: RunOptions }) => {
  process.send?.(runFile(path, options));
});
