/** Somebody on the wire who sees everything and forges segments that must do nothing: resets and SYNs that are almost right, text
 *  with impossible numbers, replays, ICMP errors that a connection survives (RFC 5961, RFC 5927, RFC 9293 s3.10.7.4). */
import type { SeededRandom } from "../base/prng.js";
import { Flag, FrameSummary } from "./frame-summary.js";
import { internetChecksum, pseudoHeader, put16, put32 } from "./internet-sum.js";
import type { WireModel, WireObserver } from "./wire-model.js";

/** One direction of a connection, as seen on the first wire of its way. */
interface Flow {
  readonly reverse: string;
  readonly wire: WireModel;
  /** A frame with an ACK and without SYN and RST: what forgeries are made from. */
  frame: Uint8Array | null;
  /** Its SYN. */
  syn: Uint8Array | null;
  /** The end of what was ever sent. */
  end: number;
}

/** Puts octets on a wire as if its sender had. */
export type Inject = (wire: WireModel, bytes: Uint8Array) => void;

const FAR = 2 ** 30;

export class Intruder implements WireObserver {
  readonly #random: SeededRandom;
  readonly #inject: Inject;
  readonly #flows = new Map<string, Flow>();
  readonly #summary = new FrameSummary();
  #busy = false;
  /** Frames forged. */
  forged = 0;

  constructor(random: SeededRandom, inject: Inject) {
    this.#random = random;
    this.#inject = inject;
  }

  fate(): void {}

  offered(wire: WireModel, bytes: Uint8Array, start: number, end: number): void {
    if (this.#busy || wire.name.startsWith("switch")) return;
    const s = this.#summary.read(bytes, start, end, wire.medium);
    if (!s.isTcp || s.flags & Flag.Rst) return;
    const [from, to] = [`${s.source}:${s.sourcePort}`, `${s.destination}:${s.destinationPort}`];
    const key = `${from}>${to}`;
    const syn = (s.flags & Flag.Syn) !== 0;
    const last = (s.seq + s.textLength + (syn ? 1 : 0) + (s.flags & Flag.Fin ? 1 : 0)) | 0;
    let flow = this.#flows.get(key);
    if (flow === undefined || syn)
      this.#flows.set(key, (flow = { reverse: `${to}>${from}`, wire, frame: null, syn: syn ? bytes.slice(start, end) : null, end: last }));
    if (((last - flow.end) | 0) > 0) flow.end = last;
    if (!syn && s.flags & Flag.Ack) flow.frame = bytes.slice(start, end);
  }

  /** One forgery, for a connection that both ends believe in; false when there is none. */
  attack(): boolean {
    const flows = [...this.#flows.values()].filter((flow) => flow.frame !== null && this.#flows.get(flow.reverse)?.frame);
    const flow = flows[this.#random.below(Math.max(1, flows.length))];
    if (flow === undefined) return false;
    const reverse = this.#flows.get(flow.reverse)!;
    const any = this.#random.below(2_000);
    this.#busy = true;
    switch (this.#random.below(9)) {
      case 0: // in the window, but never where the receiver stands
        this.#segment(flow, flow.end + 1 + any, 0, Flag.Rst, 0);
        break;
      case 1:
        this.#segment(flow, flow.end + any - 1_000, 0, Flag.Syn, 0);
        break;
      case 2: // text that acknowledges what was never sent
        this.#segment(flow, flow.end, reverse.end + FAR + any, Flag.Ack, 1 + (any & 511));
        break;
      case 3: // text that acknowledges what is long gone
        this.#segment(flow, flow.end, reverse.end - FAR - any, Flag.Ack, 1 + (any & 511));
        break;
      case 4: // text and FIN from elsewhere
        this.#segment(flow, flow.end + (any & 1 ? FAR : -FAR) + any, reverse.end, Flag.Ack | (any & 2 ? Flag.Fin : 0), any & 511);
        break;
      case 5: // no ACK at all
        this.#segment(flow, flow.end, reverse.end, any & 1 ? Flag.Psh : Flag.Fin, any & 511);
        break;
      case 6: // once more
        this.#send(flow.wire, any & 1 && flow.syn !== null ? flow.syn : flow.frame!.slice());
        break;
      case 7: // protocol or port unreachable, host unreachable: a synchronized connection survives
        this.#icmp(flow, reverse, 3, [1, 2, 3, 13][any & 3]!, 0);
        break;
      case 8:
        this.#icmp(flow, reverse, 3, 4, 300 + (any % 1_200));
        break;
    }
    this.#busy = false;
    return true;
  }

  /** A segment like the flow's last, with other numbers and other text. */
  #segment(flow: Flow, seq: number, ack: number, flags: number, octets: number): void {
    const s = this.#summary.read(flow.frame!, 0, flow.frame!.length, flow.wire.medium);
    const header = s.textStart;
    const bytes = new Uint8Array(Math.max(60, header + octets));
    bytes.set(flow.frame!.subarray(0, header));
    for (let i = header; i < header + octets; i++) bytes[i] = this.#random.below(256);
    const ip = s.header;
    const tcp = ip + (bytes[ip]! & 15) * 4;
    const length = header - tcp + octets;
    put32(bytes, tcp + 4, seq);
    put32(bytes, tcp + 8, ack);
    bytes[tcp + 13] = flags;
    put16(bytes, tcp + 16, 0);
    put16(bytes, tcp + 16, internetChecksum(bytes, tcp, tcp + length, pseudoHeader(s.source, s.destination, 6, length)));
    put16(bytes, ip + 2, header - ip + octets);
    put16(bytes, ip + 10, 0);
    put16(bytes, ip + 10, internetChecksum(bytes, ip, tcp));
    this.#send(flow.wire, bytes);
  }

  /** An ICMP error about the flow's last segment, to its sender. */
  #icmp(flow: Flow, reverse: Flow, type: number, code: number, mtu: number): void {
    const s = this.#summary.read(flow.frame!, 0, flow.frame!.length, flow.wire.medium);
    const { source, destination, header: own } = s;
    const quoted = flow.frame!.subarray(own, own + (flow.frame![own]! & 15) * 4 + 8);
    const bytes = new Uint8Array(Math.max(60, own + 28 + quoted.length));
    bytes.set(reverse.frame!.subarray(0, own));
    bytes[own] = 0x45;
    put16(bytes, own + 2, 28 + quoted.length);
    bytes[own + 8] = 64;
    bytes[own + 9] = 1;
    put32(bytes, own + 12, destination);
    put32(bytes, own + 16, source);
    put16(bytes, own + 10, internetChecksum(bytes, own, own + 20));
    const icmp = own + 20;
    bytes[icmp] = type;
    bytes[icmp + 1] = code;
    put16(bytes, icmp + 6, mtu);
    bytes.set(quoted, icmp + 8);
    put16(bytes, icmp + 2, internetChecksum(bytes, icmp, icmp + 8 + quoted.length));
    this.#send(reverse.wire, bytes);
  }

  #send(wire: WireModel, bytes: Uint8Array): void {
    this.forged += 1;
    this.#inject(wire, bytes);
  }
}
