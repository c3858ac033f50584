/** Ephemeral ports: RFC 6056 s3.3.4, algorithm 4 (double-hash), so that the next port of one peer tells another peer nothing. */
import type { Random } from "../base/environment.js";
import { SipKey, sipHash24 } from "../base/siphash.js";
import type { IpAddress } from "../ip/address.js";

/** RFC 6335 s6 names 49152-65535 dynamic; RFC 6056 s3.2 asks for as many as can be: 1024-65535 without what listens. */
const FIRST = 1_024;
const COUNT = 65_536 - FIRST;
const TABLE = 256;

export class EphemeralPorts {
  readonly #offset: SipKey;
  readonly #index: SipKey;
  readonly #table = new Uint32Array(TABLE);
  /** By index: the last destination to which no port was free, and how many had left by then. */
  readonly #full: ({ local: IpAddress; remote: IpAddress; remotePort: number; departures: number } | null)[] = new Array(TABLE).fill(null);

  constructor(random: Random) {
    this.#offset = new SipKey(random);
    this.#index = new SipKey(random);
    for (let i = 0; i < TABLE; i++) this.#table[i] = random.int32();
  }

  /** A port for which `free` is true, or 0 when none of the 64 512 is. `departures`: how many connections and listeners have ended; while
   *  that stands still, who found no port finds none, and is not made to look again (-1: look). */
  choose(local: IpAddress, remote: IpAddress, remotePort: number, free: (port: number) => boolean, departures = -1): number {
    const offset = sipHash24(this.#offset, local, remote, remotePort, 0) >>> 0;
    const index = sipHash24(this.#index, local, remote, remotePort, 0) & (TABLE - 1);
    const full = this.#full[index] ?? null;
    const known = full !== null && full.local === local && full.remote === remote && full.remotePort === remotePort;
    if (known && full.departures === departures) return 0;
    for (let tried = 0; tried < COUNT; tried++) {
      const port = FIRST + ((offset + this.#table[index]!) % COUNT);
      this.#table[index]! += 1;
      if (free(port)) return port;
    }
    if (departures >= 0) this.#full[index] = { local, remote, remotePort, departures };
    return 0;
  }
}
