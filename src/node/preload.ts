/** Puts our handles in the place of Node's, in this process and in those that it starts. */
import { randomBytes } from "node:crypto";
import { subscribe } from "node:diagnostics_channel";
import type { ResolverConfiguration } from "../dns/configuration.js";
import { inPrefix } from "../ip/address.js";
import { adoptLoaded, isNetLoaded } from "./adopt-loaded.js";
import { type Configuration, type LinkConfiguration, loadConfiguration } from "./configuration.js";
import { DispatchTcp } from "./dispatch-tcp.js";
import { DispatchUdp } from "./dispatch-udp.js";
import { answerByStack } from "./dns-channel.js";
import { Host } from "./host.js";
import { binding } from "./internals.js";
import { KernelTcpHandle } from "./kernel-tcp.js";
import { IPV4_LOOPBACK } from "./names.js";
import { closeWithProcess, openLoopback, openStack } from "./open-stack.js";
import { SharedLoopback } from "./relatives/shared-loopback.js";
import { HandleType } from "./tcp-handle.js";
import { Territory } from "./territory.js";

/** `register`: the URL of the module that is to be preloaded by children. */
export async function preload(register: string): Promise<void> {
  const configuration = await loadConfiguration(process.env, process.cwd());
  inherit(register);
  const { host, names, refusal } = await openHost(configuration);
  const territory = new Territory(host, { ...configuration, loopback: ownsLoopback(configuration), refusal });
  if (ownsLoopback(configuration)) shareLoopback(host);
  install(host, territory);
  answerByStack(host.drive, territory, names);
  const { useLocalhost, useResolver } = await import("./embedded/lookup.js");
  if (configuration.dns.length > 0 || configuration.addresses === "dhcp") await useResolver(host.drive, names);
  else if (configuration.link === null) useLocalhost();
}

/** When it is named: a default route is none to the loopback. */
const ownsLoopback = ({ destinations }: Configuration): boolean =>
  (destinations ?? []).some(({ address, prefixLength }) => prefixLength >= 8 && inPrefix(IPV4_LOOPBACK, address, prefixLength));

interface Opened {
  readonly host: Host;
  readonly names: () => ResolverConfiguration;
  readonly refusal: string | null;
}

/** A Worker, or a child, may find the device taken: what is ours is refused there, and all else goes on. */
async function openHost(configuration: Configuration): Promise<Opened> {
  const { link, dns } = configuration;
  const owner = link === null ? null : ownerOf(link);
  if (owner !== null) {
    const refusal = `the device is that of process ${owner}, or of another thread: open its sockets there`;
    return { host: new Host(openLoopback()), names: () => ({ servers: dns }), refusal };
  }
  const open = await openStack(configuration);
  if (link !== null) process.env[TAKEN] = `${process.pid} ${deviceOf(link)}`;
  const host = new Host(open.drive, configuration.tcp);
  closeWithProcess(open, () => link !== null || host.sharedLoopback?.joined === true);
  return { host, names: open.names, refusal: null };
}

/** In the environment, so that Workers and children know: the process and the device that it has opened. */
const TAKEN = "ONWIRE_DEVICE_TAKEN";
const deviceOf = ({ netns, choice }: LinkConfiguration): string => `${netns ?? ""}/${choice.kind}:${choice.name ?? ""}`;

/** The living process that has the device: an ancestor's, or this one, of which another thread has it. */
function ownerOf(link: LinkConfiguration): number | null {
  const [, owner, device] = /^(\d+) (.*)$/.exec(process.env[TAKEN] ?? "") ?? [];
  if (owner === undefined || device !== deviceOf(link)) return null;
  try {
    process.kill(Number(owner), 0);
    return Number(owner);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM" ? Number(owner) : null;
  }
}

/** The loopback is that of all processes and threads of the program: of those that have inherited its name. */
function shareLoopback(host: Host): void {
  const inherited = process.env[FAMILY];
  process.env[FAMILY] ??= randomBytes(16).toString("hex");
  const shared = new SharedLoopback(host.drive.stack, host.listening, host.udpPorts, process.env[FAMILY]);
  host.sharedLoopback = shared;
  if (inherited !== undefined) return shared.join();
  // Alone so far.
  const join = (): void => shared.join();
  process.once("worker", join);
  subscribe("child_process", join);
}

const FAMILY = "ONWIRE_FAMILY";

function install(host: Host, territory: Territory): void {
  class TCP extends DispatchTcp {
    constructor(type: number) {
      super(host, territory, type);
    }

    static override [Symbol.hasInstance](value: unknown): boolean {
      return value instanceof KernelTcpHandle;
    }
  }
  class UDP extends DispatchUdp {
    constructor() {
      super(host, territory);
    }
  }
  host.makeSocket = () => new TCP(HandleType.Socket);
  binding("tcp_wrap").TCP = TCP;
  binding("udp_wrap").UDP = UDP;
  if (isNetLoaded())
    adoptLoaded(
      (type) => new TCP(type),
      () => new UDP(),
    );
}

/** Children that are Node get the preload, too: otherwise they would be on the kernel and nobody would know. */
function inherit(register: string): void {
  const option = `--import=${register}`;
  const options = process.env.NODE_OPTIONS ?? "";
  if (!options.includes(option)) process.env.NODE_OPTIONS = `${options} ${option}`.trim();
}
