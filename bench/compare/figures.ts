/** What the rounds of a comparison gave: medians with their ranges, as ratios to a reference of the same run. */
import { cpus, release } from "node:os";
import { formatTable } from "../../src/inspect/show.js";

/** One measurement: how much a second, and the server's CPU for each of it; further figures by their titles. */
export interface Measured {
  readonly rate: number;
  readonly cost: number;
  readonly more?: Readonly<Record<string, number>>;
}

export interface Subject {
  readonly title: string;
  /** Of the rate: "Gbit/s"; of the cost: "s/GB". */
  readonly unit: string;
  readonly costUnit: string;
  /** The one that the others are compared with. */
  readonly reference: string;
}

export interface ServerFigures {
  readonly server: string;
  readonly runs: number;
  readonly median: number;
  readonly range: readonly [number, number];
  readonly ratio: number;
  readonly cost: number;
  readonly costRatio: number;
  readonly more: Readonly<Record<string, number>>;
}

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
};

export class Figures {
  readonly #subjects = new Map<Subject, Map<string, Measured[]>>();

  add(subject: Subject, server: string, measured: Measured | null): void {
    const servers = this.#subjects.get(subject) ?? new Map<string, Measured[]>();
    this.#subjects.set(subject, servers);
    const runs = servers.get(server) ?? [];
    servers.set(server, runs);
    if (measured !== null) runs.push(measured);
  }

  of(subject: Subject): ServerFigures[] {
    const servers = this.#subjects.get(subject) ?? new Map<string, Measured[]>();
    const reference = servers.get(subject.reference) ?? [];
    const rates = (runs: readonly Measured[]): number[] => runs.map(({ rate }) => rate);
    const costs = (runs: readonly Measured[]): number[] => runs.map(({ cost }) => cost);
    return [...servers].map(([server, runs]) => {
      const more = Object.keys(runs[0]?.more ?? {}).map((title) => [title, median(runs.map((run) => run.more?.[title] ?? Number.NaN))]);
      return {
        server,
        runs: runs.length,
        median: median(rates(runs)),
        range: [Math.min(...rates(runs)), Math.max(...rates(runs))],
        ratio: median(rates(runs)) / median(rates(reference)),
        cost: median(costs(runs)),
        costRatio: median(costs(runs)) / median(costs(reference)),
        more: Object.fromEntries(more) as Record<string, number>,
      };
    });
  }

  print(json: boolean): void {
    const subjects = [...this.#subjects.keys()];
    if (json) {
      const machine = { node: process.version, kernel: release(), processors: cpus().map(({ model }) => model) };
      console.log(JSON.stringify({ machine, tests: subjects.map((subject) => ({ ...subject, servers: this.of(subject) })) }));
      return;
    }
    for (const subject of subjects) {
      const found = this.of(subject);
      const further = [...new Set(found.flatMap(({ more }) => Object.keys(more)))];
      const costs = found.some(({ cost }) => !Number.isNaN(cost));
      const titles = [
        subject.title,
        subject.unit,
        "range",
        `of ${subject.reference}`,
        ...(costs ? [`server's CPU, ${subject.costUnit}`, "of its"] : []),
        ...further,
      ];
      const rows = found.map(({ server, runs, median, range, ratio, cost, costRatio, more }) =>
        runs === 0
          ? [server, "no run ended"]
          : [
              server,
              short(median),
              `${short(range[0])} to ${short(range[1])}`,
              ratio.toFixed(2),
              ...(costs ? [short(cost), costRatio.toFixed(2)] : []),
              ...further.map((title) => short(more[title] ?? Number.NaN)),
            ],
      );
      for (const line of formatTable(titles, rows)) console.log(line);
      console.log();
    }
  }
}

/** Three significant digits: more would be noise. */
const short = (value: number): string => {
  if (!Number.isFinite(value)) return "-";
  const digits = value === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(digits, 4));
};
