/** `onwire serve DIR`: a folder over HTTP, on our stack. */
import { once } from "node:events";
import { stat } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { resolve } from "node:path";
import type { Command } from "commander";
import { formatIp } from "../ip/address.js";
import { createServer } from "../net/server.js";
import type { LinkPlan } from "../workers/open-link.js";
import { startWorkers } from "../workers/workers.js";
import { type AttachOptions, attach, withCommonOptions } from "./attach.js";
import { runCommand, say, type Undo, UsageError } from "./exit.js";
import { folderListener } from "./folder-server.js";
import { parseInteger, parsePort } from "./parse.js";
import type { ServeSettings } from "./serve-worker.js";

interface ServeOptions extends AttachOptions {
  readonly port: number;
  readonly upload?: boolean;
  readonly quiet?: boolean;
  readonly workers?: number;
}

export const addServe = (program: Command): void => {
  withCommonOptions(program.command("serve").argument("<dir>", "the folder"))
    .description("serve a folder over HTTP: GET with ranges, HEAD, listings; PUT and POST with --upload")
    .option("-p, --port <port>", "the port", parsePort, 80)
    .option("--upload", "take files by PUT and POST into the folder")
    .option("-q, --quiet", "no line for each request")
    .option("--workers <n>", "stacks, each with a queue of the device and a core of its own: 1 to 64", parseInteger("workers", 1, 64))
    .addHelpText("after", EXAMPLES)
    .action((folder: string, options: ServeOptions) =>
      runCommand(async (undo) => {
        const root = resolve(folder);
        const info = await stat(root);
        if (!info.isDirectory()) throw new UsageError(`${root} is no folder`);
        if ((options.workers ?? 1) > 1) return serveByWorkers(root, options, undo);
        const { drive, device } = await attach(options, undo);
        const log = options.quiet ? {} : { log: say };
        const http = createHttpServer(folderListener({ root, upload: options.upload === true, ...log }));
        const server = createServer(drive, { noDelay: true }, (socket) => http.emit("connection", socket));
        server.listen({ port: options.port });
        await once(server, "listening");
        undo.add(() => {
          server.close();
          http.closeAllConnections();
        });
        const [own] = device.addresses;
        say(
          `serving ${root} on http://${own === undefined ? "?" : formatIp(own.address)}${options.port === 80 ? "" : `:${options.port}`}/`,
        );
        await once(server, "close");
      }),
    );
};

/** The same on several cores. */
const serveByWorkers = async (root: string, options: ServeOptions, undo: Undo): Promise<void> => {
  const { address, gateway, mac, port, upload = false, quiet = false } = options;
  for (const name of ["pcapng", "trace", "dns"] as const)
    if (options[name] !== undefined) throw new UsageError(`--${name} is for one stack: leave it out, or --workers`);
  if (address === "dhcp") throw new UsageError("--workers share an address that is given: name it by --address A.B.C.D/N");
  const module = new URL(import.meta.url.replace(/serve(\.[jt]s)$/, "serve-worker$1"));
  const data: ServeSettings = { root, port, upload, quiet };
  const workers = await startWorkers({
    module,
    data,
    link: planOf(options),
    workers: options.workers ?? 1,
    addresses: [address],
    signals: false,
    onCrash: ({ message }) => say(message),
    ...(gateway === undefined ? {} : { gateway }),
    ...(mac === undefined ? {} : { hardwareAddress: mac }),
  });
  undo.add(() => workers.close());
  say(`serving ${root} on http://${formatIp(address.address)}${port === 80 ? "" : `:${port}`}/ by ${workers.count} workers`);
  await workers.finished;
};

const planOf = ({ link, tap, netns, kernel, mtu, offload }: ServeOptions): LinkPlan => {
  const namespace = netns === undefined ? {} : { namespace: netns };
  const { kind, name } = link ?? { kind: "tap", name: tap };
  if (kind === "tap")
    return {
      ...{ kind, name: name ?? tap, ...namespace },
      ...(kernel === undefined ? {} : { address: kernel }),
      ...(mtu === undefined ? {} : { mtu }),
      ...(offload === undefined ? {} : { offload }),
    };
  if (kind === "auto" || name === undefined) throw new UsageError("--workers open queues of a link that is named: tap, packet or xdp");
  return { kind, interface: name, ...namespace };
};

const EXAMPLES = `
Example:
  sudo onwire serve . --tap onwire0 --address 10.9.0.2/24 --kernel 10.9.0.1/24
  curl -O http://10.9.0.2/README.md`;
