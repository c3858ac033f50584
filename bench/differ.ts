/** `npm run differ -- [--seed S] [--only REGEXP] [--jobs N] [--cache FOLDER] [--into FOLDER]`: where does our stack do otherwise than Linux?
 *
 *  Stimuli of every subject (bench/differ/) are recorded on the kernel of this machine until it has done the same twice, and on our stack with the
 *  profile `linux`, which agrees if it does what the kernel did once. What the kernel never does twice alike counts as unstable; the first
 *  difference of each of the others is printed. `--cache` keeps what the kernel did. */
import { fork } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SeededRandom } from "../src/base/prng.js";
import { type Agreement, type Parting, parting } from "../src/conformance/script/agree.js";
import type { Script } from "../src/conformance/script/ast.js";
import { parseScript } from "../src/conformance/script/parser.js";
import { printScript } from "../src/conformance/script/print.js";
import { recordScript } from "../src/conformance/script/run-record.js";
import { parseArgs, wantRoot } from "./arguments.js";
import type { Answer, Order } from "./differ/kernel-worker.js";
import { stimuli } from "./differ/subjects/index.js";
import type { Stimulus } from "./differ/words.js";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    only: { type: "string", default: "" },
    jobs: { type: "string", default: "8" },
    cache: { type: "string" },
    into: { type: "string" },
    verbose: { type: "boolean", default: false },
  },
});

// What is cached needs no kernel.
if (values.cache === undefined) wantRoot();

/** The kernel's time is real: a machine that does other things may be late. */
const agreement: Agreement = { tolerance: 16_000, percent: 12.5, timers: 45_000 };
/** Recordings of which two must agree. */
const TRIES = 5;

const keyOf = ({ source, windows }: Stimulus): string => createHash("sha256").update(`${windows} ${source}`).digest("hex").slice(0, 24);
const optionsOf = ({ windows = false }: Stimulus) => ({ profile: "linux", ignore: windows ? [] : (["window"] as const) });

/** What the kernel does with a stimulus: each way in which it was done, the one that was done twice first; a string says why there is none. */
interface Ways {
  readonly all: readonly Script[];
  readonly twice: boolean;
}

const ofKernel = async (kernel: Kernel, stimulus: Stimulus): Promise<Ways | string> => {
  const cached = values.cache === undefined ? null : join(values.cache, keyOf(stimulus));
  if (cached !== null && existsSync(cached)) {
    const text = readFileSync(cached, "utf8");
    if (text.startsWith("!")) return text.slice(1);
    const all = text.split(BETWEEN).map((way) => parseScript(way, stimulus.name));
    return {
      all: all.filter((one, i) => i === 0 || parting(one, all[0]!, agreement) !== null),
      twice: text.includes(TWICE) || all.length === 1,
    };
  }
  const found = await record(kernel, stimulus);
  if (cached !== null) {
    const text = typeof found === "string" ? `!${found}` : found.all.map(printScript).join(BETWEEN);
    writeFileSync(cached, typeof found !== "string" && found.twice && found.all.length > 1 ? `${TWICE}${text}` : text);
  }
  return found;
};

const BETWEEN = "// or\n";
const TWICE = "// The first of these was done twice.\n";

const record = async (kernel: Kernel, stimulus: Stimulus): Promise<Ways | string> => {
  const seen: Script[] = [];
  for (let i = 0; i < TRIES; i++) {
    const answer = await kernel.record({ source: stimulus.source, name: stimulus.name, options: optionsOf(stimulus) });
    if ("failure" in answer) return answer.failure;
    const script = parseScript(answer.text, stimulus.name);
    const same = seen.find((other) => parting(other, script, agreement) === null);
    if (same !== undefined) return { all: [same, ...seen.filter((one) => one !== same)], twice: true };
    seen.push(script);
  }
  return { all: seen, twice: false };
};

/** A process that records. */
class Kernel {
  readonly #process = fork(fileURLToPath(import.meta.url).replace(/differ(\.[jt]s)$/, "differ/kernel-worker$1"));

  async record(order: Order): Promise<Answer> {
    const answer = once(this.#process, "message") as Promise<[Answer]>;
    this.#process.send(order);
    return (await answer)[0];
  }

  close(): void {
    this.#process.disconnect();
  }
}

interface Finding {
  readonly stimulus: Stimulus;
  readonly kind: "agrees" | "differs" | "unstable";
  readonly parting: Parting | null;
  readonly note: string;
}

const look = async (process: Kernel, stimulus: Stimulus): Promise<Finding> => {
  const ways = await ofKernel(process, stimulus);
  if (typeof ways === "string") return { stimulus, kind: "unstable", parting: null, note: ways };
  const kernel = ways.all[0]!;
  const { script, result } = recordScript(stimulus.source, stimulus.name, optionsOf(stimulus));
  if (script === null)
    return { stimulus, kind: "differs", parting: null, note: `${result.verdict}: ${result.reason} ${result.line} ${result.actual}` };
  // Whatever the kernel has done once may be done.
  const partings = ways.all.map((way) => parting(way, script, agreement));
  const where = partings.includes(null) ? null : partings[0]!;
  if (values.into !== undefined && (where !== null || values.verbose)) {
    mkdirSync(values.into, { recursive: true });
    writeFileSync(join(values.into, `${stimulus.subject}-${stimulus.name}.kernel.pkt`), printScript(kernel));
    writeFileSync(join(values.into, `${stimulus.subject}-${stimulus.name}.onwire.pkt`), printScript(script));
  }
  if (where === null) return { stimulus, kind: "agrees", parting: null, note: "" };
  return { stimulus, kind: ways.twice ? "differs" : "unstable", parting: where, note: "" };
};

const main = async (): Promise<void> => {
  if (values.cache !== undefined) mkdirSync(values.cache, { recursive: true });
  const random = new SeededRandom(Number(values.seed));
  const draw = (least: number, most: number): number => least + ((random.int32() >>> 0) % (most - least + 1));
  const wanted = new RegExp(values.only);
  const chosen = stimuli(draw).filter(({ subject, name }) => wanted.test(`${subject}/${name}`));
  const findings: Finding[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    const kernel = new Kernel();
    while (next < chosen.length) {
      const index = next++;
      findings[index] = await look(kernel, chosen[index]!);
    }
    kernel.close();
  };
  await Promise.all(Array.from({ length: Number(values.jobs) }, worker));
  report(findings);
};

const report = (findings: readonly Finding[]): void => {
  const counts = new Map<string, Record<Finding["kind"], number>>();
  for (const { stimulus, kind, parting: where, note } of findings) {
    const count = counts.get(stimulus.subject) ?? { agrees: 0, differs: 0, unstable: 0 };
    count[kind] += 1;
    counts.set(stimulus.subject, count);
    if (kind === "agrees") continue;
    console.log(`${kind} ${stimulus.subject}/${stimulus.name}${note === "" ? "" : ` ${note}`}`);
    if (where !== null) console.log(`    ${where.index}\n    kernel ${where.one}\n    onwire ${where.other}`);
  }
  console.log(`\n${"subject".padEnd(16)}agrees differs unstable`);
  const all = { agrees: 0, differs: 0, unstable: 0 };
  for (const [subject, count] of counts) {
    console.log(
      `${subject.padEnd(16)}${String(count.agrees).padStart(6)}${String(count.differs).padStart(8)}${String(count.unstable).padStart(9)}`,
    );
    for (const kind of ["agrees", "differs", "unstable"] as const) all[kind] += count[kind];
  }
  console.log(`${"all".padEnd(16)}${String(all.agrees).padStart(6)}${String(all.differs).padStart(8)}${String(all.unstable).padStart(9)}`);
};

await main();
