/** Profiles: what implementations choose differently although the standards are one. No code asks for a profile's name; it reads a field. */
import type { ArpTrust } from "../arp/arp.js";
import type { Defence } from "../arp/claims.js";
import { MILLISECOND, type Micros, SECOND } from "../base/environment.js";
import type { TcpPolicy } from "../tcp/policy.js";
import { OptionStyle } from "../tcp/segment.js";

/** The choices below TCP. */
export interface LowerPolicy {
  /** TTL of what we send, unless an application says otherwise (RFC 1122 s3.2.1.7). */
  readonly ttl: number;
  /** What a new device does about its addresses: use them, use and announce them, or probe before use (RFC 5227 s2.1). */
  readonly claim: "use" | "announce" | "probe";
  /** What to do when somebody else uses an address of ours (RFC 5227 s2.4). */
  readonly defence: Defence;
  /** Whether an ARP message may overwrite what we know of a neighbor. */
  readonly arpTrust: ArpTrust;
  /** How long a confirmation of a neighbor holds on average (RFC 4861 s10). */
  readonly neighborReachable: Micros;
  /** How long a neighbor that nobody uses is remembered (RFC 1122 s2.3.2.1). */
  readonly neighborStale: Micros;
  /** How long fragments wait for the rest (RFC 1122 s3.3.2). */
  readonly reassemblyTimeout: Micros;
  /** How long a datagram may live on its way (RFC 6864 s1). */
  readonly datagramLifetime: Micros;
  /** The least path MTU that is believed of a router. */
  readonly pathMtuFloor: number;
  /** Drop what does not come from where its source is routed (RFC 1812 s5.3.8). */
  readonly sourceValidation: boolean;
  /** A full transmit queue loses what is new, or what has waited longest. */
  readonly transmitDrop: "newest" | "oldest";
  /** Octets that may wait unread in a UDP endpoint, with 32 for each datagram. */
  readonly udpReceiveBuffer: number;
}

export interface Profile {
  readonly name: string;
  readonly tcp: TcpPolicy;
  readonly lower: LowerPolicy;
}

const MINUTE = 60 * SECOND;

const linuxTcp: TcpPolicy = {
  optionStyle: OptionStyle.Linux,
  windowScaling: true,
  timestamps: true,
  sack: true,
  duplicateSack: true,
  timestampTick: MILLISECOND,
  requireTimestamps: false,
  congestionControl: "cubic",
  ecn: "passive",
  ecnRetries: 0,
  refusesMarkedSyn: false,
  ecnFallback: true,
  testsSynMark: false,
  accurateOption: "always",
  accurateBeacon: 3,
  marksUntold: 6,
  ectEverywhere: true,
  alternativeBackoff: false,
  wholeSegments: false,
  reduceWindow: false,
  startUnbounded: false,
  pacing: false,
  windowValidation: "rfc2861",
  initialWindow: "rfc6928", // Deviation: initial-window
  idleRestart: true,
  spuriousTimeout: "undo",
  rttSamples: "round-trip",
  sharing: "rtt",
  sharingLifetime: 3_600 * SECOND,
  lossDetection: "rack",
  dupThresh: 3,
  lossProbe: true,
  frto: true,
  frtoEager: false,
  undoByTimestamp: true,
  undoByDuplicate: true,
  proportionalWithoutSack: true,
  recoveryOutlasts: false,
  reduceAgain: false, // Deviation: lost-again
  probeAckDelay: 200 * MILLISECOND,
  probeSlack: 2 * MILLISECOND,
  rtoRestart: false,
  synAckUntimed: false,
  rtoInitial: SECOND,
  rtoMin: 200 * MILLISECOND, // Deviation: rto-floor
  rtoMax: 120 * SECOND,
  rtoVarianceMin: 200 * MILLISECOND,
  rtoSlop: 0,
  renegingWait: 0,
  r1: 3,
  r2: 15,
  synRetries: 6, // behind the four that do not back off: 131 s. Deviation: syn-r2
  synLinear: 4,
  synAckRetries: 5,
  orphanRetries: 8,
  ackRule: "fixed",
  ackDelay: 40 * MILLISECOND,
  quickAcks: 16,
  ackEvery: 2,
  ackEverySecondSegment: false,
  acksPushedText: true,
  ackStretch: 65_536,
  nagleMinshall: true,
  pushBursts: true,
  burstsStay: false,
  burstLeast: 2,
  swsOverride: 200 * MILLISECOND,
  persistMin: 200 * MILLISECOND,
  persistMax: 120 * SECOND,
  persistByRoundTrip: false,
  repairsProbe: false,
  probeAfterAnswer: false,
  probeWithText: false,
  keepAliveAlways: false,
  keepAliveIdle: 7_200 * SECOND,
  keepAliveInterval: 75 * SECOND,
  keepAliveCount: 9,
  timeWait: 60 * SECOND,
  timeWaitReuse: true,
  timeWaitYields: false,
  timeWaitIgnoresReset: true,
  finWait2: 60 * SECOND,
  challengeBurst: 1,
  challengeInterval: SECOND,
  invalidAckInterval: 500 * MILLISECOND,
  synAckInterval: 0,
  pawsSilent: false,
  silentBeyondFin: false,
  refusesSigned: false,
  textCrossesEdge: false,
  patienceAfterTimeout: false,
  acceptsEnded: false,
  unreadResets: true,
  synCache: false,
  overflowResets: false,
  crossingTextWaits: false,
  openTimeout: 0,
  bareSynAfter: 0,
  synFin: "scan",
  blackhole: "no",
  insecureReset: false,
  insecureSyn: false,
  insecureAck: false,
  closingReset: false,
  timeWaitAnswers: "little",
  pawsSlack: 0,
  sacksControl: false,
  isnFollows: false,
  oldestAckKnown: false,
  resetBeforeFin: false,
  synAckRepeatsSyn: false,
  synAfterBadAck: false,
  ackRepeatsFin: false,
  oldSegmentsAcknowledge: false,
  resetStamped: false,
  icmpBsd: false,
  icmpMayReset: true,
  mssFollowsPath: false,
  mssWithinWindow: false,
  resetOnTimeout: true,
  anyErrorEndsOpening: false,
  icmpByCode: false,
  synText: false,
  synAckText: true,
  fastOpenClient: true,
  fastOpenServer: false,
  fastOpenClientBlind: false,
  fastOpenServerBlind: false,
  fastOpenKeys: [],
  fastOpenListeners: false,
  fastOpenPause: 0,
  fastOpenOptionRoom: 40,
  fastOpenByPort: false,
  fastOpenForgets: true,
  fastOpenRefusal: 0,
  fastOpenExperimental: true,
  pathProbing: "black-hole",
  pathBase: 1_064,
  blackHoleAfter: 3,
  mssFloor: 48,
  mssDefault: 536,
  announcedMssLeast: 0,
  windowFollowsRoom: false,
  updatesByQuarter: false,
  buffersInSegments: false,
  sendBuffer: 65_536,
  sendBufferMost: 4 << 20,
  receiveBuffer: 65_536,
  receiveBufferMost: 6 << 20,
  countsMemory: false,
  receiveMemory: 131_072,
  windowShrinks: false,
  notSentLowat: 0,
  ttl: 64,
  synCookies: true,
  synCookiesAlways: false,
  cookieOptions: "none",
};

const linuxLower: LowerPolicy = {
  ttl: 64,
  // Deviation: address-probe
  claim: "use",
  defence: "always",
  arpTrust: "verify",
  neighborReachable: 30 * SECOND,
  neighborStale: MINUTE,
  // Deviation: reassembly-timeout
  reassemblyTimeout: 30 * SECOND,
  // Deviation: id-lifetime
  datagramLifetime: 30 * SECOND,
  pathMtuFloor: 552,
  sourceValidation: false,
  transmitDrop: "newest",
  udpReceiveBuffer: 212_992,
};

/** What the Internet is tuned to; the default. */
export const linux: Profile = { name: "linux", tcp: linuxTcp, lower: linuxLower };

export const freebsd: Profile = {
  name: "freebsd",
  tcp: {
    ...linuxTcp,
    optionStyle: OptionStyle.Bsd,
    requireTimestamps: true,
    windowValidation: "none",
    sharing: "all",
    lossDetection: "sack",
    lossProbe: false,
    frto: false,
    undoByDuplicate: false,
    proportionalWithoutSack: false,
    // What a floor of the variance does for others, the slop does here.
    rtoMin: 30 * MILLISECOND,
    rtoMax: 64 * SECOND,
    rtoVarianceMin: 0,
    rtoSlop: 200 * MILLISECOND,
    r2: 12,
    synRetries: 12,
    synLinear: 0,
    overflowResets: true,
    openTimeout: 75 * SECOND,
    synFin: "syn",
    closingReset: true,
    timeWaitYields: true,
    timeWaitAnswers: "acks",
    ackRepeatsFin: true,
    oldSegmentsAcknowledge: true,
    icmpBsd: true,
    ackEverySecondSegment: true,
    acksPushedText: false,
    challengeBurst: 5,
    invalidAckInterval: SECOND,
    synAckRetries: 3,
    orphanRetries: 12,
    quickAcks: 0,
    nagleMinshall: false,
    pushBursts: false,
    persistMin: 5 * SECOND,
    persistMax: 60 * SECOND,
    synAckUntimed: true,
    probeWithText: true,
    fastOpenOptionRoom: 0,
    fastOpenByPort: true,
    fastOpenRefusal: 900 * SECOND,
    fastOpenExperimental: false,
    keepAliveAlways: true,
    keepAliveCount: 8,
    windowFollowsRoom: true,
    updatesByQuarter: true,
    buffersInSegments: true,
    ecnRetries: 1,
    testsSynMark: true,
    accurateOption: "off",
    marksUntold: 2,
    ectEverywhere: false,
    pathBase: 1_240,
    blackHoleAfter: 2,
    announcedMssLeast: 216,
    cookieOptions: "cookie",
    finWait2: 600 * SECOND,
    sendBuffer: 32_768,
    sendBufferMost: 2 << 20,
    receiveBufferMost: 2 << 20,
  },
  lower: { ...linuxLower, claim: "announce", neighborStale: 20 * MINUTE, udpReceiveBuffer: 42_080 },
};

/** The cautious letter of the standards. */
export const rfc: Profile = {
  name: "rfc",
  tcp: {
    ...linuxTcp,
    requireTimestamps: true,
    windowValidation: "none",
    sharing: "none",
    spuriousTimeout: "eifel",
    congestionControl: "newreno",
    testsSynMark: true,
    accurateOption: "due",
    marksUntold: 2,
    ectEverywhere: false,
    initialWindow: "rfc5681",
    proportionalWithoutSack: false,
    reduceAgain: true,
    rtoMin: SECOND,
    rtoVarianceMin: 0,
    synRetries: 7, // 247 s: R2 of a SYN is at least three minutes (MUST-23)
    synLinear: 0,
    synAckRetries: 7,
    orphanRetries: 15,
    ackDelay: 200 * MILLISECOND,
    acksPushedText: false,
    quickAcks: 0,
    nagleMinshall: false,
    pushBursts: false,
    persistMin: SECOND,
    probeWithText: true,
    synText: true,
    resetStamped: true,
    timeWait: 240 * SECOND,
  },
  lower: {
    ...linuxLower,
    claim: "probe",
    defence: "once",
    arpTrust: "merge",
    reassemblyTimeout: 60 * SECOND,
    datagramLifetime: 120 * SECOND,
    pathMtuFloor: 68,
    sourceValidation: true,
  },
};

export const profiles: Readonly<Record<string, Profile>> = { linux, freebsd, rfc };
