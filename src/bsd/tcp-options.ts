/** The options of a stream socket, by level and name, and what they are of the stack's. */
import { MILLISECOND, type Micros, SECOND } from "../base/environment.js";
import type { ConnectionOptions } from "../tcp/connection-options.js";
import { synsAgain } from "../tcp/rtt.js";
import { State } from "../tcp/state.js";
import { Flag, has } from "../tcp/tcb.js";
import { isOpening } from "../tcp/user.js";
import type { Outcome } from "./call.js";
import { type Errno, errnoNumber } from "./errno.js";
import type { Linger, OptionValue, TimeValue } from "./message.js";
import { receiveMemory, textIn } from "./receive-memory.js";
import type { OptionGot } from "./socket.js";
import { congestionInfo, memoryInfo, tcpInfo } from "./tcp-info.js";
import type { SocketEnvironment, TcpSocket } from "./tcp-socket.js";

/** What has been set on a socket: for the connection that it has, or will have. */
export class TcpSettings {
  linger: Linger = { onoff: 0, linger: 0 };
  keepAlive = false;
  /** Seconds. */
  keepIdle: number;
  receiveLowat = 1;
  /** Octets not sent yet beyond which a socket is not writable; 0: no such bound. */
  notSentLowat = 0;
  /** SO_SNDBUF where it counts memory (send-memory.ts); 0: it was not set. */
  sendLimit = 0;
  /** SO_RCVBUF likewise. */
  receiveLimit = 0;
  /** TCP_FASTOPEN: of a listener the queue; of a client that it may. */
  fastOpen = 0;
  fastOpenConnect = false;
  cookieKeys: readonly (readonly number[])[] = [];
  /** Options that the interface stores and gives back, and that mean nothing here. */
  readonly stored = new Map<string, number>();
  /** What differs from the stack's defaults. */
  connection: Partial<ConnectionOptions> = {};
  readonly #environment: SocketEnvironment;

  constructor(environment: SocketEnvironment) {
    this.#environment = environment;
    this.keepIdle = Math.floor(environment.stack.tcp.policy.keepAliveIdle / SECOND);
  }

  forConnection(): Partial<ConnectionOptions> {
    const linger = this.linger.onoff !== 0 && this.linger.linger === 0 ? 0 : -1;
    const buffer = this.#environment.personality.sendOverhead > 0 ? { sendBuffer: MEMORY_MOST } : {};
    return { ...buffer, ...this.connection, keepAlive: this.idleBeforeProbes, linger };
  }

  /** 0: nobody wants probes. */
  get idleBeforeProbes(): Micros {
    return this.keepAlive || this.#environment.stack.tcp.policy.keepAliveAlways ? this.keepIdle * SECOND : 0;
  }

  /** A connection begins with the options of its listener. */
  inherited(): TcpSettings {
    const copy = new TcpSettings(this.#environment);
    copy.linger = this.linger;
    copy.keepAlive = this.keepAlive;
    copy.keepIdle = this.keepIdle;
    copy.receiveLowat = this.receiveLowat;
    copy.notSentLowat = this.notSentLowat;
    copy.sendLimit = this.sendLimit;
    copy.receiveLimit = this.receiveLimit;
    copy.connection = { ...this.connection };
    for (const [name, value] of this.stored) copy.stored.set(name, value);
    return copy;
  }

  options(): ConnectionOptions {
    return { ...this.#environment.stack.tcp.defaults, ...this.forConnection() };
  }
}

/** Octets that a connection may queue where the interface counts memory: the interface stops long before. */
const MEMORY_MOST = 64 << 20;

interface Option {
  readonly get: (socket: TcpSocket) => OptionValue | Errno;
  readonly set?: (socket: TcpSocket, value: number) => Outcome;
  /** Octets of what `get` gives; 4 unless told otherwise. */
  readonly length?: number;
}

const optionsOf = (socket: TcpSocket): ConnectionOptions => socket.tcb?.options ?? socket.settings.options();

/** Sets what the stack knows, on the socket and on its connection. */
function change(socket: TcpSocket, changes: Partial<ConnectionOptions>): Outcome {
  const outcome = socket.configure(changes);
  if (typeof outcome === "number") Object.assign(socket.settings.connection, changes);
  return outcome;
}

function keepAliveChanged(socket: TcpSocket): Outcome {
  return socket.configure({ keepAlive: socket.settings.idleBeforeProbes });
}

/** Stored, given back, and without a meaning here: `initial` until set. */
const stored = (name: string, initial = 0): Option => ({
  get: (socket) => socket.settings.stored.get(name) ?? initial,
  set: (socket, value) => {
    socket.settings.stored.set(name, value);
    return 0;
  },
});

const storedSwitch = (name: string): Option => ({
  ...stored(name),
  set: (socket, value) => {
    socket.settings.stored.set(name, value === 0 ? 0 : 1);
    return 0;
  },
});

function bufferOption(which: "send" | "receive", forced: boolean): Option {
  const key = which === "send" ? "sendBuffer" : "receiveBuffer";
  return {
    get: (socket) => {
      const { personality, stack } = socket.environment;
      if (which === "send" && personality.sendOverhead > 0) return socket.memory.limit(stack.tcp.policy, socket.tcb);
      if (which === "receive" && personality.sendOverhead > 0) return receiveMemory(socket);
      return (which === "send" ? socket.tcb?.snd.buffer : socket.tcb?.rcv.buffer) ?? optionsOf(socket)[key];
    },
    set: (socket, value) => {
      const { bufferFactor, bufferLeast, bufferMost, sendOverhead } = socket.environment.personality;
      if (value < 0) return "EINVAL";
      const wanted = Math.max(value * bufferFactor, bufferLeast[which]);
      const size = forced ? wanted : Math.min(wanted, bufferMost[which]);
      if (sendOverhead === 0) return change(socket, { [key]: size });
      if (which === "send") {
        socket.settings.sendLimit = size;
        return 0;
      }
      socket.settings.receiveLimit = size;
      return change(socket, { receiveBuffer: socket.environment.stack.tcp.policy.countsMemory ? size : textIn(size) });
    },
  };
}

/** A number within bounds, of which the stack keeps `unit` each. */
function numberOption(key: keyof ConnectionOptions, least: number, most: number, unit = 1): Option {
  return {
    get: (socket) => Math.floor((optionsOf(socket)[key] as number) / unit),
    set: (socket, value) => (value < least || value > most ? "EINVAL" : change(socket, { [key]: value * unit })),
  };
}

const socketLevel: Readonly<Record<string, Option>> = {
  SO_REUSEADDR: storedSwitch("SO_REUSEADDR"),
  SO_REUSEPORT: storedSwitch("SO_REUSEPORT"),
  SO_REUSEPORT_LB: storedSwitch("SO_REUSEPORT_LB"),
  SO_BROADCAST: storedSwitch("SO_BROADCAST"),
  SO_DEBUG: storedSwitch("SO_DEBUG"),
  SO_DONTROUTE: storedSwitch("SO_DONTROUTE"),
  SO_PRIORITY: stored("SO_PRIORITY"),
  SO_MARK: stored("SO_MARK"),
  SO_BUSY_POLL: stored("SO_BUSY_POLL"),
  SO_INCOMING_CPU: stored("SO_INCOMING_CPU"),
  SO_NOSIGPIPE: storedSwitch("SO_NOSIGPIPE"),
  SO_MAX_PACING_RATE: stored("SO_MAX_PACING_RATE", -1),
  SO_OOBINLINE: {
    get: (socket) => (socket.urgent.inline ? 1 : 0),
    set: (socket, value) => {
      socket.urgent.inline = value !== 0;
      return 0;
    },
  },
  SO_ZEROCOPY: {
    get: (socket) => (socket.errors.zeroCopy ? 1 : 0),
    set: (socket, value) => {
      if (value < 0 || value > 1) return "EINVAL";
      socket.errors.zeroCopy = value === 1;
      return 0;
    },
  },
  SO_TIMESTAMPING: {
    get: (socket) => socket.errors.stamps,
    set: (socket, value) => {
      socket.errors.setStamps(value);
      return 0;
    },
  },
  SO_TIMESTAMP: storedSwitch("SO_TIMESTAMP"),
  SO_TIMESTAMPNS: storedSwitch("SO_TIMESTAMPNS"),
  SO_SNDBUF: bufferOption("send", false),
  SO_RCVBUF: bufferOption("receive", false),
  SO_SNDBUFFORCE: bufferOption("send", true),
  SO_RCVBUFFORCE: bufferOption("receive", true),
  SO_KEEPALIVE: {
    get: (socket) => (socket.settings.keepAlive ? 1 : 0),
    set: (socket, value) => {
      socket.settings.keepAlive = value !== 0;
      return keepAliveChanged(socket);
    },
  },
  SO_RCVLOWAT: {
    get: (socket) => socket.settings.receiveLowat,
    set: (socket, value) => {
      socket.settings.receiveLowat = value > 0 ? value : value === 0 ? 1 : 2 ** 31 - 1;
      return 0;
    },
  },
  SO_SNDLOWAT: { get: () => 1 },
  SO_ERROR: {
    get: (socket) => {
      const error = socket.takeError() ?? socket.takeSoftError();
      return error === null ? 0 : errnoNumber(error, socket.environment.personality.system);
    },
  },
  SO_TYPE: { get: () => 1 },
  SO_PROTOCOL: { get: () => 6 },
  SO_DOMAIN: { get: () => 2 },
  SO_ACCEPTCONN: { get: (socket) => (socket.listening ? 1 : 0) },
  SO_MEMINFO: { get: (socket) => memoryInfo(socket), length: 36 },
};

/** How many timeouts of a SYN,ACK, which begin at a second and double, make so many seconds. */
function timeoutsOf(seconds: number): number {
  if (seconds <= 0) return 0;
  let timeouts = 1;
  for (let period = 1; period < seconds && timeouts < 255; timeouts++) period += Math.min(2 ** timeouts, 120);
  return timeouts;
}

function secondsOf(timeouts: number): number {
  let period = 0;
  for (let i = 0; i < timeouts; i++) period += Math.min(2 ** i, 120);
  return period;
}

/** The name of a controller as programs of the system know it. */
const familiar = (name: string, socket: TcpSocket): string =>
  name === "newreno" && socket.environment.personality.system === "linux" ? "reno" : name;

const tcpLevel: Readonly<Record<string, Option>> = {
  TCP_NODELAY: {
    get: (socket) => (optionsOf(socket).noDelay ? 1 : 0),
    // Whoever asks for no delay gets none for what waits, were it corked.
    set: (socket, value) => {
      if (value !== 0 && socket.tcb !== null && !isOpening(socket.tcb)) socket.environment.stack.tcp.push(socket.handle);
      return change(socket, { noDelay: value !== 0 });
    },
  },
  TCP_CORK: {
    get: (socket) => (optionsOf(socket).corked ? 1 : 0),
    set: (socket, value) => change(socket, { corked: value !== 0 }),
  },
  TCP_NOPUSH: {
    get: (socket) => (optionsOf(socket).corked ? 1 : 0),
    set: (socket, value) => change(socket, { corked: value !== 0 }),
  },
  TCP_NOTSENT_LOWAT: {
    get: (socket) => socket.settings.notSentLowat,
    set: (socket, value) => {
      socket.settings.notSentLowat = value;
      return 0;
    },
  },
  TCP_KEEPIDLE: {
    get: (socket) => socket.settings.keepIdle,
    set: (socket, value) => {
      if (value < 1 || value > 32_767) return "EINVAL";
      socket.settings.keepIdle = value;
      return keepAliveChanged(socket);
    },
  },
  TCP_KEEPINIT: numberOption("openTimeout", 1, 2 ** 31 - 1, SECOND),
  TCP_KEEPINTVL: numberOption("keepAliveInterval", 1, 32_767, SECOND),
  TCP_KEEPCNT: numberOption("keepAliveCount", 1, 127),
  TCP_USER_TIMEOUT: numberOption("userTimeout", 0, 2 ** 31 - 1, MILLISECOND),
  TCP_LINGER2: {
    get: (socket) => {
      const set = socket.settings.stored.get("TCP_LINGER2") ?? 0;
      return set === 0 ? Math.floor(socket.environment.stack.tcp.policy.finWait2 / SECOND) : set;
    },
    // A negative number: not at all; no FIN-WAIT-2 is longer than two minutes.
    set: (socket, value) => {
      socket.settings.stored.set("TCP_LINGER2", value < 0 ? -1 : Math.min(value, 120));
      return change(socket, { finWait2: value < 0 ? -1 : Math.min(value, 120) * SECOND });
    },
  },
  TCP_RTO_MAX_MS: numberOption("rtoMax", 1_000, 120_000, MILLISECOND),
  TCP_THIN_LINEAR_TIMEOUTS: storedSwitch("TCP_THIN_LINEAR_TIMEOUTS"),
  TCP_INQ: storedSwitch("TCP_INQ"),
  TCP_WINDOW_CLAMP: {
    get: (socket) => socket.tcb?.rcv.memory?.clamp ?? optionsOf(socket).windowClamp,
    set: (socket, value) => {
      if (value < 0 || (value === 0 && socket.tcb !== null)) return "EINVAL";
      return change(socket, { windowClamp: Math.min(value, 2 ** 30) });
    },
  },
  TCP_SYNCNT: {
    get: (socket) => socket.settings.stored.get("TCP_SYNCNT") ?? socket.environment.stack.tcp.policy.synRetries,
    set: (socket, value) => {
      if (value < 1 || value > 127) return "EINVAL";
      socket.settings.stored.set("TCP_SYNCNT", value);
      return change(socket, { synRetries: synsAgain(value, socket.environment.stack.tcp.policy.synLinear) });
    },
  },
  TCP_DEFER_ACCEPT: {
    get: (socket) => secondsOf(optionsOf(socket).deferAccept),
    set: (socket, value) => change(socket, { deferAccept: timeoutsOf(value) }),
  },
  TCP_MAXSEG: {
    get: (socket) => (socket.tcb === null || isOpening(socket.tcb) ? optionsOf(socket).mss || 536 : socket.tcb.snd.mss),
    set: (socket, value) => (value !== 0 && (value < 88 || value > 32_767) ? "EINVAL" : change(socket, { mss: value })),
  },
  TCP_CONGESTION: {
    get: (socket) => familiar(optionsOf(socket).congestionControl || socket.environment.stack.tcp.controller, socket),
    length: 16,
  },
  TCP_FASTOPEN: {
    get: (socket) => socket.settings.fastOpen,
    set: (socket, value) => {
      if (value < 0 || (socket.handle !== 0 && !socket.listening)) return "EINVAL";
      socket.settings.fastOpen = value;
      if (socket.listening) socket.environment.stack.tcp.setFastOpen(socket.handle, value);
      return 0;
    },
  },
  TCP_FASTOPEN_CONNECT: {
    get: (socket) => (socket.settings.fastOpenConnect ? 1 : 0),
    set: (socket, value) => {
      if (value < 0 || value > 1) return "EINVAL";
      if (!socket.environment.stack.tcp.policy.fastOpenClient) return "EOPNOTSUPP";
      if (socket.handle !== 0) return "EINVAL";
      socket.settings.fastOpenConnect = value === 1;
      return 0;
    },
  },
  TCP_FASTOPEN_NO_COOKIE: {
    get: (socket) => (optionsOf(socket).fastOpenNoCookie ? 1 : 0),
    set: (socket, value) => {
      if (value < 0 || value > 1 || (socket.handle !== 0 && !socket.listening)) return "EINVAL";
      return change(socket, { fastOpenNoCookie: value === 1 });
    },
  },
  TCP_QUICKACK: {
    get: (socket) => (socket.tcb === null || !has(socket.tcb, Flag.Conversing) ? 1 : 0),
    set: (socket, value) => {
      if (socket.tcb !== null) socket.environment.stack.tcp.setQuickAck(socket.handle, value !== 0, (value & 1) === 0);
      return 0;
    },
  },
  TCP_TIMESTAMP: {
    get: ({ tcb, environment: { now, stack } }) =>
      tcb === null ? 0 : (Math.floor(now() / stack.tcp.policy.timestampTick) + tcb.tsOffset) >>> 0,
  },
  TCP_INFO: { get: (socket) => tcpInfo(socket), length: 248 },
  TCP_CC_INFO: { get: (socket) => congestionInfo(socket), length: 20 },
};

const ipLevel: Readonly<Record<string, Option>> = {
  IP_TTL: numberOption("ttl", 1, 255),
  IP_TOS: numberOption("trafficClass", 0, 255),
  IP_RECVERR: storedSwitch("IP_RECVERR"),
  IP_MTU_DISCOVER: stored("IP_MTU_DISCOVER", 1),
  IP_FREEBIND: storedSwitch("IP_FREEBIND"),
  IP_TRANSPARENT: storedSwitch("IP_TRANSPARENT"),
  IP_BIND_ADDRESS_NO_PORT: storedSwitch("IP_BIND_ADDRESS_NO_PORT"),
  IP_MTU: { get: (socket) => socket.tcb?.pathMtu ?? "ENOTCONN" },
};

const levels: Readonly<Record<string, Readonly<Record<string, Option>>>> = {
  SOL_SOCKET: socketLevel,
  IPPROTO_TCP: tcpLevel,
  IPPROTO_IP: ipLevel,
};

const optionNamed = (level: string, name: string): Option | null => levels[level]?.[name] ?? null;

export function getTcpOption(socket: TcpSocket, level: string, name: string): OptionGot | Errno {
  if (level === "SOL_SOCKET" && name === "SO_LINGER") return { value: socket.settings.linger, length: 8 };
  if (level === "SOL_SOCKET" && name === "SO_RCVTIMEO") return { value: timeOf(socket.receiveTimeout), length: 16 };
  if (level === "SOL_SOCKET" && name === "SO_SNDTIMEO") return { value: timeOf(socket.sendTimeout), length: 16 };
  const option = optionNamed(level, name);
  if (option === null) return "ENOPROTOOPT";
  const value = option.get(socket);
  if (isErrno(value)) return value;
  return { value, length: option.length ?? 4 };
}

export function setTcpOption(socket: TcpSocket, level: string, name: string, value: OptionValue): Outcome {
  if (level === "SOL_SOCKET" && name === "SO_LINGER") return setLinger(socket, value);
  if (level === "SOL_SOCKET" && (name === "SO_RCVTIMEO" || name === "SO_SNDTIMEO")) {
    if (!isTime(value)) return "EINVAL";
    const micros = value.seconds * SECOND + value.fraction;
    if (name === "SO_RCVTIMEO") socket.receiveTimeout = micros;
    else socket.sendTimeout = micros;
    return 0;
  }
  if (level === "IPPROTO_TCP" && name === "TCP_CONGESTION") {
    if (typeof value !== "string") return "EINVAL";
    const outcome = change(socket, { congestionControl: value === "reno" ? "newreno" : value });
    return outcome === "EINVAL" ? "ENOENT" : outcome;
  }
  if (level === "IPPROTO_TCP" && name === "TCP_FASTOPEN_KEY") return setCookieKeys(socket, value);
  const option = optionNamed(level, name);
  if (option?.set === undefined) return "ENOPROTOOPT";
  return typeof value === "number" ? option.set(socket, value) : "EINVAL";
}

/** One key, or two: the one in use and the one before it. Letters of a string are octets. */
function setCookieKeys(socket: TcpSocket, value: OptionValue): Outcome {
  const octets = typeof value === "string" ? Uint8Array.from(value, (letter) => letter.charCodeAt(0)) : value;
  if (!(octets instanceof Uint8Array) || (octets.length !== 16 && octets.length !== 32)) return "EINVAL";
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
  const word = (at: number): number => view.getInt32(at, true);
  const keys = [0, 16].filter((at) => at < octets.length).map((at) => [word(at), word(at + 4), word(at + 8), word(at + 12)]);
  socket.settings.cookieKeys = keys;
  if (socket.listening) socket.environment.stack.tcp.setCookieKeys(keys, socket.handle);
  return 0;
}

function setLinger(socket: TcpSocket, value: OptionValue): Outcome {
  if (!isLinger(value)) return "EINVAL";
  socket.settings.linger = { onoff: value.onoff === 0 ? 0 : 1, linger: value.linger };
  if (socket.state === State.Listen) return 0;
  return socket.configure({ linger: value.onoff !== 0 && value.linger === 0 ? 0 : -1 });
}

const isErrno = (value: OptionValue | Errno): value is Errno => typeof value === "string" && /^E[A-Z]+$/.test(value);
const isLinger = (value: OptionValue): value is Linger => typeof value === "object" && value !== null && "onoff" in value;
const isTime = (value: OptionValue): value is TimeValue => typeof value === "object" && value !== null && "seconds" in value;
const timeOf = (micros: number): TimeValue => ({ seconds: Math.floor(micros / SECOND), fraction: micros % SECOND });
