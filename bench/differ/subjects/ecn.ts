/** ECN (RFC 3168), systematically: who agrees on what, what is echoed, and what the echo does. */
import { type Draw, lines, rest, type Stimulus } from "../words.js";

const INFO =
  "+0 %{ print(tcpi_state, tcpi_options, tcpi_ca_state, tcpi_snd_cwnd, tcpi_snd_ssthresh, tcpi_unacked, tcpi_retrans, tcpi_delivered, tcpi_delivered_ce) }%";
const PLAIN = "mss 1000,sackOK,nop,nop,nop,wscale 7";
const STAMPED = "mss 1012,sackOK,TS val 100 ecr 0,nop,wscale 7";
const fields = ["noecn", "ect0", "ect1", "ce"] as const;

const init = (sysctls: readonly string[]): string =>
  `${["`./defaults.sh", ...sysctls.map((line) => `sysctl -q net.ipv4.${line}`)].join("\n")}\``;
const server = (sysctls: readonly string[], ...parts: string[]): string =>
  lines(
    init(sysctls),
    "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3",
    "+0 setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0",
    "+0 bind(3, ..., ...) = 0",
    "+0 listen(3, 5) = 0",
    ...parts,
  );
const client = (sysctls: readonly string[], ...parts: string[]): string =>
  lines(
    init(sysctls),
    "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3",
    "+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0",
    "+0 connect(3, ..., ...) = -1",
    ...parts,
  );
/** Agreed; descriptor 4. */
const open = (sysctls: readonly string[], ...parts: string[]): string =>
  server(
    ["tcp_ecn=1", ...sysctls],
    `+0 < SEW 0:0(0) win 32792 <${PLAIN}>`,
    "+0.1 < [ect0] . 1:1(0) ack 1 win 514",
    "+0 accept(3, ..., ...) = 4",
    ...parts,
  );

type Add = (name: string, ...parts: string[]) => void;

function agreements(add: Add): void {
  for (const mode of [0, 1, 2])
    for (const flags of ["S", "SE", "SW", "SEW", "SEWA", "SA", "SEA", "SWA"])
      for (const field of ["noecn", "ect0", "ce"])
        if (field === "noecn" || flags === "SEW" || flags === "SEWA")
          add(
            `server-${mode}-${flags}-${field}`,
            server(
              [`tcp_ecn=${mode}`],
              `+0 < [${field}] ${flags} 0:0(0) win 32792 <${PLAIN}>`,
              "+0.05 < [ect0] . 1:1(0) ack 1 win 514",
              "+0 accept(3, ..., ...) = 4",
              INFO,
              "+0 write(4, ..., 1000) = 1000",
              rest(0.02),
            ),
          );
  for (const mode of [0, 1, 2])
    for (const flags of ["S.", "SE.", "SW.", "SEW.", "SEWA.", "SA.", "SEA.", "SWA."])
      add(
        `client-${mode}-${flags}`,
        client(
          [`tcp_ecn=${mode}`],
          `+0.05 < ${flags} 0:0(0) ack 1 win 32792 <${PLAIN}>`,
          INFO,
          "+0 write(3, ..., 1000) = 1000",
          rest(0.02),
        ),
      );
  for (const field of fields)
    add(
      `client-synack-${field}`,
      client(["tcp_ecn=1"], `+0.05 < [${field}] SE. 0:0(0) ack 1 win 32792 <${PLAIN}>`, INFO, "+0 write(3, ..., 1000) = 1000", rest(0.02)),
    );
  for (const fallback of [0, 1]) {
    const sysctls = ["tcp_ecn=1", `tcp_ecn_fallback=${fallback}`];
    add(
      `fallback-${fallback}`,
      client(sysctls, rest(3.2), `+0 < SE. 0:0(0) ack 1 win 32792 <${PLAIN}>`, INFO, "+0 write(3, ..., 1000) = 1000", rest(0.02)),
    );
    add(
      `fallback-refused-${fallback}`,
      client(sysctls, rest(1.2), `+0 < S. 0:0(0) ack 1 win 32792 <${PLAIN}>`, INFO, "+0 write(3, ..., 1000) = 1000", rest(0.02)),
    );
    add(`fallback-reset-${fallback}`, client(sysctls, "+0.1 < R. 0:0(0) ack 1 win 0", rest(0.05)));
    add(
      `synack-lost-${fallback}`,
      server(
        sysctls,
        `+0 < SEW 0:0(0) win 32792 <${PLAIN}>`,
        rest(3.2),
        "+0 < [ect0] . 1:1(0) ack 1 win 514",
        "+0 accept(3, ..., ...) = 4",
        INFO,
        "+0 write(4, ..., 1000) = 1000",
        rest(0.02),
      ),
    );
    add(
      `syn-again-without-${fallback}`,
      server(
        sysctls,
        `+0 < SEW 0:0(0) win 32792 <${PLAIN}>`,
        `+0.5 < S 0:0(0) win 32792 <${PLAIN}>`,
        "+0.05 < . 1:1(0) ack 1 win 514",
        "+0 accept(3, ..., ...) = 4",
        INFO,
        "+0 write(4, ..., 1000) = 1000",
        rest(0.02),
      ),
    );
    add(
      `syn-again-with-${fallback}`,
      server(
        sysctls,
        `+0 < S 0:0(0) win 32792 <${PLAIN}>`,
        `+0.5 < SEW 0:0(0) win 32792 <${PLAIN}>`,
        "+0.05 < . 1:1(0) ack 1 win 514",
        "+0 accept(3, ..., ...) = 4",
        INFO,
        "+0 write(4, ..., 1000) = 1000",
        rest(0.02),
      ),
    );
  }
  add(
    "simultaneous",
    client(
      ["tcp_ecn=1"],
      `+0.05 < SEW 0:0(0) win 32792 <${PLAIN}>`,
      `+0.05 < SE. 0:0(0) ack 1 win 32792 <${PLAIN}>`,
      INFO,
      "+0 write(3, ..., 1000) = 1000",
      rest(0.02),
    ),
  );
  add(
    "dctcp-client",
    client(["tcp_ecn=0"], `+0.05 < SE. 0:0(0) ack 1 win 32792 <${PLAIN}>`, INFO).replace(
      "+0 connect",
      '+0 setsockopt(3, SOL_TCP, TCP_CONGESTION, "dctcp", 5) = 0\n+0 connect',
    ),
  );
}

function echoes(add: Add): void {
  const marks = (...given: string[]): string[] =>
    given.map((field, i) => `+0.01 < [${field}] P. ${i * 1000 + 1}:${i * 1000 + 1001}(1000) ack 1 win 514`);
  add("mark-first", open([], ...marks("ce", "ect0", "ect0", "ect0"), INFO), rest(0.1));
  add("mark-second", open([], ...marks("ect0", "ce", "ect0", "ect0"), INFO), rest(0.1));
  add("mark-all", open([], ...marks("ce", "ce", "ce", "ce"), INFO), rest(0.1));
  add("mark-noecn", open([], ...marks("noecn", "ce", "noecn", "noecn"), INFO), rest(0.1));
  add("mark-ect1", open([], ...marks("ect1", "ect1", "ect1"), INFO), rest(0.1));
  add("seen-none", open([], ...marks("noecn", "noecn"), INFO), rest(0.05));
  const flags = (...given: readonly (readonly [string, string])[]): string[] =>
    given.map(([field, bits], i) => `+0.01 < [${field}] ${bits} ${i * 1000 + 1}:${i * 1000 + 1001}(1000) ack 1 win 514`);
  add("cwr-ends", open([], ...flags(["ce", "P."], ["ect0", "PW."], ["ect0", "P."])), rest(0.1));
  add("cwr-marked", open([], ...flags(["ce", "P."], ["ce", "PW."], ["ect0", "P."])), rest(0.1));
  add(
    "cwr-alone",
    open(
      [],
      ...flags(["ce", "P."]),
      "+0.01 < [ect0] W. 1001:1001(0) ack 1 win 514",
      ...["+0.01 < [ect0] P. 1001:2001(1000) ack 1 win 514"],
    ),
    rest(0.1),
  );
  add("cwr-unasked", open([], ...flags(["ect0", "PW."], ["ect0", "P."])), rest(0.1));
  add("mark-pure-ack", open([], "+0.01 < [ce] . 1:1(0) ack 1 win 514", ...flags(["ect0", "P."])), rest(0.1));
  add("mark-fin", open([], "+0.01 < [ce] F. 1:1(0) ack 1 win 514"), rest(0.1));
  add(
    "mark-out-of-order",
    open(
      [],
      "+0.01 < [ce] P. 2001:3001(1000) ack 1 win 514",
      "+0.01 < [ect0] P. 1:1001(1000) ack 1 win 514",
      "+0.01 < [ect0] P. 1001:2001(1000) ack 1 win 514",
    ),
    rest(0.1),
  );
  add(
    "mark-old-text",
    open([], ...flags(["ect0", "P."]), "+0.01 < [ce] P. 1:1001(1000) ack 1 win 514", "+0.01 < [ect0] P. 1001:2001(1000) ack 1 win 514"),
    rest(0.1),
  );
  add(
    "mark-beyond",
    open([], "+0.01 < [ce] P. 900001:901001(1000) ack 1 win 514", "+0.01 < [ect0] P. 1:1001(1000) ack 1 win 514"),
    rest(0.1),
  );
  add(
    "mark-then-write",
    open(
      [],
      ...flags(["ce", "P."]),
      "+0 write(4, ..., 3000) = 3000",
      "+0.1 < [ect0] PW. 1001:2001(1000) ack 3001 win 514",
      "+0 write(4, ..., 1000) = 1000",
    ),
    rest(0.05),
  );
  add(
    "mark-when-delayed",
    open([], "+0 setsockopt(4, SOL_TCP, TCP_QUICKACK, [0], 4) = 0", ...flags(["ect0", "P."], ["ce", "P."], ["ect0", "P."])),
    rest(0.1),
  );
  add(
    "mark-not-agreed",
    server(
      ["tcp_ecn=1"],
      `+0 < S 0:0(0) win 32792 <${PLAIN}>`,
      "+0.1 < . 1:1(0) ack 1 win 514",
      "+0 accept(3, ..., ...) = 4",
      ...marks("ce", "ect0"),
      INFO,
    ),
    rest(0.1),
  );
}

function senders(add: Add): void {
  for (const [name, sysctls] of [
    ["cubic", []],
    ["reno", ["tcp_congestion_control=reno"]],
  ] as const) {
    const begin = (...parts: string[]): string => open(sysctls, "+0 write(4, ..., 20000) = 20000", ...parts, rest(0.2), INFO);
    const ack = (delay: number, to: number, bits = ".", more = ""): string => `+${delay} < [ect0] ${bits} 1:1(0) ack ${to} win 514${more}`;
    add(`echo-${name}-first`, begin(ack(0.1, 1001, "E."), INFO, ack(0.01, 2001), INFO, ack(0.01, 10001), INFO));
    add(
      `echo-${name}-window`,
      begin(...Array.from({ length: 10 }, (_, i) => lines(ack(i === 0 ? 0.1 : 0.01, (i + 1) * 1000 + 1, "E."), INFO))),
    );
    add(
      `echo-${name}-two-windows`,
      begin(ack(0.1, 5001, "E."), INFO, ack(0.01, 10001, "E."), INFO, ack(0.1, 12001, "E."), INFO, ack(0.01, 14001, "E."), INFO),
    );
    add(`echo-${name}-duplicate`, begin(ack(0.1, 1, "E."), INFO, ack(0.01, 2001), INFO));
    add(`echo-${name}-sack`, begin(ack(0.1, 1001, "E.", " <nop,nop,sack 2001:5001>"), INFO, ack(0.01, 10001), INFO));
    add(
      `echo-${name}-then-loss`,
      begin(ack(0.1, 1001, "E."), INFO, ack(0.01, 1001, ".", " <nop,nop,sack 2001:5001>"), INFO, ack(0.1, 10001), INFO),
    );
    add(
      `echo-${name}-in-recovery`,
      begin(
        ack(0.1, 1, ".", " <nop,nop,sack 1001:4001>"),
        INFO,
        ack(0.01, 1, "E.", " <nop,nop,sack 1001:6001>"),
        INFO,
        ack(0.1, 10001),
        INFO,
      ),
    );
    add(`echo-${name}-all`, begin(ack(0.1, 10001, "E."), INFO, ack(0.1, 12001), INFO));
    add(`echo-${name}-with-text`, begin("+0.1 < [ect0] PE. 1:101(100) ack 1001 win 514", INFO));
    add(
      `echo-${name}-after-timeout`,
      open(
        sysctls,
        "+0 write(4, ..., 2000) = 2000",
        rest(0.7),
        ack(0, 1001, "E."),
        INFO,
        ack(0.1, 2001),
        INFO,
        "+0 write(4, ..., 1000) = 1000",
        rest(0.02),
      ),
    );
    add(
      `echo-${name}-idle`,
      open(sysctls, "+0 write(4, ..., 1000) = 1000", ack(0.1, 1001, "E."), INFO, "+0 write(4, ..., 3000) = 3000", rest(0.02)),
    );
    add(`cwr-retransmitted-${name}`, begin(ack(0.1, 5001, "E."), rest(0.8)));
    add(`tlp-${name}`, open(sysctls, "+0 write(4, ..., 2000) = 2000", rest(0.5)));
    add(`fin-${name}`, open(sysctls, "+0 write(4, ..., 1500) = 1500", "+0 close(4) = 0", ack(0.1, 1001, "E."), rest(0.6)));
  }
  add(
    "echo-stamped",
    server(
      ["tcp_ecn=1"],
      `+0 < SEW 0:0(0) win 32792 <${STAMPED}>`,
      "+0.1 < [ect0] . 1:1(0) ack 1 win 514 <nop,nop,TS val 200 ecr 0>",
      "+0 accept(3, ..., ...) = 4",
      "+0 write(4, ..., 10000) = 10000",
      "+0.1 < [ect0] E. 1:1(0) ack 1001 win 514 <nop,nop,TS val 300 ecr 0>",
      INFO,
      rest(0.1),
    ),
  );
  add("rst", open([], "+0 setsockopt(4, SOL_SOCKET, SO_LINGER, {onoff=1, linger=0}, 8) = 0", "+0 close(4) = 0", rest(0.02)));
  add(
    "keep-alive",
    open([], "+0 setsockopt(4, SOL_SOCKET, SO_KEEPALIVE, [1], 4) = 0", "+0 setsockopt(4, SOL_TCP, TCP_KEEPIDLE, [1], 4) = 0", rest(1.2)),
  );
  add("challenge", open([], "+0.01 < [ect0] S 0:0(0) win 514", rest(0.02)));
  add(
    "tos",
    open(
      [],
      "+0 setsockopt(4, SOL_IP, IP_TOS, [16], 1) = 0",
      "+0 write(4, ..., 1000) = 1000",
      "+0 setsockopt(4, SOL_IP, IP_TOS, [3], 1) = 0",
      "+0 write(4, ..., 1000) = 1000",
      rest(0.02),
    ),
  );
  add("two-controllers", open([], '+0 setsockopt(4, SOL_TCP, TCP_CONGESTION, "reno", 4) = 0', "+0 write(4, ..., 1000) = 1000", rest(0.02)));
}

export function ecn(_draw: Draw): Stimulus[] {
  const all: Stimulus[] = [];
  const add: Add = (name, ...parts) => {
    all.push({ subject: "classic-ecn", name, source: lines(...parts) });
  };
  agreements(add);
  echoes(add);
  senders(add);
  return all;
}
