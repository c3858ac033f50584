/** A host under test behind a wire: packets to and from it pass a link, its system calls are made by an agent on it. Time is real here. */
import type { Micros } from "../base/environment.js";
import { stepsOf } from "../conformance/script/commands.js";
import type { Info, LocalAndRemote, Reply, Request, Running, Sent } from "../conformance/script/host.js";
import type { LiveHost } from "../conformance/script/run-live.js";
import type { Given, Outcome } from "../conformance/script/system-call.js";
import type { AgentLines } from "./agent-lines.js";
import type { FrameWire } from "./frame-wire.js";
import type { AgentOutcome } from "./kernel-agent.js";

/** How long a call that may block is waited for before the script goes on, beside the way to the agent. */
const BLOCKED_AFTER = 5;
/** How long any other call may take. */
const CALL_PATIENCE = 500;

export interface WiredHostOptions {
  /** Milliseconds that an order takes to the agent and back. */
  readonly roundTrip?: number;
  /** False for what belongs to somebody else on the link. */
  readonly accepts?: (octets: Uint8Array) => boolean;
  readonly close: () => Promise<void>;
}

export class WiredHost implements LiveHost {
  readonly #wire: FrameWire;
  readonly #agent: AgentLines;
  readonly #blockedAfter: number;
  readonly #accepts: (octets: Uint8Array) => boolean;
  readonly close: () => Promise<void>;
  readonly #sent: Sent[] = [];
  /** Told when a packet comes. */
  #waiting: (() => void) | null = null;
  #start = performance.now();
  /** Milliseconds of the host's clock when the script began. */
  #began = 0;

  constructor(wire: FrameWire, agent: AgentLines, { roundTrip = 0, accepts = () => true, close }: WiredHostOptions) {
    this.#wire = wire;
    this.#agent = agent;
    this.#blockedAfter = BLOCKED_AFTER + roundTrip;
    this.#accepts = accepts;
    this.close = close;
    wire.onReadable = () => this.#pull();
  }

  get now(): Micros {
    return Math.round((performance.now() - this.#start) * 1_000);
  }

  async reply(request: Request): Promise<Reply> {
    switch (request.type) {
      case "begin":
        this.#began = (await this.#agent.tell({ kind: "clock" })) as number;
        this.#wire.take();
        this.#sent.length = 0;
        this.#start = performance.now();
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
        this.#wire.send(request.octets);
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
    const at = this.now;
    for (const octets of this.#wire.take()) if (this.#accepts(octets)) this.#sent.push({ at, octets, why: "" });
    if (this.#sent.length > 0) this.#waiting?.();
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
      timer = setTimeout(resolve, blocks ? this.#blockedAfter : CALL_PATIENCE);
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
      let refused: unknown = null;
      if (step.type === "sleep") await this.#until(this.now + step.micros);
      else if (step.type === "policy")
        refused = await this.#sysctl(step.key.replace(/^\/proc\/sys\//, "").replaceAll("/", "."), step.value);
      else if (step.type === "file") await this.#agent.tell({ kind: "file", path: step.path, zeros: step.zeros });
      else if (step.type !== "nothing") return `${step.type}: not on a kernel`;
      if (typeof refused === "string") return refused;
    }
    return null;
  }

  /** What this kernel does not have, or keeps for the whole machine, stays as it is. The answer is why the agent may not. */
  async #sysctl(key: string, value: string): Promise<unknown> {
    if (!/^net\.ipv4\.\w+$/.test(key)) return null;
    return this.#agent.tell({ kind: "sysctl", key, value }).catch(() => null);
  }
}
