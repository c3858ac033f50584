/** TCP segments out of captured frames: Ethernet with any number of VLAN tags, Linux cooked captures, loopback, raw IP; IPv4. */
import type { CapturedFrame } from "../../inspect/capture-reader.js";
import { Direction } from "../../inspect/pcapng.js";
import { formatIp, type IpAddress } from "../../ip/address.js";
import { type ModelSegment, readSegment } from "./segment.js";

/** An IPv4 datagram, or a fragment of one. */
export interface CapturedDatagram {
  /** Where it was seen: an interface of the capture, or of the host that a cooked capture is of. */
  readonly place: string;
  readonly direction: Direction;
  /** Source and destination address. */
  readonly addresses: Uint8Array;
  readonly protocol: number;
  readonly identification: number;
  /** Where in the whole its octets begin, and whether more follow. */
  readonly offset: number;
  readonly more: boolean;
  /** Behind the IP header, as far as they were captured. */
  readonly octets: Uint8Array;
  /** Octets that were cut off. */
  readonly missing: number;
}

export interface CapturedSegment {
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly segment: ModelSegment | null;
  /** "partial": the pseudo-header's sum alone, left to an offload; "unknown": the frame was cut. */
  readonly checksum: "good" | "bad" | "partial" | "unknown";
}

const TCP = 6;
/** EtherTypes. */
const IPV4 = 0x0800;
const tags = [0x8100, 0x88a8, 0x9100]; // IEEE 802.1Q, 802.1ad, and what was used before it

/** The datagram in a frame; null: it is none of IPv4, or its header is not whole. `linkType`: LINKTYPE_ of the interface. */
export function datagramOf(frame: CapturedFrame, linkType: number): CapturedDatagram | null {
  const { octets } = frame;
  const at = networkStart(octets, linkType);
  if (at < 0 || octets.length < at + 20 || octets[at]! >> 4 !== 4) return null;
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  const header = (octets[at]! & 15) * 4;
  // A super-segment's total length may be 0: the offload fills it in.
  const total = view.getUint16(at + 2) || frame.length - at;
  if (header < 20 || total < header || octets.length < at + header) return null;
  const end = Math.min(at + total, octets.length);
  const flags = view.getUint16(at + 6);
  const { place, direction } = seenAt(frame, linkType, view);
  return {
    place,
    direction,
    addresses: octets.subarray(at + 12, at + 20),
    protocol: octets[at + 9]!,
    identification: view.getUint16(at + 4),
    offset: (flags & 0x1fff) * 8,
    more: (flags & 0x2000) !== 0,
    octets: octets.subarray(at + header, end),
    missing: at + total - end,
  };
}

/** The TCP segment in a whole datagram; null: there is none, or not enough of it. */
export function segmentIn({ protocol, octets, missing, addresses }: CapturedDatagram): CapturedSegment | null {
  if (protocol !== TCP || octets.length < 20) return null;
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  const address = new DataView(addresses.buffer, addresses.byteOffset, 8);
  return {
    source: formatIp(address.getInt32(0) as IpAddress),
    destination: formatIp(address.getInt32(4) as IpAddress),
    sourcePort: view.getUint16(0),
    destinationPort: view.getUint16(2),
    segment: readSegment(octets, missing),
    checksum: missing > 0 ? "unknown" : checksum(octets, addresses),
  };
}

/** Cooked captures say of each frame by which interface of the host it came or went. */
function seenAt(frame: CapturedFrame, linkType: number, view: DataView): { place: string; direction: Direction } {
  if (linkType !== 113 && linkType !== 276) return { place: String(frame.interfaceId), direction: frame.direction };
  const outgoing = (linkType === 113 ? view.getUint16(0) : view.getUint8(10)) === 4;
  return {
    place: linkType === 113 ? String(frame.interfaceId) : `${frame.interfaceId}.${view.getUint32(4)}`,
    direction: outgoing ? Direction.Outbound : Direction.Inbound,
  };
}

/** Where the IP header begins, or -1. */
function networkStart(frame: Uint8Array, linkType: number): number {
  switch (linkType) {
    case 12: // raw IP as some systems number it
    case 101: // raw IP
    case 228: // raw IPv4
      return 0;
    case 0: // the loopback of BSD: an address family of four octets, in the order of the host
    case 108:
      return 4;
    case 1:
      return behindTags(frame, 12);
    case 113: // Linux cooked
      return behindTags(frame, 14);
    case 276: // Linux cooked, version 2
      return behindTags(frame, 0) < 0 ? -1 : 20;
    default:
      return -1;
  }
}

/** Behind the EtherType at `at`, and the VLAN tags before it. */
function behindTags(frame: Uint8Array, at: number): number {
  for (let here = at; frame.length >= here + 2; here += 4) {
    const type = (frame[here]! << 8) | frame[here + 1]!;
    if (type === IPV4) return here + 2;
    if (!tags.includes(type)) return -1;
  }
  return -1;
}

function checksum(octets: Uint8Array, addresses: Uint8Array): CapturedSegment["checksum"] {
  const pseudo = fold(words(addresses) + TCP + octets.length);
  if (fold(words(octets) + pseudo) === 0xffff) return "good";
  return ((octets[16]! << 8) | octets[17]!) === pseudo ? "partial" : "bad";
}

function words(octets: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < octets.length; i++) sum += i % 2 === 0 ? octets[i]! << 8 : octets[i]!;
  return sum;
}

function fold(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded % 0x10000) + Math.floor(folded / 0x10000);
  return folded;
}
