/** Calls with wrong arguments, and options as they are read. */
import { type Draw, lines, passive, type Stimulus } from "../words.js";

export function wrongCalls(_draw: Draw): Stimulus[] {
  const all: Stimulus[] = [];
  const add = (subject: string, name: string, ...parts: string[]): void => {
    all.push({ subject, name, source: lines(...parts) });
  };
  add(
    "bad-calls",
    "not-connected",
    "`./defaults.sh`",
    "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3",
    "+0 read(3, ..., 10) = -1",
    "+0 write(3, ..., 10) = -1",
    "+0 listen(3, 5) = 0",
    "+0 read(3, ..., 10) = -1",
    "+0 write(3, ..., 10) = -1",
    "+0 connect(3, ..., ...) = -1",
    "+0 accept(7, ..., ...) = -1",
    "+0 read(9, ..., 10) = -1",
  );
  add(
    "bad-calls",
    "bind-twice",
    "`./defaults.sh`",
    "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3",
    "+0 bind(3, ..., ...) = 0",
    "+0 bind(3, ..., ...) = -1",
    "+0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 4",
    "+0 bind(4, ..., ...) = -1",
    "+0 accept(3, ..., ...) = -1",
    "+0 listen(3, 5) = 0",
    "+0 listen(3, 7) = 0",
  );
  add(
    "bad-calls",
    "values",
    passive(),
    "+0 setsockopt(4, SOL_TCP, TCP_MAXSEG, [40], 4) = -1",
    "+0 setsockopt(4, SOL_TCP, TCP_KEEPIDLE, [0], 4) = -1",
    "+0 setsockopt(4, SOL_TCP, TCP_KEEPCNT, [200], 4) = -1",
    "+0 setsockopt(4, SOL_TCP, TCP_SYNCNT, [0], 4) = -1",
    "+0 setsockopt(4, SOL_TCP, TCP_USER_TIMEOUT, [-1], 4) = -1",
    "+0 setsockopt(4, SOL_TCP, TCP_NODELAY, [1], 2) = -1",
    '+0 setsockopt(4, SOL_TCP, TCP_CONGESTION, "nope", 4) = -1',
    "+0 getsockopt(4, SOL_TCP, TCP_CONGESTION, ..., [16]) = 0",
  );
  add(
    "bad-calls",
    "connected",
    passive(),
    "+0 connect(4, ..., ...) = -1",
    "+0 bind(4, ..., ...) = -1",
    "+0 listen(4, 5) = -1",
    "+0 accept(4, ..., ...) = -1",
    "+0 read(4, ..., 0) = 0",
    "+0 write(4, ..., 0) = 0",
    "+0 send(4, ..., 0, 0) = 0",
  );
  for (const option of [
    "TCP_NODELAY",
    "TCP_MAXSEG",
    "TCP_CORK",
    "TCP_KEEPIDLE",
    "TCP_KEEPINTVL",
    "TCP_KEEPCNT",
    "TCP_SYNCNT",
    "TCP_LINGER2",
    "TCP_DEFER_ACCEPT",
    "TCP_WINDOW_CLAMP",
    "TCP_QUICKACK",
    "TCP_USER_TIMEOUT",
    "TCP_NOTSENT_LOWAT",
  ])
    add(
      "options-read",
      option,
      passive(),
      `+0 getsockopt(4, SOL_TCP, ${option}, [0], [4]) = 0`,
      `+0 getsockopt(3, SOL_TCP, ${option}, [0], [4]) = 0`,
      `+0 setsockopt(4, SOL_TCP, ${option}, [7], 4) = 0`,
      `+0 getsockopt(4, SOL_TCP, ${option}, [0], [4]) = 0`,
      `+0 setsockopt(4, SOL_TCP, ${option}, [0], 4) = 0`,
      `+0 getsockopt(4, SOL_TCP, ${option}, [0], [4]) = 0`,
      `+0 setsockopt(4, SOL_TCP, ${option}, [-1], 4) = 0`,
      `+0 getsockopt(4, SOL_TCP, ${option}, [0], [4]) = 0`,
    );
  for (const option of [
    "SO_REUSEADDR",
    "SO_TYPE",
    "SO_ERROR",
    "SO_SNDBUF",
    "SO_RCVBUF",
    "SO_KEEPALIVE",
    "SO_OOBINLINE",
    "SO_PRIORITY",
    "SO_REUSEPORT",
    "SO_RCVLOWAT",
    "SO_SNDLOWAT",
    "SO_ACCEPTCONN",
    "SO_PROTOCOL",
    "SO_DOMAIN",
  ])
    add(
      "options-read",
      option,
      passive(),
      `+0 getsockopt(4, SOL_SOCKET, ${option}, [0], [4]) = 0`,
      `+0 getsockopt(3, SOL_SOCKET, ${option}, [0], [4]) = 0`,
      `+0 setsockopt(4, SOL_SOCKET, ${option}, [5], 4) = 0`,
      `+0 getsockopt(4, SOL_SOCKET, ${option}, [0], [4]) = 0`,
    );
  return all;
}
