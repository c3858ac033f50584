/** HTTP by wrk: node:http on the kernel and on our stack, and beside it a lean responder on node:net, on our `net` and on our raw API, since Node's
 *  HTTP layer is most of what a request costs. Run: npm run bench -- http [--rounds N] [--seconds N] [--only REGEXP] [--test REGEXP] [--json] */
import { compare, settings, type Test } from "./compare/comparison.js";
import type { Measured } from "./compare/figures.js";
import { HTTP_PORT, LEAN_PORT } from "./compare/http-service.js";
import type { Candidate, Lab, Server } from "./compare/lab.js";

const candidates: Candidate[] = [
  { name: "node:net, kernel", api: "net", link: "kernel" },
  { name: "net, TAP", api: "net", link: "tap" },
  { name: "raw, TAP", api: "raw", link: "tap" },
  { name: "raw, XDP", api: "raw", link: "xdp", plain: true },
];
const names = candidates.map(({ name }) => name);
const options = settings(2, 1);

const wrk =
  (port: number, connections: number) =>
  async (lab: Lab, server: Server): Promise<Measured | null> => {
    const args = ["-t", "1", "-c", String(connections), "-d", String(Math.ceil(options.seconds)), `http://${server.host}:${port}/`];
    const before = server.cpu();
    const out = (await lab.run("wrk", args, 60_000)) ?? "";
    const cpu = server.cpu() - before;
    const rate = Number(/Requests\/sec:\s+([0-9.]+)/.exec(out)?.[1] ?? Number.NaN);
    const requests = Number(/(\d+) requests in/.exec(out)?.[1] ?? 0);
    if (!(rate > 0) || /Non-2xx|Socket errors/.test(out)) return null;
    return { rate, cost: (cpu / requests) * 1e6 };
  };

await compare(options, "http", candidates, () => ({
  tests: [1, 64].flatMap((connections): Test[] => [
    {
      title: `node:http, ${connections} connections`,
      ...{ unit: "requests/s", costUnit: "µs", reference: names[0]!, candidates: names.slice(0, 2) },
      measure: wrk(HTTP_PORT, connections),
    },
    {
      title: `lean responder, ${connections} connections`,
      ...{ unit: "requests/s", costUnit: "µs", reference: names[0]!, candidates: names },
      measure: wrk(LEAN_PORT, connections),
    },
  ]),
}));
