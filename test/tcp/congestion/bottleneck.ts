/** Bulk senders that share a slow wire, in virtual time. */
import { createMemory } from "../../../src/base/memory.js";
import { Wire } from "../../../src/base/why.js";
import { type IpAddress, ip } from "../../../src/ip/address.js";
import type { WireOptions } from "../../../src/sim/wire-options.js";
import { World } from "../../../src/sim/world.js";
import { linux } from "../../../src/stack/profile.js";
import { Stack } from "../../../src/stack/stack.js";
import { TcpEvent } from "../../../src/tcp/events.js";
import type { TcpPolicy } from "../../../src/tcp/policy.js";

export interface Shares {
  /** Octets that each sender has delivered. */
  readonly delivered: readonly number[];
  /** Of what the wire carries. */
  readonly used: number;
  /** Jain's index. */
  readonly fairness: number;
  /** Smoothed, at the end, microseconds. */
  readonly srtt: readonly number[];
  readonly retransmitted: number;
  readonly dropped: number;
  readonly marked: number;
}

export interface Bottleneck {
  /** The controller of each sender. */
  readonly controllers: readonly string[];
  /** Bits a second, one way delay, and what else the wire does. */
  readonly wire: Partial<WireOptions> & { readonly rate: number; readonly delay: number };
  readonly seconds: number;
  readonly policy?: Partial<TcpPolicy>;
}

const SERVER = ip("10.0.0.1");
const block = new Uint8Array(65_536);

export function share({ controllers, wire, seconds, policy = {} }: Bottleneck): Shares {
  const world = new World(1);
  const memory = createMemory({ packets: 4_096, chunks: 16_384 });
  const make = (address: string, congestionControl: string): Stack => {
    const profile = { ...linux, tcp: { ...linux.tcp, ...policy, congestionControl } };
    return new Stack({ name: address, random: world.random.fork(), memory, profile }, world.now);
  };
  const hub = world.addSwitch();
  const back = { delay: wire.delay };
  const server = make("10.0.0.1", controllers[0]!);
  const serverLink = world.addLink(world.addHost("server", server), { ring: 4_096 });
  const { backward } = world.plug(serverLink, hub, back, { queueOctets: 2 ** 40, ...wire });
  server.addDevice(serverLink, { addresses: [{ address: SERVER, prefixLength: 16 }] }, world.now);

  const delivered = controllers.map(() => 0);
  const indices = new Map<IpAddress, number>();
  const buffer = new Uint8Array(1 << 20);
  const sink = {
    onEvents(handle: number): void {
      const i = indices.get(server.tcp.endpointsOf(handle).remote)!;
      for (let n = server.tcp.receive(handle, buffer, 0, buffer.length, world.now); n > 0; ) {
        delivered[i]! += n;
        n = server.tcp.receive(handle, buffer, 0, buffer.length, world.now);
      }
    },
  };
  server.tcp.listen(
    { port: 80 },
    {
      onEvents(listener) {
        for (let handle = server.tcp.accept(listener); handle !== 0; handle = server.tcp.accept(listener)) server.tcp.attach(handle, sink);
      },
    },
  );
  const senders = controllers.map((name, i) => {
    const address = ip(`10.0.1.${i + 1}`);
    indices.set(address, i);
    const stack = make(`10.0.1.${i + 1}`, name);
    const link = world.addLink(world.addHost(`sender${i}`, stack), { ring: 4_096 });
    world.plug(link, hub);
    stack.addDevice(link, { addresses: [{ address, prefixLength: 16 }] }, world.now);
    const sender = { stack, handle: 0 };
    const write = (): void => {
      while (stack.tcp.send(sender.handle, block, 0, block.length, world.now) === block.length);
    };
    world.at(i * 10_000, () => {
      const application = { onEvents: (_handle: number, events: number) => void (events & TcpEvent.Writable && write()) };
      sender.handle = stack.tcp.connect({ remote: SERVER, remotePort: 80 }, application, world.now);
    });
    return sender;
  });
  world.run(seconds * 1_000_000);

  const total = delivered.reduce((a, b) => a + b, 0);
  const shown = senders.map(
    ({ stack, handle }) => stack.tcp.show(handle, world.now) as { rtt: { srtt: number }; counters: { segmentsRetransmitted: number } },
  );
  return {
    delivered,
    used: (8 * total) / (wire.rate * seconds),
    fairness: (total * total) / (delivered.length * delivered.reduce((sum, octets) => sum + octets * octets, 0)),
    srtt: shown.map(({ rtt }) => rtt.srtt),
    retransmitted: shown.reduce((sum, { counters }) => sum + counters.segmentsRetransmitted, 0),
    dropped: backward.tally.counts[Wire.QueueFull]!,
    marked: backward.tally.counts[Wire.Marked]!,
  };
}
