/** What goes with a profile: whose scripts are written for it, and what those take for granted. */
import type { Micros } from "../../base/environment.js";
import { freebsdPersonality, linuxPersonality, type Personality } from "../../bsd/personality.js";

export interface Dialect {
  readonly tolerance: Micros;
  readonly tolerancePercent: number;
  /** A stack of this family hands segments of several MSS to the device; one that cuts them itself may pass all the same. */
  readonly mergesSegments: boolean;
  readonly personality: Personality;
  /** Names that a script of the family finds defined. */
  readonly defines: Readonly<Record<string, string>>;
}

const google: Dialect = {
  tolerance: 4_000,
  tolerancePercent: 12.5,
  mergesSegments: true,
  personality: linuxPersonality,
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
  defines: { FreeBSD: "1" },
};

export const dialects: Readonly<Record<string, Dialect>> = {
  linux: google,
  freebsd: nplab,
  rfc: { ...google, defines: { ...google.defines, STANDARD: "1" } },
};
