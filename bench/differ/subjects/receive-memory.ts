/** What a receiver does when its buffer is small, full, or changed while the connection is open, and what it says of text that comes oddly. */
import { active, type Draw, lines, passive, rest, STAMPED, STATE, type Stimulus } from "../words.js";

const WINDOW = "+0 %{ print(tcpi_rcv_ssthresh, tcpi_rcv_mss, tcpi_rcv_space) }%";

export function receiveMemory(draw: Draw): Stimulus[] {
  const all: Stimulus[] = [];
  const add = (subject: string, name: string, ...parts: string[]): void => {
    all.push({ subject, name, source: lines(...parts), windows: true });
  };
  const text = (from: number, length: number, gap = 0.01): string => `+${gap} < P. ${from}:${from + length}(${length}) ack 1 win 65535`;
  const buffered = (octets: number): string => passive({ before: [`+0 setsockopt(3, SOL_SOCKET, SO_RCVBUF, [${octets}], 4) = 0`] });
  const stream = (count: number, length: number, gap = 0.002, from = 1): string[] =>
    Array.from({ length: count }, (_, i) => text(from + length * i, length, gap));

  // Shares of text.
  for (const length of [64, 150, 400, 536, 601, 1_000, 1_200, 1_448, 1_460])
    add(
      "rcv-share",
      `size-${length}`,
      passive({ options: "mss 88,sackOK,nop,nop,nop,wscale 7" }),
      ...stream(12, length),
      WINDOW,
      rest(0.1),
    );
  add(
    "rcv-share",
    "growing",
    passive(),
    ...[536, 600, 700, 900, 1_200, 1_460].flatMap((length, i, sizes) => [
      text(1 + sizes.slice(0, i).reduce((sum, one) => sum + one, 0), length),
      WINDOW,
    ]),
    rest(0.1),
  );
  add("rcv-share", "full-segments", passive(), ...stream(40, 1_460), WINDOW, rest(0.1), "+0 read(4, ..., 100000) = ...", WINDOW, rest(0.1));
  add("rcv-share", "full-segments-active", active(), ...stream(20, 1_460), WINDOW, rest(0.1));
  add(
    "rcv-share",
    "full-segments-stamped",
    passive({ options: STAMPED }),
    ...Array.from(
      { length: 20 },
      (_, i) => `+.005 < . ${1 + 1_448 * i}:${1_449 + 1_448 * i}(1448) ack 1 win 65535 <nop,nop,TS val ${300 + i} ecr 0>`,
    ),
    WINDOW,
    rest(0.1),
  );
  add("rcv-share", "beyond-the-mss", passive(), text(1, 2_920), WINDOW, text(2_921, 4_380), WINDOW, text(7_301, 3_500), WINDOW, rest(0.1));
  add("rcv-share", "ahead", passive(), text(1_461, 1_460), WINDOW, text(2_921, 1_460), WINDOW, text(1, 1_460), WINDOW, rest(0.1));
  add(
    "rcv-share",
    "ahead-without-sack",
    passive({ options: "mss 1460,nop,wscale 7" }),
    text(1_461, 1_460),
    WINDOW,
    text(1, 1_460),
    WINDOW,
    rest(0.1),
  );

  // Read at a pace.
  const seeded = draw(3, 9) * 100;
  for (const [name, size, every] of [
    ["each", 1_460, 1],
    ["fifth", 1_460, 5],
    ["seeded", seeded, 3],
  ] as const)
    add(
      "rcv-share",
      `read-${name}`,
      passive({ sysctls: ["tcp_rmem=4096 30000 200000"] }),
      ...Array.from({ length: 40 }, (_, i) => [
        text(1 + size * i, size, i % 10 === 0 ? 0.1 : 0.001),
        ...(i % every === every - 1 ? [`+0 read(4, ..., ${every * size}) = ...`] : []),
      ]).flat(),
      WINDOW,
      rest(0.1),
    );

  // Small and full.
  for (const octets of [2_304, 4_000, 6_000, 12_000]) {
    add(
      "rcv-full",
      `fills-${octets}`,
      buffered(octets),
      ...stream(16, 1_000, 0.01),
      rest(0.1),
      "+0 read(4, ..., 1000) = ...",
      rest(0.05),
      "+0 read(4, ..., 2000) = ...",
      rest(0.05),
      "+0 read(4, ..., 100000) = ...",
      rest(0.1),
    );
    add("rcv-full", `small-${octets}`, buffered(octets), ...stream(40, 100, 0.003), rest(0.1), "+0 read(4, ..., 100000) = ...", rest(0.1));
    add(
      "rcv-full",
      `too-large-${octets}`,
      buffered(octets),
      `+.01 < P. 1:${octets + 2_001}(${octets + 2_000}) ack 1 win 65535`,
      rest(0.1),
      "+0 read(4, ..., 100000) = ...",
      rest(0.1),
    );
    add(
      "rcv-full",
      `ahead-${octets}`,
      buffered(octets),
      ...stream(8, 500, 0.002, 501),
      rest(0.1),
      text(1, 500),
      rest(0.1),
      "+0 read(4, ..., 100000) = ...",
      rest(0.1),
    );
  }
  add(
    "rcv-full",
    "fin-in-closed-window",
    buffered(4_000),
    ...stream(4, 1_000),
    "+.1 < F. 2001:2001(0) ack 1 win 65535",
    STATE,
    rest(0.1),
    "+0 read(4, ..., 10000) = ...",
  );
  add(
    "rcv-full",
    "fin-with-text-in-closed-window",
    buffered(4_000),
    ...stream(2, 1_460),
    "+.1 < FP. 2921:3021(100) ack 1 win 65535",
    STATE,
    rest(0.1),
    "+0 read(4, ..., 10000) = ...",
    rest(0.1),
  );
  add(
    "rcv-full",
    "probed",
    buffered(4_000),
    ...stream(2, 1_460),
    rest(0.1),
    "+0 < . 2920:2920(0) ack 1 win 65535",
    "+.1 < . 2921:2922(1) ack 1 win 65535",
    "+.6 < . 2920:2920(0) ack 1 win 65535",
    rest(0.1),
    "+0 read(4, ..., 10000) = ...",
    rest(0.1),
    text(2_921, 500),
    rest(0.1),
  );
  add(
    "rcv-full",
    "read-little-by-little",
    buffered(8_000),
    ...stream(8, 1_000),
    rest(0.1),
    ...Array.from({ length: 10 }, () => ["+.01 read(4, ..., 700) = ...", rest(0.01)]).flat(),
    rest(0.1),
  );
  for (const shrinks of [0, 1])
    add(
      "rcv-full",
      `may-shrink-${shrinks}`,
      passive({ sysctls: [`tcp_shrink_window=${shrinks}`, "tcp_rmem=4096 30000 60000"] }),
      ...stream(30, 1_000, 0.005),
      rest(0.1),
      "+0 read(4, ..., 5000) = ...",
      rest(0.1),
      "+0 read(4, ..., 100000) = ...",
      rest(0.1),
    );

  // Chosen while it is open.
  add(
    "rcv-chosen",
    "smaller",
    passive(),
    ...stream(3, 1_000, 0.01),
    "+0 setsockopt(4, SOL_SOCKET, SO_RCVBUF, [8000], 4) = 0",
    "+0 getsockopt(4, SOL_SOCKET, SO_RCVBUF, [0], [4]) = 0",
    ...stream(6, 1_000, 0.01, 3_001),
    WINDOW,
    rest(0.1),
    "+0 read(4, ..., 100000) = ...",
    rest(0.1),
  );
  add(
    "rcv-chosen",
    "larger",
    buffered(8_000),
    ...stream(3, 1_000, 0.01),
    "+0 setsockopt(4, SOL_SOCKET, SO_RCVBUF, [100000], 4) = 0",
    ...stream(6, 1_000, 0.01, 3_001),
    WINDOW,
    rest(0.1),
    "+0 read(4, ..., 100000) = ...",
    rest(0.1),
  );
  for (const clamp of [500, 2_000, 20_000, 1_000_000])
    add(
      "rcv-chosen",
      `clamp-${clamp}`,
      passive(),
      text(1, 1_000),
      `+0 setsockopt(4, SOL_TCP, TCP_WINDOW_CLAMP, [${clamp}], 4) = 0`,
      "+0 getsockopt(4, SOL_TCP, TCP_WINDOW_CLAMP, [0], [4]) = 0",
      ...stream(6, 1_000, 0.01, 1_001),
      WINDOW,
      rest(0.1),
    );
  add(
    "rcv-chosen",
    "clamp-active",
    active({ before: ["+0 setsockopt(3, SOL_TCP, TCP_WINDOW_CLAMP, [10000], 4) = 0"] }),
    ...stream(6, 1_000, 0.01),
    WINDOW,
    rest(0.1),
  );
  add(
    "rcv-chosen",
    "buffer-active",
    active({ before: ["+0 setsockopt(3, SOL_SOCKET, SO_RCVBUF, [15000], 4) = 0"] }),
    ...stream(6, 1_000, 0.01),
    WINDOW,
    rest(0.1),
  );
  add("rcv-chosen", "least", buffered(1), "+0 getsockopt(4, SOL_SOCKET, SO_RCVBUF, [0], [4]) = 0", ...stream(4, 500, 0.01), rest(0.1));

  return all;
}

/** Text out of order, and ACKs of what comes oddly. */
export function reassembly(_draw: Draw): Stimulus[] {
  const all: Stimulus[] = [];
  const add = (name: string, ...parts: string[]): void => {
    all.push({ subject: "reassembly", name, source: lines(...parts) });
  };
  const text = (from: number, length: number, gap = 0.01): string => `+${gap} < P. ${from}:${from + length}(${length}) ack 1 win 65535`;
  const quiet = Array.from({ length: 18 }, (_, i) => text(1 + 1_000 * i, 1_000, 0.03));
  const at = 18_001;
  add(
    "behind-quick-acks",
    passive(),
    ...quiet,
    rest(0.3),
    text(at + 1_000, 1_000),
    text(at + 2_000, 1_000),
    text(at + 3_000, 1_000),
    text(at, 1_000),
    text(at + 4_000, 1_000),
    rest(0.2),
  );
  add(
    "burst",
    passive(),
    ...quiet,
    rest(0.3),
    ...Array.from({ length: 12 }, (_, i) => text(at + 1_000 * (i + 1), 1_000, 0.003)),
    text(at, 1_000),
    rest(0.2),
  );
  add("duplicate-of-all", passive(), text(1, 3_000), text(1, 3_000), text(501, 1_000), text(2_501, 1_000), rest(0.2));
  add(
    "duplicate-inside-block",
    passive(),
    text(1_001, 3_000),
    text(1_501, 1_000),
    text(1_001, 3_000),
    text(3_001, 2_000),
    text(1, 1_000),
    rest(0.2),
  );
  add("covers-blocks", passive(), text(1_001, 500), text(2_001, 500), text(3_001, 500), text(501, 4_000), text(1, 500), rest(0.2));
  add("joins-blocks", passive(), text(1_001, 500), text(2_001, 500), text(1_501, 500), text(1, 1_000), rest(0.2));
  add("fills-from-the-left", passive(), text(1_001, 500), text(1, 1_200), text(2_001, 500), text(1_501, 1_000), rest(0.2));
  add("many-blocks", passive(), ...[1, 3, 5, 7, 9].map((i) => text(1 + 1_000 * i, 500)), text(1, 1_000), text(2_001, 1_000), rest(0.2));
  add("fin-ahead", passive(), "+.01 < FP. 1001:2001(1000) ack 1 win 65535", STATE, text(1, 1_000), STATE, rest(0.2));
  add(
    "fin-ahead-twice",
    passive(),
    "+.01 < FP. 1001:2001(1000) ack 1 win 65535",
    "+.01 < FP. 1001:2001(1000) ack 1 win 65535",
    text(1, 1_000),
    rest(0.2),
  );
  add(
    "fin-ahead-of-blocks",
    passive(),
    text(1_001, 500),
    "+.01 < F. 3001:3001(0) ack 1 win 65535",
    text(2_001, 1_000),
    text(1, 1_000),
    text(1_501, 500),
    STATE,
    rest(0.2),
  );
  add(
    "fin-again",
    passive(),
    "+.01 < F. 1:1(0) ack 1 win 65535",
    "+.1 < F. 1:1(0) ack 1 win 65535",
    "+.1 < F. 1:1(0) ack 1 win 65535",
    rest(0.2),
  );
  add(
    "fin-again-with-text",
    passive(),
    "+.01 < FP. 1:1001(1000) ack 1 win 65535",
    "+.1 < FP. 1:1001(1000) ack 1 win 65535",
    "+.1 < FP. 501:1001(500) ack 1 win 65535",
    rest(0.2),
  );
  add("fin-overlaps", passive(), text(1, 500), "+.1 < FP. 1:1001(1000) ack 1 win 65535", STATE, rest(0.2));
  add("text-beyond-fin-ahead", passive(), "+.01 < F. 1001:1001(0) ack 1 win 65535", text(501, 1_000), text(1, 1_000), STATE, rest(0.2));
  add(
    "stamped-blocks",
    passive({ options: STAMPED }),
    ...[1, 3, 5, 7].map((i) => `+.01 < P. ${1 + 1_000 * i}:${501 + 1_000 * i}(500) ack 1 win 65535 <nop,nop,TS val ${300 + i} ecr 0>`),
    "+.01 < P. 1:1001(1000) ack 1 win 65535 <nop,nop,TS val 320 ecr 0>",
    rest(0.2),
  );
  add(
    "blocks-with-replies",
    passive(),
    text(1_001, 500),
    "+0 write(4, ..., 3000) = 3000",
    text(2_001, 500),
    "+0 write(4, ..., 3000) = 3000",
    rest(0.1),
  );
  add(
    "in-time-wait",
    passive(),
    "+0 shutdown(4, SHUT_WR) = 0",
    "+.1 < F. 1:1(0) ack 2 win 65535",
    text(2, 100, 0.1),
    "+.1 < FP. 1:101(100) ack 2 win 65535",
    rest(0.2),
  );
  add(
    "in-fin-wait-2",
    passive(),
    "+0 shutdown(4, SHUT_WR) = 0",
    "+.1 < . 1:1(0) ack 2 win 65535",
    "+.01 < P. 1001:2001(1000) ack 2 win 65535",
    "+.01 < FP. 1:1001(1000) ack 2 win 65535",
    STATE,
    rest(0.2),
  );
  add(
    "old-ack-with-text",
    passive(),
    "+0 write(4, ..., 2000) = 2000",
    "+.1 < . 1:1(0) ack 2001 win 65535",
    "+.01 < P. 1:101(100) ack 1001 win 65535",
    rest(0.1),
  );
  add(
    "pushed-and-read",
    passive(),
    ...Array.from({ length: 20 }, (_, i) => [text(1 + 1_000 * i, 1_000, 0.05), "+.01 read(4, ..., 2000) = 1000"]).flat(),
    rest(0.1),
  );
  add(
    "small-and-read",
    passive(),
    ...Array.from({ length: 20 }, (_, i) => [text(1 + 100 * i, 100, 0.05), "+.01 read(4, ..., 2000) = 100"]).flat(),
    rest(0.1),
  );
  add(
    "lowat",
    passive(),
    "+0 setsockopt(4, SOL_SOCKET, SO_RCVLOWAT, [5000], 4) = 0",
    ...Array.from({ length: 24 }, (_, i) => text(1 + 1_000 * i, 1_000, 0.03)),
    rest(0.1),
  );
  add("slow-sender", passive(), ...Array.from({ length: 6 }, (_, i) => text(1 + 1_000 * i, 1_000, 0.7)), rest(0.3));
  return all;
}
