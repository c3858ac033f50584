/** What goes with a profile: whose scripts are written for it, and what those take for granted. */
import { MILLISECOND, type Micros } from "../../base/environment.js";
import { freebsdPersonality, linuxPersonality, type Personality } from "../../bsd/personality.js";
import type { TcpPolicy } from "../../tcp/policy.js";

export interface Dialect {
  readonly tolerance: Micros;
  readonly tolerancePercent: number;
  /** A stack of this family hands segments of several MSS to the device; one that cuts them itself may pass all the same. */
  readonly mergesSegments: boolean;
  readonly personality: Personality;
  /** What scripts of the family expect of a stack beside what its profile does for everybody. */
  readonly policy: Partial<TcpPolicy>;
  /** Names that a script of the family finds defined. */
  readonly defines: Readonly<Record<string, string>>;
}

/** Where the kernel is bolder than our default profile, or older: no limit to slow start, no search of the path's MTU unless a script asks. */
const linuxKernel: Partial<TcpPolicy> = {
  acceptsEnded: true,
  ackRule: "adaptive",
  anyErrorEndsOpening: true,
  burstsStay: true,
  closingReset: true,
  countsMemory: true,
  isnFollows: true,
  oldestAckKnown: true,
  pawsSlack: 1,
  renegingWait: 10 * MILLISECOND,
  resetBeforeFin: true,
  sacksControl: true,
  synAckRepeatsSyn: true,
  synAfterBadAck: true,
  timeWaitAnswers: "all",
  challengeInterval: 500 * MILLISECOND,
  cookieOptions: "timestamp",
  fastOpenForgets: false,
  frtoEager: true,
  icmpByCode: true,
  mssFollowsPath: true,
  mssWithinWindow: true,
  pathProbing: "off",
  probeAfterAnswer: true,
  patienceAfterTimeout: true,
  recoveryOutlasts: true,
  reduceWindow: true,
  refusesMarkedSyn: true,
  refusesSigned: true,
  repairsProbe: true,
  resetOnTimeout: false,
  startUnbounded: true,
  synAckInterval: 500 * MILLISECOND,
  synAckText: false,
  textCrossesEdge: true,
  wholeSegments: true,
  windowValidation: "rfc2861",
};

const google: Dialect = {
  tolerance: 4_000,
  tolerancePercent: 12.5,
  mergesSegments: true,
  personality: linuxPersonality,
  policy: linuxKernel,
  defines: {
    Linux: "1",
    CMSG_LEVEL_IP: "SOL_IP",
    CMSG_TYPE_RECVERR: "IP_RECVERR",
    // The cookies of RFC 7413 that the key of defaults.sh gives for the addresses that scripts have.
    TFO_COOKIE: "3021b9d889017eeb",
    TFO_COOKIE_ZERO: "b7c12350a90dc8f5",
  },
};

const nplab: Dialect = {
  tolerance: 4_000,
  tolerancePercent: 5,
  mergesSegments: false,
  personality: freebsdPersonality,
  // What FreeBSD has at first: it looks for black holes only where an administrator says so, believes no MSS below 216, and keeps text of crossing
  // SYNs for later; a close with text unread sends a FIN; probes of a closed window keep to their floor while the doubled round trip is below it.
  policy: {
    pathProbing: "off",
    mssFloor: 216,
    crossingTextWaits: true,
    unreadResets: false,
    synCache: true,
    pawsSilent: true,
    silentBeyondFin: true,
    persistByRoundTrip: true,
  },
  defines: { FreeBSD: "1" },
};

export const dialects: Readonly<Record<string, Dialect>> = {
  linux: google,
  freebsd: nplab,
  rfc: { ...google, policy: {}, defines: { ...google.defines, STANDARD: "1" } },
};
