/** What is said to the person at the terminal. */
import { writeSync } from "node:fs";

const STANDARD_ERROR = 2;

/** Not by `process.stderr`, which loads `net` where it is a pipe. */
export function say(text: string): void {
  try {
    writeSync(STANDARD_ERROR, `onwire: ${text}\n`);
  } catch {
    // Nobody is listening, or not fast enough.
  }
}
