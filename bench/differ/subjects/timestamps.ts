/** Timestamps (RFC 7323). */
import { active, type Draw, lines, passive, rest, SENDER, STAMPED, STATE, type Stimulus } from "../words.js";

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
