/** A hash table from four int32 words to small integers (slots), for whatever the wire can fill: keyed, bounded, and in order of use.
 *
 *  The hash is SipHash under a secret key, so nobody outside can choose colliding keys. What belongs to a slot lies in arrays of the owner. */
import type { SipKey } from "./siphash.js";
import { sipHash24 } from "./siphash.js";

const FIRST_CAPACITY = 16;

export class KeyedTable {
  /** The most entries; `insert` returns -1 beyond. */
  readonly limit: number;
  readonly #key: SipKey;
  #count = 0;
  #capacity = 0;
  #used = 0;
  #free = -1;
  #words: Int32Array;
  #buckets: Int32Array;
  #chain: Int32Array;
  #newer: Int32Array;
  #older: Int32Array;
  #oldest = -1;
  #newest = -1;

  constructor(key: SipKey, limit: number) {
    this.#key = key;
    this.limit = limit;
    this.#words = new Int32Array(0);
    this.#buckets = new Int32Array(0);
    this.#chain = new Int32Array(0);
    this.#newer = new Int32Array(0);
    this.#older = new Int32Array(0);
  }

  get count(): number {
    return this.#count;
  }

  /** The slot inserted or touched longest ago; -1 when the table is empty. */
  get oldest(): number {
    return this.#oldest;
  }

  /** The slot after `slot` in order of use; -1 at the newest. */
  newerThan(slot: number): number {
    return this.#newer[slot]!;
  }

  /** The `i`-th word, 0 to 3, of the key of a slot. */
  word(slot: number, i: number): number {
    return this.#words[slot * 4 + i]!;
  }

  find(a: number, b: number, c: number, d: number): number {
    if (this.#count === 0) return -1;
    const words = this.#words;
    let slot = this.#buckets[sipHash24(this.#key, a, b, c, d) & (this.#buckets.length - 1)]!;
    while (slot >= 0) {
      const at = slot * 4;
      if (words[at] === a && words[at + 1] === b && words[at + 2] === c && words[at + 3] === d) return slot;
      slot = this.#chain[slot]!;
    }
    return -1;
  }

  /** Adds a key that is not there, as the newest; returns its slot, or -1 when the table is full. */
  insert(a: number, b: number, c: number, d: number): number {
    if (this.#count >= this.limit) return -1;
    let slot = this.#free;
    if (slot >= 0) this.#free = this.#chain[slot]!;
    else {
      if (this.#used === this.#capacity) this.#grow();
      slot = this.#used;
      this.#used += 1;
    }
    const at = slot * 4;
    this.#words[at] = a;
    this.#words[at + 1] = b;
    this.#words[at + 2] = c;
    this.#words[at + 3] = d;
    this.#link(slot);
    this.#append(slot);
    this.#count += 1;
    return slot;
  }

  remove(slot: number): void {
    const at = slot * 4;
    const words = this.#words;
    const bucket = sipHash24(this.#key, words[at]!, words[at + 1]!, words[at + 2]!, words[at + 3]!) & (this.#buckets.length - 1);
    if (this.#buckets[bucket] === slot) this.#buckets[bucket] = this.#chain[slot]!;
    else {
      let before = this.#buckets[bucket]!;
      while (this.#chain[before] !== slot) before = this.#chain[before]!;
      this.#chain[before] = this.#chain[slot]!;
    }
    this.#cut(slot);
    this.#chain[slot] = this.#free;
    this.#free = slot;
    this.#count -= 1;
  }

  /** Makes the slot the newest. */
  touch(slot: number): void {
    if (this.#newest === slot) return;
    this.#cut(slot);
    this.#append(slot);
  }

  #link(slot: number): void {
    const at = slot * 4;
    const words = this.#words;
    const bucket = sipHash24(this.#key, words[at]!, words[at + 1]!, words[at + 2]!, words[at + 3]!) & (this.#buckets.length - 1);
    this.#chain[slot] = this.#buckets[bucket]!;
    this.#buckets[bucket] = slot;
  }

  #append(slot: number): void {
    this.#older[slot] = this.#newest;
    this.#newer[slot] = -1;
    if (this.#newest >= 0) this.#newer[this.#newest] = slot;
    else this.#oldest = slot;
    this.#newest = slot;
  }

  #cut(slot: number): void {
    const older = this.#older[slot]!;
    const newer = this.#newer[slot]!;
    if (older >= 0) this.#newer[older] = newer;
    else this.#oldest = newer;
    if (newer >= 0) this.#older[newer] = older;
    else this.#newest = older;
  }

  #grow(): void {
    const capacity = Math.max(FIRST_CAPACITY, this.#capacity * 2);
    this.#words = grown(this.#words, capacity * 4);
    this.#chain = grown(this.#chain, capacity);
    this.#newer = grown(this.#newer, capacity);
    this.#older = grown(this.#older, capacity);
    this.#buckets = new Int32Array(capacity).fill(-1);
    this.#capacity = capacity;
    // The free list is empty whenever the table grows, so every used slot is linked again.
    for (let slot = 0; slot < this.#used; slot++) this.#link(slot);
  }
}

function grown(old: Int32Array, length: number): Int32Array<ArrayBuffer> {
  const array = new Int32Array(length);
  array.set(old);
  return array;
}
