/** TCP segments out of captured frames: Ethernet with any number of VLAN tags, Linux cooked captures, raw IP; IPv4. */
import { formatIp, type IpAddress } from "../../ip/address.js";
import { type ModelSegment, readSegment } from "./segment.js";

export interface CapturedSegment {
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly segment: ModelSegment | null;
  /** "partial": the pseudo-header's sum alone, left to an offload; "unknown": the frame was cut. */
  readonly checksum: "good" | "bad" | "partial" | "unknown";
}

/** What is in the frame; null: no whole TCP segment over IPv4. `linkType`: LINKTYPE_ of the interface. `length`: the frame's on the wire. */
export function segmentOf(frame: Uint8Array, linkType: number, length: number): CapturedSegment | null {
  const at = networkStart(frame, linkType);
  if (at < 0 || frame.length < at + 40 || frame[at]! >> 4 !== 4 || frame[at + 9] !== 6) return null;
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const header = (frame[at]! & 15) * 4;
  // A super-segment's total length may be 0: the offload fills it in.
  const total = view.getUint16(at + 2) || length - at;
  if (header < 20 || total < header + 20 || frame.length < at + header + 20) return null;
  if ((view.getUint16(at + 6) & 0x3fff) !== 0) return null; // fragments are not put together
  const end = Math.min(at + total, frame.length);
  const octets = frame.subarray(at + header, end);
  const missing = at + total - end;
  return {
    source: formatIp(view.getInt32(at + 12) as IpAddress),
    destination: formatIp(view.getInt32(at + 16) as IpAddress),
    sourcePort: view.getUint16(at + header),
    destinationPort: view.getUint16(at + header + 2),
    segment: readSegment(octets, missing),
    checksum: missing > 0 ? "unknown" : checksum(octets, frame.subarray(at + 12, at + 20)),
  };
}

function networkStart(frame: Uint8Array, linkType: number): number {
  if (linkType === 101 || linkType === 228) return 0; // raw IP, raw IPv4
  if (linkType === 113) return 16; // Linux cooked
  if (linkType === 276) return 20; // Linux cooked, version 2
  if (linkType !== 1) return -1;
  let at = 12;
  while (frame.length >= at + 6 && frame[at] === 0x81 && frame[at + 1] === 0) at += 4;
  return frame[at] === 8 && frame[at + 1] === 0 ? at + 2 : -1;
}

function checksum(octets: Uint8Array, addresses: Uint8Array): CapturedSegment["checksum"] {
  const pseudo = fold(words(addresses) + 6 + octets.length);
  if (fold(words(octets) + pseudo) === 0xffff) return "good";
  return ((octets[16]! << 8) | octets[17]!) === pseudo ? "partial" : "bad";
}

const words = (octets: Uint8Array): number => octets.reduce((sum, octet, i) => sum + (i % 2 === 0 ? octet << 8 : octet), 0);

function fold(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded % 0x10000) + Math.floor(folded / 0x10000);
  return folded;
}
