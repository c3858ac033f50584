/** Why: the registry of reasons. Whatever is sent, dropped, marked, armed or changed carries one of these codes, and the code
 *  knows the sentence of the standard that it follows. Text is looked up here, never carried along. */

/** Segments sent for the first time. */
// biome-ignore format: a table reads better in lines
export const Tx = {
  ActiveOpen: 1, SynAck: 2, AckSyn: 3, NewData: 4, Fin: 5, RstNoConnection: 6, RstUnacceptableAck: 7, RstAbort: 8,
  ChallengeAck: 9, AckEverySecond: 10, AckDelayTimer: 11, AckOutOfOrder: 12, AckFill: 13, WindowUpdate: 14, ZeroWindowProbe: 15,
  KeepAlive: 16, LimitedTransmit: 17, AckDuplicate: 18, AckQuick: 19, AckUnacceptable: 20, AckFin: 21, AckPaws: 22, SynCookie: 23,
  SimultaneousOpen: 24, RstUnread: 25, RstTimeout: 26, AckSynRetransmitted: 27, SwsOverride: 28, RstListenBacklog: 29, AckZeroWindow: 30,
  AckUnsent: 31, RstDataAfterClose: 32, Urgent: 33, AckMarkChanged: 34, SynData: 35, LossProbe: 36, PathProbe: 37,
  RstUnlingering: 38, AckRead: 39,
} as const;
/** Segments sent again. */
// biome-ignore format: a table reads better in lines
export const Rtx = {
  Fast: 40, PartialAck: 41, Rto: 42, Syn: 43, SynAck: 44, Fin: 45, PathMtu: 46, AfterRto: 47, Reopened: 48,
  LossProbe: 49, LastResort: 50, PathProbe: 51, BlackHole: 52, ProbeAgain: 53,
} as const;
/** What keeps a sender with data from sending. */
// biome-ignore format: a table reads better in lines
export const Hold = {
  Application: 60, Cwnd: 61, Rwnd: 62, Nagle: 63, Sws: 64, SendBuffer: 65, NotEstablished: 66, NoBuffers: 67, Neighbor: 68, Pacing: 69,
  Recovery: 70,
} as const;
/** Segments and connections dropped or refused by TCP. */
// biome-ignore format: a table reads better in lines
export const Drop = {
  BadChecksum: 80, Malformed: 81, NoSocket: 82, Paws: 83, OldSequence: 84, OutOfWindow: 85, BadAck: 86, AckUnsent: 87,
  TooOldAck: 88, SynInWindow: 89, RstNotExact: 90, RstInTimeWait: 91, ZeroWindow: 92, OutOfOrderLimit: 93, ListenOverflow: 94,
  NoAck: 95, RstInListen: 96, NotSyn: 97, ToGroup: 98, BadSource: 99, RstBadAck: 100, TimestampMissing: 101, AfterClose: 102,
  PortZero: 103, Land: 104, ResetLimited: 105, ChallengeLimited: 106, AckLimited: 107, BadCookie: 108, TableFull: 109, NoBuffers: 110,
  SynFin: 111, TextIgnored: 112, DuplicateText: 113, RstInClosed: 114, SynAckBacklog: 115, Deferred: 116, SourceShare: 117,
  Signed: 118,
} as const;
/** Data marked lost. */
// biome-ignore format: a table reads better in lines
export const Loss = { DupThresh: 130, PartialAck: 131, Rto: 132, PathMtu: 133, Rack: 134, Probe: 135, PathProbe: 136, BlackHole: 137 } as const;
/** The congestion window's changes. */
// biome-ignore format: a table reads better in lines
export const Cc = {
  SlowStart: 150, Avoidance: 151, FastRetransmit: 152, RtoCollapse: 153, Recovered: 154, IdleRestart: 155, Undo: 156, MssChange: 157, SynLost: 158,
  CubicConcave: 159, CubicConvex: 160, CubicReno: 161, ConservativeStart: 162, HystartConservative: 163, HystartResume: 164, HystartExit: 165,
  EcnReduction: 166, Unused: 167, Swapped: 168,
  BbrStartup: 440, BbrDrain: 441, BbrDown: 442, BbrCruise: 443, BbrRefill: 444, BbrUp: 445, BbrProbeRtt: 446, BbrModel: 447,
  UndoTimestamp: 140, UndoDuplicate: 141, UndoFrto: 142, LostAgain: 143, ProbeRepaired: 144, Recalled: 145, RtoAdapted: 146, SizeUnverified: 147,
} as const;
/** State transitions: RFC 9293 figure 5 and s3.10. */
// biome-ignore format: a table reads better in lines
export const St = {
  OpenActive: 170, OpenPassive: 171, RcvSyn: 172, RcvSynAck: 173, RcvSynSimultaneous: 174, RcvAckOfSyn: 175, CloseSendFin: 176,
  RcvFin: 177, RcvAckOfFin: 178, RcvRst: 179, UserAbort: 180, UserTimeout: 181, TimeWaitOver: 182, Refused: 183, SynTimeout: 184,
  RetransmitTimeout: 185, KeepAliveTimeout: 186, FinWait2Timeout: 187, LingerTimeout: 188, IcmpHard: 189, TimeWaitReused: 190,
  CloseUnread: 191, DeviceGone: 192, CloseBeforeOpen: 193, RcvFinAndAck: 194, CookieAccepted: 195, ResourceLimit: 196, DataAfterClose: 197, SynAgain: 198, Forgotten: 199,
} as const;
/** Timers armed, fired and stopped. */
// biome-ignore format: a table reads better in lines
export const Tm = {
  Rto: 210, RtoBackoff: 211, RtoRestart: 212, RtoStop: 213, SynRto: 214, Persist: 215, PersistBackoff: 216, DelayedAck: 217, KeepAlive: 218,
  TimeWait: 219, FinWait2: 220, UserTimeout: 221, SwsOverride: 222, Linger: 223, RtoAfterSyn: 224, Pacing: 225, RttRecalled: 226, LossProbe: 228, Reordering: 229,
} as const;
/** Ethernet. */
// biome-ignore format: a table reads better in lines
export const Eth = { Runt: 240, Oversize: 241, NotForUs: 242, UnknownType: 243, Length: 244, UnknownVlan: 245, SourceGroup: 246, NoDevice: 247, TransmitFull: 248, NoBuffers: 249, LinkClosed: 250 } as const;
/** ARP: what is sent and what is dropped. */
// biome-ignore format: a table reads better in lines
export const Arp = {
  Request: 260, Reply: 261, Probe: 262, Announce: 263, Defend: 264, Reprobe: 265, BadLength: 266, BadType: 267, SenderGroup: 268,
  Unasked: 269, Conflict: 270, CacheFull: 271, QueueFull: 272, Unresolved: 273, SenderIsUs: 274, BadOperation: 275, ReplyLimited: 276,
  NotForUs: 277, Expired: 278, Handled: 279, NoBuffers: 280,
} as const;
/** IPv4: what is sent and what is dropped. */
// biome-ignore format: a table reads better in lines
export const Ip = {
  Short: 300, Version: 301, HeaderLength: 302, TotalLength: 303, Checksum: 304, BadSource: 305, NotForUs: 306, BadOption: 307, SourceRoute: 308,
  UnicastInBroadcast: 309, UnknownProtocol: 310, NoRoute: 311, TooBig: 312, FragmentTiny: 313, FragmentOverlap: 314, FragmentTooLong: 315,
  FragmentLimit: 316, FragmentTimeout: 317, FragmentSize: 318, FragmentDuplicate: 319, NoBuffers: 320, Fragmented: 321, WrongDevice: 322,
  LoopbackOnWire: 323, GroupNotJoined: 324, Reassembled: 325, FragmentHeld: 326, IdExhausted: 327, BadDestination: 328, Delivered: 329,
  FragmentEcn: 330,
} as const;
/** ICMP: what is sent and what is dropped. */
// biome-ignore format: a table reads better in lines
export const Icmp = {
  EchoReply: 340, EchoRequest: 341, PortUnreachable: 342, ProtocolUnreachable: 343, ReassemblyTimeExceeded: 344, ParameterProblem: 345,
  Short: 346, Checksum: 347, UnknownType: 348, QuoteShort: 349, QuoteNotOurs: 350, Limited: 351, AboutGroup: 352, EchoToGroup: 353,
  SourceQuench: 354, Redirect: 355, InfoRequest: 356, QuoteOutOfWindow: 357, PmtuIgnored: 358, PmtuLowered: 359, ErrorDelivered: 360,
  EchoReplyDelivered: 361, NobodyWaits: 362, EchoAnswered: 363, HostUnreachable: 364, NoBuffers: 365,
} as const;
/** UDP: what is sent and what is dropped. */
// biome-ignore format: a table reads better in lines
export const Udp = { Datagram: 380, Short: 381, Length: 382, Checksum: 383, NoPort: 384, QueueFull: 385, PortZero: 386, BadSource: 387, Delivered: 388, NotConnected: 389, NoBuffers: 390 } as const;
/** The simulator's wire. */
// biome-ignore format: a table reads better in lines
export const Wire = {
  Loss: 400, Rule: 401, QueueFull: 402, Corrupted: 403, TooBig: 404, Partition: 405, Duplicated: 406, Reordered: 407, Delivered: 408,
  Fragmented: 409, ReceiverFull: 410, Marked: 411,
} as const;
/** The DHCP client: messages that it does not believe. */
// biome-ignore format: a table reads better in lines
export const Dhcp = {
  Malformed: 500, OtherTransaction: 501, OtherHardware: 502, Unexpected: 503, BadServer: 504, BadLease: 505, Accepted: 506, Refused: 507,
} as const;
/** The resolver: answers that it does not believe. */
// biome-ignore format: a table reads better in lines
export const Dns = {
  Malformed: 520, OtherId: 521, OtherQuestion: 522, NoAnswer: 523, Accepted: 524, Truncated: 525, TimedOut: 526,
} as const;

/** One more than the largest code. */
export const WHY_CODES = 540;

export interface WhyEntry {
  readonly code: number;
  /** "tx.active_open": stable, for machines. */
  readonly name: string;
  /** Where it is written: "RFC 9293 s3.10.1". */
  readonly source: string;
  /** One line for people. */
  readonly text: string;
}
