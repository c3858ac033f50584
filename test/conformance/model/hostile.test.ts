/** One stack with the model beside it, against a peer that sends what it likes near the numbers that matter, and an application that calls
 *  what it likes: RFC 9293 s3.10 in lockstep, cell by cell and in sequences that no table has. */
import fc from "fast-check";
import { describe, test } from "vitest";
import { createMemory } from "../../../src/base/memory.js";
import { Witness } from "../../../src/conformance/model/witness.js";
import { profiles } from "../../../src/stack/profile.js";
import { Exchange, type Injection, octets } from "../../tcp/exchange.js";
import { expectLegal, type Seen } from "./legal.js";

const memory = createMemory({ packets: 128, chunks: 1_024, chunkSize: 4_096 });

const delta = fc.constantFrom(0, 0, 0, 0, 1, -1, 2, 10, -10, 500, -500, 1_400);
const segment = fc.record({
  do: fc.constant("segment" as const),
  flags: fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(".", ".", "P.", "F.", "FP.") },
    { weight: 2, arbitrary: fc.constantFrom("S", "S.", "R", "R.", "U.", "F", "-", "SF", "SR", "SF.", "RF.") },
  ),
  at: fc.constantFrom("nxt", "nxt", "nxt", "edge", "irs", "far"),
  by: delta,
  ack: fc.constantFrom("nxt", "nxt", "una", "iss", "far"),
  ackBy: delta,
  wnd: fc.constantFrom(0, 1, 500, 8_192, 65_535),
  text: fc.constantFrom(0, 0, 1, 10, 536, 1_400),
  /** Milliseconds behind the newest timestamp; null: no option. */
  stamp: fc.option(fc.constantFrom(0, 0, 0, 1, 1_000), { freq: 8 }),
  sack: fc.boolean(),
  /** The turn ends behind it; else the next one is of the same batch. */
  alone: fc.boolean(),
});
const step = fc.oneof(
  { weight: 8, arbitrary: segment },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("write" as const), octets: fc.constantFrom(1, 100, 1_460, 5_000) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("read" as const), octets: fc.constantFrom(1, 1_000, 100_000) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("shutdown" as const, "close" as const, "abort" as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("wait" as const), micros: fc.constantFrom(1_000, 50_000, 250_000, 1_000_000, 70_000_000) }),
  },
);
const schedule = fc.record({
  profile: fc.constantFrom("linux", "freebsd", "rfc"),
  opening: fc.constantFrom("listen", "connect", "accepted", "connected", "crossed"),
  /** Octets of text in the SYN or SYN,ACK that our SYN meets. */
  early: fc.constantFrom(0, 0, 0, 1, 1_400),
  irs: fc.constantFrom(0, -1, -800, 0x7fff_fff0, 123_456),
  timestamps: fc.boolean(),
  sack: fc.boolean(),
  windowScaling: fc.boolean(),
  receiveBuffer: fc.constantFrom(2_048, 20_000, 65_535, 200_000),
  /** The peer's SYN has the options. */
  rich: fc.boolean(),
  steps: fc.array(step, { maxLength: 25 }),
});
type Schedule = typeof schedule extends fc.Arbitrary<infer T> ? T : never;

function play(plan: Schedule): Seen {
  const profile = profiles[plan.profile]!;
  const { timestamps, sack, windowScaling, receiveBuffer } = plan;
  const policy = { timestamps, sack, windowScaling };
  const x = new Exchange({ memory, irs: plan.irs, profile, policy, limits: { resetsPerSecond: 1e6 } });
  const witness = new Witness(x.tcp, profile.tcp);
  x.probe = witness.probe;
  let newest = 1_000;
  const stamp = (behind: number | null): Pick<Injection, "ts"> =>
    behind === null ? {} : { ts: [newest - behind, x.out.at(-1)?.tsVal ?? 0] };
  const syn: Injection = plan.rich ? { mss: 1_460, sackPermitted: true, windowScale: 7, ...stamp(0) } : { mss: 1_000 };
  const early = octets(plan.early);
  if (plan.opening === "listen") x.listen({ receiveBuffer });
  else if (plan.opening === "accepted") x.accept(syn, { receiveBuffer });
  else {
    x.connect({ receiveBuffer });
    if (plan.opening === "connected") x.inject({ flags: "S.", ack: 1, ...syn, text: early });
    if (plan.opening === "crossed") x.inject({ flags: "S", ...syn, text: early }, true);
  }
  if (plan.opening !== "crossed") witness.settle(x.now);
  for (const one of plan.steps) {
    switch (one.do) {
      case "segment": {
        let [nxt, edge, next, una] = [0, 60_000, 1, 0];
        x.tcp.each((tcb) => {
          x.iss = tcb.iss;
          nxt = tcb.state === 2 ? 0 : (tcb.rcv.nxt - x.irs) | 0;
          edge = (tcb.rcv.adv - x.irs) | 0;
          next = (tcb.snd.nxt - tcb.iss) | 0;
          una = (tcb.snd.una - tcb.iss) | 0;
        });
        newest += 1;
        const seq = { nxt, edge, irs: 0, far: nxt + 2 ** 30 }[one.at]! + one.by;
        const opens = one.flags.includes("S");
        x.inject(
          {
            flags: one.flags,
            seq,
            ...(one.flags.includes(".") ? { ack: { nxt: next, una, iss: 0, far: next + 2 ** 30 }[one.ack]! + one.ackBy } : {}),
            wnd: one.wnd,
            text: octets(one.text, seq - (opens ? 0 : 1)),
            ...(opens ? syn : {}),
            ...(plan.rich || one.stamp === null ? stamp(one.stamp) : {}),
            ...(one.sack ? { sack: [una + 100, una + 600] } : {}),
          },
          !one.alone,
        );
        if (one.alone) witness.settle(x.now);
        continue;
      }
      case "wait":
        x.turn();
        x.advance(one.micros);
        break;
      default:
        call(x, one);
    }
    x.turn();
    witness.settle(x.now);
  }
  x.turn();
  x.advance(600_000);
  witness.settle(x.now);
  x.tcp.closeAll(x.now);
  x.turn();
  return { breaches: [...witness.breaches, ...x.errors.map(String)], log: witness.log };
}

/** Calls that the state does not allow, or with a dead handle, are refused with an error, and change nothing. */
function call(x: Exchange, one: Exclude<Schedule["steps"][number], { do: "segment" | "wait" }>): void {
  try {
    switch (one.do) {
      case "write":
        return void x.tcp.send(x.handle, octets(one.octets), 0, one.octets, x.now);
      case "read":
        return void x.tcp.receive(x.handle, new Uint8Array(one.octets), 0, one.octets, x.now);
      case "shutdown":
        return x.tcp.shutdown(x.handle, x.now);
      case "close":
        return x.tcp.close(x.handle, x.now);
      case "abort":
        return x.tcp.abort(x.handle, x.now);
    }
  } catch (error) {
    if (!["EBADF", "EINVAL", "ENOTCONN"].includes((error as { code?: string }).code ?? "")) throw error;
  }
}

describe("one stack in lockstep with the model", () => {
  test("s3.10.7: hostile segments in every state, calls in between: segments and states are legal (9293-U03, U06, U07, U09 to U12, S-074, I-12)", () => {
    expectLegal("hostile", schedule, 2_500, play);
  });
});
