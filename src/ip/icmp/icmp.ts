/** ICMP messages that arrive — RFC 792, RFC 1122 s3.2.2. */
import type { Cause } from "../../base/cause.js";
import { updateChecksum } from "../../base/checksum.js";
import type { Micros } from "../../base/environment.js";
import { Icmp as Why } from "../../base/why.js";
import { ipFromInt, UNSPECIFIED } from "../address.js";
import { LOOPBACK_INDEX } from "../interface.js";
import { type Datagram, Protocol, type SendOptions } from "../network.js";
import { plateauBelow } from "../path-mtu.js";
import { At, headerLengthAt, HEADER_LENGTH as IP_HEADER, OFFSET_MASK } from "../v4/header.js";
import type { DatagramTransport, Ip } from "../v4/ip.js";
import { IcmpError, type QuotedError } from "./error.js";
import type { DestinationLimiter } from "./limiter.js";
import { HEADER_LENGTH, TimeExceededCode, Type, unreachableKind, verifyMessage } from "./message.js";

/** Who is told of echo replies. */
export interface EchoReplies {
  /** Returns the datagram's fate. */
  replied(datagram: Datagram, identifier: number, sequence: number, now: Micros): number;
}

/** What became of an error that was handed up. */
export const Told = {
  /** It quotes nothing that anybody here sent. */
  Nobody: 0,
  /** Its owner knows, and does what follows from it. */
  Owner: 1,
  /** Its owner knows, and leaves the path MTU to IP (RFC 8085 s5.2). */
  LowerMtu: 2,
} as const;
export type Told = (typeof Told)[keyof typeof Told];

/** Who is told of errors: the transport that the quoted datagram belongs to. */
export interface ErrorListener {
  icmpError(error: QuotedError, now: Micros): Told;
}

/** What RFC 792 guarantees of the quoted datagram behind its header: 64 bits. */
const LEAST_QUOTED = 8;

export class Icmp implements DatagramTransport {
  readonly #ip: Ip;
  readonly #cause: Cause;
  readonly #echoes: DestinationLimiter;
  readonly #ttl: number;
  readonly #error: QuotedError = {
    kind: IcmpError.NetUnreachable,
    code: 0,
    reporter: UNSPECIFIED,
    source: UNSPECIFIED,
    destination: UNSPECIFIED,
    protocol: 0,
    quoteStart: 0,
    quoteEnd: 0,
    mtu: 0,
  };
  readonly #reply: { -readonly [K in keyof SendOptions]: SendOptions[K] };
  listener: ErrorListener | null = null;
  replies: EchoReplies | null = null;

  constructor(ip: Ip, cause: Cause, echoes: DestinationLimiter, ttl: number) {
    this.#ip = ip;
    this.#cause = cause;
    this.#echoes = echoes;
    this.#ttl = ttl;
    this.#reply = { ttl, trafficClass: 0, dontFragment: false };
  }

  arrives(datagram: Datagram, now: Micros): number {
    const bad = verifyMessage(datagram);
    if (bad !== 0) return bad;
    const view = datagram.packet.pool.arena.view;
    const at = datagram.payloadStart;
    switch (view.getUint8(at)) {
      case Type.Echo:
        return this.#echo(datagram, now);
      case Type.EchoReply:
        return this.replies?.replied(datagram, view.getUint16(at + 4), view.getUint16(at + 6), now) ?? Why.NobodyWaits;
      case Type.Unreachable:
      case Type.TimeExceeded:
      case Type.ParameterProblem:
        return this.#errorArrives(datagram, now);
      case Type.SourceQuench:
        // RFC 6633 s3 and s5: ignored by hosts, silently but for the count (s8).
        return Why.SourceQuench;
      case Type.Redirect:
        // Deviation: redirect
        return Why.Redirect;
      case Type.Timestamp:
      case Type.TimestampReply:
      case Type.Information:
      case Type.InformationReply:
      case Type.AddressMask:
      case Type.AddressMaskReply:
      case Type.RouterAdvertisement:
      case Type.RouterSolicitation:
        // RFC 1122 s3.2.2.7 to s3.2.2.9, RFC 6918: obsolete or optional, and they tell a stranger who we are.
        return Why.InfoRequest;
      default:
        // RFC 1122 s3.2.2: "If an ICMP message of unknown type is received, it MUST be silently discarded."
        return Why.UnknownType;
    }
  }

  /** RFC 1122 s3.2.2.6: "Every host MUST implement an ICMP Echo server function". */
  #echo(datagram: Datagram, now: Micros): number {
    // "An ICMP Echo Request destined to an IP broadcast or IP multicast address MAY be silently discarded."
    if (datagram.group) return Why.EchoToGroup;
    const ip = this.#ip;
    if (!this.#echoes.take(datagram.source, now)) return Why.Limited;
    const length = datagram.payloadEnd - datagram.payloadStart;
    const reply = (length <= ip.pool.capacity ? ip.pool : ip.memory.large).take();
    if (reply === null) return Why.NoBuffers;
    const { bytes, view } = reply.pool.arena;
    // "Data received in an ICMP Echo Request MUST be entirely included in the resulting Echo Reply."
    bytes.copyWithin(reply.start, datagram.payloadStart, datagram.payloadEnd);
    reply.end = reply.start + length;
    const old = view.getUint16(reply.start);
    view.setUint16(reply.start, Type.EchoReply << 8);
    view.setUint16(reply.start + 2, updateChecksum(view.getUint16(reply.start + 2), old, Type.EchoReply << 8));
    reply.why = Why.EchoReply;
    reply.cause = this.#cause.id;
    ip.tally.add(Why.EchoReply);
    this.#reply.ttl = this.#ttl;
    // The answer has the class of the question (RFC 1349 s5.1), without its ECN field.
    this.#reply.trafficClass = datagram.trafficClass & 0xfc;
    // "The IP source address in an ICMP Echo Reply MUST be the same as the specific-destination address."
    ip.send(reply, datagram.destination, datagram.source, Protocol.Icmp, this.#reply, now);
    return Why.EchoAnswered;
  }

  /** RFC 1122 s3.2.2: "the Internet header and at least the first 8 data octets of the datagram that triggered the error". */
  #errorArrives(datagram: Datagram, now: Micros): number {
    // We send from no group, so no error is for one.
    if (datagram.group) return Why.QuoteNotOurs;
    const view = datagram.packet.pool.arena.view;
    const at = datagram.payloadStart;
    const type = view.getUint8(at);
    const code = view.getUint8(at + 1);
    const error = this.#error;
    error.code = code;
    error.reporter = datagram.source;
    error.mtu = 0;
    if (type === Type.Unreachable) {
      const kind = unreachableKind(code);
      if (kind === -1) return Why.UnknownType;
      error.kind = kind;
    } else if (type === Type.TimeExceeded) {
      if (code > TimeExceededCode.Reassembly) return Why.UnknownType;
      error.kind = code === TimeExceededCode.Reassembly ? IcmpError.ReassemblyTimeExceeded : IcmpError.TimeExceeded;
    } else error.kind = IcmpError.ParameterProblem;
    const bad = this.#quote(at + HEADER_LENGTH, datagram.payloadEnd, datagram.device === LOOPBACK_INDEX);
    if (bad !== 0) return bad;
    if (error.kind === IcmpError.FragmentationNeeded) return this.#tooBig(view.getUint16(at + 6), at + HEADER_LENGTH, now);
    return this.#tell(now) === Told.Nobody ? Why.QuoteNotOurs : Why.ErrorDelivered;
  }

  #tell(now: Micros): Told {
    return this.listener === null ? Told.Nobody : this.listener.icmpError(this.#error, now);
  }

  /** Parses the quoted datagram into `#error`; returns 0, or the reason to drop the message. */
  #quote(start: number, end: number, inside: boolean): number {
    const view = this.#ip.memory.arena.view;
    if (end - start < IP_HEADER + LEAST_QUOTED || view.getUint8(start) >>> 4 !== 4) return Why.QuoteShort;
    const headerLength = headerLengthAt(view, start);
    if (headerLength < IP_HEADER || end - start < headerLength + LEAST_QUOTED) return Why.QuoteShort;
    const error = this.#error;
    error.source = ipFromInt(view.getInt32(start + At.Source));
    error.destination = ipFromInt(view.getInt32(start + At.Destination));
    error.protocol = view.getUint8(start + At.Protocol);
    error.quoteStart = start + headerLength;
    error.quoteEnd = end;
    // Only what we sent can be answered by an error, and only a first fragment tells whose it was. What we send ourselves meets no router.
    if (!this.#ip.isLocal(error.source) || (!inside && this.#ip.isLocal(error.destination))) return Why.QuoteNotOurs;
    return (view.getUint16(start + At.Fragment) & OFFSET_MASK) === 0 ? 0 : Why.QuoteNotOurs;
  }

  /** RFC 1191 s3: "the host MUST reduce its estimate of the Path MTU for the relevant path". */
  #tooBig(nextHopMtu: number, quoted: number, now: Micros): number {
    const ip = this.#ip;
    const error = this.#error;
    const sent = ip.memory.arena.view.getUint16(quoted + At.TotalLength);
    // RFC 1191 s5: a router that does not say gets the plateau below what was too big.
    error.mtu = nextHopMtu === 0 ? plateauBelow(sent) : nextHopMtu;
    // RFC 1191 s3: never "in response to the contents of a Datagram Too Big message" does an estimate rise.
    const current = ip.mtuTo(error.destination, error.source, now);
    if (error.mtu >= sent || error.mtu >= current) return Why.PmtuIgnored;
    const { destination, source, mtu } = error;
    const told = this.#tell(now);
    if (told === Told.Nobody) return Why.QuoteNotOurs;
    // TCP decides when to believe it (RFC 5927 s7.2) and says so by `Network.lowerMtu`.
    if (told === Told.Owner) return Why.ErrorDelivered;
    ip.lowerMtu(destination, mtu, source, now);
    return Why.PmtuLowered;
  }

  /** A packet of ours, whose IP header is at `start`, could not be sent to its next hop: tells its owner (RFC 1122 s3.2.2.1). */
  undeliverable(start: number, end: number, now: Micros): void {
    const error = this.#error;
    error.kind = IcmpError.HostUnreachable;
    error.code = 1;
    error.mtu = 0;
    if (this.#quote(start, end, false) !== 0) return;
    error.reporter = error.source;
    this.#tell(now);
  }
}
