/** The hosts file — hosts(5): names that need no server. */
import { isIP } from "node:net";
import { canonicalName } from "./name.js";

export interface HostAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

/** "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255" */
const LONGEST_ADDRESS = 45;

export class Hosts {
  readonly #names = new Map<string, HostAddress[]>();

  /** Lines of an address and its names; what is neither is passed over. */
  constructor(text: string) {
    for (const line of text.split("\n")) {
      const [address, ...names] = line.replace(/#.*$/, "").trim().split(/\s+/);
      const family = address !== undefined && address.length <= LONGEST_ADDRESS ? isIP(address) : 0;
      if (family !== 4 && family !== 6) continue;
      for (const alias of names) {
        const name = canonicalName(alias);
        if (name === null) continue;
        const known = this.#names.get(name);
        if (known === undefined) this.#names.set(name, [{ address: address!, family }]);
        else known.push({ address: address!, family });
      }
    }
  }

  /** The addresses of a canonical name, in the order of the file. */
  find(name: string): readonly HostAddress[] {
    return this.#names.get(name) ?? [];
  }
}
