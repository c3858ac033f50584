/** SYN floods: established flows ask and are answered while so many SYNs of nobody come in front of each of their segments: what a SYN costs, beside
 *  what an exchange costs. Then the flows want half of what the core can do, and SYNs come at a rate: what the flows get of it. The clock of that is
 *  CPU time, so that a core is a core whatever else the machine does; the wire has a ring of 2 048 frames, beyond which SYNs are lost.
 *  Run: npm run bench -- syn [--seconds N] [--json] */
import { createMemory } from "../src/base/memory.js";
import { ChecksumState, type Packet, type PacketPool } from "../src/base/packet.js";
import { SeededRandom } from "../src/base/prng.js";
import { ip } from "../src/ip/address.js";
import { Stack } from "../src/stack/stack.js";
import { parseArgs, refuse } from "./arguments.js";
import { serveEcho } from "./scale/echo.js";
import { RawClients, writeIpHeader } from "./scale/raw-clients.js";

const { values } = parseArgs({ options: { seconds: { type: "string", default: "2" }, json: { type: "boolean", default: false } } });
const seconds = Number(values.seconds);
if (!(seconds > 0 && seconds <= 600)) refuse(`--seconds ${values.seconds}: a number above 0, at most 600`);

const SERVER = ip("10.0.0.1");
/** Requests under way at a time. */
const FLOWS = 64;
/** SYNs that wait in the wire's ring at most. */
const RING = 2_048;
const RATES = [0, 100_000, 250_000, 500_000, 1_000_000];

/** Clients, and in front of each segment of theirs SYNs of nobody. */
class Flooded extends RawClients {
  /** SYNs for each segment of the clients. */
  flood = 0;
  syns = 0;
  /** SYNs that wait in the ring. */
  pending = 0;
  #random = new SeededRandom(3);

  override receive(pool: PacketPool, batch: Packet[], budget: number): number {
    let taken = 0;
    const wanted = Math.min(this.flood * Math.min(this.waiting, FLOWS) + Math.floor(this.pending), budget - FLOWS);
    for (; taken < wanted; taken++) {
      const packet = pool.take();
      if (packet === null) break;
      this.#syn(packet);
      batch[taken] = packet;
    }
    this.syns += taken;
    this.pending = Math.max(0, this.pending - taken);
    const rest: Packet[] = [];
    const own = super.receive(pool, rest, budget - taken);
    for (let i = 0; i < own; i++) batch[taken + i] = rest[i]!;
    return taken + own;
  }

  #syn(packet: Packet): void {
    const { view } = packet.pool.arena;
    const at = packet.start;
    writeIpHeader(view, at, 44, 0x0b00_0000 | (this.#random.int32() & 0xff_ffff), SERVER);
    view.setInt32(at + 20, ((1_024 + (this.#random.int32() & 0x7fff)) << 16) | 80);
    view.setInt32(at + 24, this.#random.int32());
    view.setInt32(at + 28, 0);
    view.setInt32(at + 32, 0x6002_ffff);
    view.setInt32(at + 36, 0);
    view.setInt32(at + 40, 0x0204_05b4);
    packet.end = at + 44;
    packet.checksum = ChecksumState.Verified;
  }

  override transmit(packet: Packet): boolean {
    // What goes to those who are not there.
    if (packet.pool.arena.view.getUint8(packet.start + 16) !== 11) return super.transmit(packet);
    packet.release();
    return true;
  }
}

const now = (): number => Math.floor(performance.now() * 1_000);
const clients = new Flooded(SERVER, 80, FLOWS);
const { tallies } = clients;
const stack = new Stack({ random: new SeededRandom(1), memory: createMemory({ packets: 4_096, chunks: 1_024 }) }, now());
stack.addDevice(clients, { addresses: [{ address: SERVER, prefixLength: 8 }] }, now());
serveEcho(stack);

const turn = (): void => {
  clients.clock = Math.floor(performance.now()) + 1;
  stack.turn(now());
};
for (let i = 0; i < FLOWS; i++) clients.open(i);
while (tallies.established < FLOWS || clients.waiting > 0) turn();

/** CPU time for so many exchanges, and how many SYNs came with them. */
function exchange(flood: number, count: number): { nanos: number; syns: number } {
  clients.flood = flood;
  const { syns } = clients;
  const end = tallies.answered + count;
  const from = process.cpuUsage();
  while (tallies.answered < end) {
    for (let i = 0; i < FLOWS; i++) clients.ask(i);
    turn();
  }
  const { user, system } = process.cpuUsage(from);
  return { nanos: (user + system) * 1_000, syns: clients.syns - syns };
}

exchange(0, 20_000);
exchange(4, 20_000);
const probe = exchange(0, 20_000);
const count = Math.max(1_000, Math.round((seconds * 1e9) / (probe.nanos / 20_000) / 4));
const quiet = exchange(0, count);
const rows = [1, 4, 16].map((flood) => {
  const { nanos, syns } = exchange(flood, Math.ceil(count / flood));
  const share = Math.ceil(count / flood) / count;
  return {
    "SYNs a segment": flood,
    "ns a SYN": (nanos - quiet.nanos * share) / syns,
    "ns an exchange, alone": quiet.nanos / count,
    "SYNs a second and core": (1e9 * syns) / nanos,
  };
});
/** SYNs at `rate` a second, and flows that want `demand` exchanges a second: what they get, and the SYNs that were taken from the ring. */
function goodput(rate: number, demand: number): { got: number; taken: number } {
  clients.flood = 0;
  const { answered } = tallies;
  const { syns } = clients;
  const begun = process.cpuUsage();
  let asked = 0;
  let [time, before] = [0, 0];
  while (time < seconds) {
    const { user, system } = process.cpuUsage(begun);
    time = (user + system) / 1e6;
    clients.pending = Math.min(RING, clients.pending + rate * (time - before));
    before = time;
    for (let i = 0; i < FLOWS && asked < demand * time; i++) if (clients.ask(i)) asked += 1;
    turn();
  }
  clients.pending = 0;
  while (clients.waiting > 0) turn();
  return { got: (tallies.answered - answered) / time, taken: (clients.syns - syns) / time };
}
const demand = (0.5 * 1e9 * count) / quiet.nanos;
const flows = RATES.map((rate) => {
  const { got, taken } = goodput(rate, demand);
  return { "SYNs a second": rate, taken, "exchanges a second wanted": demand, got, share: got / demand };
});
const lost = tallies.wrong + tallies.resets;
const summary = stack.tcp.summary();
if (values.json) console.log(JSON.stringify({ rows, flows, lost, summary }));
else {
  console.table(rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, Math.round(value)]))));
  console.table(
    flows.map(({ share, ...row }) => ({
      ...Object.fromEntries(Object.entries(row).map(([name, value]) => [name, Math.round(value)])),
      share: Number(share.toFixed(2)),
    })),
  );
  console.log(`${clients.syns} SYNs; ${lost} octets wrong or resets; the table has ${summary["slots"]} slots in use`);
}
stack.close(now());
if (lost > 0) process.exitCode = 1;
