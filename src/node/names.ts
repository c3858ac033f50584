/** How Node spells the addresses of a stack. There is no IPv6 in the stack, but Node listens on "::" and connects to "::1" wherever it can:
 *  "::" is the wildcard of both families, "::1" a loopback address that nobody else uses, and IPv4 is seen through "::ffff:a.b.c.d". */
import { formatIp, type IpAddress, ip, parseIp, UNSPECIFIED } from "../ip/address.js";

/** Stands for ::1 inside the stack. */
export const IPV6_LOOPBACK = ip("127.255.255.254");
/** What connects to 127.0.0.0/8 comes from here, as on Linux. */
export const IPV4_LOOPBACK = ip("127.0.0.1");

export type Family = 4 | 6;

/** A valid IPv6 address of which the stack has none. */
export const ELSEWHERE = "elsewhere";

/** The stack's address for what Node has written; null: it is no address. */
export function parseName(text: unknown, family: Family): IpAddress | typeof ELSEWHERE | null {
  if (typeof text !== "string") return null;
  if (family === 4) return parseIp(text);
  if (text === "::") return UNSPECIFIED;
  if (text === "::1") return IPV6_LOOPBACK;
  const canonical = canonicalIpv6(text);
  if (canonical === null) return null;
  if (canonical === "::") return UNSPECIFIED;
  if (canonical === "::1") return IPV6_LOOPBACK;
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(canonical);
  if (mapped === null) return ELSEWHERE;
  return ((Number.parseInt(mapped[1]!, 16) << 16) | Number.parseInt(mapped[2]!, 16)) as IpAddress;
}

function canonicalIpv6(text: string): string | null {
  const address = text.replace(/%.*$/, "");
  if (!/^[0-9a-fA-F:.]+$/.test(address) || !address.includes(":")) return null;
  try {
    return new URL(`http://[${address}]`).hostname.slice(1, -1);
  } catch {
    return null;
  }
}

/** The address as a socket of that family reports it. */
export function spell(address: IpAddress, family: Family): string {
  if (family === 4) return formatIp(address);
  if (address === UNSPECIFIED) return "::";
  return address === IPV6_LOOPBACK ? "::1" : `::ffff:${formatIp(address)}`;
}

/** What `getsockname` and its like fill in. */
export interface SocketName {
  address?: string;
  family?: string;
  port?: number;
}

export function fill(out: SocketName, address: IpAddress, port: number, family: Family): void {
  out.address = spell(address, family);
  out.family = family === 4 ? "IPv4" : "IPv6";
  out.port = port;
}
