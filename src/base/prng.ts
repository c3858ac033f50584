/** A seeded generator for simulation and tests: xoshiro128** (D. Blackman and S. Vigna), the same in every engine. Not for secrets. */
import type { Random } from "./environment.js";

export class SeededRandom implements Random {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  /** Any finite number is a seed; different integers below 2^53 are different seeds. */
  constructor(seed: number) {
    const whole = Math.floor(Math.abs(seed));
    let state = (whole | 0) ^ Math.imul(Math.floor(whole / 2 ** 32), 0x9e3779b1) ^ (seed < 0 ? 0x55555555 : 0);
    const next = (): number => {
      state = (state + 0x9e3779b9) | 0;
      return mix(state);
    };
    this.#a = next();
    this.#b = next() ^ Math.floor(whole / 2 ** 32);
    this.#c = next();
    this.#d = next() | 1;
  }

  int32(): number {
    const result = Math.imul(rotate(Math.imul(this.#b, 5), 7), 9);
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = rotate(this.#d, 11);
    return result | 0;
  }

  /** Uniform in [0, 1), in steps of 2^-32. */
  float(): number {
    return (this.int32() >>> 0) / 2 ** 32;
  }

  /** A uniform integer in [0, n), for 0 < n <= 2^32. */
  below(n: number): number {
    return Math.floor(this.float() * n);
  }

  /** Another generator, whose numbers do not depend on how many this one gives from now on. */
  fork(): SeededRandom {
    return new SeededRandom((this.int32() >>> 0) * 2 ** 20 + (this.int32() >>> 12));
  }
}

const rotate = (x: number, by: number): number => (x << by) | (x >>> (32 - by));

/** The finaliser of MurmurHash3. */
const mix = (x: number): number => {
  let h = x;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
};
