/** ARP messages for Ethernet and IPv4 — RFC 826, "Packet format". */
import { Arp } from "../base/why.js";

export const Operation = { Request: 1, Reply: 2 } as const;
export type Operation = (typeof Operation)[keyof typeof Operation];

/** Octets of a message with 6-octet hardware and 4-octet protocol addresses. */
export const MESSAGE_LENGTH = 28;

/** A parsed message. One per stack, overwritten by the next. */
export class ArpMessage {
  operation = 0;
  senderHigh = 0;
  senderLow = 0;
  sender = 0;
  targetHigh = 0;
  targetLow = 0;
  target = 0;
}

const HARDWARE_ETHERNET = 1;
const PROTOCOL_IPV4 = 0x0800;

/** Parses [start, end); returns 0, or the reason to drop it. Octets behind the message are link padding. */
export function parseArp(message: ArpMessage, view: DataView, start: number, end: number): number {
  if (end - start < MESSAGE_LENGTH) return Arp.BadLength;
  // "?Do I have the hardware type in ar$hrd? [optionally check the hardware length ar$hln] ?Do I speak the protocol in ar$pro?"
  if (view.getUint16(start) !== HARDWARE_ETHERNET || view.getUint16(start + 2) !== PROTOCOL_IPV4) return Arp.BadType;
  if (view.getUint8(start + 4) !== 6 || view.getUint8(start + 5) !== 4) return Arp.BadLength;
  message.operation = view.getUint16(start + 6);
  message.senderHigh = view.getUint16(start + 8);
  message.senderLow = view.getInt32(start + 10);
  message.sender = view.getInt32(start + 14);
  message.targetHigh = view.getUint16(start + 18);
  message.targetLow = view.getInt32(start + 20);
  message.target = view.getInt32(start + 24);
  return 0;
}

/** Writes MESSAGE_LENGTH octets at `at`. */
export function writeArp(
  view: DataView,
  at: number,
  operation: Operation,
  senderHigh: number,
  senderLow: number,
  sender: number,
  targetHigh: number,
  targetLow: number,
  target: number,
): void {
  view.setUint16(at, HARDWARE_ETHERNET);
  view.setUint16(at + 2, PROTOCOL_IPV4);
  view.setUint8(at + 4, 6);
  view.setUint8(at + 5, 4);
  view.setUint16(at + 6, operation);
  view.setUint16(at + 8, senderHigh);
  view.setInt32(at + 10, senderLow);
  view.setInt32(at + 14, sender);
  view.setUint16(at + 18, targetHigh);
  view.setInt32(at + 20, targetLow);
  view.setInt32(at + 24, target);
}
