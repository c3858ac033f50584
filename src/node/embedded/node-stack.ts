/** A stack with Node's own modules on top of it: `net`, `dgram`, `http`. Several may be in one process, beside the kernel's. */

import type net from "node:net";
import { createResolver } from "../../dns/resolver.js";
import type { NodeDrive } from "../../drive/node.js";
import type { Stack } from "../../stack/stack.js";
import type { ConnectionOptions } from "../../tcp/connection-options.js";
import { checkConfiguration, type UserConfiguration } from "../configuration.js";
import { Host } from "../host.js";
import { openStack } from "../open-stack.js";
import { dgramOver, type StackDgram } from "./dgram.js";
import { httpOver, type StackHttp } from "./http.js";
import { adoptServer, type Lookup, netOver, type StackNet } from "./net.js";

export interface AttachOptions {
  /** How names are resolved that are connected to; absent: by the host. */
  readonly lookup?: Lookup | undefined;
  /** Options of all connections. */
  readonly tcp?: Partial<ConnectionOptions>;
}

export interface NodeStack {
  readonly stack: Stack;
  readonly drive: NodeDrive;
  readonly net: StackNet;
  readonly dgram: StackDgram;
  readonly http: StackHttp;
  /** Makes a server listen on the stack that somebody else has made: of `net`, `http`, `https`, `http2` or `tls`, before `listen`. */
  adopt<S extends net.Server>(server: S): S;
  /** Says the last of all connections, and lets go of the device that `nodeStack` has opened. */
  close(): void;
}

const hosts = new WeakMap<NodeDrive, Host>();

/** Node's modules over a stack that has a drive. From here on it is their sockets that keep the process alive, not the drive. */
export function attachNode(drive: NodeDrive, options: AttachOptions = {}): NodeStack {
  const host = hosts.get(drive) ?? new Host(drive, options.tcp);
  hosts.set(drive, host);
  const over = netOver(host, options.lookup);
  return {
    stack: drive.stack,
    drive,
    net: over,
    dgram: dgramOver(host, options.lookup),
    http: httpOver(host, over),
    adopt: (server) => adoptServer(host, server),
    close: () => {
      drive.stack.close(drive.now());
      drive.stop();
    },
  };
}

/** A stack as a configuration describes it, with the keys of `onwire.config.json`; and Node's modules over it. */
export async function nodeStack(configuration: Omit<UserConfiguration, "destinations" | "listen"> = {}): Promise<NodeStack> {
  const checked = checkConfiguration({ ...configuration });
  const open = await openStack(checked);
  const isOurs = checked.dns.length > 0 || checked.addresses === "dhcp";
  const lookup = isOurs ? createResolver(open.drive, { configuration: open.names }).lookup : undefined;
  const attached = attachNode(open.drive, { tcp: checked.tcp, lookup: lookup as Lookup | undefined });
  return { ...attached, close: () => open.close() };
}
