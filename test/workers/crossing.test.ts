/** Stacks that share an address behind a device that puts frames into any queue: virtual time, one thread. */
import { describe, expect, test } from "vitest";
import type { FlowOwner } from "../../src/base/environment.js";
import { createMemory } from "../../src/base/memory.js";
import type { Packet, PacketPool } from "../../src/base/packet.js";
import { SeededRandom } from "../../src/base/prng.js";
import { ManualDrive, VirtualClock } from "../../src/drive/manual.js";
import { ip } from "../../src/ip/address.js";
import { Stack } from "../../src/stack/stack.js";
import { type Application, TcpEvent } from "../../src/tcp/events.js";
import type { Capabilities, Link } from "../../src/transport/link.js";
import { createPair } from "../../src/transport/pair.js";
import { BELL_WORDS } from "../../src/workers/bell.js";
import { CrossingLink } from "../../src/workers/crossing.js";
import { makeRing } from "../../src/workers/frame-ring.js";
import { Steering } from "../../src/workers/steering.js";

const CLIENT = ip("10.9.0.1");
const HOST = ip("10.9.0.2");

/** One end of several cables: each frame goes into one of them, by chance. */
class ChanceLink implements Link {
  readonly name = "chance";
  readonly capabilities: Capabilities;
  onReadable: (() => void) | null = null;
  onError: ((error: Error) => void) | null = null;
  readonly #cables: readonly Link[];
  readonly #random = new SeededRandom(5);

  constructor(cables: readonly Link[]) {
    this.#cables = cables;
    this.capabilities = cables[0]!.capabilities;
  }

  receive(pool: PacketPool, batch: Packet[], budget: number): number {
    let count = 0;
    const part: Packet[] = [];
    for (const cable of this.#cables) {
      const taken = cable.receive(pool, part, budget - count);
      for (let i = 0; i < taken; i++) batch[count + i] = part[i]!;
      count += taken;
    }
    return count;
  }

  transmit(packet: Packet): boolean {
    return this.#cables[(this.#random.int32() >>> 0) % this.#cables.length]!.transmit(packet);
  }

  flush(): void {
    for (const cable of this.#cables) cable.flush();
  }

  close(): void {}
}

const world = (count: number) => {
  const clock = new VirtualClock(1_000_000);
  const cables = Array.from({ length: count }, () => createPair({ queue: 4_096 }));
  const memory = () => createMemory({ packets: 2_048, chunks: 2_048 });
  const stackOn = (name: string, seed: number, link: Link, address: typeof HOST, owns?: FlowOwner) => {
    const options = { name, random: new SeededRandom(seed), memory: memory(), ...(owns === undefined ? {} : { owns }) };
    const drive = new ManualDrive(new Stack(options, clock.now), clock);
    const hardwareAddress = Uint8Array.of(2, 0, 0, 0, 0, name === "client" ? 1 : 2);
    const device = drive.stack.addDevice(link, { addresses: [{ address, prefixLength: 24 }], hardwareAddress }, clock.now);
    return { drive, stack: drive.stack, device };
  };
  const client = stackOn("client", 99, new ChanceLink(cables.map(([a]) => a)), CLIENT);
  const indices = [...cables.keys()];
  const rings = indices.map((from) => indices.map((to) => (from === to ? null : makeRing())));
  const bells = indices.map(() => new SharedArrayBuffer(4 * BELL_WORDS));
  const hosts = indices.map((index) => {
    const own = new Steering([1, 2, 3, 4], count, "ethernet");
    const plan = { index, steering: own, from: rings.map((row) => row[index]!), to: rings[index]!, bells };
    const link = new CrossingLink(cables[index]![1], plan);
    return { link, ...stackOn(`host ${index}`, index, link, HOST, own.owner(index)) };
  });
  return { clock, client, hosts };
};

const echo = (stack: Stack, now: () => number): Application => {
  const buffer = new Uint8Array(65_536);
  return {
    onEvents(handle, events) {
      for (;;) {
        const octets = stack.tcp.receive(handle, buffer, 0, buffer.length, now());
        if (octets <= 0) break;
        stack.tcp.send(handle, buffer, 0, octets, now());
      }
      if (events & (TcpEvent.PeerClosed | TcpEvent.Closed)) stack.tcp.close(handle, now());
    },
  };
};

const serve = (stack: Stack, port: number, now: () => number, accepted: () => void = () => {}): void => {
  stack.tcp.listen(
    { port },
    {
      onEvents: (listener) => {
        for (let handle = stack.tcp.accept(listener); handle !== 0; handle = stack.tcp.accept(listener)) {
          accepted();
          stack.tcp.attach(handle, echo(stack, now));
        }
      },
    },
  );
};

/** Connects, says `octets`, and resolves what came back when both sides have ended. */
const ask = (stack: Stack, remote: typeof HOST, remotePort: number, octets: Uint8Array, now: () => number) => {
  const result = { back: [] as number[], over: false, error: null as string | null };
  const buffer = new Uint8Array(65_536);
  stack.tcp.connect(
    { remote, remotePort },
    {
      onEvents(handle, events) {
        if (events & TcpEvent.Established) {
          stack.tcp.send(handle, octets, 0, octets.length, now());
          stack.tcp.shutdown(handle, now());
        }
        for (;;) {
          const length = stack.tcp.receive(handle, buffer, 0, buffer.length, now());
          if (length > 0) result.back.push(...buffer.subarray(0, length));
          if (length === -1) result.over = true;
          if (length <= 0) break;
        }
        if (events & TcpEvent.Closed) {
          result.error = stack.tcp.errorOf(handle);
          result.over = true;
        }
      },
    },
    now(),
  );
  return result;
};

describe("crossing", () => {
  test.each([2, 5])("%d stacks are one host: every flow is served by its home, whichever queue its frames take", (count) => {
    const { clock, client, hosts } = world(count);
    const now = () => clock.now;
    const served = hosts.map(() => 0);
    hosts.forEach(({ stack }, i) => {
      serve(stack, 80, now, () => {
        served[i]! += 1;
      });
    });
    const octets = Uint8Array.from({ length: 9_000 }, (_, i) => i * 7);
    const asked = Array.from({ length: 60 }, () => ask(client.stack, HOST, 80, octets, now));
    clock.advance(30_000_000);
    for (const { back, over, error } of asked) expect([back.length, over, error]).toEqual([octets.length, true, null]);
    expect(asked.every(({ back }) => back.every((octet, i) => octet === octets[i]))).toBe(true);
    for (const { stack, link } of hosts) {
      expect(stack.tally.show()["tcp.connection-refused"] ?? 0).toBe(0);
      expect(link.counters.sentOver).toBeGreaterThan(0);
      expect(link.counters.overflow).toBe(0);
    }
    expect(Math.min(...served)).toBeGreaterThan(0);
    expect(served.reduce((a, b) => a + b)).toBe(60);
  });

  test("a connection from any of them is answered at home; a port whose answer is another's is refused", () => {
    const { clock, client, hosts } = world(3);
    const now = () => clock.now;
    serve(client.stack, 7, now);
    const asked = hosts.flatMap(({ stack }) => Array.from({ length: 20 }, () => ask(stack, CLIENT, 7, Uint8Array.of(1, 2, 3), now)));
    clock.advance(30_000_000);
    for (const result of asked) expect(result).toEqual({ back: [1, 2, 3], over: true, error: null });
    const possible = hosts.map(({ stack }) => {
      try {
        return stack.tcp.connect({ remote: CLIENT, remotePort: 7, localPort: 5_555 }, { onEvents() {} }, clock.now);
      } catch (error) {
        return (error as Error).message;
      }
    });
    expect(possible.filter((one) => typeof one === "number")).toHaveLength(1);
    const refused = "connect EADDRNOTAVAIL 10.9.0.2:5555: the answer would reach another core: let the stack choose";
    expect(possible.filter((one) => typeof one === "string")).toEqual([refused, refused]);
    expect(() => hosts[0]!.stack.tcp.listen({ port: 0 }, { onEvents() {} })).toThrow(/listen EINVAL port 0: name the port/);
  });

  test("UDP and echo requests from any of them are answered at home", () => {
    const { clock, client, hosts } = world(4);
    const buffer = new Uint8Array(64);
    const { udp } = client.stack;
    udp.bind(
      { port: 53 },
      {
        onEvents(handle) {
          for (let n = udp.receive(handle, buffer, 0, 64); n >= 0; n = udp.receive(handle, buffer, 0, 64))
            udp.send(handle, buffer, 0, n, udp.from, udp.fromPort, clock.now);
        },
      },
    );
    const heard = hosts.map(() => ({ udp: 0, echo: 0 }));
    hosts.forEach(({ stack }, i) => {
      for (let k = 0; k < 10; k++) {
        const question = stack.udp.bind(
          {},
          {
            onEvents: (handle) => {
              while (stack.udp.receive(handle, buffer, 0, 64) >= 0) heard[i]!.udp += 1;
            },
          },
        );
        stack.udp.send(question, Uint8Array.of(k), 0, 1, CLIENT, 53, clock.now);
        const ping = stack.icmp.open(
          {},
          {
            onEvents: (handle) => {
              while (stack.icmp.receive(handle, buffer, 0, 64) >= 0) heard[i]!.echo += 1;
            },
          },
        );
        stack.icmp.send(ping, 1, buffer, 0, 8, CLIENT, clock.now);
      }
    });
    clock.advance(2_000_000);
    expect(heard).toEqual(hosts.map(() => ({ udp: 10, echo: 10 })));
  });

  test("of ARP all hear everything, and one answers", () => {
    const { clock, client, hosts } = world(3);
    const now = () => clock.now;
    for (const host of hosts) serve(host.stack, 80, now);
    const asked = Array.from({ length: 12 }, () => ask(client.stack, HOST, 80, Uint8Array.of(1), now));
    clock.advance(5_000_000);
    expect(asked.every(({ over, error }) => over && error === null)).toBe(true);
    expect(client.stack.tally.show()["arp.conflict"] ?? 0).toBe(0);
    for (const { stack } of hosts) {
      const [device] = stack.inspect(clock.now).devices.filter(({ name }) => name !== "lo");
      expect(device!.neighbors.map(({ address }) => address)).toEqual(["10.9.0.1"]);
    }
  });
});
