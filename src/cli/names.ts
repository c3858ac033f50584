/** Names on the command line: resolved over our stack when a server is known, else by the host. */
import { lookup as hostLookup } from "node:dns";
import { type ResolverConfiguration, serverOf } from "../dns/configuration.js";
import { createResolver, type LookupFunction } from "../dns/resolver.js";
import type { Drive } from "../drive/drive.js";
import { type IpAddress, ip } from "../ip/address.js";
import type { Lookup } from "../net/socket.js";
import { UsageError } from "./exit.js";

export interface Names {
  /** With the signature of `dns.lookup`. */
  readonly lookup: Lookup;
  resolve(host: string): Promise<IpAddress>;
}

/** `configuration` is asked for each name; without a server in it the host's own resolver is. */
export const namesOf = (drive: Drive, configuration: () => ResolverConfiguration): Names => {
  const resolver = createResolver(drive, { configuration });
  const lookup: Lookup = (host, options, callback) => {
    const chosen = (resolver.getServers().length === 0 ? hostLookup : resolver.lookup) as LookupFunction;
    chosen(host, options, callback);
  };
  return {
    lookup,
    resolve: (host) =>
      new Promise((resolve, reject) => {
        lookup(host, { family: 4 }, (error, address) => (error === null ? resolve(ip(address)) : reject(error)));
      }),
  };
};

/** "10.0.0.1" or "10.0.0.1:5353", added to those before. */
export const parseServer = (text: string, before: readonly string[] = []): string[] => {
  try {
    serverOf(text);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  return [...before, text];
};
