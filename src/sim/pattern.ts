/** The text of simulated streams: octet n of a stream is a function of the stream and of n, so that everyone on the way, sender,
 *  wire and receiver, can tell a wrong octet without having kept the right one. */
import { SeededRandom } from "../base/prng.js";

const PERIOD = 1 << 20;
/** Octets of a stream that are in one piece behind any position. */
const RUN = 1 << 16;

const table = new Uint8Array(PERIOD + RUN);
{
  const random = new SeededRandom(0x0c7e75);
  const words = new Int32Array(table.buffer);
  for (let i = 0; i < PERIOD / 4; i++) words[i] = random.int32();
  table.copyWithin(PERIOD, 0, RUN);
}

/** What one end of a connection sends: known by the endpoints alone. */
export class Pattern {
  readonly #shift: number;

  constructor(source: number, sourcePort: number, destination: number, destinationPort: number) {
    let h = Math.imul(source, 0x9e3779b1) ^ Math.imul(destination, 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 15), 0xc2b2ae35) ^ Math.imul((sourcePort << 16) | destinationPort, 0x27d4eb2f);
    this.#shift = (h ^ (h >>> 13)) & (PERIOD - 1);
  }

  /** Where octets of the stream from `position` begin: up to 65 536 follow in `Pattern.octets`. */
  at(position: number): number {
    return (this.#shift + position) & (PERIOD - 1);
  }

  static readonly octets: Uint8Array = table;
  static readonly longest = RUN;

  /** The first of `bytes[start..end)` that is not the stream's from `position`, as an index; -1 when all are. */
  mismatch(bytes: Uint8Array, start: number, end: number, position: number): number {
    let from = this.at(position);
    for (let at = start; at < end; at++, from++) {
      if (from === PERIOD) from = 0;
      if (bytes[at] !== table[from]) return at;
    }
    return -1;
  }
}
