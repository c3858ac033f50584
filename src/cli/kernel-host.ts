/** The Linux kernel as the host under test: in a namespace of its own, behind a TUN device, with an agent that makes its system calls. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { createMemory } from "../base/memory.js";
import type { LiveHost } from "../conformance/script/run-live.js";
import type { Settings } from "../conformance/script/settings.js";
import type { IpAddress } from "../ip/address.js";
import { Namespace } from "../transport/namespace.js";
import { NetworkInterfaces } from "../transport/network-interface.js";
import { openTap, type TapLink } from "../transport/tap.js";
import { AgentLines } from "./agent-lines.js";
import { FrameWire } from "./frame-wire.js";
import { WiredHost } from "./wired-host.js";

/** There is no Ethernet around the packets of this link. */
const NOBODY = new Uint8Array(6);

/** Throws when the machine does not let it: no Linux, no privilege, no koffi. */
export const openKernel = async (settings: Settings): Promise<LiveHost> => {
  const namespace = Namespace.create();
  let link: TapLink | null = null;
  try {
    link = openWire(namespace, settings);
    const tap = link;
    const memory = createMemory({ packets: 256, packetSize: 65_600, chunks: 1 });
    const wire = new FrameWire(tap, memory, { hardware: NOBODY, address: settings.remote as IpAddress });
    const child = startAgent(namespace);
    const agent = new AgentLines(child.stdout!, child.stdin!);
    await agent.ready();
    const close = async (): Promise<void> => {
      tap.close();
      await end(child);
      namespace.close();
    };
    return new WiredHost(wire, agent, { close });
  } catch (error) {
    link?.close();
    namespace.close();
    throw error;
  }
};

/** A TUN device on which the kernel has the script's address, and everybody else lives behind it. What a packet costs the kernel, and so which
 *  windows it offers, depends on the device; scripts are written for this one. */
const openWire = (namespace: Namespace, settings: Settings): TapLink => {
  namespace.run(() => {
    const interfaces = new NetworkInterfaces();
    interfaces.setUp("lo", true);
    interfaces.close();
  });
  const address = { address: (settings.local | 0) as IpAddress, prefixLength: settings.prefixLength };
  const link = openTap({ name: "test%d", namespace, mtu: settings.mtu, address, bare: true });
  const name = link.interfaceName;
  namespace.run(() => execFileSync("ip", ["route", "add", "default", "dev", name]));
  return link;
};

const startAgent = (namespace: Namespace): ChildProcess => {
  const script = fileURLToPath(import.meta.url).replace(/kernel-host(\.[jt]s)$/, "kernel-agent$1");
  // From source it is read by the loader that reads this.
  const loader = script.endsWith(".ts") ? ["--import", "tsx"] : [];
  return namespace.run(() => spawn(process.execPath, [...loader, script], { stdio: ["pipe", "pipe", "inherit"] }));
};

const end = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
};
