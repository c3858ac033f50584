/** A stack: the layers introduced to each other, and the turns in which they run (ARCHITECTURE.md, "A turn"). It does no I/O, reads no clock,
 *  rolls no dice: frames, time and calls go in, frames and events come out. */
import { Arp, type ArpPort, type ArpTrust } from "../arp/arp.js";
import { Cause } from "../base/cause.js";
import type { Micros, Random } from "../base/environment.js";
import { networkError } from "../base/errors.js";
import { createMemory, type Memory } from "../base/memory.js";
import { Cast, type Packet } from "../base/packet.js";
import { SipKey } from "../base/siphash.js";
import { Tally } from "../base/tally.js";
import { Eth } from "../base/why.js";
import { EtherType, Frame, HEADER_LENGTH, parseFrame, TAG_LENGTH } from "../ethernet/frame.js";
import { hardwareHigh, hardwareLow, isGroupHardware, randomHardware } from "../ethernet/hardware-address.js";
import { type IpAddress, ip as parse } from "../ip/address.js";
import type { QuotedError } from "../ip/icmp/error.js";
import { Icmp, Told } from "../ip/icmp/icmp.js";
import { DestinationLimiter } from "../ip/icmp/limiter.js";
import { Ping } from "../ip/icmp/ping.js";
import { ErrorSender } from "../ip/icmp/report.js";
import { LOOPBACK_INDEX } from "../ip/interface.js";
import { Protocol } from "../ip/network.js";
import { LEAST_MTU } from "../ip/path-mtu.js";
import type { RouteTable } from "../ip/route.js";
import { arrives } from "../ip/v4/arrives.js";
import { Ip } from "../ip/v4/ip.js";
import { Tcp } from "../tcp/tcp.js";
import type { Link } from "../transport/link.js";
import { Udp } from "../udp/udp.js";
import { Addressing } from "./addressing.js";
import type { Agent } from "./agent.js";
import { Device } from "./device.js";
import { isDelivered } from "./fate.js";
import { joinGroup, leaveGroup } from "./groups.js";
import { type Inspection, inspect } from "./inspect.js";
import { defaultLimits, type Limits } from "./limits.js";
import { Loopback } from "./loopback.js";
import type { DeviceOptions, StackOptions } from "./options.js";
import type { Probe } from "./probe.js";
import { linux, type Profile } from "./profile.js";
import { ReceiveOffload } from "./receive-offload.js";

/** Frames that one `pull` moves, unless told otherwise. */
const BUDGET = 512;

export class Stack {
  readonly name: string;
  readonly memory: Memory;
  readonly random: Random;
  readonly profile: Profile;
  readonly limits: Limits;
  readonly tally = new Tally();
  readonly cause = new Cause();
  readonly ip: Ip;
  readonly tcp: Tcp;
  readonly udp: Udp;
  /** Echo requests and their replies. */
  readonly icmp: Ping;
  /** By index, the loopback first; a removed device stays in its place until another takes it. */
  readonly devices: Device[] = [];
  readonly addressing: Addressing;
  /** What lives on this stack's clock, by `addAgent`. */
  readonly agents: Agent[] = [];
  /** Frames received, and what became of them: in = delivered + dropped. */
  readonly frames = { in: 0, delivered: 0, dropped: 0 };
  readonly loopback: Loopback;
  probe: Probe | null;
  /** A user call has left something to flush or deliver: run a turn soon. Called once until that turn. */
  onWork: (() => void) | null = null;
  /** An application's callback threw. Absent: the first error of a turn is thrown by `deliver`, when it is otherwise done. */
  onApplicationError: ((error: unknown) => void) | null = null;
  /** An address of ours was found to be somebody else's (RFC 5227), or was granted after probing. Called in `deliver`. */
  onAddress: ((device: Device, address: IpAddress, granted: boolean) => void) | null = null;
  readonly #key: SipKey;
  readonly #icmp: Icmp;
  readonly #frame = new Frame();
  readonly #batch: Packet[] = [];
  readonly #offload: ReceiveOffload;
  #arpTrust: ArpTrust;
  #working = false;
  /** When a user call left something for the next turn; infinity: none did. */
  #workAt: Micros = Number.POSITIVE_INFINITY;
  #now: Micros;
  #next = 0;
  #errors: unknown[] = [];
  #closed = false;

  constructor(options: StackOptions, now: Micros) {
    const { name = "stack", random, memory = createMemory(), profile = linux, limits = {}, probe = null, owns = null } = options;
    this.name = name;
    this.random = random;
    this.memory = memory;
    this.#offload = new ReceiveOffload(memory);
    this.profile = profile;
    this.limits = { ...defaultLimits, ...limits };
    this.probe = probe;
    this.#now = now;
    this.addressing = new Addressing(this);
    this.#key = new SipKey(random);
    this.#arpTrust = profile.lower.arpTrust;
    const { lower } = profile;
    const bounds = this.limits;
    const { tally, cause } = this;
    const work = () => this.#work();
    const applicationError = (error: unknown) => this.#applicationError(error);

    const port = {
      count: (why: number, at: Micros) => this.#count(null, why, at),
      dropped: (_packet: Packet, why: number, at: Micros) => this.#count(null, why, at),
    };
    this.ip = new Ip(memory, { ...lower, limits: bounds }, random, tally, port);
    const errors = new DestinationLimiter(new SipKey(random), random, bounds.icmpErrorsPerDestination, bounds.icmpErrors, now);
    const echoes = new DestinationLimiter(new SipKey(random), random, bounds.echoRepliesPerDestination, bounds.echoReplies, now);
    this.#icmp = new Icmp(this.ip, cause, echoes, lower.ttl);
    this.#icmp.listener = { icmpError: (error, at) => this.#icmpError(error, at) };
    this.icmp = new Ping({ ip: this.ip, random, tally, cause, ttl: lower.ttl, limit: bounds.pingEndpoints, owns, work, applicationError });
    this.#icmp.replies = this.icmp;
    const sender = new ErrorSender(this.ip, cause, errors, lower.ttl);
    this.udp = new Udp({
      network: this.ip,
      port: {
        portUnreachable: (at) => sender.portUnreachable(at),
        join: (group, device) => joinGroup(this, group, device),
        leave: (group, membership) => leaveGroup(group, membership as Device),
        isMember: (group) => this.ip.isMember(group),
      },
      memory,
      random,
      tally,
      cause,
      limits: bounds,
      defaults: {
        ttl: lower.ttl,
        trafficClass: 0,
        dontFragment: false,
        broadcast: false,
        multicastTtl: 1,
        multicastDevice: -1,
        multicastLoop: true,
        receiveBuffer: lower.udpReceiveBuffer,
      },
      owns,
      work,
      applicationError,
    });
    const {
      congestionControl = profile.tcp.congestionControl,
      congestionControllers: controllers = {},
      sharing = profile.tcp.sharing,
    } = options;
    const policy = { ...profile.tcp, congestionControl, sharing };
    this.tcp = new Tcp(
      { network: this.ip, memory, random, tally, cause, policy, limits: bounds, probes: this, controllers, owns, work, applicationError },
      now,
    );
    this.ip.errors = sender;
    this.ip.icmp = this.#icmp;
    this.ip.udp = this.udp;
    this.ip.tcp = this.tcp;

    this.loopback = new Loopback(Math.min(memory.packets.capacity, 65_535), Math.max(1, memory.packets.size >> 1));
    const unmerged = { strictMtu: false, merge: false };
    this.#attach("lo", this.loopback, this.loopback.capabilities.mtu, new Uint8Array(6), null, 0, unmerged, now);
    this.addressing.hold(this.devices[LOOPBACK_INDEX]!, parse("127.0.0.1"), 8);
  }

  /** Attaches a link, or a VLAN of a device, and adds the routes to its prefixes. Throws EINVAL, EADDRINUSE, ENOBUFS. */
  addDevice(link: Link, options: DeviceOptions, now: Micros): Device {
    const { parent = null, vlan = 0, addresses = [], strictMtu = false, merge = link.capabilities.merge ?? false } = options;
    const name = options.name ?? (parent === null ? link.name : `${parent.name}.${vlan}`);
    const header = link.capabilities.medium === "ethernet" ? HEADER_LENGTH + TAG_LENGTH : 0;
    const largest = Math.min(parent?.mtu ?? link.capabilities.mtu, this.memory.packets.capacity - header);
    const mtu = options.mtu ?? largest;
    if (!(mtu >= LEAST_MTU && mtu <= 65_535)) throw networkError("EINVAL", "addDevice", `mtu ${mtu}`, "an MTU is 68 to 65535");
    if (mtu > largest) throw networkError("EINVAL", "addDevice", `mtu ${mtu}`, `the link and the packets of the memory take ${largest}`);
    if ((parent === null) !== (vlan === 0))
      throw networkError("EINVAL", "addDevice", `vlan ${vlan}`, "name the parent and a VLAN of 1 to 4094");
    if (parent !== null) this.#checkVlan(parent, link, vlan);
    const suggested = parent === null ? link.capabilities.hardwareAddress : octetsOf(parent);
    const hardwareAddress = options.hardwareAddress ?? suggested ?? randomHardware(this.random);
    if (hardwareAddress.length !== 6 || isGroupHardware(hardwareHigh(hardwareAddress))) {
      throw networkError("EINVAL", "addDevice", `hardware address ${hardwareAddress.join(" ")}`, "six octets, of which the first is even");
    }
    if (this.devices.filter((device) => device.attached).length >= this.limits.devices) {
      throw networkError("ENOBUFS", "addDevice", name, `a stack has at most ${this.limits.devices} devices`);
    }
    this.#arpTrust = options.arpTrust ?? this.profile.lower.arpTrust;
    const device = this.#attach(name, link, mtu, hardwareAddress, parent, vlan, { strictMtu, merge }, now);
    try {
      for (const { address, prefixLength } of addresses) this.addAddress(device, address, prefixLength, now, options.claim);
    } catch (error) {
      this.removeDevice(device, now);
      throw error;
    }
    return device;
  }

  /** Detaches a device: its connections end, its routes go. The link stays the caller's to close. */
  removeDevice(device: Device, now: Micros): void {
    if (!device.attached || device.loopback) return;
    for (const child of [...device.children]) this.removeDevice(child, now);
    for (const { address } of [...device.addresses]) this.removeAddress(device, address, now);
    this.ip.routes.removeAll((route) => route.device === device.index);
    device.arp.neighbors.clear(now);
    // The resets leave; what a full link does not take is lost.
    device.flush(now);
    device.clear();
    device.attached = false;
    this.ip.interfaces[device.index] = null;
    if (device.parent !== null) device.parent.children.splice(device.parent.children.indexOf(device), 1);
    this.ip.changed();
    this.#work();
  }

  /** Gives a device one more address, and its prefix a route. The change is announced, or the address probed for, as `claim` says: RFC 5227.
   *  `told` is called instead of `onAddress`. Throws EINVAL for what no host can have, EADDRINUSE for what the stack has, ENOBUFS when a
   *  table is full. */
  addAddress(
    device: Device,
    address: IpAddress,
    prefixLength: number,
    now: Micros,
    claim?: "use" | "announce" | "probe",
    told: ((granted: boolean) => void) | null = null,
  ): void {
    this.addressing.add(device, address, prefixLength, claim ?? this.profile.lower.claim, told, now);
    this.#work();
  }

  /** Takes an address away: connections on it end (RFC 5227 s2.4: "SHOULD attempt to reset any existing connections"). */
  removeAddress(device: Device, address: IpAddress, now: Micros): void {
    this.addressing.remove(device, address, now);
    this.#work();
  }

  /** Gives a device another hardware address, and tells the neighbors by gratuitous ARP. */
  setHardwareAddress(device: Device, hardwareAddress: Uint8Array, now: Micros): void {
    if (hardwareAddress.length !== 6 || isGroupHardware(hardwareHigh(hardwareAddress))) {
      throw networkError("EINVAL", "setHardwareAddress", hardwareAddress.join(" "), "six octets, of which the first is even");
    }
    device.hardwareHigh = hardwareHigh(hardwareAddress);
    device.hardwareLow = hardwareLow(hardwareAddress);
    this.#announce(device, now);
    this.#work();
  }

  get routes(): RouteTable {
    return this.ip.routes;
  }

  /** The time of the turn under way, or of the last one. */
  get now(): Micros {
    return this.#now;
  }

  /** From now on the agent is told the time, until `removeAgent`. */
  addAgent(agent: Agent): void {
    this.agents.push(agent);
    this.#work();
  }

  removeAgent(agent: Agent): void {
    const at = this.agents.indexOf(agent);
    if (at >= 0) this.agents.splice(at, 1);
  }

  /** An agent has something to do before the stack would look again. */
  wake(): void {
    this.#work();
  }

  /** Handles one frame, which is the stack's from here. */
  receive(device: Device, packet: Packet, now: Micros): void {
    const event = this.cause.begin();
    this.#now = now;
    this.ip.now = now;
    this.frames.in += 1;
    device.counters.framesIn += 1;
    device.counters.octetsIn += packet.end - packet.start;
    const { probe } = this;
    if (probe?.frameReceived) probe.frameReceived(device, packet, event, now);
    const fate = this.#arrives(device, packet, now);
    if (isDelivered(fate)) this.frames.delivered += 1;
    else this.frames.dropped += 1;
    this.#count(device, fate, now);
    packet.release();
  }

  /** Moves waiting frames from the links in, a fair share each; returns how many. */
  pull(now: Micros, budget: number = BUDGET): number {
    let taken = 0;
    const count = this.devices.length;
    // Each pull begins at another device, so that none starves the others.
    this.#next = count === 0 ? 0 : (this.#next + 1) % count;
    for (let i = 0; i < count && taken < budget; i++) {
      const device = this.devices[(this.#next + i) % count]!;
      if (!device.attached || device.parent !== null) continue;
      const received = device.link.receive(this.memory.packets, this.#batch, budget - taken);
      if (device.merge && received > 1) this.#receiveMerged(device, received, now);
      else for (let k = 0; k < received; k++) this.receive(device, this.#batch[k]!, now);
      taken += received;
    }
    return taken;
  }

  /** The batch, with segments that follow each other joined. What joins nothing comes in its turn: no frame overtakes another. */
  #receiveMerged(device: Device, received: number, now: Micros): void {
    const offload = this.#offload;
    for (let k = 0; k < received; k++) {
      const packet = this.#batch[k]!;
      if (offload.join(packet)) {
        if (offload.full) this.#receiveRun(device, now);
        continue;
      }
      this.#receiveRun(device, now);
      if (!offload.begin(packet)) this.receive(device, packet, now);
    }
    this.#receiveRun(device, now);
  }

  #receiveRun(device: Device, now: Micros): void {
    const run = this.#offload.end();
    if (run === null) return;
    device.counters.merged += this.#offload.count - 1;
    this.receive(device, run, now);
  }

  /** Fires what is due. */
  expire(now: Micros): void {
    this.#now = now;
    this.ip.expire(now);
    for (let i = 0; i < this.devices.length; i++) {
      const device = this.devices[i]!;
      if (device.attached && device.ethernet) device.arp.expire(now);
    }
    this.tcp.expire(now);
  }

  /** Each touched connection speaks once, and the links send. */
  flush(now: Micros): void {
    this.#now = now;
    this.#workAt = Number.POSITIVE_INFINITY;
    this.#working = false;
    this.tcp.flush(now);
    for (let i = 0; i < this.devices.length; i++) {
      const device = this.devices[i]!;
      if (device.moved) this.#announce(device, now);
      if (device.attached && device.parent === null) device.flush(now);
    }
  }

  /** Hands events to the applications. They may call anything; what they throw is theirs, and ends nothing of ours. */
  deliver(): void {
    this.tcp.deliver();
    this.udp.deliver();
    this.icmp.deliver();
    this.addressing.notify(this.onAddress, (error) => this.#applicationError(error));
    this.#runAgents();
    if (this.#errors.length === 0) return;
    const errors = this.#errors;
    this.#errors = [];
    throw errors[0];
  }

  /** When something is next to be done; NEVER if nothing is. */
  nextTimeout(): Micros {
    // What goes by the loopback takes a microsecond, so that time moves.
    let next = this.loopback.waiting > 0 ? Math.min(this.#workAt, this.#now + 1) : this.#workAt;
    if (this.udp.pending || this.icmp.pending || this.tcp.busy || this.addressing.pending) next = Math.min(next, this.#now);
    next = Math.min(next, this.ip.nextTimeout(), this.tcp.nextTimeout());
    for (let i = 0; i < this.devices.length; i++) {
      const device = this.devices[i]!;
      if (device.attached && device.ethernet) next = Math.min(next, device.arp.nextTimeout());
    }
    for (let i = 0; i < this.agents.length; i++) next = Math.min(next, this.agents[i]!.nextTimeout());
    return next;
  }

  turn(now: Micros): void {
    this.pull(now);
    this.expire(now);
    this.flush(now);
    this.deliver();
    if (this.tcp.busy) this.flush(now); // what was said in reply, and the ACKs that waited for it
  }

  /** Every table and connection as plain JSON. */
  inspect(now: Micros): Inspection {
    return inspect(this, now);
  }

  /** Resets every connection and detaches every device. The links stay the caller's to close. */
  close(now: Micros): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const agent of [...this.agents]) agent.stop(now);
    this.tcp.closeAll(now);
    this.udp.closeAll();
    this.flush(now);
    this.#detach(now);
    this.tcp.deliver();
  }

  /** Ends without a word: no reset, no segment. Another goes on with what `tcp.snapshot` has told (`tcp.restore`). */
  abandon(now: Micros): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const device of this.devices) device.clear();
    this.tcp.forgetAll(now);
    this.tcp.flush(now);
    this.#detach(now);
  }

  #detach(now: Micros): void {
    for (const device of [...this.devices]) this.removeDevice(device, now);
    this.flush(now);
    this.ip.reassembly.clear();
    this.devices[LOOPBACK_INDEX]!.clear();
    this.loopback.close();
  }

  /** True after `close`: no handle is good for anything any more. */
  get closed(): boolean {
    return this.#closed;
  }

  /** A packet of ours could not be sent to its next hop: its owner is told, and it is released. */
  undeliverable(packet: Packet, now: Micros): void {
    this.#icmp.undeliverable(packet.start, packet.end, now);
    packet.release();
  }

  /** Counts a packet that is dropped outside the path of a received frame. */
  drop(device: Device | null, _packet: Packet, why: number, now: Micros): void {
    this.#count(device, why, now);
  }

  /** Makes the ARP of a new device. */
  makeArp(device: ArpPort, now: Micros): Arp {
    const { lower } = this.profile;
    const { neighbors, neighborQueue, arpReplies } = this.limits;
    const neighborWaiting = Math.max(1, this.memory.packets.size >> 2);
    const limits = { neighbors, neighborQueue, neighborWaiting, reachableTime: lower.neighborReachable, staleTime: lower.neighborStale };
    const options = { limits, defence: lower.defence, trust: this.#arpTrust, repliesPerSecond: arpReplies };
    return new Arp(device, options, this.tally, this.random, this.cause, this.#key, now);
  }

  #arrives(device: Device, packet: Packet, now: Micros): number {
    if (!device.attached) return Eth.NoDevice;
    return device.ethernet ? this.#frameArrives(device, packet, now) : this.#datagramArrives(device, packet, now);
  }

  #frameArrives(device: Device, packet: Packet, now: Micros): number {
    const frame = this.#frame;
    const bad = parseFrame(frame, packet.pool.arena.view, packet.start, packet.end);
    if (bad !== 0) return bad;
    let owner = device;
    if (frame.vlan !== 0) {
      const child = childOf(device, frame.vlan);
      if (child === null) return Eth.UnknownVlan;
      owner = child;
      child.counters.framesIn += 1;
      child.counters.octetsIn += packet.end - packet.start;
    }
    if (isGroupHardware(frame.sourceHigh)) return Eth.SourceGroup;
    const cast = owner.castOf(frame.destinationHigh, frame.destinationLow);
    if (cast === -1) return Eth.NotForUs;
    packet.cast = cast;
    packet.start = frame.payloadStart;
    packet.end = frame.payloadEnd;
    if (frame.type === EtherType.Ipv4) return this.#datagramArrives(owner, packet, now);
    if (frame.type === EtherType.Arp) return owner.arp.arrives(packet, packet.start, packet.end, now);
    return Eth.UnknownType;
  }

  #datagramArrives(device: Device, packet: Packet, now: Micros): number {
    if (device.strictMtu && packet.end - packet.start > device.mtu) return Eth.Oversize;
    if (!device.ethernet && !device.loopback) packet.cast = Cast.Unicast;
    return arrives(this.ip, device, packet, now);
  }

  #count(device: Device | null, why: number, now: Micros): void {
    this.tally.add(why);
    const { probe } = this;
    if (probe?.dropped && !isDelivered(why)) probe.dropped(device, why, this.cause.id, now);
  }

  /** RFC 1122 s3.2.2: errors go to the transport protocol that the quoted header names. */
  #icmpError(error: QuotedError, now: Micros): Told {
    switch (error.protocol) {
      case Protocol.Tcp:
        this.tcp.icmpError(error, now);
        return Told.Owner;
      case Protocol.Udp:
        return this.udp.icmpError(error) ? Told.LowerMtu : Told.Nobody;
      case Protocol.Icmp:
        return this.icmp.icmpError(error) ? Told.LowerMtu : Told.Nobody;
      default:
        return Told.Nobody;
    }
  }

  #attach(
    name: string,
    link: Link,
    mtu: number,
    hardwareAddress: Uint8Array,
    parent: Device | null,
    vlan: number,
    input: { readonly strictMtu: boolean; readonly merge: boolean },
    now: Micros,
  ): Device {
    const gone = this.devices.findIndex((device) => !device.attached);
    const index = gone < 0 ? this.devices.length : gone;
    const loopback = link === this.loopback;
    const device = new Device({ stack: this, index, name, link, mtu, hardwareAddress, parent, vlan, loopback, ...input }, now);
    this.devices[index] = device;
    if (parent === null && link.onMoved !== undefined)
      link.onMoved = () => {
        device.moved = true;
        this.#work();
      };
    this.ip.interfaces[index] = device;
    parent?.children.push(device);
    this.ip.changed();
    return device;
  }

  #checkVlan(parent: Device, link: Link, vlan: number): void {
    const sound = Number.isInteger(vlan) && vlan >= 1 && vlan <= 4094;
    if (!sound || !parent.attached || parent.parent !== null || !parent.ethernet || link !== parent.link) {
      throw networkError("EINVAL", "addDevice", `vlan ${vlan}`, "a VLAN is 1 to 4094 of an Ethernet device that has a link, by that link");
    }
    if (childOf(parent, vlan) !== null) throw networkError("EADDRINUSE", "addDevice", `vlan ${vlan}`, "the device has that VLAN");
  }

  /** One that leaves in the midst makes another wait for the next turn, which is at once. */
  #runAgents(): void {
    for (let i = 0; i < this.agents.length; i++) {
      const agent = this.agents[i]!;
      if (agent.nextTimeout() > this.#now) continue;
      this.cause.begin();
      try {
        agent.expire(this.#now);
      } catch (error) {
        this.#applicationError(error);
      }
    }
  }

  /** Tells the neighbors of a device, and of its VLANs, where its addresses are: RFC 5227 s2.3. */
  #announce(device: Device, now: Micros): void {
    device.moved = false;
    if (!device.attached || !device.ethernet) return;
    for (const { address, tentative } of device.addresses) if (!tentative) device.arp.claims.hold(address, true, now);
    for (const child of device.children) this.#announce(child, now);
  }

  #work(): void {
    this.#workAt = Math.min(this.#workAt, this.#now);
    if (this.#working) return;
    this.#working = true;
    this.onWork?.();
  }

  #applicationError(error: unknown): void {
    if (this.onApplicationError !== null) this.onApplicationError(error);
    else this.#errors.push(error);
  }
}

function childOf(device: Device, vlan: number): Device | null {
  for (let i = 0; i < device.children.length; i++) if (device.children[i]!.vlan === vlan) return device.children[i]!;
  return null;
}

const octetsOf = ({ hardwareHigh: high, hardwareLow: low }: Device): Uint8Array =>
  Uint8Array.of(high >>> 8, high & 255, low >>> 24, (low >>> 16) & 255, (low >>> 8) & 255, low & 255);
