/** What `net/` needs of a stack: the raw TCP API, and who turns the crank. A `Drive` with a `Stack` is one; tests have another. */
import type { Micros } from "../base/environment.js";
import type { ErrorCode } from "../base/errors.js";
import type { IpAddress } from "../ip/address.js";
import type { ConnectionOptions } from "../tcp/connection-options.js";
import type { Application } from "../tcp/events.js";

export interface Endpoints {
  readonly local: IpAddress;
  readonly localPort: number;
  readonly remote: IpAddress;
  readonly remotePort: number;
}

export interface RawTcp {
  connect(
    options: { remote: IpAddress; remotePort: number; local?: IpAddress; localPort?: number } & Partial<ConnectionOptions>,
    app: Application,
    now: Micros,
  ): number;
  listen(options: { local?: IpAddress; port: number; backlog?: number } & Partial<ConnectionOptions>, app: Application): number;
  accept(listener: number): number;
  attach(handle: number, app: Application): void;
  send(handle: number, source: Uint8Array, offset: number, length: number, now: Micros): number;
  receive(handle: number, target: Uint8Array, offset: number, length: number, now: Micros): number;
  shutdown(handle: number, now: Micros): void;
  close(handle: number, now: Micros): void;
  abort(handle: number, now: Micros): void;
  configure(handle: number, options: Partial<ConnectionOptions>, now: Micros): void;
  errorOf(handle: number): ErrorCode | null;
  softErrorOf(handle: number): ErrorCode | null;
  readable(handle: number): number;
  unsent(handle: number): number;
  endpointsOf(handle: number): Endpoints;
}

/** The stack, its clock, and whether the host's event loop must go on for it. */
export interface NetDrive {
  /** `closed`: it has taken its connections along; `died`: and nobody has closed it. */
  readonly stack: { readonly tcp: RawTcp; readonly closed?: boolean; readonly died?: boolean };
  now(): Micros;
}
