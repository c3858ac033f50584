/** `onwire serve DIR`: a folder over HTTP, on our stack. */
import { once } from "node:events";
import { stat } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { resolve } from "node:path";
import type { Command } from "commander";
import { formatIp } from "../ip/address.js";
import { createServer } from "../net/server.js";
import { type AttachOptions, attach, withCommonOptions } from "./attach.js";
import { runCommand, say, UsageError } from "./exit.js";
import { folderListener } from "./folder-server.js";

import { parsePort } from "./parse.js";

interface ServeOptions extends AttachOptions {
  readonly port: number;
  readonly upload?: boolean;
  readonly quiet?: boolean;
}

export const addServe = (program: Command): void => {
  withCommonOptions(program.command("serve").argument("<dir>", "the folder"))
    .description("serve a folder over HTTP: GET with ranges, HEAD, listings; PUT and POST with --upload")
    .option("-p, --port <port>", "the port", parsePort, 80)
    .option("--upload", "take files by PUT and POST into the folder")
    .option("-q, --quiet", "no line for each request")
    .addHelpText("after", EXAMPLES)
    .action((folder: string, options: ServeOptions) =>
      runCommand(async (undo) => {
        const root = resolve(folder);
        const info = await stat(root);
        if (!info.isDirectory()) throw new UsageError(`${root} is no folder`);
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

const EXAMPLES = `
Example:
  sudo onwire serve . --tap onwire0 --address 10.9.0.2/24 --kernel 10.9.0.1/24
  curl -O http://10.9.0.2/README.md`;
