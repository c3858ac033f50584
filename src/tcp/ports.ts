/** Ephemeral ports: RFC 6056 s3.3.4, algorithm 4 (double-hash), so that the next port of one peer tells another peer nothing. */
import type { Random } from "../base/environment.js";
import { SipKey, sipHash24 } from "../base/siphash.js";
import type { IpAddress } from "../ip/address.js";

/** RFC 6335 s6 names 49152-65535 dynamic; RFC 6056 s3.2 asks for as many as can be: 1024-65535 without what listens. */
const FIRST = 1_024;
const COUNT = 65_536 - FIRST;
const TABLE = 256;
/** Candidates that are tried before it is worth knowing which are taken, and destinations of which that is known. */
const PATIENCE = 256;
const CROWDS = 16;

export class EphemeralPorts {
  readonly #offset: SipKey;
  readonly #index: SipKey;
  readonly #table = new Uint32Array(TABLE);
  readonly #crowds: Crowd[] = [];
  #oldest = 0;

  constructor(random: Random) {
    this.#offset = new SipKey(random);
    this.#index = new SipKey(random);
    for (let i = 0; i < TABLE; i++) this.#table[i] = random.int32();
  }

  /** A port for which `free` is true, or 0 when none of the 64 512 is. Whoever takes it says by `left` when it is free again. */
  choose(local: IpAddress, remote: IpAddress, remotePort: number, free: (port: number) => boolean): number {
    const offset = sipHash24(this.#offset, local, remote, remotePort, 0) >>> 0;
    const index = sipHash24(this.#index, local, remote, remotePort, 0) & (TABLE - 1);
    const known = this.#crowdOf(local, remote, remotePort);
    if (known !== null) return known.take(FIRST + ((offset + this.#table[index]!++) % COUNT), free);
    let port = 0;
    for (let tried = 0; tried < PATIENCE; tried++) {
      port = FIRST + ((offset + this.#table[index]!) % COUNT);
      this.#table[index]! += 1;
      if (free(port)) return port;
    }
    const crowd = new Crowd(local, remote, remotePort, free);
    this.#crowds[this.#oldest] = crowd;
    this.#oldest = (this.#oldest + 1) % CROWDS;
    return crowd.take(port, free);
  }

  /** A connection has ended. */
  left(local: IpAddress, localPort: number, remote: IpAddress, remotePort: number): void {
    if (this.#crowds.length > 0) this.#crowdOf(local, remote, remotePort)?.left(localPort);
  }

  /** A listener has ended: its port is free towards everybody. */
  forget(): void {
    this.#crowds.length = this.#oldest = 0;
  }

  #crowdOf(local: IpAddress, remote: IpAddress, remotePort: number): Crowd | null {
    for (let i = 0; i < this.#crowds.length; i++) {
      const crowd = this.#crowds[i]!;
      if (crowd.remote === remote && crowd.remotePort === remotePort && crowd.local === local) return crowd;
    }
    return null;
  }
}

/** A destination towards which so many ports are taken that looking for one by trying would take long: the ports that are not, as bits. Who
 *  looks costs the same whether one is free or all but one. */
class Crowd {
  readonly local: IpAddress;
  readonly remote: IpAddress;
  readonly remotePort: number;
  readonly #free = new Int32Array(65_536 / 32);

  constructor(local: IpAddress, remote: IpAddress, remotePort: number, free: (port: number) => boolean) {
    this.local = local;
    this.remote = remote;
    this.remotePort = remotePort;
    for (let port = FIRST; port < FIRST + COUNT; port++) if (free(port)) this.left(port);
  }

  left(port: number): void {
    if (port >= FIRST) this.#free[port >> 5]! |= 1 << (port & 31);
  }

  /** The first free port from `from` on, coming round; 0: there is none. */
  take(from: number, free: (port: number) => boolean): number {
    const words = this.#free;
    // The first word comes again at the end, for the ports before `from`.
    let mask = -1 << (from & 31);
    for (let step = 0, word = from >> 5; step <= words.length; step++, word = (word + 1) % words.length, mask = -1) {
      while ((words[word]! & mask) !== 0) {
        const bits = words[word]! & mask;
        const port = 32 * word + 31 - Math.clz32(bits & -bits);
        words[word]! &= ~(1 << (port & 31));
        if (free(port)) return port; // a connection from there may have been opened by the other end
      }
    }
    return 0;
  }
}
