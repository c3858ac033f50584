/** A stream socket: what 4.4BSD and its heirs have made of the user interface of RFC 9293 s3.9.1. */
import { type Micros, NEVER, SECOND } from "../base/environment.js";
import { NetworkError } from "../base/errors.js";
import { seqAdd, seqDiff, seqGt } from "../base/seq.js";
import { UNSPECIFIED } from "../ip/address.js";
import type { Stack } from "../stack/stack.js";
import type { ConnectionOptions } from "../tcp/connection-options.js";
import { type Application, TcpEvent } from "../tcp/events.js";
import { State } from "../tcp/state.js";
import { Flag, has, type Tcb } from "../tcp/tcb.js";
import { isOpening } from "../tcp/user.js";
import type { Outcome } from "./call.js";
import { Msg, Poll } from "./constants.js";
import { type Errno, errnoNamed } from "./errno.js";
import { ErrorQueue } from "./error-queue.js";
import type { Message, OptionValue, SocketAddress } from "./message.js";
import type { Personality } from "./personality.js";
import { SendMemory } from "./send-memory.js";
import { Edges, type OptionGot, type Socket } from "./socket.js";
import { getTcpOption, setTcpOption, TcpSettings } from "./tcp-options.js";
import { type Stretch, UrgentOctet } from "./urgent.js";

/** What a socket lives in. */
export interface SocketEnvironment {
  readonly stack: Stack;
  readonly personality: Personality;
  readonly now: () => Micros;
  /** Something has happened to a socket. */
  readonly news: () => void;
}

const SHUT_RD = 0;
const SHUT_WR = 1;

export class TcpSocket implements Socket, Application {
  readonly stream = true;
  readonly edges = new Edges();
  readonly environment: SocketEnvironment;
  readonly settings: TcpSettings;
  receiveTimeout: Micros = 0;
  sendTimeout: Micros = 0;
  /** The connection or the listener; 0: none (any more). */
  handle = 0;
  listening = false;
  /** SO_ERROR: told once. */
  error: Errno | null = null;
  readonly errors = new ErrorQueue();
  readonly urgent = new UrgentOctet();
  readonly memory: SendMemory;
  #bound: SocketAddress | null = null;
  /** A connect was begun and its outcome is not told yet. */
  #connecting = false;
  /** The end of the connection has been noticed. */
  #ended = false;
  #shutRead = false;
  #shutWrite = false;
  #closing = false;
  /** Where a connection shall lead whose SYN waits for the first text. */
  #deferred: SocketAddress | null = null;
  #early = false;
  /** Octets that went with the SYN, and that the call which waits has not been told of; -1: no call waits. */
  #inSyn = -1;
  /** A write has found no room, or somebody has seen that there is none. */
  #wantsRoom = false;

  constructor(environment: SocketEnvironment, settings = new TcpSettings(environment)) {
    this.environment = environment;
    this.settings = settings;
    this.memory = new SendMemory(environment.personality.sendOverhead, () => settings.sendLimit);
  }

  /** The connection; null before there is one, and on a listener. */
  get tcb(): Readonly<Tcb> | null {
    return this.handle === 0 || this.listening ? null : this.environment.stack.tcp.look(this.handle);
  }

  /** It has connected, as far as its application knows: the SYN waits for the first text. */
  get connectsLater(): boolean {
    return this.#deferred !== null;
  }

  get state(): State {
    if (this.listening) return State.Listen;
    return this.tcb?.state ?? State.Closed;
  }

  bind(to: SocketAddress): Outcome {
    const { stack } = this.environment;
    if (this.#bound !== null || this.handle !== 0) return "EINVAL";
    if (to.address !== UNSPECIFIED && !stack.ip.isLocal(to.address)) return "EADDRNOTAVAIL";
    this.#bound = to;
    return 0;
  }

  listen(backlog: number): Outcome {
    const { stack, personality } = this.environment;
    const most = Math.max(1, personality.acceptable(backlog));
    if (this.listening) {
      stack.tcp.setBacklog(this.handle, most);
      return 0;
    }
    if (this.handle !== 0) return "EINVAL";
    const { address = UNSPECIFIED, port = 0 } = this.#bound ?? {};
    return guarded(() => {
      const options = this.settings.forConnection();
      this.handle = stack.tcp.listen({ local: address, port, backlog: most, ...options }, this);
      if (this.settings.fastOpen > 0) stack.tcp.setFastOpen(this.handle, this.settings.fastOpen);
      else if (stack.tcp.fastOpenOf(this.handle) > 0) this.settings.fastOpen = backlog;
      if (this.settings.cookieKeys.length > 0) stack.tcp.setCookieKeys(this.settings.cookieKeys, this.handle);
      this.listening = true;
      return 0;
    });
  }

  connect(to: SocketAddress | null): Outcome {
    const { stack, personality, now } = this.environment;
    this.#notice();
    if (to === null) return this.#disconnect();
    if (this.listening) return personality.connectOnListener;
    if (this.#connecting) {
      const outcome = this.connected();
      return outcome === "EAGAIN" ? "EALREADY" : outcome;
    }
    if (this.#deferred !== null || (this.handle !== 0 && !this.#ended)) return "EISCONN";
    if (this.handle !== 0) this.#forget();
    return guarded(() => {
      const { address: local = UNSPECIFIED, port: localPort = 0 } = this.#bound ?? {};
      const fastOpen = this.#early || this.settings.fastOpen > 0 || this.settings.fastOpenConnect;
      // The SYN waits for the first text when a cookie is at hand (RFC 7413 s4.2.1).
      if (this.settings.fastOpenConnect && !this.#early && this.#fastOpenReady(to)) {
        this.#deferred = to;
        return 0;
      }
      const request = { remote: to.address, remotePort: to.port, local, localPort, fastOpen, ...this.settings.forConnection() };
      this.handle = stack.tcp.connect(request, this, now());
      this.#ended = this.#shutRead = this.#shutWrite = false;
      this.error = null;
      this.#connecting = true;
      return "EINPROGRESS";
    });
  }

  #fastOpenReady(to: SocketAddress): boolean {
    const { stack, now } = this.environment;
    return stack.tcp.fastOpenReady(to.address, to.port, this.settings.connection.fastOpenNoCookie === true, now());
  }

  /** Opens with text in the SYN. What went along counts as sent; who waits goes on with the rest when there is a connection. */
  #sendEarly(octets: Uint8Array, to: SocketAddress, blocking: boolean): Outcome {
    const { stack, personality, now } = this.environment;
    this.#deferred = null;
    this.#early = true;
    const outcome = this.connect(to);
    this.#early = false;
    if (outcome !== "EINPROGRESS") return outcome;
    const room = personality.queuesWhileConnecting ? octets.length : Math.min(octets.length, stack.tcp.synRoom(this.handle, now()));
    const taken = room > 0 ? stack.tcp.send(this.handle, octets, 0, room, now()) : 0;
    if (personality.queuesWhileConnecting || (taken > 0 && (!blocking || taken === octets.length))) return taken;
    if (!blocking) return outcome;
    this.#inSyn = taken;
    return "EAGAIN";
  }

  connected(): Outcome {
    this.#notice();
    if (this.error !== null) {
      this.#connecting = false;
      return this.takeError()!;
    }
    const { tcb } = this;
    if (!this.#ended && tcb !== null && isOpening(tcb)) return "EAGAIN";
    this.#connecting = false;
    return this.#ended ? "ECONNABORTED" : 0;
  }

  accept(): Socket | Errno {
    if (!this.listening) return "EINVAL";
    const { tcp } = this.environment.stack;
    const handle = tcp.accept(this.handle);
    if (handle === 0) return "EAGAIN";
    const socket = new TcpSocket(this.environment, this.settings.inherited());
    socket.handle = handle;
    socket.errors.zeroCopy = this.errors.zeroCopy;
    socket.errors.setStamps(this.errors.stamps);
    socket.urgent.inline = this.urgent.inline;
    tcp.attach(handle, socket);
    if (tcp.urgentAhead(handle) > 0) socket.#markUrgent();
    return socket;
  }

  send(octets: Uint8Array, flags: number, to: SocketAddress | null, blocking: boolean, again: boolean): Outcome {
    const { stack, personality, now } = this.environment;
    this.#notice();
    if (this.#deferred !== null) return this.#sendEarly(octets, this.#deferred, blocking);
    if (flags & Msg.FASTOPEN) {
      if (!stack.tcp.policy.fastOpenClient) return "EOPNOTSUPP";
      if (this.handle === 0) return to === null ? "EINVAL" : this.#sendEarly(octets, to, blocking);
      if (this.#inSyn < 0) return this.connected() === "EAGAIN" ? "EALREADY" : "EISCONN";
    } else if (to !== null && this.handle === 0 && personality.queuesWhileConnecting) return this.#sendEarly(octets, to, blocking);
    const { tcb } = this;
    if (this.error !== null) return this.takeError()!;
    if (this.#shutWrite) return "EPIPE";
    if (tcb === null) return personality.sendUnconnected;
    if (isOpening(tcb)) return personality.sendConnecting;
    if (this.#inSyn >= 0) {
      const taken = this.#inSyn;
      this.#inSyn = -1;
      this.#connecting = false;
      if (taken > 0) return taken;
    }
    if (octets.length === 0) return 0;
    // Who sleeps is woken when a third is free, not by every segment.
    if (again && this.#wantsRoom) return "EAGAIN";
    const fits = this.#fits(tcb, octets.length);
    if (fits === 0) return this.#waitForRoom();
    const taken = stack.tcp.send(this.handle, octets, 0, fits, now(), (flags & Msg.MORE) !== 0 && fits === octets.length);
    if (taken < fits) this.memory.trim(seqAdd(tcb.snd.text, tcb.sendQueue.length));
    if (taken < octets.length) this.#waitForRoom();
    if (taken < 0) return this.takeError() ?? "EPIPE";
    if (taken > 0 && this.errors.active) {
      stack.tcp.followSends(this.handle);
      this.errors.sends(taken, seqAdd(tcb.snd.text, tcb.sendQueue.length), (flags & Msg.ZEROCOPY) !== 0);
    }
    if (taken === octets.length && flags & Msg.EOR) stack.tcp.endRecord(this.handle);
    if (taken > 0 && flags & Msg.OOB) stack.tcp.markUrgent(this.handle);
    return taken === 0 ? "EAGAIN" : taken;
  }

  receive(octets: Uint8Array, flags: number, message: Message): Outcome {
    const { stack, now } = this.environment;
    this.#notice();
    message.flags = 0;
    if (flags & Msg.ERRQUEUE) return this.#takeReport(message);
    const { tcb } = this;
    if (this.#deferred !== null) return "EAGAIN";
    if (tcb === null || this.listening) return this.takeError() ?? "ENOTCONN";
    if (flags & Msg.OOB) return this.#receiveOutOfBand(tcb, octets, flags, message);
    const { hole, octets: readable } = isOpening(tcb) ? NOTHING : this.urgent.stretch(tcb);
    if (readable > 0) {
      const count = Math.min(octets.length, readable);
      if (flags & Msg.PEEK) return stack.tcp.peek(this.handle, hole ? 1 : 0, octets, 0, count);
      if (hole && count > 0) stack.tcp.consume(this.handle, 1, now());
      if (flags & Msg.TRUNC) {
        stack.tcp.consume(this.handle, count, now());
        this.urgent.passed(tcb);
        return count;
      }
      message.control = this.errors.received(tcb.rcv.textAt);
      const taken = stack.tcp.receive(this.handle, octets, 0, count, now());
      this.urgent.passed(tcb);
      if (this.settings.stored.get("TCP_INQ") === 1)
        message.control.push({ level: "SOL_TCP", type: "TCP_CM_INQ", data: tcb.receiveQueue.length || (tcb.rcv.finSeen ? 1 : 0) });
      return taken;
    }
    if (octets.length === 0) return 0;
    if (hole && (flags & Msg.PEEK) === 0) this.#skipUrgent(tcb);
    if (this.#atEnd(tcb)) return this.#ended && !tcb.rcv.finSeen ? (this.takeError() ?? 0) : 0;
    return this.takeError() ?? "EAGAIN";
  }

  #takeReport(message: Message): Outcome {
    const report = this.errors.take();
    if (report === null) return "EAGAIN";
    message.control = report.control;
    message.flags = Msg.ERRQUEUE | (report.withText ? Msg.TRUNC : 0);
    return 0;
  }

  spliceOut(octets: Uint8Array, blocking: boolean): Outcome {
    const { stack, now } = this.environment;
    this.#notice();
    const { tcb } = this;
    if (tcb === null || this.listening) return this.takeError() ?? "ENOTCONN";
    const { hole, octets: readable } = isOpening(tcb) ? NOTHING : this.urgent.stretch(tcb);
    // At the mark nothing can be taken, however long one waits.
    if (hole) return blocking ? 0 : "EAGAIN";
    if (readable > 0) return stack.tcp.receive(this.handle, octets, 0, Math.min(octets.length, readable), now());
    if (this.#atEnd(tcb)) return this.takeError() ?? 0;
    return this.takeError() ?? "EAGAIN";
  }

  shutdown(how: number): Outcome {
    const { stack, now, personality } = this.environment;
    this.#notice();
    const { tcb } = this;
    if (personality.shutdownDisconnects) {
      if (this.listening) return how === SHUT_WR ? 0 : this.#disconnect();
      if (tcb !== null && tcb.state === State.SynSent) return this.#disconnect();
    }
    if (tcb === null || tcb.state === State.Closed || tcb.state === State.TimeWait || this.listening) return "ENOTCONN";
    if (how !== SHUT_WR) {
      this.#shutRead = true;
      if (personality.shutdownResets) stack.tcp.shutdownReceive(this.handle);
      if (personality.shutdownDiscards) this.#discard();
    }
    if (how !== SHUT_RD) {
      this.#shutWrite = true;
      stack.tcp.shutdown(this.handle, now());
    }
    this.edges.in += 1;
    this.edges.out += 1;
    return 0;
  }

  close(): Outcome {
    const { stack, now } = this.environment;
    this.#notice();
    if (this.#closing) return this.#lingers() ? "EAGAIN" : this.#letGo();
    if (this.handle === 0) return 0;
    if (this.lingerUntil(now()) !== NEVER && !this.#ended) {
      this.#closing = true;
      stack.tcp.shutdown(this.handle, now());
      if (this.#lingers()) return "EAGAIN";
    }
    return this.#letGo();
  }

  /** SO_LINGER with a time: `close` waits so long for the peer to have everything. */
  lingerUntil(now: Micros): Micros {
    const { onoff, linger } = this.settings.linger;
    return onoff !== 0 && linger > 0 && this.tcb !== null ? now + linger * SECOND : NEVER;
  }

  ioctl(request: string): Outcome {
    const { tcb } = this;
    if (this.listening) return "EINVAL";
    switch (request) {
      case "FIONREAD":
      case "SIOCINQ":
        return tcb === null || isOpening(tcb) ? 0 : this.urgent.queued(tcb);
      case "SIOCOUTQ":
      case "TIOCOUTQ":
      case "FIONWRITE":
        return tcb === null ? 0 : tcb.sendQueue.length + (has(tcb, Flag.FinQueued) && !has(tcb, Flag.FinAcked) ? 1 : 0);
      case "SIOCOUTQNSD":
        return tcb === null ? 0 : unsent(tcb);
      case "SIOCATMARK":
        return tcb !== null && this.urgent.atMark(tcb) ? 1 : 0;
      default:
        return "ENOTTY";
    }
  }

  setOption(level: string, name: string, value: OptionValue): Outcome {
    return setTcpOption(this, level, name, value);
  }

  getOption(level: string, name: string): OptionGot | Errno {
    this.#notice();
    return getTcpOption(this, level, name);
  }

  localName(): SocketAddress | Errno {
    if (this.handle === 0) return this.#bound ?? { address: UNSPECIFIED, port: 0 };
    const { local, localPort } = this.environment.stack.tcp.endpointsOf(this.handle);
    return { address: local, port: localPort };
  }

  remoteName(): SocketAddress | Errno {
    if (this.handle === 0 || this.listening || this.#ended) return "ENOTCONN";
    const { remote, remotePort } = this.environment.stack.tcp.endpointsOf(this.handle);
    return { address: remote, port: remotePort };
  }

  readiness(): number {
    const { stack } = this.environment;
    this.#notice();
    if (this.listening) return stack.tcp.waiting(this.handle) > 0 ? Poll.IN | Poll.RDNORM : 0;
    const { tcb } = this;
    if (this.#deferred !== null) return Poll.OUT | Poll.WRNORM;
    const error = this.error === null && this.errors.length === 0 ? 0 : Poll.ERR;
    if (tcb === null || this.#ended) {
      const over = Poll.HUP | Poll.OUT | Poll.WRNORM | error;
      return tcb === null ? over : over | Poll.IN | Poll.RDNORM | Poll.RDHUP;
    }
    let events = error;
    const closedThere = tcb.rcv.finSeen && seqGt(tcb.rcv.nxt, tcb.rcv.fin);
    const noMoreIn = closedThere || this.#shutRead;
    if (noMoreIn && this.#shutWrite) events |= Poll.HUP;
    if (noMoreIn) events |= Poll.IN | Poll.RDNORM | Poll.RDHUP;
    if (isOpening(tcb)) return events;
    const mark = this.urgent.atMark(tcb) && !this.urgent.inline ? 1 : 0;
    if (tcb.receiveQueue.length >= this.settings.receiveLowat + mark) events |= Poll.IN | Poll.RDNORM;
    if (this.#shutWrite || this.#writable(tcb)) events |= Poll.OUT | Poll.WRNORM;
    else this.#waitForRoom();
    if (this.urgent.isHere) events |= Poll.PRI;
    return events;
  }

  onEvents(_handle: number, events: number): void {
    const inbound = TcpEvent.Readable | TcpEvent.Acceptable | TcpEvent.Urgent;
    const both = TcpEvent.Established | TcpEvent.PeerClosed | TcpEvent.Closed | TcpEvent.SoftError;
    if (events & (inbound | both)) this.edges.in += 1;
    if (events & both || (events & TcpEvent.Writable && !this.#countsMemory)) this.edges.out += 1;
    // Who asks for errors gets what ICMP tells at once; to others it is told when all else has failed.
    if (events & TcpEvent.SoftError && this.settings.stored.get("IP_RECVERR") === 1) this.error ??= this.takeSoftError();
    if (events & TcpEvent.Urgent) this.#markUrgent();
    if (this.#shutRead && this.environment.personality.shutdownDiscards) this.#discard();
    this.#notice();
    this.environment.news();
  }

  takeError(): Errno | null {
    const { error } = this;
    this.error = null;
    return error;
  }

  /** What ICMP has told of a connection that goes on, once. */
  takeSoftError(): Errno | null {
    if (this.handle === 0 || this.listening || this.#ended || !this.environment.personality.tellsSoftErrors) return null;
    const code = this.environment.stack.tcp.takeSoftError(this.handle);
    return code === null ? null : (errnoNamed(code) ?? "EIO");
  }

  /** Options of the connection that exists follow those of the socket. */
  configure(changes: Partial<ConnectionOptions>): Outcome {
    const { tcp } = this.environment.stack;
    return guarded(() => {
      if (this.handle === 0 || this.#ended) tcp.check(changes);
      else tcp.configure(this.handle, changes, this.environment.now());
      return 0;
    });
  }

  /** Sees whether the connection has ended since the last look, and how. */
  #notice(): void {
    const { tcb } = this;
    if (tcb === null || this.#ended) return;
    this.urgent.notice(tcb);
    this.#noticeRoom(tcb);
    if (this.errors.active && this.errors.progress(tcb.snd.nxt, tcb.snd.una, tcb.state === State.Closed, this.environment.now()))
      this.edges.out += 1;
    if (tcb.state !== State.Closed && tcb.state !== State.TimeWait) return;
    this.#ended = true;
    const code = this.environment.stack.tcp.errorOf(this.handle);
    if (code === null) return;
    const errno = errnoNamed(code) ?? "EIO";
    const inCloseWait = tcb.rcv.finSeen && !has(tcb, Flag.FinQueued);
    this.error = errno === "ECONNRESET" && inCloseWait ? this.environment.personality.resetInCloseWait : errno;
  }

  /** Nobody reads what is here. */
  #discard(): void {
    const { tcb } = this;
    if (tcb === null || tcb.receiveQueue.length === 0) return;
    this.environment.stack.tcp.consume(this.handle, tcb.receiveQueue.length, this.environment.now());
  }

  #atEnd(tcb: Readonly<Tcb>): boolean {
    return this.#ended || this.#shutRead || (tcb.rcv.finSeen && seqGt(tcb.rcv.nxt, tcb.rcv.fin));
  }

  #writable(tcb: Readonly<Tcb>): boolean {
    const { policy } = this.environment.stack.tcp;
    if (this.#countsMemory) return this.memory.isWritable(policy, tcb, this.#notSentLowat);
    // A third must be free: what a full queue frees by every segment is not worth waking for.
    const queued = tcb.sendQueue.length;
    if (this.#notSentLowat > 0 && unsent(tcb) >= this.#notSentLowat) return false;
    return tcb.snd.buffer - queued >= queued >> 1;
  }

  get #countsMemory(): boolean {
    return this.environment.personality.sendOverhead > 0;
  }

  /** Octets that may wait to be sent before the socket takes no more; 0: as many as fit. */
  get #notSentLowat(): number {
    return this.settings.notSentLowat || this.environment.stack.tcp.policy.notSentLowat;
  }

  /** Octets of a write that are taken, as far as it is ours to say. */
  #fits(tcb: Readonly<Tcb>, length: number): number {
    if (this.#countsMemory) return this.memory.take(this.environment.stack.tcp.policy, tcb, length, this.#notSentLowat);
    return this.#notSentLowat > 0 && unsent(tcb) >= this.#notSentLowat ? 0 : length;
  }

  /** Somebody wants to hear when there is room. */
  #waitForRoom(): "EAGAIN" {
    if (this.#countsMemory) {
      this.#wantsRoom = true;
      this.environment.stack.tcp.wantRoom(this.handle);
    }
    return "EAGAIN";
  }

  /** Sees whether there is room for those who wait for it. */
  #noticeRoom(tcb: Readonly<Tcb>): void {
    if (!this.#wantsRoom) return;
    if (this.#writable(tcb)) {
      this.#wantsRoom = false;
      this.edges.out += 1;
    } else this.environment.stack.tcp.wantRoom(this.handle);
  }

  #markUrgent(): void {
    const { tcb } = this;
    if (tcb === null) return;
    if (this.urgent.announced(tcb)) this.environment.stack.tcp.consume(this.handle, 1, this.environment.now());
  }

  /** A read that begins at the urgent octet passes it, even if it finds nothing behind. */
  #skipUrgent(tcb: Readonly<Tcb>): void {
    this.environment.stack.tcp.consume(this.handle, 1, this.environment.now());
    this.urgent.passed(tcb);
  }

  #receiveOutOfBand(tcb: Readonly<Tcb>, octets: Uint8Array, flags: number, message: Message): Outcome {
    const outcome = this.urgent.take(octets, (flags & Msg.PEEK) !== 0, this.#atEnd(tcb));
    if (outcome === 1) message.flags = Msg.OOB;
    return outcome;
  }

  #lingers(): boolean {
    const { tcb } = this;
    if (tcb === null || this.#ended) return false;
    return tcb.state === State.FinWait1 || tcb.state === State.Closing || tcb.state === State.LastAck || tcb.state === State.CloseWait;
  }

  #letGo(): Outcome {
    const { stack, now } = this.environment;
    if (this.handle !== 0) stack.tcp.close(this.handle, now());
    this.handle = 0;
    return 0;
  }

  /** connect(AF_UNSPEC): the socket is as it was before `connect` or `listen`. */
  #disconnect(): Outcome {
    const { stack, now, personality } = this.environment;
    const resets = personality.disconnectResets && this.tcb !== null && !this.listening && tellsPeer(this.tcb);
    if (this.listening) stack.tcp.close(this.handle, now());
    else if (this.handle !== 0) stack.tcp.abort(this.handle, now());
    this.handle = 0;
    this.listening = false;
    this.#connecting = this.#ended = this.#shutRead = this.#shutWrite = false;
    this.#deferred = null;
    this.#inSyn = -1;
    this.error = resets ? "ECONNRESET" : null;
    return 0;
  }

  /** The connection that has ended makes room for the next. */
  #forget(): void {
    this.environment.stack.tcp.close(this.handle, this.environment.now());
    this.handle = 0;
  }
}

/** Whoever gives up a connection now sends a RST. */
const tellsPeer = ({ state }: Readonly<Tcb>): boolean =>
  state === State.Established ||
  state === State.CloseWait ||
  state === State.FinWait1 ||
  state === State.FinWait2 ||
  state === State.SynReceived;

const NOTHING: Stretch = { hole: false, octets: 0 };

const unsent = (tcb: Readonly<Tcb>): number =>
  Math.max(0, seqDiff(seqAdd(tcb.snd.text, tcb.sendQueue.length), tcb.snd.nxt)) +
  (has(tcb, Flag.FinQueued) && !has(tcb, Flag.FinSent) ? 1 : 0);

/** The errors that the stack throws at its users are errnos here. */
export function guarded(act: () => Outcome): Outcome {
  try {
    return act();
  } catch (error) {
    if (error instanceof NetworkError) return errnoNamed(error.code) ?? "EIO";
    throw error;
  }
}
