/** What one connection may have of the memory for queues: a part of what is free now. So many connections share it by themselves, the largest
 *  give way first, none takes the last, and what arrives finds room (A. K. Choudhury, E. L. Hahne, "Dynamic queue length thresholds",
 *  1998). Nothing is taken from anybody: windows that were offered stand. */
import type { Core } from "./core.js";

/** However many share it, a peer is offered so much, while there is any. */
const LEAST_OFFER = 16_384;

/** Octets that may wait to be sent: a quarter of what is free, and always a first chunk. */
export const sendShare = (core: Core): number => Math.max(core.memory.chunks.size, Math.floor(freeOctets(core) / 4));

/** Octets that may be held unread, or offered: half of what is `free`. */
export const receiveShare = (free: number): number => Math.max(LEAST_OFFER, Math.floor(free / 2));

export const freeOctets = (core: Core): number => core.memory.chunks.available * core.memory.chunks.size;
