/** The client of `bulk`, `rr`, `crr` and `idle`: pb.c on the kernel's sockets, one line of JSON a run. */
import type { Measured } from "./figures.js";
import type { Lab, Server } from "./lab.js";

/** Runs pb; `rate`, `cost` and `more` name what is taken from its answer. */
export const pb =
  (
    program: string,
    args: (host: string) => readonly string[],
    names: { readonly rate: string; readonly cost: string; readonly more?: Readonly<Record<string, string>> },
    milliseconds = 30_000,
  ) =>
  async (lab: Lab, { host, pid }: Server): Promise<Measured | null> => {
    const out = await lab.run(program, ["-p", String(pid), ...args(host)], milliseconds);
    const line = out?.trim().split("\n").at(-1);
    if (line === undefined || !line.startsWith("{")) return null;
    const said = JSON.parse(line) as Record<string, number>;
    const more = Object.entries(names.more ?? {}).map(([title, name]) => [title, said[name] ?? Number.NaN]);
    return { rate: said[names.rate] ?? Number.NaN, cost: said[names.cost] ?? Number.NaN, more: Object.fromEntries(more) };
  };
