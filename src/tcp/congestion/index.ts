/** The congestion controllers by name. A new one is a file, and a line here; an application's own come with the stack's options. */
import type { Random } from "../../base/environment.js";
import { networkError } from "../../base/errors.js";
import { Bbr } from "./bbr.js";
import type { CongestionController, ControllerFactory } from "./controller.js";
import { Cubic } from "./cubic.js";
import { Dctcp } from "./dctcp.js";
import { NewReno } from "./newreno.js";

export const controllers: Readonly<Record<string, ControllerFactory>> = {
  cubic: () => new Cubic(),
  newreno: () => new NewReno(),
  dctcp: () => new Dctcp(),
  bbr: (random) => new Bbr(random),
};

/** The controllers that one stack has. */
export class Controllers {
  readonly names: readonly string[];
  readonly #factories: readonly ControllerFactory[];
  readonly #random: Random;

  /** `more` may replace what is built in. */
  constructor(more: Readonly<Record<string, ControllerFactory>>, random: Random) {
    const all = { ...controllers, ...more };
    this.names = Object.keys(all);
    this.#factories = Object.values(all);
    this.#random = random;
  }

  /** Throws EINVAL when no controller has the name; `syscall` is what the application called. */
  check(name: string, syscall: string): void {
    if (this.names.includes(name)) return;
    throw networkError("EINVAL", syscall, `congestionControl ${JSON.stringify(name)}`, `choose one of ${this.names.join(", ")}`);
  }

  /** The name must be one of `names`. */
  make(name: string): CongestionController {
    return this.#factories[this.names.indexOf(name)]!(this.#random);
  }
}
