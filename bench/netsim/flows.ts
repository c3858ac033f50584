/** Bulk senders in a simulated world: what they deliver, how long it takes, and what they sent in vain. */

import type { Micros } from "../../src/base/environment.js";
import { createMemory, type Memory } from "../../src/base/memory.js";
import { Wire } from "../../src/base/why.js";
import { type IpAddress, ip } from "../../src/ip/address.js";
import { Flag, FrameSummary } from "../../src/sim/frame-summary.js";
import type { WireModel, WireObserver } from "../../src/sim/wire-model.js";
import type { WireOptions } from "../../src/sim/wire-options.js";
import { World } from "../../src/sim/world.js";
import { linux } from "../../src/stack/profile.js";
import { Stack } from "../../src/stack/stack.js";
import type { ConnectionOptions } from "../../src/tcp/connection-options.js";
import { type Application, TcpEvent } from "../../src/tcp/events.js";

const PORT = 80;
const SERVER = ip("10.0.0.1");
const BLOCK = new Uint8Array(65_536);
const SIZES = { packets: 4_096, chunks: 65_536 };

export interface Sender {
  /** Delay of its own wire, one way, on top of the bottleneck's. */
  readonly access: Micros;
  readonly options: Partial<ConnectionOptions>;
  /** When it begins. */
  readonly begin: Micros;
}

export interface Course {
  readonly seed: number;
  /** Towards the server: the wire that all share. */
  readonly bottleneck: Partial<WireOptions>;
  /** Towards the clients. */
  readonly back: Partial<WireOptions>;
  readonly senders: readonly Sender[];
  readonly receiver: Partial<ConnectionOptions>;
  /** Each sender stops after so many octets; infinity: never. */
  readonly octets: number;
  /** It ends then at the latest. */
  readonly limit: Micros;
}

export interface Result {
  /** Virtual time until the last octet was read, or the last sender gave up; the limit, when neither happened. */
  readonly time: Micros;
  readonly done: boolean;
  /** Octets that the server has read, by sender. */
  readonly delivered: readonly number[];
  /** Data segments that left the senders, those that were sent again, and those of them that brought only what had arrived before. */
  readonly segments: number;
  readonly retransmitted: number;
  readonly spurious: number;
  /** Frames that the bottleneck's queue refused. */
  readonly overflow: number;
  /** Expiries of a retransmission timer. */
  readonly timeouts: number;
}

/** Judges the data segments that arrive: one that holds nothing new was sent in vain. Written against the wire, not with the stack's counters. */
class Arrivals implements WireObserver {
  spurious = 0;
  overflow = 0;
  readonly #wire: WireModel;
  readonly #summary = new FrameSummary();
  readonly #flows = new Map<string, { readonly initial: number; readonly seen: Covered }>();

  constructor(wire: WireModel) {
    this.#wire = wire;
  }

  fate(wire: WireModel, why: number, bytes: Uint8Array, start: number, end: number): void {
    if (wire !== this.#wire) return;
    if (why === Wire.QueueFull) this.overflow += 1;
    if (why !== Wire.Delivered) return;
    const segment = this.#summary.read(bytes, start, end);
    if (!segment.isTcp) return;
    const name = `${segment.source}:${segment.sourcePort}`;
    if (segment.flags & Flag.Syn) this.#flows.set(name, { initial: segment.seq + 1, seen: new Covered() });
    const flow = this.#flows.get(name);
    if (flow === undefined || !segment.isData) return;
    const from = (segment.seq - flow.initial) >>> 0;
    if (!flow.seen.add(from, from + segment.textLength)) this.spurious += 1;
  }
}

/** Octets that have arrived: all below `below`, and ranges above it in ascending order. */
class Covered {
  #below = 0;
  #above: [number, number][] = [];

  /** False when [from, to) holds nothing new. */
  add(from: number, to: number): boolean {
    if (to <= this.#below || this.#above.some(([left, right]) => left <= from && to <= right)) return false;
    const apart = this.#above.filter(([left, right]) => right < from || left > to);
    const joined = this.#above.filter(([left, right]) => right >= from && left <= to);
    apart.push([Math.min(from, ...joined.map(([left]) => left)), Math.max(to, ...joined.map(([, right]) => right))]);
    this.#above = apart.sort((a, b) => a[0] - b[0]);
    while (this.#above.length > 0 && this.#above[0]![0] <= this.#below) this.#below = Math.max(this.#below, this.#above.shift()![1]);
    return true;
  }
}

/** Runs a course to its end. */
export function run(course: Course): Result {
  const world = new World(course.seed);
  // What waits to be sent must not take the room for what is out of order.
  const [sending, receiving] = [createMemory(SIZES), createMemory(SIZES)];
  const makeStack = (name: string, memory: Memory): Stack =>
    new Stack({ name, random: world.random.fork(), memory, profile: linux, sharing: "none" }, world.now);
  const hub = world.addSwitch();

  const server = makeStack("server", receiving);
  const serverLink = world.addLink(world.addHost("server", server), { ring: 65_536 });
  const { backward } = world.plug(serverLink, hub, course.back, course.bottleneck);
  server.addDevice(serverLink, { addresses: [{ address: SERVER, prefixLength: 16 }] }, world.now);
  const arrivals = new Arrivals(backward);
  world.observe(arrivals);

  const delivered = course.senders.map(() => 0);
  let unfinished = course.senders.length;
  let finishedAt = course.limit;
  const buffer = new Uint8Array(1 << 20);
  const indexOf = new Map<IpAddress, number>();
  const sink: Application = {
    onEvents(handle) {
      const i = indexOf.get(server.tcp.endpointsOf(handle).remote)!;
      for (let n = server.tcp.receive(handle, buffer, 0, buffer.length, world.now); n > 0; ) {
        delivered[i]! += n;
        if (delivered[i] === course.octets && --unfinished === 0) finishedAt = world.now;
        n = server.tcp.receive(handle, buffer, 0, buffer.length, world.now);
      }
    },
  };
  server.tcp.listen(
    { port: PORT, backlog: 1_024, ...course.receiver },
    {
      onEvents(listener) {
        for (let handle = server.tcp.accept(listener); handle !== 0; handle = server.tcp.accept(listener)) server.tcp.attach(handle, sink);
      },
    },
  );

  const counts = { segments: 0, retransmitted: 0, timeouts: 0 };
  const handles: number[] = [];
  const clients = course.senders.map((sender, i) => {
    const client = makeStack(`client${i}`, sending);
    const address = ip(`10.0.${1 + (i >> 8)}.${1 + (i & 255)}`);
    indexOf.set(address, i);
    const link = world.addLink(world.addHost(client.name, client), { ring: 65_536 });
    world.plug(link, hub, { delay: sender.access, queueFrames: 1_000_000, queueOctets: 2 ** 40 });
    client.addDevice(link, { addresses: [{ address, prefixLength: 16 }] }, world.now);
    client.probe = {
      segmentSent: (tcb, segment) => {
        if (tcb !== null && segment.len > 0) counts.segments += 1;
      },
    };
    let left = course.octets;
    const source: Application = {
      onEvents(handle, events) {
        // Too many retransmissions in a row were lost: R2 of RFC 9293 s3.8.3.
        if (events & TcpEvent.Closed && --unfinished === 0) finishedAt = world.now;
        if (!(events & (TcpEvent.Established | TcpEvent.Writable))) return;
        for (let taken = BLOCK.length; left > 0 && taken === BLOCK.length; ) {
          taken = client.tcp.send(handle, BLOCK, 0, Math.min(left, BLOCK.length), world.now);
          if (taken > 0) left -= taken;
        }
      },
    };
    world.at(sender.begin, () => {
      handles[i] = client.tcp.connect({ remote: SERVER, remotePort: PORT, ...sender.options }, source, world.now);
    });
    return client;
  });

  world.runUntil(() => unfinished === 0, course.limit, Number.POSITIVE_INFINITY);
  for (const client of clients)
    client.tcp.each((tcb) => {
      counts.retransmitted += tcb.segmentsRetransmitted;
      counts.timeouts += tcb.timeouts;
    });
  return {
    time: finishedAt,
    done: delivered.every((octets) => octets === course.octets),
    delivered,
    ...counts,
    spurious: arrivals.spurious,
    overflow: arrivals.overflow,
  };
}

/** Jain's index of fairness: 1 when all have the same, 1/n when one has all. */
export const jain = (shares: readonly number[]): number => {
  const sum = shares.reduce((a, b) => a + b, 0);
  const squares = shares.reduce((a, b) => a + b * b, 0);
  return squares === 0 ? 0 : (sum * sum) / (shares.length * squares);
};
