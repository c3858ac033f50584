/** How a command ends: its exit status, what it says about a failure, and what it undoes. */
import { constants } from "node:os";

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

  add(step: () => unknown): void {
    this.#steps.push(step);
  }

  /** Ends the command from outside of its course: a broken link, a lost address. */
  fail(error: unknown): void {
    if (this.#running !== null) return;
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

/** Runs a command to its end and ends the process: with 0, 1 for a failure, 2 for a usage error, 128 + n for a signal. */
export const runCommand = async (body: (undo: Undo) => Promise<unknown>): Promise<never> => {
  const undo = new Undo();
  let signals = 0;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, () => {
      const status = 128 + constants.signals[signal];
      // The second time somebody is in a hurry; devices and namespaces die with the process all the same.
      if (++signals > 1) process.exit(status);
      hurried = true;
      void undo.all().then(() => process.exit(status));
    });
  let status: number = ExitStatus.Ok;
  try {
    await body(undo);
  } catch (error) {
    if (signals === 0) say(messageOf(error));
    status = error instanceof UsageError ? ExitStatus.Usage : ExitStatus.Failed;
  }
  await undo.all();
  if (signals > 0) await new Promise(() => {}); // the signal's own exit is under way
  process.exit(status);
};
