/** A connection as plain JSON in the words of the RFCs: live or frozen. For people and tools; not for the packet path. */
import { type Micros, NEVER } from "../base/environment.js";
import { seqDiff } from "../base/seq.js";
import { Hold } from "../base/why.js";
import { whyName } from "../base/why-registry.js";
import { formatIp } from "../ip/address.js";
import { NO_THRESHOLD } from "./congestion/controller.js";
import { closeErrors } from "./events.js";
import { FIRST_HOLD, HOLDS, lifetime } from "./hold.js";
import type { Listener } from "./listener.js";
import { searchStateNames } from "./path-search-state.js";
import type { TcpPolicy } from "./policy.js";
import { backedOff } from "./rtt.js";
import { stateNames } from "./state.js";
import { Flag, has, Owe, type Tcb } from "./tcb.js";
import { receiveWindow } from "./window.js";

const phases = ["open", "fast recovery", "after timeout"];

/** Sequence numbers as unsigned 32-bit, times in microseconds, sizes in octets. A timer that is not armed is null. */
export function showTcb(tcb: Tcb, policy: TcpPolicy, form: "live" | "frozen", now: Micros): Record<string, unknown> {
  const { snd, rcv, cc, recovery, options } = tcb;
  const left = (at: Micros): number | null => (at === NEVER ? null : Math.max(0, at - now));
  const ago = (at: Micros): number | null => (at <= 0 ? null : now - at);
  return {
    handle: tcb.handle,
    form,
    state: stateNames[tcb.state],
    local: `${formatIp(tcb.local)}:${tcb.localPort}`,
    remote: `${formatIp(tcb.remote)}:${tcb.remotePort}`,
    role: has(tcb, Flag.Passive) ? "passive" : "active",
    orphan: has(tcb, Flag.Orphan),
    unaccepted: has(tcb, Flag.Unaccepted),
    error: closeErrors[tcb.error] ?? null,
    softError: closeErrors[tcb.softError] ?? null,
    iss: tcb.iss >>> 0,
    irs: tcb.irs >>> 0,
    snd: {
      una: snd.una >>> 0,
      nxt: snd.nxt >>> 0,
      wnd: snd.wnd,
      wl1: snd.wl1 >>> 0,
      wl2: snd.wl2 >>> 0,
      up: seqDiff(snd.up, snd.una) > 0 ? snd.up >>> 0 : null,
      maxWnd: snd.maxWnd,
      windShift: snd.scale,
      mss: snd.mss,
      peerMss: snd.peerMss,
      flight: seqDiff(snd.nxt, snd.una),
      queued: tcb.sendQueue.length,
      unsent: Math.max(0, tcb.sendQueue.length - seqDiff(snd.nxt, snd.text)),
      buffer: snd.buffer,
      finQueued: has(tcb, Flag.FinQueued),
      finSent: has(tcb, Flag.FinSent),
      finAcked: has(tcb, Flag.FinAcked),
    },
    rcv: {
      nxt: rcv.nxt >>> 0,
      wnd: receiveWindow(tcb),
      rightEdge: rcv.adv >>> 0,
      up: seqDiff(rcv.up, rcv.nxt) > 0 ? rcv.up >>> 0 : null,
      windShift: rcv.scale,
      mss: rcv.mss,
      queued: tcb.receiveQueue.length,
      unacked: rcv.unacked,
      outOfOrder: tcb.outOfOrder.octets,
      outOfOrderRanges: Array.from({ length: tcb.outOfOrder.count }, (_, i) => [
        tcb.outOfOrder.left(i) >>> 0,
        tcb.outOfOrder.right(i) >>> 0,
      ]),
      buffer: rcv.buffer,
      rtt: rcv.rtt || null,
      finSeen: rcv.finSeen,
      lastAckSent: rcv.lastAckSent >>> 0,
      tsRecent: rcv.tsRecent >>> 0,
      tsRecentAge: has(tcb, Flag.Timestamps) ? now - rcv.tsRecentAt : null,
    },
    agreed: {
      windowScale: has(tcb, Flag.WindowScale),
      timestamps: has(tcb, Flag.Timestamps),
      sack: has(tcb, Flag.Sack),
      ecn: has(tcb, Flag.AccurateEcn) ? "accurate" : has(tcb, Flag.Ecn) && "classic",
    },
    congestion: {
      controller: cc.name,
      cwnd: cc.window(),
      ssthresh: cc.threshold() === NO_THRESHOLD ? null : cc.threshold(),
      state: cc.inspect === undefined ? null : cc.inspect(),
      pacingRate: tcb.pacingRate || null,
      pacedBy: tcb.pacingRate === 0 ? null : tcb.linkPaces ? "link" : "stack",
      deliveryRate: tcb.deliveryRate || null,
      deliveryLimited: tcb.deliveryLimited,
      recovery: recovery.name,
      phase: phases[recovery.phase],
      recoveryPoint: recovery.recoveryPoint >>> 0,
      pipe: recovery.pipe(snd.una, snd.nxt, snd.mss),
      recoveryState: recovery.inspect(),
    },
    rtt: {
      srtt: tcb.srtt || null,
      rttvar: tcb.rttvar || null,
      latest: tcb.latestRtt || null,
      min: tcb.minRtt || null,
      rto: tcb.rto,
      backedOffRto: backedOff(options, tcb.rto, tcb.backoff, policy.rtoSlop),
      backoff: tcb.backoff,
      retries: tcb.retries,
    },
    path: {
      search: searchStateNames[tcb.search.state],
      searchedTo: tcb.search.high || null,
      probe: tcb.search.size || null,
      mtu: tcb.pathMtu,
      claimedMtu: tcb.claimedMtu || null,
      acknowledgedSize: snd.acknowledgedSize,
    },
    limitedBy: tcb.hold === 0 ? null : whyName(tcb.hold),
    limited: tcb.establishedAt < 0 ? null : { since: now - tcb.heldSince, lifetime: lifetime(tcb, now), spent: showHolds(tcb, now) },
    owes: Object.entries(Owe)
      .filter(([, bit]) => tcb.owes & bit)
      .map(([name]) => name),
    timers: {
      retransmission: has(tcb, Flag.Persisting) ? null : left(tcb.rexmitAt),
      persist: has(tcb, Flag.Persisting) ? left(tcb.rexmitAt) : null,
      delayedAck: left(tcb.ackAt),
      idle: left(tcb.idleAt),
      userTimeout: left(tcb.userAt),
      swsOverride: left(tcb.swsAt),
      pacing: left(tcb.paceAt),
    },
    keepAliveProbes: tcb.keepAliveProbes,
    quickAcks: tcb.quickAcks,
    opened: ago(tcb.openedAt),
    lastSent: ago(tcb.lastSentAt),
    lastTextSent: ago(tcb.lastTextSentAt),
    lastHeard: ago(tcb.lastHeardAt),
    counters: {
      segmentsSent: tcb.segmentsSent,
      segmentsReceived: tcb.segmentsReceived,
      octetsSent: tcb.octetsSent,
      octetsAcked: tcb.octetsAcked,
      octetsReceived: tcb.octetsReceived,
      segmentsRetransmitted: tcb.segmentsRetransmitted,
      octetsRetransmitted: tcb.octetsRetransmitted,
      duplicateSegments: tcb.duplicateSegments,
      outOfOrderSegments: tcb.outOfOrderSegments,
      timeouts: tcb.timeouts,
      fastRetransmits: tcb.fastRetransmits,
      duplicateAcks: tcb.duplicateAcks,
      zeroWindowProbes: tcb.zeroWindowProbes,
      challenges: tcb.challenges,
    },
    options: { ...options },
  };
}

/** Microseconds by name of what held the sender back, of those that ever did; together they are its lifetime. */
export function showHolds(tcb: Tcb, now: Micros): Record<string, Micros> {
  const shown: Record<string, Micros> = {};
  let rest = lifetime(tcb, now);
  for (let i = 0; i < HOLDS; i++) {
    const spent = tcb.holds[i]! + (tcb.hold === FIRST_HOLD + i ? now - tcb.heldSince : 0);
    if (spent > 0) shown[whyName(FIRST_HOLD + i)] = spent;
    rest -= spent;
  }
  return { [whyName(Hold.Application)]: rest, ...shown };
}

export const showListener = (listener: Listener): Record<string, unknown> => ({
  handle: listener.handle,
  form: "listener",
  state: "LISTEN",
  local: `${formatIp(listener.local)}:${listener.port}`,
  backlog: listener.backlog,
  halfOpen: listener.halfOpen,
  waiting: listener.waiting,
});
