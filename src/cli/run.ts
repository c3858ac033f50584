/** `onwire run PROGRAM`: a Node program, unchanged, on our stack. */
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { checkConfiguration } from "../node/configuration.js";
import { say, UsageError } from "./exit.js";

interface RunOptions {
  readonly config?: string;
  readonly [key: string]: string | undefined;
}

/** Options that are keys of the configuration, and what people are told of them. */
const SETTINGS: readonly (readonly [key: string, flags: string, text: string])[] = [
  ["link", "--link <kind>", "the network of the stack: loopback (default), tap:NAME, packet:INTERFACE, xdp:INTERFACE, auto:INTERFACE"],
  ["address", "--address <a.b.c.d/n,...>", "our addresses and their subnets; dhcp: leased for as long as the program runs"],
  ["gateway", "--gateway <address>", "the router to everywhere else"],
  ["kernel", "--kernel <a.b.c.d/n>", "give the kernel's end of the device this address"],
  ["netns", "--netns <name>", "the network namespace of the kernel's end"],
  ["mtu", "--mtu <octets>", "the largest IP packet"],
  ["destinations", "--destinations <prefix,...>", "where to is ours; default: where the routes lead"],
  ["listen", "--listen <rule,...>", 'listening where is ours: "*" (default), ADDRESS, ADDRESS:PORT, *:PORT'],
  ["dns", "--dns <server,...>", "DNS servers, asked over our stack; default: as leased, or the host resolves names"],
  ["pcapng", "--pcapng <file>", "capture all frames, with reasons, into a file"],
];

export const addRun = (program: Command): void => {
  const command = program
    .enablePositionalOptions()
    .command("run")
    .description("run a Node program on our stack; what is not the stack's stays with the kernel")
    .argument("<program>", "the program, as Node would be given it")
    .argument("[args...]", "its arguments")
    .option("--config <file>", "onwire.config.{json,js,mjs}; default: the one in the working directory")
    .passThroughOptions()
    .addHelpText("after", EXAMPLES);
  for (const [, flags, text] of SETTINGS) command.option(flags, text);
  command.action(async (file: string, rest: string[], options: RunOptions) => {
    const environment = environmentOf(options);
    process.exitCode = await run([file, ...rest], environment);
  });
};

function environmentOf(options: RunOptions): Record<string, string> {
  const given: Record<string, string> = {};
  const environment: Record<string, string> = options.config === undefined ? {} : { ONWIRE_CONFIG: options.config };
  for (const [key] of SETTINGS) {
    const value = options[key];
    if (value === undefined) continue;
    given[key] = value;
    environment[`ONWIRE_${key.toUpperCase()}`] = value;
  }
  // What a file adds cannot be known here; what is wrong already is told before anything runs.
  if (options.config === undefined && given.link !== undefined) {
    try {
      checkConfiguration(given);
    } catch (error) {
      throw new UsageError((error as Error).message.replace(/^onwire: configuration: /, "--"));
    }
  }
  return environment;
}

/** Runs Node with the preload. Resolves with the status that a shell would have: 128 and the signal's number for one that was killed. */
async function run(args: readonly string[], environment: Readonly<Record<string, string>>): Promise<number> {
  const register = new URL("../register.js", import.meta.url).href;
  const child = spawn(process.execPath, [...process.execArgv, "--import", register, ...args], {
    stdio: "inherit",
    env: { ...process.env, ...environment },
  });
  // The terminal tells both; what was sent to us alone is passed on.
  const relays = (["SIGINT", "SIGTERM", "SIGHUP"] as const).map((signal) => {
    const relay = (): void => void child.kill(signal);
    process.on(signal, relay);
    return () => process.off(signal, relay);
  });
  try {
    return await new Promise<number>((resolve, reject) => {
      child.on("error", reject);
      child.on("exit", (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
    });
  } catch (error) {
    say(`${fileURLToPath(register)}: ${(error as Error).message}`);
    return 1;
  } finally {
    for (const end of relays) end();
  }
}

const EXAMPLES = `
Examples:
  onwire run app.js
  sudo onwire run --link tap:onwire0 --address 10.9.0.2/24 --kernel 10.9.0.1/24 app.js --port 80
  curl http://10.9.0.2/`;
