/** Values of the command line. Each parser throws a UsageError that names the value and what is wanted. */
import type { Micros } from "../base/environment.js";
import { type IpAddress, parseIp } from "../ip/address.js";
import { UsageError } from "./exit.js";

export const parseAddress = (text: string): IpAddress => {
  const address = parseIp(text);
  if (address === null) throw new UsageError(`${JSON.stringify(text)} is no IPv4 address: use A.B.C.D, each 0 to 255`);
  return address;
};

export interface AddressAndPrefix {
  readonly address: IpAddress;
  readonly prefixLength: number;
}

/** "10.9.0.2/24". */
export const parsePrefix = (text: string): AddressAndPrefix => {
  const match = /^([\d.]+)\/(\d{1,2})$/.exec(text);
  const address = match === null ? null : parseIp(match[1]!);
  const prefixLength = Number(match?.[2]);
  if (address === null || prefixLength < 1 || prefixLength > 32)
    throw new UsageError(`${JSON.stringify(text)} is no address with a prefix length: use A.B.C.D/N, for example 10.9.0.2/24`);
  return { address, prefixLength };
};

/** The same, or "dhcp". */
export const parseOwnAddress = (text: string): AddressAndPrefix | "dhcp" => (text === "dhcp" ? text : parsePrefix(text));

export const parsePort = (text: string): number => {
  const port = portIn(text);
  if (port === null) throw new UsageError(`port ${JSON.stringify(text)}: use 1 to 65535`);
  return port;
};

const portIn = (text: string): number | null => {
  const port = Number(text);
  return /^\d{1,5}$/.test(text) && port >= 1 && port <= 65_535 ? port : null;
};

export interface Endpoint {
  /** Absent: as the listener has it. */
  readonly address?: string;
  readonly port: number;
}

/** "1080" or "127.0.0.1:1080". */
export const parseEndpoint = (text: string): Endpoint => {
  const at = text.lastIndexOf(":");
  const port = portIn(text.slice(at + 1));
  const address = text.slice(0, Math.max(0, at));
  if (port === null || (at >= 0 && parseIp(address) === null))
    throw new UsageError(`${JSON.stringify(text)} is nowhere to listen: use PORT or A.B.C.D:PORT, for example 127.0.0.1:1080`);
  return at < 0 ? { port } : { address, port };
};

export interface Forwarding extends Endpoint {
  readonly host: string;
  readonly hostPort: number;
}

/** "10.9.0.1:7474": where somebody listens. */
export const parsePlace = (text: string): Required<Endpoint> => {
  const at = text.lastIndexOf(":");
  const port = portIn(text.slice(at + 1));
  const address = text.slice(0, Math.max(0, at));
  if (port === null || parseIp(address) === null)
    throw new UsageError(`${JSON.stringify(text)} is no address with a port: use A.B.C.D:PORT, for example 10.9.0.1:7474`);
  return { address, port };
};

/** "8080:10.9.0.1:80" or "127.0.0.1:8080:web.example:80". */
export const parseForwarding = (text: string): Forwarding => {
  const [, from = "", host = "", port = ""] = /^(.+):([^:]+):([^:]+)$/.exec(text) ?? [];
  const hostPort = portIn(port);
  if (hostPort === null)
    throw new UsageError(`${JSON.stringify(text)} forwards nothing: use [ADDRESS:]PORT:HOST:PORT, for example 8080:10.9.0.1:80`);
  return { ...parseEndpoint(from), host, hostPort };
};

/** An integer within bounds. */
export const parseInteger =
  (name: string, least: number, most: number) =>
  (text: string): number => {
    const number = Number(text);
    if (!/^\d+$/.test(text) || number < least || number > most)
      throw new UsageError(`${name} ${JSON.stringify(text)}: use an integer from ${least} to ${most}`);
    return number;
  };

const durations: Readonly<Record<string, number>> = { us: 1, ms: 1_000, s: 1_000_000, m: 60_000_000 };

/** "20ms", "1.5s", "250us"; a bare number is milliseconds. */
export const parseDuration = (text: string): Micros => {
  const match = /^(\d+(?:\.\d+)?)(us|ms|s|m)?$/.exec(text);
  if (match === null) throw new UsageError(`duration ${JSON.stringify(text)}: use a number with us, ms, s or m, for example 20ms`);
  return Math.round(Number(match[1]) * durations[match[2] ?? "ms"]!);
};

/** "1%" or "0.01": a chance from 0 to 1. */
export const parseChance = (text: string): number => {
  const match = /^(\d+(?:\.\d+)?)(%)?$/.exec(text);
  const chance = match === null ? Number.NaN : Number(match[1]) / (match[2] === undefined ? 1 : 100);
  if (!(chance >= 0 && chance <= 1)) throw new UsageError(`chance ${JSON.stringify(text)}: use 0% to 100%, or 0 to 1`);
  return chance;
};

const rates: Readonly<Record<string, number>> = { "": 1, k: 1e3, m: 1e6, g: 1e9 };

/** "100mbit", "1gbit", "56kbit": bits a second; 0: no limit. */
export const parseRate = (text: string): number => {
  const match = /^(\d+(?:\.\d+)?)([kmg]?)(?:bit)?(?:\/s)?$/.exec(text.toLowerCase());
  if (match === null) throw new UsageError(`rate ${JSON.stringify(text)}: use bits a second with kbit, mbit or gbit, for example 100mbit`);
  return Math.round(Number(match[1]) * rates[match[2]!]!);
};

const sizes: Readonly<Record<string, number>> = { "": 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** "256M", "64KiB", "1G": octets, in powers of 1024. */
export const parseSize = (text: string): number => {
  const match = /^(\d+(?:\.\d+)?)([kmg]?)(?:i?b)?$/.exec(text.toLowerCase());
  if (match === null) throw new UsageError(`size ${JSON.stringify(text)}: use octets with K, M or G, for example 256M`);
  return Math.round(Number(match[1]) * sizes[match[2]!]!);
};

/** "02:00:00:00:00:01": a unicast hardware address. */
export const parseMac = (text: string): Uint8Array => {
  if (!/^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i.test(text))
    throw new UsageError(`hardware address ${JSON.stringify(text)}: use six octets, for example 02:00:00:00:00:01`);
  const octets = Uint8Array.from(text.split(/[:-]/), (octet) => Number.parseInt(octet, 16));
  if (octets[0]! & 1) throw new UsageError(`hardware address ${text} is a group's: the first octet must be even, for example 02`);
  return octets;
};

/** "12.3 MiB". */
export const formatSize = (octets: number): string => {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  let size = octets;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? size : size.toFixed(1)} ${units[unit]}`;
};

/** "812 Mbit/s", of octets in milliseconds. */
export const formatRate = (octets: number, milliseconds: number): string => {
  const bits = (octets * 8_000) / Math.max(milliseconds, 1e-3);
  if (bits >= 1e9) return `${(bits / 1e9).toFixed(2)} Gbit/s`;
  if (bits >= 1e6) return `${(bits / 1e6).toFixed(0)} Mbit/s`;
  return `${(bits / 1e3).toFixed(0)} kbit/s`;
};
