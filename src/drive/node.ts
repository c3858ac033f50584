/** Node's event loop turns the crank: a turn when a link has frames, when the application left work, and when a deadline comes. */
import { type Micros, NEVER } from "../base/environment.js";
import type { Stack } from "../stack/stack.js";
import type { Link } from "../transport/link.js";
import { monotonicMicros } from "./clock.js";
import type { Drive } from "./drive.js";

/** Frames of one turn. Then the loop serves everybody else in the process. */
const BUDGET = 512;
/** Turns in a row that may put the timers behind waiting frames: at 512 frames a turn, more than any link queues. */
const POSTPONED_TURNS = 16;
/** Idle turns before an adaptive drive sleeps. */
const IDLE_TURNS = 50;
/** setTimeout takes a signed 32-bit number of milliseconds, and fires at once beyond it. */
const LONGEST_DELAY = 2 ** 31 - 1;
/** A turn that found no packet for waiting frames tries again after this. */
const STARVED: Micros = 1000;
/** A deadline nearer than this is waited for by going round the loop: its timers are ten times as coarse. What a stack says to itself by
 *  the loopback is always this near. */
const NEAR: Micros = 100;
/** Rounds of the loop without a frame that near deadlines may ask for, before they have to wait for a timer. */
const NEAR_TURNS = 64;

export interface NodeDriveOptions {
  /** "adaptive": keep turning for a while after the last frame instead of sleeping in the kernel: two to three times lower latency, at the
   *  cost of a busy core while there is traffic. */
  readonly busy?: "adaptive" | "no";
  /** A link broke for good. Absent: the error is thrown, as that of an emitter without a listener. */
  readonly onLinkError?: (link: Link, error: Error) => void;
}

/** Keeps the process alive from `start` to `stop`, unless `unref` is called. */
export class NodeDrive implements Drive {
  readonly stack: Stack;
  readonly #adaptive: boolean;
  readonly #onLinkError: ((link: Link, error: Error) => void) | null;
  /** The links whose readiness wakes us, and who hears of their end. */
  readonly #links = new Map<Link, (error: Error) => void>();
  #devices = 0;
  #running = false;
  #turning = false;
  /** The application left work since the last flush. */
  #work = false;
  #scheduled = false;
  #immediate: NodeJS.Immediate | undefined = undefined;
  #timer: NodeJS.Timeout | null = null;
  /** When the timer fires. It may be earlier than needed, never later. */
  #timerAt: Micros = 0;
  #referenced = true;
  #idle = 0;
  #postponed = 0;
  #near = 0;
  /** How a turn is put off to the loop's next round. What it returns is cleared when the drive stops. */
  soon: (turn: () => void) => NodeJS.Immediate | undefined = byImmediate;
  /** Called in each turn when the stack has told its applications. What it throws goes up from the event loop's own callback, as what a
   *  callback of Node throws: applications that defer their work to here have their errors treated the way Node treats errors. */
  onDelivered: (() => void) | null = null;
  /** For people: turns taken, and frames pulled in them. */
  turns = 0;
  frames = 0;

  constructor(stack: Stack, options: NodeDriveOptions = {}) {
    this.stack = stack;
    this.#adaptive = options.busy === "adaptive";
    this.#onLinkError = options.onLinkError ?? null;
  }

  now(): Micros {
    return monotonicMicros();
  }

  /** Takes the first turn at the loop's next convenience. Starting twice does nothing. */
  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.stack.onWork = () => {
      this.#work = true;
      if (!this.#turning) this.#schedule();
    };
    // As in any callback of Node: the process hears of it, and with a listener for uncaught exceptions all else goes on.
    this.stack.onApplicationError ??= rethrow;
    this.#attach();
    this.#sleepUntil(NEVER, monotonicMicros());
    this.#schedule();
  }

  /** Releases the loop: no turn comes after this, and the links are nobody's. The stack and its links stay open. */
  stop(): void {
    if (!this.#running) return;
    this.#running = false;
    this.stack.onWork = null;
    if (this.stack.onApplicationError === rethrow) this.stack.onApplicationError = null;
    for (const link of this.#links.keys()) this.#letGo(link);
    this.#devices = 0;
    this.#scheduled = false;
    if (this.#immediate !== undefined) clearImmediate(this.#immediate);
    this.#immediate = undefined;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** While referenced and started, the process stays alive. */
  ref(): void {
    this.#referenced = true;
    this.#timer?.ref();
  }

  unref(): void {
    this.#referenced = false;
    this.#timer?.unref();
  }

  readonly #wake = (): void => this.#schedule();

  /** Keeps the process no longer than the turn takes, whether or not the drive is referenced: the loop would not come round for it else. */
  #schedule(): void {
    if (this.#scheduled || !this.#running) return;
    this.#scheduled = true;
    this.#immediate = this.soon(this.#scheduledTurn);
  }

  readonly #scheduledTurn = (): void => {
    if (this.#scheduled) this.#turn();
  };

  readonly #turn = (): void => {
    this.#scheduled = false;
    this.#immediate = undefined;
    if (!this.#running || this.#turning) return;
    const { stack } = this;
    const now = monotonicMicros();
    this.turns += 1;
    this.#turning = true;
    this.#work = false;
    let pulled = 0;
    let starved = false;
    let whole = false;
    try {
      pulled = stack.pull(now, BUDGET);
      this.frames += pulled;
      starved = stack.memory.packets.available === 0;
      // After a stall of the process, what answers a timer may lie among the frames that wait: they come first.
      if (pulled < BUDGET || this.#postponed >= POSTPONED_TURNS) {
        this.#postponed = 0;
        stack.expire(now);
      } else {
        this.#postponed += 1;
      }
      stack.flush(now);
      stack.deliver();
      this.onDelivered?.();
      if (this.#work || stack.tcp.busy) {
        // What the application said in reply leaves in this turn, at the time it was said.
        this.#work = false;
        stack.flush(monotonicMicros());
      }
      whole = true;
    } finally {
      // Whatever went up from here, another turn goes on behind it.
      this.#turning = false;
      if (this.#running) this.#rest(now, pulled, !whole || pulled >= BUDGET || this.#work, starved);
    }
  };

  #rest(now: Micros, pulled: number, more: boolean, starved: boolean): void {
    this.#attach();
    this.#idle = pulled > 0 ? 0 : this.#idle + 1;
    if (more || (this.#adaptive && this.#idle < IDLE_TURNS)) {
      this.#schedule();
      return;
    }
    const deadline = this.stack.nextTimeout();
    // The turn may have taken a while: by the clock of its beginning, what is due at its end looks far.
    const near = deadline - (deadline - now < NEAR ? now : monotonicMicros()) < (this.#adaptive ? 1000 : NEAR);
    this.#near = pulled > 0 || !near ? 0 : this.#near + 1;
    if (near && this.#near < NEAR_TURNS) this.#schedule();
    else this.#sleepUntil(starved ? Math.min(deadline, now + STARVED) : deadline, now);
  }

  /** The timer is always armed while running: it is what keeps the process alive. One that is early enough is left alone, since deadlines move
   *  away more often than they come true; it finds nothing due and is set anew. */
  #sleepUntil(deadline: Micros, now: Micros): void {
    if (this.#timer !== null) {
      if (this.#timerAt <= deadline) return;
      clearTimeout(this.#timer);
    }
    // At least one: a deadline that is past although timers have just been run must not become a busy loop.
    const delay = Math.min(Math.max(Math.ceil((deadline - now) / 1000), 1), LONGEST_DELAY);
    this.#timerAt = now + delay * 1000;
    this.#timer = setTimeout(this.#fire, delay);
    if (!this.#referenced) this.#timer.unref();
  }

  readonly #fire = (): void => {
    this.#timer = null;
    if (this.soon !== byImmediate) this.#schedule();
    else {
      if (this.#immediate !== undefined) clearImmediate(this.#immediate);
      this.#turn();
    }
  };

  /** Devices come and go while we run. VLANs share their parent's link. */
  #attach(): void {
    const { devices } = this.stack;
    let attached = 0;
    let changed = false;
    for (let i = 0; i < devices.length; i++) {
      const device = devices[i]!;
      if (!device.attached) continue;
      attached += 1;
      changed ||= device.link.onReadable !== this.#wake;
    }
    if (!changed && attached === this.#devices) return;
    this.#devices = attached;
    const here = new Set<Link>();
    for (const device of devices) if (device.attached) here.add(device.link);
    for (const link of this.#links.keys()) if (!here.has(link)) this.#letGo(link);
    for (const link of here) {
      const broken = this.#links.get(link) ?? ((error: Error) => void setImmediate(() => this.#broken(link, error)));
      link.onReadable = this.#wake;
      link.onError ??= broken;
      this.#links.set(link, broken);
    }
    // What came before we listened.
    this.#schedule();
  }

  /** A link that nobody reads any more would report its frames without end, and its end to a drive that has no business with it. */
  #letGo(link: Link): void {
    link.onReadable = null;
    if (link.onError === this.#links.get(link)) link.onError = null;
    this.#links.delete(link);
  }

  /** Its devices are gone, and their connections are told, before the error is. */
  #broken(link: Link, error: Error): void {
    const now = monotonicMicros();
    for (const device of [...this.stack.devices]) if (device.link === link) this.stack.removeDevice(device, now);
    if (this.#onLinkError === null) throw error;
    this.#onLinkError(link, error);
  }
}

const byImmediate = (turn: () => void): NodeJS.Immediate => setImmediate(turn);

const rethrow = (error: unknown): void => {
  process.nextTick(() => {
    throw error;
  });
};
