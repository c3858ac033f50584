/** The four rings that an AF_XDP socket shares with the kernel (Documentation/networking/af_xdp.rst): indices that only grow, and slots
 *  found by their low bits. Each side owns one index and reads the other's. */
import { networkError } from "../../base/errors.js";
import { int32, type NativePort, systemError } from "../native-port.js";
import { LITTLE_ENDIAN } from "../network-interface.js";

export const SOL_XDP = 283;
const XDP_MMAP_OFFSETS = 1;
const XDP_RX_RING = 2;
const XDP_TX_RING = 3;
const XDP_FILL_RING = 5;
const XDP_COMPLETION_RING = 6;
const NEED_WAKEUP = 1;
/** XDP_PKT_CONTD: in the options of a descriptor. */
const CONTINUED = 1;

/** One ring: `produced` and `consumed` are the kernel's copies; ours are kept here and written once a batch. */
export class Ring {
  readonly size: number;
  readonly #memory: ArrayBuffer;
  readonly #words: Int32Array;
  readonly #producer: number;
  readonly #consumer: number;
  readonly #flags: number;
  readonly #slots: number;
  readonly #mask: number;
  /** Our index: what we produce, or consume. */
  #own = 0;

  constructor(memory: ArrayBuffer, offsets: RingOffsets, size: number) {
    this.size = size;
    this.#memory = memory;
    this.#words = new Int32Array(memory);
    this.#producer = offsets.producer >> 2;
    this.#consumer = offsets.consumer >> 2;
    this.#flags = offsets.flags >> 2;
    this.#slots = offsets.slots >> 2;
    this.#mask = size - 1;
  }

  get memory(): ArrayBuffer {
    return this.#memory;
  }

  /** The kernel sleeps until it is told. */
  get wantsKick(): boolean {
    return (Atomics.load(this.#words, this.#flags) & NEED_WAKEUP) !== 0;
  }

  // ---- rings that we fill: fill and transmit

  /** Slots that are free, as far as is known: one look at the kernel's index serves a batch. */
  free(): number {
    return this.size - ((this.#own - Atomics.load(this.#words, this.#consumer)) | 0);
  }

  /** An address (fill) into the next slot; `publish` makes it the kernel's. */
  putAddress(address: number): void {
    const at = this.#slots + ((this.#own & this.#mask) << 1);
    this.#words[LITTLE_ENDIAN ? at : at + 1] = address;
    this.#words[LITTLE_ENDIAN ? at + 1 : at] = 0;
    this.#own = (this.#own + 1) | 0;
  }

  /** A descriptor (transmit) into the next slot; `more`: the frame goes on in the next. */
  putFrame(address: number, length: number, more: boolean): void {
    const at = this.#slots + ((this.#own & this.#mask) << 2);
    this.#words[LITTLE_ENDIAN ? at : at + 1] = address;
    this.#words[LITTLE_ENDIAN ? at + 1 : at] = 0;
    this.#words[at + 2] = length;
    this.#words[at + 3] = more ? CONTINUED : 0;
    this.#own = (this.#own + 1) | 0;
  }

  publish(): void {
    Atomics.store(this.#words, this.#producer, this.#own);
  }

  // ---- rings that we empty: receive and completion

  waiting(): number {
    return (Atomics.load(this.#words, this.#producer) - this.#own) | 0;
  }

  /** The address in the slot `ahead` of ours (completion), or in the descriptor there (receive), and that one's length. */
  address(ahead: number): number {
    const at = this.#slots + (((this.#own + ahead) & this.#mask) << 1);
    return this.#words[LITTLE_ENDIAN ? at : at + 1]! >>> 0;
  }

  frameAddress(ahead: number): number {
    const at = this.#slots + (((this.#own + ahead) & this.#mask) << 2);
    return this.#words[LITTLE_ENDIAN ? at : at + 1]! >>> 0;
  }

  frameLength(ahead: number): number {
    return this.#words[this.#slots + (((this.#own + ahead) & this.#mask) << 2) + 2]!;
  }

  /** Whether the frame goes on in the next descriptor. */
  frameContinues(ahead: number): boolean {
    return (this.#words[this.#slots + (((this.#own + ahead) & this.#mask) << 2) + 3]! & CONTINUED) !== 0;
  }

  /** Gives `count` slots back. */
  release(count: number): void {
    this.#own = (this.#own + count) | 0;
    Atomics.store(this.#words, this.#consumer, this.#own);
  }
}

interface RingOffsets {
  readonly producer: number;
  readonly consumer: number;
  readonly slots: number;
  readonly flags: number;
}

export interface Rings {
  readonly receive: Ring;
  readonly transmit: Ring;
  readonly fill: Ring;
  readonly completion: Ring;
}

const ringKinds = [
  { name: "receive", option: XDP_RX_RING, page: 0, slot: 16 },
  { name: "transmit", option: XDP_TX_RING, page: 0x8000_0000, slot: 16 },
  { name: "fill", option: XDP_FILL_RING, page: 0x1_0000_0000, slot: 8 },
  { name: "completion", option: XDP_COMPLETION_RING, page: 0x1_8000_0000, slot: 8 },
] as const;

/** Makes the rings of a socket whose memory is registered. `size` is a power of two. */
export const makeRings = (port: NativePort, fd: number, size: number): Rings => {
  if (!(size >= 64 && size <= 32_768 && (size & (size - 1)) === 0))
    throw networkError("EINVAL", "open", `rings of ${size}`, "use a power of two from 64 to 32768");
  for (const { name, option } of ringKinds) {
    const result = port.setsockopt(fd, SOL_XDP, option, int32(size));
    if (result < 0) throw systemError("setsockopt", result, `${name} ring of ${size}`);
  }
  const offsets = new DataView(new ArrayBuffer(128));
  const got = port.getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, new Uint8Array(offsets.buffer));
  if (got < 0) throw systemError("getsockopt", got, "offsets of rings");
  if (got < 128) throw networkError("ENOTSUP", "getsockopt", "offsets of rings", "this kernel is too old: 5.4 or later");
  const made: Partial<Record<keyof Rings, Ring>> = {};
  try {
    ringKinds.forEach(({ name, page, slot }, i) => {
      const at = (field: number): number => Number(offsets.getBigUint64(32 * i + 8 * field, LITTLE_ENDIAN));
      const where = { producer: at(0), consumer: at(1), slots: at(2), flags: at(3) };
      const memory = port.map(fd, page, where.slots + size * slot);
      if (typeof memory === "number") throw systemError("mmap", memory, `${name} ring of ${size}`);
      made[name] = new Ring(memory, where, size);
    });
    return made as Rings;
  } catch (error) {
    for (const ring of Object.values(made)) port.unmap(ring.memory);
    throw error;
  }
};
