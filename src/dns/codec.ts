/** DNS messages — RFC 1035 s4. The codec is dns-packet's; here is what of it is believed. */
import { isIP } from "node:net";
import { decode, encode, RECURSION_DESIRED } from "dns-packet";
import { canonicalName } from "./name.js";

export const recordTypes = ["A", "AAAA", "CAA", "CNAME", "MX", "NAPTR", "NS", "PTR", "SOA", "SRV", "TXT"] as const;
export type RecordType = (typeof recordTypes)[number];
/** What can be asked for: ANY is whatever the server cares to give (RFC 8482). */
export type QuestionType = RecordType | "ANY";

export interface DnsRecord {
  /** Canonical. */
  readonly name: string;
  readonly type: RecordType;
  /** Seconds. */
  readonly ttl: number;
  /** As Node's resolver gives it. */
  readonly data: unknown;
}

export interface Reply {
  readonly id: number;
  readonly truncated: boolean;
  /** "NOERROR", "NXDOMAIN" and so on. */
  readonly rcode: string;
  /** As the server has written it. */
  readonly question: { readonly name: string; readonly type: string } | null;
  readonly answers: readonly DnsRecord[];
  /** How long "no" is true: RFC 2308 s5; null: it is not to be remembered. */
  readonly negativeTtl: number | null;
}

export const encodeQuery = (id: number, name: string, type: QuestionType): Uint8Array =>
  encode({ id, type: "query", flags: RECURSION_DESIRED, questions: [{ name, type, class: "IN" }] });

/** The reply; null for what is none, or broken. */
export function decodeReply(octets: Uint8Array): Reply | null {
  let message: ReturnType<typeof decode>;
  try {
    message = decode(Buffer.from(octets.buffer, octets.byteOffset, octets.length));
  } catch {
    return null;
  }
  const { id, type, opcode, rcode, questions = [], answers = [], authorities = [] } = message;
  if (type !== "response" || opcode !== "QUERY" || id === undefined || rcode === undefined) return null;
  const [question] = questions;
  const asked = questions.length === 1 && question?.class === "IN" ? { name: question.name, type: question.type } : null;
  return {
    id,
    truncated: message.flag_tc === true,
    rcode,
    question: asked,
    answers: answers.map(recordOf).filter((record) => record !== null),
    negativeTtl: negativeTtlOf(authorities.map(recordOf)),
  };
}

/** RFC 2308 s5: "the minimum of the MINIMUM field of the SOA record and the TTL of the SOA itself". */
function negativeTtlOf(authorities: readonly (DnsRecord | null)[]): number | null {
  const soa = authorities.find((record) => record?.type === "SOA");
  if (soa === undefined || soa === null) return null;
  return Math.min(soa.ttl, (soa.data as { minttl: number }).minttl);
}

type Resource = NonNullable<ReturnType<typeof decode>["answers"]>[number];

/** The record in our form; null for types that nobody asks for, and for what a name or an address could not be. */
function recordOf({ name, type, class: cls, ttl, data }: Resource): DnsRecord | null {
  const owner = canonicalName(name);
  const known = recordTypes.find((candidate) => candidate === type);
  if (owner === null || known === undefined || cls !== "IN" || ttl === undefined) return null;
  const value = dataOf(known, data);
  // RFC 2181 s8: a TTL with the highest bit set is to be taken for zero.
  return value === null ? null : { name: owner, type: known, ttl: ttl > 0x7fff_ffff ? 0 : ttl, data: value };
}

type Fields = Readonly<Record<string, unknown>>;

function dataOf(type: RecordType, data: unknown): unknown {
  switch (type) {
    case "A":
      return typeof data === "string" && isIP(data) === 4 ? data : null;
    case "AAAA":
      return typeof data === "string" && isIP(data) === 6 ? data : null;
    case "CNAME":
    case "NS":
    case "PTR":
      return nameOf(data);
    case "TXT":
      return Array.isArray(data) ? data.map((text) => String(text)) : null;
    case "MX": {
      const { preference, exchange } = fieldsOf(data);
      const host = nameOf(exchange);
      return host === null ? null : { exchange: host, priority: Number(preference) };
    }
    case "SRV": {
      const { priority, weight, port, target } = fieldsOf(data);
      const host = nameOf(target);
      return host === null ? null : { name: host, port: Number(port), priority: Number(priority), weight: Number(weight) };
    }
    case "CAA": {
      const { flags, tag, value } = fieldsOf(data);
      return typeof tag === "string" && typeof value === "string" ? { critical: Number(flags), [tag]: value } : null;
    }
    case "NAPTR": {
      const { order, preference, flags, services, regexp, replacement } = fieldsOf(data);
      const host = nameOf(replacement);
      const texts = { flags: String(flags), service: String(services), regexp: String(regexp) };
      return host === null ? null : { ...texts, replacement: host, order: Number(order), preference: Number(preference) };
    }
    case "SOA": {
      const { mname, rname, serial, refresh, retry, expire, minimum } = fieldsOf(data);
      const [nsname, hostmaster] = [nameOf(mname), nameOf(rname)];
      if (nsname === null || hostmaster === null) return null;
      const numbers = { serial: Number(serial), refresh: Number(refresh), retry: Number(retry), expire: Number(expire) };
      return { nsname, hostmaster, ...numbers, minttl: Number(minimum) };
    }
  }
}

const nameOf = (data: unknown): string | null => (typeof data === "string" ? (data === "." ? "" : canonicalName(data)) : null);
const fieldsOf = (data: unknown): Fields => (typeof data === "object" && data !== null ? (data as Fields) : {});
