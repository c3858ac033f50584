/** What connections leave behind: a server and clients of `http` under the preload, one connection a request, and the memory of the process. A stack
 *  remembers connections in TIME-WAIT for a minute, so memory rises as they come; they go twice, with that minute between, and what counts is
 *  how much more there is after the second time than after the first.
 *
 *      npm run bench -- leak [--connections N] [--json] */
import { Preload } from "../test/node/preload.js";
import { parseArgs } from "./arguments.js";

const TIME_WAIT_SECONDS = 61;
const SAMPLES = 10;

const { values } = parseArgs({
  options: { connections: { type: "string", default: "100000" }, json: { type: "boolean", default: false } },
});
const connections = Number(values.connections);
if (!Number.isInteger(connections) || connections < 1000) throw new Error(`--connections ${values.connections}: use an integer from 1000`);

interface Sample {
  readonly pass: number;
  readonly connections: number;
  readonly seconds: number;
  readonly rss: number;
  readonly heap: number;
  readonly arrays: number;
}

const program = `
  import http from "node:http";
  import { once } from "node:events";
  import { setTimeout } from "node:timers/promises";
  const server = http.createServer((request, response) => response.end("ok")).listen(0);
  await once(server, "listening");
  const { port } = server.address();
  const run = (pass) => new Promise((over) => {
    const began = performance.now();
    let begun = 0;
    let done = 0;
    const ask = () => {
      if (begun === ${connections}) return;
      begun += 1;
      http.get({ port, host: "127.0.0.1", agent: false }, (response) => {
        response.resume().on("close", () => {
          done += 1;
          if (done % ${Math.ceil(connections / SAMPLES)} === 0 || done === ${connections}) {
            gc();
            const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
            const seconds = (performance.now() - began) / 1000;
            console.log(JSON.stringify({ pass, connections: done, seconds, rss, heap: heapUsed, arrays: arrayBuffers }));
          }
          if (done === ${connections}) over();
          ask();
        });
      });
    };
    for (let i = 0; i < 16; i++) ask();
  });
  await run(1);
  await setTimeout(${TIME_WAIT_SECONDS * 1000});
  await run(2);
  server.close();
`;

const preload = new Preload();
await preload.prepare();
try {
  const { status, stdout, stderr } = await preload.run(program, { flags: ["--expose-gc", "--import", preload.register] });
  if (status !== 0) throw new Error(stderr);
  const samples = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Sample);
  const endOf = (wanted: number): Sample => samples.filter(({ pass }) => pass === wanted).at(-1)!;
  const [first, second] = [endOf(1), endOf(2)];
  const more = { rss: (second.rss - first.rss) / connections, heap: (second.heap - first.heap) / connections };
  if (values.json) console.log(JSON.stringify({ samples, octetsPerConnection: more }));
  else {
    const megabytes = (octets: number): string => (octets / 1e6).toFixed(1).padStart(9);
    console.log("pass connections  seconds    RSS MB   heap MB arrays MB");
    for (const { pass, connections: count, seconds, rss, heap, arrays } of samples)
      console.log(
        `${pass}    ${String(count).padStart(11)} ${seconds.toFixed(1).padStart(8)} ${[rss, heap, arrays].map(megabytes).join(" ")}`,
      );
    console.log(`more after the second pass, octets a connection: RSS ${more.rss.toFixed(1)}, heap ${more.heap.toFixed(1)}`);
  }
} finally {
  preload.remove();
}
