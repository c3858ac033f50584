/** The other side of the wire: the Linux kernel in a namespace that the test makes and nobody else sees.
 *
 *  The namespace has no name. It lives as long as this process or a program in it, so nothing is left behind, whatever way a test ends; the
 *  programs end when their standard input does, which the system closes with this process. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type TestContext, test } from "vitest";
import { ip } from "../../src/ip/address.js";
import { Namespace } from "../../src/transport/namespace.js";
import { nativePort } from "../../src/transport/native-load.js";
import { NetworkInterfaces } from "../../src/transport/network-interface.js";
import { openTap, type TapLink, type TapOptions } from "../../src/transport/tap.js";

/** Why the kernel cannot take part here; null: it can. */
export const noKernel: string | null = (() => {
  try {
    nativePort();
    const namespace = Namespace.create();
    try {
      openTap({ namespace }).close();
    } finally {
      namespace.close();
    }
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
})();

/** A test against the kernel; it shows as skipped, with the reason, where the kernel cannot take part. */
export const wireTest = (title: string, body: (context: TestContext) => Promise<void> | void): void => {
  test(title, async (context) => {
    if (noKernel !== null) context.skip(`needs Linux, root and koffi: ${noKernel}`);
    await body(context);
  });
};

/** The network of every wire test. It is alone in its namespace, so it can collide with nothing. */
export const KERNEL = "10.9.0.1";
export const OURS = "10.9.0.2";
export const PREFIX_LENGTH = 24;

const SIOCETHTOOL = 0x8946;
const ETHTOOL_STXCSUM = 0x17;
const ETHTOOL_STSO = 0x1f;
const ETHTOOL_SGSO = 0x24;

export class Kernel {
  readonly namespace: Namespace;
  readonly #programs = new Set<ChildProcess>();
  readonly #taps: TapLink[] = [];

  constructor() {
    this.namespace = Namespace.create();
    this.namespace.run(() => {
      const interfaces = new NetworkInterfaces();
      interfaces.setUp("lo", true);
      interfaces.close();
    });
  }

  /** A TAP whose kernel end has the address `KERNEL`. Closed with the kernel. */
  tap(options: TapOptions = {}): TapLink {
    const address = { address: ip(KERNEL), prefixLength: PREFIX_LENGTH };
    const link = openTap({ name: "wire%d", namespace: this.namespace, address, ...options });
    this.#taps.push(link);
    return link;
  }

  /** A veth pair: the kernel's end has the address `KERNEL`, the other has none and is ours to open; returns its name. */
  veth(mtu = 1_500): string {
    const run = (...args: string[]): void => this.namespace.run(() => void execFileSync("ip", args));
    run("link", "add", "name", "ours0", "mtu", String(mtu), "numrxqueues", "2", "numtxqueues", "2", "type", "veth");
    run("link", "set", "veth0", "name", "kernel0", "mtu", String(mtu));
    run("addr", "add", `${KERNEL}/${PREFIX_LENGTH}`, "dev", "kernel0");
    for (const name of ["ours0", "kernel0"]) {
      this.sysctl(`ipv6.conf.${name}.disable_ipv6`, 1);
      run("link", "set", name, "up");
    }
    return "ours0";
  }

  /** What `ethtool -K NAME tx off tso off gso off` does, by ioctl SIOCETHTOOL: frames leave finished, and no longer than the MTU; or one of both. */
  withoutOffloads(name: string, which: readonly ("segments" | "checksums")[] = ["segments", "checksums"]): void {
    const port = nativePort();
    const value = new Uint32Array(2);
    const request = new DataView(new ArrayBuffer(40));
    for (let i = 0; i < name.length; i++) request.setUint8(i, name.charCodeAt(i));
    request.setBigUint64(16, BigInt(port.address(value.buffer)), true);
    this.namespace.run(() => {
      const fd = port.socket(2, 2, 0);
      const commands = [
        ...(which.includes("segments") ? [ETHTOOL_STSO, ETHTOOL_SGSO] : []),
        ...(which.includes("checksums") ? [ETHTOOL_STXCSUM] : []),
      ];
      for (const command of commands) {
        value.set([command, 0]);
        const result = port.ioctl(fd, SIOCETHTOOL, new Uint8Array(request.buffer));
        if (result < 0) throw new Error(`ethtool command ${command} on ${name}: ${result}`);
      }
      port.close(fd);
    });
  }

  /** Starts a program in the namespace. Ended with the kernel, if not before. */
  spawn(command: string, args: readonly string[] = [], stderr: "inherit" | "ignore" | "pipe" = "inherit"): ChildProcess {
    const program = this.namespace.run(() => spawn(command, args, { stdio: ["pipe", "pipe", stderr] }));
    this.#programs.add(program);
    program.once("exit", () => this.#programs.delete(program));
    program.stdin?.on("error", () => {});
    return program;
  }

  /** Node's own sockets on the kernel's stack: see peer.mjs for what they can be told. */
  async peer(): Promise<Peer> {
    const peer = new Peer(this.spawn(process.execPath, [fileURLToPath(new URL("peer.mjs", import.meta.url))]));
    await peer.ready;
    return peer;
  }

  /** A file of /proc/net as the namespace has it: "arp", "snmp", "netstat", "tcp". */
  proc(name: string): string {
    return this.namespace.run(() => readFileSync(`/proc/thread-self/net/${name}`, "utf8"));
  }

  /** The kernel's counters by group and name: `counters().Tcp.RetransSegs`. */
  counters(): Record<string, Record<string, number>> {
    const groups: Record<string, Record<string, number>> = {};
    for (const file of ["snmp", "netstat"]) {
      const lines = this.proc(file).trim().split("\n");
      for (let i = 0; i + 1 < lines.length; i += 2) {
        const [group, ...names] = lines[i]!.split(/\s+/);
        const [, ...values] = lines[i + 1]!.split(/\s+/);
        groups[group!.slice(0, -1)] = Object.fromEntries(names.map((name, k) => [name, Number(values[k])]));
      }
    }
    return groups;
  }

  /** Sets a variable below /proc/sys/net, of the namespace alone. */
  sysctl(name: string, value: string | number): void {
    this.namespace.run(() => writeFileSync(`/proc/sys/net/${name.replaceAll(".", "/")}`, String(value)));
  }

  async close(): Promise<void> {
    const ends = [...this.#programs].map((program) => once(program, "exit"));
    for (const program of this.#programs) program.kill("SIGKILL");
    await Promise.all(ends);
    for (const tap of this.#taps) tap.close();
    this.namespace.close();
  }
}

/** Runs `body` with a kernel of its own, and ends everything it started, also on failure. */
export const withKernel = async <T>(body: (kernel: Kernel) => Promise<T> | T): Promise<T> => {
  const kernel = new Kernel();
  try {
    return await body(kernel);
  } finally {
    await kernel.close();
  }
};

/** A Node program on the kernel's side that does what it is told, one JSON line a command and one an answer. */
export class Peer {
  readonly ready: Promise<unknown>;
  readonly #program: ChildProcess;
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  #next = 1;

  constructor(program: ChildProcess) {
    this.#program = program;
    this.ready = this.#answer(0);
    createInterface({ input: program.stdout! }).on("line", (line) => {
      const { id, error, ...result } = JSON.parse(line) as { id: number; error?: { message: string; code?: string } };
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) waiting?.resolve(result);
      else waiting?.reject(Object.assign(new Error(`kernel side: ${error.message}`), { code: error.code }));
    });
    program.once("exit", () => {
      for (const { reject } of this.#waiting.values()) reject(new Error("the kernel side's program ended"));
      this.#waiting.clear();
    });
  }

  /** Tells it one of the commands of peer.mjs and waits for what came of it. */
  async tell<T = Record<string, unknown>>(command: string, options: Readonly<Record<string, unknown>> = {}): Promise<T> {
    const id = this.#next++;
    const answer = this.#answer(id);
    this.#program.stdin!.write(`${JSON.stringify({ id, command, ...options })}\n`);
    return (await answer) as T;
  }

  #answer(id: number): Promise<unknown> {
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }
}
