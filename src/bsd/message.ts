/** What the calls of the socket interface take and give beside numbers: addresses, vectors, control messages, option values. */
import type { IpAddress } from "../ip/address.js";
import type { Errno } from "./errno.js";

/** AF_INET; null stands for AF_UNSPEC, which `connect` takes for "disconnect". */
export interface SocketAddress {
  readonly address: IpAddress;
  readonly port: number;
}

/** A pointer to no memory of the process: whoever comes to use it gives EFAULT. */
export const NOWHERE: unique symbol = Symbol("a buffer at an address that is not mapped");

/** A buffer of `length` octets; without `base` the octets are zeros when written, and thrown away when read. */
export interface IoVec {
  readonly base: Uint8Array | typeof NOWHERE | null;
  readonly length: number;
}

/** What went wrong with something sent earlier, or became of it: `struct sock_extended_err` and who says so. */
export interface ExtendedError {
  readonly errno: Errno | "";
  readonly origin: number;
  readonly type: number;
  readonly code: number;
  readonly info: number;
  readonly data: number;
}

export interface TimeValue {
  readonly seconds: number;
  /** Microseconds in an option, nanoseconds in a control message. */
  readonly fraction: number;
}

export interface Linger {
  readonly onoff: number;
  readonly linger: number;
}

export interface ControlMessage {
  /** As `SOL_SOCKET`. */
  readonly level: string;
  /** As `SCM_TIMESTAMPING`. */
  readonly type: string;
  readonly data: number | TimeValue | ExtendedError;
}

export interface Message {
  name: SocketAddress | null;
  readonly iov: readonly IoVec[];
  /** Given to `sendmsg`, filled by `recvmsg`. */
  control: ControlMessage[];
  /** Filled by `recvmsg`: MSG_TRUNC, MSG_ERRQUEUE, MSG_EOR, MSG_OOB. */
  flags: number;
}

/** Words of `struct tcp_info` and its kin are numbers by name. */
export type InfoRecord = Readonly<Record<string, number>>;

export type OptionValue = number | string | Linger | TimeValue | InfoRecord | Uint8Array | null;

/** There are octets in the vector that are nowhere. */
export const isFaulty = (iov: readonly IoVec[]): boolean => iov.some(({ base, length }) => base === NOWHERE && length > 0);

export const vectorLength = (iov: readonly IoVec[]): number => iov.reduce((sum, { length }) => sum + length, 0);

/** The octets of a vector, in one piece. */
export function gather(iov: readonly IoVec[]): Uint8Array {
  const first = iov[0];
  if (iov.length === 1 && first?.base instanceof Uint8Array) return first.base.subarray(0, first.length);
  const all = new Uint8Array(vectorLength(iov));
  let at = 0;
  for (const { base, length } of iov) {
    if (base instanceof Uint8Array) all.set(base.subarray(0, length), at);
    at += length;
  }
  return all;
}

/** Spreads octets over a vector. */
export function scatter(octets: Uint8Array, iov: readonly IoVec[]): void {
  let at = 0;
  for (const { base, length } of iov) {
    const count = Math.min(length, octets.length - at);
    if (base instanceof Uint8Array) base.set(octets.subarray(at, at + count));
    at += count;
  }
}
