/** TCP Fast Open: RFC 7413. The server's cookies, the client's memory of the cookies it was given, and the pause after paths that lose
 *  SYNs with data (s4.1.3). What a connection does with them is where the handshake is: `arrives-listen`, `arrives-syn-sent`, `output`. */
import type { Micros, Random } from "../base/environment.js";
import { KeyedTable } from "../base/keyed-table.js";
import { SipKey, sipHash24 } from "../base/siphash.js";
import type { IpAddress } from "../ip/address.js";
import { COOKIE_LEAST, COOKIE_MOST, type Segment } from "./segment.js";

/** What a connection has to do with Fast Open. Bits of `tcb.fastOpen`. */
export const FastOpen = {
  /** Its SYN carries the option, so that the first text may go with it. */
  Wanted: 1,
  /** Text went with the SYN. */
  SynData: 2,
  /** And was acknowledged by the SYN,ACK. */
  SynDataAcked: 4,
  /** The SYN had the experimental form of the option. */
  Experimental: 8,
  /** Spawned by a SYN with a cookie: an application may have it before the handshake is over (s4.2). */
  Early: 16,
  /** The SYN,ACK shall carry a cookie. */
  CookieDue: 32,
  /** Likewise, in the experimental form. */
  CookieDueExperimental: 64,
  /** The SYN carried the option. */
  Asked: 128,
  /** It was begun while Fast Open was on probation after a pause. */
  Probation: 256,
} as const;

/** Octets of the cookies that we give. */
export const COOKIE_SIZE = 8;

/** The 128-bit key from its four words. */
export function cookieKey(words: readonly number[]): SipKey {
  let at = 0;
  return new SipKey({ int32: () => (words[at++] ?? 0) | 0 });
}

const swapped = (word: number): number => ((word & 0xff) << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | ((word >>> 24) & 0xff);

/** The words of the cookie for a client at one of our addresses: SipHash-2-4 of the addresses (s4.1.2 wants the client's to be in it). */
function cookieWords(key: SipKey, client: IpAddress, server: IpAddress): [number, number] {
  const low = sipHash24(key, swapped(client), swapped(server), 0, 0, 8);
  return [low, key.high];
}

/** Puts the cookie into a segment. */
export function writeCookieOf(key: SipKey, client: IpAddress, server: IpAddress, out: Segment): void {
  const words = cookieWords(key, client, server);
  for (let i = 0; i < COOKIE_SIZE; i++) out.cookie[i] = (words[i >> 2]! >>> (8 * (i & 3))) & 0xff;
  out.cookieLength = COOKIE_SIZE;
}

/** True when the segment brings the cookie that the key gives. All octets are looked at, so that the time says nothing. */
export function isCookieOf(key: SipKey, client: IpAddress, server: IpAddress, seg: Segment): boolean {
  if (seg.cookieLength !== COOKIE_SIZE) return false;
  const words = cookieWords(key, client, server);
  let differs = 0;
  for (let i = 0; i < COOKIE_SIZE; i++) differs |= seg.cookie[i]! ^ ((words[i >> 2]! >>> (8 * (i & 3))) & 0xff);
  return differs === 0;
}

/** s4.1.1: 4 to 16 octets, an even number. */
export const isPossibleCookie = (length: number): boolean => length >= COOKIE_LEAST && length <= COOKIE_MOST && (length & 1) === 0;

/** Doublings of the pause after repeated failures, at most. */
const MOST_DOUBLINGS = 6;

/** What a client remembers of servers (s4.1.3), and when it had better not use Fast Open at all. */
export class FastOpenMemory {
  readonly #servers: KeyedTable;
  readonly #cookies: Uint8Array[] = [];
  readonly #experimental: boolean[] = [];
  /** The MSS that the server announced; 0: not known. */
  readonly #mss: number[] = [];
  /** The server does not do Fast Open: until when it is not asked again. */
  readonly #refusedUntil: Micros[] = [];
  /** The form of the option to try next, after one that was not answered. */
  readonly #tryExperimental: boolean[] = [];
  #failures = 0;
  #failedAt: Micros = 0;

  constructor(random: Random, limit: number) {
    this.#servers = new KeyedTable(new SipKey(random), limit);
  }

  /** Forgets all servers. */
  clear(): void {
    for (let slot = this.#servers.oldest; slot >= 0; slot = this.#servers.oldest) this.#servers.remove(slot);
  }

  /** Puts what is known into a segment: the cookie, or a request for one (length 0), or nothing (-1). */
  recall(local: IpAddress, remote: IpAddress, port: number, out: Segment, now: Micros): void {
    const slot = this.#servers.find(local, remote, port, 0);
    out.cookieExperimental = slot >= 0 && (this.#cookies[slot]!.length > 0 ? this.#experimental[slot]! : this.#tryExperimental[slot]!);
    if (slot < 0) {
      out.cookieLength = 0;
      return;
    }
    const cookie = this.#cookies[slot]!;
    out.cookieLength = now < this.#refusedUntil[slot]! ? -1 : cookie.length;
    out.cookie.set(cookie);
  }

  /** The MSS that the server announced when it was last spoken to; 0: not known. */
  mssOf(local: IpAddress, remote: IpAddress, port: number): number {
    const slot = this.#servers.find(local, remote, port, 0);
    return slot < 0 ? 0 : this.#mss[slot]!;
  }

  hasCookie(local: IpAddress, remote: IpAddress, port: number): boolean {
    const slot = this.#servers.find(local, remote, port, 0);
    return slot >= 0 && this.#cookies[slot]!.length > 0;
  }

  /** A SYN,ACK has brought a cookie. */
  learn(local: IpAddress, remote: IpAddress, port: number, seg: Segment): void {
    const slot = this.#slot(local, remote, port);
    this.#cookies[slot] = seg.cookie.slice(0, seg.cookieLength);
    this.#experimental[slot] = seg.cookieExperimental;
    this.#refusedUntil[slot] = 0;
    this.#mss[slot] = seg.mss === 0 ? 536 : seg.mss;
  }

  /** A SYN,ACK has come without one: what it announced is still news, and the other form of the option may be understood. */
  heard(local: IpAddress, remote: IpAddress, port: number, mss: number, tryExperimental: boolean): void {
    const slot = this.#slot(local, remote, port);
    this.#mss[slot] = mss === 0 ? 536 : mss;
    this.#tryExperimental[slot] = tryExperimental;
  }

  /** The server is not asked again until then. */
  refuse(local: IpAddress, remote: IpAddress, port: number, until: Micros): void {
    const slot = this.#slot(local, remote, port);
    this.#refusedUntil[slot] = until;
    this.#cookies[slot] = new Uint8Array(0);
  }

  /** A SYN with data was lost where others were not: forget the cookie, so that the next connection begins without. */
  forget(local: IpAddress, remote: IpAddress, port: number): void {
    const slot = this.#servers.find(local, remote, port, 0);
    if (slot >= 0) this.#servers.remove(slot);
  }

  /** Something on the way loses what Fast Open sends: pause, longer each time. */
  pause(now: Micros): void {
    this.#failures += 1;
    this.#failedAt = now;
  }

  /** While it pauses nobody uses Fast Open. `timeout` 0: there are no pauses. */
  paused(timeout: Micros, now: Micros): boolean {
    if (timeout === 0 || this.#failures === 0) return false;
    return now < this.#failedAt + timeout * 2 ** Math.min(this.#failures - 1, MOST_DOUBLINGS);
  }

  get onProbation(): boolean {
    return this.#failures > 0;
  }

  /** A connection that was begun on probation has got data. */
  trust(): void {
    this.#failures = 0;
  }

  #slot(local: IpAddress, remote: IpAddress, port: number): number {
    let slot = this.#servers.find(local, remote, port, 0);
    if (slot >= 0) {
      this.#servers.touch(slot);
      return slot;
    }
    if (this.#servers.count >= this.#servers.limit) this.#servers.remove(this.#servers.oldest);
    slot = this.#servers.insert(local, remote, port, 0);
    this.#cookies[slot] = new Uint8Array(0);
    this.#experimental[slot] = false;
    this.#mss[slot] = 0;
    this.#refusedUntil[slot] = 0;
    this.#tryExperimental[slot] = false;
    return slot;
  }
}
