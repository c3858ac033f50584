/** The windows that the host offers. */
import { active, type Draw, lines, passive, rest, STAMPED, type Stimulus } from "../words.js";

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
