/** The Address Resolution Protocol on one device: packet reception in the order of RFC 826, with RFC 1122 s2.3.2 and RFC 5227. */
import type { Cause } from "../base/cause.js";
import type { Micros, Random } from "../base/environment.js";
import type { Packet, PacketPool } from "../base/packet.js";
import type { SipKey } from "../base/siphash.js";
import type { Tally } from "../base/tally.js";
import { TokenBucket } from "../base/token-bucket.js";
import { Arp as Why } from "../base/why.js";
import { BROADCAST_HIGH, BROADCAST_LOW, isGroupHardware } from "../ethernet/hardware-address.js";
import { AddressClaims, type Claim, type ClaimPort, type Defence } from "./claims.js";
import { ArpMessage, MESSAGE_LENGTH, Operation, parseArp, writeArp } from "./message.js";
import { NeighborCache, type NeighborLimits, type NeighborPort } from "./neighbors.js";

/** How a device treats what ARP messages say of neighbors that it knows. */
export type ArpTrust =
  /** Verify a contradiction before believing it. */
  | "verify"
  /** Believe the latest, as RFC 826 has it. */
  | "merge"
  /** Believe only entries that were pinned, and answers to what we asked. */
  | "pinned";

export interface ArpOptions {
  readonly limits: NeighborLimits;
  readonly defence: Defence;
  readonly trust: ArpTrust;
  /** Replies a second to all askers together. */
  readonly repliesPerSecond: number;
}

/** The device as ARP sees it. */
export interface ArpPort {
  readonly pool: PacketPool;
  /** Our hardware address now. */
  readonly hardwareHigh: number;
  readonly hardwareLow: number;
  /** Sends an ARP message to a hardware address, and takes the packet. */
  sendArp(packet: Packet, high: number, low: number, now: Micros): void;
  /** Sends an IP packet to a hardware address, and takes it. */
  transmitIp(packet: Packet, high: number, low: number, now: Micros): void;
  dropped(packet: Packet, why: number, now: Micros): void;
  undeliverable(packet: Packet, nextHop: number, now: Micros): void;
  alive(address: number, alive: boolean, now: Micros): void;
  granted(address: number, now: Micros): void;
  denied(address: number, held: boolean, now: Micros): void;
  /** True when the address is one of ours on this device and may be used. */
  holds(address: number): boolean;
  /** True when the address can be a neighbor's: a host of a prefix that is on this link. */
  isNeighbor(address: number): boolean;
  /** Our address to ask from: on the prefix of `target` if there is one; 0: none. */
  sourceFor(target: number): number;
}

export class Arp implements NeighborPort, ClaimPort {
  readonly neighbors: NeighborCache;
  readonly claims: AddressClaims;
  readonly #port: ArpPort;
  readonly #options: ArpOptions;
  readonly #tally: Tally;
  readonly #cause: Cause;
  readonly #message = new ArpMessage();
  readonly #replies: TokenBucket;

  constructor(port: ArpPort, options: ArpOptions, tally: Tally, random: Random, cause: Cause, key: SipKey, now: Micros) {
    this.#port = port;
    this.#options = options;
    this.#tally = tally;
    this.#cause = cause;
    this.neighbors = new NeighborCache(options.limits, this, tally, random, cause, key, now);
    this.claims = new AddressClaims(this, options.defence, random, cause);
    this.#replies = new TokenBucket(options.repliesPerSecond, options.repliesPerSecond, now);
  }

  /** Handles the message in [start, end) of the packet; returns its fate. The packet stays the caller's. */
  arrives(packet: Packet, start: number, end: number, now: Micros): number {
    const message = this.#message;
    const malformed = parseArp(message, packet.pool.arena.view, start, end);
    if (malformed !== 0) return malformed;
    // RFC 1812 s3.3.2: an answer whose hardware address is a broadcast or multicast address MUST NOT be believed. No question's either.
    if (isGroupHardware(message.senderHigh) || (message.senderHigh === 0 && message.senderLow === 0)) return Why.SenderGroup;
    if (message.operation !== Operation.Request && message.operation !== Operation.Reply) return Why.BadOperation;
    if (message.senderHigh === this.#port.hardwareHigh && message.senderLow === this.#port.hardwareLow) return Why.SenderIsUs;

    // RFC 5227 s2.1.1 and s2.4: the sender address is ours, or both of us probe for the same.
    const disputed = this.#disputed(message);
    if (disputed !== null) {
      this.claims.conflict(disputed, now);
      return Why.Conflict;
    }

    const asked = message.operation === Operation.Request;
    const merged = this.#merge(message, asked, now);
    // "?Am I the target protocol address?"
    if (!this.#port.holds(message.target))
      return merged === Merge.Done ? Why.Handled : merged === Merge.Refused ? Why.Unasked : Why.NotForUs;
    // "If Merge_flag is false, add the triplet": for questions only. A reply nobody asked for creates nothing.
    if (merged === Merge.Absent && asked && this.#options.trust !== "pinned" && this.#port.isNeighbor(message.sender)) {
      this.neighbors.learn(message.sender, message.senderHigh, message.senderLow, now);
    }
    // "?Is the opcode ares_op$REQUEST?  (NOW look at the opcode!!)"
    if (!asked) return merged === Merge.Done ? Why.Handled : Why.Unasked;
    if (!this.#replies.take(now)) return Why.ReplyLimited;
    this.#reply(message, now);
    return Why.Handled;
  }

  /** The claim of ours that the message disputes. */
  #disputed(message: ArpMessage): Claim | null {
    const { sender, target, operation } = message;
    const probing = this.claims.probing > 0;
    if (sender !== 0) return probing || this.#port.holds(sender) ? this.claims.find(sender) : null;
    return probing && operation === Operation.Request && this.claims.isProbing(target) ? this.claims.find(target) : null;
  }

  #merge(message: ArpMessage, asked: boolean, now: Micros): Merge {
    // RFC 5227 s1.1: a probe's sender address is 0.0.0.0, so that it pollutes no cache.
    if (message.sender === 0) return Merge.Absent;
    const neighbor = this.neighbors.find(message.sender);
    if (neighbor === null) return Merge.Absent;
    const trusting = this.#options.trust === "merge";
    return this.neighbors.merge(neighbor, message.senderHigh, message.senderLow, !asked, trusting, now) ? Merge.Done : Merge.Refused;
  }

  /** "Swap hardware and protocol fields, putting the local hardware and protocol addresses in the sender fields." */
  #reply(message: ArpMessage, now: Micros): void {
    this.#send(
      Operation.Reply,
      message.target,
      message.senderHigh,
      message.senderLow,
      message.sender,
      message.senderHigh,
      message.senderLow,
      Why.Reply,
      now,
    );
  }

  expire(now: Micros): void {
    this.neighbors.expire(now);
    this.claims.expire(now);
  }

  nextTimeout(): Micros {
    return Math.min(this.neighbors.nextTimeout(), this.claims.nextTimeout());
  }

  solicit(target: number, unicast: boolean, high: number, low: number, why: number, now: Micros): void {
    const source = this.#port.sourceFor(target);
    if (unicast) this.#send(Operation.Request, source, 0, 0, target, high, low, why, now);
    else this.#send(Operation.Request, source, 0, 0, target, BROADCAST_HIGH, BROADCAST_LOW, why, now);
  }

  transmit(packet: Packet, high: number, low: number, now: Micros): void {
    this.#port.transmitIp(packet, high, low, now);
  }

  dropped(packet: Packet, why: number, now: Micros): void {
    this.#port.dropped(packet, why, now);
  }

  undeliverable(packet: Packet, nextHop: number, now: Micros): void {
    this.#port.undeliverable(packet, nextHop, now);
  }

  alive(address: number, alive: boolean, now: Micros): void {
    this.#port.alive(address, alive, now);
  }

  /** RFC 5227 s2.1.1: a probe has an all-zero sender address, and SHOULD have a zero target hardware address; s2.3: an announcement is
   *  a request whose sender and target address are both the address announced. */
  claim(address: number, probe: boolean, why: number, now: Micros): void {
    this.#send(Operation.Request, probe ? 0 : address, 0, 0, address, BROADCAST_HIGH, BROADCAST_LOW, why, now);
  }

  granted(address: number, now: Micros): void {
    this.#port.granted(address, now);
  }

  denied(address: number, held: boolean, now: Micros): void {
    this.#port.denied(address, held, now);
  }

  #send(
    operation: Operation,
    sender: number,
    targetHigh: number,
    targetLow: number,
    target: number,
    high: number,
    low: number,
    why: number,
    now: Micros,
  ): void {
    const packet = this.#port.pool.take();
    if (packet === null) {
      this.#tally.add(Why.NoBuffers);
      return;
    }
    const port = this.#port;
    writeArp(packet.pool.arena.view, packet.start, operation, port.hardwareHigh, port.hardwareLow, sender, targetHigh, targetLow, target);
    packet.end = packet.start + MESSAGE_LENGTH;
    packet.why = why;
    packet.cause = this.#cause.id;
    this.#tally.add(why);
    port.sendArp(packet, high, low, now);
  }
}

/** What became of the sender's pair: not in the cache, updated, or not believed. */
const Merge = { Absent: 0, Done: 1, Refused: 2 } as const;
type Merge = (typeof Merge)[keyof typeof Merge];
