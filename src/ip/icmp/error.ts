/** An ICMP error that has been received about something we sent (RFC 792, RFC 1122 s3.2.2), as transports are told of it. */
import type { IpAddress } from "../address.js";

// biome-ignore format: a table reads better in lines
export const IcmpError = {
  NetUnreachable: 0, HostUnreachable: 1, ProtocolUnreachable: 2, PortUnreachable: 3, FragmentationNeeded: 4,
  SourceRouteFailed: 5, AdminProhibited: 6, TimeExceeded: 7, ReassemblyTimeExceeded: 8, ParameterProblem: 9, SourceQuench: 10,
} as const;
export type IcmpError = (typeof IcmpError)[keyof typeof IcmpError];

/** One per stack, overwritten by the next. The quoted datagram is one of ours: source is our address. */
export interface QuotedError {
  kind: IcmpError;
  /** The ICMP code, for messages. */
  code: number;
  /** Who sent the error. */
  reporter: IpAddress;
  source: IpAddress;
  destination: IpAddress;
  protocol: number;
  /** The quoted transport header: [quoteStart, quoteEnd) in the packet's arena, at least 8 octets. */
  quoteStart: number;
  quoteEnd: number;
  /** Next-hop MTU of FragmentationNeeded after RFC 1191's plateau rule; 0 in other kinds. */
  mtu: number;
}
