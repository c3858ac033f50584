/** Names resolved over a stack, with the functions, the errors and the manners of `node:dns`. */
import { AsyncResource } from "node:async_hooks";
import { isIP } from "node:net";
import { domainToASCII } from "node:url";
import { promisify } from "node:util";
import type { Drive } from "../drive/drive.js";
import { type DnsRecord, type QuestionType, recordTypes } from "./codec.js";
import { checkedConfiguration, type ResolverConfiguration } from "./configuration.js";
import { type Answer, Engine } from "./engine.js";
import { type DnsError, lookupError, queryError } from "./errors.js";
import { type HostAddress, Hosts } from "./hosts.js";
import { candidates, canonicalName, isLocalhost, reverseName } from "./name.js";
import { systemHosts } from "./system.js";

export interface ResolverOptions extends Partial<ResolverConfiguration> {
  /** Asked before each question instead of the above: for servers that come and go, as with a DHCP lease. */
  readonly configuration?: () => ResolverConfiguration;
  /** The text of a hosts file; null: none. Default: /etc/hosts, read again when it has changed. */
  readonly hosts?: string | null;
  /** Ask in letters of random case, and believe only who repeats them. Some servers do not. Default false. */
  readonly mixedCase?: boolean;
  /** Answers that are remembered. Default 4096; 0: none. */
  readonly cacheEntries?: number;
  /** Questions under way at one time. Default 1024. */
  readonly questions?: number;
}

export interface LookupOptions {
  readonly family?: number | "IPv4" | "IPv6" | undefined;
  readonly all?: boolean | undefined;
  /** As Node has them; no use is made of them, since the stack has IPv4 alone. */
  readonly hints?: number | undefined;
  readonly order?: string | undefined;
  readonly verbatim?: boolean | undefined;
}

export type LookupAddress = HostAddress;
type LookupCallback = (error: DnsError | null, address: string, family: number) => void;
type LookupAllCallback = (error: DnsError | null, addresses: LookupAddress[]) => void;
type Done<Value> = (error: DnsError | null, value: Value) => void;

/** The signatures of `dns.lookup`. */
export interface LookupFunction {
  (hostname: string, callback: LookupCallback): void;
  (hostname: string, family: number, callback: LookupCallback): void;
  (hostname: string, options: LookupOptions & { readonly all: true }, callback: LookupAllCallback): void;
  (hostname: string, options: LookupOptions & { readonly all?: false | undefined }, callback: LookupCallback): void;
  (hostname: string, options: LookupOptions, callback: LookupCallback | LookupAllCallback): void;
}

export interface RecordWithTtl {
  readonly address: string;
  readonly ttl: number;
}

/** setInterval cannot hold a longer delay. */
const FOR_EVER = 2 ** 31 - 1;

export class Resolver {
  /** As `dns.lookup`, for `net.connect({ lookup })` and whatever else takes one: hosts file, search list, then the servers. With family 0 it
   *  gives IPv4 addresses, since the stack can connect to no others. */
  readonly lookup: LookupFunction;
  readonly #drive: Drive;
  readonly #engine: Engine;
  readonly #hosts: () => Hosts;
  #configuration: () => ResolverConfiguration;
  #waiting = 0;
  /** A stack in memory has no file descriptor that would keep the process alive until the answer comes. */
  #holder: NodeJS.Timeout | null = null;

  constructor(drive: Drive, options: ResolverOptions = {}) {
    const { configuration, hosts, mixedCase = false, cacheEntries = 4096, questions = 1024, servers = [], ...rest } = options;
    const given: ResolverConfiguration = { servers, ...rest };
    checkedConfiguration(given);
    this.#drive = drive;
    this.#configuration = configuration ?? (() => given);
    const fixed = hosts === undefined ? null : new Hosts(hosts ?? "");
    this.#hosts = fixed === null ? systemHosts() : () => fixed;
    this.#engine = new Engine(drive.stack, { configuration: () => this.#configuration(), mixedCase, cacheEntries, questions });
    this.lookup = this.#lookup.bind(this) as LookupFunction;
    Object.defineProperty(this.lookup, promisify.custom, { value: this.promises.lookup });
  }

  /** Addresses of the servers, and for good: what `configuration` says counts no more. */
  setServers(servers: readonly string[]): void {
    const given = { ...this.#configuration(), servers };
    checkedConfiguration(given);
    this.#configuration = () => given;
  }

  getServers(): string[] {
    return [...this.#configuration().servers];
  }

  resolve4(hostname: string, callback: Done<string[]>): void;
  resolve4(hostname: string, options: { readonly ttl: true }, callback: Done<RecordWithTtl[]>): void;
  resolve4(hostname: string, options: { readonly ttl?: boolean }, callback: Done<string[]> | Done<RecordWithTtl[]>): void;
  resolve4(hostname: string, ...rest: readonly unknown[]): void {
    this.#addresses("A", hostname, rest);
  }

  resolve6(hostname: string, callback: Done<string[]>): void;
  resolve6(hostname: string, options: { readonly ttl: true }, callback: Done<RecordWithTtl[]>): void;
  resolve6(hostname: string, options: { readonly ttl?: boolean }, callback: Done<string[]> | Done<RecordWithTtl[]>): void;
  resolve6(hostname: string, ...rest: readonly unknown[]): void {
    this.#addresses("AAAA", hostname, rest);
  }

  /** As `dns.resolve`: records of a type, in the form that Node gives them. */
  resolve(hostname: string, callback: Done<unknown[]>): void;
  resolve(hostname: string, type: QuestionType, callback: Done<unknown>): void;
  resolve(hostname: string, first: QuestionType | Done<unknown[]>, second?: Done<unknown>): void {
    const type = typeof first === "string" ? first : "A";
    const callback = (typeof first === "function" ? first : second) as Done<unknown> | undefined;
    if (type !== "ANY" && !recordTypes.includes(type))
      throw new TypeError(`record type ${JSON.stringify(type)}: use one of ${recordTypes.join(", ")}, ANY`);
    this.#records(type, syscalls[type], hostname, checkedCallback(callback), (answer) => {
      const data = answer.records.map(type === "ANY" ? named : (record) => record.data);
      return type === "SOA" ? data[0] : data;
    });
  }

  /** The names of an IPv4 address. */
  reverse(address: string, callback: Done<string[]>): void {
    if (isIP(address) !== 4) throw new TypeError(`${JSON.stringify(address)} is no IPv4 address`);
    const done = checkedCallback(callback) as Done<unknown>;
    this.#records("PTR", "getHostByAddr", reverseName(address), done, (answer) => answer.records.map((record) => record.data), address);
  }

  /** The same as promises. */
  readonly promises = {
    lookup: (hostname: string, options: LookupOptions | number = {}): Promise<LookupAddress | LookupAddress[]> =>
      new Promise((resolve, reject) => {
        const settings: LookupOptions = typeof options === "number" ? { family: options } : options;
        const done = (error: DnsError | null, value: string | LookupAddress[], family: 4 | 6): void =>
          error !== null ? reject(error) : resolve(Array.isArray(value) ? value : { address: value, family });
        this.#lookup(hostname, settings, done);
      }),
    resolve4: (hostname: string): Promise<string[]> => promised((done: Done<string[]>) => this.resolve4(hostname, done)),
    resolve6: (hostname: string): Promise<string[]> => promised((done: Done<string[]>) => this.resolve6(hostname, done)),
    resolve: (hostname: string, type: QuestionType = "A"): Promise<unknown> => promised((done) => this.resolve(hostname, type, done)),
    reverse: (address: string): Promise<string[]> => promised((done: Done<string[]>) => this.reverse(address, done)),
  };

  /** Every question under way fails with ECANCELLED. */
  cancel(): void {
    this.#engine.cancel(this.#drive.now());
  }

  /** Ends it: no question is answered any more. */
  close(): void {
    this.#engine.stop(this.#drive.now());
  }

  // ---- lookup

  #lookup(hostname: string, ...rest: readonly unknown[]): void {
    const [first, second] = rest;
    const callback = checkedCallback(second ?? first) as (error: DnsError | null, ...values: unknown[]) => void;
    const options: LookupOptions =
      typeof first === "number" ? { family: first } : typeof first === "object" && first !== null ? (first as LookupOptions) : {};
    const family = familyOf(options.family);
    const { all = false } = options;
    if (typeof hostname !== "string" && hostname !== null && hostname !== undefined) throw notText(hostname);
    const done = this.#hold(callback);
    const found = (addresses: readonly HostAddress[]): void => {
      const plain = addresses.map((found) => ({ address: found.address, family: found.family }));
      if (all) done(null, plain);
      else done(null, plain[0]!.address, plain[0]!.family);
    };
    // As Node's: no name has no address, and that is no error.
    if (hostname === "" || hostname === null || hostname === undefined)
      return all ? done(null, []) : done(null, null, family === 6 ? 6 : 4);
    const literal = isIP(hostname);
    if (literal === 4 || literal === 6) return found([{ address: hostname, family: literal }]);
    const ascii = domainToASCII(hostname) || hostname;
    const known = this.#known(ascii, family);
    if (known.length > 0) return found(known);
    const { search = [], ndots = 1 } = this.#configuration();
    const names = candidates(ascii, search, ndots);
    const type = family === 6 ? "AAAA" : "A";
    const next = (index: number, code: Parameters<typeof lookupError>[0]): void => {
      const name = names[index];
      if (name === undefined) return done(lookupError(code, hostname));
      this.#engine.ask(
        name,
        type,
        ({ code: failure, records }) => {
          if (failure === null) found(records.map((record) => ({ address: String(record.data), family: type === "A" ? 4 : 6 })));
          // Only a name that is certainly not there is looked for elsewhere: else a silent server would send us to another host.
          else if (failure === "ENOTFOUND" || failure === "ENODATA") next(index + 1, failure);
          else done(lookupError(failure, hostname));
        },
        this.#drive.now(),
      );
    };
    next(0, "EBADNAME");
  }

  /** Addresses that need no server. */
  #known(hostname: string, family: 0 | 4 | 6): readonly HostAddress[] {
    const name = canonicalName(hostname);
    if (name === null) return [];
    const listed = this.#hosts()
      .find(name)
      .filter((host) => host.family === (family === 6 ? 6 : 4));
    if (listed.length > 0 || !isLocalhost(name)) return listed;
    return [family === 6 ? { address: "::1", family: 6 } : { address: "127.0.0.1", family: 4 }];
  }

  // ---- records

  #addresses(type: "A" | "AAAA", hostname: string, rest: readonly unknown[]): void {
    const options = (rest.length > 1 ? rest[0] : {}) as { readonly ttl?: boolean };
    this.#records(type, syscalls[type], hostname, checkedCallback(rest.at(-1)) as Done<unknown>, ({ records, ttl }) =>
      records.map(({ data }) => (options.ttl === true ? { address: String(data), ttl: ttl ?? 0 } : String(data))),
    );
  }

  #records(
    type: QuestionType,
    syscall: string,
    hostname: string,
    callback: Done<unknown>,
    shape: (answer: Answer) => unknown,
    shown = hostname,
  ): void {
    if (typeof hostname !== "string") throw notText(hostname);
    const done = this.#hold(callback);
    const name = canonicalName(domainToASCII(hostname) || hostname);
    if (name === null) return done(queryError("EBADNAME", syscall, shown));
    const answered = (answer: Answer): void =>
      answer.code === null ? done(null, shape(answer)) : done(queryError(answer.code, syscall, shown));
    this.#engine.ask(name, type, answered, this.#drive.now());
  }

  /** The callback, to be called later and in the context of now; the process stays alive until then. */
  #hold(callback: (error: DnsError | null, ...values: never[]) => void): (error: DnsError | null, ...values: unknown[]) => void {
    const bound = AsyncResource.bind(callback as (...values: unknown[]) => void, "DNSREQ");
    this.#waiting += 1;
    this.#holder ??= setInterval(() => {}, FOR_EVER);
    return (...values) =>
      process.nextTick(() => {
        this.#waiting -= 1;
        if (this.#waiting === 0 && this.#holder !== null) {
          clearInterval(this.#holder);
          this.#holder = null;
        }
        bound(...values);
      });
  }
}

/** A record among those of other types, as `resolveAny` has it. */
function named({ type, ttl, data }: DnsRecord): object {
  if (type === "A" || type === "AAAA") return { address: data, ttl, type };
  if (type === "TXT") return { entries: data, type };
  return typeof data === "string" ? { value: data, type } : { ...(data as object), type };
}

const syscalls: Readonly<Record<QuestionType, string>> = {
  A: "queryA",
  AAAA: "queryAaaa",
  ANY: "queryAny",
  CAA: "queryCaa",
  CNAME: "queryCname",
  MX: "queryMx",
  NAPTR: "queryNaptr",
  NS: "queryNs",
  PTR: "queryPtr",
  SOA: "querySoa",
  SRV: "querySrv",
  TXT: "queryTxt",
};

const familyOf = (family: LookupOptions["family"]): 0 | 4 | 6 => {
  if (family === undefined || family === 0) return 0;
  if (family === 4 || family === "IPv4") return 4;
  if (family === 6 || family === "IPv6") return 6;
  throw new TypeError(`family ${JSON.stringify(family)}: use 0, 4 or 6`);
};

const notText = (hostname: unknown): TypeError => new TypeError(`hostname ${String(hostname)}: use a string`);

function checkedCallback(callback: unknown): (error: DnsError | null, value: unknown) => void {
  if (typeof callback !== "function") throw new TypeError("a callback is needed, as the last argument");
  return callback as (error: DnsError | null, value: unknown) => void;
}

const promised = <Value>(start: (done: Done<Value>) => void): Promise<Value> =>
  new Promise((resolve, reject) => start((error, value) => (error === null ? resolve(value) : reject(error))));

/** A resolver over the stack of a drive: `createResolver(drive, { servers: ["10.0.0.1"] })`. */
export const createResolver = (drive: Drive, options: ResolverOptions = {}): Resolver => new Resolver(drive, options);
