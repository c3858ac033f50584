/** Fast Open (RFC 7413), as the client sees it. */
import { type Draw, lines, rest, type Stimulus } from "../words.js";

const INFO =
  "+0 %{ print(tcpi_state, tcpi_options, tcpi_unacked, tcpi_retrans, tcpi_total_retrans, tcpi_snd_cwnd, tcpi_ca_state, tcpi_fastopen_client_fail) }%";
const SETTINGS = "`./defaults.sh";

const init = (...sysctls: string[]): string => `${[SETTINGS, ...sysctls.map((line) => `sysctl -q net.ipv4.${line}`)].join("\n")}\``;
const socket = (descriptor: number, blocking = false): string =>
  lines(
    `+0 socket(..., SOCK_STREAM, IPPROTO_TCP) = ${descriptor}`,
    ...(blocking ? [] : [`+0 fcntl(${descriptor}, F_SETFL, O_RDWR|O_NONBLOCK) = 0`]),
  );

interface Lesson {
  readonly sysctls?: readonly string[];
  /** Options of the SYN,ACK. */
  readonly answer?: string;
}

const COOKIE = "mss 1000,nop,nop,sackOK,nop,wscale 6,FO 1234567890abcdef,nop,nop";
const PLAIN = "mss 1000,nop,nop,sackOK,nop,wscale 6";

/** A first connection, which asks, and ends. */
const lesson = ({ sysctls = [], answer = COOKIE }: Lesson = {}): string =>
  lines(
    init("tcp_timestamps=0", ...sysctls),
    socket(3).replace("+0", "0"),
    "+0 sendto(3, ..., 0, MSG_FASTOPEN, ..., ...) = -1",
    `+0.01 < S. 0:0(0) ack 1 win 5840 <${answer}>`,
    "+0 close(3) = 0",
    "+0.01 < F. 1:1(0) ack 2 win 92",
  );
const send = (descriptor: number, octets: number): string => `+0 sendto(${descriptor}, ..., ${octets}, MSG_FASTOPEN, ..., ...) = ${octets}`;
const again = (octets = 500): string => lines(socket(4), send(4, octets));
const synAck = (ack: number, options = PLAIN, delay = 0.1): string => `+${delay} < S. 0:0(0) ack ${ack} win 5840 <${options}>`;
const POLL = "+0 poll([{fd=4, events=POLLIN|POLLOUT|POLLERR|POLLHUP|POLLRDHUP, revents=0}], 1, 0) = 0";
const ERROR = "+0 getsockopt(4, SOL_SOCKET, SO_ERROR, [0], [4]) = 0";

type Add = (name: string, ...parts: string[]) => void;

/** Which switches let it happen, and how it is asked for. */
function opens(add: Add): void {
  for (const bits of ["0x0", "0x1", "0x2", "0x4", "0x5", "0x7"])
    for (const [name, line] of [
      ["sendto", "+0 sendto(4, ..., 500, MSG_FASTOPEN, ..., ...) = 500"],
      ["connect", "+0 setsockopt(4, SOL_TCP, TCP_FASTOPEN_CONNECT, [1], 4) = 0\n+0 connect(4, ..., ...) = 0\n+0 write(4, ..., 500) = 500"],
    ] as const) {
      add(
        `bits-${bits}-${name}-first`,
        init(`tcp_fastopen=${bits}`),
        socket(4).replace("+0", "0"),
        line,
        INFO,
        POLL,
        synAck(501),
        INFO,
        POLL,
        rest(0.05),
      );
      if (bits === "0x1" || bits === "0x5" || bits === "0x0")
        add(
          `bits-${bits}-${name}-again`,
          lesson().replace("tcp_timestamps=0", `tcp_timestamps=0\nsysctl -q net.ipv4.tcp_fastopen=0x1`),
          `+0 \`sysctl -q net.ipv4.tcp_fastopen=${bits}\``,
          socket(4),
          line,
          INFO,
          POLL,
          synAck(501),
          INFO,
          POLL,
          rest(0.05),
        );
    }
  for (const octets of [0, 1, 500, 940, 960, 1400, 1460, 3000, 20000]) {
    add(`octets-${octets}`, lesson(), again(octets), INFO, POLL, synAck(Math.min(octets, 900) + 1), INFO, POLL, rest(0.3));
    add(
      `octets-${octets}-stamped`,
      lesson({ answer: COOKIE }).replace("tcp_timestamps=0", "tcp_timestamps=1"),
      again(octets),
      INFO,
      rest(0.05),
    );
    add(
      `octets-${octets}-blocking`,
      lesson(),
      socket(4, true),
      `+0...0.1 sendto(4, ..., ${octets}, MSG_FASTOPEN, ..., ...) = ${octets}`,
      synAck(Math.min(octets, 900) + 1),
      INFO,
      rest(0.3),
    );
    add(
      `octets-${octets}-blocking-asks`,
      init(),
      socket(4, true).replace("+0", "0"),
      `+0...0.1 sendto(4, ..., ${octets}, MSG_FASTOPEN, ..., ...) = ${octets}`,
      synAck(1, COOKIE),
      INFO,
      rest(0.3),
    );
    add(
      `octets-${octets}-no-cookie`,
      init(),
      socket(4).replace("+0", "0"),
      "+0 setsockopt(4, SOL_TCP, TCP_FASTOPEN_NO_COOKIE, [1], 4) = 0",
      send(4, octets),
      INFO,
      synAck(1),
      INFO,
      rest(0.2),
    );
  }
  add(
    "connect-then-more",
    lesson(),
    socket(4),
    "+0 setsockopt(4, SOL_TCP, TCP_FASTOPEN_CONNECT, [1], 4) = 0",
    "+0 connect(4, ..., ...) = 0",
    POLL,
    INFO,
    ERROR,
    "+0 getsockopt(4, SOL_TCP, TCP_FASTOPEN_CONNECT, [0], [4]) = 0",
    "+0.1 write(4, ..., 300) = 300",
    "+0 write(4, ..., 300) = 300",
    INFO,
    synAck(301),
    INFO,
    rest(0.1),
  );
  add(
    "connect-blocking",
    lesson(),
    socket(4, true),
    "+0 setsockopt(4, SOL_TCP, TCP_FASTOPEN_CONNECT, [1], 4) = 0",
    "+0 connect(4, ..., ...) = 0",
    "+0...0.1 write(4, ..., 300) = 300",
    synAck(301),
    INFO,
    rest(0.1),
  );
  add(
    "connect-blocking-asks",
    init(),
    socket(4, true).replace("+0", "0"),
    "+0 setsockopt(4, SOL_TCP, TCP_FASTOPEN_CONNECT, [1], 4) = 0",
    "+0...0.1 connect(4, ..., ...) = 0",
    synAck(1, COOKIE),
    "+0 write(4, ..., 300) = 300",
    INFO,
    rest(0.1),
  );
  add(
    "connect-asks",
    init(),
    socket(4).replace("+0", "0"),
    "+0 setsockopt(4, SOL_TCP, TCP_FASTOPEN_CONNECT, [1], 4) = 0",
    "+0 connect(4, ..., ...) = 0",
    "+0 write(4, ..., 300) = 300",
    POLL,
    synAck(1, COOKIE),
    "+0 write(4, ..., 300) = 300",
    INFO,
    rest(0.1),
  );
  for (const [name, line] of [
    ["read", "+0 read(4, ..., 100) = 0"],
    ["close", "+0 close(4) = 0"],
    ["shutdown", "+0 shutdown(4, SHUT_WR) = 0"],
    ["connect", "+0 connect(4, ..., ...) = 0"],
    ["poll", POLL],
    ["write-0", "+0 write(4, ..., 0) = 0"],
    ["getsockopt", ERROR],
    ["disconnect", "+0 connect(4, AF_UNSPEC, ...) = 0"],
    ["sendto", send(4, 100)],
  ] as const)
    add(
      `deferred-${name}`,
      lesson(),
      socket(4),
      "+0 setsockopt(4, SOL_TCP, TCP_FASTOPEN_CONNECT, [1], 4) = 0",
      "+0 connect(4, ..., ...) = 0",
      line,
      INFO,
      rest(0.05),
    );
  for (const [name, line] of [
    ["bound", "+0 bind(4, ..., ...) = 0"],
    ["nodelay", "+0 setsockopt(4, SOL_TCP, TCP_NODELAY, [1], 4) = 0"],
    ["maxseg", "+0 setsockopt(4, SOL_TCP, TCP_MAXSEG, [600], 4) = 0"],
    ["zerocopy", "+0 setsockopt(4, SOL_SOCKET, SO_ZEROCOPY, [1], 4) = 0"],
    ["fastopen-set", "+0 setsockopt(4, SOL_TCP, TCP_FASTOPEN, [1], 4) = 0"],
    ["cork", "+0 setsockopt(4, SOL_TCP, TCP_CORK, [1], 4) = 0"],
  ] as const)
    add(`before-${name}`, lesson(), socket(4), line, send(4, 500), INFO, synAck(501), INFO, rest(0.3));
  add(
    "zerocopy-send",
    lesson(),
    socket(4),
    "+0 setsockopt(4, SOL_SOCKET, SO_ZEROCOPY, [1], 4) = 0",
    "+0 sendto(4, ..., 500, MSG_FASTOPEN|MSG_ZEROCOPY, ..., ...) = 500",
    synAck(501),
    INFO,
    rest(0.1),
  );
  add(
    "sendmsg",
    lesson(),
    socket(4),
    "+0 sendmsg(4, {msg_name(...)=..., msg_iov(1)=[{..., 500}], msg_flags=0}, MSG_FASTOPEN) = 500",
    synAck(501),
    INFO,
    rest(0.05),
  );
  add("send-without-address", lesson(), socket(4), "+0 send(4, ..., 500, MSG_FASTOPEN) = 500", INFO, rest(0.05));
  add("sendto-without-flag", lesson(), socket(4), "+0 sendto(4, ..., 500, 0, ..., ...) = 500", INFO, rest(0.05));
  add("sendto-twice", lesson(), again(500), send(4, 500), "+0 write(4, ..., 100) = 100", synAck(501), send(4, 500), INFO, rest(0.1));
  add(
    "sendto-twice-asks",
    init(),
    socket(4).replace("+0", "0"),
    send(4, 500),
    send(4, 500),
    "+0 write(4, ..., 100) = 100",
    synAck(1, COOKIE),
    send(4, 500),
    INFO,
    rest(0.1),
  );
  add("sendto-connected", lesson(), socket(4), "+0 connect(4, ..., ...) = 0", synAck(1), send(4, 500), INFO, rest(0.1));
  add("sendto-connecting", lesson(), socket(4), "+0 connect(4, ..., ...) = 0", send(4, 500), synAck(1), INFO, rest(0.1));
  add(
    "write-before-answer",
    lesson(),
    again(300),
    "+0 write(4, ..., 300) = 300",
    "+0 read(4, ..., 300) = 0",
    POLL,
    synAck(301),
    "+0 write(4, ..., 300) = 300",
    INFO,
    rest(0.1),
  );
  add("close-before-answer", lesson(), again(300), "+0 close(4) = 0", synAck(301), rest(0.3));
  add("shutdown-before-answer", lesson(), again(300), "+0 shutdown(4, SHUT_WR) = 0", INFO, synAck(301), INFO, rest(0.3));
  add("shutdown-before-answer-refused", lesson(), again(300), "+0 shutdown(4, SHUT_WR) = 0", synAck(1), INFO, rest(0.3));
}

/** What a SYN with text is answered by. */
function answers(add: Add): void {
  for (const octets of [500, 2000])
    for (const [name, answer] of [
      ["all", synAck(octets === 500 ? 501 : 941)],
      ["none", synAck(1)],
      ["part", synAck(201)],
      ["beyond", synAck(5000)],
      ["new-cookie", synAck(501, "mss 1000,nop,nop,sackOK,nop,wscale 6,FO fedcba0987654321,nop,nop")],
      ["refused-with-cookie", synAck(1, "mss 1000,nop,nop,sackOK,nop,wscale 6,FO fedcba0987654321,nop,nop")],
      ["empty-cookie", synAck(1, "mss 1000,nop,nop,sackOK,nop,wscale 6,FO,nop,nop")],
      ["odd-cookie", synAck(1, "mss 1000,nop,nop,sackOK,nop,wscale 6,FO 1122334455,nop")],
      ["short-cookie", synAck(1, "mss 1000,nop,nop,sackOK,nop,wscale 6,FO 1122")],
      ["smaller-mss", synAck(501, "mss 500,nop,nop,sackOK,nop,wscale 6")],
      ["no-mss", synAck(501, "nop,nop,sackOK")],
      ["no-sack", synAck(501, "mss 1000")],
      ["with-text", "+0.1 < S. 0:100(100) ack 501 win 5840 <mss 1000,nop,nop,sackOK>"],
      ["with-text-refused", "+0.1 < S. 0:100(100) ack 1 win 5840 <mss 1000,nop,nop,sackOK>"],
      ["with-fin", "+0.1 < SF. 0:0(0) ack 501 win 5840 <mss 1000,nop,nop,sackOK>"],
      ["small-window", "+0.1 < S. 0:0(0) ack 501 win 100 <mss 1000,nop,nop,sackOK>"],
      ["zero-window", "+0.1 < S. 0:0(0) ack 1 win 0 <mss 1000,nop,nop,sackOK>"],
      ["reset", "+0.1 < R. 0:0(0) ack 1 win 0"],
      ["reset-all", "+0.1 < R. 0:0(0) ack 501 win 0"],
      ["reset-beyond", "+0.1 < R. 0:0(0) ack 5000 win 0"],
      ["reset-without-ack", "+0.1 < R 0:0(0) win 0"],
      ["syn", "+0.1 < S 0:0(0) win 5840 <mss 1000,nop,nop,sackOK>\n+0.1 < S. 0:0(0) ack 501 win 5840 <mss 1000,nop,nop,sackOK>"],
      ["syn-refused", "+0.1 < S 0:0(0) win 5840 <mss 1000,nop,nop,sackOK>\n+0.1 < . 1:1(0) ack 1 win 5840"],
      ["ack", "+0.1 < . 1:1(0) ack 501 win 5840"],
      ["icmp-port", "+0.1 < icmp unreachable port_unreachable [0:500(500)]"],
      ["icmp-host", "+0.1 < icmp unreachable host_unreachable [0:500(500)]"],
      ["icmp-frag", "+0.1 < icmp unreachable frag_needed mtu 800 [0:500(500)]\n+0.1 < S. 0:0(0) ack 1 win 5840 <mss 1000,nop,nop,sackOK>"],
    ] as const)
      if (octets === 500 || /^(all|none|part|new|refused|smaller|icmp-frag|syn|small-w)/.test(name))
        add(
          `answer-${octets}-${name}`,
          lesson(),
          again(octets),
          answer,
          INFO,
          POLL,
          ERROR,
          "+0 write(4, ..., 300) = 300",
          INFO,
          rest(0.3),
          ...(octets === 500 ? [lines(socket(5), send(5, 100), rest(0.05))] : []),
        );
  for (const [name, options] of [
    ["no-option", PLAIN],
    ["four", `${PLAIN},FO 11223344,nop,nop`],
    ["sixteen", `mss 1000,nop,nop,FO 11223344556677881122334455667788`],
    ["experiment", `${PLAIN},FOEXP 1234567890abcdef`],
    ["empty", `${PLAIN},FO,nop,nop`],
    ["odd", `${PLAIN},FO 1122334455,nop`],
    ["short", `${PLAIN},FO 1122`],
    ["no-mss", "FO 1234567890abcdef,nop,nop"],
    ["mss-500", "mss 500,FO 1234567890abcdef,nop,nop"],
    ["mss-1460", "mss 1460,FO 1234567890abcdef,nop,nop"],
  ] as const)
    add(`lesson-${name}`, lesson({ answer: options }), again(2000), INFO, synAck(1), INFO, rest(0.1), socket(5), send(5, 100), rest(0.05));
  add(
    "unasked-cookie",
    init("tcp_timestamps=0"),
    socket(3).replace("+0", "0"),
    "+0 connect(3, ..., ...) = -1",
    synAck(1, COOKIE),
    "+0 close(3) = 0",
    "+0.01 < F. 1:1(0) ack 2 win 92",
    again(500),
    rest(0.05),
  );
}

/** What goes without an answer. */
function silence(add: Add): void {
  const late = (seconds: number): string => `+${seconds} < S. 0:0(0) ack 1 win 5840 <${PLAIN}>`;
  const third = lines(socket(5), send(5, 100), rest(0.05));
  add("syn-lost", lesson(), again(500), late(1.2), INFO, rest(0.2), third);
  add("syn-lost-all-taken", lesson(), again(500), "+1.2 < S. 0:0(0) ack 501 win 5840 <mss 1000,nop,nop,sackOK>", INFO, rest(0.2), third);
  add("syn-lost-cookie", lesson(), again(500), `+1.2 < S. 0:0(0) ack 1 win 5840 <${COOKIE}>`, INFO, rest(0.2), third);
  add("syn-lost-twice", lesson(), again(500), late(2.2), INFO, rest(0.2), third);
  add(
    "asked-syn-lost",
    init("tcp_timestamps=0"),
    socket(3).replace("+0", "0"),
    send(3, 500),
    `+1.2 < S. 0:0(0) ack 1 win 5840 <${COOKIE}>`,
    INFO,
    rest(0.1),
    again(100),
    rest(0.05),
  );
  add(
    "asked-syn-lost-no-cookie",
    init("tcp_timestamps=0"),
    socket(3).replace("+0", "0"),
    send(3, 500),
    late(1.2),
    INFO,
    rest(0.1),
    again(100),
    rest(0.05),
  );
  add("gives-up", lesson({ sysctls: ["tcp_syn_retries=1"] }), again(500), rest(3.5), INFO, POLL, ERROR, third);
  add(
    "gives-up-linear",
    lesson({ sysctls: ["tcp_syn_retries=2", "tcp_syn_linear_timeouts=4"] }),
    again(500),
    rest(4),
    INFO,
    POLL,
    ERROR,
    third,
  );
  add(
    "black-hole",
    lesson({ sysctls: ["tcp_fastopen_blackhole_timeout_sec=3600", "tcp_syn_retries=2"] }),
    again(500),
    rest(5),
    INFO,
    ERROR,
    third,
  );
  add("black-hole-late", lesson({ sysctls: ["tcp_fastopen_blackhole_timeout_sec=3600"] }), again(500), late(3.2), INFO, third);
  add(
    "black-hole-rst",
    lesson({ sysctls: ["tcp_fastopen_blackhole_timeout_sec=3600"] }),
    again(500),
    synAck(501),
    "+0 < R. 1:1(0) ack 501 win 0",
    INFO,
    third,
  );
  add(
    "black-hole-fin",
    lesson({ sysctls: ["tcp_fastopen_blackhole_timeout_sec=3600"] }),
    again(500),
    synAck(501),
    "+0 < F. 1001:1001(0) ack 501 win 100",
    "+0.1 < R. 1:1(0) ack 501 win 0",
    INFO,
    third,
  );
  add(
    "black-hole-text",
    lesson({ sysctls: ["tcp_fastopen_blackhole_timeout_sec=3600"] }),
    again(500),
    synAck(501),
    "+0 < P. 1:101(100) ack 501 win 100",
    "+0 < R. 101:101(0) ack 501 win 0",
    INFO,
    third,
  );
  add(
    "black-hole-ends",
    lesson({ sysctls: ["tcp_fastopen_blackhole_timeout_sec=1"] }),
    again(500),
    synAck(501),
    "+0 < F. 1001:1001(0) ack 501 win 100",
    "+0.1 < R. 1:1(0) ack 501 win 0",
    third,
    rest(1.1),
    socket(6),
    send(6, 100),
    rest(0.05),
  );
  add("text-refused-then-lost", lesson(), again(500), synAck(1), rest(0.9), INFO);
  add("text-taken-then-lost", lesson(), again(500), synAck(501), "+0 write(4, ..., 500) = 500", rest(0.9), INFO);
  add("syn-ack-again", lesson(), again(500), synAck(501), synAck(501), INFO, rest(0.1));
  add("syn-ack-part-again", lesson(), again(500), synAck(1), synAck(501), INFO, rest(0.1));
  add("text-arrives-first", lesson(), again(500), "+0.05 < P. 1:101(100) ack 501 win 100", synAck(501), INFO, rest(0.05));
  add(
    "ecn",
    lesson({ sysctls: ["tcp_ecn=1"] }),
    again(500),
    "+0.1 < SE. 0:0(0) ack 501 win 5840 <mss 1000,nop,nop,sackOK>",
    "+0 write(4, ..., 500) = 500",
    INFO,
    rest(0.1),
  );
}

export function fastOpenClient(_draw: Draw): Stimulus[] {
  const all: Stimulus[] = [];
  const add: Add = (name, ...parts) => {
    all.push({ subject: "fo-client", name, source: lines(...parts) });
  };
  opens(add);
  answers(add);
  silence(add);
  return all;
}
