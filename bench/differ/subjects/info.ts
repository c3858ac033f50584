/** TCP_INFO over the life of a connection. */
import { active, type Draw, lines, passive, rest, type Stimulus } from "../words.js";

export function info(_draw: Draw): Stimulus[] {
  const all: Stimulus[] = [];
  const add = (name: string, ...parts: string[]): void => {
    all.push({ subject: "info", name, source: lines(...parts) });
  };
  const COUNTS =
    "+0 %{ print(tcpi_state, tcpi_bytes_acked, tcpi_bytes_received, tcpi_segs_out, tcpi_segs_in, tcpi_data_segs_in, tcpi_data_segs_out, tcpi_notsent_bytes, tcpi_delivered, tcpi_bytes_sent, tcpi_bytes_retrans, tcpi_dsack_dups, tcpi_reord_seen, tcpi_rcv_ooopack) }%";
  add(
    "counts",
    passive(),
    COUNTS,
    "+0 write(4, ..., 15000) = 15000",
    COUNTS,
    "+0.1 < P. 1:1001(1000) ack 5001 win 65535",
    COUNTS,
    "+0.01 < P. 2001:3001(1000) ack 10001 win 65535",
    COUNTS,
    "+0.1 < . 3001:3001(0) ack 15001 win 65535",
    COUNTS,
    "+0 close(4) = 0",
  );
  add(
    "counts-active",
    active(),
    COUNTS,
    "+0 write(3, ..., 1000) = 1000",
    COUNTS,
    rest(0.5),
    COUNTS,
    "+0 < . 1:1(0) ack 1001 win 65535",
    COUNTS,
  );
  add(
    "listener",
    "`./defaults.sh`",
    "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3",
    "+0 %{ print(tcpi_state, tcpi_unacked, tcpi_sacked, tcpi_snd_cwnd, tcpi_snd_mss) }%",
    "+0 bind(3, ..., ...) = 0",
    "+0 listen(3, 5) = 0",
    "+0 %{ print(tcpi_state, tcpi_unacked, tcpi_sacked, tcpi_snd_cwnd, tcpi_snd_mss) }%",
    "+0 < S 0:0(0) win 1000 <mss 1000>",
    "+0.1 < . 1:1(0) ack 1 win 1000",
    "+0 %{ print(tcpi_state, tcpi_unacked, tcpi_sacked) }%",
  );
  add(
    "limits",
    passive({ window: 10 }),
    "+0 write(4, ..., 15000) = 15000",
    "+0.1 < . 1:1(0) ack 1001 win 10",
    "+0 %{ print(tcpi_snd_wnd, tcpi_rcv_ssthresh, tcpi_advmss, tcpi_pmtu) }%",
    rest(0.05),
  );
  return all;
}
