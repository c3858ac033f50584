/** A stack and its drive, as a configuration describes them. */
import { networkError } from "../base/errors.js";
import { createMemory, type Memory } from "../base/memory.js";
import { cryptoRandom, monotonicMicros } from "../drive/clock.js";
import { NodeDrive } from "../drive/node.js";
import { Capture } from "../inspect/capture.js";
import { CaptureFile } from "../inspect/capture-file.js";
import { attachProbe } from "../inspect/probes.js";
import { formatIp } from "../ip/address.js";
import { Stack } from "../stack/stack.js";
import { State } from "../tcp/state.js";
import type { Link } from "../transport/link.js";
import type { Configuration, TapConfiguration } from "./configuration.js";

/** How long what was written may take to arrive when the program is over otherwise. */
const LINGER_MILLISECONDS = 60_000;
const LOOK_AGAIN_MILLISECONDS = 5;

export interface OpenStack {
  readonly drive: NodeDrive;
  /** Says the last of all connections, and lets go of the device. */
  close(): void;
}

/** A stack with nothing but its loopback. */
export function openLoopback(): NodeDrive {
  // Whole megabytes go round in few packets; pages of memory that nobody touches cost nothing.
  return driveOf(createMemory({ packets: 512, packetSize: 65_536, chunks: 16_384 }));
}

/** Throws what opening the device throws. */
export async function openStack(configuration: Configuration): Promise<OpenStack> {
  const { tap, pcapng } = configuration;
  const link = tap === null ? null : await openTap(tap);
  const drive = link === null ? openLoopback() : driveOf(memoryFor(link));
  const { stack } = drive;
  const capture = pcapng === null ? null : startCapture(stack, pcapng);
  if (link !== null) configure(drive, link, configuration);
  const close = (): void => {
    sayGoodbye(stack, drive.now());
    drive.stop();
    capture?.close();
    link?.close();
  };
  return { drive, close };
}

const driveOf = (memory: Memory): NodeDrive => new NodeDrive(new Stack({ random: cryptoRandom, memory }, monotonicMicros()));

const memoryFor = (link: Link): Memory => {
  const packetSize = Math.max(2_048, link.capabilities.mtu + 18);
  return createMemory({ packets: packetSize > 16_384 ? 256 : 2_048, packetSize, chunks: 16_384 });
};

/** The device needs koffi; the loopback does not even look for it. */
async function openTap(tap: TapConfiguration): Promise<Link> {
  const transport = await import("../transport/tap.js");
  return transport.openTap({
    name: tap.name,
    queueLength: 5_000,
    ...(tap.netns === null ? {} : { namespace: tap.netns }),
    ...(tap.kernel === null ? {} : { address: tap.kernel }),
    ...(tap.mtu === null ? {} : { mtu: tap.mtu }),
  });
}

function configure(drive: NodeDrive, link: Link, configuration: Configuration): void {
  const { stack } = drive;
  const { addresses, routes } = configuration;
  const device = stack.addDevice(link, { addresses }, drive.now());
  for (const { address, prefixLength, via } of routes)
    stack.routes.add({ prefix: address, prefixLength, gateway: via, device: device.index });
  stack.onAddress = (_device, address, granted) => {
    if (granted) return;
    const remedy = "it belongs to another host on the link: choose another";
    process.emitWarning(networkError("EADDRINUSE", "address", formatIp(address), remedy).message, "OnwireWarning");
  };
}

function startCapture(stack: Stack, path: string): { close(): void } {
  const file = new CaptureFile(path, { onError: (error) => process.emitWarning(error.message, "OnwireWarning") });
  const capture = new Capture(file.sink, { epoch: Date.now() * 1000 - monotonicMicros() });
  attachProbe(stack, capture.probe);
  return {
    close: () => {
      capture.close();
      file.close();
    },
  };
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

/** Whether something that was written is still on its way. */
function isBusy(stack: Stack): boolean {
  let busy = false;
  stack.tcp.each(({ state }) => {
    if (state === State.FinWait1 || state === State.Closing || state === State.LastAck) busy = true;
  });
  return busy;
}

/** A process that ends takes its stack along: it waits for what its sockets have left behind, and says the last of those that are open.
 *  `isHeard`: whether there is anybody outside of the process who would hear it. */
export function closeWithProcess(open: OpenStack, isHeard: () => boolean): void {
  let began: number | null = null;
  process.on("beforeExit", () => {
    if (!isHeard()) return;
    began ??= performance.now();
    if (isBusy(open.drive.stack) && performance.now() - began < LINGER_MILLISECONDS) setTimeout(() => {}, LOOK_AGAIN_MILLISECONDS);
  });
  process.on("exit", () => open.close());
}
