/** `onwire/dns`: names resolved over a stack, as `node:dns` does. */
export type { RecordType } from "./codec.js";
export { leaseConfiguration, parseResolvConf, type ResolverConfiguration } from "./configuration.js";
export type { DnsError } from "./errors.js";
export {
  createResolver,
  type LookupAddress,
  type LookupFunction,
  type LookupOptions,
  type RecordWithTtl,
  Resolver,
  type ResolverOptions,
} from "./resolver.js";
export { systemConfiguration } from "./system.js";
