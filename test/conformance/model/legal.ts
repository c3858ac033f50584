/** Properties against the model: a failure shrinks to a minimal schedule, and prints it as a packet script, with its seed and a capture. */
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { captureOf, packetScript } from "../../../src/conformance/model/schedule.js";
import type { Happening } from "../../../src/conformance/model/witness.js";

export interface Seen {
  readonly breaches: readonly string[];
  readonly log: readonly Happening[];
}

/** Throws if any of `runs` values drawn from `arbitrary` makes `run` see a breach. RUNS=n draws so many instead. */
export function expectLegal<T>(name: string, arbitrary: fc.Arbitrary<T>, runs: number, run: (value: T) => Seen): void {
  const property = fc.property(arbitrary, (value) => run(value).breaches.length === 0);
  const result = fc.check(property, { numRuns: Number(process.env["RUNS"] ?? runs) });
  if (!result.failed) return;
  const [value] = result.counterexample!;
  let seen: Seen;
  try {
    seen = run(value);
  } catch (error) {
    seen = { breaches: [error instanceof Error ? (error.stack ?? error.message) : String(error)], log: [] };
  }
  const file = join(tmpdir(), `onwire-${name}-${result.seed}.pcapng`);
  writeFileSync(file, captureOf(seen.log, `${name}, seed ${result.seed}, path ${result.counterexamplePath}`));
  const connection = /^(\d+>\d+):/.exec(seen.breaches[0] ?? "")?.[1] ?? seen.log[0]?.connection ?? "";
  throw new Error(
    [
      `SEED=${result.seed} path ${result.counterexamplePath}, after ${result.numRuns} runs`,
      ...seen.breaches.slice(0, 5),
      packetScript(seen.log, connection),
      `capture: ${file}`,
      `schedule: ${fc.stringify(value)}`,
    ].join("\n"),
  );
}
