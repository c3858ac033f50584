/** `onwire proxy`: a SOCKS server whose clients are on one side and whose destinations on the other. */
import type { Command } from "commander";
import type { Credentials } from "../proxy/socks.js";
import { serveSocks } from "../proxy/socks-server.js";
import { type AttachOptions, attach, withCommonOptions } from "./attach.js";
import { messageOf, runCommand, say, UsageError } from "./exit.js";
import { type Endpoint, parseEndpoint } from "./parse.js";
import { kernelSide, stackSide } from "./sides.js";

interface ProxyOptions extends AttachOptions {
  readonly listen: Endpoint;
  readonly inside?: boolean;
  readonly user?: Credentials;
  readonly verbose?: boolean;
}

/** Milliseconds that a client has to say what it wants. */
const PATIENCE_MILLISECONDS = 10_000;

const parseUser = (text: string): Credentials => {
  const [, user = "", password = ""] = /^([^:]+):(.*)$/.exec(text) ?? [];
  if (user === "" || user.length > 255 || password.length > 255)
    throw new UsageError("--user: use NAME:PASSWORD, each of 1 to 255 characters");
  return { user, password };
};

export const addProxy = (program: Command): void => {
  withCommonOptions(program.command("proxy"))
    .description("a SOCKS5 proxy: programs of the kernel's side reach the network of our stack, or the other way round")
    .option("--listen <[address:]port>", "where clients connect", parseEndpoint, { address: "127.0.0.1", port: 1080 })
    .option("--inside", "clients connect to our stack, and destinations are the kernel's")
    .option("--user <name:password>", "clients must give these", parseUser)
    .option("-v, --verbose", "a line for each connection")
    .addHelpText("after", EXAMPLES)
    .action((options: ProxyOptions) =>
      runCommand(async (undo) => {
        if (options.inside && options.user === undefined)
          throw new UsageError("--inside opens the kernel's network to everybody on ours: ask for a password with --user NAME:PASSWORD");
        const { drive, lookup, device } = await attach(options, undo);
        const stack = stackSide(drive, lookup);
        const [front, back] = options.inside ? [stack, kernelSide] : [kernelSide, stack];
        const { user: credentials = null, verbose, listen } = options;
        // On our side, the kernel's loopback is nobody.
        const address = options.inside && listen.address === "127.0.0.1" ? undefined : listen.address;
        const listening = await front.listen(address, listen.port, (client) => {
          serveSocks(client, { dial: back.dial, credentials, patience: PATIENCE_MILLISECONDS }).then(
            ({ host, port }) => verbose && say(`${host}:${port} is over`),
            (error: unknown) => verbose && say(messageOf(error)),
          );
        });
        undo.add(() => listening.close());
        say(`SOCKS5 on ${listening.address}:${listening.port} of the ${front.name}, out by ${options.inside ? "the kernel" : device.name}`);
        await new Promise(() => {});
      }),
    );
};

const EXAMPLES = `
Runs until interrupted. Names are resolved on the side of the destinations.

Example:
  sudo onwire proxy --listen 1080 --tap onwire0 --address 10.9.0.2/24 --kernel 10.9.0.1/24 --gateway 10.9.0.1
  curl --proxy socks5h://127.0.0.1:1080 http://10.9.0.1:8000/`;
