/** The text of numbered streams, as peer.mjs has it: each end knows what the other must have sent. */
import { createHash } from "node:crypto";

/** Repeats with a period that no power of two divides, so that a shifted or swapped piece shows. */
export const patternBlock = (seed: number): Uint8Array => {
  const block = new Uint8Array(65_521);
  let x = (seed * 2_654_435_761 + 12_345) >>> 0;
  for (let i = 0; i < block.length; i++) {
    x = (Math.imul(x, 1_664_525) + 1_013_904_223) >>> 0;
    block[i] = x >>> 24;
  }
  return block;
};

/** SHA-256 of the stream's first octets. */
export const patternHash = (seed: number, octets: number): string => {
  const hash = createHash("sha256");
  const block = patternBlock(seed);
  for (let left = octets; left > 0; left -= block.length) hash.update(left < block.length ? block.subarray(0, left) : block);
  return hash.digest("hex");
};
