/** Options that are odd. */
import { type Draw, lines, passive, rest, SENDER, type Stimulus } from "../words.js";

export function oddOptions(_draw: Draw): Stimulus[] {
  const all: Stimulus[] = [];
  const add = (name: string, ...parts: string[]): void => {
    all.push({ subject: "options", name, source: lines(...parts) });
  };
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
