/** A process that records stimuli on the kernel, one after the other: what blocks one recording must not delay another. */
import { setPriority } from "node:os";
import { openKernel } from "../../src/cli/kernel-host.js";
import { printScript } from "../../src/conformance/script/print.js";
import type { RunOptions } from "../../src/conformance/script/run.js";
import { recordScriptOn } from "../../src/conformance/script/run-record.js";

export interface Order {
  readonly source: string;
  readonly name: string;
  readonly options: RunOptions;
}

/** The recording, or why there is none. */
export type Answer = { readonly text: string } | { readonly failure: string };

const record = async ({ source, name, options }: Order): Promise<Answer> => {
  const { script, result } = await recordScriptOn(openKernel, source, name, options);
  return script === null
    ? { failure: `${result.verdict}: ${result.reason} ${result.line} ${result.actual}` }
    : { text: printScript(script) };
};

// Time is real: what is late because the machine does other things is no recording. The agents inherit it.
try {
  setPriority(-15);
} catch {
  // Not allowed: then more of it is unstable.
}

process.on("message", (order: Order) => {
  record(order).then(
    (answer) => process.send?.(answer),
    (error: unknown) => process.send?.({ failure: String(error) } satisfies Answer),
  );
});
