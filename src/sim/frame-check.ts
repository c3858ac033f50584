/** Every frame that a stack sends, read by an independent decoder: lengths and checksums right (I-22), padding zero (I-24), and
 *  each octet of text the one that its place in the stream must have (I-09). */
import type { Micros } from "../base/environment.js";
import type { IpAddress } from "../ip/address.js";
import { endsKey } from "./application.js";
import { Flag, FrameSummary } from "./frame-summary.js";
import { internetSum, pseudoHeader } from "./internet-sum.js";
import { Pattern } from "./pattern.js";
import type { Violations } from "./violations.js";

interface Stream {
  initial: number;
  readonly pattern: Pattern;
}

export class FrameCheck {
  readonly host: string;
  readonly #violations: Violations;
  readonly #summary = new FrameSummary();
  readonly #streams = new Map<string, Stream>();

  constructor(host: string, violations: Violations) {
    this.host = host;
    this.#violations = violations;
  }

  /** A frame `bytes[start..end)` leaves, because of event `event`. */
  check(bytes: Uint8Array, start: number, end: number, mtu: number, event: number, now: Micros): void {
    const s = this.#summary.read(bytes, start, end);
    const wrong = frameError(s, bytes, start, end, mtu);
    if (wrong !== null) this.#violations.report("I-22", this.host, event, now, wrong);
    if (s.isTcp) this.#checkText(s, bytes, event, now);
  }

  #checkText(s: FrameSummary, bytes: Uint8Array, event: number, now: Micros): void {
    const key = endsKey(s.source as IpAddress, s.sourcePort, s.destination as IpAddress, s.destinationPort);
    let stream = this.#streams.get(key);
    if (s.flags & Flag.Syn) {
      if (stream === undefined)
        this.#streams.set(
          key,
          (stream = { initial: s.seq, pattern: new Pattern(s.source, s.sourcePort, s.destination, s.destinationPort) }),
        );
      stream.initial = s.seq;
    }
    if (stream === undefined || s.textLength === 0) return;
    const position = (s.seq - stream.initial + (s.flags & Flag.Syn ? 1 : 0) - 1) | 0;
    const at = stream.pattern.mismatch(bytes, s.textStart, s.textStart + s.textLength, position);
    if (at < 0) return;
    const octet = position + at - s.textStart;
    this.#violations.report("I-09", this.host, event, now, `${key}: octet ${octet} of the stream sent as ${bytes[at]}`);
  }
}

/** What is wrong with the frame, or null. */
function frameError(s: FrameSummary, bytes: Uint8Array, start: number, end: number, mtu: number): string | null {
  if (s.length < 60) return `frame of ${s.length} octets: 60 at least`;
  if (s.length - s.header > Math.max(mtu, 46)) return `frame of ${s.length} octets on an MTU of ${mtu}`;
  if (bytes[start + 6]! & 1) return "frame from a group address";
  if (s.etherType === 0x0806) return s.arpOperation < 1 || s.arpOperation > 2 ? `ARP operation ${s.arpOperation}` : null;
  if (s.etherType !== 0x0800) return `frame of type 0x${s.etherType.toString(16)}`;
  const ip = start + s.header;
  const header = (bytes[ip]! & 15) * 4;
  if (s.ipLength < 0) return "IPv4 header with impossible lengths";
  if (internetSum(bytes, ip, ip + header, 0) !== 0xffff) return "IPv4 header checksum";
  for (let at = ip + s.ipLength; at < end; at++) if (bytes[at] !== 0) return `padding octet ${bytes[at]}`;
  if (s.moreFragments || s.fragmentOffset > 0) return null;
  const text = ip + header;
  const length = s.ipLength - header;
  const pseudo = pseudoHeader(s.source, s.destination, s.protocol, length);
  if (s.protocol === 6 && !s.isTcp) return "TCP header with impossible lengths";
  if (s.protocol === 6 && internetSum(bytes, text, text + length, pseudo) !== 0xffff) return "TCP checksum";
  const unsummed = s.protocol === 17 && bytes[text + 6] === 0 && bytes[text + 7] === 0;
  if (s.protocol === 17 && !unsummed && internetSum(bytes, text, text + length, pseudo) !== 0xffff) return "UDP checksum";
  if (s.protocol === 1 && internetSum(bytes, text, text + length, 0) !== 0xffff) return "ICMP checksum";
  return null;
}
