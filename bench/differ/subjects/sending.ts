/** What is sent when: Nagle and its relatives. */
import { type Draw, lines, passive, rest, SENDER, type Stimulus } from "../words.js";

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
