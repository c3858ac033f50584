/** A connection that does nothing, as one fixed row: SYN-RECEIVED, TIME-WAIT, and any open connection with empty queues.
 *  `freeze` and `thaw` are inverse for all that the protocol needs; statistics start anew. */

import type { Micros } from "../base/environment.js";
import { NEVER } from "../base/environment.js";
import { layout, Rows } from "../base/rows.js";
import { type Seq, seqGt } from "../base/seq.js";
import { beginMarks, loadMarks, MARK_WORDS, saveMarks } from "./accurate-ecn.js";
import { CONTROLLER_WORDS, type CongestionPolicy } from "./congestion/controller.js";
import type { Controllers } from "./congestion/index.js";
import { HOLDS, resumeHolds } from "./hold.js";
import { loadSearch, saveSearch } from "./path-search-state.js";
import { isSynchronized, State } from "./state.js";
import { Flag, has, type Tcb } from "./tcb.js";

const columns = layout(
  "kind",
  "flags",
  "iss",
  "irs",
  "nxt",
  "rcvNxt",
  "rcvAdv",
  "maxWnd",
  "sizes",
  "tsRecent",
  "tsRecentSeconds",
  "tsOffset",
  "set",
  "rto",
  "heardSeconds",
  "heardMicros",
  "wnd",
  "wl1",
  "wl2",
  "path",
  "search",
  "srtt",
  "rttvar",
  "minRtt",
  "listener",
  "cc0",
  "cc1",
  "cc2",
  "cc3",
  "cc4",
  "cc5",
  "cc6",
  "cc7",
  "establishedSeconds",
  "establishedMicros",
  "past",
);
const at = columns.at;

/** What is left in TIME-WAIT, which sends no text and measures nothing: the first of the columns. */
const brief = layout(...columns.names.slice(0, at.wnd));

/** Octets of a row, and of one in TIME-WAIT. */
export const ROW_SIZE = columns.stride * 4;
export const TIME_WAIT_ROW_SIZE = brief.stride * 4;

/** Set in the name of a row that is brief. */
const BRIEF = 1 << 30;

/** Two cells for each time of `tcb.holds`. */
const past = layout(...Array.from({ length: HOLDS }, (_, i) => [`seconds${i}`, `micros${i}`]).flat(), "marks");
const MARKS = 2 * HOLDS;
const mark = layout(...Array.from({ length: MARK_WORDS }, (_, i) => `word${i}`));
/** In TIME-WAIT the ACE field is all that is left of the counters: above the flags. */
const ACE_SHIFT = 28;
const FLAGS = (1 << ACE_SHIFT) - 1;

export class FrozenRows {
  readonly full: Rows<string>;
  readonly brief: Rows<string>;
  /** What has held back those connections that anything but their application ever did. */
  readonly pasts: Rows<string>;
  /** The counters of AccECN, of those that have agreed on it; that of `pasts` names the row. */
  readonly marks: Rows<string>;

  constructor(limit: number) {
    this.full = new Rows<string>(columns, limit);
    this.brief = new Rows<string>(brief, limit);
    this.pasts = new Rows(past, limit);
    this.marks = new Rows(mark, limit);
  }

  /** Connections. */
  get used(): number {
    return this.full.used + this.brief.used;
  }
}

/** Nothing queued either way, nothing in flight but a SYN,ACK, nothing owed, and no timer that only an object has. */
export function canFreeze(tcb: Tcb): boolean {
  if (!isSynchronized(tcb.state) || tcb.owes !== 0 || tcb.touched) return false;
  if (tcb.state === State.SynReceived) {
    if (!has(tcb, Flag.Passive) || tcb.fastOpen !== 0 || tcb.deferred || tcb.snd.una !== tcb.iss || tcb.idleAt !== NEVER) return false;
  } else if (tcb.snd.una !== tcb.snd.nxt || tcb.rexmitAt !== NEVER) return false;
  if (has(tcb, Flag.Persisting | Flag.PmtuPending) || tcb.keepAliveProbes > 0 || tcb.rcv.dsack || tcb.rcv.finSeen !== isFinDone(tcb.state))
    return false;
  if (tcb.rcv.memory !== null && tcb.state !== State.TimeWait) return false; // no row has room for what it has learned
  if (seqGt(tcb.rcv.up, tcb.rcv.nxt)) return false; // urgent data that is announced and not here
  if (
    tcb.snd.up !== tcb.snd.una ||
    tcb.rcv.unacked > 0 ||
    tcb.ackAt !== NEVER ||
    tcb.probeAt !== NEVER ||
    tcb.swsAt !== NEVER ||
    tcb.userAt !== NEVER
  )
    return false;
  if (tcb.paceAt !== NEVER) return false; // what waits for its time is there, if only a FIN
  return tcb.sendQueue.length === 0 && tcb.receiveQueue.length === 0 && tcb.outOfOrder.count === 0 && tcb.error === 0;
}

/** The peer's FIN has been processed in these states. */
const isFinDone = (state: State): boolean =>
  state === State.CloseWait || state === State.Closing || state === State.LastAck || state === State.TimeWait;

/** Puts the connection into a row; returns its name, or -1 when there are as many rows as there may be. The TCB is free then. When the one
 *  timer that it may have is due is the caller's to remember: `frozenDeadline`. */
export function freeze(frozen: FrozenRows, tcb: Tcb, controllers: Controllers): number {
  const controller = controllers.names.indexOf(tcb.cc.name);
  if (controller > MOST_CONTROLLERS) return -1;
  const waits = tcb.state === State.TimeWait;
  const rows = waits ? frozen.brief : frozen.full;
  const row = rows.take();
  if (row < 0) return -1;
  const past = waits ? NONE : freezePast(frozen, tcb);
  if (past === NO_ROOM) {
    rows.give(row);
    return -1;
  }
  const c = rows.cells(row);
  const base = rows.base(row);
  const { snd, rcv } = tcb;
  c[base + at.kind] = kindOf(tcb, controller);
  c[base + at.flags] = waits && has(tcb, Flag.AccurateEcn) ? tcb.flags | ((tcb.accurate!.marked & 7) << ACE_SHIFT) : tcb.flags;
  c[base + at.iss] = tcb.iss;
  c[base + at.irs] = tcb.irs;
  c[base + at.nxt] = snd.nxt;
  c[base + at.rcvNxt] = rcv.nxt;
  c[base + at.rcvAdv] = rcv.adv;
  c[base + at.maxWnd] = snd.maxWnd;
  c[base + at.sizes] = (snd.mss << 16) | snd.peerMss;
  c[base + at.tsRecent] = rcv.tsRecent;
  c[base + at.tsRecentSeconds] = Math.floor(rcv.tsRecentAt / 1e6);
  c[base + at.tsOffset] = tcb.tsOffset;
  c[base + at.set] = (tcb.optionSet << 16) | Math.min(rcv.mss, 0xffff);
  c[base + at.rto] = tcb.rto;
  putTime(c, base + at.heardSeconds, tcb.lastHeardAt);
  if (waits) return row | BRIEF;
  c[base + at.wnd] = snd.wnd;
  c[base + at.wl1] = snd.wl1;
  c[base + at.wl2] = snd.wl2;
  c[base + at.path] = (snd.acknowledgedSize << 8) | tcb.softError;
  c[base + at.search] = saveSearch(tcb.search);
  c[base + at.srtt] = tcb.srtt;
  c[base + at.rttvar] = tcb.rttvar;
  c[base + at.minRtt] = tcb.minRtt;
  c[base + at.listener] = tcb.listener;
  tcb.cc.save(c, base + at.cc0);
  putTime(c, base + at.establishedSeconds, tcb.establishedAt < 0 ? tcb.openedAt : tcb.establishedAt);
  c[base + at.past] = past;
  return row;
}

/** When a connection that may freeze has something to do. */
export const frozenDeadline = (tcb: Tcb): Micros => (tcb.state === State.SynReceived ? tcb.rexmitAt : tcb.idleAt);

/** Fills a cleared TCB from the row and gives the row back. `due`: its `frozenDeadline`. The 4-tuple, handle and option record are the caller's to set. */
export function thaw(frozen: FrozenRows, name: number, tcb: Tcb, due: Micros, controllers: Controllers, policy: CongestionPolicy): void {
  const waits = (name & BRIEF) !== 0;
  const rows = waits ? frozen.brief : frozen.full;
  const row = name & ~BRIEF;
  const c = rows.cells(row);
  const base = rows.base(row);
  const { snd, rcv } = tcb;
  const kind = c[base + at.kind]!;
  const sizes = c[base + at.sizes]!;
  const set = c[base + at.set]!;
  tcb.state = (kind & 15) as State;
  const flags = c[base + at.flags]!;
  tcb.flags = flags & FLAGS;
  tcb.iss = c[base + at.iss]! as Seq;
  tcb.irs = c[base + at.irs]! as Seq;
  snd.nxt = c[base + at.nxt]! as Seq;
  snd.una = tcb.state === State.SynReceived ? tcb.iss : snd.nxt;
  snd.maxWnd = c[base + at.maxWnd]!;
  snd.scale = (kind >> 4) & 15;
  rcv.scale = (kind >> 8) & 15;
  snd.mss = sizes >>> 16;
  snd.peerMss = sizes & 0xffff;
  // The queue begins where the acknowledged ends; before the SYN is acknowledged, behind the SYN.
  snd.text = tcb.state === State.SynReceived ? (((snd.una + 1) | 0) as Seq) : snd.una;
  snd.sml = snd.up = snd.pushed = snd.una;
  snd.reduced = ((snd.una - 1) | 0) as Seq;
  rcv.nxt = c[base + at.rcvNxt]! as Seq;
  rcv.adv = c[base + at.rcvAdv]! as Seq;
  rcv.lastAckSent = rcv.up = rcv.nxt;
  rcv.mss = set & 0xffff;
  rcv.tsRecent = c[base + at.tsRecent]!;
  rcv.tsRecentAt = c[base + at.tsRecentSeconds]! * 1e6;
  rcv.finSeen = isFinDone(tcb.state);
  if (rcv.finSeen) rcv.fin = ((rcv.nxt - 1) | 0) as Seq;
  tcb.tsOffset = c[base + at.tsOffset]!;
  tcb.rto = c[base + at.rto]!;
  tcb.backoff = (kind >> 18) & 0x1f;
  tcb.retries = (kind >> 23) & 0xff;
  tcb.optionSet = set >>> 16;
  tcb.lastHeardAt = tcb.lastSentAt = tcb.lastTextSentAt = getTime(c, base + at.heardSeconds);
  const controller = controllers.names[(kind >> 12) & MOST_CONTROLLERS]!;
  if (tcb.cc.name !== controller) tcb.cc = controllers.make(controller);
  if (waits) thawTimeWait(tcb, flags >>> ACE_SHIFT, policy);
  else {
    snd.wnd = c[base + at.wnd]!;
    snd.wl1 = c[base + at.wl1]! as Seq;
    snd.wl2 = c[base + at.wl2]! as Seq;
    snd.acknowledgedSize = c[base + at.path]! >>> 8;
    tcb.softError = c[base + at.path]! & 0xff;
    tcb.srtt = c[base + at.srtt]!;
    tcb.rttvar = c[base + at.rttvar]!;
    tcb.minRtt = c[base + at.minRtt]!;
    tcb.listener = c[base + at.listener]!;
    tcb.cc.load(c, base + at.cc0, snd.mss, policy);
    tcb.openedAt = getTime(c, base + at.establishedSeconds);
    if (tcb.state !== State.SynReceived) resumeHolds(tcb, tcb.openedAt);
    thawPast(frozen, c[base + at.past]!, tcb);
    loadSearch(tcb.search, c[base + at.search]!, tcb.lastHeardAt);
  }
  if (tcb.state === State.SynReceived) {
    tcb.rexmitAt = due;
    // The SYN,ACK is being timed, from when its timer was armed.
    if (!has(tcb, Flag.SynRetransmitted)) tcb.timedAt = tcb.rexmitAt - tcb.rto;
  } else tcb.idleAt = due;
  rows.give(row);
}

/** What TIME-WAIT has forgotten, as far as anything reads it. */
function thawTimeWait(tcb: Tcb, marked: number, policy: CongestionPolicy): void {
  const { snd, rcv } = tcb;
  if (has(tcb, Flag.AccurateEcn)) beginMarks(tcb).marked = marked;
  snd.wnd = snd.maxWnd;
  snd.wl1 = rcv.fin;
  snd.wl2 = snd.una;
  tcb.cc.begin(snd.mss, policy, false);
  tcb.openedAt = tcb.lastHeardAt;
  resumeHolds(tcb, tcb.openedAt);
}

/** `tcb.flags` of a frozen connection. */
export function frozenFlags(frozen: FrozenRows, name: number): number {
  const rows = name & BRIEF ? frozen.brief : frozen.full;
  const row = name & ~BRIEF;
  return rows.cells(row)[rows.base(row) + at.flags]! & FLAGS;
}

export const isTimeWaitRow = (name: number): boolean => (name & BRIEF) !== 0;

export const giveTimeWaitRow = ({ brief }: FrozenRows, name: number): void => brief.give(name & ~BRIEF);

/** The largest index of a controller's name that the cell has bits for: who has more controllers has connections that stay live. */
const MOST_CONTROLLERS = 0x3f;

/** What is small, in one cell: state, both shifts, the controller, how often the SYN,ACK was sent again. */
const kindOf = ({ state, snd, rcv, backoff, retries }: Tcb, controller: number): number =>
  state | (snd.scale << 4) | (rcv.scale << 8) | (controller << 12) | (Math.min(backoff, 0x1f) << 18) | (Math.min(retries, 0xff) << 23);

const NONE = -1;
/** There is no room for what must not be forgotten. */
const NO_ROOM = -2;

/** The row with what few connections have; NONE: there is nothing of that, or no room for it, and it will not be missed. */
function freezePast({ pasts, marks }: FrozenRows, tcb: Tcb): number {
  const { holds } = tcb;
  const counts = has(tcb, Flag.AccurateEcn);
  let first = 0;
  while (first < HOLDS && holds[first] === 0) first += 1;
  if (first === HOLDS && !counts) return NONE;
  const counters = counts ? marks.take() : NONE;
  const row = counts && counters < 0 ? NONE : pasts.take();
  if (row < 0) {
    if (counters >= 0) marks.give(counters);
    return counts ? NO_ROOM : NONE;
  }
  const c = pasts.cells(row);
  const base = pasts.base(row);
  for (let i = 0; i < HOLDS; i++) putTime(c, base + 2 * i, holds[i]!);
  c[base + MARKS] = counters;
  if (counters >= 0) saveMarks(tcb, marks.cells(counters), marks.base(counters));
  return row;
}

function thawPast({ pasts, marks }: FrozenRows, row: number, tcb: Tcb): void {
  if (row < 0) return;
  const c = pasts.cells(row);
  const base = pasts.base(row);
  for (let i = 0; i < HOLDS; i++) tcb.holds[i] = getTime(c, base + 2 * i);
  const counters = c[base + MARKS]!;
  pasts.give(row);
  if (counters < 0) return;
  loadMarks(tcb, marks.cells(counters), marks.base(counters));
  marks.give(counters);
}

/** A time as whole seconds and the rest, so that int32 cells hold 68 years to the microsecond; -1: never. */
function putTime(cells: Int32Array, cell: number, time: Micros): void {
  const seconds = time === NEVER ? -1 : Math.floor(time / 1e6);
  cells[cell] = seconds;
  cells[cell + 1] = seconds < 0 ? 0 : time - seconds * 1e6;
}

const getTime = (cells: Int32Array, cell: number): Micros => (cells[cell]! < 0 ? NEVER : cells[cell]! * 1e6 + cells[cell + 1]!);

if (CONTROLLER_WORDS !== 8) throw new Error("the row has eight columns for the congestion controller");
