/** UDP — RFC 768, RFC 1122 s4.1, RFC 8085: endpoints, and datagrams to and from them. */
import type { Cause } from "../base/cause.js";
import type { FlowOwner, Micros, Random } from "../base/environment.js";
import { type ErrorCode, type NetworkError, networkError } from "../base/errors.js";
import type { Memory } from "../base/memory.js";
import { ChecksumState, type Packet } from "../base/packet.js";
import type { Tally } from "../base/tally.js";
import { Udp as Why } from "../base/why.js";
import { formatIp, type IpAddress, isMulticast, LIMITED_BROADCAST, UNSPECIFIED } from "../ip/address.js";
import { type DatagramApplication, DatagramEvent } from "../ip/application.js";
import { DatagramQueue } from "../ip/datagram-queue.js";
import { Handles } from "../ip/handles.js";
import { IcmpError, type QuotedError } from "../ip/icmp/error.js";
import { type Datagram, type Network, Protocol, type SendOptions, Sent } from "../ip/network.js";
import { UdpDemux } from "./demux.js";
import { type BindOptions, checked, checkPort, Endpoint, type UdpError, type UdpOptions } from "./endpoint.js";
import { HEADER_LENGTH, LONGEST_TEXT, parseUdp, UdpHeader, writeUdp } from "./header.js";

/** What UDP needs of IP beside `Network`. */
export interface UdpNetwork extends Network {
  sendBy(device: number, ...rest: Parameters<Network["send"]>): Sent;
  /** Sends to the members of a group on this host only. */
  sendInside(...rest: Parameters<Network["send"]>): Sent;
  /** Our address for sending to a group by that device; UNSPECIFIED: it has none. */
  sourceBy(device: number, destination: IpAddress): IpAddress;
}

export interface UdpPort {
  /** The datagram being handled has no endpoint: RFC 1122 s4.1.3.1. */
  portUnreachable(now: Micros): void;
  /** Begins reception of a group on a device, -1: by the route (RFC 1112 s7.1); returns a token for `leave`, null: not possible. */
  join(group: IpAddress, device: number): object | null;
  leave(group: IpAddress, token: object): void;
  /** True when anybody on this host has joined the group. */
  isMember(group: IpAddress): boolean;
}

export interface UdpLimits {
  readonly udpEndpoints: number;
  /** Groups that one endpoint may join. */
  readonly memberships: number;
}

export interface UdpParts {
  readonly network: UdpNetwork;
  readonly port: UdpPort;
  readonly memory: Memory;
  readonly random: Random;
  readonly tally: Tally;
  readonly cause: Cause;
  readonly limits: UdpLimits;
  readonly defaults: UdpOptions;
  /** Absent: every flow is ours. */
  readonly owns?: FlowOwner | null;
  readonly work: () => void;
  readonly applicationError: (error: unknown) => void;
}

export class Udp {
  readonly #parts: UdpParts;
  readonly #endpoints: Handles<Endpoint>;
  readonly #demux: UdpDemux;
  readonly #header = new UdpHeader();
  readonly #scratch: number;
  #eventful: Endpoint[] = [];
  #waiting: Endpoint[] = [];

  /** Of the datagram that `receive` returned last: who sent it, to which address of ours (RFC 1122 s4.1.3.5), and how. */
  from: IpAddress = UNSPECIFIED;
  fromPort = 0;
  to: IpAddress = UNSPECIFIED;
  ttl = 0;
  trafficClass = 0;
  device = 0;
  /** Its own length: what did not fit the target is lost. */
  fullLength = 0;

  constructor(parts: UdpParts) {
    this.#parts = parts;
    this.#endpoints = new Handles(parts.limits.udpEndpoints);
    this.#demux = new UdpDemux(parts.random, parts.limits.udpEndpoints, parts.owns ?? null);
    this.#scratch = DatagramQueue.scratch(parts.memory.arena);
  }

  get count(): number {
    return this.#endpoints.count;
  }

  /** True when something waits for `deliver`. */
  get pending(): boolean {
    return this.#eventful.length > 0 || this.#waiting.length > 0;
  }

  /** Opens an endpoint. Throws EADDRINUSE, EADDRNOTAVAIL, EINVAL, ENOBUFS. */
  bind(options: BindOptions, application: DatagramApplication): number {
    const { address = UNSPECIFIED, port = 0, reuse = false, ...rest } = options;
    const { network, memory, defaults } = this.#parts;
    checkPort("bind", port, true);
    if (address !== UNSPECIFIED && !network.isLocal(address) && !network.isGroup(address)) {
      throw networkError("EADDRNOTAVAIL", "bind", "", "give the stack that address first", formatIp(address), port);
    }
    const full = checked({ ...defaults, ...rest });
    const chosen = port === 0 ? this.#demux.ephemeral(address) : port;
    if (chosen === 0 || this.#demux.taken(address, chosen, reuse)) {
      throw networkError("EADDRINUSE", "bind", "", "close the endpoint that has it, or choose another port", formatIp(address), port);
    }
    const endpoint = new Endpoint(application, new DatagramQueue(memory.chunks, this.#scratch), full, address, chosen, reuse);
    endpoint.handle = this.#endpoints.open(endpoint);
    if (endpoint.handle === 0) throw networkError("ENOBUFS", "bind", "", "close endpoints that are not used", formatIp(address), port);
    this.#demux.add(endpoint);
    return endpoint.handle;
  }

  /** Sends to, and receives from, one remote endpoint only (RFC 8085 s5.1). Throws ENETUNREACH, EACCES, EINVAL. */
  connect(handle: number, remote: IpAddress, remotePort: number): void {
    const endpoint = this.#get(handle, "connect");
    const { network } = this.#parts;
    checkPort("connect", remotePort, false);
    if (remote === UNSPECIFIED) throw networkError("EINVAL", "connect", "", "name a host", formatIp(remote), remotePort);
    this.#mayReach(endpoint, remote, "connect", remotePort);
    const local = endpoint.wildcard ? network.sourceFor(remote) : endpoint.local;
    if (local === UNSPECIFIED)
      throw networkError("ENETUNREACH", "connect", "", "add a route that leads there", formatIp(remote), remotePort);
    this.#demux.move(endpoint, local, remote, remotePort);
  }

  /** Undoes `connect`. */
  disconnect(handle: number): void {
    const endpoint = this.#get(handle, "disconnect");
    this.#demux.move(endpoint, endpoint.wildcard ? UNSPECIFIED : endpoint.local, UNSPECIFIED, 0);
  }

  /** Sends one datagram to (`to`, `toPort`), or when `to` is UNSPECIFIED to the connected endpoint. Returns its length, or -1 when there is no
   *  room for it now: wait for Writable. Throws EMSGSIZE, ENOTCONN, EACCES, EINVAL, ENETUNREACH, and ENOBUFS for too many fragmented ones. */
  send(handle: number, source: Uint8Array, offset: number, length: number, to: IpAddress, toPort: number, now: Micros): number {
    const endpoint = this.#get(handle, "send");
    const { network, memory, tally, cause } = this.#parts;
    const event = cause.begin();
    const connected = to === UNSPECIFIED;
    if (connected && endpoint.remote === UNSPECIFIED) throw networkError("ENOTCONN", "send", "no destination", "connect, or name one");
    const remote = connected ? endpoint.remote : to;
    const remotePort = connected ? endpoint.remotePort : toPort;
    checkPort("send", remotePort, false);
    if (length > LONGEST_TEXT) throw failure("EMSGSIZE", `send at most ${LONGEST_TEXT} octets`, remote, remotePort);
    this.#mayReach(endpoint, remote, "send", remotePort);
    const { options } = endpoint;
    const local = this.#sourceOf(endpoint, remote);
    if (local === UNSPECIFIED && remote !== LIMITED_BROADCAST)
      throw failure("ENETUNREACH", "add a route that leads there", remote, remotePort);

    const packet = (HEADER_LENGTH + length <= memory.packets.capacity ? memory.packets : memory.large).take();
    if (packet === null) {
      tally.add(Why.NoBuffers);
      return this.#wait(endpoint);
    }
    const { arena } = packet.pool;
    arena.bytes.set(source.subarray(offset, offset + length), packet.start + HEADER_LENGTH);
    packet.end = packet.start + HEADER_LENGTH + length;
    const partial =
      !isGroupWide(remote) &&
      network.checksumOffloadTo(remote, local) &&
      packet.end - packet.start + 20 <= network.mtuTo(remote, local, now);
    // RFC 1122 s4.1.3.4: "A host MUST implement the facility to generate and validate UDP checksums"; we never send without.
    writeUdp(arena, packet.start, packet.end, local, endpoint.localPort, remote, remotePort, partial);
    if (partial) packet.checksum = ChecksumState.Partial;
    if (options.multicastLoop && isMulticast(remote)) this.#loop(packet, local, remote, now);
    endpoint.recent.add(remote);
    packet.why = Why.Datagram;
    packet.cause = event;
    tally.add(Why.Datagram);
    const sent = isGroupWide(remote)
      ? network.sendBy(options.multicastDevice, packet, local, remote, Protocol.Udp, groupOptions(options, remote), now)
      : network.send(packet, local, remote, Protocol.Udp, options, now);
    this.#parts.work();
    switch (sent) {
      case Sent.TooBig:
        throw failure(
          "EMSGSIZE",
          `send at most ${network.mtuTo(remote, local, now) - 20 - HEADER_LENGTH} octets, or allow fragments`,
          remote,
          remotePort,
        );
      case Sent.NoRoute:
      case Sent.Unreachable:
        throw failure("ENETUNREACH", "add a route that leads there", remote, remotePort);
      case Sent.Refused:
        throw failure("EINVAL", "choose another source or destination", remote, remotePort);
      case Sent.NoBuffers:
        return this.#wait(endpoint);
      case Sent.Limited:
        // Room among the packets, which Writable tells of, would not help: it takes seconds.
        throw failure("ENOBUFS", "send what needs no fragments, or less often (RFC 6864 s5.2)", remote, remotePort);
      default:
        return length;
    }
  }

  /** Copies the oldest unread datagram's text, up to `length` octets; -1 when there is none. `from` and its fellows tell of it. */
  receive(handle: number, target: Uint8Array, offset: number, length: number): number {
    return this.#read(this.#get(handle, "receive").queue, target, offset, length, true);
  }

  /** The same, and the datagram stays. */
  peek(handle: number, target: Uint8Array, offset: number, length: number): number {
    return this.#read(this.#get(handle, "peek").queue, target, offset, length, false);
  }

  #read(queue: DatagramQueue, target: Uint8Array, offset: number, length: number, take: boolean): number {
    const count = queue.read(target, offset, length, take);
    if (count < 0) return count;
    this.from = queue.from;
    this.fromPort = queue.fromPort;
    this.to = queue.to;
    this.ttl = queue.ttl;
    this.trafficClass = queue.trafficClass;
    this.device = queue.device;
    this.fullLength = queue.fullLength;
    return count;
  }

  configure(handle: number, options: Partial<UdpOptions>): void {
    const endpoint = this.#get(handle, "configure");
    endpoint.options = checked({ ...endpoint.options, ...options });
  }

  /** Receives the group too, on a device or (-1) on that of the route. Throws EINVAL, EADDRINUSE, ENOBUFS, EADDRNOTAVAIL. */
  join(handle: number, group: IpAddress, device = -1): void {
    const endpoint = this.#get(handle, "join");
    const { port, limits } = this.#parts;
    if (!isMulticast(group)) throw networkError("EINVAL", "join", formatIp(group), "a group is of 224.0.0.0/4");
    if (endpoint.memberships.some((held) => held.group === group && held.asked === device)) {
      throw networkError("EADDRINUSE", "join", formatIp(group), "the endpoint has joined it");
    }
    if (endpoint.memberships.length >= limits.memberships) {
      throw networkError("ENOBUFS", "join", formatIp(group), `an endpoint joins at most ${limits.memberships} groups`);
    }
    const token = port.join(group, device);
    if (token === null) throw networkError("EADDRNOTAVAIL", "join", formatIp(group), "name a device that the stack has");
    endpoint.memberships.push({ group, asked: device, token });
  }

  /** Undoes `join`. Throws EADDRNOTAVAIL when it was not joined. */
  leave(handle: number, group: IpAddress, device = -1): void {
    const { memberships } = this.#get(handle, "leave");
    const at = memberships.findIndex((held) => held.group === group && held.asked === device);
    if (at < 0) throw networkError("EADDRNOTAVAIL", "leave", formatIp(group), "the endpoint has not joined it");
    const [held] = memberships.splice(at, 1);
    if (held !== undefined) this.#parts.port.leave(group, held.token);
  }

  /** The endpoint's addresses. */
  endpointsOf(handle: number): { local: IpAddress; localPort: number; remote: IpAddress; remotePort: number } {
    const { local, localPort, remote, remotePort } = this.#get(handle, "endpoints");
    return { local, localPort, remote, remotePort };
  }

  /** Takes the error not yet told; null when there is none. */
  errorOf(handle: number): UdpError | null {
    const endpoint = this.#get(handle, "error");
    const { error } = endpoint;
    endpoint.error = null;
    return error;
  }

  /** Datagrams waiting to be read. */
  readable(handle: number): number {
    return this.#get(handle, "readable").queue.count;
  }

  /** Octets of the oldest unread datagram; 0 when there is none. */
  nextLength(handle: number): number {
    return this.#get(handle, "nextLength").queue.nextLength;
  }

  close(handle: number): void {
    const endpoint = this.#get(handle, "close");
    endpoint.queue.clear();
    endpoint.events = 0;
    endpoint.wantsRoom = false;
    for (const { group, token } of endpoint.memberships) this.#parts.port.leave(group, token);
    this.#demux.remove(endpoint);
    this.#endpoints.close(handle);
  }

  /** The stack has ended: what nobody has read gives its memory back. Endpoints stay until they are closed. */
  closeAll(): void {
    this.#endpoints.each((endpoint) => {
      endpoint.queue.clear();
      endpoint.events = 0;
    });
  }

  /** Handles a datagram for us; returns its fate. */
  arrives(datagram: Datagram, now: Micros): number {
    const header = this.#header;
    const bad = parseUdp(header, datagram);
    if (bad !== 0) return bad;
    if (datagram.group) return this.#groupArrives(datagram);
    const endpoint = this.#demux.find(datagram.destination, header.destinationPort, datagram.source, header.sourcePort);
    if (endpoint === null) {
      this.#parts.port.portUnreachable(now);
      return Why.NoPort;
    }
    return this.#queue(endpoint, datagram);
  }

  /** An error about a datagram of ours; true when there is an endpoint that may have sent it (RFC 8085 s5.2). */
  icmpError(error: QuotedError): boolean {
    const view = this.#parts.memory.arena.view;
    const localPort = view.getUint16(error.quoteStart);
    const remotePort = view.getUint16(error.quoteStart + 2);
    const endpoint = this.#demux.find(error.source, localPort, error.destination, remotePort);
    if (endpoint === null || !endpoint.hasSentTo(error.destination)) return false;
    endpoint.error = {
      code: errorCode(error.kind),
      kind: error.kind,
      reporter: error.reporter,
      remote: error.destination,
      remotePort,
      mtu: error.mtu,
    };
    this.#emit(endpoint, DatagramEvent.Error);
    return true;
  }

  /** The address is ours no more: its endpoints are told. */
  addressGone(address: IpAddress): void {
    this.#endpoints.each((endpoint) => {
      if (endpoint.local !== address) return;
      endpoint.error = {
        code: "EADDRNOTAVAIL",
        kind: IcmpError.HostUnreachable,
        reporter: address,
        remote: endpoint.remote,
        remotePort: endpoint.remotePort,
        mtu: 0,
      };
      this.#emit(endpoint, DatagramEvent.Error | DatagramEvent.Closed);
    });
  }

  deliver(): void {
    this.#offerRoom();
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
  show(): Record<string, string | number | boolean>[] {
    const shown: Record<string, string | number | boolean>[] = [];
    this.#endpoints.each((endpoint) =>
      shown.push({
        handle: endpoint.handle,
        local: formatIp(endpoint.local),
        localPort: endpoint.localPort,
        remote: formatIp(endpoint.remote),
        remotePort: endpoint.remotePort,
        unread: endpoint.queue.count,
        unreadOctets: endpoint.queue.octets,
        receiveBuffer: endpoint.options.receiveBuffer,
        memberships: endpoint.memberships.map(({ group }) => formatIp(group)).join(" "),
      }),
    );
    return shown;
  }

  /** Every endpoint of the port that the datagram is for gets a copy (RFC 1122 s4.1.3.5 has no rule; 4.3BSD's is followed). */
  #groupArrives(datagram: Datagram): number {
    const { sourcePort, destinationPort } = this.#header;
    let fate: number = Why.NoPort;
    for (let endpoint = this.#demux.onPort(destinationPort); endpoint !== null; endpoint = endpoint.nextOnPort) {
      if (!endpoint.wildcard && endpoint.local !== datagram.destination) continue;
      if (endpoint.remote !== UNSPECIFIED && (endpoint.remote !== datagram.source || endpoint.remotePort !== sourcePort)) continue;
      const queued = this.#queue(endpoint, datagram);
      if (fate !== Why.Delivered) fate = queued;
    }
    return fate;
  }

  #queue(endpoint: Endpoint, datagram: Datagram): number {
    const { sourcePort, textStart, textEnd } = this.#header;
    const { source, destination, trafficClass, ttl, device } = datagram;
    const bound = endpoint.options.receiveBuffer;
    const queued = endpoint.queue.push(textStart, textEnd - textStart, source, sourcePort, destination, trafficClass, ttl, device, bound);
    if (!queued) return Why.QueueFull;
    this.#emit(endpoint, DatagramEvent.Readable);
    return Why.Delivered;
  }

  /** Sends a copy to the members on this host. */
  #loop(packet: Packet, local: IpAddress, group: IpAddress, now: Micros): void {
    const { network, port, memory, tally, cause } = this.#parts;
    if (!port.isMember(group)) return;
    const copy = memory.packets.take();
    const length = packet.end - packet.start;
    if (copy === null || length > memory.packets.capacity - 20) {
      copy?.release();
      tally.add(Why.NoBuffers);
      return;
    }
    copy.pool.arena.bytes.copyWithin(copy.start, packet.start, packet.end);
    copy.end = copy.start + length;
    copy.why = Why.Datagram;
    copy.cause = cause.id;
    network.sendInside(copy, local, group, Protocol.Udp, LOOP, now);
  }

  #sourceOf(endpoint: Endpoint, remote: IpAddress): IpAddress {
    const { network } = this.#parts;
    if (endpoint.local !== UNSPECIFIED && !network.isGroup(endpoint.local)) return endpoint.local;
    const { multicastDevice } = endpoint.options;
    return multicastDevice >= 0 && isGroupWide(remote) ? network.sourceBy(multicastDevice, remote) : network.sourceFor(remote);
  }

  #mayReach(endpoint: Endpoint, remote: IpAddress, syscall: string, port: number): void {
    const { network } = this.#parts;
    if (isMulticast(remote) || !network.isGroup(remote) || network.isLocal(remote)) return;
    if (!endpoint.options.broadcast) throw networkError("EACCES", syscall, "", "set the option broadcast", formatIp(remote), port);
  }

  #emit(endpoint: Endpoint, events: number): void {
    if (endpoint.events === 0) this.#eventful.push(endpoint);
    endpoint.events |= events;
  }

  #wait(endpoint: Endpoint): number {
    if (!endpoint.wantsRoom) this.#waiting.push(endpoint);
    endpoint.wantsRoom = true;
    return -1;
  }

  #offerRoom(): void {
    if (this.#waiting.length === 0 || this.#parts.memory.packets.available === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const endpoint of waiting) {
      if (endpoint.wantsRoom) this.#emit(endpoint, DatagramEvent.Writable);
      endpoint.wantsRoom = false;
    }
  }

  #get(handle: number, syscall: string): Endpoint {
    const endpoint = this.#endpoints.get(handle);
    if (endpoint === null) throw networkError("EBADF", syscall, `handle ${handle}`, "it was closed");
    return endpoint;
  }
}

const failure = (code: ErrorCode, remedy: string, remote: IpAddress, port: number): NetworkError =>
  networkError(code, "send", "", remedy, formatIp(remote), port);

/** How a copy goes round inside the host. */
const LOOP: SendOptions = { ttl: 1, trafficClass: 0, dontFragment: false };

/** True for groups that the address alone sends by no particular device. */
const isGroupWide = (remote: IpAddress): boolean => isMulticast(remote) || remote === LIMITED_BROADCAST;

const groupOptions = (options: UdpOptions, remote: IpAddress): SendOptions =>
  isMulticast(remote) ? { ttl: options.multicastTtl, trafficClass: options.trafficClass, dontFragment: options.dontFragment } : options;

function errorCode(kind: IcmpError): ErrorCode {
  switch (kind) {
    case IcmpError.PortUnreachable:
    case IcmpError.ProtocolUnreachable:
      return "ECONNREFUSED";
    case IcmpError.NetUnreachable:
      return "ENETUNREACH";
    case IcmpError.FragmentationNeeded:
      return "EMSGSIZE";
    case IcmpError.ParameterProblem:
      return "EINVAL";
    default:
      return "EHOSTUNREACH";
  }
}
