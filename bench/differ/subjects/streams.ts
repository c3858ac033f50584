/** Sending and receiving: Nagle and its relatives, windows, acknowledgments, timestamps, options, urgent text. */
import { active, type Draw, lines, passive, rest, SENDER, STAMPED, STATE, type Stimulus } from "../words.js";

const NODELAY = "+0 setsockopt(4, SOL_TCP, TCP_NODELAY, [1], 4) = 0";

export function sending(draw: Draw): Stimulus[] {
  const all: Stimulus[] = [];
  const add = (name: string, ...parts: string[]): void => {
    all.push({ subject: "nagle", name, source: lines(...parts) });
  };
  const ack = (n: number, gap = 0.1): string => `+${gap} < . 1:1(0) ack ${n} win 65535`;
  add(
    "holds",
    passive(),
    "+0 write(4, ..., 100) = 100",
    "+0.01 write(4, ..., 100) = 100",
    "+0.01 write(4, ..., 100) = 100",
    ack(101),
    rest(0.05),
    ack(301),
    rest(0.05),
  );
  add(
    "minshall",
    passive(),
    "+0 write(4, ..., 1000) = 1000",
    "+0.01 write(4, ..., 100) = 100",
    "+0.01 write(4, ..., 100) = 100",
    ack(1001),
    rest(0.05),
    ack(1101),
    rest(0.05),
  );
  add(
    "full-then-rest",
    passive(),
    "+0 write(4, ..., 2500) = 2500",
    "+0.01 write(4, ..., 200) = 200",
    "+0.01 write(4, ..., 400) = 400",
    "+0.01 write(4, ..., 700) = 700",
    ack(2001),
    rest(0.05),
    ack(2501),
    rest(0.1),
  );
  add(
    "nodelay",
    passive(),
    NODELAY,
    "+0 write(4, ..., 100) = 100",
    "+0.01 write(4, ..., 100) = 100",
    "+0.01 write(4, ..., 1100) = 1100",
    rest(0.05),
  );
  add(
    "nodelay-late",
    passive(),
    "+0 write(4, ..., 100) = 100",
    "+0.01 write(4, ..., 100) = 100",
    "+0.01 setsockopt(4, SOL_TCP, TCP_NODELAY, [1], 4) = 0",
    rest(0.05),
  );
  add(
    "cork",
    passive(),
    "+0 setsockopt(4, SOL_TCP, TCP_CORK, [1], 4) = 0",
    "+0 write(4, ..., 100) = 100",
    "+0.01 write(4, ..., 1500) = 1500",
    "+0.01 setsockopt(4, SOL_TCP, TCP_CORK, [0], 4) = 0",
    rest(0.05),
  );
  add(
    "cork-times-out",
    passive(),
    "+0 setsockopt(4, SOL_TCP, TCP_CORK, [1], 4) = 0",
    "+0 write(4, ..., 100) = 100",
    rest(0.5),
    "+0 write(4, ..., 100) = 100",
    rest(0.5),
  );
  add(
    "cork-nodelay",
    passive(),
    NODELAY,
    "+0 setsockopt(4, SOL_TCP, TCP_CORK, [1], 4) = 0",
    "+0 write(4, ..., 100) = 100",
    "+0.01 write(4, ..., 100) = 100",
    "+0.01 setsockopt(4, SOL_TCP, TCP_NODELAY, [1], 4) = 0",
    rest(0.05),
  );
  add(
    "cork-close",
    passive(),
    "+0 setsockopt(4, SOL_TCP, TCP_CORK, [1], 4) = 0",
    "+0 write(4, ..., 100) = 100",
    "+0.01 close(4) = 0",
    rest(0.05),
  );
  add(
    "more",
    passive(),
    "+0 send(4, ..., 100, MSG_MORE) = 100",
    "+0.01 send(4, ..., 100, MSG_MORE) = 100",
    "+0.01 send(4, ..., 100, 0) = 100",
    rest(0.05),
    ack(301),
    "+0 send(4, ..., 1500, MSG_MORE) = 1500",
    rest(0.5),
  );
  add(
    "more-nodelay",
    passive(),
    NODELAY,
    "+0 send(4, ..., 100, MSG_MORE) = 100",
    "+0.01 send(4, ..., 2000, MSG_MORE) = 2000",
    rest(0.05),
    "+0.01 send(4, ..., 100, 0) = 100",
    rest(0.05),
  );
  add(
    "eor",
    passive(),
    "+0 send(4, ..., 400, MSG_EOR) = 400",
    "+0 send(4, ..., 400, MSG_EOR) = 400",
    "+0 send(4, ..., 400, 0) = 400",
    ack(401),
    rest(0.05),
    ack(1201),
    "+0 send(4, ..., 2500, MSG_EOR) = 2500",
    "+0 write(4, ..., 3000) = 3000",
    rest(0.05),
  );
  add(
    "eor-nodelay",
    passive(),
    NODELAY,
    "+0 send(4, ..., 400, MSG_EOR) = 400",
    "+0 send(4, ..., 4000, MSG_EOR) = 4000",
    "+0 send(4, ..., 12000, 0) = 12000",
    ack(10001),
    rest(0.05),
  );
  add("writev", passive(), "+0 writev(4, [{..., 100}, {..., 200}, {..., 3000}], 3) = 3300", rest(0.05));
  add(
    "big-write-then-small",
    passive(),
    "+0 write(4, ..., 15500) = 15500",
    "+0 write(4, ..., 200) = 200",
    ack(10001),
    rest(0.05),
    ack(15001),
    rest(0.05),
    ack(15701),
    rest(0.1),
  );
  const odd = draw(1, 999);
  add(
    `odd-writes-${odd}`,
    passive(),
    `+0 write(4, ..., ${odd}) = ${odd}`,
    `+0.01 write(4, ..., ${2000 + odd}) = ${2000 + odd}`,
    ack(odd + 1),
    rest(0.05),
    ack(2000 + 2 * odd + 1),
    rest(0.05),
  );
  for (const total of [1000, 2000, 3000, 5000, 8000, 10000, 12000, 25000, 64000])
    add(
      `push-${total}`,
      passive(),
      `+0 write(4, ..., ${total}) = ${total}`,
      ack(Math.min(total, 10000) + 1),
      rest(0.05),
      ack(Math.min(total, 30000) + 1),
      rest(0.05),
    );
  for (const window of [1, 2, 4, 8, 16, 20, 40])
    add(
      `window-${window}`,
      passive({ window, options: "mss 1000,sackOK,nop,nop,nop,wscale 7" }),
      "+0 write(4, ..., 10000) = 10000",
      rest(0.05),
      `+0.05 < . 1:1(0) ack ${1 + Math.min(10000, Math.floor((window * 128) / 1000) * 1000 || window * 128)} win ${window}`,
      rest(0.5),
    );
  for (const win of [0, 1, 500, 999, 1000, 1500, 2500])
    add(
      `plain-window-${win}`,
      passive({ window: win, options: "mss 1000" }),
      "+0 write(4, ..., 4000) = 4000",
      rest(1),
      `+0 < . 1:1(0) ack ${1 + Math.min(win, 4000)} win 5000`,
      rest(0.2),
      SENDER,
    );
  return all;
}

export function zeroWindow(_draw: Draw): Stimulus[] {
  const all: Stimulus[] = [];
  const add = (name: string, ...parts: string[]): void => {
    all.push({ subject: "zero-window", name, source: lines(...parts) });
  };
  const INFO = "+0 %{ print(tcpi_probes, tcpi_backoff, tcpi_unacked, tcpi_snd_cwnd, tcpi_ca_state) }%";
  add(
    "probes",
    passive({ window: 0, options: "mss 1000" }),
    "+0 write(4, ..., 1000) = 1000",
    rest(3),
    INFO,
    "+0 < . 1:1(0) ack 1 win 0",
    INFO,
    rest(2),
    "+0 < . 1:1(0) ack 1 win 1000",
    rest(0.1),
    INFO,
  );
  add(
    "closes-behind-text",
    passive(),
    "+0 write(4, ..., 1000) = 1000",
    "+0.1 < . 1:1(0) ack 1001 win 0",
    "+0 write(4, ..., 1000) = 1000",
    rest(1.5),
    INFO,
    "+0 < . 1:1(0) ack 1001 win 0",
    rest(1),
    "+0 < . 1:1(0) ack 1001 win 100",
    rest(0.2),
    INFO,
  );
  add("closes-with-flight", passive(), "+0 write(4, ..., 3000) = 3000", "+0.1 < . 1:1(0) ack 1001 win 0", rest(2), INFO);
  add("shrinks", passive(), "+0 write(4, ..., 30000) = 30000", "+0.1 < . 1:1(0) ack 1001 win 10", rest(1), INFO);
  add(
    "probe-answered",
    passive({ window: 0, options: "mss 1000" }),
    "+0 write(4, ..., 1000) = 1000",
    rest(0.4),
    "+0 < . 1:1(0) ack 1 win 0",
    rest(0.6),
    "+0 < . 1:1(0) ack 1 win 0",
    rest(1),
    INFO,
  );
  add("close-with-zero-window", passive({ window: 0, options: "mss 1000" }), "+0 write(4, ..., 1000) = 1000", "+0 close(4) = 0", rest(2));
  add("fin-with-zero-window", passive({ window: 0, options: "mss 1000" }), "+0 close(4) = 0", rest(1));
  add(
    "opens-a-little",
    passive({ window: 0, options: "mss 1000" }),
    "+0 write(4, ..., 5000) = 5000",
    rest(0.1),
    "+0 < . 1:1(0) ack 1 win 100",
    rest(1),
    INFO,
    "+0 < . 1:1(0) ack 101 win 2000",
    rest(0.2),
  );
  add(
    "small-always",
    passive({ window: 300, options: "mss 1000" }),
    "+0 write(4, ..., 2000) = 2000",
    rest(0.1),
    "+0 < . 1:1(0) ack 301 win 300",
    rest(0.1),
    "+0 < . 1:1(0) ack 601 win 300",
    rest(0.5),
    INFO,
  );
  add(
    "old-window-update",
    passive(),
    "+0 write(4, ..., 1000) = 1000",
    "+0.1 < . 1:1(0) ack 1001 win 10",
    "+0 < . 1:1(0) ack 1 win 0",
    "+0 write(4, ..., 1000) = 1000",
    rest(0.3),
    INFO,
  );
  return all;
}

export function receiving(draw: Draw): Stimulus[] {
  const all: Stimulus[] = [];
  const add = (name: string, ...parts: string[]): void => {
    all.push({ subject: "receive", name, source: lines(...parts) });
  };
  const text = (from: number, length: number, gap = 0.01): string => `+${gap} < P. ${from}:${from + length}(${length}) ack 1 win 65535`;
  add("quick-then-delayed", passive(), ...Array.from({ length: 40 }, (_, i) => text(1 + 1000 * i, 1000, 0.02)), rest(0.1));
  add("small-segments", passive(), ...Array.from({ length: 30 }, (_, i) => text(1 + 100 * i, 100, 0.03)), rest(0.1));
  add(
    "mixed-sizes",
    passive(),
    ...Array.from({ length: 30 }, (_, i) => text(1 + 550 * i - (i % 2) * 450 + 0, i % 2 === 0 ? 100 : 1000, 0.03)),
    rest(0.1),
  );
  add(
    "read-each",
    passive(),
    ...Array.from({ length: 20 }, (_, i) => [text(1 + 1000 * i, 1000, 0.03), "+0 read(4, ..., 1000) = 1000"]).flat(),
    rest(0.1),
  );
  add(
    "ping-pong",
    passive(),
    ...Array.from({ length: 8 }, (_, i) => [
      `+0.1 < P. ${1 + 100 * i}:${101 + 100 * i}(100) ack ${1 + 200 * i} win 65535`,
      "+0 read(4, ..., 1000) = 100",
      "+0.005 write(4, ..., 200) = 200",
    ]).flat(),
    rest(0.1),
  );
  add(
    "ping-pong-slow",
    passive(),
    ...Array.from({ length: 5 }, (_, i) => [
      `+0.1 < P. ${1 + 100 * i}:${101 + 100 * i}(100) ack ${1 + 200 * i} win 65535`,
      "+0 read(4, ..., 1000) = 100",
      "+0.1 write(4, ..., 200) = 200",
    ]).flat(),
    rest(0.1),
  );
  add(
    "write-then-text",
    passive(),
    "+0 write(4, ..., 100) = 100",
    "+0.05 < P. 1:101(100) ack 101 win 65535",
    "+0.05 write(4, ..., 100) = 100",
    "+0.1 < P. 101:201(100) ack 201 win 65535",
    rest(0.3),
  );
  add(
    "active-text",
    active(),
    "+0.1 < P. 1:1001(1000) ack 1 win 65535",
    "+0.01 < P. 1001:2001(1000) ack 1 win 65535",
    "+0.01 < P. 2001:2101(100) ack 1 win 65535",
    rest(0.1),
  );
  add(
    "request-answer",
    active(),
    "+0 write(3, ..., 100) = 100",
    "+0.1 < P. 1:1001(1000) ack 101 win 65535",
    "+0.01 < P. 1001:2001(1000) ack 101 win 65535",
    "+0.01 < P. 2001:3001(1000) ack 101 win 65535",
    rest(0.1),
    "+0 write(3, ..., 100) = 100",
    "+0.1 < P. 3001:3101(100) ack 201 win 65535",
    rest(0.1),
  );
  for (const on of [0, 1])
    add(
      `quickack-${on}`,
      passive(),
      `+0 setsockopt(4, SOL_TCP, TCP_QUICKACK, [${on}], 4) = 0`,
      ...Array.from({ length: 6 }, (_, i) => text(1 + 1000 * i, 1000, 0.05)),
      rest(0.3),
      "+0 getsockopt(4, SOL_TCP, TCP_QUICKACK, [0], [4]) = 0",
    );
  add(
    "out-of-order",
    passive(),
    text(1001, 1000),
    text(2001, 1000),
    text(4001, 1000),
    text(3001, 1000),
    text(1, 1000),
    rest(0.1),
    "+0 read(4, ..., 9000) = 5000",
  );
  add("out-of-order-many", passive(), ...[3, 5, 7, 9, 11, 13, 2, 4, 1].map((n) => text(1 + 1000 * n, 1000)), text(1, 1000), rest(0.1));
  const hole = draw(1, 5);
  add(
    `hole-${hole}`,
    passive(),
    ...Array.from({ length: 10 }, (_, i) => i)
      .filter((i) => i !== hole)
      .map((i) => text(1 + 1000 * i, 1000, 0.005)),
    text(1 + 1000 * hole, 1000),
    rest(0.1),
  );
  add("duplicate", passive(), text(1, 1000), text(1, 1000), rest(0.1), text(1001, 1000), text(501, 1000), rest(0.1));
  add(
    "duplicate-out-of-order",
    passive(),
    text(2001, 1000),
    text(2001, 1000),
    text(4001, 1000),
    text(4501, 1000),
    text(1, 2000),
    rest(0.1),
  );
  add("overlap", passive(), text(1, 1000), text(501, 1000), text(1201, 1000), text(2001, 300), rest(0.2), "+0 read(4, ..., 9000) = 2300");
  add("no-sack-out-of-order", passive({ options: "mss 1000" }), text(1001, 1000), text(2001, 1000), text(1, 1000), rest(0.1));
  add(
    "stamped-out-of-order",
    passive({ options: STAMPED }),
    "+0.01 < P. 1001:2001(1000) ack 1 win 65535 <nop,nop,TS val 300 ecr 0>",
    "+0.01 < P. 3001:4001(1000) ack 1 win 65535 <nop,nop,TS val 310 ecr 0>",
    "+0.01 < P. 1:1001(1000) ack 1 win 65535 <nop,nop,TS val 320 ecr 0>",
    "+0.01 < P. 2001:3001(1000) ack 1 win 65535 <nop,nop,TS val 305 ecr 0>",
    rest(0.1),
  );
  add(
    "without-psh",
    passive(),
    ...Array.from({ length: 6 }, (_, i) => `+0.03 < . ${1 + 1000 * i}:${1001 + 1000 * i}(1000) ack 1 win 65535`),
    rest(0.1),
  );
  add(
    "delayed-ack-info",
    passive(),
    ...Array.from({ length: 24 }, (_, i) => [text(1 + 1000 * i, 1000, 0.03), "+0 %{ print(tcpi_ato, tcpi_rcv_mss) }%"]).flat(),
    rest(0.1),
  );
  add(
    "read-waits",
    passive(),
    "+0...0.2 read(4, ..., 1000) = 100",
    text(1, 100, 0.2),
    "+0...0.1 read(4, ..., 1000) = 0",
    "+0.1 < F. 101:101(0) ack 1 win 65535",
    rest(0.1),
  );
  add(
    "lowat",
    passive(),
    "+0 setsockopt(4, SOL_SOCKET, SO_RCVLOWAT, [500], 4) = 0",
    "+0...0.2 read(4, ..., 1000) = 600",
    text(1, 300, 0.1),
    text(301, 300, 0.1),
    rest(0.1),
  );
  add("waitall", passive(), "+0...0.2 recv(4, ..., 600, MSG_WAITALL) = 600", text(1, 300, 0.1), text(301, 300, 0.1), rest(0.1));
  add(
    "peek",
    passive(),
    text(1, 300),
    "+0 recv(4, ..., 600, MSG_PEEK) = 300",
    "+0 ioctl(4, FIONREAD, [0]) = 0",
    "+0 recv(4, ..., 100, 0) = 100",
    "+0 ioctl(4, FIONREAD, [0]) = 0",
    "+0 recv(4, ..., 600, MSG_DONTWAIT) = 200",
    "+0 recv(4, ..., 600, MSG_DONTWAIT) = -1",
  );
  add("trunc", passive(), text(1, 300), "+0 recv(4, ..., 100, MSG_TRUNC) = 100", "+0 recv(4, ..., 600, MSG_DONTWAIT) = 200");
  return all;
}

/** The windows that the host offers. */
export function windows(_draw: Draw): Stimulus[] {
  const all: Stimulus[] = [];
  const add = (name: string, ...parts: string[]): void => {
    all.push({ subject: "rcv-window", name, source: lines(...parts), windows: true });
  };
  const text = (from: number, length: number, gap = 0.01): string => `+${gap} < P. ${from}:${from + length}(${length}) ack 1 win 65535`;
  add("handshake", passive(), rest(0.01));
  add("handshake-active", active(), rest(0.01));
  add("handshake-stamped", passive({ options: STAMPED }), "+0 write(4, ..., 100) = 100", rest(0.01));
  add(
    "handshake-active-stamped",
    active({ options: "mss 1000,sackOK,TS val 700 ecr 0,nop,wscale 7" }),
    "+0 write(3, ..., 100) = 100",
    rest(0.01),
  );
  for (const buffer of [4096, 10000, 20000, 65535, 200000])
    add(
      `buffer-${buffer}`,
      passive({ before: [`+0 setsockopt(3, SOL_SOCKET, SO_RCVBUF, [${buffer}], 4) = 0`] }),
      "+0 getsockopt(4, SOL_SOCKET, SO_RCVBUF, [0], [4]) = 0",
      ...Array.from({ length: 10 }, (_, i) => text(1 + 1000 * i, 1000)),
      rest(0.1),
      "+0 read(4, ..., 20000) = ...",
      rest(0.1),
    );
  for (const rmem of ["4096 5000 10000", "4096 20000 100000", "4096 131072 6291456"])
    add(
      `rmem-${rmem.replaceAll(" ", "-")}`,
      passive({ sysctls: [`tcp_rmem=${rmem}`] }),
      ...Array.from({ length: 12 }, (_, i) => text(1 + 1000 * i, 1000)),
      rest(0.1),
      "+0 read(4, ..., 20000) = ...",
      rest(0.1),
    );
  for (const rmem of ["4096 20000 100000"])
    add(
      `active-rmem-${rmem.replaceAll(" ", "-")}`,
      active({ sysctls: [`tcp_rmem=${rmem}`] }),
      ...Array.from({ length: 12 }, (_, i) => text(1 + 1000 * i, 1000)),
      rest(0.1),
      "+0 read(3, ..., 20000) = ...",
      rest(0.1),
    );
  add("grows", passive(), ...Array.from({ length: 60 }, (_, i) => text(1 + 1000 * i, 1000, 0.002)), rest(0.1));
  add(
    "grows-read",
    passive(),
    ...Array.from({ length: 60 }, (_, i) => [text(1 + 1000 * i, 1000, i % 10 === 0 ? 0.1 : 0.001), "+0 read(4, ..., 1000) = 1000"]).flat(),
    rest(0.1),
  );
  add(
    "clamp",
    passive({ before: ["+0 setsockopt(3, SOL_TCP, TCP_WINDOW_CLAMP, [5000], 4) = 0"] }),
    text(1, 1000),
    text(1001, 1000),
    rest(0.1),
  );
  add(
    "small-segments",
    passive({ sysctls: ["tcp_rmem=4096 20000 100000"] }),
    ...Array.from({ length: 30 }, (_, i) => text(1 + 100 * i, 100, 0.002)),
    rest(0.1),
  );
  add("no-scale", passive({ sysctls: ["tcp_window_scaling=0"] }), text(1, 1000), text(1001, 1000), rest(0.1));
  add("peer-no-scale", passive({ options: "mss 1000" }), text(1, 1000), text(1001, 1000), rest(0.1));
  add(
    "full",
    passive({ before: ["+0 setsockopt(3, SOL_SOCKET, SO_RCVBUF, [10000], 4) = 0"] }),
    ...Array.from({ length: 14 }, (_, i) => text(1 + 1000 * i, 1000)),
    rest(0.2),
    "+0 read(4, ..., 1000) = ...",
    rest(0.1),
    "+0 read(4, ..., 20000) = ...",
    rest(0.1),
  );
  return all;
}

export function stamps(_draw: Draw): Stimulus[] {
  const all: Stimulus[] = [];
  const add = (name: string, ...parts: string[]): void => {
    all.push({ subject: "timestamps", name, source: lines(...parts) });
  };
  const on = passive({ options: STAMPED });
  const text = (from: number, length: number, val: number, gap = 0.02): string =>
    `+${gap} < P. ${from}:${from + length}(${length}) ack 1 win 65535 <nop,nop,TS val ${val} ecr 0>`;
  add("paws", on, text(1, 100, 300), text(101, 100, 100), rest(0.1), text(101, 100, 301), rest(0.1));
  add(
    "paws-twice",
    on,
    text(1, 100, 300),
    text(101, 100, 100),
    text(101, 100, 100),
    "+0.6 < P. 101:201(100) ack 1 win 65535 <nop,nop,TS val 100 ecr 0>",
    rest(0.1),
  );
  add("paws-slightly", on, text(1, 100, 300), text(101, 100, 299), rest(0.1));
  add(
    "paws-ack",
    on,
    "+0 write(4, ..., 1000) = 1000",
    text(1, 100, 300),
    "+0.02 < . 101:101(0) ack 1001 win 65535 <nop,nop,TS val 100 ecr 0>",
    SENDER,
    rest(0.4),
  );
  add("paws-rst", on, text(1, 100, 300), "+0.1 < R. 101:101(0) ack 1 win 0 <nop,nop,TS val 100 ecr 0>", STATE, rest(0.1));
  add("paws-fin", on, text(1, 100, 300), "+0.1 < F. 101:101(0) ack 1 win 65535 <nop,nop,TS val 100 ecr 0>", STATE, rest(0.1));
  add("paws-old-text", on, text(1, 100, 300), text(1, 100, 100), rest(0.1));
  add("recent-of-gap", on, text(1, 1000, 300), text(2001, 1000, 320), text(1001, 1000, 310), rest(0.1));
  add(
    "recent-of-delayed",
    on,
    ...Array.from({ length: 20 }, (_, i) => text(1 + 1000 * i, 1000, 300 + 10 * i)),
    text(20001, 100, 600),
    text(20101, 100, 610),
    rest(0.1),
  );
  add("missing", on, "+0.1 < P. 1:101(100) ack 1 win 65535", rest(0.1), text(101, 100, 300), rest(0.1));
  add(
    "missing-ack",
    on,
    "+0 write(4, ..., 1000) = 1000",
    "+0.1 < . 1:1(0) ack 1001 win 65535",
    SENDER,
    "+0 write(4, ..., 1000) = 1000",
    rest(0.1),
  );
  add("zero", on, "+0 write(4, ..., 1000) = 1000", "+0.1 < . 1:1(0) ack 1001 win 65535 <nop,nop,TS val 0 ecr 0>", rest(0.3));
  add(
    "off",
    passive({ sysctls: ["tcp_timestamps=0"], options: STAMPED }),
    "+0 %{ print(tcpi_options) }%",
    "+0 write(4, ..., 1000) = 1000",
    rest(0.1),
  );
  add("off-active", active({ sysctls: ["tcp_timestamps=0"] }), "+0 %{ print(tcpi_options) }%", "+0 write(3, ..., 1000) = 1000", rest(0.1));
  add(
    "not-offered",
    passive(),
    "+0.1 < P. 1:101(100) ack 1 win 65535 <nop,nop,TS val 200 ecr 100>",
    "+0 write(4, ..., 1000) = 1000",
    rest(0.1),
  );
  add(
    "wraps",
    passive({ options: "mss 1012,sackOK,TS val 4294967290 ecr 0,nop,wscale 7" }),
    text(1, 100, 10),
    text(101, 100, 4_294_967_295),
    rest(0.1),
  );
  add(
    "time-wait",
    on,
    "+0 close(4) = 0",
    "+0.1 < F. 1:1(0) ack 2 win 65535 <nop,nop,TS val 300 ecr 0>",
    "+0.1 < F. 1:1(0) ack 2 win 65535 <nop,nop,TS val 100 ecr 0>",
    "+0.1 < S 100000:100000(0) win 1000 <mss 1000,sackOK,TS val 400 ecr 0>",
    rest(0.1),
  );
  add(
    "time-wait-old",
    on,
    "+0 close(4) = 0",
    "+0.1 < F. 1:1(0) ack 2 win 65535 <nop,nop,TS val 300 ecr 0>",
    "+0.1 < S 100000:100000(0) win 1000 <mss 1000,sackOK,TS val 200 ecr 0>",
    rest(0.1),
  );
  add(
    "rtt",
    on,
    "+0 write(4, ..., 1000) = 1000",
    "+0.2 < . 1:1(0) ack 1001 win 65535 <nop,nop,TS val 300 ecr 0>",
    "+0 %{ print(tcpi_options, tcpi_snd_mss) }%",
  );
  return all;
}

export function oddities(_draw: Draw): Stimulus[] {
  const all: Stimulus[] = [];
  const add = (subject: string, name: string, ...parts: string[]): void => {
    all.push({ subject, name, source: lines(...parts) });
  };
  // Urgent text.
  add(
    "urgent",
    "received",
    passive(),
    "+0.1 < PU. 1:11(10) ack 1 win 65535 urg 5",
    "+0 ioctl(4, SIOCATMARK, [0]) = 0",
    "+0 recv(4, ..., 100, MSG_DONTWAIT) = ...",
    "+0 ioctl(4, SIOCATMARK, [0]) = 0",
    "+0 recv(4, ..., 10, MSG_OOB) = ...",
    "+0 recv(4, ..., 100, MSG_DONTWAIT) = ...",
    rest(0.1),
  );
  add(
    "urgent",
    "inline",
    passive(),
    "+0 setsockopt(4, SOL_SOCKET, SO_OOBINLINE, [1], 4) = 0",
    "+0.1 < PU. 1:11(10) ack 1 win 65535 urg 10",
    "+0 recv(4, ..., 100, MSG_DONTWAIT) = ...",
    "+0 recv(4, ..., 100, MSG_DONTWAIT) = ...",
    rest(0.1),
  );
  add(
    "urgent",
    "sent",
    passive(),
    "+0 send(4, ..., 10, MSG_OOB) = 10",
    "+0.1 < . 1:1(0) ack 11 win 65535",
    "+0 write(4, ..., 100) = 100",
    rest(0.1),
  );
  add(
    "urgent",
    "sent-behind-text",
    passive(),
    "+0 write(4, ..., 3000) = 3000",
    "+0 send(4, ..., 10, MSG_OOB) = 10",
    "+0.1 < . 1:1(0) ack 3011 win 65535",
    rest(0.1),
  );
  add(
    "urgent",
    "beyond",
    passive(),
    "+0.1 < U. 1:1(0) ack 1 win 65535 urg 100",
    "+0 ioctl(4, SIOCATMARK, [0]) = 0",
    "+0.1 < P. 1:201(200) ack 1 win 65535",
    "+0 recv(4, ..., 300, MSG_DONTWAIT) = ...",
    "+0 recv(4, ..., 300, MSG_DONTWAIT) = ...",
    rest(0.1),
  );
  // Keep-alive and the like.
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
  // ICMP and the path MTU.
  const sent = (mtu: number, seq: string): string => `+0.05 < icmp unreachable frag_needed mtu ${mtu} [${seq}]`;
  const MTU = "+0 %{ print(tcpi_pmtu, tcpi_snd_mss, tcpi_snd_cwnd, tcpi_unacked, tcpi_ca_state, tcpi_lost, tcpi_retrans) }%";
  const wide = "mss 1460,sackOK,nop,nop,nop,wscale 7";
  add(
    "path-mtu",
    "smaller",
    passive({ options: wide }),
    "+0 write(4, ..., 5840) = 5840",
    sent(1200, "1:1461(1460)"),
    MTU,
    "+0.1 < . 1:1(0) ack 5841 win 65535",
    MTU,
    "+0 write(4, ..., 3000) = 3000",
    rest(0.1),
  );
  add(
    "path-mtu",
    "of-the-last",
    passive({ options: wide }),
    "+0 write(4, ..., 5840) = 5840",
    sent(1200, "4381:5841(1460)"),
    MTU,
    rest(0.1),
  );
  add("path-mtu", "tiny", passive({ options: wide }), "+0 write(4, ..., 1460) = 1460", sent(100, "1:1461(1460)"), MTU, rest(0.1));
  add("path-mtu", "larger", passive({ options: wide }), "+0 write(4, ..., 1460) = 1460", sent(1600, "1:1461(1460)"), MTU, rest(0.1));
  add(
    "path-mtu",
    "foreign",
    passive({ options: wide }),
    "+0 write(4, ..., 1460) = 1460",
    sent(1200, "100001:101461(1460)"),
    MTU,
    rest(0.1),
  );
  add(
    "path-mtu",
    "stamped",
    passive({ options: "mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7" }),
    "+0 write(4, ..., 2896) = 2896",
    sent(1200, "1:1449(1448)"),
    MTU,
    rest(0.1),
  );
  add(
    "path-mtu",
    "close-wait",
    passive({ options: wide }),
    "+0 < F. 1:1(0) ack 1 win 65535",
    "+0 write(4, ..., 2920) = 2920",
    sent(1200, "1:1461(1460)"),
    MTU,
    rest(0.1),
  );
  add(
    "path-mtu",
    "fin-wait-1",
    passive({ options: wide }),
    "+0 write(4, ..., 2920) = 2920",
    "+0 close(4) = 0",
    sent(1200, "1:1461(1460)"),
    rest(0.3),
  );
  add(
    "path-mtu",
    "last-ack",
    passive({ options: wide }),
    "+0 < F. 1:1(0) ack 1 win 65535",
    "+0 write(4, ..., 2920) = 2920",
    "+0 close(4) = 0",
    sent(1200, "1:1461(1460)"),
    rest(0.3),
  );
  add(
    "path-mtu",
    "twice",
    passive({ options: wide }),
    "+0 write(4, ..., 2920) = 2920",
    sent(1300, "1:1461(1460)"),
    sent(1200, "1:1261(1260)"),
    MTU,
    rest(0.1),
  );
  add(
    "path-mtu",
    "no-discovery",
    passive({ options: wide, before: ["+0 setsockopt(3, SOL_IP, IP_MTU_DISCOVER, [IP_PMTUDISC_DONT], 4) = 0"] }),
    "+0 write(4, ..., 1460) = 1460",
    sent(1200, "1:1461(1460)"),
    MTU,
    rest(0.1),
  );
  for (const code of [
    "net_unreachable",
    "host_unreachable",
    "protocol_unreachable",
    "port_unreachable",
    "source_route_failed",
    "net_prohibited",
    "host_prohibited",
    "admin_prohibited",
  ])
    for (const recv of [0, 1])
      add(
        "icmp",
        `established-${code}-${recv}`,
        passive(),
        `+0 setsockopt(4, SOL_IP, IP_RECVERR, [${recv}], 4) = 0`,
        "+0 write(4, ..., 1000) = 1000",
        `+0.05 < icmp unreachable ${code} [1:1001(1000)]`,
        "+0 getsockopt(4, SOL_SOCKET, SO_ERROR, [0], [4]) = 0",
        "+0 write(4, ..., 1000) = ...",
        STATE,
        rest(0.4),
      );
  for (const code of ["net_unreachable", "host_unreachable", "protocol_unreachable", "port_unreachable", "admin_prohibited"])
    add(
      "icmp",
      `opening-${code}`,
      "`./defaults.sh`",
      "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3",
      "+0...0.05 connect(3, ..., ...) = -1",
      `+0.05 < icmp unreachable ${code} [0:0(0)]`,
      STATE,
      rest(1.5),
    );
  add(
    "icmp",
    "rto-reverts",
    passive(),
    "+0 write(4, ..., 1000) = 1000",
    rest(1.2),
    "+0 < icmp unreachable host_unreachable [1:1001(1000)]",
    "+0 %{ print(tcpi_backoff, tcpi_retransmits) }%",
    rest(1.5),
  );
  add("icmp", "quench", passive(), "+0 write(4, ..., 10000) = 10000", "+0.05 < icmp source_quench [1:1001(1000)]", SENDER, rest(0.05));
  add(
    "icmp",
    "time-exceeded",
    passive(),
    "+0 write(4, ..., 1000) = 1000",
    "+0.05 < icmp time_exceeded ttl_exceeded [1:1001(1000)]",
    SENDER,
    rest(0.05),
  );
  add(
    "path-mtu",
    "probing",
    passive({ options: wide, sysctls: ["tcp_mtu_probing=2", "tcp_base_mss=1000"] }),
    MTU,
    "+0 write(4, ..., 30000) = 30000",
    "+0.1 < . 1:1(0) ack 10001 win 65535",
    MTU,
    rest(0.1),
  );
  add(
    "path-mtu",
    "black-hole",
    passive({ options: wide, sysctls: ["tcp_mtu_probing=1", "tcp_base_mss=1000"] }),
    "+0 write(4, ..., 3000) = 3000",
    rest(4),
    MTU,
  );
  // The MSS.
  for (const mss of [0, 1, 40, 64, 100, 536, 9000, 65535])
    add(
      "mss",
      `of-peer-${mss}`,
      passive({ options: `mss ${mss}` }),
      "+0 %{ print(tcpi_snd_mss, tcpi_advmss, tcpi_rcv_mss) }%",
      "+0 write(4, ..., 3000) = 3000",
      rest(0.02),
      "+0 getsockopt(4, SOL_TCP, TCP_MAXSEG, [0], [4]) = 0",
    );
  for (const mss of [100, 536, 1000, 1460, 2000])
    add(
      "mss",
      `asked-for-${mss}`,
      passive({ before: [`+0 setsockopt(3, SOL_TCP, TCP_MAXSEG, [${mss}], 4) = 0`], options: wide }),
      "+0 getsockopt(4, SOL_TCP, TCP_MAXSEG, [0], [4]) = 0",
      "+0 write(4, ..., 3000) = 3000",
      rest(0.02),
    );
  add(
    "mss",
    "stamped",
    passive({ options: STAMPED }),
    "+0 getsockopt(4, SOL_TCP, TCP_MAXSEG, [0], [4]) = 0",
    "+0 %{ print(tcpi_snd_mss, tcpi_advmss, tcpi_rcv_mss) }%",
    rest(0.01),
  );
  add(
    "mss",
    "absent",
    passive({ options: null }),
    "+0 getsockopt(4, SOL_TCP, TCP_MAXSEG, [0], [4]) = 0",
    "+0 write(4, ..., 3000) = 3000",
    rest(0.02),
  );
  // Options that are odd.
  for (const options of [
    "mss 1000,wscale 15,nop",
    "mss 1000,nop,wscale 0",
    "mss 1000,nop,wscale 14",
    "nop,nop,nop,nop",
    "eol,mss 1000,nop,nop,nop",
    "mss 1000,mss 500",
    "sackOK,nop,nop,mss 1000",
    "wscale 3,nop,mss 1000",
    "TS val 100 ecr 50,nop,nop",
    "mss 1000,sackOK,sackOK,TS val 1 ecr 0,nop,wscale 3,nop,nop",
  ])
    add(
      "options",
      `syn-${options.replaceAll(/[ ,]/g, "-")}`,
      passive({ options, window: 100 }),
      "+0 %{ print(tcpi_options, tcpi_snd_mss, tcpi_snd_wscale, tcpi_rcv_wscale) }%",
      "+0 write(4, ..., 3000) = 3000",
      rest(0.02),
    );
  for (const block of [
    "sack 1:1",
    "sack 1001:1",
    "sack 4294960000:1",
    "sack 1:20001",
    "sack 1001:3001 2001:4001",
    "sack 5001:6001 1001:2001 3001:4001",
    "sack 1501:2501",
    "sack 1001:9001 1001:9001",
  ])
    add(
      "options",
      block.replaceAll(/[ :]/g, "-"),
      passive({ sysctls: ["tcp_congestion_control=reno"] }),
      "+0 write(4, ..., 10000) = 10000",
      `+0.1 < . 1:1(0) ack 1 win 65535 <nop,nop,${block}>`,
      SENDER,
      rest(0.4),
      SENDER,
    );
  return all;
}

export function marks(_draw: Draw): Stimulus[] {
  const all: Stimulus[] = [];
  const add = (name: string, ...parts: string[]): void => {
    all.push({ subject: "ecn", name, source: lines(...parts) });
  };
  const INFO = "+0 %{ print(tcpi_options, tcpi_ca_state, tcpi_snd_cwnd, tcpi_snd_ssthresh, tcpi_delivered, tcpi_delivered_ce) }%";
  for (const controller of ["reno", "cubic"]) {
    const opening = { sysctls: ["tcp_ecn=1", `tcp_congestion_control=${controller}`], ecn: true };
    add(
      `echo-${controller}`,
      passive(opening),
      INFO,
      "+0 write(4, ..., 20000) = 20000",
      "+0.1 < .E 1:1(0) ack 1001 win 65535".replace(".E", "E."),
      INFO,
      "+0.01 < E. 1:1(0) ack 2001 win 65535",
      INFO,
      "+0.01 < . 1:1(0) ack 10001 win 65535",
      INFO,
      rest(0.1),
    );
    add(
      `echo-again-${controller}`,
      passive(opening),
      "+0 write(4, ..., 40000) = 40000",
      "+0.1 < E. 1:1(0) ack 5001 win 65535",
      INFO,
      "+0.01 < E. 1:1(0) ack 10001 win 65535",
      INFO,
      "+0.1 < E. 1:1(0) ack 15001 win 65535",
      INFO,
      rest(0.1),
    );
    add(
      `marked-${controller}`,
      passive(opening),
      "+0 < [ce] P. 1:1001(1000) ack 1 win 65535",
      "+0.01 < [ect0] P. 1001:2001(1000) ack 1 win 65535",
      "+0.01 < [ect0] PW. 2001:3001(1000) ack 1 win 65535",
      "+0.01 < [ect0] P. 3001:4001(1000) ack 1 win 65535",
      rest(0.1),
      INFO,
    );
    add(
      `retransmission-${controller}`,
      passive(opening),
      "+0 write(4, ..., 10000) = 10000",
      "+0.1 < . 1:1(0) ack 1 win 65535 <nop,nop,sack 1001:4001>",
      rest(0.1),
      INFO,
    );
    add(
      `rto-${controller}`,
      passive(opening),
      "+0 write(4, ..., 1000) = 1000",
      rest(1),
      INFO,
      "+0 < . 1:1(0) ack 1001 win 65535",
      "+0 write(4, ..., 1000) = 1000",
      rest(0.05),
    );
  }
  add("passive-off", passive({ ecn: true, sysctls: ["tcp_ecn=0"] }), INFO, "+0 write(4, ..., 1000) = 1000", rest(0.05));
  add("passive-2", passive({ ecn: true, sysctls: ["tcp_ecn=2"] }), INFO, "+0 write(4, ..., 1000) = 1000", rest(0.05));
  add(
    "active-1",
    active({ ecn: true, sysctls: ["tcp_ecn=1"] }),
    INFO,
    "+0 write(3, ..., 3000) = 3000",
    "+0.1 < E. 1:1(0) ack 3001 win 65535",
    INFO,
    "+0 write(3, ..., 3000) = 3000",
    rest(0.05),
  );
  add("active-refused", active({ sysctls: ["tcp_ecn=1"] }), INFO, "+0 write(3, ..., 1000) = 1000", rest(0.05));
  add("active-syn-lost", active({ ecn: true, rtt: 1.1, sysctls: ["tcp_ecn=1"] }), INFO, rest(0.05));
  add(
    "fin-and-acks",
    passive({ ecn: true, sysctls: ["tcp_ecn=1"] }),
    "+0.01 < [ect0] P. 1:1001(1000) ack 1 win 65535",
    "+0.1 < [ect0] F. 1001:1001(0) ack 1 win 65535",
    "+0 close(4) = 0",
    rest(0.5),
  );
  add(
    "zero-window-probe",
    passive({ ecn: true, window: 0, sysctls: ["tcp_ecn=1"], options: "mss 1000" }),
    "+0 write(4, ..., 1000) = 1000",
    rest(0.6),
  );
  add(
    "syn-marked",
    passive({ sysctls: ["tcp_ecn=1"] }).replace("< S 0:0", "< [ce] SEW 0:0"),
    INFO,
    "+0 write(4, ..., 1000) = 1000",
    rest(0.05),
  );
  return all;
}

/** Fast Open, and what descriptors tell. */
export function calls(_draw: Draw): Stimulus[] {
  const all: Stimulus[] = [];
  const add = (subject: string, name: string, ...parts: string[]): void => {
    all.push({ subject, name, source: lines(...parts) });
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
  add(
    "fast-open",
    "asked",
    server(),
    "+0 < S 0:0(0) win 1000 <mss 1000,sackOK,nop,nop,FO,nop,nop>",
    "+0.1 < . 1:1(0) ack 1 win 1000",
    rest(0.05),
  );
  add(
    "fast-open",
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
    "fast-open",
    "wrong-cookie",
    server(),
    "+0 < S 0:100(100) win 1000 <mss 1000,sackOK,FO 1111111111111111,nop,nop>",
    "+0.1 < P. 1:101(100) ack 1 win 1000",
    "+0 accept(3, ..., ...) = 4",
    "+0 read(4, ..., 1000) = 100",
    INFO,
    rest(0.05),
  );
  add("fast-open", "text-without-cookie", server(), "+0 < S 0:100(100) win 1000 <mss 1000>", "+0.1 < . 1:1(0) ack 1 win 1000", rest(0.05));
  add(
    "fast-open",
    "syn-again",
    server(),
    "+0 < S 0:100(100) win 1000 <mss 1000,sackOK,FO 3021b9d889017eeb,nop,nop>",
    "+0 accept(3, ..., ...) = 4",
    "+0.2 < S 0:100(100) win 1000 <mss 1000,sackOK,FO 3021b9d889017eeb,nop,nop>",
    rest(1.2),
  );
  add(
    "fast-open",
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
    "fast-open",
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
    "fast-open",
    "fin-with-text",
    server(),
    "+0 < S 0:100(100) win 1000 <mss 1000,sackOK,FO 3021b9d889017eeb,nop,nop>",
    "+0 accept(3, ..., ...) = 4",
    "+0.1 < F. 101:101(0) ack 1 win 1000",
    INFO,
    rest(0.1),
  );
  add(
    "fast-open",
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
  add("fast-open", "client-asks", client(...learn), rest(0.1));
  add(
    "fast-open",
    "client-text",
    client(...learn, ...again, "+0.1 < S. 1000:1000(0) ack 1001 win 5840 <mss 940,nop,nop,sackOK,nop,wscale 6>", INFO, rest(0.3)),
  );
  add(
    "fast-open",
    "client-refused",
    client(...learn, ...again, "+0.1 < S. 1000:1000(0) ack 1 win 5840 <mss 940,nop,nop,sackOK,nop,wscale 6>", INFO, rest(0.3)),
  );
  add("fast-open", "client-timeout", client(...learn, ...again, rest(2.5)));
  // Polling.
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
  // Wrong arguments.
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
  // TCP_INFO over a life.
  const COUNTS =
    "+0 %{ print(tcpi_state, tcpi_bytes_acked, tcpi_bytes_received, tcpi_segs_out, tcpi_segs_in, tcpi_data_segs_in, tcpi_data_segs_out, tcpi_notsent_bytes, tcpi_delivered, tcpi_bytes_sent, tcpi_bytes_retrans, tcpi_dsack_dups, tcpi_reord_seen, tcpi_rcv_ooopack) }%";
  add(
    "info",
    "counts",
    passive(),
    COUNTS,
    "+0 write(4, ..., 15000) = 15000",
    COUNTS,
    "+0.1 < P. 1:1001(1000) ack 5001 win 65535",
    COUNTS,
    "+0.01 < P. 2001:3001(1000) ack 10001 win 65535",
    COUNTS,
    "+0.1 < . 3001:3001(0) ack 15001 win 65535",
    COUNTS,
    "+0 close(4) = 0",
  );
  add(
    "info",
    "counts-active",
    active(),
    COUNTS,
    "+0 write(3, ..., 1000) = 1000",
    COUNTS,
    rest(0.5),
    COUNTS,
    "+0 < . 1:1(0) ack 1001 win 65535",
    COUNTS,
  );
  add(
    "info",
    "listener",
    "`./defaults.sh`",
    "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3",
    "+0 %{ print(tcpi_state, tcpi_unacked, tcpi_sacked, tcpi_snd_cwnd, tcpi_snd_mss) }%",
    "+0 bind(3, ..., ...) = 0",
    "+0 listen(3, 5) = 0",
    "+0 %{ print(tcpi_state, tcpi_unacked, tcpi_sacked, tcpi_snd_cwnd, tcpi_snd_mss) }%",
    "+0 < S 0:0(0) win 1000 <mss 1000>",
    "+0.1 < . 1:1(0) ack 1 win 1000",
    "+0 %{ print(tcpi_state, tcpi_unacked, tcpi_sacked) }%",
  );
  add(
    "info",
    "limits",
    passive({ window: 10 }),
    "+0 write(4, ..., 15000) = 15000",
    "+0.1 < . 1:1(0) ack 1001 win 10",
    "+0 %{ print(tcpi_snd_wnd, tcpi_rcv_ssthresh, tcpi_advmss, tcpi_pmtu) }%",
    rest(0.05),
  );
  return all;
}
