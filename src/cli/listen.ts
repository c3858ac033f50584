/** `onwire listen PORT`: accepts one connection and joins it to standard input and output. */
import { once } from "node:events";
import { ReadStream } from "node:fs";
import type { Command } from "commander";
import { createServer } from "../net/server.js";
import type { Socket } from "../net/socket.js";
import { type AttachOptions, attach, withCommonOptions } from "./attach.js";
import { runCommand, say } from "./exit.js";
import { parsePort } from "./parse.js";
import { joinStreams, standardOutput } from "./pipe.js";

interface ListenOptions extends AttachOptions {
  readonly verbose?: boolean;
}

export const addListen = (program: Command): void => {
  withCommonOptions(program.command("listen").argument("<port>", "the port", parsePort))
    .description("accept one connection; what arrives goes to standard output, standard input to the peer")
    .option("-v, --verbose", "say who connects, and how much was moved")
    .addHelpText("after", EXAMPLES)
    .action((port: number, options: ListenOptions) =>
      runCommand(async (undo) => {
        const { drive } = await attach(options, undo);
        const server = createServer(drive, { allowHalfOpen: true, pauseOnConnect: true });
        server.listen({ port, backlog: 1 });
        await once(server, "listening");
        if (options.verbose) say(`listening on port ${port}`);
        const [socket] = (await once(server, "connection")) as [Socket];
        server.close();
        if (options.verbose) say(`connection from ${socket.remoteAddress}:${socket.remotePort}`);
        // A terminal or a pipe may never end, and netcat's listener does not wait for them; what is in a file is to be sent.
        await joinStreams(socket, process.stdin, standardOutput(), !(process.stdin instanceof ReadStream));
        if (options.verbose) say(`${socket.bytesRead} octets received, ${socket.bytesWritten} sent`);
      }),
    );
};

const EXAMPLES = `
The command ends when the peer has ended (and standard input, if it is a file, has been sent). The end of standard input half-closes the connection.

Example:
  sudo onwire listen 9000 --tap onwire0 --address 10.9.0.2/24 --kernel 10.9.0.1/24 > copy
  nc -N 10.9.0.2 9000 < original`;
