/** What a server leases — RFC 2131 s4.3.1, table 3 — as far as a client can use it. */
import { type Micros, NEVER, SECOND } from "../base/environment.js";
import { type IpAddress, inPrefix, ipFromInt, UNSPECIFIED } from "../ip/address.js";
import { isHost } from "../stack/addressing.js";
import type { DhcpMessage } from "./message.js";
import { type LeasedRoute, Option, readAddresses, readClasslessRoutes, readInt32, readMask, readName, readSearchList } from "./options.js";

export interface Lease {
  readonly address: IpAddress;
  readonly prefixLength: number;
  /** The server's identifier. */
  readonly server: IpAddress;
  readonly routes: readonly LeasedRoute[];
  readonly dnsServers: readonly IpAddress[];
  /** The client's domain, or null. */
  readonly domain: string | null;
  /** Where names without a domain are looked for: RFC 3397, or the domain alone. */
  readonly search: readonly string[];
  /** From the request on; NEVER: for ever. When it is to be renewed, and when with any server: 0 < t1 < t2 < duration. */
  readonly duration: Micros;
  readonly t1: Micros;
  readonly t2: Micros;
}

/** RFC 2131 s3.3: "The time value of 0xffffffff is reserved to represent 'infinity'." */
const INFINITE = -1;
/** A shorter lease would be renewed more often than a second; whoever offers one means harm. */
const LEAST_DURATION = 4 * SECOND;

/** The lease that an offer or an acknowledgment holds; null when a host could not live by it. */
export function leaseOf(message: DhcpMessage): Lease | null {
  const { options } = message;
  const server = readInt32(options.get(Option.ServerIdentifier));
  const seconds = readInt32(options.get(Option.LeaseTime));
  if (server === null || server === 0 || server === -1 || seconds === null) return null;
  const address = ipFromInt(message.yiaddr);
  const mask = options.get(Option.SubnetMask);
  const prefixLength = mask === undefined ? naturalPrefix(address) : readMask(mask);
  if (prefixLength === null || !isHost(address, prefixLength)) return null;
  const duration = seconds === INFINITE ? NEVER : (seconds >>> 0) * SECOND;
  if (duration < LEAST_DURATION) return null;
  const domain = readName(options.get(Option.DomainName));
  const search = readSearchList(options.get(Option.DomainSearch));
  return {
    address,
    prefixLength,
    server: ipFromInt(server),
    routes: routesOf(message, address, prefixLength),
    dnsServers: readAddresses(options.get(Option.DnsServers)),
    domain,
    search: search.length > 0 || domain === null ? search : [domain],
    duration,
    ...renewal(message, duration),
  };
}

/** RFC 2131 s4.4.5: "T1 defaults to (0.5 * duration_of_lease). T2 defaults to (0.875 * duration_of_lease)"; what a server says must be in order. */
function renewal(message: DhcpMessage, duration: Micros): { t1: Micros; t2: Micros } {
  if (duration === NEVER) return { t1: NEVER, t2: NEVER };
  const asked = (code: number): Micros => ((readInt32(message.options.get(code)) ?? 0) >>> 0) * SECOND;
  const t1 = asked(Option.RenewalTime);
  const t2 = asked(Option.RebindingTime);
  if (t1 > 0 && t1 < t2 && t2 < duration) return { t1, t2 };
  return { t1: Math.floor(duration / 2), t2: Math.floor((duration * 7) / 8) };
}

/** RFC 3442: "If the DHCP server returns both a Classless Static Routes option and a Router option, the DHCP client MUST ignore the Router option." */
function routesOf(message: DhcpMessage, address: IpAddress, prefixLength: number): LeasedRoute[] {
  const classless = message.options.get(Option.ClasslessRoutes);
  const given = classless === undefined ? null : readClasslessRoutes(classless);
  const routes =
    given ?? readAddresses(message.options.get(Option.Routers)).map((gateway) => ({ prefix: UNSPECIFIED, prefixLength: 0, gateway }));
  const sound = routes.filter(({ gateway }) => gateway !== address && (gateway === UNSPECIFIED || isHost(gateway, 32)));
  // A gateway that is not on the subnet, as where every host has a /32, is on the link all the same: there is nowhere else for it to be.
  const apart = sound.filter(
    ({ gateway }) =>
      gateway !== UNSPECIFIED &&
      !inPrefix(gateway, address, prefixLength) &&
      !sound.some((route) => route.gateway === UNSPECIFIED && inPrefix(gateway, route.prefix, route.prefixLength)),
  );
  const onLink = [...new Set(apart.map(({ gateway }) => gateway))];
  return [...onLink.map((gateway) => ({ prefix: gateway, prefixLength: 32, gateway: UNSPECIFIED })), ...sound];
}

/** Without a mask: the address's class has one (RFC 950 s2.1). Null: it has no class with hosts. */
function naturalPrefix(address: IpAddress): number | null {
  const first = address >>> 24;
  if (first < 128) return 8;
  if (first < 192) return 16;
  return first < 224 ? 24 : null;
}
