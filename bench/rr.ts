/** Requests and responses of 64 octets over 1, 64 and 1 000 connections, one at a time on each: our raw API and `net` against node:net and a server
 *  in C over the kernel. Run: npm run bench -- rr [--rounds N] [--seconds N] [--only REGEXP] [--test REGEXP] [--json] */
import { compare, settings, type Test } from "./compare/comparison.js";
import type { Candidate } from "./compare/lab.js";
import { pb } from "./compare/pb.js";

const SIZE = "64";
const candidates: Candidate[] = [
  { name: "node:net, kernel", api: "net", link: "kernel" },
  { name: "C, kernel", api: "C", link: "kernel" },
  { name: "raw, TAP", api: "raw", link: "tap" },
  { name: "raw, XDP", api: "raw", link: "xdp", plain: true },
  { name: "raw, XDP, adaptive", api: "raw", link: "xdp", plain: true, adaptive: true },
  { name: "net, TAP", api: "net", link: "tap" },
];

const options = settings(2, 0.4);
await compare(options, "pb", candidates, (lab) => {
  const program = lab.compile("pb.c");
  const tests = [1, 64, 1_000].map(
    (connections): Test => ({
      title: `${connections} connections`,
      ...{ unit: "requests/s", costUnit: "µs", reference: "node:net, kernel", candidates: candidates.map(({ name }) => name) },
      measure: pb(program, (host) => ["rr", host, String(connections), SIZE, String(options.seconds)], {
        rate: "rps",
        cost: "stack_us_per_req",
        more: { "p50, µs": "p50_us", "p99, µs": "p99_us" },
      }),
    }),
  );
  return { tests, reference: program };
});
