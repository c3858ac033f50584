/** A connection that does nothing, as one fixed row: SYN-RECEIVED, TIME-WAIT, and any open connection with empty queues.
 *  `freeze` and `thaw` are inverse for all that the protocol needs; statistics start anew. */

import type { Micros } from "../base/environment.js";
import { NEVER } from "../base/environment.js";
import { type Layout, layout, Rows } from "../base/rows.js";
import { type Seq, seqGt } from "../base/seq.js";
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
  "una",
  "nxt",
  "wnd",
  "wl1",
  "wl2",
  "maxWnd",
  "mss",
  "peerMss",
  "path",
  "search",
  "rcvNxt",
  "rcvAdv",
  "rcvMss",
  "tsRecent",
  "tsRecentSeconds",
  "tsOffset",
  "srtt",
  "rttvar",
  "rto",
  "minRtt",
  "optionSet",
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
  "heardSeconds",
  "heardMicros",
  "idleSeconds",
  "idleMicros",
  "rexmitSeconds",
  "rexmitMicros",
);
type Column = (typeof columns)["names"][number];
const at = columns.at;

/** Octets of a row. */
export const ROW_SIZE = columns.stride * 4;

/** Two cells for each time of `tcb.holds`. */
const past = layout(...Array.from({ length: HOLDS }, (_, i) => [`seconds${i}`, `micros${i}`]).flat());

export class FrozenRows {
  readonly rows: Rows<Column>;
  /** What has held back those connections that anything but their application ever did. */
  readonly pasts: Rows<string>;

  constructor(capacity: number, limit: number) {
    this.rows = new Rows(columns as Layout<Column>, capacity, limit);
    this.pasts = new Rows(past, 0, limit);
  }

  /** Connections. */
  get used(): number {
    return this.rows.used;
  }
}

/** Nothing queued either way, nothing in flight but a SYN,ACK, nothing owed, and no timer that only an object has. */
export function canFreeze(tcb: Tcb): boolean {
  if (!isSynchronized(tcb.state) || tcb.owes !== 0 || tcb.touched) return false;
  if (tcb.state !== State.SynReceived && tcb.snd.una !== tcb.snd.nxt) return false;
  if (tcb.state === State.SynReceived && (!has(tcb, Flag.Passive) || tcb.fastOpen !== 0 || tcb.deferred)) return false;
  if (has(tcb, Flag.Persisting | Flag.PmtuPending) || tcb.keepAliveProbes > 0 || tcb.rcv.dsack || tcb.rcv.finSeen !== isFinDone(tcb.state))
    return false;
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

/** Puts the connection into a row; returns it, or -1 when there are as many rows as there may be. The TCB is free then. */
export function freeze(frozen: FrozenRows, tcb: Tcb, controllers: Controllers): number {
  const controller = controllers.names.indexOf(tcb.cc.name);
  if (controller > MOST_CONTROLLERS) return -1;
  const { rows } = frozen;
  const row = rows.take();
  if (row < 0) return -1;
  const c = rows.cells;
  const { snd, rcv } = tcb;
  c[row + at.kind] = kindOf(tcb, controller);
  c[row + at.flags] = tcb.flags;
  c[row + at.iss] = tcb.iss;
  c[row + at.irs] = tcb.irs;
  c[row + at.una] = snd.una;
  c[row + at.nxt] = snd.nxt;
  c[row + at.wnd] = snd.wnd;
  c[row + at.wl1] = snd.wl1;
  c[row + at.wl2] = snd.wl2;
  c[row + at.maxWnd] = snd.maxWnd;
  c[row + at.mss] = snd.mss;
  c[row + at.peerMss] = snd.peerMss;
  c[row + at.path] = (snd.acknowledgedSize << 8) | tcb.softError;
  c[row + at.search] = saveSearch(tcb.search);
  c[row + at.rcvNxt] = rcv.nxt;
  c[row + at.rcvAdv] = rcv.adv;
  c[row + at.rcvMss] = rcv.mss;
  c[row + at.tsRecent] = rcv.tsRecent;
  c[row + at.tsRecentSeconds] = Math.floor(rcv.tsRecentAt / 1e6);
  c[row + at.tsOffset] = tcb.tsOffset;
  c[row + at.srtt] = tcb.srtt;
  c[row + at.rttvar] = tcb.rttvar;
  c[row + at.rto] = tcb.rto;
  c[row + at.minRtt] = tcb.minRtt;
  c[row + at.optionSet] = tcb.optionSet;
  c[row + at.listener] = tcb.listener;
  tcb.cc.save(c, row + at.cc0);
  putTime(c, row + at.establishedSeconds, tcb.establishedAt < 0 ? tcb.openedAt : tcb.establishedAt);
  c[row + at.past] = freezePast(frozen.pasts, tcb.holds);
  putTime(c, row + at.heardSeconds, tcb.lastHeardAt);
  putTime(c, row + at.idleSeconds, tcb.idleAt);
  putTime(c, row + at.rexmitSeconds, tcb.rexmitAt);
  return row;
}

/** Fills a cleared TCB from the row and gives the row back. The 4-tuple, handle and option record are the caller's to set. */
export function thaw(frozen: FrozenRows, row: number, tcb: Tcb, controllers: Controllers, policy: CongestionPolicy): void {
  const { rows } = frozen;
  const c = rows.cells;
  const { snd, rcv } = tcb;
  const kind = c[row + at.kind]!;
  tcb.state = (kind & 15) as State;
  tcb.flags = c[row + at.flags]!;
  tcb.iss = c[row + at.iss]! as Seq;
  tcb.irs = c[row + at.irs]! as Seq;
  snd.una = c[row + at.una]! as Seq;
  snd.nxt = c[row + at.nxt]! as Seq;
  snd.wnd = c[row + at.wnd]!;
  snd.wl1 = c[row + at.wl1]! as Seq;
  snd.wl2 = c[row + at.wl2]! as Seq;
  snd.maxWnd = c[row + at.maxWnd]!;
  snd.scale = (kind >> 4) & 15;
  rcv.scale = (kind >> 8) & 15;
  snd.mss = c[row + at.mss]!;
  snd.peerMss = c[row + at.peerMss]!;
  snd.acknowledgedSize = c[row + at.path]! >>> 8;
  tcb.softError = c[row + at.path]! & 0xff;
  // The queue begins where the acknowledged ends; before the SYN is acknowledged, behind the SYN.
  snd.text = tcb.state === State.SynReceived ? (((snd.una + 1) | 0) as Seq) : snd.una;
  snd.sml = snd.up = snd.una;
  snd.reduced = ((snd.una - 1) | 0) as Seq;
  rcv.nxt = c[row + at.rcvNxt]! as Seq;
  rcv.adv = c[row + at.rcvAdv]! as Seq;
  rcv.lastAckSent = rcv.up = rcv.nxt;
  rcv.mss = c[row + at.rcvMss]!;
  rcv.tsRecent = c[row + at.tsRecent]!;
  rcv.tsRecentAt = c[row + at.tsRecentSeconds]! * 1e6;
  rcv.finSeen = isFinDone(tcb.state);
  if (rcv.finSeen) rcv.fin = ((rcv.nxt - 1) | 0) as Seq;
  tcb.tsOffset = c[row + at.tsOffset]!;
  tcb.srtt = c[row + at.srtt]!;
  tcb.rttvar = c[row + at.rttvar]!;
  tcb.rto = c[row + at.rto]!;
  tcb.minRtt = c[row + at.minRtt]!;
  tcb.backoff = (kind >> 18) & 0x1f;
  tcb.retries = (kind >> 23) & 0xff;
  tcb.optionSet = c[row + at.optionSet]!;
  tcb.listener = c[row + at.listener]!;
  const name = controllers.names[(kind >> 12) & MOST_CONTROLLERS]!;
  if (tcb.cc.name !== name) tcb.cc = controllers.make(name);
  tcb.cc.load(c, row + at.cc0, snd.mss, policy);
  tcb.openedAt = getTime(c, row + at.establishedSeconds);
  if (tcb.state !== State.SynReceived) resumeHolds(tcb, tcb.openedAt);
  thawPast(frozen.pasts, c[row + at.past]!, tcb.holds);
  tcb.lastHeardAt = tcb.lastSentAt = tcb.lastTextSentAt = getTime(c, row + at.heardSeconds);
  loadSearch(tcb.search, c[row + at.search]!, tcb.lastHeardAt);
  tcb.idleAt = getTime(c, row + at.idleSeconds);
  tcb.rexmitAt = getTime(c, row + at.rexmitSeconds);
  if (tcb.state === State.SynReceived && !has(tcb, Flag.SynRetransmitted)) {
    // The SYN,ACK is being timed, from when its timer was armed.
    tcb.timedAt = tcb.rexmitAt - tcb.rto;
  }
  rows.give(row);
}

/** `tcb.flags` of a frozen connection. */
export const frozenFlags = ({ rows }: FrozenRows, row: number): number => rows.cells[row + at.flags]!;

/** The largest index of a controller's name that the cell has bits for: who has more controllers has connections that stay live. */
const MOST_CONTROLLERS = 0x3f;

/** What is small, in one cell: state, both shifts, the controller, how often the SYN,ACK was sent again. */
const kindOf = ({ state, snd, rcv, backoff, retries }: Tcb, controller: number): number =>
  state | (snd.scale << 4) | (rcv.scale << 8) | (controller << 12) | (Math.min(backoff, 0x1f) << 18) | (Math.min(retries, 0xff) << 23);

/** The row with these times, or -1: they are all zero, or there is no room to remember them. */
function freezePast(pasts: Rows<string>, holds: Float64Array): number {
  if (holds.every((spent) => spent === 0)) return -1;
  const row = pasts.take();
  if (row >= 0) for (let i = 0; i < HOLDS; i++) putTime(pasts.cells, row + 2 * i, holds[i]!);
  return row;
}

function thawPast(pasts: Rows<string>, row: number, holds: Float64Array): void {
  if (row < 0) return;
  for (let i = 0; i < HOLDS; i++) holds[i] = getTime(pasts.cells, row + 2 * i);
  pasts.give(row);
}

/** A time as whole seconds and the rest, so that int32 cells hold 68 years to the microsecond; -1: never. */
function putTime(cells: Int32Array, cell: number, time: Micros): void {
  const seconds = time === NEVER ? -1 : Math.floor(time / 1e6);
  cells[cell] = seconds;
  cells[cell + 1] = seconds < 0 ? 0 : time - seconds * 1e6;
}

const getTime = (cells: Int32Array, cell: number): Micros => (cells[cell]! < 0 ? NEVER : cells[cell]! * 1e6 + cells[cell + 1]!);

if (CONTROLLER_WORDS !== 8) throw new Error("the row has eight columns for the congestion controller");
