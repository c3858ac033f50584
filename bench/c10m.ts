/** Ten million connections: raw clients of many addresses in memory, one stack, one application that knows its connections by handle.
 *  At each size: established, a random sample asks and is answered, memory, pauses; at the end all are closed.
 *  Run: npm run bench -- c10m [--connections N] [--exchanges N] [--json] */
import { createMemory } from "../src/base/memory.js";
import { SeededRandom } from "../src/base/prng.js";
import { ip } from "../src/ip/address.js";
import { Stack } from "../src/stack/stack.js";
import { TcpEvent } from "../src/tcp/events.js";
import { parseArgs, refuse } from "./arguments.js";
import { collect, Pauses } from "./scale/pauses.js";
import { RawClients } from "./scale/raw-clients.js";

const { values } = parseArgs({
  options: {
    connections: { type: "string", default: "1000000" },
    exchanges: { type: "string", default: "300000" },
    json: { type: "boolean", default: false },
  },
});
const most = Number(values.connections);
const exchanges = Number(values.exchanges);
if (!(Number.isInteger(most) && most >= 1_000 && most <= 16_000_000))
  refuse(`--connections ${values.connections}: an integer from 1000 to 16000000`);

/** Clients that open, ask or close at a time; turns between two looks of the collector's observer. */
const AT_A_TIME = 512;
const TURNS = 256;
/** Milliseconds without a segment that are too many. */
const STALLED = 10_000;

const SERVER = ip("10.0.0.1");
const now = (): number => Math.floor(performance.now() * 1_000);
const clients = new RawClients(SERVER, 80, most);
const { tallies } = clients;
const stack = new Stack(
  {
    random: new SeededRandom(1),
    memory: createMemory({ packets: 4_096, chunks: 2_048 }),
    limits: {
      live: 4_096, // who has millions at rest spares the collector
      connections: Math.min(2 * most, 16_700_000), // room to spare: else an address with all its ports has more than its share
      synQueue: 1_000_000,
    },
  },
  now(),
);
stack.addDevice(clients, { addresses: [{ address: SERVER, prefixLength: 8 }] }, now());

// The application: one object, and four octets for each connection.
const served = new Int32Array(most + 16);
const buffer = new Uint8Array(4_096);
const echo = {
  onEvents(handle: number, events: number): void {
    if (events & TcpEvent.Readable) {
      const octets = stack.tcp.receive(handle, buffer, 0, buffer.length, stack.now);
      if (octets > 0) {
        served[stack.tcp.indexOf(handle)]! += octets;
        stack.tcp.send(handle, buffer, 0, octets, stack.now);
      }
    }
    if (events & TcpEvent.PeerClosed) stack.tcp.close(handle, stack.now);
  },
};
stack.tcp.listen(
  { port: 80, backlog: 65_536 },
  {
    onEvents(listener) {
      for (let handle = stack.tcp.accept(listener); handle !== 0; handle = stack.tcp.accept(listener)) stack.tcp.attach(handle, echo);
    },
  },
);

const pauses = new Pauses();
/** By CPU time: what else the machine does makes no turn longer. */
let longestTurn = 0;
const cpuMilliseconds = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
};

/** CPU time of the process, whatever else the machine does. Turns until `done`, `begin` being asked before each to keep the clients busy. */
async function run(begin: () => void, done: () => boolean): Promise<{ nanos: number; segments: number }> {
  const segments = tallies.framesIn + tallies.framesOut;
  const used = process.cpuUsage();
  let seen = -1;
  let seenAt = performance.now();
  while (!done()) {
    for (let turn = 0; turn < TURNS && !done(); turn++) {
      begin();
      clients.clock = Math.floor(performance.now()) + 1;
      const from = cpuMilliseconds();
      stack.turn(now());
      longestTurn = Math.max(longestTurn, cpuMilliseconds() - from);
    }
    await pauses.settle();
    const { framesIn } = tallies;
    if (framesIn === seen && performance.now() - seenAt > STALLED) throw new Error(`nothing moves: ${JSON.stringify(tallies)}`);
    if (framesIn !== seen) seenAt = performance.now();
    seen = framesIn;
  }
  const { user, system } = process.cpuUsage(used);
  return { nanos: (user + system) * 1_000, segments: tallies.framesIn + tallies.framesOut - segments };
}

const octets = (): number => {
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
};
const before = octets();
const random = new SeededRandom(7);
const sizes: number[] = [];
for (let size = 1_000; size < most; size *= 10) sizes.push(size);
sizes.push(most);

const rows: Record<string, number>[] = [];
const columns: [string, number][] = [
  ["connections", 12],
  ["open ns/seg", 12],
  ["ask ns/seg", 11],
  ["octets each", 12],
  ["RSS MB", 8],
  ["GC pause ms", 12],
  ["turn ms", 9],
  ["wrong", 6],
];
if (!values.json) console.log(columns.map(([name, width]) => name.padStart(width)).join(" "));
let opened = 0;
for (const size of sizes) {
  pauses.reset();
  longestTurn = 0;
  const opening = await run(
    () => {
      while (opened < size && opened - tallies.established < AT_A_TIME) clients.open(opened++);
    },
    () => tallies.established === size && clients.waiting === 0 && !stack.tcp.busy,
  );
  let asked = tallies.answered;
  const ask = (until: number) => () => {
    while (asked < until && asked - tallies.answered < AT_A_TIME) {
      if (clients.ask(random.below(size))) asked += 1;
    }
  };
  // What was opened last is still an object: the sample is of connections at rest, most of which are rows.
  const warm = asked + 50_000;
  const target = warm + exchanges;
  await run(ask(warm), () => tallies.answered >= warm);
  const asking = await run(ask(target), () => tallies.answered >= target && clients.waiting === 0);
  const each = (octets() - before) / size;
  rows.push({
    connections: size,
    "open ns/seg": opening.nanos / opening.segments,
    "ask ns/seg": asking.nanos / asking.segments,
    "octets each": each,
    "RSS MB": process.memoryUsage().rss / 2 ** 20,
    "GC pause ms": pauses.longest,
    "turn ms": longestTurn,
    wrong: tallies.wrong + tallies.resets,
  });
  const row = rows.at(-1)!;
  if (!values.json) console.log(columns.map(([name, width]) => show(row[name]!).padStart(width)).join(" "));
}

const asked = tallies.answered;
let closing = 0;
const closes = await run(
  () => {
    while (closing < most && closing - tallies.closed < AT_A_TIME) clients.end(closing++);
  },
  () => tallies.closed === most && clients.waiting === 0 && !stack.tcp.busy,
);
const summary = stack.tcp.summary();
const echoed = served.reduce((sum, count) => sum + count, 0);
const good = tallies.wrong === 0 && tallies.resets === 0 && summary["slots"] === 1 && echoed === asked * 64;
pauses.close();
stack.close(now());
if (values.json) console.log(JSON.stringify({ rows, summary, exchanges: asked, good }));
else {
  console.log(
    `\n${asked} exchanges, ${tallies.wrong} octets wrong, ${tallies.resets} resets; all closed in order, ${Math.round(closes.nanos / closes.segments)} ns a segment`,
  );
  console.log(`left in the table: ${summary["slots"]! - 1} connections (${JSON.stringify(summary)})`);
  console.log("octets each: all tables of the stack and the reference to the application; the clients' memory is made before.");
}
if (!good) {
  console.error("not as it should be");
  process.exitCode = 1;
}

function show(value: number): string {
  return value >= 1_000 || Number.isInteger(value) ? String(Math.round(value)) : value.toFixed(1);
}
