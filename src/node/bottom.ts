/** The bottom of the call stack. Node runs next ticks and promises, and reports what was thrown, when the last callback of its own ends; native
 *  streams (HTTP's parser, HTTP/2, TLS) count on it between two callbacks of one read. What runs in `setImmediate` or a timer is inside such
 *  a callback already: for whoever it calls, nothing of that would happen.
 *
 *  Node looks at the property `oncomplete` of a request before it enters a callback. So a request that fails at once, with a getter for
 *  that property, brings us to the bottom, in the loop's next round. Only native streams may be called from there: Node aborts when anything
 *  that has an asynchronous context calls back from the bottom. All that is the program's has to `enter` first. */
import { binding, JSStream, runTicks } from "./internals.js";

interface Pipes {
  readonly Pipe: new (type: number) => { connect(request: object, path: string): number | undefined; close(callback: () => void): void };
  readonly PipeConnectWrap: new () => object;
}

/** A path that cannot exist. */
const NOWHERE = "/dev/null/onwire";

const { Pipe, PipeConnectWrap } = binding("pipe_wrap") as unknown as Pipes;

let pipe: InstanceType<typeof Pipe> | null = null;
let waiting: (() => void)[] = [];

class Request extends PipeConnectWrap {
  get oncomplete(): undefined {
    run();
    return undefined;
  }
}

/** Calls `callback` in the loop's next round, from the bottom. Keeps the process alive until then. */
export function soon(callback: () => void): undefined {
  waiting.push(callback);
  if (waiting.length === 1) ask();
}

let closing: (() => void)[] = [];

/** Calls `callback` when the loop closes handles: behind all that this round brings, `setImmediate` included. */
export function atClosing(callback: () => void): void {
  closing.push(callback);
  if (closing.length === 1) new Pipe(0).close(close);
}

function close(): void {
  const callbacks = closing;
  closing = [];
  let next = 0;
  try {
    while (next < callbacks.length) {
      callbacks[next++]!();
      if (next < callbacks.length) runTicks();
    }
  } finally {
    for (const left of callbacks.slice(next)) atClosing(left);
  }
}

let entering: (() => void) | null = null;

class Gate extends JSStream {
  onreadstart(): number {
    const callback = entering;
    entering = null;
    callback?.();
    return 0;
  }
}
const gate = new Gate();

/** Calls `callback` as Node calls its own: what it throws is the process's to hear of, and next ticks and promises run behind it. */
export function enter(callback: () => void): void {
  entering = callback;
  gate.readStart();
}

function ask(): void {
  pipe ??= new Pipe(0);
  const refused = pipe.connect(new Request(), NOWHERE);
  // Not from the bottom, but not never: without a file descriptor there is no pipe.
  if (refused !== undefined && refused !== 0) setImmediate(run);
}

function run(): void {
  const callbacks = waiting;
  waiting = [];
  let next = 0;
  try {
    while (next < callbacks.length) callbacks[next++]!();
  } finally {
    // One has thrown, for the process to hear of; the others have their turn.
    if (next < callbacks.length) {
      const asked = waiting.length > 0;
      waiting = [...callbacks.slice(next), ...waiting];
      if (!asked) ask();
    }
  }
}
