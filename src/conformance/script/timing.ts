/** When events are due, and whether they came in time. Times are of the script: microseconds since its start. */
import type { Micros } from "../../base/environment.js";
import type { Event, Time } from "./ast.js";
import { printSeconds } from "./print.js";

/** The time of one event, resolved. */
export interface Due {
  readonly from: Micros;
  readonly to: Micros;
  readonly any: boolean;
}

/** The event before this one: what it was, and when it was due. */
export interface Past {
  readonly event: Event;
  readonly due: Due;
}

const isInbound = ({ action }: Event): boolean => action.kind === "packet" && action.direction === "in";

/** `+d` counts from when the last event was complete; between two packets that are sent, from when the first was due. */
export function due(event: Event, now: Micros, past: Past | null): Due {
  const { time } = event;
  if (time.kind === "any") return { from: now, to: now, any: true };
  if (!isRelative(time)) return { from: time.from, to: time.to, any: false };
  const base = past !== null && isInbound(event) && isInbound(past.event) ? past.due.from : now;
  return { from: base + time.from, to: base + time.to, any: false };
}

const isRelative = ({ kind }: Time): boolean => kind === "relative" || kind === "relative-range";

/** How far from its time an event may be: so much, or a share of the time since the last one. */
export const allowance = (due: Due, last: Micros, tolerance: Micros, percent: number): Micros =>
  Math.max(tolerance, Math.floor((percent / 100) * Math.max(0, due.to - last)));

/** Null when `actual` is in time; else what is wrong. */
export function judgeTime(due: Due, actual: Micros, allowed: Micros): string | null {
  if (due.any || (actual >= due.from - allowed && actual <= due.to + allowed)) return null;
  const early = actual < due.from;
  return `${printSeconds(early ? due.from - actual : actual - due.to)} s too ${early ? "early" : "late"}`;
}

export const describeDue = (due: Due): string =>
  due.any ? "at any time" : due.from === due.to ? `${printSeconds(due.from)} s` : `${printSeconds(due.from)} to ${printSeconds(due.to)} s`;
