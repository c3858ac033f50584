/** How a command ends: its exit status, what it says about a failure, and what it undoes. */
import { constants } from "node:os";
import { type Command, CommanderError } from "commander";

/** 128 plus the signal's number: ended by a signal, as shells have it. */
export const ExitStatus = { Ok: 0, Failed: 1, Usage: 2 } as const;

/** The command line is wrong. */
export class UsageError extends Error {}

let hurried = false;
/** True when a signal wants the process to end: nothing that can be left out is waited for. */
export const isHurried = (): boolean => hurried;

/** What is to be undone when the command ends, however it ends: the latest first. */
export class Undo {
  readonly #steps: (() => unknown)[] = [];
  #running: Promise<void> | null = null;
  #failed = false;

  get isRunning(): boolean {
    return this.#running !== null;
  }

  /** True after `fail`: the process ends on its own. */
  get hasFailed(): boolean {
    return this.#failed;
  }

  add(step: () => unknown): void {
    this.#steps.push(step);
  }

  /** Ends the command from outside of its course: a broken link, a lost address. */
  fail(error: unknown): void {
    if (this.#running !== null) return;
    this.#failed = true;
    say(messageOf(error));
    void this.all().then(() => process.exit(ExitStatus.Failed));
  }

  /** Undoes everything, once; a step that fails does not keep the others from being taken. */
  all(): Promise<void> {
    this.#running ??= this.#run();
    return this.#running;
  }

  async #run(): Promise<void> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step();
      } catch (error) {
        say(`while cleaning up: ${messageOf(error)}`);
      }
    }
  }
}

/** Says something to the person, never on standard output: that may be a pipe of data. */
export const say = (line: string): void => {
  process.stderr.write(`onwire: ${line}\n`);
};

const remedies: Readonly<Record<string, string>> = {
  EADDRINUSE: "choose another port",
  ECONNREFUSED: "nobody listens there",
  EHOSTUNREACH: "nobody answers ARP for it, or a router says so: is it up, and is --gateway right?",
  ENETUNREACH: "no route leads there: give --gateway",
  ETIMEDOUT: "no answer",
  ENOENT: "there is no such file",
  ENOTFOUND: "no such name: give an address, or another server with --dns",
  ENODATA: "the name has no record of that type",
  EAI_AGAIN: "no DNS server gave an answer: is --dns right, and is the server up?",
  EISDIR: "it is a folder",
  ENOTDIR: "it is no folder",
  ENOSPC: "the disk is full",
  EPIPE: "the reader has gone",
};

/** The message of an error, with a remedy when it has none of its own. */
export const messageOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error ? String(error.code) : "";
  const remedy = remedies[code];
  const { message } = error;
  // Errors of the stack end in ": remedy" already; Node's say "code: what, call path".
  return remedy === undefined || /: [a-z].* /.test(message.slice(message.indexOf(code) + code.length + 1))
    ? message
    : `${message}: ${remedy}`;
};

const RELAY_MILLISECONDS = 500;

/** Runs a command to its end and ends the process: with 0, 1 for a failure, 2 for a usage error, 128 + n for a signal. */
export const runCommand = async (body: (undo: Undo) => Promise<unknown>): Promise<never> => {
  const undo = new Undo();
  let signalledAt: number | null = null;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, () => {
      const status = 128 + constants.signals[signal];
      const now = performance.now();
      if (signalledAt !== null) {
        // The second time somebody is in a hurry; devices and namespaces die with the process all the same. At once, it is the same
        // Ctrl-C, passed on by a wrapper (npm, tsx) that the terminal has told, too.
        if (now - signalledAt > RELAY_MILLISECONDS) process.exit(status);
        return;
      }
      signalledAt = now;
      hurried = true;
      void undo.all().then(() => process.exit(status));
    });
  // Whoever has read enough (`| head`) ends the command. What a command writes through a stream of its own, it watches itself.
  process.stdout.on("error", (error) => undo.fail(error));
  // With the standard error gone, nobody is left to be told.
  process.stderr.on("error", () => {});
  let status: number = ExitStatus.Ok;
  try {
    await body(undo);
  } catch (error) {
    if (signalledAt === null && !undo.isRunning) say(messageOf(error));
    status = error instanceof UsageError ? ExitStatus.Usage : ExitStatus.Failed;
  }
  await undo.all();
  if (signalledAt !== null || undo.hasFailed) await new Promise(() => {}); // the exit of the signal or the failure is under way
  process.exit(status);
};

/** Parses the command line and runs what it says: wrong usage is one line, and status 2. */
export const runProgram = async (program: Command): Promise<void> => {
  strict(program);
  try {
    await program.parseAsync();
  } catch (error) {
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? ExitStatus.Ok : ExitStatus.Usage;
    else if (error instanceof UsageError) {
      say(error.message);
      process.exitCode = ExitStatus.Usage;
    } else throw error;
  }
};

const strict = (command: Command): void => {
  command.exitOverride();
  for (const sub of command.commands) strict(sub);
};
