/** TAP: an Ethernet cable to the kernel (Documentation/networking/tuntap.rst). Each read takes one frame, each write gives one. */
import { writeFileSync } from "node:fs";
import { networkError } from "../base/errors.js";
import type { IpAddress } from "../ip/address.js";
import { type FrameBatches, openBatches } from "./frame-batches.js";
import { FrameLink, LONGEST_FRAME } from "./frame-link.js";
import { inNamespace, type Namespace } from "./namespace.js";
import { nativePort } from "./native-load.js";
import { systemError } from "./native-port.js";
import { checkInterfaceName, interfaceRequest, LITTLE_ENDIAN, NetworkInterfaces, requestedName } from "./network-interface.js";
import { VIRTIO_HEADER } from "./virtio-net.js";

const O_RDWR_NONBLOCK_CLOEXEC = 0o2 | 0o4000 | 0o2000000;
const TUNSETIFF = 0x400454ca;
const TUNSETOFFLOAD = 0x400454d0;
const IFF_TAP_NO_PI = 0x1002;
const IFF_TUN_NO_PI = 0x1001;
const IFF_MULTI_QUEUE = 0x0100;
const IFF_VNET_HDR = 0x4000;
/** TUN_F_CSUM: frames may come with unfinished checksums; TUN_F_TSO4, TUN_F_TSO_ECN: and as super-segments. */
const OFFLOAD_CHECKSUM = 1;
const OFFLOAD_SEGMENTS = 2 | 8;

export interface TapOptions {
  /** At most 15 octets. A device of this name that exists is attached to, otherwise it is made and dies with the link. "%d" at the end stands for the first free number. */
  readonly name?: string;
  /** Where the kernel's end lives: a namespace, or the name or path of one. Absent: where the process is. */
  readonly namespace?: Namespace | string;
  /** 68 to 65 521. Absent: 1 500 for a new device, what it has for an existing one. */
  readonly mtu?: number;
  /** The kernel's own address on the link. */
  readonly address?: { readonly address: IpAddress; readonly prefixLength: number };
  /** The hardware address of the kernel's end; absent: random. */
  readonly hardwareAddress?: Uint8Array;
  /** Frames that the kernel holds for us before it drops; absent: the kernel's default. */
  readonly queueLength?: number;
  /** Checksums are left to who needs them, and segments pass as super-segments of up to 64 KiB, both ways (virtio-net header): several times
   *  the throughput. Received super-segments need packets that hold them (`createMemory({ packetSize: 65_600 })`); with smaller ones the
   *  kernel cuts what it sends. Absent: no. */
  readonly offload?: boolean;
  /** One of several queues of the device, each with a link of its own, between which the kernel spreads flows. Absent: no. */
  readonly multiQueue?: boolean;
  /** Whether many frames pass by one system call (io_uring). Absent: if the kernel lets us; it may keep io_uring from a container. */
  readonly batches?: boolean;
  /** IP packets without Ethernet around them: a TUN device. Absent: no. */
  readonly bare?: boolean;
  /** Whether the kernel's end speaks IPv6; absent: not on a new device, where its advertisements would only be noise. */
  readonly ipv6?: boolean;
}

/** A TAP device is a link of frames. */
export type TapLink = FrameLink;

/**
 * Opens the device, configures the kernel's end and brings it up. Throws a NetworkError: ENOTSUP (no Linux, no koffi), ENOENT or ENODEV (no
 * /dev/net/tun), EPERM (no privilege), EBUSY (somebody reads it), EINVAL (the name or the MTU).
 */
export const openTap = (options: TapOptions = {}): FrameLink => inNamespace(options.namespace, () => open(options));

const open = (options: TapOptions): FrameLink => {
  const port = nativePort();
  const wanted = options.name ?? "onwire%d";
  checkInterfaceName(wanted);
  if (options.mtu !== undefined && !(options.mtu >= 68 && options.mtu <= 65521)) {
    throw networkError("EINVAL", "open", `MTU ${options.mtu}`, "a TAP device carries 68 to 65521");
  }
  const interfaces = new NetworkInterfaces();
  const fd = port.open("/dev/net/tun", O_RDWR_NONBLOCK_CLOEXEC);
  let batches: FrameBatches | null = null;
  try {
    if (fd < 0) throw systemError("open", fd, "/dev/net/tun", OPEN_REMEDIES);
    const existed = interfaces.exists(wanted);
    const request = interfaceRequest(wanted);
    const offload = options.offload ?? false;
    const flags =
      (options.bare ? IFF_TUN_NO_PI : IFF_TAP_NO_PI) | (offload ? IFF_VNET_HDR : 0) | (options.multiQueue ? IFF_MULTI_QUEUE : 0);
    request.setUint16(16, flags, LITTLE_ENDIAN);
    const attached = port.ioctl(fd, TUNSETIFF, new Uint8Array(request.buffer));
    if (attached < 0) throw systemError("ioctl", attached, `TAP ${wanted}`, ATTACH_REMEDIES);
    const name = requestedName(request);
    configure(interfaces, name, existed, options);
    const prepare = (capacity: number): Error | null => {
      if (!offload) return null;
      const told = port.set(fd, TUNSETOFFLOAD, OFFLOAD_CHECKSUM | (capacity >= LONGEST_FRAME ? OFFLOAD_SEGMENTS : 0));
      return told >= 0 ? null : systemError("ioctl", told, `offloads of TAP ${name}`, { "": "open it without `offload`" });
    };
    batches = openBatches(port, fd, offload ? VIRTIO_HEADER : 0, options.batches);
    const mtu = interfaces.mtu(name);
    const [kind, medium] = options.bare ? (["tun", "ip"] as const) : (["tap", "ethernet"] as const);
    return new FrameLink(port, fd, { kind, medium, interfaceName: name, mtu, offload, prepare, interfaces, ...(batches && { batches }) });
  } catch (error) {
    // The device was made for this descriptor, and goes with it.
    batches?.close();
    if (fd >= 0) port.close(fd);
    interfaces.close();
    throw error;
  }
};

/** What exists already is left as its owner made it, but for what is asked: an unprivileged user may attach to a device of their own, not change it. */
const configure = (interfaces: NetworkInterfaces, name: string, existed: boolean, options: TapOptions): void => {
  if (options.ipv6 !== undefined || !existed) setIpv6(name, options.ipv6 ?? false);
  if (options.hardwareAddress !== undefined) interfaces.setHardwareAddress(name, options.hardwareAddress);
  if (options.mtu !== undefined && options.mtu !== interfaces.mtu(name)) interfaces.setMtu(name, options.mtu);
  if (options.queueLength !== undefined) interfaces.setQueueLength(name, options.queueLength);
  if (!interfaces.isUp(name)) interfaces.setUp(name, true);
  if (options.address !== undefined) interfaces.setAddress(name, options.address.address, options.address.prefixLength);
};

const OPEN_REMEDIES = {
  ENOENT: "the kernel's tun module is missing: modprobe tun; in a container, pass --device /dev/net/tun",
  ENODEV: "the kernel's tun module is missing: modprobe tun",
  EPERM: "no access to the device: run as root; in a container, pass --device /dev/net/tun --cap-add NET_ADMIN",
  EACCES: "no access to the device: run as root (or let the user at /dev/net/tun, and give node the capability cap_net_admin)",
};
const ATTACH_REMEDIES = {
  EPERM: "run as root, or give node the capability cap_net_admin, or attach to a device of your own: ip tuntap add NAME mode tap user USER",
  EBUSY: "another process has this device: choose another name, or end that process",
  EINVAL: "an interface of this name exists and is no TAP device, or one with other settings: choose another name",
};

/** Inside the namespace of the calling thread, as /proc/sys/net is. A kernel without IPv6 has no such file. */
const setIpv6 = (name: string, on: boolean): void => {
  try {
    writeFileSync(`/proc/sys/net/ipv6/conf/${name}/disable_ipv6`, on ? "0" : "1");
  } catch {
    // Without the file or the permission its advertisements are ignored like any unknown frame.
  }
};
