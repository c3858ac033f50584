/** The dice that plan worlds. */
import { SeededRandom } from "../base/prng.js";

export class Dice {
  readonly #random: SeededRandom;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
  }

  float(): number {
    return this.#random.float();
  }
  below(n: number): number {
    return Math.floor(this.#random.float() * n);
  }
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }
  chance(p: number): boolean {
    return this.#random.float() < p;
  }
  pick<const T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }
  /** Octets of a transfer: as often small as large, up to a million. */
  size(): number {
    return this.between(1, this.pick([10, 1_000, 10_000, 50_000, 50_000, 200_000, 200_000, 1_000_000]));
  }
}
