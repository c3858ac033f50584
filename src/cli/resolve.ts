/** `onwire resolve NAME`: what DNS servers say of a name, asked over our stack. */
import type { Command } from "commander";
import { type RecordType, recordTypes } from "../dns/codec.js";
import { createResolver } from "../dns/resolver.js";
import { type AttachOptions, attach, withCommonOptions } from "./attach.js";
import { runCommand, UsageError } from "./exit.js";

interface ResolveOptions extends AttachOptions {
  readonly type: RecordType;
}

const parseType = (text: string): RecordType => {
  const type = recordTypes.find((known) => known === text.toUpperCase());
  if (type === undefined) throw new UsageError(`record type ${JSON.stringify(text)}: use one of ${recordTypes.join(", ")}`);
  return type;
};

export const addResolve = (program: Command): void => {
  withCommonOptions(program.command("resolve").argument("<name>", "the name"))
    .description("ask DNS servers for a name's records; one a line")
    .option("-t, --type <type>", recordTypes.join(", "), parseType, "A")
    .addHelpText("after", EXAMPLES)
    .action((name: string, options: ResolveOptions) =>
      runCommand(async (undo) => {
        const { drive, dnsConfiguration } = await attach(options, undo);
        if (dnsConfiguration().servers.length === 0)
          throw new UsageError("no DNS server: name one with --dns, or take an address by --address dhcp from a server that knows one");
        const resolver = createResolver(drive, { configuration: dnsConfiguration });
        const found = await resolver.promises.resolve(name, options.type);
        for (const record of Array.isArray(found) ? found : [found])
          process.stdout.write(`${typeof record === "string" ? record : JSON.stringify(record)}\n`);
      }),
    );
};

const EXAMPLES = `
Example:
  sudo onwire resolve example.org --dns 10.9.0.1 --tap onwire0 --address 10.9.0.2/24 --kernel 10.9.0.1/24`;
