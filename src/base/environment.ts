/** What a stack is given instead of reaching for it: chance. Time is an argument of every call that needs it. */

/** A source of random numbers: cryptographic in production, seeded in simulation. */
export interface Random {
  /** A uniformly random signed int32. */
  int32(): number;
}

/** Where stacks on several cores share an address: whether what the other end of a flow says arrives at this one. The local port of an echo
 *  request is its identifier. */
export type FlowOwner = (protocol: number, local: number, localPort: number, remote: number, remotePort: number) => boolean;

/** Microseconds since an arbitrary origin that is the same for one stack's whole life; an integer below 2^53. */
export type Micros = number;

/** A deadline that is not set. */
export const NEVER: Micros = Number.POSITIVE_INFINITY;

export const MILLISECOND = 1_000;
export const SECOND = 1_000_000;

/** A uniformly random integer in [0, bound), for 0 < bound <= 2^31. */
export const randomBelow = (random: Random, bound: number): number => Math.floor(((random.int32() >>> 0) / 2 ** 32) * bound);
