/** Virtual time: nothing happens until told, and then all of it, in order. For tests, and for programs that have a clock of their own. */
import type { Micros } from "../base/environment.js";
import type { Stack } from "../stack/stack.js";
import type { Drive } from "./drive.js";

/** Rounds at one instant before it counts as a loop. */
const ROUNDS = 100_000;

/** A clock that its drives share: stacks that talk to each other live on one. */
export class VirtualClock {
  now: Micros;
  readonly drives: ManualDrive[] = [];

  constructor(now: Micros = 0) {
    this.now = now;
  }

  /** Lets all that can happen at this instant happen. Throws when it does not end. */
  settle(): void {
    // A timer may leave frames for a stack that has had its turn: one quiet round is not the end, two are.
    let quiet = 0;
    for (let round = 0; round < ROUNDS; round++) {
      quiet += 1;
      for (const drive of this.drives) if (drive.turn()) quiet = 0;
      if (quiet === 2) return;
    }
    throw new Error(`not settled after ${ROUNDS} rounds at ${this.now} µs: two stacks answer each other without end`);
  }

  /** Moves time on, stopping at each deadline on the way. */
  advance(micros: Micros): void {
    const target = this.now + micros;
    this.settle();
    for (let next = this.#next(); next <= target; next = this.#next()) {
      // A deadline is a lower bound; one that does not move must not hold time still.
      this.now = Math.min(Math.max(this.now + 1, next), target);
      this.settle();
      if (this.now === target) return;
    }
    this.now = target;
    this.settle();
  }

  #next(): Micros {
    let next: Micros = Number.POSITIVE_INFINITY;
    for (const drive of this.drives) next = Math.min(next, drive.stack.nextTimeout());
    return next;
  }
}

export class ManualDrive implements Drive {
  readonly stack: Stack;
  readonly clock: VirtualClock;
  #work = false;

  constructor(stack: Stack, clock: VirtualClock = new VirtualClock()) {
    this.stack = stack;
    this.clock = clock;
    clock.drives.push(this);
    stack.onWork = () => {
      this.#work = true;
    };
  }

  now(): Micros {
    return this.clock.now;
  }

  /** One turn; returns whether anything was there to do. */
  turn(): boolean {
    const { stack, clock } = this;
    const asked = this.#work;
    this.#work = false;
    const pulled = stack.pull(clock.now, 512);
    if (pulled < 512) stack.expire(clock.now);
    stack.flush(clock.now);
    stack.deliver();
    if (stack.tcp.busy) stack.flush(clock.now);
    return asked || pulled > 0 || this.#work;
  }

  settle(): void {
    this.clock.settle();
  }

  advance(micros: Micros): void {
    this.clock.advance(micros);
  }

  /** Leaves the clock. */
  stop(): void {
    this.stack.onWork = null;
    const index = this.clock.drives.indexOf(this);
    if (index >= 0) this.clock.drives.splice(index, 1);
  }
}
