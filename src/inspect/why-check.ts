/** Asserts that nothing happens without a reason: every segment sent, dropped or marked lost, every frame, timer, state and window
 *  change carries a code that the registry knows, of a group that fits, and the event that caused it. For tests and simulated worlds. */
import type { Tally } from "../base/tally.js";
import { Arp, Drop, Hold, Icmp, Ip } from "../base/why.js";
import { registry, whyEntry, whyName } from "../base/why-registry.js";
import { isDelivered } from "../stack/fate.js";
import type { Probe } from "../stack/probe.js";
import { ALL_KINDS, eventProbe, Kind, type TraceEvent } from "./event.js";
import { formatEvent } from "./format.js";

/** Which groups of reasons fit which kind of event: the part of a reason's name before the dot. */
const fitting: readonly (readonly string[] | null)[] = [
  ["tx", "rtx"], // Sent
  null, // Received: it happens to us
  ["drop"], // Dropped
  ["loss"], // Lost
  ["st"], // State
  ["tm", "tx", "rtx", "st"], // Timer: stopped by what makes it pointless
  ["cc", "loss", "rtx"], // Congestion
  null, // Rtt
  ["hold"], // Limited; 0: nothing holds
  ["tx", "rtx", "arp", "icmp", "udp", "ip"], // FrameSent
  null, // FrameReceived
  ["eth", "arp", "ip", "icmp", "udp", "drop", "wire"], // FrameDropped
];

/** What is counted and is no packet's fate: answers that were withheld, entries that aged, parts of a segment that is told as a whole,
 *  ICMP errors that were weighed; and TCP checksums, since nothing in such a segment can be believed and told. */
// biome-ignore format: a table reads better in lines
const countedOnly: ReadonlySet<number> = new Set([
  Drop.BadChecksum, Drop.ResetLimited, Drop.ChallengeLimited, Drop.AckLimited, Drop.BadCookie, Drop.TextIgnored, Drop.AfterClose, Drop.ZeroWindow,
  Hold.NoBuffers, Arp.Expired, Arp.ReplyLimited, Ip.Fragmented, Icmp.Limited, Icmp.AboutGroup, Icmp.QuoteNotOurs, Icmp.QuoteOutOfWindow, Icmp.PmtuIgnored,
]);

export interface WhyCheckOptions {
  /** Called for each event without a proper reason; default: throws an Error, so that a test fails where it happens. */
  readonly onViolation?: (message: string) => void;
  /** Whose events these are, for messages. */
  readonly name?: string;
}

export class WhyCheck {
  /** Give this to the stack, or to `fanOut`. */
  readonly probe: Probe;
  /** Events seen by code: which reasons a test has exercised. */
  readonly seen = new Map<number, number>();
  readonly #drops = new Map<number, number>();
  readonly #name: string;
  readonly #report: (message: string) => void;
  #events = 0;
  #violations = 0;

  constructor(options: WhyCheckOptions = {}) {
    this.#name = options.name ?? "";
    this.#report =
      options.onViolation ??
      ((message) => {
        throw new Error(message);
      });
    this.probe = eventProbe((event) => this.#check(event), { kinds: ALL_KINDS, tcpFrames: true });
  }

  get events(): number {
    return this.#events;
  }

  get violations(): number {
    return this.#violations;
  }

  /** Drops that were told to the probe and not counted as often. The probe must have been there from the start. */
  disagreements(tally: Tally): string[] {
    const wrong: string[] = [];
    for (const [code, told] of this.#drops)
      if (told !== tally.counts[code]) wrong.push(`${whyName(code)}: ${told} told, ${tally.counts[code]} counted`);
    return wrong;
  }

  /** What was counted and never told: "there is no silent drop". The probe must have been there from the start. */
  untold(tally: Tally): string[] {
    return registry
      .filter(({ code }) => tally.counts[code]! > 0 && !this.seen.has(code) && !isDelivered(code) && !countedOnly.has(code))
      .map(({ code, name }) => `${name}: ${tally.counts[code]} counted, never told`);
  }

  #check(event: TraceEvent): void {
    this.#events += 1;
    if (event.why !== 0) this.seen.set(event.why, (this.seen.get(event.why) ?? 0) + 1);
    if (event.kind === Kind.Dropped || event.kind === Kind.FrameDropped) this.#drops.set(event.why, (this.#drops.get(event.why) ?? 0) + 1);
    const problem = judge(event);
    if (problem === null) return;
    this.#violations += 1;
    this.#report(`${this.#name === "" ? "" : `${this.#name}: `}${problem}: ${formatEvent(event, "-", -1).trim()}`);
  }
}

function judge(event: TraceEvent): string | null {
  const groups = fitting[event.kind]!;
  if (groups !== null && !(event.kind === Kind.Limited && event.why === 0)) {
    if (event.why === 0) return "no reason";
    const entry = whyEntry(event.why);
    if (entry === undefined) return `reason ${event.why} is not in the registry`;
    if (!groups.includes(entry.name.slice(0, entry.name.indexOf(".")))) return `${entry.name} is no reason for this`;
    if (entry.source === "" || entry.text === "") return `${entry.name} has no source or text`;
  }
  if (!(event.id > 0)) return "no cause";
  return null;
}
