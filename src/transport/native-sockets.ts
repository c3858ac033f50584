/** The kernel's socket calls for those who test a kernel: plain C functions, each of which returns its result or the negated errno. None
 *  blocks, if what it is given does not: who wants to wait asks again. */
import { createRequire } from "node:module";
import type { Koffi } from "./native-koffi.js";

export interface SocketCalls {
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array): number;
  listen(fd: number, backlog: number): number;
  accept4(fd: number, flags: number): number;
  connect(fd: number, address: Uint8Array): number;
  /** Where octets may be null they are a null pointer. */
  send(fd: number, octets: Uint8Array | null, length: number, flags: number): number;
  sendto(fd: number, octets: Uint8Array | null, length: number, flags: number, address: Uint8Array): number;
  recv(fd: number, octets: Uint8Array | null, length: number, flags: number): number;
  /** `header`: a msghdr, whose pointers are of `address`. */
  sendmsg(fd: number, header: Uint8Array, flags: number): number;
  recvmsg(fd: number, header: Uint8Array, flags: number): number;
  read(fd: number, octets: Uint8Array | null, length: number): number;
  write(fd: number, octets: Uint8Array | null, length: number): number;
  /** `ends`: two descriptors, of 32 bits each. */
  pipe(ends: Uint8Array): number;
  /** `offset`: 64 bits, or null. */
  sendfile(to: number, from: number, offset: Uint8Array | null, length: number): number;
  splice(from: number, to: number, length: number, flags: number): number;
  shutdown(fd: number, how: number): number;
  close(fd: number): number;
  fcntl(fd: number, command: number, argument: number): number;
  ioctl(fd: number, request: number, argument: Uint8Array): number;
  setsockopt(fd: number, level: number, name: number, value: Uint8Array): number;
  /** Fills `value`; returns how many octets of it. */
  getsockopt(fd: number, level: number, name: number, value: Uint8Array): number;
  getsockname(fd: number, address: Uint8Array): number;
  getpeername(fd: number, address: Uint8Array): number;
  /** `fds`: an array of pollfd. */
  poll(fds: Uint8Array, count: number): number;
  epollCreate(): number;
  epollCtl(epfd: number, operation: number, fd: number, event: Uint8Array): number;
  epollWait(epfd: number, events: Uint8Array, most: number): number;
  /** Where `memory` lies in the process. Valid while somebody holds it. */
  address(memory: ArrayBuffer): bigint;
}

const EIO = 5;

/** Throws when koffi is not there. */
export function socketCalls(): SocketCalls {
  const koffi = createRequire(import.meta.url)("koffi") as Koffi;
  const c = koffi.load(null);
  const call = (name: string, ...parameters: string[]): ((...values: readonly unknown[]) => number) => {
    const made = c.func(name, "int", parameters);
    return (...values) => {
      const result = made(...values);
      return result >= 0 ? result : -(koffi.errno() || EIO);
    };
  };
  const octets = "void *";
  const bind = call("bind", "int", octets, "uint32");
  const connect = call("connect", "int", octets, "uint32");
  const send = call("send", "int", octets, "size_t", "int");
  const sendto = call("sendto", "int", octets, "size_t", "int", octets, "uint32");
  const recv = call("recv", "int", octets, "size_t", "int");
  const accept4 = call("accept4", "int", octets, octets, "int");
  const setsockopt = call("setsockopt", "int", "int", "int", octets, "uint32");
  const getsockopt = call("getsockopt", "int", "int", "int", octets, octets);
  const name = { local: call("getsockname", "int", octets, octets), remote: call("getpeername", "int", octets, octets) };
  const poll = call("poll", octets, "ulong", "int");
  const splice = call("splice", "int", octets, "int", octets, "size_t", "uint");
  const epollWait = call("epoll_wait", "int", octets, "int", "int");
  const epollCreate = call("epoll_create1", "int");
  return {
    socket: call("socket", "int", "int", "int"),
    bind: (fd, address) => bind(fd, address, address.length),
    listen: call("listen", "int", "int"),
    accept4: (fd, flags) => accept4(fd, null, null, flags),
    connect: (fd, address) => connect(fd, address, address.length),
    send,
    sendto: (fd, text, length, flags, address) => sendto(fd, text, length, flags, address, address.length),
    recv,
    sendmsg: call("sendmsg", "int", octets, "int"),
    recvmsg: call("recvmsg", "int", octets, "int"),
    read: call("read", "int", octets, "size_t"),
    write: call("write", "int", octets, "size_t"),
    pipe: call("pipe", octets),
    sendfile: call("sendfile", "int", "int", octets, "size_t"),
    splice: (from, to, length, flags) => splice(from, null, to, null, length, flags),
    shutdown: call("shutdown", "int", "int"),
    close: call("close", "int"),
    fcntl: call("fcntl", "int", "int", "int"),
    ioctl: call("ioctl", "int", "ulong", octets),
    setsockopt: (fd, level, option, value) => setsockopt(fd, level, option, value, value.length),
    getsockopt: (fd, level, option, value) => {
      const length = Uint32Array.of(value.length);
      const done = getsockopt(fd, level, option, value, length);
      return done < 0 ? done : length[0]!;
    },
    getsockname: (fd, address) => name.local(fd, address, Uint32Array.of(address.length)),
    getpeername: (fd, address) => name.remote(fd, address, Uint32Array.of(address.length)),
    poll: (fds, count) => poll(fds, count, 0),
    epollCreate: () => epollCreate(0),
    epollCtl: call("epoll_ctl", "int", "int", "int", octets),
    epollWait: (epfd, events, most) => epollWait(epfd, events, most, 0),
    address: (memory) => koffi.address(memory),
  };
}
