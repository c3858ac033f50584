/** Two recordings of the same stimuli, compared: what one host did and the other did not. */
import type { Micros } from "../../base/environment.js";
import type { Action, Event, Script } from "./ast.js";
import { printAction, printSeconds } from "./print.js";

export interface Agreement {
  /** So far apart two times may be, or this share of what has passed since the last stimulus. */
  readonly tolerance: Micros;
  readonly percent: number;
  /** So far apart where both are of timers: a kernel's wheel counts long times in large steps. */
  readonly timers?: Micros;
}

/** What comes later than this after a stimulus is of a timer. */
const AT_ONCE: Micros = 10_000;

/** Where two recordings part. */
export interface Parting {
  /** Events before it, which are the same. */
  readonly index: number;
  /** What each of the two has there; null: it has ended. */
  readonly one: string | null;
  readonly other: string | null;
}

interface Timed {
  readonly at: Micros;
  /** Since the last thing that was done to the host. */
  readonly since: Micros;
  readonly text: string;
  readonly blocksFor: Micros;
}

/** The first place where two recordings part; null: they agree. */
export function parting(one: Script, other: Script, { tolerance, percent, timers = tolerance }: Agreement): Parting | null {
  const first = timed(one.events);
  const second = timed(other.events);
  const near = (x: Micros, y: Micros, span: Micros, slack = tolerance): boolean =>
    Math.abs(x - y) <= Math.max(slack, (percent / 100) * span);
  const same = (a: Timed | undefined, b: Timed | undefined): boolean =>
    a !== undefined &&
    b !== undefined &&
    a.text === b.text &&
    near(a.at, b.at, a.since, a.since > AT_ONCE && b.since > AT_ONCE ? timers : tolerance) &&
    near(a.blocksFor, b.blocksFor, a.blocksFor);
  for (let index = 0; index < Math.max(first.length, second.length); index++) {
    const a = first[index];
    const b = second[index];
    if (same(a, b)) continue;
    // Of two things at one time either may be seen first.
    if (same(a, second[index + 1]) && same(first[index + 1], b)) {
      index += 1;
      continue;
    }
    return { index, one: a === undefined ? null : shown(a), other: b === undefined ? null : shown(b) };
  }
  return null;
}

function timed(events: readonly Event[]): Timed[] {
  let at = 0;
  let last = 0;
  return events.map(({ time, action }) => {
    at += time.from;
    const since = at - last;
    if (!(action.kind === "packet" && action.direction === "out")) last = at;
    return { at, since, text: textOf(action), blocksFor: action.kind === "call" ? (action.blocksFor ?? 0) : 0 };
  });
}

/** Timestamps are of each host's clock. */
const textOf = (action: Action): string =>
  printAction(action).replace(action.kind === "packet" && action.direction === "in" ? /TS val (\d+) ecr \d+/ : /TS val \d+/, "TS val");

const shown = ({ at, text, blocksFor }: Timed): string =>
  `${printSeconds(at)}${blocksFor > 0 ? `...${printSeconds(at + blocksFor)}` : ""} ${text}`;
