/** The MSS. */
import { type Draw, lines, passive, rest, STAMPED, type Stimulus } from "../words.js";

export function segmentSizes(_draw: Draw): Stimulus[] {
  const all: Stimulus[] = [];
  const add = (name: string, ...parts: string[]): void => {
    all.push({ subject: "mss", name, source: lines(...parts) });
  };
  for (const mss of [0, 1, 40, 64, 100, 536, 9000, 65535])
    add(
      `of-peer-${mss}`,
      passive({ options: `mss ${mss}` }),
      "+0 %{ print(tcpi_snd_mss, tcpi_advmss, tcpi_rcv_mss) }%",
      "+0 write(4, ..., 3000) = 3000",
      rest(0.02),
      "+0 getsockopt(4, SOL_TCP, TCP_MAXSEG, [0], [4]) = 0",
    );
  for (const mss of [100, 536, 1000, 1460, 2000])
    add(
      `asked-for-${mss}`,
      passive({ before: [`+0 setsockopt(3, SOL_TCP, TCP_MAXSEG, [${mss}], 4) = 0`], options: "mss 1460,sackOK,nop,nop,nop,wscale 7" }),
      "+0 getsockopt(4, SOL_TCP, TCP_MAXSEG, [0], [4]) = 0",
      "+0 write(4, ..., 3000) = 3000",
      rest(0.02),
    );
  add(
    "stamped",
    passive({ options: STAMPED }),
    "+0 getsockopt(4, SOL_TCP, TCP_MAXSEG, [0], [4]) = 0",
    "+0 %{ print(tcpi_snd_mss, tcpi_advmss, tcpi_rcv_mss) }%",
    rest(0.01),
  );
  add(
    "absent",
    passive({ options: null }),
    "+0 getsockopt(4, SOL_TCP, TCP_MAXSEG, [0], [4]) = 0",
    "+0 write(4, ..., 3000) = 3000",
    rest(0.02),
  );
  return all;
}
