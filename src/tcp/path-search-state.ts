/** What a connection knows of the packets that its path takes, by its own experience: the variables of RFC 8899 s5.1.3. */
import type { Micros } from "../base/environment.js";
import { type Seq, seq } from "../base/seq.js";

/** RFC 8899 s5.2. In Base and Error the size must prove itself before larger ones are tried. */
export const SearchState = { Disabled: 0, Base: 1, Searching: 2, Complete: 3, Error: 4 } as const;
export type SearchState = (typeof SearchState)[keyof typeof SearchState];
export const searchStateNames = ["disabled", "base", "searching", "complete", "error"] as const;

/** A gain of less is not worth a probe. */
export const RESOLUTION = 8;

export class PathSearch {
  state: SearchState = SearchState.Disabled;
  /** PLPMTU: what is not a probe is no larger; IP octets, 0: the network alone decides. */
  limit = 0;
  /** The largest size that is not known to be too large. */
  high = 0;
  /** The largest size is tried first: most black holes are none, and most that are end. */
  sanguine = false;
  /** The probe in flight, IP octets, 0: none; its text is [start, end). */
  size = 0;
  start: Seq = seq(0);
  end: Seq = seq(0);
  /** How often the size that is tried was lost: PROBE_COUNT. */
  lost = 0;
  /** Timeouts of segments that are not larger than what is known to get through. */
  othersLost = 0;
  completedAt: Micros = 0;
  /** The size before segments grew, IP octets, until losses have proven the larger one; 0: nothing is to be proven. Since when they are larger. */
  proven = 0;
  provenAt: Micros = 0;
  /** Octets sent and lost when segments last changed; and of all that was sent in sizes that stood. */
  sentThen = 0;
  lostThen = 0;
  usualSent = 0;
  usualLost = 0;

  clear(): void {
    this.state = SearchState.Disabled;
    this.limit = this.high = this.size = this.lost = this.othersLost = this.completedAt = 0;
    this.proven = this.provenAt = this.lostThen = this.sentThen = this.usualSent = this.usualLost = 0;
    this.sanguine = false;
    this.start = this.end = seq(0);
  }
}

/** One cell of a row, and back. */
export const saveSearch = ({ limit, high }: PathSearch): number => (limit << 16) | high;
export function loadSearch(search: PathSearch, cell: number, now: Micros): void {
  search.limit = cell >>> 16;
  search.high = cell & 0xffff;
  search.state =
    search.limit === 0 ? SearchState.Disabled : search.high - search.limit < RESOLUTION ? SearchState.Complete : SearchState.Searching;
  search.completedAt = now;
}
