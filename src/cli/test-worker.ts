/** A thread of `onwire test --jobs`: paths of scripts come in, results go out. */
import { parentPort, workerData } from "node:worker_threads";
import type { RunOptions } from "../conformance/script/run.js";
import { runFile } from "./test.js";

parentPort?.on("message", (path: string) => parentPort?.postMessage(runFile(path, workerData as RunOptions)));
