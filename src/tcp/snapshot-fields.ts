/** What of a connection is written into a snapshot: the fields of its TCB by name, and what each may be. */
import type { Micros } from "../base/environment.js";
import { closeErrors } from "./events.js";
import type { ReceiveSpace, SendSpace, Tcb } from "./tcb.js";
import type { WindowUse } from "./validation.js";

/** A sequence number, or another int32. */
const SEQ = ["seq", -(2 ** 31), 2 ** 31 - 1] as const;
const BOOLEAN = ["boolean", 0, 1] as const;
/** A point of time, or NEVER. */
const TIME = ["time", Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY] as const;
/** A point of time, or -1: there was none. */
const MAYBE = ["maybe", -1, 2 ** 53] as const;
const REAL = ["real", 0, 2 ** 53] as const;
const upTo = (most: number, least = 0) => ["integer", least, most] as const;
const COUNT = upTo(2 ** 50);
const SIZE = upTo(0xffff);
const WINDOW = upTo(2 ** 30);
const SPAN = upTo(2 ** 45);

export type Field = readonly [kind: "seq" | "boolean" | "time" | "maybe" | "real" | "integer", least: number, most: number];

/** The names of the fields that hold plain values. */
type Plain<T> = { [K in keyof T]: T[K] extends number | boolean ? K : never }[keyof T];
type Fields<T, Without = never> = { readonly [K in Exclude<Plain<T>, Without>]: Field };

/** Not these: what names a connection here, what the turn under way needs, what is found out again. */
type OfThisStack =
  | "handle"
  | "slot"
  | "local"
  | "remote"
  | "optionSet"
  | "listener"
  | "touched"
  | "lively"
  | "heardBefore"
  | "ackCause"
  | "sendCause"
  | "pathEpoch"
  | "checksumOffload"
  | "gso"
  | "linkPaces"
  | "pathMtu"
  | "probeAt"
  | "probeKind"
  | "slowAt"
  | "wheelAt";

export const tcbFields: Fields<Tcb, OfThisStack> = {
  state: upTo(10),
  flags: upTo(2 ** 28 - 1),
  localPort: upTo(0xffff, 1),
  remotePort: upTo(0xffff, 1),
  owes: upTo(511),
  ackWhy: upTo(1_023),
  hold: upTo(1_023),
  heldSince: TIME,
  tsOffset: SEQ,
  quickAcks: upTo(2 ** 20),
  rexmitAt: TIME,
  ackAt: TIME,
  srtt: SPAN,
  rttvar: SPAN,
  srttRest: REAL,
  rttvarRest: REAL,
  rto: SPAN,
  minRtt: SPAN,
  leastRtt: SPAN,
  leastUntil: TIME,
  latestRtt: SPAN,
  backoff: upTo(2 ** 20),
  retries: upTo(2 ** 20),
  timedAt: TIME,
  sampledAt: TIME,
  pacingRate: REAL,
  pacedUntil: TIME,
  lastSentAt: TIME,
  lastHeardAt: TIME,
  lastTextSentAt: TIME,
  advisedAt: TIME,
  segmentsSent: COUNT,
  segmentsReceived: COUNT,
  octetsSent: COUNT,
  octetsReceived: COUNT,
  octetsAcked: COUNT,
  iss: SEQ,
  irs: SEQ,
  fastOpen: upTo(511),
  deferred: BOOLEAN,
  more: BOOLEAN,
  rtxWhy: upTo(1_023),
  keepAliveProbes: upTo(2 ** 20),
  idleAt: TIME,
  userAt: TIME,
  swsAt: TIME,
  paceAt: TIME,
  deliveryRate: REAL,
  deliveryLimited: BOOLEAN,
  freezeAt: TIME,
  openedAt: TIME,
  establishedAt: MAYBE,
  challengedAt: TIME,
  invalidAckAt: TIME,
  challengesLately: upTo(2 ** 20),
  invalidAcks: upTo(2 ** 20),
  claimedMtu: SIZE,
  claimedSeq: SEQ,
  softError: upTo(closeErrors.length - 1),
  error: upTo(closeErrors.length - 1),
  segmentsRetransmitted: COUNT,
  octetsRetransmitted: COUNT,
  duplicateSegments: COUNT,
  outOfOrderSegments: COUNT,
  timeouts: COUNT,
  fastRetransmits: COUNT,
  duplicateAcks: COUNT,
  zeroWindowProbes: COUNT,
  challenges: COUNT,
  deliveredMarked: COUNT,
  markedBefore: COUNT,
  deliveredSegments: COUNT,
  reorderings: COUNT,
  busyFor: REAL,
  busySince: MAYBE,
};

export const sendFields: Fields<SendSpace> = {
  una: SEQ,
  nxt: SEQ,
  wnd: WINDOW,
  wl1: SEQ,
  wl2: SEQ,
  up: SEQ,
  scale: upTo(14),
  maxWnd: WINDOW,
  buffer: WINDOW,
  mss: upTo(0xffff, 1),
  peerMss: upTo(0xffff, 1),
  text: SEQ,
  sml: SEQ,
  pushed: SEQ,
  reduced: SEQ,
  sentSize: SIZE,
  acknowledgedSize: SIZE,
};

export const receiveFields: Fields<ReceiveSpace> = {
  nxt: SEQ,
  adv: SEQ,
  up: SEQ,
  scale: upTo(14),
  tsRecent: SEQ,
  tsRecentAt: TIME,
  lastAckSent: SEQ,
  mss: SIZE,
  buffer: WINDOW,
  rtt: SPAN,
  echoed: SEQ,
  rttFrom: TIME,
  rttEnd: SEQ,
  copied: COUNT,
  copiedFrom: TIME,
  space: COUNT,
  unacked: WINDOW,
  fin: SEQ,
  finSeen: BOOLEAN,
  recentCount: upTo(4),
  dsackLeft: SEQ,
  dsackRight: SEQ,
  dsack: BOOLEAN,
  ato: SPAN,
  pushed: upTo(1_023),
  textAt: TIME,
  guess: SIZE,
  lastSize: SIZE,
};

export const useFields: Fields<WindowUse, "pipeAck"> = {
  used: COUNT,
  checkedAt: MAYBE,
  current: upTo(2 ** 50, -1),
  previous: upTo(2 ** 50, -1),
  halfEnds: TIME,
  acked: COUNT,
  sampleEnds: MAYBE,
  nonValidatedSince: MAYBE,
  lossUse: upTo(2 ** 50, -1),
  repairedBefore: COUNT,
  most: COUNT,
  mostUntil: SEQ,
  full: BOOLEAN,
  lookedAt: SEQ,
};

/** A point of time on a clock that shows `shift` more. */
export const shifted = ([kind]: Field, value: number, shift: Micros): number =>
  (kind === "time" && Number.isFinite(value)) || (kind === "maybe" && value >= 0) ? value + shift : value;
