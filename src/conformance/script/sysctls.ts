/** What `sysctl` lines of scripts mean here: one row for each key. Policy that a key chooses is a field of the profile; a key that has no
 *  field is known only with the value that describes what the stack does. */
import { MILLISECOND, SECOND } from "../../base/environment.js";
import type { TcpPolicy } from "../../tcp/policy.js";
import { choice, flag, integer, type Meaning, nothing, only, type Row } from "./sysctl-row.js";
import { freebsdRow } from "./sysctls-freebsd.js";

/** "least initial most", octets of memory, of which Linux counts half for what it costs to hold segments: what it offers at first is whole segments
 *  of the rest, and what it turns out to have room for is more, as full segments cost less than that. */
const buffer =
  (to: (initial: number, most: number) => Partial<TcpPolicy>): Row =>
  (value) => {
    const [, initial = 0, most = 0] = value.split(/\s+/).map(Number);
    return Number.isInteger(initial) && Number.isInteger(most) && initial >= 4_096 && most >= initial ? to(initial, most) : "unsupported";
  };

/** Of 256 octets of memory, those that are text when segments are full. */
const TEXT_SHARE = 172;

const receiveMemory = (initial: number, most: number): Partial<TcpPolicy> => ({
  receiveBuffer: Math.floor((initial * TEXT_SHARE) / 256),
  receiveBufferMost: most,
  receiveMemory: initial,
});

/** Bits: client, server, client without a cookie, server without a cookie, every listener. */
const fastOpen: Row = (value) => {
  const bits = Number(value);
  if (!/^(0x[0-9a-fA-F]+|\d+)$/.test(value)) return "unsupported";
  return {
    fastOpenClient: (bits & 1) !== 0,
    fastOpenServer: (bits & 2) !== 0,
    fastOpenClientBlind: (bits & 4) !== 0,
    fastOpenServerBlind: (bits & 0x200) !== 0,
    fastOpenListeners: (bits & 0x400) !== 0,
  };
};

/** One key, or two with a comma between: four words each. */
const cookieKeys: Row = (value) => {
  const keys = value.split(",").map((key) => key.trim().split("-"));
  if (keys.length > 2 || keys.some((words) => words.length !== 4 || words.some((word) => !/^[0-9a-fA-F]{1,8}$/.test(word))))
    return "unsupported";
  return { fastOpenKeys: keys.map((words) => words.map((word) => Number.parseInt(word, 16))) };
};

/** What Linux calls reno is NewReno in all but name. */
const controllerNamed = (name: string): string => (name === "reno" ? "newreno" : name);

const linux: Readonly<Record<string, Row>> = {
  tcp_timestamps: (value) => (value === "2" ? { timestamps: true } : flag("timestamps")(value)),
  tcp_sack: flag("sack"),
  tcp_window_scaling: flag("windowScaling"),
  tcp_slow_start_after_idle: flag("idleRestart"),
  tcp_syncookies: (value) =>
    choice(
      {
        "0": { synCookies: false, synCookiesAlways: false },
        "1": { synCookies: true, synCookiesAlways: false },
        "2": { synCookies: true, synCookiesAlways: true },
      },
      value,
    ),
  tcp_syn_retries: integer((synRetries) => ({ synRetries }), 1),
  tcp_syn_linear_timeouts: integer((synLinear) => ({ synLinear })),
  tcp_synack_retries: integer((synAckRetries) => ({ synAckRetries })),
  tcp_orphan_retries: integer((retries) => ({ orphanRetries: retries === 0 ? 8 : retries })),
  tcp_retries1: integer((r1) => ({ r1 }), 1),
  tcp_retries2: integer((r2) => ({ r2 }), 1),
  tcp_fin_timeout: integer((seconds) => ({ finWait2: seconds * SECOND })),
  tcp_keepalive_time: integer((seconds) => ({ keepAliveIdle: seconds * SECOND }), 1),
  tcp_keepalive_intvl: integer((seconds) => ({ keepAliveInterval: seconds * SECOND }), 1),
  tcp_keepalive_probes: integer((keepAliveCount) => ({ keepAliveCount }), 1),
  tcp_invalid_ratelimit: integer((milliseconds) => ({
    invalidAckInterval: milliseconds * MILLISECOND,
    challengeInterval: milliseconds * MILLISECOND,
    synAckInterval: milliseconds * MILLISECOND,
  })),
  tcp_rto_max_ms: integer((milliseconds) => ({ rtoMax: milliseconds * MILLISECOND }), 1_000),
  tcp_rto_min_us: integer((rtoVarianceMin) => ({ rtoMin: rtoVarianceMin, rtoVarianceMin }), 1),
  tcp_rmem: buffer(receiveMemory),
  tcp_wmem: buffer((sendBuffer, sendBufferMost) => ({ sendBuffer, sendBufferMost })),
  tcp_congestion_control: (name) => ({ congestionControl: controllerNamed(name) }),
  tcp_ecn: (value) =>
    choice(
      {
        "0": { ecn: "off" },
        "1": { ecn: "on" },
        "2": { ecn: "passive" },
        "3": { ecn: "accurate" },
        "4": { ecn: "accurate-in" },
        "5": { ecn: "accurate-passive" },
      },
      value,
    ),
  tcp_ecn_option: (value) =>
    choice(
      {
        "0": { accurateOption: "off" },
        "1": { accurateOption: "due" },
        "2": { accurateOption: "always" },
        "3": { accurateOption: "persist" },
      },
      value,
    ),
  tcp_ecn_option_beacon: integer((accurateBeacon) => ({ accurateBeacon })),
  tcp_ecn_fallback: flag("ecnFallback"),
  tcp_fastopen: fastOpen,
  tcp_fastopen_key: cookieKeys,
  tcp_fastopen_blackhole_timeout_sec: integer((seconds) => ({ fastOpenPause: seconds * SECOND })),
  tcp_reordering: integer((dupThresh) => ({ dupThresh }), 1),
  tcp_max_reordering: only("300"),
  tcp_min_snd_mss: integer((mssFloor) => ({ mssFloor }), 28),
  tcp_stdurg: only("0"),
  tcp_abort_on_overflow: only("0"),
  tcp_thin_linear_timeouts: only("0"),
  tcp_reflect_tos: only("0"),
  tcp_pingpong_thresh: only("1"),
  tcp_comp_sack_nr: nothing,
  tcp_comp_sack_delay_ns: nothing,
  tcp_comp_sack_slack_ns: nothing,
  tcp_retrans_collapse: nothing,
  tcp_adv_win_scale: only("1"),
  tcp_app_win: nothing,
  tcp_mem: nothing,
  tcp_max_orphans: nothing,
  tcp_max_tw_buckets: nothing,
  tcp_probe_interval: nothing,
  tcp_probe_threshold: nothing,
  tcp_backlog_ack_defer: nothing,
  tcp_available_congestion_control: nothing,
  tcp_allowed_congestion_control: nothing,
  tcp_early_retrans: (value) =>
    choice(
      {
        "0": { lossProbe: false },
        "1": { lossProbe: false },
        "2": { lossProbe: false },
        "3": { lossProbe: true },
        "4": { lossProbe: true },
      },
      value,
    ),
  // Linux finds losses by time whatever this says, since it has no other way (6.17).
  tcp_recovery: only("0", "1"),
  tcp_frto: (value) => choice({ "0": { frto: false }, "1": { frto: true }, "2": { frto: true } }, value),
  tcp_dsack: flag("duplicateSack"),
  tcp_fack: nothing,
  tcp_low_latency: nothing,
  tcp_min_rtt_wlen: nothing,
  tcp_fwmark_accept: nothing,
  tcp_tw_reuse_delay: nothing,
  tcp_mtu_probe_floor: nothing,
  tcp_plb_enabled: only("0"),
  tcp_workaround_signed_windows: only("0"),
  tcp_l3mdev_accept: nothing,
  ip_default_ttl: integer((ttl) => ({ ttl }), 1),
  icmp_ratelimit: nothing,
  icmp_ratemask: nothing,
  tcp_mtu_probing: (value) =>
    choice({ "0": { pathProbing: "off" }, "1": { pathProbing: "black-hole" }, "2": { pathProbing: "always" } }, value),
  tcp_base_mss: integer((mss) => ({ pathBase: mss + 40 }), 88),
  tcp_shrink_window: flag("windowShrinks"),
  tcp_rfc1337: nothing,
  tcp_tw_reuse: nothing,
  tcp_no_metrics_save: (value) => choice({ "0": { sharing: "rtt" }, "1": { sharing: "none" } }, value),
  tcp_autocorking: nothing,
  tcp_limit_output_bytes: nothing,
  tcp_min_tso_segs: integer((burstLeast) => ({ burstLeast }), 1),
  tcp_tso_win_divisor: nothing,
  tcp_tso_rtt_log: nothing,
  tcp_pacing_ss_ratio: only("200"),
  tcp_pacing_ca_ratio: only("120"),
  tcp_notsent_lowat: (value) => {
    const octets = Number(value) >>> 0;
    return /^-?\d+$/.test(value) ? { notSentLowat: octets === 0xffff_ffff ? 0 : octets } : "unsupported";
  },
  tcp_moderate_rcvbuf: nothing,
  tcp_challenge_ack_limit: nothing,
  tcp_max_syn_backlog: nothing,
  ip_no_pmtu_disc: only("0"),
  ip_local_port_range: nothing,
};

const core: Readonly<Record<string, Row>> = {
  rmem_max: nothing,
  wmem_max: nothing,
  rmem_default: nothing,
  wmem_default: nothing,
  optmem_max: nothing,
  somaxconn: nothing,
  default_qdisc: nothing,
  netdev_max_backlog: nothing,
  busy_poll: nothing,
  busy_read: nothing,
  high_order_alloc_disable: nothing,
  tstamp_allow_data: nothing,
};

/** The row of a key, written with points or as a path below /proc/sys; null: nobody has heard of it. */
function rowOf(key: string): Row | null {
  const name = key.replace(/^\/proc\/sys\//, "").replaceAll("/", ".");
  const bsd = freebsdRow(name);
  if (bsd !== null) return bsd;
  const tcp = /^net\.(?:ipv4|ipv6)\.(\w+)$/.exec(name);
  if (tcp !== null && Object.hasOwn(linux, tcp[1]!)) return linux[tcp[1]!]!;
  const other = /^net\.core\.(\w+)$/.exec(name);
  return other !== null && Object.hasOwn(core, other[1]!) ? core[other[1]!]! : null;
}

/** What setting `key` to `value` comes to. */
export function sysctl(key: string, value: string): Meaning {
  const row = rowOf(key);
  return row === null ? "unsupported" : row(value.trim());
}

/** What `defaults.sh` sets, and what of it a profile field holds. */
export const defaultsOfLinux: readonly (readonly [string, string])[] = [
  ["net.ipv4.tcp_rmem", "4096 540000 15728640"],
  ["net.ipv4.tcp_wmem", "4096 262144 4194304"],
  ["net.ipv4.tcp_timestamps", "1"],
  ["net.ipv4.tcp_syn_retries", "5"],
  ["net.ipv4.tcp_synack_retries", "5"],
  ["net.ipv4.tcp_frto", "2"],
  ["net.ipv4.tcp_sack", "1"],
  ["net.ipv4.tcp_dsack", "1"],
  ["net.ipv4.tcp_fack", "0"],
  ["net.ipv4.tcp_reordering", "3"],
  ["net.ipv4.tcp_congestion_control", "cubic"],
  ["net.ipv4.tcp_slow_start_after_idle", "0"],
  ["net.ipv4.tcp_early_retrans", "4"],
  ["net.ipv4.tcp_recovery", "1"],
  ["net.ipv4.tcp_tso_win_divisor", "3"],
  ["net.ipv4.tcp_ecn", "0"],
  ["net.ipv4.tcp_ecn_option", "2"],
  ["net.ipv4.tcp_pacing_ss_ratio", "200"],
  ["net.ipv4.tcp_pacing_ca_ratio", "120"],
  ["net.ipv4.tcp_notsent_lowat", "4294967295"],
  ["net.ipv4.tcp_fastopen", "0x70403"],
  ["net.ipv4.tcp_fastopen_key", "a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4"],
  ["net.ipv4.tcp_syncookies", "1"],
];
