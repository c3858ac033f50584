/** User calls: RFC 9293 s3.10.1 to s3.10.6. They change the TCB and note what is owed; nothing is sent before the turn's flush. */
import { type Micros, NEVER } from "../base/environment.js";
import { networkError } from "../base/errors.js";
import { seqAdd, seqDiff, seqGt, seqLt } from "../base/seq.js";
import { St, Tm, Tx } from "../base/why.js";
import { formatIp, type IpAddress, UNSPECIFIED } from "../ip/address.js";
import { Protocol } from "../ip/network.js";
import { growSendBuffer, mostBuffer, noteCopied } from "./autotune.js";
import { armFinWait2, armKeepAlive } from "./closing.js";
import { swap } from "./congestion-signals.js";
import type { ConnectionOptions } from "./connection-options.js";
import type { Core } from "./core.js";
import { noteRead } from "./delayed-ack.js";
import { Form } from "./demux.js";
import { offerEcn } from "./ecn.js";
import { type Application, CloseError } from "./events.js";
import { FastOpen } from "./fast-open.js";
import { Listener } from "./listener.js";
import { resetFrom } from "./output.js";
import { updateRate } from "./pacing.js";
import { effectiveMss } from "./path.js";
import { recallRtt } from "./path-history.js";
import { Timer } from "./probe.js";
import { configureMemory } from "./receive-memory.js";
import { timeout } from "./rtt.js";
import { sendShare } from "./share.js";
import { maySend, State } from "./state.js";
import { Flag, has, Owe, type Tcb } from "./tcb.js";
import { openReceiveWindow } from "./window.js";

export interface ConnectRequest extends Partial<ConnectionOptions> {
  readonly remote: IpAddress;
  /** 1 to 65535. */
  readonly remotePort: number;
  /** Absent: the address that IP picks for the way to `remote` (MUST-44). */
  readonly local?: IpAddress;
  /** Absent or 0: an ephemeral port (RFC 6056). */
  readonly localPort?: number;
  /** What is sent before the turn ends may go with the SYN (RFC 7413): for text that may arrive twice without harm. */
  readonly fastOpen?: boolean;
}

export interface ListenRequest extends Partial<ConnectionOptions> {
  /** Absent: any of our addresses. */
  readonly local?: IpAddress;
  /** 0: an ephemeral port. */
  readonly port: number;
  /** Connections that may wait to be accepted; default 511, at least 1. */
  readonly backlog?: number;
}

const DEFAULT_BACKLOG = 511;

/** OPEN, active: s3.10.1. */
export function connect(core: Core, request: ConnectRequest, application: Application, now: Micros): Tcb {
  const { remote, remotePort } = request;
  checkPort(remotePort, 1, "connect");
  checkPort(request.localPort ?? 0, 0, "connect");
  const address = formatIp(remote);
  if (core.network.isGroup(remote))
    throw networkError("EINVAL", "connect", `${address}:${remotePort}`, "connect to the address of one host", address, remotePort); // (MUST-46)
  const optionSet = deriveOptions(core, core.defaultSet, request, "connect");
  const local = request.local === undefined || request.local === UNSPECIFIED ? core.network.sourceFor(remote) : request.local;
  if (local === UNSPECIFIED)
    throw networkError("ENETUNREACH", "connect", `${address}:${remotePort}`, "no route leads there; add a gateway", address, remotePort);
  if (!core.network.isLocal(local))
    throw networkError("EADDRNOTAVAIL", "connect", formatIp(local), "bind to an address of this stack", formatIp(local));
  const localPort = choosePort(core, local, request.localPort ?? 0, remote, remotePort);

  const tcb = core.create(optionSet, now);
  if (tcb === null) core.ports.left(local, localPort, remote, remotePort);
  if (tcb === null)
    throw networkError("ENOBUFS", "connect", `${core.limits.connections} connections`, "close some, or raise limits.tcp.connections");
  core.applications.set(tcb.slot, application);
  tcb.local = local;
  tcb.localPort = localPort;
  tcb.remote = remote;
  tcb.remotePort = remotePort;
  core.demux.enter(tcb.slot, local, localPort, remote, remotePort);
  const { snd } = tcb;
  const { policy, secrets } = core;
  tcb.iss = secrets.isn(local, localPort, remote, remotePort, now);
  tcb.tsOffset = secrets.timestampOffset(local, localPort, remote, remotePort);
  snd.una = tcb.iss;
  snd.nxt = tcb.iss;
  snd.up = tcb.iss;
  snd.text = seqAdd(tcb.iss, 1);
  if (request.fastOpen === true) tcb.fastOpen = FastOpen.Wanted;
  if (policy.timestamps) tcb.flags |= Flag.Timestamps;
  if (policy.sack) tcb.flags |= Flag.Sack;
  if (policy.windowScaling) tcb.flags |= Flag.WindowScale;
  offerEcn(core, tcb, false);
  openReceiveWindow(core, tcb);
  tcb.pathEpoch = core.network.epoch;
  snd.mss = effectiveMss(core, tcb, now);
  tcb.cc.begin(snd.mss, policy, false);
  core.beginRecovery(tcb, tcb.iss);
  recallRtt(core, tcb, now);
  core.enter(tcb, State.SynSent, St.OpenActive, now);
  tcb.owes = Owe.Syn;
  tcb.ackCause = core.cause.id;
  const patience = tcb.options.userTimeout || tcb.options.openTimeout;
  if (patience > 0) core.arm(tcb, Timer.UserTimeout, now + patience, Tm.UserTimeout, now);
  core.touch(tcb);
  return tcb;
}

/** OPEN, passive: s3.10.1. No connection that exists is touched by it (MUST-41, MUST-42). */
export function listen(core: Core, request: ListenRequest, application: Application): number {
  checkPort(request.port, 0, "listen");
  const local = request.local ?? UNSPECIFIED;
  const backlog = request.backlog ?? DEFAULT_BACKLOG;
  if (!Number.isInteger(backlog) || backlog < 1 || backlog > 1_000_000)
    throw networkError("EINVAL", "listen", `backlog ${String(backlog)}`, "use an integer from 1 to 1000000");
  if (local !== UNSPECIFIED && !core.network.isLocal(local))
    throw networkError("EADDRNOTAVAIL", "listen", formatIp(local), "listen on an address of this stack", formatIp(local), request.port);
  if (core.owns !== null && request.port === 0)
    throw networkError("EINVAL", "listen", "port 0", "name the port: stacks that share an address must listen on the same");
  const optionSet = deriveOptions(core, core.defaultSet, request, "listen");
  const port = request.port === 0 ? core.ports.choose(local, UNSPECIFIED, 0, (candidate) => !core.listeners.has(candidate)) : request.port;
  const same = core.listeners.get(port) ?? [];
  if (port === 0 || same.some((other) => other.local === local))
    throw networkError("EADDRINUSE", "listen", "", "close the other listener, or choose another port", formatIp(local), request.port);
  const handle = core.demux.allocate(Form.Listener);
  if (handle === 0)
    throw networkError("ENOBUFS", "listen", `${core.limits.connections} connections`, "close some, or raise limits.tcp.connections");
  const slot = core.demux.slot(handle);
  core.demux.place(slot, Form.Listener, port);
  core.applications.set(slot, application);
  const listener = new Listener(handle, local, port, backlog, optionSet);
  const { fastOpenServer, fastOpenListeners } = core.policy;
  listener.fastOpen = core.optionSets.at(optionSet).fastOpenQueue || (fastOpenServer && fastOpenListeners ? backlog : 0);
  core.listeners.set(port, [...same, listener]);
  return handle;
}

/** SEND: s3.10.2. Octets taken, 0 when there is no room, -1 when nothing can be sent any more. */
export function send(core: Core, tcb: Tcb, source: Uint8Array, offset: number, length: number): number {
  if (has(tcb, Flag.FinQueued) || tcb.error !== 0) return -1;
  if (!maySend(tcb.state) && tcb.state !== State.SynSent && tcb.state !== State.SynReceived) return -1;
  if (length > tcb.snd.buffer - tcb.sendQueue.length) growSendBuffer(core, tcb);
  const room = sendLimit(core, tcb) - tcb.sendQueue.length;
  const taken = room <= 0 ? 0 : tcb.sendQueue.append(source, offset, Math.min(length, room));
  if (taken < length) tcb.flags |= Flag.WantsRoom;
  // No ACK will come to say that there is room: the stack will.
  if (taken < length && tcb.sendQueue.length === 0) core.starve(tcb);
  if (taken > 0) {
    tcb.sendCause = core.cause.id;
    core.touch(tcb);
  }
  return taken;
}

/** What a connection may queue to be sent. */
export const sendLimit = (core: Core, tcb: Tcb): number => Math.min(tcb.snd.buffer, sendShare(core));

/** What has been sent so far is a record: no segment will have octets of it and of what follows. */
export function endRecord(tcb: Tcb): void {
  tcb.records ??= [];
  const end = seqAdd(tcb.snd.text, tcb.sendQueue.length);
  if (tcb.records.at(-1) !== end) tcb.records.push(end);
}

/** Marks what has been sent so far as urgent (s3.8.5, MUST-30): for protocols that need it; new ones should not (SHLD-13). */
export function markUrgent(core: Core, tcb: Tcb): void {
  tcb.snd.up = seqAdd(tcb.snd.text, tcb.sendQueue.length);
  core.touch(tcb);
}

/** RECEIVE: s3.10.3. Octets copied, 0 when there are none now, -1 at the end of the stream. */
export function receive(core: Core, tcb: Tcb, target: Uint8Array, offset: number, length: number, now: Micros): number {
  const octets = Math.min(length, readable(tcb));
  if (octets > 0) {
    tcb.receiveQueue.copyOut(0, target, offset, octets);
    consume(core, tcb, octets, now);
    return octets;
  }
  return isAtEnd(tcb) ? -1 : 0;
}

/** Octets that can be read now: none before the handshake is over. */
export const readable = (tcb: Tcb): number => (isOpening(tcb) ? 0 : tcb.receiveQueue.length);

/** The handshake is not over, and nothing can be read or sent before that (Fast Open lets a server do both). */
export const isOpening = (tcb: Readonly<Tcb>): boolean =>
  tcb.state === State.SynSent || (tcb.state === State.SynReceived && (tcb.fastOpen & FastOpen.Early) === 0);

/** Nothing will come any more. */
export function isAtEnd(tcb: Tcb): boolean {
  if (tcb.receiveQueue.length > 0) return false;
  return tcb.state === State.Closed || (tcb.rcv.finSeen && seqGt(tcb.rcv.nxt, tcb.rcv.fin));
}

/** The application has taken octets from the head of the receive queue: the window may open. */
export function consume(core: Core, tcb: Tcb, octets: number, now: Micros): void {
  tcb.receiveQueue.discard(octets);
  // An urgent mark that has been read follows the reader, else it would lie ahead again after 2^31 octets.
  const head = seqAdd(tcb.rcv.nxt, -tcb.receiveQueue.length);
  if (seqLt(tcb.rcv.up, head)) tcb.rcv.up = head;
  if (tcb.state === State.Closed || tcb.rcv.finSeen) return;
  noteCopied(core, tcb, octets, now);
  noteRead(core, tcb);
  tcb.owes |= Owe.Window;
  core.touch(tcb);
}

/** Octets before the urgent mark, 0 when there is none: MUST-33. */
export function urgentAhead(tcb: Tcb): number {
  const head = seqAdd(tcb.rcv.nxt, -tcb.receiveQueue.length);
  return Math.max(0, seqDiff(tcb.rcv.up, head));
}

/** CLOSE in its first sense: no more will be sent; receiving goes on (s3.10.4, half-close). */
export function shutdown(core: Core, tcb: Tcb, now: Micros): void {
  if (has(tcb, Flag.FinQueued)) return;
  switch (tcb.state) {
    case State.SynSent:
    case State.SynReceived:
      break; // queued until the connection is ESTABLISHED. Deviation: close-syn-received
    case State.Established:
      core.enter(tcb, State.FinWait1, St.CloseSendFin, now);
      break;
    case State.CloseWait:
      break; // LAST-ACK when the FIN goes
    default:
      return;
  }
  tcb.flags |= Flag.FinQueued;
  core.arm(tcb, Timer.KeepAlive, NEVER, Tm.KeepAlive, now); // the FIN's own retransmission keeps the connection honest
  tcb.sendCause = core.cause.id;
  core.touch(tcb);
}

/** CLOSE in its second sense: the application lets go. What is queued is still delivered; what it has not read makes a RST of it,
 *  so that the peer does not believe it was read (s3.6.1, SHLD-3; RFC 2525 s2.17). */
export function close(core: Core, tcb: Tcb, now: Micros): void {
  const unread = tcb.receiveQueue.length > 0 || tcb.outOfOrder.count > 0;
  if (tcb.state === State.Closed) return core.release(tcb);
  if (tcb.state === State.SynSent) {
    tcb.flags |= Flag.Orphan;
    core.finish(tcb, CloseError.Aborted, St.CloseBeforeOpen, now);
    return;
  }
  if (unread && tcb.state !== State.TimeWait && core.policy.unreadResets) {
    resetFrom(core, tcb, tcb.snd.nxt, Tx.RstUnread, now);
    tcb.flags |= Flag.Orphan;
    core.finish(tcb, CloseError.Aborted, St.CloseUnread, now);
    return;
  }
  if (tcb.options.linger === 0 && tcb.state !== State.TimeWait) return abort(core, tcb, now);
  tcb.receiveQueue.clear();
  shutdown(core, tcb, now);
  tcb.flags |= Flag.Orphan;
  core.applications.set(tcb.slot, null);
  core.demux.clearEvents(tcb.slot);
  if (tcb.state === State.FinWait2) armFinWait2(core, tcb, now);
  else if (tcb.state !== State.TimeWait) {
    const linger = tcb.options.linger > 0 ? now + tcb.options.linger : NEVER;
    core.arm(tcb, Timer.Linger, linger, Tm.Linger, now);
  }
  core.touch(tcb);
}

/** ABORT: s3.10.5. */
export function abort(core: Core, tcb: Tcb, now: Micros): void {
  if (tcb.state === State.Closed) return core.release(tcb);
  resetPeer(core, tcb, now);
  tcb.flags |= Flag.Orphan;
  core.finish(tcb, CloseError.Aborted, St.UserAbort, now);
}

/** The stack ends: as ABORT, but its application has not asked for it, and is told. What it has not read is lost. */
export function endWithStack(core: Core, tcb: Tcb, now: Micros): void {
  if (has(tcb, Flag.Orphan) || core.applications.at(tcb.slot) === null) return abort(core, tcb, now);
  tcb.receiveQueue.clear();
  if (tcb.state === State.Closed) return;
  resetPeer(core, tcb, now);
  core.finish(tcb, CloseError.Aborted, St.UserAbort, now);
}

/** s3.10.5: a RST in every state but those in which the peer has said and heard all. */
function resetPeer(core: Core, tcb: Tcb, now: Micros): void {
  if (tcb.state !== State.SynSent && tcb.state !== State.Closing && tcb.state !== State.LastAck && tcb.state !== State.TimeWait)
    resetFrom(core, tcb, tcb.snd.nxt, Tx.RstAbort, now);
}

/** A listener ends: connections that wait in its queues are reset, those that were accepted are not touched. */
export function closeListener(core: Core, listener: Listener, now: Micros): void {
  for (let handle = listener.shift(); handle !== 0; handle = listener.shift()) {
    const slot = core.demux.slot(handle);
    const tcb = slot === 0 ? null : core.resolve(slot);
    if (tcb !== null) abort(core, tcb, now);
  }
  const rest = (core.listeners.get(listener.port) ?? []).filter((other) => other !== listener);
  if (rest.length === 0) core.listeners.delete(listener.port);
  else core.listeners.set(listener.port, rest);
  core.ports.forget();
  const slot = core.demux.slot(listener.handle);
  core.applications.set(slot, null);
  core.demux.free(slot);
}

export function configure(core: Core, tcb: Tcb, changes: Partial<ConnectionOptions>, now: Micros): void {
  const before = tcb.options;
  tcb.optionSet = deriveOptions(core, tcb.optionSet, changes, "configure");
  tcb.options = core.optionSets.at(tcb.optionSet);
  if (before.sendBuffer !== tcb.options.sendBuffer || (before.sendTuning && !tcb.options.sendTuning))
    tcb.snd.buffer = tcb.options.sendBuffer;
  if (before.receiveBuffer !== tcb.options.receiveBuffer || (before.receiveTuning && !tcb.options.receiveTuning))
    tcb.rcv.buffer = tcb.options.receiveBuffer;
  if (before.windowClamp !== tcb.options.windowClamp) tcb.rcv.buffer = Math.min(tcb.rcv.buffer, mostBuffer(core, tcb));
  if (tcb.rcv.memory !== null) configureMemory(tcb.rcv.memory, before, tcb.options);
  if (before.keepAlive !== tcb.options.keepAlive) armKeepAlive(core, tcb, now);
  if (tcb.srtt > 0 && tcb.state >= State.Established) tcb.rto = timeout(core.policy, tcb.srtt, tcb.rttvar, tcb.options);
  else if (before.rtoInitial !== tcb.options.rtoInitial) tcb.rto = tcb.options.rtoInitial;
  if (before.userTimeout !== tcb.options.userTimeout) {
    const opening = tcb.state === State.SynSent || (tcb.state === State.SynReceived && !has(tcb, Flag.Passive));
    const at = opening && tcb.options.userTimeout > 0 ? now + tcb.options.userTimeout : NEVER;
    core.arm(tcb, Timer.UserTimeout, at, Tm.UserTimeout, now);
  }
  swap(core, tcb, core.controllerOf(tcb.options), now);
  if (before.pacingRate !== tcb.options.pacingRate) tcb.pacedUntil = 0;
  updateRate(core, tcb);
  if (before.receiveBuffer !== tcb.options.receiveBuffer) tcb.owes |= Owe.Window;
  core.touch(tcb);
}

/** The option set at `base` with `changes`, or EINVAL. */
export function deriveOptions(core: Core, base: number, changes: Partial<ConnectionOptions>, syscall: string): number {
  const name = changes.congestionControl;
  if (name !== undefined && name !== "") core.controllers.check(name, syscall);
  return core.optionSets.derive(base, changes, syscall);
}

function checkPort(port: number, least: number, syscall: string): void {
  if (!Number.isInteger(port) || port < least || port > 65_535)
    throw networkError("EINVAL", syscall, `port ${String(port)}`, `use an integer from ${least} to 65535`);
}

function choosePort(core: Core, local: IpAddress, wanted: number, remote: IpAddress, remotePort: number): number {
  const owner = core.network.isLocal(remote) ? null : core.owns;
  const owned = (port: number): boolean => owner === null || owner(Protocol.Tcp, local, port, remote, remotePort);
  const free = (port: number): boolean =>
    !(local === remote && port === remotePort) && core.demux.find(local, port, remote, remotePort) === 0;
  if (wanted !== 0) {
    if (!owned(wanted))
      throw networkError(
        "EADDRNOTAVAIL",
        "connect",
        `${formatIp(local)}:${wanted}`,
        "the answer would reach another core: let the stack choose",
      );
    if (free(wanted)) return wanted;
    throw networkError("EADDRINUSE", "connect", `${formatIp(local)}:${wanted}`, "choose another local port, or 0 for any");
  }
  const port = core.ports.choose(
    local,
    remote,
    remotePort,
    (candidate) => !core.listeners.has(candidate) && owned(candidate) && free(candidate),
  );
  if (port !== 0) return port;
  throw networkError(
    "EADDRNOTAVAIL",
    "connect",
    `${formatIp(remote)}:${remotePort}`,
    "every local port is in use towards it; close some connections",
  );
}
