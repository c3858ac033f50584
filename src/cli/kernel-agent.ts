/** The agent on a kernel under test: a process that makes the system calls of a script with the kernel's own sockets. It is told by lines of
 *  JSON on its standard input, answers by lines on its output, and ends with its parent. What it may do beside calls is its first argument. */
import { openSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import { getSystemErrorName } from "node:util";
import { errnoNumbered } from "../bsd/errno.js";
import type { ControlMessage } from "../bsd/message.js";
import type { Extent, SystemCall } from "../conformance/script/system-call.js";
import { type SocketCalls, socketCalls } from "../transport/native-sockets.js";
import { AGENT_VERSION } from "./agent-lines.js";
import { readControl } from "./control-messages.js";
import { INFO_OCTETS, levels, memoryWords, optionNumbers, readInfo, requests } from "./kernel-options.js";

export type AgentOrder =
  | { readonly kind: "call"; readonly call: SystemCall }
  | { readonly kind: "info"; readonly fd: number }
  | { readonly kind: "ports"; readonly fd: number }
  | { readonly kind: "alive"; readonly localPort: number; readonly remotePort: number }
  | { readonly kind: "file"; readonly path: string; readonly zeros: number }
  | { readonly kind: "sysctl"; readonly key: string; readonly value: string }
  /** Milliseconds of the host's clock. */
  | { readonly kind: "clock" };

/** What an agent may do to a host that is not there for the test alone. */
export interface AgentBounds {
  /** All files are in this folder, whatever folder a script names. Null: they are where it says. */
  readonly folder: string | null;
  /** Policy of the whole host is changed, and put back at the end. */
  readonly sysctls: boolean;
}

/** What a call came to: its value, or the name of an error, and what it gave. */
export interface AgentOutcome {
  readonly value: number;
  readonly errno: string | null;
  readonly given: Record<string, unknown>;
}

/** A call that would block is tried again after so many milliseconds. */
const AGAIN = 1;
const EAGAIN = -11;
const EINPROGRESS = -115;
const ENOTSOCK = -88;
const MSG_DONTWAIT = 0x40;
const MSG_WAITALL = 0x100;
const MSG_ERRQUEUE = 0x2000;
const MSG_FASTOPEN = 0x20000000;
const O_NONBLOCK = 0o4000;
const F_GETFL = 3;
const F_SETFL = 4;
const SO_ERROR = 4;
const POLLIN = 1;
const POLLPRI = 2;
const POLLOUT = 4;

/** The controller of new stream sockets. A namespace takes none for its default that the machine does not let everybody use, and a machine
 *  may have another default than the profile: so each socket is told. */
let congestionControl = "cubic";
const SOCK_STREAM = 1;
const IPPROTO_TCP = 6;
const TCP_CONGESTION = 13;

const c: SocketCalls = socketCalls();
/** Zeros to send, and room to receive. */
const buffer = new Uint8Array(1 << 20);
const room = (length: number): Uint8Array => (length <= buffer.length ? buffer : new Uint8Array(length));

const isBlocking = (fd: number): boolean => {
  const flags = c.fcntl(fd, F_GETFL, 0);
  return flags >= 0 && (flags & O_NONBLOCK) === 0;
};

const isReady = (fd: number, events: number): boolean => {
  const pollfd = new Uint8Array(8);
  const view = new DataView(pollfd.buffer);
  view.setInt32(0, fd, true);
  view.setInt16(4, events, true);
  return c.poll(pollfd, 1) > 0;
};

const sockaddr = (address: number, port: number): Uint8Array => {
  const octets = new Uint8Array(16);
  const view = new DataView(octets.buffer);
  view.setUint16(0, 2, true);
  view.setUint16(2, port);
  view.setInt32(4, address);
  return octets;
};

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, AGAIN));

/** Tries until it does not say EAGAIN, if the descriptor is one that blocks, or until `deadline`. */
const retry = async (blocks: boolean, attempt: () => number, deadline = Number.POSITIVE_INFINITY, late = EAGAIN): Promise<number> => {
  for (;;) {
    const result = attempt();
    if (result !== EAGAIN || !blocks) return result;
    if (performance.now() >= deadline) return late;
    await pause();
  }
};

/** When SO_RCVTIMEO has a call give up. */
const patienceOf = (fd: number): number => {
  const time = new DataView(new ArrayBuffer(16));
  c.getsockopt(fd, 1, numberOf(optionNumbers, "SO_RCVTIMEO"), new Uint8Array(time.buffer));
  const milliseconds = Number(time.getBigInt64(0, true)) * 1_000 + Number(time.getBigInt64(8, true)) / 1_000;
  return milliseconds === 0 ? Number.POSITIVE_INFINITY : performance.now() + milliseconds;
};

const connect = async (fd: number, address: Uint8Array): Promise<number> => {
  const flags = c.fcntl(fd, F_GETFL, 0);
  const blocks = isBlocking(fd);
  if (blocks) c.fcntl(fd, F_SETFL, flags | O_NONBLOCK);
  const result = c.connect(fd, address);
  if (!blocks) return result;
  c.fcntl(fd, F_SETFL, flags);
  if (result !== EINPROGRESS) return result;
  return retry(true, () => {
    if (!isReady(fd, POLLOUT)) return EAGAIN;
    const value = new Int32Array(1);
    c.getsockopt(fd, 1, SO_ERROR, new Uint8Array(value.buffer));
    return -value[0]!;
  });
};

/** A stream that blocks takes all of it. */
const sendAll = async (
  fd: number,
  length: number,
  flags: number,
  nowhere: boolean,
  send: (octets: Uint8Array | null, length: number, flags: number) => number,
): Promise<number> => {
  const blocks = isBlocking(fd) && (flags & MSG_DONTWAIT) === 0;
  let sent = 0;
  let again = false;
  const result = await retry(blocks, () => {
    // Who sleeps is woken when there is room enough to be worth it.
    if (again && !isReady(fd, POLLOUT)) return EAGAIN;
    // The call opens at most once.
    const bits = (again ? flags & ~MSG_FASTOPEN : flags) | MSG_DONTWAIT;
    const octets = nowhere ? null : room(length - sent);
    const done = again ? c.send(fd, octets, length - sent, bits) : send(octets, length - sent, bits);
    again = true;
    if (done === EINPROGRESS && blocks) return EAGAIN;
    if (done < 0) return done;
    sent += done;
    return sent < length && blocks ? EAGAIN : sent;
  });
  return result < 0 && sent > 0 ? sent : result;
};

/** Octets for control messages. */
const CONTROL_ROOM = 1024;

/** A msghdr over one vector of zeros. What it points at is kept alive by the caller. */
const messageHeader = (
  extents: readonly Extent[],
  address: Uint8Array | null,
  control: ArrayBuffer | null,
): { header: Uint8Array; keep: unknown[] } => {
  const iov = new ArrayBuffer(16 * Math.max(1, extents.length));
  const header = new Uint8Array(56);
  const view = new DataView(header.buffer);
  const keep: unknown[] = [iov, control, address];
  if (address !== null) {
    view.setBigUint64(0, c.address(address.buffer as ArrayBuffer), true);
    view.setUint32(8, address.length, true);
  }
  const vector = new DataView(iov);
  for (const [i, { length, nowhere }] of extents.entries()) {
    const memory = new ArrayBuffer(nowhere ? 1 : Math.max(1, length));
    keep.push(memory);
    vector.setBigUint64(16 * i, nowhere ? 0n : c.address(memory), true);
    vector.setBigUint64(16 * i + 8, BigInt(length), true);
  }
  view.setBigUint64(16, c.address(iov), true);
  view.setBigUint64(24, BigInt(extents.length), true);
  if (control !== null) {
    view.setBigUint64(32, c.address(control), true);
    view.setBigUint64(40, BigInt(control.byteLength), true);
  }
  return { header, keep };
};

const sendMessage = (fd: number, extents: readonly Extent[], flags: number, address: Uint8Array | null): Promise<number> => {
  const { header, keep } = messageHeader(extents, address, null);
  const blocks = isBlocking(fd) && (flags & MSG_DONTWAIT) === 0;
  return retry(blocks, () => (keep.length > 0 ? c.sendmsg(fd, header, flags | MSG_DONTWAIT) : 0));
};

const receiveMessage = async (
  fd: number,
  extents: readonly Extent[],
  flags: number,
): Promise<{ value: number; flags: number; control: ControlMessage[] }> => {
  const control = new ArrayBuffer(CONTROL_ROOM);
  const { header, keep } = messageHeader(extents, null, control);
  // Nobody waits for the error queue.
  const blocks = isBlocking(fd) && (flags & (MSG_DONTWAIT | MSG_ERRQUEUE)) === 0;
  const value = await retry(blocks, () => (keep.length > 0 ? c.recvmsg(fd, header, flags | MSG_DONTWAIT) : 0));
  const view = new DataView(header.buffer);
  const length = value < 0 ? 0 : Number(view.getBigUint64(40, true));
  return { value, flags: view.getInt32(48, true) & ~MSG_DONTWAIT, control: readControl(new Uint8Array(control), length) };
};

/** Does without waiting what would wait for `fd`, and tries again if it is one that blocks. */
const impatient = (fd: number, attempt: () => number): Promise<number> => {
  const flags = c.fcntl(fd, F_GETFL, 0);
  return retry(isBlocking(fd), () => {
    c.fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    const result = attempt();
    c.fcntl(fd, F_SETFL, flags);
    return result;
  });
};

const optionOctets = (value: unknown, length: number): Uint8Array => {
  const octets = new Uint8Array(Math.max(4, length));
  const view = new DataView(octets.buffer);
  if (typeof value === "number") view.setInt32(0, value | 0, true);
  else if (typeof value === "string") {
    const text = Uint8Array.from(value, (letter) => letter.charCodeAt(0)); // "\xa1" is one octet
    return text.length >= length ? text : new Uint8Array([...text, ...new Uint8Array(length - text.length)]);
  } else if (typeof value === "object" && value !== null && "onoff" in value) {
    const linger = value as { onoff: number; linger: number };
    view.setInt32(0, linger.onoff, true);
    view.setInt32(4, linger.linger, true);
  } else if (typeof value === "object" && value !== null && "seconds" in value) {
    const time = value as { seconds: number; fraction: number };
    const wide = new DataView(new ArrayBuffer(16));
    wide.setBigInt64(0, BigInt(time.seconds), true);
    wide.setBigInt64(8, BigInt(time.fraction), true);
    return new Uint8Array(wide.buffer);
  }
  return octets.subarray(0, length > 0 ? length : 4);
};

const getOption = (
  fd: number,
  level: number,
  option: number,
  length: number,
  name: string,
): { value: number; given: Record<string, unknown> } => {
  const octets = new Uint8Array(Math.max(length, 4));
  const value = c.getsockopt(fd, level, option, octets.subarray(0, Math.max(length, 1)));
  if (value < 0) return { value, given: {} };
  const view = new DataView(octets.buffer);
  if (name === "TCP_CONGESTION")
    return { value: 0, given: { option: new TextDecoder().decode(octets).replace(/\0.*$/s, ""), optionLength: value } };
  if (name === "SO_LINGER")
    return { value: 0, given: { option: { onoff: view.getInt32(0, true), linger: view.getInt32(4, true) }, optionLength: value } };
  return { value: 0, given: { option: view.getInt32(0, true), optionLength: value } };
};

const outcome = (value: number, given: Record<string, unknown> = {}): AgentOutcome =>
  value >= 0 ? { value, errno: null, given } : { value: -1, errno: errnoNumbered(-value, "linux") ?? getSystemErrorName(value), given };

const numberOf = (table: Readonly<Record<string, number>>, name: string): number => {
  const found = table[name];
  if (found === undefined) throw new Error(`the agent does not know ${name}`);
  return found;
};

/** Descriptors and events packed as x86-64 has them; elsewhere the data is aligned. */
const EVENT_OCTETS = process.arch === "x64" ? 12 : 16;
const DATA_AT = EVENT_OCTETS - 8;

const openSocket = (domain: number, type: number, protocol: number): number => {
  const fd = c.socket(domain, type, protocol);
  if (fd >= 0 && (type & 0xf) === SOCK_STREAM) c.setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, new TextEncoder().encode(congestionControl));
  return fd;
};

const openFile = (path: string, flags: number): number => {
  try {
    return openSync(placeOf(path), flags);
  } catch (error) {
    return (error as NodeJS.ErrnoException).errno ?? EAGAIN;
  }
};

const make = async (call: SystemCall): Promise<AgentOutcome> => {
  switch (call.name) {
    case "socket":
      return outcome(openSocket(call.domain, call.type, call.protocol));
    case "bind":
      return outcome(c.bind(call.fd, sockaddr(call.address.address, call.address.port)));
    case "listen":
      return outcome(c.listen(call.fd, call.backlog));
    case "accept":
      return outcome(
        await retry(isBlocking(call.fd), () =>
          isBlocking(call.fd) && !isReady(call.fd, POLLIN) ? EAGAIN : c.accept4(call.fd, call.flags),
        ),
      );
    case "connect":
      return outcome(
        await connect(call.fd, call.address === null ? new Uint8Array(16) : sockaddr(call.address.address, call.address.port)),
      );
    case "read":
    case "recv":
    case "recvfrom": {
      const flags = "flags" in call ? call.flags : 0;
      const blocks = isBlocking(call.fd) && (flags & MSG_DONTWAIT) === 0;
      const octets = call.nowhere ? null : new Uint8Array(Math.max(1, call.length));
      let taken = 0;
      const value = await retry(
        blocks,
        () => {
          const got = c.recv(call.fd, octets, call.length - taken, flags | MSG_DONTWAIT);
          // Who does not wait does not get all of it: so each part is taken as it comes.
          if (!blocks || (flags & MSG_WAITALL) === 0 || (got <= 0 && got !== EAGAIN)) return got === 0 ? taken : got;
          taken += Math.max(0, got);
          return taken < call.length ? EAGAIN : taken;
        },
        patienceOf(call.fd),
      );
      return outcome(value === ENOTSOCK ? c.read(call.fd, octets, call.length) : value);
    }
    case "write":
    case "send": {
      const flags = "flags" in call ? call.flags : 0;
      return outcome(
        await sendAll(call.fd, call.length, flags | 0x4000, call.nowhere, (octets, length, bits) => {
          const sent = c.send(call.fd, octets, length, bits);
          return sent === ENOTSOCK ? c.write(call.fd, octets, length) : sent;
        }),
      );
    }
    case "sendto": {
      const to = call.address === null ? null : sockaddr(call.address.address, call.address.port);
      return outcome(
        await sendAll(call.fd, call.length, call.flags | 0x4000, call.nowhere, (octets, length, bits) =>
          to === null ? c.send(call.fd, octets, length, bits) : c.sendto(call.fd, octets, length, bits, to),
        ),
      );
    }
    case "readv":
      return outcome((await receiveMessage(call.fd, call.vector, 0)).value);
    case "writev":
      return outcome(await sendMessage(call.fd, call.vector, 0x4000, null));
    case "sendmsg":
      return outcome(
        await sendMessage(
          call.fd,
          call.vector,
          call.flags | 0x4000,
          call.address === null ? null : sockaddr(call.address.address, call.address.port),
        ),
      );
    case "recvmsg": {
      const { value, flags, control } = await receiveMessage(call.fd, call.vector, call.flags);
      return outcome(value, { flags, control });
    }
    case "shutdown":
      return outcome(c.shutdown(call.fd, call.how));
    case "close":
      return outcome(c.close(call.fd));
    case "fcntl":
      return outcome(c.fcntl(call.fd, call.command, call.argument));
    case "ioctl": {
      const value = new Int32Array([call.value]);
      const result = c.ioctl(call.fd, numberOf(requests, call.request), new Uint8Array(value.buffer));
      return outcome(result, { value: value[0] });
    }
    case "setsockopt":
      return outcome(
        c.setsockopt(call.fd, numberOf(levels, call.level), numberOf(optionNumbers, call.option), optionOctets(call.value, call.length)),
      );
    case "getsockopt": {
      const { value, given } = getOption(
        call.fd,
        numberOf(levels, call.level),
        numberOf(optionNumbers, call.option),
        call.length,
        call.option,
      );
      return outcome(value, given);
    }
    case "poll": {
      const octets = new Uint8Array(8 * call.fds.length);
      const view = new DataView(octets.buffer);
      for (const [i, { fd, events }] of call.fds.entries()) {
        view.setInt32(8 * i, fd, true);
        view.setInt16(8 * i + 4, events, true);
      }
      const value = await untilReady(call.timeout, () => c.poll(octets, call.fds.length));
      return outcome(value, { revents: call.fds.map((_, i) => view.getInt16(8 * i + 6, true)) });
    }
    case "pipe": {
      const ends = new Int32Array(2);
      const value = c.pipe(new Uint8Array(ends.buffer));
      return outcome(value, { fds: [ends[0], ends[1]] });
    }
    case "open":
      return outcome(openFile(call.path, call.flags));
    case "sendfile": {
      const { to, from, length } = call;
      const offset = call.offset === null ? null : new Uint8Array(BigInt64Array.of(BigInt(call.offset)).buffer);
      return outcome(await impatient(to, () => c.sendfile(to, from, offset, length)));
    }
    case "splice": {
      const { from, to, length, flags } = call;
      // What is there is taken by a call that may wait: to the kernel that makes a difference.
      const waits = (): boolean => isBlocking(from) && !isReady(from, POLLIN | POLLPRI);
      return outcome(await retry(isBlocking(from), () => (waits() ? EAGAIN : c.splice(from, to, length, flags))));
    }
    case "epoll_create":
      return outcome(c.epollCreate());
    case "epoll_ctl": {
      const event = new Uint8Array(EVENT_OCTETS);
      const view = new DataView(event.buffer);
      view.setUint32(0, call.events, true);
      view.setBigUint64(DATA_AT, BigInt(call.data), true);
      return outcome(c.epollCtl(call.epfd, call.operation, call.fd, event));
    }
    case "epoll_wait": {
      const octets = new Uint8Array(EVENT_OCTETS * Math.max(1, call.most));
      const view = new DataView(octets.buffer);
      const value = await untilReady(call.timeout, () => c.epollWait(call.epfd, octets, call.most));
      const events = Array.from({ length: Math.max(0, value) }, (_, i) => ({
        events: view.getUint32(EVENT_OCTETS * i, true),
        data: Number(view.getBigUint64(EVENT_OCTETS * i + DATA_AT, true)),
      }));
      return outcome(value, { events });
    }
  }
};

/** `timeout` in milliseconds; -1: for ever. */
const untilReady = (timeout: number, attempt: () => number): Promise<number> => {
  const deadline = timeout < 0 ? Number.POSITIVE_INFINITY : performance.now() + timeout;
  return retry(
    timeout !== 0,
    () => {
      const ready = attempt();
      return ready === 0 && timeout !== 0 ? EAGAIN : ready;
    },
    deadline,
    0,
  );
};

const portOf = (name: (fd: number, address: Uint8Array) => number, fd: number): number => {
  const address = new Uint8Array(16);
  return name(fd, address) < 0 ? 0 : (address[2]! << 8) | address[3]!;
};

const hex = (port: number): string => port.toString(16).toUpperCase().padStart(4, "0");

/** A row of /proc/net/tcp names both ends in hexadecimal. */
const isAlive = (localPort: number, remotePort: number): boolean =>
  readFileSync("/proc/thread-self/net/tcp", "utf8")
    .split("\n")
    .some((row) => {
      const [, local, remote, state] = row.trim().split(/\s+/);
      return local?.endsWith(`:${hex(localPort)}`) && remote?.endsWith(`:${hex(remotePort)}`) && state !== "0A" && state !== "07";
    });

const obey = async (order: AgentOrder): Promise<unknown> => {
  switch (order.kind) {
    case "call":
      return make(order.call);
    case "info": {
      const octets = new Uint8Array(INFO_OCTETS);
      const info = readInfo(octets, Math.max(0, c.getsockopt(order.fd, 6, numberOf(optionNumbers, "TCP_INFO"), octets)));
      const memory = new Uint32Array(memoryWords.length);
      c.getsockopt(order.fd, 1, numberOf(optionNumbers, "SO_MEMINFO"), new Uint8Array(memory.buffer));
      return { ...info, ...Object.fromEntries(memoryWords.map((name, i) => [name, memory[i]])) };
    }
    case "ports":
      return { local: portOf(c.getsockname, order.fd), remote: portOf(c.getpeername, order.fd) };
    case "alive":
      return isAlive(order.localPort, order.remotePort);
    case "file":
      writeFileSync(placeOf(order.path), new Uint8Array(order.zeros));
      return true;
    case "sysctl":
      return setPolicy(order.key, order.value);
    case "clock":
      return Date.now();
    default:
      throw new Error(`the agent knows no order: ${JSON.stringify((order as { kind?: unknown }).kind)}`);
  }
};

const bounds = JSON.parse(process.argv[2] ?? '{"folder":null,"sysctls":true}') as AgentBounds;
const placeOf = (path: string): string => (bounds.folder === null ? path : join(bounds.folder, basename(path)));

/** What policies were before the first change. */
const policies = new Map<string, string>();

/** True: it is so now. Otherwise why it may not be. */
const setPolicy = (key: string, value: string): true | string => {
  if (key === "net.ipv4.tcp_congestion_control") {
    congestionControl = value;
    return true;
  }
  if (!/^net\.ipv4\.\w+$/.test(key)) throw new Error(`${key} is no policy of TCP or IP`);
  if (!bounds.sysctls) return `the agent may not set ${key}: start it with --sysctls`;
  const path = `/proc/sys/${key.replaceAll(".", "/")}`;
  if (!policies.has(path)) policies.set(path, readFileSync(path, "utf8"));
  writeFileSync(path, value);
  return true;
};

process.on("exit", () => {
  for (const [path, value] of policies) writeFileSync(path, value);
});

const answer = (id: number, what: object): void => void process.stdout.write(`${JSON.stringify({ id, ...what })}\n`);
const fault = (error: unknown): { error: string } => ({ error: error instanceof Error ? error.message : String(error) });

createInterface({ input: process.stdin }).on("line", (line) => {
  let order: AgentOrder & { id: number };
  try {
    order = JSON.parse(line) as typeof order;
  } catch (error) {
    return answer(0, fault(error));
  }
  obey(order).then(
    (result) => answer(order.id, { result }),
    (error: unknown) => answer(order.id, fault(error)),
  );
});
process.stdin.on("end", () => process.exit(0));
answer(0, { result: { version: AGENT_VERSION } });
