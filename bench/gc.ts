/** What a million segments leave to the collector: scavenges and growth of the heap, for requests over a few connections and over more than
 *  stay objects. Run: npm run bench -- gc [--segments N] [--json] */
import { createMemory } from "../src/base/memory.js";
import { SeededRandom } from "../src/base/prng.js";
import { ip } from "../src/ip/address.js";
import { Stack } from "../src/stack/stack.js";
import { parseArgs, refuse } from "./arguments.js";
import { serveEcho } from "./scale/echo.js";
import { collect, Pauses } from "./scale/pauses.js";
import { RawClients } from "./scale/raw-clients.js";

const { values } = parseArgs({ options: { segments: { type: "string", default: "1000000" }, json: { type: "boolean", default: false } } });
const segments = Number(values.segments);
if (!(Number.isInteger(segments) && segments >= 10_000)) refuse(`--segments ${values.segments}: an integer from 10000`);

const SERVER = ip("10.0.0.1");
const BATCH = 256;
const pauses = new Pauses();

async function measure(connections: number): Promise<Record<string, number>> {
  let now = 1_000_000;
  const clients = new RawClients(SERVER, 80, connections);
  const { tallies } = clients;
  const stack = new Stack({ random: new SeededRandom(1), memory: createMemory({ packets: 4_096, chunks: 1_024 }) }, now);
  stack.addDevice(clients, { addresses: [{ address: SERVER, prefixLength: 8 }] }, now);
  serveEcho(stack);
  const turn = (): void => {
    now += 100;
    clients.clock = Math.floor(now / 1_000);
    stack.turn(now);
  };
  for (let opened = 0; tallies.established < connections || clients.waiting > 0; ) {
    for (; opened < connections && opened - tallies.established < BATCH; opened++) clients.open(opened);
    turn();
  }
  let next = 0;
  const run = (until: number): void => {
    while (tallies.framesIn + tallies.framesOut < until) {
      for (let i = 0; i < Math.min(BATCH, connections); i++) {
        clients.ask(next);
        next = (next + 1) % connections;
      }
      turn();
    }
  };
  run(tallies.framesIn + tallies.framesOut + Math.max(200_000, 6 * connections)); // until everything is compiled, and tables have their size
  await pauses.settle();
  collect();
  await pauses.settle();
  pauses.reset();
  const before = process.memoryUsage();
  const from = tallies.framesIn + tallies.framesOut;
  run(from + segments);
  const after = process.memoryUsage();
  await pauses.settle();
  const { scavenges, others } = pauses;
  collect();
  const kept = process.memoryUsage();
  stack.close(now);
  return {
    connections,
    segments: tallies.framesIn + tallies.framesOut - from,
    scavenges,
    collections: others,
    "octets allocated a segment": (after.heapUsed - before.heapUsed) / segments,
    "octets kept a segment": (kept.heapUsed - before.heapUsed) / segments,
    "memory outside the heap": kept.arrayBuffers - before.arrayBuffers,
  };
}

const rows = [await measure(100), await measure(20_000)];
pauses.close();
if (values.json) console.log(JSON.stringify(rows));
else
  console.table(rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, Math.round(value * 100) / 100]))));
