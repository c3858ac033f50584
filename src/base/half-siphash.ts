/** HalfSipHash-1-3: SipHash on 32-bit words, for where a table is looked up for each segment. Its key of 64 bits and its few rounds do for a
 *  hash that nobody outside ever sees; what leaves the stack (numbers, ports, cookies) is made by `sipHash24`.
 *
 *  J.-P. Aumasson, "SipHash: a fast short-input PRF", reference implementation, 2016. */
import type { Random } from "./environment.js";
import { SipKey } from "./siphash.js";

/** A 64-bit key, folded from the 128 bits that a `SipKey` draws: which of the two hashes a table has does not change what else a seed gives. */
export class HalfSipKey {
  readonly k0: number;
  readonly k1: number;

  constructor(random: Random) {
    const { k0Low, k0High, k1Low, k1High } = new SipKey(random);
    this.k0 = k0Low ^ k1Low;
    this.k1 = k0High ^ k1High;
  }
}

/** Hashes the 12 octets that are the three words, little-endian; an int32. */
export const halfSipHash13 = ({ k0, k1 }: HalfSipKey, w0: number, w1: number, w2: number): number => {
  let v0 = k0;
  let v1 = k1;
  let v2 = k0 ^ 0x6c796765;
  let v3 = k1 ^ 0x74656462;
  let word = w0;
  // Rounds 0-2 take a word each, 3 the length, 4-6 finish.
  for (let round = 0; round < 7; round++) {
    v3 ^= word;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= word;
    word = round === 0 ? w1 : round === 1 ? w2 : round === 2 ? LENGTH : 0;
    if (round === 3) v2 ^= 0xff;
  }
  return v1 ^ v3;
};

/** Octets, in the highest octet of the last word. */
const LENGTH = 12 << 24;
