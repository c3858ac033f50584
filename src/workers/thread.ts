/** Starts a program of this folder in a thread of its own. */
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { Worker, type WorkerOptions } from "node:worker_threads";

/** Run from source, as tests and examples are, a thread needs what makes JavaScript of TypeScript; the package has JavaScript. */
const FROM_SOURCE = import.meta.url.endsWith(".ts");

export const startThread = (program: string, options: WorkerOptions): Worker => {
  const file = new URL(`./${program}.${FROM_SOURCE ? "ts" : "js"}`, import.meta.url);
  return FROM_SOURCE ? new Worker(file, { ...options, execArgv: [...process.execArgv, "--import", loader()] }) : new Worker(file, options);
};

const loader = (): string => {
  const tsx = new URL("./esm/api/index.mjs", pathToFileURL(createRequire(import.meta.url).resolve("tsx"))).href;
  return `data:text/javascript,import{register}from${encodeURIComponent(JSON.stringify(tsx))};register()`;
};
