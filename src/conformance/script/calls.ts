/** From the call that a script writes to the one that is made: a table, one row for each system call. */

import { errnoNamed } from "../../bsd/errno.js";
import type { ControlMessage, ExtendedError, OptionValue, SocketAddress } from "../../bsd/message.js";
import { type Arguments, field, isNull } from "./arguments.js";
import type { Expr } from "./ast.js";
import { printExpr } from "./print.js";
import type { SystemCall } from "./system-call.js";

/** What a call takes for granted. */
export interface Surroundings {
  /** The live descriptor of the script's one; -1: there is none. */
  readonly fd: (scriptFd: number) => number;
  readonly bind: SocketAddress;
  readonly connect: SocketAddress;
}

type Row = (args: Arguments, around: Surroundings) => SystemCall;

const receiving =
  (name: "recv" | "send" | "recvfrom"): Row =>
  (args, around) => {
    args.count(name === "recvfrom" ? 6 : 4);
    return {
      name,
      fd: around.fd(args.number(0)),
      length: args.octets(2),
      nowhere: args.isNowhere(args.at(1)),
      flags: args.number(3),
    };
  };

const plain =
  (name: "read" | "write"): Row =>
  (args, around) => {
    args.count(3);
    return { name, fd: around.fd(args.number(0)), length: args.octets(2), nowhere: args.isNowhere(args.at(1)) };
  };

const vectored =
  (name: "readv" | "writev"): Row =>
  (args, around) => {
    args.count(3);
    return { name, fd: around.fd(args.number(0)), vector: args.vector(args.at(1)) };
  };

const message =
  (name: "sendmsg" | "recvmsg"): Row =>
  (args, around) => {
    args.count(3);
    const fields = args.record(1);
    const to = field(fields, "msg_name");
    const control = field(fields, "msg_control");
    return {
      name,
      fd: around.fd(args.number(0)),
      vector: args.vector(field(fields, "msg_iov")),
      flags: args.number(2),
      address: to === null || to.type === "word" ? null : around.connect,
      control: name === "sendmsg" && control !== null ? controlMessages(args, control) : [],
    };
  };

const accepting =
  (most: number): Row =>
  (args, around) => {
    args.count(3, most);
    return { name: "accept", fd: around.fd(args.number(0)), flags: args.has(3) ? args.number(3) : 0 };
  };

const rows: Readonly<Record<string, Row>> = {
  socket: (args) => {
    args.count(3);
    const domain = args.at(0);
    if (domain.type === "word" && /INET6/.test(domain.name)) args.unsupported("IPv6 (AF_INET6)");
    const protocol = args.at(2);
    if (protocol.type === "word" && /^IPPROTO_(SCTP|MPTCP|UDPLITE|DCCP)$/.test(protocol.name))
      args.unsupported(protocol.name.slice("IPPROTO_".length));
    return {
      name: "socket",
      domain: domain.type === "ellipsis" ? args.named("AF_INET") : args.number(0),
      type: args.number(1),
      protocol: args.number(2),
    };
  },
  bind: (args, around) => {
    args.count(3);
    return { name: "bind", fd: around.fd(args.number(0)), address: args.address(1, around.bind) ?? around.bind };
  },
  listen: (args, around) => {
    args.count(2);
    return { name: "listen", fd: around.fd(args.number(0)), backlog: args.number(1) };
  },
  accept: accepting(3),
  accept4: accepting(4),
  connect: (args, around) => {
    args.count(3);
    return { name: "connect", fd: around.fd(args.number(0)), address: args.address(1, around.connect) };
  },
  read: plain("read"),
  write: plain("write"),
  readv: vectored("readv"),
  writev: vectored("writev"),
  recv: receiving("recv"),
  send: receiving("send"),
  recvfrom: receiving("recvfrom"),
  sendto: (args, around) => {
    args.count(6);
    return {
      name: "sendto",
      fd: around.fd(args.number(0)),
      length: args.octets(2),
      nowhere: args.isNowhere(args.at(1)),
      flags: args.number(3),
      address: isNull(args.at(4)) ? null : args.address(4, around.connect),
    };
  },
  sendmsg: message("sendmsg"),
  recvmsg: message("recvmsg"),
  shutdown: (args, around) => {
    args.count(2);
    return { name: "shutdown", fd: around.fd(args.number(0)), how: args.number(1) };
  },
  close: (args, around) => {
    args.count(1);
    return { name: "close", fd: around.fd(args.number(0)) };
  },
  fcntl: (args, around) => {
    args.count(2, 3);
    return { name: "fcntl", fd: around.fd(args.number(0)), command: args.number(1), argument: args.has(2) ? args.number(2) : 0 };
  },
  ioctl: (args, around) => {
    args.count(2, 3);
    const value = args.has(2) && args.at(2).type !== "ellipsis" ? args.number(2) : 0;
    return { name: "ioctl", fd: around.fd(args.number(0)), request: args.word(1), value };
  },
  setsockopt: (args, around) => {
    args.count(5);
    const level = args.word(1);
    const option = args.word(2);
    checkLevel(args, level);
    return {
      name: "setsockopt",
      fd: around.fd(args.number(0)),
      level,
      option,
      value: optionValue(args, args.at(3)),
      length: args.number(4),
    };
  },
  getsockopt: (args, around) => {
    args.count(5);
    const level = args.word(1);
    checkLevel(args, level);
    return {
      name: "getsockopt",
      fd: around.fd(args.number(0)),
      level,
      option: args.word(2),
      length: args.at(4).type === "ellipsis" ? 0 : args.value(args.at(4)),
    };
  },
  poll: (args, around) => {
    args.count(3);
    const list = args.at(0);
    if (list.type !== "list") return args.fail(`found ${printExpr(list)} in poll, expected [{fd=N, events=E, revents=R}]`);
    const fds = list.items.map((item) => {
      const fields = item.type === "record" ? item.fields : [];
      const fd = field(fields, "fd");
      const events = field(fields, "events");
      if (fd === null || events === null) return args.fail(`found ${printExpr(item)} in poll, expected {fd=N, events=E, revents=R}`);
      return { fd: around.fd(args.value(fd)), events: args.value(events) };
    });
    return { name: "poll", fds, timeout: args.number(2) };
  },
  pipe: (args) => {
    args.count(1);
    descriptorPair(args);
    return { name: "pipe" };
  },
  open: (args) => {
    args.count(2, 3);
    const path = args.at(0);
    if (path.type !== "string") return args.fail(`found ${printExpr(path)} in open, expected the name of a file in quotes`);
    return { name: "open", path: path.value, flags: args.number(1) };
  },
  sendfile: (args, around) => {
    args.count(4);
    const offset = args.at(2);
    return {
      name: "sendfile",
      to: around.fd(args.number(0)),
      from: around.fd(args.number(1)),
      offset: isNull(offset) ? null : args.value(offset),
      length: args.octets(3),
    };
  },
  splice: (args, around) => {
    args.count(6);
    for (const offset of [args.at(1), args.at(3)]) if (!isNull(offset)) args.unsupported("splice with an offset");
    return {
      name: "splice",
      from: around.fd(args.number(0)),
      to: around.fd(args.number(2)),
      length: args.octets(4),
      flags: args.number(5),
    };
  },
  epoll_create: (args) => {
    args.count(1);
    return { name: "epoll_create" };
  },
  epoll_create1: (args) => {
    args.count(1);
    return { name: "epoll_create" };
  },
  epoll_ctl: (args, around) => {
    args.count(4);
    const event = args.at(3);
    const { events, data } = event.type === "record" ? epollEvent(args, event) : { events: 0, data: 0 };
    return { name: "epoll_ctl", epfd: around.fd(args.number(0)), operation: args.number(1), fd: around.fd(args.number(2)), events, data };
  },
  epoll_wait: (args, around) => {
    args.count(4);
    return { name: "epoll_wait", epfd: around.fd(args.number(0)), most: args.number(2), timeout: args.number(3) };
  },
};

export const isKnownCall = (name: string): boolean => Object.hasOwn(rows, name);

/** The call to make. Throws ScriptError and Unsupported. */
export function systemCall(args: Arguments, around: Surroundings): SystemCall {
  const row = isKnownCall(args.call.name) ? rows[args.call.name] : undefined;
  return row === undefined ? args.unsupported(`the system call ${args.call.name}`) : row(args, around);
}

function checkLevel(args: Arguments, level: string): void {
  if (/IPV6|ICMPV6/.test(level)) args.unsupported(`IPv6 (${level})`);
  if (/SCTP|MPTCP/.test(level)) args.unsupported(level);
}

/** `[5, 6]` of pipe: what the script calls the two ends. */
export function descriptorPair(args: Arguments): [number, number] {
  const list = args.at(0);
  const [read, write] = list.type === "list" ? list.items : [];
  if (read === undefined || write === undefined) return args.fail(`found ${printExpr(list)} in pipe, expected [N, M]`);
  return [args.value(read), args.value(write)];
}

/** `{events=E, fd=N}`, `{events=E, u64=N}`. */
export function epollEvent(args: Arguments, expr: Expr): { events: number; data: number } {
  const fields = expr.type === "record" ? expr.fields : [];
  const events = field(fields, "events");
  const data = fields.find(({ name }) => name === "fd" || name === "ptr" || name === "u32" || name === "u64");
  // What is given where nothing is read.
  if (fields.every(({ name, value }) => name === null && value.type === "ellipsis")) return { events: 0, data: 0 };
  if (events === null) return args.fail(`found ${printExpr(expr)}, expected {events=E, fd=N}`);
  return { events: args.value(events), data: data === undefined ? 0 : args.value(data.value) };
}

/** What an option is set to: a number in a list, a string, or a record of the structures that options have. */
export function optionValue(args: Arguments, expr: Expr): OptionValue {
  if (expr.type === "ellipsis") return null;
  if (expr.type === "string") return expr.value;
  if (expr.type === "list") {
    const inner = expr.items[0];
    return expr.items.length === 1 && inner !== undefined && inner.type !== "integer" && inner.type !== "word" && inner.type !== "or"
      ? optionValue(args, inner)
      : args.value(expr);
  }
  if (expr.type !== "record") return args.value(expr);
  const onoff = field(expr.fields, "onoff");
  const linger = field(expr.fields, "linger");
  if (onoff !== null && linger !== null) return { onoff: args.value(onoff), linger: args.value(linger) };
  const seconds = field(expr.fields, "tv_sec");
  if (seconds !== null) {
    const micros = field(expr.fields, "tv_usec");
    return { seconds: args.value(seconds), fraction: micros === null ? 0 : args.value(micros) };
  }
  return args.unsupported(`the structure ${printExpr(expr)}`);
}

/** `[{cmsg_level=SOL_SOCKET, cmsg_type=SCM_TIMESTAMPING, cmsg_data={scm_sec=0, scm_nsec=0}}]`. */
export function controlMessages(args: Arguments, expr: Expr): ControlMessage[] {
  if (expr.type !== "list") return args.fail(`found ${printExpr(expr)}, expected [{cmsg_level=L, cmsg_type=T, cmsg_data=D}]`);
  return expr.items.map((item) => {
    const fields = item.type === "record" ? item.fields : [];
    const level = field(fields, "cmsg_level");
    const type = field(fields, "cmsg_type");
    const data = field(fields, "cmsg_data");
    if (level?.type !== "word" || type?.type !== "word" || data === null)
      return args.fail(`found ${printExpr(item)}, expected {cmsg_level=L, cmsg_type=T, cmsg_data=D}`);
    return { level: level.name, type: type.name, data: controlData(args, data) };
  });
}

function controlData(args: Arguments, expr: Expr): ControlMessage["data"] {
  if (expr.type !== "record") return args.value(expr);
  const seconds = field(expr.fields, "scm_sec");
  const number = (name: string): number => {
    const found = field(expr.fields, name);
    return found === null ? 0 : args.value(found);
  };
  if (seconds !== null) return { seconds: args.value(seconds), fraction: number("scm_nsec") };
  const errno = field(expr.fields, "ee_errno");
  const named = errno?.type === "word" ? errnoNamed(errno.name) : null;
  const error: ExtendedError = {
    errno: named ?? "",
    origin: number("ee_origin"),
    type: number("ee_type"),
    code: number("ee_code"),
    info: number("ee_info"),
    data: number("ee_data"),
  };
  return error;
}
