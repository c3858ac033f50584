/** The processes and threads of one program have a stack each, and one loopback among them: a port that one has is the others' to connect to,
 *  and taken for them. As long as a process is alone, none of this does anything. */
import { NetworkError, networkError } from "../../base/errors.js";
import type { Packet } from "../../base/packet.js";
import { type IpAddress, ipFromInt } from "../../ip/address.js";
import { HEADER_LENGTH, writeHeader } from "../../ip/v4/header.js";
import type { Stack } from "../../stack/stack.js";
import { ACK, RST, SYN } from "../../tcp/segment.js";
import { IPV6_LOOPBACK } from "../names.js";
import type { Claim, Relatives, TakenPorts } from "../taken-ports.js";
import { Flow, type Reset } from "./flow.js";
import { Door, FramePipe } from "./frame-pipe.js";
import { Glance, TCP, UDP } from "./glance.js";

const TCP_HEADER = 20;
const TTL = 64;
const FIRST_PORT = 1_024;
const ATTEMPTS = 64;
/** Ways to other processes' datagram sockets that are kept, and datagrams that wait for one of them to open. */
const PATHS = 64;
const EARLY_DATAGRAMS = 64;

type Protocol = "tcp" | "udp";

export class SharedLoopback {
  readonly #stack: Stack;
  readonly #ports: Readonly<Record<Protocol, TakenPorts>>;
  /** How the door of a port is named. */
  readonly #nameOf: (door: string) => string;
  /** With how many sockets of ours a door is shared. */
  readonly #doors = new Map<string, { readonly door: Door; sockets: number }>();
  /** By our port and the other's. */
  readonly #flows = new Map<number, Flow>();
  readonly #paths = new Map<string, FramePipe>();
  readonly #glance = new Glance();
  #joined = false;

  /** `family`: what all processes of the program have in common, and nobody else. */
  constructor(stack: Stack, tcp: TakenPorts, udp: TakenPorts, family: string) {
    this.#stack = stack;
    this.#ports = { tcp, udp };
    this.#nameOf = doorNames(family);
  }

  /** True when there are, or have been, others. */
  get joined(): boolean {
    return this.#joined;
  }

  /** From now on there are others. */
  join(): void {
    if (this.#joined) return;
    this.#joined = true;
    this.#stack.loopback.divert = (packet) => this.#divert(packet);
    for (const protocol of ["tcp", "udp"] as const) {
      const relatives: Relatives = {
        take: (port, claim) => this.#take(protocol, port, claim),
        leave: (port, claim) => this.#leave(protocol, port, claim),
      };
      this.#ports[protocol].meet(relatives);
    }
  }

  // ---- ports

  #take(protocol: Protocol, port: number, claim: Claim): boolean {
    const doors = doorsOf(protocol, port, claim);
    const taken: string[] = [];
    for (const door of doors) {
      if (this.#openDoor(protocol, door, port)) taken.push(door);
      else {
        for (const other of taken) this.#closeDoor(other);
        // Others' datagrams are theirs; the socket that shares its port hears those of its own process.
        return claim.shared;
      }
    }
    return true;
  }

  #leave(protocol: Protocol, port: number, claim: Claim): void {
    for (const door of doorsOf(protocol, port, claim)) this.#closeDoor(door);
  }

  #openDoor(protocol: Protocol, name: string, port: number): boolean {
    const known = this.#doors.get(name);
    if (known !== undefined) {
      known.sockets += 1;
      return true;
    }
    const door = Door.at(this.#nameOf(name));
    if (door === null) return false;
    this.#doors.set(name, { door, sockets: 1 });
    door.open((pipe) => (protocol === "tcp" ? this.#called(pipe, port) : this.#written(pipe, port)));
    return true;
  }

  #closeDoor(name: string): void {
    const known = this.#doors.get(name);
    if (known === undefined || --known.sockets > 0) return;
    this.#doors.delete(name);
    known.door.close();
  }

  // ---- connections

  /** Connects by `open`, which is given the port to do it from. Ports of ours for connections inside the process are odd and others even, so that
   *  two processes never mean different connections by the same ports. Throws what `open` throws. */
  connect(remote: IpAddress, remotePort: number, wanted: number, open: (port: number) => number): number {
    const inside = this.#ports.tcp.has(remotePort, remote);
    for (let attempt = 1; ; attempt++) {
      const port = wanted !== 0 ? wanted : this.#choose(inside);
      const last = wanted !== 0 || attempt === ATTEMPTS;
      if (!inside && !this.#dial(port, remote, remotePort)) {
        if (last) throw networkError("EADDRINUSE", "connect", `port ${port}`, "connect from another port");
        continue;
      }
      try {
        return open(port);
      } catch (error) {
        this.#end(port, remotePort);
        if (last || !(error instanceof NetworkError) || error.code !== "EADDRINUSE") throw error;
      }
    }
  }

  #choose(inside: boolean): number {
    const even = (FIRST_PORT + ((this.#stack.random.int32() >>> 0) % (65_536 - FIRST_PORT))) & ~1;
    return inside ? even + 1 : even;
  }

  #dial(port: number, remote: IpAddress, remotePort: number): boolean {
    if (this.#flows.has(keyOf(port, remotePort))) return false;
    const own = sourceDoor(port);
    if (!this.#openDoor("tcp", own, port)) return false;
    const source = remote === IPV6_LOOPBACK ? remote : LOOPBACK;
    const door = doorOf("tcp", remotePort, remote);
    const pipe = FramePipe.dial(this.#nameOf(door), (isThere) => {
      if (!isThere) this.#orphaned(flow);
    });
    const flow = this.#begin(pipe, true, source, port, remote, remotePort);
    return true;
  }

  #begin(pipe: FramePipe, dialed: boolean, source: number, port: number, remote: number, remotePort: number): Flow {
    const flow = new Flow(pipe, dialed, source, port, remote, remotePort);
    this.#flows.set(keyOf(port, remotePort), flow);
    pipe.onFrame = (frame) => this.#heard(flow, frame);
    pipe.onEnd = () => this.#orphaned(flow);
    return flow;
  }

  /** Another process connects to a port of ours. */
  #called(pipe: FramePipe, port: number): void {
    pipe.onFrame = (frame) => {
      const glance = this.#glance;
      const opens =
        glance.look(viewOf(frame), 0, frame.length) &&
        glance.protocol === TCP &&
        glance.destinationPort === port &&
        (glance.flags & (SYN | ACK)) === SYN &&
        !this.#flows.has(keyOf(port, glance.sourcePort));
      if (!opens) return pipe.close();
      const flow = this.#begin(pipe, false, glance.destination, port, glance.source, glance.sourcePort);
      this.#heard(flow, frame);
    };
  }

  #heard(flow: Flow, frame: Uint8Array): void {
    const glance = this.#glance;
    if (!glance.look(viewOf(frame), 0, frame.length) || glance.protocol !== TCP || !flow.brings(glance)) {
      flow.pipe.close();
      this.#orphaned(flow);
      return;
    }
    flow.heard(glance);
    this.#bring(frame);
    this.#endIfOver(flow);
  }

  /** Nobody listens there, or does any more. */
  #orphaned(flow: Flow): void {
    if (this.#flows.get(keyOf(flow.sourcePort, flow.destinationPort)) !== flow) return;
    this.#say(flow, flow.orphan());
    this.#endIfOver(flow);
  }

  #endIfOver(flow: Flow): void {
    if (flow.isOver) this.#end(flow.sourcePort, flow.destinationPort);
  }

  #end(port: number, remotePort: number): void {
    const flow = this.#flows.get(keyOf(port, remotePort));
    if (flow === undefined) return;
    this.#flows.delete(keyOf(port, remotePort));
    flow.pipe.finish();
    if (flow.dialed) this.#closeDoor(sourceDoor(port));
  }

  // ---- packets

  /** True: the packet is for another process, and on its way there. */
  #divert(packet: Packet): boolean {
    const { arena } = packet.pool;
    const glance = this.#glance;
    if (!glance.look(arena.view, packet.start, packet.end)) return false;
    if (glance.protocol === UDP) return this.#divertDatagram(packet);
    const flow = this.#flows.get(keyOf(glance.sourcePort, glance.destinationPort));
    if (flow === undefined) return false;
    flow.sent(glance);
    if (flow.orphaned) this.#say(flow, flow.answer(glance));
    else flow.pipe.send(arena.bytes, packet.start, packet.end);
    packet.release();
    this.#endIfOver(flow);
    return true;
  }

  #divertDatagram(packet: Packet): boolean {
    const { destination, destinationPort } = this.#glance;
    const remote = ipFromInt(destination);
    if (this.#ports.udp.has(destinationPort, remote)) return false;
    const path = this.#pathTo(doorOf("udp", destinationPort, remote));
    if (path.waiting >= EARLY_DATAGRAMS) return false;
    path.send(packet.pool.arena.bytes, packet.start, packet.end);
    packet.release();
    return true;
  }

  /** The way to another process's datagram socket. */
  #pathTo(door: string): FramePipe {
    const known = this.#paths.get(door);
    if (known !== undefined) return known;
    const path = FramePipe.dial(this.#nameOf(door), (isThere) => {
      if (isThere) return;
      this.#paths.delete(door);
      // Nobody here has the port either: the stack says so.
      for (const datagram of path.unsent()) this.#bring(datagram);
    });
    path.onEnd = () => this.#paths.delete(door);
    this.#paths.set(door, path);
    const [oldest] = this.#paths;
    if (this.#paths.size > PATHS && oldest !== undefined) {
      this.#paths.delete(oldest[0]);
      oldest[1].finish();
    }
    return path;
  }

  /** Another process sends datagrams to a port of ours. */
  #written(pipe: FramePipe, port: number): void {
    pipe.onFrame = (frame) => {
      const glance = this.#glance;
      const right = glance.look(viewOf(frame), 0, frame.length) && glance.protocol === UDP && glance.destinationPort === port;
      if (right) this.#bring(frame);
      else pipe.close();
    };
  }

  #bring(frame: Uint8Array): void {
    const packet = this.#stack.memory.packets.take();
    if (packet === null) return;
    if (packet.start + frame.length > packet.limit) return packet.release();
    packet.pool.arena.bytes.set(frame, packet.start);
    packet.end = packet.start + frame.length;
    this.#stack.loopback.bring(packet);
  }

  /** In the name of an end that is gone. */
  #say(flow: Flow, reset: Reset | null): void {
    const packet = reset === null ? null : this.#stack.memory.packets.take();
    if (packet === null || reset === null) return;
    const { arena } = packet.pool;
    const { view } = arena;
    const length = HEADER_LENGTH + TCP_HEADER;
    const tcp = packet.start + HEADER_LENGTH;
    writeHeader(arena, packet.start, 0, length, 0, 0, TTL, TCP, flow.destination, flow.source);
    view.setUint16(tcp, flow.destinationPort);
    view.setUint16(tcp + 2, flow.sourcePort);
    view.setInt32(tcp + 4, reset.seq);
    view.setInt32(tcp + 8, reset.ack);
    view.setUint8(tcp + 12, (TCP_HEADER / 4) << 4);
    view.setUint8(tcp + 13, RST | ACK);
    // Window, checksum and urgent pointer: nobody looks at them here.
    view.setInt32(tcp + 14, 0);
    view.setUint16(tcp + 18, 0);
    packet.end = packet.start + length;
    this.#stack.loopback.bring(packet);
  }
}

const LOOPBACK = 0x7f00_0001;

const viewOf = (octets: Uint8Array): DataView => new DataView(octets.buffer, octets.byteOffset, octets.byteLength);

const keyOf = (port: number, remotePort: number): number => port * 65_536 + remotePort;

/** A process has a port for all addresses of a family. */
const doorOf = (protocol: Protocol, port: number, address: IpAddress): string => `${protocol}${address === IPV6_LOOPBACK ? 6 : 4}-${port}`;

const doorsOf = (protocol: Protocol, port: number, { ipv4, ipv6 }: Claim): string[] => [
  ...(ipv4 ? [`${protocol}4-${port}`] : []),
  ...(ipv6 ? [`${protocol}6-${port}`] : []),
];

/** Nobody calls there; but it keeps others from connecting from, or listening at, the same port. */
const sourceDoor = (port: number): string => `tcp4-${port}`;

/** Linux has names that no file system knows, and that go with whoever has them. */
function doorNames(family: string): (door: string) => string {
  if (process.platform === "linux") return (door) => `\0onwire-${family}/${door}`;
  if (process.platform === "win32") return (door) => `\\\\.\\pipe\\onwire-${family}-${door}`;
  return (door) => `/tmp/onwire-${family}-${door}`;
}
