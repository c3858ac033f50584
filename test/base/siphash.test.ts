import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SeededRandom } from "../../src/base/prng.js";
import { SipKey, sipHash24, sipHash24High } from "../../src/base/siphash.js";

const MASK = (1n << 64n) - 1n;
const rotate = (x: bigint, by: bigint): bigint => ((x << by) | (x >> (64n - by))) & MASK;

/** The paper's definition, for messages of any length (s2.1 to s2.4). */
const reference = (k0: bigint, k1: bigint, message: Uint8Array): bigint => {
  let v0 = k0 ^ 0x736f6d6570736575n;
  let v1 = k1 ^ 0x646f72616e646f6dn;
  let v2 = k0 ^ 0x6c7967656e657261n;
  let v3 = k1 ^ 0x7465646279746573n;
  const rounds = (count: number): void => {
    for (let i = 0; i < count; i++) {
      v0 = (v0 + v1) & MASK;
      v1 = rotate(v1, 13n) ^ v0;
      v0 = rotate(v0, 32n);
      v2 = (v2 + v3) & MASK;
      v3 = rotate(v3, 16n) ^ v2;
      v0 = (v0 + v3) & MASK;
      v3 = rotate(v3, 21n) ^ v0;
      v2 = (v2 + v1) & MASK;
      v1 = rotate(v1, 17n) ^ v2;
      v2 = rotate(v2, 32n);
    }
  };
  const padded = new DataView(new ArrayBuffer(8 * (Math.floor(message.length / 8) + 1)));
  for (const [i, octet] of message.entries()) padded.setUint8(i, octet);
  padded.setUint8(padded.byteLength - 1, message.length);
  for (let at = 0; at < padded.byteLength; at += 8) {
    const m = padded.getBigUint64(at, true);
    v3 ^= m;
    rounds(2);
    v0 ^= m;
  }
  v2 ^= 0xffn;
  rounds(4);
  return v0 ^ v1 ^ v2 ^ v3;
};

const keyOf = (words: readonly number[]): SipKey => {
  let i = 0;
  return new SipKey({ int32: () => words[i++]! });
};

const join = (low: number, high: number): bigint => (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);

describe("SipHash-2-4", () => {
  const K0 = 0x0706050403020100n;
  const K1 = 0x0f0e0d0c0b0a0908n;
  const counting = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i);

  test.each([
    // Appendix A of the paper: 15 octets.
    [15, 0xa129ca6149be45e5n],
    // The designers' table of the same key and the messages 00 01 02 ….
    [0, 0x726fdb47dd0e0e31n],
    [8, 0x93f5f5799a932462n],
    [16, 0x3f2acc7f57c29bdbn],
    [17, 0x699ae9f52cbe4794n],
    [63, 0x958a324ceb064572n],
  ])("the reference agrees with the published vector for %i octets", (length, expected) => {
    expect(reference(K0, K1, counting(length)).toString(16)).toBe(expected.toString(16));
  });

  test("key 00 … 0f, message 00 … 0f: the published vector", () => {
    const key = keyOf([0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c]);
    expect(sipHash24(key, 0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c) >>> 0).toBe(0x57c29bdb);
    expect(key.high >>> 0).toBe(0x3f2acc7f);
    expect(sipHash24High(key, 0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c) >>> 0).toBe(0x3f2acc7f);
  });

  test("any key and any message of four words", () => {
    const word = fc.oneof(fc.integer(), fc.constantFrom(0, -1, 0x7fffffff, -0x80000000));
    const four = fc.tuple(word, word, word, word);
    fc.assert(
      fc.property(four, four, (key, message) => {
        const sip = keyOf(key);
        const low = sipHash24(sip, ...message);
        expect(low).toBe(low | 0);
        expect(sip.high).toBe(sip.high | 0);
        const octets = new Uint8Array(Int32Array.from(message).buffer);
        return join(low, sip.high) === reference(join(key[0], key[1]), join(key[2], key[3]), octets);
      }),
      { numRuns: 2000 },
    );
  });

  test("RFC 6528 s3: a key is drawn from the stack's own chance", () => {
    const a = new SipKey(new SeededRandom(1));
    const b = new SipKey(new SeededRandom(2));
    expect(sipHash24(a, 1, 2, 3, 4)).not.toBe(sipHash24(b, 1, 2, 3, 4));
    expect(sipHash24(a, 1, 2, 3, 4)).toBe(sipHash24(new SipKey(new SeededRandom(1)), 1, 2, 3, 4));
  });
});
