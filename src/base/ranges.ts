/** Sets of sequence numbers as ranges [left, right): what has arrived out of order, what the peer has selectively acknowledged.
 *
 *  Sorted, disjoint and never adjacent. All members must lie within 2^31 of each other (RFC 9293 s3.4). */
import { type Seq, seqDiff, seqGeq, seqGt, seqLeq, seqLt, seqMax, seqMin } from "./seq.js";

export class SeqRanges {
  /** The most ranges. */
  readonly cap: number;
  /** left, right, left, right … in order of sequence; null while empty. */
  #edges: Int32Array | null = null;
  #count = 0;
  #octets = 0;

  constructor(cap: number) {
    this.cap = cap;
  }

  get count(): number {
    return this.#count;
  }

  /** Sequence numbers in the set. */
  get octets(): number {
    return this.#octets;
  }

  left(i: number): Seq {
    return this.#edges![2 * i]! as Seq;
  }

  right(i: number): Seq {
    return this.#edges![2 * i + 1]! as Seq;
  }

  /** Adds [left, right), joining what it touches; false, and nothing changed, when that would make one range too many. */
  add(left: Seq, right: Seq): boolean {
    if (left === right) return true;
    const first = this.#searchRight(left, false);
    let after = first;
    let from = left;
    let to = right;
    let swallowed = 0;
    while (after < this.#count && seqLeq(this.left(after), right)) {
      swallowed += seqDiff(this.right(after), this.left(after));
      after += 1;
    }
    if (after > first) {
      from = seqMin(left, this.left(first));
      to = seqMax(right, this.right(after - 1));
    } else if (this.#count === this.cap) return false;
    this.#splice(first, after);
    const edges = this.#edges!;
    edges[2 * first] = from;
    edges[2 * first + 1] = to;
    this.#octets += seqDiff(to, from) - swallowed;
    return true;
  }

  /** Removes everything before `seq`. */
  removeBelow(seq: Seq): void {
    const first = this.after(seq);
    let gone = 0;
    for (let i = 0; i < first; i++) gone += seqDiff(this.right(i), this.left(i));
    if (first < this.#count && seqLt(this.left(first), seq)) {
      gone += seqDiff(seq, this.left(first));
      this.#edges![2 * first] = seq;
    }
    this.#octets -= gone;
    if (first === this.#count) this.clear();
    else if (first > 0) {
      this.#edges!.copyWithin(0, 2 * first, 2 * this.#count);
      this.#count -= first;
    }
  }

  /** The range that contains `seq`, or -1. */
  indexOf(seq: Seq): number {
    const i = this.after(seq);
    return i < this.#count && seqLeq(this.left(i), seq) ? i : -1;
  }

  /** The first range that ends after `seq`; `count` when none does. */
  after(seq: Seq): number {
    return this.#searchRight(seq, true);
  }

  /** The first range that ends at or after `seq`: what a range from there on would join; `count` when none does. */
  touching(seq: Seq): number {
    return this.#searchRight(seq, false);
  }

  /** Is all of [left, right) in the set? */
  covers(left: Seq, right: Seq): boolean {
    if (left === right) return true;
    const i = this.indexOf(left);
    return i >= 0 && seqGeq(this.right(i), right);
  }

  /** Is any of [left, right) in the set? */
  overlaps(left: Seq, right: Seq): boolean {
    const i = this.after(left);
    return left !== right && i < this.#count && seqLt(this.left(i), right);
  }

  clear(): void {
    this.#edges = null;
    this.#count = 0;
    this.#octets = 0;
  }

  /** The first range whose right edge is at or after `seq`, or strictly after it. */
  #searchRight(seq: Seq, strictly: boolean): number {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >> 1;
      const right = this.right(middle);
      if (strictly ? seqGt(right, seq) : seqGeq(right, seq)) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Makes the ranges [first, after) into exactly one, whose edges the caller writes. */
  #splice(first: number, after: number): void {
    const count = this.#count - (after - first) + 1;
    let edges = this.#edges;
    if (edges === null) edges = this.#edges = new Int32Array(2 * Math.min(4, this.cap));
    else if (2 * count > edges.length) {
      const grown = new Int32Array(2 * Math.min(this.cap, edges.length));
      grown.set(edges);
      edges = this.#edges = grown;
    }
    edges.copyWithin(2 * (first + 1), 2 * after, 2 * this.#count);
    this.#count = count;
  }
}
