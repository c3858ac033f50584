/** What an application can choose for a connection, or for all connections of a listener. A record is shared and never changed. */
import type { Micros } from "../base/environment.js";
import { networkError } from "../base/errors.js";
import type { TcpPolicy } from "./policy.js";

export interface ConnectionOptions {
  /** Send small segments at once: Nagle's algorithm off (RFC 9293 s3.7.4, MUST-17). */
  readonly noDelay: boolean;
  /** Send full segments only: what is less waits for more, but no longer than the override of SWS avoidance. */
  readonly corked: boolean;
  /** Idle time before the first keep-alive probe; 0: none (MUST-25, default); -1: as long as the profile says. */
  readonly keepAlive: Micros;
  readonly keepAliveInterval: Micros;
  /** Probes without an answer after which the connection is given up. */
  readonly keepAliveCount: number;
  /** RFC 6298: the RTO before the first sample (2.1), its least (2.4) and its most (2.5), microseconds. A least below the profile's lowers the
   *  floor of its variance term too. */
  readonly rtoInitial: Micros;
  readonly rtoMin: Micros;
  readonly rtoMax: Micros;
  /** Give up when data stays unacknowledged so long (RFC 5482); 0: by the profile's R2. */
  readonly userTimeout: Micros;
  /** Give up opening after so long; 0: by the number of SYNs. */
  readonly openTimeout: Micros;
  /** How long FIN-WAIT-2 waits when no application owns the connection; 0: as the profile says; -1: not at all, a RST ends it. */
  readonly finWait2: Micros;
  /** Connections of a listener wait for their first text for so many timeouts of the SYN,ACK before they can be accepted; 0: they do not. */
  readonly deferAccept: number;
  /** SYNs sent again at most; 0: as the profile says. */
  readonly synRetries: number;
  /** No segment has more text, with its options, in either direction; 0: as the path lets it. */
  readonly mss: number;
  /** How long close() may go on delivering queued data in the background before it resets; -1: as the profile does; 0: reset at once. */
  readonly linger: Micros;
  /** Time to live, 1 to 255 (MUST-49). */
  readonly ttl: number;
  /** DS field and ECN bits of what is sent (MUST-48), 0 to 255. */
  readonly trafficClass: number;
  /** Octets, at least 2 048: where a buffer begins that grows by itself, or its size. Who names one has a buffer that does not grow, unless
   *  it asks for tuning with it. */
  readonly sendBuffer: number;
  readonly receiveBuffer: number;
  /** The most that is ever offered, octets; 0: what there is room for. */
  readonly windowClamp: number;
  readonly sendTuning: boolean;
  readonly receiveTuning: boolean;
  /** Report soft errors (ICMP) as events (SHLD-20). */
  readonly softErrors: boolean;
  /** Name of the congestion controller; empty: the stack's. */
  readonly congestionControl: string;
  /** Octets a second at most, which paces the connection; 0: no such limit. */
  readonly pacingRate: number;
  /** Connections of a listener that an application may have before their handshake is over (RFC 7413 s5.1); 0: none. */
  readonly fastOpenQueue: number;
  /** Text in a SYN needs no cookie. */
  readonly fastOpenNoCookie: boolean;
}

export const defaultConnectionOptions = (policy: TcpPolicy): ConnectionOptions => ({
  noDelay: false,
  corked: false,
  keepAlive: 0,
  keepAliveInterval: policy.keepAliveInterval,
  keepAliveCount: policy.keepAliveCount,
  rtoInitial: policy.rtoInitial,
  rtoMin: policy.rtoMin,
  rtoMax: policy.rtoMax,
  userTimeout: 0,
  openTimeout: policy.openTimeout,
  finWait2: 0,
  deferAccept: 0,
  synRetries: 0,
  mss: 0,
  linger: -1,
  ttl: policy.ttl,
  trafficClass: 0,
  sendBuffer: policy.sendBuffer,
  receiveBuffer: policy.receiveBuffer,
  windowClamp: 0,
  sendTuning: true,
  receiveTuning: true,
  softErrors: true,
  congestionControl: "",
  pacingRate: 0,
  fastOpenQueue: 0,
  fastOpenNoCookie: false,
});

/** Least and most of each number: 2^30 octets is the largest window that RFC 7323 s2.3 can express. */
const bounds: Readonly<Record<string, readonly [number, number]>> = {
  keepAlive: [-1, 2 ** 45],
  keepAliveInterval: [1_000, 2 ** 45],
  keepAliveCount: [1, 1_000],
  rtoInitial: [1_000, 2 ** 40],
  rtoMin: [1_000, 2 ** 40],
  rtoMax: [1_000, 2 ** 40],
  userTimeout: [0, 2 ** 45],
  openTimeout: [0, 2 ** 45],
  finWait2: [-1, 2 ** 45],
  deferAccept: [0, 255],
  synRetries: [0, 127],
  mss: [0, 65_495],
  linger: [-1, 2 ** 45],
  ttl: [1, 255],
  trafficClass: [0, 255],
  sendBuffer: [2_048, 2 ** 30],
  receiveBuffer: [1_024, 2 ** 30],
  windowClamp: [0, 2 ** 30],
  fastOpenQueue: [0, 1_000_000],
  pacingRate: [0, 2 ** 40],
};

/** Combinations of options that one stack remembers. */
const MOST_SETS = 65_536;

/** Interns option records, so that a million connections share a few, and a frozen one names its record by a small integer. */
export class OptionSets {
  readonly #sets: ConnectionOptions[] = [];
  readonly #index = new Map<string, number>();

  constructor(defaults: ConnectionOptions) {
    this.intern(defaults);
  }

  at(index: number): ConnectionOptions {
    return this.#sets[index]!;
  }

  intern(options: ConnectionOptions): number {
    const key = JSON.stringify(options);
    const known = this.#index.get(key);
    if (known !== undefined) return known;
    if (this.#sets.length >= MOST_SETS)
      throw networkError("ENOBUFS", "configure", `${MOST_SETS} combinations of options`, "let connections share some");
    this.#sets.push(Object.freeze({ ...options }));
    this.#index.set(key, this.#sets.length - 1);
    return this.#sets.length - 1;
  }

  /** The set at `base` with `changes`; throws EINVAL that names the option, its value and its range. */
  derive(base: number, changes: Partial<ConnectionOptions>, syscall: string): number {
    const derived: Record<string, unknown> = { ...this.at(base) };
    // Its own properties, each read once: no prototype's, and no getter's second thoughts.
    const given: Record<string, unknown> = { ...changes };
    const has = (name: string): boolean => Object.hasOwn(given, name) && given[name] !== undefined;
    if (has("sendBuffer")) derived["sendTuning"] = false;
    if (has("receiveBuffer")) derived["receiveTuning"] = false;
    for (const name of Object.keys(derived)) {
      if (!has(name)) continue;
      const value = given[name];
      const range = bounds[name];
      if (range !== undefined && !(Number.isInteger(value) && (value as number) >= range[0] && (value as number) <= range[1]))
        throw networkError("EINVAL", syscall, `${name} ${String(value)}`, `use an integer from ${range[0]} to ${range[1]}`);
      derived[name] = value;
    }
    const { rtoMin, rtoMax } = derived as unknown as ConnectionOptions;
    if (rtoMin > rtoMax) throw networkError("EINVAL", syscall, `rtoMin ${rtoMin}`, `it is above rtoMax, ${rtoMax}: change one of them`);
    return this.intern(derived as unknown as ConnectionOptions);
  }
}
