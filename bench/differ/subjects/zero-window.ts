/** Probes of a window that is closed. */
import { type Draw, lines, passive, rest, type Stimulus } from "../words.js";

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
