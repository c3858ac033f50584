/** From a segment to its connection, and from a handle to it: RFC 9293 s3.10.7's "if the connection exists", in O(1), whatever
 *  an attacker chooses for a 4-tuple (the hash is keyed).
 *
 *  A slot is a connection's place for its whole life; a handle is a slot and the generation of its use. Whether the connection
 *  is a live object or a frozen row is nobody's business but this file's: `resolve` and `find` thaw. */

import type { Random } from "../base/environment.js";
import { HalfSipKey, halfSipHash13 } from "../base/half-siphash.js";
import { SLAB_BITS, SLAB_MASK, Slab } from "../base/slab.js";
import type { IpAddress } from "../ip/address.js";

/** What a slot holds. */
export const Form = { Free: 0, Live: 1, Row: 2, Listener: 3 } as const;
export type Form = (typeof Form)[keyof typeof Form];

const SLOT_BITS = 24;
const SLOT_MASK = (1 << SLOT_BITS) - 1;
const GENERATION_MASK = 0x7f;

/** The most slots a handle can name. */
export const MAX_SLOTS = SLOT_MASK;

/** Cells of a slot, half a cache line: what a segment asks of its slot lies together. */
const CELL_BITS = 3;
const LOCAL = 0;
const REMOTE = 1;
const PORTS = 2;
/** What the slot holds: a `Form`. */
const FORM = 3;
/** The live object's index, the row, the listener's port; in a free slot, the next free one. */
const WHERE = 4;
/** Application events that wait for delivery. */
const EVENTS = 5;
const GENERATION = 6;
/** The next slot in the same bucket; 0: there is none. */
const LINK = 7;

const FIRST_BUCKETS = 64;

export class Demux {
  readonly #key: HalfSipKey;
  readonly #limit: number;
  /** Slot 0 is never used, so that 0 is no handle. */
  readonly #slots = new Slab(1 << CELL_BITS);
  #firstFree = 0;
  #lastFree = 0;
  #top = 1;
  #used = 0;
  /** Chained buckets: the first slot of each. There are two for each 4-tuple, by linear hashing (W. Litwin, 1980): each 4-tuple that enters
   *  splits as many buckets as keep it so, which is why the table never stops to be hashed anew. */
  readonly #heads = new Slab(1);
  #buckets = FIRST_BUCKETS;
  /** One less than the power of two that is not below `#buckets`. */
  #mask = FIRST_BUCKETS - 1;
  #entered = 0;
  /** The slot found last: segments of a connection come in rows. 0: it has gone. */
  #latest = 0;

  constructor(random: Random, limit: number) {
    this.#key = new HalfSipKey(random);
    this.#limit = Math.min(limit, MAX_SLOTS - 1);
    this.#slots.grow(FIRST_BUCKETS);
    this.#heads.grow(FIRST_BUCKETS);
  }

  get used(): number {
    return this.#used;
  }

  /** Slots that may still be used. */
  get room(): number {
    return this.#limit - this.#used;
  }

  /** One more than the largest slot ever used. */
  get top(): number {
    return this.#top;
  }

  /** A handle for a new slot, or 0 when there are as many as there may be. */
  allocate(form: Form): number {
    if (this.#used >= this.#limit) return 0;
    let slot: number;
    // The free list is first in, first out, so that a generation comes round as late as can be.
    if (this.#firstFree !== 0 && (this.#top - 1 - this.#used > 1_024 || this.#top >= this.#limit)) {
      slot = this.#firstFree;
      this.#firstFree = this.#cell(slot, WHERE);
      if (this.#firstFree === 0) this.#lastFree = 0;
    } else {
      slot = this.#top++;
      if (slot >= this.#slots.count) this.#slots.grow(slot + 1);
    }
    this.#used += 1;
    this.#set(slot, FORM, form);
    this.#set(slot, WHERE, -1);
    this.#set(slot, EVENTS, 0);
    return (this.#cell(slot, GENERATION) << SLOT_BITS) | slot;
  }

  free(slot: number): void {
    this.#set(slot, GENERATION, (this.#cell(slot, GENERATION) + 1) & GENERATION_MASK);
    this.#set(slot, FORM, Form.Free);
    this.#set(slot, EVENTS, 0);
    this.#set(slot, WHERE, 0);
    if (this.#lastFree === 0) this.#firstFree = slot;
    else this.#set(this.#lastFree, WHERE, slot);
    this.#lastFree = slot;
    this.#used -= 1;
  }

  /** The slot that the handle names, or 0 if it names nothing any more. */
  slot(handle: number): number {
    const slot = handle & SLOT_MASK;
    if (slot === 0 || slot >= this.#top) return 0;
    const cells = this.#slots.ints[slot >> SLAB_BITS]!;
    const at = (slot & SLAB_MASK) << CELL_BITS;
    return cells[at + FORM] !== Form.Free && cells[at + GENERATION] === handle >>> SLOT_BITS ? slot : 0;
  }

  handleOf(slot: number): number {
    return (this.#cell(slot, GENERATION) << SLOT_BITS) | slot;
  }

  form(slot: number): Form {
    return this.#cell(slot, FORM) as Form;
  }

  where(slot: number): number {
    return this.#cell(slot, WHERE);
  }

  /** Where the live object of the slot is; -1 when it has none. */
  liveAt(slot: number): number {
    const cells = this.#slots.ints[slot >> SLAB_BITS]!;
    const at = (slot & SLAB_MASK) << CELL_BITS;
    return cells[at + FORM] === Form.Live ? cells[at + WHERE]! : -1;
  }

  place(slot: number, form: Form, where: number): void {
    this.#set(slot, FORM, form);
    this.#set(slot, WHERE, where);
  }

  events(slot: number): number {
    return this.#cell(slot, EVENTS);
  }

  /** Adds events; true when there were none. */
  addEvents(slot: number, events: number): boolean {
    const cells = this.#slots.ints[slot >> SLAB_BITS]!;
    const at = ((slot & SLAB_MASK) << CELL_BITS) + EVENTS;
    const pending = cells[at]!;
    cells[at] = pending | events;
    return pending === 0;
  }

  clearEvents(slot: number): void {
    this.#set(slot, EVENTS, 0);
  }

  local(slot: number): IpAddress {
    return this.#cell(slot, LOCAL) as IpAddress;
  }

  remote(slot: number): IpAddress {
    return this.#cell(slot, REMOTE) as IpAddress;
  }

  localPort(slot: number): number {
    return this.#cell(slot, PORTS) >>> 16;
  }

  remotePort(slot: number): number {
    return this.#cell(slot, PORTS) & 0xffff;
  }

  /** Enters a connection's 4-tuple. The caller has made sure that it is not there. */
  enter(slot: number, local: IpAddress, localPort: number, remote: IpAddress, remotePort: number): void {
    this.#set(slot, LOCAL, local);
    this.#set(slot, REMOTE, remote);
    this.#set(slot, PORTS, (localPort << 16) | remotePort);
    this.#entered += 1;
    while (this.#buckets < 2 * this.#entered) this.#split();
    const bucket = this.#bucketOf(slot);
    this.#set(slot, LINK, this.#head(bucket));
    this.#setHead(bucket, slot);
  }

  /** The slot of a 4-tuple, or 0. */
  find(local: IpAddress, localPort: number, remote: IpAddress, remotePort: number): number {
    const ports = (localPort << 16) | remotePort;
    if (this.#latest !== 0 && this.#is(this.#latest, local, remote, ports)) return this.#latest;
    let slot = this.#head(this.#bucket(halfSipHash13(this.#key, local, remote, ports)));
    while (slot !== 0) {
      if (this.#is(slot, local, remote, ports)) {
        this.#latest = slot;
        return slot;
      }
      slot = this.#cell(slot, LINK);
    }
    return 0;
  }

  #is(slot: number, local: IpAddress, remote: IpAddress, ports: number): boolean {
    const cells = this.#slots.ints[slot >> SLAB_BITS]!;
    const at = (slot & SLAB_MASK) << CELL_BITS;
    return cells[at + PORTS] === ports && cells[at + REMOTE] === remote && cells[at + LOCAL] === local;
  }

  /** Takes a connection's 4-tuple out, if it is there. */
  leave(slot: number): void {
    if (slot === this.#latest) this.#latest = 0;
    const bucket = this.#bucketOf(slot);
    const next = this.#cell(slot, LINK);
    let before = this.#head(bucket);
    if (before === slot) this.#setHead(bucket, next);
    else {
      while (before !== 0 && this.#cell(before, LINK) !== slot) before = this.#cell(before, LINK);
      if (before === 0) return;
      this.#set(before, LINK, next);
    }
    this.#entered -= 1;
  }

  #cell(slot: number, cell: number): number {
    return this.#slots.ints[slot >> SLAB_BITS]![((slot & SLAB_MASK) << CELL_BITS) + cell]!;
  }

  #set(slot: number, cell: number, value: number): void {
    this.#slots.ints[slot >> SLAB_BITS]![((slot & SLAB_MASK) << CELL_BITS) + cell] = value;
  }

  #head(bucket: number): number {
    return this.#heads.ints[bucket >> SLAB_BITS]![bucket & SLAB_MASK]!;
  }

  #setHead(bucket: number, slot: number): void {
    this.#heads.ints[bucket >> SLAB_BITS]![bucket & SLAB_MASK] = slot;
  }

  #bucketOf(slot: number): number {
    return this.#bucket(halfSipHash13(this.#key, this.#cell(slot, LOCAL), this.#cell(slot, REMOTE), this.#cell(slot, PORTS)));
  }

  /** Buckets that are not there yet have their entries in those that will be split for them. */
  #bucket(hash: number): number {
    const bucket = hash & this.#mask;
    return bucket < this.#buckets ? bucket : bucket & (this.#mask >> 1);
  }

  /** One bucket more: about half of what is in the one half as far into the table moves there. */
  #split(): void {
    const added = this.#buckets;
    if (added > this.#mask) this.#mask = 2 * this.#mask + 1;
    if (added >= this.#heads.count) this.#heads.grow(added + 1);
    this.#buckets = added + 1;
    const from = added & (this.#mask >> 1);
    let slot = this.#head(from);
    this.#setHead(from, 0);
    while (slot !== 0) {
      const next = this.#cell(slot, LINK);
      const bucket = this.#bucketOf(slot);
      this.#set(slot, LINK, this.#head(bucket));
      this.#setHead(bucket, slot);
      slot = next;
    }
  }
}
