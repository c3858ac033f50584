/** What poll and epoll tell, and how full the send buffer is. */
import { type Draw, lines, passive, rest, type Stimulus } from "../words.js";

export function polling(_draw: Draw): Stimulus[] {
  const all: Stimulus[] = [];
  const add = (subject: string, name: string, ...parts: string[]): void => {
    all.push({ subject, name, source: lines(...parts) });
  };
  add(
    "poll",
    "states",
    passive(),
    "+0 poll([{fd=4, events=POLLIN|POLLOUT|POLLERR, revents=0}], 1, 0) = 1",
    "+0.1 < P. 1:101(100) ack 1 win 65535",
    "+0 poll([{fd=4, events=POLLIN|POLLOUT, revents=0}], 1, 0) = 1",
    "+0.1 < F. 101:101(0) ack 1 win 65535",
    "+0 poll([{fd=4, events=POLLIN|POLLOUT|POLLRDHUP, revents=0}], 1, 0) = 1",
    "+0 shutdown(4, SHUT_WR) = 0",
    "+0 poll([{fd=4, events=POLLIN|POLLOUT|POLLRDHUP, revents=0}], 1, 0) = 1",
    "+0.1 < R 102:102(0) win 0",
    "+0 poll([{fd=4, events=POLLIN|POLLOUT, revents=0}], 1, 0) = 1",
  );
  add(
    "poll",
    "reset",
    passive(),
    "+0.1 < R 1:1(0) win 0",
    "+0 poll([{fd=4, events=POLLIN|POLLOUT|POLLRDHUP, revents=0}], 1, 0) = 1",
    "+0 getsockopt(4, SOL_SOCKET, SO_ERROR, [0], [4]) = 0",
    "+0 poll([{fd=4, events=POLLIN|POLLOUT, revents=0}], 1, 0) = 1",
    "+0 read(4, ..., 10) = ...",
    "+0 write(4, ..., 10) = ...",
  );
  add(
    "poll",
    "connecting",
    "`./defaults.sh`",
    "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3",
    "+0 poll([{fd=3, events=POLLIN|POLLOUT, revents=0}], 1, 0) = 1",
    "+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0",
    "+0 connect(3, ..., ...) = -1",
    "+0 poll([{fd=3, events=POLLIN|POLLOUT, revents=0}], 1, 0) = 0",
    "+0.1 < R. 0:0(0) ack 1 win 0",
    "+0 poll([{fd=3, events=POLLIN|POLLOUT, revents=0}], 1, 0) = 1",
  );
  add(
    "poll",
    "waits",
    passive(),
    "+0...0.1 poll([{fd=4, events=POLLIN, revents=0}], 1, 1000) = 1",
    "+0.1 < P. 1:101(100) ack 1 win 65535",
    rest(0.05),
  );
  add(
    "poll",
    "epoll-edge",
    passive(),
    "+0 epoll_create(1) = 5",
    "+0 epoll_ctl(5, EPOLL_CTL_ADD, 4, {events=EPOLLIN|EPOLLOUT|EPOLLET, fd=4}) = 0",
    "+0 epoll_wait(5, {events=0, fd=4}, 1, 0) = 1",
    "+0 epoll_wait(5, {events=0, fd=4}, 1, 0) = 0",
    "+0.1 < P. 1:101(100) ack 1 win 65535",
    "+0 epoll_wait(5, {events=0, fd=4}, 1, 0) = 1",
    "+0 epoll_wait(5, {events=0, fd=4}, 1, 0) = 0",
    "+0.1 < P. 101:201(100) ack 1 win 65535",
    "+0 epoll_wait(5, {events=0, fd=4}, 1, 0) = 1",
    "+0.1 < F. 201:201(0) ack 1 win 65535",
    "+0 epoll_wait(5, {events=0, fd=4}, 1, 0) = 1",
  );
  add(
    "poll",
    "writable-again",
    passive({ before: ["+0 setsockopt(3, SOL_SOCKET, SO_SNDBUF, [10000], 4) = 0"] }),
    "+0 fcntl(4, F_SETFL, O_RDWR|O_NONBLOCK) = 0",
    "+0 write(4, ..., 100000) = ...",
    "+0 poll([{fd=4, events=POLLOUT, revents=0}], 1, 0) = 0",
    "+0.1 < . 1:1(0) ack 5001 win 65535",
    "+0 poll([{fd=4, events=POLLOUT, revents=0}], 1, 0) = 0",
    "+0.1 < . 1:1(0) ack 10001 win 65535",
    "+0 poll([{fd=4, events=POLLOUT, revents=0}], 1, 0) = 0",
    "+0 write(4, ..., 100000) = ...",
  );
  for (const buffer of [4096, 10000, 50000])
    add(
      "send-buffer",
      `nonblocking-${buffer}`,
      passive({ before: [`+0 setsockopt(3, SOL_SOCKET, SO_SNDBUF, [${buffer}], 4) = 0`] }),
      "+0 getsockopt(4, SOL_SOCKET, SO_SNDBUF, [0], [4]) = 0",
      "+0 fcntl(4, F_SETFL, O_RDWR|O_NONBLOCK) = 0",
      "+0 write(4, ..., 1000000) = ...",
      "+0 write(4, ..., 1000000) = ...",
      "+0.1 < . 1:1(0) ack 10001 win 65535",
      "+0 write(4, ..., 1000000) = ...",
    );
  add(
    "send-buffer",
    "default",
    passive(),
    "+0 fcntl(4, F_SETFL, O_RDWR|O_NONBLOCK) = 0",
    "+0 write(4, ..., 10000000) = ...",
    "+0 write(4, ..., 1000) = ...",
  );
  add(
    "send-buffer",
    "blocking",
    passive({ before: ["+0 setsockopt(3, SOL_SOCKET, SO_SNDBUF, [10000], 4) = 0"] }),
    "+0...0.2 write(4, ..., 30000) = 30000",
    "+0.1 < . 1:1(0) ack 10001 win 65535",
    "+0.1 < . 1:1(0) ack 20001 win 65535",
    rest(0.05),
    "+0.1 < . 1:1(0) ack 30001 win 65535",
  );
  add(
    "send-buffer",
    "lowat",
    passive(),
    "+0 setsockopt(4, SOL_TCP, TCP_NOTSENT_LOWAT, [5000], 4) = 0",
    "+0 fcntl(4, F_SETFL, O_RDWR|O_NONBLOCK) = 0",
    "+0 write(4, ..., 100000) = ...",
    "+0 poll([{fd=4, events=POLLOUT, revents=0}], 1, 0) = 0",
    "+0.1 < . 1:1(0) ack 10001 win 65535",
    "+0 poll([{fd=4, events=POLLOUT, revents=0}], 1, 0) = 0",
    "+0 write(4, ..., 100000) = ...",
  );
  add(
    "send-buffer",
    "outq",
    passive(),
    "+0 write(4, ..., 15000) = 15000",
    "+0 ioctl(4, SIOCOUTQ, [0]) = 0",
    "+0 ioctl(4, SIOCOUTQNSD, [0]) = 0",
    "+0.1 < . 1:1(0) ack 5001 win 65535",
    "+0 ioctl(4, SIOCOUTQ, [0]) = 0",
    "+0 ioctl(4, SIOCOUTQNSD, [0]) = 0",
  );
  return all;
}
