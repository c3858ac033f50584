/** The XDP program that hands frames for our addresses to AF_XDP sockets and leaves the rest to the kernel; assembled here, loaded by bpf(2),
 *  attached by a link that the kernel takes away with the process (RFC 9669 for the instructions). */
import type { IpAddress } from "../../ip/address.js";
import { nativePort } from "../native-load.js";
import { type NativePort, systemError } from "../native-port.js";
import { LITTLE_ENDIAN, NetworkInterfaces } from "../network-interface.js";

const BPF_MAP_CREATE = 0;
const BPF_MAP_UPDATE_ELEM = 2;
const BPF_MAP_DELETE_ELEM = 3;
const BPF_PROG_LOAD = 5;
const BPF_LINK_CREATE = 28;
const BPF_MAP_TYPE_HASH = 1;
const BPF_MAP_TYPE_XSKMAP = 17;
const BPF_PROG_TYPE_XDP = 6;
const BPF_XDP = 37;
const BPF_F_XDP_HAS_FRAGS = 32;
const XDP_FLAGS_SKB_MODE = 2;
const XDP_FLAGS_DRV_MODE = 4;

const XDP_PASS = 2;
const MAP_LOOKUP = 1;
const REDIRECT_MAP = 51;
/** What a piece of memory has room for behind what a driver leaves free: a page, XDP_PACKET_HEADROOM, an Ethernet header with a tag. Frames of a
 *  larger MTU come in several pieces. */
export const MOST_MTU = 4_096 - 256 - 18;
/** Octets of the shortest frame that is looked at: an ARP message, or an IPv4 header with the eight octets of a UDP or ICMP header. */
const LEAST_FRAME = 42;
const MOST_ADDRESSES = 256;
const MOST_QUEUES = 64;

/** Each instruction: opcode, registers (source << 4 | destination), offset, immediate. */
type Instruction = readonly [opcode: number, registers: number, offset: number, immediate: number];

/** r0 to r10: result, arguments, saved, and the frame pointer. */
const program = (queues: number, addresses: number | null): Uint8Array => {
  const load = (size: number, to: number, from: number, offset: number): Instruction => [0x61 | size, (from << 4) | to, offset, 0];
  const WORD = 0x00;
  const HALF = 0x08;
  const move = (to: number, from: number): Instruction => [0xbf, (from << 4) | to, 0, 0];
  const set = (to: number, value: number): Instruction => [0xb7, to, 0, value];
  const add = (to: number, value: number): Instruction => [0x07, to, 0, value];
  const map = (to: number, fd: number): Instruction[] => [
    [0x18, (1 << 4) | to, 0, fd], // BPF_PSEUDO_MAP_FD
    [0, 0, 0, 0],
  ];
  const call = (helper: number): Instruction => [0x85, 0, 0, helper];
  const exit: Instruction = [0x95, 0, 0, 0];

  const redirect = [...map(1, queues), load(WORD, 2, 6, 16), set(3, XDP_PASS), call(REDIRECT_MAP), exit];
  const pass = [set(0, XDP_PASS), exit];
  const encode = (instructions: readonly Instruction[]): Uint8Array => {
    const octets = new DataView(new ArrayBuffer(8 * instructions.length));
    instructions.forEach(([opcode, registers, offset, immediate], i) => {
      octets.setUint8(8 * i, opcode);
      octets.setUint8(8 * i + 1, registers);
      octets.setInt16(8 * i + 2, offset, LITTLE_ENDIAN);
      octets.setInt32(8 * i + 4, immediate, LITTLE_ENDIAN);
    });
    return new Uint8Array(octets.buffer);
  };
  if (addresses === null) return encode([move(6, 1), ...redirect]);

  // Sixteen bits of the frame, as a load finds them.
  const network = (value: number): number => (LITTLE_ENDIAN ? ((value & 0xff) << 8) | (value >> 8) : value);
  const look: Instruction[] = [
    [0x63, (5 << 4) | 10, -4, 0], // the address to the stack
    ...map(1, addresses),
    move(2, 10),
    add(2, -4),
    call(MAP_LOOKUP),
  ];
  const found: Instruction[] = [[0x15, 0, redirect.length, 0], ...redirect]; // none: pass
  const target: Instruction[] = [
    [0x15, 5, 3, network(0x0806)], // ARP: the last of these
    [0x55, 5, 3 + look.length + found.length, network(0x0800)], // neither: pass
    load(WORD, 5, 2, 30), // IPv4: the destination
    [0x05, 0, 1, 0],
    load(WORD, 5, 2, 38), // ARP: the target protocol address
  ];
  const body: Instruction[] = [load(HALF, 5, 2, 12), ...target, ...look, ...found, ...pass];
  return encode([
    move(6, 1),
    load(WORD, 2, 6, 0),
    load(WORD, 3, 6, 4),
    move(4, 2),
    add(4, LEAST_FRAME),
    [0x2d, (3 << 4) | 4, body.length - pass.length, 0], // longer than the frame: pass
    ...body,
  ]);
};

export interface XdpProgramOptions {
  readonly interface: string;
  /** Frames to these IPv4 addresses, and ARP messages that ask for them or answer them, are ours. Absent: every frame of the interface. */
  readonly addresses?: readonly IpAddress[];
  /** "native": in the driver, before the kernel makes anything of a frame; "generic": behind it, on every driver, where frames may have been
   *  merged to more than a packet holds, and are lost then (`ethtool -K NAME gro off`, on a veth's other end `tso off gso off`). Absent: native
   *  where the driver has it, else generic. */
  readonly mode?: "native" | "generic";
}

/** What another thread of the process must know of a program to serve queues of it. */
export interface SharedXdpProgram {
  readonly interfaceName: string;
  readonly interfaceIndex: number;
  readonly mtu: number;
  readonly hardwareAddress: Uint8Array;
  readonly mode: "native" | "generic";
  /** Descriptors of the maps: the process has them. */
  readonly queues: number;
  readonly addresses: number;
}

/** A program attached to an interface, for one link a queue. Closed, or dead with the process, it is detached. */
export class XdpProgram {
  readonly interfaceName: string;
  readonly interfaceIndex: number;
  readonly mtu: number;
  readonly hardwareAddress: Uint8Array;
  readonly mode: "native" | "generic";
  readonly #port: NativePort;
  readonly #queues: number;
  readonly #addresses: number;
  readonly #descriptors: number[];
  #open = true;

  /** A program that another thread of this process has made, and closes when nobody uses it any more. */
  static join(shared: SharedXdpProgram): XdpProgram {
    return new XdpProgram(shared);
  }

  /** In the namespace of the calling thread. Throws a NetworkError with the remedy: EPERM, EBUSY, ENODEV, ENOTSUP, EINVAL. */
  constructor(options: XdpProgramOptions | SharedXdpProgram) {
    const port = nativePort();
    this.#port = port;
    this.#descriptors = [];
    if (!("interface" in options)) {
      this.interfaceName = options.interfaceName;
      this.interfaceIndex = options.interfaceIndex;
      this.mtu = options.mtu;
      this.hardwareAddress = options.hardwareAddress;
      this.mode = options.mode;
      this.#queues = options.queues;
      this.#addresses = options.addresses;
      return;
    }
    const interfaces = new NetworkInterfaces();
    this.interfaceName = options.interface;
    try {
      this.interfaceIndex = interfaces.index(options.interface);
      this.mtu = interfaces.mtu(options.interface);
      this.hardwareAddress = interfaces.hardwareAddress(options.interface);
      this.#queues = this.#keep(bpf(port, BPF_MAP_CREATE, [BPF_MAP_TYPE_XSKMAP, 4, 4, MOST_QUEUES]), "map of queues");
      const { addresses } = options;
      this.#addresses =
        addresses === undefined ? -1 : this.#keep(bpf(port, BPF_MAP_CREATE, [BPF_MAP_TYPE_HASH, 4, 4, MOST_ADDRESSES]), "map of addresses");
      for (const address of addresses ?? []) this.claim(address);
      const loaded = this.#keep(
        load(port, program(this.#queues, addresses === undefined ? null : this.#addresses), this.mtu > MOST_MTU),
        "program",
      );
      this.mode = this.#attach(loaded, options.mode);
    } catch (error) {
      this.close();
      throw error;
    } finally {
      interfaces.close();
    }
  }

  /** For `join`, in another thread. */
  share(): SharedXdpProgram {
    const { interfaceName, interfaceIndex, mtu, hardwareAddress, mode } = this;
    return { interfaceName, interfaceIndex, mtu, hardwareAddress, mode, queues: this.#queues, addresses: this.#addresses };
  }

  /** Frames to this address are ours from now on. */
  claim(address: IpAddress): void {
    this.#update(this.#addresses, addressKey(address), new Uint8Array(4), `address of ${this.interfaceName}`);
  }

  /** Frames to this address are the kernel's again. */
  release(address: IpAddress): void {
    this.#port.bpf(BPF_MAP_DELETE_ELEM, elementAttributes(this.#port, this.#addresses, addressKey(address), new Uint8Array(4)));
  }

  /** Frames of this queue go to this socket. */
  serve(queue: number, socket: number): void {
    this.#update(this.#queues, words([queue]), words([socket]), `queue ${queue} of ${this.interfaceName}`);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    for (const fd of this.#descriptors.reverse()) this.#port.close(fd);
  }

  #attach(loaded: number, mode: "native" | "generic" | undefined): "native" | "generic" {
    const modes = mode === undefined ? (["native", "generic"] as const) : [mode];
    let result = 0;
    for (const tried of modes) {
      const flags = tried === "native" ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
      result = bpf(this.#port, BPF_LINK_CREATE, [loaded, this.interfaceIndex, BPF_XDP, flags]);
      if (result < 0) continue;
      this.#descriptors.push(result);
      return tried;
    }
    throw systemError("bpf", result, `XDP program on ${this.interfaceName}`, REMEDIES);
  }

  #update(map: number, key: Uint8Array, value: Uint8Array, what: string): void {
    const result = this.#port.bpf(BPF_MAP_UPDATE_ELEM, elementAttributes(this.#port, map, key, value));
    if (result < 0) throw systemError("bpf", result, what, { E2BIG: `use at most ${MOST_ADDRESSES} addresses and ${MOST_QUEUES} queues` });
  }

  #keep(fd: number, what: string): number {
    if (fd < 0) throw systemError("bpf", fd, `XDP ${what} for ${this.interfaceName}`, REMEDIES);
    this.#descriptors.push(fd);
    return fd;
  }
}

const REMEDIES = {
  EPERM: "run as root, or give node the capabilities cap_bpf, cap_net_admin and cap_net_raw",
  EBUSY: "another program is attached to the interface: end it, or wait a moment if it has just ended",
  EEXIST: "another program is attached to the interface: ip link set NAME xdp off",
  EOPNOTSUPP: 'the driver has no native XDP: use the mode "generic"',
  EINVAL: "the driver refuses: an MTU above a page needs multi-buffer, and a bond or bridge has no XDP of its own",
  E2BIG: "this kernel is too old for XDP links: 5.9 or later",
  ENOMEM: "no memory that may be locked is left: raise ulimit -l",
};

const words = (values: readonly number[]): Uint8Array => {
  const octets = new DataView(new ArrayBuffer(4 * values.length));
  for (let i = 0; i < values.length; i++) octets.setInt32(4 * i, values[i]!, LITTLE_ENDIAN);
  return new Uint8Array(octets.buffer);
};

/** As the frame has it: in network order. */
const addressKey = (address: IpAddress): Uint8Array => {
  const octets = new DataView(new ArrayBuffer(4));
  octets.setInt32(0, address);
  return new Uint8Array(octets.buffer);
};

/** union bpf_attr is as long as the longest member; what is beyond ours is zero. */
const ATTRIBUTES = 128;

const bpf = (port: NativePort, command: number, values: readonly number[]): number => {
  const attributes = new Uint8Array(ATTRIBUTES);
  attributes.set(words(values));
  return port.bpf(command, attributes);
};

const elementAttributes = (port: NativePort, map: number, key: Uint8Array, value: Uint8Array): Uint8Array => {
  const attributes = new DataView(new ArrayBuffer(ATTRIBUTES));
  attributes.setInt32(0, map, LITTLE_ENDIAN);
  attributes.setBigUint64(8, BigInt(port.address(key.buffer as ArrayBuffer)), LITTLE_ENDIAN);
  attributes.setBigUint64(16, BigInt(port.address(value.buffer as ArrayBuffer)), LITTLE_ENDIAN);
  return new Uint8Array(attributes.buffer);
};

const LICENSE = new TextEncoder().encode("GPL\0");

const load = (port: NativePort, instructions: Uint8Array, pieces: boolean): number => {
  const license = LICENSE.slice();
  const attributes = new DataView(new ArrayBuffer(ATTRIBUTES));
  attributes.setUint32(0, BPF_PROG_TYPE_XDP, LITTLE_ENDIAN);
  attributes.setUint32(4, instructions.length / 8, LITTLE_ENDIAN);
  attributes.setBigUint64(8, BigInt(port.address(instructions.buffer as ArrayBuffer)), LITTLE_ENDIAN);
  attributes.setBigUint64(16, BigInt(port.address(license.buffer as ArrayBuffer)), LITTLE_ENDIAN);
  attributes.setUint32(44, pieces ? BPF_F_XDP_HAS_FRAGS : 0, LITTLE_ENDIAN);
  return port.bpf(BPF_PROG_LOAD, new Uint8Array(attributes.buffer));
};
