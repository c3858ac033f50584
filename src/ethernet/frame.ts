/** Ethernet II frames (RFC 894), 802.1Q tags, and 802.3 frames with a SNAP header (RFC 1042) on receive. */
import { Eth } from "../base/why.js";

export const EtherType = { Ipv4: 0x0800, Arp: 0x0806, Vlan: 0x8100 } as const;
export type EtherType = (typeof EtherType)[keyof typeof EtherType];

/** Two addresses and the type. */
export const HEADER_LENGTH = 14;
/** The tag control field and the type that follows it (IEEE 802.1Q s9.3). */
export const TAG_LENGTH = 4;
/** The shortest frame without its check sequence (IEEE 802.3 s4.2.3.3); shorter ones are padded with zeros. */
export const MINIMUM_FRAME = 60;

/** A parsed header. One per stack, overwritten by the next. */
export class Frame {
  destinationHigh = 0;
  destinationLow = 0;
  sourceHigh = 0;
  sourceLow = 0;
  type = 0;
  /** The VLAN of the outermost tag, 1 to 4094; 0: untagged, or tagged for priority only. */
  vlan = 0;
  /** The tag's priority, 0 to 7. */
  priority = 0;
  payloadStart = 0;
  payloadEnd = 0;
}

const LARGEST_LENGTH = 1500;
const SNAP_LENGTH = 8;

/** Parses [start, end) into `frame`; returns 0, or the reason to drop it. */
export function parseFrame(frame: Frame, view: DataView, start: number, end: number): number {
  if (end - start < HEADER_LENGTH) return Eth.Runt;
  frame.destinationHigh = view.getUint16(start);
  frame.destinationLow = view.getInt32(start + 2);
  frame.sourceHigh = view.getUint16(start + 6);
  frame.sourceLow = view.getInt32(start + 8);
  frame.vlan = 0;
  frame.priority = 0;
  let at = start + 12;
  let type = view.getUint16(at);
  at += 2;
  if (type === EtherType.Vlan) {
    if (end - at < TAG_LENGTH) return Eth.Runt;
    const control = view.getUint16(at);
    frame.vlan = control & 0xfff;
    frame.priority = control >>> 13;
    // IEEE 802.1Q table 9-2: 0xfff is reserved and must not be on a wire.
    if (frame.vlan === 0xfff) return Eth.UnknownVlan;
    type = view.getUint16(at + 2);
    at += TAG_LENGTH;
  }
  frame.payloadEnd = end;
  if (type <= LARGEST_LENGTH) {
    // RFC 1122 s2.3.3: "SHOULD be able to receive RFC-1042 packets": LLC aa-aa-03, organisation 0, then an EtherType.
    if (type > end - at) return Eth.Length;
    if (type < SNAP_LENGTH) return Eth.UnknownType;
    if (view.getUint32(at) !== 0xaaaa_0300 || view.getUint16(at + 4) !== 0) return Eth.UnknownType;
    frame.payloadEnd = at + type;
    type = view.getUint16(at + 6);
    at += SNAP_LENGTH;
    if (type <= LARGEST_LENGTH) return Eth.UnknownType;
  }
  frame.type = type;
  frame.payloadStart = at;
  return 0;
}

/** Writes an untagged header at `at`. */
export function writeHeader(
  view: DataView,
  at: number,
  destinationHigh: number,
  destinationLow: number,
  sourceHigh: number,
  sourceLow: number,
  type: number,
): void {
  view.setUint16(at, destinationHigh);
  view.setInt32(at + 2, destinationLow);
  view.setUint16(at + 6, sourceHigh);
  view.setInt32(at + 8, sourceLow);
  view.setUint16(at + 12, type);
}

/** Writes a header with a tag for `vlan` at `at`. */
export function writeTaggedHeader(
  view: DataView,
  at: number,
  destinationHigh: number,
  destinationLow: number,
  sourceHigh: number,
  sourceLow: number,
  vlan: number,
  priority: number,
  type: number,
): void {
  writeHeader(view, at, destinationHigh, destinationLow, sourceHigh, sourceLow, EtherType.Vlan);
  view.setUint16(at + 14, (priority << 13) | vlan);
  view.setUint16(at + 16, type);
}
