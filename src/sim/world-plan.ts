/** Random worlds: what a seed decides, as plain data. The same seed is the same plan for ever after, until this file changes. */
import { MILLISECOND, type Micros, SECOND } from "../base/environment.js";
import { SeededRandom } from "../base/prng.js";
import type { ConnectionOptions } from "../tcp/connection-options.js";
import type { Behaviour, Reading, Step } from "./application.js";
import type { Outage, WireOptions } from "./wire-options.js";

export interface HostPlan {
  readonly profile: "linux" | "freebsd" | "rfc";
  /** Options of TCP that it does without. */
  readonly without: readonly ("windowScaling" | "timestamps" | "sack")[];
  readonly mtu: number;
  /** Frames of the receive ring. */
  readonly ring: number;
  readonly backPressure: boolean;
  /** Chunks of 4 096 octets for all queues. */
  readonly chunks: number;
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

export interface FlowPlan {
  readonly kind: string;
  readonly client: number;
  readonly server: number;
  readonly port: number;
  /** 0: the stack chooses. */
  readonly localPort: number;
  readonly at: Micros;
  /** So many connections, `every` so often. */
  readonly count: number;
  readonly every: Micros;
  /** The initial sequence number is brought so close below this (0: 2^32, 1: 2^31), octets; -1: left to chance. */
  readonly wrap: -1 | 0 | 1;
  /** Both ends connect; there is no listener. */
  readonly simultaneous: boolean;
  readonly listening: boolean;
  readonly backlog: number;
  /** Connections wait so long to be accepted. */
  readonly acceptAfter: Micros;
  /** The listener closes for a while, so often; 0: it stays. */
  readonly churn: Micros;
  readonly clientOptions: Partial<ConnectionOptions>;
  readonly serverOptions: Partial<ConnectionOptions>;
  readonly clientDoes: Behaviour;
  readonly serverDoes: Behaviour;
  /** Where the wires are gentle, both ends end with "closed". */
  readonly graceful: boolean;
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
  const count = dice.pick([2, 2, 2, 3, 3, 4, 5, 6, 7, 8]);
  const weather = dice.pick(["calm", "gentle", "gentle", "rough", "rough", "storm"] as const);
  const topology =
    count === 2 ? dice.pick(["wires", "wires", "switch", "hub"] as const) : dice.pick(["wires", "switch", "switch", "hub"] as const);
  const hosts = Array.from({ length: count }, () => planHost(dice, weather));
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
    wires,
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

function planHost(dice: Dice, weather: Weather): HostPlan {
  const stalls: { at: Micros; duration: Micros }[] = [];
  while (dice.chance(0.1)) stalls.push({ at: dice.below(3 * SECOND), duration: dice.pick([5, 50, 200, 1_000, 3_000]) * MILLISECOND });
  return {
    profile: dice.pick(["linux", "linux", "freebsd", "rfc"] as const),
    without: (["windowScaling", "timestamps", "sack"] as const).filter(() => dice.chance(0.15)),
    mtu: dice.pick([1_500, 1_500, 1_500, 9_000, 1_280, 576, 576 + dice.below(1_000), 68 + dice.below(508)]),
    ring: dice.pick([4_096, 4_096, 256, 16]),
    backPressure: dice.chance(0.3),
    chunks: dice.pick([1_024, 1_024, 512, weather === "rough" || weather === "storm" ? 64 : 256]),
    stalls,
  };
}

/** A frame that two wires corrupt may pass the checksum: behind a switch only the first one does. */
const flipOnce = (wire: WirePlan): WirePlan => ({ ...wire, backward: { ...wire.backward, corrupt: 0 } });

type Weather = "calm" | "gentle" | "rough" | "storm";

function planWire(dice: Dice, a: number, b: number, weather: Weather): WirePlan {
  const forward = planDirection(dice, weather);
  const backward = dice.chance(0.5) ? forward : planDirection(dice, weather);
  const changes: { at: Micros; options: Partial<WireOptions> }[] = [];
  if (weather !== "calm" && dice.chance(0.15))
    changes.push({ at: dice.below(2 * SECOND), options: { mtu: dice.between(600, 1_400), tooBig: "router" } });
  if (weather === "storm" && dice.chance(0.3))
    changes.push({ at: dice.below(2 * SECOND), options: { mtu: dice.between(68, 1_400), tooBig: dice.pick(["router", "drop"]) } });
  if (dice.chance(0.1)) changes.push({ at: dice.below(2 * SECOND), options: { delay: dice.below(200 * MILLISECOND) } });
  return { a, b, forward, backward, changes };
}

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

// biome-ignore format: a list
const kinds = [
  "bulk", "bulk", "bulk", "both", "both", "requests", "requests", "octets", "half-close", "abort", "slow-reader", "slow-writer",
  "churn", "simultaneous-open", "simultaneous-close", "early-close", "refused", "empty", "idle", "parallel", "reuse", "changes",
] as const;

function planFlow(dice: Dice, client: number, server: number, port: number, mtu: number, weather: Weather): FlowPlan {
  const kind = dice.pick(kinds);
  const size = (): number => Math.min(dice.size(), 300 * mtu); // tiny packets make large transfers long
  const base = {
    kind,
    client,
    server,
    port,
    localPort: 0,
    at: dice.pick([0, 0, dice.below(SECOND)]),
    count: 1,
    every: 0,
    wrap: dice.pick([-1, -1, -1, -1, 0, 1] as const),
    simultaneous: false,
    listening: true,
    backlog: 16,
    acceptAfter: dice.chance(0.1) ? dice.below(2 * SECOND) : 0,
    churn: 0,
    clientOptions: planOptions(dice, weather),
    serverOptions: planOptions(dice, weather),
    graceful: true,
  };
  const reading = planReading(dice);
  const end: Step[] = [{ do: "shutdown" }, { do: "end" }, { do: "close" }];
  const does = (...steps: Step[]): Behaviour => ({ steps, reading: planReading(dice) });
  const last: Step[] = dice.chance(0.7) ? end : [{ do: "end" }, { do: "shutdown" }, { do: "close" }];
  const bulk = (): Step => ({ do: "send", octets: size(), chunk: dice.pick([65_536, 4_096, 1_460, 100]), pace: 0 });
  const passive = does({ do: "end" }, { do: "close" });
  switch (kind) {
    case "bulk":
      return { ...base, clientDoes: dice.chance(0.5) ? does(bulk(), ...end) : passive, serverDoes: does(bulk(), ...end) };
    case "changes": {
      const change = (options: Partial<ConnectionOptions>): Step => ({ do: "configure", options });
      const first = [
        change({ noDelay: true, trafficClass: 8 }),
        bulk(),
        { do: "urgent" } as const,
        change({ sendBuffer: 1 << 19, receiveBuffer: 1 << 19 }),
      ];
      const second = [
        small(dice),
        change({ keepAlive: 10 * SECOND, ttl: 3 }),
        { do: "urgent" } as const,
        bulk(),
        change({ noDelay: false, keepAlive: 20 * SECOND }),
      ];
      return { ...base, clientDoes: does(...first, small(dice), ...end), serverDoes: does(...second, small(dice), ...end) };
    }
    case "both":
      return { ...base, clientDoes: does(bulk(), ...end), serverDoes: does(bulk(), ...end) };
    case "parallel":
      return {
        ...base,
        count: dice.between(2, 12),
        every: dice.below(3) * MILLISECOND,
        clientDoes: does(small(dice), ...end),
        serverDoes: does(small(dice), ...last),
      };
    case "requests": {
      const rounds = dice.between(1, 12);
      const ask = dice.between(1, 2_000);
      const answer = dice.between(1, 5_000);
      const asking: Step[] = [];
      const answering: Step[] = [];
      for (let i = 0; i < rounds; i++) {
        asking.push({ do: "send", octets: ask, chunk: ask, pace: 0 }, { do: "expect", octets: answer });
        answering.push({ do: "expect", octets: ask }, { do: "send", octets: answer, chunk: answer, pace: 0 });
      }
      return { ...base, clientDoes: does(...asking, ...end), serverDoes: does(...answering, ...last) };
    }
    case "octets": {
      const octets: Step = { do: "send", octets: dice.between(1, 300), chunk: 1, pace: dice.pick([0, 0, 1, 100, 5_000]) };
      return { ...base, clientDoes: does(octets, ...end), serverDoes: does(...last) };
    }
    case "half-close":
      return { ...base, clientDoes: does(small(dice), ...end), serverDoes: does({ do: "end" }, bulk(), { do: "close" }) };
    case "abort": {
      const who = does(
        { do: "send", octets: size(), chunk: 4_096, pace: 0 },
        { do: "pause", for: dice.below(200) * MILLISECOND },
        { do: "abort" },
      );
      const other = does(bulk(), ...end);
      return dice.chance(0.5)
        ? { ...base, graceful: false, clientDoes: who, serverDoes: other }
        : { ...base, graceful: false, clientDoes: other, serverDoes: who };
    }
    case "slow-reader": {
      const slow: Reading = {
        chunk: dice.pick([1, 100, 1_000, 5_000]),
        pace: dice.pick([1, 10, 100]) * MILLISECOND,
        after: dice.pick([0, 100, 5_000]) * MILLISECOND,
      };
      const octets = Math.min(size(), slow.chunk * 300);
      return {
        ...base,
        clientDoes: does({ do: "send", octets, chunk: 65_536, pace: 0 }, ...end),
        serverDoes: { steps: [{ do: "end" }, { do: "shutdown" }, { do: "close" }], reading: slow },
      };
    }
    case "slow-writer":
      return {
        ...base,
        clientDoes: does(
          { do: "send", octets: dice.between(10, 5_000), chunk: dice.between(1, 500), pace: dice.between(1, 300) * MILLISECOND },
          ...end,
        ),
        serverDoes: does(...last),
      };
    case "churn":
      return {
        ...base,
        graceful: false,
        count: dice.between(5, 30),
        every: dice.below(100) * MILLISECOND,
        backlog: dice.pick([1, 2, 16]),
        churn: dice.between(20, 500) * MILLISECOND,
        clientDoes: does(small(dice), ...end),
        serverDoes: does(...last),
      };
    case "reuse": // the server closes first, and is called from the same port again while it is in TIME-WAIT
      return {
        ...base,
        graceful: false,
        localPort: 30_000 + port,
        count: dice.between(2, 10),
        every: dice.pick([50, 300, 1_000, 70_000]) * MILLISECOND,
        wrap: -1,
        clientDoes: does(small(dice), { do: "end" }, { do: "shutdown" }, { do: "close" }),
        serverDoes: does(small(dice), ...end),
      };
    case "simultaneous-open":
      return {
        ...base,
        graceful: false,
        simultaneous: true,
        listening: false,
        localPort: 5_000 + port,
        clientDoes: does(small(dice), ...end),
        serverDoes: does(small(dice), ...end),
      };
    case "simultaneous-close": {
      const pause: Step = { do: "pause", for: dice.between(1, 500) * MILLISECOND };
      return { ...base, clientDoes: does(small(dice), pause, ...end), serverDoes: does(small(dice), pause, ...end) };
    }
    case "early-close": {
      const blind: Reading = { chunk: 4_096, pace: 0, after: 60 * SECOND };
      const pause: Step = { do: "pause", for: dice.below(1_000) * MILLISECOND };
      const who = dice.chance(0.5)
        ? does(small(dice), { do: "close" })
        : { steps: [small(dice), pause, { do: "close" } as const], reading: blind };
      return dice.chance(0.5)
        ? { ...base, graceful: false, clientDoes: who, serverDoes: does(bulk(), ...end) }
        : { ...base, graceful: false, clientDoes: does(bulk(), ...end), serverDoes: who };
    }
    case "refused":
      return { ...base, graceful: false, listening: false, clientDoes: does(bulk(), ...end), serverDoes: passive };
    case "empty":
      return { ...base, clientDoes: { steps: end, reading }, serverDoes: { steps: last, reading } };
    case "idle": {
      const send: Step = { do: "send", octets: dice.between(1, 3_000), chunk: 4_096, pace: 0 };
      const pause: Step = { do: "pause", for: dice.pick([1, 3, 10, 50, 200]) * SECOND };
      return { ...base, clientDoes: does(send, pause, send, pause, ...end), serverDoes: does(send, pause, send, ...last) };
    }
  }
}

const small = (dice: Dice): Step => ({ do: "send", octets: dice.between(1, 3_000), chunk: 4_096, pace: 0 });

const planReading = (dice: Dice): Reading => ({ chunk: dice.pick([0, 65_536, 4_096, 1_000, 1_460]), pace: 0, after: 0 });

/** Keep-alive is on everywhere: a peer that has gone without a word is found out. */
function planOptions(dice: Dice, weather: Weather): Partial<ConnectionOptions> {
  const harsh = weather === "rough" || weather === "storm";
  return {
    ...(harsh ? { userTimeout: dice.pick([0, 0, 0, 3, 20]) * SECOND, linger: dice.pick([-1, -1, -1, 0, SECOND]) } : {}),
    noDelay: dice.chance(0.3),
    keepAlive: dice.pick([30, 60, 120]) * SECOND,
    keepAliveInterval: dice.pick([5, 10]) * SECOND,
    keepAliveCount: dice.pick([5, 9]),
    sendBuffer: dice.pick([2_048, 4_096, 10_000, 16_384, 65_536, 65_536, 262_144]),
    receiveBuffer: dice.pick([2_048, 4_096, 10_000, 16_384, 65_536, 65_536, 262_144]),
  };
}

class Dice {
  readonly #random: SeededRandom;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
  }

  float(): number {
    return this.#random.float();
  }
  below(n: number): number {
    return Math.floor(this.#random.float() * n);
  }
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }
  chance(p: number): boolean {
    return this.#random.float() < p;
  }
  pick<const T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }
  /** Octets of a transfer: as often small as large, up to a million. */
  size(): number {
    return this.between(1, this.pick([10, 1_000, 10_000, 50_000, 50_000, 200_000, 200_000, 1_000_000]));
  }
}
