/** Numbers as the model has them. A sequence number is told as its *position*: octets since the initial sequence number of its stream, an
 *  ordinary integer that never wraps (SYN 0, the first octet 1). So comparisons are plain, and RFC 9293 s3.4 is this one function. */

/** Of all positions that the 32-bit `number` may stand for in a stream that began at `isn`, the one nearest to `near`. */
export const positionOf = (number: number, isn: number, near: number): number => near + ((number - isn - near) | 0);

/** A stream with more holes than this is a forgery, or next to it: its first hole counts as filled. */
const MOST_RANGES = 1_024;

/** Positions [from, to), disjoint and in order. Written for obviousness. */
export class Ranges {
  #ranges: [number, number][] = [];

  get list(): readonly (readonly [number, number])[] {
    return this.#ranges;
  }

  add(from: number, to: number): void {
    if (from >= to) return;
    let left = from;
    let right = to;
    const apart = this.#ranges.filter(([a, b]) => {
      if (b < from || a > to) return true;
      left = Math.min(left, a);
      right = Math.max(right, b);
      return false;
    });
    this.#ranges = [...apart, [left, right] as [number, number]].sort((a, b) => a[0] - b[0]);
    if (this.#ranges.length > MOST_RANGES) this.#ranges.splice(0, 2, [this.#ranges[0]![0], this.#ranges[1]![1]]);
  }

  /** How far everything from `at` on is here without a hole. */
  contiguousFrom(at: number): number {
    return this.#ranges.find(([a, b]) => a <= at && at <= b)?.[1] ?? at;
  }

  covers(from: number, to: number): boolean {
    return this.#ranges.some(([a, b]) => a <= from && to <= b);
  }

  reset(ranges: readonly (readonly [number, number])[]): void {
    this.#ranges = ranges.map(([a, b]) => [a, b]);
  }
}

const PAGE = 256;
/** Of a stream so many are kept: a megabyte of text. */
const MOST_PAGES = 4_096;

/** The octets of a stream, as far as they were seen, the last of them. */
export class Octets {
  readonly #pages = new Map<number, { octets: Uint8Array; known: Uint8Array }>();

  /** Keeps what was not known; the position of the first octet that was known as another, or -1. */
  put(at: number, octets: Uint8Array): number {
    let wrong = -1;
    for (let i = 0; i < octets.length; ) {
      const number = Math.floor((at + i) / PAGE);
      const page = this.#page(number);
      for (let offset = at + i - number * PAGE; offset < PAGE && i < octets.length; offset++, i++) {
        if (page.known[offset] === 0) {
          page.octets[offset] = octets[i]!;
          page.known[offset] = 1;
        } else if (page.octets[offset] !== octets[i] && wrong < 0) wrong = at + i;
      }
    }
    return wrong;
  }

  copy(other: Octets): void {
    for (const [number, { octets, known }] of other.#pages) this.#pages.set(number, { octets: octets.slice(), known: known.slice() });
  }

  #page(number: number): { octets: Uint8Array; known: Uint8Array } {
    let page = this.#pages.get(number);
    if (page === undefined) {
      page = { octets: new Uint8Array(PAGE), known: new Uint8Array(PAGE) };
      this.#pages.set(number, page);
      if (this.#pages.size > MOST_PAGES) this.#pages.delete(this.#pages.keys().next().value!);
    }
    return page;
  }
}
