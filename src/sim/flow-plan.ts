/** Random connections: who opens them, what both applications do, with which options. */
import { MILLISECOND, type Micros, SECOND } from "../base/environment.js";
import type { ConnectionOptions } from "../tcp/connection-options.js";
import type { Behaviour, Reading, Step } from "./application.js";
import type { Dice } from "./dice.js";

/** How bad a world is: "calm" loses nothing but to queues, "gentle" no more than TCP gets over for certain. */
export type Weather = "calm" | "gentle" | "rough" | "storm";

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

// biome-ignore format: a list
const kinds = [
  "bulk", "bulk", "bulk", "both", "both", "requests", "requests", "octets", "half-close", "abort", "slow-reader", "slow-writer",
  "churn", "simultaneous-open", "simultaneous-close", "early-close", "refused", "empty", "idle", "parallel", "reuse", "changes",
] as const;

/** A random flow between two hosts; `mtu` is the lesser of theirs. */
export function planFlow(dice: Dice, client: number, server: number, port: number, mtu: number, weather: Weather): FlowPlan {
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
    ...planBuffer(dice, "sendBuffer"),
    ...planBuffer(dice, "receiveBuffer"),
  };
}

/** One of a size that stays, or one that grows. */
function planBuffer(dice: Dice, name: "sendBuffer" | "receiveBuffer"): Partial<ConnectionOptions> {
  const size = dice.pick([0, 0, 2_048, 4_096, 10_000, 16_384, 65_536, 262_144]);
  return size === 0 ? {} : { [name]: size };
}
