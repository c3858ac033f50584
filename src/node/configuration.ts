/** What stack a program runs on, and what is that stack's: from `onwire.config.{json,js,mjs}`, and from the environment, which goes before. */
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { serverOf } from "../dns/configuration.js";
import { type IpAddress, inPrefix, ip, parseIp, UNSPECIFIED } from "../ip/address.js";
import type { ConnectionOptions } from "../tcp/connection-options.js";
import { LINK_FORMS, type LinkChoice, parseLink } from "../transport/link-choice.js";
import { parseName } from "./names.js";
import type { ListeningRule, Prefix } from "./territory.js";

/** A configuration as people write it. Every key has a variable of the environment: ONWIRE_ADDRESS, with commas between several values. */
export interface UserConfiguration {
  /** "loopback" (default): no device, only what the program says to itself. Or a device: "tap:NAME", "packet:INTERFACE", "xdp:INTERFACE",
   *  "auto:INTERFACE". */
  readonly link?: string;
  /** Our addresses with their subnets, "10.9.0.2/24"; or "dhcp", and one is leased for as long as the program runs. */
  readonly address?: string | readonly string[];
  /** The router to everywhere else. */
  readonly gateway?: string;
  /** Further routes, "10.8.0.0/16 via 10.9.0.1". */
  readonly routes?: string | readonly string[];
  /** The kernel's end of the device: its address, and the network namespace where it is. */
  readonly kernel?: string;
  readonly netns?: string;
  readonly mtu?: number | string;
  /** Where to is ours: prefixes or addresses. Default: where the routes lead; with the link "loopback", 127.0.0.0/8. */
  readonly destinations?: string | readonly string[];
  /** Listening where is ours: "*" (default: the wildcard and every address of the stack), "ADDRESS", "ADDRESS:PORT", "*:PORT". */
  readonly listen?: string | readonly string[];
  /** Servers to ask for names; default: those of the lease, or else names are the host's to resolve. */
  readonly dns?: string | readonly string[];
  /** A capture of all frames. */
  readonly pcapng?: string;
  /** Options of all connections, such as { "congestionControl": "cubic" }. Not from the environment. */
  readonly tcp?: Partial<ConnectionOptions>;
}

export interface LinkConfiguration {
  readonly choice: LinkChoice;
  readonly netns: string | null;
  readonly kernel: Prefix | null;
  readonly mtu: number | null;
}

export interface RouteConfiguration extends Prefix {
  readonly via: IpAddress;
}

export interface Configuration {
  /** null: the loopback alone. */
  readonly link: LinkConfiguration | null;
  readonly addresses: readonly Prefix[] | "dhcp";
  readonly routes: readonly RouteConfiguration[];
  /** null: where the routes lead. */
  readonly destinations: readonly Prefix[] | null;
  readonly listening: readonly ListeningRule[];
  readonly dns: readonly string[];
  readonly pcapng: string | null;
  readonly tcp: Partial<ConnectionOptions>;
}

/** The configuration is wrong. */
export class ConfigurationError extends Error {}

const KEYS = ["link", "address", "gateway", "routes", "kernel", "netns", "mtu", "destinations", "listen", "dns", "pcapng", "tcp"] as const;
const FILES = ["onwire.config.json", "onwire.config.mjs", "onwire.config.js"];

/** ONWIRE_CONFIG names the file; otherwise it is looked for in the working directory. */
export async function loadConfiguration(environment: NodeJS.ProcessEnv, directory: string): Promise<Configuration> {
  const named = environment.ONWIRE_CONFIG;
  const file = named === undefined ? FILES.map((name) => resolve(directory, name)).find(existsSync) : resolve(directory, named);
  const written = file === undefined ? {} : await readConfiguration(file);
  const user: Record<string, unknown> = { ...written };
  for (const key of KEYS) {
    const value = environment[`ONWIRE_${key.toUpperCase()}`];
    if (key !== "tcp" && value !== undefined && value !== "") user[key] = value;
  }
  return checkConfiguration(user);
}

async function readConfiguration(file: string): Promise<Record<string, unknown>> {
  let read: unknown;
  try {
    if (file.endsWith(".json")) read = JSON.parse(readFileSync(file, "utf8"));
    else read = ((await import(pathToFileURL(file).href)) as { default?: unknown }).default;
  } catch (cause) {
    const remedy = "correct it, or let ONWIRE_CONFIG name another";
    throw new ConfigurationError(`onwire: ${file} cannot be read: ${(cause as Error).message}: ${remedy}`, { cause });
  }
  if (typeof read === "object" && read !== null) return read as Record<string, unknown>;
  const remedy = 'let it be, or export as default, an object such as { "link": "loopback" }';
  throw new ConfigurationError(`onwire: ${file} holds no configuration: ${remedy}`);
}

/** Throws an error that names the key, the value and what is wanted. */
export function checkConfiguration(user: UserConfiguration & Readonly<Record<string, unknown>>): Configuration {
  for (const key of Object.keys(user))
    if (!(KEYS as readonly string[]).includes(key)) throw wrong(key, user[key], `there is no such key: use one of ${KEYS.join(", ")}`);
  const link = linkOf(user);
  const addresses = addressesOf(user, link);
  const routes = routesOf(user, addresses);
  const loopback = [{ address: ip("127.0.0.0"), prefixLength: 8 }];
  return {
    link,
    addresses,
    routes,
    destinations:
      user.destinations !== undefined
        ? listOf(user.destinations).map((text) => prefixOf("destinations", text))
        : link === null
          ? loopback
          : null,
    listening: listOf(user.listen ?? "*").map(ruleOf),
    dns: listOf(user.dns).map(serverNamed),
    pcapng: user.pcapng ?? null,
    tcp: user.tcp ?? {},
  };
}

function linkOf(user: UserConfiguration): LinkConfiguration | null {
  const { link = "loopback", netns = null, kernel } = user;
  if (link === "loopback") return null;
  const choice = parseLink(link);
  if (choice === null) throw wrong("link", link, `use loopback, ${LINK_FORMS}`);
  const isTap = choice.kind === "tap" || choice.name === undefined;
  for (const key of ["kernel", "mtu"] as const)
    if (!isTap && user[key] !== undefined)
      throw wrong(key, user[key], `that is for TAP devices: leave it out, or set it on ${choice.name} itself`);
  const mtu = user.mtu === undefined ? null : Number(user.mtu);
  if (mtu !== null && !(Number.isInteger(mtu) && mtu >= 68 && mtu <= 65_521))
    throw wrong("mtu", user.mtu, "use an integer from 68 to 65521");
  return { choice, netns, kernel: kernel === undefined ? null : prefixOf("kernel", kernel), mtu };
}

function addressesOf({ address, gateway, routes, link: written }: UserConfiguration, link: LinkConfiguration | null): Prefix[] | "dhcp" {
  const texts = listOf(address);
  if (link === null && texts.length > 0) throw wrong("address", address, "an address wants a device: add link, for example tap:onwire0");
  if (link !== null && texts.length === 0)
    throw wrong("link", written, "a device wants an address: add address, for example 10.9.0.2/24, or dhcp");
  if (!texts.includes("dhcp")) return texts.map((text) => prefixOf("address", text));
  if (texts.length > 1) throw wrong("address", address, "a lease is all there is: leave out the other addresses, or dhcp");
  for (const [key, value] of Object.entries({ gateway, routes }))
    if (value !== undefined) throw wrong(key, value, "that comes with the lease: leave it out, or give an address");
  return "dhcp";
}

function routesOf(user: UserConfiguration, addresses: readonly Prefix[] | "dhcp"): RouteConfiguration[] {
  if (addresses === "dhcp") return [];
  const routes = listOf(user.routes).map(routeOf);
  if (user.gateway !== undefined) routes.push({ address: UNSPECIFIED, prefixLength: 0, via: addressOf("gateway", user.gateway) });
  for (const { via } of routes)
    if (!addresses.some((own) => inPrefix(via, own.address, own.prefixLength)))
      throw wrong("gateway", user.gateway ?? user.routes, "a router must be in the subnet of an address of ours");
  return routes;
}

const wrong = (key: string, value: unknown, remedy: string): Error =>
  new ConfigurationError(`onwire: configuration: ${key} ${JSON.stringify(value)}: ${remedy}`);

function listOf(value: string | readonly string[] | undefined): string[] {
  if (value === undefined) return [];
  const list = typeof value === "string" ? value.split(",") : [...value];
  return list.map((text) => String(text).trim()).filter((text) => text !== "");
}

function addressOf(key: string, text: string): IpAddress {
  const address = parseIp(text);
  if (address === null) throw wrong(key, text, "use an IPv4 address, A.B.C.D");
  return address;
}

function prefixOf(key: string, text: string): Prefix {
  const match = /^([^/]+)(?:\/(\d{1,2}))?$/.exec(text);
  const prefixLength = Number(match?.[2] ?? 32);
  const address = match === null ? null : parseName(match[1]!, match[1]!.includes(":") ? 6 : 4);
  if (typeof address === "number" && prefixLength <= 32) return { address, prefixLength };
  throw wrong(key, text, "use A.B.C.D/N, for example 10.9.0.2/24");
}

function routeOf(text: string): RouteConfiguration {
  const match = /^(\S+)\s+via\s+(\S+)$/.exec(text);
  if (match === null) throw wrong("routes", text, "use PREFIX via ROUTER, for example 10.8.0.0/16 via 10.9.0.1");
  return { ...prefixOf("routes", match[1]!), via: addressOf("routes", match[2]!) };
}

function serverNamed(text: string): string {
  try {
    serverOf(text);
  } catch {
    throw wrong("dns", text, "use A.B.C.D or A.B.C.D:PORT");
  }
  return text;
}

function ruleOf(text: string): ListeningRule {
  const match = /^(\*|\[[^\]]+\]|[^:]+)(?::(\d{1,5}))?$/.exec(text);
  const port = match?.[2] === undefined ? null : Number(match[2]);
  const name = match?.[1]?.replace(/^\[|\]$/g, "");
  const address = name === undefined || name === "*" ? null : parseName(name, name.includes(":") ? 6 : 4);
  if (match === null || (name !== "*" && typeof address !== "number") || (port !== null && port > 65_535))
    throw wrong("listen", text, "use *, ADDRESS, ADDRESS:PORT or *:PORT");
  return { address: address as IpAddress | null, port };
}
