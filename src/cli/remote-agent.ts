/** The agent on another host, as a runner reaches it. */
import { once } from "node:events";
import { connect, type TLSSocket } from "node:tls";
import { IDENTITY, keyOf, protection } from "./agent-key.js";
import { AgentLines } from "./agent-lines.js";

/** How long an agent may take to answer, milliseconds. */
const PATIENCE = 10_000;

export interface AgentAddress {
  readonly host: string;
  readonly port: number;
  readonly token: string;
}

export class RemoteAgent {
  readonly lines: AgentLines;
  /** Milliseconds that an order takes there and back. */
  readonly roundTrip: number;
  readonly #socket: TLSSocket;

  private constructor(lines: AgentLines, roundTrip: number, socket: TLSSocket) {
    this.lines = lines;
    this.roundTrip = roundTrip;
    this.#socket = socket;
  }

  /** Throws an error with a remedy: nobody is there, the token is another, the agent serves somebody else. */
  static async open({ host, port, token }: AgentAddress): Promise<RemoteAgent> {
    const where = `the agent at ${host}:${port}`;
    const socket = connect({
      ...protection,
      host,
      port,
      // The key is what shows who the other end is: there is no certificate.
      checkServerIdentity: () => undefined,
      pskCallback: () => ({ psk: keyOf(token), identity: IDENTITY }),
    });
    socket.setNoDelay(true);
    const lines = new AgentLines(socket, socket);
    socket.on("error", (error) => lines.fail(new Error(`${where}: ${reasonOf(error)}`)));
    const timer = setTimeout(() => {
      lines.fail(new Error(`${where} does not answer within ${PATIENCE / 1_000} s: is it up, and does no firewall stand between?`));
      socket.destroy();
    }, PATIENCE);
    try {
      await lines.ready();
      const asked = performance.now();
      await lines.tell({ kind: "clock" });
      return new RemoteAgent(lines, performance.now() - asked, socket);
    } catch (error) {
      socket.destroy();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends the session, and waits until the agent has put things back. */
  async close(): Promise<void> {
    if (this.#socket.closed) return;
    const closed = once(this.#socket, "close");
    const timer = setTimeout(() => this.#socket.destroy(), PATIENCE);
    this.#socket.end();
    await closed;
    clearTimeout(timer);
  }
}

const reasonOf = (error: Error): string => {
  const code = "code" in error ? String(error.code) : "";
  if (code === "ECONNREFUSED") return "nobody listens there: start one on that host with onwire agent --listen ADDRESS:PORT";
  if (code === "EHOSTUNREACH" || code === "ENETUNREACH") return "no way leads there: is the address right, and the host up?";
  if (code.startsWith("ERR_SSL") || code === "ECONNRESET" || code === "EPROTO")
    return "it does not accept the token: give the one that the agent was started with (--token-file)";
  return error.message;
};
