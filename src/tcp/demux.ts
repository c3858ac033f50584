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

export const slotOf = (handle: number): number => handle & SLOT_MASK;

const EMPTY = -1;
const DELETED = -2;

export class Demux {
  readonly #key: SipKey;
  readonly #limit: number;
  /** Columns by slot. Slot 0 is never used, so that 0 is no handle. */
  #local = new Int32Array(64);
  #remote = new Int32Array(64);
  #ports = new Int32Array(64);
  #generation = new Uint8Array(64);
  #form = new Uint8Array(64);
  /** The live object's index or the row; in a free slot, the next free one. */
  #where = new Int32Array(64);
  /** Application events that wait for delivery. */
  #events = new Uint16Array(64);
  #firstFree = 0;
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
      this.#firstFree = this.#where[slot]!;
      if (this.#firstFree === 0) this.#lastFree = 0;
    } else {
      slot = this.#top++;
      if (slot >= this.#form.length) this.#grow();
    }
    this.#used += 1;
    this.#form[slot] = form;
    this.#where[slot] = EMPTY;
    this.#events[slot] = 0;
    return (this.#generation[slot]! << SLOT_BITS) | slot;
  }

  free(slot: number): void {
    this.#generation[slot] = (this.#generation[slot]! + 1) & GENERATION_MASK;
    this.#form[slot] = Form.Free;
    this.#events[slot] = 0;
    this.#where[slot] = 0;
    if (this.#lastFree === 0) this.#firstFree = slot;
    else this.#where[this.#lastFree] = slot;
    this.#lastFree = slot;
    this.#used -= 1;
  }

  /** The slot that the handle names, or 0 if it names nothing any more. */
  slot(handle: number): number {
    const slot = handle & SLOT_MASK;
    if (slot === 0 || slot >= this.#top || this.#form[slot] === Form.Free) return 0;
    return this.#generation[slot] === handle >>> SLOT_BITS ? slot : 0;
  }

  handleOf(slot: number): number {
    return (this.#generation[slot]! << SLOT_BITS) | slot;
  }

  form(slot: number): Form {
    return this.#form[slot] as Form;
  }

  where(slot: number): number {
    return this.#where[slot]!;
  }

  place(slot: number, form: Form, where: number): void {
    this.#form[slot] = form;
    this.#where[slot] = where;
  }

  events(slot: number): number {
    return this.#events[slot]!;
  }

  setEvents(slot: number, events: number): void {
    this.#events[slot] = events;
  }

  local(slot: number): IpAddress {
    return this.#local[slot]! as IpAddress;
  }

  remote(slot: number): IpAddress {
    return this.#remote[slot]! as IpAddress;
  }

  localPort(slot: number): number {
    return this.#ports[slot]! >>> 16;
  }

  remotePort(slot: number): number {
    return this.#ports[slot]! & 0xffff;
  }

  /** Enters a connection's 4-tuple. The caller has made sure that it is not there. */
  enter(slot: number, local: IpAddress, localPort: number, remote: IpAddress, remotePort: number): void {
    this.#local[slot] = local;
    this.#remote[slot] = remote;
    this.#ports[slot] = (localPort << 16) | remotePort;
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
      if (slot !== DELETED && this.#ports[slot] === ports && this.#remote[slot] === remote && this.#local[slot] === local) return slot;
    }
  }

  /** Takes a connection's 4-tuple out. */
  leave(slot: number): void {
    const mask = this.#table.length - 1;
    for (
      let at = this.#hash(this.#local[slot]!, this.#remote[slot]!, this.#ports[slot]!) & mask;
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
    let at = this.#hash(this.#local[slot]!, this.#remote[slot]!, this.#ports[slot]!) & mask;
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
    const size = this.#form.length * 2;
    this.#local = enlarged(this.#local, size);
    this.#remote = enlarged(this.#remote, size);
    this.#ports = enlarged(this.#ports, size);
    this.#where = enlarged(this.#where, size);
    const generation = new Uint8Array(size);
    generation.set(this.#generation);
    this.#generation = generation;
    const form = new Uint8Array(size);
    form.set(this.#form);
    this.#form = form;
    const events = new Uint16Array(size);
    events.set(this.#events);
    this.#events = events;
  }
}

function enlarged(column: Int32Array, size: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(size);
  larger.set(column);
  return larger;
}
