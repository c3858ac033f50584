/** A system call: complete when it returns, or, on a blocking descriptor, when the stack has done what it waits for. */
import { type Micros, NEVER } from "../base/environment.js";
import type { Errno } from "./errno.js";

/** A value of 0 or more, or what went wrong. */
export type Outcome = number | Errno;

export class Call {
  readonly name: string;
  readonly startedAt: Micros;
  /** True when `value` and `errno` are final. */
  done = false;
  /** What the call returns: -1 with an `errno`. */
  value = 0;
  errno: Errno | null = null;
  finishedAt: Micros = NEVER;
  /** Called once, when a call that was pending is done. */
  onDone: ((call: Call) => void) | null = null;
  /** When it gives up waiting. */
  readonly deadline: Micros;
  /** What it would do now; EAGAIN: nothing yet. */
  readonly #attempt: () => Outcome;
  /** What a call that has waited to its deadline returns. */
  readonly #late: () => Outcome;

  constructor(name: string, now: Micros, attempt: () => Outcome, deadline: Micros = NEVER, late: () => Outcome = () => "EAGAIN") {
    this.name = name;
    this.startedAt = now;
    this.deadline = deadline;
    this.#attempt = attempt;
    this.#late = late;
  }

  /** Tries; true when it is done. With `wait` a call that would block stays pending. */
  run(now: Micros, wait: boolean): boolean {
    let outcome = this.#attempt();
    if (outcome === "EAGAIN" && wait) {
      if (now < this.deadline) return false;
      outcome = this.#late();
    }
    this.#finish(outcome, now);
    return true;
  }

  /** Ends it from outside. */
  interrupt(errno: Errno, now: Micros): void {
    this.#finish(errno, now);
  }

  #finish(outcome: Outcome, now: Micros): void {
    this.done = true;
    this.finishedAt = now;
    if (typeof outcome === "number") this.value = outcome;
    else {
      this.value = -1;
      this.errno = outcome;
    }
  }
}
