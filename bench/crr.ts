/** Connect, 64 octets each way, close: connections a second. Run: npm run bench -- crr [--rounds N] [--seconds N] [--only REGEXP] [--json] */
import { compare, settings, type Test } from "./compare/comparison.js";
import type { Candidate } from "./compare/lab.js";
import { pb } from "./compare/pb.js";

const candidates: Candidate[] = [
  { name: "node:net, kernel", api: "net", link: "kernel" },
  { name: "C, kernel", api: "C", link: "kernel" },
  { name: "raw, TAP", api: "raw", link: "tap" },
  { name: "raw, XDP", api: "raw", link: "xdp", plain: true },
  { name: "net, TAP", api: "net", link: "tap" },
];

/** The client closes first and keeps its ports in TIME-WAIT: no run may take more than are there. */
const MOST = "9000";

const options = settings(2, 0.8);
await compare(options, "pb", candidates, (lab) => {
  const program = lab.compile("pb.c");
  lab.reusePorts();
  const tests = [1, 64].map(
    (connections): Test => ({
      title: `${connections} at a time`,
      ...{ unit: "connections/s", costUnit: "µs", reference: "node:net, kernel", candidates: candidates.map(({ name }) => name) },
      measure: pb(program, (host) => ["crr", host, String(connections), MOST, String(options.seconds)], {
        rate: "cps",
        cost: "stack_us_per_conn",
        more: { "p50, µs": "p50_us", "p99, µs": "p99_us", failed: "fail" },
      }),
    }),
  );
  return { tests, reference: program };
});
