/** One stack on each core: runs an application's module in several threads, each with a stack of its own, all with one address. They share
 *  nothing but the wire: each flow has its home at one of them, and a crash takes no more than the flows of one. */
import { randomFillSync } from "node:crypto";
import { availableParallelism, constants } from "node:os";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Worker } from "node:worker_threads";
import { networkError } from "../base/errors.js";
import { cryptoRandom } from "../drive/clock.js";
import { randomHardware } from "../ethernet/hardware-address.js";
import type { Link } from "../transport/link.js";
import { inNamespace } from "../transport/namespace.js";
import { XdpProgram } from "../transport/xdp/program.js";
import { BELL_WORDS } from "./bell.js";
import { makeRing, RING_OCTETS, SUPER_RING_OCTETS } from "./frame-ring.js";
import { Front } from "./front.js";
import { type LinkPlan, openPlannedLink } from "./open-link.js";
import { errorOf, type FromWorker, type Sharing, type ToWorker, type WorkerInspection, type WorkerPlan } from "./program.js";
import type { StackSettings } from "./settings.js";
import { Steering } from "./steering.js";
import { type Summed, sum } from "./sum.js";
import { startThread } from "./thread.js";

export interface WorkersOptions extends StackSettings {
  /** The application: a module that exports `run`. A path is taken from the working directory. */
  readonly module: URL | string;
  /** Absent: one for each core. */
  readonly workers?: number;
  /** What all share. As a plan, each worker opens a queue of it: of a TAP device, of a packet socket's fanout, of an XDP interface. With `front`,
   *  or as a link of this thread, which has one queue, this thread reads it and hands frames out. Absent: none; the module brings its own. */
  readonly link?: LinkPlan | Link;
  /** Open one queue, in this thread. Absent: no. Packets take a hop more, but no worker holds a handle of the system: one that is stuck or out
   *  of memory can be ended without the process. */
  readonly front?: boolean;
  /** Given to each worker, by structured clone. */
  readonly data?: unknown;
  /** A worker that crashed is started again, unless that has happened `most` times within so many milliseconds: then all end, and `finished`
   *  rejects. False: at the first crash. Absent: 5 times within a minute. */
  readonly restart?: { readonly most: number; readonly within: number } | false;
  /** Told of each crash. Absent: a warning of the process. */
  readonly onCrash?: (crash: WorkerCrash) => void;
  /** End in order at SIGINT, SIGTERM and SIGHUP, and the process with them. Absent: yes. */
  readonly signals?: boolean;
}

export interface WorkerCrash {
  readonly worker: number;
  readonly error: Error;
  /** Whether it is started again. */
  readonly restarted: boolean;
  /** For people: what has happened and what can be done. */
  readonly message: string;
}

export interface WorkersInspection {
  readonly workers: readonly WorkerInspection[];
  /** Counters and tables of all, added up. */
  readonly total: Summed;
}

/** What may be given to `close`, milliseconds. */
export interface CloseOptions {
  /** For what was written to be acknowledged. Absent: 500. */
  readonly patience?: number;
  /** For a worker to end after that. Absent: 5 000. */
  readonly deadline?: number;
}

const RESTARTS = { most: 5, within: 60_000 };
const PATIENCE = 500;
const DEADLINE = 5_000;
const ANSWER_DEADLINE = 5_000;
const RELAY_MILLISECONDS = 500;
const MOST_WORKERS = 64;
/** Workers up to which rings between them hold super-segments by the dozen. */
const MOST_LARGE = 8;
const KEY_WORDS = 4;

const words = (): number[] => [...randomFillSync(new Int32Array(KEY_WORDS))];

/** Starts the workers; resolves when the module's `run` has resolved in each. Rejects, with nothing left behind, when a link cannot be opened or
 *  a module cannot be run. */
export const startWorkers = async (options: WorkersOptions): Promise<Workers> => {
  const workers = new Workers(options);
  try {
    await workers.start();
  } catch (error) {
    await workers.close().catch(() => {});
    throw error;
  }
  return workers;
};

interface Running {
  readonly thread: Worker;
  readonly exited: Promise<void>;
  /** It is being told to end, or was never up: its exit is no crash. */
  expected: boolean;
}

export class Workers {
  readonly count: number;
  /** The interface, as the kernel knows it; null: there is none. */
  interfaceName: string | null = null;
  /** Resolves when all have ended in order; rejects when they ended because of a crash. */
  readonly finished: Promise<void>;
  readonly #options: WorkersOptions;
  readonly #module: string;
  readonly #key = words();
  readonly #sharing: Sharing;
  readonly #running: (Running | null)[];
  readonly #asked = new Map<number, (inspection: WorkerInspection | null) => void>();
  readonly #crashes: number[] = [];
  readonly #signals: [NodeJS.Signals, () => void][] = [];
  #front: Front | null = null;
  #program: XdpProgram | null = null;
  #hardwareAddress: Uint8Array | null;
  #nextQuestion = 1;
  #closing: Promise<void> | null = null;
  #broken: Error | null = null;
  #settle: { done: () => void; reject: (error: Error) => void } = { done: () => {}, reject: () => {} };

  /** Use `startWorkers`. */
  constructor(options: WorkersOptions) {
    this.#options = options;
    this.count = options.workers ?? Math.min(availableParallelism(), MOST_WORKERS);
    if (!Number.isInteger(this.count) || this.count < 1 || this.count > MOST_WORKERS)
      throw networkError("EINVAL", "startWorkers", `${this.count} workers`, `use an integer from 1 to ${MOST_WORKERS}`);
    this.#module = options.module instanceof URL ? options.module.href : pathToFileURL(resolve(options.module)).href;
    this.#hardwareAddress = options.hardwareAddress ?? null;
    this.#running = new Array<Running | null>(this.count).fill(null);
    this.#sharing = { key: this.#key, cookieKey: words(), ...this.#mesh() };
    this.finished = new Promise((done, reject) => {
      this.#settle = { done, reject };
    });
    // Whoever does not look at it is told by `onCrash`.
    this.finished.catch(() => {});
  }

  async start(): Promise<void> {
    this.#listen();
    const { link } = this.#options;
    if (link !== undefined && this.#fronted) this.#openFront(link);
    else if (link !== undefined && !isLink(link) && link.kind === "xdp" && this.count > 1) {
      const { kind: _, namespace, ...program } = link;
      this.#program = inNamespace(namespace, () => new XdpProgram(program));
    }
    // The first settles the name of a device and the address that all have.
    await this.#launch(0);
    await Promise.all(this.#running.slice(1).map((_, i) => this.#launch(i + 1)));
  }

  /** Every stack's tables and connections, and their sums. A worker that does not answer within `deadline` milliseconds is left out. */
  async inspect(deadline: number = ANSWER_DEADLINE): Promise<WorkersInspection> {
    const answers = await Promise.all(this.#running.map((running) => (running === null ? null : this.#ask(running, deadline))));
    const workers = answers.filter((answer) => answer !== null);
    const front = this.#front === null ? [] : [{ link: { ...this.#front.counters } }];
    return { workers, total: sum([...workers.map(countable), ...front]) };
  }

  /** The counters alone, added up: frames, reasons, tables, and what the links count. */
  async counters(deadline?: number): Promise<Summed> {
    return (await this.inspect(deadline)).total;
  }

  /** Ends all: listeners first, then what was written is delivered, then connections are reset. Rejects when a worker does not end. */
  close(options: CloseOptions = {}): Promise<void> {
    this.#closing ??= this.#close(options);
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Whether this thread has the link. */
  get #fronted(): boolean {
    const { link, front = false } = this.#options;
    if (link === undefined) return false;
    return front || isLink(link) || (link.kind === "ring" && this.count > 1);
  }

  /** Rings between the workers, where each has a queue of its own. */
  #mesh(): Pick<Sharing, "rings" | "bells"> {
    const { link } = this.#options;
    if (link === undefined || isLink(link) || this.#fronted || this.count === 1) return { rings: null, bells: null };
    // A ring for each pair: many workers have small ones.
    const large = this.count <= MOST_LARGE && ((link.kind === "tap" && link.offload) || (link.kind === "packet" && link.offload !== false));
    const indices = [...this.#running.keys()];
    return {
      rings: indices.map((from) => indices.map((to) => (from === to ? null : makeRing(large ? SUPER_RING_OCTETS : RING_OCTETS)))),
      bells: indices.map(() => new SharedArrayBuffer(4 * BELL_WORDS)),
    };
  }

  #openFront(from: LinkPlan | Link): void {
    const { link, interfaceName } = isLink(from) ? { link: from, interfaceName: undefined } : openPlannedLink(from);
    this.interfaceName = interfaceName ?? null;
    this.#front = new Front(link, new Steering(this.#key, this.count, link.capabilities.medium), (error) => this.#break(error));
  }

  #plan(index: number): WorkerPlan {
    const { link, data, module: _m, workers: _w, front: _f, restart: _r, onCrash: _c, signals: _s, ...settings } = this.#options;
    const queue = {
      index,
      count: this.count,
      fanout: (process.pid ^ this.#key[0]!) & 0xffff || 1,
      ...(this.interfaceName === null ? {} : { interfaceName: this.interfaceName }),
      ...(this.#program === null ? {} : { program: this.#program.share() }),
    };
    const own: LinkPlan | null =
      this.#front !== null ? { kind: "ring", end: this.#front.end(index) } : link === undefined || isLink(link) ? null : link;
    return { module: this.#module, data, link: own, queue, sharing: this.#sharing, settings };
  }

  /** Resolves when the worker's module runs; rejects when it comes to nothing. */
  #launch(index: number): Promise<void> {
    return new Promise((started, reject) => {
      const thread = startThread("worker-thread", { workerData: this.#plan(index), name: `onwire ${index}` });
      let up = false;
      let failure: Error | null = null;
      let exit = (): void => {};
      const exited = new Promise<void>((gone) => {
        exit = gone;
      });
      const running: Running = { thread, exited, expected: this.#closing !== null };
      this.#running[index] = running;
      thread.on("message", (message: FromWorker) => {
        switch (message.kind) {
          case "opened":
            this.#opened(running, message);
            break;
          case "ready":
            up = true;
            started();
            break;
          case "inspection":
            this.#answer(message.id, message.inspection);
            break;
          case "failed":
            failure = errorOf(message.error);
            break;
        }
      });
      thread.on("error", (error) => {
        failure ??= error instanceof Error ? error : new Error(String(error));
      });
      thread.on("exit", (status) => {
        this.#running[index] = null;
        exit();
        const error = failure ?? new Error(`it ended by itself, with status ${status}`);
        if (!up) reject(running.expected ? new Error("the workers were closed while they started") : error);
        else if (!running.expected) this.#crashed(index, error);
      });
    });
  }

  #opened(running: Running, opened: Extract<FromWorker, { kind: "opened" }>): void {
    this.interfaceName ??= opened.interfaceName;
    if (opened.medium === "ethernet") this.#hardwareAddress ??= opened.hardwareAddress ?? randomHardware(cryptoRandom);
    this.#tell(running, { kind: "go", hardwareAddress: opened.medium === "ethernet" ? this.#hardwareAddress : null });
  }

  #crashed(index: number, error: Error): void {
    if (this.#closing !== null) return;
    const { restart = RESTARTS, onCrash = warn } = this.#options;
    const now = performance.now();
    this.#crashes.push(now);
    const recent = restart === false ? 0 : this.#crashes.filter((at) => at > now - restart.within).length;
    const restarted = restart !== false && recent <= restart.most;
    const fate = restarted
      ? `its connections are gone, it is started again (${recent} of ${restart.most} within ${restart.within / 1000} s)`
      : restart === false
        ? "all end with it, as `restart: false` has it"
        : `all end, after ${recent} crashes within ${restart.within / 1000} s: mend the module, or allow more by \`restart\``;
    const message = `worker ${index} crashed: ${error.message}: ${fate}`;
    onCrash({ worker: index, error, restarted, message });
    if (!restarted) this.#break(Object.assign(new Error(message), { cause: error }));
    else this.#launch(index).catch((again: Error) => this.#crashed(index, again));
  }

  /** They cannot go on. */
  #break(error: Error): void {
    this.#broken ??= error;
    this.close().catch(() => {});
  }

  async #close(options: CloseOptions): Promise<void> {
    const { patience = PATIENCE, deadline = DEADLINE } = options;
    const stuck: number[] = [];
    await Promise.all(
      this.#running.map(async (running, index) => {
        if (running === null) return;
        running.expected = true;
        this.#tell(running, { kind: "stop", patience });
        if (await within(running.exited, patience + deadline)) return;
        stuck.push(index);
        // It holds handles of the system, and a thread that is ended with them takes the process along.
        if (this.#front !== null || this.#options.link === undefined) await running.thread.terminate();
      }),
    );
    this.#front?.close();
    this.#program?.close();
    for (const answer of this.#asked.values()) answer(null);
    for (const [signal, handler] of this.#signals) process.off(signal, handler);
    if (this.#broken !== null) this.#settle.reject(this.#broken);
    else this.#settle.done();
    if (stuck.length === 0) return;
    const remedy = "its module blocks the event loop: end the process, or give the workers a `front`, and they can be ended all the same";
    throw new Error(`worker ${stuck.join(", ")} did not end within ${patience + deadline} ms: ${remedy}`);
  }

  #listen(): void {
    if (this.#options.signals === false) return;
    let signalledAt: number | null = null;
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      const handler = (): void => {
        const now = performance.now();
        if (signalledAt !== null) {
          // The second time somebody is in a hurry; at once, it is the same signal, passed on by a wrapper that was told, too.
          if (now - signalledAt > RELAY_MILLISECONDS) process.kill(process.pid, "SIGKILL");
          return;
        }
        signalledAt = now;
        this.close().then(
          () => process.exit(128 + constants.signals[signal]),
          // An exit would wait for the thread that is stuck, and fail for its open handles.
          () => process.kill(process.pid, "SIGKILL"),
        );
      };
      process.on(signal, handler);
      this.#signals.push([signal, handler]);
    }
  }

  async #ask(running: Running, deadline: number): Promise<WorkerInspection | null> {
    const id = this.#nextQuestion++;
    const answer = new Promise<WorkerInspection | null>((resolve) => this.#asked.set(id, resolve));
    this.#tell(running, { kind: "inspect", id });
    const timer = setTimeout(() => this.#answer(id, null), deadline);
    const inspection = await Promise.race([answer, running.exited.then(() => null)]);
    clearTimeout(timer);
    this.#asked.delete(id);
    return inspection;
  }

  #answer(id: number, inspection: WorkerInspection | null): void {
    this.#asked.get(id)?.(inspection);
  }

  #tell(running: Running, message: ToWorker): void {
    running.thread.postMessage(message);
  }
}

const isLink = (link: LinkPlan | Link): link is Link => "transmit" in link;

const warn = (crash: WorkerCrash): void => process.emitWarning(crash.message, { code: "ONWIRE_WORKER" });

/** What of an inspection can be added up. */
const countable = ({ stack, link }: WorkerInspection) => {
  const { slots, live, frozen, timeWait } = stack.tcp as Record<string, unknown>;
  return {
    frames: stack.frames,
    tcp: { slots, live, frozen, timeWait },
    udp: { endpoints: stack.udp.length },
    ping: { endpoints: stack.ping.length },
    devices: Object.fromEntries(stack.devices.map(({ name, counters }) => [name, counters])),
    link,
    tally: stack.tally,
  };
};

/** True when the promise settled in time. */
const within = async (promise: Promise<unknown>, milliseconds: number): Promise<boolean> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), milliseconds);
  });
  const done = await Promise.race([promise.then(() => true), late]);
  clearTimeout(timer);
  return done;
};
