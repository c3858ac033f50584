/** What a script asks of the host under test. The player yields requests and is sent replies, so that one player serves a stack in virtual
 *  time and a kernel behind a wire. */
import type { Micros } from "../../base/environment.js";
import type { Outcome, SystemCall } from "./system-call.js";

/** A packet that the host has sent. */
export interface Sent {
  readonly at: Micros;
  readonly octets: Uint8Array;
  /** Why it was sent, when the host says so. */
  readonly why: string;
}

/** A system call that was begun. */
export interface Running {
  readonly call: SystemCall;
  readonly startedAt: Micros;
  /** Null while it blocks. */
  outcome: Outcome | null;
}

export type Request =
  /** The script's time begins now: what prepares it is over. */
  | { readonly type: "begin" }
  /** Time passes until `until`. */
  | { readonly type: "sleep"; readonly until: Micros }
  /** The next packet of the host; null: none came until `until`. */
  | { readonly type: "packet"; readonly until: Micros }
  | { readonly type: "inject"; readonly octets: Uint8Array; readonly segmentSize: number }
  /** Begins a call; replies when it has ended or sleeps. `blocks`: the script says that it may. */
  | { readonly type: "call"; readonly call: SystemCall; readonly blocks: boolean }
  /** Time passes until the call has ended, at most until `until`. */
  | { readonly type: "finish"; readonly running: Running; readonly until: Micros }
  /** A shell line; the reply is what failed, or null. */
  | { readonly type: "command"; readonly text: string }
  /** What TCP_INFO and its kin say of a descriptor now. */
  | { readonly type: "info"; readonly fd: number }
  /** The ports of a descriptor; 0: it has none. */
  | { readonly type: "ports"; readonly fd: number }
  /** Whether the host knows a connection between these ports, TIME-WAIT included; null: it does not. */
  | { readonly type: "alive"; readonly localPort: number; readonly remotePort: number };

export interface LocalAndRemote {
  readonly local: number;
  readonly remote: number;
}

export type Info = Readonly<Record<string, number>>;
export type Reply = Sent | Running | Info | LocalAndRemote | string | null;
