/** `npm run fuzz -- --target T --seconds N [--seed S]`: structured noise for one target, or all in turn.
 *
 *  Inputs are octets; each target reads its structure from them, so a failure is printed as the shortest octets that still fail, and
 *  `--input HEX` runs them again. Generation is structured, not guided by coverage: jazzer.js needs a newer libc than Debian 12's. */

import { parseArgs } from "./arguments.js";
import { errorOf, fuzz } from "./fuzz/campaign.js";
import { type Target, targets } from "./fuzz/targets.js";

const { values } = parseArgs({
  options: {
    target: { type: "string", default: "all" },
    seconds: { type: "string", default: "10" },
    frames: { type: "string" },
    seed: { type: "string", default: "1" },
    input: { type: "string" },
    help: { type: "boolean", default: false },
  },
});

const chosen = (name: string): readonly Target[] => {
  if (name === "all") return targets;
  if (name === "frames") return targets.slice(0, 6);
  const found = targets.find((target, i) => target.name === name || String(i + 1) === name);
  if (found !== undefined) return [found];
  console.error(
    `fuzz: --target ${name}: use 1 to ${targets.length}, "frames", "all", or one of ${targets.map((target) => target.name).join(", ")}`,
  );
  process.exit(2);
};

if (values.help) {
  console.log("npm run fuzz -- [--target 1..12|NAME|frames|all] [--seconds N | --frames N] [--seed S] [--input HEX]");
} else if (values.input !== undefined) {
  const input = Uint8Array.from(Buffer.from(values.input, "hex"));
  for (const target of chosen(values.target)) console.log(`${target.name}: ${errorOf(target, input) ?? "passes"}`);
} else {
  for (const target of chosen(values.target)) {
    const begun = performance.now();
    const until = begun + Number(values.seconds) * 1_000;
    const frames = values.frames === undefined ? null : Number(values.frames) / chosen(values.target).length;
    const outcome = fuzz(target, Number(values.seed), ({ weight }) => (frames === null ? performance.now() > until : weight >= frames));
    const seconds = (performance.now() - begun) / 1_000;
    console.log(`${target.name}: ${outcome.inputs} inputs, ${outcome.weight} steps, ${Math.round(outcome.weight / seconds)} a second`);
    if (outcome.failure === null) continue;
    const { seed, input, error } = outcome.failure;
    console.log(`FAILED at seed ${seed}: npm run fuzz -- --target ${target.name} --input ${input}\n${error}`);
    process.exitCode = 1;
  }
}
