/** What two threads of this machine do of what one does, when they share nothing: arithmetic, over memory of a size that a core's own cache holds.
 *  Cores that are two halves of one, or that a host gives to others at times, show here; no program scales further. */
import { Worker } from "node:worker_threads";

/** Rounds a second of so many threads together. */
export const control = async (threads: number, milliseconds: number): Promise<number> => {
  const each = Array.from({ length: threads }, () => {
    const worker = new Worker(new URL("control-thread.mjs", import.meta.url), { workerData: { warm: 300, milliseconds } });
    return new Promise<number>((resolve, reject) => worker.once("message", resolve).once("error", reject));
  });
  return (await Promise.all(each)).reduce((sum, rate) => sum + rate, 0);
};
