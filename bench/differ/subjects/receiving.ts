/** When text is acknowledged. */
import { active, type Draw, lines, passive, rest, STAMPED, type Stimulus } from "../words.js";

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
