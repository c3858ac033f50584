/** The bounds of everything in TCP that the wire or an application can fill. */
export interface TcpLimits {
  /** Connections of all forms: live, frozen, SYN-RECEIVED, TIME-WAIT. */
  readonly connections: number;
  /** Connections that stay objects although they may be rows; beyond, whoever has done nothing since a clock's hand came by last becomes a row at
   *  once. More are quicker when so many speak in turn (ten thousand cost twice as much as rows than as objects), fewer are less work for the
   *  garbage collector: each is some 4 KiB of its heap. */
  readonly live: number;
  /** TIME-WAIT connections; the oldest leaves early when a new one comes, counted. */
  readonly timeWaits: number;
  /** Half-open connections of one listener before SYN cookies. */
  readonly synQueue: number;
  /** Servers whose Fast Open cookies are remembered. */
  readonly fastOpenServers: number;
  /** Pairs of hosts whose past connections are remembered (`policy.sharing`). */
  readonly pathHistories: number;
  /** Ranges of out-of-order text of one connection. */
  readonly outOfOrderRanges: number;
  /** Resets sent to segments of no connection, a second. Deviation: reset-limit */
  readonly resetsPerSecond: number;
  /** Challenge ACKs of the whole stack, a second (randomised, RFC 5961 s7 and CVE-2016-5696). */
  readonly challengesPerSecond: number;
}

export const defaultTcpLimits: TcpLimits = {
  connections: 1_000_000,
  live: 16_384,
  timeWaits: 262_144,
  synQueue: 1_024,
  fastOpenServers: 1_024,
  pathHistories: 4_096,
  outOfOrderRanges: 1_024,
  resetsPerSecond: 1_000,
  challengesPerSecond: 1_000,
};
