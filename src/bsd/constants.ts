/** Flags, events and option values of the socket interface: Linux's numbers, and FreeBSD's where they are others. */
import type { System } from "./errno.js";

/** Bits of the last argument of the sending and receiving calls. */
export const Msg = {
  OOB: 0x1,
  PEEK: 0x2,
  DONTROUTE: 0x4,
  CTRUNC: 0x8,
  TRUNC: 0x20,
  DONTWAIT: 0x40,
  EOR: 0x80,
  WAITALL: 0x100,
  ERRQUEUE: 0x2000,
  NOSIGNAL: 0x4000,
  MORE: 0x8000,
  WAITFORONE: 0x10000,
  ZEROCOPY: 0x4000000,
  FASTOPEN: 0x20000000,
  CMSG_CLOEXEC: 0x40000000,
} as const;

/** Events of `poll`; those of epoll have the same numbers. */
export const Poll = {
  IN: 0x1,
  PRI: 0x2,
  OUT: 0x4,
  ERR: 0x8,
  HUP: 0x10,
  NVAL: 0x20,
  RDNORM: 0x40,
  RDBAND: 0x80,
  WRNORM: 0x100,
  WRBAND: 0x200,
  RDHUP: 0x2000,
  EXCLUSIVE: 0x1000_0000,
  ONESHOT: 0x4000_0000,
  ET: 0x8000_0000,
} as const;

export const O = { RDONLY: 0, WRONLY: 1, RDWR: 2 } as const;

const linux: Readonly<Record<string, number>> = {
  AF_UNSPEC: 0,
  AF_INET: 2,
  PF_INET: 2,
  AF_INET6: 10,
  PF_INET6: 10,
  SOCK_STREAM: 1,
  SOCK_DGRAM: 2,
  SOCK_RAW: 3,
  SOCK_NONBLOCK: 0o4000,
  SOCK_CLOEXEC: 0o2000000,
  IPPROTO_IP: 0,
  IPPROTO_ICMP: 1,
  IPPROTO_TCP: 6,
  IPPROTO_UDP: 17,
  IPPROTO_IPV6: 41,
  SOL_IP: 0,
  SOL_SOCKET: 1,
  SOL_TCP: 6,
  SOL_UDP: 17,
  SOL_IPV6: 41,
  SHUT_RD: 0,
  SHUT_WR: 1,
  SHUT_RDWR: 2,
  F_GETFD: 1,
  F_SETFD: 2,
  F_GETFL: 3,
  F_SETFL: 4,
  FD_CLOEXEC: 1,
  O_RDONLY: O.RDONLY,
  O_WRONLY: O.WRONLY,
  O_RDWR: O.RDWR,
  O_CREAT: 0o100,
  O_TRUNC: 0o1000,
  O_APPEND: 0o2000,
  O_NONBLOCK: 0o4000,
  EPOLL_CTL_ADD: 1,
  EPOLL_CTL_DEL: 2,
  EPOLL_CTL_MOD: 3,
  EPOLL_CLOEXEC: 0o2000000,
  FIONREAD: 0x541b,
  SIOCINQ: 0x541b,
  SIOCATMARK: 0x8905,
  SIOCOUTQ: 0x5411,
  TIOCOUTQ: 0x5411,
  SIOCOUTQNSD: 0x894b,
  FIONBIO: 0x5421,
  IP_PMTUDISC_DONT: 0,
  IP_PMTUDISC_WANT: 1,
  IP_PMTUDISC_DO: 2,
  IP_PMTUDISC_PROBE: 3,
  IPTOS_LOWDELAY: 0x10,
  IPTOS_THROUGHPUT: 0x08,
  IPTOS_RELIABILITY: 0x04,
  IPTOS_MINCOST: 0x02,
  SOF_TIMESTAMPING_TX_HARDWARE: 1,
  SOF_TIMESTAMPING_TX_SOFTWARE: 2,
  SOF_TIMESTAMPING_RX_HARDWARE: 4,
  SOF_TIMESTAMPING_RX_SOFTWARE: 8,
  SOF_TIMESTAMPING_SOFTWARE: 16,
  SOF_TIMESTAMPING_SYS_HARDWARE: 32,
  SOF_TIMESTAMPING_RAW_HARDWARE: 64,
  SOF_TIMESTAMPING_OPT_ID: 128,
  SOF_TIMESTAMPING_TX_SCHED: 256,
  SOF_TIMESTAMPING_TX_ACK: 512,
  SOF_TIMESTAMPING_OPT_CMSG: 1024,
  SOF_TIMESTAMPING_OPT_TSONLY: 2048,
  SOF_TIMESTAMPING_OPT_STATS: 4096,
  SOF_TIMESTAMPING_OPT_PKTINFO: 8192,
  SOF_TIMESTAMPING_OPT_TX_SWHW: 16384,
  SCM_TSTAMP_SND: 0,
  SCM_TSTAMP_SCHED: 1,
  SCM_TSTAMP_ACK: 2,
  SO_EE_ORIGIN_NONE: 0,
  SO_EE_ORIGIN_LOCAL: 1,
  SO_EE_ORIGIN_ICMP: 2,
  SO_EE_ORIGIN_ICMP6: 3,
  SO_EE_ORIGIN_TIMESTAMPING: 4,
  SO_EE_ORIGIN_ZEROCOPY: 5,
  SO_EE_CODE_ZEROCOPY_COPIED: 1,
  TFO_SERVER_ENABLE: 2,
  SPLICE_F_MOVE: 1,
  SPLICE_F_NONBLOCK: 2,
  SPLICE_F_MORE: 4,
  ...prefixed("MSG_", Msg),
  ...prefixed("POLL", Poll, ["EXCLUSIVE", "ONESHOT", "ET"]),
  ...prefixed("EPOLL", Poll, ["NVAL"]),
};

const freebsd: Readonly<Record<string, number>> = {
  ...linux,
  AF_INET6: 28,
  PF_INET6: 28,
  SOCK_NONBLOCK: 0x20000000,
  SOCK_CLOEXEC: 0x10000000,
  SOL_SOCKET: 0xffff,
  O_NONBLOCK: 0x4,
  O_APPEND: 0x8,
  O_CREAT: 0x200,
  FIONREAD: 0x4004667f,
  FIONBIO: 0x8004667e,
};

function prefixed(prefix: string, names: Readonly<Record<string, number>>, without: readonly string[] = []): Record<string, number> {
  const all: Record<string, number> = {};
  for (const [name, value] of Object.entries(names)) if (!without.includes(name)) all[prefix + name] = value;
  return all;
}

/** The number that a name of the socket interface stands for on a system; null: it has no such name. Options of `setsockopt` are told by
 *  their names, and are not here. */
export function constantNamed(name: string, system: System): number | null {
  const table = system === "linux" ? linux : freebsd;
  return Object.hasOwn(table, name) ? table[name]! : null;
}
