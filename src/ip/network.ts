/** IP as the transport layers see it (RFC 9293 s3.9.2, RFC 1122 s3.4). `stack/` implements it; a test gives a stub. */
import type { Packet, PacketPool } from "../base/packet.js";
import type { IpAddress } from "./address.js";

export const Protocol = { Icmp: 1, Tcp: 6, Udp: 17 } as const;

/** What became of a send. Everything but Sent and Queued has been counted under its reason, and the packet released. NoBuffers ends when packets
 *  come back; Limited when time passes: as many fragmented datagrams are under way as may be (RFC 6864 s5.2). */
export const Sent = { Sent: 0, Queued: 1, NoRoute: 2, TooBig: 3, NoBuffers: 4, Refused: 5, Unreachable: 6, Limited: 7 } as const;
export type Sent = (typeof Sent)[keyof typeof Sent];

/** A received IP datagram that is for us. One per stack, overwritten by the next: read it, do not keep it. */
export interface Datagram {
  packet: Packet;
  source: IpAddress;
  destination: IpAddress;
  protocol: number;
  /** The transport header's first octet and the octet after the datagram's last, in the arena. */
  payloadStart: number;
  payloadEnd: number;
  ttl: number;
  /** The whole DS field and ECN octet (RFC 2474, RFC 3168). */
  trafficClass: number;
  /** The index of the device it came by. */
  device: number;
  /** True when it was addressed, at the link or in IP, to more than this host. */
  group: boolean;
}

/** How one datagram is to be sent. */
export interface SendOptions {
  ttl: number;
  trafficClass: number;
  /** DF: TCP always (RFC 1191 s6.1); UDP by socket option. */
  dontFragment: boolean;
}

export interface Network {
  readonly pool: PacketPool;
  /** Changes whenever a route, a device's MTU or a path MTU has changed: what `mtuTo` said before is to be asked again. */
  readonly epoch: number;
  /** Sends the packet, whose octets are the transport header and its text, and takes it in every case. `packet.why` and
   *  `packet.cause` are set by the caller. */
  send(packet: Packet, source: IpAddress, destination: IpAddress, protocol: number, options: SendOptions, now: number): Sent;
  /** The largest IP packet that can go from `source` (UNSPECIFIED: any, as below) to `destination` now: the least of the device's MTU and
   *  the path's (RFC 1191), octets. A host with two ways out sends by the device of its source (RFC 1122 s3.3.4.2), so the way depends on it. */
  mtuTo(destination: IpAddress, source: IpAddress, now: number): number;
  /** A transport has confirmed that packets to `destination` must not be larger than `mtu` (RFC 1191 s6.3, RFC 5927 s7.2). */
  lowerMtu(destination: IpAddress, mtu: number, source: IpAddress, now: number): void;
  /** The MTU of the device that leads to `destination`: what MSS we may announce (RFC 9293 s3.7.1). */
  linkMtuTo(destination: IpAddress, source: IpAddress): number;
  /** True when the link towards `destination` finishes transport checksums: leave the pseudo-header sum in the field. */
  checksumOffloadTo(destination: IpAddress, source: IpAddress): boolean;
  /** The longest TCP segment, header and text, that the link towards `destination` cuts itself to the size it is told; 0: it does not. */
  gsoTo(destination: IpAddress, source: IpAddress): number;
  /** True when the link towards `destination` holds packets for as long as they say. */
  pacesTo(destination: IpAddress, source: IpAddress): boolean;
  /** Our address for talking to `destination` (RFC 1122 s3.3.4.3), or UNSPECIFIED when there is no route. */
  sourceFor(destination: IpAddress): IpAddress;
  /** True when the address is one of ours. */
  isLocal(address: IpAddress): boolean;
  /** True for a broadcast (limited or of a subnet of ours), multicast, unspecified or class E address: nobody to connect to. */
  isGroup(address: IpAddress): boolean;
  /** Positive or negative advice about reachability from above (RFC 1122 s3.3.1.4, RFC 4861 s7.3.1). */
  reachable(destination: IpAddress, source: IpAddress, now: number): void;
  suspect(destination: IpAddress, source: IpAddress, now: number): void;
}
