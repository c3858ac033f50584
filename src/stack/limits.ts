/** The bounds of a stack: every queue and table that the wire or an application can fill. What hits one is counted. */
import type { NeighborLimits } from "../arp/neighbors.js";
import type { IpLimits } from "../ip/v4/ip.js";
import { defaultTcpLimits, type TcpLimits } from "../tcp/limits.js";
import type { UdpLimits } from "../udp/udp.js";

export interface Limits extends TcpLimits, IpLimits, UdpLimits, Pick<NeighborLimits, "neighbors" | "neighborQueue"> {
  readonly devices: number;
  /** Frames that wait in front of a full link. */
  readonly transmitQueue: number;
  /** Groups joined on one device. */
  readonly groups: number;
  readonly pingEndpoints: number;
  /** ARP replies a second and device. Deviation: reply-limit */
  readonly arpReplies: number;
  /** ICMP errors a second to one destination, and to all (a budget that varies at random). */
  readonly icmpErrorsPerDestination: number;
  readonly icmpErrors: number;
  /** Echo replies, likewise. */
  readonly echoRepliesPerDestination: number;
  readonly echoReplies: number;
}

export const defaultLimits: Limits = {
  ...defaultTcpLimits,
  devices: 256,
  neighbors: 1_024,
  neighborQueue: 101,
  transmitQueue: 1_000,
  groups: 64,
  routes: 4_096,
  addresses: 4_096,
  pathMtus: 4_096,
  reassemblyOctets: 4 << 20,
  reassemblyShare: 1 << 20,
  reassemblies: 1_024,
  fragments: 64,
  udpEndpoints: 16_384,
  memberships: 20,
  pingEndpoints: 1_024,
  arpReplies: 500,
  icmpErrorsPerDestination: 6,
  icmpErrors: 1_000,
  echoRepliesPerDestination: 1_000,
  echoReplies: 10_000,
};
