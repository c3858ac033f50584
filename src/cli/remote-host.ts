/** Another host under test: on a link of ours, where we pretend to be its remote end, with an agent on it. */
import { randomBytes } from "node:crypto";
import { Unsupported } from "../conformance/script/error.js";
import { ACK, RST, SYN } from "../conformance/script/flow.js";
import type { LiveHost } from "../conformance/script/run-live.js";
import type { Settings } from "../conformance/script/settings.js";
import { readPacket, writeTcpPacket } from "../conformance/script/wire-packet.js";
import { formatIp, type IpAddress } from "../ip/address.js";
import type { Link } from "../transport/link.js";
import type { LinkChoice } from "../transport/link-choice.js";
import { openLink } from "../transport/open-link.js";
import { FrameWire } from "./frame-wire.js";
import type { AddressAndPrefix } from "./parse.js";
import { type AgentAddress, RemoteAgent } from "./remote-agent.js";
import { WiredHost } from "./wired-host.js";

/** Each script has so many ports of the remote end to itself: what is left of the one before is not its own. */
const PORTS_A_SCRIPT = 32;
const FIRST_PORT = 49_152;
const PORTS = 16_384;
/** What the host says when its sockets are closed is waited for, milliseconds. */
const FAREWELL = 20;

export interface RemoteHostOptions {
  readonly agent: AgentAddress;
  readonly link: LinkChoice;
  /** Whom we pretend to be. */
  readonly address: AddressAndPrefix;
  /** The host's on the link. */
  readonly host: IpAddress;
  /** Whoever takes packets to the host, if it is not on the link itself. */
  readonly gateway?: IpAddress;
  readonly remark: (text: string) => void;
}

/** What the host has said last in a connection. */
interface LastWord {
  readonly localPort: number;
  readonly remotePort: number;
  readonly seq: number;
  readonly ack: number | null;
}

export class RemoteHost {
  readonly #options: RemoteHostOptions;
  readonly #link: Link;
  readonly #wire: FrameWire;
  #scripts = 0;

  private constructor(options: RemoteHostOptions, link: Link, wire: FrameWire) {
    this.#options = options;
    this.#link = link;
    this.#wire = wire;
  }

  /** Opens the link, and looks for the host and its agent. */
  static async open(options: RemoteHostOptions): Promise<RemoteHost> {
    const { link, memory, interfaceName } = openLink({ choice: options.link, namespace: null, remark: options.remark });
    try {
      const hardware = Uint8Array.of(2, ...randomBytes(5));
      const wire = new FrameWire(link, memory, { hardware, address: options.address.address });
      const next = options.gateway ?? options.host;
      if (!(await wire.resolve(next)))
        throw new Error(
          `nobody on ${interfaceName} answers for ${formatIp(next)}: is it the host's address there (--host), and is the link the right one?`,
        );
      // An agent that is not there is better told before the first script.
      await (await RemoteAgent.open(options.agent)).close();
      return new RemoteHost(options, link, wire);
    } catch (error) {
      link.close();
      throw error;
    }
  }

  /** What a script is told of this wire, by options of scripts. */
  wishes(): readonly (readonly [string, string])[] {
    const port = FIRST_PORT + ((this.#scripts++ * PORTS_A_SCRIPT) % PORTS);
    const { host, address } = this.#options;
    return [
      ["local_ip", formatIp(host)],
      ["remote_ip", formatIp(address.address)],
      ["remote_port", String(port)],
    ];
  }

  /** The host, for one script. */
  async play(settings: Settings): Promise<LiveHost> {
    const { mtu } = this.#link.capabilities;
    if (settings.mtu !== mtu)
      throw new Unsupported(`an MTU of ${settings.mtu}: that of ${this.#link.name} is ${mtu}`, { line: 1, column: 1 });
    const agent = await RemoteAgent.open(this.#options.agent);
    const said = new Map<string, LastWord>();
    const accepts = (octets: Uint8Array): boolean => this.#hears(octets, settings, said);
    const close = async (): Promise<void> => {
      await agent.close();
      await new Promise((resolve) => setTimeout(resolve, FAREWELL));
      for (const octets of this.#wire.take()) accepts(octets);
      this.#bury(said, settings);
    };
    return new WiredHost(this.#wire, agent.lines, { roundTrip: agent.roundTrip, accepts, close });
  }

  close(): void {
    this.#link.close();
  }

  /** Whether a packet is the host's to our address, and of this script. */
  #hears(octets: Uint8Array, settings: Settings, said: Map<string, LastWord>): boolean {
    const packet = readPacket(octets);
    if (packet === null || packet.source !== settings.local || packet.target !== settings.remote) return false;
    const { tcp } = packet;
    if (tcp === null) return true;
    const { sourcePort: localPort, targetPort: remotePort } = tcp;
    const length = tcp.text.length + (tcp.flags & SYN ? 1 : 0);
    if (tcp.flags & RST) said.delete(`${localPort} ${remotePort}`);
    else said.set(`${localPort} ${remotePort}`, { localPort, remotePort, seq: tcp.seq + length, ack: tcp.flags & ACK ? tcp.ack : null });
    return true;
  }

  /** Resets what a script has left open, or the host would go on to speak to the next one (RFC 5961 s3.2: the exact number resets). */
  #bury(said: ReadonlyMap<string, LastWord>, { local, remote }: Settings): void {
    const none = new Uint8Array(0);
    for (const { localPort, remotePort, seq, ack } of said.values())
      this.#wire.send(
        writeTcpPacket({ tos: 0, ttl: 64, source: remote, target: local }, 0, {
          sourcePort: remotePort,
          targetPort: localPort,
          seq: ack ?? 0,
          ack: ack === null ? seq >>> 0 : 0,
          flags: ack === null ? RST | ACK : RST,
          window: 0,
          urgent: 0,
          options: none,
          text: none,
        }),
      );
  }
}
