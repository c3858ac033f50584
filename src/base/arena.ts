/** The arena: one piece of memory for all packets and queues of a stack. Offsets into it are what the layers hand to each other.
 *
 *  It is a WebAssembly memory, so that checksums run in it by SIMD and transports can register it with the kernel; where an
 *  engine has no WebAssembly or no SIMD, or a content policy forbids it, it is a plain ArrayBuffer and a plain loop. */
import { CHECKSUM_WASM } from "./checksum-wasm.js";

/** The part of the WebAssembly API used here: the core's types must not depend on a host's. */
interface WebAssemblyApi {
  Memory: new (limits: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: { onwire: { memory: object } }) => { readonly exports: Assembled };
}
declare const WebAssembly: WebAssemblyApi | undefined;
/** The functions of checksum.wat. */
interface Assembled {
  readonly sum: (start: number, length: number, initial: number) => number;
  readonly copySum: (to: number, from: number, length: number, initial: number) => number;
  readonly copy: (to: number, from: number, length: number) => void;
}

const PAGE = 0x10000;
/** The assembled loop's 32-bit lanes hold the sum of this many octets (checksum.wat). */
const LANE_LIMIT = 0x40000;

export class Arena {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** The memory itself, for transports that register it with the kernel. It never grows and never moves. */
  readonly memory: ArrayBuffer;
  readonly #words: Int32Array;
  readonly #sum: Assembled["sum"] | null;
  readonly #copySum: Assembled["copySum"] | null;
  readonly #copy: Assembled["copy"] | null;
  #reserved = 0;

  /** `plain` asks for an ArrayBuffer and no WebAssembly. The size is rounded up to whole pages of 64 KiB. */
  constructor(octets: number, plain = false) {
    const pages = Math.max(1, Math.ceil(octets / PAGE));
    const wasm = plain ? null : assembled(pages);
    this.memory = wasm?.memory ?? new ArrayBuffer(pages * PAGE);
    this.#sum = wasm?.functions.sum ?? null;
    this.#copySum = wasm?.functions.copySum ?? null;
    this.#copy = wasm?.functions.copy ?? null;
    this.bytes = new Uint8Array(this.memory);
    this.view = new DataView(this.memory);
    this.#words = new Int32Array(this.memory);
  }

  /** Whether sums run by SIMD. */
  get simd(): boolean {
    return this.#sum !== null;
  }

  /** The 16-aligned offset of `octets` that are nobody else's from now on. Throws a RangeError when the arena is full. */
  reserve(octets: number): number {
    const start = this.#reserved;
    const left = this.bytes.length - start;
    if (!(octets >= 0 && octets <= left)) throw new RangeError(`the arena of ${this.bytes.length} octets has ${left} left, not ${octets}`);
    this.#reserved = Math.min(Math.ceil((start + octets) / 16) * 16, this.bytes.length);
    return start;
  }

  /**
   * The one's complement sum of `length` octets from `start`, at any alignment, folded to 16 bits and not complemented (RFC 1071).
   * An odd last octet counts as if a zero followed. `initial` is a partial sum to go on from, folded or not, below 2^32.
   */
  sum(start: number, length: number, initial: number): number {
    if (this.#sum === null) return plainSum(this.bytes, this.#words, start, length, initial);
    let at = start;
    let left = length;
    let sum = initial;
    for (; left > LANE_LIMIT; left -= LANE_LIMIT) {
      sum = this.#sum(at, LANE_LIMIT, sum);
      at += LANE_LIMIT;
    }
    return this.#sum(at, left, sum);
  }

  /** Copies `length` octets of the arena from `from` to `to`; the two may overlap. */
  copy(to: number, from: number, length: number): void {
    if (this.#copy === null) this.bytes.copyWithin(to, from, from + length);
    else this.#copy(to, from, length);
  }

  /** The same for at most 2^18 octets, where the two must not overlap; returns what `sum` of them would, which is taken in the same pass. */
  copySum(to: number, from: number, length: number, initial: number): number {
    if (this.#copySum !== null) return this.#copySum(to, from, length, initial);
    this.bytes.copyWithin(to, from, from + length);
    return this.sum(to, length, initial);
  }
}

/** Null until first wanted; false when this host cannot. */
let module: object | null | false = null;

const assembled = (pages: number): { memory: ArrayBuffer; functions: Assembled } | null => {
  if (typeof WebAssembly === "undefined" || module === false) return null;
  try {
    // Synchronous: browsers allow it on the main thread up to 4 KiB, and this is a quarter of that.
    module ??= new WebAssembly.Module(fromBase64(CHECKSUM_WASM));
  } catch {
    // No SIMD, or code generation is forbidden: neither will change.
    module = false;
    return null;
  }
  try {
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    return { memory: memory.buffer, functions: new WebAssembly.Instance(module, { onwire: { memory } }).exports };
  } catch {
    // Engines reserve address space for each memory and may run out of it long before they run out of memory.
    return null;
  }
};

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Hosts do not agree on a base64 decoder, and the core uses none of theirs. */
const fromBase64 = (text: string): Uint8Array => {
  const digits = text.replace(/=+$/, "");
  const bytes = new Uint8Array((digits.length * 6) >> 3);
  let bits = 0;
  let held = 0;
  let length = 0;
  for (const digit of digits) {
    bits = ((bits << 6) | DIGITS.indexOf(digit)) & 0xfff;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    bytes[length] = bits >> held;
    length += 1;
  }
  return bytes;
};

/** Does this engine store the low octet of a word first? (RFC 1071 s2 (B): the sum does not mind, but its octets swap.) */
const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** A sum in 32-bit steps grows by less than 2^17 a step, so doubles hold it exactly for any arena. */
const plainSum = (bytes: Uint8Array, words: Int32Array, start: number, length: number, initial: number): number => {
  const end = start + length;
  let at = start;
  // In network order: what `initial` brings, and the octets before and after the aligned words.
  let edges = initial;
  // From an odd start every word is seen with its octets swapped; so the words of memory are summed and swapped (RFC 1071 s2 (B)).
  const odd = (start & 1) === 1;
  if (odd && length > 0) {
    edges += bytes[at]! << 8;
    at += 1;
  }
  let inner = 0;
  if ((at & 2) !== 0 && at + 2 <= end) {
    inner += LITTLE_ENDIAN ? bytes[at]! | (bytes[at + 1]! << 8) : (bytes[at]! << 8) | bytes[at + 1]!;
    at += 2;
  }
  if ((at & 3) === 0) {
    let i = at >>> 2;
    const last = end >>> 2;
    for (; i + 8 <= last; i += 8) {
      const a = words[i]!;
      const b = words[i + 1]!;
      const c = words[i + 2]!;
      const d = words[i + 3]!;
      const e = words[i + 4]!;
      const f = words[i + 5]!;
      const g = words[i + 6]!;
      const h = words[i + 7]!;
      inner +=
        (a & 0xffff) +
        (b & 0xffff) +
        (c & 0xffff) +
        (d & 0xffff) +
        (e & 0xffff) +
        (f & 0xffff) +
        (g & 0xffff) +
        (h & 0xffff) +
        (a >>> 16) +
        (b >>> 16) +
        (c >>> 16) +
        (d >>> 16) +
        (e >>> 16) +
        (f >>> 16) +
        (g >>> 16) +
        (h >>> 16);
    }
    for (; i < last; i++) inner += (words[i]! & 0xffff) + (words[i]! >>> 16);
    at = Math.max(at, i * 4);
  }
  for (; at + 1 < end; at += 2) inner += LITTLE_ENDIAN ? bytes[at]! | (bytes[at + 1]! << 8) : (bytes[at]! << 8) | bytes[at + 1]!;
  // From an even start the octet left over opens a word; from an odd one it closes the last.
  if (at < end) edges += bytes[at]! * (odd ? 1 : 256);
  const seen = fold(inner);
  return fold(edges + (LITTLE_ENDIAN !== odd ? ((seen << 8) & 0xff00) | (seen >> 8) : seen));
};

const fold = (sum: number): number => {
  let folded = sum;
  while (folded > 0xffff) folded = (folded % 0x10000) + Math.floor(folded / 0x10000);
  return folded;
};
