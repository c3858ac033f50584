/** The Linux kernel as the host under test: in a namespace of its own, behind a TAP device, with an agent that makes its system calls. Time is
 *  real here. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Micros } from "../base/environment.js";
import { createMemory } from "../base/memory.js";
import type { Packet } from "../base/packet.js";
import { stepsOf } from "../conformance/script/commands.js";
import type { Info, LocalAndRemote, Reply, Request, Running, Sent } from "../conformance/script/host.js";
import type { LiveHost } from "../conformance/script/run-live.js";
import type { Settings } from "../conformance/script/settings.js";
import type { Given, Outcome } from "../conformance/script/system-call.js";
import { formatIp, type IpAddress } from "../ip/address.js";
import { Namespace } from "../transport/namespace.js";
import { NetworkInterfaces } from "../transport/network-interface.js";
import { openTap, type TapLink } from "../transport/tap.js";
import type { AgentOrder, AgentOutcome } from "./kernel-agent.js";

const KERNEL_MAC = Uint8Array.of(2, 0, 0, 0, 0, 1);
const REMOTE_MAC = Uint8Array.of(2, 0, 0, 0, 0, 2);
const IPV4 = 0x0800;
const ETHERNET_HEADER = 14;
/** How long a call that may block is waited for before the script goes on. */
const BLOCKED_AFTER = 5;
/** How long any other call may take. */
const CALL_PATIENCE = 500;
const BATCH = 64;

export class KernelHost implements LiveHost {
  readonly #namespace: Namespace;
  readonly #link: TapLink;
  readonly #agent: Agent;
  readonly #memory = createMemory({ packets: 256, packetSize: 65_600, chunks: 1 });
  readonly #batch: Packet[] = [];
  readonly #sent: Sent[] = [];
  /** Told when a packet comes. */
  #waiting: (() => void) | null = null;
  #start = performance.now();
  /** Milliseconds of the kernel's clock when the script began. */
  #began = Date.now();

  private constructor(namespace: Namespace, link: TapLink, agent: Agent) {
    this.#namespace = namespace;
    this.#link = link;
    this.#agent = agent;
    link.onReadable = () => setImmediate(() => this.#pull());
  }

  /** Throws when the machine does not let it: no Linux, no privilege, no koffi. */
  static async create(settings: Settings): Promise<KernelHost> {
    const namespace = Namespace.create();
    let link: TapLink | null = null;
    try {
      const address = { address: (settings.local | 0) as IpAddress, prefixLength: settings.prefixLength };
      namespace.run(() => {
        const interfaces = new NetworkInterfaces();
        interfaces.setUp("lo", true);
        interfaces.close();
      });
      link = openTap({ name: "test%d", namespace, mtu: settings.mtu, address, hardwareAddress: KERNEL_MAC });
      const name = link.interfaceName;
      const mac = Array.from(REMOTE_MAC, (octet) => octet.toString(16).padStart(2, "0")).join(":");
      namespace.run(() => {
        execFileSync("ip", ["route", "add", "default", "dev", name]);
        execFileSync("ip", [
          "neigh",
          "replace",
          formatIp((settings.remote | 0) as IpAddress),
          "lladdr",
          mac,
          "dev",
          name,
          "nud",
          "permanent",
        ]);
      });
      const host = new KernelHost(namespace, link, await Agent.start(namespace));
      host.#start = performance.now();
      return host;
    } catch (error) {
      link?.close();
      namespace.close();
      throw error;
    }
  }

  get now(): Micros {
    return Math.round((performance.now() - this.#start) * 1_000);
  }

  async close(): Promise<void> {
    this.#link.close();
    await this.#agent.close();
    this.#namespace.close();
  }

  async reply(request: Request): Promise<Reply> {
    switch (request.type) {
      case "begin":
        this.#sent.length = 0;
        this.#start = performance.now();
        this.#began = Date.now();
        return null;
      case "sleep":
        await this.#until(request.until);
        return null;
      case "packet":
        // What a call or a packet has caused is on the link when that is over.
        this.#pull();
        if (this.#sent.length === 0) await this.#until(request.until, (tell) => (this.#waiting = tell));
        this.#waiting = null;
        return this.#sent.shift() ?? null;
      case "inject":
        this.#inject(request.octets);
        return null;
      case "call":
        return this.#call(request.call, request.blocks);
      case "finish": {
        const { running } = request;
        while (running.outcome === null && this.now < request.until) await this.#until(Math.min(request.until, this.now + 1_000));
        return running;
      }
      case "command":
        return this.#command(request.text);
      case "info":
        return (await this.#agent.tell({ kind: "info", fd: request.fd })) as Info;
      case "ports":
        return (await this.#agent.tell({ kind: "ports", fd: request.fd })) as LocalAndRemote;
      case "alive": {
        const { localPort, remotePort } = request;
        return (await this.#agent.tell({ kind: "alive", localPort, remotePort })) === true ? "" : null;
      }
    }
  }

  /** Time passes until `until`, or until whoever was handed the end of it calls that. */
  async #until(until: Micros, early: (end: () => void) => void = () => {}): Promise<void> {
    const milliseconds = Math.min((until - this.now) / 1_000, 2 ** 31 - 1);
    if (milliseconds <= 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      early(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #pull(): void {
    const { arena, packets } = this.#memory;
    for (;;) {
      const count = this.#link.receive(packets, this.#batch, BATCH);
      const at = this.now;
      for (const packet of this.#batch.slice(0, count)) {
        if (arena.view.getUint16(packet.start + 12) === IPV4) {
          const octets = arena.bytes.slice(packet.start + ETHERNET_HEADER, packet.end);
          this.#sent.push({ at, octets, why: "" });
        }
        packet.release();
      }
      if (count < BATCH) break;
    }
    if (this.#sent.length > 0) this.#waiting?.();
  }

  #inject(octets: Uint8Array): void {
    const packet = this.#memory.packets.take();
    if (packet === null) throw new Error("no packet is free");
    const { arena } = this.#memory;
    packet.end = packet.start + ETHERNET_HEADER + octets.length;
    arena.bytes.set(KERNEL_MAC, packet.start);
    arena.bytes.set(REMOTE_MAC, packet.start + 6);
    arena.view.setUint16(packet.start + 12, IPV4);
    arena.bytes.set(octets, packet.start + ETHERNET_HEADER);
    if (!this.#link.transmit(packet)) packet.release();
    this.#link.flush();
  }

  async #call(call: Running["call"], blocks: boolean): Promise<Running> {
    const running: Running = { call, startedAt: this.now, outcome: null };
    let failed: unknown = null;
    const done = this.#agent.tell({ kind: "call", call }).then(
      (result) => {
        const { value, errno, given } = result as AgentOutcome;
        running.outcome = { value, errno, given: this.#sinceBegin(given), finishedAt: this.now } as Outcome;
      },
      (error: unknown) => {
        failed = error;
      },
    );
    let timer: ReturnType<typeof setTimeout> | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, blocks ? BLOCKED_AFTER : CALL_PATIENCE);
    });
    await Promise.race([done, patience]);
    clearTimeout(timer);
    if (failed !== null) throw failed;
    return running;
  }

  /** A script counts time from its own begin. */
  #sinceBegin(given: Given): Given {
    if (given.control === undefined) return given;
    const control = given.control.map((message) => {
      const { data } = message;
      if (typeof data !== "object" || !("seconds" in data)) return message;
      const micros = Math.round((data.seconds * 1_000 - this.#began) * 1_000 + data.fraction / 1_000);
      return { ...message, data: { seconds: Math.floor(micros / 1e6), fraction: (micros - Math.floor(micros / 1e6) * 1e6) * 1_000 } };
    });
    return { ...given, control };
  }

  async #command(text: string): Promise<string | null> {
    const steps = stepsOf(text);
    if (typeof steps === "string") return `${steps}: not known`;
    for (const step of steps) {
      if (step.type === "sleep") await this.#until(this.now + step.micros);
      else if (step.type === "policy") await this.#sysctl(step.key.replace(/^\/proc\/sys\//, "").replaceAll("/", "."), step.value);
      else if (step.type === "file") await this.#agent.tell({ kind: "file", path: step.path, zeros: step.zeros });
      else if (step.type !== "nothing") return `${step.type}: not on a kernel`;
    }
    return null;
  }

  /** What this kernel does not have, or keeps for the whole machine, stays as it is. */
  async #sysctl(key: string, value: string): Promise<void> {
    if (!/^net\.ipv4\.\w+$/.test(key)) return;
    await this.#agent.tell({ kind: "sysctl", key, value }).catch(() => {});
  }
}

/** The process that makes the calls. */
class Agent {
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, { readonly resolve: (value: unknown) => void; readonly reject: (error: Error) => void }>();
  #next = 1;

  private constructor(process: ChildProcess) {
    this.#process = process;
  }

  static async start(namespace: Namespace): Promise<Agent> {
    const script = fileURLToPath(import.meta.url).replace(/kernel-host(\.[jt]s)$/, "kernel-agent$1");
    // From source it is read by the loader that reads this.
    const loader = script.endsWith(".ts") ? ["--import", "tsx"] : [];
    const child = namespace.run(() => spawn(process.execPath, [...loader, script], { stdio: ["pipe", "pipe", "inherit"] }));
    const agent = new Agent(child);
    const ready = agent.#answer(0);
    createInterface({ input: child.stdout! }).on("line", (line) => agent.#hear(line));
    child.stdin!.on("error", () => {});
    child.once("exit", () => {
      for (const { reject } of agent.#waiting.values()) reject(new Error("the agent has ended"));
      agent.#waiting.clear();
    });
    await ready;
    return agent;
  }

  tell(order: AgentOrder): Promise<unknown> {
    const id = this.#next++;
    const answer = this.#answer(id);
    this.#process.stdin!.write(`${JSON.stringify({ id, ...order })}\n`);
    return answer;
  }

  async close(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await ended;
  }

  #answer(id: number): Promise<unknown> {
    const answer = new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    // Whoever has gone on does not hear that the agent ended under him.
    answer.catch(() => {});
    return answer;
  }

  #hear(line: string): void {
    const { id, result, error } = JSON.parse(line) as { id: number; result?: unknown; error?: string };
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new Error(error));
  }
}
