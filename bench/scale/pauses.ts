/** How long the collector has stopped the program, and which of that it did by itself. */
import { constants, PerformanceObserver } from "node:perf_hooks";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

export class Pauses {
  /** Milliseconds of the longest pause since the last `take`, and how many scavenges and other collections there were. */
  longest = 0;
  scavenges = 0;
  others = 0;
  readonly #observer: PerformanceObserver;

  constructor() {
    this.#observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        const { kind, flags } = (entry as unknown as { detail: { kind: number; flags: number } }).detail;
        if (flags & constants.NODE_PERFORMANCE_GC_FLAGS_FORCED) continue;
        if (kind === constants.NODE_PERFORMANCE_GC_MINOR) this.scavenges += 1;
        else this.others += 1;
        this.longest = Math.max(this.longest, entry.duration);
      }
    });
    this.#observer.observe({ entryTypes: ["gc"] });
  }

  /** Lets the observer hear what has happened so far. */
  async settle(): Promise<void> {
    for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
  }

  reset(): void {
    this.longest = this.scavenges = this.others = 0;
  }

  close(): void {
    this.#observer.disconnect();
  }
}

setFlagsFromString("--expose-gc");
/** Collects all garbage: memory is what is left. */
export const collect = runInNewContext("gc") as () => void;
