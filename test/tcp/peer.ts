/** The other end of an exchange, written for obviousness: a receiver that keeps octets in an array, behind a wire that loses. */
import type { Exchange, Injection, Sentry } from "./exchange.js";

export interface Wire {
  /** Each way. */
  delay: number;
  /** What becomes of the n-th segment of ours, and of the n-th of theirs: copies that arrive, each so much later. */
  ours: (n: number) => readonly number[];
  theirs: (n: number) => readonly number[];
}

export const LOST: readonly number[] = [];
export const INTACT: readonly number[] = [0];

interface Flying<T> {
  at: number;
  order: number;
  what: T;
}

export class Peer {
  readonly x: Exchange;
  readonly stream: Uint8Array;
  readonly wire: Wire;
  readonly sack: boolean;
  /** Octets they will take beyond what they have: their window, before the shift. */
  window = 0xffff * 128;
  readonly shift: number;
  /** The next octet they expect; 1 + stream.length + 1 when the FIN is there too. */
  next = 1;
  /** Octets beyond it that have arrived. */
  readonly held = new Set<number>();
  finished = false;
  #toThem: Flying<Sentry>[] = [];
  #toUs: Flying<Injection>[] = [];
  #sentByUs = 0;
  #sentByThem = 0;
  #order = 0;
  /** Every segment that left, the lost ones too. */
  readonly log: Sentry[] = [];

  constructor(x: Exchange, stream: Uint8Array, wire: Wire, options: { sack?: boolean; shift?: number } = {}) {
    this.x = x;
    this.stream = stream;
    this.wire = wire;
    this.sack = options.sack ?? false;
    this.shift = options.shift ?? 7;
  }

  /** Until all is delivered and acknowledged, or `micros` are over, or there is nothing more to happen. */
  run(micros: number): void {
    const end = this.x.now + micros;
    for (;;) {
      this.#collect();
      if (this.done) return;
      const at = Math.min(
        this.#toThem[0]?.at ?? Number.POSITIVE_INFINITY,
        this.#toUs[0]?.at ?? Number.POSITIVE_INFINITY,
        this.x.tcp.nextTimeout(),
      );
      if (at > end) return;
      this.x.advance(Math.max(0, at - this.x.now));
      this.#collect();
      while (this.#toThem.length > 0 && this.#toThem[0]!.at <= this.x.now) this.#arrives(this.#toThem.shift()!.what);
      while (this.#toUs.length > 0 && this.#toUs[0]!.at <= this.x.now) this.x.inject(this.#toUs.shift()!.what);
    }
  }

  /** All text and the FIN are here, and we know it. */
  get done(): boolean {
    return this.finished && (this.x.state === "FIN-WAIT-2" || this.x.state === "CLOSED");
  }

  #collect(): void {
    for (const s of this.x.take()) {
      this.log.push(s);
      for (let i = 0; i < s.length; i++)
        if (s.text[i] !== this.stream[s.seq - 1 + i])
          throw new Error(`octet ${s.seq + i} left as ${s.text[i]}, it is ${this.stream[s.seq - 1 + i]}`);
      if (s.seq + s.length > 1 + this.stream.length) throw new Error("text that nobody wrote");
      if (s.flags.includes("F") && s.seq + s.length !== 1 + this.stream.length) throw new Error("a FIN that is not behind the last octet");
      for (const late of this.wire.ours(this.#sentByUs++))
        this.#toThem.push({ at: s.at + this.wire.delay + late, order: this.#order++, what: s });
    }
    this.#toThem.sort((a, b) => a.at - b.at || a.order - b.order);
  }

  #arrives(s: Sentry): void {
    const fin = s.flags.includes("F");
    const edge = this.next + this.window;
    for (let i = 0; i < s.length; i++) if (s.seq + i >= this.next && s.seq + i < edge) this.held.add(s.seq + i);
    if (fin) this.held.add(1 + this.stream.length);
    while (this.held.delete(this.next)) this.next += 1;
    if (this.next === this.stream.length + 2) this.finished = true;
    // Only what occupies sequence numbers, or asks with an old one, is answered.
    if (s.length > 0 || fin || s.seq < this.next) this.say(s.seq);
  }

  /** An ACK, with the blocks that RFC 2018 asks for: first the one of the segment at `trigger`. */
  say(trigger = -1): void {
    const sack: number[] = [];
    if (this.sack && this.held.size > 0) {
      const ranges: [number, number][] = [];
      for (const octet of [...this.held].sort((a, b) => a - b)) {
        const last = ranges.at(-1);
        if (last !== undefined && last[1] === octet) last[1] += 1;
        else ranges.push([octet, octet + 1]);
      }
      const first = ranges.findIndex(([left, right]) => left <= trigger && trigger < right);
      if (first > 0) ranges.unshift(...ranges.splice(first, 1));
      for (const range of ranges.slice(0, 4)) sack.push(...range);
    }
    const segment: Injection = { seq: 1, ack: this.next, wnd: Math.min(0xffff, this.window >> this.shift), sack };
    for (const late of this.wire.theirs(this.#sentByThem++)) {
      this.#toUs.push({ at: this.x.now + this.wire.delay + late, order: this.#order++, what: segment });
      this.#toUs.sort((a, b) => a.at - b.at || a.order - b.order);
    }
  }
}
