/** ECN (RFC 3168). */
import { active, type Draw, lines, passive, rest, type Stimulus } from "../words.js";

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
