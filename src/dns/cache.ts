/** Answers that are still true — RFC 1035 s7.4, RFC 2308 — bounded, the one that was not asked for longest leaving first. */
import { type Micros, SECOND } from "../base/environment.js";

/** However long a server says: an error must not stay for ever. RFC 2308 s7.1 for what is not there: "SHOULD NOT be cached for longer than" three hours. */
const LONGEST_SECONDS = 86_400;
const LONGEST_NEGATIVE_SECONDS = 10_800;

interface Entry<Value> {
  readonly value: Value;
  readonly until: Micros;
}

export class Cache<Value> {
  readonly #limit: number;
  readonly #entries = new Map<string, Entry<Value>>();
  hits = 0;
  misses = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** What is known, and for how many seconds more; null: nothing. */
  find(key: string, now: Micros): { value: Value; ttl: number } | null {
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.until <= now) {
      if (entry !== undefined) this.#entries.delete(key);
      this.misses += 1;
      return null;
    }
    this.hits += 1;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return { value: entry.value, ttl: Math.floor((entry.until - now) / SECOND) };
  }

  add(key: string, value: Value, ttl: number, negative: boolean, now: Micros): void {
    const seconds = Math.min(ttl, negative ? LONGEST_NEGATIVE_SECONDS : LONGEST_SECONDS);
    if (!(seconds > 0) || this.#limit === 0) return;
    this.#entries.delete(key);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size < this.#limit) break;
      this.#entries.delete(oldest);
    }
    this.#entries.set(key, { value, until: now + seconds * SECOND });
  }

  clear(): void {
    this.#entries.clear();
  }
}
