/** What a script and a host have in common: connections and descriptors, each of them by the script's name and by the live one. */
import type { IpAddress } from "../../ip/address.js";
import type { Arguments } from "./arguments.js";
import type { Call, Packet, Ports, TcpLine } from "./ast.js";
import type { Surroundings } from "./calls.js";
import { ACK, type Flow, SYN } from "./flow.js";
import { Flows, opens } from "./flows.js";
import type { LocalAndRemote, Reply, Request } from "./host.js";
import { icmpInbound, tcpInbound, udpInbound } from "./inbound.js";
import type { Settings } from "./settings.js";
import type { WirePacket } from "./wire-packet.js";

type Asking<T> = Generator<Request, T, Reply>;

export class Endpoints {
  readonly flows: Flows;
  readonly #settings: Settings;
  /** Live descriptors by the script's. */
  readonly #fds = new Map<number, number>();
  /** The script's sockets, the one that was opened last at the end. */
  #opened: number[] = [];
  /** The script's descriptor that connected last. */
  #connecting: number | null = null;
  #nextId = 1;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.flows = new Flows(settings);
  }

  /** The live descriptor of a script's one; -1: there is none. */
  live(scriptFd: number): number {
    return this.#fds.get(scriptFd) ?? -1;
  }

  get surroundings(): Surroundings {
    const { local, remote, bindPort, connectPort } = this.#settings;
    return {
      fd: (scriptFd) => this.live(scriptFd),
      bind: { address: (local | 0) as IpAddress, port: bindPort },
      connect: { address: (remote | 0) as IpAddress, port: connectPort },
    };
  }

  /** The request that brings a line of the remote end to the host. Throws UnknownTimestamp. */
  *inbound({ ip, body }: Packet): Asking<Request & { readonly type: "inject" }> {
    const id = this.#nextId++ & 0xffff;
    if (body.protocol === "tcp") {
      const octets = tcpInbound(body, ip, yield* this.flowFor(body), id, this.#settings);
      const { mss } = this.#settings;
      return { type: "inject", octets, segmentSize: mss > 0 && body.seq.length > mss ? mss : 0 };
    }
    const octets =
      body.protocol === "udp"
        ? udpInbound(body.length, ip, yield* this.#udpFlow(body.ports), id)
        : icmpInbound(body, ip, this.flows.current, id, this.#settings);
    return { type: "inject", octets, segmentSize: 0 };
  }

  /** The connection that a line to the host speaks of. A SYN opens one, unless the host still knows the one that there is. */
  *flowFor(line: TcpLine): Asking<Flow> {
    const { flows } = this;
    const known = line.ports === null ? flows.current : flows.named(line.ports);
    if (known !== null && !opens(line)) {
      flows.current = known;
      return known;
    }
    if (known !== null) {
      const { localPort, remotePort } = known;
      if ((yield { type: "alive", localPort, remotePort }) !== null) return known;
    }
    return flows.open(this.#settings.bindPort, line.ports);
  }

  *#udpFlow(ports: Ports | null): Asking<Flow> {
    const { flows } = this;
    const known = ports === null ? flows.current : flows.named(ports);
    if (known !== null) return known;
    const fd = this.#opened.at(-1);
    const ends = fd === undefined ? null : ((yield { type: "ports", fd: this.live(fd) }) as LocalAndRemote);
    const localPort = ends === null || ends.local === 0 ? this.#settings.bindPort : ends.local;
    if (ports === null && ends !== null && ends.remote !== 0) return flows.open(localPort, { source: ends.remote, target: localPort });
    return flows.open(localPort, ports);
  }

  /** The connection of a packet of the host: one that opens a connection makes it known. */
  flowOf(wire: WirePacket, ports: Ports | null): Flow | null {
    const { flows } = this;
    const ends = wire.tcp ?? wire.udp;
    if (ends === null) return null;
    let flow = flows.of(wire);
    const opening = wire.udp !== null || (wire.tcp !== null && (wire.tcp.flags & (SYN | ACK)) === SYN);
    if (opening && (flow === null || (wire.tcp !== null && flow.liveIsn !== null && flow.liveIsn !== wire.tcp.seq)))
      flow = flows.opened(wire, ends.sourcePort, ends.targetPort, ports);
    if (flow !== null && ports !== null && (ports.source !== ends.sourcePort || ports.target !== ends.targetPort)) return null;
    if (flow !== null && ports !== null) flows.current = flow;
    return flow;
  }

  /** Finds the descriptor of a connection that the script has opened. */
  *whose(flow: Flow): Asking<void> {
    const fd = this.#connecting;
    if (flow.fd !== null || fd === null) return;
    const live = this.live(fd);
    if (live < 0) return;
    const { local } = (yield { type: "ports", fd: live }) as LocalAndRemote;
    if (local === flow.localPort) flow.fd = fd;
  }

  /** Takes note of a call that was begun. */
  began({ name }: Call, args: Arguments): void {
    if (name === "connect" || name === "sendto" || name === "sendmsg") this.#connecting = args.number(0);
    if (name !== "close") return;
    const scriptFd = args.number(0);
    this.#fds.delete(scriptFd);
    this.#opened = this.#opened.filter((fd) => fd !== scriptFd);
  }

  /** Takes note of a descriptor that a call has given. */
  *opened({ name }: Call, scriptFd: number, live: number): Asking<void> {
    if (scriptFd < 0) return;
    this.#fds.set(scriptFd, live);
    if (name !== "socket" && name !== "accept" && name !== "accept4") return;
    this.#opened = [...this.#opened.filter((fd) => fd !== scriptFd), scriptFd];
    if (name === "socket") return;
    const { local, remote } = (yield { type: "ports", fd: live }) as LocalAndRemote;
    const flow = this.flows.named({ source: remote, target: local });
    if (flow !== null) flow.fd = scriptFd;
  }

  /** Takes note of the two ends of a pipe. */
  piped(scriptFds: readonly [number, number], live: readonly [number, number]): void {
    for (const [i, scriptFd] of scriptFds.entries()) this.#fds.set(scriptFd, live[i]!);
  }

  /** The live descriptor that code looks at: the connection's own, or the one that was opened last; null: there is none. */
  looksAt(): number | null {
    const own = this.flows.current?.fd ?? null;
    const fd = own !== null && this.#fds.has(own) ? own : this.#opened.at(-1);
    return fd === undefined ? null : this.live(fd);
  }
}
