/** Whom the events of a slot are told. Many connections share one application: it knows them by their handles, and a slot without one costs a
 *  reference. In pieces that are large enough not to be moved by a collector, and that nothing copies when there are more. */
import type { Application } from "./events.js";

const PIECE_BITS = 14;
const PIECE_MASK = (1 << PIECE_BITS) - 1;

export class Applications {
  readonly #pieces: (Application | null)[][] = [];

  at(slot: number): Application | null {
    return this.#pieces[slot >> PIECE_BITS]?.[slot & PIECE_MASK] ?? null;
  }

  set(slot: number, application: Application | null): void {
    while (slot >> PIECE_BITS >= this.#pieces.length) this.#pieces.push([]);
    const piece = this.#pieces[slot >> PIECE_BITS]!;
    while (piece.length <= (slot & PIECE_MASK)) piece.push(null);
    piece[slot & PIECE_MASK] = application;
  }
}
