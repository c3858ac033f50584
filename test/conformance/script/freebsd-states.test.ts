/** Profile `freebsd` in every state, by scripts as that family writes them: what comes, what is answered, what SO_ERROR and sockstat say then. */
import { expect, test } from "vitest";
import { reportLines } from "../../../src/conformance/script/report.js";
import { runScript } from "../../../src/conformance/script/run.js";
import {
  ACK,
  type Administrator,
  type Arrival,
  type Before,
  FIN,
  judge,
  PSH,
  RST,
  type StateName,
  SYN,
  type Verdict,
} from "./freebsd-oracle.js";

interface Variant extends Before {
  readonly name: string;
  readonly lines: readonly string[];
  /** The descriptor of the connection; null: it has none. */
  readonly fd: number | null;
}

const CLIENT_SYN = "+0 > S 0:0(0) win 65535 <mss 1460,nop,wscale 6,sackOK,TS val 100 ecr 0>";
const OPTIONS = "<mss 1460,sackOK,eol,eol>";
const connecting = [
  "+0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3",
  "+0 fcntl(3, F_SETFL, O_RDWR | O_NONBLOCK) = 0",
  "+0 connect(3, ..., ...) = -1 EINPROGRESS (Operation now in progress)",
  CLIENT_SYN,
];
const connected = [...connecting, `+0.1 < S. 0:0(0) ack 1 win 32767 ${OPTIONS}`, "+0 > . 1:1(0) ack 1 win 65535"];
const bound = ["+0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3", "+0 bind(3, ..., ...) = 0"];
const listening = [...bound, "+0 listen(3, 2) = 0"];
const half = [...listening, `+0 < S 0:0(0) win 32767 ${OPTIONS}`, `+0 > S. 0:0(0) ack 1 win 65535 ${OPTIONS}`];
const accepted = [...half, "+0.1 < . 1:1(0) ack 1 win 32767", "+0 accept(3, ..., ...) = 4"];

const FIN_OUT = "+0 > F. 1:1(0) ack 1 win 65535";
/** What leads from ESTABLISHED to each state, and SND.UNA, SND.NXT and RCV.NXT there. */
const ways: readonly [StateName, readonly string[], number, number, number][] = [
  ["ESTABLISHED", [], 1, 1, 1],
  ["CLOSE_WAIT", ["+0.1 < F. 1:1(0) ack 1 win 32767", "+0 > . 1:1(0) ack 2 win 65535"], 1, 1, 2],
  ["FIN_WAIT_1", ["+0.1 shutdown(FD, SHUT_WR) = 0", FIN_OUT], 1, 2, 1],
  ["FIN_WAIT_2", ["+0.1 shutdown(FD, SHUT_WR) = 0", FIN_OUT, "+0.1 < . 1:1(0) ack 2 win 32767"], 2, 2, 1],
  ["CLOSING", ["+0.1 shutdown(FD, SHUT_WR) = 0", FIN_OUT, "+0.1 < F. 1:1(0) ack 1 win 32767", "+0 > F. 1:1(0) ack 2 win 65535"], 1, 2, 2],
  [
    "LAST_ACK",
    [
      "+0.1 < F. 1:1(0) ack 1 win 32767",
      "+0 > . 1:1(0) ack 2 win 65535",
      "+0.1 shutdown(FD, SHUT_WR) = 0",
      "+0 > F. 1:1(0) ack 2 win 65535",
    ],
    1,
    2,
    2,
  ],
  ["TIME_WAIT", ["+0.1 shutdown(FD, SHUT_WR) = 0", FIN_OUT, "+0.1 < F. 1:1(0) ack 2 win 32767", "+0 > . 2:2(0) ack 2 win 65535"], 2, 2, 2],
];

const synchronized = (base: readonly string[], fd: number, listens: boolean): Variant[] =>
  ways.map(([state, lines, una, nxt, rcv]) => ({
    name: `${state} of ${listens ? "who listens" : "who connects"}`,
    lines: [...base, ...lines.map((line) => line.replace("FD", String(fd)))],
    fd,
    ...{ state, una, nxt, rcv, window: 65_700, listens },
  }));

const variants: Variant[] = [
  { name: "CLOSED", lines: bound, fd: null, state: "CLOSED", una: 1, nxt: 1, rcv: 0, window: 65_536, listens: false },
  { name: "LISTEN", lines: listening, fd: null, state: "LISTEN", una: 1, nxt: 1, rcv: 0, window: 65_536, listens: true },
  { name: "SYN_SENT", lines: connecting, fd: 3, state: "SYN_SENT", una: 0, nxt: 1, rcv: 0, window: 65_536, listens: false },
  { name: "SYN_RCVD of who listens", lines: half, fd: null, state: "SYN_RCVD", una: 0, nxt: 1, rcv: 1, window: 65_535, listens: true },
  ...synchronized(connected, 3, false),
  ...synchronized(accepted, 4, true),
];

const kinds = [ACK, PSH | ACK, FIN, FIN | ACK, RST, RST | ACK, SYN, SYN | ACK, SYN | FIN];
const administrators: Administrator[] = [
  { insecure: false, dropsSynFin: false },
  { insecure: true, dropsSynFin: true },
];

/** Numbers of a SYN that opens something are the script's own: it begins at 0. */
function* arrivals({ state, una, nxt, rcv, window }: Variant): Generator<Arrival> {
  for (const flags of kinds)
    for (const seq of state === "CLOSED" || state === "LISTEN" || state === "SYN_SENT"
      ? [0]
      : [rcv - 1, rcv, rcv + 1, rcv + window - 1, rcv + window + 1])
      for (const ack of flags & ACK ? new Set([una - 1, una, nxt, nxt + 1]) : [0])
        if (opens(state, flags, seq, rcv)) yield { flags, seq, length: 0, ack };
}

/** A SYN from which a new incarnation counts would need a script of its own. */
const opens = (state: StateName, flags: number, seq: number, rcv: number): boolean =>
  !(state === "TIME_WAIT" && (flags & (SYN | ACK | RST)) === SYN && seq > rcv);

const u32 = (n: number): number => (n < 0 ? n + 2 ** 32 : n);
const letters = (flags: number): string =>
  `${flags & SYN ? "S" : ""}${flags & FIN ? "F" : ""}${flags & RST ? "R" : ""}${flags & PSH ? "P" : ""}${flags & ACK ? "." : ""}`;

function scriptOf(
  { lines, fd, state }: Variant,
  { flags, seq, ack }: Arrival,
  { insecure, dropsSynFin }: Administrator,
  verdict: Verdict,
): string {
  const set = (name: string, on: boolean): string => `+0 \`sysctl -w net.inet.tcp.${name}=${on ? 1 : 0}\``;
  const comes = `+0.1 < ${letters(flags)} ${u32(seq)}:${u32(seq)}(0)${flags & ACK ? ` ack ${u32(ack)}` : ""} win 32767${flags & SYN ? ` ${OPTIONS}` : ""}`;
  const all = [
    "--tolerance_usecs=1000",
    set("insecure_rst", insecure),
    set("insecure_syn", insecure),
    set("drop_synfin", dropsSynFin),
    ...lines,
    comes,
  ];
  if (verdict.reply !== null) all.push(`+0 > ${verdict.reply.replace(/-\d+/g, (number) => String(u32(Number(number))))}`);
  // Whatever else there was to say would come before this.
  all.push("+0.005 < icmp echo_request id 7", "+0 > icmp echo_reply id 7");
  if (fd !== null) all.push(`+0 getsockopt(${fd}, SOL_SOCKET, SO_ERROR, [${verdict.error}], [4]) = 0`);
  if (verdict.state !== "CLOSED") all.push(`+0 \`sockstat -4 -P tcp -s | grep -c ${verdict.state} | grep 1\``);
  else if (state !== "CLOSED") all.push(`+0 \`sockstat -4 -P tcp -s | grep -c ${state} | grep 0\``);
  return `${all.join("\n")}\n`;
}

test.each(variants)("$name: every kind of segment, at every edge of the window", (variant) => {
  const wrong: string[] = [];
  for (const administrator of administrators)
    for (const arrival of arrivals(variant)) {
      const script = scriptOf(variant, arrival, administrator, judge(variant, arrival, administrator));
      const result = runScript(script, `${letters(arrival.flags)} ${arrival.seq} ack ${arrival.ack}`, { profile: "freebsd" });
      if (result.verdict !== "pass") wrong.push(reportLines(result).slice(0, 6).join("\n"));
    }
  expect(wrong).toEqual([]);
});
