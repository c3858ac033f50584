/** Fast Open (RFC 7413). */
import { type Draw, lines, rest, type Stimulus } from "../words.js";

export function fastOpen(_draw: Draw): Stimulus[] {
  const all: Stimulus[] = [];
  const add = (name: string, ...parts: string[]): void => {
    all.push({ subject: "fast-open", name, source: lines(...parts) });
  };
  const server = (...sysctls: string[]): string =>
    lines(
      `${["`./defaults.sh", ...sysctls.map((line) => `sysctl -q net.ipv4.${line}`)].join("\n")}\``,
      "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3",
      "+0 setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0",
      "+0 bind(3, ..., ...) = 0",
      "+0 listen(3, 5) = 0",
      "+0 setsockopt(3, SOL_TCP, TCP_FASTOPEN, [5], 4) = 0",
    );
  const INFO = "+0 %{ print(tcpi_options, tcpi_state, tcpi_unacked) }%";
  add("asked", server(), "+0 < S 0:0(0) win 1000 <mss 1000,sackOK,nop,nop,FO,nop,nop>", "+0.1 < . 1:1(0) ack 1 win 1000", rest(0.05));
  add(
    "text",
    server(),
    "+0 < S 0:100(100) win 1000 <mss 1000,sackOK,FO TFO_COOKIE,nop,nop>".replace("TFO_COOKIE", "3021b9d889017eeb"),
    "+0 accept(3, ..., ...) = 4",
    "+0 read(4, ..., 1000) = 100",
    INFO,
    "+0 write(4, ..., 3000) = 3000",
    INFO,
    "+0.1 < . 101:101(0) ack 1 win 1000",
    INFO,
    rest(0.3),
  );
  add(
    "wrong-cookie",
    server(),
    "+0 < S 0:100(100) win 1000 <mss 1000,sackOK,FO 1111111111111111,nop,nop>",
    "+0.1 < P. 1:101(100) ack 1 win 1000",
    "+0 accept(3, ..., ...) = 4",
    "+0 read(4, ..., 1000) = 100",
    INFO,
    rest(0.05),
  );
  add("text-without-cookie", server(), "+0 < S 0:100(100) win 1000 <mss 1000>", "+0.1 < . 1:1(0) ack 1 win 1000", rest(0.05));
  add(
    "syn-again",
    server(),
    "+0 < S 0:100(100) win 1000 <mss 1000,sackOK,FO 3021b9d889017eeb,nop,nop>",
    "+0 accept(3, ..., ...) = 4",
    "+0.2 < S 0:100(100) win 1000 <mss 1000,sackOK,FO 3021b9d889017eeb,nop,nop>",
    rest(1.2),
  );
  add(
    "reset",
    server(),
    "+0 < S 0:100(100) win 1000 <mss 1000,sackOK,FO 3021b9d889017eeb,nop,nop>",
    "+0 accept(3, ..., ...) = 4",
    "+0.1 < R 101:101(0) win 0",
    "+0 read(4, ..., 1000) = ...",
    "+0 read(4, ..., 1000) = ...",
    rest(0.1),
  );
  add(
    "close-at-once",
    server(),
    "+0 < S 0:100(100) win 1000 <mss 1000,sackOK,FO 3021b9d889017eeb,nop,nop>",
    "+0 accept(3, ..., ...) = 4",
    "+0 read(4, ..., 1000) = 100",
    "+0 close(4) = 0",
    "+0.1 < . 101:101(0) ack 2 win 1000",
    rest(0.3),
  );
  add(
    "fin-with-text",
    server(),
    "+0 < S 0:100(100) win 1000 <mss 1000,sackOK,FO 3021b9d889017eeb,nop,nop>",
    "+0 accept(3, ..., ...) = 4",
    "+0.1 < F. 101:101(0) ack 1 win 1000",
    INFO,
    rest(0.1),
  );
  add(
    "zero-payload",
    server(),
    "+0 < S 0:0(0) win 1000 <mss 1000,sackOK,FO 3021b9d889017eeb,nop,nop>",
    "+0.1 < . 1:1(0) ack 1 win 1000",
    "+0 accept(3, ..., ...) = 4",
    INFO,
  );
  const client = (...parts: string[]): string =>
    lines("`./defaults.sh`", "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3", "+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0", ...parts);
  const learn = [
    "+0 sendto(3, ..., 100, MSG_FASTOPEN, ..., ...) = -1",
    "+0.1 < S. 0:0(0) ack 1 win 5840 <mss 1000,nop,nop,sackOK,nop,wscale 6,FO 1234567890abcdef,nop,nop>",
    "+0 write(3, ..., 100) = 100",
    "+0.1 < . 1:1(0) ack 101 win 100",
    "+0 close(3) = 0",
    "+0.1 < F. 1:1(0) ack 102 win 92",
  ];
  const again = [
    "+0.1 socket(..., SOCK_STREAM, IPPROTO_TCP) = 4",
    "+0 fcntl(4, F_SETFL, O_RDWR|O_NONBLOCK) = 0",
    "+0 sendto(4, ..., 1000, MSG_FASTOPEN, ..., ...) = 1000",
  ];
  add("client-asks", client(...learn), rest(0.1));
  add(
    "client-text",
    client(...learn, ...again, "+0.1 < S. 1000:1000(0) ack 1001 win 5840 <mss 940,nop,nop,sackOK,nop,wscale 6>", INFO, rest(0.3)),
  );
  add(
    "client-refused",
    client(...learn, ...again, "+0.1 < S. 1000:1000(0) ack 1 win 5840 <mss 940,nop,nop,sackOK,nop,wscale 6>", INFO, rest(0.3)),
  );
  add("client-timeout", client(...learn, ...again, rest(2.5)));
  return all;
}
