/** From a segment to its connection, and from a handle to it: RFC 9293 s3.10.7's "if the connection exists", in O(1), whatever
 *  an attacker chooses for a 4-tuple (the hash is keyed).
 *
 *  A slot is a connection's place for its whole life; a handle is a slot and the generation of its use. Whether the connection
 *  is a live object or a frozen row is nobody's business but this file's: `resolve` and `find` thaw. */

import type { Random } from "../base/environment.js";
import { SipKey, sipHash24 } from "../base/siphash.js";
import type { IpAddress } from "../ip/address.js";

/** What a slot holds. */
export const Form = { Free: 0, Live: 1, Row: 2, Listener: 3 } as const;
export type Form = (typeof Form)[keyof typeof Form];

const SLOT_BITS = 24;
const SLOT_MASK = (1 << SLOT_BITS) - 1;
const GENERATION_MASK = 0x7f;

/** The most slots a handle can name. */
export const MAX_SLOTS = SLOT_MASK;

/** Cells of a slot. */
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

const EMPTY = -1;
const DELETED = -2;

export class Demux {
  readonly #key: SipKey;
  readonly #limit: number;
  /** Eight cells a slot, in one cache line or two: what a segment asks of its slot lies together. Slot 0 is never used, so that 0 is no
   *  handle. */
  #cells = new Int32Array(64 << CELL_BITS);
  #firstFree = 0;
  /** Grows whenever a 4-tuple or a slot becomes free. */
  departures = 0;
  #lastFree = 0;
  #top = 1;
  #used = 0;
  /** Open addressing, linear probing; holds slots. */
  #table = new Int32Array(128).fill(EMPTY);
  #filled = 0;
  #tombs = 0;

  constructor(random: Random, limit: number) {
    this.#key = new SipKey(random);
    this.#limit = Math.min(limit, MAX_SLOTS - 1);
  }

  get used(): number {
    return this.#used;
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
      this.#firstFree = this.#cells[(slot << CELL_BITS) + WHERE]!;
      if (this.#firstFree === 0) this.#lastFree = 0;
    } else {
      slot = this.#top++;
      if (slot << CELL_BITS >= this.#cells.length) this.#grow();
    }
    this.#used += 1;
    this.#cells[(slot << CELL_BITS) + FORM] = form;
    this.#cells[(slot << CELL_BITS) + WHERE] = EMPTY;
    this.#cells[(slot << CELL_BITS) + EVENTS] = 0;
    return (this.#cells[(slot << CELL_BITS) + GENERATION]! << SLOT_BITS) | slot;
  }

  free(slot: number): void {
    this.departures += 1;
    this.#cells[(slot << CELL_BITS) + GENERATION] = (this.#cells[(slot << CELL_BITS) + GENERATION]! + 1) & GENERATION_MASK;
    this.#cells[(slot << CELL_BITS) + FORM] = Form.Free;
    this.#cells[(slot << CELL_BITS) + EVENTS] = 0;
    this.#cells[(slot << CELL_BITS) + WHERE] = 0;
    if (this.#lastFree === 0) this.#firstFree = slot;
    else this.#cells[(this.#lastFree << CELL_BITS) + WHERE] = slot;
    this.#lastFree = slot;
    this.#used -= 1;
  }

  /** The slot that the handle names, or 0 if it names nothing any more. */
  slot(handle: number): number {
    const slot = handle & SLOT_MASK;
    if (slot === 0 || slot >= this.#top || this.#cells[(slot << CELL_BITS) + FORM] === Form.Free) return 0;
    return this.#cells[(slot << CELL_BITS) + GENERATION] === handle >>> SLOT_BITS ? slot : 0;
  }

  handleOf(slot: number): number {
    return (this.#cells[(slot << CELL_BITS) + GENERATION]! << SLOT_BITS) | slot;
  }

  form(slot: number): Form {
    return this.#cells[(slot << CELL_BITS) + FORM] as Form;
  }

  where(slot: number): number {
    return this.#cells[(slot << CELL_BITS) + WHERE]!;
  }

  place(slot: number, form: Form, where: number): void {
    this.#cells[(slot << CELL_BITS) + FORM] = form;
    this.#cells[(slot << CELL_BITS) + WHERE] = where;
  }

  events(slot: number): number {
    return this.#cells[(slot << CELL_BITS) + EVENTS]!;
  }

  setEvents(slot: number, events: number): void {
    this.#cells[(slot << CELL_BITS) + EVENTS] = events;
  }

  local(slot: number): IpAddress {
    return this.#cells[(slot << CELL_BITS) + LOCAL]! as IpAddress;
  }

  remote(slot: number): IpAddress {
    return this.#cells[(slot << CELL_BITS) + REMOTE]! as IpAddress;
  }

  localPort(slot: number): number {
    return this.#cells[(slot << CELL_BITS) + PORTS]! >>> 16;
  }

  remotePort(slot: number): number {
    return this.#cells[(slot << CELL_BITS) + PORTS]! & 0xffff;
  }

  /** Enters a connection's 4-tuple. The caller has made sure that it is not there. */
  enter(slot: number, local: IpAddress, localPort: number, remote: IpAddress, remotePort: number): void {
    this.#cells[(slot << CELL_BITS) + LOCAL] = local;
    this.#cells[(slot << CELL_BITS) + REMOTE] = remote;
    this.#cells[(slot << CELL_BITS) + PORTS] = (localPort << 16) | remotePort;
    if ((this.#filled + this.#tombs + 1) * 2 > this.#table.length) this.#rehash();
    this.#insert(slot);
  }

  /** The slot of a 4-tuple, or 0. */
  find(local: IpAddress, localPort: number, remote: IpAddress, remotePort: number): number {
    const ports = (localPort << 16) | remotePort;
    const mask = this.#table.length - 1;
    for (let at = this.#hash(local, remote, ports) & mask; ; at = (at + 1) & mask) {
      const slot = this.#table[at]!;
      if (slot === EMPTY) return 0;
      if (
        slot !== DELETED &&
        this.#cells[(slot << CELL_BITS) + PORTS] === ports &&
        this.#cells[(slot << CELL_BITS) + REMOTE] === remote &&
        this.#cells[(slot << CELL_BITS) + LOCAL] === local
      )
        return slot;
    }
  }

  /** Takes a connection's 4-tuple out. */
  leave(slot: number): void {
    this.departures += 1;
    const mask = this.#table.length - 1;
    for (
      let at =
        this.#hash(
          this.#cells[(slot << CELL_BITS) + LOCAL]!,
          this.#cells[(slot << CELL_BITS) + REMOTE]!,
          this.#cells[(slot << CELL_BITS) + PORTS]!,
        ) & mask;
      this.#table[at] !== EMPTY;
      at = (at + 1) & mask
    ) {
      if (this.#table[at] !== slot) continue;
      // A tombstone is needed only where a probe may have to go on.
      if (this.#table[(at + 1) & mask] === EMPTY) this.#table[at] = EMPTY;
      else {
        this.#table[at] = DELETED;
        this.#tombs += 1;
      }
      this.#filled -= 1;
      return;
    }
  }

  #hash(local: number, remote: number, ports: number): number {
    return sipHash24(this.#key, local, remote, ports, 0);
  }

  #insert(slot: number): void {
    const mask = this.#table.length - 1;
    let at =
      this.#hash(
        this.#cells[(slot << CELL_BITS) + LOCAL]!,
        this.#cells[(slot << CELL_BITS) + REMOTE]!,
        this.#cells[(slot << CELL_BITS) + PORTS]!,
      ) & mask;
    while (this.#table[at]! >= 0) at = (at + 1) & mask;
    if (this.#table[at] === DELETED) this.#tombs -= 1;
    this.#table[at] = slot;
    this.#filled += 1;
  }

  #rehash(): void {
    const old = this.#table;
    const size = this.#filled * 4 > old.length ? old.length * 2 : old.length;
    this.#table = new Int32Array(size).fill(EMPTY);
    this.#filled = 0;
    this.#tombs = 0;
    for (let at = 0; at < old.length; at++) if (old[at]! >= 0) this.#insert(old[at]!);
  }

  #grow(): void {
    const larger = new Int32Array(this.#cells.length * 2);
    larger.set(this.#cells);
    this.#cells = larger;
  }
}
