/** Windows of a system that counts what segments take of memory, each kept as it came, and not the octets of their text (`policy.countsMemory`):
 *  how much of the memory is text follows from the segments that come, what is offered follows from what was sent into it, and text for
 *  which there is no memory is dropped. RFC 9293 s3.8.6.2.2 leaves such policy to the receiver. */
import type { Micros } from "../base/environment.js";
import { type Seq, seqAdd, seqDiff, seqGeq, seqGt, seqLeq, seqLt } from "../base/seq.js";
import type { ConnectionOptions } from "./connection-options.js";
import type { Core } from "./core.js";
import { announcedMss, HEADERS } from "./path.js";
import { TIMESTAMPS_SIZE } from "./segment.js";
import { State } from "./state.js";
import { Flag, has, type Tcb } from "./tcb.js";

/** Of 256 octets of memory so many are taken for text as long as nothing has come. */
const FIRST_SHARE = 128;
/** The least window that the share of a segment leads to. */
const LEAST_CLAMP = 1_152;
/** A segment with less text says nothing about those to come. */
const LEAST_EARNING = 128;
/** What an application may choose beyond the default: the scale is chosen for it, too. */
const MOST_CHOSEN = 4 << 20;
const SCALE_MOST = 14;

/** Room in front of each packet, behind it, and what describes it. */
const HEADROOM = 64;
const TRAILER = 320;
const DESCRIPTION = 256;
/** The least piece in which memory is handed out; the others are powers of two. */
const LEAST_PIECE = 576;
const PAGE = 4_096;

/** One segment that waits. */
interface Held {
  left: Seq;
  right: Seq;
  cost: number;
  /** Octets that could be added without more memory. */
  spare: number;
}

export class ReceiveMemory {
  /** What all that waits may take together, as far as it was chosen or has grown. */
  size = 0;
  chosen = false;
  held = 0;
  /** Of 256 octets of memory, those that are text. */
  share = FIRST_SHARE;
  /** The largest window. */
  clamp = 0;
  /** How far the window may open for what has been seen of the sender. */
  threshold = 0;
  /** RCV.WND as it was offered last. */
  offered = 0;
  /** There was no memory for a segment: the next ACK closes the window. */
  refused = false;
  /** What was taken in a round trip, as the buffer's growth counts it. */
  space = 0;
  /** In order, and ahead of it by sequence number. */
  readonly queue: Held[] = [];
  readonly ahead: Held[] = [];
}

/** The piece of memory for so many octets, and what goes with them. */
function pieceFor(octets: number): number {
  const needed = Math.ceil(octets / 64) * 64 + TRAILER;
  return needed <= LEAST_PIECE ? LEAST_PIECE : 1 << (32 - Math.clz32(needed - 1));
}

/** What a packet takes, headers and all. */
function costOf(packet: number): number {
  if (HEADROOM + packet < PAGE) return pieceFor(HEADROOM + packet) + DESCRIPTION;
  // What does not fit into a page comes in others, by eights, fours and twos.
  let cost = PAGE + DESCRIPTION;
  for (let left = packet - (PAGE - HEADROOM - TRAILER), pages = 8; left > 0; left -= pages * PAGE) {
    while (pages > 1 && Math.ceil(left / PAGE) < pages) pages >>= 1;
    cost += pages * PAGE;
  }
  return cost;
}

const spareOf = (packet: number): number => (HEADROOM + packet < PAGE ? pieceFor(HEADROOM + packet) - TRAILER - HEADROOM - packet : 0);

const textOf = (memory: ReceiveMemory, octets: number): number => Math.floor((octets * memory.share) / 256);
const roomOf = (memory: ReceiveMemory): number => Math.floor(((memory.size - memory.held) * memory.share) / 256);
const wholeText = (memory: ReceiveMemory): number => textOf(memory, memory.size);

/** The MSS that was announced, without the options of every segment. */
const ownMss = (core: Core, tcb: Tcb): number =>
  announcedMss(core, tcb.remote, tcb.local) - (has(tcb, Flag.Timestamps) ? TIMESTAMPS_SIZE : 0);

/** With the connection, or when it goes on after a nap. */
export function beginMemory(core: Core, tcb: Tcb): void {
  const { policy } = core;
  if (!policy.countsMemory) return;
  const memory = new ReceiveMemory();
  tcb.rcv.memory = memory;
  memory.chosen = !tcb.options.receiveTuning;
  memory.size = memory.chosen ? tcb.options.receiveBuffer : policy.receiveMemory;
  memory.clamp = tcb.options.windowClamp;
  if (tcb.state > State.SynReceived) resumeMemory(core, tcb, memory);
}

/** A connection that has been elsewhere: what is queued counts, what was learned of its sender begins anew. */
export function resumeMemory(core: Core, tcb: Tcb, memory: ReceiveMemory): void {
  const { rcv, receiveQueue } = tcb;
  limit(memory);
  memory.offered = memory.threshold = Math.max(0, seqDiff(rcv.adv, rcv.nxt));
  settleMemory(core, tcb, memory, rcv.copiedFrom);
  if (receiveQueue.length === 0) return;
  const cost = Math.ceil((receiveQueue.length * 256) / memory.share);
  memory.queue.push({ left: seqAdd(rcv.nxt, -receiveQueue.length), right: rcv.nxt, cost, spare: 0 });
  memory.held += cost;
}

/** Rcv.Wind.Shift: for the largest window that there may ever be. */
export function scaleForMemory(core: Core, memory: ReceiveMemory): number {
  limit(memory);
  const most = Math.min(memory.clamp, Math.max(wholeText(memory), core.policy.receiveBufferMost, MOST_CHOSEN));
  return Math.max(0, Math.min(SCALE_MOST, 31 - Math.clz32(most) - 15));
}

/** Whoever has chosen a size wants no more offered than fits; whoever has not sets no limit. */
function limit(memory: ReceiveMemory): void {
  const whole = wholeText(memory);
  if (memory.chosen && (memory.clamp === 0 || memory.clamp > whole)) memory.clamp = whole;
  else if (memory.clamp === 0) memory.clamp = 0xffff << SCALE_MOST;
}

/** What the handshake offers: whole segments. */
export function firstOffer(core: Core, tcb: Tcb, memory: ReceiveMemory): number {
  if (memory.offered > 0) return memory.offered;
  limit(memory);
  const mss = has(tcb, Flag.Passive) ? ownMss(core, tcb) : announcedMss(core, tcb.remote, tcb.local);
  const room = Math.min(memory.clamp, wholeText(memory));
  memory.offered = memory.threshold = room > mss ? room - (room % mss) : room;
  memory.clamp = Math.min(memory.clamp, 0xffff << tcb.rcv.scale);
  return memory.offered;
}

/** The handshake is over: one segment of what there is stays in reserve. */
export function settleMemory(core: Core, tcb: Tcb, memory: ReceiveMemory, now: Micros): void {
  if (!has(tcb, Flag.WindowScale)) memory.clamp = Math.min(memory.clamp, 0xffff);
  const whole = wholeText(memory);
  const mss = has(tcb, Flag.Passive) ? announcedMss(core, tcb.remote, tcb.local) : ownMss(core, tcb);
  memory.clamp = Math.min(memory.clamp, whole);
  if (memory.clamp > 2 * mss && memory.clamp + mss > whole) memory.clamp = Math.max(2 * mss, whole - mss);
  memory.threshold = Math.min(memory.threshold, memory.clamp);
  memory.space = Math.min(memory.threshold, memory.offered, 10 * ownMss(core, tcb));
  tcb.rcv.copiedFrom = now;
}

/** An application has chosen anew. */
export function configureMemory(memory: ReceiveMemory, before: ConnectionOptions, options: ConnectionOptions): void {
  if (!options.receiveTuning && (before.receiveTuning || before.receiveBuffer !== options.receiveBuffer)) {
    memory.size = options.receiveBuffer;
    memory.chosen = true;
  }
  if (before.windowClamp !== options.windowClamp) clampMemory(memory, options.windowClamp);
}

/** The largest window is another one: what may be offered follows. */
function clampMemory(memory: ReceiveMemory, octets: number): void {
  const clamp = Math.max(LEAST_CLAMP, octets);
  if (clamp === memory.clamp) return;
  memory.threshold = clamp < memory.clamp ? Math.min(memory.threshold, clamp) : Math.max(memory.threshold, Math.min(memory.offered, clamp));
  memory.clamp = clamp;
}

/** The octets of the packet that the segment came in. */
function packetOctets(core: Core): number {
  const { seg } = core;
  const options = (seg.hasTimestamp ? TIMESTAMPS_SIZE : 0) + (seg.sackCount > 0 ? 4 + 8 * seg.sackCount : 0);
  return seg.textEnd - seg.textStart + HEADERS + options;
}

/** A segment larger than those before it: how much of its memory is text? */
export function measureShare(core: Core, memory: ReceiveMemory): void {
  const { seg } = core;
  const share = Math.max(1, Math.floor(((seg.textEnd - seg.textStart) * 256) / costOf(packetOctets(core))));
  if (share === memory.share) return;
  memory.share = share;
  clampMemory(memory, wholeText(memory));
  memory.space = Math.min(memory.space, memory.clamp);
}

/** Is there memory for the segment? What is in order is taken all the same while nothing waits to be read. */
export function admits(core: Core, tcb: Tcb, memory: ReceiveMemory, inOrder: boolean): boolean {
  if (ingests(core, memory) || makeRoom(core, tcb, memory)) return true;
  if (!inOrder) return false;
  memory.refused = true;
  return tcb.receiveQueue.length === 0;
}

const ingests = (core: Core, memory: ReceiveMemory): boolean => memory.held + core.seg.textEnd - core.seg.textStart <= memory.size;

/** Memory is short: the window closes, what waits moves together. */
function makeRoom(core: Core, tcb: Tcb, memory: ReceiveMemory): boolean {
  if (memory.held === 0) return false;
  tcb.quickAcks = 0;
  if (!memory.chosen) memory.size = Math.max(memory.size, Math.min(memory.held, core.policy.receiveBufferMost));
  if (memory.held > memory.size) memory.threshold = Math.min(memory.clamp, 2 * ownMss(core, tcb));
  if (ingests(core, memory)) return true;
  collapse(memory);
  return ingests(core, memory);
}

/** What is in order moves into pieces of a page each. */
function collapse(memory: ReceiveMemory): void {
  const { queue } = memory;
  const from = queue.findIndex((one) => textOf(memory, one.cost) > seqDiff(one.right, one.left));
  if (from < 0) return;
  const most = PAGE - TRAILER;
  const end = queue.at(-1)!.right;
  let at = queue[from]!.left;
  for (const { cost } of queue.splice(from)) memory.held -= cost;
  while (seqLt(at, end)) {
    const octets = Math.min(most, seqDiff(end, at));
    const cost = pieceFor(octets) + DESCRIPTION;
    queue.push({ left: at, right: seqAdd(at, octets), cost, spare: 0 });
    memory.held += cost;
    at = seqAdd(at, octets);
  }
}

/** The segment's text [left, right) waits from now on: to be read, or for what is before it. */
export function holdSegment(core: Core, memory: ReceiveMemory, left: Seq, right: Seq, inOrder: boolean): void {
  const packet = packetOctets(core);
  const one: Held = { left, right, cost: costOf(packet), spare: spareOf(packet) };
  if (inOrder) append(memory, one);
  else insert(memory, one);
}

function append(memory: ReceiveMemory, one: Held): void {
  const last = memory.queue.at(-1);
  if (last !== undefined && joins(last, one)) return;
  memory.queue.push(one);
  memory.held += one.cost;
}

/** Text that fits behind what was there before takes no more memory. */
function joins(last: Held, one: Held): boolean {
  const octets = seqDiff(one.right, one.left);
  if (last.right !== one.left || octets > last.spare) return false;
  last.right = one.right;
  last.spare -= octets;
  return true;
}

function insert(memory: ReceiveMemory, one: Held): void {
  const { ahead } = memory;
  let at = ahead.length;
  while (at > 0 && seqGt(ahead[at - 1]!.left, one.left)) at -= 1;
  const before = ahead[at - 1];
  if (before !== undefined && (seqGeq(before.right, one.right) || joins(before, one))) return;
  let covered = 0;
  while (at + covered < ahead.length && seqLeq(ahead[at + covered]!.right, one.right)) covered += 1;
  for (const { cost } of ahead.splice(at, covered, one)) memory.held -= cost;
  memory.held += one.cost;
}

/** RCV.NXT has moved: what was ahead is in order. */
export function catchUp(memory: ReceiveMemory, nxt: Seq): void {
  const { ahead } = memory;
  while (ahead.length > 0 && seqLt(ahead[0]!.left, nxt)) {
    const one = ahead.shift()!;
    memory.held -= one.cost;
    const end = memory.queue.at(-1)?.right ?? one.left;
    if (seqGt(one.right, end)) append(memory, one);
  }
}

/** Ranges ahead were given up. */
export function forgetAhead(memory: ReceiveMemory): void {
  for (const { cost } of memory.ahead.splice(0)) memory.held -= cost;
}

/** The application has read up to `head`: segments that are read give their memory back. */
export function releaseRead(memory: ReceiveMemory, head: Seq): void {
  const { queue } = memory;
  let read = 0;
  while (read < queue.length && seqLeq(queue[read]!.right, head)) memory.held -= queue[read++]!.cost;
  queue.splice(0, read);
}

/** A segment has come that shows how its sender fills memory: the window may open by two of its kind. */
export function growThreshold(core: Core, tcb: Tcb, memory: ReceiveMemory): void {
  const { seg } = core;
  const octets = seg.textEnd - seg.textStart;
  const room = Math.min(memory.clamp, roomOf(memory)) - memory.threshold;
  if (octets < LEAST_EARNING || room <= 0) return;
  const gain = gainOf(core, tcb, memory, octets);
  if (gain === 0) return;
  memory.threshold += Math.min(room, Math.max(gain, 2 * octets));
  tcb.quickAcks |= 1; // it should hear of it
}

/** A segment that wastes memory counts as long as the window is a small part of what it may become. */
function gainOf(core: Core, tcb: Tcb, memory: ReceiveMemory, octets: number): number {
  const text = textOf(memory, costOf(packetOctets(core)));
  if (text <= octets) return 2 * ownMss(core, tcb);
  let part = text >> 1;
  for (let window = textOf(memory, core.policy.receiveBufferMost) >> 1; memory.threshold <= window; window >>= 1) {
    if (part <= octets) return 2 * tcb.rcv.guess;
    part >>= 1;
  }
  return 0;
}

/** The application has taken more in a round trip than ever: room for twice that, more while it is still growing, and for what is ahead. */
export function growMemory(core: Core, tcb: Tcb, memory: ReceiveMemory, taken: number): void {
  const before = memory.space;
  memory.space = taken;
  if (memory.chosen || before === 0) return;
  let window = 2 * taken + Math.floor((4 * taken * (taken - before)) / before);
  const last = memory.ahead.at(-1);
  if (last !== undefined) window += seqDiff(last.right, tcb.rcv.nxt);
  const size = Math.min(core.policy.receiveBufferMost, Math.floor((window * 256) / memory.share));
  if (size <= memory.size) return;
  memory.size = size;
  memory.clamp = wholeText(memory);
}

/** What could be offered now. */
export function selectWindow(core: Core, tcb: Tcb, memory: ReceiveMemory): number {
  const { rcv } = tcb;
  const whole = wholeText(memory);
  const full = Math.min(memory.clamp, whole);
  const mss = Math.min(rcv.guess, full);
  if (mss <= 0) return 0;
  const unit = 1 << rcv.scale;
  const shrinks = core.policy.windowShrinks && rcv.scale > 0;
  let free = Math.max(0, roomOf(memory));
  if (shrinks || free < full >> 1) free -= free % unit;
  if (free < full >> 1) {
    tcb.quickAcks = 0;
    if (free < whole >> 4 || free < mss || (shrinks && free < unit)) return 0;
  }
  const earned = Math.min(free, memory.threshold);
  if (rcv.scale > 0) return shrinks && earned === free ? free : Math.ceil(earned / unit) * unit;
  // Whole segments, unless what is offered now is near enough.
  const offered = memory.offered;
  if (offered <= earned - mss || offered > earned) return earned - (earned % mss);
  return mss === full && earned > offered + (full >> 1) ? earned : offered;
}

/** The window field for a segment that leaves now. What was promised stays promised, unless policy lets it shrink. Deviation: window-shrinks */
export function memoryField(core: Core, tcb: Tcb, memory: ReceiveMemory): number {
  const { rcv } = tcb;
  if (memory.refused) {
    memory.refused = false;
    memory.offered = 0;
    rcv.adv = rcv.nxt;
    return 0;
  }
  const unit = 1 << rcv.scale;
  const promised = Math.max(0, seqDiff(rcv.adv, rcv.nxt));
  let window = selectWindow(core, tcb, memory);
  if (window < promised && !(core.policy.windowShrinks && rcv.scale > 0)) window = Math.ceil(promised / unit) * unit;
  memory.offered = window;
  rcv.adv = seqAdd(rcv.nxt, window);
  return Math.min(0xffff, window >> rcv.scale);
}

/** The second full segment is acknowledged when the window moves with it; else the application's next read does it. */
export const windowMoves = (core: Core, tcb: Tcb, memory: ReceiveMemory): boolean => selectWindow(core, tcb, memory) >= memory.offered;

/** The sender should hear of it when the window has become twice what it has. */
export function memoryUpdateIsDue(core: Core, tcb: Tcb, memory: ReceiveMemory): boolean {
  const left = Math.max(0, seqDiff(tcb.rcv.adv, tcb.rcv.nxt));
  if (2 * left > memory.clamp) return false;
  const window = selectWindow(core, tcb, memory);
  return window > 0 && window >= 2 * left;
}
