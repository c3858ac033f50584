/** Fast Open (RFC 7413): servers, and clients. */
import { type Draw, lines, rest, type Stimulus } from "../words.js";

const INFO =
  "+0 %{ print(tcpi_options, tcpi_state, tcpi_unacked, tcpi_snd_cwnd, tcpi_retrans, tcpi_total_retrans, tcpi_ca_state, tcpi_delivered) }%";
const COOKIE = "FO 3021b9d889017eeb";
const poll = (fd: number): string => `+0 poll([{fd=${fd}, events=POLLIN|POLLOUT|POLLERR|POLLHUP, revents=0}], 1, 0) = 1`;
const settings = (sysctls: readonly string[]): string =>
  `${["`./defaults.sh", ...sysctls.map((line) => `sysctl -q net.ipv4.${line}`)].join("\n")}\``;

export function fastOpen(draw: Draw): Stimulus[] {
  return [...servers(draw), ...clients(draw)];
}

function servers(_draw: Draw): Stimulus[] {
  const all: Stimulus[] = [];
  const add = (name: string, ...parts: string[]): void => {
    all.push({ subject: "fast-open", name: `server-${name}`, source: lines(...parts) });
  };
  const bare = (sysctls: readonly string[], ...before: readonly string[]): string =>
    lines(
      settings(sysctls),
      "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3",
      "+0 setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0",
      "+0 bind(3, ..., ...) = 0",
      "+0 listen(3, 5) = 0",
      ...before,
    );
  const server = (...sysctls: string[]): string => bare(sysctls, "+0 setsockopt(3, SOL_TCP, TCP_FASTOPEN, [5], 4) = 0");
  const early = (...options: string[]): string => `+0 < S 0:100(100) win 1000 <${["mss 1000", "sackOK", ...options].join(",")}>`;
  const syn = early(COOKIE);
  const stamped = early("TS val 100 ecr 0", COOKIE, "nop", "nop");
  const accept = "+0 accept(3, ..., ...) = 4";
  const read = "+0 read(4, ..., 1000) = 100";

  add("asked", server(), "+0 < S 0:0(0) win 1000 <mss 1000,sackOK,FO,nop,nop,nop,nop>", "+0.1 < . 1:1(0) ack 1 win 1000", rest(0.05));
  add("asked-only", server(), "+0 < S 0:0(0) win 1000 <mss 1000,FO,nop,nop>", "+0.1 < . 1:1(0) ack 1 win 1000", accept, INFO);
  add("asked-stamped", server(), "+0 < S 0:0(0) win 1000 <mss 1000,sackOK,TS val 1 ecr 0,nop,wscale 7,FO,nop,nop>", rest(0.05));
  add("asked-with-text", server(), early("FO", "nop", "nop", "nop", "nop"), "+0.1 < P. 1:101(100) ack 1 win 1000", accept, read, INFO);
  add(
    "asked-experimental",
    server(),
    "+0 < S 0:0(0) win 1000 <mss 1000,sackOK,FOEXP,nop,nop>",
    "+0.1 < . 1:1(0) ack 1 win 1000",
    accept,
    INFO,
  );
  add(
    "experimental",
    server(),
    early("FOEXP 3021b9d889017eeb", "nop", "nop"),
    accept,
    read,
    INFO,
    "+0.1 < . 101:101(0) ack 1 win 1000",
    INFO,
  );
  add("wrong-experimental", server(), early("FOEXP 3021b9d889017eec", "nop", "nop"), rest(0.1));
  for (const [name, syn1] of [
    ["text", syn],
    ["stamped", stamped],
  ] as const) {
    const ts = name === "stamped" ? " <nop,nop,TS val 200 ecr 0>" : "";
    add(name, server(), syn1, accept, read, INFO, poll(4), `+0.1 < . 101:101(0) ack 1 win 1000${ts}`, INFO, poll(4), rest(0.1));
    add(`${name}-not-accepted`, server(), syn1, `+0.1 < . 101:101(0) ack 1 win 1000${ts}`, accept, read, INFO, rest(0.05));
    add(
      `${name}-answer`,
      server(),
      syn1,
      accept,
      read,
      "+0 write(4, ..., 100) = 100",
      INFO,
      `+0.1 < . 101:101(0) ack 1 win 1000${ts}`,
      INFO,
      `+0.01 < . 101:101(0) ack 101 win 1000${ts}`,
      INFO,
      rest(0.1),
    );
    add(
      `${name}-long-answer`,
      server(),
      early(...(name === "stamped" ? ["TS val 100 ecr 0", COOKIE, "nop", "nop"] : [COOKIE])).replace("win 1000", "win 20000"),
      accept,
      read,
      "+0 write(4, ..., 20000) = 20000",
      INFO,
      `+0.1 < . 101:101(0) ack 1 win 20000${ts}`,
      INFO,
      `+0 < . 101:101(0) ack 5001 win 20000${ts}`,
      INFO,
      rest(0.1),
    );
    add(`${name}-lost`, server(), syn1, accept, read, "+0 write(4, ..., 100) = 100", rest(3.5), INFO);
    add(`${name}-syn-again`, server(), syn1, accept, `+0.2${syn1.slice(2)}`, `+0.2${syn1.slice(2)}`, rest(1), INFO);
    add(`${name}-old-syn`, server(), syn1, accept, `+0.1 < . 101:101(0) ack 1 win 1000${ts}`, `+0.1${syn1.slice(2)}`, rest(0.1), INFO);
  }
  add(
    "window-used-up",
    server(),
    syn,
    accept,
    read,
    "+0 write(4, ..., 5000) = 5000",
    INFO,
    "+0.1 < . 101:101(0) ack 1001 win 1000",
    INFO,
    rest(0.1),
  );
  add("more-text", server(), syn, accept, read, "+0.1 < P. 101:201(100) ack 1 win 1000", read, INFO, rest(0.1));
  add("more-text-before-accept", server(), syn, "+0.1 < P. 101:201(100) ack 1 win 1000", accept, "+0 read(4, ..., 1000) = 200", INFO);
  add("text-again", server(), syn, accept, read, "+0.1 < P. 1:101(100) ack 1 win 1000", INFO, rest(0.1));
  add(
    "text-again-and-more",
    server(),
    syn,
    accept,
    read,
    "+0.1 < P. 1:301(300) ack 1 win 1000",
    "+0 read(4, ..., 1000) = 200",
    INFO,
    rest(0.1),
  );
  add("ack-of-text", server(), syn, accept, read, "+0 write(4, ..., 300) = 300", "+0.1 < . 101:101(0) ack 301 win 1000", INFO, rest(0.1));
  add(
    "ack-of-half",
    server(),
    syn,
    accept,
    read,
    "+0 write(4, ..., 3000) = 3000",
    "+0.1 < . 101:101(0) ack 501 win 1000",
    INFO,
    rest(0.3),
    INFO,
  );
  add("synack-late", server(), syn, accept, read, rest(1.2), INFO, "+0 < . 101:101(0) ack 1 win 1000", INFO, rest(0.1));
  add("never-acked", server("tcp_synack_retries=2"), syn, accept, read, rest(8), INFO, "+0 read(4, ..., 10) = ...", rest(0.1));
  add(
    "fin",
    server(),
    syn,
    accept,
    read,
    "+0.1 < F. 101:101(0) ack 1 win 1000",
    INFO,
    "+0 read(4, ..., 10) = 0",
    "+0 close(4) = 0",
    rest(0.1),
  );
  add("fin-with-syn", server(), "+0 < SF 0:100(100) win 1000 <mss 1000,sackOK,FO 3021b9d889017eeb>", rest(0.1));
  add("fin-not-accepted", server(), syn, "+0.1 < F. 101:101(0) ack 1 win 1000", accept, read, "+0 read(4, ..., 10) = 0", INFO);
  add(
    "close",
    server(),
    syn,
    accept,
    read,
    "+0 close(4) = 0",
    "+0.1 < . 101:101(0) ack 2 win 1000",
    "+0.1 < F. 101:101(0) ack 2 win 1000",
    rest(0.3),
  );
  add("close-unacked", server(), syn, accept, read, "+0 close(4) = 0", rest(1.5), "+0.1 < . 101:101(0) ack 1 win 1000", rest(0.3));
  add("close-unread", server(), syn, accept, "+0 close(4) = 0", rest(0.3));
  add("close-listener", server(), syn, "+0.1 close(3) = 0", rest(0.3));
  add(
    "write-and-close",
    server(),
    syn,
    accept,
    read,
    "+0 write(4, ..., 3000) = 3000",
    "+0 close(4) = 0",
    "+0.1 < . 101:101(0) ack 1 win 10000",
    rest(0.3),
  );
  add(
    "shutdown-write",
    server(),
    syn,
    accept,
    read,
    "+0 shutdown(4, SHUT_WR) = 0",
    INFO,
    "+0.1 < . 101:101(0) ack 1 win 1000",
    INFO,
    rest(0.3),
  );
  add("shutdown-both", server(), syn, accept, read, "+0 shutdown(4, SHUT_RDWR) = 0", "+0.1 < . 101:101(0) ack 2 win 1000", INFO, rest(0.3));
  add(
    "reset",
    server(),
    syn,
    accept,
    "+0.1 < R 101:101(0) win 0",
    poll(4),
    "+0 read(4, ..., 1000) = ...",
    "+0 read(4, ..., 1000) = ...",
    rest(0.1),
  );
  add(
    "reset-ack",
    server(),
    syn,
    accept,
    "+0.1 < R. 101:101(0) ack 1 win 0",
    "+0 read(4, ..., 1000) = ...",
    "+0 write(4, ..., 10) = ...",
    rest(0.1),
  );
  add(
    "reset-not-accepted",
    server(),
    syn,
    "+0.1 < R. 101:101(0) ack 1 win 0",
    accept,
    "+0 read(4, ..., 1000) = ...",
    "+0 read(4, ..., 10) = ...",
  );
  add(
    "reset-then-again",
    server(),
    syn,
    "+0.1 < R. 101:101(0) ack 1 win 0",
    "+0.1 < [2000 > 8080] S 0:100(100) win 1000 <mss 1000,FO 3021b9d889017eeb,nop,nop>",
    rest(0.1),
  );
  add("bad-ack", server(), syn, accept, read, "+0.1 < . 101:101(0) ack 1000 win 1000", rest(0.1));
  add("ack-old", server(), syn, accept, read, "+0.1 < . 101:101(0) ack 0 win 1000", rest(0.1));
  add(
    "cookie-no-text",
    server(),
    "+0 < S 0:0(0) win 1000 <mss 1000,sackOK,FO 3021b9d889017eeb>",
    "+0.1 < . 1:1(0) ack 1 win 1000",
    accept,
    INFO,
  );
  add(
    "cookie-no-text-accept",
    server(),
    "+0 < S 0:0(0) win 1000 <mss 1000,sackOK,FO 3021b9d889017eeb>",
    "+0 fcntl(3, F_SETFL, O_NONBLOCK) = 0",
    "+0 accept(3, ..., ...) = -1",
    rest(0.1),
  );
  add("wrong-cookie", server(), early("FO 1111111111111111"), "+0.1 < P. 1:101(100) ack 1 win 1000", accept, read, INFO, rest(0.05));
  add("short-cookie", server(), early("FO 11111111", "nop", "nop", "nop", "nop"), "+0.1 < . 1:1(0) ack 1 win 1000", rest(0.05));
  add("odd-cookie", server(), early("FO 111111", "nop"), rest(0.05));
  add("long-cookie", server(), early("FO 3021b9d889017eeb3021b9d889017eeb"), rest(0.05));
  add("no-cookie", server(), "+0 < S 0:100(100) win 1000 <mss 1000>", "+0.1 < . 1:1(0) ack 1 win 1000", rest(0.05));
  add(
    "big",
    server(),
    "+0 < S 0:1400(1400) win 10000 <mss 1460,FO 3021b9d889017eeb,nop,nop>",
    accept,
    "+0 read(4, ..., 2000) = 1400",
    INFO,
    "+0.1 < . 1401:1401(0) ack 1 win 1000",
    rest(0.05),
  );
  add(
    "queue-full",
    bare([], "+0 setsockopt(3, SOL_TCP, TCP_FASTOPEN, [1], 4) = 0"),
    syn,
    "+0.01 < [2000 > 8080] S 0:100(100) win 1000 <mss 1000,FO 3021b9d889017eeb,nop,nop>",
    rest(0.1),
  );
  add(
    "queue-free-again",
    bare([], "+0 setsockopt(3, SOL_TCP, TCP_FASTOPEN, [1], 4) = 0"),
    syn,
    "+0.01 < . 101:101(0) ack 1 win 1000",
    "+0.01 < [2000 > 8080] S 0:100(100) win 1000 <mss 1000,FO 3021b9d889017eeb,nop,nop>",
    rest(0.1),
  );
  add(
    "backlog-full",
    bare([], "+0 setsockopt(3, SOL_TCP, TCP_FASTOPEN, [5], 4) = 0", "+0 listen(3, 0) = 0"),
    syn,
    "+0.01 < [2000 > 8080] S 0:100(100) win 1000 <mss 1000,FO 3021b9d889017eeb,nop,nop>",
    rest(0.1),
  );
  add("off", bare(["tcp_fastopen=1"], "+0 setsockopt(3, SOL_TCP, TCP_FASTOPEN, [5], 4) = 0"), syn, rest(0.05));
  add("not-asked", bare(["tcp_fastopen=2"]), syn, rest(0.05));
  add("not-asked-all", bare(["tcp_fastopen=0x402"]), syn, accept, INFO, rest(0.05));
  add(
    "blind",
    bare(["tcp_fastopen=0x202"], "+0 setsockopt(3, SOL_TCP, TCP_FASTOPEN, [5], 4) = 0"),
    "+0 < S 0:100(100) win 1000 <mss 1000,sackOK,nop,nop>",
    accept,
    read,
    INFO,
    rest(0.05),
  );
  add(
    "blind-all",
    bare(["tcp_fastopen=0x602"]),
    "+0 < S 0:100(100) win 1000 <mss 1000,sackOK,nop,nop>",
    accept,
    read,
    INFO,
    "+0.1 < . 101:101(0) ack 1 win 1000",
    INFO,
  );
  add("blind-asked", bare(["tcp_fastopen=0x602"]), "+0 < S 0:0(0) win 1000 <mss 1000,FO,nop,nop>", rest(0.05));
  add("blind-wrong", bare(["tcp_fastopen=0x602"]), early("FO 1111111111111111"), rest(0.05));
  add(
    "no-cookie-option",
    bare(
      ["tcp_fastopen=2"],
      "+0 setsockopt(3, SOL_TCP, TCP_FASTOPEN_NO_COOKIE, [1], 4) = 0",
      "+0 setsockopt(3, SOL_TCP, TCP_FASTOPEN, [5], 4) = 0",
    ),
    "+0 < S 0:100(100) win 1000 <mss 1000>",
    accept,
    read,
    INFO,
  );
  add(
    "key-changed",
    server(),
    syn,
    accept,
    "+0 `sysctl -q net.ipv4.tcp_fastopen_key=b1b1b1b1-c2c2c2c2-d3d3d3d3-e4e4e4e4`",
    "+0.1 < [2000 > 8080] S 0:100(100) win 1000 <mss 1000,FO 3021b9d889017eeb,nop,nop>",
    rest(0.05),
  );
  add(
    "two-keys",
    server("tcp_fastopen_key=b1b1b1b1-c2c2c2c2-d3d3d3d3-e4e4e4e4,a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4"),
    syn,
    accept,
    read,
    INFO,
    "+0.1 < . 101:101(0) ack 1 win 1000",
  );
  add(
    "epoll",
    server(),
    "+0 epoll_create(1) = 5",
    "+0 epoll_ctl(5, EPOLL_CTL_ADD, 3, {events=EPOLLIN|EPOLLET, fd=3}) = 0",
    syn,
    "+0 epoll_wait(5, {events=EPOLLIN, fd=3}, 1, 0) = 1",
    accept,
    "+0 epoll_ctl(5, EPOLL_CTL_ADD, 4, {events=EPOLLIN|EPOLLOUT|EPOLLET, fd=4}) = 0",
    "+0 epoll_wait(5, {events=EPOLLIN, fd=4}, 1, 0) = 1",
    "+0.1 < . 101:101(0) ack 1 win 1000",
    "+0 epoll_wait(5, {events=EPOLLIN, fd=4}, 1, 0) = 0",
    rest(0.05),
  );
  add(
    "icmp",
    server(),
    syn,
    accept,
    "+0.1 < icmp unreachable host_unreachable [0:0(0)]",
    INFO,
    "+0 getsockopt(4, SOL_SOCKET, SO_ERROR, [0], [4]) = 0",
    rest(0.1),
  );
  add(
    "defer-accept",
    bare([], "+0 setsockopt(3, SOL_TCP, TCP_DEFER_ACCEPT, [3], 4) = 0", "+0 setsockopt(3, SOL_TCP, TCP_FASTOPEN, [5], 4) = 0"),
    syn,
    accept,
    read,
    "+0.1 < . 101:101(0) ack 1 win 1000",
    INFO,
  );
  add(
    "window-scale",
    server(),
    "+0 < S 0:100(100) win 30000 <mss 1000,sackOK,nop,wscale 7,FO 3021b9d889017eeb,nop>",
    accept,
    read,
    "+0 write(4, ..., 20000) = 20000",
    INFO,
    "+0.1 < . 101:101(0) ack 1 win 257",
    rest(0.05),
  );
  return all;
}

function clients(_draw: Draw): Stimulus[] {
  const all: Stimulus[] = [];
  const add = (name: string, ...parts: string[]): void => {
    all.push({ subject: "fast-open", name: `client-${name}`, source: lines(...parts) });
  };
  const open = (fd: number, blocks = false): string[] => [
    `+0 socket(..., SOCK_STREAM, IPPROTO_TCP) = ${fd}`,
    ...(blocks ? [] : [`+0 fcntl(${fd}, F_SETFL, O_RDWR|O_NONBLOCK) = 0`]),
  ];
  const client = (sysctls: readonly string[], ...parts: string[]): string => lines(settings(sysctls), "0 `true`", ...open(3), ...parts);
  const learned = (cookie: string): string[] => [
    "+0 sendto(3, ..., 100, MSG_FASTOPEN, ..., ...) = -1",
    `+0.1 < S. 0:0(0) ack 1 win 5840 <mss 1000,nop,nop,sackOK,nop,wscale 6,${cookie}>`,
    "+0 write(3, ..., 100) = 100",
    "+0.1 < . 1:1(0) ack 101 win 100",
    "+0 close(3) = 0",
    "+0.1 < F. 1:1(0) ack 102 win 92",
    rest(0.05),
  ];
  const learn = learned("FO 1234567890abcdef,nop,nop");
  const send = (octets: number): string => `+0 sendto(4, ..., ${octets}, MSG_FASTOPEN, ..., ...) = ${octets}`;
  const again = [...open(4), send(500)];
  const accepted = "+0.1 < S. 1000:1000(0) ack 501 win 5840 <mss 940,nop,nop,sackOK,nop,wscale 6>";
  const refused = "+0.1 < S. 1000:1000(0) ack 1 win 5840 <mss 940,nop,nop,sackOK,nop,wscale 6>";
  add("asks", client([], ...learn));
  add(
    "asks-info",
    client(
      [],
      "+0 sendto(3, ..., 100, MSG_FASTOPEN, ..., ...) = -1",
      INFO,
      poll(3).replace("= 1", "= 0"),
      "+0 write(3, ..., 10) = -1",
      "+0 sendto(3, ..., 10, MSG_FASTOPEN, ..., ...) = -1",
      rest(1.2),
    ),
  );
  add(
    "asks-refused",
    client(
      [],
      "+0 sendto(3, ..., 100, MSG_FASTOPEN, ..., ...) = -1",
      "+0.1 < S. 0:0(0) ack 1 win 5840 <mss 1000>",
      "+0 write(3, ..., 100) = 100",
      INFO,
      ...open(4),
      "+0 sendto(4, ..., 100, MSG_FASTOPEN, ..., ...) = -1",
      rest(0.05),
    ),
  );
  add(
    "asks-blocking",
    lines(
      settings([]),
      "0 `true`",
      ...open(3, true),
      "+0...0.1 sendto(3, ..., 100, MSG_FASTOPEN, ..., ...) = 100",
      "+0.1 < S. 0:0(0) ack 1 win 5840 <mss 1000,FO 1234567890abcdef,nop,nop>",
      INFO,
      rest(0.1),
    ),
  );
  add(
    "asks-experimental",
    client(
      [],
      "+0 sendto(3, ..., 100, MSG_FASTOPEN, ..., ...) = -1",
      "+0.1 < S. 0:0(0) ack 1 win 5840 <mss 1000,FOEXP 1234567890abcdef>",
      ...open(4),
      "+0 sendto(4, ..., 100, MSG_FASTOPEN, ..., ...) = ...",
      rest(0.05),
    ),
  );
  add("text", client([], ...learn, ...again, INFO, accepted, INFO, rest(0.2)));
  add(
    "text-more-than-fits",
    client(
      [],
      ...learn,
      ...open(4),
      "+0 sendto(4, ..., 3000, MSG_FASTOPEN, ..., ...) = ...",
      INFO,
      "+0.1 < S. 1000:1000(0) ack 941 win 5840 <mss 940>",
      INFO,
      rest(0.2),
    ),
  );
  add(
    "text-blocking",
    client(
      [],
      ...learn,
      ...open(4, true),
      "+0...0.1 sendto(4, ..., 3000, MSG_FASTOPEN, ..., ...) = 3000",
      "+0.1 < S. 1000:1000(0) ack 941 win 5840 <mss 940>",
      INFO,
      rest(0.2),
    ),
  );
  add("text-blocking-fits", client([], ...learn, ...open(4, true), send(500), INFO, accepted, INFO, rest(0.2)));
  add("refused", client([], ...learn, ...again, refused, INFO, rest(0.1), "+0 < . 1001:1001(0) ack 501 win 257", INFO, rest(0.2)));
  add(
    "refused-with-cookie",
    client(
      [],
      ...learn,
      ...again,
      "+0.1 < S. 1000:1000(0) ack 1 win 5840 <mss 940,FO aaaaaaaaaaaaaaaa,nop,nop>",
      INFO,
      "+0.1 < . 1001:1001(0) ack 501 win 257",
      ...open(5),
      "+0 sendto(5, ..., 100, MSG_FASTOPEN, ..., ...) = 100",
      rest(0.05),
    ),
  );
  add(
    "half-accepted",
    client(
      [],
      ...learn,
      ...again,
      "+0.1 < S. 1000:1000(0) ack 251 win 5840 <mss 940>",
      INFO,
      rest(0.1),
      "+0 < . 1001:1001(0) ack 501 win 257",
      INFO,
    ),
  );
  add("timeout", client([], ...learn, ...again, rest(3.5), INFO));
  add(
    "timeout-then-answer",
    client(
      [],
      ...learn,
      ...again,
      rest(1.1),
      "+0 < S. 1000:1000(0) ack 1 win 5840 <mss 940>",
      INFO,
      "+0.1 < . 1001:1001(0) ack 501 win 5840",
      INFO,
    ),
  );
  add(
    "timeout-then-accepted",
    client([], ...learn, ...again, rest(1.1), "+0 < S. 1000:1000(0) ack 501 win 5840 <mss 940>", INFO, rest(0.1)),
  );
  add(
    "reset",
    client([], ...learn, ...again, "+0.1 < R. 0:0(0) ack 1 win 0", poll(4), "+0 read(4, ..., 10) = -1", "+0 write(4, ..., 10) = -1"),
  );
  add(
    "reset-of-text",
    client([], ...learn, ...again, "+0.1 < R. 0:0(0) ack 501 win 0", "+0 getsockopt(4, SOL_SOCKET, SO_ERROR, [0], [4]) = 0"),
  );
  add(
    "text-back",
    client(
      [],
      ...learn,
      ...again,
      "+0.1 < S. 1000:1000(0) ack 501 win 5840 <mss 940,sackOK,nop,nop>",
      "+0 < P. 1001:1101(100) ack 501 win 5840",
      "+0 read(4, ..., 1000) = 100",
      INFO,
      rest(0.1),
    ),
  );
  add(
    "text-in-synack",
    client([], ...learn, ...again, "+0.1 < S. 1000:1100(100) ack 501 win 5840 <mss 940>", "+0 read(4, ..., 1000) = ...", INFO, rest(0.1)),
  );
  add("close-at-once", client([], ...learn, ...again, "+0 close(4) = 0", rest(0.1)));
  add("close-then-answer", client([], ...learn, ...again, "+0 close(4) = 0", accepted, rest(0.1)));
  add("shutdown-at-once", client([], ...learn, ...again, "+0 shutdown(4, SHUT_WR) = 0", accepted, rest(0.1)));
  add(
    "write-behind",
    client(
      [],
      ...learn,
      ...again,
      "+0 write(4, ..., 100) = -1",
      poll(4).replace("= 1", "= 0"),
      accepted,
      poll(4),
      "+0 write(4, ..., 100) = 100",
      rest(0.05),
    ),
  );
  add("empty", client([], ...learn, ...open(4), "+0 sendto(4, ..., 0, MSG_FASTOPEN, ..., ...) = ...", INFO, rest(0.1)));
  add("nowhere", client([], ...learn, ...open(4), "+0 sendto(4, NULL, 500, MSG_FASTOPEN, ..., ...) = ...", INFO, rest(0.1)));
  add("nowhere-no-cookie", client([], "+0 sendto(3, NULL, 500, MSG_FASTOPEN, ..., ...) = -1", INFO, rest(0.1)));
  add("cookie-of-4", client([], ...learned("FO 12345678,nop,nop"), ...again, accepted, rest(0.05)));
  add("cookie-of-16", client([], ...learned("FO 1234567890abcdef1234567890abcdef,nop,nop"), ...again, accepted, rest(0.05)));
  add("cookie-of-2", client([], ...learned("FO 1234"), ...open(4), "+0 sendto(4, ..., 500, MSG_FASTOPEN, ..., ...) = ...", rest(0.05)));
  add(
    "cookie-of-5",
    client([], ...learned("FO 1234567890,nop"), ...open(4), "+0 sendto(4, ..., 500, MSG_FASTOPEN, ..., ...) = ...", rest(0.05)),
  );
  add(
    "connect-option",
    client(
      [],
      ...learn,
      ...open(4),
      "+0 setsockopt(4, SOL_TCP, TCP_FASTOPEN_CONNECT, [1], 4) = 0",
      "+0 connect(4, ..., ...) = 0",
      INFO,
      poll(4),
      "+0 write(4, ..., 500) = 500",
      INFO,
      accepted,
      INFO,
      rest(0.1),
    ),
  );
  add(
    "connect-option-no-cookie",
    client(
      [],
      "+0 setsockopt(3, SOL_TCP, TCP_FASTOPEN_CONNECT, [1], 4) = 0",
      "+0 connect(3, ..., ...) = -1",
      "+0.1 < S. 0:0(0) ack 1 win 5840 <mss 1000,FO 1234567890abcdef,nop,nop>",
      INFO,
      rest(0.1),
    ),
  );
  add(
    "connect-option-read",
    client(
      [],
      ...learn,
      ...open(4),
      "+0 setsockopt(4, SOL_TCP, TCP_FASTOPEN_CONNECT, [1], 4) = 0",
      "+0 connect(4, ..., ...) = 0",
      "+0 read(4, ..., 10) = -1",
      "+0 close(4) = 0",
      rest(0.1),
    ),
  );
  add(
    "connect-option-writev",
    client(
      [],
      ...learn,
      ...open(4),
      "+0 setsockopt(4, SOL_TCP, TCP_FASTOPEN_CONNECT, [1], 4) = 0",
      "+0 connect(4, ..., ...) = 0",
      "+0 writev(4, [{..., 100}, {..., 200}], 2) = 300",
      rest(0.1),
    ),
  );
  add(
    "connect-option-long",
    client(
      [],
      ...learn,
      ...open(4),
      "+0 setsockopt(4, SOL_TCP, TCP_FASTOPEN_CONNECT, [1], 4) = 0",
      "+0 connect(4, ..., ...) = 0",
      "+0 write(4, ..., 3000) = ...",
      "+0.1 < S. 1000:1000(0) ack 941 win 5840 <mss 940>",
      rest(0.1),
    ),
  );
  add(
    "sendmsg",
    client(
      [],
      ...learn,
      ...open(4),
      "+0 sendmsg(4, {msg_name(...)=..., msg_iov(2)=[{..., 200}, {..., 300}], msg_flags=0}, MSG_FASTOPEN) = 500",
      accepted,
      INFO,
      rest(0.05),
    ),
  );
  add(
    "blind",
    client(
      ["tcp_fastopen=5"],
      "+0 sendto(3, ..., 500, MSG_FASTOPEN, ..., ...) = ...",
      INFO,
      "+0.1 < S. 1000:1000(0) ack 501 win 5840 <mss 940>",
      INFO,
      rest(0.05),
    ),
  );
  add(
    "no-cookie-option",
    client(
      [],
      "+0 setsockopt(3, SOL_TCP, TCP_FASTOPEN_NO_COOKIE, [1], 4) = 0",
      "+0 sendto(3, ..., 500, MSG_FASTOPEN, ..., ...) = ...",
      INFO,
      "+0.1 < S. 1000:1000(0) ack 501 win 5840 <mss 940>",
      INFO,
      rest(0.05),
    ),
  );
  add("off", client(["tcp_fastopen=2"], "+0 sendto(3, ..., 500, MSG_FASTOPEN, ..., ...) = -1", INFO));
  add("connected", client([], ...learn, ...again, accepted, "+0 sendto(4, ..., 500, MSG_FASTOPEN, ..., ...) = ...", rest(0.05)));
  add("no-stamps", client(["tcp_timestamps=0"], ...learn, ...again, accepted, INFO, rest(0.1)));
  add(
    "stamped",
    client(
      [],
      "+0 sendto(3, ..., 100, MSG_FASTOPEN, ..., ...) = -1",
      "+0.1 < S. 0:0(0) ack 1 win 5840 <mss 1000,sackOK,TS val 5 ecr 0,nop,wscale 6,FO 1234567890abcdef,nop,nop>",
      "+0 close(3) = 0",
      rest(0.05),
      ...open(4),
      "+0 sendto(4, ..., 3000, MSG_FASTOPEN, ..., ...) = ...",
      rest(0.05),
    ),
  );
  add(
    "small-mss",
    client(
      [],
      ...learned("FO 1234567890abcdef,nop,nop").map((line) => line.replace("mss 1000", "mss 600")),
      ...open(4),
      "+0 sendto(4, ..., 3000, MSG_FASTOPEN, ..., ...) = ...",
      rest(0.05),
    ),
  );
  add(
    "simultaneous",
    client(
      [],
      ...learn,
      ...again,
      "+0.1 < S 1000:1000(0) win 5840 <mss 940>",
      "+0.1 < S. 1000:1000(0) ack 501 win 5840 <mss 940>",
      INFO,
      rest(0.1),
    ),
  );
  add(
    "simultaneous-text",
    client([], ...learn, ...again, "+0.1 < S 1000:1200(200) win 5840 <mss 940,FO 1234567890abcdef,nop,nop>", rest(0.1), INFO),
  );
  add(
    "icmp",
    client(
      [],
      ...learn,
      ...again,
      "+0.1 < icmp unreachable port_unreachable [0:500(500)]",
      "+0 getsockopt(4, SOL_SOCKET, SO_ERROR, [0], [4]) = 0",
      INFO,
      rest(0.1),
    ),
  );
  add(
    "icmp-mtu",
    client(
      [],
      ...learn,
      ...open(4),
      "+0 sendto(4, ..., 940, MSG_FASTOPEN, ..., ...) = ...",
      "+0.1 < icmp unreachable frag_needed mtu 800 [0:940(940)]",
      INFO,
      rest(1.2),
      INFO,
    ),
  );
  add(
    "black-hole-reset",
    client(
      ["tcp_fastopen_blackhole_timeout_sec=3600"],
      ...learn,
      ...again,
      accepted,
      "+0.1 < R 1001:1001(0) win 0",
      ...open(5),
      "+0 sendto(5, ..., 100, MSG_FASTOPEN, ..., ...) = ...",
      rest(0.05),
    ),
  );
  add(
    "black-hole-fin",
    client(
      ["tcp_fastopen_blackhole_timeout_sec=3600"],
      ...learn,
      ...again,
      accepted,
      "+0.1 < F. 1101:1101(0) ack 501 win 257",
      rest(0.1),
      ...open(5),
      "+0 sendto(5, ..., 100, MSG_FASTOPEN, ..., ...) = ...",
      rest(0.05),
    ),
  );
  add(
    "black-hole-timeouts",
    client(
      ["tcp_fastopen_blackhole_timeout_sec=3600"],
      ...learn,
      ...again,
      rest(3.2),
      "+0 < S. 1000:1000(0) ack 1 win 5840 <mss 940>",
      rest(0.05),
      ...open(5),
      "+0 sendto(5, ..., 100, MSG_FASTOPEN, ..., ...) = ...",
      rest(0.05),
    ),
  );
  add(
    "unanswered-then-again",
    client(
      [],
      ...learn,
      ...again,
      rest(1.1),
      "+0 < S. 1000:1000(0) ack 1 win 5840 <mss 940>",
      rest(0.05),
      ...open(5),
      "+0 sendto(5, ..., 100, MSG_FASTOPEN, ..., ...) = ...",
      rest(0.05),
    ),
  );
  add("cork", client([], ...learn, ...open(4), "+0 sendto(4, ..., 500, MSG_FASTOPEN|MSG_MORE, ..., ...) = 500", accepted, rest(0.3)));
  return all;
}
