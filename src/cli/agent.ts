/** `onwire agent`: makes system calls on this host for a runner on another one. */
import { randomBytes } from "node:crypto";
import type { Command } from "commander";
import { readToken, TOKEN_VARIABLE } from "./agent-key.js";
import { AgentServer } from "./agent-server.js";
import { runCommand, say } from "./exit.js";
import { type Endpoint, parsePlace } from "./parse.js";

interface AgentOptions {
  readonly listen: Required<Endpoint>;
  readonly tokenFile?: string;
  readonly sysctls: boolean;
}

export const addAgent = (program: Command): void => {
  program
    .command("agent")
    .description("make the system calls of packet scripts on this host, for `onwire test --wire --agent` on another one")
    .requiredOption("--listen <a.b.c.d:port>", "where the runner reaches the agent", parsePlace)
    .option(
      "--token-file <file>",
      `the secret that the runner must know; default: ${TOKEN_VARIABLE} in the environment, or a new one, said`,
    )
    .option("--sysctls", "let scripts change net.ipv4.* of this host for their time; they are put back", false)
    .addHelpText("after", EXAMPLES)
    .action((options: AgentOptions) =>
      runCommand(async (undo) => {
        const { address, port } = options.listen;
        const token = readToken(options.tokenFile) ?? randomBytes(16).toString("hex");
        const given = options.tokenFile !== undefined || process.env[TOKEN_VARIABLE] !== undefined;
        const agent = await AgentServer.listen({ host: address, port, token, sysctls: options.sysctls, say });
        undo.add(() => agent.close());
        say(`an agent waits at ${address}:${port}${given ? "" : `; its token is ${token}`}`);
        await new Promise(() => {});
      }),
    );
};

const EXAMPLES = `
Who knows the token can open sockets on this host as the agent's user: give it a network of its own. Linux; koffi must be installed.

Example, on the host under test (10.9.0.1):
  openssl rand -hex 16 > token
  sudo onwire agent --listen 10.9.0.1:7474 --token-file token --sysctls
and on the host that tests it, with the same token, pretending to be 10.9.0.99:
  sudo onwire test my.pkt --wire --agent 10.9.0.1:7474 --token-file token --link packet:eth1 --address 10.9.0.99/24`;
