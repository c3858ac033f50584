/** A UDP endpoint, and what an application may say of it — RFC 1122 s4.1. */
import { type ErrorCode, networkError } from "../base/errors.js";
import { type IpAddress, UNSPECIFIED } from "../ip/address.js";
import type { DatagramApplication } from "../ip/application.js";
import type { DatagramQueue } from "../ip/datagram-queue.js";
import type { IcmpError } from "../ip/icmp/error.js";
import type { SendOptions } from "../ip/network.js";
import { RecentDestinations } from "../ip/recent-destinations.js";

export interface UdpOptions extends SendOptions {
  /** Allow sending to broadcast addresses. */
  readonly broadcast: boolean;
  /** TTL of multicast datagrams. */
  readonly multicastTtl: number;
  /** The index of the device for groups; -1: by the route. */
  readonly multicastDevice: number;
  /** Members on this host hear what we send to a group (RFC 1112 s6.1). */
  readonly multicastLoop: boolean;
  /** Octets that may wait unread, with 32 for each datagram. */
  readonly receiveBuffer: number;
}

export interface BindOptions extends Partial<UdpOptions> {
  /** The local address; UNSPECIFIED: all of them. */
  readonly address?: IpAddress;
  /** The local port; 0: a random one of those that are free. */
  readonly port?: number;
  /** Share the port with others that say so too: all hear groups and broadcasts, the last one bound hears the rest. */
  readonly reuse?: boolean;
}

/** An ICMP error about a datagram of an endpoint. */
export interface UdpError {
  readonly code: ErrorCode;
  readonly kind: IcmpError;
  readonly reporter: IpAddress;
  readonly remote: IpAddress;
  readonly remotePort: number;
  /** Next-hop MTU when the datagram was too big; else 0. */
  readonly mtu: number;
}

export interface Membership {
  readonly group: IpAddress;
  /** As it was asked for: -1 for that of the route. */
  readonly asked: number;
  /** What `join` gave, for `leave`. */
  readonly token: object;
}

export class Endpoint {
  handle = 0;
  readonly application: DatagramApplication;
  readonly queue: DatagramQueue;
  options: UdpOptions;
  local: IpAddress;
  localPort: number;
  remote: IpAddress = UNSPECIFIED;
  remotePort = 0;
  /** True when `bind` named no address, so that `connect` chose `local`. */
  readonly wildcard: boolean;
  readonly reuse: boolean;
  slot = -1;
  events = 0;
  wantsRoom = false;
  error: UdpError | null = null;
  readonly memberships: Membership[] = [];
  nextOnPort: Endpoint | null = null;
  readonly recent = new RecentDestinations();

  constructor(
    application: DatagramApplication,
    queue: DatagramQueue,
    options: UdpOptions,
    local: IpAddress,
    localPort: number,
    reuse: boolean,
  ) {
    this.application = application;
    this.queue = queue;
    this.options = options;
    this.local = local;
    this.localPort = localPort;
    this.wildcard = local === UNSPECIFIED;
    this.reuse = reuse;
  }

  hasSentTo(remote: IpAddress): boolean {
    return remote === this.remote || this.recent.has(remote);
  }
}

export function checkPort(syscall: string, port: number, zero: boolean): void {
  if (Number.isInteger(port) && port >= (zero ? 0 : 1) && port <= 65_535) return;
  throw networkError("EINVAL", syscall, `port ${port}`, `a port is an integer of ${zero ? 0 : 1} to 65535`);
}

export function checked(options: UdpOptions): UdpOptions {
  const { ttl, multicastTtl, trafficClass, receiveBuffer } = options;
  if (!(ttl >= 1 && ttl <= 255)) throw networkError("EINVAL", "configure", `ttl ${ttl}`, "it is 1 to 255");
  if (!(multicastTtl >= 1 && multicastTtl <= 255))
    throw networkError("EINVAL", "configure", `multicastTtl ${multicastTtl}`, "it is 1 to 255");
  if (!(trafficClass >= 0 && trafficClass <= 255))
    throw networkError("EINVAL", "configure", `trafficClass ${trafficClass}`, "it is 0 to 255");
  if (!(receiveBuffer >= 0)) throw networkError("EINVAL", "configure", `receiveBuffer ${receiveBuffer}`, "it is a number of octets");
  return options;
}
