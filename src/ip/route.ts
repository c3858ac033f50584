/** Routes: where the next hop towards an address is — RFC 1122 s3.3.1, longest prefix first. */
import { type Micros, SECOND } from "../base/environment.js";
import { formatIp, type IpAddress, netmask, UNSPECIFIED } from "./address.js";

export interface Route {
  readonly prefix: IpAddress;
  readonly prefixLength: number;
  /** The gateway, or UNSPECIFIED when the destinations are on the link. */
  readonly gateway: IpAddress;
  /** The index of the device. */
  readonly device: number;
  /** The source address to prefer, or UNSPECIFIED: the device's choice. */
  readonly source: IpAddress;
  /** The largest packet on this route; 0: as the device has it. */
  readonly mtu: number;
  /** Among routes of one prefix the least is taken first. */
  readonly metric: number;
  /** The gateway has not answered; it is passed over until then while there is another (RFC 1122 s3.3.1.5). */
  deadUntil: Micros;
}

export interface RouteOptions {
  readonly prefix: IpAddress;
  readonly prefixLength: number;
  readonly device: number;
  readonly gateway?: IpAddress;
  readonly source?: IpAddress;
  readonly mtu?: number;
  readonly metric?: number;
}

/** How long a gateway that did not answer is passed over. */
export const DEAD_GATEWAY_TIME = 60 * SECOND;

/** The routes of one prefix, the least metric first, then the oldest. */
interface Prefix {
  readonly address: number;
  readonly length: number;
  readonly routes: Route[];
  /** The next in its bucket. */
  next: Prefix | null;
}

const FIRST_BUCKETS = 16;

/** Routes by prefix, in a hash table that is asked once for each prefix length in use: a lookup costs the same with ten routes and with ten
 *  thousand. Only configuration fills it, so the hash needs no secret. */
export class RouteTable {
  /** For people and for removal: longest prefix first, then least metric, then oldest. */
  #routes: Route[] = [];
  readonly #limit: number;
  #buckets: (Prefix | null)[] = new Array<Prefix | null>(FIRST_BUCKETS).fill(null);
  #prefixes = 0;
  /** The prefix lengths in use, the longest first, and how many prefixes have each. */
  #lengths: number[] = [];
  readonly #ofLength = new Int32Array(33);
  /** The routes by each gateway. */
  readonly #gateways = new Map<IpAddress, Route[]>();
  /** Prefix lengths and prefixes that lookups have looked at, so far: what they cost, without a clock. */
  steps = 0;
  /** Until then a gateway may be passed over for want of an answer. */
  deadUntil: Micros = Number.NEGATIVE_INFINITY;
  /** Called when the routes have changed. */
  onChange: (() => void) | null = null;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get all(): readonly Route[] {
    return this.#routes;
  }

  /** Adds a route. Throws a RangeError for a prefix length out of 0 to 32, bits of `prefix` beyond it, or a full table. */
  add(options: RouteOptions): Route {
    const { prefix, prefixLength, gateway = UNSPECIFIED, device, source = UNSPECIFIED, mtu = 0, metric = 0 } = options;
    if (!Number.isInteger(prefixLength) || prefixLength < 0 || prefixLength > 32) {
      throw new RangeError(`prefix length ${prefixLength} is not an integer of 0 to 32`);
    }
    if ((prefix & ~netmask(prefixLength)) !== 0) {
      throw new RangeError(`${formatIp(prefix)}/${prefixLength} has bits beyond its length: a route leads to a prefix`);
    }
    if (this.#routes.length >= this.#limit) throw new RangeError(`the table is full: ${this.#limit} routes`);
    const route: Route = { prefix, prefixLength, gateway, device, source, mtu, metric, deadUntil: Number.NEGATIVE_INFINITY };
    insert(this.#routes, route);
    this.#enter(route);
    this.onChange?.();
    return route;
  }

  /** Takes a route away; false when it is not there. */
  remove(route: Route): boolean {
    const at = this.#routes.indexOf(route);
    if (at < 0) return false;
    this.#routes.splice(at, 1);
    this.#quit(route);
    this.onChange?.();
    return true;
  }

  /** Takes away every route that `which` names. */
  removeAll(which: (route: Route) => boolean): void {
    const left: Route[] = [];
    const gone: Route[] = [];
    for (const route of this.#routes) (which(route) ? gone : left).push(route);
    if (gone.length === 0) return;
    this.#routes = left;
    for (const route of gone) this.#quit(route);
    this.onChange?.();
  }

  /** The route towards `destination`, by `device` only when that is not -1 (the strong model: RFC 1122 s3.3.4.2); null: none.
   *  A gateway that did not answer is passed over for another of the same prefix (RFC 1122 s3.3.1.5). */
  lookup(destination: IpAddress, device: number, now: Micros): Route | null {
    const lengths = this.#lengths;
    for (let i = 0; i < lengths.length; i++) {
      const prefix = this.#find(destination & netmask(lengths[i]!), lengths[i]!);
      if (prefix === null) continue;
      const { routes } = prefix;
      let fallback: Route | null = null;
      for (let k = 0; k < routes.length; k++) {
        const route = routes[k]!;
        if (device >= 0 && route.device !== device) continue;
        if (route.deadUntil <= now) return route;
        fallback ??= route;
      }
      if (fallback !== null) return fallback;
    }
    return null;
  }

  /** The gateway `address` on `device` has begun or stopped to answer. */
  alive(address: IpAddress, device: number, alive: boolean, now: Micros): void {
    const routes = this.#gateways.get(address);
    if (routes === undefined) return;
    const until = alive ? Number.NEGATIVE_INFINITY : now + DEAD_GATEWAY_TIME;
    if (!alive) this.deadUntil = until;
    let changed = false;
    for (let i = 0; i < routes.length; i++) {
      const route = routes[i]!;
      if (route.device !== device || route.deadUntil === until) continue;
      route.deadUntil = until;
      changed = true;
    }
    if (changed) this.onChange?.();
  }

  #find(address: number, length: number): Prefix | null {
    this.steps += 1;
    let prefix: Prefix | null = this.#buckets[this.#bucketOf(address, length)]!;
    while (prefix !== null && (prefix.address !== address || prefix.length !== length)) {
      this.steps += 1;
      prefix = prefix.next;
    }
    return prefix;
  }

  #bucketOf(address: number, length: number): number {
    const mixed = Math.imul(address ^ (length << 3), 0x9e37_79b1);
    return (mixed ^ (mixed >>> 15)) & (this.#buckets.length - 1);
  }

  #enter(route: Route): void {
    const { prefix: address, prefixLength: length, gateway } = route;
    insert((this.#find(address, length) ?? this.#open(address, length)).routes, route);
    if (gateway === UNSPECIFIED) return;
    const others = this.#gateways.get(gateway);
    if (others === undefined) this.#gateways.set(gateway, [route]);
    else others.push(route);
  }

  #quit(route: Route): void {
    const { prefix: address, prefixLength: length, gateway } = route;
    const prefix = this.#find(address, length)!;
    prefix.routes.splice(prefix.routes.indexOf(route), 1);
    if (prefix.routes.length === 0) this.#close(prefix);
    const others = this.#gateways.get(gateway);
    if (others === undefined) return;
    others.splice(others.indexOf(route), 1);
    if (others.length === 0) this.#gateways.delete(gateway);
  }

  #open(address: number, length: number): Prefix {
    if (this.#prefixes >= this.#buckets.length) this.#grow();
    const prefix: Prefix = { address, length, routes: [], next: null };
    this.#link(prefix);
    this.#prefixes += 1;
    this.#ofLength[length]! += 1;
    this.#countLengths();
    return prefix;
  }

  #close(prefix: Prefix): void {
    const bucket = this.#bucketOf(prefix.address, prefix.length);
    let before = this.#buckets[bucket]!;
    if (before === prefix) this.#buckets[bucket] = prefix.next;
    else {
      while (before.next !== prefix) before = before.next!;
      before.next = prefix.next;
    }
    this.#prefixes -= 1;
    this.#ofLength[prefix.length]! -= 1;
    this.#countLengths();
  }

  #link(prefix: Prefix): void {
    const bucket = this.#bucketOf(prefix.address, prefix.length);
    prefix.next = this.#buckets[bucket]!;
    this.#buckets[bucket] = prefix;
  }

  #grow(): void {
    const old = this.#buckets;
    this.#buckets = new Array<Prefix | null>(old.length * 2).fill(null);
    for (const first of old) {
      let prefix = first;
      while (prefix !== null) {
        const next: Prefix | null = prefix.next;
        this.#link(prefix);
        prefix = next;
      }
    }
  }

  #countLengths(): void {
    this.#lengths.length = 0;
    for (let length = 32; length >= 0; length--) if (this.#ofLength[length]! > 0) this.#lengths.push(length);
  }
}

/** Puts a route where it belongs: behind those that are as good. */
function insert(routes: Route[], route: Route): void {
  let low = 0;
  let high = routes.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (goesBefore(route, routes[middle]!)) high = middle;
    else low = middle + 1;
  }
  routes.splice(low, 0, route);
}

const goesBefore = (a: Route, b: Route): boolean =>
  a.prefixLength > b.prefixLength || (a.prefixLength === b.prefixLength && a.metric < b.metric);
