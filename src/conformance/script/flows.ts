/** The connections of a script: which of them a line speaks of, and which of them a packet belongs to. */
import type { Ports, TcpLine } from "./ast.js";
import { ACK, Flow, SYN } from "./flow.js";
import { FIRST_EPHEMERAL, type Settings } from "./settings.js";
import type { WirePacket } from "./wire-packet.js";

export class Flows {
  /** The one that lines without ports speak of. */
  current: Flow | null = null;
  readonly #settings: Settings;
  readonly #all: Flow[] = [];
  #nextPort: number;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#nextPort = settings.remotePort;
  }

  /** A connection from the remote end, whose ports are the script's or new. */
  open(localPort: number, ports: Ports | null): Flow {
    const { local, remote } = this.#settings;
    const flow = new Flow(local, ports?.target ?? localPort, remote, ports?.source ?? this.#freshPort(), ports);
    this.#all.push(flow);
    this.current = flow;
    return flow;
  }

  /** A connection that the host opens: known by the packet that opens it. */
  opened(wire: WirePacket, sourcePort: number, targetPort: number, ports: Ports | null): Flow {
    const named = ports === null ? null : { source: ports.target, target: ports.source };
    const flow = new Flow(wire.source, sourcePort, wire.target, targetPort, named);
    this.#all.push(flow);
    this.current = flow;
    return flow;
  }

  /** The one between these ports of the script, as a packet to the host has them. */
  named({ source, target }: Ports): Flow | null {
    return this.#latest(({ remotePort, localPort }) => remotePort === source && localPort === target);
  }

  /** The one that a packet of the host belongs to. */
  of(wire: WirePacket): Flow | null {
    const ends = wire.tcp ?? wire.udp;
    if (ends === null) return null;
    return this.#latest(
      ({ local, localPort, remote, remotePort }) =>
        localPort === ends.sourcePort && remotePort === ends.targetPort && local === wire.source && remote === wire.target,
    );
  }

  #latest(which: (flow: Flow) => boolean): Flow | null {
    for (let i = this.#all.length - 1; i >= 0; i--) if (which(this.#all[i]!)) return this.#all[i]!;
    return null;
  }

  #freshPort(): number {
    const port = this.#nextPort;
    this.#nextPort = port === 65_535 ? FIRST_EPHEMERAL : port + 1;
    return port;
  }
}

/** True for a line that opens a connection: SYN without ACK. */
export const opens = ({ flags }: TcpLine): boolean => (flags & (SYN | ACK)) === SYN;
