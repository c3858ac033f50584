/** IP addresses. Opaque outside `ip/`: compare with ===, never compute. An IPv4 address is a signed int32 in network order of meaning. */
declare const brand: unique symbol;
export type IpAddress = number & { readonly [brand]: "IpAddress" };

/** 0.0.0.0: no address, or any. */
export const UNSPECIFIED = 0 as IpAddress;
/** 255.255.255.255, RFC 919. */
export const LIMITED_BROADCAST = -1 as IpAddress;

export const ipFromInt = (n: number): IpAddress => (n | 0) as IpAddress;

/** Parses dotted quad strictly: four decimal numbers of 0 to 255 without leading zeros; null for anything else. */
export function parseIp(text: string): IpAddress | null {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return null;
  let address = 0;
  for (let i = 1; i <= 4; i++) {
    const part = match[i]!;
    if (part.length > 1 && part.startsWith("0")) return null;
    if (Number(part) > 255) return null;
    address = (address << 8) | Number(part);
  }
  return address as IpAddress;
}

/** The address that `text` spells; throws a TypeError that names it otherwise. For configuration, never for the wire. */
export function ip(text: string): IpAddress {
  const address = parseIp(text);
  if (address === null) throw new TypeError(`not an IPv4 address: ${JSON.stringify(text)} (want A.B.C.D, each 0 to 255)`);
  return address;
}

export const formatIp = (a: IpAddress): string => `${(a >>> 24) & 255}.${(a >>> 16) & 255}.${(a >>> 8) & 255}.${a & 255}`;

/** The netmask of a prefix length, 0 to 32. */
export const netmask = (length: number): number => (length === 0 ? 0 : (-1 << (32 - length)) | 0);
export const inPrefix = (address: IpAddress, prefix: IpAddress, length: number): boolean => ((address ^ prefix) & netmask(length)) === 0;

/** 224.0.0.0/4, RFC 1112 s4. */
export const isMulticast = (a: IpAddress): boolean => a >>> 28 === 0xe;
/** 127.0.0.0/8: never on a wire (RFC 1122 s3.2.1.3 (g)). */
export const isLoopback = (a: IpAddress): boolean => a >>> 24 === 127;
/** 240.0.0.0/4 without the limited broadcast, RFC 1112 s4. */
export const isClassE = (a: IpAddress): boolean => a >>> 28 === 0xf && a !== LIMITED_BROADCAST;
