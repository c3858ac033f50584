/** Bulk both ways through one connection, with offloads and at MTU 1500 without any: our stack over each link against node:net and a server in
 *  C over the kernel. Run: npm run bench -- bulk [--rounds N] [--seconds N] [--only REGEXP] [--test REGEXP] [--json] */
import { compare, settings, type Test } from "./compare/comparison.js";
import type { Candidate } from "./compare/lab.js";
import { pb } from "./compare/pb.js";

const candidates: Candidate[] = [
  { name: "node:net, kernel", api: "net", link: "kernel" },
  { name: "C, kernel", api: "C", link: "kernel" },
  { name: "raw, TAP with offloads", api: "raw", link: "tap-offload" },
  { name: "net, TAP with offloads", api: "net", link: "tap-offload" },
  { name: "raw, packet socket with offloads", api: "raw", link: "packet-offload" },
  { name: "raw, packet rings with offloads", api: "raw", link: "packet-offload", rings: "both" },
  { name: "node:net, kernel without offloads", api: "net", link: "kernel", plain: true },
  { name: "C, kernel without offloads", api: "C", link: "kernel", plain: true },
  { name: "raw, TAP", api: "raw", link: "tap", plain: true },
  { name: "raw, TAP, segments apart", api: "raw", link: "tap", plain: true, apart: true },
  { name: "raw, packet socket", api: "raw", link: "packet", plain: true, rings: "none" },
  { name: "raw, packet rings", api: "raw", link: "packet", plain: true, rings: "both" },
  { name: "raw, XDP", api: "raw", link: "xdp", plain: true },
];

const options = settings(2, 0.4);
await compare(options, "pb", candidates, (lab) => {
  const program = lab.compile("pb.c");
  const ways = [
    ["the server receives", "up"],
    ["the server sends", "down"],
  ] as const;
  const tests = [false, true].flatMap((plain) =>
    ways.map(([way, word]): Test => {
      const group = candidates.filter((candidate) => (candidate.plain ?? false) === plain).map(({ name }) => name);
      return {
        title: `${way}, ${plain ? "no offloads" : "offloads"}`,
        ...{ unit: "Gbit/s", costUnit: "s/GB", reference: group[0]!, candidates: group },
        measure: pb(program, (host) => [word, host, String(options.seconds)], { rate: "gbps", cost: "stack_cpu_s_per_GB" }),
      };
    }),
  );
  return { tests, reference: program };
});
