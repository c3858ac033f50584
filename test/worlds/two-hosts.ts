/** Two stacks and a wire, with every invariant watched: the usual stage of a world test. */
import { expect } from "vitest";
import { type Micros, SECOND } from "../../src/base/environment.js";
import { createMemory } from "../../src/base/memory.js";
import { ip } from "../../src/ip/address.js";
import { Peer, Registry, type Step } from "../../src/sim/application.js";
import type { SimLink } from "../../src/sim/sim-link.js";
import { Violations } from "../../src/sim/violations.js";
import { Watch } from "../../src/sim/watch.js";
import type { WireOptions } from "../../src/sim/wire-options.js";
import { type Cable, type Host, World } from "../../src/sim/world.js";
import { linux, type Profile } from "../../src/stack/profile.js";
import { Stack } from "../../src/stack/stack.js";
import type { ConnectionOptions } from "../../src/tcp/connection-options.js";
import { TcpEvent } from "../../src/tcp/events.js";

export const A = ip("10.0.0.1");
export const B = ip("10.0.0.2");

export interface End {
  readonly stack: Stack;
  readonly host: Host<Stack>;
  readonly link: SimLink;
  readonly watch: Watch;
}

export interface StageOptions {
  readonly seed?: number;
  readonly profile?: Profile;
  readonly mtu?: number;
  /** From A to B; `back` the other way, the same if absent. */
  readonly wire?: Partial<WireOptions>;
  readonly back?: Partial<WireOptions>;
}

export interface Stage {
  readonly world: World;
  readonly a: End;
  readonly b: End;
  readonly cable: Cable;
  readonly violations: Violations;
  readonly registry: Registry;
}

export function stage(options: StageOptions = {}): Stage {
  const { seed = 1, profile = linux, mtu = 1_500, wire = { delay: 5_000 }, back } = options;
  const world = new World(seed);
  const violations = new Violations();
  const make = (name: string, address: number): End => {
    const watch = new Watch(name, profile.tcp, violations);
    const memory = createMemory({ packets: 1_024, packetSize: Math.max(2_048, mtu + 64) });
    memory.packets.poison = true;
    memory.chunks.poison = true;
    const stack = new Stack({ name, random: world.random.fork(), memory, profile, sharing: "none", probe: watch.probe }, world.now);
    const host = world.addHost(name, stack);
    const link = world.addLink(host, { mtu });
    const hardwareAddress = Uint8Array.of(2, 0, 0, 0, 0, address & 255);
    stack.addDevice(link, { hardwareAddress, addresses: [{ address: address as typeof A, prefixLength: 24 }], claim: "use" }, world.now);
    return { stack, host, link, watch };
  };
  const a = make("a", A);
  const b = make("b", B);
  world.afterTurn = (host) => (host === a.host ? a : b).watch.tcp.afterTurn(world.now);
  const cable = world.connect(a.link, b.link, wire, back ?? wire);
  return { world, a, b, cable, violations, registry: new Registry(violations) };
}

export const READ_ALL = { chunk: 65_536, pace: 0, after: 0 };
export const end: Step[] = [{ do: "shutdown" }, { do: "end" }, { do: "close" }];
export const send = (octets: number): Step => ({ do: "send", octets, chunk: 65_536, pace: 0 });

/** A connects to B; each end follows its script. Returns the ends when both are done. */
export function converse(
  at: Stage,
  client: readonly Step[],
  server: readonly Step[],
  options: { readonly client?: Partial<ConnectionOptions>; readonly server?: Partial<ConnectionOptions>; readonly within?: Micros } = {},
): { client: Peer; server: Peer } {
  const { world, a, b, registry } = at;
  const found: { server: Peer | null; client: Peer | null } = { server: null, client: null };
  b.stack.tcp.listen(
    { port: 80, ...options.server },
    {
      onEvents: (listener, events) => {
        if ((events & TcpEvent.Acceptable) === 0) return;
        const handle = b.stack.tcp.accept(listener);
        found.server = new Peer("b", b.stack.tcp, handle, { steps: server, reading: READ_ALL }, world, registry, true);
        b.stack.tcp.attach(handle, found.server);
        found.server.start();
      },
    },
  );
  const handle = a.stack.tcp.connect(
    { remote: B, remotePort: 80, ...options.client },
    { onEvents: (of, events) => found.client?.onEvents(of, events) },
    world.now,
  );
  found.client = new Peer("a", a.stack.tcp, handle, { steps: client, reading: READ_ALL }, world, registry, true);
  found.client.start();
  const done = (): boolean => registry.open === 0 && found.server !== null;
  world.runUntil(() => done() || at.violations.count > 0, world.now + (options.within ?? 600 * SECOND));
  settled(at);
  expect(done()).toBe(true);
  return { client: found.client, server: found.server! };
}

/** No invariant is broken. */
export const settled = ({ violations }: Stage): void => expect(violations.show()).toBe("");
