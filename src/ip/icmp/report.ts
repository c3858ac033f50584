/** ICMP errors that we send — RFC 792, RFC 1122 s3.2.2, RFC 1812 s4.3.2. */
import type { Cause } from "../../base/cause.js";
import type { Micros } from "../../base/environment.js";
import { Cast, type Packet } from "../../base/packet.js";
import { Icmp as Why } from "../../base/why.js";
import { type IpAddress, ipFromInt, isClassE, isLoopback, isMulticast, UNSPECIFIED } from "../address.js";
import { Protocol, type SendOptions } from "../network.js";
import { At, headerLengthAt, OFFSET_MASK } from "../v4/header.js";
import type { ErrorReports, Ip } from "../v4/ip.js";
import type { DestinationLimiter } from "./limiter.js";
import { HEADER_LENGTH, TimeExceededCode, Type, UnreachableCode, writeMessage } from "./message.js";

/** RFC 1812 s4.3.2.3: "as much of the original datagram as possible without the length of the ICMP datagram exceeding 576 bytes". */
const MOST_QUOTED = 576 - 20 - HEADER_LENGTH;

export class ErrorSender implements ErrorReports {
  readonly #ip: Ip;
  readonly #cause: Cause;
  readonly #limiter: DestinationLimiter;
  /** RFC 1122 s3.2.2: "SHOULD be sent with normal (i.e., zero) TOS bits". */
  readonly #options: SendOptions;

  constructor(ip: Ip, cause: Cause, limiter: DestinationLimiter, ttl: number) {
    this.#ip = ip;
    this.#cause = cause;
    this.#limiter = limiter;
    this.#options = { ttl, trafficClass: 0, dontFragment: false };
  }

  protocolUnreachable(now: Micros): void {
    this.#aboutReceived(Type.Unreachable, UnreachableCode.Protocol, 0, Why.ProtocolUnreachable, now);
  }

  portUnreachable(now: Micros): void {
    this.#aboutReceived(Type.Unreachable, UnreachableCode.Port, 0, Why.PortUnreachable, now);
  }

  parameterProblem(pointer: number, now: Micros): void {
    this.#aboutReceived(Type.ParameterProblem, 0, pointer << 24, Why.ParameterProblem, now);
  }

  reassemblyTimeExceeded(packet: Packet, _device: number, now: Micros): void {
    this.#about(
      packet,
      packet.start,
      packet.end,
      false,
      Type.TimeExceeded,
      TimeExceededCode.Reassembly,
      0,
      Why.ReassemblyTimeExceeded,
      now,
    );
  }

  #aboutReceived(type: number, code: number, rest: number, why: number, now: Micros): void {
    const { packet, headerStart, payloadEnd, group } = this.#ip.received;
    this.#about(packet, headerStart, payloadEnd, group || packet.cast !== Cast.Unicast, type, code, rest, why, now);
  }

  /** Sends an error about the datagram in [start, end), unless RFC 1122 s3.2.2 forbids it: "An ICMP error message MUST NOT be sent as the result of receiving ..." */
  #about(
    packet: Packet,
    start: number,
    end: number,
    group: boolean,
    type: number,
    code: number,
    rest: number,
    why: number,
    now: Micros,
  ): void {
    const ip = this.#ip;
    const view = packet.pool.arena.view;
    const source = ipFromInt(view.getInt32(start + At.Source));
    const destination = ipFromInt(view.getInt32(start + At.Destination));
    const payload = start + headerLengthAt(view, start);
    if (group || !ip.isLocal(destination) || !isSingleHost(ip, source) || (view.getUint16(start + At.Fragment) & OFFSET_MASK) !== 0) {
      ip.tally.add(Why.AboutGroup);
      return;
    }
    if (view.getUint8(start + At.Protocol) === Protocol.Icmp && (payload >= end || isError(view.getUint8(payload)))) {
      ip.tally.add(Why.AboutGroup);
      return;
    }
    if (!this.#limiter.take(source, now)) {
      ip.tally.add(Why.Limited);
      return;
    }
    const quoted = Math.min(end - start, MOST_QUOTED, ip.pool.capacity - HEADER_LENGTH);
    const reply = ip.pool.take();
    if (reply === null) {
      ip.count(Why.NoBuffers, now);
      return;
    }
    const arena = reply.pool.arena;
    arena.bytes.copyWithin(reply.start + HEADER_LENGTH, start, start + quoted);
    reply.end = reply.start + HEADER_LENGTH + quoted;
    writeMessage(arena, reply.start, reply.end, type, code, rest);
    reply.why = why;
    reply.cause = this.#cause.id;
    ip.tally.add(why);
    ip.send(reply, destination, source, Protocol.Icmp, this.#options, now);
  }
}

/** RFC 1122 s3.2.2: not "a datagram whose source address does not define a single host". */
const isSingleHost = (ip: Ip, address: IpAddress): boolean =>
  address !== UNSPECIFIED &&
  !isMulticast(address) &&
  !isClassE(address) &&
  !ip.isGroup(address) &&
  (!isLoopback(address) || ip.isLocal(address));

/** True for what is not a query or its answer. */
const isError = (type: number): boolean =>
  type !== Type.Echo &&
  type !== Type.EchoReply &&
  type !== Type.Timestamp &&
  type !== Type.TimestampReply &&
  type !== Type.Information &&
  type !== Type.InformationReply &&
  type !== Type.AddressMask &&
  type !== Type.AddressMaskReply;
