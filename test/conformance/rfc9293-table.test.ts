/** RFC 9293 s3.10.7 as a table: the stack in every cell of the oracle of state-flags.ts, 3 072 a state. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import { Exchange, flagText, type Injection } from "../tcp/exchange.js";
import { rcvNxt, reach, type StateName, sndNxt, sndUna, stateList } from "../tcp/states.js";
import { ACK, acks, FIN, GOLDEN, goldenText, judge, PEER_WINDOW, type Place, places, SYN, TEXT, WINDOW } from "./state-flags.js";

test("s3.10.7: the oracle says what it said when the golden file was written", () => {
  expect(goldenText()).toBe(readFileSync(GOLDEN, "utf8"));
});

const memory = createMemory({ packets: 64, chunks: 256, chunkSize: 4_096 });

/** The states as they are reached, SYN-RECEIVED by crossing SYNs, and those that freeze from their rows. */
const variants: { name: string; state: StateName; active?: boolean; frozen?: boolean }[] = [
  ...stateList.map((state) => ({ name: state, state })),
  { name: "SYN-RECEIVED of a simultaneous open", state: "SYN-RECEIVED", active: true },
  ...(["SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-2", "CLOSE-WAIT", "TIME-WAIT"] as const).map((state) => ({
    name: `${state}, frozen`,
    state,
    frozen: true,
  })),
];

test.each(variants)(
  "s3.10.7: $name, every set of flags, sequence and acknowledgment number (9293-U01, U02, U03, U06, U09..U12, S-074)",
  ({ state, active = false, frozen = false }) => {
    const wrong: string[] = [];
    let cells = 0;
    const x = new Exchange({
      memory,
      irs: 0x7fff_fff0,
      policy: { timestamps: false, sack: false, windowScaling: false, synCookies: false, synText: true },
      limits: { resetsPerSecond: 1e6, challengesPerSecond: 1e6 },
    });
    const options = { receiveBuffer: WINDOW };
    for (let flags = 0; flags < 64; flags++)
      for (const place of Object.keys(places) as Place[])
        for (const ack of acks)
          for (const text of [0, TEXT]) {
            cells += 1;
            if (active) {
              x.connect(options);
              x.inject({ flags: "S", mss: 1460, wnd: PEER_WINDOW });
              x.out.length = 0;
            } else reach(x, state, { mss: 1460, wnd: PEER_WINDOW }, options);
            if (frozen) {
              x.advance(2_500_000);
              x.out.length = 0;
              if (x.tcp.summary()["frozen"] !== 1) throw new Error(`${state} does not freeze`);
            }
            if (state === "TIME-WAIT") x.listen(options);
            if (state !== "LISTEN" && state !== "CLOSED" && x.transitions.at(-1)?.split(">")[1] !== state)
              throw new Error(`${state} not reached`);
            x.transitions.length = 0;
            const una = sndUna(state);
            const ackAt = { next: sndNxt(state), old: una, ancient: una - PEER_WINDOW - 1, future: sndNxt(state) + 1 }[ack];
            // Where SND.UNA = SND.NXT, "old" is one before it: acceptable, a duplicate.
            const ackNumber = ack === "old" && una === sndNxt(state) ? una - 1 : ackAt;
            const sequence = place === "zero" ? -x.irs : rcvNxt(state) + places[place];
            const segment: Injection = { flags: flagText(flags), seq: sequence, ack: ackNumber, text, wnd: PEER_WINDOW };
            x.inject(segment);
            const verdict = judge(state, flags, place, ack, text, active);
            const name = `${flagText(flags)} seq ${place} ack ${ack} text ${text}`;
            const next = x.transitions.length === 0 ? state : x.transitions.at(-1)!.split(">")[1]!;
            if (next !== verdict.next) wrong.push(`${name}: ${next}, should be ${verdict.next}`);
            const out = x.take();
            if (out.length > 1) wrong.push(`${name}: ${out.length} replies`);
            const reply = out[0];
            const hasAck = (flags & ACK) !== 0;
            const length = text + (flags & SYN ? 1 : 0) + (flags & FIN ? 1 : 0);
            const fresh = state === "LISTEN" || state === "SYN-SENT" || (state === "TIME-WAIT" && verdict.reply === "synack");
            const base = fresh ? sequence + 1 : rcvNxt(state);
            const expected = {
              "": null,
              ack: { flags: ".", seq: sndNxt(state), ack: base + (verdict.taken ?? 0) },
              "ack?": { flags: ".", seq: sndNxt(state), ack: base + (verdict.taken ?? 0) },
              rst: hasAck ? { flags: "R", seq: ackNumber, ack: 0 } : { flags: "R.", seq: null, ack: sequence + length },
              synack: { flags: "S.", seq: 0, ack: base + (verdict.taken ?? 0) },
            }[verdict.reply];
            if (expected === null ? reply !== undefined : reply === undefined && verdict.reply !== "ack?")
              wrong.push(`${name}: replied ${reply?.flags}, should be "${verdict.reply}"`);
            else if (
              expected !== null &&
              reply !== undefined &&
              (reply.flags !== expected.flags ||
                (expected.seq === null ? reply.rawSeq !== 0 : reply.seq !== (expected.seq | 0)) ||
                reply.ack !== (expected.ack | 0))
            )
              wrong.push(
                `${name}: ${reply.flags} ${reply.seq} ack ${reply.ack}, should be ${expected.flags} ${expected.seq} ack ${expected.ack}`,
              );
            x.tcp.closeAll(x.now);
            x.turn();
            x.out.length = 0;
            x.iss = null;
            x.now += 1_000_000;
          }
    expect({ cells, count: wrong.length, wrong: wrong.slice(0, 20) }).toEqual({ cells: 64 * 7 * 4 * 2, count: 0, wrong: [] });
  },
);
