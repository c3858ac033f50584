/** A capture may show a segment more than once: as it leaves one end and as it comes to the other, or on its way through a router. Where it is
 *  first seen it has been sent, where it is last seen it arrives; what lies between tells nothing. */
import type { CapturedFrame } from "../../inspect/capture-reader.js";
import { Direction } from "../../inspect/pcapng.js";
import type { CapturedDatagram, CapturedSegment } from "./frames.js";

/** A segment of a capture, in the order in which things happened. */
export interface Sighting {
  /** The frame's number in the file, from 1. */
  readonly number: number;
  readonly frame: CapturedFrame;
  readonly datagram: CapturedDatagram;
  readonly captured: CapturedSegment;
  /** This is where it is sent; and where it arrives, unless it is lost behind this place. */
  sends: boolean;
  arrives: boolean;
}

interface Numbered {
  readonly number: number;
  readonly frame: CapturedFrame;
  readonly at: bigint;
}

/** Frames by their times, where several interfaces were captured one after the other; those of one interface stay in their order. */
export function inOrderOfTime(frames: readonly CapturedFrame[]): readonly Numbered[] {
  const latest = new Map<number, bigint>();
  const all = frames.map((frame, i): Numbered => {
    const before = latest.get(frame.interfaceId);
    const at = before !== undefined && before > frame.at ? before : frame.at;
    latest.set(frame.interfaceId, at);
    return { number: i + 1, frame, at };
  });
  return all.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : a.number - b.number));
}

/** Says of each sighting whether the segment is sent there, and whether it arrives. */
export function assignPlaces(sightings: readonly Sighting[]): void {
  const flows = new Map<string, Sighting[]>();
  for (const sighting of sightings) {
    const { source, sourcePort, destination, destinationPort } = sighting.captured;
    const flow = `${source}:${sourcePort} ${destination}:${destinationPort}`;
    const list = flows.get(flow);
    if (list === undefined) flows.set(flow, [sighting]);
    else list.push(sighting);
  }
  for (const [flow, list] of flows) {
    const [from, to] = flow.split(" ") as [string, string];
    const back = flows.get(`${to} ${from}`) ?? [];
    flows.delete(`${to} ${from}`);
    const ends = [destination(list, back), destination(back, list)] as const;
    if ([isUntimely(list, ends[0]), isUntimely(back, ends[1])].includes(true)) keepOne([...list, ...back]);
    else {
      if (ends[0] !== null) divide(list, ends[0]);
      if (ends[1] !== null) divide(back, ends[1]);
    }
  }
}

/** Something arrives before it is sent: the clocks of the two places differ, or tell too little. */
function isUntimely(list: readonly Sighting[], end: string | null): boolean {
  if (end === null) return false;
  const balance = new Map<string, number>();
  for (const sighting of list) {
    const key = keyOf(sighting);
    const before = balance.get(key) ?? 0;
    if (sighting.datagram.place !== end && before < 0) return true;
    balance.set(key, before + (sighting.datagram.place === end ? -1 : 1));
  }
  return false;
}

/** Of places that cannot be put into one order the one that saw most is believed. */
function keepOne(list: readonly Sighting[]): void {
  const counts = new Map<string, number>();
  for (const { datagram } of list) counts.set(datagram.place, (counts.get(datagram.place) ?? 0) + 1);
  const [[most]] = [...counts].sort((a, b) => b[1] - a[1]) as [[string, number]];
  for (const sighting of list) if (sighting.datagram.place !== most) sighting.sends = sighting.arrives = false;
}

/** The place where the other end itself was captured, or else one where what was seen before is seen again; null: all was seen once. */
function destination(list: readonly Sighting[], back: readonly Sighting[]): string | null {
  const places = new Set(list.map(({ datagram }) => datagram.place));
  if (places.size < 2) return null;
  const sent = (some: readonly Sighting[], direction: Direction): Set<string> =>
    new Set(some.flatMap(({ datagram }) => (datagram.direction === direction ? [datagram.place] : [])));
  const own = sent(list, Direction.Outbound);
  const other = sent(back, Direction.Outbound);
  for (const place of sent(list, Direction.Inbound)) if (other.has(place) && !own.has(place) && own.size > 0) return place;
  // Else the one at which most was seen before, if that is most of what was seen there.
  const again = repetitions(list);
  let best: string | null = null;
  for (const [place, { seen, before }] of again) if (before * 2 > seen && (best === null || before > again.get(best)!.before)) best = place;
  return best;
}

interface Count {
  seen: number;
  before: number;
}

function repetitions(list: readonly Sighting[]): Map<string, Count> {
  const counts = new Map<string, Count>();
  const first = new Map<string, string>();
  for (const sighting of list) {
    const { place } = sighting.datagram;
    const count = counts.get(place) ?? { seen: 0, before: 0 };
    counts.set(place, count);
    count.seen += 1;
    const key = keyOf(sighting);
    const where = first.get(key);
    if (where === undefined) first.set(key, place);
    else if (where !== place) count.before += 1;
  }
  return counts;
}

/** What of a segment no router changes. */
function keyOf({ datagram, captured: { segment } }: Sighting): string {
  if (segment === null) return "";
  const { seq, ack, flags, wnd, length, options } = segment;
  return [datagram.identification, seq, ack, flags, wnd, length, options.timestamps?.val ?? ""].join(" ");
}

/** At `end` segments arrive that were sent elsewhere; those that were not seen before were sent unseen. */
function divide(list: readonly Sighting[], end: string): void {
  const own = new Set(list.flatMap(({ datagram }) => (datagram.direction === Direction.Outbound ? [datagram.place] : [])));
  own.delete(end);
  const waiting = new Map<string, number>();
  const seen = new Map<string, string>();
  for (const sighting of list) {
    const { place } = sighting.datagram;
    const key = keyOf(sighting);
    const before = waiting.get(key) ?? 0;
    if (place === end) {
      sighting.sends = own.size === 0 && before === 0;
      if (before > 0) waiting.set(key, before - 1);
      continue;
    }
    sighting.arrives = false;
    // Of several places on the way the first counts.
    const first = own.size > 0 ? own.has(place) : (seen.get(key) ?? place) === place;
    sighting.sends = first;
    if (!first) continue;
    seen.set(key, place);
    waiting.set(key, before + 1);
  }
}
