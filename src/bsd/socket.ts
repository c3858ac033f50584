/** What the descriptor table knows of a socket, of whatever protocol. No call waits here: EAGAIN says that it would. */
import type { Micros } from "../base/environment.js";
import type { Outcome } from "./call.js";
import type { Errno } from "./errno.js";
import type { Message, OptionValue, SocketAddress } from "./message.js";

export interface Socket {
  bind(to: SocketAddress): Outcome;
  listen(backlog: number): Outcome;
  /** EINPROGRESS while it lasts. */
  connect(to: SocketAddress | null): Outcome;
  /** How a `connect` that waited has gone; EAGAIN while it lasts. */
  connected(): Outcome;
  /** A socket of its own for the next connection that waits. */
  accept(): Socket | Errno;
  /** As much as fits; EAGAIN: none of it. `blocking`: the caller tries again with the rest; `again`: that is what he does. */
  send(octets: Uint8Array, flags: number, to: SocketAddress | null, blocking: boolean, again: boolean): Outcome;
  /** As much as there is, into `octets`. `message` takes who sent it, flags and control messages. */
  receive(octets: Uint8Array, flags: number, message: Message): Outcome;
  /** As `receive`, for a splice: it stops before what is out of band, and does not wait for what can never come. */
  spliceOut(octets: Uint8Array, blocking: boolean): Outcome;
  shutdown(how: number): Outcome;
  /** EAGAIN while a lingering close lasts. */
  close(): Outcome;
  /** When the lingering close gives up; NEVER: it has none. */
  lingerUntil(now: Micros): Micros;
  ioctl(request: string): Outcome;
  setOption(level: string, name: string, value: OptionValue): Outcome;
  getOption(level: string, name: string): OptionGot | Errno;
  localName(): SocketAddress | Errno;
  remoteName(): SocketAddress | Errno;
  /** Bits of `Poll` that are true now. */
  readiness(): number;
  /** How often something has happened that an edge-triggered epoll tells of, by event. */
  readonly edges: Edges;
  /** A stream takes what is left of a blocking send later. */
  readonly stream: boolean;
  /** How long a blocking call waits, microseconds; 0: for ever. */
  receiveTimeout: Micros;
  sendTimeout: Micros;
}

export interface OptionGot {
  readonly value: OptionValue;
  /** Octets of the value. */
  readonly length: number;
}

/** Counts news; epoll compares. */
export class Edges {
  in = 0;
  out = 0;
}
