/** Echo requests of applications, and their replies — RFC 792, RFC 1122 s3.2.2.6: "a host SHOULD also implement an application-layer interface". */
import type { Cause } from "../../base/cause.js";
import { type FlowOwner, type Micros, type Random, randomBelow } from "../../base/environment.js";
import { networkError } from "../../base/errors.js";
import type { Tally } from "../../base/tally.js";
import { Icmp as Why } from "../../base/why.js";
import { formatIp, type IpAddress, UNSPECIFIED } from "../address.js";
import { type DatagramApplication, DatagramEvent } from "../application.js";
import { DatagramQueue } from "../datagram-queue.js";
import { Handles } from "../handles.js";
import { type Datagram, Protocol, Sent } from "../network.js";
import { RecentDestinations } from "../recent-destinations.js";
import type { Ip } from "../v4/ip.js";
import type { IcmpError, QuotedError } from "./error.js";
import type { EchoReplies } from "./icmp.js";
import { HEADER_LENGTH, Type, writeMessage } from "./message.js";

export interface PingOptions {
  /** The source address; UNSPECIFIED: by the route. */
  readonly local: IpAddress;
  readonly ttl: number;
  readonly trafficClass: number;
  readonly dontFragment: boolean;
}

/** An ICMP error about an echo request of ours. */
export interface PingError {
  readonly kind: IcmpError;
  readonly code: number;
  readonly reporter: IpAddress;
  readonly destination: IpAddress;
  readonly sequence: number;
  /** Next-hop MTU when the request was too big; else 0. */
  readonly mtu: number;
}

/** What an endpoint may hold unread, octets with overhead. */
const RECEIVE_BOUND = 262_144;
const MOST_ERRORS = 16;
const IDENTIFIERS = 65_536;
const LONGEST_TEXT = 65_535 - 20 - HEADER_LENGTH;

class Endpoint {
  handle = 0;
  readonly identifier: number;
  readonly options: PingOptions;
  readonly application: DatagramApplication;
  readonly queue: DatagramQueue;
  readonly recent = new RecentDestinations();
  readonly errors: PingError[] = [];
  events = 0;

  constructor(identifier: number, options: PingOptions, application: DatagramApplication, queue: DatagramQueue) {
    this.identifier = identifier;
    this.options = options;
    this.application = application;
    this.queue = queue;
  }
}

export interface PingParts {
  readonly ip: Ip;
  readonly random: Random;
  readonly tally: Tally;
  readonly cause: Cause;
  readonly ttl: number;
  /** The most endpoints. */
  readonly limit: number;
  /** Absent: every flow is ours. */
  readonly owns?: FlowOwner | null;
  readonly work: () => void;
  readonly applicationError: (error: unknown) => void;
}

export class Ping implements EchoReplies {
  readonly #parts: PingParts;
  readonly #endpoints: Handles<Endpoint>;
  readonly #byIdentifier: (Endpoint | null)[] = [];
  readonly #scratch: number;
  #eventful: Endpoint[] = [];

  /** Of the reply that `receive` returned last: who answered, to which request, and the TTL it had left. */
  from: IpAddress = UNSPECIFIED;
  sequence = 0;
  ttl = 0;

  constructor(parts: PingParts) {
    this.#parts = parts;
    this.#endpoints = new Handles(Math.min(parts.limit, IDENTIFIERS >> 1));
    this.#scratch = DatagramQueue.scratch(parts.ip.memory.arena);
  }

  get count(): number {
    return this.#endpoints.count;
  }

  /** True when something waits for `deliver`. */
  get pending(): boolean {
    return this.#eventful.length > 0;
  }

  /** Opens an endpoint with an identifier of its own, chosen at random. Throws ENOBUFS when there are too many. */
  open(options: Partial<PingOptions>, application: DatagramApplication): number {
    const { ip, random, ttl, owns = null } = this.#parts;
    const taken = (id: number): boolean =>
      Boolean(this.#byIdentifier[id]) || (owns !== null && !owns(Protocol.Icmp, UNSPECIFIED, id, UNSPECIFIED, 0));
    let identifier = randomBelow(random, IDENTIFIERS);
    for (let tried = 0; taken(identifier); tried++) {
      if (tried === IDENTIFIERS) throw networkError("ENOBUFS", "ping", "", "close endpoints that are not used");
      identifier = (identifier + 1) & (IDENTIFIERS - 1);
    }
    const full: PingOptions = { local: UNSPECIFIED, ttl, trafficClass: 0, dontFragment: false, ...options };
    if (full.local !== UNSPECIFIED && !ip.isLocal(full.local)) {
      throw networkError("EADDRNOTAVAIL", "ping", formatIp(full.local), "give the stack that address first", formatIp(full.local));
    }
    const endpoint = new Endpoint(identifier, full, application, new DatagramQueue(ip.memory.chunks, this.#scratch));
    endpoint.handle = this.#endpoints.open(endpoint);
    if (endpoint.handle === 0) throw networkError("ENOBUFS", "ping", "", "close endpoints that are not used");
    this.#byIdentifier[identifier] = endpoint;
    return endpoint.handle;
  }

  /** Asks `to` to send back `length` octets, under a sequence number of 0 to 65 535. Returns the octets, or 0 when there is no packet for them.
   *  Throws ENETUNREACH when there is no route, EMSGSIZE when it is too long. */
  send(handle: number, sequence: number, source: Uint8Array, offset: number, length: number, to: IpAddress, now: Micros): number {
    const { ip, tally, cause } = this.#parts;
    const endpoint = this.#get(handle);
    const event = cause.begin();
    const name = formatIp(to);
    if (length > LONGEST_TEXT) throw networkError("EMSGSIZE", "ping", `${length} octets`, `send at most ${LONGEST_TEXT}`, name);
    const { options } = endpoint;
    const local = options.local === UNSPECIFIED ? ip.sourceFor(to) : options.local;
    if (local === UNSPECIFIED) throw networkError("ENETUNREACH", "ping", name, "add a route that leads there", name);
    const packet = (HEADER_LENGTH + length <= ip.pool.capacity ? ip.pool : ip.memory.large).take();
    if (packet === null) {
      tally.add(Why.NoBuffers);
      return 0;
    }
    const { arena } = packet.pool;
    arena.bytes.set(source.subarray(offset, offset + length), packet.start + HEADER_LENGTH);
    packet.end = packet.start + HEADER_LENGTH + length;
    writeMessage(arena, packet.start, packet.end, Type.Echo, 0, (endpoint.identifier << 16) | (sequence & 0xffff));
    endpoint.recent.add(to);
    packet.why = Why.EchoRequest;
    packet.cause = event;
    tally.add(Why.EchoRequest);
    const sent = ip.send(packet, local, to, Protocol.Icmp, options, now);
    this.#parts.work();
    switch (sent) {
      case Sent.TooBig:
        throw networkError("EMSGSIZE", "ping", `${length} octets`, "send less, or let it be fragmented", name);
      case Sent.NoRoute:
      case Sent.Unreachable:
        throw networkError("ENETUNREACH", "ping", name, "add a route that leads there", name);
      case Sent.Refused:
        throw networkError("EINVAL", "ping", name, "choose the address of a host", name);
      case Sent.NoBuffers:
      case Sent.Limited:
        return 0;
      default:
        return length;
    }
  }

  /** Copies the oldest unread reply's octets; -1 when there is none. */
  receive(handle: number, target: Uint8Array, offset: number, length: number): number {
    const { queue } = this.#get(handle);
    const count = queue.read(target, offset, length);
    if (count < 0) return count;
    this.from = queue.from;
    this.sequence = queue.fromPort;
    this.ttl = queue.ttl;
    return count;
  }

  /** Takes the oldest error not yet told; null when there is none. */
  errorOf(handle: number): PingError | null {
    return this.#get(handle).errors.shift() ?? null;
  }

  close(handle: number): void {
    const endpoint = this.#get(handle);
    endpoint.queue.clear();
    endpoint.events = 0;
    this.#byIdentifier[endpoint.identifier] = null;
    this.#endpoints.close(handle);
  }

  /** RFC 1122 s3.2.2.6: "Echo Reply messages MUST be passed to the ICMP user interface, unless the corresponding Echo Request originated in the IP layer." */
  replied(datagram: Datagram, identifier: number, sequence: number, _now: Micros): number {
    const endpoint = this.#byIdentifier[identifier] ?? null;
    if (endpoint === null) return Why.NobodyWaits;
    const start = datagram.payloadStart + HEADER_LENGTH;
    const { source, destination, trafficClass, ttl, device } = datagram;
    const queued = endpoint.queue.push(
      start,
      datagram.payloadEnd - start,
      source,
      sequence,
      destination,
      trafficClass,
      ttl,
      device,
      RECEIVE_BOUND,
    );
    if (!queued) return Why.NoBuffers;
    this.#emit(endpoint, DatagramEvent.Readable);
    return Why.EchoReplyDelivered;
  }

  /** True when the quoted message is an echo request of an open endpoint, to where it has sent: the identifier alone is soon guessed. */
  icmpError(error: QuotedError): boolean {
    const view = this.#parts.ip.memory.arena.view;
    if (view.getUint8(error.quoteStart) !== Type.Echo) return false;
    const endpoint = this.#byIdentifier[view.getUint16(error.quoteStart + 4)] ?? null;
    if (endpoint === null || !endpoint.recent.has(error.destination)) return false;
    if (endpoint.errors.length < MOST_ERRORS) {
      const { kind, code, reporter, destination, mtu } = error;
      endpoint.errors.push({ kind, code, reporter, destination, sequence: view.getUint16(error.quoteStart + 6), mtu });
    }
    this.#emit(endpoint, DatagramEvent.Error);
    return true;
  }

  deliver(): void {
    if (this.#eventful.length === 0) return;
    const eventful = this.#eventful;
    this.#eventful = [];
    for (const endpoint of eventful) {
      const events = endpoint.events;
      endpoint.events = 0;
      if (events === 0) continue;
      this.#parts.cause.begin();
      try {
        endpoint.application.onEvents(endpoint.handle, events);
      } catch (error) {
        this.#parts.applicationError(error);
      }
    }
  }

  /** Plain data, for inspection. */
  show(): { handle: number; identifier: number; unread: number }[] {
    const shown: { handle: number; identifier: number; unread: number }[] = [];
    this.#endpoints.each(({ handle, identifier, queue }) => shown.push({ handle, identifier, unread: queue.count }));
    return shown;
  }

  #emit(endpoint: Endpoint, events: number): void {
    if (endpoint.events === 0) this.#eventful.push(endpoint);
    endpoint.events |= events;
  }

  #get(handle: number): Endpoint {
    const endpoint = this.#endpoints.get(handle);
    if (endpoint === null) throw networkError("EBADF", "ping", `handle ${handle}`, "it was closed");
    return endpoint;
  }
}
