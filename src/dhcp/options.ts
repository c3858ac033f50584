/** DHCP options — RFC 2132, RFC 3397 (search list), RFC 3442 (routes). Each reader takes the octets of one option, and answers null, or the part
 *  that is sound, for what is not what the RFC says. */
import { type IpAddress, ipFromInt, netmask } from "../ip/address.js";

export const Option = {
  Pad: 0,
  SubnetMask: 1,
  Routers: 3,
  DnsServers: 6,
  HostName: 12,
  DomainName: 15,
  RequestedAddress: 50,
  LeaseTime: 51,
  Overload: 52,
  MessageType: 53,
  ServerIdentifier: 54,
  ParameterRequestList: 55,
  Message: 56,
  MaximumMessageSize: 57,
  RenewalTime: 58,
  RebindingTime: 59,
  ClientIdentifier: 61,
  DomainSearch: 119,
  ClasslessRoutes: 121,
  End: 255,
} as const;

/** A route as RFC 3442 says it; the gateway is 0 when the destinations are on the link. */
export interface LeasedRoute {
  readonly prefix: IpAddress;
  readonly prefixLength: number;
  readonly gateway: IpAddress;
}

/** No list that a server sends is longer than this to us. */
const MOST_ENTRIES = 64;
/** RFC 1035 s2.3.4: a name has 255 octets at most, in labels of 63; the longest as text has two less. */
const LONGEST_NAME = 253;

export function readInt32(octets: Uint8Array | undefined): number | null {
  if (octets?.length !== 4) return null;
  return (octets[0]! << 24) | (octets[1]! << 16) | (octets[2]! << 8) | octets[3]!;
}

export const writeInt32 = (value: number): Uint8Array => Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);

/** Addresses one after the other; those of an incomplete rest are left out. */
export function readAddresses(octets: Uint8Array | undefined): IpAddress[] {
  const addresses: IpAddress[] = [];
  if (octets === undefined) return addresses;
  for (let at = 0; at + 4 <= octets.length && addresses.length < MOST_ENTRIES; at += 4) {
    const address = ipFromInt(readInt32(octets.subarray(at, at + 4))!);
    if (address !== 0 && address !== -1) addresses.push(address);
  }
  return addresses;
}

/** RFC 2132 s3.3: the length of the prefix; null when the ones are not in one piece. */
export function readMask(octets: Uint8Array | undefined): number | null {
  const mask = readInt32(octets);
  if (mask === null) return null;
  const length = Math.clz32(~mask);
  return netmask(length) === mask && length > 0 ? length : null;
}

/** RFC 3442: each a prefix length, the significant octets of the prefix, and the router. One that is not sound spoils all: null. */
export function readClasslessRoutes(octets: Uint8Array): LeasedRoute[] | null {
  const routes: LeasedRoute[] = [];
  for (let at = 0; at < octets.length; ) {
    const prefixLength = octets[at]!;
    const significant = (prefixLength + 7) >> 3;
    const router = at + 1 + significant;
    if (prefixLength > 32 || router + 4 > octets.length) return null;
    let prefix = 0;
    for (let i = 0; i < significant; i++) prefix |= octets[at + 1 + i]! << (24 - 8 * i);
    const gateway = readInt32(octets.subarray(router, router + 4))!;
    // "the client MUST [...] zero" bits of the subnet number beyond the mask.
    if (routes.length < MOST_ENTRIES)
      routes.push({ prefix: ipFromInt(prefix & netmask(prefixLength)), prefixLength, gateway: ipFromInt(gateway) });
    at = router + 4;
  }
  return routes;
}

/** A name as an option of text has it; null when it could not be a host's or a domain's. */
export function readName(octets: Uint8Array | undefined): string | null {
  if (octets === undefined || octets.length > LONGEST_NAME + 2) return null;
  // RFC 2132 s2: "Options containing NVT ASCII data SHOULD NOT include a trailing NULL; however, the receiver of such options MUST be prepared to
  // delete trailing nulls".
  let text = "";
  for (const octet of octets) text += String.fromCharCode(octet);
  return checkedName(text.replace(/\0+$/, "").replace(/\.$/, ""));
}

const checkedName = (name: string): string | null =>
  name.length <= LONGEST_NAME && /^[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_]([a-z0-9_-]{0,62}))*$/i.test(name) ? name.toLowerCase() : null;

/** RFC 3397: names in the form of RFC 1035 s4.1.4, whose pointers count from the beginning of the option. Names behind a broken one are lost. */
export function readSearchList(octets: Uint8Array | undefined): string[] {
  const names: string[] = [];
  if (octets === undefined) return names;
  for (let at = 0; at < octets.length && names.length < MOST_ENTRIES; ) {
    const read = readEncodedName(octets, at);
    if (read === null) break;
    const name = checkedName(read.name);
    if (name !== null) names.push(name);
    at = read.next;
  }
  return names;
}

function readEncodedName(octets: Uint8Array, start: number): { name: string; next: number } | null {
  const labels: string[] = [];
  let length = 0;
  let next = -1;
  // A pointer leads before the name that it is in, so that every name ends.
  let floor = start;
  for (let at = start; ; ) {
    const octet = octets[at];
    if (octet === undefined) return null;
    if (octet === 0) return { name: labels.join("."), next: next < 0 ? at + 1 : next };
    if (octet >= 0xc0) {
      const low = octets[at + 1];
      if (low === undefined) return null;
      const target = ((octet & 0x3f) << 8) | low;
      if (target >= floor) return null;
      if (next < 0) next = at + 2;
      floor = target;
      at = target;
      continue;
    }
    if (octet > 63 || at + 1 + octet > octets.length) return null;
    length += octet + 1;
    if (length > LONGEST_NAME + 1) return null;
    labels.push(String.fromCharCode(...octets.subarray(at + 1, at + 1 + octet)));
    at += 1 + octet;
  }
}
