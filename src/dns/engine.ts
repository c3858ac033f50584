/** Questions, until they have an answer or there is none: servers in turn, rounds, aliases, what is known already — RFC 1034 s5.3, RFC 1035 s7. */
import { MILLISECOND, type Micros, NEVER } from "../base/environment.js";
import { Dns as Why } from "../base/why.js";
import type { Agent } from "../stack/agent.js";
import type { Stack } from "../stack/stack.js";
import { Cache } from "./cache.js";
import type { DnsRecord, QuestionType, Reply } from "./codec.js";
import { type CheckedConfiguration, checkedConfiguration, type DnsServer, type ResolverConfiguration } from "./configuration.js";
import type { QueryCode } from "./errors.js";
import { type Asked, DatagramExchange, type Ending, type Exchange, StreamExchange } from "./exchange.js";

/** What a name has: records of the type that was asked for, at the end of its aliases; or a code, and none. */
export interface Answer {
  readonly code: QueryCode | null;
  readonly records: readonly DnsRecord[];
  /** Seconds for which it is true; null: it is not to be remembered. */
  readonly ttl: number | null;
}

export interface EngineOptions {
  /** Asked for each question, so that it may change: a lease is renewed. */
  readonly configuration: () => ResolverConfiguration;
  readonly mixedCase: boolean;
  readonly cacheEntries: number;
  /** Questions under way; more are answered ECANCELLED. */
  readonly questions: number;
}

/** Aliases that are followed: RFC 1034 s3.6.2 forbids loops, servers have them all the same. */
const MOST_ALIASES = 16;

/** A question under way, and everybody who waits for it. */
class Pending {
  readonly key: string;
  readonly name: string;
  readonly type: QuestionType;
  readonly configuration: CheckedConfiguration;
  readonly waiting: ((answer: Answer, now: Micros) => void)[] = [];
  exchange: Exchange | null = null;
  /** Questions sent by datagram so far: which server, which round. */
  asked = 0;
  byStream = false;
  deadline: Micros = NEVER;
  /** What the servers that failed have said last. */
  code: QueryCode = "ETIMEOUT";

  constructor(key: string, name: string, type: QuestionType, configuration: CheckedConfiguration) {
    this.key = key;
    this.name = name;
    this.type = type;
    this.configuration = configuration;
  }
}

export class Engine implements Agent {
  readonly name = "dns";
  readonly cache: Cache<Answer>;
  readonly #stack: Stack;
  readonly #options: EngineOptions;
  readonly #pending = new Map<string, Pending>();
  /** Nobody tells it the time any more. */
  #stopped = false;

  constructor(stack: Stack, options: EngineOptions) {
    this.#stack = stack;
    this.#options = options;
    this.cache = new Cache(options.cacheEntries);
    stack.addAgent(this);
  }

  /** Questions under way. */
  get pending(): number {
    return this.#pending.size;
  }

  /** Asks for a canonical name; `done` may be called before this returns. */
  ask(name: string, type: QuestionType, done: (answer: Answer) => void, now: Micros): void {
    this.#ask(name, type, MOST_ALIASES, done, now);
  }

  /** Answers every question under way with ECANCELLED. */
  cancel(now: Micros): void {
    for (const pending of [...this.#pending.values()]) this.#end(pending, failed("ECANCELLED"), now);
  }

  stop(now: Micros): void {
    this.#stopped = true;
    this.cancel(now);
    this.#stack.removeAgent(this);
  }

  nextTimeout(): Micros {
    let next = NEVER;
    for (const { deadline } of this.#pending.values()) next = Math.min(next, deadline);
    return next;
  }

  expire(now: Micros): void {
    for (const pending of [...this.#pending.values()]) {
      // What another one's end has done may have ended this one.
      if (pending.deadline > now || this.#pending.get(pending.key) !== pending) continue;
      this.#stack.tally.add(Why.TimedOut);
      pending.code = "ETIMEOUT";
      this.#next(pending, now);
    }
  }

  inspect(now: Micros) {
    return {
      servers: [...this.#options.configuration().servers],
      cache: { entries: this.cache.size, hits: this.cache.hits, misses: this.cache.misses },
      pending: [...this.#pending.values()].map(({ name, type, asked, byStream, deadline }) => ({
        name,
        type,
        asked,
        byStream,
        left: deadline - now,
      })),
    };
  }

  #ask(name: string, type: QuestionType, aliases: number, done: (answer: Answer) => void, now: Micros): void {
    const follow = (answer: Answer, at: Micros): void => this.#follow(answer, type, aliases, done, at);
    const key = `${type} ${name}`;
    const known = this.cache.find(key, now);
    if (known !== null) return follow({ ...known.value, ttl: known.ttl }, now);
    const same = this.#pending.get(key);
    if (same !== undefined) return void same.waiting.push(follow);
    if (this.#stopped || this.#pending.size >= this.#options.questions) return done(failed("ECANCELLED"));
    const pending = new Pending(key, name, type, checkedConfiguration(this.#options.configuration()));
    pending.waiting.push(follow);
    this.#pending.set(key, pending);
    this.#next(pending, now);
  }

  /** An answer may be an alias alone, whose own records another question brings. */
  #follow(answer: Answer, type: QuestionType, aliases: number, done: (answer: Answer) => void, now: Micros): void {
    const target = answer.code === null && type !== "CNAME" && type !== "ANY" ? aliasOf(answer) : null;
    if (target === null) return done(answer);
    if (aliases === 0) return done(failed("EBADRESP"));
    this.#ask(target, type, aliases - 1, (last) => done({ ...last, ttl: leastOf(answer.ttl, last.ttl) }), now);
  }

  /** Asks the next server, or the first one again in another round, or gives up. */
  #next(pending: Pending, now: Micros): void {
    pending.exchange?.cancel(now);
    pending.exchange = null;
    const { servers, attempts, timeout } = pending.configuration;
    while (pending.asked < servers.length * attempts) {
      const server = servers[pending.asked % servers.length]!;
      const round = Math.floor(pending.asked / servers.length);
      pending.asked += 1;
      pending.byStream = false;
      if (this.#begin(pending, server, timeout * 2 ** round * MILLISECOND, now)) return;
    }
    if (servers.length === 0) pending.code = "ENOSERVERS";
    this.#end(pending, failed(pending.code), now);
  }

  #begin(pending: Pending, server: DnsServer, patience: Micros, now: Micros): boolean {
    const asked: Asked = { server, name: pending.name, type: pending.type, mixedCase: this.#options.mixedCase };
    const done = (ending: Ending): void => this.#ended(pending, server, patience, ending);
    try {
      pending.exchange = new (pending.byStream ? StreamExchange : DatagramExchange)(this.#stack, asked, done, now);
    } catch {
      pending.code = "ECONNREFUSED";
      return false;
    }
    pending.deadline = now + patience;
    return true;
  }

  #ended(pending: Pending, server: DnsServer, patience: Micros, ending: Ending): void {
    const { now, tally } = this.#stack;
    pending.exchange = null;
    if (ending === "by-stream") {
      tally.add(Why.Truncated);
      pending.byStream = true;
      if (!this.#begin(pending, server, patience, now)) this.#next(pending, now);
    } else if (ending === "failed") {
      pending.code = "ECONNREFUSED";
      this.#next(pending, now);
    } else if (ending.rcode === "NOERROR" || ending.rcode === "NXDOMAIN") {
      this.#end(pending, answerIn(ending, pending), now);
    } else {
      // Another server may know better.
      tally.add(Why.NoAnswer);
      pending.code = failures[ending.rcode] ?? "EBADRESP";
      this.#next(pending, now);
    }
  }

  #end(pending: Pending, answer: Answer, now: Micros): void {
    this.#pending.delete(pending.key);
    pending.exchange?.cancel(now);
    pending.exchange = null;
    if (answer.ttl !== null) this.cache.add(pending.key, answer, answer.ttl, answer.code !== null, now);
    for (const done of pending.waiting) done(answer, now);
  }
}

const failures: Readonly<Record<string, QueryCode>> = {
  FORMERR: "EFORMERR",
  SERVFAIL: "ESERVFAIL",
  NOTIMP: "ENOTIMP",
  REFUSED: "EREFUSED",
};
const failed = (code: QueryCode): Answer => ({ code, records: [], ttl: null });
const leastOf = (a: number | null, b: number | null): number | null => (a === null || b === null ? null : Math.min(a, b));

/** What a reply says of the name that was asked for: only what hangs together with it is believed, whatever else the reply brings. */
function answerIn(reply: Reply, { name, type }: Pending): Answer {
  let current = name;
  let ttl: number | null = null;
  let alias: DnsRecord | undefined;
  for (let hops = 0; hops < MOST_ALIASES; hops++) {
    const own = reply.answers.filter((record) => record.name === current);
    const records = type === "ANY" ? own : own.filter((record) => record.type === type);
    if (records.length > 0)
      return { code: null, records, ttl: Math.min(ttl ?? Number.POSITIVE_INFINITY, ...records.map((record) => record.ttl)) };
    const next = own.find((record) => record.type === "CNAME");
    if (next === undefined) break;
    alias = next;
    ttl = Math.min(ttl ?? Number.POSITIVE_INFINITY, next.ttl);
    current = String(next.data);
  }
  // RFC 2308 s2.1: the code is about the last name of the chain.
  if (reply.rcode === "NXDOMAIN") return { code: "ENOTFOUND", records: [], ttl: reply.negativeTtl };
  if (alias !== undefined) return { code: null, records: [alias], ttl };
  return { code: "ENODATA", records: [], ttl: reply.negativeTtl };
}

/** The name that an answer leads to, when it is an alias and nothing more; else null. */
function aliasOf({ records }: Answer): string | null {
  const [first] = records;
  return first?.type === "CNAME" ? String(first.data) : null;
}
