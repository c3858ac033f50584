/** The program of a stack in a thread of its own: the link, the stack, its crank, and nothing that could block them. */
import { setImmediate as turn } from "node:timers/promises";
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { settled } from "../drive/settled.js";
import type { Link } from "../transport/link.js";
import { ApplicationHost } from "./application-host.js";
import { Area } from "./area.js";
import { BellPost } from "./bell.js";
import { openPlannedLink } from "./open-link.js";
import { plainError } from "./program.js";
import { makeStack } from "./settings.js";
import type { FromApplication, FromStack, StackPlan, ToStack } from "./stack-program.js";

interface Attached {
  readonly host: ApplicationHost;
  readonly post: BellPost;
  port: MessagePort | null;
  /** When the application is gone: its connections wait so long for another. */
  timer: NodeJS.Timeout | null;
}

const plan = workerData as StackPlan;
const port = parentPort!;
const tell = (message: FromStack): void => port.postMessage(message);

let link: Link | null = null;
// Descriptors are the process's and outlive a thread that dies; an open handle of its event loop would take the process along.
process.on("exit", () => link?.close());

const fail = async (error: unknown): Promise<never> => {
  tell({ kind: "failed", error: plainError(error) });
  await turn();
  process.exit(1);
};

const main = (): void => {
  const opened = plan.link === null ? null : openPlannedLink(plan.link, plan.settings.memory);
  link = opened?.link ?? null;
  const more = { name: "stack", ...(opened === null ? {} : { memory: opened.memory }) };
  const { stack, drive } = makeStack(plan.settings, link, more, (error) => void fail(error));
  const attached = new Map<number, Attached>();

  const serveAll = (): void => {
    for (const { host } of attached.values()) host.serve();
  };
  // A busy stack looks by itself, and need not be woken.
  drive.onDelivered = serveAll;

  const end = (id: number): void => {
    const one = attached.get(id);
    if (one === undefined) return;
    attached.delete(id);
    if (one.timer !== null) clearTimeout(one.timer);
    one.post.close();
    one.host.reset();
    one.port?.close();
  };

  /** The application's thread has ended, or has let go. */
  const gone = (id: number, from: MessagePort): void => {
    const one = attached.get(id);
    if (one === undefined || one.port !== from) return;
    one.port = null;
    if (plan.legacy === "reset") return end(id);
    one.host.bereave();
    one.timer = setTimeout(() => end(id), plan.legacy.keep);
  };

  const attach = (id: number, area: SharedArrayBuffer, own: MessagePort, heirOf: number): void => {
    const left = attached.get(heirOf);
    let one: Attached;
    if (left === undefined) {
      const host = new ApplicationHost(new Area(area), drive);
      one = { host, post: new BellPost(host.area.hostBell, () => host.serve()), port: own, timer: null };
    } else {
      // Whether or not it is dead: two cannot have one.
      const before = left.port;
      attached.delete(heirOf);
      one = left;
      one.port = own;
      if (one.timer !== null) clearTimeout(one.timer);
      one.timer = null;
      before?.close();
      one.host.bereave();
    }
    attached.set(id, one);
    own.on("message", (message: FromApplication) => {
      if (message.kind === "configure") one.host.configure(message.slot, message.generation, message.changes);
      else gone(id, own);
    });
    own.on("close", () => gone(id, own));
    tell({ kind: "attached", id, inherited: left !== undefined });
  };

  const stop = async (patience: number): Promise<never> => {
    for (const id of [...attached.keys()]) attached.get(id)!.host.serve();
    await settled(drive, () => patience);
    for (const id of [...attached.keys()]) end(id);
    stack.close(drive.now());
    await turn();
    drive.stop();
    link?.close();
    await turn();
    await turn();
    process.exit(0);
  };

  port.on("message", (message: ToStack) => {
    if (message.kind === "attach") attach(message.id, message.area, message.port, message.heirOf);
    else if (message.kind === "inspect") tell({ kind: "inspection", id: message.id, inspection: stack.inspect(drive.now()) });
    else stop(message.patience).catch(fail);
  });
  drive.start();
  tell({ kind: "ready", interfaceName: opened?.interfaceName ?? null });
};

try {
  main();
} catch (error) {
  void fail(error);
}
