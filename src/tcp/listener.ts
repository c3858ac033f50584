/** A listener: LISTEN state, its SYN queue (counted here, held in rows) and its accept queue. RFC 9293 s3.10.1, RFC 4987. */
import type { Micros } from "../base/environment.js";
import type { SipKey } from "../base/siphash.js";
import type { IpAddress } from "../ip/address.js";

export class Listener {
  readonly handle: number;
  /** UNSPECIFIED: any of our addresses. */
  readonly local: IpAddress;
  readonly port: number;
  backlog: number;
  /** What its connections begin with. */
  optionSet: number;
  /** Connections in SYN-RECEIVED that came of this listener. */
  halfOpen = 0;
  /** Those of them that an application may have already (RFC 7413), and how many there may be. */
  early = 0;
  fastOpen = 0;
  /** Fast Open keys of its own, the one in use first; null: the stack's. */
  cookieKeys: readonly SipKey[] | null = null;
  /** Until when an ACK may bring back a SYN cookie: none is believed unless one was sent a short while ago. */
  cookiesUntil: Micros = Number.NEGATIVE_INFINITY;
  /** Handles of connections that wait to be accepted, from `#first`. */
  #accepts: number[] = [];
  #first = 0;

  constructor(handle: number, local: IpAddress, port: number, backlog: number, optionSet: number) {
    this.handle = handle;
    this.local = local;
    this.port = port;
    this.backlog = backlog;
    this.optionSet = optionSet;
  }

  get waiting(): number {
    return this.#accepts.length - this.#first;
  }

  get full(): boolean {
    return this.waiting >= this.backlog;
  }

  /** No more half-open connections: `most` of one listener, and twice as many as may wait. */
  pressed(most: number): boolean {
    return this.halfOpen >= Math.min(most, Math.max(this.backlog, 1) * 2);
  }

  push(handle: number): void {
    this.#accepts.push(handle);
  }

  /** The next handle, or 0. It may have ended meanwhile: the caller asks the demux. */
  shift(): number {
    if (this.waiting === 0) return 0;
    const handle = this.#accepts[this.#first]!;
    this.#first += 1;
    if (this.#first > 64 && this.#first * 2 > this.#accepts.length) {
      this.#accepts = this.#accepts.slice(this.#first);
      this.#first = 0;
    }
    return handle;
  }

  holds(handle: number): boolean {
    return this.#accepts.indexOf(handle, this.#first) >= 0;
  }

  /** Takes out a connection that ended before it was accepted. */
  remove(handle: number): void {
    const at = this.#accepts.indexOf(handle, this.#first);
    if (at >= 0) this.#accepts.splice(at, 1);
  }
}

/** The listener on this port, one that names the address before one that does not. */
export function listenerFor(listeners: ReadonlyMap<number, readonly Listener[]>, local: IpAddress, port: number): Listener | null {
  const onPort = listeners.get(port);
  if (onPort === undefined) return null;
  let any: Listener | null = null;
  for (let i = 0; i < onPort.length; i++) {
    const listener = onPort[i]!;
    if (listener.local === local) return listener;
    if (listener.local === 0) any = listener;
  }
  return any;
}
