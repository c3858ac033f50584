/** Orders and answers between a runner and an agent: lines of JSON, each with the number that joins the two. */
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import type { AgentOrder } from "./kernel-agent.js";

/** Both sides must mean the same by an order: whoever changes one counts this up. */
export const AGENT_VERSION = 1;

/** What an agent says before it is asked. */
export interface Hello {
  readonly version: number;
}

/** The runner's end. */
export class AgentLines {
  readonly #to: Writable;
  readonly #waiting = new Map<number, { readonly resolve: (value: unknown) => void; readonly reject: (error: Error) => void }>();
  readonly #hello: Promise<unknown>;
  #ended: Error | null = null;
  #next = 1;

  constructor(from: Readable, to: Writable) {
    this.#to = to;
    this.#hello = this.#answer(0);
    createInterface({ input: from })
      .on("line", (line) => this.#hear(line))
      .on("error", () => {})
      .on("close", () => this.fail(new Error("the agent has ended")));
    // Whoever waits for an answer is told by `fail`.
    from.on("error", () => {});
    to.on("error", () => {});
  }

  /** Waits until the agent is ready. */
  async ready(): Promise<void> {
    const { version } = (await this.#hello) as Hello;
    if (version !== AGENT_VERSION)
      throw new Error(`the agent speaks version ${version}, and this is version ${AGENT_VERSION}: install the same onwire on both hosts`);
  }

  async tell(order: AgentOrder): Promise<unknown> {
    if (this.#ended !== null) throw this.#ended;
    const id = this.#next++;
    const answer = this.#answer(id);
    this.#to.write(`${JSON.stringify({ id, ...order })}\n`);
    return answer;
  }

  /** There will be no more answers. */
  fail(error: Error): void {
    this.#ended ??= error;
    for (const { reject } of this.#waiting.values()) reject(this.#ended);
    this.#waiting.clear();
  }

  #answer(id: number): Promise<unknown> {
    const answer = new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    // Whoever has gone on does not hear that the agent ended under him.
    answer.catch(() => {});
    return answer;
  }

  #hear(line: string): void {
    let heard: { id?: number; result?: unknown; error?: string };
    try {
      heard = JSON.parse(line) as typeof heard;
    } catch {
      return this.fail(new Error(`what answers is no agent: ${JSON.stringify(line.slice(0, 80))}`));
    }
    // Number 0 is for what it says of itself, also that it will not serve.
    const waiting = this.#waiting.get(heard.id ?? 0);
    this.#waiting.delete(heard.id ?? 0);
    if (heard.error === undefined) waiting?.resolve(heard.result);
    else waiting?.reject(new Error(heard.error));
  }
}
