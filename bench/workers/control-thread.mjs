/** A thread of `control.ts`: rounds a second. Plain JavaScript, so that a thread needs no loader. */
import { parentPort, workerData } from "node:worker_threads";

const WORDS = 65_536;
const words = new Int32Array(WORDS).map((_, i) => i);
let sum = 0;
let rounds = 0;
const until = (end) => {
  for (; performance.now() < end; rounds++)
    for (let i = 0; i < WORDS; i++) {
      sum = (Math.imul(sum, 31) + words[i]) | 0;
      words[i] = sum;
    }
};
until(performance.now() + workerData.warm);
rounds = 0;
const from = performance.now();
until(from + workerData.milliseconds);
parentPort.postMessage((rounds * 1_000) / (performance.now() - from));
