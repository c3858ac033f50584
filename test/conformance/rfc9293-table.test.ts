/** RFC 9293 s3.10.7 as a table: eleven states, 64 sets of flags, six places of the sequence number, four of the acknowledgment number, with
 *  and without text: 3 072 cells a state. The oracle below is written from the RFC's text and knows nothing of src/tcp. */
import { expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import { Exchange, flagText, type Injection } from "../tcp/exchange.js";
import { rcvNxt, reach, type StateName, sndNxt, sndUna, stateList } from "../tcp/states.js";

const WINDOW = 65_535;
const PEER_WINDOW = 0xffff;
const TEXT = 5;

const FIN = 1;
const SYN = 2;
const RST = 4;
const ACK = 16;

/** Where SEG.SEQ lies, as an offset from RCV.NXT. "zero": sequence number 0, far outside. */
const places = { next: 0, middle: 100, edge: WINDOW - 1, beyond: WINDOW, old: -1, zero: Number.NaN } as const;
type Place = keyof typeof places;
/** Where SEG.ACK lies. */
const acks = ["next", "old", "ancient", "future"] as const;
type AckClass = (typeof acks)[number];

interface Verdict {
  next: StateName;
  /** "ack?": an ACK or nothing. */
  reply: "" | "ack" | "ack?" | "rst" | "synack";
  /** RCV.NXT moves so much. */
  taken?: number;
}

function judge(state: StateName, flags: number, place: Place, ack: AckClass, text: number, active = false): Verdict {
  const is = (bit: number): boolean => (flags & bit) !== 0;
  const stay = (reply: Verdict["reply"], taken = 0): Verdict => ({ next: state, reply, taken });
  const length = text + (is(SYN) ? 1 : 0) + (is(FIN) ? 1 : 0);

  // s3.10.7.1
  if (state === "CLOSED") return stay(is(RST) ? "" : "rst");
  // s3.10.7.2
  if (state === "LISTEN") {
    if (is(RST)) return stay("");
    if (is(ACK)) return stay("rst");
    if (!is(SYN)) return stay("");
    if (is(FIN)) return stay(""); // docs/deviations.md: syn-fin
    return { next: "SYN-RECEIVED", reply: "synack", taken: text };
  }
  // s3.10.7.3
  if (state === "SYN-SENT") {
    if (is(ACK) && ack !== "next") return stay(is(RST) ? "" : "rst");
    if (is(RST)) return is(ACK) ? { next: "CLOSED", reply: "" } : stay("");
    if (!is(SYN)) return stay("");
    if (!is(ACK)) return { next: "SYN-RECEIVED", reply: "synack", taken: text };
    return is(FIN) ? { next: "CLOSE-WAIT", reply: "ack", taken: text + 1 } : { next: "ESTABLISHED", reply: "ack", taken: text };
  }

  // s3.10.7.4
  // The peer's FIN took one number of the window, and SWS avoidance (s3.8.6.2.2) does not give one back.
  const window = rcvNxt(state) === 2 ? WINDOW - 1 : WINDOW;
  const offset = place === "zero" ? -(2 ** 30) : places[place];
  const first = offset >= 0 && offset < window;
  const last = offset + length - 1 >= 0 && offset + length - 1 < window;
  const acceptable = first || (length > 0 && last);
  // RFC 6191 s2 without timestamps: a larger sequence number opens anew, all else is dropped silently.
  if (state === "TIME-WAIT" && is(SYN) && !is(ACK) && !is(RST)) {
    if (offset > 0 && !is(FIN)) return { next: "SYN-RECEIVED", reply: "synack", taken: text };
    return stay("");
  }
  // The peer's SYN again: docs/deviations.md, repeated-syn.
  if (state === "SYN-RECEIVED" && is(SYN) && offset === -1 && !is(RST)) {
    if (!is(ACK)) return stay("synack");
    // Figure 8: in a simultaneous open the peer's SYN,ACK is at home in SYN-RECEIVED.
    if (active) return ack === "next" ? { next: "ESTABLISHED", reply: "" } : stay("rst");
  }
  if (is(RST)) {
    // RFC 5961 s3.2
    if (!first) return stay("");
    if (offset !== 0) return stay("ack");
    if (state === "TIME-WAIT") return stay(""); // RFC 1337 s3
    return { next: "CLOSED", reply: "" }; // of a passive SYN-RECEIVED: LISTEN
  }
  if (!acceptable) return stay("ack");
  if (is(SYN)) {
    if (state === "SYN-RECEIVED" && !active) return { next: "CLOSED", reply: "" }; // LISTEN: it was a passive open
    return stay("ack"); // RFC 5961 s4.2
  }
  if (!is(ACK)) return stay("");
  let now: StateName = state;
  if (state === "SYN-RECEIVED") {
    if (ack !== "next") return stay("rst");
    now = "ESTABLISHED";
  } else {
    if (ack === "future" || ack === "ancient") return stay("ack"); // RFC 5961 s5.2
    if (ack === "next") {
      if (state === "FIN-WAIT-1") now = "FIN-WAIT-2";
      if (state === "CLOSING") now = "TIME-WAIT";
      if (state === "LAST-ACK") return { next: "CLOSED", reply: "" };
    }
  }
  const open = now === "ESTABLISHED" || now === "FIN-WAIT-1" || now === "FIN-WAIT-2";
  const visible = Math.min(text, window - offset);
  const inOrder = offset <= 0;
  const finInside = is(FIN) && offset + text < window;
  if (!open) return { next: now, reply: length > 0 ? "ack?" : "" };
  if (length === 0) return { next: now, reply: "" };
  if (!inOrder) return { next: now, reply: "ack" };
  if (finInside) {
    const after: Record<string, StateName> = { ESTABLISHED: "CLOSE-WAIT", "FIN-WAIT-1": "CLOSING", "FIN-WAIT-2": "TIME-WAIT" };
    return { next: after[now]!, reply: "ack", taken: visible + Math.min(0, offset) + 1 };
  }
  return { next: now, reply: "ack?", taken: visible + Math.min(0, offset) };
}

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
    expect({ cells, count: wrong.length, wrong: wrong.slice(0, 20) }).toEqual({ cells: 64 * 6 * 4 * 2, count: 0, wrong: [] });
  },
);
