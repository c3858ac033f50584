/** TCP_INFO and its kin: a connection in the words of `struct tcp_info`, sizes in segments where it has them in segments. */

import { seqAdd, seqDiff, seqLt } from "../base/seq.js";
import { Hold } from "../base/why.js";
import type { AccurateEcn } from "../tcp/accurate-ecn.js";
import { NO_THRESHOLD } from "../tcp/congestion/controller.js";
import { FastOpen } from "../tcp/fast-open.js";
import { FIRST_HOLD } from "../tcp/hold.js";
import { Phase } from "../tcp/recovery/recovery.js";
import { Mark } from "../tcp/recovery/sent.js";
import { EcnField } from "../tcp/segment.js";
import { State, stateNames } from "../tcp/state.js";
import { Flag, has, type Tcb } from "../tcp/tcb.js";
import { isOpening } from "../tcp/user.js";
import type { InfoRecord } from "./message.js";
import { receiveMemory } from "./receive-memory.js";
import type { TcpSocket } from "./tcp-socket.js";

/** Numbers of the states, as programs compare them. */
const linuxStates: Readonly<Record<string, number>> = {
  ESTABLISHED: 1,
  "SYN-SENT": 2,
  "SYN-RECEIVED": 3,
  "FIN-WAIT-1": 4,
  "FIN-WAIT-2": 5,
  "TIME-WAIT": 6,
  CLOSED: 7,
  "CLOSE-WAIT": 8,
  "LAST-ACK": 9,
  LISTEN: 10,
  CLOSING: 11,
};

const freebsdStates: Readonly<Record<string, number>> = {
  CLOSED: 0,
  LISTEN: 1,
  "SYN-SENT": 2,
  "SYN-RECEIVED": 3,
  ESTABLISHED: 4,
  "CLOSE-WAIT": 5,
  "FIN-WAIT-1": 6,
  CLOSING: 7,
  "LAST-ACK": 8,
  "FIN-WAIT-2": 9,
  "TIME-WAIT": 10,
};

/** Bits of `tcpi_options`. */
export const InfoOption = { TIMESTAMPS: 1, SACK: 2, WSCALE: 4, ECN: 8, ECN_SEEN: 16, SYN_DATA: 32, TFO_CHILD: 128 } as const;
/** Values of `tcpi_ca_state`. */
export const InfoState = { Open: 0, Disorder: 1, CWR: 2, Recovery: 3, Loss: 4 } as const;

/** Reordering beyond this many segments counts as so much. */
const MOST_REORDERING = 300;

/** Every word that scripts read, by its name in the structure. */
export function tcpInfo(socket: TcpSocket): InfoRecord {
  const { tcb } = socket;
  const now = socket.environment.now();
  const linux = socket.environment.personality.infoState === "linux";
  const states = linux ? linuxStates : freebsdStates;
  // What waits for old duplicates is no socket any more where the application asks.
  const state = states[linux && socket.state === State.TimeWait ? "CLOSED" : stateNames[socket.state]!]!;
  if (tcb === null) return { ...unconnected, tcpi_state: socket.connectsLater ? states["SYN-SENT"]! : state };
  const { snd, rcv, cc, recovery } = tcb;
  const mss = Math.max(1, snd.mss);
  const { held, again, lost } = linux && isOpening(tcb) ? opening(tcb) : outstanding(tcb);
  const refused = linux && synTextRefused(tcb);
  const since = (at: number): number => (at <= 0 ? 0 : Math.floor((now - at) / 1_000));
  const limited = (hold: number): number => tcb.holds[hold - FIRST_HOLD]! + (tcb.hold === hold ? now - tcb.heldSince : 0);
  return {
    ...blank,
    tcpi_state: state,
    tcpi_ca_state: refused ? InfoState.Loss : congestionState(tcb),
    tcpi_retransmits: tcb.retries,
    tcpi_probes: has(tcb, Flag.Persisting) ? tcb.retries : tcb.keepAliveProbes,
    tcpi_backoff: tcb.backoff,
    tcpi_options: tcb.state === State.SynSent ? 0 : options(tcb),
    tcpi_snd_wscale: snd.scale,
    tcpi_rcv_wscale: rcv.scale,
    tcpi_rto: tcb.rto,
    tcpi_ato: rcv.ato,
    tcpi_snd_mss: snd.mss,
    tcpi_rcv_mss: rcv.guess || rcv.mss || Math.min(536, snd.mss),
    // Once timestamps are agreed, every segment has room for them.
    tcpi_advmss: socket.environment.stack.tcp.announcedMss(socket.handle) - (tcb.establishedAt >= 0 && has(tcb, Flag.Timestamps) ? 12 : 0),
    tcpi_unacked: held,
    tcpi_sacked: tcb.sent.sackedRecords + Math.floor(recovery.departed / mss),
    tcpi_lost: lost,
    tcpi_retrans: refused ? Math.max(1, again) : again,
    tcpi_last_data_sent: since(tcb.lastTextSentAt),
    tcpi_last_data_recv: since(rcv.textAt || tcb.establishedAt),
    tcpi_last_ack_recv: since(tcb.lastHeardAt),
    tcpi_pmtu: tcb.pathMtu,
    tcpi_rtt: tcb.srtt,
    tcpi_rttvar: tcb.rttvar,
    tcpi_min_rtt: tcb.minRtt,
    tcpi_snd_cwnd: synLost(tcb) ? 1 : Math.max(1, Math.floor(recovery.window(cc.window()) / mss)),
    tcpi_snd_ssthresh: cc.threshold() === NO_THRESHOLD ? NO_THRESHOLD : Math.floor(cc.threshold() / mss),
    tcpi_rcv_space: rcv.memory?.space ?? rcv.buffer,
    // The SYN of who opens counts, and the FIN.
    tcpi_bytes_acked: tcb.octetsAcked + (tcb.establishedAt >= 0 && !has(tcb, Flag.Passive) ? 1 : 0) + (has(tcb, Flag.FinAcked) ? 1 : 0),
    tcpi_bytes_received: tcb.octetsReceived,
    tcpi_bytes_sent: tcb.octetsSent + tcb.octetsRetransmitted,
    tcpi_bytes_retrans: tcb.octetsRetransmitted,
    tcpi_segs_out: tcb.segmentsSent,
    // A server's count begins with the SYN.
    tcpi_segs_in: tcb.segmentsReceived + (linux && has(tcb, Flag.Passive) ? 1 : 0),
    tcpi_total_retrans: tcb.segmentsRetransmitted,
    tcpi_notsent_bytes: Math.max(0, seqDiff(seqAdd(snd.text, tcb.sendQueue.length), snd.nxt)),
    tcpi_snd_wnd: snd.wnd,
    tcpi_rcv_ooopack: tcb.outOfOrderSegments,
    tcpi_rcv_ssthresh: rcv.memory?.threshold ?? rcv.buffer,
    tcpi_reordering: Math.min(MOST_REORDERING, Math.max(socket.environment.stack.tcp.policy.dupThresh, tcb.sent.reordering)),
    tcpi_reord_seen: tcb.reorderings,
    tcpi_busy_time: tcb.busyFor + (tcb.busySince < 0 ? 0 : now - tcb.busySince),
    tcpi_rwnd_limited: limited(Hold.Rwnd),
    tcpi_sndbuf_limited: limited(Hold.SendBuffer),
    // The SYN, or the SYN,ACK, counts, and text beside it not for more.
    tcpi_delivered: tcb.deliveredSegments + (tcb.establishedAt < 0 ? 0 : 1),
    tcpi_delivered_ce: tcb.deliveredMarked,
    ...(has(tcb, Flag.AccurateEcn) && tcb.accurate !== null ? marks(tcb.accurate) : null),
  };
}

/** The counters of RFC 9768, without what they begin with. */
const marks = ({ marked, octets, delivered }: Readonly<AccurateEcn>): InfoRecord => ({
  tcpi_received_ce: marked,
  tcpi_delivered_e0_bytes: delivered[EcnField.Ect0]!,
  tcpi_delivered_e1_bytes: delivered[EcnField.Ect1]!,
  tcpi_delivered_ce_bytes: delivered[EcnField.Ce]!,
  tcpi_received_e0_bytes: octets[EcnField.Ect0]!,
  tcpi_received_e1_bytes: octets[EcnField.Ect1]!,
  tcpi_received_ce_bytes: octets[EcnField.Ce]!,
});

function options(tcb: Readonly<Tcb>): number {
  let bits = 0;
  if (has(tcb, Flag.Timestamps)) bits |= InfoOption.TIMESTAMPS;
  if (has(tcb, Flag.Sack)) bits |= InfoOption.SACK;
  if (has(tcb, Flag.WindowScale)) bits |= InfoOption.WSCALE;
  if (has(tcb, Flag.Ecn)) bits |= InfoOption.ECN;
  if (has(tcb, Flag.EcnSeen)) bits |= InfoOption.ECN_SEEN;
  if (tcb.fastOpen & FastOpen.SynDataAcked) bits |= InfoOption.SYN_DATA;
  if (tcb.fastOpen & FastOpen.Early) bits |= InfoOption.TFO_CHILD;
  return bits;
}

/** Records of what is in flight: of all of it, of what was sent again and is under way, and of what is taken for lost and not made good. */
function outstanding({ sent }: Readonly<Tcb>): { held: number; again: number; lost: number } {
  let again = 0;
  let lost = 0;
  for (let i = 0; i < sent.count; i++) {
    const marks = sent.marks(i);
    if (marks & Mark.Sacked) continue;
    const repeated = (marks & (Mark.Retransmitted | Mark.Lost)) === Mark.Retransmitted;
    // What asks whether something is lost is not counted as its repair.
    if (repeated && (marks & Mark.Probe) !== 0) continue;
    if (repeated) again += 1;
    if (marks & Mark.Lost || (repeated && (marks & Mark.Twice) === 0)) lost += 1;
  }
  return { held: sent.count, again, lost };
}

/** A SYN that is in flight, text beside it counts on its own; one that was lost is in flight again. */
function opening(tcb: Readonly<Tcb>): { held: number; again: number; lost: number } {
  if (tcb.state !== State.SynSent) return outstanding(tcb);
  const text = tcb.fastOpen & FastOpen.SynData ? 1 : 0;
  return { held: tcb.snd.nxt === tcb.iss ? 0 : 1 + text, again: tcb.retries > 0 ? 1 : 0, lost: tcb.retries > 0 ? 1 + text : 0 };
}

/** The text of our SYN was not taken, and has gone again. */
const synTextRefused = (tcb: Readonly<Tcb>): boolean =>
  (tcb.fastOpen & (FastOpen.SynData | FastOpen.SynDataAcked)) === FastOpen.SynData &&
  tcb.establishedAt >= 0 &&
  tcb.octetsAcked === 0 &&
  tcb.sent.count > 0;

/** Who opens has lost a SYN; a server that has text to send already, two. */
const synLost = (tcb: Readonly<Tcb>): boolean =>
  tcb.state === State.SynSent
    ? tcb.retries > 0
    : tcb.state === State.SynReceived && (tcb.fastOpen & FastOpen.Early) !== 0 && tcb.retries > 1;

function congestionState(tcb: Readonly<Tcb>): number {
  const { snd, recovery, sent } = tcb;
  if (synLost(tcb)) return InfoState.Loss;
  if (recovery.phase === Phase.AfterTimeout) return InfoState.Loss;
  if (recovery.phase === Phase.FastRecovery) return InfoState.Recovery;
  if (recovery.slowing) return InfoState.CWR;
  if (tcb.deliveredMarked > 0 && seqLt(snd.una, snd.reduced)) return InfoState.CWR;
  return sent.ranges.count > 0 || recovery.departed > 0 ? InfoState.Disorder : InfoState.Open;
}

const blank = {
  tcpi_state: 0,
  tcpi_ca_state: 0,
  tcpi_retransmits: 0,
  tcpi_probes: 0,
  tcpi_backoff: 0,
  tcpi_options: 0,
  tcpi_snd_wscale: 0,
  tcpi_rcv_wscale: 0,
  tcpi_delivery_rate_app_limited: 0,
  tcpi_fastopen_client_fail: 0,
  tcpi_rto: 0,
  tcpi_ato: 0,
  tcpi_snd_mss: 0,
  tcpi_rcv_mss: 0,
  tcpi_unacked: 0,
  tcpi_sacked: 0,
  tcpi_lost: 0,
  tcpi_retrans: 0,
  tcpi_fackets: 0,
  tcpi_last_data_sent: 0,
  tcpi_last_ack_sent: 0,
  tcpi_last_data_recv: 0,
  tcpi_last_ack_recv: 0,
  tcpi_pmtu: 0,
  tcpi_rcv_ssthresh: 0,
  tcpi_rtt: 0,
  tcpi_rttvar: 0,
  tcpi_snd_ssthresh: NO_THRESHOLD,
  tcpi_snd_cwnd: 0,
  tcpi_advmss: 0,
  tcpi_reordering: 3,
  tcpi_rcv_rtt: 0,
  tcpi_rcv_space: 0,
  tcpi_total_retrans: 0,
  tcpi_pacing_rate: 0,
  tcpi_max_pacing_rate: 0,
  tcpi_bytes_acked: 0,
  tcpi_bytes_received: 0,
  tcpi_segs_out: 0,
  tcpi_segs_in: 0,
  tcpi_notsent_bytes: 0,
  tcpi_min_rtt: 0,
  tcpi_data_segs_in: 0,
  tcpi_data_segs_out: 0,
  tcpi_delivery_rate: 0,
  tcpi_busy_time: 0,
  tcpi_rwnd_limited: 0,
  tcpi_sndbuf_limited: 0,
  tcpi_delivered: 0,
  tcpi_delivered_ce: 0,
  tcpi_bytes_sent: 0,
  tcpi_bytes_retrans: 0,
  tcpi_dsack_dups: 0,
  tcpi_reord_seen: 0,
  tcpi_rcv_ooopack: 0,
  tcpi_snd_wnd: 0,
  tcpi_received_ce: 0,
  tcpi_delivered_e0_bytes: 0,
  tcpi_delivered_e1_bytes: 0,
  tcpi_delivered_ce_bytes: 0,
  tcpi_received_e0_bytes: 0,
  tcpi_received_e1_bytes: 0,
  tcpi_received_ce_bytes: 0,
} as const;

/** A socket without a connection, whose congestion controller stands ready (RFC 6928). */
const unconnected = { ...blank, tcpi_snd_cwnd: 10, tcpi_snd_mss: 536 } as const;

/** TCP_CC_INFO: what the congestion controller says of itself. */
export function congestionInfo(_socket: TcpSocket): InfoRecord {
  return { vegas_enabled: 0, vegas_rttcnt: 0, vegas_rtt: 0, vegas_minrtt: 0 };
}

/** SO_MEMINFO. */
export function memoryInfo(socket: TcpSocket): InfoRecord {
  const { tcb } = socket;
  const { personality, stack } = socket.environment;
  const { policy } = stack.tcp;
  const options = tcb?.options ?? socket.settings.options();
  return {
    SK_MEMINFO_RMEM_ALLOC: tcb === null ? 0 : (tcb.rcv.memory?.held ?? tcb.receiveQueue.length),
    SK_MEMINFO_RCVBUF: personality.sendOverhead > 0 ? receiveMemory(socket) : (tcb?.rcv.buffer ?? options.receiveBuffer),
    SK_MEMINFO_WMEM_ALLOC: 0,
    SK_MEMINFO_SNDBUF: personality.sendOverhead > 0 ? socket.memory.limit(policy, tcb) : (tcb?.snd.buffer ?? options.sendBuffer),
    SK_MEMINFO_FWD_ALLOC: 0,
    SK_MEMINFO_WMEM_QUEUED: tcb === null ? 0 : socket.memory.used(policy, tcb),
    SK_MEMINFO_OPTMEM: 0,
    SK_MEMINFO_BACKLOG: 0,
    SK_MEMINFO_DROPS: 0,
  };
}
