/** The Internet checksum (RFC 1071) by the book, for the simulator's own decoders and forgers. */

/** The one's complement sum of bytes[from, end) and `initial`, folded to 16 bits; not complemented. */
export function internetSum(bytes: Uint8Array, from: number, end: number, initial = 0): number {
  let sum = initial;
  let at = from;
  for (; at + 1 < end; at += 2) sum += (bytes[at]! << 8) | bytes[at + 1]!;
  if (at < end) sum += bytes[at]! << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

export const internetChecksum = (bytes: Uint8Array, from: number, end: number, initial = 0): number =>
  ~internetSum(bytes, from, end, initial) & 0xffff;

/** The pseudo-header's part of the sum (RFC 9293 s3.1). */
export const pseudoHeader = (source: number, destination: number, protocol: number, length: number): number =>
  (source >>> 16) + (source & 0xffff) + (destination >>> 16) + (destination & 0xffff) + protocol + length;

export const put16 = (bytes: Uint8Array, at: number, value: number): void => {
  bytes[at] = value >> 8;
  bytes[at + 1] = value;
};

export const put32 = (bytes: Uint8Array, at: number, value: number): void => {
  put16(bytes, at, value >> 16);
  put16(bytes, at + 2, value);
};
