/** Runs a planned world to its end: every connection over, every timer stopped, every buffer back in its pool; and checks the
 *  invariants on the way and at the end. */
import { type Micros, NEVER, SECOND } from "../base/environment.js";
import { type IpAddress, ipFromInt, UNSPECIFIED } from "../ip/address.js";
import type { StackOptions } from "../stack/options.js";
import { profiles } from "../stack/profile.js";
import { Stack } from "../stack/stack.js";
import { Accepting } from "./accepting.js";
import { Peer, Registry } from "./application.js";
import { Chatter } from "./chatter.js";
import type { FlowPlan } from "./flow-plan.js";
import type { FramePool } from "./frame-pool.js";
import { Intruder } from "./intruder.js";
import { MemoryShelf } from "./memory-shelf.js";
import type { SimLink } from "./sim-link.js";
import { TraceHash } from "./trace-hash.js";
import { type Violation, Violations } from "./violations.js";
import { Watch } from "./watch.js";
import type { WireModel } from "./wire-model.js";
import type { WireOptions } from "./wire-options.js";
import { type Host, World } from "./world.js";
import type { ChatterPlan, HostPlan, WorldPlan } from "./world-plan.js";

export interface RunOptions {
  /** Hash everything that happens on the wires. */
  readonly hash?: boolean;
  /** For every stack, beside what the plan says: a congestion controller of one's own. */
  readonly stack?: Pick<StackOptions, "congestionControl" | "congestionControllers" | "limits">;
  /** Called for each stack before anything happens: attach probes here. */
  readonly attach?: (stack: Stack) => void;
  /** Memory of former worlds, to be used again. */
  readonly shelf?: MemoryShelf;
  readonly frames?: FramePool;
}

export interface WorldResult {
  readonly seed: number;
  readonly violations: readonly Violation[];
  /** All that were found; the list may end earlier. */
  readonly violationCount: number;
  readonly events: number;
  readonly frames: number;
  readonly segments: number;
  /** Octets that applications have read. */
  readonly octets: number;
  /** Virtual time from the first event to the last. */
  readonly duration: Micros;
  /** Ends by outcome: "closed", "aborted", error codes. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** Empty unless asked for. */
  readonly digest: string;
}

/** Addresses are probed for before use by some profiles: nothing begins before. */
const LEAD = 12 * SECOND;
/** A world must be done by then: the longest chains of retransmissions and probes end within two days. */
const PATIENCE = 48 * 3_600 * SECOND;
const QUIET = 600 * SECOND;
const MOST_EVENTS = 3_000_000;

export function runWorld(plan: WorldPlan, options: RunOptions = {}): WorldResult {
  return new Run(plan, options).run();
}

interface Station {
  stack: Stack;
  readonly host: Host<Stack>;
  readonly plan: HostPlan;
  watch: Watch;
  /** What `addDevice` was told, to be told again after a crash; frames that the links had given before it. */
  readonly devices: { readonly link: SimLink; readonly address: IpAddress; readonly prefixLength: number }[];
  receivedBefore: number;
  readonly addresses: Map<number, IpAddress>;
  own: IpAddress;
  /** Turns at one instant without a frame. */
  turnedAt: Micros;
  framesThen: number;
  turnsAtOnce: number;
}

class Run {
  readonly #plan: WorldPlan;
  readonly #world: World;
  readonly #violations = new Violations();
  readonly #registry = new Registry(this.#violations);
  readonly #stations: Station[] = [];
  readonly #chatters: Chatter[] = [];
  readonly #hash: TraceHash | null;
  readonly #shelf: MemoryShelf;
  readonly #attach: ((stack: Stack) => void) | undefined;
  readonly #stackOptions: NonNullable<RunOptions["stack"]>;
  /** Connections and other deeds that the plan has and the world has not seen yet. */
  #pending = 0;
  #refusals: Record<string, number> = {};

  constructor(plan: WorldPlan, options: RunOptions) {
    this.#plan = plan;
    this.#shelf = options.shelf ?? new MemoryShelf();
    this.#stackOptions = options.stack ?? {};
    this.#world = new World(plan.seed, { origin: plan.origin, ...(options.frames === undefined ? {} : { frames: options.frames }) });
    this.#hash = options.hash ? new TraceHash() : null;
    for (const [i, host] of plan.hosts.entries()) this.#stations.push(this.#makeStation(`h${i}`, host));
    this.#wire();
    if (this.#hash !== null) this.#world.observe(this.#hash);
    this.#intrude();
    this.#attach = options.attach;
    for (const station of this.#stations) options.attach?.(station.stack);
    this.#world.afterTurn = (host) => this.#afterTurn(host);
  }

  run(): WorldResult {
    const world = this.#world;
    const begin = world.now;
    for (const [i, station] of this.#stations.entries())
      for (const stall of station.plan.stalls) world.at(LEAD + stall.at, () => world.stall(this.#stations[i]!.host, stall.duration));
    for (const flow of this.#plan.flows) this.#begin(flow);
    for (const chatter of this.#plan.chatter) this.#chat(chatter);
    for (const crash of this.#plan.crashes) this.#crash(crash.host, LEAD + crash.at);

    try {
      const done = (): boolean => (this.#pending === 0 && this.#registry.open === 0) || this.#violations.count > 0;
      const met = world.runUntil(done, begin + PATIENCE, MOST_EVENTS);
      if (!met) this.#reportUnfinished();
      if (this.#violations.count === 0) this.#settle();
    } catch (error) {
      this.#violations.report("I-01", "world", 0, world.now, error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
    return this.#result(begin);
  }

  /** What remains, ends: orphans, TIME-WAIT. Then it must be quiet, and everything given back. */
  #settle(): void {
    const world = this.#world;
    for (const port of [...this.#listeners.keys()]) this.#unlisten(port);
    const until = world.now + PATIENCE;
    const busy = (): boolean =>
      world.wires.some((wire) => wire.inFlight > 0) || this.#stations.some(({ stack }) => stack.tcp.summary()["slots"]! > 0);
    while (world.now < until && this.#violations.count === 0 && busy()) world.run(5 * SECOND);
    if (this.#registry.open > 0) this.#reportUnfinished();
    for (const { stack, watch } of this.#stations) {
      const left = stack.tcp.summary()["slots"]!;
      if (left > 0) this.#report("I-15", watch.name, `${left} connections are left: ${JSON.stringify(stack.tcp.showAll(world.now, 1)[0])}`);
      else if (stack.tcp.nextTimeout() !== NEVER) this.#report("I-18", watch.name, "no connection is left, but a timer");
    }
    world.run(60 * SECOND); // what waited for a neighbor has gone or been given up
    const before = this.#stations.map(({ watch }) => watch.tcp.segmentsSent);
    world.run(QUIET);
    for (const [
      i,
      {
        watch: { tcp, name },
      },
    ] of this.#stations.entries())
      if (tcp.segmentsSent > before[i]!)
        this.#report("I-11", name, `${tcp.segmentsSent - before[i]!} segments sent although nothing is open`);
    this.#checkOutcomes();
    this.#checkConservation();
    for (const { stack, host } of this.#stations) {
      stack.close(world.now);
      for (const link of host.links) link.close();
    }
    for (const station of this.#stations) this.#checkPools(station);
    if (this.#violations.count === 0) for (const { stack } of this.#stations) this.#shelf.give(stack.memory);
  }

  #makeStation(name: string, plan: HostPlan): Station {
    const { stack, watch } = this.#makeStack(name, plan);
    const host = this.#world.addHost(name, stack);
    return {
      stack,
      host,
      plan,
      watch,
      devices: [],
      receivedBefore: 0,
      addresses: new Map(),
      own: UNSPECIFIED,
      turnedAt: -1,
      framesThen: 0,
      turnsAtOnce: 0,
    };
  }

  #makeStack(name: string, plan: HostPlan): { stack: Stack; watch: Watch } {
    const world = this.#world;
    const memory = this.#shelf.take(plan.mtu + 64, plan.chunks);
    const named = profiles[plan.profile]!;
    const { congestionControl, ecn, pathProbing } = plan;
    const sharing = "none" as const; // what one connection does says nothing of another that replays alone
    const tcp = {
      ...named.tcp,
      congestionControl,
      ecn,
      pathProbing,
      sharing,
      ...Object.fromEntries(plan.without.map((option) => [option, false])),
    };
    const profile = { ...named, tcp };
    const watch = new Watch(name, profile.tcp, this.#violations);
    const stack = new Stack({ name, random: world.random.fork(), memory, profile, probe: watch.probe, ...this.#stackOptions }, world.now);
    stack.onApplicationError = (error) =>
      this.#report("I-01", name, `application callback threw: ${error instanceof Error ? error.stack : String(error)}`);
    return { stack, watch };
  }

  /** The host loses all its state, its applications with it, and listens again: RFC 9293 s3.5.1. */
  #crash(index: number, delay: Micros): void {
    const world = this.#world;
    const station = this.#stations[index]!;
    this.#pending += 1;
    world.at(delay, () => {
      this.#pending -= 1;
      for (const peer of this.#registry.all) if (peer.tcp === station.stack.tcp) peer.vanish();
      const ports = [...this.#listeners].filter(([, { stack }]) => stack === station.stack).map(([port]) => port);
      for (const port of ports) this.#unlisten(port);
      Object.assign(station, this.#makeStack(`${station.watch.name}r`, station.plan));
      world.reboot(station.host, station.stack);
      station.receivedBefore = station.host.links.reduce((sum, link) => sum + link.received, 0);
      this.#attach?.(station.stack);
      for (const { link, address, prefixLength } of station.devices) this.#addDevice(station, link, address, prefixLength);
      for (const flow of this.#plan.flows) if (ports.includes(flow.port)) this.#listen(flow);
    });
  }

  #wire(): void {
    const world = this.#world;
    const { topology, wires } = this.#plan;
    const hub = topology === "wires" ? null : world.addSwitch(topology === "switch");
    for (const [i, wire] of wires.entries()) {
      const a = this.#stations[wire.a]!;
      const linkA = this.#addLink(a, wire.a);
      let cable: { forward: WireModel; backward: WireModel };
      if (hub !== null) {
        cable = world.plug(linkA, hub, this.#shift(wire.forward), this.#shift(wire.backward));
        const own = ipFromInt(0x0a00_0001 + wire.a);
        this.#address(a, linkA, own, 24);
        for (const other of this.#stations) other.addresses.set(wire.a, own);
      } else {
        const b = this.#stations[wire.b]!;
        const linkB = this.#addLink(b, wire.b);
        cable = world.connect(linkA, linkB, this.#shift(wire.forward), this.#shift(wire.backward));
        const prefix = 0x0a01_0000 + 4 * i;
        this.#address(a, linkA, ipFromInt(prefix + 1), 30);
        this.#address(b, linkB, ipFromInt(prefix + 2), 30);
        a.addresses.set(wire.b, ipFromInt(prefix + 2));
        b.addresses.set(wire.a, ipFromInt(prefix + 1));
      }
      for (const change of wire.changes)
        world.at(LEAD + change.at, () => {
          cable.forward.configure(change.options);
          cable.backward.configure(change.options);
        });
    }
  }

  #addLink(station: Station, index: number): SimLink {
    const { mtu, ring, backPressure } = this.#plan.hosts[index]!;
    return this.#world.addLink(station.host, { mtu, ring, backPressure });
  }

  #address(station: Station, link: SimLink, address: IpAddress, prefixLength: number): void {
    station.devices.push({ link, address, prefixLength });
    this.#addDevice(station, link, address, prefixLength);
    if (station.own === UNSPECIFIED) station.own = address;
  }

  #addDevice({ stack }: Station, link: SimLink, address: IpAddress, prefixLength: number): void {
    const hardwareAddress = Uint8Array.of(2, 0, address >>> 24, address >>> 16, address >>> 8, address);
    const { now } = this.#world;
    const { vlan } = this.#plan;
    const addresses = [{ address, prefixLength }];
    const device = stack.addDevice(link, { hardwareAddress, addresses: vlan === 0 ? addresses : [] }, now);
    if (vlan > 0) stack.addDevice(link, { parent: device, vlan, addresses }, now);
  }

  /** Outages are planned from the world's beginning. */
  #shift(options: Partial<WireOptions>): Partial<WireOptions> {
    if (options.outages === undefined) return options;
    const by = this.#world.now + LEAD;
    return { ...options, outages: options.outages.map((outage) => ({ ...outage, from: outage.from + by, until: outage.until + by })) };
  }

  #addressOf(from: number, to: number): IpAddress {
    if (from === to) return this.#plan.seed % 2 === 0 ? ipFromInt(0x7f00_0001) : this.#stations[to]!.own;
    return this.#stations[from]!.addresses.get(to)!;
  }

  // ---- connections

  /** By port: each flow has its own. */
  readonly #listeners = new Map<number, { stack: Stack; handle: number; accepting: Accepting }>();

  #begin(flow: FlowPlan): void {
    const world = this.#world;
    this.#pending += 1;
    world.at(LEAD, () => {
      if (flow.listening) this.#listen(flow);
      if (flow.wrap >= 0) this.#approachWrap(flow);
      else this.#schedule(flow, flow.at);
      this.#pending -= 1;
    });
  }

  #schedule(flow: FlowPlan, delay: Micros): void {
    for (let i = 0; i < flow.count; i++) {
      this.#pending += 1;
      this.#world.at(delay + i * flow.every, () => {
        this.#pending -= 1;
        this.#connect(flow, flow.client, flow.server, flow.localPort, flow.port, flow.clientDoes, flow.clientOptions);
        if (flow.simultaneous)
          this.#connect(flow, flow.server, flow.client, flow.port, flow.localPort, flow.serverDoes, flow.serverOptions);
      });
    }
    if (flow.churn === 0) return;
    this.#pending += 1;
    this.#world.at(delay, () => {
      this.#pending -= 1;
      this.#churn(flow, flow.count * flow.every);
    });
  }

  #listen(flow: FlowPlan): void {
    const { stack } = this.#stations[flow.server]!;
    const accepting = new Accepting(
      `h${flow.server}`,
      stack.tcp,
      this.#world,
      this.#registry,
      flow.serverDoes,
      flow.graceful,
      flow.acceptAfter,
    );
    const handle = stack.tcp.listen({ port: flow.port, backlog: flow.backlog, ...flow.serverOptions }, accepting);
    this.#listeners.set(flow.port, { stack, handle, accepting });
  }

  #unlisten(port: number): void {
    const { stack, handle, accepting } = this.#listeners.get(port)!;
    accepting.end();
    this.#listeners.delete(port);
    stack.tcp.close(handle, this.#world.now);
  }

  /** The listener goes and comes until `until` from now. */
  #churn(flow: FlowPlan, until: Micros): void {
    for (let at = flow.churn, open = true; at < until || !open; at += flow.churn, open = !open) {
      const closes = open;
      this.#pending += 1;
      this.#world.at(at, () => {
        this.#pending -= 1;
        if (!closes) this.#listen(flow);
        else if (this.#listeners.has(flow.port)) this.#unlisten(flow.port);
      });
    }
  }

  /** A connection whose sequence numbers wrap: the ISN follows a clock (RFC 6528), so it comes near the wrap if one waits. */
  #approachWrap(flow: FlowPlan): void {
    const world = this.#world;
    const { stack } = this.#stations[flow.client]!;
    const localPort = flow.localPort || 40_000 + flow.port;
    const remote = this.#addressOf(flow.client, flow.server);
    const nobody = { onEvents: () => {} };
    const handle = stack.tcp.connect({ remote, remotePort: flow.port, localPort }, nobody, world.now);
    const iss = Number(stack.tcp.show(handle, world.now)["iss"]);
    stack.tcp.abort(handle, world.now);
    const target = (flow.wrap === 0 ? 2 ** 32 : 2 ** 31) - 1 - (this.#plan.seed % 5_000);
    const ticks = (target - iss + 2 ** 33) % 2 ** 32;
    this.#schedule({ ...flow, localPort: flow.count === 1 ? localPort : 0 }, ticks * 4);
  }

  #connect(
    flow: FlowPlan,
    from: number,
    to: number,
    localPort: number,
    port: number,
    does: FlowPlan["clientDoes"],
    options: FlowPlan["clientOptions"],
  ): void {
    const { stack } = this.#stations[from]!;
    const remote = this.#addressOf(from, to);
    const local = this.#plan.topology === "wires" || from === to ? undefined : this.#stations[from]!.own;
    const events: { peer: Peer | null } = { peer: null };
    try {
      const handle = stack.tcp.connect(
        { remote, remotePort: port, localPort, ...(local === undefined ? {} : { local }), ...options },
        { onEvents: (at, bits) => events.peer?.onEvents(at, bits) },
        this.#world.now,
      );
      events.peer = new Peer(`h${from}`, stack.tcp, handle, does, this.#world, this.#registry, flow.graceful);
      events.peer.start();
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : "";
      if (code === "") throw error;
      this.#refusals[code] = (this.#refusals[code] ?? 0) + 1;
      if (flow.graceful && this.#plan.gentle)
        this.#report("I-01", `h${from}`, `connect threw ${error instanceof Error ? error.message : code}`);
    }
  }

  #intrude(): void {
    const { intrusions, intrusionEvery } = this.#plan;
    if (intrusions === 0) return;
    const world = this.#world;
    const intruder = new Intruder(world.random.fork(), (wire, bytes) => world.inject(wire, bytes));
    world.observe(intruder);
    const again = (left: number, wait: Micros): void => {
      if (this.#registry.all.length > 0 && this.#registry.open === 0 && this.#pending === 0) return;
      // Only what can be forged counts: there must be a connection first.
      if (!intruder.attack()) world.at(wait, () => again(left, Math.min(2 * wait, 60 * SECOND)));
      else if (left > 1) world.at(intrusionEvery, () => again(left - 1, wait));
    };
    world.at(LEAD, () => again(intrusions, 100_000));
  }

  #chat(plan: ChatterPlan): void {
    const [source, target] = [this.#stations[plan.from]!.stack, this.#stations[plan.to]!.stack];
    const chatter = new Chatter(plan, this.#plan, this.#world, source, target, this.#addressOf(plan.from, plan.to), this.#violations);
    this.#chatters.push(chatter);
    chatter.begin(LEAD);
  }

  // ---- judgement

  #afterTurn(host: Host): void {
    const { now } = this.#world;
    for (const station of this.#stations) {
      if (station.host !== host) continue;
      station.watch.tcp.afterTurn(now);
      // I-02: a stack that gets no frame settles within a few turns of one instant.
      const idle = station.turnedAt === now && station.stack.frames.in === station.framesThen;
      station.turnsAtOnce = idle ? station.turnsAtOnce + 1 : 0;
      if (station.turnsAtOnce === 16) this.#report("I-02", host.name, "16 turns at one instant, and no frame among them");
      station.turnedAt = now;
      station.framesThen = station.stack.frames.in;
    }
  }

  #reportUnfinished(): void {
    const waiting = this.#registry.all.filter((peer) => peer.outcome === null);
    for (const peer of waiting.slice(0, 3))
      this.#report(
        "I-15",
        peer.name,
        `${peer.key} is neither done nor failed: ${JSON.stringify(peer.tcp.show(peer.handle, this.#world.now))}`,
      );
    if (waiting.length === 0) this.#report("I-15", "world", `${this.#pending} deeds are still to come`);
  }

  /** Where no wire is bad enough to end a connection, none ends but by its script. */
  #checkOutcomes(): void {
    for (const chatter of this.#chatters) chatter.judge();
    if (!this.#plan.gentle) return;
    for (const peer of this.#registry.all)
      if (peer.graceful && peer.outcome !== "closed")
        this.#report(
          "I-15",
          peer.name,
          `${peer.key} ended with ${peer.outcome} on a gentle wire, sent ${peer.sent}, received ${peer.received}`,
        );
  }

  /** I-19: frames in are frames delivered and dropped; what wires took is what came out and what they say they lost. */
  #checkConservation(): void {
    for (const { stack, host, watch, receivedBefore } of this.#stations) {
      const received = host.links.reduce((sum, link) => sum + link.received, 0);
      watch.checkConservation(stack, received - receivedBefore, this.#world.now);
    }
    for (const wire of this.#world.wires) {
      const t = wire.tally.show();
      const out = (t["wire.delivered"] ?? 0) + wire.lost + (t["wire.fragmented"] ?? 0) + wire.inFlight;
      if (wire.offered + (t["wire.duplicated"] ?? 0) !== out)
        this.#report("I-19", wire.name, `offered ${wire.offered}: ${JSON.stringify(t)}`);
    }
  }

  /** I-03: everything taken has been given back. */
  #checkPools({ stack, host }: Station): void {
    const { packets, chunks, large } = stack.memory;
    if (packets.available !== packets.size)
      this.#report("I-03", host.name, `${packets.size - packets.available} packets are not given back`);
    if (large.available !== large.size) this.#report("I-03", host.name, `${large.size - large.available} large packets are not given back`);
    if (chunks.available !== this.#shelf.chunksOf(stack.memory))
      this.#report("I-03", host.name, `${this.#shelf.chunksOf(stack.memory) - chunks.available} chunks are not given back`);
  }

  #report(id: string, host: string, text: string): void {
    this.#violations.report(id, host, 0, this.#world.now, text);
  }

  #result(begin: Micros): WorldResult {
    const outcomes: Record<string, number> = { ...this.#refusals };
    for (const peer of this.#registry.all) outcomes[peer.outcome ?? "none"] = (outcomes[peer.outcome ?? "none"] ?? 0) + 1;
    return {
      seed: this.#plan.seed,
      violations: this.#violations.list,
      violationCount: this.#violations.count,
      events: this.#world.events,
      frames: this.#world.wires.reduce((sum, wire) => sum + wire.offered, 0),
      segments: this.#stations.reduce((sum, { watch }) => sum + watch.tcp.segmentsSent, 0),
      octets: this.#registry.all.reduce((sum, peer) => sum + peer.received, 0),
      duration: this.#world.now - begin,
      outcomes,
      digest: this.#hash?.digest ?? "",
    };
  }
}
