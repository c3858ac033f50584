/** The BSD socket interface over one stack, for testers: descriptors, errno, blocking and not, poll and epoll, socket options.
 *
 *  There is no thread and no Promise. A call returns a `Call`, which is done unless it would block on a blocking descriptor; then it is
 *  done when the stack has delivered what it waits for, or when its time is over (`nextTimeout`, `expire`). What a call gives the stack
 *  to send leaves before it returns. */
import { type Micros, NEVER } from "../base/environment.js";
import type { Stack } from "../stack/stack.js";
import { Call, type Outcome } from "./call.js";
import { constantNamed, Msg, Poll } from "./constants.js";
import { Epoll, type EpollEvent } from "./epoll.js";
import type { Errno } from "./errno.js";
import { gather, type IoVec, isFaulty, type Message, type OptionValue, type SocketAddress, scatter, vectorLength } from "./message.js";
import { linuxPersonality, type Personality } from "./personality.js";
import { Pipe } from "./pipe.js";
import type { OptionGot, Socket } from "./socket.js";
import { TcpSocket } from "./tcp-socket.js";
import { UdpSocket } from "./udp-socket.js";

export interface PollFd {
  readonly fd: number;
  readonly events: number;
  /** Filled by `poll`. */
  revents: number;
}

/** What a descriptor names: one of the four. */
interface File {
  readonly socket: Socket | null;
  readonly epoll: Epoll | null;
  readonly pipe: PipeEnd | null;
  readonly regular: RegularFile | null;
  /** O_NONBLOCK. */
  nonBlocking: boolean;
  closed: boolean;
}

interface PipeEnd {
  readonly pipe: Pipe;
  readonly writes: boolean;
}

interface RegularFile {
  readonly octets: Uint8Array;
  position: number;
}

const newFile = (nonBlocking: boolean, what: Partial<File>): File => ({
  socket: null,
  epoll: null,
  pipe: null,
  regular: null,
  closed: false,
  ...what,
  nonBlocking,
});

const SPLICE_F_NONBLOCK = 2;
const SPLICE_F_MORE = 4;

/** The first descriptor: 0 to 2 belong to somebody else. */
const FIRST_FD = 3;

export class Sockets {
  readonly stack: Stack;
  readonly personality: Personality;
  readonly #now: () => Micros;
  readonly #files = new Map<number, File>();
  /** What `open` finds. */
  readonly #stored = new Map<string, Uint8Array>();
  /** Calls that wait. */
  #waiting: Call[] = [];
  readonly #news = (): void => this.#retry();

  constructor(stack: Stack, now: () => Micros, personality: Personality = linuxPersonality) {
    this.stack = stack;
    this.personality = personality;
    this.#now = now;
  }

  /** `domain`, `type` and `protocol` by the numbers of the personality's system. */
  socket(domain: number, type: number, protocol: number): Call {
    return this.#call("socket", () => {
      const of = (name: string): number => constantNamed(name, this.personality.system)!;
      if (domain !== of("AF_INET")) return "EAFNOSUPPORT";
      const kind = type & 0xff;
      const environment = { stack: this.stack, personality: this.personality, now: this.#now, news: this.#news };
      let socket: Socket;
      if (kind === of("SOCK_STREAM") && (protocol === 0 || protocol === of("IPPROTO_TCP"))) socket = new TcpSocket(environment);
      else if (kind === of("SOCK_DGRAM") && (protocol === 0 || protocol === of("IPPROTO_UDP"))) socket = new UdpSocket(environment);
      else return kind === of("SOCK_STREAM") || kind === of("SOCK_DGRAM") ? "EPROTONOSUPPORT" : "ESOCKTNOSUPPORT";
      return this.#open(newFile((type & of("SOCK_NONBLOCK")) !== 0, { socket }));
    });
  }

  bind(fd: number, to: SocketAddress): Call {
    return this.#onSocket("bind", fd, (socket) => socket.bind(to));
  }

  listen(fd: number, backlog: number): Call {
    return this.#onSocket("listen", fd, (socket) => socket.listen(backlog));
  }

  /** `to` null: AF_UNSPEC, which disconnects. */
  connect(fd: number, to: SocketAddress | null): Call {
    const file = this.#file(fd);
    let asked = false;
    return this.#onSocket(
      "connect",
      fd,
      (socket) => {
        if (asked) return socket.connected();
        asked = true;
        const outcome = socket.connect(to);
        return outcome === "EINPROGRESS" && file?.nonBlocking === false ? socket.connected() : outcome;
      },
      (socket) => socket.sendTimeout,
      0,
      () => "EINPROGRESS",
    );
  }

  /** `from`, if given, takes the peer's address. `flags`: SOCK_NONBLOCK. */
  accept(fd: number, from: { name: SocketAddress | null } | null = null, flags = 0): Call {
    return this.#onSocket(
      "accept",
      fd,
      (listener) => {
        const socket = listener.accept();
        if (typeof socket === "string") return socket;
        const name = socket.remoteName();
        if (from !== null) from.name = typeof name === "string" ? null : name;
        const nonBlocking = (flags & constantNamed("SOCK_NONBLOCK", this.personality.system)!) !== 0;
        return this.#open(newFile(nonBlocking, { socket }));
      },
      (socket) => socket.receiveTimeout,
    );
  }

  /** `ends` takes the descriptors to read from and to write to. */
  pipe(ends: { read: number; write: number }): Call {
    return this.#call("pipe", () => {
      const pipe = new Pipe();
      ends.read = this.#open(newFile(false, { pipe: { pipe, writes: false } }));
      ends.write = this.#open(newFile(false, { pipe: { pipe, writes: true } }));
      return 0;
    });
  }

  /** Makes a file that `open` finds. */
  store(path: string, octets: Uint8Array): void {
    this.#stored.set(path, octets);
  }

  /** Opens what was stored, to be read. */
  open(path: string, flags: number): Call {
    return this.#call("open", () => {
      const octets = this.#stored.get(path);
      if (octets === undefined) return "ENOENT";
      return (flags & 3) === constantNamed("O_RDONLY", this.personality.system)
        ? this.#open(newFile(false, { regular: { octets, position: 0 } }))
        : "EACCES";
    });
  }

  /** Octets of a file into a stream; `offset` null: from where the file is. */
  sendfile(to: number, from: number, offset: number | null, length: number): Call {
    const source = this.#file(from);
    if (source === null) return this.#call("sendfile", () => "EBADF");
    const { regular } = source;
    if (regular === null) return this.#call("sendfile", () => "EINVAL");
    const start = offset ?? regular.position;
    const octets = regular.octets.subarray(start, start + length);
    const moved = (count: number): void => {
      if (offset === null) regular.position += count;
    };
    return this.#send("sendfile", to, { ...messageOf([{ base: octets, length: octets.length }]) }, 0, moved);
  }

  /** Octets from a stream into a pipe, or from a pipe into a stream, as many as there are and fit. */
  splice(from: number, to: number, length: number, flags: number): Call {
    const source = this.#file(from);
    const target = this.#file(to);
    if (source === null || target === null) return this.#call("splice", () => "EBADF");
    if (target.pipe?.writes && source.socket !== null) return this.#spliceOut(source.socket, source, target.pipe.pipe, length, flags);
    if (source.pipe?.writes === false && target.socket !== null)
      return this.#spliceIn(source.pipe.pipe, target.socket, target, length, flags);
    return this.#call("splice", () => "EINVAL");
  }

  read(fd: number, buffer: IoVec["base"], length: number): Call {
    const opened = this.#file(fd);
    if (opened?.pipe || opened?.regular) return this.#readHere(opened, [{ base: buffer, length }]);
    return this.#receive("read", fd, messageOf([{ base: buffer, length }]), 0);
  }

  readv(fd: number, iov: readonly IoVec[]): Call {
    return this.#receive("readv", fd, messageOf(iov), 0);
  }

  recv(fd: number, buffer: IoVec["base"], length: number, flags: number): Call {
    return this.#receive("recv", fd, messageOf([{ base: buffer, length }]), flags);
  }

  /** `from`, if given, takes the sender's address. */
  recvfrom(fd: number, buffer: IoVec["base"], length: number, flags: number, from: { name: SocketAddress | null } | null = null): Call {
    const message = messageOf([{ base: buffer, length }]);
    return this.#receive("recvfrom", fd, message, flags, () => {
      if (from !== null) from.name = message.name;
    });
  }

  /** Fills `message`: its vector, name, flags and control messages. */
  recvmsg(fd: number, message: Message, flags: number): Call {
    return this.#receive("recvmsg", fd, message, flags);
  }

  write(fd: number, buffer: IoVec["base"], length: number): Call {
    const opened = this.#file(fd);
    if (opened?.pipe) return this.#writeHere(opened.pipe, opened, [{ base: buffer, length }]);
    return this.#send("write", fd, messageOf([{ base: buffer, length }]), 0);
  }

  writev(fd: number, iov: readonly IoVec[]): Call {
    return this.#send("writev", fd, messageOf(iov), 0);
  }

  send(fd: number, buffer: IoVec["base"], length: number, flags: number): Call {
    return this.#send("send", fd, messageOf([{ base: buffer, length }]), flags);
  }

  sendto(fd: number, buffer: IoVec["base"], length: number, flags: number, to: SocketAddress | null): Call {
    return this.#send("sendto", fd, { ...messageOf([{ base: buffer, length }]), name: to }, flags);
  }

  sendmsg(fd: number, message: Message, flags: number): Call {
    return this.#send("sendmsg", fd, message, flags);
  }

  /** `how`: SHUT_RD, SHUT_WR, SHUT_RDWR. */
  shutdown(fd: number, how: number): Call {
    return this.#onSocket("shutdown", fd, (socket) => (how >= 0 && how <= 2 ? socket.shutdown(how) : "EINVAL"));
  }

  close(fd: number): Call {
    const file = this.#file(fd);
    if (file === null) return this.#call("close", () => "EBADF");
    this.#files.delete(fd);
    file.closed = true;
    for (const other of this.#files.values()) other.epoll?.forget(fd);
    const { socket, pipe } = file;
    if (pipe?.writes) pipe.pipe.writers -= 1;
    else if (pipe) pipe.pipe.readers -= 1;
    if (socket === null) return this.#call("close", () => 0);
    const until = socket.lingerUntil(this.#now());
    return this.#call(
      "close",
      () => socket.close(),
      until !== NEVER && !file.nonBlocking,
      until,
      () => 0,
    );
  }

  /** F_GETFL, F_SETFL, and F_GETFD and F_SETFD, which do nothing. */
  fcntl(fd: number, command: number, argument = 0): Call {
    return this.#call("fcntl", () => {
      const file = this.#file(fd);
      if (file === null) return "EBADF";
      const of = (name: string): number => constantNamed(name, this.personality.system)!;
      if (command === of("F_GETFL")) return of("O_RDWR") | (file.nonBlocking ? of("O_NONBLOCK") : 0);
      if (command === of("F_SETFL")) file.nonBlocking = (argument & of("O_NONBLOCK")) !== 0;
      else if (command !== of("F_GETFD") && command !== of("F_SETFD")) return "EINVAL";
      return 0;
    });
  }

  /** The request by its name, as "SIOCOUTQ". `result` takes what the kernel would write to the third argument. */
  ioctl(fd: number, request: string, result: { value: number }): Call {
    return this.#call("ioctl", () => {
      const file = this.#file(fd);
      if (file === null) return "EBADF";
      if (request === "FIONBIO") {
        file.nonBlocking = result.value !== 0;
        return 0;
      }
      if (file.socket === null) return "ENOTTY";
      const outcome = file.socket.ioctl(request);
      if (typeof outcome === "string") return outcome;
      result.value = outcome;
      return 0;
    });
  }

  /** Level and option by name, as "IPPROTO_TCP" or "SOL_TCP", and "TCP_NODELAY". `length`: octets of the value, of which a number has four;
   *  options of IP take one, too. */
  setsockopt(fd: number, level: string, name: string, value: OptionValue, length = 4): Call {
    const of = canonicalLevel(level);
    const short = typeof value === "number" && length < (of === "IPPROTO_IP" ? 1 : 4);
    return this.#onSocket("setsockopt", fd, (socket) => (short ? "EINVAL" : socket.setOption(of, name, value)));
  }

  /** `result` takes the value and how many octets it has. */
  getsockopt(fd: number, level: string, name: string, result: { value: OptionValue; length: number }): Call {
    return this.#onSocket("getsockopt", fd, (socket) => {
      const got: OptionGot | Errno = socket.getOption(canonicalLevel(level), name);
      if (typeof got === "string") return got;
      result.value = got.value;
      result.length = got.length;
      return 0;
    });
  }

  getsockname(fd: number, result: { name: SocketAddress | null }): Call {
    return this.#onSocket("getsockname", fd, (socket) => nameInto(socket.localName(), result));
  }

  getpeername(fd: number, result: { name: SocketAddress | null }): Call {
    return this.#onSocket("getpeername", fd, (socket) => nameInto(socket.remoteName(), result));
  }

  /** `timeout` in milliseconds; -1: for ever. */
  poll(fds: readonly PollFd[], timeout: number): Call {
    const attempt = (): Outcome => {
      let ready = 0;
      for (const entry of fds) {
        entry.revents = entry.fd < 0 ? 0 : this.#readiness(entry.fd) & (entry.events | Poll.ERR | Poll.HUP | Poll.NVAL);
        if (entry.revents !== 0) ready += 1;
      }
      return ready > 0 || timeout === 0 ? ready : "EAGAIN";
    };
    return this.#call("poll", attempt, true, this.#after(timeout), () => 0);
  }

  epollCreate(): Call {
    return this.#call("epoll_create", () => this.#open(newFile(false, { epoll: new Epoll() })));
  }

  /** `operation`: EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD. */
  epollCtl(epfd: number, operation: number, fd: number, event: EpollEvent): Call {
    return this.#call("epoll_ctl", () => {
      const epoll = this.#file(epfd)?.epoll;
      const file = this.#file(fd);
      if (epoll === undefined || file === null) return "EBADF";
      if (epoll === null || file.socket === null) return "EINVAL";
      const of = (name: string): number => constantNamed(name, this.personality.system)!;
      if (operation === of("EPOLL_CTL_ADD")) return epoll.control("add", fd, file.socket, event);
      if (operation === of("EPOLL_CTL_MOD")) return epoll.control("mod", fd, file.socket, event);
      return operation === of("EPOLL_CTL_DEL") ? epoll.control("del", fd, file.socket, event) : "EINVAL";
    });
  }

  /** `events` takes what is told, at most `most`; `timeout` in milliseconds, -1: for ever. */
  epollWait(epfd: number, events: EpollEvent[], most: number, timeout: number): Call {
    const attempt = (): Outcome => {
      const epoll = this.#file(epfd)?.epoll;
      if (epoll === undefined) return "EBADF";
      if (epoll === null || most <= 0) return "EINVAL";
      events.splice(0, events.length, ...epoll.take(most));
      return events.length > 0 || timeout === 0 ? events.length : "EAGAIN";
    };
    return this.#call("epoll_wait", attempt, true, this.#after(timeout), () => 0);
  }

  /** The socket behind a descriptor, for those who look inside; null: there is none. */
  socketOf(fd: number): Socket | null {
    return this.#file(fd)?.socket ?? null;
  }

  /** When a call that waits gives up; NEVER: none does. Turn the crank then, and call `expire`. */
  nextTimeout(): Micros {
    let next: Micros = NEVER;
    for (const call of this.#waiting) next = Math.min(next, call.deadline);
    return next;
  }

  /** Ends calls that have waited too long. */
  expire(): void {
    this.#retry();
  }

  #open(file: File): number {
    let fd = FIRST_FD;
    while (this.#files.has(fd)) fd += 1;
    this.#files.set(fd, file);
    return fd;
  }

  #file(fd: number): File | null {
    return this.#files.get(fd) ?? null;
  }

  #readiness(fd: number): number {
    const file = this.#file(fd);
    if (file === null) return Poll.NVAL;
    return file.socket !== null ? file.socket.readiness() : file.epoll?.ready ? Poll.IN : 0;
  }

  #readHere(opened: File, iov: readonly IoVec[]): Call {
    return this.#call(
      "read",
      () => {
        if (opened.pipe?.writes) return "EBADF";
        if (isFaulty(iov)) return "EFAULT";
        const octets = new Uint8Array(vectorLength(iov));
        const { pipe, regular } = opened;
        let outcome: Outcome = 0;
        if (pipe !== null) outcome = pipe.pipe.read(octets);
        else if (regular !== null) {
          outcome = Math.min(octets.length, regular.octets.length - regular.position);
          octets.set(regular.octets.subarray(regular.position, regular.position + outcome));
          regular.position += outcome;
        }
        if (typeof outcome === "number") scatter(octets.subarray(0, outcome), iov);
        return outcome;
      },
      !opened.nonBlocking,
    );
  }

  #writeHere({ pipe, writes }: PipeEnd, opened: File, iov: readonly IoVec[]): Call {
    return this.#call("write", () => (!writes ? "EBADF" : isFaulty(iov) ? "EFAULT" : pipe.write(gather(iov))), !opened.nonBlocking);
  }

  #spliceOut(socket: Socket, { nonBlocking }: File, pipe: Pipe, length: number, flags: number): Call {
    const attempt = (): Outcome => {
      const octets = new Uint8Array(Math.min(length, pipe.room));
      if (octets.length === 0) return length === 0 ? 0 : "EAGAIN";
      const outcome = socket.spliceOut(octets, !nonBlocking);
      return typeof outcome === "number" ? pipe.write(octets.subarray(0, outcome)) : outcome;
    };
    return this.#call("splice", attempt, !nonBlocking && (flags & SPLICE_F_NONBLOCK) === 0);
  }

  #spliceIn(pipe: Pipe, socket: Socket, { nonBlocking }: File, length: number, flags: number): Call {
    let moved = 0;
    const attempt = (): Outcome => {
      if (pipe.length === 0 && moved === 0) return pipe.writers === 0 ? 0 : "EAGAIN";
      while (moved < length && pipe.length > 0) {
        const piece = pipe.peek(length - moved);
        const more = (flags & SPLICE_F_MORE) !== 0 || piece.length < Math.min(pipe.length, length - moved);
        const outcome = socket.send(piece, more ? Msg.MORE : 0, null, !nonBlocking, moved > 0);
        if (typeof outcome === "string") return moved > 0 && outcome !== "EAGAIN" ? moved : moved > 0 && nonBlocking ? moved : outcome;
        pipe.discard(outcome);
        moved += outcome;
      }
      return moved;
    };
    return this.#call("splice", attempt, !nonBlocking && (flags & SPLICE_F_NONBLOCK) === 0);
  }

  #receive(name: string, fd: number, message: Message, flags: number, filled: () => void = () => {}): Call {
    const wanted = vectorLength(message.iov);
    const all = new Uint8Array(wanted);
    const faulty = isFaulty(message.iov);
    let taken = 0;
    const attempt = (socket: Socket): Outcome => {
      if (faulty) {
        // What there is stays: it cannot be copied.
        const there = socket.receive(new Uint8Array(1), flags | Msg.PEEK, message);
        return typeof there === "number" && there > 0 ? "EFAULT" : there;
      }
      for (;;) {
        const outcome = socket.receive(all.subarray(taken), flags, message);
        // MSG_WAITALL: until it is full, or nothing more comes.
        if (flags & Msg.WAITALL && socket.stream && (flags & Msg.PEEK) === 0) {
          if (typeof outcome === "number" && outcome > 0) {
            taken += outcome;
            if (taken < wanted) continue;
          } else if (outcome === "EAGAIN" || taken === 0) return outcome;
          scatter(all.subarray(0, taken), message.iov);
          filled();
          return taken;
        }
        if (typeof outcome === "number") {
          scatter(all.subarray(0, Math.min(outcome, wanted)), message.iov);
          filled();
        }
        return outcome;
      }
    };
    const late = (): Outcome => (taken > 0 ? taken : "EAGAIN");
    // Nobody waits for the error queue.
    const waiting = flags & Msg.ERRQUEUE ? flags | Msg.DONTWAIT : flags;
    return this.#onSocket(name, fd, attempt, (socket) => socket.receiveTimeout, waiting, late);
  }

  #send(name: string, fd: number, message: Message, flags: number, moved: (count: number) => void = () => {}): Call {
    const faulty = isFaulty(message.iov);
    const octets = faulty ? new Uint8Array(0) : gather(message.iov);
    const file = this.#file(fd);
    const pages = (flags & Msg.ZEROCOPY) !== 0 ? pageGroups(message.iov) : [];
    let sent = 0;
    let again = false;
    const blocking = file?.nonBlocking === false && (flags & Msg.DONTWAIT) === 0;
    const attempt = (socket: Socket): Outcome => {
      for (;;) {
        // The call opens at most once.
        const end = pages.find((each) => each > sent) ?? octets.length;
        const once = sent > 0 ? flags & ~Msg.FASTOPEN : flags;
        const bits = end < octets.length ? (once & ~Msg.ZEROCOPY) | Msg.EOR : once;
        const outcome = socket.send(octets.subarray(sent, end), bits, message.name, blocking, again);
        again = true;
        if (typeof outcome === "string") return sent > 0 && (outcome !== "EAGAIN" || !blocking) ? sent : outcome;
        if (faulty) return "EFAULT";
        sent += outcome;
        moved(outcome);
        // A blocking stream goes on until all is queued.
        if (sent >= octets.length || !socket.stream || (!blocking && sent < end)) return sent;
      }
    };
    return this.#onSocket(
      name,
      fd,
      attempt,
      (socket) => socket.sendTimeout,
      flags,
      () => (sent > 0 ? sent : "EAGAIN"),
    );
  }

  #onSocket(
    name: string,
    fd: number,
    attempt: (socket: Socket) => Outcome,
    timeout: (socket: Socket) => Micros = () => 0,
    flags = 0,
    late: () => Outcome = () => "EAGAIN",
  ): Call {
    const file = this.#file(fd);
    const socket = file?.socket ?? null;
    if (file === null) return this.#call(name, () => "EBADF");
    if (socket === null) return this.#call(name, () => "ENOTSOCK");
    const wait = !file.nonBlocking && (flags & Msg.DONTWAIT) === 0;
    const most = timeout(socket);
    const deadline = most > 0 ? this.#now() + most : NEVER;
    return this.#call(name, () => (file.closed ? "EBADF" : attempt(socket)), wait, deadline, late);
  }

  #call(name: string, attempt: () => Outcome, wait = false, deadline: Micros = NEVER, late: () => Outcome = () => "EAGAIN"): Call {
    const now = this.#now();
    const call = new Call(name, now, attempt, deadline, late);
    if (!call.run(now, wait)) this.#waiting.push(call);
    // What a call gives to send leaves before it returns, and what it frees others may be waiting for.
    this.stack.flush(now);
    if (this.#waiting.length > 0) this.#retry();
    return call;
  }

  /** Something has happened: whatever waits tries again. */
  #retry(): void {
    if (this.#waiting.length === 0) return;
    const now = this.#now();
    const waiting = this.#waiting;
    this.#waiting = [];
    const done: Call[] = [];
    for (const call of waiting) {
      if (call.run(now, true)) done.push(call);
      else this.#waiting.push(call);
    }
    for (const call of done) call.onDone?.(call);
  }

  #after(milliseconds: number): Micros {
    return milliseconds < 0 ? NEVER : this.#now() + milliseconds * 1_000;
  }
}

/** What is sent without a copy is lent page by page, so many of which one packet can refer to. */
const MOST_PAGES = 17;

/** Where in the octets of a vector packets end that can refer to no more. */
function pageGroups(iov: readonly IoVec[]): number[] {
  const ends: number[] = [];
  let octets = 0;
  for (const [i, { length }] of iov.entries()) {
    octets += length;
    if ((i + 1) % MOST_PAGES === 0 && i + 1 < iov.length) ends.push(octets);
  }
  return ends;
}

const messageOf = (iov: readonly IoVec[]): Message => ({ name: null, iov, control: [], flags: 0 });

/** IPPROTO_TCP and SOL_TCP are one level. */
const canonicalLevel = (level: string): string =>
  level.startsWith("SOL_") && level !== "SOL_SOCKET" ? `IPPROTO_${level.slice(4)}` : level;

function nameInto(name: SocketAddress | Errno, result: { name: SocketAddress | null }): Outcome {
  if (typeof name === "string") return name;
  result.name = name;
  return 0;
}
