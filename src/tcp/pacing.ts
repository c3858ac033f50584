/** Pacing (RFC 9002 s7.7): segments leave at a rate, not in bursts. A token bucket as one number: when what has been sent would have left
 *  at the rate. What lies in the past of it may be caught up with, so that a late timer costs nothing, but no more than a burst. */
import { type Micros, SECOND } from "../base/environment.js";
import { Tm } from "../base/why.js";
import { NO_THRESHOLD } from "./congestion/controller.js";
import type { Core } from "./core.js";
import { Timer } from "./probe.js";
import type { Tcb } from "./tcb.js";

/** A burst is what the rate sends in a millisecond, two segments at least. */
const BURST_TIME: Micros = 1_000;
const BURST_SEGMENTS = 2;
const BURST_MOST = 65_536;
/** Percent of a window in each round trip: in slow start it must be able to double. */
const START_GAIN = 200;
const AVOIDANCE_GAIN = 120;

/** True when segments of the connection are paced: its controller asks for it, the profile, or the application by a rate; or its window was not
 *  used for a while (RFC 7661 s4.4.2). */
export const paces = (core: Core, tcb: Tcb): boolean =>
  tcb.cc.paced === true || core.policy.pacing || tcb.options.pacingRate > 0 || tcb.use.nonValidatedSince >= 0;

/** What a link that paces (`Capabilities.paces`) is handed ahead of its time. */
const LINK_AHEAD: Micros = 4_000;

/** Octets that may leave at once. */
export const burst = (tcb: Tcb): number =>
  Math.min(BURST_MOST, Math.max(BURST_SEGMENTS * tcb.snd.mss, Math.floor((tcb.pacingRate * BURST_TIME) / SECOND)));

/** What a device that cuts segments itself takes at most. */
const DEVICE_MOST = 65_215;
/** What a burst gains by a short round trip is halved for each so many microseconds (a power of two). */
const HALVED_EVERY = 512;

/** Segments that leave as one where nothing paces them: what the rate of the window would send in a millisecond, and more where the round trip is
 *  short, as ACKs come fast there. */
export function burstSegments(core: Core, tcb: Tcb, room: number): number {
  const { cc, srtt, minRtt } = tcb;
  if (srtt === 0) return Math.floor(DEVICE_MOST / room);
  const window = cc.window();
  const threshold = cc.threshold();
  const gain = threshold === NO_THRESHOLD || window * 2 < threshold ? START_GAIN : AVOIDANCE_GAIN;
  let rate = ((gain / 100) * window * SECOND) / srtt;
  if (tcb.options.pacingRate > 0) rate = Math.min(rate, tcb.options.pacingRate);
  const halvings = Math.floor(minRtt / HALVED_EVERY);
  const octets = rate / 1_024 + (halvings < 32 ? DEVICE_MOST / ((1 << halvings) >>> 0) : 0);
  return Math.max(core.policy.burstLeast, Math.floor(Math.min(octets, DEVICE_MOST) / room));
}

/** Sets the rate, by what an ACK or a timeout has changed; 0: unpaced, as long as no round trip is known. */
export function updateRate(core: Core, tcb: Tcb): void {
  const { cc, options } = tcb;
  if (!paces(core, tcb)) {
    tcb.pacingRate = 0;
    return;
  }
  let rate = cc.pacingRate === undefined ? 0 : cc.pacingRate();
  if (rate === 0 && tcb.srtt > 0) {
    const gain = cc.window() < cc.threshold() || cc.threshold() === NO_THRESHOLD ? START_GAIN : AVOIDANCE_GAIN;
    rate = (gain / 100) * ((cc.window() * SECOND) / tcb.srtt);
  }
  if (options.pacingRate > 0 && (rate === 0 || rate > options.pacingRate)) rate = options.pacingRate;
  tcb.pacingRate = Math.round(rate);
}

/** So many octets have left. */
export function charge(tcb: Tcb, octets: number, now: Micros): void {
  const rate = tcb.pacingRate;
  if (rate === 0) return;
  const oldest = now - (burst(tcb) * SECOND) / rate;
  tcb.pacedUntil = Math.max(tcb.pacedUntil, oldest) + (octets * SECOND) / rate;
}

/** The next segment has to wait: until there is a burst to send, lest each segment have a timer of its own; or until half of what a link holds
 *  has left. */
export function armPacing(core: Core, tcb: Tcb, now: Micros): void {
  const gap = tcb.pacingRate === 0 ? 0 : ((burst(tcb) - tcb.snd.mss) * SECOND) / tcb.pacingRate;
  const later = tcb.linkPaces ? -(LINK_AHEAD >> 1) : Math.max(0, gap);
  core.arm(tcb, Timer.Pacing, Math.ceil(tcb.pacedUntil + later), Tm.Pacing, now);
}

/** `pacedUntil` has not come: does the next segment wait here, or in a link that paces? No more than this is there: what has left our hands cannot
 *  be taken back. */
export const waitsHere = (tcb: Tcb, now: Micros): boolean => !tcb.linkPaces || tcb.pacedUntil > now + LINK_AHEAD;

/** When the next segment leaves a link that paces: behind what it holds already, and for all that is counted from it, it is sent then. */
export function departure(core: Core, tcb: Tcb, now: Micros): Micros {
  core.wait = Math.min(LINK_AHEAD, Math.max(0, Math.ceil(tcb.pacedUntil - now)));
  return now + core.wait;
}

/** Nothing leaves before: what RFC 3168 s6.1.2 asks of a window of one segment that is marked. */
export function holdUntil(tcb: Tcb, at: Micros): void {
  tcb.pacedUntil = Math.max(tcb.pacedUntil, at);
}
