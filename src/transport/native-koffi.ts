/** The native port on koffi: C functions called from JavaScript, prebuilt, so that a fresh machine needs no compiler.
 *  A read or write costs about 70 ns more than its system call. */
import { type NativePort, Ready, type Watch } from "./native-port.js";

/** The part of koffi used here: the package's types must not need an optional dependency. */
export interface Koffi {
  load(path: null): { func(name: string, result: string, parameters: readonly string[]): (...values: readonly unknown[]) => number };
  address(memory: ArrayBuffer): bigint;
  view(address: bigint, length: number): ArrayBuffer;
  errno(): number;
  readonly node: { poll(fd: number, wanted: PollEvents, ready: PollCallback): PollHandle };
}
interface PollEvents {
  readonly readable: boolean;
  readonly writable: boolean;
}
type PollCallback = (status: number, events: PollEvents) => void;
interface PollHandle {
  start(wanted: PollEvents, ready: PollCallback): void;
  stop(): void;
  close(): void;
  ref(): void;
  unref(): void;
}

const EIO = 5;
const MSG_DONTWAIT = 0x40;
const PROT_READ_WRITE = 3;
const MAP_SHARED_POPULATE = 0x8001;
const MAP_FAILED = -1;
/** The number of bpf(2), which the C library has no function for. */
/** The numbers of calls that the C library has no function for: those since Linux 5.1 are the same everywhere. */
const SYS_IO_URING_SETUP = 425;
const SYS_IO_URING_ENTER = 426;
const SYS_BPF: Readonly<Record<string, number>> = { x64: 321, arm64: 280, riscv64: 280, loong64: 280 };

export const koffiPort = (koffi: Koffi): NativePort => {
  const c = koffi.load(null);
  // Addresses are below 2^53, so they travel as numbers: a bigint for each call would be garbage.
  const open = c.func("open", "int", ["str", "int", "int"]);
  const close = c.func("close", "int", ["int"]);
  const ioctl = c.func("ioctl", "int", ["int", "ulong", "void *"]);
  const set = c.func("ioctl", "int", ["int", "ulong", "ulong"]);
  const read = c.func("read", "int", ["int", "uintptr_t", "uint32"]);
  const write = c.func("write", "int", ["int", "uintptr_t", "uint32"]);
  const socket = c.func("socket", "int", ["int", "int", "int"]);
  const bind = c.func("bind", "int", ["int", "void *", "uint32"]);
  const connect = c.func("connect", "int", ["int", "void *", "uint32"]);
  const setsockopt = c.func("setsockopt", "int", ["int", "int", "int", "void *", "uint32"]);
  const getsockopt = c.func("getsockopt", "int", ["int", "int", "int", "void *", "void *"]);
  const sendto = c.func("sendto", "int", ["int", "uintptr_t", "uint32", "int", "uintptr_t", "uint32"]);
  const recvfrom = c.func("recvfrom", "int", ["int", "uintptr_t", "uint32", "int", "uintptr_t", "uintptr_t"]);
  const mmap = c.func("mmap", "intptr_t", ["uintptr_t", "uint64", "int", "int", "int", "uint64"]);
  const munmap = c.func("munmap", "int", ["uintptr_t", "uint64"]);
  const memcpy = c.func("memcpy", "uintptr_t", ["uintptr_t", "uintptr_t", "uint32"]);
  const syscall = c.func("syscall", "long", ["long", "int", "void *", "uint32"]);
  const enter = c.func("syscall", "long", ["long", "int", "uint32", "uint32", "uint32", "uintptr_t", "uint64"]);
  const mapped = new Map<ArrayBuffer, { readonly address: number; readonly length: number }>();
  const setns = c.func("setns", "int", ["int", "int"]);
  const unshare = c.func("unshare", "int", ["int"]);
  const mount = c.func("mount", "int", ["str", "str", "str", "ulong", "void *"]);
  const umount2 = c.func("umount2", "int", ["str", "int"]);
  const result = (value: number): number => (value >= 0 ? value : -(koffi.errno() || EIO));
  return {
    open: (path, flags) => result(open(path, flags, 0o644)),
    close: (fd) => result(close(fd)),
    ioctl: (fd, request, argument) => result(ioctl(fd, request, argument)),
    set: (fd, request, value) => result(set(fd, request, value)),
    address: (memory) => Number(koffi.address(memory)),
    read: (fd, address, length) => result(read(fd, address, length)),
    write: (fd, address, length) => result(write(fd, address, length)),
    socket: (domain, type, protocol) => result(socket(domain, type, protocol)),
    bind: (fd, address) => result(bind(fd, address, address.length)),
    connect: (fd, address) => result(connect(fd, address, address.length)),
    setsockopt: (fd, level, name, value) => result(setsockopt(fd, level, name, value, value.length)),
    getsockopt: (fd, level, name, value) => {
      const length = Uint32Array.of(value.length);
      const done = result(getsockopt(fd, level, name, value, length));
      return done < 0 ? done : length[0]!;
    },
    kickSend: (fd) => result(sendto(fd, 0, 0, MSG_DONTWAIT, 0, 0)),
    kickReceive: (fd) => result(recvfrom(fd, 0, 0, MSG_DONTWAIT, 0, 0)),
    map: (fd, offset, length) => {
      const address = Number(mmap(0, length, PROT_READ_WRITE, MAP_SHARED_POPULATE, fd, offset));
      if (address === MAP_FAILED) return -(koffi.errno() || EIO);
      const memory = koffi.view(BigInt(address), length);
      mapped.set(memory, { address, length });
      return memory;
    },
    unmap: (memory) => {
      const where = mapped.get(memory);
      if (where === undefined) return;
      mapped.delete(memory);
      munmap(where.address, where.length);
    },
    copy: (to, from, length) => void memcpy(to, from, length),
    uringSetup: (entries, parameters) => result(syscall(SYS_IO_URING_SETUP, entries, parameters, 0)),
    uringEnter: (fd, submit) => result(enter(SYS_IO_URING_ENTER, fd, submit, 0, 0, 0, 0)),
    bpf: (command, attributes) => result(syscall(SYS_BPF[process.arch] ?? -1, command, attributes, attributes.length)),
    setns: (fd, kind) => result(setns(fd, kind)),
    unshare: (kinds) => result(unshare(kinds)),
    mount: (source, target, type, flags) => result(mount(source, target, type, flags, null)),
    unmount: (target, flags) => result(umount2(target, flags)),
    watch: (fd, onReady) => new KoffiWatch(koffi, fd, onReady),
  };
};

/** All open watches, for two reasons: koffi closes a handle whose JavaScript object is collected, and a worker that ends with a handle open
 *  takes the process down (seen with koffi 3.3.4; `worker.terminate()` runs no exit handler: ask the worker to stop instead). */
const watches = new Set<KoffiWatch>();
let exitHook = false;

class KoffiWatch implements Watch {
  readonly #koffi: Koffi;
  readonly #fd: number;
  readonly #ready: PollCallback;
  #handle: PollHandle | null = null;
  #wanted: number = Ready.Nothing;
  #referenced = true;
  #closed = false;

  constructor(koffi: Koffi, fd: number, onReady: (events: number) => void) {
    this.#koffi = koffi;
    this.#fd = fd;
    // An exception in koffi's callback is neither reported nor cleared, and the next call into koffi aborts the process.
    this.#ready = (status, events) => {
      try {
        if (this.#closed) return;
        if (status < 0) this.#wanted = Ready.Nothing;
        onReady(status < 0 ? Ready.Broken : (events.readable ? Ready.Readable : 0) | (events.writable ? Ready.Writable : 0));
      } catch (error) {
        setImmediate(() => {
          throw error;
        });
      }
    };
    watches.add(this);
    if (!exitHook) {
      exitHook = true;
      process.on("exit", () => {
        for (const watch of watches) watch.close();
      });
    }
  }

  want(events: number): void {
    if (this.#closed || events === this.#wanted) return;
    this.#wanted = events;
    if (events === Ready.Nothing) {
      this.#handle?.stop();
      return;
    }
    const wanted = { readable: (events & Ready.Readable) !== 0, writable: (events & Ready.Writable) !== 0 };
    if (this.#handle !== null) {
      this.#handle.start(wanted, this.#ready);
      return;
    }
    this.#handle = this.#koffi.node.poll(this.#fd, wanted, this.#ready);
    if (!this.#referenced) this.#handle.unref();
  }

  ref(): void {
    this.#referenced = true;
    this.#handle?.ref();
  }

  unref(): void {
    this.#referenced = false;
    this.#handle?.unref();
  }

  close(): void {
    // koffi guards a second close, but any other call after it is a null pointer.
    this.#closed = true;
    this.#handle?.close();
    this.#handle = null;
    watches.delete(this);
  }
}
