/** Programs on both sides of a TAP device, or on our stack alone: started, heard, ended. */
import type { ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { KERNEL, type Kernel, noKernel, OURS, withKernel } from "../wire/kernel.js";

const here = resolve("test/ecosystem");

/** Why nothing can be tested here; null: it can. */
export const missing: string | null =
  noKernel !== null
    ? `needs Linux, root and koffi: ${noKernel}`
    : existsSync(join(here, "node_modules"))
      ? null
      : "the libraries are not installed: npm run test:ecosystem";

export interface Running {
  readonly program: ChildProcess;
  /** Resolves with the match when a line of standard output matches; rejects when the program ends before. */
  said(pattern: RegExp): Promise<RegExpExecArray>;
  /** Status and all that it has said, at its end. */
  readonly ended: Promise<{ status: number | null; out: string; err: string }>;
}

/** Listens to a program from its beginning. */
export const hear = (program: ChildProcess, stream: "stdout" | "stderr" = "stdout"): Running => {
  let out = "";
  let err = "";
  program.stdout?.on("data", (data) => void (out += data));
  program.stderr?.on("data", (data) => void (err += data));
  const ended = new Promise<{ status: number | null; out: string; err: string }>((resolve) =>
    program.on("close", (status) => resolve({ status, out, err })),
  );
  const lines = createInterface({ input: program[stream]! });
  const said = (pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      lines.on("line", (line) => {
        const match = pattern.exec(line);
        if (match !== null) resolve(match);
      });
      void ended.then(({ status }) => reject(new Error(`ended with ${status}: ${out}${err}`)));
    });
  return { program, said, ended };
};

/** Where a Node program's TCP goes: to the kernel, to our stack in memory, or to our stack on a TAP device. */
export type On = "kernel" | "memory" | "tap";

export class Wire {
  readonly kernel: Kernel;
  readonly #preload: string;

  constructor(kernel: Kernel, preload: string) {
    this.kernel = kernel;
    this.#preload = preload;
  }

  /** Runs a Node program in the namespace. */
  node(on: On, ...args: string[]): Running {
    const preload = on === "kernel" ? [] : ["--import", this.#preload];
    const device = { ONWIRE_LINK: "tap:eco0", ONWIRE_ADDRESS: `${OURS}/24`, ONWIRE_KERNEL: `${KERNEL}/24` };
    const environment: Readonly<Record<string, string>> = on === "tap" ? device : {};
    const before = { ...process.env };
    // A spawned program takes the environment as it is at that moment.
    for (const [name, value] of Object.entries(environment)) setVariable(name, value);
    try {
      return hear(this.kernel.spawn(process.execPath, [...preload, ...args], "pipe"));
    } finally {
      for (const name of Object.keys(environment)) setVariable(name, before[name]);
    }
  }

  /** A library's side. */
  library(on: On, what: "serve" | "use" | "both", name: string, host: string, port?: number): Running {
    return this.node(on, join(here, "run.mjs"), what, name, host, ...(port === undefined ? [] : [String(port)]));
  }

  /** Another program, on the kernel's side. */
  program(command: string, ...args: string[]): Running {
    return hear(this.kernel.spawn(command, args, "pipe"));
  }
}

const setVariable = (name: string, value: string | undefined): void => {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
};

export const withWire = <T>(preload: string, body: (wire: Wire) => Promise<T>): Promise<T> =>
  withKernel((kernel) => body(new Wire(kernel, preload)));
