/** IPv4 of one stack: its interfaces, addresses and tables, and the `Network` that transports send by. */
import type { Micros, Random } from "../../base/environment.js";
import type { Memory } from "../../base/memory.js";
import type { Packet, PacketPool } from "../../base/packet.js";
import { SipKey } from "../../base/siphash.js";
import type { Tally } from "../../base/tally.js";
import { type IpAddress, isClassE, isLoopback, isMulticast, LIMITED_BROADCAST, netmask, UNSPECIFIED } from "../address.js";
import { type IpInterface, LOOPBACK_INDEX } from "../interface.js";
import type { Datagram, Network, SendOptions, Sent } from "../network.js";
import { OwnAddresses } from "../own-addresses.js";
import { PathMtu } from "../path-mtu.js";
import { RouteTable } from "../route.js";
import { Admitted } from "./admitted.js";
import { Identification } from "./identification.js";
import { output, Path, resolve } from "./output.js";
import { Reassembly, type ReassemblyLimits } from "./reassembly.js";
import { Received } from "./received.js";

export interface IpLimits extends ReassemblyLimits {
  readonly routes: number;
  /** Addresses of all devices together. */
  readonly addresses: number;
  readonly pathMtus: number;
}

export interface IpOptions {
  readonly limits: IpLimits;
  /** How long fragments wait for the rest (RFC 1122 s3.3.2). */
  readonly reassemblyTimeout: Micros;
  /** How long a datagram may live on its way (MDL of RFC 6864). */
  readonly datagramLifetime: Micros;
  /** The least path MTU that is believed. */
  readonly pathMtuFloor: number;
  /** Drop what does not come from where its source is routed (RFC 1812 s5.3.8). */
  readonly sourceValidation: boolean;
}

/** TCP as IP sees it; it counts what it drops. */
export interface StreamTransport {
  arrives(datagram: Datagram, now: Micros): void;
}

/** UDP and ICMP as IP sees them: they return the datagram's fate. */
export interface DatagramTransport {
  arrives(datagram: Datagram, now: Micros): number;
}

/** The sender of ICMP errors about `ip.received`. */
export interface ErrorReports {
  protocolUnreachable(now: Micros): void;
  portUnreachable(now: Micros): void;
  /** `pointer`: the octet of the header at fault. */
  parameterProblem(pointer: number, now: Micros): void;
  /** About the datagram in `packet`, from its IP header on. */
  reassemblyTimeExceeded(packet: Packet, device: number, now: Micros): void;
}

/** What IP tells whoever made it. */
export interface IpPort {
  /** The fate of a datagram that is not a frame's own: reassembled, or lost on its way out. */
  count(why: number, now: Micros): void;
  /** A packet of ours is dropped; it is still whole. */
  dropped(packet: Packet, why: number, now: Micros): void;
}

interface Subnet {
  readonly prefix: number;
  readonly length: number;
  readonly device: number;
}

export class Ip implements Network {
  readonly memory: Memory;
  readonly pool: PacketPool;
  readonly tally: Tally;
  readonly options: IpOptions;
  readonly routes: RouteTable;
  readonly pathMtu: PathMtu;
  readonly identification: Identification;
  readonly reassembly: Reassembly;
  /** By index; null where one has been removed. */
  readonly interfaces: (IpInterface | null)[] = [];
  readonly received: Received;
  readonly path = new Path();
  readonly admitted = new Admitted();
  readonly #port: IpPort;
  readonly #addresses: OwnAddresses;
  readonly #subnets: Subnet[] = [];
  /** The broadcast addresses of the subnets, so that no datagram needs a walk through all of them. */
  #broadcasts = new OwnAddresses(Number.POSITIVE_INFINITY);
  epoch = 0;
  /** When IP was last told the time, for questions that come without. */
  now: Micros = 0;
  tcp: StreamTransport | null = null;
  udp: DatagramTransport | null = null;
  icmp: DatagramTransport | null = null;
  errors: ErrorReports | null = null;

  constructor(memory: Memory, options: IpOptions, random: Random, tally: Tally, port: IpPort) {
    this.memory = memory;
    this.pool = memory.packets;
    this.tally = tally;
    this.options = options;
    this.#port = port;
    const { limits } = options;
    const key = new SipKey(random);
    this.routes = new RouteTable(limits.routes);
    this.routes.onChange = () => this.changed();
    this.pathMtu = new PathMtu(key, limits.pathMtus, options.pathMtuFloor);
    this.identification = new Identification(new SipKey(random), random, options.datagramLifetime);
    const report = {
      timedOut: (packet: Packet, device: number, now: Micros) => this.errors?.reassemblyTimeExceeded(packet, device, now),
      count: (why: number, now: Micros) => port.count(why, now),
    };
    this.reassembly = new Reassembly(memory, limits, options.reassemblyTimeout, report, new SipKey(random));
    this.#addresses = new OwnAddresses(limits.addresses);
    const first = memory.packets.take();
    if (first === null) throw new RangeError("the packet pool is empty");
    this.received = new Received(first);
    first.release();
  }

  /** Something that `mtuTo`, `sourceFor` or the routes answer has changed. */
  changed(): void {
    this.epoch = (this.epoch + 1) | 0;
  }

  count(why: number, now: Micros): void {
    this.#port.count(why, now);
  }

  dropped(packet: Packet, why: number, now: Micros): void {
    this.#port.dropped(packet, why, now);
  }

  /** The address may be used from now on. Throws a RangeError when there are too many. */
  addAddress(address: IpAddress, prefixLength: number, device: number): void {
    if (!this.#addresses.add(address, device)) throw new RangeError(`more than ${this.#addresses.limit} addresses`);
    const prefix = address & netmask(prefixLength);
    const known = this.#subnets.some((subnet) => subnet.prefix === prefix && subnet.length === prefixLength && subnet.device === device);
    if (!known) this.#addSubnet({ prefix, length: prefixLength, device });
    this.changed();
  }

  removeAddress(address: IpAddress): void {
    if (this.#addresses.deviceOf(address) < 0) return;
    this.#addresses.remove(address);
    const left: Subnet[] = [];
    for (const device of this.interfaces) {
      for (const held of device?.addresses ?? []) {
        if (held.tentative || held.address === address) continue;
        const prefix = held.address & netmask(held.prefixLength);
        left.push({ prefix, length: held.prefixLength, device: device!.index });
      }
    }
    this.#subnets.length = 0;
    this.#broadcasts = new OwnAddresses(Number.POSITIVE_INFINITY);
    for (const subnet of left) {
      if (
        !this.#subnets.some((other) => other.prefix === subnet.prefix && other.length === subnet.length && other.device === subnet.device)
      ) {
        this.#addSubnet(subnet);
      }
    }
    this.changed();
  }

  #addSubnet(subnet: Subnet): void {
    this.#subnets.push(subnet);
    const { prefix, length, device } = subnet;
    if (length >= 31) return;
    this.#broadcasts.add((prefix | ~netmask(length)) as IpAddress, device);
    this.#broadcasts.add(prefix as IpAddress, device);
  }

  /** The index of the device that holds the address; -1: it is not ours. */
  deviceOf(address: IpAddress): number {
    if (isLoopback(address)) return LOOPBACK_INDEX;
    return this.#addresses.deviceOf(address);
  }

  isLocal(address: IpAddress): boolean {
    return this.#addresses.deviceOf(address) >= 0 || isLoopback(address);
  }

  isGroup(address: IpAddress): boolean {
    return (
      address === UNSPECIFIED ||
      address === LIMITED_BROADCAST ||
      isMulticast(address) ||
      isClassE(address) ||
      this.isSubnetBroadcast(address)
    );
  }

  /** True for the broadcast address of a subnet of ours; prefixes of 31 and 32 bits have none (RFC 3021). */
  isSubnetBroadcast(address: IpAddress): boolean {
    return this.#broadcasts.deviceOf(address) >= 0;
  }

  // Deviation: classful-broadcast
  /** True for every form of broadcast to the hosts on `device`: RFC 1122 s3.3.6, also with zeros for ones. */
  isBroadcastOf(address: IpAddress, device: number): boolean {
    if (address === LIMITED_BROADCAST || address === UNSPECIFIED) return true;
    if (!this.isSubnetBroadcast(address)) return false;
    for (let i = 0; i < this.#subnets.length; i++) {
      const subnet = this.#subnets[i]!;
      if (subnet.device === device && isBroadcast(address, subnet)) return true;
    }
    return false;
  }

  /** True when the route to `address` leads by `device`. */
  leadsTo(address: IpAddress, device: number, now: Micros): boolean {
    return this.routes.lookup(address, device, now)?.prefixLength === this.routes.lookup(address, -1, now)?.prefixLength;
  }

  /** True when the group has been joined on any device. */
  isMember(group: IpAddress): boolean {
    for (let i = 0; i < this.interfaces.length; i++) if (this.interfaces[i]?.isMember(group) === true) return true;
    return false;
  }

  /** The first device that is not the loopback; -1: none. */
  get firstDevice(): number {
    for (let i = LOOPBACK_INDEX + 1; i < this.interfaces.length; i++) if (this.interfaces[i] !== null) return i;
    return -1;
  }

  send(packet: Packet, source: IpAddress, destination: IpAddress, protocol: number, options: SendOptions, now: Micros): Sent {
    this.now = now;
    return output(this, packet, source, destination, protocol, options, -1, now);
  }

  /** The same by a device of the caller's choice, for groups. */
  sendBy(
    device: number,
    packet: Packet,
    source: IpAddress,
    destination: IpAddress,
    protocol: number,
    options: SendOptions,
    now: Micros,
  ): Sent {
    return output(this, packet, source, destination, protocol, options, device, now);
  }

  /** The same to the members of a group on this host only. */
  sendInside(packet: Packet, source: IpAddress, group: IpAddress, protocol: number, options: SendOptions, now: Micros): Sent {
    return output(this, packet, source, group, protocol, options, LOOPBACK_INDEX, now);
  }

  mtuTo(destination: IpAddress, source: IpAddress, now: Micros): number {
    const path = this.path;
    if (resolve(this, path, destination, source, -1, now) !== 0) return this.pool.capacity;
    if (path.device!.loopback) return path.mtu;
    const estimate = this.pathMtu.lookup(destination, now);
    return estimate === 0 || estimate > path.mtu ? path.mtu : estimate;
  }

  /** RFC 1191 s3: the estimate for a path is lowered, never raised, by what its routers say. */
  lowerMtu(destination: IpAddress, mtu: number, source: IpAddress, now: Micros): void {
    if (this.pathMtu.lower(destination, mtu, this.mtuTo(destination, source, now), now) !== 0) this.changed();
  }

  linkMtuTo(destination: IpAddress, source: IpAddress): number {
    const path = this.path;
    return resolve(this, path, destination, source, -1, this.now) !== 0 ? this.pool.capacity : path.mtu;
  }

  checksumOffloadTo(destination: IpAddress, source: IpAddress): boolean {
    return resolve(this, this.path, destination, source, -1, this.now) === 0 && this.path.device!.checksumOffload;
  }

  gsoTo(destination: IpAddress, source: IpAddress): number {
    return resolve(this, this.path, destination, source, -1, this.now) === 0 ? this.path.device!.gso : 0;
  }

  pacesTo(destination: IpAddress, source: IpAddress): boolean {
    return resolve(this, this.path, destination, source, -1, this.now) === 0 && this.path.device!.paces;
  }

  /** Our address for sending to a group by a device of the caller's choice; UNSPECIFIED: it has none. */
  sourceBy(device: number, destination: IpAddress): IpAddress {
    const chosen = this.interfaces[device] ?? null;
    return chosen === null ? UNSPECIFIED : sourceOn(chosen, destination);
  }

  sourceFor(destination: IpAddress): IpAddress {
    if (isLoopback(destination) || this.isLocal(destination)) return destination;
    const path = this.path;
    if (resolve(this, path, destination, UNSPECIFIED, -1, this.now) !== 0) return UNSPECIFIED;
    if (path.source !== UNSPECIFIED) return path.source;
    return sourceOn(path.device!, path.nextHop);
  }

  reachable(destination: IpAddress, source: IpAddress, now: Micros): void {
    if (resolve(this, this.path, destination, source, -1, now) === 0 && this.path.cast === 0)
      this.path.device!.confirm(this.path.nextHop, now);
  }

  suspect(destination: IpAddress, source: IpAddress, now: Micros): void {
    if (resolve(this, this.path, destination, source, -1, now) === 0 && this.path.cast === 0)
      this.path.device!.suspect(this.path.nextHop, now);
  }

  expire(now: Micros): void {
    this.now = now;
    this.reassembly.expire(now);
    if (this.pathMtu.expire(now)) this.changed();
  }

  nextTimeout(): Micros {
    return Math.min(this.reassembly.nextTimeout(), this.pathMtu.nextTimeout());
  }
}

const isBroadcast = (address: number, subnet: Subnet): boolean =>
  subnet.length < 31 && (address === (subnet.prefix | ~netmask(subnet.length)) || address === subnet.prefix);

/** RFC 1122 s3.3.4.3: an address on the prefix of the next hop, else the device's first. */
export function sourceOn(device: IpInterface, nextHop: IpAddress): IpAddress {
  let source: IpAddress = UNSPECIFIED;
  for (let i = 0; i < device.addresses.length; i++) {
    const held = device.addresses[i]!;
    if (held.tentative) continue;
    if (((held.address ^ nextHop) & netmask(held.prefixLength)) === 0) return held.address;
    if (source === UNSPECIFIED) source = held.address;
  }
  return source;
}
