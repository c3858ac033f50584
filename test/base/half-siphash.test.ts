import fc from "fast-check";
import { expect, test } from "vitest";
import { HalfSipKey, halfSipHash13 } from "../../src/base/half-siphash.js";

const rotate = (x: number, by: number): number => (x << by) | (x >>> (32 - by));

/** As its author defines it, for any number of rounds and messages of any length. */
const reference = (k0: number, k1: number, message: Uint8Array, compress: number, finish: number): number => {
  let [v0, v1, v2, v3] = [k0, k1, k0 ^ 0x6c796765, k1 ^ 0x74656462];
  const rounds = (count: number): void => {
    for (let i = 0; i < count; i++) {
      v0 = (v0 + v1) | 0;
      v1 = rotate(v1, 5) ^ v0;
      v0 = rotate(v0, 16);
      v2 = (v2 + v3) | 0;
      v3 = rotate(v3, 8) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = rotate(v3, 7) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = rotate(v1, 13) ^ v2;
      v2 = rotate(v2, 16);
    }
  };
  const padded = new DataView(new ArrayBuffer(4 * (Math.floor(message.length / 4) + 1)));
  for (const [i, octet] of message.entries()) padded.setUint8(i, octet);
  padded.setUint8(padded.byteLength - 1, message.length);
  for (let at = 0; at < padded.byteLength; at += 4) {
    const word = padded.getInt32(at, true);
    v3 ^= word;
    rounds(compress);
    v0 ^= word;
  }
  v2 ^= 0xff;
  rounds(finish);
  return v1 ^ v3;
};

test("the model is HalfSipHash: vectors of its reference implementation, key 00 to 07, message 00, 01, ...", () => {
  const vectors = ["a9359f5b", "27475ab8", "fa62a603", "8afee704", "2a6e4689", "c5fab669", "5863fc23", "8bcf63c5"];
  for (const [length, vector] of vectors.entries()) {
    const hash = new DataView(new ArrayBuffer(4));
    hash.setInt32(
      0,
      reference(
        0x03020100,
        0x07060504,
        Uint8Array.from({ length }, (_, i) => i),
        2,
        4,
      ),
      true,
    );
    expect(hash.getUint32(0).toString(16).padStart(8, "0")).toBe(vector);
  }
});

test("three words hash as the model's twelve octets, with one round a word and three to finish", () => {
  const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
  fc.assert(
    fc.property(fc.tuple(word, word), fc.tuple(word, word, word), ([k0, k1], words) => {
      const keys = [k0, k1, 0, 0];
      const key = new HalfSipKey({ int32: () => keys.shift()! });
      const view = new DataView(new ArrayBuffer(12));
      for (const [i, value] of words.entries()) view.setInt32(4 * i, value, true);
      expect(halfSipHash13(key, ...words)).toBe(reference(k0, k1, new Uint8Array(view.buffer), 1, 3));
    }),
  );
});
