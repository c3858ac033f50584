/** A stack on a link, as the common options of all commands describe it. */
import type { Command } from "commander";
import type { Memory } from "../base/memory.js";
import { leaseConfiguration, type ResolverConfiguration } from "../dns/configuration.js";
import { cryptoRandom, monotonicMicros } from "../drive/clock.js";
import { NodeDrive } from "../drive/node.js";
import { settled } from "../drive/settled.js";
import { openCapture } from "../inspect/capture-file.js";
import { attachProbe } from "../inspect/probes.js";
import { traceProbe } from "../inspect/trace.js";
import { formatIp, type IpAddress, inPrefix, UNSPECIFIED } from "../ip/address.js";
import { leaseAddress } from "../node/lease-address.js";
import type { Device } from "../stack/device.js";
import { Stack } from "../stack/stack.js";
import { kernelAddresses, refuseKernelAddress } from "../transport/kernel-addresses.js";
import type { Link } from "../transport/link.js";
import type { LinkChoice } from "../transport/link-choice.js";
import { Namespace } from "../transport/namespace.js";
import { openLink } from "../transport/open-link.js";
import { isHurried, say, type Undo, UsageError } from "./exit.js";
import { linkChoice } from "./link.js";
import { type Names, namesOf, parseServer } from "./names.js";
import { type AddressAndPrefix, parseAddress, parseInteger, parseMac, parseOwnAddress, parsePrefix } from "./parse.js";

export interface AttachOptions {
  readonly tap: string;
  readonly link?: LinkChoice;
  readonly offload?: boolean;
  readonly address: AddressAndPrefix | "dhcp";
  readonly gateway?: IpAddress;
  readonly dns?: readonly string[];
  readonly kernel?: AddressAndPrefix;
  readonly mac?: Uint8Array;
  readonly mtu?: number;
  readonly netns?: string;
  readonly pcapng?: string;
  readonly trace?: boolean;
}

export const withCommonOptions = (command: Command): Command =>
  command
    .option("--tap <name>", "the TAP device; made, and gone at the end, unless it exists", "onwire0")
    .option(
      "--link <kind:name>",
      "tap:NAME (as --tap), packet:INTERFACE, xdp:INTERFACE, or auto:INTERFACE: the best that works there; see onwire links",
      linkChoice,
    )
    .option("--offload", "let a TAP device pass super-segments and unfinished checksums: faster, and captures show them so")
    .requiredOption("--address <a.b.c.d/n>", "our address and the subnet; dhcp: leased for as long as the command runs", parseOwnAddress)
    .option("--gateway <address>", "the router to everywhere else", parseAddress)
    .option(
      "--dns <server>",
      "a DNS server, asked over our stack; may be repeated; default: as leased, or the host's resolver",
      parseServer,
    )
    .option("--kernel <a.b.c.d/n>", "give the kernel's end of the device this address", parsePrefix)
    .option("--mac <address>", "our hardware address; default: a random, locally administered one", parseMac)
    .option("--mtu <octets>", "the largest IP packet, 68 to 65521", parseInteger("MTU", 68, 65_521))
    .option("--netns <name>", "the network namespace of the kernel's end: a name of `ip netns`, or a path")
    .option("--pcapng <file>", "capture all frames, with reasons, into a file; - is standard output")
    .option("--trace", "a line on standard error for every segment, drop, timer and state, and why");

export interface Attached extends Names {
  readonly drive: NodeDrive;
  readonly device: Device;
  /** Whom to ask for names: as given, or as leased. */
  readonly dnsConfiguration: () => ResolverConfiguration;
}

/** Opens the device and runs a stack on it until `undo`. */
export const attach = async (options: AttachOptions, undo: Undo): Promise<Attached> => {
  const namespace = options.netns === undefined ? null : Namespace.open(options.netns);
  if (namespace !== null) undo.add(() => namespace.close());
  check(options, namespace);
  const choice: LinkChoice = options.link ?? { kind: "tap", name: options.tap };
  const isTap = choice.kind === "tap" || choice.name === undefined;
  if (!isTap)
    for (const name of ["kernel", "mtu", "offload"] as const)
      if (options[name] !== undefined)
        throw new UsageError(`--${name} is for TAP devices: leave it out, or set it on ${choice.name} itself`);
  const { link, interfaceName, memory } = openLink({
    remark: say,
    choice,
    namespace,
    ...(options.address === "dhcp" ? {} : { address: options.address.address }),
    ...(options.mtu === undefined ? {} : { mtu: options.mtu }),
    ...(options.kernel === undefined ? {} : { kernel: options.kernel }),
    ...(options.offload === undefined ? {} : { offload: options.offload }),
  });
  undo.add(() => link.close());
  const { drive, device } = startStack(link, memory, options, undo);
  if (isTap && options.kernel === undefined && kernelAddresses(namespace, interfaceName).length === 0)
    say(`the kernel has no address on ${interfaceName}: give it one with --kernel, or: ip addr add A.B.C.D/N dev ${interfaceName}`);
  const dnsConfiguration = await configureAddress(drive, device, options, namespace, undo);
  return { drive, device, dnsConfiguration, ...namesOf(drive, dnsConfiguration) };
};

/** Leases an address, if one is to be leased; returns whom to ask for names. */
const configureAddress = async (
  drive: NodeDrive,
  device: Device,
  { address, dns }: AttachOptions,
  namespace: Namespace | null,
  undo: Undo,
): Promise<() => ResolverConfiguration> => {
  const given: ResolverConfiguration = { servers: dns ?? [] };
  if (address !== "dhcp") return () => given;
  const { lease, release } = await leaseAddress(drive, device, say);
  undo.add(async () => {
    await settle(drive);
    release();
  });
  // On an interface that it shares with us the kernel does not hear our probes.
  const leased = lease();
  if (leased !== null) refuseKernelAddress(leased, namespace);
  return () => (dns === undefined ? leaseConfiguration(lease()) : { ...leaseConfiguration(lease()), servers: dns });
};

/** Refuses what would look as if it worked: two owners of one address, a gateway out of reach. */
const check = (options: AttachOptions, namespace: Namespace | null): void => {
  if (options.address === "dhcp") {
    if (options.gateway !== undefined) throw new UsageError("--gateway comes with the lease: leave it out, or give an --address");
    return;
  }
  const { address, prefixLength } = options.address;
  const text = formatIp(address);
  refuseKernelAddress(options.address, namespace);
  if (options.kernel?.address === address) throw new UsageError(`--kernel and --address are both ${text}: two hosts need two addresses`);
  if (options.gateway !== undefined && !inPrefix(options.gateway, address, prefixLength))
    throw new UsageError(`--gateway ${formatIp(options.gateway)} is not in ${text}/${prefixLength}: a gateway must be on the link`);
};

/** A stack on any link, with the options' address, gateway, capture and trace. */
export const startStack = (
  link: Link,
  memory: Memory,
  options: Pick<AttachOptions, "address" | "gateway" | "mac" | "pcapng" | "trace">,
  undo: Undo,
): { drive: NodeDrive; device: Device } => {
  const drive = new NodeDrive(new Stack({ random: cryptoRandom, memory }, monotonicMicros()), {
    onLinkError: (_link, error) => undo.fail(error),
  });
  const { stack } = drive;
  stack.onAddress = (device, address, granted) => {
    if (!granted) undo.fail(new Error(`${formatIp(address)} belongs to another host on ${device.name}: choose another address`));
  };
  observe(stack, options, undo);
  const device = stack.addDevice(
    link,
    {
      addresses: options.address === "dhcp" ? [] : [options.address],
      ...(options.mac === undefined ? {} : { hardwareAddress: options.mac }),
    },
    drive.now(),
  );
  if (options.gateway !== undefined)
    stack.routes.add({ prefix: UNSPECIFIED, prefixLength: 0, gateway: options.gateway, device: device.index });
  drive.start();
  undo.add(async () => {
    await settle(drive);
    stack.close(drive.now());
    // What close has to say leaves in a last turn.
    await new Promise((resolve) => setImmediate(resolve));
    drive.stop();
  });
  return { drive, device };
};

const observe = (stack: Stack, options: Pick<AttachOptions, "pcapng" | "trace">, undo: Undo): void => {
  if (options.trace)
    attachProbe(
      stack,
      traceProbe((line) => process.stderr.write(`${line}\n`)),
    );
  if (options.pcapng === undefined) return;
  const { probe, close } = openCapture(options.pcapng, monotonicMicros(), { onError: (error) => say(error.message) });
  attachProbe(stack, probe);
  undo.add(close);
};

/** How long what was written may take to arrive, when the command is over otherwise; and when a signal has ended it. */
const LINGER_MILLISECONDS = 60_000;
const HURRIED_MILLISECONDS = 500;

/** Waits until nothing that was written is on its way any more. */
export const settle = (drive: NodeDrive): Promise<void> => settled(drive, () => (isHurried() ? HURRIED_MILLISECONDS : LINGER_MILLISECONDS));
