/** Puts our handles in the place of Node's, in this process and in those that it starts. */
import { randomBytes } from "node:crypto";
import { subscribe } from "node:diagnostics_channel";
import { inPrefix } from "../ip/address.js";
import { adoptLoaded, isNetLoaded } from "./adopt-loaded.js";
import { type Configuration, loadConfiguration } from "./configuration.js";
import { DispatchTcp } from "./dispatch-tcp.js";
import { DispatchUdp } from "./dispatch-udp.js";
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
  const { host, refusal } = await openHost(configuration);
  const territory = new Territory(host, { ...configuration, loopback: ownsLoopback(configuration), refusal });
  if (ownsLoopback(configuration)) shareLoopback(host);
  install(host, territory);
  const { useLocalhost, useResolver } = await import("./embedded/lookup.js");
  if (configuration.dns.length > 0) await useResolver(host.drive, configuration.dns);
  else if (configuration.tap === null) useLocalhost();
}

/** When it is named: a default route is none to the loopback. */
const ownsLoopback = ({ destinations }: Configuration): boolean =>
  destinations.some(({ address, prefixLength }) => prefixLength >= 8 && inPrefix(IPV4_LOOPBACK, address, prefixLength));

/** A Worker, or a child, may find the device taken: what is ours is refused there, and all else goes on. */
async function openHost(configuration: Configuration): Promise<{ host: Host; refusal: string | null }> {
  try {
    const open = await openStack(configuration);
    const host = new Host(open.drive, configuration.tcp);
    closeWithProcess(open, () => configuration.tap !== null || host.sharedLoopback?.joined === true);
    return { host, refusal: null };
  } catch (error) {
    if (process.env[TAKEN] !== deviceOf(configuration)) throw error;
    const refusal = `the device is another thread's or another process's (${(error as Error).message}): open its sockets there`;
    return { host: new Host(openLoopback()), refusal };
  } finally {
    if (configuration.tap !== null) process.env[TAKEN] = deviceOf(configuration);
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

/** In the environment, so that Workers and children know: the device that an ancestor of theirs has opened. */
const TAKEN = "ONWIRE_DEVICE_TAKEN";
const deviceOf = ({ tap }: Configuration): string => `${tap?.netns ?? ""}/${tap?.name ?? ""}`;

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
