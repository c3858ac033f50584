/** Buffers that grow with the path: the receiver's by what its application takes in a round trip (dynamic right-sizing, M. Fisk, W. Feng, 2001),
 *  the sender's by its congestion window. Windows never shrink, so neither do they. An application that names a size has chosen. */
import { type Micros, NEVER } from "../base/environment.js";
import { seqAdd, seqLt } from "../base/seq.js";
import type { Core } from "./core.js";
import { beginMemory, growMemory, releaseRead } from "./receive-memory.js";
import { timestampNow } from "./rtt.js";
import { State } from "./state.js";
import { Flag, has, type Tcb } from "./tcb.js";
import { receiveWindow } from "./window.js";

/** Full segments beyond twice what was taken: a window of two segments could never prove that it is too small. */
const SLACK = 16;

/** The sizes with which a connection begins, or goes on after a nap: what was offered before it stands. */
export function beginBuffers(core: Core, tcb: Tcb): void {
  const { options, snd, rcv } = tcb;
  snd.buffer = options.sendBuffer;
  rcv.buffer = options.receiveBuffer;
  if (options.receiveTuning) rcv.buffer = Math.max(rcv.buffer, Math.min(core.policy.receiveBufferMost, receiveWindow(tcb)));
  rcv.buffer = Math.min(rcv.buffer, options.windowClamp || rcv.buffer);
  beginMemory(core, tcb);
  if (tcb.state > State.SynReceived) fitBuffers(core, tcb);
}

/** How far the receive buffer grows. */
export const mostBuffer = (core: Core, tcb: Tcb): number => tcb.options.windowClamp || core.policy.receiveBufferMost;

/** Where policy wants buffers of whole segments: a full one ends where a segment does. */
export function fitBuffers(core: Core, tcb: Tcb): void {
  const { snd, rcv } = tcb;
  const mss = snd.peerMss;
  if (!core.policy.buffersInSegments) return;
  if (rcv.buffer > mss) rcv.buffer = Math.ceil(rcv.buffer / mss) * mss;
  if (snd.buffer > mss) snd.buffer = Math.ceil(snd.buffer / mss) * mss;
}

/** Text has arrived in order: what does it say about the round trip, as a receiver sees it? */
export function noteArrival(core: Core, tcb: Tcb, octets: number, now: Micros): void {
  if (!tcb.options.receiveTuning) return;
  const { rcv } = tcb;
  if (rcv.rtt === 0 && tcb.srtt > 0 && rcv.memory === null) rcv.rtt = tcb.srtt; // the handshake has measured it
  const { seg } = core;
  if (has(tcb, Flag.Timestamps) && seg.hasTimestamp) {
    // A full segment is sent when an ACK lets it: its echo is of that ACK (RFC 7323 s4.3). One sample for each echo.
    if (seg.tsEcr === rcv.echoed || octets < rcv.mss) return;
    rcv.echoed = seg.tsEcr;
    const ticks = (timestampNow(core, tcb, now) - seg.tsEcr) | 0;
    if (ticks < 0 || ticks * core.policy.timestampTick > 600_000_000) return;
    const sample = Math.max(1, ticks * core.policy.timestampTick);
    rcv.rtt = rcv.rtt === 0 ? sample : Math.max(1, rcv.rtt + Math.round((sample - rcv.rtt) / 8));
    return;
  }
  // A whole window takes a round trip at least; the least of such times is the best guess.
  if (rcv.rttFrom !== NEVER && seqLt(rcv.nxt, rcv.rttEnd)) return;
  if (rcv.rttFrom !== NEVER) rcv.rtt = rcv.rtt === 0 ? now - rcv.rttFrom : Math.max(1, Math.min(rcv.rtt, now - rcv.rttFrom));
  rcv.rttFrom = now;
  rcv.rttEnd = seqAdd(rcv.nxt, Math.max(rcv.mss, receiveWindow(tcb)));
}

/** The application has taken octets. Once a round trip: if it took more than ever, the sender must be let send twice that, and more when it is
 *  still growing. */
export function noteCopied(core: Core, tcb: Tcb, octets: number, now: Micros): void {
  const { rcv } = tcb;
  rcv.copied += octets;
  if (rcv.memory !== null) releaseRead(rcv.memory, seqAdd(rcv.nxt, -tcb.receiveQueue.length));
  if (!tcb.options.receiveTuning || rcv.rtt === 0 || now - rcv.copiedFrom < rcv.rtt) return;
  if (rcv.memory !== null) {
    const taken = rcv.copied - tcb.receiveQueue.length;
    if (taken > rcv.memory.space) growMemory(core, tcb, rcv.memory, taken);
  } else if (rcv.copied > rcv.space) {
    const before = rcv.space > 0 ? rcv.space : tcb.options.receiveBuffer >> 2;
    const growth = Math.min(2, Math.max(1, rcv.copied / before));
    const wanted = Math.floor((2 * rcv.copied + SLACK * Math.max(rcv.mss, tcb.snd.mss)) * growth);
    rcv.buffer = Math.max(rcv.buffer, Math.min(mostBuffer(core, tcb), wanted));
    rcv.space = rcv.copied;
  }
  rcv.copied = 0;
  rcv.copiedFrom = now;
}

/** The application has more than fits: room for two congestion windows, one on its way and one to follow it. */
export function growSendBuffer(core: Core, tcb: Tcb): void {
  if (!tcb.options.sendTuning) return;
  tcb.snd.buffer = Math.max(tcb.snd.buffer, Math.min(core.policy.sendBufferMost, 2 * tcb.cc.window()));
}
