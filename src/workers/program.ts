/** What a module that runs in workers is given, and what travels between a worker and the thread that started it. */
import type { NodeDrive } from "../drive/node.js";
import type { Device } from "../stack/device.js";
import type { Inspection } from "../stack/inspect.js";
import type { Stack } from "../stack/stack.js";
import type { LinkPlan, Queue } from "./open-link.js";
import type { StackSettings } from "./settings.js";

/** One of the workers, for the module that runs in it. */
export interface WorkerContext<Data = unknown> {
  /** 0 up to `count`. */
  readonly index: number;
  readonly count: number;
  readonly stack: Stack;
  /** What turns its crank: for `createServer` and `connect` of onwire/net. It has been started. */
  readonly drive: NodeDrive;
  /** Null: no link was named. */
  readonly device: Device | null;
  /** What `startWorkers` was given, copied. */
  readonly data: Data;
  /** Aborted when the workers are to end: for `listen({ signal })` and the like. */
  readonly signal: AbortSignal;
}

/** What the module exports as `run`. The workers are ready when it has resolved in each; what it returns, if a function, is called at the end. */
export type Run<Data = unknown> = (worker: WorkerContext<Data>) => unknown;

/** How the frames of one address get to the worker that is their home. */
export interface Sharing {
  /** Random words that all share, for `Steering`, and for cookies of Fast Open: any worker takes what another has baked. */
  readonly key: readonly number[];
  readonly cookieKey: readonly number[];
  /** Rings by [from][to], and a bell for each worker; null where a thread before the workers hands frames out. */
  readonly rings: readonly (readonly (SharedArrayBuffer | null)[])[] | null;
  readonly bells: readonly SharedArrayBuffer[] | null;
}

export interface WorkerPlan {
  readonly module: string;
  readonly data: unknown;
  readonly link: LinkPlan | null;
  readonly queue: Queue;
  readonly sharing: Sharing;
  readonly settings: StackSettings;
}

export interface PlainError {
  readonly message: string;
  readonly code?: string;
  readonly stack?: string;
}

/** One worker, as `inspect` shows it. */
export interface WorkerInspection {
  readonly worker: number;
  readonly stack: Inspection;
  /** Counters of the link, if it has any. */
  readonly link: Readonly<Record<string, number>>;
}

export type ToWorker =
  | { readonly kind: "go"; readonly hardwareAddress: Uint8Array | null }
  | { readonly kind: "inspect"; readonly id: number }
  | { readonly kind: "stop"; readonly patience: number };

export type FromWorker =
  | {
      readonly kind: "opened";
      readonly interfaceName: string | null;
      readonly hardwareAddress: Uint8Array | null;
      readonly medium: "ethernet" | "ip";
    }
  | { readonly kind: "ready" }
  | { readonly kind: "inspection"; readonly id: number; readonly inspection: WorkerInspection }
  /** It ends because of this. */
  | { readonly kind: "failed"; readonly error: PlainError };

export const plainError = (error: unknown): PlainError => {
  if (!(error instanceof Error)) return { message: String(error) };
  const code = (error as { code?: unknown }).code;
  return {
    message: error.message,
    ...(typeof code === "string" ? { code } : {}),
    ...(error.stack === undefined ? {} : { stack: error.stack }),
  };
};

export const errorOf = ({ message, code, stack }: PlainError): Error =>
  Object.assign(new Error(message), code === undefined ? {} : { code }, stack === undefined ? {} : { stack });
