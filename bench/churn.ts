/** Connect, 64 octets each way, close, for longer than a minute: connections in each second, while the TIME-WAITs of all those before are kept for 2 MSL. The
 *  server closes first. Raw clients in memory, each connection from a 4-tuple of its own; the clock is the process's CPU time, so that other
 *  work on the machine counts little. Run: npm run bench -- churn [--seconds N] [--rate N] [--time-wait SECONDS] [--json] */
import { createMemory } from "../src/base/memory.js";
import { SeededRandom } from "../src/base/prng.js";
import { ip } from "../src/ip/address.js";
import { Stack } from "../src/stack/stack.js";
import { TcpEvent } from "../src/tcp/events.js";
import { parseArgs, refuse } from "./arguments.js";
import { RawClients } from "./scale/raw-clients.js";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "75" },
    rate: { type: "string", default: "40000" },
    "time-wait": { type: "string", default: "60" },
    json: { type: "boolean", default: false },
  },
});
const seconds = Number(values.seconds);
if (!(Number.isInteger(seconds) && seconds >= 2 && seconds <= 120)) refuse(`--seconds ${values.seconds}: an integer from 2 to 120`);

/** Connections a second that are tried; more than can be had: as many as can be. */
const rate = Number(values.rate);
if (!(rate >= 1_000 && rate <= 150_000)) refuse(`--rate ${values.rate}: a number from 1000 to 150000`);

/** Seconds that a connection stays in TIME-WAIT. */
const timeWait = Number(values["time-wait"]);
if (!(timeWait >= 1 && timeWait <= 240)) refuse(`--time-wait ${values["time-wait"]}: a number from 1 to 240`);

const SERVER = ip("10.0.0.1");
const CLIENTS = rate * (seconds + 2);
const AT_A_TIME = 256;
const TURNS = 16;
const SECOND = 1_000_000;
/** Seconds at each end that are compared; the first two are the compiler's. */
const COMPARED = Math.max(1, Math.floor((seconds - 2) / 6));

const begun = process.cpuUsage();
const now = (): number => {
  const { user, system } = process.cpuUsage(begun);
  return user + system;
};
const clients = new RawClients(SERVER, 80, CLIENTS);
clients.answersFin = true;
const { tallies } = clients;
const limits = { connections: CLIENTS, timeWaits: CLIENTS, synQueue: 4_096, live: 4_096 };
const stack = new Stack({ random: new SeededRandom(1), memory: createMemory({ packets: 4_096, chunks: 1_024 }), limits }, now());
stack.tcp.adopt({ timeWait: timeWait * SECOND });
stack.addDevice(clients, { addresses: [{ address: SERVER, prefixLength: 8 }] }, now());
const buffer = new Uint8Array(4_096);
const answer = {
  onEvents(handle: number, events: number): void {
    if (!(events & TcpEvent.Readable)) return;
    const octets = stack.tcp.receive(handle, buffer, 0, buffer.length, stack.now);
    if (octets <= 0) return;
    stack.tcp.send(handle, buffer, 0, octets, stack.now);
    stack.tcp.close(handle, stack.now);
  },
};
stack.tcp.listen(
  { port: 80, backlog: 4_096 },
  {
    onEvents(listener) {
      for (let handle = stack.tcp.accept(listener); handle !== 0; handle = stack.tcp.accept(listener)) stack.tcp.attach(handle, answer);
    },
  },
);

let opened = 0;
let asked = 0;
const rows: { second: number; connections: number; timeWait: number }[] = [];
if (!values.json) console.log("second  connections  in TIME-WAIT");
for (let second = 1, before = 0, end = now() + SECOND; second <= seconds; ) {
  for (let turn = 0; turn < TURNS; turn++) {
    const due = Math.min(CLIENTS, (rate * now()) / SECOND);
    while (opened < due && opened - tallies.closed < AT_A_TIME) clients.open(opened++);
    stack.turn(now());
    // Those that have been answered by a SYN,ACK have their ACK under way, in front of this.
    for (; asked < tallies.established; asked++) clients.ask(asked);
    clients.clock = Math.floor(now() / 1_000) + 1;
  }
  if (now() < end) continue;
  const took = (now() - end) / SECOND + 1;
  const row = { second, connections: Math.round((tallies.closed - before) / took), timeWait: stack.tcp.summary()["timeWait"]! };
  rows.push(row);
  if (!values.json)
    console.log(`${String(second).padStart(6)} ${String(row.connections).padStart(12)} ${String(row.timeWait).padStart(13)}`);
  before = tallies.closed;
  second += 1;
  end = now() + SECOND;
}
const mean = (list: readonly { connections: number }[]): number =>
  list.reduce((sum, { connections }) => sum + connections, 0) / list.length;
const [first, last] = [mean(rows.slice(2, 2 + COMPARED)), mean(rows.slice(-COMPARED))];
const lost = tallies.wrong + tallies.resets;
const megabytes = process.memoryUsage().rss / 2 ** 20;
if (values.json) console.log(JSON.stringify({ rows, first, last, ratio: last / first, lost, megabytes }));
else
  console.log(
    `\n${Math.round(first)} a second at the beginning, ${Math.round(last)} at the end: ${(last / first).toFixed(2)}; ${lost} octets wrong or resets; RSS ${Math.round(megabytes)} MB`,
  );
stack.close(now());
if (lost > 0) process.exitCode = 1;
