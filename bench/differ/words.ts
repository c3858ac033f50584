/** Words of stimuli: how connections open in them, and what recurs. */

export interface Stimulus {
  readonly subject: string;
  readonly name: string;
  /** A packet script without what is expected. */
  readonly source: string;
  /** Compare the windows that the host offers. */
  readonly windows?: boolean;
}

/** Where variations come from. */
export type Draw = (least: number, most: number) => number;

export interface Opening {
  /** `sysctl` settings beside those of defaults.sh, as "tcp_sack=0". */
  readonly sysctls?: readonly string[];
  /** Lines before listen() or connect(). */
  readonly before?: readonly string[];
  /** Options of the peer's SYN; null: none. */
  readonly options?: string | null;
  readonly window?: number;
  /** Seconds. */
  readonly rtt?: number;
  readonly ecn?: boolean;
}

export const TS = "nop,nop,TS val 200 ecr 0";
const PLAIN = "mss 1000,sackOK,nop,nop,nop,wscale 7";
export const STAMPED = "mss 1012,sackOK,TS val 100 ecr 0,nop,wscale 7";

const init = ({ sysctls = [] }: Opening): string =>
  `${["`./defaults.sh", ...sysctls.map((line) => `sysctl -q net.ipv4.${line.replace(/=(.*)/, '="$1"')}`)].join("\n")}\``;

/** A connection that the peer opens: descriptor 4. */
export function passive(opening: Opening = {}): string {
  const { before = [], options = PLAIN, window = 65_535, rtt = 0.1, ecn = false } = opening;
  const stamped = options?.includes("TS val") === true;
  return [
    init(opening),
    "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3",
    "+0 setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0",
    ...before,
    "+0 bind(3, ..., ...) = 0",
    "+0 listen(3, 5) = 0",
    `+0 < S${ecn ? "EW" : ""} 0:0(0) win 32792${options === null ? "" : ` <${options}>`}`,
    `+${rtt} < . 1:1(0) ack 1 win ${window}${stamped ? " <nop,nop,TS val 200 ecr 0>" : ""}`,
    "+0 accept(3, ..., ...) = 4",
    "",
  ].join("\n");
}

/** A connection that the host opens: descriptor 3. */
export function active(opening: Opening = {}): string {
  const { before = [], options = PLAIN, window = 65_535, rtt = 0.1, ecn = false } = opening;
  return [
    init(opening),
    "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3",
    ...before,
    "+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0",
    "+0 connect(3, ..., ...) = -1",
    `+${rtt} < S${ecn ? "E" : ""}. 0:0(0) ack 1 win ${window}${options === null ? "" : ` <${options}>`}`,
    "+0 getsockopt(3, SOL_SOCKET, SO_ERROR, [0], [4]) = 0",
    "+0 fcntl(3, F_SETFL, O_RDWR) = 0",
    "",
  ].join("\n");
}

/** A listening socket without a connection: descriptor 3. */
export const listening = (opening: Opening = {}): string =>
  [
    init(opening),
    "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3",
    "+0 setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0",
    ...(opening.before ?? []),
    "+0 bind(3, ..., ...) = 0",
    "+0 listen(3, 5) = 0",
    "",
  ].join("\n");

/** What TCP_INFO has to say of a sender. */
export const SENDER =
  "+0 %{ print(tcpi_state, tcpi_ca_state, tcpi_snd_cwnd, tcpi_snd_ssthresh, tcpi_unacked, tcpi_sacked, tcpi_lost, tcpi_retrans, tcpi_total_retrans, tcpi_reordering) }%";
export const STATE = "+0 %{ print(tcpi_state) }%";
/** Time to see what else comes. */
export const rest = (seconds: number): string => `+0 \`sleep ${seconds}\``;

export const lines = (...parts: readonly string[]): string => `${parts.join("\n")}\n`;
