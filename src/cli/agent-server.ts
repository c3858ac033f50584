/** The agent on a host of its own: whoever knows the secret has his system calls made here, one session at a time. Each session is a process,
 *  so that its descriptors, its memory and its faults end with it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer, type Server, type TLSSocket } from "node:tls";
import { fileURLToPath } from "node:url";
import { IDENTITY, keyOf, protection } from "./agent-key.js";
import type { AgentBounds } from "./kernel-agent.js";

/** Connections that have not shown the secret yet may be so many, and take so long, milliseconds. */
const STRANGERS = 8;
const HANDSHAKE = 5_000;
/** The longest order, octets. */
const LONGEST = 65_536;
/** A session that says nothing for so long is over, milliseconds. */
const IDLE = 600_000;
/** How long a session's process may take to put things back, milliseconds. */
const TIDYING = 2_000;

export interface AgentServerOptions {
  readonly host: string;
  readonly port: number;
  readonly token: string;
  readonly sysctls: boolean;
  readonly say: (line: string) => void;
}

interface Session {
  readonly socket: TLSSocket;
  /** Things are as they were. */
  readonly over: Promise<void>;
}

export class AgentServer {
  readonly #server: Server;
  readonly #options: AgentServerOptions;
  #session: Session | null = null;
  readonly #sockets = new Set<TLSSocket>();

  private constructor(options: AgentServerOptions) {
    this.#options = options;
    const key = keyOf(options.token);
    this.#server = createServer({
      ...protection,
      handshakeTimeout: HANDSHAKE,
      // Who has said all waits until the host is as it was.
      allowHalfOpen: true,
      pskCallback: (_socket, identity) => (identity === IDENTITY ? key : null),
    });
    this.#server.maxConnections = STRANGERS;
    this.#server.on("tlsClientError", (_error, socket) => {
      options.say(`${socket.remoteAddress ?? "somebody"} does not know the token, or is no onwire`);
      socket.destroy();
    });
    this.#server.on("secureConnection", (socket) => void this.#meet(socket));
  }

  static async listen(options: AgentServerOptions): Promise<AgentServer> {
    const agent = new AgentServer(options);
    agent.#server.listen(options.port, options.host);
    await once(agent.#server, "listening");
    return agent;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await this.#session?.over;
  }

  async #meet(socket: TLSSocket): Promise<void> {
    this.#sockets.add(socket);
    socket.on("error", () => {}).once("close", () => this.#sockets.delete(socket));
    // Whose runner has gone is soon over.
    while (this.#session?.socket.destroyed) await this.#session.over;
    if (this.#session !== null) {
      socket.end(`${JSON.stringify({ id: 0, error: "the agent is busy with another runner: one script at a time is played" })}\n`);
      return;
    }
    socket.setTimeout(IDLE, () => socket.destroy());
    const over = this.#serve(socket).finally(() => (this.#session = null));
    this.#session = { socket, over };
  }

  async #serve(socket: TLSSocket): Promise<void> {
    const folder = mkdtempSync(join(tmpdir(), "onwire-agent-"));
    const child = startSession({ folder, sysctls: this.#options.sysctls });
    const ended = once(child, "exit");
    const gone = once(socket, "close");
    try {
      child.stdout!.pipe(socket);
      feed(socket, child, () =>
        this.#options.say(`${socket.remoteAddress} sends an order of more than ${LONGEST} octets: its session is over`),
      );
      socket.once("end", () => child.stdin!.end());
      await Promise.race([ended, gone]);
      child.stdin!.end();
      const timer = setTimeout(() => child.kill("SIGKILL"), TIDYING);
      await ended;
      clearTimeout(timer);
    } finally {
      socket.end();
      rmSync(folder, { recursive: true, force: true });
    }
  }
}

const startSession = (bounds: AgentBounds): ChildProcess => {
  const script = fileURLToPath(import.meta.url).replace(/agent-server(\.[jt]s)$/, "kernel-agent$1");
  // From source it is read by the loader that reads this.
  const loader = script.endsWith(".ts") ? ["--import", "tsx"] : [];
  const child = spawn(process.execPath, [...loader, script, JSON.stringify(bounds)], { stdio: ["pipe", "pipe", "inherit"] });
  child.stdin!.on("error", () => {});
  return child;
};

/** Hands orders on, as fast as they are taken. */
const feed = (socket: TLSSocket, child: ChildProcess, tooLong: () => void): void => {
  let line = 0;
  socket.on("data", (octets: Buffer) => {
    const end = octets.lastIndexOf(10);
    line = end < 0 ? line + octets.length : octets.length - end - 1;
    if (line > LONGEST || octets.length > LONGEST) {
      tooLong();
      socket.destroy();
    } else if (!child.stdin!.write(octets)) {
      socket.pause();
      child.stdin!.once("drain", () => socket.resume());
    }
  });
};
