/** Keep-alive, and how long a peer that is silent is waited for. */
import { type Draw, lines, passive, rest, STATE, type Stimulus } from "../words.js";

export function keepAlive(_draw: Draw): Stimulus[] {
  const all: Stimulus[] = [];
  const add = (subject: string, name: string, ...parts: string[]): void => {
    all.push({ subject, name, source: lines(...parts) });
  };
  const keep = [
    "+0 setsockopt(4, SOL_SOCKET, SO_KEEPALIVE, [1], 4) = 0",
    "+0 setsockopt(4, SOL_TCP, TCP_KEEPIDLE, [1], 4) = 0",
    "+0 setsockopt(4, SOL_TCP, TCP_KEEPINTVL, [1], 4) = 0",
    "+0 setsockopt(4, SOL_TCP, TCP_KEEPCNT, [2], 4) = 0",
  ];
  add("keep-alive", "dead", passive(), ...keep, rest(4.5), "+0 read(4, ..., 10) = -1", STATE);
  add("keep-alive", "answered", passive(), ...keep, "+1.1 < . 1:1(0) ack 1 win 65535", rest(2.5), STATE);
  add("keep-alive", "reset", passive(), ...keep, "+1.1 < R 1:1(0) win 0", "+0 read(4, ..., 10) = -1");
  add("keep-alive", "with-flight", passive(), ...keep, "+0 write(4, ..., 100) = 100", rest(2), STATE);
  add(
    "keep-alive",
    "answers",
    passive(),
    "+0.1 < . 0:0(0) ack 1 win 65535",
    "+0.1 < . 0:1(1) ack 1 win 65535",
    "+1 < . 0:0(0) ack 1 win 65535",
    rest(0.1),
  );
  add(
    "keep-alive",
    "user-timeout",
    passive(),
    ...keep,
    "+0 setsockopt(4, SOL_TCP, TCP_USER_TIMEOUT, [1500], 4) = 0",
    rest(4),
    "+0 read(4, ..., 10) = -1",
  );
  add(
    "user-timeout",
    "text",
    passive(),
    "+0 setsockopt(4, SOL_TCP, TCP_USER_TIMEOUT, [1500], 4) = 0",
    "+0 write(4, ..., 1000) = 1000",
    rest(3),
    "+0 write(4, ..., 1000) = -1",
    "+0 write(4, ..., 1000) = -1",
    STATE,
  );
  add(
    "user-timeout",
    "zero-window",
    passive({ window: 0, options: "mss 1000" }),
    "+0 setsockopt(4, SOL_TCP, TCP_USER_TIMEOUT, [1500], 4) = 0",
    "+0 write(4, ..., 1000) = 1000",
    rest(3.5),
    "+0 read(4, ..., 10) = -1",
    STATE,
  );
  add(
    "user-timeout",
    "zero-window-answered",
    passive({ window: 0, options: "mss 1000" }),
    "+0 setsockopt(4, SOL_TCP, TCP_USER_TIMEOUT, [1000], 4) = 0",
    "+0 write(4, ..., 1000) = 1000",
    rest(0.5),
    "+0 < . 1:1(0) ack 1 win 0",
    rest(0.6),
    "+0 < . 1:1(0) ack 1 win 0",
    rest(1.5),
    "+0 write(4, ..., 10) = ...",
  );
  add(
    "user-timeout",
    "syn",
    "`./defaults.sh`",
    "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3",
    "+0 setsockopt(3, SOL_TCP, TCP_USER_TIMEOUT, [2500], 4) = 0",
    "+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0",
    "+0 connect(3, ..., ...) = -1",
    rest(5),
    "+0 getsockopt(3, SOL_SOCKET, SO_ERROR, [0], [4]) = 0",
  );
  add(
    "user-timeout",
    "fin",
    passive(),
    "+0 setsockopt(4, SOL_TCP, TCP_USER_TIMEOUT, [1500], 4) = 0",
    "+0 shutdown(4, SHUT_WR) = 0",
    rest(3),
    STATE,
  );
  add(
    "user-timeout",
    "retries2",
    passive({ sysctls: ["tcp_retries2=3"] }),
    "+0 write(4, ..., 1000) = 1000",
    rest(5),
    "+0 write(4, ..., 1000) = -1",
    STATE,
  );
  add(
    "user-timeout",
    "orphan",
    passive({ sysctls: ["tcp_orphan_retries=2"] }),
    "+0 write(4, ..., 1000) = 1000",
    "+0 close(4) = 0",
    rest(4),
    "+0 < . 1:1(0) ack 1002 win 65535",
    rest(0.1),
  );
  return all;
}
