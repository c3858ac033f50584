/** Which addresses are our stack's in a process that has the kernel's, too. */
import { formatIp, type IpAddress, inPrefix, isLoopback, UNSPECIFIED } from "../ip/address.js";
import type { Host } from "./host.js";
import { ELSEWHERE, IPV4_LOOPBACK } from "./names.js";

export interface Prefix {
  readonly address: IpAddress;
  readonly prefixLength: number;
}

/** Where listening is ours: null is every address of the stack and the wildcard, or every port. */
export interface ListeningRule {
  readonly address: IpAddress | null;
  readonly port: number | null;
}

type Named = IpAddress | typeof ELSEWHERE | null;

export interface TerritoryOptions {
  /** null: where the routes lead. */
  readonly destinations: readonly Prefix[] | null;
  readonly listening: readonly ListeningRule[];
  /** 127.0.0.0/8 is ours altogether. Otherwise it is the kernel's, but for the ports at which we listen. */
  readonly loopback: boolean;
  /** Why there is no stack for what is ours in this process; null: there is one. */
  readonly refusal: string | null;
}

export class Territory {
  readonly #host: Host;
  readonly #options: TerritoryOptions;
  #warned = false;

  constructor(host: Host, options: TerritoryOptions) {
    this.#host = host;
    this.#options = options;
  }

  /** Whether a connection or a datagram to that address and port goes by our stack. What is no address is ours to complain about. */
  ownsDestination(named: Named, port: number): boolean {
    if (named === null) return true;
    if (named === ELSEWHERE) return false;
    const address = named === UNSPECIFIED ? IPV4_LOOPBACK : named;
    if (isLoopback(address) && !this.#options.loopback)
      return this.#host.listening.has(port, address) || this.#host.udpPorts.has(port, address);
    if (!isLoopback(address) && this.#host.drive.stack.ip.isLocal(address)) return true;
    if (this.#options.destinations === null) {
      const { stack } = this.#host.drive;
      return !isLoopback(address) && stack.routes.lookup(address, -1, stack.now) !== null;
    }
    return this.#options.destinations.some((prefix) => inPrefix(address, prefix.address, prefix.prefixLength));
  }

  /** Whether a socket that is bound there is our stack's. */
  ownsLocal(named: Named, port: number): boolean {
    if (named === null) return true;
    if (named === ELSEWHERE) return false;
    return this.#options.listening.some((rule) => {
      if (rule.port !== null && rule.port !== port) return false;
      return rule.address === null ? named === UNSPECIFIED || this.holds(named) : rule.address === named;
    });
  }

  /** Whether the address is one of the stack's and not of the kernel's. */
  holds(named: Named): boolean {
    if (typeof named !== "number") return named === null;
    return isLoopback(named) ? this.#options.loopback : this.#host.drive.stack.ip.isLocal(named);
  }

  /** True, and said once, when what is ours cannot be had in this process. */
  refuses(named: Named): boolean {
    const { refusal } = this.#options;
    if (refusal === null || named === null) return false;
    if (!this.#warned) {
      const what = named === ELSEWHERE ? named : formatIp(named);
      process.emitWarning(`${what} belongs to the onwire stack, and ${refusal}`, "OnwireWarning");
    }
    this.#warned = true;
    return true;
  }
}
