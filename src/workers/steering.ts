/** Which of several stacks that share an address a received frame is for: the home of its flow, by a keyed hash of both ends, so that nobody
 *  outside can choose flows that all meet at one. It is the same function wherever it is asked: before a stack, where frames are handed out,
 *  and inside, where a port is chosen so that the answer comes home. */
import type { FlowOwner } from "../base/environment.js";
import { SipKey, sipHash24 } from "../base/siphash.js";
import { EtherType } from "../ethernet/frame.js";
import { Protocol } from "../ip/network.js";
import { FIRST_EPHEMERAL } from "../udp/demux.js";

/** The frame is everybody's. */
export const ALL = -1;
/** Who gets what is nobody's in particular. */
const FIRST = 0;

/** An ARP message for IPv4 over Ethernet, and ares_op$REQUEST: RFC 826. */
const ARP_MESSAGE = 28;
const REQUEST = 1;
const IPV4_HEADER = 20;
const FRAGMENT_OFFSET = 0x1fff;
const MORE_FRAGMENTS = 0x2000;
const ECHO_REPLY = 0;
const ECHO = 8;
/** Destination unreachable, source quench, redirect, time exceeded, parameter problem: they quote what they are about. */
const QUOTING = new Set([3, 4, 5, 11, 12]);
/** First fragments remembered, a power of two. */
const REMEMBERED = 1_024;
const WORDS = 4;

export class Steering {
  readonly count: number;
  readonly #key: SipKey;
  readonly #ethernet: boolean;
  /** By hash of (source, destination, identification, protocol): that, and the home of the datagram. */
  readonly #fragments = new Int32Array(REMEMBERED * WORDS);
  readonly #fragmentHomes = new Int16Array(REMEMBERED).fill(ALL);

  /** `key`: four random words that all who steer share. */
  constructor(key: readonly number[], count: number, medium: "ethernet" | "ip") {
    let next = 0;
    this.#key = new SipKey({ int32: () => key[next++]! });
    this.count = count;
    this.#ethernet = medium === "ethernet";
  }

  /** The home of a flow between an end of ours and a remote one: 0 up to `count`. */
  homeOf(protocol: number, local: number, localPort: number, remote: number, remotePort: number): number {
    // Whoever asks from an ephemeral UDP port, or by an echo request, may be answered by anybody: the port alone says whose it is.
    const alone = protocol === Protocol.Icmp || (protocol === Protocol.Udp && localPort >= FIRST_EPHEMERAL);
    const hash = alone
      ? sipHash24(this.#key, localPort, 0, 0, protocol)
      : sipHash24(this.#key, local, (localPort << 16) | remotePort, remote, protocol);
    return (hash >>> 0) % this.count;
  }

  /** For the stack that is `index`. */
  owner(index: number): FlowOwner {
    return (protocol, local, localPort, remote, remotePort) => this.homeOf(protocol, local, localPort, remote, remotePort) === index;
  }

  /** Whose the received frame in [start, end) is, or ALL. Whatever it holds: what makes no sense is for a stack to say, and to count. */
  home(view: DataView, start: number, end: number): number {
    if (this.count === 1) return FIRST;
    let at = start;
    let group = false;
    if (this.#ethernet) {
      if (end - start < 14) return FIRST;
      group = (view.getUint8(start) & 1) === 1;
      let type = view.getUint16(start + 12);
      at = start + 14;
      if (type === EtherType.Vlan && end - start >= 18) {
        type = view.getUint16(start + 16);
        at = start + 18;
      }
      // Every neighbor cache learns; who of us answers is decided where they speak.
      if (type === EtherType.Arp) return ALL;
      if (type !== EtherType.Ipv4) return FIRST;
    }
    if (end - at < IPV4_HEADER || view.getUint8(at) >> 4 !== 4) return FIRST;
    // Several sockets may have joined a group or hear broadcasts, as several processes of one host may.
    if (group || view.getUint8(at + 16) >= 224) return ALL;
    return this.#datagram(view, at, end);
  }

  /** Whether the stack that is `index` may send this frame. Of ARP, all ask for what they need to know; but one answers, probes, announces
   *  and defends, in the name of all: they are one host. */
  maySpeak(index: number, view: DataView, start: number, end: number): boolean {
    if (index === FIRST || !this.#ethernet || end - start < 14 + ARP_MESSAGE) return true;
    const tagged = view.getUint16(start + 12) === EtherType.Vlan;
    const message = start + (tagged ? 18 : 14);
    if (view.getUint16(message - 2) !== EtherType.Arp || end - message < ARP_MESSAGE) return true;
    const sender = view.getInt32(message + 14);
    return view.getUint16(message + 6) === REQUEST && sender !== 0 && sender !== view.getInt32(message + 24);
  }

  #datagram(view: DataView, at: number, end: number): number {
    const fragment = view.getUint16(at + 6);
    if ((fragment & FRAGMENT_OFFSET) !== 0) return this.#fragmentHome(view, at);
    const home = this.#flow(view, at, end, view.getInt32(at + 16), view.getInt32(at + 12), false);
    if ((fragment & MORE_FRAGMENTS) !== 0) this.#remember(view, at, home);
    return home;
  }

  /** `sent`: the datagram at `at` is quoted, and was ours. */
  #flow(view: DataView, at: number, end: number, local: number, remote: number, sent: boolean): number {
    const protocol = view.getUint8(at + 9);
    const transport = at + (view.getUint8(at) & 15) * 4;
    if (end - transport < 8) return FIRST;
    const source = view.getUint16(transport);
    const destination = view.getUint16(transport + 2);
    switch (protocol) {
      case Protocol.Tcp:
      case Protocol.Udp:
        return sent ? this.homeOf(protocol, local, source, remote, destination) : this.homeOf(protocol, local, destination, remote, source);
      case Protocol.Icmp:
        return this.#icmp(view, transport, end, sent);
      default:
        return FIRST;
    }
  }

  #icmp(view: DataView, at: number, end: number, sent: boolean): number {
    const type = view.getUint8(at);
    if (type === ECHO_REPLY || type === ECHO) return this.homeOf(Protocol.Icmp, 0, view.getUint16(at + 4), 0, 0);
    const quoted = at + 8;
    // An error about an error is nobody's; of a fragment that is not the first, ports are not there to be seen.
    if (sent || !QUOTING.has(type) || end - quoted < IPV4_HEADER || view.getUint8(quoted) >> 4 !== 4) return FIRST;
    if ((view.getUint16(quoted + 6) & FRAGMENT_OFFSET) !== 0) return FIRST;
    return this.#flow(view, quoted, end, view.getInt32(quoted + 12), view.getInt32(quoted + 16), true);
  }

  /** Where the first fragment went. What comes ahead of it is everybody's: only reassembly can tell, and the others' will forget it. */
  #fragmentHome(view: DataView, at: number): number {
    const slot = this.#slot(view, at);
    const known =
      this.#fragments[slot * WORDS] === view.getInt32(at + 12) &&
      this.#fragments[slot * WORDS + 1] === view.getInt32(at + 16) &&
      this.#fragments[slot * WORDS + 2] === identificationAt(view, at);
    return known ? this.#fragmentHomes[slot]! : ALL;
  }

  #remember(view: DataView, at: number, home: number): void {
    const slot = this.#slot(view, at);
    this.#fragments[slot * WORDS] = view.getInt32(at + 12);
    this.#fragments[slot * WORDS + 1] = view.getInt32(at + 16);
    this.#fragments[slot * WORDS + 2] = identificationAt(view, at);
    this.#fragmentHomes[slot] = home;
  }

  #slot(view: DataView, at: number): number {
    return sipHash24(this.#key, view.getInt32(at + 12), view.getInt32(at + 16), identificationAt(view, at), 0) & (REMEMBERED - 1);
  }
}

/** What tells datagrams between two hosts apart (RFC 791 s3.2), besides their addresses. */
const identificationAt = (view: DataView, at: number): number => (view.getUint16(at + 4) << 8) | view.getUint8(at + 9);
