/** ICMP messages for IPv4 — RFC 792. */
import type { Arena } from "../../base/arena.js";
import { checksum } from "../../base/checksum.js";
import { ChecksumState } from "../../base/packet.js";
import { Icmp } from "../../base/why.js";
import type { Datagram } from "../network.js";
import { IcmpError } from "./error.js";

/** Type, code, checksum, and four octets whose meaning depends on the type. */
export const HEADER_LENGTH = 8;

export const Type = {
  EchoReply: 0,
  Unreachable: 3,
  SourceQuench: 4,
  Redirect: 5,
  Echo: 8,
  RouterAdvertisement: 9,
  RouterSolicitation: 10,
  TimeExceeded: 11,
  ParameterProblem: 12,
  Timestamp: 13,
  TimestampReply: 14,
  Information: 15,
  InformationReply: 16,
  AddressMask: 17,
  AddressMaskReply: 18,
} as const;

export const UnreachableCode = { Net: 0, Host: 1, Protocol: 2, Port: 3, FragmentationNeeded: 4, SourceRouteFailed: 5 } as const;
export const TimeExceededCode = { InTransit: 0, Reassembly: 1 } as const;

/** Judges the form of the message that `datagram` carries; returns 0, or the reason to drop it. */
export function verifyMessage(datagram: Datagram): number {
  if (datagram.payloadEnd - datagram.payloadStart < HEADER_LENGTH) return Icmp.Short;
  if (datagram.packet.checksum === ChecksumState.Partial) return 0;
  return checksum(datagram.packet.pool.arena, datagram.payloadStart, datagram.payloadEnd) === 0 ? 0 : Icmp.Checksum;
}

/** Writes the header and sums the message [at, end), whose body is in place. `rest`: the second word. */
export function writeMessage(arena: Arena, at: number, end: number, type: number, code: number, rest: number): void {
  const view = arena.view;
  view.setUint8(at, type);
  view.setUint8(at + 1, code);
  view.setUint16(at + 2, 0);
  view.setInt32(at + 4, rest);
  view.setUint16(at + 2, checksum(arena, at, end));
}

/** The kind of a Destination Unreachable by its code — RFC 792, RFC 1122 s3.2.2.1, RFC 1812 s5.2.7.1; -1: unknown. */
export function unreachableKind(code: number): IcmpError | -1 {
  switch (code) {
    case 0: // net
    case 6: // destination network unknown
    case 11: // network unreachable for type of service
      return IcmpError.NetUnreachable;
    case 1: // host
    case 7: // destination host unknown
    case 8: // source host isolated
    case 12: // host unreachable for type of service
      return IcmpError.HostUnreachable;
    case 2:
      return IcmpError.ProtocolUnreachable;
    case 3:
      return IcmpError.PortUnreachable;
    case 4:
      return IcmpError.FragmentationNeeded;
    case 5:
      return IcmpError.SourceRouteFailed;
    case 9: // communication with the network administratively prohibited
    case 10: // the same for the host
    case 13: // communication administratively prohibited
    case 14: // host precedence violation
    case 15: // precedence cutoff in effect
      return IcmpError.AdminProhibited;
    default:
      return -1;
  }
}
