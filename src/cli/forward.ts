/** `onwire forward`: ports of one side lead to a host of the other. */
import type { Command } from "commander";
import { splice } from "../proxy/splice.js";
import { type AttachOptions, attach, withCommonOptions } from "./attach.js";
import { messageOf, runCommand, say, UsageError } from "./exit.js";
import { type Forwarding, parseForwarding } from "./parse.js";
import { kernelSide, type Side, stackSide } from "./sides.js";

interface ForwardOptions extends AttachOptions {
  readonly local?: readonly Forwarding[];
  readonly remote?: readonly Forwarding[];
  readonly verbose?: boolean;
}

const collect = (text: string, before: readonly Forwarding[] = []): readonly Forwarding[] => [...before, parseForwarding(text)];

export const addForward = (program: Command): void => {
  withCommonOptions(program.command("forward"))
    .description("forward ports between the kernel and our stack, as `ssh -L` and `ssh -R` do")
    .option("-L, --local <[address:]port:host:port>", "from a port of the kernel's, by our stack, to a host; may be repeated", collect)
    .option("-R, --remote <[address:]port:host:port>", "from a port of our stack's, by the kernel, to a host; may be repeated", collect)
    .option("-v, --verbose", "a line for each connection")
    .addHelpText("after", EXAMPLES)
    .action((options: ForwardOptions) =>
      runCommand(async (undo) => {
        const { local = [], remote = [] } = options;
        if (local.length + remote.length === 0) throw new UsageError("nothing to forward: give -L or -R, for example -L 8080:10.9.0.1:80");
        const { drive, lookup } = await attach(options, undo);
        const stack = stackSide(drive, lookup);
        const begin = async (front: Side, back: Side, from: Forwarding): Promise<void> => {
          const listening = await front.listen(from.address, from.port, (client) => {
            client.on("error", () => {});
            client.pause();
            back.dial(from.host, from.hostPort).then(
              ({ stream }) => {
                if (client.destroyed) stream.destroy();
                else splice(client, stream).catch((error: unknown) => options.verbose && say(messageOf(error)));
              },
              (error: unknown) => {
                if (options.verbose) say(messageOf(error));
                client.destroy();
              },
            );
          });
          undo.add(() => listening.close());
          say(`${listening.address}:${listening.port} of the ${front.name} leads by the ${back.name} to ${from.host}:${from.hostPort}`);
        };
        for (const from of local) await begin(kernelSide, stack, { address: "127.0.0.1", ...from });
        for (const from of remote) await begin(stack, kernelSide, from);
        await new Promise(() => {});
      }),
    );
};

const EXAMPLES = `
Runs until interrupted. The kernel's ports are on 127.0.0.1 unless an address is given, those of the stack on all of its addresses.

Example: a web server of the other network on port 8080 here, and one of this machine on port 80 there
  sudo onwire forward -L 8080:10.9.0.7:80 -R 80:127.0.0.1:3000 --tap onwire0 --address 10.9.0.2/24 --kernel 10.9.0.1/24`;
