/** PING, SET and GET in the protocol of Redis, by redis-benchmark with 1 and 16 requests at once on 1, 64 and 1 000 connections; the same
 *  application on node:net, on our `net` and on our raw API. Run: npm run bench -- resp [--rounds N] [--seconds N] [--only REGEXP] [--test REGEXP] [--json] */
import { compare, settings, type Test } from "./compare/comparison.js";
import type { Measured } from "./compare/figures.js";
import type { Candidate, Lab, Server } from "./compare/lab.js";
import { RESP_PORT } from "./compare/resp-service.js";

const candidates: Candidate[] = [
  { name: "node:net, kernel", api: "net", link: "kernel" },
  { name: "net, TAP", api: "net", link: "tap" },
  { name: "raw, TAP", api: "raw", link: "tap" },
  { name: "raw, XDP", api: "raw", link: "xdp", plain: true },
];
/** Requests a second, roughly: how many a run of so many seconds is made of. */
const expected = (connections: number, pipeline: number): number => (connections === 1 ? 9_000 : 70_000) * (pipeline === 1 ? 1 : 13);

const options = settings(2, 0.2);

const redisBenchmark =
  (connections: number, pipeline: number) =>
  async (lab: Lab, server: Server): Promise<Measured | null> => {
    const requests = Math.max(connections, Math.ceil(expected(connections, pipeline) * options.seconds));
    const args = [
      "-h",
      server.host,
      "-p",
      RESP_PORT,
      "-c",
      connections,
      "-P",
      pipeline,
      "-n",
      requests,
      "-t",
      "ping_mbulk,set,get",
      "--csv",
    ];
    const before = server.cpu();
    const out = await lab.run("redis-benchmark", args.map(String), 60_000);
    const cpu = server.cpu() - before;
    const rates = [...(out ?? "").matchAll(/^"(?:PING_MBULK|SET|GET)[^"]*","([0-9.]+)"/gm)].map(([, rate]) => Number(rate));
    if (rates.length !== 3) return null;
    // The time for all three, not the mean of their rates.
    const rate = 3 / rates.reduce((sum, each) => sum + 1 / each, 0);
    return { rate, cost: (cpu / (3 * requests)) * 1e6 };
  };

await compare(options, "resp", candidates, () => ({
  tests: [1, 16].flatMap((pipeline) =>
    [1, 64, 1_000].map(
      (connections): Test => ({
        title: `${connections} connections, ${pipeline} at once`,
        ...{ unit: "requests/s", costUnit: "µs", reference: "node:net, kernel", candidates: candidates.map(({ name }) => name) },
        measure: redisBenchmark(connections, pipeline),
      }),
    ),
  ),
}));
