/** Runs a fuzz target on inputs that a seed draws, and minimises what fails. */
import { SeededRandom } from "../../src/base/prng.js";
import type { Target } from "./targets.js";

export interface Failure {
  readonly seed: number;
  /** The smallest input found that still fails, as hex. */
  readonly input: string;
  readonly error: string;
}

export interface Outcome {
  readonly inputs: number;
  readonly weight: number;
  readonly failure: Failure | null;
}

const inputOf = (seed: number, size: number): Uint8Array => {
  const random = new SeededRandom(seed);
  const input = new Uint8Array(1 + random.below(size));
  for (let i = 0; i < input.length; i++) input[i] = random.below(256);
  return input;
};

export function errorOf(target: Target, input: Uint8Array): string | null {
  try {
    target.run(input);
    return null;
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
}

/** Each seed from `from` on is an input, until `enough` says so or one fails. */
export function fuzz(target: Target, from: number, enough: (outcome: { inputs: number; weight: number }) => boolean): Outcome {
  let inputs = 0;
  let weight = 0;
  for (let seed = from; !enough({ inputs, weight }); seed++) {
    const input = inputOf(seed, target.size);
    const error = errorOf(target, input);
    inputs += 1;
    weight += target.weight;
    if (error === null) continue;
    const smallest = minimise(target, input);
    return { inputs, weight, failure: { seed, input: Buffer.from(smallest).toString("hex"), error: errorOf(target, smallest) ?? error } };
  }
  return { inputs, weight, failure: null };
}

/** Takes pieces away, then makes octets zero, as long as it still fails. */
export function minimise(target: Target, input: Uint8Array): Uint8Array {
  let best = input;
  let tries = 0;
  const keep = (candidate: Uint8Array): boolean => {
    if (tries++ > 3_000 || errorOf(target, candidate) === null) return false;
    best = candidate;
    return true;
  };
  for (let piece = best.length >> 1; piece > 0; piece >>= 1)
    for (let at = 0; at + piece <= best.length; )
      if (!keep(Uint8Array.from([...best.subarray(0, at), ...best.subarray(at + piece)]))) at += piece;
  for (let at = 0; at < best.length; at++) {
    if (best[at] === 0) continue;
    const candidate = Uint8Array.from(best);
    candidate[at] = 0;
    keep(candidate);
  }
  return best;
}
