/** How `dns.lookup`, and so all that connects to a name, finds addresses in a process whose network is ours. */
import dns from "node:dns";
import { syncBuiltinESMExports } from "node:module";
import { promisify } from "node:util";
import type { ResolverConfiguration } from "../../dns/configuration.js";
import type { NodeDrive } from "../../drive/node.js";

/** Names are asked for over the stack. */
export async function useResolver(drive: NodeDrive, configuration: () => ResolverConfiguration): Promise<void> {
  const { createResolver } = await import("../../dns/resolver.js");
  const resolver = createResolver(drive, { configuration });
  const { lookup } = dns;
  const promised = dns.promises.lookup;
  // A lease may name no server.
  const isOurs = (): boolean => configuration().servers.length > 0;
  const ours = (...rest: unknown[]): unknown => Reflect.apply(isOurs() ? resolver.lookup : lookup, dns, rest);
  const oursPromised = (...rest: unknown[]): unknown => Reflect.apply(isOurs() ? resolver.promises.lookup : promised, dns.promises, rest);
  Object.defineProperty(ours, promisify.custom, { value: oursPromised });
  Object.assign(dns, { lookup: ours });
  Object.assign(dns.promises, { lookup: oursPromised });
  syncBuiltinESMExports();
}

type Callback = (error: Error | null, address?: unknown, family?: number) => void;

/** The stack has ::1, whatever the files of the host say of localhost (RFC 6761 s6.3). */
export function useLocalhost(): void {
  const { lookup } = dns;
  const patched = function (this: unknown, hostname: unknown, options: unknown, callback: unknown): unknown {
    const settings = typeof options === "number" ? { family: options } : (options as { family?: unknown; all?: boolean } | null);
    const isAsked = hostname === "localhost" && (settings?.family === 6 || settings?.family === "IPv6");
    if (!isAsked || typeof callback !== "function")
      return Reflect.apply(lookup, this, callback === undefined ? [hostname, options] : [hostname, options, callback]);
    const answer: Callback = (error, ...rest) => {
      if (error === null) (callback as Callback)(null, ...rest);
      else if (settings.all === true) (callback as Callback)(null, [{ address: "::1", family: 6 }]);
      else (callback as Callback)(null, "::1", 6);
    };
    return Reflect.apply(lookup, this, [hostname, options, answer]);
  };
  Object.defineProperty(patched, "name", { value: "lookup" });
  Object.assign(dns, { lookup: Object.assign(patched, lookup) });
  syncBuiltinESMExports();
}
