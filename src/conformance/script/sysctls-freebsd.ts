/** What `sysctl` lines of FreeBSD's scripts mean: one row for each key (tcp(4), inet(4), tuning(7)). Timers are in milliseconds there. */
import { MILLISECOND } from "../../base/environment.js";
import type { TcpPolicy } from "../../tcp/policy.js";
import { choice, flag, integer, nothing, only, type Row } from "./sysctl-row.js";

type Timer = { [Name in keyof TcpPolicy]: TcpPolicy[Name] extends number ? Name : never }[keyof TcpPolicy];

const milliseconds = (name: Timer, least = 1): Row => integer((value) => ({ [name]: value * MILLISECOND }), least);

/** On unless it is set to 0. */
const unlessZero =
  (zero: Partial<TcpPolicy>, other: Partial<TcpPolicy>): Row =>
  (value) =>
    /^\d+$/.test(value) ? (value === "0" ? zero : other) : "unsupported";

const FIN_WAIT_2_SHORT = 60_000 * MILLISECOND;
/** Eight probes, 75 s apart. */
const FIN_WAIT_2_LONG = 600_000 * MILLISECOND;

const tcp: Readonly<Record<string, Row>> = {
  // Options, sizes and windows.
  rfc1323: (value) =>
    choice(
      {
        "0": { windowScaling: false, timestamps: false },
        "1": { windowScaling: true, timestamps: true },
        "2": { windowScaling: true, timestamps: false },
        "3": { windowScaling: false, timestamps: true },
      },
      value,
    ),
  tolerate_missing_ts: (value) => choice({ "0": { requireTimestamps: true }, "1": { requireTimestamps: false } }, value),
  ts_offset_per_conn: nothing,
  mssdflt: integer((mssDefault) => ({ mssDefault }), 64),
  minmss: integer((mssFloor) => ({ mssFloor, announcedMssLeast: mssFloor }), 1),
  recvspace: integer((receiveBuffer) => ({ receiveBuffer }), 2_048),
  sendspace: integer((sendBuffer) => ({ sendBuffer }), 2_048),
  recvbuf_auto: nothing,
  recvbuf_inc: nothing,
  recvbuf_max: nothing,
  sendbuf_auto: nothing,
  sendbuf_auto_lowat: nothing,
  sendbuf_inc: nothing,
  sendbuf_max: nothing,
  path_mtu_discovery: nothing,
  pmtud_blackhole_detection: (value) =>
    choice(
      { "0": { pathProbing: "off" }, "1": { pathProbing: "black-hole" }, "2": { pathProbing: "black-hole" }, "3": { pathProbing: "off" } },
      value,
    ),
  pmtud_blackhole_mss: integer((mss) => ({ pathBase: mss + 40 }), 88),
  v6mssdflt: nothing,
  v6pmtud_blackhole_mss: nothing,

  // Acknowledgments.
  delayed_ack: (value) => choice({ "0": { ackEvery: 0 }, "1": { ackEvery: 2 } }, value),
  delacktime: milliseconds("ackDelay"),
  "sack.enable": flag("sack"),
  "sack.maxholes": nothing,
  "sack.globalmaxholes": nothing,
  "sack.tso": nothing,
  "sack.lrd": only("1"),
  "sack.revised": only("1"),

  // Timers.
  keepidle: milliseconds("keepAliveIdle", 1_000),
  keepintvl: milliseconds("keepAliveInterval", 1_000),
  keepcnt: integer((keepAliveCount) => ({ keepAliveCount }), 1),
  keepinit: milliseconds("openTimeout", 1_000),
  always_keepalive: flag("keepAliveAlways"),
  rexmit_initial: milliseconds("rtoInitial"),
  rexmit_min: milliseconds("rtoMin"),
  rexmit_slop: milliseconds("rtoSlop", 0),
  rexmit_drop_options: (value) => choice({ "0": { bareSynAfter: 0 }, "1": { bareSynAfter: 3 } }, value),
  retries: integer((retries) => ({ r2: retries, synRetries: retries, orphanRetries: retries }), 1),
  persmin: milliseconds("persistMin"),
  persmax: milliseconds("persistMax"),
  msl: integer((milliseconds) => ({ timeWait: 2 * milliseconds * MILLISECOND })),
  finwait2_timeout: milliseconds("finWait2", 0),
  fast_finwait2_recycle: (value) => choice({ "0": { finWait2: FIN_WAIT_2_LONG }, "1": { finWait2: FIN_WAIT_2_SHORT } }, value),
  maxunacktime: only("0"),
  nolocaltimewait: nothing,
  maxtcptw: nothing,

  // Opening.
  syncookies: flag("synCookies"),
  syncookies_only: (value) => choice({ "0": { synCookiesAlways: false }, "1": { synCookies: true, synCookiesAlways: true } }, value),
  "syncache.rexmtlimit": integer((synAckRetries) => ({ synAckRetries })),
  "syncache.rst_on_sock_fail": flag("overflowResets"),
  "syncache.bucketlimit": nothing,
  "syncache.cachelimit": nothing,
  "syncache.hashsize": nothing,
  "syncache.see_other": nothing,
  isn_reseed_interval: nothing,
  require_unique_port: nothing,
  "fastopen.client_enable": flag("fastOpenClient"),
  "fastopen.server_enable": flag("fastOpenServer"),
  "fastopen.acceptany": only("0"),
  "fastopen.psk_enable": only("0"),
  "fastopen.autokey": nothing,
  "fastopen.ccache_bucket_limit": nothing,
  "fastopen.ccache_buckets": nothing,
  "fastopen.path_disable_time": integer((seconds) => ({ fastOpenRefusal: seconds * 1_000 * MILLISECOND })),

  // What is not believed.
  blackhole: (value) =>
    choice({ "0": { blackhole: "no" }, "1": { blackhole: "syn" }, "2": { blackhole: "all" }, "3": { blackhole: "all" } }, value),
  blackhole_local: nothing,
  drop_synfin: (value) => choice({ "0": { synFin: "syn" }, "1": { synFin: "drop" } }, value),
  insecure_rst: flag("insecureReset"),
  insecure_syn: flag("insecureSyn"),
  insecure_ack: flag("insecureAck"),
  icmp_may_rst: flag("icmpMayReset"),
  ack_war_cnt: unlimitedIfZero((challengeBurst) => ({ challengeBurst })),
  ack_war_timewindow: unlimitedIfZero((milliseconds) => ({
    challengeInterval: milliseconds * MILLISECOND,
    invalidAckInterval: milliseconds * MILLISECOND,
  })),

  // Congestion.
  "cc.algorithm": (congestionControl) =>
    ["cubic", "newreno", "dctcp"].includes(congestionControl) ? { congestionControl } : "unsupported",
  "cc.available": nothing,
  "cc.abe": flag("alternativeBackoff"),
  "cc.abe_frlossreduce": only("0"),
  "cc.newreno.beta": only("50"),
  "cc.newreno.beta_ecn": only("80"),
  "cc.hystartplusplus.minrtt_thresh": nothing,
  "cc.hystartplusplus.maxrtt_thresh": nothing,
  "cc.hystartplusplus.n_rttsamples": nothing,
  "cc.hystartplusplus.css_growth_div": nothing,
  "cc.hystartplusplus.css_rounds": nothing,
  initcwnd_segments: (value) => choice({ "0": { initialWindow: "rfc5681" }, "10": { initialWindow: "rfc6928" } }, value),
  rfc3042: only("1"),
  rfc3390: nothing,
  rfc3465: only("1"),
  rfc6675_pipe: only("1"),
  abc_l_var: only("2"),
  do_prr: only("1"),
  do_prr_conservative: only("0"),
  do_lrd: only("1"),
  newcwv: unlessZero({ windowValidation: "none" }, { windowValidation: "rfc7661" }),
  "ecn.enable": (value) =>
    choice(
      { "0": { ecn: "off" }, "1": { ecn: "on" }, "2": { ecn: "passive" }, "3": { ecn: "accurate" }, "4": { ecn: "accurate-passive" } },
      value,
    ),
  "ecn.maxretries": integer((ecnRetries) => ({ ecnRetries })),
  "ecn.generalized": only("0"),
  "ecn.option": (value) => choice({ "0": { accurateOption: "off" }, "1": { accurateOption: "due" } }, value),

  // Which stack, and how it is built.
  functions_default: only("freebsd"),
  functions_inherit_listen_socket_stack: nothing,
  udp_tunneling_port: only("0"),
  udp_tunneling_overhead: nothing,
  do_tcpdrain: nothing,
  log_debug: nothing,
  log_in_vain: nothing,
  map_limit: nothing,
  pacing_limit: nothing,
  per_cpu_timers: nothing,
  soreceive_stream: nothing,
  split_limit: nothing,
  tso: nothing,
};

/** Families of keys on which nothing depends here: caches that live no longer than a script, and what only IPv6 or a driver asks. */
const without: readonly RegExp[] = [
  /^net\.inet\.tcp\.(?:hostcache|reass|lro|bb|hpts|rack|bbr|tcp_pcap\w*|sad\w*)\./,
  /^net\.inet\.icmp\.(?:icmplim\w*|drop_redirect|log_redirect|bmcastecho|maskrepl|maskfake|quotelen|reply_\w+|tstamprepl)$/,
  /^net\.inet\.ip\.(?:portrange\.\w+|random_id\w*|rfc6864|intr_\w+|maxfrag\w*|redirect|sourceroute|accept_sourceroute|forwarding|fastforwarding)$/,
  /^net\.inet\.udp\.(?:checksum|log_in_vain|maxdgram|recvspace|rfc6935_\w+)$/,
  /^net\.(?:inet6|link|isr|route)\./,
  /^kern\.(?:ipc\.(?:soacceptqueue|somaxconn|nmbclusters|maxsockets|sockbuf_waste_factor|shm\w*|max_hdr)|hz|coredump|corefile|eventtimer\.\w+)$/,
];

const others: Readonly<Record<string, Row>> = {
  "kern.ipc.maxsockbuf": integer((most) => ({ receiveBufferMost: most, sendBufferMost: most }), 2_048),
  "net.inet.ip.ttl": integer((ttl) => ({ ttl }), 1),
  "net.inet.udp.blackhole": only("0"),
};

/** A bound of 0 is none. */
function unlimitedIfZero(to: (value: number) => Partial<TcpPolicy>): Row {
  const row = integer(to);
  return (value) => (value === "0" ? { challengeBurst: Number.POSITIVE_INFINITY } : row(value));
}

/** The row of a key; null: FreeBSD has none of that name. */
export function freebsdRow(key: string): Row | null {
  if (Object.hasOwn(others, key)) return others[key]!;
  const name = /^net\.inet\.tcp\.(.+)$/.exec(key)?.[1];
  if (name !== undefined && Object.hasOwn(tcp, name)) return tcp[name]!;
  return without.some((family) => family.test(key)) ? nothing : null;
}
