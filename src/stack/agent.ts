/** Something above a stack that lives on its clock: a DHCP client, a resolver. The stack asks it for its deadline as it asks its own layers,
 *  so it needs no timers of a host and runs in virtual time as the stack does. */
import type { Micros } from "../base/environment.js";

export interface Agent {
  /** For people: "dhcp eth0". */
  readonly name: string;
  /** When `expire` is to be called; NEVER when nothing waits. After it has become nearer outside a turn: `stack.wake()`. */
  nextTimeout(): Micros;
  /** Does what is due. Called when no protocol code is running: it may call anything. */
  expire(now: Micros): void;
  /** The stack is about to close, and everything with it. */
  stop(now: Micros): void;
  /** Plain data for `stack.inspect`. */
  inspect(now: Micros): unknown;
}
