/** Numbers and octets one after the other, to be read in the same order: the small ones in an octet, every number exactly. What is read may come
 *  from anybody: the reader names what is wrong and where, and believes no length that the octets do not bear out. */
import { networkError } from "./errors.js";

// A number is written as code + 3, seven bits at a time, the low ones first; three codes are taken.
const INFINITE = 0;
const NEGATIVE_INFINITE = 1;
/** Eight octets follow: a double. */
const DOUBLE = 2;
const SIMPLE = 3;
/** Integers below this in either direction are written as such. */
const INTEGERS = 2 ** 50;

export class ArchiveWriter {
  #bytes = new Uint8Array(1_024);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  number(value: number): void {
    if (Number.isInteger(value) && Math.abs(value) < INTEGERS) this.#code((value < 0 ? -2 * value - 1 : 2 * value) + SIMPLE);
    else if (value === Number.POSITIVE_INFINITY) this.#code(INFINITE);
    else if (value === Number.NEGATIVE_INFINITY) this.#code(NEGATIVE_INFINITE);
    else {
      this.#code(DOUBLE);
      this.#room(8);
      this.#view.setFloat64(this.#length, value);
      this.#length += 8;
    }
  }

  text(value: string): void {
    this.number(value.length);
    for (let i = 0; i < value.length; i++) this.number(value.charCodeAt(i));
  }

  /** The length, and a place for so many octets, which the caller fills. */
  octets(length: number): Uint8Array {
    this.number(length);
    this.#room(length);
    this.#length += length;
    return this.#bytes.subarray(this.#length - length, this.#length);
  }

  /** All that was written, and a sum of it. */
  finish(): Uint8Array {
    const sum = sumOf(this.#bytes, this.#length);
    this.#room(4);
    this.#view.setUint32(this.#length, sum);
    return this.#bytes.slice(0, this.#length + 4);
  }

  #code(code: number): void {
    this.#room(8);
    let left = code;
    for (; left >= 128; left = Math.floor(left / 128)) this.#bytes[this.#length++] = (left % 128) | 128;
    this.#bytes[this.#length++] = left;
  }

  #room(octets: number): void {
    if (this.#length + octets <= this.#bytes.length) return;
    const bytes = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length + octets));
    bytes.set(this.#bytes);
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
}

export class ArchiveReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #syscall: string;
  readonly #end: number;
  #at = 0;

  /** Throws EINVAL when the octets are not what was written. */
  constructor(bytes: Uint8Array, syscall: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#syscall = syscall;
    this.#end = bytes.length - 4;
    if (this.#end < 0) throw this.#wrong(`${bytes.length} octets`, "that is too short");
    if (this.#view.getUint32(this.#end) !== sumOf(bytes, this.#end))
      throw this.#wrong(`${bytes.length} octets`, "their sum is wrong: they were cut or changed on the way");
  }

  get left(): number {
    return this.#end - this.#at;
  }

  /** A number from `least` to `most`. */
  number(name: string, least = Number.NEGATIVE_INFINITY, most = Number.POSITIVE_INFINITY): number {
    const at = this.#at;
    const value = this.#number(name);
    if (value >= least && value <= most) return value;
    throw this.#wrong(`${name} ${value} at octet ${at}`, `it is ${least} to ${most}`);
  }

  integer(name: string, least: number, most: number): number {
    const at = this.#at;
    const value = this.number(name, least, most);
    if (Number.isInteger(value)) return value;
    throw this.#wrong(`${name} ${value} at octet ${at}`, "it is an integer");
  }

  text(name: string, most: number): string {
    let text = "";
    for (let left = this.integer(name, 0, most); left > 0; left--) text += String.fromCharCode(this.integer(name, 0, 0xffff));
    return text;
  }

  /** A view of octets, valid as long as what is read. */
  octets(name: string, most: number): Uint8Array {
    const at = this.#at;
    const length = this.integer(name, 0, most);
    if (length > this.left) throw this.#wrong(`${name} of ${length} octets at octet ${at}`, `only ${this.left} are left`);
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  /** The error for what was read and cannot be. */
  wrong(what: string, why: string): Error {
    return this.#wrong(`${what}, read before octet ${this.#at}`, why);
  }

  #number(name: string): number {
    let code = 0;
    for (let unit = 1; ; unit *= 128) {
      if (this.#at >= this.#end) throw this.#wrong(name, `it is missing: the octets end at ${this.#end}`);
      const octet = this.#bytes[this.#at++]!;
      code += (octet & 127) * unit;
      if (octet < 128) break;
      if (unit > INTEGERS) throw this.#wrong(`${name} at octet ${this.#at}`, "it has too many digits");
    }
    if (code === INFINITE) return Number.POSITIVE_INFINITY;
    if (code === NEGATIVE_INFINITE) return Number.NEGATIVE_INFINITY;
    if (code !== DOUBLE) return (code - SIMPLE) % 2 === 0 ? (code - SIMPLE) / 2 : -((code - SIMPLE + 1) / 2);
    if (this.left < 8) throw this.#wrong(name, `it is missing: the octets end at ${this.#end}`);
    this.#at += 8;
    const value = this.#view.getFloat64(this.#at - 8);
    if (Number.isNaN(value)) throw this.#wrong(`${name} at octet ${this.#at - 8}`, "it is no number");
    return value;
  }

  #wrong(what: string, why: string): Error {
    return networkError("EINVAL", this.#syscall, what, why);
  }
}

/** FNV-1a, 32 bits: against damage, not against malice. */
function sumOf(bytes: Uint8Array, length: number): number {
  let sum = 0x811c_9dc5;
  for (let i = 0; i < length; i++) sum = Math.imul(sum ^ bytes[i]!, 0x0100_0193);
  return sum >>> 0;
}
