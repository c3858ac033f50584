/** One connection in two spaces: the numbers of the script, and those that are on the wire. */
import type { Micros } from "../../base/environment.js";
import type { Ports, SeqRange, TcpLine, TcpOption } from "./ast.js";
import type { WireTcp } from "./wire-packet.js";

export const FIN = 1;
export const SYN = 2;
export const RST = 4;
export const PSH = 8;
export const ACK = 16;
export const URG = 32;
export const CWR = 128;

/** The host's first timestamp in a recording. */
const FIRST_STAMP = 100;

const u32 = (n: number): number => n >>> 0;

/** A timestamp of the script that no packet has carried: the script is wrong. */
export class UnknownTimestamp extends Error {}

export class Flow {
  readonly local: number;
  readonly localPort: number;
  readonly remote: number;
  readonly remotePort: number;
  /** The ports that the script names; null: it names none. */
  readonly ports: Ports | null;
  /** Of the remote end, whose numbers are the script's own. */
  remoteIsn: number | null = null;
  /** It was told by a SYN. Without one, the first number of the remote end stands for it. */
  remoteSyn = false;
  /** Of the host under test: what the script calls it, and what it is. */
  scriptIsn: number | null = null;
  liveIsn: number | null = null;
  /** The script's descriptor of its socket; null: not known yet. */
  fd: number | null = null;
  /** Timestamps that the host has sent, by what the script calls them, in the order in which they came. */
  readonly #stamps = new Map<number, number>();
  #firstStamp: { readonly script: number; readonly live: number; readonly at: Micros } | null = null;

  constructor(local: number, localPort: number, remote: number, remotePort: number, ports: Ports | null) {
    this.local = local;
    this.localPort = localPort;
    this.remote = remote;
    this.remotePort = remotePort;
    this.ports = ports;
  }

  /** A number of the remote end: absolute in a SYN, else counted from its initial one. */
  remoteSeq(seq: SeqRange, syn: boolean): number {
    return syn || seq.as === "absolute" ? seq.start : u32(seq.start + (this.remoteIsn ?? 0));
  }

  /** What acknowledges the host's octets. */
  ackOfLocal(line: TcpLine): number {
    const ack = line.ack ?? 0;
    if (line.ackAbsolute || (line.flags & ACK) === 0) return ack;
    if (line.flags & SYN) return u32(ack - (this.scriptIsn ?? 0) + (this.liveIsn ?? 0));
    return u32(ack + (this.liveIsn ?? 0));
  }

  /** A number of the host under test, as the script has it. */
  localSeq(live: number, syn: boolean): number {
    return syn ? u32(live - (this.liveIsn ?? 0) + (this.scriptIsn ?? 0)) : u32(live - (this.liveIsn ?? 0));
  }

  localSeqLive(script: number): number {
    return u32(script + (this.liveIsn ?? 0));
  }

  /** What the host acknowledges, as the script has it. */
  ackOfRemote(tcp: WireTcp): number {
    if ((tcp.flags & ACK) === 0) return tcp.ack;
    return tcp.flags & SYN ? tcp.ack : u32(tcp.ack - (this.remoteIsn ?? 0));
  }

  /** An option that is sent to the host, with live numbers. */
  inboundOption(option: TcpOption, ack: boolean, scaled: boolean): TcpOption {
    if (option.kind === "sack") {
      const blocks = option.blocks.map(({ left, right }) => ({ left: this.localSeqLive(left), right: this.localSeqLive(right) }));
      return { kind: "sack", blocks };
    }
    if (option.kind === "TS" && !option.echoAbsolute) return { ...option, echo: this.#liveStamp(option.echo, ack, scaled) };
    return option;
  }

  /** Remembers which live timestamp the script's one stands for. */
  sawStamp(script: number, live: number, at: Micros): void {
    this.#firstStamp ??= { script, live, at };
    this.#stamps.set(script, live);
  }

  /** The first pair of timestamps, from which the others are counted. */
  get firstStamp(): { readonly script: number; readonly live: number; readonly at: Micros } | null {
    return this.#firstStamp;
  }

  /** What a recording calls a timestamp of the host: counted on from the first, which is 100. */
  scriptStamp(live: number): number {
    return this.#firstStamp === null ? FIRST_STAMP : u32(this.#firstStamp.script + live - this.#firstStamp.live);
  }

  /** The latest timestamp of the script that the host has sent, and that is not beyond `most`; null: there is none. */
  stampUpTo(most: number): number | null {
    let found: number | null = null;
    for (const stamp of this.#stamps.keys()) if (stamp <= most) found = stamp;
    return found;
  }

  #liveStamp(echo: number, ack: boolean, scaled: boolean): number {
    const live = this.#stamps.get(echo);
    if (live !== undefined) return live;
    if (scaled && this.#firstStamp !== null) return u32(echo - this.#firstStamp.script + this.#firstStamp.live);
    // RFC 7323 s3.2: where the ACK bit is not set, the echo is nothing.
    if (echo === 0 || !ack) return echo;
    throw new UnknownTimestamp(
      `ecr ${echo} echoes a timestamp that no packet in the script has had: expected one of ${[...this.#stamps.keys()].join(", ") || "none yet"}`,
    );
  }
}
