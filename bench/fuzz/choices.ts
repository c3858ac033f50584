/** Octets as a list of choices: a target draws its structure from them, so that any octets are an input, fewer octets a simpler one, and a
 *  failing input can be minimised, printed as hex, and run again. Where they end, every choice is the first. */
export class Choices {
  readonly #octets: Uint8Array;
  #at = 0;

  constructor(octets: Uint8Array) {
    this.#octets = octets;
  }

  get done(): boolean {
    return this.#at >= this.#octets.length;
  }

  octet(): number {
    return this.#octets[this.#at++] ?? 0;
  }

  half(): number {
    return (this.octet() << 8) | this.octet();
  }

  word(): number {
    return (this.half() << 16) | this.half();
  }

  below(n: number): number {
    return n <= 256 ? this.octet() % n : this.half() % n;
  }

  pick<const T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  chance(outOf256: number): boolean {
    return this.octet() < outOf256;
  }

  octets(length: number): number[] {
    return Array.from({ length }, () => this.octet());
  }

  rest(): Uint8Array {
    const rest = this.#octets.slice(this.#at);
    this.#at = this.#octets.length;
    return rest;
  }
}
