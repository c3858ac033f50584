/** Hardware addresses (EUI-48) as two integers: the first two octets and the last four, so that the packet path allocates none. */
import type { Random } from "../base/environment.js";

/** The first 16 bits of ff:ff:ff:ff:ff:ff; its last 32 are `BROADCAST_LOW`. */
export const BROADCAST_HIGH = 0xffff;
export const BROADCAST_LOW = -1;

/** The first two octets of an address in `octets`. */
export const hardwareHigh = (octets: Uint8Array): number => (octets[0]! << 8) | octets[1]!;
/** The last four octets of an address in `octets`, a signed int32. */
export const hardwareLow = (octets: Uint8Array): number => (octets[2]! << 24) | (octets[3]! << 16) | (octets[4]! << 8) | octets[5]!;

/** True for multicast and broadcast: the first octet's lowest bit (IEEE 802.3 s3.2.3). */
export const isGroupHardware = (high: number): boolean => (high & 0x0100) !== 0;
export const isBroadcastHardware = (high: number, low: number): boolean => high === BROADCAST_HIGH && low === BROADCAST_LOW;

/** The first 16 bits of every IPv4 multicast address: 01-00-5e, RFC 1112 s6.4. */
export const MULTICAST_HIGH = 0x0100;
/** The last 32 bits of the hardware address of an IPv4 group: 5e and the group's low 23 bits (RFC 1112 s6.4). */
export const multicastLow = (group: number): number => 0x5e00_0000 | (group & 0x7f_ffff);

/** "02:00:5e:10:00:01". */
export function formatHardware(high: number, low: number): string {
  const octets = [high >>> 8, high, low >>> 24, low >>> 16, low >>> 8, low];
  return octets.map((octet) => (octet & 255).toString(16).padStart(2, "0")).join(":");
}

/** The six octets that `text` spells, separated by ":" or "-"; null for anything else. */
export function parseHardware(text: string): Uint8Array | null {
  if (!/^[0-9a-f]{2}([:-])([0-9a-f]{2}\1){4}[0-9a-f]{2}$/i.test(text)) return null;
  return Uint8Array.from(text.split(/[:-]/), (part) => Number.parseInt(part, 16));
}

/** A random locally administered unicast address (IEEE 802 s8.2: the second-lowest bit of the first octet). */
export function randomHardware(random: Random): Uint8Array {
  const low = random.int32();
  const high = random.int32();
  return Uint8Array.of(((high >>> 8) & 0xfc) | 0x02, high & 255, (low >>> 24) & 255, (low >>> 16) & 255, (low >>> 8) & 255, low & 255);
}
