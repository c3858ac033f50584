/** The memory that a stack and an application in another thread share: a slot for each connection and listener, with a ring of octets each way.
 *
 *  Words that both write are bits, set by one and taken by the other; all else has one writer. Whoever sets a bit puts the slot into a queue that
 *  the other empties, unless it lies there already: so a queue never holds more than there are slots. */
import { BELL_WORDS, ring } from "./bell.js";

/** What a slot is. */
export const Form = { Free: 0, Connection: 1, Listener: 2 } as const;

/** What the application asks of the stack. */
export const Ask = { Connect: 1, Listen: 2, Sent: 4, Taken: 8, Accepted: 16, Shutdown: 32, Close: 64, Abort: 128 } as const;

/** Set by the stack, and stays. `End`: nothing follows what is in the ring. `Over`: nothing can be sent; `Shut` is the application's own. */
export const Mark = { End: 1, Over: 2, Shut: 4 } as const;

/** Words of a slot. */
export const Slot = {
  Form: 0,
  Generation: 1,
  /** Bits of `Ask`, and of `TcpEvent`; and `QUEUED`. */
  Asked: 2,
  Events: 3,
  /** Positions in the rings, octets modulo 2^32. */
  ReceiveHead: 4,
  ReceiveTail: 5,
  SendHead: 6,
  SendTail: 7,
  /** The stack has more than the ring holds; the application has. */
  MoreToReceive: 8,
  MoreToSend: 9,
  Marks: 10,
  Local: 11,
  LocalPort: 12,
  Remote: 13,
  RemotePort: 14,
  /** Octets that the stack has taken and that are not acknowledged. */
  Unsent: 15,
  /** How a listener's opening came out: 0, not yet; 1, well; 2, see the text. */
  Reply: 16,
  /** A listener's connections that wait to be taken, the latest first, by `Next`; how many, and how many may. */
  Accepted: 17,
  Waiting: 18,
  Backlog: 19,
  Next: 20,
  /** Octets in the text of the slot: options on the way there, an error on the way back. */
  Options: 21,
  Error: 22,
  SoftError: 23,
} as const;
const SLOT_WORDS = 32;

/** In `Asked` and `Events`: the slot lies in the queue. */
const QUEUED = 1 << 30;

/** Options of a connection and what is said of an error, as JSON. */
const TEXT = 2_048;
const NOBODY = 0;

/** Words of the head: on cache lines of their own. */
const HostBell = 0;
const ApplicationBell = 16;
const FreeTop = 32;
const HostQueue = 48;
const ApplicationQueue = 64;
const HEAD_WORDS = 96;
/** Of a queue: what its reader and what its writer has counted, a line apart. */
const QUEUE_READ = 0;
const QUEUE_WRITTEN = 8;

export interface AreaSizes {
  /** Connections and listeners at once, 1 to 32 767. */
  readonly slots: number;
  /** Octets of each of a slot's two rings, a power of two. */
  readonly ring: number;
}

/** Makes the memory; the system backs with pages what is touched. Throws a RangeError. */
export const makeArea = ({ slots, ring: octets }: AreaSizes): SharedArrayBuffer => {
  if (!Number.isInteger(slots) || slots < 1 || slots > 32_767) throw new RangeError(`${slots} slots: use an integer from 1 to 32767`);
  if (!Number.isInteger(octets) || octets < 4_096 || octets > 1 << 24 || (octets & (octets - 1)) !== 0)
    throw new RangeError(`rings of ${octets} octets: use a power of two from 4096 to 16777216`);
  const queue = queueLength(slots);
  const memory = new SharedArrayBuffer(4 * (HEAD_WORDS + 2 * queue + slots * SLOT_WORDS) + slots * (TEXT + 2 * octets));
  const words = new Int32Array(memory, 0, HEAD_WORDS);
  words[HEAD_WORDS - 1] = slots;
  words[HEAD_WORDS - 2] = octets;
  const area = new Area(memory);
  for (let slot = slots - 1; slot >= 0; slot--) area.give(slot);
  return memory;
};

const queueLength = (slots: number): number => 1 << (32 - Math.clz32(slots));

/** A view of the memory, of either side. */
export class Area {
  readonly slots: number;
  /** Octets of a ring. */
  readonly ring: number;
  readonly hostBell: Int32Array;
  readonly applicationBell: Int32Array;
  readonly #words: Int32Array;
  readonly #octets: Uint8Array;
  readonly #queue: number;
  readonly #firstSlot: number;
  readonly #firstOctet: number;
  /** Views of rings, made when first wanted: one for each call would be garbage. */
  readonly #received: Uint8Array[] = [];
  readonly #toSend: Uint8Array[] = [];

  constructor(memory: SharedArrayBuffer) {
    const head = new Int32Array(memory, 0, HEAD_WORDS);
    this.slots = head[HEAD_WORDS - 1]!;
    this.ring = head[HEAD_WORDS - 2]!;
    this.#queue = queueLength(this.slots);
    this.#firstSlot = HEAD_WORDS + 2 * this.#queue;
    const words = this.#firstSlot + this.slots * SLOT_WORDS;
    this.#words = new Int32Array(memory, 0, words);
    this.#octets = new Uint8Array(memory);
    this.#firstOctet = 4 * words;
    this.hostBell = new Int32Array(memory, 4 * HostBell, BELL_WORDS);
    this.applicationBell = new Int32Array(memory, 4 * ApplicationBell, BELL_WORDS);
  }

  get(slot: number, word: number): number {
    return Atomics.load(this.#words, this.#at(slot, word));
  }

  set(slot: number, word: number, value: number): void {
    Atomics.store(this.#words, this.#at(slot, word), value);
  }

  add(slot: number, word: number, value: number): number {
    return Atomics.add(this.#words, this.#at(slot, word), value);
  }

  exchange(slot: number, word: number, value: number): number {
    return Atomics.exchange(this.#words, this.#at(slot, word), value);
  }

  mark(slot: number, bits: number): void {
    Atomics.or(this.#words, this.#at(slot, Slot.Marks), bits);
  }

  /** Blocks the thread until the word is no longer 0; false when that takes longer. */
  await(slot: number, word: number, milliseconds: number): boolean {
    return Atomics.wait(this.#words, this.#at(slot, word), 0, milliseconds) !== "timed-out";
  }

  /** Sets the word, and lets who waits for it go on. */
  settle(slot: number, word: number, value: number): void {
    this.set(slot, word, value);
    Atomics.notify(this.#words, this.#at(slot, word));
  }

  // ---- slots, which either side takes and the stack gives back

  /** A free slot, or -1. */
  take(): number {
    for (;;) {
      const top = Atomics.load(this.#words, FreeTop);
      const slot = (top & 0xffff) - 1;
      if (slot < 0) return -1;
      // The tag changes with every change: a top that has come back is not taken for one that stayed.
      const next = (((top >>> 16) + 1) << 16) | this.get(slot, Slot.Next);
      if (Atomics.compareExchange(this.#words, FreeTop, top, next) === top) return slot;
    }
  }

  /** Makes a slot new, but for the generation and what lies in a queue, and gives it back. */
  give(slot: number): void {
    const generation = (this.get(slot, Slot.Generation) + 1) & 0x7fff;
    for (let word = 0; word < SLOT_WORDS; word++) {
      if (word === Slot.Asked || word === Slot.Events) Atomics.and(this.#words, this.#at(slot, word), QUEUED);
      else this.set(slot, word, word === Slot.Generation ? generation : 0);
    }
    for (;;) {
      const top = Atomics.load(this.#words, FreeTop);
      this.set(slot, Slot.Next, top & 0xffff);
      if (Atomics.compareExchange(this.#words, FreeTop, top, (((top >>> 16) + 1) << 16) | (slot + 1)) === top) return;
    }
  }

  // ---- what one side has to tell the other

  /** The application asks. */
  ask(slot: number, bits: number): void {
    this.#tell(slot, Slot.Asked, bits, HostQueue);
    ring(this.hostBell);
  }

  /** The next slot of which something is asked, or -1; `asked` is what. */
  nextAsked(): number {
    return this.#next(HostQueue);
  }

  asked(slot: number): number {
    return this.exchange(slot, Slot.Asked, 0) & ~QUEUED;
  }

  /** The stack tells. The bell is rung by `ringApplication`, for all that a turn has brought. */
  tell(slot: number, events: number): void {
    this.#tell(slot, Slot.Events, events, ApplicationQueue);
  }

  nextTold(): number {
    return this.#next(ApplicationQueue);
  }

  told(slot: number): number {
    return this.exchange(slot, Slot.Events, 0) & ~QUEUED;
  }

  ringApplication(): void {
    ring(this.applicationBell);
  }

  /** A connection for whoever takes the listener's next. */
  addAccepted(listener: number, slot: number): void {
    for (;;) {
      const first = this.get(listener, Slot.Accepted);
      this.set(slot, Slot.Next, first);
      if (Atomics.compareExchange(this.#words, this.#at(listener, Slot.Accepted), first, slot + 1) === first) return;
    }
  }

  /** Those that wait, the longest waiting first. */
  takeAccepted(listener: number): number[] {
    const slots: number[] = [];
    for (let next = this.exchange(listener, Slot.Accepted, NOBODY); next !== NOBODY; next = this.get(next - 1, Slot.Next))
      slots.push(next - 1);
    return slots.reverse();
  }

  // ---- rings of octets

  /** Octets in a ring between two of the slot's positions. */
  held(slot: number, head: number, tail: number): number {
    return (this.get(slot, tail) - this.get(slot, head)) >>> 0;
  }

  /** The ring of what was received, and that of what is to be sent. */
  received(slot: number): Uint8Array {
    return (this.#received[slot] ??= this.#span(slot, TEXT, this.ring));
  }

  toSend(slot: number): Uint8Array {
    return (this.#toSend[slot] ??= this.#span(slot, TEXT + this.ring, this.ring));
  }

  // ---- texts

  write(slot: number, lengthWord: number, value: unknown): boolean {
    const text = new TextEncoder().encode(JSON.stringify(value));
    if (text.length > TEXT) return false;
    this.#span(slot, 0, TEXT).set(text);
    this.set(slot, lengthWord, text.length);
    return true;
  }

  read(slot: number, lengthWord: number): unknown {
    const length = this.get(slot, lengthWord);
    // A decoder takes no shared memory.
    return length === 0 ? null : JSON.parse(new TextDecoder().decode(this.#span(slot, 0, length).slice()));
  }

  #at(slot: number, word: number): number {
    return this.#firstSlot + slot * SLOT_WORDS + word;
  }

  #span(slot: number, offset: number, length: number): Uint8Array {
    const from = this.#firstOctet + slot * (TEXT + 2 * this.ring) + offset;
    return this.#octets.subarray(from, from + length);
  }

  #tell(slot: number, word: number, bits: number, queue: number): void {
    const before = Atomics.or(this.#words, this.#at(slot, word), bits | QUEUED);
    if ((before & QUEUED) !== 0) return;
    const written = this.#words[queue + QUEUE_WRITTEN]!;
    this.#words[this.#entry(queue, written)] = slot;
    Atomics.store(this.#words, queue + QUEUE_WRITTEN, (written + 1) | 0);
  }

  #next(queue: number): number {
    const read = this.#words[queue + QUEUE_READ]!;
    if (read === Atomics.load(this.#words, queue + QUEUE_WRITTEN)) return -1;
    const slot = this.#words[this.#entry(queue, read)]!;
    Atomics.store(this.#words, queue + QUEUE_READ, (read + 1) | 0);
    return slot;
  }

  #entry(queue: number, count: number): number {
    const first = queue === HostQueue ? HEAD_WORDS : HEAD_WORDS + this.#queue;
    return first + (count & (this.#queue - 1));
  }
}
