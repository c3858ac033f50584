/** Frames a second on AF_XDP, received, sent and forwarded: our link against a C program on the same veth, which is the limit.
 *  Run: npm run bench -- xdp [--rounds N] [--seconds N] [--test REGEXP] [--json] */
import { settings } from "./compare/comparison.js";
import { Figures, type Measured, type Subject } from "./compare/figures.js";
import { Lab } from "./compare/lab.js";

const SIZES = [60, 1_514];
const ways = [
  { mode: "rx", title: "received" },
  { mode: "tx", title: "sent" },
  { mode: "fwd", title: "forwarded" },
];
/** What a program takes to begin: the generator must last beyond it. */
const START_SECONDS = 3;

const { rounds, seconds, json, test } = settings(2, 0.6);
const lab = new Lab();
const program = lab.compile("xsk.c");
const { near, far, side } = lab.wire();
const ours = new URL("compare/frames.ts", import.meta.url).pathname;
const candidates = [
  { name: "C", command: program, before: [] as string[], behind: [] as string[] },
  { name: "C, sleeping", command: program, before: [], behind: ["wait"] },
  { name: "onwire", command: process.execPath, before: ["--import", "tsx", ours], behind: [] },
];

const subjects = new Map<string, Subject>();
const figures = new Figures();
for (let round = 1; round <= rounds; round++)
  for (const size of SIZES)
    for (const { mode, title } of ways) {
      const subject = subjectOf(`${size} octets, ${title}`);
      if (!test.test(subject.title)) continue;
      for (const { name, command, before, behind } of candidates) {
        if (mode === "tx" && behind.length > 0) continue; // who sends never sleeps
        // What comes back is dropped by the driver; what is received is made in the kernel, faster than it can be taken.
        const helpers = [lab.spawn(lab.client, program, ["drop", near, String(seconds + START_SECONDS)])];
        if (mode !== "tx") helpers.push(lab.spawn(lab.client, program, ["gen", near, String(seconds + START_SECONDS), String(size)]));
        const out = await lab.run(command, [...before, mode, far, String(seconds), String(size), ...behind], 20_000, side);
        for (const helper of helpers) helper.kill("SIGKILL");
        await Promise.all(helpers.map(({ gone }) => gone));
        figures.add(subject, name, measured(out));
      }
    }
figures.print(json);
await lab.stop();

/** One object for a title: figures are kept by it. */
function subjectOf(title: string): Subject {
  const known = subjects.get(title) ?? { title, unit: "frames/s", costUnit: "µs", reference: "C" };
  subjects.set(title, known);
  return known;
}

function measured(out: string | null): Measured | null {
  if (out === null) return null;
  const { frames, seconds: took, cpu } = JSON.parse(out) as { frames: number; seconds: number; cpu: number };
  return frames === 0 ? null : { rate: frames / took, cost: (cpu / frames) * 1e6 };
}
