/** The server's memory for each idle connection, of 10 000 that have exchanged 64 octets. What the kernel's own sockets take beside it is in its
 *  slabs and is no process's: about 4.9 KB each here. Run: npm run bench -- idle [--rounds N] [--json] */
import { compare, settings, type Test } from "./compare/comparison.js";
import type { Candidate } from "./compare/lab.js";
import { pb } from "./compare/pb.js";

const CONNECTIONS = "10000";
const candidates: Candidate[] = [
  { name: "node:net, kernel", api: "net", link: "kernel" },
  { name: "C, kernel", api: "C", link: "kernel" },
  { name: "raw, TAP", api: "raw", link: "tap" },
  { name: "net, TAP", api: "net", link: "tap" },
];

await compare(settings(1, 1), "pb", candidates, (lab) => {
  const program = lab.compile("pb.c");
  const tests: Test[] = [
    {
      title: `${CONNECTIONS} idle connections`,
      ...{ unit: "octets each", costUnit: "", reference: "node:net, kernel", candidates: candidates.map(({ name }) => name) },
      measure: pb(program, (host) => ["idle", host, CONNECTIONS], {
        rate: "rss_bytes_per_conn",
        cost: "",
        more: { established: "ok", "slabs of both ends": "slab_bytes_per_conn_bothends" },
      }),
    },
  ];
  return { tests, reference: program };
});
