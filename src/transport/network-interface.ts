/** The kernel's side of a device: its flags, MTU and addresses, by the requests of netdevice(7). No tool needs to be installed. */
import { networkError } from "../base/errors.js";
import { formatIp, type IpAddress, netmask } from "../ip/address.js";
import { nativePort } from "./native-load.js";
import { type NativePort, systemError } from "./native-port.js";

const AF_INET = 2;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const GET_FLAGS = 0x8913;
const SET_FLAGS = 0x8914;
const SET_ADDRESS = 0x8916;
const SET_NETMASK = 0x891c;
const GET_MTU = 0x8921;
const SET_MTU = 0x8922;
const SET_HARDWARE_ADDRESS = 0x8924;
const GET_HARDWARE_ADDRESS = 0x8927;
const GET_INDEX = 0x8933;
const SET_QUEUE_LENGTH = 0x8943;
const IFF_UP = 1;
const IFF_RUNNING = 0x40;
const ARPHRD_ETHER = 1;

/** Names are at most 15 octets, of characters that need no quoting; `%d` at the end asks the kernel for the first free number. */
export const checkInterfaceName = (name: string): void => {
  if (/^[A-Za-z0-9_.-]+(%d)?$/.test(name) && name.length <= 15 && name !== "." && name !== "..") return;
  throw networkError("EINVAL", "ioctl", `interface name ${JSON.stringify(name)}`, "want 1 to 15 letters, digits, or . _ -");
};

/** struct ifreq: the name, and a union that each request fills in its own way. Integers are in the machine's order, addresses in the network's. */
export const interfaceRequest = (name: string): DataView => {
  const request = new DataView(new ArrayBuffer(40));
  for (let i = 0; i < name.length; i++) request.setUint8(i, name.charCodeAt(i));
  return request;
};

/** The name in a request that the kernel has answered. */
export const requestedName = (request: DataView): string => {
  let name = "";
  for (let i = 0; i < 16 && request.getUint8(i) !== 0; i++) name += String.fromCharCode(request.getUint8(i));
  return name;
};

/** Interfaces of the namespace that the calling thread was in at construction: the socket remembers it. */
export class NetworkInterfaces {
  readonly #port: NativePort;
  readonly #socket: number;

  constructor() {
    this.#port = nativePort();
    this.#socket = this.#port.socket(AF_INET, SOCK_DGRAM_CLOEXEC, 0);
    if (this.#socket < 0) throw systemError("socket", this.#socket, "for interface requests");
  }

  exists(name: string): boolean {
    return this.#try(GET_FLAGS, interfaceRequest(name)) >= 0;
  }

  /** The number by which the kernel knows it. */
  index(name: string): number {
    const request = interfaceRequest(name);
    this.#ask(GET_INDEX, request, `index of ${name}`);
    return request.getInt32(16, LITTLE_ENDIAN);
  }

  isUp(name: string): boolean {
    const request = interfaceRequest(name);
    this.#ask(GET_FLAGS, request, `flags of ${name}`);
    return (request.getUint16(16, LITTLE_ENDIAN) & IFF_UP) !== 0;
  }

  /** Whether it is up, and the cable too; false for one that is gone. */
  isRunning(name: string): boolean {
    const request = interfaceRequest(name);
    return this.#try(GET_FLAGS, request) >= 0 && (request.getUint16(16, LITTLE_ENDIAN) & IFF_RUNNING) !== 0;
  }

  setUp(name: string, up: boolean): void {
    const request = interfaceRequest(name);
    this.#ask(GET_FLAGS, request, `flags of ${name}`);
    const flags = request.getUint16(16, LITTLE_ENDIAN);
    request.setUint16(16, up ? flags | IFF_UP : flags & ~IFF_UP, LITTLE_ENDIAN);
    this.#ask(SET_FLAGS, request, `${name} ${up ? "up" : "down"}`);
  }

  mtu(name: string): number {
    const request = interfaceRequest(name);
    this.#ask(GET_MTU, request, `MTU of ${name}`);
    return request.getInt32(16, LITTLE_ENDIAN);
  }

  setMtu(name: string, mtu: number): void {
    const request = interfaceRequest(name);
    request.setInt32(16, mtu, LITTLE_ENDIAN);
    this.#ask(SET_MTU, request, `MTU ${mtu} of ${name}`, { EINVAL: "the kernel wants 68 to 65521 for a TAP device" });
  }

  /** Replaces the interface's first address; the on-link route comes with it once the interface is up. */
  setAddress(name: string, address: IpAddress, prefixLength: number): void {
    if (!(prefixLength >= 1 && prefixLength <= 32)) throw networkError("EINVAL", "ioctl", `prefix length ${prefixLength}`, "want 1 to 32");
    const what = `address ${formatIp(address)}/${prefixLength} of ${name}`;
    this.#ask(SET_ADDRESS, addressRequest(name, address), what);
    this.#ask(SET_NETMASK, addressRequest(name, netmask(prefixLength)), what);
  }

  hardwareAddress(name: string): Uint8Array {
    const request = interfaceRequest(name);
    this.#ask(GET_HARDWARE_ADDRESS, request, `hardware address of ${name}`);
    return new Uint8Array(request.buffer.slice(18, 24));
  }

  setHardwareAddress(name: string, address: Uint8Array): void {
    const request = interfaceRequest(name);
    request.setUint16(16, ARPHRD_ETHER, LITTLE_ENDIAN);
    for (let i = 0; i < 6; i++) request.setUint8(18 + i, address[i]!);
    this.#ask(SET_HARDWARE_ADDRESS, request, `hardware address of ${name}`, { EADDRNOTAVAIL: "it must be a unicast address" });
  }

  /** Frames that wait for a reader before the kernel drops. */
  setQueueLength(name: string, frames: number): void {
    const request = interfaceRequest(name);
    request.setInt32(16, frames, LITTLE_ENDIAN);
    this.#ask(SET_QUEUE_LENGTH, request, `queue length ${frames} of ${name}`);
  }

  close(): void {
    this.#port.close(this.#socket);
  }

  #try(code: number, request: DataView): number {
    return this.#port.ioctl(this.#socket, code, new Uint8Array(request.buffer));
  }

  #ask(code: number, request: DataView, what: string, remedies: Readonly<Record<string, string>> = {}): void {
    const result = this.#try(code, request);
    if (result < 0) throw systemError("ioctl", result, what, { ENODEV: "there is no such interface in this namespace", ...remedies });
  }
}

export const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** struct sockaddr_in behind the name. */
const addressRequest = (name: string, address: number): DataView => {
  const request = interfaceRequest(name);
  request.setUint16(16, AF_INET, LITTLE_ENDIAN);
  request.setInt32(20, address);
  return request;
};
