/** How many mutants of scripts the runner catches. */
import { dialects } from "./dialect.js";
import { type Mutant, mutants } from "./mutate.js";
import { parseScript } from "./parser.js";
import { printScript } from "./print.js";
import { type RunOptions, runScript } from "./run.js";
import { settingsOf } from "./settings.js";

export interface Score {
  readonly caught: number;
  readonly survivors: readonly Mutant[];
}

/** Tries the mutants of a script that passes, every `step`th of them; null: it does not pass, and says nothing. */
export function mutationScore(source: string, name: string, options: RunOptions = {}, step = 1): Score | null {
  if (runScript(source, name, options).verdict !== "pass") return null;
  const profile = /^[ \t]*--profile=(\w+)/m.exec(source)?.[1] ?? options.profile ?? "linux";
  const dialect = dialects[profile]!;
  const script = parseScript(source, name, new Map([...Object.entries(dialect.defines), ...(options.defines ?? [])]));
  const { tolerance } = settingsOf(script, dialect, options);
  let caught = 0;
  let index = 0;
  const survivors: Mutant[] = [];
  for (const mutant of mutants(script, tolerance)) {
    if (index++ % step !== 0) continue;
    if (runScript(printScript(mutant.script), name, options).verdict === "pass") survivors.push(mutant);
    else caught += 1;
  }
  return { caught, survivors };
}
