/** A device as IP sees it. `stack/device.ts` is one; so is the loopback. */
import type { Micros } from "../base/environment.js";
import type { Cast, Packet } from "../base/packet.js";
import type { IpAddress } from "./address.js";
import type { Sent } from "./network.js";

/** The loopback is the first interface. */
export const LOOPBACK_INDEX = 0;

export interface InterfaceAddress {
  readonly address: IpAddress;
  readonly prefixLength: number;
  /** It is being probed for (RFC 5227 s2.1): it is not used yet. */
  tentative: boolean;
}

export interface IpInterface {
  readonly index: number;
  readonly loopback: boolean;
  /** The largest IP packet, octets. */
  readonly mtu: number;
  readonly checksumOffload: boolean;
  readonly gso: number;
  readonly paces: boolean;
  readonly addresses: readonly InterfaceAddress[];
  /** True when the group has been joined on it. */
  isMember(group: IpAddress): boolean;
  /** Sends a whole IP packet to the neighbor or group `nextHop`, and takes it. */
  sendIp(packet: Packet, nextHop: IpAddress, cast: Cast, now: Micros): Sent;
  /** Advice on reachability for its neighbor `nextHop`. */
  confirm(nextHop: IpAddress, now: Micros): void;
  suspect(nextHop: IpAddress, now: Micros): void;
}
