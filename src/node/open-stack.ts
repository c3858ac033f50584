/** A stack and its drive, as a configuration describes them. */
import { networkError } from "../base/errors.js";
import { createMemory, type Memory } from "../base/memory.js";
import { leaseConfiguration, type ResolverConfiguration } from "../dns/configuration.js";
import { cryptoRandom, monotonicMicros } from "../drive/clock.js";
import { NodeDrive } from "../drive/node.js";
import { isSettled } from "../drive/settled.js";
import { openCapture } from "../inspect/capture-file.js";
import { attachProbe } from "../inspect/probes.js";
import { formatIp } from "../ip/address.js";
import { Stack } from "../stack/stack.js";
import { State } from "../tcp/state.js";
import type { Namespace } from "../transport/namespace.js";
import type { OpenedLink } from "../transport/open-link.js";
import type { Configuration, LinkConfiguration } from "./configuration.js";
import { type Leased, leaseAddress } from "./lease-address.js";
import { say } from "./say.js";

/** How long what was written may take to arrive when the program is over otherwise. */
const LINGER_MILLISECONDS = 60_000;
const LOOK_AGAIN_MILLISECONDS = 5;

export interface OpenStack {
  readonly drive: NodeDrive;
  /** Whom to ask for names now. */
  readonly names: () => ResolverConfiguration;
  /** Says the last of all connections, and lets go of the device. */
  close(): void;
}

/** A stack with nothing but its loopback. */
export function openLoopback(): NodeDrive {
  // Whole megabytes go round in few packets; pages of memory that nobody touches cost nothing.
  return driveOf(createMemory({ packets: 512, packetSize: 65_536, chunks: 16_384 }));
}

/** Throws what opening the device throws, and when there is no lease. */
export async function openStack(configuration: Configuration): Promise<OpenStack> {
  const { link: wanted, pcapng, dns } = configuration;
  const opened = wanted === null ? null : await openDevice(wanted, configuration);
  const drive = opened === null ? openLoopback() : driveOf(opened.memory);
  const { stack } = drive;
  const capture = pcapng === null ? null : startCapture(stack, pcapng);
  let leased: Leased | null = null;
  const close = (): void => {
    sayGoodbye(stack, drive.now());
    leased?.release();
    stack.flush(drive.now());
    drive.stop();
    capture?.close();
    opened?.link.close();
    opened?.namespace?.close();
  };
  if (opened === null) return { drive, names: () => ({ servers: dns }), close };
  try {
    leased = await configure(drive, opened, configuration);
  } catch (error) {
    close();
    throw error;
  }
  const lease = (): ResolverConfiguration => leaseConfiguration(leased?.lease() ?? null);
  return { drive, names: () => (dns.length > 0 ? { ...lease(), servers: dns } : lease()), close };
}

const driveOf = (memory: Memory): NodeDrive => new NodeDrive(new Stack({ random: cryptoRandom, memory }, monotonicMicros()));

interface OpenedDevice extends OpenedLink {
  readonly namespace: Namespace | null;
}

/** Devices need koffi; the loopback does not even look for it. */
async function openDevice({ choice, netns, kernel, mtu }: LinkConfiguration, { addresses }: Configuration): Promise<OpenedDevice> {
  const [{ openLink }, { Namespace }, { refuseKernelAddress }] = await Promise.all([
    import("../transport/open-link.js"),
    import("../transport/namespace.js"),
    import("../transport/kernel-addresses.js"),
  ]);
  const namespace = netns === null ? null : Namespace.open(netns);
  try {
    const own = addresses === "dhcp" ? [] : addresses;
    for (const address of own) refuseKernelAddress(address, namespace);
    const [first, ...others] = own;
    const opened = openLink({
      choice,
      namespace,
      // An XDP program hands over what is for one address, or everything.
      ...(first === undefined || others.length > 0 ? {} : { address: first.address }),
      ...(kernel === null ? {} : { kernel }),
      ...(mtu === null ? {} : { mtu }),
      remark: say,
    });
    return { ...opened, namespace };
  } catch (error) {
    namespace?.close();
    throw error;
  }
}

/** Resolves when the device has its addresses. */
async function configure(drive: NodeDrive, { link }: OpenedDevice, configuration: Configuration): Promise<Leased | null> {
  const { stack } = drive;
  const { addresses, routes } = configuration;
  const isLeased = addresses === "dhcp";
  const device = stack.addDevice(link, { addresses: isLeased ? [] : addresses }, drive.now());
  for (const { address, prefixLength, via } of routes)
    stack.routes.add({ prefix: address, prefixLength, gateway: via, device: device.index });
  stack.onAddress = (_device, address, granted) => {
    if (granted || isLeased) return;
    const remedy = "it belongs to another host on the link: choose another";
    process.emitWarning(networkError("EADDRINUSE", "address", formatIp(address), remedy).message, "OnwireWarning");
  };
  if (!isLeased) return null;
  drive.start();
  return leaseAddress(drive, device, say);
}

function startCapture(stack: Stack, path: string): { close(): void } {
  const capture = openCapture(path, monotonicMicros(), { onError: (error) => process.emitWarning(error.message, "OnwireWarning") });
  attachProbe(stack, capture.probe);
  return capture;
}

/** What a kernel does with the sockets of a process that is gone: each is closed, and the first word of it leaves at once. */
function sayGoodbye(stack: Stack, now: number): void {
  const handles: number[] = [];
  stack.tcp.each(({ handle, state }) => {
    if (handle !== 0 && state !== State.Closed) handles.push(handle);
  });
  for (const handle of handles) {
    try {
      stack.tcp.close(handle, now);
    } catch {
      // Its owner has closed it already.
    }
  }
  stack.flush(now);
}

/** A process that ends takes its stack along: it waits for what its sockets have left behind, and says the last of those that are open.
 *  `isHeard`: whether there is anybody outside of the process who would hear it. */
export function closeWithProcess(open: OpenStack, isHeard: () => boolean): void {
  let began: number | null = null;
  process.on("beforeExit", () => {
    if (!isHeard()) return;
    began ??= performance.now();
    if (!isSettled(open.drive.stack) && performance.now() - began < LINGER_MILLISECONDS) setTimeout(() => {}, LOOK_AGAIN_MILLISECONDS);
  });
  process.on("exit", () => open.close());
}
