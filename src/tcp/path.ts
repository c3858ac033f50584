/** The size of segments: RFC 9293 s3.7.1, s3.7.5; RFC 1191 s6.4. */
import type { Micros } from "../base/environment.js";
import { Cc } from "../base/why.js";
import type { IpAddress } from "../ip/address.js";
import type { Core } from "./core.js";
import { HEADER_MIN, TIMESTAMPS_SIZE } from "./segment.js";
import { Flag, has, type Tcb } from "./tcb.js";

const IP_HEADER = 20;
/** RFC 9293 s3.7.1. */
const DEFAULT_MSS = 536;
/** No window makes segments smaller than what every path carries (RFC 791). */
const LEAST_WITHIN = 48;
/** More than any path carries. */
const HEADERLESS = 65_535;
/** A TCP header with all the options that fit. */
const HEADER_MAX = 60;
export const HEADERS = IP_HEADER + HEADER_MIN;

/** The MSS that we announce: MMS_R - 20, by the MTU of our own link (MUST-67; RFC 1191 s3.1). */
export const announcedMss = (core: Core, remote: IpAddress, local: IpAddress): number =>
  Math.min(65_535, core.network.linkMtuTo(remote, local) - HEADERS);

/** Octets of text in a full segment: Eff.snd.MSS of RFC 9293 s3.7.1 (MUST-16), without the options of every segment. */
export function effectiveMss(core: Core, tcb: Tcb, now: Micros): number {
  tcb.pathMtu = core.network.mtuTo(tcb.remote, tcb.local, now);
  if (tcb.search.limit > 0 && tcb.search.limit < tcb.pathMtu) tcb.pathMtu = tcb.search.limit;
  tcb.checksumOffload = core.network.checksumOffloadTo(tcb.remote, tcb.local);
  tcb.gso = tcb.checksumOffload ? Math.max(0, core.network.gsoTo(tcb.remote, tcb.local) - HEADER_MAX) : 0;
  tcb.linkPaces = core.network.pacesTo(tcb.remote, tcb.local);
  const room = Math.min(tcb.snd.peerMss, tcb.pathMtu - HEADERS, tcb.options.mss || HEADERLESS);
  const full = Math.max(1, room - (has(tcb, Flag.Timestamps) ? TIMESTAMPS_SIZE : 0));
  return core.policy.mssWithinWindow ? withinWindow(tcb, full) : full;
}

/** Two segments fit into the largest window that the peer has offered, unless that is tiny. */
function withinWindow({ snd: { maxWnd } }: Tcb, mss: number): number {
  const most = maxWnd > DEFAULT_MSS ? maxWnd >> 1 : maxWnd;
  return most === 0 ? mss : Math.min(mss, Math.max(most, LEAST_WITHIN));
}

/** Asks IP again when something about paths has changed. */
export function refreshPath(core: Core, tcb: Tcb, now: Micros): void {
  tcb.pathEpoch = core.network.epoch;
  const mss = effectiveMss(core, tcb, now);
  if (mss === tcb.snd.mss) return;
  tcb.snd.mss = mss;
  tcb.cc.onMss(mss);
  core.congestionChanged(tcb, Cc.MssChange, now);
}

/** The largest packet that the peer's MSS lets through: it counts options with the text (MUST-16). */
export const peerLimit = (tcb: Tcb): number => tcb.snd.peerMss + HEADERS;

/** The size of the IP packet that a full segment makes. */
export const packetSize = (tcb: Tcb, text: number): number => text + HEADERS + (has(tcb, Flag.Timestamps) ? TIMESTAMPS_SIZE : 0);
