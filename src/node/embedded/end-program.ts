/** How a program ends that has no stack to run on. */
import { isMainThread } from "node:worker_threads";
import { ConfigurationError } from "../configuration.js";
import { say } from "../say.js";

/** Ends the process with the reason in one line, for whoever started it: where in our code it was found is nothing to them. Returns in a
 *  Worker, whose parent hears of it as of any error. */
export function endProgram(error: Error): void {
  if (!isMainThread) return void Object.assign(error, { stack: error.message });
  say(error.message.replace(/^onwire: /, ""));
  process.exit(error instanceof ConfigurationError ? 2 : 1);
}
