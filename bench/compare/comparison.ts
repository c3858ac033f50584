/** Servers measured in turn by one client, round after round in one run: what the machine does to one it does to all. */

import { parseArgs } from "../arguments.js";
import { Figures, type Measured, type Subject } from "./figures.js";
import { type Candidate, Lab, type Server } from "./lab.js";
import type { ServiceKind } from "./server.js";

export interface Test extends Subject {
  /** Which of the candidates take part, by name. */
  readonly candidates: readonly string[];
  /** One run of the client against one server; null: it failed. */
  measure(lab: Lab, server: Server): Promise<Measured | null>;
}

export interface Settings {
  readonly rounds: number;
  readonly seconds: number;
  readonly json: boolean;
  /** Only candidates and tests whose name holds this. */
  readonly only: RegExp;
  readonly test: RegExp;
}

export const settings = (rounds: number, seconds: number): Settings => {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: String(rounds) },
      seconds: { type: "string", default: String(seconds) },
      json: { type: "boolean", default: false },
      only: { type: "string", default: "" },
      test: { type: "string", default: "" },
    },
  });
  const positive = (name: "rounds" | "seconds"): number => {
    const value = Number(values[name]);
    if (!(value > 0)) throw new Error(`--${name} ${values[name]}: give a number above 0`);
    return value;
  };
  return {
    rounds: Math.ceil(positive("rounds")),
    seconds: positive("seconds"),
    json: values.json,
    only: new RegExp(values.only),
    test: new RegExp(values.test),
  };
};

/** Rounds that do not count: code that is being compiled is no server's own speed, and one round of a second compiles on. */
const WARM_UP = 2;

/** Starts all servers that a test wants, measures, prints. `prepare` makes the tests, once the lab is there. */
export const compare = async (
  { rounds, json, only, test }: Settings,
  service: ServiceKind,
  candidates: readonly Candidate[],
  prepare: (lab: Lab) => { readonly tests: readonly Test[]; readonly reference?: string },
): Promise<void> => {
  const lab = new Lab();
  const { tests, reference } = prepare(lab);
  const chosen = tests.filter(({ title }) => test.test(title));
  const wanted = new Set(
    chosen.flatMap(({ candidates: names, reference: one }) => names.filter((name) => only.test(name) || name === one)),
  );
  const starting = candidates.filter(({ name }) => wanted.has(name)).map((candidate) => lab.start(candidate, service, reference));
  const servers = new Map((await Promise.all(starting)).map((server) => [server.candidate.name, server]));
  const figures = new Figures();
  for (let round = 1 - WARM_UP; round <= rounds; round++)
    for (const one of chosen)
      for (const name of one.candidates) {
        const server = servers.get(name);
        if (server === undefined) continue;
        if (process.stderr.isTTY)
          process.stderr.write(`\r\x1b[K${round <= 0 ? "warming up" : `round ${round} of ${rounds}`}: ${one.title}, ${name}`);
        const before = server.cpu();
        const measured = await one.measure(lab, server);
        if (!server.alive()) throw new Error(`${name} has ended in ${one.title}`);
        // Whoever has answered, it was not this one.
        if (measured !== null && server.cpu() === before)
          throw new Error(`${name} has done nothing in ${one.title}: another server answers`);
        if (round > 0) figures.add(one, name, measured);
      }
  if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
  figures.print(json);
  await lab.stop();
};
