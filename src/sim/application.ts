/** The applications of simulated worlds: a script for what one end of a connection does, and a way of reading. Every octet sent
 *  is the stream's pattern, and every octet read is compared with it (I-04). */
import type { Micros } from "../base/environment.js";
import type { IpAddress } from "../ip/address.js";
import type { ConnectionOptions } from "../tcp/connection-options.js";
import { type Application, TcpEvent } from "../tcp/events.js";
import type { Tcp } from "../tcp/tcp.js";
import { Pattern } from "./pattern.js";
import type { Violations } from "./violations.js";

/** One after the other; reading goes on beside. The last is "close" or "abort". */
export type Step =
  | { readonly do: "send"; readonly octets: number; readonly chunk: number; readonly pace: Micros }
  /** Until so many octets have come since the last "expect", or the stream has ended. */
  | { readonly do: "expect"; readonly octets: number }
  | { readonly do: "pause"; readonly for: Micros }
  | { readonly do: "configure"; readonly options: Partial<ConnectionOptions> }
  /** Marks what was sent so far as urgent. */
  | { readonly do: "urgent" }
  | { readonly do: "shutdown" }
  /** Until the peer has closed and everything is read. */
  | { readonly do: "end" }
  | { readonly do: "close" }
  | { readonly do: "abort" };

export interface Reading {
  /** Octets of one read; 0: read by lending. */
  readonly chunk: number;
  /** Time between reads; 0: as fast as it comes. */
  readonly pace: Micros;
  /** Reading begins so long after the connection. */
  readonly after: Micros;
}

export interface Behaviour {
  readonly steps: readonly Step[];
  readonly reading: Reading;
}

/** What applications need of the world around them. */
export interface Surroundings {
  readonly now: Micros;
  at(delay: Micros, run: () => void): void;
}

/** "closed": its script ran to an end. "aborted": by itself. Otherwise the error's code. */
export type Outcome = string;

/** How long an application may take to let go of a connection that has failed. */
const MOMENT: Micros = 2_000_000;

const scratch = new Uint8Array(65_536);

/** One end of a connection. */
export class Peer implements Application {
  readonly name: string;
  handle: number;
  readonly tcp: Tcp;
  /** Octets that TCP has taken and given. */
  sent = 0;
  received = 0;
  established = false;
  /** It will send no more; the peer has closed and everything is read. */
  finished = false;
  ended = false;
  /** The Closed event came. */
  over = false;
  outcome: Outcome | null = null;
  readonly key: string;
  readonly peerKey: string;
  /** Its script ends in order, and so must it where the wire allows. */
  readonly graceful: boolean;
  readonly #around: Surroundings;
  readonly #registry: Registry;
  readonly #behaviour: Behaviour;
  readonly #out: Pattern;
  readonly #in: Pattern;
  #at = 0;
  #done = 0;
  #expected = 0;
  #asleep = false;
  #reading = false;
  #readAsleep = false;
  #running = false;
  /** A short send: only Writable says that there is room again. A read of nothing: only Readable says that there is more. */
  #blocked = false;
  #empty = false;
  #late = false;

  constructor(name: string, tcp: Tcp, handle: number, behaviour: Behaviour, around: Surroundings, registry: Registry, graceful: boolean) {
    this.name = name;
    this.tcp = tcp;
    this.graceful = graceful;
    this.handle = handle;
    this.#behaviour = behaviour;
    this.#around = around;
    this.#registry = registry;
    const { local, localPort, remote, remotePort } = tcp.endpointsOf(handle);
    this.key = endsKey(local, localPort, remote, remotePort);
    this.peerKey = endsKey(remote, remotePort, local, localPort);
    this.#out = new Pattern(local, localPort, remote, remotePort);
    this.#in = new Pattern(remote, remotePort, local, localPort);
    registry.add(this);
  }

  /** The script begins. */
  start(): void {
    const after = this.#behaviour.reading.after;
    if (after === 0) this.#reading = true;
    else
      this.#around.at(after, () => {
        this.#reading = true;
        this.#work();
      });
    this.#work();
  }

  /** Its host is gone, and it with it. */
  vanish(): void {
    if (this.outcome === null) this.#settle("vanished");
  }

  onEvents(_handle: number, events: number): void {
    if (this.outcome !== null) return this.#complain("I-14", `event ${events} after the application had let the connection go`);
    if (this.over) this.#complain("I-14", `event ${events} after Closed`);
    if (events & TcpEvent.Established && (this.established || this.over)) this.#complain("I-14", "Established told twice");
    if (events & TcpEvent.Established) this.established = true;
    if (events & TcpEvent.Closed) this.over = true;
    if (events & (TcpEvent.Writable | TcpEvent.Established)) this.#blocked = false;
    if (events & (TcpEvent.Readable | TcpEvent.Established)) this.#empty = false;
    this.#work();
  }

  #work(): void {
    if (this.#running || this.outcome !== null) return;
    this.#running = true;
    this.#read();
    if (this.over && !this.#asleep && this.tcp.errorOf(this.handle) !== null) {
      // Half of all applications take their time: nothing more may be told to them meanwhile.
      if (this.handle % 2 === 0 || this.#late) this.#letGo(this.tcp.errorOf(this.handle)!);
      else {
        this.#late = true;
        this.#sleep(MOMENT);
      }
    }
    while (this.outcome === null && !this.#asleep && this.#step(this.#behaviour.steps[this.#at]!)) {
      this.#at += 1;
      this.#done = 0;
    }
    this.#running = false;
  }

  /** Does what can be done of the step now; true when it is done. */
  #step(step: Step): boolean {
    const now = this.#around.now;
    switch (step.do) {
      case "send":
        return this.#send(step.octets, step.chunk, step.pace);
      case "expect":
        if (this.received - this.#expected < step.octets && !this.ended && !this.over) return false;
        this.#expected += step.octets;
        return true;
      case "pause":
        if (this.#done > 0) return true;
        this.#done = 1;
        this.#sleep(step.for);
        return false;
      case "configure":
        this.tcp.configure(this.handle, step.options, now);
        return true;
      case "urgent":
        this.tcp.markUrgent(this.handle);
        return true;
      case "shutdown":
        this.finished = true;
        this.tcp.shutdown(this.handle, now);
        return true;
      case "end":
        return this.ended;
      case "close":
        // What is left unread makes a reset of it (RFC 9293 s3.6.1): the peer must not see a stream that ended in order.
        if (this.tcp.readable(this.handle) === 0) this.finished = true;
        this.#letGo("closed");
        return true;
      case "abort":
        this.#settle("aborted");
        this.tcp.abort(this.handle, now);
        return true;
    }
  }

  #send(octets: number, chunk: number, pace: Micros): boolean {
    while (this.#done < octets) {
      if (this.#blocked) return false;
      const wanted = Math.min(chunk, octets - this.#done, Pattern.longest);
      const took = this.tcp.send(this.handle, Pattern.octets, this.#out.at(this.sent), wanted, this.#around.now);
      if (took < 0) return false; // it is over, and Closed will say so
      if (took > wanted) this.#complain("I-04", `send took ${took} of ${wanted} octets`);
      this.sent += took;
      this.#done += took;
      if (took < wanted) {
        this.#blocked = true;
        return false;
      }
      if (pace > 0 && this.#done < octets) {
        this.#sleep(pace);
        return false;
      }
    }
    return true;
  }

  #read(): void {
    const { chunk, pace } = this.#behaviour.reading;
    while (this.#reading && !this.#readAsleep && !this.#empty && !this.ended) {
      const count = chunk === 0 ? this.#readLent() : this.tcp.receive(this.handle, scratch, 0, chunk, this.#around.now);
      if (count > 0) {
        if (chunk > 0) this.#verify(scratch, 0, count);
        this.received += count;
      } else if (count < 0) {
        if (this.tcp.errorOf(this.handle) === null) this.#end();
        return;
      } else {
        this.#empty = true;
        return;
      }
      if (pace > 0) {
        this.#readAsleep = true;
        this.#around.at(pace, () => {
          this.#readAsleep = false;
          this.#work();
        });
      }
    }
  }

  /** Reads what lies in one piece without a copy. */
  #readLent(): number {
    const { tcp, handle } = this;
    if (!tcp.lend(handle)) return tcp.receive(handle, scratch, 0, 1, this.#around.now) < 0 ? -1 : 0;
    const start = tcp.lentStart;
    const count = tcp.lentLength;
    this.#verify(tcp.memory.arena.bytes, start, start + count);
    tcp.consume(handle, count, this.#around.now);
    return count;
  }

  #verify(bytes: Uint8Array, start: number, end: number): void {
    const wrong = this.#in.mismatch(bytes, start, end, this.received);
    if (wrong < 0) return;
    const position = this.received + wrong - start;
    this.#complain("I-04", `octet ${position} read as ${bytes[wrong]}, sent as ${Pattern.octets[this.#in.at(position)]}`);
  }

  /** The stream has ended: the peer must have sent just this, and have closed. */
  #end(): void {
    this.ended = true;
    const senders = this.#registry.ends.get(this.peerKey) ?? [];
    if (senders.some((sender) => sender.finished && sender.sent === this.received)) return;
    const had = senders.map((sender) => `${sender.sent}${sender.finished ? "" : " and going on"}`).join(", ");
    this.#complain("I-04", `end of stream after ${this.received} octets; sent: ${had || "nobody"}`);
  }

  #letGo(outcome: Outcome): void {
    this.#settle(outcome);
    this.tcp.close(this.handle, this.#around.now);
  }

  #settle(outcome: Outcome): void {
    this.outcome = outcome;
    this.#registry.open -= 1;
  }

  #sleep(duration: Micros): void {
    this.#asleep = true;
    this.#around.at(duration, () => {
      this.#asleep = false;
      this.#work();
    });
  }

  #complain(id: string, text: string): void {
    this.#registry.violations.report(id, this.name, 0, this.#around.now, `${this.key}: ${text}`);
  }
}

/** All ends of a world, by who talks to whom: how a receiver knows what was sent. */
export class Registry {
  readonly violations: Violations;
  readonly ends = new Map<string, Peer[]>();
  readonly all: Peer[] = [];
  /** Ends whose outcome is not known yet. */
  open = 0;

  constructor(violations: Violations) {
    this.violations = violations;
  }

  add(peer: Peer): void {
    this.all.push(peer);
    this.open += 1;
    const ends = this.ends.get(peer.key);
    if (ends === undefined) this.ends.set(peer.key, [peer]);
    else ends.push(peer);
  }
}

export const endsKey = (local: IpAddress, localPort: number, remote: IpAddress, remotePort: number): string =>
  `${local >>> 0}:${localPort}>${remote >>> 0}:${remotePort}`;
