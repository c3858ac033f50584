/** Whom to ask, and how: given by the program, by a DHCP lease, or by files of the system. */
import { formatIp, type IpAddress, parseIp } from "../ip/address.js";
import { canonicalName } from "./name.js";

export interface DnsServer {
  readonly address: IpAddress;
  readonly port: number;
}

export interface ResolverConfiguration {
  /** "10.0.0.1" or "10.0.0.1:5353", in the order in which they are asked. */
  readonly servers: readonly string[];
  /** Domains in which names are looked for. Default: none. */
  readonly search?: readonly string[];
  /** A name with so many dots is tried as it is first. Default 1. */
  readonly ndots?: number;
  /** Milliseconds before a server counts as silent; each round waits twice as long. Default 2000. */
  readonly timeout?: number;
  /** How often each server is asked. Default 2. */
  readonly attempts?: number;
}

export const checkedConfiguration = (given: ResolverConfiguration) => ({
  servers: given.servers.map(serverOf),
  search: given.search ?? [],
  ndots: inRange("ndots", given.ndots ?? 1, 0, 15),
  timeout: inRange("timeout", given.timeout ?? 2000, 1, 60_000),
  attempts: inRange("attempts", given.attempts ?? 2, 1, 10),
});
export type CheckedConfiguration = ReturnType<typeof checkedConfiguration>;

function inRange(name: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new RangeError(`${name} ${String(value)} is out of range: use an integer from ${least} to ${most}`);
}

export function serverOf(text: string): DnsServer {
  const [host = "", port = "53", ...rest] = text.split(":");
  const address = parseIp(host);
  const number = /^\d{1,5}$/.test(port) ? Number(port) : 0;
  if (address === null || number < 1 || number > 65_535 || rest.length > 0)
    throw new TypeError(`DNS server ${JSON.stringify(text)}: use A.B.C.D or A.B.C.D:PORT`);
  return { address, port: number };
}

/** What a DHCP lease says. */
export const leaseConfiguration = (
  lease: { readonly dnsServers: readonly IpAddress[]; readonly search: readonly string[] } | null,
): ResolverConfiguration => ({ servers: lease?.dnsServers.map(formatIp) ?? [], search: lease?.search ?? [] });

/** As resolv.conf(5) has it. Servers that are not IPv4 are left out, and so is whatever is not understood. */
export function parseResolvConf(text: string): ResolverConfiguration {
  const servers: string[] = [];
  let search: string[] = [];
  const numbers = new Map<string, number>();
  for (const line of text.split("\n")) {
    const [keyword, ...values] = line
      .replace(/[#;].*$/, "")
      .trim()
      .split(/\s+/);
    if (keyword === "nameserver" && servers.length < 3 && parseIp(values[0] ?? "") !== null) servers.push(values[0]!);
    else if (keyword === "search" || keyword === "domain") search = values.slice(0, 32).filter((domain) => canonicalName(domain) !== null);
    else if (keyword === "options")
      for (const value of values) {
        const match = /^(ndots|timeout|attempts):(\d{1,4})$/.exec(value);
        if (match !== null) numbers.set(match[1]!, Number(match[2]));
      }
  }
  const bounded = (name: string, least: number, most: number, otherwise: number): number =>
    Math.min(most, Math.max(least, numbers.get(name) ?? otherwise));
  return {
    servers,
    search,
    ndots: bounded("ndots", 0, 15, 1),
    timeout: bounded("timeout", 1, 30, 5) * 1000,
    attempts: bounded("attempts", 1, 5, 2),
  };
}
