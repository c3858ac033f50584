/** A datagram of which fragments have come — RFC 815 s3 keeps holes; we keep what is there, so that overlaps show. */
import { type Micros, NEVER } from "../../base/environment.js";
import { LONGEST_HEADER } from "./header.js";

/** One datagram under reassembly; reused. */
export class Partial {
  slot = -1;
  source = 0;
  /** Chunks of the payload by their place in it; -1: none. */
  readonly chunks: Int32Array;
  /** Starts and ends of the fragments, in order. */
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  count = 0;
  /** Payload octets here, and in all; -1 while the last fragment is missing. */
  received = 0;
  total = -1;
  /** The header of the first fragment; length 0 while that is missing. */
  readonly header = new Uint8Array(LONGEST_HEADER);
  headerLength = 0;
  /** It was given up: whatever comes for it is dropped until it would have timed out (RFC 5722 s4). */
  refused = false;
  /** ECN fields seen: bit n for field n. */
  ecn = 0;
  device = 0;
  charged = 0;
  deadline: Micros = NEVER;

  constructor(chunks: number, fragments: number) {
    this.chunks = new Int32Array(chunks).fill(-1);
    this.starts = new Int32Array(fragments);
    this.ends = new Int32Array(fragments);
  }

  begin(slot: number, source: number, device: number, deadline: Micros): void {
    this.slot = slot;
    this.source = source;
    this.count = 0;
    this.received = 0;
    this.total = -1;
    this.headerLength = 0;
    this.refused = false;
    this.ecn = 0;
    this.device = device;
    this.charged = 0;
    this.deadline = deadline;
  }

  /** The place of a fragment that starts at `start`: of the first that does not start before it. */
  placeOf(start: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.starts[middle]! < start) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** True when the fragment at `at` is the same. */
  holds(at: number, start: number, end: number, more: boolean): boolean {
    return at < this.count && this.starts[at] === start && this.ends[at] === end && (this.total === end) === !more;
  }

  /** True when a fragment that belongs at `at` and is not there contradicts what is. */
  overlaps(at: number, start: number, end: number, more: boolean): boolean {
    if (at > 0 && this.ends[at - 1]! > start) return true;
    if (at < this.count && this.starts[at]! < end) return true;
    if (this.total >= 0 && (end > this.total || !more)) return true;
    return !more && this.count > 0 && this.ends[this.count - 1]! > end;
  }

  insert(at: number, start: number, end: number, more: boolean): void {
    this.starts.copyWithin(at + 1, at, this.count);
    this.ends.copyWithin(at + 1, at, this.count);
    this.starts[at] = start;
    this.ends[at] = end;
    this.count += 1;
    this.received += end - start;
    if (!more) this.total = end;
  }
}
