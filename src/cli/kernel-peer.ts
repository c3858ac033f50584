/** The kernel's side of the demonstration: a process in its namespace that moves files with the sockets of Node. It takes one job as its
 *  argument, reports as lines of JSON, and ends with its parent. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { folderListener } from "./folder-server.js";
import { type Transfer, transfer } from "./transfer.js";

export type KernelJob =
  | { readonly kind: "transfer"; readonly transfer: Transfer }
  | { readonly kind: "serve"; readonly host: string; readonly root: string };

export type KernelReport =
  | { readonly kind: "moved"; readonly octets: number }
  | { readonly kind: "done"; readonly milliseconds: number }
  | { readonly kind: "serving"; readonly port: number }
  | { readonly kind: "failed"; readonly message: string };

const report = (what: KernelReport): void => {
  process.stdout.write(`${JSON.stringify(what)}\n`);
};

const run = async (job: KernelJob): Promise<void> => {
  if (job.kind === "serve") {
    const server = createServer(folderListener({ root: job.root }));
    await new Promise<void>((resolve) => server.listen(0, job.host, resolve));
    report({ kind: "serving", port: (server.address() as AddressInfo).port });
    return;
  }
  let octets = 0;
  const timer = setInterval(() => report({ kind: "moved", octets }), 100);
  const began = performance.now();
  await transfer(job.transfer, null, (more) => {
    octets += more;
  });
  clearInterval(timer);
  report({ kind: "moved", octets });
  report({ kind: "done", milliseconds: performance.now() - began });
  process.exit(0);
};

process.stdin.on("end", () => process.exit(1)).resume();
run(JSON.parse(process.argv[2]!) as KernelJob).catch((error: unknown) => {
  report({ kind: "failed", message: error instanceof Error ? error.message : String(error) });
  process.exit(1);
});
