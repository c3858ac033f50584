/** Starts one of the programs of the tests in a thread, from source. */
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { type MessagePort, Worker } from "node:worker_threads";

const tsx = new URL("./esm/api/index.mjs", pathToFileURL(createRequire(import.meta.url).resolve("tsx"))).href;

export const startProgram = (name: string, workerData: unknown, transferList: readonly MessagePort[]): Worker =>
  new Worker(new URL(`./programs/${name}.ts`, import.meta.url), {
    workerData,
    transferList: [...transferList],
    execArgv: ["--import", `data:text/javascript,import{register}from${encodeURIComponent(JSON.stringify(tsx))};register()`],
  });
