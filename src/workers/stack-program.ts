/** What travels between a stack in a thread of its own, the thread that started it, and the applications that use it. */
import type { MessagePort } from "node:worker_threads";
import type { Inspection } from "../stack/inspect.js";
import type { ConnectionOptions } from "../tcp/connection-options.js";
import type { LinkPlan } from "./open-link.js";
import type { PlainError } from "./program.js";
import type { StackSettings } from "./settings.js";

/** What becomes of the connections of an application whose thread has ended: reset at once; or kept for so many milliseconds, for another that
 *  attaches with `inherit`. */
export type Legacy = "reset" | { readonly keep: number };

export interface StackPlan {
  readonly link: LinkPlan | null;
  readonly settings: StackSettings;
  readonly legacy: Legacy;
}

/** The right of one thread to use the stack; it travels by `postMessage` or `workerData`, with `port` in the transfer list. */
export interface Attachment {
  readonly id: number;
  readonly area: SharedArrayBuffer;
  readonly port: MessagePort;
  /** There are connections that a predecessor has left. */
  readonly inherits: boolean;
}

export type ToStack =
  | { readonly kind: "attach"; readonly id: number; readonly area: SharedArrayBuffer; readonly port: MessagePort; readonly heirOf: number }
  | { readonly kind: "inspect"; readonly id: number }
  | { readonly kind: "stop"; readonly patience: number };

export type FromStack =
  | { readonly kind: "ready"; readonly interfaceName: string | null }
  | { readonly kind: "attached"; readonly id: number; readonly inherited: boolean }
  | { readonly kind: "inspection"; readonly id: number; readonly inspection: Inspection }
  | { readonly kind: "failed"; readonly error: PlainError };

/** By the port of an attachment. */
export type FromApplication =
  | {
      readonly kind: "configure";
      readonly slot: number;
      readonly generation: number;
      readonly changes: Partial<ConnectionOptions>;
    }
  | { readonly kind: "detach" };
