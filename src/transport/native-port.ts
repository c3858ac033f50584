/** The native port: what only a kernel can do. Every transport that needs one reaches the system through this interface, so that a
 *  machine without it loses these transports and nothing else. */
import { getSystemErrorName } from "node:util";
import { type ErrorCode, isErrorCode, type NetworkError, networkError } from "../base/errors.js";

/** What a watch waits for, and what it reports. */
export const Ready = { Nothing: 0, Readable: 1, Writable: 2, Broken: 4 } as const;

/** A descriptor watched by the event loop. While it is referenced it keeps the process alive. */
export interface Watch {
  /** Waits for `Ready` bits from now on; `Nothing` stops. Level-triggered: what is not taken is reported again. */
  want(events: number): void;
  ref(): void;
  unref(): void;
  /** Must come before the descriptor is closed. Closing twice does nothing. */
  close(): void;
}

/** System calls. Each returns its result, or the negated errno; none throws. */
export interface NativePort {
  open(path: string, flags: number): number;
  close(fd: number): number;
  /** `argument` is the structure the request reads and writes. */
  ioctl(fd: number, request: number, argument: Uint8Array): number;
  /** An ioctl whose argument is a number. */
  set(fd: number, request: number, value: number): number;
  /** Where `memory` lies in the process. Valid while somebody holds `memory`; a WebAssembly memory must not grow. */
  address(memory: ArrayBuffer): number;
  /** Straight between the descriptor and memory at an `address` plus an offset. */
  read(fd: number, address: number, length: number): number;
  write(fd: number, address: number, length: number): number;
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array): number;
  connect(fd: number, address: Uint8Array): number;
  setsockopt(fd: number, level: number, name: number, value: Uint8Array): number;
  /** Fills `value`; returns how many octets of it. */
  getsockopt(fd: number, level: number, name: number, value: Uint8Array): number;
  /** Lets a socket get on with what lies in its rings: a send, and a receive, of nothing that does not wait. */
  kickSend(fd: number): number;
  kickReceive(fd: number): number;
  /** Maps `length` octets of the descriptor, shared and read-write; a negated errno when it cannot. `unmap` makes the memory unusable. */
  map(fd: number, offset: number, length: number): ArrayBuffer | number;
  unmap(memory: ArrayBuffer): void;
  /** Octets from one `address` plus an offset to another; they do not overlap. */
  copy(to: number, from: number, length: number): void;
  /** io_uring_setup(2): fills in the `parameters`; returns the descriptor of the rings. */
  uringSetup(entries: number, parameters: Uint8Array): number;
  /** io_uring_enter(2): starts `submit` operations of the submission ring; returns how many it took. */
  uringEnter(fd: number, submit: number): number;
  /** bpf(2); pointers in the attributes are of `address`. */
  bpf(command: number, attributes: Uint8Array): number;
  /** Moves the calling thread into the namespace, or into a new one. */
  setns(fd: number, kind: number): number;
  unshare(kinds: number): number;
  mount(source: string, target: string, type: string, flags: number): number;
  unmount(target: string, flags: number): number;
  /** Starts with `Ready.Nothing`. `onReady` is called outside of any turn of Node's and must do no more than schedule one (setImmediate);
   *  `Ready.Broken`: the descriptor failed and is watched no longer. */
  watch(fd: number, onReady: (events: number) => void): Watch;
}

/** The error of a system call that returned `result`, a negated errno; `remedies` by code, and under "" for the rest. */
export const systemError = (
  syscall: string,
  result: number,
  what: string,
  remedies: Readonly<Record<string, string>> = {},
): NetworkError => {
  const name = getSystemErrorName(result);
  // What Node and libuv do not name is still told by number.
  const code: ErrorCode = isErrorCode(name) ? name : "EIO";
  const remedy = remedies[name] ?? remedies[""] ?? GENERAL[name];
  return networkError(code, syscall, code === name ? what : `${what} (${name})`, remedy);
};

const GENERAL: Readonly<Record<string, string>> = {
  EPERM: "run as root, or give node the capability cap_net_admin",
  EACCES: "run as root, or give node the capability cap_net_admin",
  EMFILE: "the process has too many open files: raise ulimit -n",
};

/** A C int in the machine's byte order: what most socket options take. */
export const int32 = (value: number): Uint8Array => new Uint8Array(Int32Array.of(value).buffer);
