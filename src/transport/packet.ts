/** AF_PACKET: raw Ethernet frames on an interface that the kernel has (packet(7)). The kernel sees the same frames; what keeps it silent is
 *  that the stack's address is not one of its own, and its hardware address neither. */
import { networkError } from "../base/errors.js";
import { FRAME_OVERHEAD, FrameLink, LONGEST_FRAME } from "./frame-link.js";
import { inNamespace, type Namespace } from "./namespace.js";
import { nativePort } from "./native-load.js";
import { int32, type NativePort, systemError } from "./native-port.js";
import { checkInterfaceName, LITTLE_ENDIAN, NetworkInterfaces } from "./network-interface.js";
import { PacketRings } from "./packet-rings.js";
import { VIRTIO_HEADER } from "./virtio-net.js";

const AF_PACKET = 17;
const SOCK_RAW_NONBLOCK_CLOEXEC = 3 | 0o4000 | 0o2000000;
const ETH_P_ALL = 3;
const SOL_SOCKET = 1;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const SOL_PACKET = 263;
const PACKET_ADD_MEMBERSHIP = 1;
const PACKET_VNET_HDR = 15;
const PACKET_FANOUT = 18;
const PACKET_QDISC_BYPASS = 20;
const PACKET_IGNORE_OUTGOING = 23;
const PACKET_MR_PROMISC = 1;
const FANOUT_HASH = 0;

export interface PacketOptions {
  /** The interface, as `ip link` names it. */
  readonly interface: string;
  /** The namespace that it is in: one, or the name or path of one. Absent: where the process is. */
  readonly namespace?: Namespace | string;
  /** Take super-segments and unfinished checksums as they are, and give them (virtio-net header): what a veth carries is little else. Needs
   *  packets that hold them (`createMemory({ packetSize: 65_600 })`). Absent: yes. Without it the other end must neither merge nor offload. */
  readonly offload?: boolean;
  /** Hear frames to any hardware address: the stack has one of its own. Absent: yes. Without it give the device the interface's own address. */
  readonly promiscuous?: boolean;
  /** Pass the kernel's queueing discipline by on transmit. Absent: no. */
  readonly bypassQueue?: boolean;
  /** 1 to 65 535: links of the same number on the same interface share its flows by their hash, each flow staying with one. */
  readonly fanout?: number;
  /** Octets that the kernel holds for us, and for the interface, before it drops. Absent: 16 MiB, and 4 MiB for rings without `offload`. */
  readonly buffer?: number;
  /** Which frames pass by rings in memory that is shared with the kernel instead of a system call each. Absent: "both" without `offload`, where that
   *  is faster by half; "none" with it, since a super-segment is copied once more for a ring than for a call. */
  readonly rings?: "both" | "receive" | "transmit" | "none";
}

/**
 * Opens the link. Throws a NetworkError: ENOTSUP (no Linux, no koffi), EPERM (no privilege), ENODEV (no such interface), EINVAL (an option).
 * Without a hardware address of its own the device must not have an IP address that the kernel owns, or the kernel answers too, with resets.
 */
export const openPacket = (options: PacketOptions): FrameLink => {
  checkInterfaceName(options.interface);
  return inNamespace(options.namespace, () => open(options));
};

const open = (options: PacketOptions): FrameLink => {
  const port = nativePort();
  const { offload = true, promiscuous = true, buffer = 16 << 20, fanout, rings = offload ? "none" : "both" } = options;
  if (fanout !== undefined && !(Number.isInteger(fanout) && fanout >= 1 && fanout <= 65_535))
    throw networkError("EINVAL", "open", `fanout ${fanout}`, "use an integer from 1 to 65535");
  const interfaces = new NetworkInterfaces();
  // Protocol 0 hears nothing until it is bound, so that no frame of another interface comes first.
  const fd = port.socket(AF_PACKET, SOCK_RAW_NONBLOCK_CLOEXEC, 0);
  let made: PacketRings | undefined;
  try {
    if (fd < 0) throw systemError("socket", fd, "packet socket", { EPERM: "run as root, or give node the capability cap_net_raw" });
    const index = interfaces.index(options.interface);
    const set = (level: number, name: number, what: string, value: Uint8Array): void => {
      const result = port.setsockopt(fd, level, name, value);
      if (result < 0) throw systemError("setsockopt", result, `${what} on ${options.interface}`);
    };
    // Without the privilege to exceed the system's bound, what it allows must do.
    port.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, int32(buffer));
    port.setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, int32(buffer));
    if (offload) set(SOL_PACKET, PACKET_VNET_HDR, "virtio-net header", int32(1));
    set(SOL_PACKET, PACKET_IGNORE_OUTGOING, "deafness to what leaves", int32(1));
    if (options.bypassQueue) set(SOL_PACKET, PACKET_QDISC_BYPASS, "queue bypass", int32(1));
    if (promiscuous) set(SOL_PACKET, PACKET_ADD_MEMBERSHIP, "promiscuous mode", membership(index));
    if (rings !== "none")
      made = new PacketRings(port, fd, {
        frame: offload ? VIRTIO_HEADER + LONGEST_FRAME : interfaces.mtu(options.interface) + FRAME_OVERHEAD,
        header: offload ? VIRTIO_HEADER : 0,
        octets: options.buffer ?? (offload ? 16 << 20 : 4 << 20),
        receive: rings !== "transmit",
        transmit: rings !== "receive",
      });
    const bound = port.bind(fd, socketAddress(index));
    if (bound < 0) throw systemError("bind", bound, options.interface, { ENETDOWN: `ip link set ${options.interface} up` });
    if (fanout !== undefined) set(SOL_PACKET, PACKET_FANOUT, `fanout ${fanout}`, int32(fanout | (FANOUT_HASH << 16)));
    return link(port, fd, interfaces, options, made);
  } catch (error) {
    made?.close();
    if (fd >= 0) port.close(fd);
    interfaces.close();
    throw error;
  }
};

const link = (
  port: NativePort,
  fd: number,
  interfaces: NetworkInterfaces,
  { interface: name, offload = true, promiscuous = true }: PacketOptions,
  rings: PacketRings | undefined,
): FrameLink =>
  new FrameLink(port, fd, {
    kind: "packet",
    interfaceName: name,
    mtu: interfaces.mtu(name),
    offload,
    interfaces,
    ...(rings === undefined ? {} : { rings }),
    ...(promiscuous ? {} : { hardwareAddress: interfaces.hardwareAddress(name) }),
    // The socket would cut a merged frame at the packet's end.
    prepare: (capacity) =>
      !offload || capacity >= LONGEST_FRAME
        ? null
        : networkError("EMSGSIZE", "read", `packets of ${capacity} octets on ${name}`, `createMemory({ packetSize: ${LONGEST_FRAME} })`),
  });

/** struct sockaddr_ll: all protocols of one interface. */
const socketAddress = (index: number): Uint8Array => {
  const address = new DataView(new ArrayBuffer(20));
  address.setUint16(0, AF_PACKET, LITTLE_ENDIAN);
  address.setUint16(2, ETH_P_ALL);
  address.setInt32(4, index, LITTLE_ENDIAN);
  return new Uint8Array(address.buffer);
};

/** struct packet_mreq. */
const membership = (index: number): Uint8Array => {
  const request = new DataView(new ArrayBuffer(16));
  request.setInt32(0, index, LITTLE_ENDIAN);
  request.setUint16(4, PACKET_MR_PROMISC, LITTLE_ENDIAN);
  return new Uint8Array(request.buffer);
};
