/** A stack in another thread, as an application sees it: what `createServer` and `connect` of onwire/net take for a drive. */
import type { MessagePort } from "node:worker_threads";
import { monotonicMicros } from "../drive/clock.js";
import type { NetDrive } from "../net/raw.js";
import { Area } from "./area.js";
import { BellPost } from "./bell.js";
import { RemoteTcp } from "./remote-tcp.js";
import type { Attachment, FromApplication } from "./stack-program.js";

/** Uses the stack from this thread; one thread an attachment. */
export const connectStack = (attachment: Attachment): RemoteStack => new RemoteStack(attachment);

export class RemoteStack implements NetDrive {
  readonly stack: { readonly tcp: RemoteTcp; closed: boolean; died: boolean };
  /** Connections that a predecessor has left, by handle: `new Socket(remote).adopt(handle, true)`, or `remote.stack.tcp.close(handle)`. */
  readonly inherited: readonly number[];
  /** Called once when the stack is gone. Its connections have been told ECONNABORTED. */
  onStackExit: (() => void) | null = null;
  readonly #port: MessagePort;
  readonly #post: BellPost;

  constructor(attachment: Attachment) {
    const { area: memory, port } = attachment;
    const area = new Area(memory);
    const configure = (message: FromApplication): void => port.postMessage(message);
    const tcp = new RemoteTcp(area, (slot, generation, changes) => configure({ kind: "configure", slot, generation, changes }));
    this.stack = { tcp, closed: false, died: false };
    this.#port = port;
    this.#post = new BellPost(area.applicationBell, () => tcp.deliver());
    this.inherited = attachment.inherits ? tcp.inherit() : [];
    port.on("close", () => this.#end(true));
    // Sockets and servers keep the thread alive, as long as they want to.
    port.unref();
  }

  now(): number {
    return monotonicMicros();
  }

  /** Lets go of the stack: what is left of our connections becomes what the stack was told to make of an application that ends. */
  close(): void {
    if (this.stack.closed) return;
    this.#port.postMessage({ kind: "detach" } satisfies FromApplication);
    this.#port.close();
    this.#end(false);
  }

  #end(died: boolean): void {
    if (this.stack.closed) return;
    this.stack.closed = true;
    this.stack.died = died;
    this.#post.close();
    this.stack.tcp.die();
    this.onStackExit?.();
  }
}
