/** A stack in a thread of its own: an application that blocks its event loop stalls no acknowledgement, keep-alive or probe. */
import { MessageChannel, type Worker } from "node:worker_threads";
import type { Inspection } from "../stack/inspect.js";
import { makeArea } from "./area.js";
import type { LinkPlan } from "./open-link.js";
import { errorOf } from "./program.js";
import type { StackSettings } from "./settings.js";
import type { Attachment, FromStack, Legacy, StackPlan, ToStack } from "./stack-program.js";
import { startThread } from "./thread.js";

export interface StackWorkerOptions extends StackSettings {
  /** Opened in the stack's thread. Absent: none but the loopback. */
  readonly link?: LinkPlan;
  /** What becomes of the connections of an application whose thread ends. Absent: "reset". */
  readonly onApplicationExit?: Legacy;
}

export interface AttachmentOptions {
  /** Connections and listeners at once, up to 32 767. Absent: 1 024. */
  readonly slots?: number;
  /** Octets that each connection holds for the application, each way, beyond what the stack holds: a power of two. Absent: 65 536. */
  readonly ring?: number;
  /** Take over what the application of that attachment has left, or has: it is detached. */
  readonly inherit?: Attachment;
}

const SLOTS = 1_024;
const RING = 65_536;
const PATIENCE = 500;
const NOBODY = 0;

/** Starts the thread; resolves when its stack runs. Rejects as the link does, and for settings that are wrong. */
export const startStack = async (options: StackWorkerOptions = {}): Promise<StackWorker> => {
  const worker = new StackWorker(options);
  await worker.ready;
  return worker;
};

export class StackWorker {
  /** The interface, as the kernel knows it; null: there is none. */
  interfaceName: string | null = null;
  /** Resolves when the stack has ended in order, rejects with what it died of. */
  readonly finished: Promise<void>;
  /** Use `startStack`. */
  readonly ready: Promise<void>;
  readonly #thread: Worker;
  readonly #asked = new Map<number, (message: FromStack | null) => void>();
  #next = 1;
  #closing = false;
  #over = false;

  constructor(options: StackWorkerOptions) {
    const { link = null, onApplicationExit = "reset", ...settings } = options;
    const plan: StackPlan = { link, settings, legacy: onApplicationExit };
    const thread = startThread("stack-thread", { workerData: plan, name: "onwire stack" });
    this.#thread = thread;
    let failure: Error | null = null;
    let ready = false;
    const wait = { up: (): void => {}, down: (_error: Error): void => {} };
    this.ready = new Promise((up, down) => {
      wait.up = up;
      wait.down = down;
    });
    this.finished = new Promise((ended, died) => {
      thread.on("exit", (status) => {
        this.#over = true;
        for (const answer of this.#asked.values()) answer(null);
        const error = failure ?? (this.#closing ? null : new Error(`it ended by itself, with status ${status}`));
        if (error === null) return void ended();
        const remedy = "its connections are gone, and its applications have been told ECONNABORTED: start another and attach them to it";
        const death = Object.assign(new Error(`the stack's thread died: ${error.message}: ${remedy}`), { cause: error });
        if (!ready) wait.down(error);
        died(death);
      });
    });
    // Whoever does not look at it hears of it by each connection.
    this.finished.catch(() => {});
    thread.on("error", (error) => {
      failure ??= error instanceof Error ? error : new Error(String(error));
    });
    thread.on("message", (message: FromStack) => {
      switch (message.kind) {
        case "ready":
          this.interfaceName = message.interfaceName;
          ready = true;
          wait.up();
          break;
        case "failed":
          failure ??= errorOf(message.error);
          break;
        default:
          this.#asked.get(message.id)?.(message);
          this.#asked.delete(message.id);
      }
    });
  }

  /** What one thread needs to use the stack, by `connectStack`: give it to a thread as `workerData`, its `port` in the transfer list, or use it
   *  in this one. */
  async attachment(options: AttachmentOptions = {}): Promise<Attachment> {
    const { slots = SLOTS, ring = RING, inherit } = options;
    const area = inherit?.area ?? makeArea({ slots, ring });
    const { port1: port, port2: far } = new MessageChannel();
    const answer = await this.#ask((id) => ({ kind: "attach", id, area, port: far, heirOf: inherit?.id ?? NOBODY }), [far]);
    if (answer.kind !== "attached") throw new Error("the stack's thread gave another answer than was asked for");
    if (inherit !== undefined && !answer.inherited) {
      port.close();
      throw new Error("nothing is left to inherit: the connections were reset when their application ended, or when nobody came in time");
    }
    return { id: answer.id, area, port, inherits: answer.inherited };
  }

  async inspect(): Promise<Inspection> {
    const answer = await this.#ask((id) => ({ kind: "inspect", id }));
    if (answer.kind !== "inspection") throw new Error("the stack's thread gave another answer than was asked for");
    return answer.inspection;
  }

  /** Ends the stack: what was written is delivered, as far as that takes no longer than `patience` milliseconds, and the rest reset. */
  async close(patience: number = PATIENCE): Promise<void> {
    if (!this.#closing) {
      this.#closing = true;
      this.#tell({ kind: "stop", patience });
    }
    await this.finished;
  }

  /** Ends the thread without asking it, as a crash would: `finished` rejects. With a link of the kernel's the process may go along. */
  async terminate(): Promise<void> {
    await this.#thread.terminate();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** The thread does not keep the process alive for itself. */
  unref(): this {
    this.#thread.unref();
    return this;
  }

  async #ask(message: (id: number) => ToStack, transfer: readonly MessagePort[] = []): Promise<FromStack> {
    const id = this.#next++;
    const answer = await new Promise<FromStack | null>((resolve) => {
      if (this.#over) return void resolve(null);
      this.#asked.set(id, resolve);
      this.#tell(message(id), transfer);
    });
    if (answer === null) throw new Error("the stack's thread has ended: `finished` says why");
    return answer;
  }

  #tell(message: ToStack, transfer: readonly MessagePort[] = []): void {
    this.#thread.postMessage(message, transfer as never);
  }
}

type MessagePort = Attachment["port"];
