/** A DHCP client for one device of a stack — RFC 2131 s4.4, figure 5. It knows no host: the stack tells it the time and rolls its dice. */
import { type Micros, NEVER, randomBelow, SECOND } from "../base/environment.js";
import { networkError } from "../base/errors.js";
import { Dhcp as Why } from "../base/why.js";
import { formatIp, type IpAddress, LIMITED_BROADCAST, UNSPECIFIED } from "../ip/address.js";
import { DatagramEvent } from "../ip/application.js";
import type { Agent } from "../stack/agent.js";
import type { Device } from "../stack/device.js";
import type { Stack } from "../stack/stack.js";
import { Applied } from "./applied.js";
import { type Lease, leaseOf } from "./lease.js";
import { type DhcpMessage, Op, parseDhcp, Type, writeDhcp } from "./message.js";
import { Option, readInt32 } from "./options.js";
import { type Identity, requestOf } from "./requests.js";

const CLIENT_PORT = 68;
const SERVER_PORT = 67;

/** The states of figure 5; CHECKING is between REQUESTING and BOUND, while the address is probed for; STOPPED is before and after all. */
export type DhcpState =
  | "STOPPED"
  | "INIT"
  | "SELECTING"
  | "REQUESTING"
  | "INIT-REBOOT"
  | "REBOOTING"
  | "CHECKING"
  | "BOUND"
  | "RENEWING"
  | "REBINDING";

export interface DhcpOptions {
  /** An address that was leased here before: it is asked for first (RFC 2131 s3.2). */
  readonly previous?: IpAddress;
  readonly hostname?: string;
  readonly clientIdentifier?: Uint8Array;
  /** Whether to look if somebody has the address before it is used. Default "probe" (RFC 2131 s4.4.1 SHOULD; it takes some seconds). */
  readonly claim?: "use" | "announce" | "probe";
  /** Of the routes: among those of one prefix the least is taken. Default 0. */
  readonly metric?: number;
  // Deviation: dhcp-start-delay
  /** The longest wait before the first message, chosen at random. Default 0. */
  readonly desynchronize?: Micros;
  /** The lease is another, or there is none any more. Called when no protocol code is running. */
  readonly onChange?: (lease: Lease | null) => void;
}

/** RFC 2131 s4.1: 4 s, doubled each time up to 64 s, each with a second more or less. */
const FIRST_DELAY = 4 * SECOND;
const LONGEST_DELAY = 64 * SECOND;
/** RFC 2131 s4.4.1: "might retransmit the DHCPREQUEST message four times, for a total delay of 60 seconds, before restarting". */
const REQUESTS = 5;
/** RFC 2131 s4.4.5: "down to a minimum of 60 seconds, before retransmitting the DHCPREQUEST message". */
const LEAST_RENEWAL_DELAY = 60 * SECOND;
/** RFC 2131 s3.1: "The client SHOULD wait a minimum of ten seconds before restarting" after a DHCPDECLINE. */
const AFTER_DECLINE = 10 * SECOND;
/** A message larger than a frame is not asked for. */
const LARGEST = 1500;

export class DhcpClient implements Agent {
  readonly name: string;
  readonly #stack: Stack;
  readonly #device: Device;
  readonly #options: DhcpOptions;
  readonly #applied: Applied;
  readonly #buffer = new Uint8Array(LARGEST);
  #state: DhcpState = "STOPPED";
  /** The endpoint that hears broadcasts, and the one of the leased address; 0: not open. */
  #wide = 0;
  #own = 0;
  /** When something is next to be done in this state. */
  #at: Micros = NEVER;
  #xid = 0;
  #attempts = 0;
  /** When the acquisition began, for 'secs'; when the request under way was first sent, from which a lease counts. */
  #began: Micros = 0;
  #asked: Micros = 0;
  #secs = 0;
  /** What is asked for (an offer), or in use; and when that was leased. */
  #lease: Lease | null = null;
  #leasedAt: Micros = 0;
  /** Refusals and conflicts in a row: each makes the next beginning wait longer. */
  #failures = 0;
  #conflicts = 0;

  constructor(device: Device, options: DhcpOptions = {}) {
    if (!device.ethernet) throw networkError("EINVAL", "dhcp", device.name, "DHCP asks by Ethernet: choose another device");
    this.name = `dhcp ${device.name}`;
    this.#device = device;
    this.#stack = device.stack;
    this.#options = options;
    this.#applied = new Applied(device, options.metric ?? 0);
  }

  get state(): DhcpState {
    return this.#state;
  }

  /** The lease in use; null: there is none. */
  get lease(): Lease | null {
    return this.#isLeased() ? this.#lease : null;
  }

  /** Begins to ask. Starting twice does nothing. Throws EADDRINUSE when somebody else has port 68. */
  start(now: Micros): void {
    if (this.#state !== "STOPPED") return;
    const { random, udp } = this.#stack;
    this.#wide = udp.bind({ ...this.#sending(), port: CLIENT_PORT, reuse: true }, { onEvents: this.#onEvents });
    this.#failures = 0;
    this.#init(
      this.#options.previous === undefined ? "INIT" : "INIT-REBOOT",
      now + randomBelow(random, (this.#options.desynchronize ?? 0) + 1),
    );
    this.#stack.addAgent(this);
  }

  /** Gives the lease back (RFC 2131 s4.4.6), and everything that came with it. */
  release(now: Micros): void {
    const lease = this.lease;
    if (lease !== null) {
      const { address: ciaddr, server } = lease;
      const xid = this.#stack.random.int32();
      this.#send(requestOf(this.#identity(), { type: Type.Release, xid, secs: 0, ciaddr, server }), server, now);
    }
    this.stop(now);
  }

  /** Ends without a word to the server, which keeps the address for us until the lease is over. */
  stop(now: Micros): void {
    if (this.#state === "STOPPED") return;
    const had = this.#withdraw(now);
    this.#stack.udp.close(this.#wide);
    this.#wide = 0;
    this.#state = "STOPPED";
    this.#at = NEVER;
    this.#stack.removeAgent(this);
    if (had) this.#options.onChange?.(null);
  }

  nextTimeout(): Micros {
    return this.#at;
  }

  expire(now: Micros): void {
    if (!this.#device.attached) return this.stop(now);
    switch (this.#state) {
      case "INIT":
        return this.#discover(now);
      case "INIT-REBOOT":
        return this.#begin("REBOOTING", now);
      case "SELECTING":
        return this.#again(now);
      case "REQUESTING":
      case "REBOOTING":
        return this.#attempts < REQUESTS ? this.#again(now) : this.#init("INIT", now);
      case "BOUND":
        return this.#begin("RENEWING", now);
      case "RENEWING":
        return now >= this.#leasedAt + this.#lease!.t2 ? this.#begin("REBINDING", now) : this.#again(now);
      case "REBINDING":
        return now >= this.#leasedAt + this.#lease!.duration ? this.#lose(now) : this.#again(now);
      default:
        this.#at = NEVER; // CHECKING ends when ARP has its answer
    }
  }

  inspect(now: Micros) {
    const lease = this.#lease;
    const left = (span: Micros): Micros | null => (span === NEVER ? null : this.#leasedAt + span - now);
    return {
      state: this.#state,
      attempts: this.#attempts,
      next: this.#at === NEVER ? null : this.#at - now,
      conflicts: this.#conflicts,
      failures: this.#failures,
      lease:
        lease === null
          ? null
          : {
              address: `${formatIp(lease.address)}/${lease.prefixLength}`,
              server: formatIp(lease.server),
              routes: lease.routes.map(
                ({ prefix, prefixLength, gateway }) =>
                  `${formatIp(prefix)}/${prefixLength}${gateway === UNSPECIFIED ? "" : ` by ${formatIp(gateway)}`}`,
              ),
              dnsServers: lease.dnsServers.map(formatIp),
              domain: lease.domain,
              search: [...lease.search],
              // In microseconds from now; null: never.
              renewal: this.#isLeased() ? left(lease.t1) : null,
              rebinding: this.#isLeased() ? left(lease.t2) : null,
              expiry: this.#isLeased() ? left(lease.duration) : null,
            },
    };
  }

  // ---- the states

  #init(state: "INIT" | "INIT-REBOOT", at: Micros): void {
    this.#state = state;
    this.#lease = null;
    this.#attempts = 0;
    this.#at = at;
  }

  /** RFC 2131 s3.1 (4), s4.4.1: the restart waits longer each time, so that a server that always refuses is not asked without end. */
  #restart(least: Micros, now: Micros): void {
    this.#failures += 1;
    const wait = this.#failures === 1 ? 0 : this.#delay(this.#failures - 2);
    this.#init("INIT", now + Math.max(least, wait));
    // The endpoint's events come outside of `expire`.
    this.#stack.wake();
  }

  #discover(now: Micros): void {
    this.#began = now;
    this.#begin("SELECTING", now);
  }

  /** Enters a state that asks: a new transaction, sent for the first time. */
  #begin(state: "SELECTING" | "REBOOTING" | "RENEWING" | "REBINDING", now: Micros): void {
    this.#state = state;
    this.#xid = this.#stack.random.int32();
    if (state !== "SELECTING") this.#began = now;
    this.#attempts = 0;
    this.#asked = now;
    this.#again(now);
  }

  /** Sends what the state asks for, and decides when to send it again. */
  #again(now: Micros): void {
    const lease = this.#lease;
    if (this.#state !== "REQUESTING") this.#secs = Math.min(Math.floor((now - this.#began) / SECOND), 0xffff);
    const common = { type: this.#state === "SELECTING" ? Type.Discover : Type.Request, xid: this.#xid, secs: this.#secs } as const;
    const identity = this.#identity();
    this.#at = now + this.#delay(this.#attempts);
    this.#attempts += 1;
    switch (this.#state) {
      case "SELECTING":
        return this.#send(requestOf(identity, common), LIMITED_BROADCAST, now);
      case "REQUESTING":
        return this.#send(requestOf(identity, { ...common, requested: lease!.address, server: lease!.server }), LIMITED_BROADCAST, now);
      case "REBOOTING":
        return this.#send(requestOf(identity, { ...common, requested: this.#options.previous! }), LIMITED_BROADCAST, now);
      case "RENEWING":
        this.#at = this.#halfway(this.#leasedAt + lease!.t2, now);
        return this.#send(requestOf(identity, { ...common, ciaddr: lease!.address }), lease!.server, now);
      case "REBINDING":
        this.#at = this.#halfway(this.#leasedAt + lease!.duration, now);
        return this.#send(requestOf(identity, { ...common, ciaddr: lease!.address }), LIMITED_BROADCAST, now);
    }
  }

  /** The server has acknowledged: the address is ours, if nobody else has it. */
  #acquire(lease: Lease, now: Micros): void {
    this.#lease = lease;
    this.#leasedAt = this.#asked;
    this.#at = NEVER;
    this.#state = "CHECKING";
    const { claim = "probe" } = this.#options;
    try {
      this.#applied.claim(lease, claim, (granted) => this.#claimed(lease, granted), now);
    } catch {
      // The stack has the address elsewhere, or has no room.
      this.#decline(now);
      return;
    }
    if (claim !== "probe") this.#bind(now);
  }

  #claimed(lease: Lease, granted: boolean): void {
    // It may have been given up in the same turn.
    if (this.#lease?.address !== lease.address) return;
    if (granted) this.#bind(this.#stack.now);
    else this.#conflict(this.#stack.now);
  }

  #bind(now: Micros): void {
    const lease = this.#lease!;
    // Probing takes time, and a lease may be short.
    if (now >= this.#leasedAt + lease.duration) return this.#lose(now);
    const own = { ...this.#sending(), address: lease.address, port: CLIENT_PORT, reuse: true };
    try {
      this.#own = this.#stack.udp.bind(own, { onEvents: this.#onEvents });
    } catch {
      // Too many endpoints: what comes for the address comes by the other.
    }
    this.#applied.route(lease.routes);
    this.#failures = 0;
    this.#enterBound();
    this.#options.onChange?.(lease);
  }

  #enterBound(): void {
    this.#state = "BOUND";
    this.#attempts = 0;
    this.#at = this.#leasedAt + this.#lease!.t1;
    this.#stack.wake();
  }

  /** RFC 2131 s4.4.5: the lease begins anew; the address is the same, what came with it may be other. */
  #extend(lease: Lease): void {
    // Another mask would take the address away for a moment, and every connection with it: it waits for the next lease.
    this.#lease = { ...lease, prefixLength: this.#lease!.prefixLength };
    this.#leasedAt = this.#asked;
    this.#applied.route(lease.routes);
    this.#enterBound();
    this.#options.onChange?.(this.#lease);
  }

  /** RFC 5227: another host has the address; ARP has taken it from us already. */
  #conflict(now: Micros): void {
    this.#applied.lost();
    this.#conflicts += 1;
    this.#decline(now);
  }

  /** RFC 2131 s4.4.4, table 5. */
  #decline(now: Micros): void {
    const { address: requested, server } = this.#lease!;
    const had = this.#withdraw(now);
    const xid = this.#stack.random.int32();
    const decline = requestOf(this.#identity(), { type: Type.Decline, xid, secs: 0, requested, server, message: "in use by another host" });
    this.#send(decline, LIMITED_BROADCAST, now);
    this.#restart(AFTER_DECLINE, now);
    if (had) this.#options.onChange?.(null);
  }

  /** The lease is over or refused: "the client MUST immediately stop any other network processing" (RFC 2131 s4.4.5). */
  #lose(now: Micros): void {
    const had = this.#withdraw(now);
    this.#init("INIT", now);
    if (had) this.#options.onChange?.(null);
  }

  /** Undoes what a lease has brought; returns whether one was in use. Whoever is told of it may throw: that comes last. */
  #withdraw(now: Micros): boolean {
    const had = this.#isLeased();
    if (this.#own !== 0) this.#stack.udp.close(this.#own);
    this.#own = 0;
    this.#applied.withdraw(now);
    this.#lease = null;
    return had;
  }

  // ---- what arrives

  readonly #onEvents = (handle: number, events: number): void => {
    const { udp, tally } = this.#stack;
    // A server's ICMP error tells nothing that its silence does not.
    if ((events & DatagramEvent.Error) !== 0) udp.errorOf(handle);
    if ((events & DatagramEvent.Readable) === 0) return;
    while (handle === this.#wide || handle === this.#own) {
      const length = udp.receive(handle, this.#buffer, 0, this.#buffer.length);
      if (length < 0) return;
      if (udp.device !== this.#device.index) continue;
      const message = udp.fullLength > length ? null : parseDhcp(this.#buffer.subarray(0, length));
      tally.add(message === null ? Why.Malformed : this.#arrives(message, this.#stack.now));
    }
  };

  /** Handles a message; returns its fate. */
  #arrives(message: DhcpMessage, now: Micros): number {
    if (message.op !== Op.Reply) return Why.Unexpected;
    if (!this.#isAsking() || message.xid !== this.#xid) return Why.OtherTransaction;
    const { chaddr } = this.#identity();
    if (chaddr.some((octet, i) => octet !== message.chaddr[i])) return Why.OtherHardware;
    const type = message.options.get(Option.MessageType)?.[0];
    if (type === Type.Nak) return this.#refused(message, now);
    if (this.#state === "SELECTING" ? type !== Type.Offer : type !== Type.Ack) return Why.Unexpected;
    const lease = leaseOf(message);
    if (lease === null) return Why.BadLease;
    switch (this.#state) {
      case "SELECTING":
        this.#lease = lease;
        this.#state = "REQUESTING";
        this.#attempts = 0;
        this.#asked = now;
        this.#again(now);
        this.#stack.wake();
        return Why.Accepted;
      case "REQUESTING":
        if (lease.server !== this.#lease!.server) return Why.BadServer;
        if (lease.address !== this.#lease!.address) return Why.BadLease;
        this.#acquire(lease, now);
        return Why.Accepted;
      case "REBOOTING":
        if (lease.address !== this.#options.previous) return Why.BadLease;
        this.#acquire(lease, now);
        return Why.Accepted;
      default:
        if (this.#state === "RENEWING" && lease.server !== this.#lease!.server) return Why.BadServer;
        if (lease.address !== this.#lease!.address) return Why.BadLease;
        this.#extend(lease);
        return Why.Accepted;
    }
  }

  #refused(message: DhcpMessage, now: Micros): number {
    if (this.#state === "SELECTING") return Why.Unexpected;
    const server = readInt32(message.options.get(Option.ServerIdentifier));
    const chosen = this.#state === "REQUESTING" || this.#state === "RENEWING" ? this.#lease!.server : null;
    if (server === null || (chosen !== null && server !== chosen)) return Why.BadServer;
    const had = this.#withdraw(now);
    this.#restart(0, now);
    if (had) this.#options.onChange?.(null);
    return Why.Refused;
  }

  // ---- what leaves

  #send(message: DhcpMessage, to: IpAddress, now: Micros): void {
    const octets = writeDhcp(message);
    const handle = to === LIMITED_BROADCAST || this.#own === 0 ? this.#wide : this.#own;
    try {
      this.#stack.udp.send(handle, octets, 0, octets.length, to, SERVER_PORT, now);
    } catch {
      // No route to the server, no room: as if it were lost on its way. Time will tell.
    }
  }

  /** Chosen anew for each message: a device may be given another hardware address. */
  #identity(): Identity {
    const { hardwareHigh: high, hardwareLow: low, mtu } = this.#device;
    return {
      chaddr: Uint8Array.of(high >>> 8, high, low >>> 24, low >>> 16, low >>> 8, low),
      clientIdentifier: this.#options.clientIdentifier,
      hostname: this.#options.hostname,
      // RFC 2132 s9.10: "The minimum legal value is 576 octets."
      largest: Math.max(576, Math.min(mtu, LARGEST)),
    };
  }

  readonly #sending = () => ({ broadcast: true, multicastDevice: this.#device.index });

  #delay(attempts: number): Micros {
    const base = Math.min(FIRST_DELAY * 2 ** Math.min(attempts, 10), LONGEST_DELAY);
    return base - SECOND + randomBelow(this.#stack.random, 2 * SECOND + 1);
  }

  #halfway(end: Micros, now: Micros): Micros {
    return Math.min(end, now + Math.max(LEAST_RENEWAL_DELAY, Math.floor((end - now) / 2)));
  }

  #isLeased(): boolean {
    return this.#state === "BOUND" || this.#state === "RENEWING" || this.#state === "REBINDING";
  }

  #isAsking(): boolean {
    return this.#state !== "STOPPED" && this.#state !== "INIT" && this.#state !== "CHECKING" && this.#state !== "BOUND";
  }
}
