/** `onwire connect HOST PORT`: connects and joins the connection to standard input and output. */
import { once } from "node:events";
import type { Command } from "commander";
import { connect } from "../net/socket.js";
import { type AttachOptions, attach, withCommonOptions } from "./attach.js";
import { runCommand, say } from "./exit.js";
import { parsePort } from "./parse.js";
import { joinStreams, standardOutput } from "./pipe.js";

interface ConnectOptions extends AttachOptions {
  readonly verbose?: boolean;
}

export const addConnect = (program: Command): void => {
  withCommonOptions(program.command("connect").argument("<host>", "address or name").argument("<port>", "the port", parsePort))
    .description("connect; standard input goes to the peer, what arrives to standard output")
    .option("-v, --verbose", "say when it is connected, and how much was moved")
    .addHelpText("after", EXAMPLES)
    .action((host: string, port: number, options: ConnectOptions) =>
      runCommand(async (undo) => {
        const { drive, lookup } = await attach(options, undo);
        const socket = connect(drive, { host, port, allowHalfOpen: true, lookup });
        await once(socket, "connect");
        if (options.verbose) say(`connected to ${socket.remoteAddress}:${socket.remotePort}`);
        // A person at a terminal has nothing more to say to a peer that has gone.
        await joinStreams(socket, process.stdin, standardOutput(), process.stdin.isTTY === true);
        if (options.verbose) say(`${socket.bytesRead} octets received, ${socket.bytesWritten} sent`);
      }),
    );
};

const EXAMPLES = `
The end of standard input half-closes the connection; the command ends when both sides have ended.

Example:
  nc -l 9000 > copy
  sudo onwire connect 10.9.0.1 9000 --tap onwire0 --address 10.9.0.2/24 --kernel 10.9.0.1/24 < original`;
