/** What is under `dns.resolve*` and `dns.Resolver` in a process whose network is ours: questions to servers that our stack reaches go by it, all
 *  others as before. */
import { AsyncResource } from "node:async_hooks";
import type { QuestionType } from "../dns/codec.js";
import type { ResolverConfiguration } from "../dns/configuration.js";
import type { DnsError } from "../dns/errors.js";
import type { Resolver } from "../dns/resolver.js";
import type { NodeDrive } from "../drive/node.js";
import { binding } from "./internals.js";
import { parseName } from "./names.js";
import type { Territory } from "./territory.js";

/** A request of `dns`. */
interface Request {
  readonly ttl?: boolean;
  oncomplete(error: string | null, result?: unknown, ttls?: number[]): void;
}

type Server = readonly [family: number, address: string, port: number];
type Query = (request: Request, name: string) => number;

interface Channel {
  setServers(servers: readonly Server[]): number;
  getServers(): (readonly [address: string, port: number])[];
  cancel(): void;
}
type ChannelClass = new (timeout?: number, tries?: number, ...rest: unknown[]) => Channel;

const QUERIES: Readonly<Record<string, QuestionType>> = {
  queryAny: "ANY",
  queryA: "A",
  queryAaaa: "AAAA",
  queryCaa: "CAA",
  queryCname: "CNAME",
  queryMx: "MX",
  queryNaptr: "NAPTR",
  queryNs: "NS",
  queryPtr: "PTR",
  querySoa: "SOA",
  querySrv: "SRV",
  queryTxt: "TXT",
};
/** Lists of servers, each with a resolver of its own, that are kept. */
const MOST_RESOLVERS = 32;
const IPV6 = 6;
const DNS_PORT = 53;

/** Where questions go by our stack. */
class OurResolvers {
  readonly #drive: NodeDrive;
  readonly #territory: Territory;
  readonly #kept = new Map<string, Promise<Resolver>>();

  constructor(drive: NodeDrive, territory: Territory) {
    this.#drive = drive;
    this.#territory = territory;
  }

  /** Whether all of them are reached by our stack. */
  reaches(servers: readonly Server[]): boolean {
    const isOurs = ([family, address, port]: Server): boolean =>
      this.#territory.ownsDestination(parseName(address, family === IPV6 ? 6 : 4), port);
    return servers.length > 0 && servers.every(isOurs);
  }

  at(configuration: ResolverConfiguration): Promise<Resolver> {
    const key = JSON.stringify(configuration);
    const known = this.#kept.get(key);
    if (known !== undefined) return known;
    // As Node's resolvers, these remember nothing.
    const made = import("../dns/resolver.js").then(({ createResolver }) =>
      createResolver(this.#drive, { ...configuration, cacheEntries: 0 }),
    );
    this.#kept.set(key, made);
    const [oldest] = this.#kept;
    if (this.#kept.size > MOST_RESOLVERS && oldest !== undefined) {
      this.#kept.delete(oldest[0]);
      void oldest[1].then((resolver) => resolver.close());
    }
    return made;
  }
}

/** `standing`: whom to ask when a program has named no servers; none: the host's resolver does it. */
export function answerByStack(drive: NodeDrive, territory: Territory, standing: () => ResolverConfiguration): void {
  const cares = binding("cares_wrap");
  const Native = cares.ChannelWrap as ChannelClass;
  const resolvers = new OurResolvers(drive, territory);

  class ChannelWrap extends Native {
    readonly #settings: { readonly timeout?: number; readonly attempts?: number };
    #given: readonly Server[] | null = null;
    readonly #under = new Set<(code: string) => void>();

    constructor(timeout = -1, tries = 4, ...rest: unknown[]) {
      super(timeout, tries, ...rest);
      this.#settings = { ...(timeout > 0 ? { timeout: Math.min(timeout, 60_000) } : {}), attempts: Math.min(Math.max(tries, 1), 10) };
    }

    override setServers(servers: readonly Server[]): number {
      const status = super.setServers(servers);
      if (status === 0) this.#given = servers;
      return status;
    }

    override getServers(): (readonly [address: string, port: number])[] {
      const { servers } = standing();
      if (this.#given !== null || servers.length === 0) return super.getServers();
      return servers.map((server) => {
        const [address = "", port = DNS_PORT] = server.split(":");
        return [address, Number(port)];
      });
    }

    override cancel(): void {
      super.cancel();
      for (const end of [...this.#under]) end("ECANCELLED");
    }

    /** Null: it is not for our stack. */
    configuration(): ResolverConfiguration | null {
      const given = this.#given;
      if (given === null) return standing().servers.length > 0 ? { ...standing(), ...this.#settings } : null;
      if (!resolvers.reaches(given)) return null;
      return { servers: given.map(([, address, port]) => `${address}:${port}`), ...this.#settings };
    }

    ask(request: Request, configuration: ResolverConfiguration, question: (resolver: Resolver, done: Done) => void): number {
      const resource = new AsyncResource("QUERYWRAP");
      const end = (...result: [code: string | null, result?: unknown, ttls?: number[]]): void => {
        if (this.#under.delete(end)) resource.runInAsyncScope(() => request.oncomplete(...result));
      };
      this.#under.add(end);
      void resolvers.at(configuration).then((resolver) => {
        const done: Done = (error, value) => {
          if (error !== null) return end(error.code);
          if (request.ttl !== true) return end(null, value);
          const records = value as readonly Timed[];
          const [addresses, ttls] = [records.map(({ address }) => address), records.map(({ ttl }) => ttl)];
          end(null, addresses, ttls);
        };
        try {
          question(resolver, done);
        } catch {
          // What the resolver of the stack has no question for: the names of an IPv6 address.
          end("ENOTIMP");
        }
      });
      return 0;
    }
  }

  const own = ChannelWrap.prototype as unknown as Record<string, Query>;
  const native = Native.prototype as unknown as Record<string, Query>;
  const override = (name: string, question: (resolver: Resolver, name: string, request: Request, done: Done) => void): void => {
    if (native[name] === undefined) return;
    own[name] = function query(this: ChannelWrap, request, about) {
      const configuration = this.configuration();
      if (configuration === null) return native[name]!.call(this as never, request, about);
      return this.ask(request, configuration, (resolver, done) => question(resolver, about, request, done));
    } as Query;
  };
  for (const [name, type] of Object.entries(QUERIES))
    override(name, (resolver, about, { ttl = false }, done) => {
      if (type === "A") resolver.resolve4(about, { ttl }, done);
      else if (type === "AAAA") resolver.resolve6(about, { ttl }, done);
      else resolver.resolve(about, type, done);
    });
  override("getHostByAddr", (resolver, address, _request, done) => resolver.reverse(address, done));
  cares.ChannelWrap = ChannelWrap;
}

type Done = (error: DnsError | null, value: unknown) => void;

interface Timed {
  readonly address: string;
  readonly ttl: number;
}
