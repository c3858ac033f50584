/** The Internet checksum — RFC 1071, and its update in place — RFC 1624. */
import type { Arena } from "./arena.js";

/** The checksum field for the octets [start, end) of the arena: 16 bits, complemented. 0 when the octets include a right checksum. */
export const checksum = (arena: Arena, start: number, end: number, initial = 0): number => ~arena.sum(start, end - start, initial) & 0xffff;

/** The sum over an IPv4 pseudo-header (RFC 9293 s3.1, RFC 768), to start another sum with: not folded, not complemented. */
export const pseudoHeaderSum = (source: number, destination: number, protocol: number, length: number): number =>
  (source >>> 16) + (source & 0xffff) + (destination >>> 16) + (destination & 0xffff) + protocol + length;

/** The checksum field after one 16-bit word under it has changed: RFC 1624 s3, equation 3. */
export const updateChecksum = (old: number, oldWord: number, newWord: number): number => {
  let sum = (~old & 0xffff) + (~oldWord & 0xffff) + newWord;
  sum = (sum & 0xffff) + (sum >>> 16);
  sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
};
