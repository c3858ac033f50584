/** What turns a stack's crank: reads the clock, moves frames in, fires what is due, lets the stack speak, hands events to the application. */
import type { Micros } from "../base/environment.js";
import type { Stack } from "../stack/stack.js";

export interface Drive {
  readonly stack: Stack;
  /** The time to give to the stack's calls. Never runs backwards. */
  now(): Micros;
}
