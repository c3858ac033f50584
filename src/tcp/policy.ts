/** What implementations choose differently although the standards are one. A profile fills this record; code reads its fields. */
import type { Micros } from "../base/environment.js";
import type { CongestionPolicy } from "./congestion/controller.js";
import type { RecoveryPolicy } from "./recovery/recovery.js";
import type { OptionStyle } from "./segment.js";

export interface TcpPolicy extends CongestionPolicy, RecoveryPolicy {
  readonly optionStyle: OptionStyle;
  readonly wholeSegments: boolean;
  readonly recoveryOutlasts: boolean;
  /** Options offered in a SYN: RFC 7323 s2, s3; RFC 2018 s2. */
  readonly windowScaling: boolean;
  readonly timestamps: boolean;
  readonly sack: boolean;
  /** Report text that comes twice (RFC 2883). */
  readonly duplicateSack: boolean;
  /** Length of a tick of the timestamp clock (RFC 7323 s5.4: 1 ms to 1 s). */
  readonly timestampTick: Micros;
  /** Drop what comes without the timestamps that were agreed (RFC 7323 s3.2), or tolerate middleboxes that strip them. */
  readonly requireTimestamps: boolean;

  /** The congestion controller of connections that name none. */
  readonly congestionControl: string;
  /** Explicit congestion notification (RFC 3168): never, if the peer offers it, or offered. Accurate feedback (RFC 9768) likewise: offered,
   *  or accepted by who offers RFC 3168's, or nothing, himself. */
  readonly ecn: "off" | "passive" | "on" | "accurate" | "accurate-in" | "accurate-passive";
  /** Do without RFC 3168's where its SYN came ECN-capable, as none is sent (s6.1.1). */
  readonly refusesMarkedSyn: boolean;
  /** Do without ECN where what is known of SYNs says that something on the way does not like it. */
  readonly ecnFallback: boolean;
  /** Send nothing that may be marked where a SYN,ACK says of our SYN that it came as it was not sent (RFC 9768 s3.2.2.3). Deviation: syn-mark */
  readonly testsSynMark: boolean;
  /** The option of RFC 9768 s3.2.3: never, when it has something to say, in every segment, or that even if it seems to get lost. */
  readonly accurateOption: "off" | "due" | "always" | "persist";
  /** Where it goes when due, it goes so many times a round trip at least. */
  readonly accurateBeacon: number;
  /** So many marks on text are acknowledged at once (RFC 9768 s3.2.2.5.1: 2, at most 7). */
  readonly marksUntold: number;
  /** Where AccECN is agreed every segment is ECN-capable, also those without text and those sent again (RFC 8311 s4.3). */
  readonly ectEverywhere: boolean;
  /** A loss reduces the window as it was, whether or not it was full, and once even if the timer fires in the same recovery; else what was in
   *  flight (RFC 9438 s4.6). */
  readonly reduceWindow: boolean;
  /** An ACK of more opens the window by all segments that it delivers, those that were SACKed and the one that ends a recovery among them, in
   *  slow start without a limit. Deviation: start-unbounded */
  readonly startUnbounded: boolean;
  /** Pace segments whatever the controller: src/tcp/pacing.ts. */
  readonly pacing: boolean;
  /** What becomes of a window that is not used (src/tcp/validation.ts): nothing, or it decays where `idleRestart` is on, or it is preserved for a
   *  while whatever that says. */
  readonly windowValidation: "none" | "rfc2861" | "rfc7661";
  /** How often an ECN-setup SYN is repeated before one goes without (RFC 3168 s6.1.1.1). */
  readonly ecnRetries: number;
  /** Slow start again after an idle time longer than the RTO: RFC 5681 s4.1. */
  readonly idleRestart: boolean;

  /** What a connection begins with of what earlier ones between the same hosts have learned (RFC 9040 s6): nothing, round-trip times, or the
   *  slow start threshold as well; and for how long after the last of them. */
  readonly sharing: "none" | "rtt" | "all";
  readonly sharingLifetime: Micros;

  /** What a timeout that turns out to have been spurious leads to: windows as they were before (RFC 9438 s4.9), or RFC 4015 s3.1, which lets less
   *  leave at once and learns for the next timeout. */
  readonly spuriousTimeout: "undo" | "eifel";

  /** A round trip gives one sample, or every ACK of text that was sent once gives one, with gains that are so much smaller (RFC 7323 s4.2, appendix G).
   *  Linux and FreeBSD (there with timestamps) sample every ACK and leave the gains; Linux counts the variance once a round trip. */
  readonly rttSamples: "round-trip" | "every-ack";
  /** The ACK of a SYN,ACK gives no sample but by its timestamp: who has answered from a SYN cache does not know when that was. */
  readonly synAckUntimed: boolean;
  /** RFC 6298: the RTO before the first sample (2.1), its least (2.4) and its most (2.5). */
  readonly rtoInitial: Micros;
  readonly rtoMin: Micros;
  readonly rtoMax: Micros;
  /** The least value of the variance term 4*RTTVAR; where it is set, `rtoMin` hardly matters. */
  readonly rtoVarianceMin: Micros;
  /** Added to every RTO. */
  readonly rtoSlop: Micros;

  /** When an ACK ends where the peer has said that it has what follows, it may have thrown that away (RFC 2018 s8): the RTO is half a round trip
   *  then, but no less than this; 0: it is what it is. */
  readonly renegingWait: Micros;
  /** A loss of what was sent again in the same recovery reduces once more (RFC 5681 s4.3). */
  readonly reduceAgain: boolean;
  /** The longest that the ACK of a single segment may be delayed for all that a loss probe knows (TLP.max_ack_delay of RFC 8985 s5.3),
   *  and what is added when several are in flight. */
  readonly probeAckDelay: Micros;
  readonly probeSlack: Micros;
  /** With few segments outstanding the RTO counts from when the first of them was sent: RFC 7765 s4. */
  readonly rtoRestart: boolean;

  /** R1 of RFC 9293 s3.8.3: retransmissions of one segment after which IP and the application are told. */
  readonly r1: number;
  /** R2: give up after this many retransmissions of one segment. */
  readonly r2: number;
  /** R2 of an active open: SYNs sent again at most. */
  readonly synRetries: number;
  /** The first so many SYN timeouts do not back off. */
  readonly synLinear: number;
  readonly synAckRetries: number;
  /** Retransmissions after which a connection that no application owns is given up. */
  readonly orphanRetries: number;

  /** An ACK is delayed by so much, or by what follows from the sender's pace, and the application's (delayed-ack.ts). */
  readonly ackRule: "fixed" | "adaptive";
  /** Longest delay of an ACK (RFC 9293 s3.8.6.3: below 500 ms), or the least that it adapts to. */
  readonly ackDelay: Micros;
  /** Full-sized segments acknowledged at once when a connection starts, while the sender is in slow start. */
  readonly quickAcks: number;
  /** An ACK is never delayed beyond this many full-sized segments (RFC 5681 s4.2: 2). */
  readonly ackEvery: number;
  /** The second segment is acknowledged at once, whatever its size. */
  readonly ackEverySecondSegment: boolean;
  /** The ACK of text that was pushed waits for the application to read it, and no longer, unless the two converse: who pushes may have sent what
   *  the window allows, and where round trips are shorter than the delay would wait for the rest of one with each window. */
  readonly acksPushedText: boolean;
  /** Frames received in one turn share one ACK, but never more than this many octets. */
  readonly ackStretch: number;

  /** Nagle's rule by Minshall's variant (RFC 9293 appendix A.3): hold a small segment only behind another small one. */
  readonly nagleMinshall: boolean;
  /** Several segments that leave together end in one with PSH, as from a device that cuts what it is handed as one (RFC 9293 s3.9.1.2 leaves
   *  open when to push beyond the end of what is queued). */
  readonly pushBursts: boolean;
  /** What goes again because it was too large for the path is cut where bursts ended, and pushed as they are (RFC 1191 s6.4 lets it be cut anywhere). */
  readonly burstsStay: boolean;
  /** Such a burst is of this many segments at least, however slow the path. */
  readonly burstLeast: number;
  /** Override of sender SWS avoidance (RFC 9293 s3.8.6.2.1: 0.1 to 1 s). */
  readonly swsOverride: Micros;

  /** Persist timer bounds (RFC 9293 s3.8.6.1). A least longer than the RTO delays the first probe. Deviation: persist-floor */
  readonly persistMin: Micros;
  readonly persistMax: Micros;
  /** The time between probes doubles from 4*SRTT + 8*RTTVAR, however short, and then is within these bounds; else from the RTO, or the lower bound. */
  readonly persistByRoundTrip: boolean;
  /** The time to the next probe of a closed window counts from the answer to the last one. */
  readonly probeAfterAnswer: boolean;
  /** What is in flight as the window closes goes again by its own timer, its first segment, in place of a probe of the window (RFC 9293 s3.8.6 lets
   *  a sender send again into a window that was taken back). */
  readonly repairsProbe: boolean;
  /** A probe of a closed window carries one octet of text (RFC 9293 s3.8.6.1), or none and an old sequence number. */
  readonly probeWithText: boolean;

  /** Probes are sent for applications that have not asked for them, too. Deviation: keep-alive-always */
  readonly keepAliveAlways: boolean;
  /** Idle time before the first keep-alive probe of an application that does not say (RFC 9293 s3.8.4, MUST-28: two hours at least). */
  readonly keepAliveIdle: Micros;
  readonly keepAliveInterval: Micros;
  readonly keepAliveCount: number;

  /** 2 MSL. Deviation: msl */
  readonly timeWait: Micros;
  /** Accept a new SYN in TIME-WAIT when its timestamp or sequence number is newer: RFC 6191, RFC 9293 s3.6.1. One that is not is
   *  dropped in silence. Deviation: time-wait-syn */
  readonly timeWaitReuse: boolean;
  /** A SYN beyond RCV.NXT ends TIME-WAIT, whether or not somebody listens and whatever its timestamp (RFC 6191 s2 looks at both). */
  readonly timeWaitYields: boolean;
  /** Ignore RST in TIME-WAIT: RFC 1337 s3, fix F1. Deviation: time-wait-reset */
  readonly timeWaitIgnoresReset: boolean;
  /** How long FIN-WAIT-2 waits when no application owns the connection. */
  readonly finWait2: Micros;

  /** At most so many challenge ACKs of one connection within an interval (RFC 5961 s7). */
  readonly challengeBurst: number;
  readonly challengeInterval: Micros;
  /** ACKs that answer unacceptable segments without text of one connection come no faster than this. Deviation: ack-limit */
  readonly invalidAckInterval: Micros;

  /** A SYN that repeats the one before it is answered no sooner than this after the answer to the last such; 0: at once. */
  readonly synAckInterval: Micros;

  /** An ACK without text that is too old by its timestamp is dropped in silence (RFC 7323 s5.3 has every one answered). Deviation: paws-silent */
  readonly pawsSilent: boolean;
  /** What lies beyond the peer's own FIN is no reason for an ACK. */
  readonly silentBeyondFin: boolean;
  /** Drop a segment with a signature (RFC 2385) that nobody has asked for; else the option is one that is not known (RFC 9293 s3.2, MUST-6). */
  readonly refusesSigned: boolean;
  /** Text that reaches beyond the window is taken whole while nothing waits to be read, and not at all else; or it is cut at the edge
   *  (RFC 9293 s3.10.7.4). Deviation: edge-whole */
  readonly textCrossesEdge: boolean;
  /** The user timeout (RFC 9293 s3.8.3) counts from the first timeout that sends text again, not from when it was sent first. */
  readonly patienceAfterTimeout: boolean;
  /** A connection that ended while it waited to be accepted is accepted all the same, and gives what it has and its error; else it is gone. */
  readonly acceptsEnded: boolean;
  /** A close with text unread tells the peer by a RST that it was not read (RFC 2525 s2.17); else by a FIN, as if it had been. Deviation: unread-fin */
  readonly unreadResets: boolean;
  /** What a SYN has begun with a listener is judged as an entry of a SYN cache (src/tcp/syn-cache.ts): it has no window but for a RST, and ends with
   *  the first ACK that does not fit. Deviation: syn-cache */
  readonly synCache: boolean;
  /** Who finishes opening while the accept queue is full is reset; else he asks again, and SYNs are not answered meanwhile. */
  readonly overflowResets: boolean;
  /** Text that a SYN brings while we open ourselves is kept for later, and not acknowledged by our SYN,ACK. */
  readonly crossingTextWaits: boolean;
  /** Give up opening after so long, whatever the number of SYNs; 0: by their number only. */
  readonly openTimeout: Micros;
  /** From the so-manieth SYN on, do without options that something on the way may not like, but for the MSS; 0: never. */
  readonly bareSynAfter: number;
  /** Take a SYN with FIN in LISTEN for a SYN, rather than for a scan; or drop it, also what comes for a connection. */
  readonly synFin: "drop" | "scan" | "syn";
  /** Answer a segment of no connection by a RST: always, not a SYN, or never. */
  readonly blackhole: "no" | "syn" | "all";
  /** Believe a RST or a SYN anywhere in the window, as before RFC 5961. */
  readonly insecureReset: boolean;
  readonly insecureSyn: boolean;
  /** No ACK is too old to be taken (RFC 5961 s5.2). */
  readonly insecureAck: boolean;
  /** Tell the application of a RST in CLOSING and LAST-ACK, where it waits for no more than the end. */
  readonly closingReset: boolean;
  /** Acknowledge whatever comes in TIME-WAIT with an ACK, but for what repeats the last one exactly; or, with or without one, all but resets and
   *  what says nothing, old SYNs among it. */
  readonly timeWaitAnswers: "little" | "acks" | "all";
  /** A timestamp that is so many ticks too old is no sign of an old duplicate (RFC 7323 s5.3). Deviation: paws-slack */
  readonly pawsSlack: number;
  /** SYN and FIN are reported by SACK blocks like the text beside them (RFC 2018 s3, RFC 2883 s4), and what comes behind the peer's FIN is ignored
   *  in silence. */
  readonly sacksControl: boolean;
  /** The ISN of who opens a connection that was in TIME-WAIT follows that of the last incarnation (RFC 9293 s3.4.1), or is any that is larger. */
  readonly isnFollows: boolean;
  /** No ACK is older than all that was ever acknowledged (RFC 5961 s5.2 asks for MAX.SND.WND only). */
  readonly oldestAckKnown: boolean;
  /** A RST that has missed the FIN that went before it counts (RFC 5961 s3.2 asks for RCV.NXT). */
  readonly resetBeforeFin: boolean;
  /** The SYN,ACK of a simultaneous open has all options of the SYN. */
  readonly synAckRepeatsSyn: boolean;
  /** An unacceptable ACK while opening has the SYN repeated at once. */
  readonly synAfterBadAck: boolean;
  /** Every ACK repeats a FIN that is not acknowledged, but for challenges. */
  readonly ackRepeatsFin: boolean;
  /** Take the ACK of a segment that lies before the window. */
  readonly oldSegmentsAcknowledge: boolean;
  /** A RST that answers a segment of no connection echoes its timestamp (RFC 7323 s5.2 leaves it open). */
  readonly resetStamped: boolean;
  /** Errors are those that FreeBSD makes of ICMP messages: a prohibited way refuses, every other is a host that is not reached. A second one
   *  ends an open that has gone on for a while, and none says anything of a connection that stands. */
  readonly icmpBsd: boolean;
  /** Hard ICMP errors end a connection that is being opened (RFC 5927 s5.2). */
  readonly icmpMayReset: boolean;
  /** No segment has more than half of the largest window that the peer has offered, where that is more than 536 octets; then one that is smaller
   *  for want of window does not wait (RFC 9293 s3.8.6.2.1 has both as alternatives). */
  readonly mssWithinWindow: boolean;
  /** The MSS that a SYN announces is no larger than the way to the peer takes, which guesses at the way back. */
  readonly mssFollowsPath: boolean;
  /** Who gives up for want of an ACK says so by a RST; keep-alive does in any case. */
  readonly resetOnTimeout: boolean;
  /** Any ICMP error ends a connection that is being opened, not only a hard one (RFC 5461 s5.1). */
  readonly anyErrorEndsOpening: boolean;
  /** Errors are told by the code of the ICMP message, as finely as there are error numbers, not by its kind. */
  readonly icmpByCode: boolean;
  /** Keep text that a SYN brings, or let the peer send it again behind the handshake. Deviation: syn-text */
  readonly synText: boolean;
  /** Keep text, and a FIN, that a SYN,ACK brings. Deviation: syn-ack-text */
  readonly synAckText: boolean;

  /** Fast Open (RFC 7413): in connections that we open, and that others open. */
  readonly fastOpenClient: boolean;
  readonly fastOpenServer: boolean;
  /** Send, or take, text in a SYN without a cookie: for networks where nobody forges addresses. */
  readonly fastOpenClientBlind: boolean;
  readonly fastOpenServerBlind: boolean;
  /** Keys of the cookies, four words each: the one in use, and the one before it; none: a random one. */
  readonly fastOpenKeys: readonly (readonly number[])[];
  /** Every listener takes part unless its application forbids it. */
  readonly fastOpenListeners: boolean;
  /** The first pause after something on the way has lost what Fast Open sends (s4.1.3.1); 0: none. */
  readonly fastOpenPause: Micros;
  /** Octets kept free for options beside text in a SYN; 0: as many as there are. */
  readonly fastOpenOptionRoom: number;
  /** Cookies are remembered by the server's port, too. */
  readonly fastOpenByPort: boolean;
  /** A SYN that took text along and was lost, where the next one was not, costs the cookie (RFC 7413 s4.1.3.1 leaves open how to be careful). */
  readonly fastOpenForgets: boolean;
  /** A server that neither takes our text nor gives a possible cookie is not asked again for so long; 0: it is, with the next connection. */
  readonly fastOpenRefusal: Micros;
  /** Try the experimental form of the option (appendix B) when the assigned one was not answered. */
  readonly fastOpenExperimental: boolean;

  /** Packetization layer path MTU discovery (RFC 4821, RFC 8899): never, once a black hole shows, or from the first segment, from `pathBase` up. */
  readonly pathProbing: "off" | "black-hole" | "always";
  /** BASE_PLPMTU, IP octets (RFC 8899 s5.1.2). */
  readonly pathBase: number;
  /** Timeouts in a row, of full segments, that make a black hole likely (RFC 8899 s4.3). */
  readonly blackHoleAfter: number;
  /** The least MSS that is believed of a peer, and what one has that names none. Deviation: mss-floor */
  readonly mssFloor: number;
  readonly mssDefault: number;
  /** A SYN,ACK announces no smaller MSS, whatever our link takes. */
  readonly announcedMssLeast: number;
  /** Every segment offers all the room there is, or the right edge stays until it can move by a segment. */
  readonly windowFollowsRoom: boolean;
  /** A quarter of the buffer, or two segments where little is left, is worth a window update of its own; else half of it, or as much as is offered. */
  readonly updatesByQuarter: boolean;
  /** Buffers are rounded up to whole segments when the MSS is known. */
  readonly buffersInSegments: boolean;
  /** Buffer sizes of a new connection, and how far they grow by themselves, octets; the window scale is chosen for the latter (RFC 7323 s2.3).
   *  Memory follows what is queued, not these. */
  readonly sendBuffer: number;
  readonly sendBufferMost: number;
  readonly receiveBuffer: number;
  readonly receiveBufferMost: number;
  /** Windows follow the memory that segments take, not the octets of their text (receive-memory.ts), and so does what is chosen for a receive
   *  buffer; only where `ackRule` is "adaptive". */
  readonly countsMemory: boolean;
  /** Such memory of a new connection. It grows to `receiveBufferMost`. */
  readonly receiveMemory: number;
  /** And takes back what was offered when there is less of it. */
  readonly windowShrinks: boolean;
  /** Octets not sent yet beyond which a socket that names no such bound is not writable; 0: none. */
  readonly notSentLowat: number;
  readonly ttl: number;
  /** Let a full SYN queue answer with cookies: RFC 4987 s3.6. */
  readonly synCookies: boolean;
  /** Window scale, SACK and timestamps are agreed by cookies, too: in the cookie, where fewer bits are left for its hash, or in the last bits of a
   *  timestamp that the client echoes. */
  readonly cookieOptions: "none" | "cookie" | "timestamp";
  /** Answer every SYN with a cookie, whatever the queue. */
  readonly synCookiesAlways: boolean;
}
