/** How many connections each peer has opened to us: roughly, and never too few. A count-min sketch (G. Cormode, S. Muthukrishnan, 2005): it has
 *  the same size however many peers there are, and its hash is keyed, so that nobody chooses with whom he shares a cell. */
import type { Random } from "../base/environment.js";
import { SipKey, sipHash24 } from "../base/siphash.js";
import type { IpAddress } from "../ip/address.js";

/** Connections for each cell of a row; a row is 2^6 to 2^15 cells. */
const PER_CELL = 32;

export class SourceCounts {
  readonly #key: SipKey;
  readonly #mask: number;
  readonly #rows: [Int32Array, Int32Array];

  constructor(random: Random, connections: number) {
    this.#key = new SipKey(random);
    const cells = 2 ** Math.min(15, Math.max(6, Math.ceil(Math.log2(connections / PER_CELL))));
    this.#mask = cells - 1;
    this.#rows = [new Int32Array(cells), new Int32Array(cells)];
  }

  add(source: IpAddress, count: 1 | -1): void {
    const hash = sipHash24(this.#key, source, 0, 0, 0);
    this.#rows[0][hash & this.#mask]! += count;
    this.#rows[1][(hash >>> 16) & this.#mask]! += count;
  }

  of(source: IpAddress): number {
    const hash = sipHash24(this.#key, source, 0, 0, 0);
    return Math.min(this.#rows[0][hash & this.#mask]!, this.#rows[1][(hash >>> 16) & this.#mask]!);
  }
}
