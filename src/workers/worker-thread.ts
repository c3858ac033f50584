/** The program of a worker: opens its link, makes its stack, runs the application's module, and ends in order. */
import { setImmediate as turn } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import { settled } from "../drive/settled.js";
import type { Link } from "../transport/link.js";
import { CrossingLink } from "./crossing.js";
import { type OpenedLink, openPlannedLink } from "./open-link.js";
import { type FromWorker, plainError, type Run, type ToWorker, type WorkerContext, type WorkerPlan } from "./program.js";
import { makeStack } from "./settings.js";
import { Steering } from "./steering.js";

const plan = workerData as WorkerPlan;
const port = parentPort!;
const { index, count } = plan.queue;
const tell = (message: FromWorker): void => port.postMessage(message);

let link: Link | null = null;
/** Ends in order; grows with what there is to end. */
let stop = async (_patience: number): Promise<void> => leave();
// Descriptors are the process's and outlive a thread that dies; an open handle of its event loop would take the process along.
process.on("exit", () => link?.close());

/** The handles of a closed link are gone after the loop's next rounds. */
const leave = async (): Promise<never> => {
  link?.close();
  await turn();
  await turn();
  process.exit(0);
};

const fail = async (error: unknown): Promise<never> => {
  tell({ kind: "failed", error: plainError(error) });
  // The message leaves before the thread does.
  await turn();
  process.exit(1);
};

const open = (): OpenedLink | null => {
  if (plan.link === null) return null;
  const opened = openPlannedLink(plan.link, plan.settings.memory, plan.queue);
  link = opened.link;
  return opened;
};

const steering = (medium: "ethernet" | "ip"): Steering => new Steering(plan.sharing.key, count, medium);

const shared = (own: Link, steered: Steering): Link => {
  const { rings, bells } = plan.sharing;
  if (rings === null || bells === null || count === 1) return own;
  const from = rings.map((row) => row[index]!);
  return new CrossingLink(own, { index, steering: steered, from, to: rings[index]!, bells });
};

const main = async (): Promise<void> => {
  const opened = open();
  const medium = opened?.link.capabilities.medium ?? "ethernet";
  const steered = steering(medium);
  const go = new Promise<Uint8Array | null>((resolve) => {
    port.on("message", (message: ToWorker) => {
      if (message.kind === "go") resolve(message.hardwareAddress);
      else if (message.kind === "stop") stop(message.patience).catch(fail);
    });
  });
  tell({
    kind: "opened",
    interfaceName: opened?.interfaceName ?? null,
    hardwareAddress: opened?.link.capabilities.hardwareAddress ?? null,
    medium,
  });
  const hardwareAddress = await go;
  const own = opened === null ? null : shared(opened.link, steered);
  link = own;
  const { stack, drive, device } = makeStack(
    { ...plan.settings, ...(hardwareAddress === null ? {} : { hardwareAddress }) },
    own,
    {
      name: `worker ${index}`,
      ...(opened === null ? {} : { memory: opened.memory }),
      ...(count === 1 || own === null ? {} : { owns: steered.owner(index) }),
    },
    (error) => void fail(error),
  );
  if (count > 1) stack.tcp.setCookieKeys([plan.sharing.cookieKey]);
  drive.start();

  const ending = new AbortController();
  const context: WorkerContext = { index, count, stack, drive, device, data: plan.data, signal: ending.signal };
  let end: unknown;
  stop = async (patience) => {
    ending.abort();
    if (typeof end === "function") await end();
    await settled(drive, () => patience);
    stack.close(drive.now());
    // What closing has to say leaves in a last turn.
    await turn();
    drive.stop();
    await leave();
  };
  port.on("message", (message: ToWorker) => {
    if (message.kind !== "inspect") return;
    const counters = (own as { counters?: Record<string, number> } | null)?.counters ?? {};
    tell({ kind: "inspection", id: message.id, inspection: { worker: index, stack: stack.inspect(drive.now()), link: { ...counters } } });
  });
  const { run } = (await import(plan.module)) as { run?: Run };
  if (typeof run !== "function") throw new Error(`${plan.module} exports no function "run": export const run = (worker) => { ... }`);
  end = await run(context);
  tell({ kind: "ready" });
};

main().catch(fail);
