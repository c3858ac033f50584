/** Random worlds: what a seed decides, as plain data. The same seed is the same plan for ever after, until this file changes. */
import { MILLISECOND, type Micros, SECOND } from "../base/environment.js";
import { Dice } from "./dice.js";
import { type FlowPlan, planFlow, type Weather } from "./flow-plan.js";
import type { Outage, WireOptions } from "./wire-options.js";

export interface HostPlan {
  readonly profile: "linux" | "freebsd" | "rfc";
  /** Options of TCP that it does without. */
  readonly without: readonly ("windowScaling" | "timestamps" | "sack")[];
  readonly pathProbing: "off" | "black-hole" | "always";
  readonly mtu: number;
  /** Frames of the receive ring. */
  readonly ring: number;
  readonly backPressure: boolean;
  /** Chunks of 4 096 octets for all queues. */
  readonly chunks: number;
  /** The controller of its connections, and whether it speaks ECN. */
  readonly congestionControl: string;
  readonly ecn: "off" | "passive" | "on" | "accurate";
  /** Times at which its CPU is away. */
  readonly stalls: readonly { readonly at: Micros; readonly duration: Micros }[];
}

export interface WirePlan {
  /** Hosts at its ends; -1: the switch. */
  readonly a: number;
  readonly b: number;
  readonly forward: Partial<WireOptions>;
  readonly backward: Partial<WireOptions>;
  /** What changes while the world runs. */
  readonly changes: readonly { readonly at: Micros; readonly options: Partial<WireOptions> }[];
}

/** Datagrams and echo requests beside the connections: they load ARP, IP and ICMP. */
export interface ChatterPlan {
  readonly kind: "udp" | "ping";
  readonly from: number;
  readonly to: number;
  readonly at: Micros;
  readonly every: Micros;
  readonly count: number;
  readonly octets: number;
}

export interface WorldPlan {
  readonly seed: number;
  /** Where the clock starts. */
  readonly origin: Micros;
  readonly topology: "wires" | "switch" | "hub";
  readonly hosts: readonly HostPlan[];
  readonly wires: readonly WirePlan[];
  readonly flows: readonly FlowPlan[];
  readonly chatter: readonly ChatterPlan[];
  /** Every device is this VLAN of its link; 0: none is. */
  readonly vlan: number;
  /** Hosts that lose all their state and start again. */
  readonly crashes: readonly { readonly host: number; readonly at: Micros }[];
  /** Frames that an intruder forges, and the time between them. */
  readonly intrusions: number;
  readonly intrusionEvery: Micros;
  /** No wire loses so much, or for so long, that a connection may fail. */
  readonly gentle: boolean;
  /** Wires lose nothing but to full queues. */
  readonly calm: boolean;
}

/** The plan of a seed. */
export function planWorld(seed: number): WorldPlan {
  const dice = new Dice(seed);
  // Dice of its own: what is decided by them leaves the rest of a seed's world as it was.
  const manners = new Dice(seed ^ 0x6d61_6e6e);
  const count = dice.pick([2, 2, 2, 3, 3, 4, 5, 6, 7, 8]);
  const weather = dice.pick(["calm", "gentle", "gentle", "rough", "rough", "storm"] as const);
  const topology =
    count === 2 ? dice.pick(["wires", "wires", "switch", "hub"] as const) : dice.pick(["wires", "switch", "switch", "hub"] as const);
  const hosts = Array.from({ length: count }, () => planHost(dice, manners, weather));
  const wires: WirePlan[] = [];
  if (topology === "wires")
    for (let i = 1; i < count; i++) wires.push(planWire(dice, dice.below(i), i, weather)); // a random tree
  else for (let i = 0; i < count; i++) wires.push(flipOnce(planWire(dice, i, -1, weather)));

  const flows: FlowPlan[] = [];
  const flowCount = dice.pick([1, 1, 2, 3, 4, 6, 10]);
  for (let i = 0; i < flowCount; i++) {
    const [client, server] = ends(dice, topology, wires, count);
    flows.push(planFlow(dice, client, server, 1_000 + i, Math.min(hosts[client]!.mtu, hosts[server]!.mtu), weather));
  }
  const chatter: ChatterPlan[] = [];
  for (let i = dice.pick([0, 0, 0, 1, 2]); i > 0; i--) {
    const [from, to] = ends(dice, topology, wires, count);
    chatter.push({
      kind: dice.pick(["udp", "ping"] as const),
      from,
      to,
      at: dice.below(SECOND),
      every: dice.between(1, 200) * MILLISECOND,
      count: dice.between(1, 15),
      octets: dice.pick([0, 1, 64, 512, 1_400, 3_000, 8_000]),
    });
  }
  const origin = dice.pick([0, 1, dice.below(2 ** 31), 2 ** 32 * MILLISECOND - 5 * SECOND, dice.below(2 ** 30) * 2 ** 12]);
  const gentle = weather === "calm" || weather === "gentle";
  const crashes: { host: number; at: Micros }[] = [];
  while (!gentle && dice.chance(0.15)) crashes.push({ host: dice.below(count), at: dice.below(5 * SECOND) });
  if (crashes.length > 0) chatter.length = 0;
  const intrusions = dice.chance(0.3) ? dice.between(1, 60) : 0;
  const intrusionEvery = dice.pick([100, 1_000, 10_000, 100_000, 1_000_000]);
  return {
    seed,
    origin,
    topology,
    hosts,
    wires: wires.map((wire) => ({ ...wire, forward: planMarks(manners, wire.forward), backward: planMarks(manners, wire.backward) })),
    flows,
    chatter,
    intrusions,
    intrusionEvery,
    vlan: dice.chance(0.1) ? dice.between(1, 4_094) : 0,
    crashes,
    gentle,
    calm: weather === "calm",
  };
}

function planHost(dice: Dice, manners: Dice, weather: Weather): HostPlan {
  const stalls: { at: Micros; duration: Micros }[] = [];
  while (dice.chance(0.1)) stalls.push({ at: dice.below(3 * SECOND), duration: dice.pick([5, 50, 200, 1_000, 3_000]) * MILLISECOND });
  return {
    profile: dice.pick(["linux", "linux", "freebsd", "rfc"] as const),
    without: (["windowScaling", "timestamps", "sack"] as const).filter(() => dice.chance(0.15)),
    pathProbing: dice.pick(["black-hole", "black-hole", "always", "off"] as const),
    mtu: dice.pick([1_500, 1_500, 1_500, 9_000, 1_280, 576, 576 + dice.below(1_000), 68 + dice.below(508)]),
    ring: dice.pick([4_096, 4_096, 256, 16]),
    backPressure: dice.chance(0.3),
    chunks: dice.pick([1_024, 1_024, 512, weather === "rough" || weather === "storm" ? 64 : 256]),
    congestionControl: manners.pick(["cubic", "cubic", "newreno", "dctcp", "bbr", "bbr"]),
    ecn: manners.pick(["off", "passive", "on", "accurate"] as const),
    stalls,
  };
}

/** A frame that two wires corrupt may pass the checksum: behind a switch only the first one does. */
const flipOnce = (wire: WirePlan): WirePlan => ({ ...wire, backward: { ...wire.backward, corrupt: 0 } });

function planWire(dice: Dice, a: number, b: number, weather: Weather): WirePlan {
  const forward = planDirection(dice, weather);
  const backward = dice.chance(0.5) ? forward : planDirection(dice, weather);
  const changes: { at: Micros; options: Partial<WireOptions> }[] = [];
  if (weather !== "calm" && dice.chance(0.15))
    changes.push({ at: dice.below(2 * SECOND), options: { mtu: dice.between(600, 1_400), tooBig: "router" } });
  if (weather === "storm" && dice.chance(0.3))
    changes.push({ at: dice.below(2 * SECOND), options: { mtu: dice.between(68, 1_400), tooBig: dice.pick(["router", "drop"]) } });
  if (dice.chance(0.1)) changes.push({ at: dice.below(2 * SECOND), options: { delay: dice.below(200 * MILLISECOND) } });
  const corrupts = forward.corrupt !== undefined || backward.corrupt !== undefined;
  return { a, b, forward, backward, changes: corrupts ? changes.map(unfragmented) : changes };
}

/** Of a segment in fragments several may be corrupted, and together pass its checksum: where frames are, none is cut by a router. */
const unfragmented = ({ at, options }: WirePlan["changes"][number]): WirePlan["changes"][number] =>
  options.mtu === undefined ? { at, options } : { at, options: { ...options, mtu: Math.max(options.mtu, LEAST_WHOLE) } };

function planDirection(dice: Dice, weather: Weather): Partial<WireOptions> {
  const options: { -readonly [K in keyof WireOptions]?: WireOptions[K] } = {};
  options.delay = dice.pick([0, 1, 50, 500, 1_000, 10_000, 50_000, dice.below(150_000)]);
  if (dice.chance(0.4)) {
    options.rate = dice.pick([256_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000]);
    options.queueFrames = dice.pick([10, 20, 50, 100, 1_000]);
  }
  if (weather === "calm") return options;
  const harsh = weather === "gentle" ? 0.05 : 0.3;
  if (dice.chance(0.6)) options.loss = dice.float() * harsh;
  if (dice.chance(0.3)) {
    options.jitter = dice.below(Math.max(2, options.delay));
    options.jitterReorders = dice.chance(0.5);
  }
  if (dice.chance(0.3)) options.duplicate = dice.float() * (weather === "gentle" ? 0.1 : 0.5);
  if (dice.chance(0.3)) {
    options.reorder = dice.float() * harsh;
    options.reorderBehind = dice.between(1, 8);
    options.reorderDelay = dice.between(1, 100) * MILLISECOND;
  }
  if (dice.chance(0.2)) options.corrupt = dice.float() * (weather === "gentle" ? 0.02 : 0.1);
  if (weather === "gentle") return options;
  if (dice.chance(0.3))
    options.burst = { enter: dice.float() * 0.05, leave: 0.1 + dice.float() * 0.8, lossGood: 0, lossBad: 0.5 + dice.float() * 0.5 };
  const outages: Outage[] = [];
  while (dice.chance(weather === "storm" ? 0.5 : 0.2)) {
    const from = dice.below(5 * SECOND);
    outages.push({
      kind: dice.pick(["partition", "stall"] as const),
      from,
      until: from + dice.pick([10, 300, 1_000, 5_000, 30_000]) * MILLISECOND,
    });
  }
  // Cut for good: both ends must notice.
  if (weather === "storm" && dice.chance(0.1)) outages.push({ kind: "partition", from: dice.below(5 * SECOND), until: 2 ** 52 });
  if (outages.length > 0) options.outages = outages;
  return options;
}

/** A slow wire may mark what it cannot send at once. */
const planMarks = (manners: Dice, options: Partial<WireOptions>): Partial<WireOptions> =>
  options.rate !== undefined && manners.chance(0.5) ? { ...options, markOctets: manners.pick([0, 3_000, 15_000, 60_000]) } : options;

/** No profile lets a router make segments smaller than this: below, they are fragmented. */
const LEAST_WHOLE = 552;

/** Two hosts that can reach each other; sometimes they are one. */
function ends(dice: Dice, topology: WorldPlan["topology"], wires: readonly WirePlan[], count: number): [number, number] {
  if (dice.chance(0.06)) {
    const host = dice.below(count);
    return [host, host];
  }
  if (topology === "wires") {
    const { a, b } = wires[dice.below(wires.length)]!;
    return dice.chance(0.5) ? [a, b] : [b, a];
  }
  const a = dice.below(count);
  return [a, (a + 1 + dice.below(count - 1)) % count];
}
