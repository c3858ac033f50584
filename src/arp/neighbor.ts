/** One neighbor, and a list of them in order of use — RFC 4861 s5.1 and s7.3.2. */
import type { Micros } from "../base/environment.js";
import { PacketQueue } from "../base/packet.js";

export const NeighborState = { Incomplete: 0, Reachable: 1, Stale: 2, Delay: 3, Probe: 4, Failed: 5, Permanent: 6 } as const;
export type NeighborState = (typeof NeighborState)[keyof typeof NeighborState];
export const neighborStateNames = ["INCOMPLETE", "REACHABLE", "STALE", "DELAY", "PROBE", "FAILED", "PERMANENT"] as const;

export class Neighbor {
  readonly id: number;
  readonly queue = new PacketQueue();
  address = 0;
  slot = -1;
  state: NeighborState = NeighborState.Incomplete;
  high = 0;
  low = 0;
  /** Solicitations sent in this state. */
  solicits = 0;
  /** When it was last asked for, sent to and heard of; -Infinity: never. */
  solicitedAt: Micros = Number.NEGATIVE_INFINITY;
  usedAt: Micros = Number.NEGATIVE_INFINITY;
  confirmedAt: Micros = Number.NEGATIVE_INFINITY;
  /** The list it is in (see NeighborCache) and its place there. */
  proven = false;
  older: Neighbor | null = null;
  newer: Neighbor | null = null;

  constructor(id: number) {
    this.id = id;
  }
}

/** Neighbors in order of use. */
export class UseList {
  oldest: Neighbor | null = null;
  newest: Neighbor | null = null;

  append(neighbor: Neighbor): void {
    neighbor.older = this.newest;
    neighbor.newer = null;
    if (this.newest === null) this.oldest = neighbor;
    else this.newest.newer = neighbor;
    this.newest = neighbor;
  }

  cut(neighbor: Neighbor): void {
    if (neighbor.older === null) this.oldest = neighbor.newer;
    else neighbor.older.newer = neighbor.newer;
    if (neighbor.newer === null) this.newest = neighbor.older;
    else neighbor.newer.older = neighbor.older;
    neighbor.older = null;
    neighbor.newer = null;
  }
}
