/** Routes: where the next hop towards an address is — RFC 1122 s3.3.1, longest prefix first. */
import { type Micros, SECOND } from "../base/environment.js";
import { formatIp, type IpAddress, inPrefix, netmask, UNSPECIFIED } from "./address.js";

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

export class RouteTable {
  /** Longest prefix first, then least metric, then oldest. */
  readonly #routes: Route[] = [];
  readonly #limit: number;
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
    let at = 0;
    while (at < this.#routes.length && !goesBefore(route, this.#routes[at]!)) at++;
    this.#routes.splice(at, 0, route);
    this.onChange?.();
    return route;
  }

  /** Takes a route away; false when it is not there. */
  remove(route: Route): boolean {
    const at = this.#routes.indexOf(route);
    if (at < 0) return false;
    this.#routes.splice(at, 1);
    this.onChange?.();
    return true;
  }

  /** Takes away every route that `which` names. */
  removeAll(which: (route: Route) => boolean): void {
    for (const route of this.#routes.filter(which)) this.remove(route);
  }

  /** The route towards `destination`, by `device` only when that is not -1 (the strong model: RFC 1122 s3.3.4.2); null: none.
   *  A gateway that did not answer is passed over for another of the same prefix (RFC 1122 s3.3.1.5). */
  lookup(destination: IpAddress, device: number, now: Micros): Route | null {
    const routes = this.#routes;
    let fallback: Route | null = null;
    for (let i = 0; i < routes.length; i++) {
      const route = routes[i]!;
      if (fallback !== null && route.prefixLength < fallback.prefixLength) break;
      if (device >= 0 && route.device !== device) continue;
      if (!inPrefix(destination, route.prefix, route.prefixLength)) continue;
      if (route.deadUntil <= now) return route;
      fallback ??= route;
    }
    return fallback;
  }

  /** The gateway `address` on `device` has begun or stopped to answer. */
  alive(address: IpAddress, device: number, alive: boolean, now: Micros): void {
    for (let i = 0; i < this.#routes.length; i++) {
      const route = this.#routes[i]!;
      if (route.gateway !== address || route.device !== device) continue;
      const until = alive ? Number.NEGATIVE_INFINITY : now + DEAD_GATEWAY_TIME;
      if (route.deadUntil === until) continue;
      route.deadUntil = until;
      this.onChange?.();
    }
  }
}

const goesBefore = (a: Route, b: Route): boolean =>
  a.prefixLength > b.prefixLength || (a.prefixLength === b.prefixLength && a.metric < b.metric);
