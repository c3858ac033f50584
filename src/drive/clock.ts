/** Node's monotone clock and its cryptographic dice, in the shape that a stack wants them. */
import { randomFillSync } from "node:crypto";
import type { Micros, Random } from "../base/environment.js";

/** Microseconds since an arbitrary origin, an integer. No step of the wall clock moves it. */
export const monotonicMicros = (): Micros => {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1_000_000 + Math.floor(nanoseconds / 1000);
};

const words = new Int32Array(1024);
let used = words.length;

/** Random numbers of the system's cryptographic generator, drawn 4 KiB at a time. */
export const cryptoRandom: Random = {
  int32(): number {
    if (used === words.length) {
      randomFillSync(words);
      used = 0;
    }
    const word = words[used]!;
    // What was given out is not kept for whoever reads this memory later.
    words[used] = 0;
    used += 1;
    return word;
  },
};
