/** A device: one link, or one VLAN of another device, attached to a stack; with its addresses, its neighbors and its transmit queue. */
import type { Arp, ArpPort } from "../arp/arp.js";
import type { Micros } from "../base/environment.js";
import { Cast, type Packet, type PacketPool, PacketQueue } from "../base/packet.js";
import { Eth } from "../base/why.js";
import { EtherType, HEADER_LENGTH, MINIMUM_FRAME, TAG_LENGTH, writeHeader, writeTaggedHeader } from "../ethernet/frame.js";
import {
  BROADCAST_HIGH,
  BROADCAST_LOW,
  formatHardware,
  hardwareHigh,
  hardwareLow,
  isBroadcastHardware,
  isGroupHardware,
  MULTICAST_HIGH,
  multicastLow,
} from "../ethernet/hardware-address.js";
import { type IpAddress, inPrefix, ipFromInt, UNSPECIFIED } from "../ip/address.js";
import type { InterfaceAddress, IpInterface } from "../ip/interface.js";
import { Sent } from "../ip/network.js";
import { sourceOn } from "../ip/v4/ip.js";
import type { Link } from "../transport/link.js";
import type { Stack } from "./stack.js";

/** 224.0.0.1: every host is a member (RFC 1112 s4). */
const ALL_HOSTS = 0xe000_0001 | 0;

/** Counters of a device. */
export interface DeviceCounters {
  framesIn: number;
  octetsIn: number;
  framesOut: number;
  octetsOut: number;
  /** Frames that were joined to the one before them, and are counted in no other way. */
  merged: number;
}

export interface DeviceParts {
  readonly stack: Stack;
  readonly index: number;
  readonly name: string;
  readonly link: Link;
  readonly mtu: number;
  readonly hardwareAddress: Uint8Array;
  /** The device whose VLAN this is; null: it has the link itself. */
  readonly parent: Device | null;
  readonly vlan: number;
  readonly strictMtu: boolean;
  readonly merge: boolean;
  readonly loopback: boolean;
}

export class Device implements IpInterface, ArpPort {
  readonly stack: Stack;
  readonly index: number;
  readonly name: string;
  readonly link: Link;
  readonly parent: Device | null;
  /** 1 to 4094, or 0 for none. */
  readonly vlan: number;
  readonly loopback: boolean;
  readonly ethernet: boolean;
  /** The largest IP packet, octets. */
  readonly mtu: number;
  readonly checksumOffload: boolean;
  readonly gso: number;
  readonly paces: boolean;
  readonly pool: PacketPool;
  /** Frames that hold more than the MTU are dropped, rather than taken for what a generous sender or a merging link made. */
  readonly strictMtu: boolean;
  /** Received segments that follow each other are joined. */
  readonly merge: boolean;
  readonly addresses: InterfaceAddress[] = [];
  /** Groups joined, and by how many. */
  readonly groups: { readonly group: IpAddress; members: number }[] = [];
  readonly arp: Arp;
  readonly counters: DeviceCounters = { framesIn: 0, octetsIn: 0, framesOut: 0, octetsOut: 0, merged: 0 };
  /** Its VLANs. */
  readonly children: Device[] = [];
  readonly #queue = new PacketQueue();
  readonly #queueLimit: number;
  /** The frame that the link refused last; it goes before the queue. */
  #refused: Packet | null = null;
  #unflushed = false;
  /** The link has found another way to the network, and the neighbors have not been told. */
  moved = false;
  /** False after `removeDevice`. */
  attached = true;
  hardwareHigh: number;
  hardwareLow: number;

  constructor(parts: DeviceParts, now: Micros) {
    const { stack, link } = parts;
    this.stack = stack;
    this.index = parts.index;
    this.name = parts.name;
    this.link = link;
    this.parent = parts.parent;
    this.vlan = parts.vlan;
    this.loopback = parts.loopback;
    this.ethernet = link.capabilities.medium === "ethernet";
    this.mtu = parts.mtu;
    this.checksumOffload = link.capabilities.checksumOffload;
    this.gso = link.capabilities.gso;
    this.paces = link.capabilities.paces ?? false;
    this.pool = stack.memory.packets;
    this.strictMtu = parts.strictMtu;
    this.merge = parts.merge && this.ethernet && !parts.strictMtu;
    this.hardwareHigh = hardwareHigh(parts.hardwareAddress);
    this.hardwareLow = hardwareLow(parts.hardwareAddress);
    // Frames in front of a stalled link must leave packets for the others.
    this.#queueLimit = Math.min(stack.limits.transmitQueue, Math.max(1, this.pool.size >> 1));
    this.arp = stack.makeArp(this, now);
  }

  get hardwareAddress(): string {
    return formatHardware(this.hardwareHigh, this.hardwareLow);
  }

  /** Frames that wait for the link. */
  get queued(): number {
    return this.#queue.length + (this.#refused === null ? 0 : 1);
  }

  holds(address: number): boolean {
    // Those that are still probed for are not IP's yet.
    return this.stack.ip.deviceOf(ipFromInt(address)) === this.index;
  }

  isNeighbor(address: number): boolean {
    const ip = ipFromInt(address);
    if (this.stack.ip.isGroup(ip) || this.stack.ip.isLocal(ip)) return false;
    for (let i = 0; i < this.addresses.length; i++) {
      const held = this.addresses[i]!;
      if (inPrefix(ip, held.address, held.prefixLength)) return true;
    }
    return this.stack.ip.routes.lookup(ip, this.index, this.stack.ip.now)?.gateway === UNSPECIFIED;
  }

  sourceFor(target: number): number {
    return sourceOn(this, ipFromInt(target));
  }

  isMember(group: number): boolean {
    if (group === ALL_HOSTS) return true;
    for (let i = 0; i < this.groups.length; i++) if (this.groups[i]!.group === group) return true;
    return false;
  }

  /** How a frame to (high, low) is addressed: -1 when it is not for us. RFC 1122 s2.4: IP is told. */
  castOf(high: number, low: number): Cast | -1 {
    if (high === this.hardwareHigh && low === this.hardwareLow) return Cast.Unicast;
    if (!isGroupHardware(high)) return -1;
    if (isBroadcastHardware(high, low)) return Cast.Broadcast;
    if (high !== MULTICAST_HIGH || low >>> 23 !== 0x5e00_0000 >>> 23) return -1;
    if (low === multicastLow(ALL_HOSTS)) return Cast.Multicast;
    for (let i = 0; i < this.groups.length; i++) if (low === multicastLow(this.groups[i]!.group)) return Cast.Multicast;
    return -1;
  }

  sendIp(packet: Packet, nextHop: IpAddress, cast: Cast, now: Micros): Sent {
    if (!this.ethernet) {
      this.transmit(packet, now);
      return Sent.Sent;
    }
    switch (cast) {
      case Cast.Broadcast:
        this.#frame(packet, BROADCAST_HIGH, BROADCAST_LOW, EtherType.Ipv4, now);
        return Sent.Sent;
      case Cast.Multicast:
        this.#frame(packet, MULTICAST_HIGH, multicastLow(nextHop), EtherType.Ipv4, now);
        return Sent.Sent;
      default:
        return this.arp.neighbors.send(packet, nextHop, now) ? Sent.Sent : Sent.Queued;
    }
  }

  confirm(nextHop: IpAddress, now: Micros): void {
    if (this.ethernet) this.arp.neighbors.confirm(nextHop, now);
  }

  suspect(nextHop: IpAddress, now: Micros): void {
    if (this.ethernet) this.arp.neighbors.suspect(nextHop, now);
  }

  sendArp(packet: Packet, high: number, low: number, now: Micros): void {
    this.#frame(packet, high, low, EtherType.Arp, now);
  }

  transmitIp(packet: Packet, high: number, low: number, now: Micros): void {
    this.#frame(packet, high, low, EtherType.Ipv4, now);
  }

  dropped(packet: Packet, why: number, now: Micros): void {
    this.stack.drop(this, packet, why, now);
  }

  undeliverable(packet: Packet, _nextHop: number, now: Micros): void {
    this.stack.undeliverable(packet, now);
  }

  alive(address: number, alive: boolean, now: Micros): void {
    this.stack.ip.routes.alive(ipFromInt(address), this.index, alive, now);
  }

  granted(address: number, _now: Micros): void {
    this.stack.addressing.granted(this, ipFromInt(address));
  }

  denied(address: number, held: boolean, now: Micros): void {
    this.stack.addressing.denied(this, ipFromInt(address), held, now);
  }

  /** Prepends the header, pads, and transmits. */
  #frame(packet: Packet, high: number, low: number, type: number, now: Micros): void {
    const { arena } = packet.pool;
    const header = this.vlan === 0 ? HEADER_LENGTH : HEADER_LENGTH + TAG_LENGTH;
    packet.start -= header;
    if (this.vlan === 0) writeHeader(arena.view, packet.start, high, low, this.hardwareHigh, this.hardwareLow, type);
    else writeTaggedHeader(arena.view, packet.start, high, low, this.hardwareHigh, this.hardwareLow, this.vlan, 0, type);
    // RFC 894: "the data field should be padded (with octets of zero) to meet the Ethernet minimum frame size". A tagged frame stays long
    // enough when the tag is taken off.
    const least = packet.start + (this.vlan === 0 ? MINIMUM_FRAME : MINIMUM_FRAME + TAG_LENGTH);
    if (packet.end < least) {
      arena.bytes.fill(0, packet.end, least);
      packet.end = least;
    }
    if (this.parent === null) {
      this.transmit(packet, now);
      return;
    }
    this.counters.framesOut += 1;
    this.counters.octetsOut += packet.end - packet.start;
    this.parent.transmit(packet, now);
  }

  /** Gives a whole frame to the link, behind those that wait. */
  transmit(packet: Packet, now: Micros): void {
    if (!this.#drain(now)) this.#enqueue(packet, now);
    else if (!this.#offer(packet, true, now)) this.#refused = packet;
  }

  /** Everything sent in this turn leaves. */
  flush(now: Micros): void {
    this.#drain(now);
    if (!this.#unflushed) return;
    this.#unflushed = false;
    this.link.flush();
  }

  /** Forgets what waits. */
  clear(): void {
    this.#refused?.release();
    this.#refused = null;
    this.#queue.releaseAll();
  }

  /** Offers what waits; true when nothing waits any more. */
  #drain(now: Micros): boolean {
    const refused = this.#refused;
    if (refused !== null) {
      if (!this.#offer(refused, false, now)) return false;
      this.#refused = null;
    }
    for (let packet = this.#queue.shift(); packet !== null; packet = this.#queue.shift()) {
      if (this.#offer(packet, true, now)) continue;
      this.#refused = packet;
      return false;
    }
    return true;
  }

  #offer(packet: Packet, first: boolean, now: Micros): boolean {
    const octets = packet.end - packet.start;
    const { probe } = this.stack;
    // The link may send and release the packet within the call, so the probe sees it before; a frame that is refused is not told again.
    if (first && probe?.frameSent) probe.frameSent(this, packet, packet.why, packet.cause, now);
    if (!this.link.transmit(packet)) return false;
    this.counters.framesOut += 1;
    this.counters.octetsOut += octets;
    this.#unflushed = true;
    return true;
  }

  /** A full link: the frame waits, or the queue is full too and one is lost. */
  #enqueue(packet: Packet, now: Micros): void {
    const { profile } = this.stack;
    let lost: Packet | null = null;
    if (this.#queue.length >= this.#queueLimit) {
      if (profile.lower.transmitDrop === "newest" || this.#queueLimit === 0) lost = packet;
      else lost = this.#queue.shift();
    }
    if (lost !== packet) this.#queue.push(packet);
    if (lost === null) return;
    this.stack.drop(this, lost, Eth.TransmitFull, now);
    lost.release();
  }
}
