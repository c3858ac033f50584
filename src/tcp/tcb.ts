/** The transmission control block: RFC 9293 s3.3.1. SND.NXT is `tcb.snd.nxt`, RCV.WND is what `rcv.adv` leaves beyond `rcv.nxt`. */
import { ByteQueue } from "../base/byte-queue.js";
import type { ChunkPool } from "../base/chunks.js";
import { type Micros, NEVER } from "../base/environment.js";
import { SeqRanges } from "../base/ranges.js";
import { type Seq, seq } from "../base/seq.js";
import { type IpAddress, UNSPECIFIED } from "../ip/address.js";
import type { AccurateEcn } from "./accurate-ecn.js";
import { BeforeTimeout } from "./before-timeout.js";
import type { CongestionController } from "./congestion/controller.js";
import type { ConnectionOptions } from "./connection-options.js";
import { HOLDS } from "./hold.js";
import { PathSearch } from "./path-search-state.js";
import { Timer } from "./probe.js";
import type { ReceiveMemory } from "./receive-memory.js";
import type { LossRecovery } from "./recovery/recovery.js";
import type { SentRecords } from "./recovery/sent.js";
import { State } from "./state.js";
import { WindowUse } from "./validation.js";

/** RFC 9293 s3.3.1, figure 3. */
export class SendSpace {
  una: Seq = seq(0);
  nxt: Seq = seq(0);
  /** SND.WND, scaled. */
  wnd = 0;
  wl1: Seq = seq(0);
  wl2: Seq = seq(0);
  /** SND.UP: the octet after the last urgent one; equal to `una` when there is none. */
  up: Seq = seq(0);
  /** Snd.Wind.Shift. */
  scale = 0;
  /** The largest window the peer ever offered: Max(SND.WND) of s3.8.6.2.1, MAX.SND.WND of RFC 5961 s5. */
  maxWnd = 0;
  /** Octets that may wait in the send queue, as far as there is memory (autotune.ts). */
  buffer = 0;
  /** Octets of text in a full segment: Eff.snd.MSS without the options that every segment carries. */
  mss = 536;
  /** What the peer announced. */
  peerMss = 536;
  /** Behind the last segment that was pushed for being half a window from the one before. */
  pushed: Seq = seq(0);
  /** Sequence number of the first octet in the send queue. */
  text: Seq = seq(0);
  /** End of the last segment smaller than `mss` that was sent: Minshall's SND.SML (RFC 9293 appendix A.3). */
  sml: Seq = seq(0);
  /** SND.NXT when the window was last reduced, below SND.UNA if that is longer ago: what was sent before says nothing new about congestion (RFC 3168 s6.1.2). */
  reduced: Seq = seq(0);
  /** The largest packet that was sent, since path MTU discovery last took a step, and the largest that was ever acknowledged, IP
   *  octets: maxsizesent and maxsizeacked of RFC 5927 s7.2. */
  sentSize = 0;
  acknowledgedSize = 0;
}

/** RFC 9293 s3.3.1, figure 4. */
export class ReceiveSpace {
  nxt: Seq = seq(0);
  /** RCV.NXT+RCV.WND: the right edge of the largest window ever offered; text below it is accepted (RFC 7323 s2.4). RCV.WND itself
   *  is `receiveWindow` in window.ts. */
  adv: Seq = seq(0);
  /** RCV.UP. */
  up: Seq = seq(0);
  /** Rcv.Wind.Shift. */
  scale = 0;
  /** TS.Recent and when it was set (RFC 7323 s4.3, s5.5). */
  tsRecent = 0;
  tsRecentAt: Micros = 0;
  /** Last.ACK.sent. */
  lastAckSent: Seq = seq(0);
  /** The largest text that the peer has sent in one segment: RMSS as it turns out. */
  mss = 0;
  /** RCV.BUFF: octets that may wait for the application (autotune.ts). */
  buffer = 0;
  /** What segments take of memory, where policy counts that. */
  memory: ReceiveMemory | null = null;
  /** The round trip as a receiver sees it, 0: not known; by the echo used last, or by when a window of text began and where it ends. */
  rtt: Micros = 0;
  echoed = 0;
  rttFrom: Micros = NEVER;
  rttEnd: Seq = seq(0);
  /** Octets that the application has taken, since when, and the most that it took in a round trip. */
  copied = 0;
  copiedFrom: Micros = 0;
  space = 0;
  /** Octets of text received and not yet acknowledged. */
  unacked = 0;
  /** What delayed ACKs go by (delayed-ack.ts): the time that an ACK may wait, 0: no text yet; when text came last; what is taken for a full
   *  segment, and the size of a smaller one that may become that; and what the unacknowledged text asks for. */
  ato: Micros = 0;
  textAt: Micros = 0;
  guess = 0;
  lastSize = 0;
  pushed = 0;
  /** Where the peer's FIN is, once it is known; else meaningless. */
  fin: Seq = seq(0);
  finSeen = false;
  /** Left edges of out-of-order ranges, the most recent first (RFC 2018 s4). */
  readonly recent = new Int32Array(4);
  recentCount = 0;
  /** A duplicate to be reported once (RFC 2883). */
  dsackLeft: Seq = seq(0);
  dsackRight: Seq = seq(0);
  dsack = false;
}

/** Everything the connection will do later, decided now: `output` reads these when the handlers are done. Bits. */
export const Owe = {
  /** An ACK now. */
  Ack: 1,
  /** An ACK before `ackAt`. */
  DelayedAck: 2,
  Syn: 4,
  SynAck: 8,
  /** A probe of a closed window. */
  Probe: 16,
  KeepAlive: 32,
  /** A window update if the window has grown enough. */
  Window: 64,
  /** Segments that sender SWS avoidance held back may go. */
  SwsOverride: 128,
  /** A loss probe (RFC 8985 s7.3). */
  LossProbe: 256,
} as const;

/** Facts that are true or not. Bits of `tcb.flags`. */
export const Flag = {
  /** Until the handshake ends: what we offered. After it: what was agreed. */
  Timestamps: 1,
  Sack: 2,
  WindowScale: 4,
  /** The application has closed its sending side: a FIN follows the queue. */
  FinQueued: 8,
  /** SND.NXT covers our FIN. */
  FinSent: 16,
  FinAcked: 32,
  /** No application owns it any more. */
  Orphan: 64,
  /** Spawned by a listener, not by a connect (MUST-11). */
  Passive: 128,
  /** Persist instead of retransmission: the window is closed. */
  Persisting: 256,
  /** The SYN or SYN,ACK was sent more than once. */
  SynRetransmitted: 512,
  /** It was in the accept queue, and nobody has taken it. */
  Unaccepted: 1024,
  /** The ICMP error that waits for confirmation by a timeout (RFC 5927 s7.2). */
  PmtuPending: 2048,
  /** It wants to send, and there was no memory for a first octet: told when there is. */
  Starved: 4096,
  /** The override of sender SWS avoidance is running. */
  SwsArmed: 8192,
  /** The SYN was sent again: the echo of its timestamp gives the sample. */
  Untimed: 16384,
  /** The application wants to hear when there is room. */
  WantsRoom: 32768,
  /** The advice of R1 was given for this segment. */
  Advised: 65536,
  /** Its ACK has waited for the application once. */
  Postponed: 131072,
  /** ECN: until the handshake ends, what we offered; after it: agreed. */
  Ecn: 262144,
  /** We offered ECN, and then sent a SYN that did not. */
  EcnFallback: 524288,
  /** New text may be marked: ECT. */
  Ect: 1048576,
  /** A mark has arrived: ACKs carry ECE. */
  EchoMark: 2097152,
  /** The window was reduced: the next new text carries CWR. */
  OwesCwr: 4194304,
  /** There was a round-trip sample since the last loss probe (RFC 8985 s7.3). */
  Measured: 8388608,
  /** Beside `Ecn`: with the feedback of RFC 9768. */
  AccurateEcn: 16777216,
  /** Something has arrived with ECT or CE. */
  EcnSeen: 33554432,
  /** The next ACK without text says how the SYN,ACK came (RFC 9768 s3.2.2.1). */
  TellsSynMark: 67108864,
  /** What we send answers what comes: ACKs wait for a reply to travel on. */
  Conversing: 134217728,
  /** The application wants to hear when text leaves, and when it is acknowledged. */
  Followed: 268435456,
  /** The application reads no more, and its sending side is closed or will be: text that comes then is answered by a RST. */
  Deaf: 536870912,
} as const;

/** Fields that every segment touches come first, since that is where they lie in memory: ten thousand connections do not fit into a
 *  cache, and each line that a segment does not touch is one that it need not wait for. */
export class Tcb {
  handle = 0;
  slot = 0;
  state: State = State.Closed;
  flags = 0;
  readonly snd = new SendSpace();
  readonly rcv = new ReceiveSpace();
  local: IpAddress = UNSPECIFIED;
  remote: IpAddress = UNSPECIFIED;
  localPort = 0;
  remotePort = 0;

  /** How large packets may be, where no router says it. */
  readonly search = new PathSearch();
  /** What the application wrote and the peer has not acknowledged; what arrived and the application has not read. */
  readonly sendQueue: ByteQueue;
  readonly receiveQueue: ByteQueue;
  readonly outOfOrder: SeqRanges;
  options: ConnectionOptions;
  cc: CongestionController;
  recovery: LossRecovery;
  /** What `recovery` and the congestion controller know of each segment in flight. */
  readonly sent: SentRecords;

  /** Bits of `Owe`, and why and because of which event the ACK among them is owed. */
  owes = 0;
  ackWhy = 0;
  ackCause = 0;
  /** Because of which event new text, a FIN or a retransmission may go. */
  sendCause = 0;
  /** True while it is in the list of those that the turn has touched. */
  touched = false;
  /** It has spoken since it was last looked at by who makes rows of those that do not. */
  lively = false;
  /** When it was heard of last before it became an object again; NEVER: it has been none but an object. */
  heardBefore: Micros = NEVER;
  /** What keeps the sender back: a `Hold` code, 0: there is nothing to hold yet, or any more. */
  hold = 0;
  /** Since when it does. */
  heldSince: Micros = 0;
  /** The `Network.epoch` for which `snd.mss` holds. */
  pathEpoch = -1;
  checksumOffload = false;
  /** The most text of a super-segment that the link cuts; 0: it cuts none. */
  gso = 0;
  /** The link holds segments until they are due (pacing.ts). */
  linkPaces = false;
  pathMtu = 0;
  /** RFC 7323 s7.1: added to the clock. */
  tsOffset = 0;
  /** Segments acknowledged at once that are left (`policy.quickAcks`). */
  quickAcks = 0;

  /** Deadlines; NEVER: not armed. */
  rexmitAt: Micros = NEVER;
  /** The loss probe or the reordering timer, and which: there is one at a time (RFC 8985 s8). */
  probeAt: Micros = NEVER;
  probeKind: Timer = Timer.LossProbe;
  ackAt: Micros = NEVER;
  /** The least of `idleAt`, `userAt`, `swsAt`, `paceAt` and `freezeAt`. */
  slowAt: Micros = NEVER;
  /** What the wheel holds: not later than any of these. */
  wheelAt: Micros = NEVER;

  /** RFC 6298, microseconds; srtt 0: no sample yet. */
  srtt: Micros = 0;
  rttvar: Micros = 0;
  /** What of them is less than a microsecond, where every ACK gives a sample. */
  srttRest = 0;
  rttvarRest = 0;
  rto: Micros = 0;
  /** The least of the last five minutes; the least since `leastUntil` was set, and when that takes its place. */
  minRtt: Micros = 0;
  leastRtt: Micros = 0;
  leastUntil: Micros = 0;
  latestRtt: Micros = 0;
  /** How often the RTO, or the persist interval, has been doubled. */
  backoff = 0;
  /** Retransmissions of the first unacknowledged segment, or unanswered probes of a closed window: what R1 and R2 count. */
  retries = 0;
  /** When the SYN left, if once (Karn), and when the last round-trip sample was taken. */
  timedAt: Micros = NEVER;
  sampledAt: Micros = 0;
  /** Octets a second at which segments leave; 0: as the windows let them. */
  pacingRate = 0;
  /** When what has been sent would have left at that rate: before, nothing more leaves. */
  pacedUntil: Micros = 0;
  readonly use = new WindowUse();
  readonly before = new BeforeTimeout();
  /** When it was last sent to and heard of. */
  lastSentAt: Micros = 0;
  lastHeardAt: Micros = 0;
  lastTextSentAt: Micros = 0;
  /** When IP was last told that the peer is reachable. */
  advisedAt: Micros = 0;

  /** Counters. */
  segmentsSent = 0;
  segmentsReceived = 0;
  octetsSent = 0;
  octetsReceived = 0;
  octetsAcked = 0;

  // ---- from here on, what most segments leave alone

  iss: Seq = seq(0);
  irs: Seq = seq(0);
  optionSet = 0;
  /** Bits of `FastOpen`. */
  fastOpen = 0;
  /** The handshake is over but for the text that its listener wants first. */
  deferred = false;
  /** Ends of what the application has sent as records of their own, in order; null: it never has. */
  records: Seq[] | null = null;
  /** The application has said that more will follow what it sent last. */
  more = false;
  /** The listener's handle, or 0. */
  listener = 0;
  /** Why everything outstanding is being sent again: a `Rtx` code. */
  rtxWhy = 0;
  keepAliveProbes = 0;
  /** Keep-alive, FIN-WAIT-2, TIME-WAIT or linger: a state needs only one of them. */
  idleAt: Micros = NEVER;
  /** User timeout (RFC 5482). */
  userAt: Micros = NEVER;
  /** Sender SWS override. */
  swsAt: Micros = NEVER;
  /** The next burst leaves. */
  paceAt: Micros = NEVER;
  /** The last rate at which the network was seen to deliver, octets a second, and whether the application offered no more. */
  deliveryRate = 0;
  deliveryLimited = false;
  /** Freeze then, if nothing has happened. */
  freezeAt: Micros = NEVER;
  openedAt: Micros = 0;
  /** When the handshake was over; -1: it is not. */
  establishedAt: Micros = -1;
  /** How long each `Hold` code but that of the application has held, without the time since `heldSince`. */
  readonly holds = new Float64Array(HOLDS);
  /** When the interval began in which challenge ACKs, and answers to unacceptable segments, are counted. */
  challengedAt: Micros = 0;
  invalidAckAt: Micros = 0;
  /** How many of them since then. */
  challengesLately = 0;
  invalidAcks = 0;
  /** An MTU that an ICMP message claims and that nothing has confirmed yet, and the sequence number that it quotes. */
  claimedMtu = 0;
  claimedSeq: Seq = seq(0);
  /** The last ICMP error that did not end the connection, as it would be told: an index into `closeErrors`. */
  softError = 0;
  /** Why the connection ended: an index into `closeErrors`; 0: in order. */
  error = 0;
  segmentsRetransmitted = 0;
  octetsRetransmitted = 0;
  duplicateSegments = 0;
  outOfOrderSegments = 0;
  timeouts = 0;
  fastRetransmits = 0;
  duplicateAcks = 0;
  zeroWindowProbes = 0;
  challenges = 0;
  /** Segments of which the peer has said that they arrived marked: s.cep of RFC 9768, without what it begins with. */
  deliveredMarked = 0;
  /** That number when the window was last reduced. */
  markedBefore = 0;
  /** Means something only where `Flag.AccurateEcn` is agreed. */
  accurate: AccurateEcn | null = null;
  /** Segments that have arrived, as the peer tells; and ACKs that tell of one which has overtaken another. */
  deliveredSegments = 0;
  reorderings = 0;
  /** How long something has been queued or in flight, and since when it is; -1: nothing is. */
  busyFor: Micros = 0;
  busySince: Micros = -1;

  constructor(
    chunks: ChunkPool,
    ranges: number,
    options: ConnectionOptions,
    cc: CongestionController,
    sent: SentRecords,
    recovery: LossRecovery,
  ) {
    this.sendQueue = new ByteQueue(chunks);
    this.receiveQueue = new ByteQueue(chunks);
    this.outOfOrder = new SeqRanges(ranges);
    this.options = options;
    this.cc = cc;
    this.sent = sent;
    this.recovery = recovery;
  }
}

/** Makes a used TCB like a new one: TCBs are pooled. */
export function clear(tcb: Tcb): void {
  const { snd, rcv } = tcb;
  const zero = seq(0);
  tcb.handle = tcb.slot = tcb.flags = tcb.localPort = tcb.remotePort = tcb.optionSet = tcb.fastOpen = tcb.listener = 0;
  tcb.state = State.Closed;
  tcb.local = tcb.remote = UNSPECIFIED;
  tcb.iss = tcb.irs = zero;
  snd.una = snd.nxt = snd.wl1 = snd.wl2 = snd.up = snd.text = snd.sml = snd.pushed = snd.reduced = zero;
  snd.wnd = snd.scale = snd.maxWnd = snd.sentSize = snd.acknowledgedSize = 0;
  snd.mss = snd.peerMss = 536;
  tcb.sent.release();
  rcv.nxt = rcv.adv = rcv.up = rcv.lastAckSent = rcv.fin = rcv.dsackLeft = rcv.dsackRight = zero;
  rcv.scale = rcv.tsRecent = rcv.tsRecentAt = rcv.mss = rcv.unacked = rcv.recentCount = 0;
  rcv.finSeen = rcv.dsack = false;
  rcv.ato = rcv.textAt = rcv.guess = rcv.lastSize = rcv.pushed = 0;
  snd.buffer = rcv.buffer = rcv.rtt = rcv.echoed = rcv.copied = rcv.copiedFrom = rcv.space = 0;
  rcv.memory = null;
  rcv.rttFrom = NEVER;
  rcv.rttEnd = zero;
  tcb.sendQueue.clear();
  tcb.receiveQueue.clear();
  tcb.outOfOrder.clear();
  tcb.deferred = tcb.more = false;
  tcb.records = null;
  tcb.owes = tcb.ackWhy = tcb.ackCause = tcb.sendCause = tcb.rtxWhy = 0;
  tcb.touched = tcb.lively = false;
  tcb.srtt =
    tcb.srttRest =
    tcb.rttvarRest =
    tcb.rttvar =
    tcb.rto =
    tcb.minRtt =
    tcb.leastRtt =
    tcb.leastUntil =
    tcb.latestRtt =
    tcb.backoff =
    tcb.retries =
    tcb.keepAliveProbes =
      0;
  tcb.claimedSeq = zero;
  tcb.timedAt = tcb.rexmitAt = tcb.probeAt = tcb.ackAt = NEVER;
  tcb.idleAt = tcb.userAt = tcb.swsAt = tcb.paceAt = tcb.freezeAt = tcb.slowAt = tcb.wheelAt = tcb.heardBefore = NEVER;
  tcb.lastSentAt = tcb.lastHeardAt = tcb.lastTextSentAt = tcb.advisedAt = tcb.openedAt = tcb.sampledAt = tcb.heldSince = 0;
  tcb.tsOffset = tcb.quickAcks = 0;
  tcb.challengedAt = tcb.invalidAckAt = Number.NEGATIVE_INFINITY;
  tcb.pacingRate = tcb.pacedUntil = tcb.deliveryRate = 0;
  tcb.deliveryLimited = false;
  tcb.use.clear();
  tcb.before.clear();
  tcb.challengesLately = tcb.invalidAcks = 0;
  tcb.hold = 0;
  tcb.establishedAt = -1;
  tcb.holds.fill(0);
  tcb.pathEpoch = -1;
  tcb.checksumOffload = false;
  tcb.gso = 0;
  tcb.linkPaces = false;
  if (tcb.search.limit > 0) tcb.search.clear();
  tcb.pathMtu = tcb.claimedMtu = tcb.softError = tcb.error = 0;
  tcb.segmentsSent = tcb.segmentsReceived = tcb.octetsSent = tcb.octetsReceived = tcb.octetsAcked = 0;
  tcb.segmentsRetransmitted = tcb.octetsRetransmitted = tcb.duplicateSegments = tcb.outOfOrderSegments = 0;
  tcb.timeouts =
    tcb.fastRetransmits =
    tcb.duplicateAcks =
    tcb.zeroWindowProbes =
    tcb.challenges =
    tcb.deliveredMarked =
    tcb.markedBefore =
      0;
  tcb.deliveredSegments = tcb.reorderings = tcb.busyFor = 0;
  tcb.busySince = -1;
}

export const has = (tcb: Tcb, flag: number): boolean => (tcb.flags & flag) !== 0;
