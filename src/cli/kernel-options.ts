/** The numbers of Linux's socket options and requests, by name, and the words of its struct tcp_info: <linux/tcp.h>, <asm-generic/socket.h>. */

export const levels: Readonly<Record<string, number>> = {
  SOL_SOCKET: 1,
  IPPROTO_IP: 0,
  SOL_IP: 0,
  IPPROTO_TCP: 6,
  SOL_TCP: 6,
  IPPROTO_UDP: 17,
  SOL_UDP: 17,
};

// biome-ignore format: a table reads better in lines
export const optionNumbers: Readonly<Record<string, number>> = {
  SO_REUSEADDR: 2, SO_TYPE: 3, SO_ERROR: 4, SO_DONTROUTE: 5, SO_BROADCAST: 6, SO_SNDBUF: 7, SO_RCVBUF: 8, SO_KEEPALIVE: 9, SO_OOBINLINE: 10,
  SO_PRIORITY: 12, SO_LINGER: 13, SO_REUSEPORT: 15, SO_RCVLOWAT: 18, SO_SNDLOWAT: 19, SO_RCVTIMEO: 20, SO_SNDTIMEO: 21, SO_TIMESTAMP: 29,
  SO_ACCEPTCONN: 30, SO_SNDBUFFORCE: 32, SO_RCVBUFFORCE: 33, SO_MARK: 36, SO_TIMESTAMPING: 37, SO_PROTOCOL: 38, SO_DOMAIN: 39,
  SO_BUSY_POLL: 46, SO_MAX_PACING_RATE: 47, SO_INCOMING_CPU: 49, SO_MEMINFO: 55, SO_ZEROCOPY: 60, SO_TXTIME: 61,
  TCP_NODELAY: 1, TCP_MAXSEG: 2, TCP_CORK: 3, TCP_KEEPIDLE: 4, TCP_KEEPINTVL: 5, TCP_KEEPCNT: 6, TCP_SYNCNT: 7, TCP_LINGER2: 8,
  TCP_DEFER_ACCEPT: 9, TCP_WINDOW_CLAMP: 10, TCP_INFO: 11, TCP_QUICKACK: 12, TCP_CONGESTION: 13, TCP_THIN_LINEAR_TIMEOUTS: 16,
  TCP_USER_TIMEOUT: 18, TCP_FASTOPEN: 23, TCP_TIMESTAMP: 24, TCP_NOTSENT_LOWAT: 25, TCP_CC_INFO: 26, TCP_FASTOPEN_CONNECT: 30, TCP_FASTOPEN_KEY: 33,
  TCP_FASTOPEN_NO_COOKIE: 34, TCP_INQ: 36, TCP_TX_DELAY: 37, TCP_RTO_MAX_MS: 44, TCP_RTO_MIN_US: 45,
  IP_TOS: 1, IP_TTL: 2, IP_PKTINFO: 8, IP_MTU_DISCOVER: 10, IP_RECVERR: 11, IP_RECVTTL: 12, IP_RECVTOS: 13, IP_MTU: 14, IP_FREEBIND: 15,
  IP_TRANSPARENT: 19, IP_BIND_ADDRESS_NO_PORT: 24,
};

export const requests: Readonly<Record<string, number>> = {
  FIONREAD: 0x541b,
  SIOCINQ: 0x541b,
  SIOCOUTQ: 0x5411,
  TIOCOUTQ: 0x5411,
  SIOCOUTQNSD: 0x894b,
  FIONBIO: 0x5421,
  SIOCATMARK: 0x8905,
};

/** [name, offset, octets]. */
// biome-ignore format: a table reads better in lines
const infoWords: readonly (readonly [string, number, 1 | 4 | 8])[] = [
  ["tcpi_state", 0, 1], ["tcpi_ca_state", 1, 1], ["tcpi_retransmits", 2, 1], ["tcpi_probes", 3, 1], ["tcpi_backoff", 4, 1], ["tcpi_options", 5, 1],
  ["tcpi_rto", 8, 4], ["tcpi_ato", 12, 4], ["tcpi_snd_mss", 16, 4], ["tcpi_rcv_mss", 20, 4], ["tcpi_unacked", 24, 4], ["tcpi_sacked", 28, 4],
  ["tcpi_lost", 32, 4], ["tcpi_retrans", 36, 4], ["tcpi_fackets", 40, 4], ["tcpi_last_data_sent", 44, 4], ["tcpi_last_ack_sent", 48, 4],
  ["tcpi_last_data_recv", 52, 4], ["tcpi_last_ack_recv", 56, 4], ["tcpi_pmtu", 60, 4], ["tcpi_rcv_ssthresh", 64, 4], ["tcpi_rtt", 68, 4],
  ["tcpi_rttvar", 72, 4], ["tcpi_snd_ssthresh", 76, 4], ["tcpi_snd_cwnd", 80, 4], ["tcpi_advmss", 84, 4], ["tcpi_reordering", 88, 4],
  ["tcpi_rcv_rtt", 92, 4], ["tcpi_rcv_space", 96, 4], ["tcpi_total_retrans", 100, 4], ["tcpi_pacing_rate", 104, 8], ["tcpi_max_pacing_rate", 112, 8],
  ["tcpi_bytes_acked", 120, 8], ["tcpi_bytes_received", 128, 8], ["tcpi_segs_out", 136, 4], ["tcpi_segs_in", 140, 4], ["tcpi_notsent_bytes", 144, 4],
  ["tcpi_min_rtt", 148, 4], ["tcpi_data_segs_in", 152, 4], ["tcpi_data_segs_out", 156, 4], ["tcpi_delivery_rate", 160, 8], ["tcpi_busy_time", 168, 8],
  ["tcpi_rwnd_limited", 176, 8], ["tcpi_sndbuf_limited", 184, 8], ["tcpi_delivered", 192, 4], ["tcpi_delivered_ce", 196, 4], ["tcpi_bytes_sent", 200, 8],
  ["tcpi_bytes_retrans", 208, 8], ["tcpi_dsack_dups", 216, 4], ["tcpi_reord_seen", 220, 4], ["tcpi_rcv_ooopack", 224, 4], ["tcpi_snd_wnd", 228, 4],
];

/** What SO_MEMINFO gives, 32 bits each: <linux/sock_diag.h>. */
export const memoryWords = [
  "SK_MEMINFO_RMEM_ALLOC",
  "SK_MEMINFO_RCVBUF",
  "SK_MEMINFO_WMEM_ALLOC",
  "SK_MEMINFO_SNDBUF",
  "SK_MEMINFO_FWD_ALLOC",
  "SK_MEMINFO_WMEM_QUEUED",
  "SK_MEMINFO_OPTMEM",
  "SK_MEMINFO_BACKLOG",
  "SK_MEMINFO_DROPS",
] as const;

/** The octets of struct tcp_info that are read. */
export const INFO_OCTETS = 232;

/** Its words by name, as far as `length` reaches. */
export function readInfo(octets: Uint8Array, length: number): Record<string, number> {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  const info: Record<string, number> = {};
  for (const [name, at, size] of infoWords) {
    if (at + size > length) break;
    info[name] = size === 1 ? view.getUint8(at) : size === 4 ? view.getUint32(at, true) : Number(view.getBigUint64(at, true));
  }
  info["tcpi_snd_wscale"] = octets[6]! & 15;
  info["tcpi_rcv_wscale"] = octets[6]! >> 4;
  info["tcpi_delivery_rate_app_limited"] = octets[7]! & 1;
  info["tcpi_fastopen_client_fail"] = (octets[7]! >> 1) & 3;
  return info;
}
