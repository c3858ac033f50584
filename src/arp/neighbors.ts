/** The neighbor cache of one device: who has which hardware address, and how sure of it we are.
 *
 *  The states and their timers are those of RFC 4861 s7.3.2, which satisfy RFC 1122 s2.3.2.1 (unicast poll) as well; RFC 826 fills it here. */
import type { Cause } from "../base/cause.js";
import { type Micros, type Random, randomBelow, SECOND } from "../base/environment.js";
import { KeyedTable } from "../base/keyed-table.js";
import type { Packet } from "../base/packet.js";
import type { SipKey } from "../base/siphash.js";
import type { Tally } from "../base/tally.js";
import { TimerWheel } from "../base/timer-wheel.js";
import { Arp } from "../base/why.js";
import { isGroupHardware } from "../ethernet/hardware-address.js";
import { Neighbor, NeighborState, UseList } from "./neighbor.js";

/** The bounds and times of a cache. Times in microseconds; the defaults are those of RFC 4861 s10 and Linux. */
export interface NeighborLimits {
  /** The most entries. */
  readonly neighbors: number;
  /** The most packets that wait for one entry; the oldest goes first (RFC 1122 s2.3.2.2). */
  readonly neighborQueue: number;
  /** The most packets that wait for all entries together, so that hosts that are not there cannot hold every packet. */
  readonly neighborWaiting: number;
  /** How long a confirmation holds: a random time of half to one and a half times this (RFC 4861 s6.3.2). */
  readonly reachableTime: Micros;
  /** How long an entry that nobody uses stays (RFC 1122 s2.3.2.1: "flush out-of-date cache entries"). */
  readonly staleTime: Micros;
}

/** RETRANS_TIMER, DELAY_FIRST_PROBE_TIME, MAX_MULTICAST_SOLICIT and MAX_UNICAST_SOLICIT of RFC 4861 s10. */
export const RETRANSMIT_INTERVAL = SECOND;
export const DELAY_FIRST_PROBE = 5 * SECOND;
export const MAX_SOLICITS = 3;
/** An entry used this recently is in use: it is not evicted for a newcomer that nobody has sent to. */
const IN_USE = 10 * SECOND;

/** What the cache asks of its surroundings. */
export interface NeighborPort {
  /** Asks for `target`: by broadcast, or of the hardware address it had. */
  solicit(target: number, unicast: boolean, high: number, low: number, why: number, now: Micros): void;
  /** Sends a packet that may go now, and takes it. */
  transmit(packet: Packet, high: number, low: number, now: Micros): void;
  /** A packet of ours is lost here, for this reason; it is still whole. */
  dropped(packet: Packet, why: number, now: Micros): void;
  /** The packet waited in vain, which has been counted; takes it. */
  undeliverable(packet: Packet, nextHop: number, now: Micros): void;
  /** `address` stopped or began to answer: for the choice among gateways (RFC 1122 s3.3.1.4). */
  alive(address: number, alive: boolean, now: Micros): void;
}

export class NeighborCache {
  readonly #limits: NeighborLimits;
  readonly #port: NeighborPort;
  readonly #tally: Tally;
  readonly #random: Random;
  readonly #cause: Cause;
  readonly #table: KeyedTable;
  readonly #timers: TimerWheel;
  /** By slot of the table. */
  readonly #bySlot: (Neighbor | null)[] = [];
  /** By timer id; entries are reused. */
  readonly #byId: Neighbor[] = [];
  readonly #spare: Neighbor[] = [];
  /** Entries that we have sent to and that have answered, and the others: a flood of strangers evicts strangers. */
  readonly #proven = new UseList();
  readonly #unproven = new UseList();
  /** Those that were pinned, which nothing evicts. */
  readonly #pinned = new UseList();
  /** The entry found last; it is in the table. */
  #last: Neighbor | null = null;
  /** Packets that wait, in all. */
  #waiting = 0;

  constructor(limits: NeighborLimits, port: NeighborPort, tally: Tally, random: Random, cause: Cause, key: SipKey, now: Micros) {
    this.#limits = limits;
    this.#port = port;
    this.#tally = tally;
    this.#random = random;
    this.#cause = cause;
    this.#table = new KeyedTable(key, limits.neighbors);
    this.#timers = new TimerWheel(now);
  }

  get count(): number {
    return this.#table.count;
  }

  find(address: number): Neighbor | null {
    // Most packets go where the last one went: no hash for them.
    const last = this.#last;
    if (last !== null && last.address === address) return last;
    const slot = this.#table.find(address, 0, 0, 0);
    if (slot < 0) return null;
    this.#last = this.#bySlot[slot]!;
    return this.#last;
  }

  /** Sends the packet to the neighbor `nextHop`, now or once it is known, and takes it. False: it waits or is lost. */
  send(packet: Packet, nextHop: number, now: Micros): boolean {
    const neighbor = this.find(nextHop) ?? this.#create(nextHop, now, true);
    if (neighbor === null) {
      this.#port.dropped(packet, Arp.CacheFull, now);
      packet.release();
      return false;
    }
    neighbor.usedAt = now;
    switch (neighbor.state) {
      case NeighborState.Stale:
        // RFC 4861 s7.3.3: "The first time a node sends a packet to a neighbor whose entry is STALE, the sender changes the state to DELAY".
        neighbor.state = NeighborState.Delay;
        this.#timers.set(neighbor.id, now + DELAY_FIRST_PROBE);
        break;
      case NeighborState.Failed:
      case NeighborState.Incomplete:
        this.#wait(neighbor, packet, now);
        if (neighbor.state === NeighborState.Failed) this.#resolve(neighbor, now);
        return false;
    }
    this.#prove(neighbor);
    this.#port.transmit(packet, neighbor.high, neighbor.low, now);
    return true;
  }

  /** A message for us says that `address` is at (high, low) and asks us something: RFC 826, "add the triplet". False: no room. */
  learn(address: number, high: number, low: number, now: Micros): boolean {
    if (isGroupHardware(high) || (high === 0 && low === 0)) return false;
    const neighbor = this.#create(address, now, false);
    if (neighbor === null) {
      this.#tally.add(Arp.CacheFull);
      return false;
    }
    neighbor.high = high;
    neighbor.low = low;
    this.#rest(neighbor, now);
    return true;
  }

  /** A message says that `address`, which is in the cache, is at (high, low). `answer`: it is a reply. `trusting`: overwrite (RFC 826) rather
   *  than verify first. False: what it says was not believed, or is no news. */
  merge(neighbor: Neighbor, high: number, low: number, answer: boolean, trusting: boolean, now: Micros): boolean {
    const same = neighbor.high === high && neighbor.low === low;
    switch (neighbor.state) {
      case NeighborState.Permanent:
        return same;
      case NeighborState.Incomplete:
        neighbor.high = high;
        neighbor.low = low;
        // RFC 4861 s7.2.5: an answer makes it REACHABLE; a question of the neighbor's own is no proof that it hears us (s7.2.3).
        if (answer) this.#confirm(neighbor, now);
        else this.#rest(neighbor, now);
        this.#release(neighbor, now);
        return true;
      case NeighborState.Failed:
        // A late answer is still one; what comes long after nobody asked for.
        if (answer && now - neighbor.solicitedAt > RETRANSMIT_INTERVAL) return false;
        neighbor.high = high;
        neighbor.low = low;
        this.#rest(neighbor, now);
        return true;
      case NeighborState.Probe:
        if (!same && !trusting) return false;
        neighbor.high = high;
        neighbor.low = low;
        if (answer) this.#confirm(neighbor, now);
        return true;
      default:
        if (same) return !answer;
        if (trusting) {
          neighbor.high = high;
          neighbor.low = low;
          this.#rest(neighbor, now);
          return true;
        }
        // Deviation: arp-verify
        // Not asked, and it contradicts what we know: ask the address we know before believing, so that one forged
        // message diverts nothing. A neighbor that has really moved does not answer there, and is looked for anew.
        this.#probe(neighbor, now);
        return false;
    }
  }

  /** Progress above: what we send arrives (RFC 4861 s7.3.1). */
  confirm(address: number, now: Micros): void {
    const neighbor = this.find(address);
    if (neighbor === null) return;
    switch (neighbor.state) {
      case NeighborState.Reachable:
        // Every acknowledgment confirms it: once a second will do.
        if (now - neighbor.confirmedAt >= SECOND) this.#confirm(neighbor, now);
        break;
      case NeighborState.Stale:
      case NeighborState.Delay:
      case NeighborState.Probe:
        this.#confirm(neighbor, now);
    }
  }

  /** Lack of progress above: verify it now rather than when the entry is stale (RFC 1122 s2.3.2.1 (4): advice from a higher layer). */
  suspect(address: number, now: Micros): void {
    const neighbor = this.find(address);
    if (neighbor === null) return;
    switch (neighbor.state) {
      case NeighborState.Reachable:
      case NeighborState.Stale:
      case NeighborState.Delay:
        if (now - neighbor.confirmedAt >= RETRANSMIT_INTERVAL) this.#probe(neighbor, now);
    }
  }

  /** Adds or replaces an entry that no message changes. Throws a RangeError when the cache is full of entries in use. */
  pin(address: number, high: number, low: number, now: Micros): void {
    const neighbor = this.find(address) ?? this.#create(address, now, true);
    if (neighbor === null) throw new RangeError("the neighbor cache is full");
    neighbor.high = high;
    neighbor.low = low;
    this.#listOf(neighbor).cut(neighbor);
    neighbor.state = NeighborState.Permanent;
    this.#pinned.append(neighbor);
    this.#timers.cancel(neighbor.id);
    this.#release(neighbor, now);
  }

  /** Forgets an entry; what waits for it is lost. */
  remove(address: number, now: Micros): void {
    const neighbor = this.find(address);
    if (neighbor !== null) this.#remove(neighbor, now);
  }

  /** Forgets all of it. */
  clear(now: Micros): void {
    for (let slot = this.#table.oldest; slot >= 0; slot = this.#table.oldest) this.#remove(this.#bySlot[slot]!, now);
  }

  expire(now: Micros): void {
    for (let id = this.#timers.pop(now); id >= 0; id = this.#timers.pop(now)) {
      this.#cause.begin();
      this.#expired(this.#byId[id]!, now);
    }
  }

  nextTimeout(): Micros {
    return this.#timers.next();
  }

  /** Visits every entry in the order of their making. */
  each(visit: (neighbor: Neighbor) => void): void {
    for (let slot = this.#table.oldest; slot >= 0; slot = this.#table.newerThan(slot)) visit(this.#bySlot[slot]!);
  }

  #expired(neighbor: Neighbor, now: Micros): void {
    switch (neighbor.state) {
      case NeighborState.Reachable:
        this.#rest(neighbor, now);
        break;
      case NeighborState.Stale:
        this.#tally.add(Arp.Expired);
        this.#remove(neighbor, now);
        break;
      case NeighborState.Delay:
        this.#probe(neighbor, now);
        break;
      case NeighborState.Incomplete:
      case NeighborState.Probe:
        if (neighbor.solicits >= MAX_SOLICITS) this.#fail(neighbor, now);
        else this.#solicit(neighbor, now);
        break;
      case NeighborState.Failed:
        this.#remove(neighbor, now);
        break;
    }
  }

  #create(address: number, now: Micros, wanted: boolean): Neighbor | null {
    if (this.#table.count >= this.#table.limit && !this.#evict(now, wanted)) return null;
    const slot = this.#table.insert(address, 0, 0, 0);
    if (slot < 0) return null;
    const neighbor = this.#spare.pop() ?? this.#another();
    neighbor.address = address;
    neighbor.slot = slot;
    neighbor.state = NeighborState.Failed;
    neighbor.high = 0;
    neighbor.low = 0;
    neighbor.solicits = 0;
    neighbor.solicitedAt = Number.NEGATIVE_INFINITY;
    neighbor.usedAt = Number.NEGATIVE_INFINITY;
    neighbor.confirmedAt = Number.NEGATIVE_INFINITY;
    neighbor.proven = false;
    this.#bySlot[slot] = neighbor;
    this.#unproven.append(neighbor);
    return neighbor;
  }

  #another(): Neighbor {
    const neighbor = new Neighbor(this.#byId.length);
    this.#byId.push(neighbor);
    return neighbor;
  }

  /** Makes room: the oldest stranger, or the entry in use longest ago; entries in use only for one that we want to send to. */
  #evict(now: Micros, wanted: boolean): boolean {
    const victim = this.#unproven.oldest ?? this.#proven.oldest;
    if (victim === null || (victim.proven && !wanted && now - victim.usedAt < IN_USE)) return false;
    this.#remove(victim, now);
    return true;
  }

  /** It has been sent to while its address was known: it is in use, and the latest. */
  #prove(neighbor: Neighbor): void {
    if (neighbor.state === NeighborState.Permanent) return;
    if (neighbor.proven) {
      if (this.#proven.newest === neighbor) return;
      this.#proven.cut(neighbor);
    } else {
      this.#unproven.cut(neighbor);
      neighbor.proven = true;
    }
    this.#proven.append(neighbor);
  }

  #listOf(neighbor: Neighbor): UseList {
    if (neighbor.state === NeighborState.Permanent) return this.#pinned;
    return neighbor.proven ? this.#proven : this.#unproven;
  }

  #remove(neighbor: Neighbor, now: Micros): void {
    this.#timers.cancel(neighbor.id);
    this.#lose(neighbor, now);
    this.#listOf(neighbor).cut(neighbor);
    this.#table.remove(neighbor.slot);
    this.#bySlot[neighbor.slot] = null;
    if (this.#last === neighbor) this.#last = null;
    this.#spare.push(neighbor);
  }

  /** Queues a packet for when the neighbor is known. RFC 1122 s2.3.2.2: at least the latest is saved. */
  #wait(neighbor: Neighbor, packet: Packet, now: Micros): void {
    if (neighbor.queue.length >= this.#limits.neighborQueue) {
      const oldest = neighbor.queue.shift();
      if (oldest !== null) {
        this.#waiting -= 1;
        this.#port.dropped(oldest, Arp.QueueFull, now);
        oldest.release();
      }
    }
    if (this.#waiting >= this.#limits.neighborWaiting) {
      // The neighbor is asked for all the same: whoever sends again finds it known.
      this.#port.dropped(packet, Arp.QueueFull, now);
      packet.release();
      return;
    }
    this.#waiting += 1;
    neighbor.queue.push(packet);
  }

  /** Begins to ask for it. RFC 1122 s2.3.2.1: "The recommended maximum rate is 1 per second per destination". */
  #resolve(neighbor: Neighbor, now: Micros): void {
    neighbor.state = NeighborState.Incomplete;
    neighbor.solicits = 0;
    const at = neighbor.solicitedAt + RETRANSMIT_INTERVAL;
    if (at > now) this.#timers.set(neighbor.id, at);
    else this.#solicit(neighbor, now);
  }

  #probe(neighbor: Neighbor, now: Micros): void {
    neighbor.state = NeighborState.Probe;
    neighbor.solicits = 0;
    const at = neighbor.solicitedAt + RETRANSMIT_INTERVAL;
    if (at > now) this.#timers.set(neighbor.id, at);
    else this.#solicit(neighbor, now);
  }

  #solicit(neighbor: Neighbor, now: Micros): void {
    neighbor.solicits += 1;
    neighbor.solicitedAt = now;
    this.#timers.set(neighbor.id, now + RETRANSMIT_INTERVAL);
    const unicast = neighbor.state === NeighborState.Probe;
    this.#port.solicit(neighbor.address, unicast, neighbor.high, neighbor.low, unicast ? Arp.Reprobe : Arp.Request, now);
  }

  #confirm(neighbor: Neighbor, now: Micros): void {
    const before = neighbor.state;
    neighbor.state = NeighborState.Reachable;
    neighbor.confirmedAt = now;
    const half = Math.floor(this.#limits.reachableTime / 2);
    this.#timers.set(neighbor.id, now + half + Math.floor((randomBelow(this.#random, 1 << 16) / (1 << 16)) * 2 * half));
    if (before === NeighborState.Incomplete || before === NeighborState.Probe) this.#port.alive(neighbor.address, true, now);
  }

  #rest(neighbor: Neighbor, now: Micros): void {
    const before = neighbor.state;
    neighbor.state = NeighborState.Stale;
    this.#timers.set(neighbor.id, now + this.#limits.staleTime);
    if (before === NeighborState.Incomplete || before === NeighborState.Failed) this.#port.alive(neighbor.address, true, now);
  }

  /** It does not answer. The entry stays for as long as it must not be asked for again. */
  #fail(neighbor: Neighbor, now: Micros): void {
    neighbor.state = NeighborState.Failed;
    neighbor.high = 0;
    neighbor.low = 0;
    this.#timers.set(neighbor.id, now + this.#limits.staleTime);
    this.#port.alive(neighbor.address, false, now);
    this.#lose(neighbor, now);
  }

  /** Sends what has waited. */
  #release(neighbor: Neighbor, now: Micros): void {
    if (neighbor.queue.length === 0) return;
    if (neighbor.state === NeighborState.Stale) {
      neighbor.state = NeighborState.Delay;
      this.#timers.set(neighbor.id, now + DELAY_FIRST_PROBE);
    }
    this.#prove(neighbor);
    for (let packet = neighbor.queue.shift(); packet !== null; packet = neighbor.queue.shift()) {
      this.#waiting -= 1;
      this.#port.transmit(packet, neighbor.high, neighbor.low, now);
    }
  }

  /** Gives up what has waited. Only what waits now: the losers' owners may send again at once. */
  #lose(neighbor: Neighbor, now: Micros): void {
    for (let left = neighbor.queue.length; left > 0; left--) {
      const packet = neighbor.queue.shift();
      if (packet === null) break;
      this.#waiting -= 1;
      this.#port.dropped(packet, Arp.Unresolved, now);
      this.#port.undeliverable(packet, neighbor.address, now);
    }
  }
}
