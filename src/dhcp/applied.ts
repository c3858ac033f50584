/** What a lease has changed in a stack, so that all of it can be undone: an address, and routes. */
import type { Micros } from "../base/environment.js";
import type { IpAddress } from "../ip/address.js";
import type { Route } from "../ip/route.js";
import type { Device } from "../stack/device.js";
import type { Lease } from "./lease.js";
import type { LeasedRoute } from "./options.js";

export class Applied {
  readonly #device: Device;
  readonly #metric: number;
  #address: IpAddress | null = null;
  #routes: Route[] = [];
  /** Routes that the stack would not take. */
  refused = 0;

  constructor(device: Device, metric: number) {
    this.#device = device;
    this.#metric = metric;
  }

  /** Claims the address; `told` says what came of it, or that it was lost later. Throws as `addAddress` does. */
  claim({ address, prefixLength }: Lease, how: "use" | "announce" | "probe", told: (granted: boolean) => void, now: Micros): void {
    this.#device.stack.addAddress(this.#device, address, prefixLength, now, how, told);
    this.#address = address;
  }

  /** Makes the routes those of the lease: the ones that stay are not touched. */
  route(routes: readonly LeasedRoute[]): void {
    const table = this.#device.stack.routes;
    const kept = this.#routes.filter((route) => routes.some((wanted) => isSame(route, wanted)));
    for (const route of this.#routes) if (!kept.includes(route)) table.remove(route);
    this.#routes = kept;
    for (const wanted of routes) {
      if (kept.some((route) => isSame(route, wanted))) continue;
      try {
        this.#routes.push(table.add({ ...wanted, device: this.#device.index, metric: this.#metric }));
      } catch {
        this.refused += 1;
      }
    }
  }

  /** The address is gone already: another host has it. */
  lost(): void {
    this.#address = null;
  }

  withdraw(now: Micros): void {
    this.route([]);
    if (this.#address !== null && this.#device.attached) this.#device.stack.removeAddress(this.#device, this.#address, now);
    this.#address = null;
  }
}

const isSame = (route: Route, { prefix, prefixLength, gateway }: LeasedRoute): boolean =>
  route.prefix === prefix && route.prefixLength === prefixLength && route.gateway === gateway;
