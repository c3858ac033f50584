/** What RFC 9293 s3.10.7 says of every segment in every state, as an oracle: eleven states, 64 sets of flags, seven places of the sequence
 *  number, four of the acknowledgment number, with and without text. It is written from the RFC's text and knows nothing of src/tcp.
 *
 *  `npx tsx test/conformance/state-flags.ts` writes what it says into state-flags.golden: a change of a verdict is seen in review. */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { rcvNxt, type StateName, stateList } from "../tcp/states.js";

export const WINDOW = 65_535;
export const PEER_WINDOW = 0xffff;
export const TEXT = 5;

export const FIN = 1;
export const SYN = 2;
export const RST = 4;
export const ACK = 16;

/** Where SEG.SEQ lies, as an offset from RCV.NXT. "zero": sequence number 0, far outside. */
export const places = { next: 0, middle: 100, edge: WINDOW - 1, beyond: WINDOW, far: 2 * WINDOW, old: -1, zero: Number.NaN } as const;
export type Place = keyof typeof places;
/** Where SEG.ACK lies. */
export const acks = ["next", "old", "ancient", "future"] as const;
export type AckClass = (typeof acks)[number];

export interface Verdict {
  next: StateName;
  /** "ack?": an ACK or nothing. */
  reply: "" | "ack" | "ack?" | "rst" | "synack";
  /** RCV.NXT moves so much. */
  taken?: number;
}

export function judge(state: StateName, flags: number, place: Place, ack: AckClass, text: number, active = false): Verdict {
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
  const atEdge = length === 0 && offset === window && is(ACK) && !is(RST); // docs/deviations.md: ack-at-edge
  const acceptable = first || atEdge || (length > 0 && last);
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

/** A verdict in a word: "CLOSE-WAIT ack +6". */
export const verdictText = ({ next, reply, taken = 0 }: Verdict): string =>
  `${next} ${reply === "" ? "silence" : reply}${taken === 0 ? "" : ` +${taken}`}`;

/** Every verdict: a line for each place, acknowledgment and text, a letter for each of the 64 sets of flags (FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32). */
export function goldenText(): string {
  const letters = new Map<string, string>();
  const letter = (verdict: string): string => {
    if (!letters.has(verdict)) letters.set(verdict, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[letters.size]!);
    return letters.get(verdict)!;
  };
  const lines: string[] = [];
  for (const [name, state, active] of [
    ...stateList.map((state) => [state, state, false] as const),
    ["SYN-RECEIVED of a simultaneous open", "SYN-RECEIVED", true] as const,
  ]) {
    lines.push("", name);
    for (const place of Object.keys(places) as Place[])
      for (const ack of acks)
        for (const text of [0, TEXT]) {
          const cells = Array.from({ length: 64 }, (_, flags) => letter(verdictText(judge(state, flags, place, ack, text, active))));
          lines.push(`  ${`seq ${place} ack ${ack} text ${text}`.padEnd(30)} ${cells.join("")}`);
        }
  }
  const legend = [...letters].map(([verdict, sign]) => `${sign}  ${verdict}`);
  return `${["# Written by test/conformance/state-flags.ts", "", ...legend, ...lines].join("\n")}\n`;
}

export const GOLDEN = fileURLToPath(new URL("state-flags.golden", import.meta.url));

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(GOLDEN, goldenText());
