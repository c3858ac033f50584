/** TAP: an Ethernet cable to the kernel (Documentation/networking/tuntap.rst). Each read takes one frame, each write gives one. */
import { writeFileSync } from "node:fs";
import { type NetworkError, networkError } from "../base/errors.js";
import type { Packet, PacketPool } from "../base/packet.js";
import type { IpAddress } from "../ip/address.js";
import type { Capabilities, Link } from "./link.js";
import { Namespace } from "./namespace.js";
import { nativePort } from "./native-load.js";
import { type NativePort, Ready, systemError, type Watch } from "./native-port.js";
import { checkInterfaceName, interfaceRequest, LITTLE_ENDIAN, NetworkInterfaces, requestedName } from "./network-interface.js";
import { readVirtioHeader, VIRTIO_HEADER, writeVirtioHeader } from "./virtio-net.js";

const O_RDWR_NONBLOCK_CLOEXEC = 0o2 | 0o4000 | 0o2000000;
const TUNSETIFF = 0x400454ca;
const TUNSETOFFLOAD = 0x400454d0;
const IFF_TAP_NO_PI = 0x1002;
const IFF_MULTI_QUEUE = 0x0100;
const IFF_VNET_HDR = 0x4000;
/** TUN_F_CSUM: frames may come with unfinished checksums; TUN_F_TSO4, TUN_F_TSO_ECN: and as super-segments. */
const OFFLOAD_CHECKSUM = 1;
const OFFLOAD_SEGMENTS = 2 | 8;
/** The longest IP packet is the longest super-segment, its header aside. */
const LONGEST_SEGMENT = 65_535 - 20;
/** Ethernet header and one VLAN tag: what a frame holds beyond its MTU. */
const FRAME_OVERHEAD = 18;
const LONGEST_FRAME = 65_535 + FRAME_OVERHEAD;
/** A reader that finds no free packet looks again after this; the frames wait in the kernel, which drops when its queue is full. */
const STARVED_MILLISECONDS = 1;

const EINTR = -4;
const EBADF = -9;
const EAGAIN = -11;
const EBADFD = -77;

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
  /** Whether the kernel's end speaks IPv6; absent: not on a new device, where its advertisements would only be noise. */
  readonly ipv6?: boolean;
}

/**
 * Opens the device, configures the kernel's end and brings it up. Throws a NetworkError: ENOTSUP (no Linux, no koffi), ENOENT or ENODEV (no
 * /dev/net/tun), EPERM (no privilege), EBUSY (somebody reads it), EINVAL (the name or the MTU).
 */
export const openTap = (options: TapOptions = {}): TapLink => {
  const { namespace } = options;
  if (namespace === undefined) return open(options);
  if (namespace instanceof Namespace) return namespace.run(() => open(options));
  const named = Namespace.open(namespace);
  try {
    return named.run(() => open(options));
  } finally {
    named.close();
  }
};

const open = (options: TapOptions): TapLink => {
  const port = nativePort();
  const wanted = options.name ?? "onwire%d";
  checkInterfaceName(wanted);
  if (options.mtu !== undefined && !(options.mtu >= 68 && options.mtu <= 65521)) {
    throw networkError("EINVAL", "open", `MTU ${options.mtu}`, "a TAP device carries 68 to 65521");
  }
  const interfaces = new NetworkInterfaces();
  const fd = port.open("/dev/net/tun", O_RDWR_NONBLOCK_CLOEXEC);
  try {
    if (fd < 0) throw systemError("open", fd, "/dev/net/tun", OPEN_REMEDIES);
    const existed = interfaces.exists(wanted);
    const request = interfaceRequest(wanted);
    const offload = options.offload ?? false;
    const flags = IFF_TAP_NO_PI | (offload ? IFF_VNET_HDR : 0) | (options.multiQueue ? IFF_MULTI_QUEUE : 0);
    request.setUint16(16, flags, LITTLE_ENDIAN);
    const attached = port.ioctl(fd, TUNSETIFF, new Uint8Array(request.buffer));
    if (attached < 0) throw systemError("ioctl", attached, `TAP ${wanted}`, ATTACH_REMEDIES);
    const name = requestedName(request);
    configure(interfaces, name, existed, options);
    return new TapLink(port, fd, name, interfaces.mtu(name), offload);
  } catch (error) {
    // The device was made for this descriptor, and goes with it.
    if (fd >= 0) port.close(fd);
    throw error;
  } finally {
    interfaces.close();
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

/** A few counters that the device alone knows. */
export interface TapCounters {
  /** Frames the kernel refused: its end is down, it had no memory, or the link is closed. As on a cable, they are lost. */
  refused: number;
  /** Times that no packet was free for a frame that waited. */
  starved: number;
  /** Reads that failed and were tried again later. */
  readErrors: number;
}

export class TapLink implements Link {
  readonly name: string;
  /** The name of the kernel's interface. */
  readonly interfaceName: string;
  readonly capabilities: Capabilities;
  readonly counters: TapCounters = { refused: 0, starved: 0, readErrors: 0 };
  onError: ((error: Error) => void) | null = null;
  readonly #port: NativePort;
  readonly #fd: number;
  readonly #watch: Watch;
  #onReadable: (() => void) | null = null;
  /** Where packets are read to and written from: the arena last seen, and its address in the process. */
  #readMemory: ArrayBuffer | null = null;
  #readAddress = 0;
  #writeMemory: ArrayBuffer | null = null;
  #writeAddress = 0;
  #wanted: number = Ready.Nothing;
  #starved: ReturnType<typeof setTimeout> | null = null;
  #open = true;
  /** Octets of the virtio-net header in front of each frame; 0: there is none. */
  readonly #header: number;

  /** Owns `fd` from here. Use `openTap`. */
  constructor(port: NativePort, fd: number, interfaceName: string, mtu: number, offload = false) {
    this.#port = port;
    this.#fd = fd;
    this.#header = offload ? VIRTIO_HEADER : 0;
    this.name = `tap:${interfaceName}`;
    this.interfaceName = interfaceName;
    this.capabilities = { medium: "ethernet", mtu, checksumOffload: offload, gso: offload ? LONGEST_SEGMENT : 0 };
    this.#watch = port.watch(fd, (events) => {
      // A device is nearly always writable: once is what was waited for.
      if ((events & Ready.Writable) !== 0) this.#want(this.#wanted & ~Ready.Writable);
      this.#onReadable?.();
    });
    // What keeps the process alive is whoever drives, not a cable.
    this.#watch.unref();
  }

  get onReadable(): (() => void) | null {
    return this.#onReadable;
  }

  set onReadable(callback: (() => void) | null) {
    this.#onReadable = callback;
    if (callback !== null) this.#want(this.#wanted | Ready.Readable);
    else this.#want(Ready.Nothing);
  }

  receive(pool: PacketPool, batch: Packet[], budget: number): number {
    if (!this.#open) return 0;
    if (pool.arena.memory !== this.#readMemory && !this.#readInto(pool)) return 0;
    const header = this.#header;
    let taken = 0;
    while (taken < budget) {
      const packet = pool.take();
      if (packet === null) {
        this.#starve();
        break;
      }
      const from = packet.start - header;
      const length = this.#port.read(this.#fd, this.#readAddress + from, packet.limit - from);
      if (length > header) {
        packet.end = from + length;
        if (header > 0) readVirtioHeader(pool.arena.view, from, packet);
        batch[taken] = packet;
        taken += 1;
        continue;
      }
      packet.release();
      if (length === EAGAIN) break;
      if (length === EINTR) continue;
      this.#readFailed(length);
      break;
    }
    return taken;
  }

  transmit(packet: Packet): boolean {
    if (!this.#open) {
      this.counters.refused += 1;
      packet.release();
      return true;
    }
    const memory = packet.pool.arena.memory;
    if (memory !== this.#writeMemory) {
      this.#writeAddress = this.#port.address(memory);
      this.#writeMemory = memory;
    }
    const from = packet.start - this.#header;
    if (this.#header > 0 && !writeVirtioHeader(packet.pool.arena.view, from, packet)) {
      this.counters.refused += 1;
      packet.release();
      return true;
    }
    for (;;) {
      const written = this.#port.write(this.#fd, this.#writeAddress + from, packet.end - from);
      if (written === EINTR) continue;
      if (written === EAGAIN) {
        this.#want(this.#wanted | Ready.Writable);
        return false;
      }
      packet.release();
      if (written < 0) this.#writeFailed(written);
      return true;
    }
  }

  /** Nothing waits here: a TAP takes one frame a system call, so `transmit` has written it already. */
  flush(): void {}

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    if (this.#starved !== null) clearTimeout(this.#starved);
    this.#watch.close();
    this.#port.close(this.#fd);
    this.#onReadable = null;
  }

  #want(events: number): void {
    this.#wanted = this.#onReadable === null ? Ready.Nothing : events;
    if (this.#open && this.#starved === null) this.#watch.want(this.#wanted);
  }

  /** A frame that is cut at a packet's end must never pass for a whole one, so packets must hold what the device may carry. */
  #readInto(pool: PacketPool): boolean {
    const needed = this.capabilities.mtu + FRAME_OVERHEAD;
    if (pool.capacity < needed) {
      const remedy = `createMemory({ packetSize: ${needed} }), or a smaller MTU`;
      this.#fail(networkError("EMSGSIZE", "read", `MTU ${this.capabilities.mtu} with packets of ${pool.capacity} octets`, remedy));
      return false;
    }
    if (this.#header > 0) {
      const whole = pool.capacity >= LONGEST_FRAME ? OFFLOAD_SEGMENTS : 0;
      const told = this.#port.set(this.#fd, TUNSETOFFLOAD, OFFLOAD_CHECKSUM | whole);
      if (told < 0) {
        this.#fail(systemError("ioctl", told, `offloads of TAP ${this.interfaceName}`, { "": "open it without `offload`" }));
        return false;
      }
    }
    this.#readAddress = this.#port.address(pool.arena.memory);
    this.#readMemory = pool.arena.memory;
    return true;
  }

  /** Readiness is level-triggered: with nowhere to read to, it would be reported without end. */
  #starve(): void {
    this.counters.starved += 1;
    if (this.#starved !== null || this.#onReadable === null) return;
    this.#watch.want(Ready.Nothing);
    this.#starved = setTimeout(() => {
      this.#starved = null;
      this.#watch.want(this.#wanted);
    }, STARVED_MILLISECONDS).unref();
  }

  #readFailed(result: number): void {
    if (result === EBADFD || result === EBADF) this.#fail(this.#gone("read", result));
    else this.counters.readErrors += 1;
  }

  #writeFailed(result: number): void {
    if (result === EBADFD || result === EBADF) this.#fail(this.#gone("write", result));
    // EIO: down. EINVAL: shorter than a header. ENOBUFS, ENOMEM: no memory. None is the link's end.
    else this.counters.refused += 1;
  }

  #gone(syscall: string, result: number): NetworkError {
    const remedy = "somebody removed the device or its namespace: open it again";
    return systemError(syscall, result, `TAP ${this.interfaceName} is gone`, { "": remedy });
  }

  #fail(error: Error): void {
    const report = this.onError;
    this.close();
    if (report !== null) report(error);
  }
}

/** Inside the namespace of the calling thread, as /proc/sys/net is. A kernel without IPv6 has no such file. */
const setIpv6 = (name: string, on: boolean): void => {
  try {
    writeFileSync(`/proc/sys/net/ipv6/conf/${name}/disable_ipv6`, on ? "0" : "1");
  } catch {
    // Without the file or the permission its advertisements are ignored like any unknown frame.
  }
};
