/** Fragments of captured datagrams are put together (RFC 791 s3.2) before anybody judges what is in them. What of a datagram is missing when its
 *  time is over, or when there are too many, is not judged at all; nor is one whose fragments contradict each other (RFC 1858 s4). */
import type { CapturedDatagram } from "./frames.js";

/** A capture is as hostile as a wire. */
const DATAGRAMS = 1_024;
const OCTETS = 16 << 20;
/** Of a datagram: the smallest MTU makes no more (RFC 791 s3.2: 48 octets each). */
const PIECES = 1_366;
/** Nanoseconds; RFC 1122 s3.3.2 would have at least this. */
const LIFETIME = 60_000_000_000n;
const LONGEST = 65_535;

interface Partial {
  readonly since: bigint;
  readonly pieces: CapturedDatagram[];
  /** Octets held. */
  held: number;
  /** Octets of all pieces, with those that were cut off. */
  octets: number;
  /** Where the whole ends; -1: not known yet. */
  end: number;
}

export class Fragments {
  readonly #partials = new Map<string, Partial>();
  /** Octets of them that are kept. */
  held = 0;
  /** Fragments that no whole datagram has come of, so far. */
  waiting = 0;

  /** A datagram that is whole, or has become whole by this fragment; else null. `at`: nanoseconds. */
  take(datagram: CapturedDatagram, at: bigint): CapturedDatagram | null {
    if (datagram.offset === 0 && !datagram.more) return datagram;
    this.waiting += 1;
    const { place, direction, addresses, protocol, identification, offset, octets, missing } = datagram;
    const key = [place, direction, addresses.join("."), protocol, identification].join(" ");
    const stop = offset + octets.length + missing;
    if (stop > LONGEST) return this.#forget(key);
    let partial = this.#partials.get(key);
    if (partial !== undefined && at - partial.since > LIFETIME) {
      this.#forget(key);
      partial = undefined;
    }
    if (partial === undefined) {
      partial = { since: at, pieces: [], held: 0, octets: 0, end: -1 };
      this.#partials.set(key, partial);
    }
    if (!datagram.more) {
      if (partial.end >= 0 && partial.end !== stop) return this.#forget(key);
      partial.end = stop;
    }
    if (partial.pieces.length >= PIECES) return this.#forget(key);
    partial.pieces.push(datagram);
    partial.held += octets.length;
    partial.octets += octets.length + missing;
    this.held += octets.length;
    const whole = join(partial);
    if (whole !== null) {
      this.waiting -= partial.pieces.length;
      this.#forget(key);
      return whole === "contradiction" ? null : whole;
    }
    // The oldest give way.
    for (const oldest of this.#partials.keys()) {
      if (this.#partials.size <= DATAGRAMS && this.held <= OCTETS) break;
      this.#forget(oldest);
    }
    return null;
  }

  #forget(key: string): null {
    this.held -= this.#partials.get(key)?.held ?? 0;
    this.#partials.delete(key);
    return null;
  }
}

/** The whole, where there is no hole in it. Of octets that were cut off only the first are missed: all behind them is cut, too. */
function join({ pieces, end, octets: sum }: Partial): CapturedDatagram | "contradiction" | null {
  if (end < 0 || sum < end) return null;
  const sorted = [...pieces].sort((a, b) => a.offset - b.offset);
  let reached = 0;
  for (const piece of sorted) {
    if (piece.offset > reached) return null;
    reached = Math.max(reached, piece.offset + piece.octets.length + piece.missing);
  }
  if (reached > end) return "contradiction";
  if (reached < end) return null;
  const octets = new Uint8Array(end);
  let known = 0;
  for (const piece of sorted) {
    for (let at = piece.offset; at < Math.min(known, piece.offset + piece.octets.length); at++)
      if (octets[at] !== piece.octets[at - piece.offset]) return "contradiction";
    if (piece.offset <= known) {
      octets.set(piece.octets, piece.offset);
      known = Math.max(known, piece.offset + piece.octets.length);
    }
  }
  return { ...pieces.at(-1)!, offset: 0, more: false, octets: octets.subarray(0, known), missing: end - known };
}
