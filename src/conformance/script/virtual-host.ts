/** Our stack as the host under test, in virtual time: nothing sleeps, and every timer fires at its microsecond. */
import { type Micros, NEVER, SECOND } from "../../base/environment.js";
import { createMemory, type Memory } from "../../base/memory.js";
import { SeededRandom } from "../../base/prng.js";
import type { Call } from "../../bsd/call.js";
import type { EpollEvent } from "../../bsd/epoll.js";
import { type ControlMessage, type IoVec, type Message, NOWHERE, type OptionValue, type SocketAddress } from "../../bsd/message.js";
import type { Personality } from "../../bsd/personality.js";
import { type PollFd, Sockets } from "../../bsd/sockets.js";
import { type IpAddress, UNSPECIFIED } from "../../ip/address.js";
import type { Probe } from "../../stack/probe.js";
import type { Profile } from "../../stack/profile.js";
import { Stack } from "../../stack/stack.js";
import type { TcpPolicy } from "../../tcp/policy.js";
import { type State, stateNames } from "../../tcp/state.js";
import { stateNamed, stepsOf } from "./commands.js";
import type { Info, LocalAndRemote, Reply, Request, Running } from "./host.js";
import { ScriptLink } from "./script-link.js";
import type { Settings } from "./settings.js";
import type { Extent, Given, SystemCall } from "./system-call.js";

/** When a script begins on the stack's clock: not 0, which some take for "never". */
const ORIGIN: Micros = 1_000_000_000;
/** Turns at one instant before it counts as a loop. */
const ROUNDS = 100_000;
/** The longest IP packet. */
const PACKET_OCTETS = 65_536;

/** One memory serves the scripts of a thread, one after the other, and not for ever: each stack keeps a little of the arena for itself. */
const MOST_USES = 100;
let spare: Memory | null = null;
let uses = 0;

function takeMemory(): Memory {
  if (spare === null || uses >= MOST_USES) {
    uses = 0;
    spare = createMemory({ packets: 128, packetSize: PACKET_OCTETS, chunks: 16_384 });
  }
  const memory = spare;
  spare = null;
  uses += 1;
  return memory;
}

/** Memory that did not come back whole is not used again. */
function giveMemory(memory: Memory): void {
  const { packets, chunks, large } = memory;
  if (packets.available === packets.size && chunks.available === chunks.count && large.available === large.size) spare = memory;
}

export interface VirtualOptions {
  readonly profile: Profile;
  readonly personality: Personality;
  /** Beside that of the profile. */
  readonly policy?: Partial<TcpPolicy>;
  readonly settings: Settings;
  readonly seed: number;
  readonly probe: Probe | null;
}

export class VirtualHost {
  readonly stack: Stack;
  readonly sockets: Sockets;
  readonly #link: ScriptLink;
  readonly #memory = takeMemory();
  readonly #fds = new Set<number>();
  #clock: Micros = ORIGIN;
  #origin: Micros = ORIGIN;
  #work = false;

  constructor({ profile, personality, policy = {}, settings, seed, probe }: VirtualOptions) {
    const clock = (): Micros => this.#clock;
    this.#link = new ScriptLink(settings.mtu, () => this.now);
    this.stack = new Stack(
      {
        name: "script",
        random: new SeededRandom(seed),
        memory: this.#memory,
        profile: { ...profile, tcp: { ...profile.tcp, sharing: "none", ...policy } },
        probe,
      },
      ORIGIN,
    );
    this.stack.onWork = () => {
      this.#work = true;
    };
    const device = this.stack.addDevice(
      this.#link,
      {
        name: "tun0",
        mtu: settings.mtu,
        addresses: [{ address: (settings.local | 0) as IpAddress, prefixLength: settings.prefixLength }],
        claim: "use",
      },
      ORIGIN,
    );
    this.stack.routes.add({ prefix: UNSPECIFIED, prefixLength: 0, device: device.index });
    this.sockets = new Sockets(this.stack, clock, personality);
    this.#settle();
  }

  /** Microseconds since the script began. */
  get now(): Micros {
    return this.#clock - this.#origin;
  }

  /** Packets that the stack has sent and nobody has taken. */
  get sent(): readonly Reply[] {
    return this.#link.sent;
  }

  /** Ends the stack, and gives its memory to the next. */
  close(): void {
    // How it ends is nobody's business.
    this.stack.probe = null;
    this.stack.close(this.#clock);
    giveMemory(this.#memory);
  }

  reply(request: Request): Reply {
    switch (request.type) {
      case "begin":
        this.#origin = this.#clock;
        // What a stack says of itself when it comes up is no part of any script.
        this.#link.sent.length = 0;
        return null;
      case "sleep":
        this.#advance(request.until + this.#origin, () => false);
        return null;
      case "packet":
        if (this.#link.sent.length === 0) this.#advance(request.until + this.#origin, () => this.#link.sent.length > 0);
        return this.#link.sent.shift() ?? null;
      case "inject":
        this.#link.inject(request.octets, request.segmentSize);
        this.#settle();
        return null;
      case "call":
        return this.#begin(request.call);
      case "finish": {
        const { running } = request;
        if (running.outcome === null) this.#advance(request.until + this.#origin, () => running.outcome !== null);
        return running;
      }
      case "command":
        return this.#command(request.text);
      case "info":
        return this.#info(request.fd);
      case "ports":
        return this.#ports(request.fd);
      case "alive":
        return this.#isAlive(request) ? "" : null;
    }
  }

  /** Lets time pass until `until`, from timer to timer, or until `enough`. */
  #advance(until: Micros, enough: () => boolean): void {
    this.#settle();
    while (!enough()) {
      const next = Math.min(this.stack.nextTimeout(), this.sockets.nextTimeout());
      if (next > until) {
        if (until !== NEVER && until > this.#clock) this.#clock = until;
        return;
      }
      // A deadline is a lower bound; one that does not move must not hold time still.
      this.#clock = Math.max(this.#clock + 1, next);
      this.#settle();
    }
  }

  /** Lets all that can happen now happen. */
  #settle(): void {
    let quiet = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const busy = this.#work || this.#link.waiting > 0;
      this.#work = false;
      this.stack.turn(this.#clock);
      this.sockets.expire();
      quiet = busy || this.#work ? 0 : quiet + 1;
      if (quiet === 2) return;
    }
    throw new Error(`the stack does not come to rest at ${this.now} µs`);
  }

  #begin(call: SystemCall): Running {
    const { made, given } = this.#make(call);
    const running: Running = { call, startedAt: this.now, outcome: null };
    const finish = (): void => {
      if (made.errno === null && (call.name === "socket" || call.name === "accept")) this.#fds.add(made.value);
      running.outcome = { value: made.value, errno: made.errno, finishedAt: made.finishedAt - this.#origin, given: given() };
    };
    if (made.done) finish();
    else made.onDone = finish;
    if (call.name === "close") this.#fds.delete(call.fd);
    this.#settle();
    return running;
  }

  #make(call: SystemCall): Made {
    const { sockets } = this;
    switch (call.name) {
      case "socket":
        return plain(sockets.socket(call.domain, call.type, call.protocol));
      case "bind":
        return plain(sockets.bind(call.fd, call.address));
      case "listen":
        return plain(sockets.listen(call.fd, call.backlog));
      case "accept":
        return plain(sockets.accept(call.fd, null, call.flags));
      case "connect":
        return plain(sockets.connect(call.fd, call.address));
      case "read":
        return plain(sockets.read(call.fd, bufferOf(call), call.length));
      case "write":
        return plain(sockets.write(call.fd, bufferOf(call), call.length));
      case "readv":
        return plain(sockets.readv(call.fd, vector(call.vector)));
      case "writev":
        return plain(sockets.writev(call.fd, vector(call.vector)));
      case "recv":
        return plain(sockets.recv(call.fd, bufferOf(call), call.length, call.flags));
      case "recvfrom":
        return plain(sockets.recvfrom(call.fd, bufferOf(call), call.length, call.flags));
      case "send":
        return plain(sockets.send(call.fd, bufferOf(call), call.length, call.flags));
      case "sendto":
        return plain(sockets.sendto(call.fd, bufferOf(call), call.length, call.flags, call.address));
      case "sendmsg":
        return plain(
          sockets.sendmsg(call.fd, { name: call.address, iov: vector(call.vector), control: [...call.control], flags: 0 }, call.flags),
        );
      case "recvmsg": {
        const message: Message = { name: null, iov: vector(call.vector), control: [], flags: 0 };
        return {
          made: sockets.recvmsg(call.fd, message, call.flags),
          given: () => ({ flags: message.flags, control: message.control.map((one) => this.#sinceBegin(one)) }),
        };
      }
      case "shutdown":
        return plain(sockets.shutdown(call.fd, call.how));
      case "close":
        return plain(sockets.close(call.fd));
      case "fcntl":
        return plain(sockets.fcntl(call.fd, call.command, call.argument));
      case "ioctl": {
        const result = { value: call.value };
        return { made: sockets.ioctl(call.fd, call.request, result), given: () => ({ value: result.value }) };
      }
      case "setsockopt":
        return plain(sockets.setsockopt(call.fd, call.level, call.option, call.value, call.length));
      case "getsockopt": {
        const result: { value: OptionValue; length: number } = { value: null, length: call.length };
        const made = sockets.getsockopt(call.fd, call.level, call.option, result);
        return { made, given: () => ({ option: result.value, optionLength: result.length }) };
      }
      case "poll": {
        const fds: PollFd[] = call.fds.map(({ fd, events }) => ({ fd, events, revents: 0 }));
        return { made: sockets.poll(fds, call.timeout), given: () => ({ revents: fds.map(({ revents }) => revents) }) };
      }
      case "pipe": {
        const ends = { read: -1, write: -1 };
        return { made: sockets.pipe(ends), given: () => ({ fds: [ends.read, ends.write] }) };
      }
      case "open":
        return plain(sockets.open(call.path, call.flags));
      case "sendfile":
        return plain(sockets.sendfile(call.to, call.from, call.offset, call.length));
      case "splice":
        return plain(sockets.splice(call.from, call.to, call.length, call.flags));
      case "epoll_create":
        return plain(sockets.epollCreate());
      case "epoll_ctl":
        return plain(sockets.epollCtl(call.epfd, call.operation, call.fd, { events: call.events, data: call.data }));
      case "epoll_wait": {
        const events: EpollEvent[] = [];
        return { made: sockets.epollWait(call.epfd, events, call.most, call.timeout), given: () => ({ events }) };
      }
    }
  }

  /** A script counts time from its own begin. */
  #sinceBegin(message: ControlMessage): ControlMessage {
    const { data } = message;
    if (typeof data !== "object" || !("seconds" in data)) return message;
    const micros = data.seconds * SECOND + data.fraction / 1_000 - this.#origin;
    return { ...message, data: { seconds: Math.floor(micros / SECOND), fraction: (micros % SECOND) * 1_000 } };
  }

  /** Carries a shell line out; what failed, or null. */
  #command(text: string): string | null {
    const steps = stepsOf(text);
    if (typeof steps === "string") return `${steps}: not known`;
    for (const step of steps) {
      switch (step.type) {
        case "policy":
          if (step.changes !== null) this.stack.tcp.adopt(step.changes);
          break;
        case "sleep":
          this.#advance(this.#clock + step.micros, () => false);
          break;
        case "count": {
          const count = this.#count(step.state, step.port);
          if (!String(count).includes(step.wanted)) return `${count} connections in ${step.state}, expected ${step.wanted}`;
          break;
        }
        case "drop":
          this.stack.tcp.drop(stateNames.indexOf(stateNamed(step.state) ?? "") as State, this.#clock);
          break;
        case "file":
          this.sockets.store(step.path, new Uint8Array(step.zeros));
          break;
        case "nothing":
          break;
      }
    }
    this.#settle();
    return null;
  }

  /** Sockets in a state: connections of the stack, and descriptors whose connection is over. */
  #count(state: string, port: number): number {
    const name = stateNamed(state);
    if (name === "CLOSED") return [...this.#fds].filter((fd) => this.#isClosed(fd)).length;
    const suffix = port === 0 ? "" : `:${port}`;
    return this.stack.tcp.showAll(this.#clock).filter((shown) => shown["state"] === name && String(shown["local"]).endsWith(suffix)).length;
  }

  #isClosed(fd: number): boolean {
    const closed = this.sockets.personality.system === "freebsd" ? 0 : 7;
    return this.#info(fd)["tcpi_state"] === closed;
  }

  #info(fd: number): Info {
    const all: Record<string, number> = {};
    for (const [level, name] of [
      ["IPPROTO_TCP", "TCP_INFO"],
      ["IPPROTO_TCP", "TCP_CC_INFO"],
      ["SOL_SOCKET", "SO_MEMINFO"],
    ] as const) {
      const result: { value: OptionValue; length: number } = { value: null, length: 0 };
      this.sockets.getsockopt(fd, level, name, result);
      if (typeof result.value === "object" && result.value !== null) Object.assign(all, result.value);
    }
    return all;
  }

  #ports(fd: number): LocalAndRemote {
    const local: { name: SocketAddress | null } = { name: null };
    const remote: { name: SocketAddress | null } = { name: null };
    this.sockets.getsockname(fd, local);
    this.sockets.getpeername(fd, remote);
    return { local: local.name?.port ?? 0, remote: remote.name?.port ?? 0 };
  }

  #isAlive({ localPort, remotePort }: { readonly localPort: number; readonly remotePort: number }): boolean {
    const mine = `:${localPort}`;
    const theirs = `:${remotePort}`;
    return this.stack.tcp
      .showAll(this.#clock)
      .some(
        ({ state, local, remote }) =>
          state !== "CLOSED" && state !== "LISTEN" && String(local).endsWith(mine) && String(remote).endsWith(theirs),
      );
  }
}

interface Made {
  readonly made: Call;
  readonly given: () => Given;
}

const nothing = (): Given => ({});
const plain = (made: Call): Made => ({ made, given: nothing });
const bufferOf = ({ nowhere }: { readonly nowhere: boolean }): IoVec["base"] => (nowhere ? NOWHERE : null);
const vector = (extents: readonly Extent[]): IoVec[] => extents.map((extent) => ({ base: bufferOf(extent), length: extent.length }));
