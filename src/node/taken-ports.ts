/** Who has which port, by the rules of Linux: an address and the wildcard exclude each other, unless both sides want to share. Of Node's TCP
 *  sockets, which all set SO_REUSEADDR, that holds for those that listen. The stack itself would let the more specific one have it. */
import { type IpAddress, UNSPECIFIED } from "../ip/address.js";
import { type Family, IPV6_LOOPBACK } from "./names.js";

export interface Claim {
  /** Goes along with others that say so too. */
  readonly shared: boolean;
  /** UNSPECIFIED: all of the families. */
  readonly address: IpAddress;
  readonly ipv4: boolean;
  readonly ipv6: boolean;
}

/** What binding to an address of a family claims; "::" is both families unless told otherwise. */
export function claimOf(address: IpAddress, family: Family, ipv6Only: boolean, shared = false): Claim {
  if (address !== UNSPECIFIED) return { shared, address, ipv4: address !== IPV6_LOOPBACK, ipv6: address === IPV6_LOOPBACK };
  return { shared, address, ipv4: family === 4 || !ipv6Only, ipv6: family === 6 };
}

export class TakenPorts {
  readonly #claims = new Map<number, Claim[]>();

  add(port: number, claim: Claim): void {
    const claims = this.#claims.get(port);
    if (claims === undefined) this.#claims.set(port, [claim]);
    else claims.push(claim);
  }

  remove(port: number, claim: Claim): void {
    const left = (this.#claims.get(port) ?? []).filter((other) => other !== claim);
    if (left.length === 0) this.#claims.delete(port);
    else this.#claims.set(port, left);
  }

  /** Whether a socket keeps another from having that claim. */
  conflicts(port: number, claim: Claim): boolean {
    return (this.#claims.get(port) ?? []).some((other) => overlap(other, claim));
  }

  /** Whether anybody has that port of that address. */
  has(port: number, address: IpAddress): boolean {
    return this.conflicts(port, claimOf(address, 4, false));
  }
}

function overlap(a: Claim, b: Claim): boolean {
  const families = (a.ipv4 && b.ipv4) || (a.ipv6 && b.ipv6);
  return families && !(a.shared && b.shared) && (a.address === b.address || a.address === UNSPECIFIED || b.address === UNSPECIFIED);
}
