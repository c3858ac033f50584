/** What properties draw (fast-check): segments, option lists, networks, applications, and worlds made of them. All are plain data, so that a
 *  failure shrinks, prints, and runs again. fast-check is handed in: who draws nothing need not have it. */
import type fc from "fast-check";
import { MILLISECOND, SECOND } from "../base/environment.js";
import type { Behaviour, Step } from "../sim/application.js";
import type { FlowPlan } from "../sim/flow-plan.js";
import type { WireOptions } from "../sim/wire-options.js";
import type { HostPlan, WorldPlan } from "../sim/world-plan.js";
import { Bit, type ModelSegment, noOptions, type SegmentOptions } from "./model/segment.js";

/** fast-check, as `import fc from "fast-check"` gives it. */
export type FastCheck = typeof fc;
type Arbitrary<T> = fc.Arbitrary<T>;

export interface Arbitraries {
  /** Options of a segment: such as may stand in a SYN, and such as may not. */
  readonly optionList: Arbitrary<SegmentOptions>;
  /** Octets of an option list: well-formed, cut short, with impossible lengths. */
  readonly optionOctets: Arbitrary<Uint8Array>;
  /** Any segment at all, numbers anywhere. */
  readonly segment: Arbitrary<ModelSegment>;
  /** What a wire does in one direction: loss, reordering, duplication, delay, corruption, a queue. */
  readonly network: Arbitrary<Partial<WireOptions>>;
  /** What an application does, to the end of the connection. */
  readonly application: Arbitrary<Behaviour>;
  /** Two hosts, a wire, one or two connections, sometimes an intruder who forges segments. */
  readonly world: Arbitrary<WorldPlan>;
}

export function arbitraries(fc: FastCheck): Arbitraries {
  const optionList: Arbitrary<SegmentOptions> = fc.record({
    mss: fc.option(fc.constantFrom(0, 1, 48, 536, 1_460, 65_535)),
    windowScale: fc.option(fc.constantFrom(0, 1, 7, 14, 15, 255)),
    sackPermitted: fc.boolean(),
    timestamps: fc.option(fc.record({ val: fc.nat(0xffff_ffff), ecr: fc.nat(0xffff_ffff) })),
    sack: fc.option(fc.array(fc.tuple(fc.nat(0xffff_ffff), fc.nat(0xffff_ffff)), { minLength: 1, maxLength: 2 })),
    fastOpen: fc.constant(false),
    problem: fc.constant(null),
    cut: fc.constant(false),
  });
  const option = fc.oneof(
    fc.constantFrom([1], [2, 4, 5, 180], [3, 3, 7], [4, 2], [8, 10, 0, 0, 0, 1, 0, 0, 0, 0], [5, 10, 0, 0, 0, 1, 0, 0, 0, 2]),
    fc.tuple(fc.nat(255), fc.nat(255)).map(([kind, length]) => [kind, length]),
    fc.tuple(fc.nat(255), fc.uint8Array({ maxLength: 8 })).map(([kind, body]) => [kind, body.length + 2, ...body]),
  );
  const optionOctets = fc
    .array(option, { maxLength: 8 })
    .map((list) => Uint8Array.from(list.flat().slice(0, 40)))
    .map((octets) => Uint8Array.from({ length: (octets.length + 3) & ~3 }, (_, i) => octets[i] ?? 0));
  const segment: Arbitrary<ModelSegment> = fc
    .record({
      seq: fc.nat(0xffff_ffff),
      ack: fc.nat(0xffff_ffff),
      flags: fc.nat(255),
      reserved: fc.nat(15),
      wnd: fc.nat(0xffff),
      up: fc.nat(0xffff),
      text: fc.uint8Array({ maxLength: 100 }),
      options: fc.oneof(fc.constant(noOptions), optionList),
    })
    .map((drawn) => ({ ...drawn, length: drawn.text.length, optionOctets: 0 }));

  const chance = (most: number): Arbitrary<number> =>
    fc.oneof(
      fc.constant(0),
      fc.integer({ min: 0, max: 100 }).map((n) => (n / 100) * most),
    );
  const network: Arbitrary<Partial<WireOptions>> = fc.record({
    delay: fc.constantFrom(0, 1, 500, 10 * MILLISECOND, 100 * MILLISECOND),
    jitter: fc.constantFrom(0, 0, 1_000, 20 * MILLISECOND),
    jitterReorders: fc.boolean(),
    rate: fc.constantFrom(0, 0, 1_000_000, 100_000_000),
    queueFrames: fc.constantFrom(5, 50, 1_000),
    markOctets: fc.constantFrom(Number.POSITIVE_INFINITY, 3_000, 0),
    loss: chance(0.3),
    duplicate: chance(0.5),
    reorder: chance(0.3),
    reorderBehind: fc.integer({ min: 1, max: 8 }),
    reorderDelay: fc.constantFrom(1, 10, 100).map((n) => n * MILLISECOND),
    corrupt: chance(0.1),
  });

  const octets = fc.oneof(fc.integer({ min: 1, max: 10 }), fc.integer({ min: 1, max: 3_000 }), fc.integer({ min: 1, max: 100_000 }));
  const step: Arbitrary<Step> = fc.oneof(
    fc.record({ do: fc.constant("send" as const), octets, chunk: fc.constantFrom(1_460, 100, 65_536), pace: fc.constant(0) }),
    fc.record({
      do: fc.constant("send" as const),
      octets: fc.integer({ min: 1, max: 50 }),
      chunk: fc.integer({ min: 1, max: 20 }),
      pace: fc.constantFrom(0, 1, 5_000, 300 * MILLISECOND),
    }),
    fc.record({ do: fc.constant("pause" as const), for: fc.constantFrom(1, 50, 700, 3_000).map((n) => n * MILLISECOND) }),
    fc.constant({ do: "urgent" as const }),
    fc.record({ do: fc.constant("configure" as const), options: fc.record({ noDelay: fc.boolean() }) }),
  );
  const end: Arbitrary<Step[]> = fc.constantFrom<Step[]>(
    [{ do: "shutdown" }, { do: "end" }, { do: "close" }],
    [{ do: "end" }, { do: "shutdown" }, { do: "close" }],
    [{ do: "end" }, { do: "close" }],
    [{ do: "close" }],
    [{ do: "abort" }],
  );
  const application: Arbitrary<Behaviour> = fc
    .record({
      steps: fc.array(step, { maxLength: 4 }),
      end,
      reading: fc.record({
        chunk: fc.constantFrom(0, 65_536, 1_000, 100),
        pace: fc.constantFrom(0, 0, MILLISECOND),
        after: fc.constantFrom(0, 0, 2 * SECOND),
      }),
    })
    // A dripping reader of a long stream makes a world of hours.
    .map(({ steps, end: last, reading }) => ({
      steps: [...steps, ...last],
      reading: reading.chunk === 100 ? { ...reading, pace: 0 } : reading,
    }));

  const buffer = fc.constantFrom(2_048, 10_000, 65_536, 262_144);
  const flow = (index: number): Arbitrary<FlowPlan> =>
    fc
      .record({
        swap: fc.boolean(),
        at: fc.constantFrom(0, 0, 200 * MILLISECOND),
        simultaneous: fc.boolean(),
        wrap: fc.constantFrom(-1 as const, 0 as const, 1 as const),
        clientDoes: application,
        serverDoes: application,
        buffers: fc.tuple(buffer, buffer, buffer, buffer),
        noDelay: fc.boolean(),
      })
      .map(({ swap, at, simultaneous, wrap, clientDoes, serverDoes, buffers, noDelay }) => {
        const common = { keepAlive: 60 * SECOND, keepAliveInterval: 10 * SECOND, keepAliveCount: 5, noDelay };
        return {
          kind: "drawn",
          client: swap ? 1 : 0,
          server: swap ? 0 : 1,
          port: 1_000 + index,
          localPort: simultaneous ? 6_000 + index : 0,
          at,
          count: 1,
          every: 0,
          wrap: simultaneous ? -1 : wrap,
          simultaneous,
          listening: !simultaneous,
          backlog: 16,
          acceptAfter: 0,
          churn: 0,
          clientOptions: { ...common, sendBuffer: buffers[0], receiveBuffer: buffers[1] },
          serverOptions: { ...common, sendBuffer: buffers[2], receiveBuffer: buffers[3] },
          // Two that wait for each other's end wait for ever.
          clientDoes:
            waits(clientDoes) && waits(serverDoes)
              ? { ...clientDoes, steps: clientDoes.steps.filter((step) => step.do !== "end") }
              : clientDoes,
          serverDoes,
          graceful: false,
        };
      });
  const host: Arbitrary<HostPlan> = fc.record({
    profile: fc.constantFrom("linux" as const, "freebsd" as const, "rfc" as const),
    without: fc.subarray(["windowScaling", "timestamps", "sack"] as const),
    pathProbing: fc.constantFrom("off" as const, "black-hole" as const, "always" as const),
    mtu: fc.constantFrom(1_500, 576, 9_000),
    ring: fc.constant(4_096),
    backPressure: fc.constant(false),
    chunks: fc.constant(1_024),
    congestionControl: fc.constantFrom("cubic", "newreno", "dctcp", "bbr"),
    ecn: fc.constantFrom("passive" as const, "on" as const, "off" as const, "accurate" as const),
    stalls: fc.constant([]),
  });
  const world: Arbitrary<WorldPlan> = fc
    .record({
      seed: fc.nat(),
      hosts: fc.tuple(host, host),
      forward: network,
      backward: network,
      flows: fc.tuple(flow(0), fc.option(flow(1))),
      intrusions: fc.constantFrom(0, 0, 30),
    })
    .map(({ seed, hosts, forward, backward, flows, intrusions }) => ({
      seed,
      origin: 0,
      topology: "wires" as const,
      hosts: [...hosts],
      wires: [{ a: 0, b: 1, forward, backward, changes: [] }],
      flows: flows.filter((one) => one !== null),
      chatter: [],
      vlan: 0,
      crashes: [],
      intrusions,
      intrusionEvery: 20 * MILLISECOND,
      gentle: false,
      calm: false,
    }));
  return { optionList, optionOctets, segment, network, application, world };
}

/** Its first end is the peer's. */
const waits = ({ steps }: Behaviour): boolean =>
  steps.find((step) => ["shutdown", "end", "close", "abort"].includes(step.do))?.do === "end";

/** The flags of a segment by their letters: "S", "F.", "R." */
export const flagsOf = (letters: string): number =>
  [...letters].reduce(
    (bits, letter) => bits | ({ S: Bit.Syn, F: Bit.Fin, R: Bit.Rst, P: Bit.Psh, ".": Bit.Ack, U: Bit.Urg }[letter] ?? 0),
    0,
  );
