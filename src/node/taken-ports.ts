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

/** Other processes with which ports are shared. */
export interface Relatives {
  /** False: one of them has it. */
  take(port: number, claim: Claim): boolean;
  leave(port: number, claim: Claim): void;
}

export class TakenPorts {
  readonly #claims = new Map<number, Claim[]>();
  #relatives: Relatives | null = null;

  /** Returns false when another process has that port. */
  add(port: number, claim: Claim): boolean {
    if (this.#relatives?.take(port, claim) === false) return false;
    const claims = this.#claims.get(port);
    if (claims === undefined) this.#claims.set(port, [claim]);
    else claims.push(claim);
    return true;
  }

  /** From now on, others are to know. */
  meet(relatives: Relatives): void {
    this.#relatives = relatives;
    for (const [port, claims] of this.#claims) for (const claim of claims) relatives.take(port, claim);
  }

  remove(port: number, claim: Claim): void {
    this.#relatives?.leave(port, claim);
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
