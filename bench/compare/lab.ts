/** Namespaces, wires and servers for a comparison: the client on the kernel's stack, each server on a wire of its own, as a process of its own.
 *  Needs root, iproute2, ethtool and a C compiler. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Namespace } from "../../src/transport/namespace.js";
import { wantRoot } from "../arguments.js";
import type { LinkKind, ServerOptions, ServiceKind } from "./server.js";

export interface Candidate {
  readonly name: string;
  /** "C": the reference server in C. */
  readonly api: ServerOptions["api"] | "C";
  readonly link: LinkKind;
  /** Of a packet socket. */
  readonly rings?: ServerOptions["rings"];
  /** Neither end of its wire offloads anything: no unfinished checksums, no super-segments. */
  readonly plain?: boolean;
  /** Received segments are not joined. */
  readonly apart?: boolean;
  /** Keep turning for a while after the last frame. */
  readonly adaptive?: boolean;
}

export interface Server {
  readonly candidate: Candidate;
  readonly host: string;
  readonly pid: number;
  /** CPU seconds that it has used. */
  cpu(): number;
  alive(): boolean;
}

const CLOCK_TICKS = 100;
const READY_MILLISECONDS = 20_000;
const STOP_MILLISECONDS = 3_000;
const here = (file: string): string => new URL(file, import.meta.url).pathname;

export class Lab {
  readonly folder: string;
  readonly client: Namespace;
  readonly #undo: (() => void)[] = [];
  readonly #servers: ChildProcess[] = [];
  #wires = 0;

  constructor() {
    wantRoot();
    this.folder = mkdtempSync(join(tmpdir(), "onwire-bench-"));
    process.once("exit", () => this.close());
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
    this.#undo.push(() => rmSync(this.folder, { recursive: true, force: true }));
    this.client = this.#namespace("client");
  }

  #namespace(role: string): Namespace {
    const made = Namespace.create(`onwire-bench-${role}-${process.pid}`);
    this.#undo.push(() => made.close());
    return made;
  }

  /** A program of C, compiled into the lab's folder. */
  compile(file: string): string {
    const program = join(this.folder, file.replace(/\.c$/, ""));
    execFileSync("cc", ["-O2", "-w", "-o", program, here(file)]);
    return program;
  }

  /** The client may use a port again while its last connection is in TIME-WAIT: it opens more than there are ports. */
  reusePorts(): void {
    execFileSync("ip", [
      "netns",
      "exec",
      this.client.name,
      "sysctl",
      "-qw",
      "net.ipv4.tcp_tw_reuse=1",
      "net.ipv4.ip_local_port_range=2048 65000",
    ]);
  }

  /** Starts a server and waits until it listens. */
  async start(candidate: Candidate, service: ServiceKind, program = ""): Promise<Server> {
    const { api, link, plain = false, adaptive = false, apart = false, rings } = candidate;
    this.#wires += 1;
    const subnet = `10.9.${this.#wires}`;
    const host = `${subnet}.2`;
    const device = `wire${this.#wires}`;
    // A TAP's kernel end is the client's; of a veth the client has one end, and the server the other, alone in its namespace.
    const isTap = link.startsWith("tap");
    const side = isTap ? this.client : this.#namespace(device);
    if (!isTap) this.#veth(device, side, subnet, link === "kernel" ? host : null, plain);
    const options: ServerOptions = {
      api: api === "C" ? "net" : api,
      link,
      device,
      service,
      host,
      peer: `${subnet}.1`,
      adaptive,
      apart,
      ...(rings && { rings }),
    };
    const child = side.run(() =>
      api === "C"
        ? spawn(program, ["serve"], { stdio: ["ignore", "pipe", "inherit"] })
        : spawn(process.execPath, ["--import", "tsx", ...profiling(candidate.name), here("server.ts"), JSON.stringify(options)], {
            stdio: ["ignore", "pipe", "inherit"],
          }),
    );
    this.#servers.push(child);
    this.#undo.push(() => child.kill("SIGKILL"));
    await ready(child, candidate.name, api === "C");
    if (isTap && plain) execFileSync("ip", ["netns", "exec", this.client.name, "ethtool", "-K", device, "gso", "off", "gro", "off"]);
    return {
      candidate,
      host,
      pid: child.pid!,
      cpu: () => cpuOf(child.pid!),
      alive: () => child.exitCode === null && child.signalCode === null,
    };
  }

  /** A veth without servers: the client's end, the other, and the namespace that has it. */
  wire(): { readonly near: string; readonly far: string; readonly side: Namespace } {
    this.#wires += 1;
    const far = `wire${this.#wires}`;
    const side = this.#namespace(far);
    this.#veth(far, side, `10.9.${this.#wires}`, null, false);
    return { near: `c${far}`, far, side };
  }

  /** Starts a program that goes on until it is killed. */
  spawn(
    side: Namespace,
    program: string,
    args: readonly string[],
  ): { kill(signal: NodeJS.Signals): void; readonly gone: Promise<unknown> } {
    const child = side.run(() => spawn(program, args, { stdio: "ignore" }));
    const kill = (signal: NodeJS.Signals): void => void child.kill(signal);
    this.#undo.push(() => kill("SIGKILL"));
    return { kill, gone: once(child, "exit") };
  }

  /** Runs a program to its end, in the client's namespace or another; its standard output, or null when it failed or took too long. */
  run(program: string, args: readonly string[], milliseconds: number, side: Namespace = this.client): Promise<string | null> {
    const child = side.run(() => spawn(program, args, { stdio: ["ignore", "pipe", "ignore"], timeout: milliseconds }));
    let out = "";
    child.stdout!.setEncoding("utf8").on("data", (text: string) => {
      out += text;
    });
    return new Promise((resolve) => {
      child.once("error", () => resolve(null));
      child.once("close", (code) => resolve(code === 0 ? out : null));
    });
  }

  /** Ends the servers in order, so that a profile is written, and takes everything away. */
  async stop(): Promise<void> {
    const ends = this.#servers.map((server) => once(server, "exit"));
    for (const server of this.#servers) server.kill("SIGTERM");
    const late = setTimeout(() => this.close(), STOP_MILLISECONDS);
    await Promise.all(ends);
    clearTimeout(late);
    this.close();
  }

  /** At once, also from the process's end. */
  close(): void {
    for (const step of this.#undo.splice(0).reverse()) step();
  }

  #veth(device: string, side: Namespace, subnet: string, host: string | null, plain: boolean): void {
    const ip = (...args: string[]): void => void execFileSync("ip", args);
    const near = `c${device}`;
    ip("link", "add", near, "netns", this.client.name, "type", "veth", "peer", "name", device, "netns", side.name);
    ip("-n", this.client.name, "addr", "add", `${subnet}.1/24`, "dev", near);
    if (host !== null) ip("-n", side.name, "addr", "add", `${host}/24`, "dev", device);
    for (const [namespace, name] of [
      [this.client.name, near],
      [side.name, device],
    ] as const) {
      ip("netns", "exec", namespace, "sysctl", "-qw", `net.ipv6.conf.${name}.disable_ipv6=1`);
      if (plain) ip("netns", "exec", namespace, "ethtool", "-K", name, "tx", "off", "tso", "off", "gso", "off", "gro", "off");
      ip("-n", namespace, "link", "set", name, "up");
    }
  }
}

/** ONWIRE_BENCH_PROFILE=FOLDER writes CPU profiles of each server and its threads there. */
const profiling = (name: string): string[] => {
  const folder = process.env["ONWIRE_BENCH_PROFILE"];
  return folder === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${join(folder, name.replace(/\W+/g, "-"))}`];
};

/** Ours say that they listen; the C server does so at once. */
const ready = (child: ChildProcess, name: string, isSilent: boolean): Promise<void> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(isSilent ? resolve : () => reject(new Error(`${name} does not listen`)), isSilent ? 200 : READY_MILLISECONDS);
    const ended = (code: number | null): void => reject(new Error(`${name} has ended with ${code}`));
    child.once("exit", ended);
    child.stdout!.once("data", () => {
      clearTimeout(timer);
      resolve();
    });
  });

/** proc(5): utime and stime, behind the name, which may hold anything. */
const cpuOf = (pid: number): number => {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS;
};
