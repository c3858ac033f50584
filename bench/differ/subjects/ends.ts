/** Opening and closing: states, resets, and what calls return in them. */
import { active, type Draw, lines, listening, passive, rest, STAMPED, STATE, type Stimulus } from "../words.js";

export function closing(_draw: Draw): Stimulus[] {
  const all: Stimulus[] = [];
  const add = (name: string, ...parts: string[]): void => {
    all.push({ subject: "close", name, source: lines(...parts) });
  };
  const text = "+0.01 < P. 1:1001(1000) ack 1 win 65535";
  const fin = "+0.01 < F. 1:1(0) ack 1 win 65535";
  add("plain", passive(), "+0 close(4) = 0", "+0.1 < . 1:1(0) ack 2 win 65535", "+0.1 < F. 1:1(0) ack 2 win 65535", rest(0.1));
  add("with-unread-text", passive(), text, "+0.01 close(4) = 0", rest(0.1));
  add("with-unread-text-and-unsent", passive({ window: 2 }), text, "+0 write(4, ..., 10000) = 10000", "+0.01 close(4) = 0", rest(0.1));
  add("with-partly-read-text", passive(), text, "+0 read(4, ..., 500) = 500", "+0.01 close(4) = 0", rest(0.1));
  add("peer-first", passive(), fin, "+0 read(4, ..., 100) = 0", STATE, "+0.1 close(4) = 0", "+0.1 < . 2:2(0) ack 2 win 65535", rest(0.1));
  add("peer-first-with-unread", passive(), "+0 < FP. 1:1001(1000) ack 1 win 65535", "+0.1 close(4) = 0", rest(0.2));
  add("simultaneous", passive(), "+0 close(4) = 0", "+0.05 < F. 1:1(0) ack 1 win 65535", "+0.05 < . 2:2(0) ack 2 win 65535", rest(0.1));
  add("fin-again", passive(), "+0 close(4) = 0", rest(2));
  add("fin-again-with-text", passive(), "+0 write(4, ..., 1000) = 1000", "+0 close(4) = 0", rest(1.5));
  add(
    "text-behind-close",
    passive(),
    "+0 close(4) = 0",
    "+0.1 < . 1:1(0) ack 2 win 65535",
    "+0.1 < P. 1:1001(1000) ack 2 win 65535",
    rest(0.1),
  );
  add("text-in-fin-wait-1", passive(), "+0 close(4) = 0", "+0.1 < P. 1:1001(1000) ack 1 win 65535", rest(0.1));
  add("fin-with-text-behind-close", passive(), "+0 close(4) = 0", "+0.1 < FP. 1:1001(1000) ack 2 win 65535", rest(0.1));
  add(
    "write-behind-fin",
    passive(),
    fin,
    "+0 write(4, ..., 1000) = 1000",
    "+0.1 < . 2:2(0) ack 1001 win 65535",
    "+0 close(4) = 0",
    rest(0.3),
  );
  add(
    "reset-behind-write",
    passive(),
    fin,
    "+0 write(4, ..., 1000) = 1000",
    "+0.1 < R 2:2(0) win 0",
    "+0 write(4, ..., 1000) = -1",
    "+0 read(4, ..., 10) = 0",
    rest(0.1),
  );
  for (const how of ["SHUT_RD", "SHUT_WR", "SHUT_RDWR"]) {
    add(
      `shutdown-${how}`,
      passive(),
      `+0 shutdown(4, ${how}) = 0`,
      STATE,
      text,
      "+0 read(4, ..., 2000) = ...",
      "+0 write(4, ..., 100) = ...",
      "+0.1 < F. 1001:1001(0) ack 2 win 65535",
      STATE,
      "+0 close(4) = 0",
      rest(0.2),
    );
    add(
      `shutdown-twice-${how}`,
      passive(),
      `+0 shutdown(4, ${how}) = 0`,
      `+0 shutdown(4, ${how}) = 0`,
      "+0.1 < . 1:1(0) ack 2 win 65535",
      `+0 shutdown(4, ${how}) = 0`,
      "+0.1 < F. 1:1(0) ack 2 win 65535",
      `+0 shutdown(4, ${how}) = 0`,
      rest(0.1),
    );
    add(
      `shutdown-not-connected-${how}`,
      listening(),
      "+0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 5",
      `+0 shutdown(5, ${how}) = 0`,
      `+0 shutdown(3, ${how}) = 0`,
      "+0 < S 0:0(0) win 1000 <mss 1000>",
      rest(0.1),
    );
  }
  add(
    "shutdown-rd-read-blocks-not",
    passive(),
    "+0...0.1 read(4, ..., 100) = 0",
    "+0.1 < P. 1:11(10) ack 1 win 65535",
    "+0.1 shutdown(4, SHUT_RD) = 0",
    "+0 read(4, ..., 100) = 0",
    "+0.1 < P. 11:21(10) ack 1 win 65535",
    "+0 read(4, ..., 100) = 0",
    rest(0.1),
  );
  add(
    "shutdown-wr-then-reset",
    passive(),
    "+0 shutdown(4, SHUT_WR) = 0",
    "+0.1 < R. 1:1(0) ack 2 win 0",
    "+0 read(4, ..., 100) = -1",
    "+0 read(4, ..., 100) = 0",
    "+0 close(4) = 0",
  );
  add(
    "shutdown-wr-with-queue",
    passive({ window: 1 }),
    "+0 write(4, ..., 3000) = 3000",
    "+0 shutdown(4, SHUT_WR) = 0",
    "+0.1 < . 1:1(0) ack 129 win 65535",
    rest(0.1),
    "+0 < . 1:1(0) ack 3002 win 65535",
    STATE,
  );
  add(
    "linger-0",
    passive(),
    "+0 setsockopt(4, SOL_SOCKET, SO_LINGER, {onoff=1, linger=0}, 8) = 0",
    "+0 write(4, ..., 1000) = 1000",
    "+0 close(4) = 0",
    rest(0.1),
  );
  add(
    "linger-2",
    passive(),
    "+0 setsockopt(4, SOL_SOCKET, SO_LINGER, {onoff=1, linger=2}, 8) = 0",
    "+0 write(4, ..., 1000) = 1000",
    "+0...0.1 close(4) = 0",
    "+0.1 < . 1:1(0) ack 1002 win 65535",
    rest(0.1),
  );
  add(
    "fin-wait-2-timeout",
    passive({ sysctls: ["tcp_fin_timeout=1"] }),
    "+0 close(4) = 0",
    "+0.1 < . 1:1(0) ack 2 win 65535",
    "+1.5 < F. 1:1(0) ack 2 win 65535",
    rest(0.1),
  );
  add(
    "linger2-option",
    passive(),
    "+0 setsockopt(4, SOL_TCP, TCP_LINGER2, [1], 4) = 0",
    "+0 close(4) = 0",
    "+0.1 < . 1:1(0) ack 2 win 65535",
    "+1.5 < F. 1:1(0) ack 2 win 65535",
    rest(0.1),
  );
  add(
    "linger2-negative",
    passive(),
    "+0 setsockopt(4, SOL_TCP, TCP_LINGER2, [-1], 4) = 0",
    "+0 close(4) = 0",
    "+0.1 < . 1:1(0) ack 2 win 65535",
    "+0.1 < F. 1:1(0) ack 2 win 65535",
    rest(0.1),
  );
  add(
    "half-close-reads",
    passive(),
    "+0 shutdown(4, SHUT_WR) = 0",
    "+0.1 < . 1:1(0) ack 2 win 65535",
    "+0.1 < P. 1:1001(1000) ack 2 win 65535",
    "+0 read(4, ..., 2000) = 1000",
    "+0.1 < F. 1001:1001(0) ack 2 win 65535",
    "+0 read(4, ..., 2000) = 0",
    "+0 close(4) = 0",
    rest(0.1),
  );
  add("disconnect", passive(), "+0 connect(4, {sa_family=AF_UNSPEC}, 16) = 0", rest(0.1), "+0 read(4, ..., 10) = -1");
  add("disconnect-with-text", passive(), text, "+0 write(4, ..., 1000) = 1000", "+0 connect(4, {sa_family=AF_UNSPEC}, 16) = 0", rest(0.1));
  add(
    "ack-of-nothing-behind-close",
    passive(),
    "+0 write(4, ..., 2000) = 2000",
    "+0 close(4) = 0",
    "+0.1 < . 1:1(0) ack 1001 win 65535",
    "+0.1 < . 1:1(0) ack 2002 win 65535",
    "+0.1 < F. 1:1(0) ack 2002 win 65535",
    "+0.1 < F. 1:1(0) ack 2002 win 65535",
    rest(0.1),
  );
  add(
    "last-ack-lost",
    passive(),
    fin,
    "+0 close(4) = 0",
    rest(1.5),
    "+0 < . 2:2(0) ack 2 win 65535",
    "+0.1 < . 2:2(0) ack 2 win 65535",
    rest(0.1),
  );
  add(
    "listener-closed",
    listening(),
    "+0 < S 0:0(0) win 1000 <mss 1000>",
    "+0.1 close(3) = 0",
    "+0.1 < . 1:1(0) ack 1 win 1000",
    rest(0.1),
  );
  add(
    "listener-closed-with-child",
    listening(),
    "+0 < S 0:0(0) win 1000 <mss 1000>",
    "+0.1 < . 1:1(0) ack 1 win 1000",
    "+0.1 close(3) = 0",
    "+0.1 < . 1:1(0) ack 1 win 1000",
    rest(0.1),
  );
  add(
    "fin-out-of-order",
    passive(),
    "+0 < F. 1001:1001(0) ack 1 win 65535",
    STATE,
    "+0.1 < P. 1:1001(1000) ack 1 win 65535",
    STATE,
    "+0 read(4, ..., 2000) = 1000",
    "+0 read(4, ..., 2000) = 0",
    rest(0.1),
  );
  add("text-behind-fin", passive(), fin, "+0.1 < P. 2:102(100) ack 1 win 65535", "+0 read(4, ..., 2000) = 0", rest(0.1));
  add(
    "close-wait-reset",
    passive(),
    fin,
    "+0.1 < R. 2:2(0) ack 1 win 0",
    "+0 read(4, ..., 10) = -1",
    "+0 write(4, ..., 10) = -1",
    "+0 close(4) = 0",
  );
  return all;
}

const states: readonly (readonly [string, readonly string[], number, number])[] = [
  ["established", [], 1, 1],
  ["close-wait", ["+0.01 < F. 1:1(0) ack 1 win 65535"], 2, 1],
  ["fin-wait-1", ["+0 shutdown(4, SHUT_WR) = 0"], 1, 1],
  ["fin-wait-2", ["+0 shutdown(4, SHUT_WR) = 0", "+0.1 < . 1:1(0) ack 2 win 65535"], 1, 2],
  ["closing", ["+0 shutdown(4, SHUT_WR) = 0", "+0.1 < F. 1:1(0) ack 1 win 65535"], 2, 1],
  ["last-ack", ["+0.01 < F. 1:1(0) ack 1 win 65535", "+0 close(4) = 0"], 2, 1],
  ["time-wait", ["+0 shutdown(4, SHUT_WR) = 0", "+0.1 < F. 1:1(0) ack 2 win 65535"], 2, 2],
];

/** Every state against every kind of segment that should not be. */
export function intruders(_draw: Draw): Stimulus[] {
  const all: Stimulus[] = [];
  for (const [state, path, seq, ack] of states) {
    const events: readonly (readonly [string, string])[] = [
      ["rst-exact", `< R ${seq}:${seq}(0) win 0`],
      ["rst-in-window", `< R ${seq + 10}:${seq + 10}(0) win 0`],
      ["rst-outside", `< R ${seq + 100000}:${seq + 100000}(0) win 0`],
      ["rst-old", `< R ${seq - 1}:${seq - 1}(0) win 0`],
      ["rst-ack", `< R. ${seq}:${seq}(0) ack ${ack} win 0`],
      ["rst-bad-ack", `< R. ${seq}:${seq}(0) ack ${ack + 1000} win 0`],
      ["syn", `< S ${seq}:${seq}(0) win 1000 <mss 1000>`],
      ["syn-new", `< S ${seq + 200000}:${seq + 200000}(0) win 1000 <mss 1000>`],
      ["syn-ack", `< S. ${seq}:${seq}(0) ack ${ack} win 1000 <mss 1000>`],
      ["ack-future", `< . ${seq}:${seq}(0) ack ${ack + 5000} win 1000`],
      ["ack-past", `< . ${seq}:${seq}(0) ack 4294900000 win 1000`],
      ["old-text", `< P. ${seq - 1}:${seq}(1) ack ${ack} win 1000`],
      ["text-beyond", `< P. ${seq + 200000}:${seq + 200100}(100) ack ${ack} win 1000`],
      ["text", `< P. ${seq}:${seq + 100}(100) ack ${ack} win 1000`],
      ["no-ack", `< - ${seq}:${seq + 100}(100) win 1000`],
      ["fin-no-ack", `< F ${seq}:${seq}(0) win 1000`],
      ["fin", `< F. ${seq}:${seq}(0) ack ${ack} win 1000`],
      ["xmas", `< FPU. ${seq}:${seq}(0) ack ${ack} win 1000`],
      ["keep-alive", `< . ${seq - 1}:${seq - 1}(0) ack ${ack} win 1000`],
    ];
    for (const [name, packet] of events)
      all.push({
        subject: "intruder",
        name: `${state}-${name}`,
        source: lines(
          passive(),
          ...path,
          `+0.13 ${packet}`,
          "+0 read(4, ..., 1000) = ...",
          "+0 write(4, ..., 100) = ...",
          `+0.13 ${packet}`,
          rest(0.15),
        ).replaceAll(state === "last-ack" ? /\+0 (read|write)\(4.*\n/g : /$^/g, ""),
      });
  }
  return all.map((one) => ({ ...one, source: one.source.replaceAll("+0 read(4, ..., 1000)", "+0 recv(4, ..., 1000, MSG_DONTWAIT)") }));
}

export function opening(_draw: Draw): Stimulus[] {
  const all: Stimulus[] = [];
  const add = (name: string, ...parts: string[]): void => {
    all.push({ subject: "open", name, source: lines(...parts) });
  };
  const begin = (sysctls: readonly string[] = []): string =>
    lines(
      `${["`./defaults.sh", ...sysctls.map((line) => `sysctl -q net.ipv4.${line}`)].join("\n")}\``,
      "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3",
      "+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0",
      "+0 connect(3, ..., ...) = -1",
    );
  const error = "+0 getsockopt(3, SOL_SOCKET, SO_ERROR, [0], [4]) = 0";
  add("syn-again", begin(), rest(6), STATE);
  add("syn-again-one-retry", begin(["tcp_syn_retries=1"]), rest(4), error, STATE);
  add("syn-again-linear-off", begin(["tcp_syn_linear_timeouts=0"]), rest(4), STATE);
  add(
    "syncnt",
    "`./defaults.sh`",
    "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3",
    "+0 setsockopt(3, SOL_TCP, TCP_SYNCNT, [2], 4) = 0",
    "+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0",
    "+0 connect(3, ..., ...) = -1",
    rest(4.5),
    error,
  );
  add("refused", begin(), "+0.1 < R. 0:0(0) ack 1 win 0", error, "+0 connect(3, ..., ...) = -1", rest(0.1));
  add(
    "refused-blocking",
    "`./defaults.sh`",
    "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3",
    "+0...0.1 connect(3, ..., ...) = -1",
    "+0.1 < R. 0:0(0) ack 1 win 0",
    rest(0.05),
  );
  add(
    "connect-blocking",
    "`./defaults.sh`",
    "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3",
    "+0...0.1 connect(3, ..., ...) = -1",
    "+0.1 < S. 0:0(0) ack 1 win 1000 <mss 1000>",
    STATE,
    "+0 connect(3, ..., ...) = -1",
  );
  add("reset-without-ack", begin(), "+0.1 < R 0:0(0) win 0", error, rest(0.1));
  add("reset-bad-ack", begin(), "+0.1 < R. 0:0(0) ack 2 win 0", error, rest(0.1));
  add("bad-ack", begin(), "+0.1 < S. 0:0(0) ack 2 win 1000 <mss 1000>", error, rest(1.2));
  add("bare-ack", begin(), "+0.1 < . 0:0(0) ack 1 win 1000", rest(1.2), error);
  add("old-ack", begin(), "+0.1 < . 0:0(0) ack 0 win 1000", rest(0.5), error);
  add(
    "simultaneous",
    begin(),
    "+0.1 < S 0:0(0) win 1000 <mss 1000,sackOK,nop,nop,nop,wscale 7>",
    STATE,
    "+0.1 < S. 0:0(0) ack 1 win 1000 <mss 1000,sackOK,nop,nop,nop,wscale 7>",
    STATE,
    error,
    rest(0.1),
  );
  add(
    "simultaneous-ack",
    begin(),
    "+0.1 < S 0:0(0) win 1000 <mss 1000>",
    "+0.1 < . 1:1(0) ack 1 win 1000",
    STATE,
    error,
    "+0 write(3, ..., 100) = 100",
    rest(0.1),
  );
  add("simultaneous-again", begin(), "+0.1 < S 0:0(0) win 1000 <mss 1000>", rest(2.5), "+0 < . 1:1(0) ack 1 win 1000", STATE);
  add("simultaneous-reset", begin(), "+0.1 < S 0:0(0) win 1000 <mss 1000>", "+0.1 < R. 1:1(0) ack 1 win 0", error);
  add("syn-ack-with-text", begin(), "+0.1 < S. 0:10(10) ack 1 win 1000 <mss 1000>", STATE, "+0 read(3, ..., 100) = ...", rest(0.1));
  add("syn-ack-with-fin", begin(), "+0.1 < SF. 0:0(0) ack 1 win 1000 <mss 1000>", STATE, rest(0.1));
  add("syn-ack-again", active(), "+0.1 < S. 0:0(0) ack 1 win 65535 <mss 1000,sackOK,nop,nop,nop,wscale 7>", rest(0.1));
  add(
    "syn-ack-no-options",
    active({ options: null }),
    "+0 write(3, ..., 1000) = 1000",
    "+0 %{ print(tcpi_options, tcpi_snd_mss) }%",
    rest(0.05),
  );
  add(
    "syn-ack-stamped",
    active({ options: "mss 1000,sackOK,TS val 700 ecr 0,nop,wscale 7" }),
    "+0 write(3, ..., 3000) = 3000",
    "+0 %{ print(tcpi_options, tcpi_snd_mss, tcpi_snd_wscale, tcpi_rcv_wscale) }%",
    rest(0.05),
  );
  add(
    "syn-ack-sack-only",
    active({ options: "mss 1000,sackOK,nop,nop" }),
    "+0 write(3, ..., 3000) = 3000",
    "+0 %{ print(tcpi_options, tcpi_snd_mss) }%",
    rest(0.05),
  );
  add(
    "write-while-opening",
    begin(),
    "+0 write(3, ..., 100) = -1",
    "+0 read(3, ..., 100) = -1",
    "+0.1 < S. 0:0(0) ack 1 win 1000 <mss 1000>",
    "+0 write(3, ..., 100) = 100",
    rest(0.05),
  );
  add("shutdown-while-opening", begin(), "+0 shutdown(3, SHUT_WR) = 0", "+0.1 < S. 0:0(0) ack 1 win 1000 <mss 1000>", rest(0.2));
  add("close-while-opening", begin(), "+0.1 close(3) = 0", "+0.1 < S. 0:0(0) ack 1 win 1000 <mss 1000>", rest(0.2));
  // Passive.
  add("syn-ack-again-passive", listening(), "+0 < S 0:0(0) win 1000 <mss 1000>", rest(4));
  add(
    "syn-repeated",
    listening(),
    "+0 < S 0:0(0) win 1000 <mss 1000>",
    "+0.2 < S 0:0(0) win 1000 <mss 1000>",
    "+0.2 < S 0:0(0) win 1000 <mss 1000>",
    "+0.1 < . 1:1(0) ack 1 win 1000",
    "+0 accept(3, ..., ...) = 4",
    STATE,
  );
  add("syn-other-number", listening(), "+0 < S 0:0(0) win 1000 <mss 1000>", "+0.2 < S 5000:5000(0) win 1000 <mss 1000>", rest(0.2));
  add(
    "syn-then-reset",
    listening(),
    "+0 < S 0:0(0) win 1000 <mss 1000>",
    "+0.1 < R 1:1(0) win 0",
    "+0.1 < . 1:1(0) ack 1 win 1000",
    rest(0.1),
  );
  add(
    "syn-then-reset-in-window",
    listening(),
    "+0 < S 0:0(0) win 1000 <mss 1000>",
    "+0.1 < R 5:5(0) win 0",
    "+0.1 < . 1:1(0) ack 1 win 1000",
    rest(0.1),
  );
  add(
    "syn-then-bad-ack",
    listening(),
    "+0 < S 0:0(0) win 1000 <mss 1000>",
    "+0.1 < . 1:1(0) ack 2 win 1000",
    "+0.1 < . 1:1(0) ack 1 win 1000",
    rest(0.1),
  );
  add(
    "syn-then-text",
    listening(),
    "+0 < S 0:0(0) win 1000 <mss 1000>",
    "+0.1 < P. 1:101(100) ack 1 win 1000",
    "+0 accept(3, ..., ...) = 4",
    "+0 read(4, ..., 1000) = 100",
    rest(0.1),
  );
  add(
    "syn-then-fin",
    listening(),
    "+0 < S 0:0(0) win 1000 <mss 1000>",
    "+0.1 < F. 1:1(0) ack 1 win 1000",
    "+0 accept(3, ..., ...) = 4",
    "+0 read(4, ..., 1000) = 0",
    STATE,
    rest(0.1),
  );
  add(
    "syn-then-text-beyond",
    listening(),
    "+0 < S 0:0(0) win 1000 <mss 1000>",
    "+0.1 < P. 1001:1101(100) ack 1 win 1000",
    "+0 accept(3, ..., ...) = 4",
    rest(0.1),
    "+0 < P. 1:1001(1000) ack 1 win 1000",
    rest(0.1),
  );
  add("syn-with-text", listening(), "+0 < S 0:100(100) win 1000 <mss 1000>", "+0.1 < . 1:1(0) ack 1 win 1000", rest(0.1));
  add("syn-with-fin", listening(), "+0 < SF 0:0(0) win 1000 <mss 1000>", rest(0.1));
  add("syn-with-psh-urg", listening(), "+0 < SPU 0:0(0) win 1000 <mss 1000>", rest(0.1));
  add(
    "ack-to-listener",
    listening(),
    "+0 < . 1:1(0) ack 100 win 1000",
    rest(0.1),
    "+0 < F. 1:1(0) ack 100 win 1000",
    rest(0.1),
    "+0 < R 1:1(0) win 0",
    rest(0.1),
  );
  add(
    "handshake-stamps-missing",
    listening(),
    `+0 < S 0:0(0) win 1000 <${STAMPED}>`,
    "+0.1 < . 1:1(0) ack 1 win 1000",
    "+0 accept(3, ..., ...) = 4",
    "+0 %{ print(tcpi_options) }%",
    "+0 write(4, ..., 100) = 100",
    rest(0.1),
  );
  add(
    "backlog",
    listening(),
    ...Array.from({ length: 8 }, (_, i) => [
      `+0.01 < ${30000 + i} > 8080 S 0:0(0) win 1000 <mss 1000>`,
      `+0.01 < ${30000 + i} > 8080 . 1:1(0) ack 1 win 1000`,
    ]).flat(),
    rest(0.3),
  );
  add(
    "defer-accept",
    listening({ before: ["+0 setsockopt(3, SOL_TCP, TCP_DEFER_ACCEPT, [5], 4) = 0"] }),
    "+0 < S 0:0(0) win 1000 <mss 1000>",
    "+0.1 < . 1:1(0) ack 1 win 1000",
    "+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0",
    "+0 accept(3, ..., ...) = 4",
    rest(1.5),
    "+0 < P. 1:101(100) ack 1 win 1000",
    "+0 accept(3, ..., ...) = 4",
    "+0 read(4, ..., 1000) = 100",
    rest(0.1),
  );
  add(
    "defer-accept-text",
    listening({ before: ["+0 setsockopt(3, SOL_TCP, TCP_DEFER_ACCEPT, [1], 4) = 0"] }),
    "+0 < S 0:0(0) win 1000 <mss 1000>",
    "+0.1 < P. 1:101(100) ack 1 win 1000",
    "+0 accept(3, ..., ...) = 4",
    "+0 read(4, ..., 1000) = 100",
    rest(0.1),
  );
  add(
    "accept-blocking",
    "`./defaults.sh`",
    "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3",
    "+0 bind(3, ..., ...) = 0",
    "+0 listen(3, 5) = 0",
    "+0...0.2 accept(3, ..., ...) = 4",
    "+0.1 < S 0:0(0) win 1000 <mss 1000>",
    "+0.1 < . 1:1(0) ack 1 win 1000",
    rest(0.05),
  );
  add(
    "accept-nonblocking",
    listening(),
    "+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0",
    "+0 accept(3, ..., ...) = 4",
    "+0 < S 0:0(0) win 1000 <mss 1000>",
    "+0.1 accept(3, ..., ...) = 4",
    "+0.1 < . 1:1(0) ack 1 win 1000",
    "+0 accept(3, ..., ...) = 4",
    "+0 accept(3, ..., ...) = 5",
  );
  add(
    "accept-reset",
    listening(),
    "+0 < S 0:0(0) win 1000 <mss 1000>",
    "+0.1 < . 1:1(0) ack 1 win 1000",
    "+0.1 < R 1:1(0) win 0",
    "+0 accept(3, ..., ...) = 4",
    "+0 read(4, ..., 10) = -1",
    STATE,
  );
  add(
    "closed-port",
    "`./defaults.sh`",
    "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3",
    "+0 < S 0:0(0) win 1000 <mss 1000>",
    rest(0.05),
    "+0 < 5000 > 9000 P. 1:101(100) ack 77 win 1000",
    rest(0.05),
    "+0 < 5000 > 9000 F 1:1(0) win 1000",
    rest(0.05),
  );
  add(
    "cookies",
    listening({ sysctls: ["tcp_syncookies=2"] }),
    `+0 < S 0:0(0) win 1000 <${STAMPED}>`,
    "+0.1 < . 1:1(0) ack 1 win 1000 <nop,nop,TS val 200 ecr 0>",
    "+0 accept(3, ..., ...) = 4",
    "+0 %{ print(tcpi_options, tcpi_snd_mss) }%",
    "+0 write(4, ..., 3000) = 3000",
    rest(0.05),
  );
  add(
    "time-wait-new-syn",
    passive(),
    "+0 close(4) = 0",
    "+0.1 < F. 1:1(0) ack 2 win 65535",
    "+0.1 < S 100000:100000(0) win 1000 <mss 1000>",
    rest(0.1),
  );
  add(
    "time-wait-old-syn",
    passive(),
    "+0 close(4) = 0",
    "+0.1 < F. 1:1(0) ack 2 win 65535",
    "+0.1 < S 0:0(0) win 1000 <mss 1000>",
    rest(0.1),
  );
  add(
    "time-wait-repeats",
    passive(),
    "+0 close(4) = 0",
    "+0.1 < F. 1:1(0) ack 2 win 65535",
    "+0.1 < F. 1:1(0) ack 2 win 65535",
    "+0.1 < F. 1:1(0) ack 2 win 65535",
    "+0.6 < F. 1:1(0) ack 2 win 65535",
    rest(0.1),
  );
  return all;
}
