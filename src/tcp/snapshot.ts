/** Connections as octets: a snapshot of what a stack knows of them, and their life in another stack, process or worker on the same addresses.
 *
 *  Sequence state, queues, timers and options are exact, and so are the clocks that peers see. Not kept: what a scoreboard knows of a
 *  flight (RFC 2018 s5 has senders forget it after a timeout), who is being probed, and the keys from which new connections get their numbers. */
import { ArchiveReader, ArchiveWriter } from "../base/archive.js";
import { type Micros, NEVER } from "../base/environment.js";
import { networkError } from "../base/errors.js";
import { KeyedTable } from "../base/keyed-table.js";
import { type Seq, seqAdd, seqDiff, seqGt, seqLt, seqMax } from "../base/seq.js";
import { SipKey } from "../base/siphash.js";
import { formatIp, type IpAddress, ipFromInt } from "../ip/address.js";
import { loadMarks, MARK_WORDS, saveMarks } from "./accurate-ecn.js";
import { CONTROLLER_WORDS } from "./congestion/controller.js";
import { defaultConnectionOptions } from "./connection-options.js";
import type { Core } from "./core.js";
import { noteSlow } from "./deadlines.js";
import { Form } from "./demux.js";
import { TcpEvent } from "./events.js";
import { FastOpen } from "./fast-open.js";
import { HOLDS } from "./hold.js";
import { type Listener, listenerFor } from "./listener.js";
import { loadSearch, saveSearch } from "./path-search-state.js";
import { resumeMemory } from "./receive-memory.js";
import { Mark } from "./recovery/sent.js";
import { backedOff } from "./rtt.js";
import { type Field, receiveFields, sendFields, shifted, tcbFields, useFields } from "./snapshot-fields.js";
import { State } from "./state.js";
import { Flag, has, type Tcb } from "./tcb.js";
import { deriveOptions } from "./user.js";

/** "onwire" and the version of what follows. A reader knows its own version only. */
const MAGIC = 0x6f6e_7769_7265;
const VERSION = 1;

const MOST_CONNECTIONS = 2 ** 24;
const MOST_OCTETS = 2 ** 30;
const MOST_TEXT = 65_536;

/** One record in flight: where it ends, and when it was last sent. */
interface Flight {
  readonly end: Seq;
  readonly sentAt: Micros;
}

/** A connection that was read, and that nothing was found wrong with; valid until the next is read. */
interface Decoded {
  readonly tcb: Tcb;
  readonly was: number;
  /** It was a row. */
  readonly frozen: boolean;
  readonly events: number;
  /** An application has its handle. */
  readonly owned: boolean;
  readonly local: IpAddress;
  readonly remote: IpAddress;
  readonly optionSet: number;
  readonly flight: readonly Flight[];
  readonly listener: Listener | null;
  readonly send: Uint8Array;
  readonly receive: Uint8Array;
  readonly strays: readonly { readonly left: Seq; readonly octets: Uint8Array }[];
}

/** The connections in these slots; all of them but listeners, when no slots are given. Nothing changes. */
export function snapshot(core: Core, slots: readonly number[] | null, now: Micros): Uint8Array {
  const writer = new ArchiveWriter();
  writer.number(MAGIC);
  writer.number(VERSION);
  writer.number(now);
  writer.number(core.policy.timestampTick);
  const chosen = slots ?? connections(core);
  writer.number(chosen.length);
  const sets = new Map<number, number>();
  for (const slot of chosen) {
    const frozen = core.demux.form(slot) === Form.Row;
    const tcb = core.resolve(slot)!;
    writer.number(frozen ? 1 : 0);
    writeConnection(core, writer, tcb, sets);
    if (frozen && !tcb.touched) core.refreeze(tcb);
  }
  return writer.finish();
}

function connections(core: Core): number[] {
  const slots: number[] = [];
  for (let slot = 1; slot < core.demux.top; slot++) {
    const form = core.demux.form(slot);
    if (form === Form.Live || form === Form.Row) slots.push(slot);
  }
  return slots;
}

function writeConnection(core: Core, writer: ArchiveWriter, tcb: Tcb, sets: Map<number, number>): void {
  const { snd, rcv, sent, outOfOrder } = tcb;
  writer.number(tcb.handle);
  writer.number(core.demux.events(tcb.slot));
  writer.number(tcb.local);
  writer.number(tcb.remote);
  writeFields(writer, tcb, tcbFields);
  writeFields(writer, snd, sendFields);
  writeFields(writer, rcv, receiveFields);
  writeFields(writer, tcb.use, useFields);
  for (const edge of rcv.recent) writer.number(edge);
  for (const spent of tcb.holds) writer.number(spent);
  writer.number(saveSearch(tcb.search));
  const counters = tcb.accurate === null ? 0 : MARK_WORDS;
  const marks = new Int32Array(counters);
  if (counters > 0) saveMarks(tcb, marks, 0);
  writer.number(counters);
  for (const word of marks) writer.number(word);
  // Option sets are few: each is written where it is first used.
  const known = sets.get(tcb.optionSet);
  writer.number(known ?? sets.size);
  if (known === undefined) {
    sets.set(tcb.optionSet, sets.size);
    writer.text(JSON.stringify(tcb.options));
  }
  writer.text(tcb.cc.name);
  const words = new Int32Array(CONTROLLER_WORDS);
  tcb.cc.save(words, 0);
  for (const word of words) writer.number(word);
  writer.number(sent.count);
  for (let i = 0; i < sent.count; i++) {
    writer.number(sent.end(i));
    writer.number(sent.marks(i) & Mark.Retransmitted && i > 0 ? sent.sentAt(i - 1) : sent.sentAt(i));
  }
  const records = tcb.records ?? [];
  writer.number(records.length);
  for (const end of records) writer.number(end);
  tcb.sendQueue.copyOut(0, writer.octets(tcb.sendQueue.length), 0, tcb.sendQueue.length);
  const { length } = tcb.receiveQueue;
  tcb.receiveQueue.copyOut(0, writer.octets(length), 0, length);
  writer.number(outOfOrder.count);
  for (let i = 0; i < outOfOrder.count; i++) {
    const left = outOfOrder.left(i);
    const octets = seqDiff(outOfOrder.right(i), left);
    writer.number(left);
    tcb.receiveQueue.copyOut(length + seqDiff(left, rcv.nxt), writer.octets(octets), 0, octets);
  }
}

function writeFields<T extends object>(writer: ArchiveWriter, from: T, fields: { readonly [name: string]: Field }): void {
  const values = from as Record<string, number | boolean>;
  for (const name of Object.keys(fields)) writer.number(Number(values[name]));
}

/** Takes up the connections of a snapshot that was written `elapsed` ago: all of them, or none and an error that says why (EINVAL,
 *  EADDRNOTAVAIL, EADDRINUSE, ENOBUFS). Returns their handles by what they were, of those that an application had. */
export function restore(core: Core, bytes: Uint8Array, elapsed: Micros, now: Micros): Map<number, number> {
  if (!(elapsed >= 0 && elapsed < 2 ** 50)) throw networkError("EINVAL", "restore", `elapsed ${elapsed}`, "microseconds, 0 or more");
  const tuples = new KeyedTable(new SipKey({ int32: () => core.secrets.random() }), MOST_CONNECTIONS);
  let wanted = 0;
  const count = read(core, bytes, now - elapsed, (connection) => {
    if (connection.tcb.state !== State.Closed) checkAddresses(core, connection, tuples);
    wanted += chunksOf(core, connection);
  });
  const { available } = core.memory.chunks;
  if (wanted > available) throw networkError("ENOBUFS", "restore", `${wanted} chunks`, `the memory has ${available} left: make it larger`);
  if (count > core.demux.room)
    throw networkError("ENOBUFS", "restore", `${count} connections`, `there is room for ${core.demux.room}: raise limits.connections`);
  // Nothing is wrong: the second reading changes the stack.
  const handles = new Map<number, number>();
  read(core, bytes, now - elapsed, (connection) => {
    const handle = takeUp(core, connection, now);
    if (connection.owned) handles.set(connection.was, handle);
  });
  return handles;
}

/** Shows the connections of a snapshot one after the other, all in the same TCB, which is nobody's; returns how many there were. `then`: when it
 *  was written, by the clock of this stack. */
function read(core: Core, bytes: Uint8Array, then: Micros, visit: (connection: Decoded) => void): number {
  const reader = new ArchiveReader(bytes, "restore");
  if (reader.number("magic") !== MAGIC) throw reader.wrong("the beginning", "this is no snapshot of connections");
  const version = reader.number("version");
  if (version !== VERSION)
    throw reader.wrong(`version ${version}`, `this stack reads version ${VERSION}: restore with the release that wrote it`);
  const shift = then - reader.number("time", -(2 ** 50), 2 ** 50);
  const tick = reader.number("timestamp tick", 1, 1e9);
  const { timestampTick } = core.policy;
  if (tick !== timestampTick)
    throw reader.wrong(`timestamps of ${tick} us`, `this stack's profile has ${timestampTick}: use the profile that it was written with`);
  const count = reader.integer("number of connections", 0, MOST_CONNECTIONS);
  const sets: number[] = [];
  const tcb = core.blank();
  for (let i = 0; i < count; i++) visit(readConnection(core, reader, tcb, sets, shift));
  if (reader.left > 0) throw reader.wrong(`${reader.left} octets`, "they follow the last connection");
  return count;
}

function checkAddresses(core: Core, { tcb, local, remote }: Decoded, tuples: KeyedTable): void {
  const { localPort, remotePort } = tcb;
  const ports = (localPort << 16) | remotePort;
  if (!core.network.isLocal(local))
    throw networkError("EADDRNOTAVAIL", "restore", formatIp(local), "give the stack the address first", formatIp(local));
  if (tuples.find(local, remote, ports, 0) < 0 && core.demux.find(local, localPort, remote, remotePort) === 0) {
    tuples.insert(local, remote, ports, 0);
    return;
  }
  const tuple = `${formatIp(local)}:${localPort} ${formatIp(remote)}:${remotePort}`;
  throw networkError("EADDRINUSE", "restore", tuple, "there is such a connection already: restore into a stack that has just begun");
}

/** As many as it takes wherever in a chunk a queue begins. */
function chunksOf(core: Core, { send, receive, strays }: Decoded): number {
  const { shift } = core.memory.chunks;
  const of = (octets: number): number => (octets === 0 ? 0 : (octets >> shift) + 2);
  return strays.reduce((sum, { octets }) => sum + of(octets.length), of(send.length) + of(receive.length));
}

function readConnection(core: Core, reader: ArchiveReader, tcb: Tcb, sets: number[], shift: Micros): Decoded {
  const frozen = reader.integer("form", 0, 1) === 1;
  const was = reader.integer("handle", 1, 2 ** 31 - 1);
  const events = reader.integer("events", 0, 1_023);
  const local = ipFromInt(reader.integer("local address", -(2 ** 31), 2 ** 32 - 1) | 0);
  const remote = ipFromInt(reader.integer("remote address", -(2 ** 31), 2 ** 32 - 1) | 0);
  const { snd, rcv } = tcb;
  readFields(reader, tcb, tcbFields, "", shift);
  readFields(reader, snd, sendFields, "snd.", shift);
  readFields(reader, rcv, receiveFields, "rcv.", shift);
  readFields(reader, tcb.use, useFields, "use.", shift);
  for (let i = 0; i < rcv.recent.length; i++) rcv.recent[i] = reader.integer("rcv.recent", -(2 ** 31), 2 ** 31 - 1);
  for (let i = 0; i < HOLDS; i++) tcb.holds[i] = reader.number("hold", 0, 2 ** 53);
  loadSearch(tcb.search, reader.integer("path search", -(2 ** 31), 2 ** 31 - 1), tcb.lastHeardAt);
  readMarks(reader, tcb);
  // What the peer sees of the clock goes on: never back, and by no more than has passed.
  tcb.tsOffset = (tcb.tsOffset - Math.floor(shift / core.policy.timestampTick)) | 0;
  const set = reader.integer("option set", 0, sets.length);
  if (set === sets.length) sets.push(readOptions(core, reader));
  const name = reader.text("congestion controller", 64);
  if (!core.controllers.names.includes(name))
    throw reader.wrong(`congestion controller ${JSON.stringify(name)}`, "this stack has none of that name: give it to the new Stack too");
  const words = Int32Array.from({ length: CONTROLLER_WORDS }, () => reader.integer("controller state", -(2 ** 31), 2 ** 31 - 1));
  tcb.cc = core.controllers.make(name);
  tcb.cc.load(words, 0, snd.mss, core.policy);
  if (!(tcb.cc.window() >= 1 && tcb.cc.window() <= 2 ** 31))
    throw reader.wrong(`a congestion window of ${tcb.cc.window()}`, "it is a segment at least");
  const flight = readFlight(reader, tcb, shift);
  tcb.records = readRecords(reader, tcb);
  const send = reader.octets("send queue", MOST_OCTETS);
  const receive = reader.octets("receive queue", MOST_OCTETS);
  checkSending(reader, tcb, send.length);
  checkReceiving(reader, tcb, receive.length);
  const strays = readStrays(core, reader, tcb);
  const listener = isListeners(tcb) ? home(core, tcb, local) : null;
  const owned = !has(tcb, Flag.Orphan) && (listener === null || (tcb.fastOpen & FastOpen.Early) !== 0) && !has(tcb, Flag.Unaccepted);
  return { tcb, was, frozen, events, owned, local, remote, optionSet: sets[set]!, flight, listener, send, receive, strays };
}

function readFields<T extends object>(
  reader: ArchiveReader,
  to: T,
  fields: { readonly [name: string]: Field },
  prefix: string,
  shift: Micros,
): void {
  const values = to as Record<string, number | boolean>;
  for (const name of Object.keys(fields)) {
    const field = fields[name]!;
    const [kind, least, most] = field;
    const exact = kind === "seq" || kind === "integer" || kind === "boolean";
    const value = exact ? reader.integer(prefix + name, least, most) : reader.number(prefix + name, least, most);
    values[name] = kind === "boolean" ? value === 1 : shifted(field, value, shift);
  }
}

/** The counters of AccECN (RFC 9768). */
function readMarks(reader: ArchiveReader, tcb: Tcb): void {
  const counters = reader.integer("AccECN counters", 0, MARK_WORDS);
  if (counters !== 0 && counters !== MARK_WORDS) throw reader.wrong(`${counters} AccECN counters`, `they are ${MARK_WORDS} or none`);
  if (counters === 0 && has(tcb, Flag.AccurateEcn)) throw reader.wrong("no AccECN counters", "AccECN is agreed");
  const { deliveredMarked } = tcb;
  tcb.accurate = null;
  const words = Int32Array.from({ length: counters }, () => reader.integer("AccECN counter", -(2 ** 31), 2 ** 31 - 1));
  if (counters > 0) loadMarks(tcb, words, 0);
  tcb.deliveredMarked = deliveredMarked;
}

function readOptions(core: Core, reader: ArchiveReader): number {
  const text = reader.text("options", MOST_TEXT);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw reader.wrong("options", "they are no JSON");
  }
  const defaults: Record<string, unknown> = { ...defaultConnectionOptions(core.policy) };
  const options: Record<string, unknown> = {};
  if (typeof parsed !== "object" || parsed === null) throw reader.wrong("options", "they are no object");
  for (const [name, value] of Object.entries(parsed)) {
    if (typeof value !== typeof defaults[name])
      throw reader.wrong(`option ${name}: ${JSON.stringify(value)}`, "there is no such option, or not of that type");
    options[name] = value;
  }
  return deriveOptions(core, core.defaultSet, options, "restore");
}

function readFlight(reader: ArchiveReader, tcb: Tcb, shift: Micros): Flight[] {
  const { snd } = tcb;
  const count = reader.integer("segments in flight", 0, 2 ** 16);
  const flight: Flight[] = [];
  let from = seqMax(snd.una, snd.text);
  let latest = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < count; i++) {
    const end = reader.integer("end of a segment in flight", -(2 ** 31), 2 ** 31 - 1) as Seq;
    const sentAt = reader.number("time of a segment in flight", -(2 ** 53), 2 ** 53) + shift;
    if (!seqGt(end, from) || seqGt(end, snd.nxt))
      throw reader.wrong(`a segment in flight up to ${end}`, "it lies between SND.UNA and SND.NXT, behind the one before");
    latest = Math.max(latest, sentAt);
    flight.push({ end, sentAt: latest });
    from = end;
  }
  if (count > 0 && from !== snd.nxt) throw reader.wrong(`segments in flight up to ${from}`, `SND.NXT is ${snd.nxt}`);
  if (count === 0 && isPast(tcb) && seqLt(from, snd.nxt))
    throw reader.wrong("no segments in flight", `SND.NXT is ${snd.nxt}, SND.UNA ${snd.una}`);
  return flight;
}

/** The ends of what the application has sent as records of their own. */
function readRecords(reader: ArchiveReader, tcb: Tcb): Seq[] | null {
  const count = reader.integer("records", 0, 2 ** 24);
  const ends: Seq[] = [];
  for (let i = 0; i < count; i++) {
    const end = reader.integer("end of a record", -(2 ** 31), 2 ** 31 - 1) as Seq;
    if (i > 0 && !seqGt(end, ends[i - 1]!)) throw reader.wrong(`a record up to ${end}`, "records follow each other");
    if (seqDiff(end, tcb.snd.text) > MOST_OCTETS) throw reader.wrong(`a record up to ${end}`, "it is beyond what can be queued");
    ends.push(end);
  }
  return count === 0 ? null : ends;
}

/** The SYN has been acknowledged, and the connection is not over. */
const isPast = (tcb: Tcb): boolean => tcb.state > State.SynReceived;

function checkSending(reader: ArchiveReader, tcb: Tcb, queued: number): void {
  const { snd, state } = tcb;
  if (state === State.Listen) throw reader.wrong("a listener", "only connections can be restored");
  const opening = state === State.SynSent || state === State.SynReceived;
  const flight = seqDiff(snd.nxt, snd.una);
  const ahead = seqDiff(snd.text, snd.una);
  const wrong = (what: string): Error =>
    reader.wrong(`SND.UNA ${snd.una}, SND.NXT ${snd.nxt}, text from ${snd.text}, ${queued} octets queued`, what);
  if (flight < 0 || flight > 2 ** 30 + 1) throw wrong("SND.NXT is at most 2^30 beyond SND.UNA");
  if (state === State.Closed) return;
  const fin = has(tcb, Flag.FinSent) ? 1 : 0;
  if (fin === 1 && !has(tcb, Flag.FinQueued)) throw wrong("a FIN was sent that nobody queued");
  if (has(tcb, Flag.FinAcked)) {
    if (fin === 0 || queued > 0 || flight > 0 || ahead > 0 || ahead < -1) throw wrong("the FIN is acknowledged: nothing is left");
  } else if (opening) {
    if (snd.una !== tcb.iss || ahead !== 1 || fin === 1) throw wrong("the SYN is not acknowledged, and the queue is behind it");
    if (seqDiff(snd.nxt, snd.text) > queued) throw wrong("more was sent than is queued");
  } else {
    if (ahead !== 0) throw wrong("the queue begins at SND.UNA");
    if (seqDiff(snd.nxt, snd.text) > queued + fin) throw wrong("more was sent than is queued");
    if (fin === 1 && flight !== queued + 1) throw wrong("the FIN is behind the last octet");
  }
  const silent = state === State.SynSent || state === State.SynReceived || state === State.Established || state === State.CloseWait;
  if (!silent && !has(tcb, Flag.FinQueued)) throw wrong("the state is one behind CLOSE, and no FIN is queued");
  if ((state === State.FinWait2 || state === State.TimeWait) && !has(tcb, Flag.FinAcked))
    throw wrong("the state is one behind the ACK of the FIN");
}

function checkReceiving(reader: ArchiveReader, tcb: Tcb, queued: number): void {
  const { rcv, state } = tcb;
  const wrong = (what: string): Error => reader.wrong(`RCV.NXT ${rcv.nxt}, right edge ${rcv.adv}, ${queued} octets unread`, what);
  if (state === State.Closed || state === State.SynSent) return;
  if (Math.abs(seqDiff(rcv.adv, rcv.nxt)) > 2 ** 30) throw wrong("the window is at most 2^30");
  if (seqGt(rcv.lastAckSent, rcv.nxt)) throw wrong("the last ACK sent is not beyond RCV.NXT");
  const finished = state === State.CloseWait || state === State.Closing || state === State.LastAck || state === State.TimeWait;
  if (finished && !(rcv.finSeen && seqAdd(rcv.fin, 1) === rcv.nxt)) throw wrong("the state is one behind the peer's FIN");
  if (!finished && rcv.finSeen && seqLt(rcv.fin, rcv.nxt)) throw wrong("the peer's FIN is still to come");
}

function readStrays(core: Core, reader: ArchiveReader, tcb: Tcb): { left: Seq; octets: Uint8Array }[] {
  const strays: { left: Seq; octets: Uint8Array }[] = [];
  let from = seqAdd(tcb.rcv.nxt, 1);
  for (let count = reader.integer("ranges out of order", 0, core.limits.outOfOrderRanges); count > 0; count--) {
    const left = reader.integer("range out of order", -(2 ** 31), 2 ** 31 - 1) as Seq;
    const octets = reader.octets("text out of order", MOST_OCTETS);
    const right = seqAdd(left, octets.length);
    if (octets.length === 0 || seqLt(left, from) || seqDiff(right, tcb.rcv.nxt) > 2 ** 30 || seqDiff(right, tcb.rcv.nxt) < 0)
      throw reader.wrong(`text out of order from ${left}`, "ranges lie beyond RCV.NXT, in order, and apart from each other");
    strays.push({ left, octets });
    from = seqAdd(right, 1);
  }
  return strays;
}

/** Its listener knows of it: its handshake is not over, or nobody has accepted it. */
const isListeners = (tcb: Tcb): boolean =>
  has(tcb, Flag.Unaccepted) || (tcb.state === State.SynReceived && has(tcb, Flag.Passive) && !has(tcb, Flag.Orphan));

function home(core: Core, tcb: Tcb, local: IpAddress): Listener {
  const listener = listenerFor(core.listeners, local, tcb.localPort);
  if (listener !== null) return listener;
  throw networkError(
    "EADDRNOTAVAIL",
    "restore",
    `${formatIp(local)}:${tcb.localPort}`,
    "a connection waits to be accepted there: listen first",
  );
}

/** Makes the connection one of this stack: what was decoded is in a TCB of nobody. */
function takeUp(core: Core, connection: Decoded, now: Micros): number {
  const { local, remote, listener, flight } = connection;
  const from = connection.tcb;
  const tcb = core.create(connection.optionSet, now)!;
  const { handle, slot, snd } = tcb;
  copyFields(from, tcb, tcbFields);
  copyFields(from.snd, snd, sendFields);
  copyFields(from.rcv, tcb.rcv, receiveFields);
  copyFields(from.use, tcb.use, useFields);
  tcb.rcv.recent.set(from.rcv.recent);
  tcb.holds.set(from.holds);
  loadSearch(tcb.search, saveSearch(from.search), from.lastHeardAt);
  // The next connection that is read gets others.
  tcb.cc = from.cc;
  tcb.accurate = from.accurate;
  tcb.records = from.records;
  tcb.local = local;
  tcb.remote = remote;
  if (has(tcb, Flag.Starved)) tcb.flags |= Flag.WantsRoom;
  tcb.flags &= ~(Flag.Starved | Flag.Postponed);
  if (tcb.state !== State.Closed) core.demux.enter(slot, local, tcb.localPort, remote, tcb.remotePort);
  if (has(tcb, Flag.Passive)) core.sources.add(remote, 1);
  if (tcb.state === State.TimeWait) core.timeWaits.add(handle);
  fillQueues(core, tcb, connection);
  if (tcb.rcv.memory !== null) resumeMemory(core, tcb, tcb.rcv.memory);
  let start = seqMax(snd.una, snd.text);
  core.beginRecovery(tcb, seqAdd(start, -1));
  for (const { end, sentAt } of flight) {
    tcb.recovery.onSent(start, end, false, sentAt);
    start = end;
  }
  if (flight.length > 0 && tcb.rexmitAt === NEVER) tcb.rexmitAt = now + backedOff(tcb.options, tcb.rto, tcb.backoff, core.policy.rtoSlop);
  if (listener !== null) join(tcb, listener);
  noteSlow(tcb);
  const events = eventsOf(tcb, connection.events);
  if (connection.frozen && events === 0 && core.refreeze(tcb)) return handle;
  core.touch(tcb);
  if (events !== 0) core.emit(slot, events);
  core.work();
  return handle;
}

/** Its application hears again of all that it might not have heard of. */
function eventsOf(tcb: Tcb, pending: number): number {
  let events = pending;
  if (tcb.receiveQueue.length > 0) events |= TcpEvent.Readable;
  if (tcb.rcv.finSeen && seqGt(tcb.rcv.nxt, tcb.rcv.fin)) events |= TcpEvent.Readable | TcpEvent.PeerClosed;
  if (has(tcb, Flag.WantsRoom)) events |= TcpEvent.Writable;
  if (tcb.state === State.Closed || tcb.state === State.TimeWait) events |= TcpEvent.Readable | TcpEvent.Closed;
  return has(tcb, Flag.Orphan) ? 0 : events;
}

function join(tcb: Tcb, listener: Listener): void {
  tcb.listener = listener.handle;
  if (has(tcb, Flag.Unaccepted)) listener.push(tcb.handle);
  if (tcb.state !== State.SynReceived) return;
  listener.halfOpen += 1;
  if (tcb.fastOpen & FastOpen.Early) listener.early += 1;
}

function fillQueues(core: Core, tcb: Tcb, { send, receive, strays }: Decoded): void {
  tcb.sendQueue.append(send, 0, send.length);
  tcb.receiveQueue.append(receive, 0, receive.length);
  if (strays.length === 0) return;
  // A queue takes what is out of order from the arena only.
  const { chunks, arena } = core.memory;
  const scratch = chunks.take();
  for (const { left, octets } of strays) {
    for (let at = 0; at < octets.length; at += chunks.size) {
      const piece = octets.subarray(at, at + chunks.size);
      arena.bytes.set(piece, scratch);
      tcb.receiveQueue.place(receive.length + seqDiff(left, tcb.rcv.nxt) + at, scratch, piece.length);
    }
    tcb.outOfOrder.add(left, seqAdd(left, octets.length));
  }
  chunks.give(scratch);
}

function copyFields<T extends object>(from: T, to: T, fields: { readonly [name: string]: Field }): void {
  for (const name of Object.keys(fields)) (to as Record<string, unknown>)[name] = (from as Record<string, unknown>)[name];
}
