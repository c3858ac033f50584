/** The bottom of the call stack. Node runs next ticks and promises, and reports what was thrown, when the last callback of its own ends; native
 *  streams (HTTP's parser, HTTP/2, TLS) count on it between two callbacks of one read. What runs in `setImmediate` or a timer is inside such
 *  a callback already: for whoever it calls, nothing of that would happen.
 *
 *  Node looks at the property `oncomplete` of a request before it enters a callback. So a request that fails at once, with a getter for
 *  that property, brings us to the bottom, in the loop's next round. Only native streams may be called from there: Node aborts when anything
 *  that has an asynchronous context calls back from the bottom. All that is the program's has to `enter` first. */
import { binding, JSStream, runTicks } from "./internals.js";

interface Names {
  readonly ChannelWrap: { readonly prototype: { queryA(this: object, request: object, name: string): number } };
  readonly QueryReqWrap: new () => object;
}

interface Pipes {
  readonly Pipe: new (type: number) => { connect(request: object, path: string): number | undefined; close(callback: () => void): void };
  readonly PipeConnectWrap: new () => object;
}

/** A path that cannot exist. */
const NOWHERE = "/dev/null/onwire";

/** A name that nobody is asked for. */
const TOO_LONG = "x".repeat(300);

const { Pipe, PipeConnectWrap } = binding("pipe_wrap") as unknown as Pipes;
const { ChannelWrap, QueryReqWrap } = binding("cares_wrap") as unknown as Names;
/** Node's own, also when the class is another by then. */
const { queryA } = ChannelWrap.prototype;

let pipe: InstanceType<typeof Pipe> | null = null;
let waiting: (() => void)[] = [];

class Request extends PipeConnectWrap {
  get oncomplete(): undefined {
    run();
    return undefined;
  }
}

/** Calls `callback` from the bottom, in the loop's next round: Node's immediates come between two such calls, as they come between two reads of
 *  a kernel's socket. Keeps the process alive until then. */
export function soon(callback: () => void): undefined {
  waiting.push(callback);
  if (waiting.length === 1) ask();
}

/** Under a resolver: only Node knows with how many arguments one is made. */
let channel: object | null = null;
let native: (() => void)[] = [];

class Query extends QueryReqWrap {
  get oncomplete(): undefined {
    runNative();
    return undefined;
  }
}

/** Calls `callback` from the bottom among the immediates of native code, which come before all of JavaScript's: where TLS has the end of a write
 *  that was done at once, and HTTP/2 sends what has gathered. */
export function amongImmediates(callback: () => void): void {
  native.push(callback);
  if (native.length > 1) return;
  channel ??= makeChannel();
  if (queryA.call(channel, new Query(), TOO_LONG) !== 0) setImmediate(runNative);
}

/** Whoever has written to TLS has loaded `dns` long ago. */
function makeChannel(): object {
  const { Resolver } = process.getBuiltinModule("node:dns");
  return (new Resolver() as unknown as { readonly _handle: object })._handle;
}

function runNative(): void {
  const callbacks = native;
  native = [];
  let next = 0;
  try {
    while (next < callbacks.length) {
      callbacks[next++]!();
      runTicks();
    }
  } catch (error) {
    for (const left of callbacks.slice(next)) amongImmediates(left);
    throw error;
  }
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
  } catch (error) {
    for (const left of callbacks.slice(next)) atClosing(left);
    throw error;
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

/** Of this round of the loop, whose immediates have not come yet: the loop would take what is asked for meanwhile before them. */
let round: NodeJS.Immediate | null = null;
let askedInRound = false;

function ask(): void {
  if (round === null) return connect();
  askedInRound = true;
  round.ref();
}

function connect(): void {
  pipe ??= new Pipe(0);
  const refused = pipe.connect(new Request(), NOWHERE);
  // Not from the bottom, but not never: without a file descriptor there is no pipe.
  if (refused !== undefined && refused !== 0) setImmediate(run);
}

function endRound(): void {
  round = null;
  if (!askedInRound) return;
  askedInRound = false;
  connect();
}

function run(): void {
  const callbacks = waiting;
  waiting = [];
  round ??= setImmediate(endRound).unref();
  let next = 0;
  try {
    while (next < callbacks.length) {
      callbacks[next++]!();
      // Of what has not entered: agents of the stack, as the resolver is one, leave their answers as next ticks.
      runTicks();
    }
  } catch (error) {
    // The others have their turn.
    if (next < callbacks.length) {
      const asked = waiting.length > 0;
      waiting = [...callbacks.slice(next), ...waiting];
      if (!asked) ask();
    }
    // Thrown anew, or the process may never hear of it: where native streams lie on top of each other, V8 has lost the message that goes with it.
    throw error;
  }
}
