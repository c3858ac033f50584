/** ICMP and the path's MTU. */
import { type Draw, lines, passive, rest, SENDER, STATE, type Stimulus } from "../words.js";

export function pathMtu(_draw: Draw): Stimulus[] {
  const all: Stimulus[] = [];
  const add = (subject: string, name: string, ...parts: string[]): void => {
    all.push({ subject, name, source: lines(...parts) });
  };
  const sent = (mtu: number, seq: string): string => `+0.05 < icmp unreachable frag_needed mtu ${mtu} [${seq}]`;
  const MTU = "+0 %{ print(tcpi_pmtu, tcpi_snd_mss, tcpi_snd_cwnd, tcpi_unacked, tcpi_ca_state, tcpi_lost, tcpi_retrans) }%";
  const wide = "mss 1460,sackOK,nop,nop,nop,wscale 7";
  add(
    "path-mtu",
    "smaller",
    passive({ options: wide }),
    "+0 write(4, ..., 5840) = 5840",
    sent(1200, "1:1461(1460)"),
    MTU,
    "+0.1 < . 1:1(0) ack 5841 win 65535",
    MTU,
    "+0 write(4, ..., 3000) = 3000",
    rest(0.1),
  );
  add(
    "path-mtu",
    "of-the-last",
    passive({ options: wide }),
    "+0 write(4, ..., 5840) = 5840",
    sent(1200, "4381:5841(1460)"),
    MTU,
    rest(0.1),
  );
  add("path-mtu", "tiny", passive({ options: wide }), "+0 write(4, ..., 1460) = 1460", sent(100, "1:1461(1460)"), MTU, rest(0.1));
  add("path-mtu", "larger", passive({ options: wide }), "+0 write(4, ..., 1460) = 1460", sent(1600, "1:1461(1460)"), MTU, rest(0.1));
  add(
    "path-mtu",
    "foreign",
    passive({ options: wide }),
    "+0 write(4, ..., 1460) = 1460",
    sent(1200, "100001:101461(1460)"),
    MTU,
    rest(0.1),
  );
  add(
    "path-mtu",
    "stamped",
    passive({ options: "mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7" }),
    "+0 write(4, ..., 2896) = 2896",
    sent(1200, "1:1449(1448)"),
    MTU,
    rest(0.1),
  );
  add(
    "path-mtu",
    "close-wait",
    passive({ options: wide }),
    "+0 < F. 1:1(0) ack 1 win 65535",
    "+0 write(4, ..., 2920) = 2920",
    sent(1200, "1:1461(1460)"),
    MTU,
    rest(0.1),
  );
  add(
    "path-mtu",
    "fin-wait-1",
    passive({ options: wide }),
    "+0 write(4, ..., 2920) = 2920",
    "+0 close(4) = 0",
    sent(1200, "1:1461(1460)"),
    rest(0.3),
  );
  add(
    "path-mtu",
    "last-ack",
    passive({ options: wide }),
    "+0 < F. 1:1(0) ack 1 win 65535",
    "+0 write(4, ..., 2920) = 2920",
    "+0 close(4) = 0",
    sent(1200, "1:1461(1460)"),
    rest(0.3),
  );
  add(
    "path-mtu",
    "twice",
    passive({ options: wide }),
    "+0 write(4, ..., 2920) = 2920",
    sent(1300, "1:1461(1460)"),
    sent(1200, "1:1261(1260)"),
    MTU,
    rest(0.1),
  );
  add(
    "path-mtu",
    "no-discovery",
    passive({ options: wide, before: ["+0 setsockopt(3, SOL_IP, IP_MTU_DISCOVER, [IP_PMTUDISC_DONT], 4) = 0"] }),
    "+0 write(4, ..., 1460) = 1460",
    sent(1200, "1:1461(1460)"),
    MTU,
    rest(0.1),
  );
  for (const code of [
    "net_unreachable",
    "host_unreachable",
    "protocol_unreachable",
    "port_unreachable",
    "source_route_failed",
    "net_prohibited",
    "host_prohibited",
    "admin_prohibited",
  ])
    for (const recv of [0, 1])
      add(
        "icmp",
        `established-${code}-${recv}`,
        passive(),
        `+0 setsockopt(4, SOL_IP, IP_RECVERR, [${recv}], 4) = 0`,
        "+0 write(4, ..., 1000) = 1000",
        `+0.05 < icmp unreachable ${code} [1:1001(1000)]`,
        "+0 getsockopt(4, SOL_SOCKET, SO_ERROR, [0], [4]) = 0",
        "+0 write(4, ..., 1000) = ...",
        STATE,
        rest(0.4),
      );
  for (const code of ["net_unreachable", "host_unreachable", "protocol_unreachable", "port_unreachable", "admin_prohibited"])
    add(
      "icmp",
      `opening-${code}`,
      "`./defaults.sh`",
      "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3",
      "+0...0.05 connect(3, ..., ...) = -1",
      `+0.05 < icmp unreachable ${code} [0:0(0)]`,
      STATE,
      rest(1.5),
    );
  add(
    "icmp",
    "rto-reverts",
    passive(),
    "+0 write(4, ..., 1000) = 1000",
    rest(1.2),
    "+0 < icmp unreachable host_unreachable [1:1001(1000)]",
    "+0 %{ print(tcpi_backoff, tcpi_retransmits) }%",
    rest(1.5),
  );
  add("icmp", "quench", passive(), "+0 write(4, ..., 10000) = 10000", "+0.05 < icmp source_quench [1:1001(1000)]", SENDER, rest(0.05));
  add(
    "icmp",
    "time-exceeded",
    passive(),
    "+0 write(4, ..., 1000) = 1000",
    "+0.05 < icmp time_exceeded ttl_exceeded [1:1001(1000)]",
    SENDER,
    rest(0.05),
  );
  add(
    "path-mtu",
    "probing",
    passive({ options: wide, sysctls: ["tcp_mtu_probing=2", "tcp_base_mss=1000"] }),
    MTU,
    "+0 write(4, ..., 30000) = 30000",
    "+0.1 < . 1:1(0) ack 10001 win 65535",
    MTU,
    rest(0.1),
  );
  add(
    "path-mtu",
    "black-hole",
    passive({ options: wide, sysctls: ["tcp_mtu_probing=1", "tcp_base_mss=1000"] }),
    "+0 write(4, ..., 3000) = 3000",
    rest(4),
    MTU,
  );
  return all;
}
