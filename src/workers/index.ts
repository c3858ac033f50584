/** `onwire/workers`: one stack on each core; and a stack in a thread of its own, beside the application's. */
export type { LinkPlan } from "./open-link.js";
export type { Run, WorkerContext, WorkerInspection } from "./program.js";
export { connectStack, RemoteStack } from "./remote-stack.js";
export { makeRingCable, type RingEnd, RingLink, type RingOptions } from "./ring-link.js";
export type { StackSettings } from "./settings.js";
export type { Attachment, Legacy } from "./stack-program.js";
export { type AttachmentOptions, type StackWorker, type StackWorkerOptions, startStack } from "./stack-worker.js";
export type { Summed } from "./sum.js";
export {
  type CloseOptions,
  startWorkers,
  type WorkerCrash,
  type Workers,
  type WorkersInspection,
  type WorkersOptions,
} from "./workers.js";
