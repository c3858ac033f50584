/** SipHash-2-4, the keyed hash behind every table and number that the wire could otherwise predict or flood (RFC 6528 s3, RFC 6056 s3.3.3).
 *
 *  J.-P. Aumasson and D. J. Bernstein, "SipHash: a fast short-input PRF", 2012. 64-bit words are pairs of int32: no BigInt, no allocation. */
import type { Random } from "./environment.js";

/** A 128-bit key. */
export class SipKey {
  readonly k0Low: number;
  readonly k0High: number;
  readonly k1Low: number;
  readonly k1High: number;
  /** The high half of the hash made last with this key. */
  high = 0;

  constructor(random: Random) {
    this.k0Low = random.int32() | 0;
    this.k0High = random.int32() | 0;
    this.k1Low = random.int32() | 0;
    this.k1High = random.int32() | 0;
  }
}

/** Hashes the 16 octets that are the four words, little-endian, or the first 8 of them. Returns the low int32; `key.high` is the other half. */
export const sipHash24 = (key: SipKey, w0: number, w1: number, w2: number, w3: number, octets: 8 | 16 = 16): number => {
  let v0l = key.k0Low ^ 0x70736575;
  let v0h = key.k0High ^ 0x736f6d65;
  let v1l = key.k1Low ^ 0x6e646f6d;
  let v1h = key.k1High ^ 0x646f7261;
  let v2l = key.k0Low ^ 0x6e657261;
  let v2h = key.k0High ^ 0x6c796765;
  let v3l = key.k1Low ^ 0x79746573;
  let v3h = key.k1High ^ 0x74656462;
  // Rounds 0-1 take the first eight octets, 2-3 the next, if any, 4-5 the length block, 6-9 finish.
  for (let round = 0; round < 10; round++) {
    if (round === 0) {
      v3l ^= w0;
      v3h ^= w1;
    } else if (round === 2) {
      v0l ^= w0;
      v0h ^= w1;
      if (octets === 16) {
        v3l ^= w2;
        v3h ^= w3;
      } else {
        v3h ^= 8 << 24;
        round = 4;
      }
    } else if (round === 4) {
      v0l ^= w2;
      v0h ^= w3;
      v3h ^= 16 << 24;
    } else if (round === 6) {
      v0h ^= octets << 24;
      v2l ^= 0xff;
    }
    let sum = (v0l + v1l) | 0;
    v0h = (v0h + v1h + (((v0l & v1l) | ((v0l | v1l) & ~sum)) >>> 31)) | 0;
    v0l = sum;
    let low = (v1l << 13) | (v1h >>> 19);
    let high = (v1h << 13) | (v1l >>> 19);
    v1l = low ^ v0l;
    v1h = high ^ v0h;
    low = v0h;
    v0h = v0l;
    v0l = low;
    sum = (v2l + v3l) | 0;
    v2h = (v2h + v3h + (((v2l & v3l) | ((v2l | v3l) & ~sum)) >>> 31)) | 0;
    v2l = sum;
    low = (v3l << 16) | (v3h >>> 16);
    high = (v3h << 16) | (v3l >>> 16);
    v3l = low ^ v2l;
    v3h = high ^ v2h;
    sum = (v0l + v3l) | 0;
    v0h = (v0h + v3h + (((v0l & v3l) | ((v0l | v3l) & ~sum)) >>> 31)) | 0;
    v0l = sum;
    low = (v3l << 21) | (v3h >>> 11);
    high = (v3h << 21) | (v3l >>> 11);
    v3l = low ^ v0l;
    v3h = high ^ v0h;
    sum = (v2l + v1l) | 0;
    v2h = (v2h + v1h + (((v2l & v1l) | ((v2l | v1l) & ~sum)) >>> 31)) | 0;
    v2l = sum;
    low = (v1l << 17) | (v1h >>> 15);
    high = (v1h << 17) | (v1l >>> 15);
    v1l = low ^ v2l;
    v1h = high ^ v2h;
    low = v2h;
    v2h = v2l;
    v2l = low;
  }
  key.high = v0h ^ v1h ^ v2h ^ v3h;
  return v0l ^ v1l ^ v2l ^ v3l;
};

/** The high int32 of the same hash. */
export const sipHash24High = (key: SipKey, w0: number, w1: number, w2: number, w3: number): number => {
  sipHash24(key, w0, w1, w2, w3);
  return key.high;
};
