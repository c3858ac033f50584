/** Fast Open (RFC 7413), as the server sees it. */
import { type Draw, lines, rest, STATE, type Stimulus } from "../words.js";

const PLAIN = "mss 1000,sackOK,nop,nop";
const COOKIE = `${PLAIN},FO TFO_COOKIE,nop,nop`;
const ZERO_COOKIE = `${PLAIN},FO TFO_COOKIE_ZERO,nop,nop`;
const WRONG = `${PLAIN},FO 1111111111111111,nop,nop`;
const ASKS = `${PLAIN},FO,nop,nop`;
const EXPERIMENT = `${PLAIN},FOEXP TFO_COOKIE`;
const EXPERIMENT_ASKS = `${PLAIN},FOEXP`;
const STAMPED = "mss 1012,sackOK,TS val 100 ecr 0,FO TFO_COOKIE,nop,nop";

interface Server {
  readonly sysctls?: readonly string[];
  /** Lines before bind(). */
  readonly before?: readonly string[];
  /** The queue; null: TCP_FASTOPEN is not set. */
  readonly queue?: number | null;
  readonly backlog?: number;
}

const server = ({ sysctls = [], before = [], queue = 5, backlog = 5 }: Server = {}): string =>
  lines(
    `${["`./defaults.sh", ...sysctls.map((line) => `sysctl -q net.ipv4.${line}`)].join("\n")}\``,
    "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3",
    "+0 setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0",
    "+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0",
    ...before,
    "+0 bind(3, ..., ...) = 0",
    `+0 listen(3, ${backlog}) = 0`,
    ...(queue === null ? [] : [`+0 setsockopt(3, SOL_TCP, TCP_FASTOPEN, [${queue}], 4) = 0`]),
  );

/** From a port of its own, where there are several. */
const syn = (options: string, text: number, port = 0): string =>
  `+0 < ${port === 0 ? "" : `${port} > 8080 `}S 0:${text}(${text}) win 32792 <${options}>`;
const ACCEPT = "+0 accept(3, ..., ...) = 4";
const POLL = "+0 poll([{fd=4, events=POLLIN|POLLOUT|POLLERR|POLLHUP|POLLRDHUP, revents=0}], 1, 0) = 0";
const INFO =
  "+0 %{ print(tcpi_state, tcpi_options, tcpi_unacked, tcpi_retrans, tcpi_total_retrans, tcpi_snd_cwnd, tcpi_ca_state, tcpi_snd_mss) }%";
/** One that may find nothing. */
const RECEIVE = "+0 recv(4, ..., 5000, MSG_DONTWAIT) = 0";
const READ = RECEIVE;
const READ_TWICE = lines(READ, READ);

/** What the switches let pass, and what a SYN brings. */
function switches(add: Add): void {
  for (const bits of ["0x0", "0x1", "0x2", "0x3", "0x202", "0x203", "0x402", "0x403", "0x602", "0x70403"])
    for (const queue of [null, 20])
      add(
        `bits-${bits}-${queue ?? "unset"}`,
        server({ sysctls: [`tcp_fastopen=${bits}`], queue, backlog: 20 }),
        syn(ASKS, 0, 5001),
        syn(ASKS, 100, 5002),
        syn(COOKIE, 100, 5003),
        syn(COOKIE, 0, 5004),
        syn(WRONG, 100, 5005),
        syn(PLAIN, 100, 5006),
        ACCEPT,
        INFO,
        RECEIVE,
        rest(0.05),
      );
}

/** What a SYN brings, by number, and what becomes of it. */
function handshakes(add: Add): void {
  const forms: readonly (readonly [string, string])[] = [
    ["cookie", COOKIE],
    ["stamped", STAMPED],
    ["experiment", EXPERIMENT],
  ];
  for (const [form, options] of forms)
    for (const text of [0, 500, 1400]) {
      add(
        `text-${form}-${text}`,
        server(),
        syn(options, text),
        ACCEPT,
        INFO,
        POLL,
        READ_TWICE,
        "+0 write(4, ..., 3000) = 3000",
        INFO,
        `+0.1 < . ${text + 1}:${text + 1}(0) ack 1 win 257${form === "stamped" ? " <nop,nop,TS val 200 ecr 0>" : ""}`,
        INFO,
        rest(0.4),
      );
      add(
        `text-later-${form}-${text}`,
        server(),
        syn(options, text),
        `+0.1 < . ${text + 1}:${text + 1}(0) ack 1 win 257${form === "stamped" ? " <nop,nop,TS val 200 ecr 0>" : ""}`,
        ACCEPT,
        INFO,
        POLL,
        READ_TWICE,
        `+0.01 < P. ${text + 1}:${text + 101}(100) ack 1 win 257${form === "stamped" ? " <nop,nop,TS val 210 ecr 0>" : ""}`,
        READ_TWICE,
        rest(0.1),
      );
    }
  for (const [name, options] of [
    ["too-short", `${PLAIN},FO 1122`],
    ["four", `${PLAIN},FO 11223344,nop,nop`],
    ["sixteen", "mss 1000,nop,nop,FO 11223344556677881122334455667788"],
    ["six", `${PLAIN},FO 112233445566`],
    ["odd", `${PLAIN},FO 1122334455,nop`],
    ["too-long", "mss 1000,FO 112233445566778811223344556677881122"],
    ["experiment-asks", EXPERIMENT_ASKS],
    ["experiment-wrong", `${PLAIN},FOEXP 1111111111111111`],
    ["experiment-short", `${PLAIN},FOEXP 11223344`],
    ["both", "mss 1000,FO TFO_COOKIE,FOEXP TFO_COOKIE,nop,nop"],
    ["asks-stamped", "mss 1012,sackOK,TS val 100 ecr 0,FO,nop,nop"],
    ["asks-scaled", "mss 1000,sackOK,nop,nop,nop,wscale 7,FO,nop,nop"],
    ["asks-all", "mss 1012,sackOK,TS val 100 ecr 0,nop,wscale 7,FO,nop,nop"],
    ["cookie-all", "mss 1012,sackOK,TS val 100 ecr 0,nop,wscale 7,FO TFO_COOKIE,nop,nop"],
    ["wrong-all", "mss 1012,sackOK,TS val 100 ecr 0,nop,wscale 7,FO 1111111111111111,nop,nop"],
    ["no-mss", "FO TFO_COOKIE,nop,nop"],
    ["small-mss", "mss 200,FO TFO_COOKIE,nop,nop"],
  ] as const)
    add(`option-${name}`, server(), syn(options, 100), ACCEPT, INFO, "+0.1 < . 1:1(0) ack 1 win 257", ACCEPT, INFO, rest(0.05));
}

/** Keys. */
function keys(add: Add): void {
  const KEY = "a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4";
  const OTHER = "00000001-00000002-00000003-00000004";
  for (const [name, value] of [
    ["zero", "00000000-00000000-00000000-00000000"],
    ["other", OTHER],
    ["second", `${OTHER},${KEY}`],
    ["first", `${KEY},${OTHER}`],
  ] as const)
    for (const [what, options] of [
      ["asks", ASKS],
      ["cookie", COOKIE],
      ["zero-cookie", ZERO_COOKIE],
      ["experiment", EXPERIMENT],
      ["wrong", WRONG],
    ] as const)
      add(`key-${name}-${what}`, server({ sysctls: [`tcp_fastopen_key=${value}`] }), syn(options, 100), ACCEPT, INFO, rest(0.05));
  // The key of a socket: sixteen octets, or thirty-two.
  const octets = (hex: string): string => hex.replace(/../g, "\\x$&");
  const mine = octets("a1a1a1a1b2b2b2b2c3c3c3c3d4d4d4d4");
  const others = octets("01000000020000000300000004000000");
  for (const [name, when] of [
    ["before", true],
    ["behind", false],
  ] as const) {
    const set = (value: string, length: number): string => `+0 setsockopt(3, SOL_TCP, TCP_FASTOPEN_KEY, "${value}", ${length}) = 0`;
    const begin = (line: string): string =>
      when
        ? server({ sysctls: [`tcp_fastopen_key=${OTHER}`], before: [line] })
        : lines(server({ sysctls: [`tcp_fastopen_key=${OTHER}`] }), line);
    for (const [which, value, length] of [
      ["mine", mine, 16],
      ["others", others, 16],
      ["rotated", `${others}${mine}`, 32],
      ["front", `${mine}${others}`, 32],
      ["short", mine.slice(0, 32), 8],
    ] as const)
      add(`socket-key-${name}-${which}`, begin(set(value, length)), syn(COOKIE, 100, 5001), syn(ASKS, 100, 5002), rest(0.05));
  }
  add(
    "key-changes",
    server(),
    syn(COOKIE, 100, 5001),
    `+0.05 \`sysctl -q net.ipv4.tcp_fastopen_key=${OTHER}\``,
    syn(COOKIE, 100, 5002),
    `+0.05 \`sysctl -q net.ipv4.tcp_fastopen_key=${OTHER},${KEY}\``,
    syn(COOKIE, 100, 5003),
    rest(0.05),
  );
  for (const what of ["TCP_FASTOPEN", "TCP_FASTOPEN_NO_COOKIE", "TCP_FASTOPEN_CONNECT"])
    for (const value of [-1, 0, 1, 2, 1000])
      add(
        `getsockopt-${what}-${value}`,
        server({ queue: null, before: [`+0 setsockopt(3, SOL_TCP, ${what}, [${value}], 4) = 0`] }),
        `+0 getsockopt(3, SOL_TCP, ${what}, [0], [4]) = 0`,
        `+0 setsockopt(3, SOL_TCP, ${what}, [${value}], 4) = 0`,
        `+0 getsockopt(3, SOL_TCP, ${what}, [0], [4]) = 0`,
        syn(PLAIN, 100),
        ACCEPT,
        rest(0.01),
      );
}

/** What comes before the handshake is over, and behind. */
function events(add: Add): void {
  const begin = (...parts: string[]): string => lines(server(), syn(COOKIE, 500), ...parts);
  const ack = "+0.1 < . 501:501(0) ack 1 win 257";
  const arrivals: readonly (readonly [string, string])[] = [
    ["rst", "+0.05 < R 501:501(0) win 0"],
    ["rst-ack", "+0.05 < R. 501:501(0) ack 1 win 0"],
    ["rst-old", "+0.05 < R 1:1(0) win 0"],
    ["rst-beyond", "+0.05 < R 600:600(0) win 0"],
    ["rst-far", "+0.05 < R 900000:900000(0) win 0"],
    ["fin", "+0.05 < F. 501:501(0) ack 1 win 257"],
    ["fin-without-ack", "+0.05 < F 501:501(0) win 257"],
    ["text", "+0.05 < P. 501:801(300) ack 1 win 257"],
    ["text-without-ack", "+0.05 < P 501:801(300) win 257"],
    ["text-again", "+0.05 < P. 1:501(500) ack 1 win 257"],
    ["text-gap", "+0.05 < P. 1001:1301(300) ack 1 win 257"],
    ["text-and-fin", "+0.05 < FP. 501:801(300) ack 1 win 257"],
    ["syn", "+0.05 < S 0:500(500) win 32792 <mss 1000,sackOK,nop,nop,FO TFO_COOKIE,nop,nop>"],
    ["syn-bare", "+0.05 < S 0:0(0) win 32792 <mss 1000,sackOK,nop,nop>"],
    ["syn-other", "+0.05 < S 5000:5000(0) win 32792 <mss 1000,sackOK,nop,nop>"],
    ["syn-ack", "+0.05 < S. 0:0(0) ack 1 win 32792 <mss 1000>"],
    ["ack-old", "+0.05 < . 501:501(0) ack 0 win 257"],
    ["ack-beyond", "+0.05 < . 501:501(0) ack 5000 win 257"],
    ["ack-before-text", "+0.05 < . 1:1(0) ack 1 win 257"],
    ["icmp-port", "+0.05 < icmp unreachable port_unreachable [0:0(0)]"],
    ["icmp-host", "+0.05 < icmp unreachable host_unreachable [0:0(0)]"],
    ["icmp-frag", "+0.05 < icmp unreachable frag_needed mtu 1200 [0:0(0)]"],
  ];
  for (const [name, line] of arrivals) {
    add(
      `event-${name}-unaccepted`,
      begin(line),
      "+0.05 accept(3, ..., ...) = 4",
      INFO,
      POLL,
      READ_TWICE,
      READ,
      "+0 write(4, ..., 100) = 100",
      "+0 getsockopt(4, SOL_SOCKET, SO_ERROR, [0], [4]) = 0",
      rest(0.2),
    );
    add(
      `event-${name}-accepted`,
      begin(ACCEPT, line),
      INFO,
      POLL,
      READ_TWICE,
      READ,
      "+0 write(4, ..., 100) = 100",
      "+0 getsockopt(4, SOL_SOCKET, SO_ERROR, [0], [4]) = 0",
      rest(0.2),
    );
    add(`event-${name}-written`, begin(ACCEPT, READ, "+0 write(4, ..., 2500) = 2500", line), INFO, POLL, READ_TWICE, rest(0.2));
    add(`event-${name}-closed`, begin(ACCEPT, READ, "+0 close(4) = 0", line), rest(0.2));
  }
  const ends: readonly (readonly [string, string])[] = [
    ["close", "+0 close(4) = 0"],
    ["shut-wr", "+0 shutdown(4, SHUT_WR) = 0"],
    ["shut-rd", "+0 shutdown(4, SHUT_RD) = 0"],
    ["shut-rdwr", "+0 shutdown(4, SHUT_RDWR) = 0"],
    ["abort", "+0 setsockopt(4, SOL_SOCKET, SO_LINGER, {onoff=1, linger=0}, 8) = 0\n+0 close(4) = 0"],
  ];
  for (const [name, line] of ends)
    for (const [before, read, written] of [
      ["unread", false, 0],
      ["read", true, 0],
      ["written", true, 2500],
    ] as const) {
      const parts = [ACCEPT, ...(read ? [READ] : []), ...(written > 0 ? [`+0 write(4, ..., ${written}) = ${written}`] : [])];
      add(`end-${name}-${before}`, begin(...parts, line), "+0.1 < . 501:501(0) ack 1 win 257", rest(0.3));
      add(
        `end-${name}-${before}-acked`,
        begin(...parts, line),
        `+0.1 < . 501:501(0) ack ${written + 2} win 257`,
        "+0.05 < F. 501:501(0) ack 1 win 257",
        rest(0.3),
      );
      if (read) add(`end-${name}-${before}-silence`, begin(...parts, line), rest(3.5));
      add(`end-${name}-${before}-behind`, begin(...parts, ack, line), "+0.1 < F. 501:501(0) ack 1 win 257", rest(0.2));
    }
  add("listener-closes", begin("+0.01 close(3) = 0", ack), rest(0.1));
  add("listener-closes-accepted", begin(ACCEPT, "+0.01 close(3) = 0", ack), INFO, READ, rest(0.1));
  add("listener-shut", begin("+0.01 shutdown(3, SHUT_RDWR) = 0", ack), rest(0.1));
  add("accepted-after-silence", begin("+1.5 accept(3, ..., ...) = 4"), INFO, READ, rest(2));
  add("silence", begin(), rest(8));
  add("silence-accepted", begin(ACCEPT, INFO), rest(7.5), INFO);
  add("silence-one-retry", server({ sysctls: ["tcp_synack_retries=1"] }), syn(COOKIE, 500), ACCEPT, rest(7.5), INFO, POLL, READ_TWICE);
  add("silence-written", begin(ACCEPT, "+0 write(4, ..., 5000) = 5000"), rest(3.5), INFO, ack, rest(0.5));
  add(
    "silence-one-retry-written",
    server({ sysctls: ["tcp_synack_retries=1"] }),
    syn(COOKIE, 500),
    ACCEPT,
    READ,
    "+0 write(4, ..., 500) = 500",
    rest(4),
    INFO,
  );
  add(
    "synack-lost-ack-text",
    begin(ACCEPT, "+0 write(4, ..., 2500) = 2500"),
    rest(1.2),
    "+0.1 < . 501:501(0) ack 1001 win 257",
    INFO,
    rest(0.5),
  );
  add("asked-synack-lost", server(), syn(ASKS, 0), rest(3.5));
  add("wrong-synack-lost", server(), syn(WRONG, 100), rest(3.5));
  add("asked-syn-again", server(), syn(ASKS, 0), "+0.1 < S 0:0(0) win 32792 <mss 1000,sackOK,nop,nop,FO,nop,nop>", rest(0.1));
  add("many-writes", begin(ACCEPT, READ, ...Array.from({ length: 12 }, () => "+0 write(4, ..., 1000) = 1000"), INFO, ack, INFO), rest(0.1));
  add("write-window", begin(ACCEPT, "+0 write(4, ..., 40000) = 40000", INFO, ack, INFO), rest(0.1));
  add("write-one-octet", begin(ACCEPT, "+0 write(4, ..., 1) = 1", "+0 write(4, ..., 1) = 1", INFO, ack, INFO), rest(0.1));
  add("acks-all", begin(ACCEPT, "+0 write(4, ..., 2500) = 2500", "+0.1 < . 501:501(0) ack 2501 win 257"), INFO, rest(0.2));
  add("acks-part", begin(ACCEPT, "+0 write(4, ..., 2500) = 2500", "+0.1 < . 501:501(0) ack 1001 win 257"), INFO, rest(0.5));
  add(
    "acks-text-with-text",
    begin(ACCEPT, "+0 write(4, ..., 2500) = 2500", "+0.1 < P. 501:601(100) ack 2501 win 257"),
    INFO,
    READ,
    rest(0.2),
  );
  add(
    "epoll",
    begin(
      "+0 epoll_create(1) = 5",
      ACCEPT,
      "+0 epoll_ctl(5, EPOLL_CTL_ADD, 4, {events=EPOLLIN|EPOLLOUT, fd=4}) = 0",
      "+0 epoll_wait(5, {events=EPOLLIN|EPOLLOUT, fd=4}, 1, 0) = 1",
      ack,
    ),
    "+0 epoll_wait(5, {events=EPOLLIN|EPOLLOUT, fd=4}, 1, 0) = 1",
    rest(0.05),
  );
  add(
    "listener-poll",
    server(),
    "+0 poll([{fd=3, events=POLLIN, revents=0}], 1, 0) = 0",
    syn(COOKIE, 100),
    "+0 poll([{fd=3, events=POLLIN, revents=0}], 1, 0) = 1",
    rest(0.05),
  );
  add(
    "blocking-accept",
    server(),
    "+0 fcntl(3, F_SETFL, O_RDWR) = 0",
    "+0...0.1 accept(3, ..., ...) = 4",
    "+0.1 < S 0:500(500) win 32792 <mss 1000,sackOK,nop,nop,FO TFO_COOKIE,nop,nop>",
    READ,
    rest(0.05),
  );
  add(
    "blocking-read",
    server(),
    syn(COOKIE, 0),
    ACCEPT,
    "+0...0.1 read(4, ..., 1000) = 100",
    "+0.1 < P. 1:101(100) ack 1 win 257",
    INFO,
    rest(0.05),
  );
  add(
    "blocking-read-no-ack",
    server(),
    syn(COOKIE, 0),
    ACCEPT,
    "+0...0.1 read(4, ..., 1000) = 100",
    "+0.1 < P 1:101(100) win 257",
    "+0.1 < . 101:101(0) ack 1 win 257",
    rest(0.05),
  );
  add(
    "options-of-child",
    server(),
    syn(COOKIE, 100),
    ACCEPT,
    "+0 getsockopt(4, SOL_TCP, TCP_FASTOPEN, [0], [4]) = 0",
    "+0 getsockopt(4, SOL_TCP, TCP_MAXSEG, [0], [4]) = 0",
    "+0 getsockopt(4, SOL_TCP, TCP_NODELAY, [0], [4]) = 0",
    STATE,
  );
  for (const backlog of [1, 2])
    for (const queue of [1, 2])
      add(
        `queue-${backlog}-${queue}`,
        server({ backlog, queue }),
        syn(COOKIE, 100, 5001),
        syn(COOKIE, 100, 5002),
        syn(COOKIE, 100, 5003),
        syn(COOKIE, 100, 5004),
        ACCEPT,
        syn(COOKIE, 100, 5005),
        "+0.01 < 5001 > 8080 . 101:101(0) ack 1 win 257",
        syn(COOKIE, 100, 5006),
        rest(0.1),
      );
  add(
    "queue-after-reset",
    server({ queue: 1 }),
    syn(COOKIE, 100, 5007),
    "+0.01 < 5007 > 8080 R 101:101(0) win 0",
    syn(COOKIE, 100, 5008),
    rest(0.1),
  );
  add(
    "queue-raised",
    server({ queue: 1 }),
    syn(COOKIE, 100, 5009),
    "+0 setsockopt(3, SOL_TCP, TCP_FASTOPEN, [3], 4) = 0",
    syn(COOKIE, 100, 5010),
    rest(0.1),
  );
  add("queue-zero", server({ queue: 0 }), syn(COOKIE, 100), "+0.1 < . 1:1(0) ack 1 win 257", ACCEPT, INFO, rest(0.05));
  for (const options of [COOKIE, PLAIN, ASKS])
    add(
      `defer-${options.length}`,
      server({ before: ["+0 setsockopt(3, SOL_TCP, TCP_DEFER_ACCEPT, [5], 4) = 0"] }),
      syn(options, 100),
      ACCEPT,
      INFO,
      "+0.1 < . 101:101(0) ack 1 win 257",
      ACCEPT,
      "+0.1 < P. 101:201(100) ack 1 win 257",
      ACCEPT,
      INFO,
      READ_TWICE,
      rest(0.05),
    );
  for (const flags of ["SF", "SP", "SU", "SEW", "SFP"]) {
    const urgent = flags.includes("U") ? " urg 10" : "";
    add(
      `flags-${flags}`,
      server(),
      `+0 < ${flags} 0:100(100) win 32792${urgent} <${COOKIE}>`,
      ACCEPT,
      INFO,
      READ_TWICE,
      "+0.1 < . 101:101(0) ack 1 win 257",
      INFO,
      rest(0.05),
    );
  }
  for (const ecn of ["0", "1", "2"])
    add(
      `ecn-${ecn}`,
      server({ sysctls: [`tcp_ecn=${ecn}`] }),
      `+0 < SEW 0:100(100) win 32792 <${COOKIE}>`,
      ACCEPT,
      INFO,
      "+0 write(4, ..., 2500) = 2500",
      "+0.1 < [ect0] P. 101:201(100) ack 1 win 257",
      INFO,
      rest(0.4),
    );
  for (const line of ["tcp_timestamps=0", "tcp_sack=0", "tcp_window_scaling=0", "tcp_syncookies=2"])
    add(
      `with-${line.replace("=", "-")}`,
      server({ sysctls: [line] }),
      "+0 < S 0:100(100) win 32792 <mss 1012,sackOK,TS val 100 ecr 0,nop,wscale 7,FO TFO_COOKIE,nop,nop>",
      ACCEPT,
      INFO,
      "+0.1 < . 101:101(0) ack 1 win 257 <nop,nop,TS val 200 ecr 0>",
      rest(0.05),
    );
  add(
    "nodelay",
    server({ before: ["+0 setsockopt(3, SOL_TCP, TCP_NODELAY, [1], 4) = 0"] }),
    syn(COOKIE, 100),
    ACCEPT,
    "+0 write(4, ..., 10) = 10",
    "+0 write(4, ..., 10) = 10",
    rest(0.05),
  );
  add(
    "cork",
    begin(
      ACCEPT,
      "+0 setsockopt(4, SOL_TCP, TCP_CORK, [1], 4) = 0",
      "+0 write(4, ..., 10) = 10",
      "+0.05 setsockopt(4, SOL_TCP, TCP_CORK, [0], 4) = 0",
      ack,
    ),
    rest(0.05),
  );
  add(
    "send-loss",
    begin(ACCEPT, "+0 write(4, ..., 5000) = 5000", "+0.1 < . 501:501(0) ack 1 win 257 <nop,nop,sack 1001:2001>", INFO),
    rest(0.4),
    INFO,
  );
  add(
    "rtt",
    begin(ACCEPT, "+0.2 < . 501:501(0) ack 1 win 257", "+0 %{ print(tcpi_rtt, tcpi_rttvar, tcpi_rto) }%", "+0 write(4, ..., 1000) = 1000"),
    rest(1),
  );
  add(
    "rtt-after-repeat",
    begin(ACCEPT, "+1.2 < . 501:501(0) ack 1 win 257", "+0 %{ print(tcpi_rtt, tcpi_rttvar, tcpi_rto) }%", "+0 write(4, ..., 1000) = 1000"),
    rest(1.5),
  );
}

type Add = (name: string, ...parts: string[]) => void;

export function fastOpenServer(_draw: Draw): Stimulus[] {
  const all: Stimulus[] = [];
  const add: Add = (name, ...parts) => {
    all.push({ subject: "fo-server", name, source: lines(...parts) });
  };
  switches(add);
  handshakes(add);
  keys(add);
  events(add);
  return all;
}
