/** Hosts under test behind a wire, as the command line names them: the kernel of this machine, or another host with an agent. */
import type { RunOptions } from "../conformance/script/run.js";
import type { LiveHost } from "../conformance/script/run-live.js";
import type { Settings } from "../conformance/script/settings.js";
import { formatIp, type IpAddress, inPrefix, ip } from "../ip/address.js";
import { refuseKernelAddress } from "../transport/kernel-addresses.js";
import type { LinkChoice } from "../transport/link-choice.js";
import { readToken, TOKEN_VARIABLE } from "./agent-key.js";
import { say, type Undo, UsageError } from "./exit.js";
import { openKernel } from "./kernel-host.js";
import type { AddressAndPrefix, Endpoint } from "./parse.js";
import { RemoteHost } from "./remote-host.js";

export type HostName = "kernel" | "agent";

export interface WireOptions {
  readonly agent?: Required<Endpoint>;
  readonly tokenFile?: string;
  readonly link?: LinkChoice;
  readonly address?: AddressAndPrefix;
  readonly host?: IpAddress;
  readonly gateway?: IpAddress;
}

export interface LiveHosts {
  /** What the next script is told by options of scripts; what a person asks for comes first. */
  adapted(options: RunOptions): RunOptions;
  open(settings: Settings): Promise<LiveHost>;
}

export const openHosts = async (name: HostName, options: WireOptions, undo: Undo): Promise<LiveHosts> => {
  if (name === "kernel") {
    const given = (["agent", "tokenFile", "link", "address", "host", "gateway"] as const).find((option) => options[option] !== undefined);
    if (given !== undefined && given !== "agent")
      throw new UsageError(`--${given === "tokenFile" ? "token-file" : given} is for another host: name its agent with --agent`);
    return { adapted: (asked) => asked, open: openKernel };
  }
  const remote = await RemoteHost.open({ ...wanted(options), remark: say });
  undo.add(() => remote.close());
  return {
    adapted: (asked) => ({ ...asked, options: new Map([...remote.wishes(), ...(asked.options ?? [])]) }),
    open: (settings) => remote.play(settings),
  };
};

/** What another host needs, all of it, and nothing that cannot be. */
const wanted = ({ agent, tokenFile, link, address, host, gateway }: WireOptions) => {
  if (agent === undefined)
    throw new UsageError("name the agent of the host under test: --agent A.B.C.D:PORT, as onwire agent --listen has it there");
  if (link === undefined) throw new UsageError("name the link on which the host under test is: --link packet:INTERFACE");
  if (address === undefined)
    throw new UsageError("name an address of the link that nobody has, to be the other end of scripts: --address A.B.C.D/N");
  const token = readToken(tokenFile);
  if (token === null) throw new UsageError(`tell the agent's token: --token-file FILE, or ${TOKEN_VARIABLE} in the environment`);
  const tested = host ?? ip(agent.address);
  if (address.address === tested)
    throw new UsageError(`--address ${formatIp(tested)} is the host under test itself: choose one that nobody has`);
  if (gateway === undefined && !inPrefix(tested, address.address, address.prefixLength))
    throw new UsageError(
      `${formatIp(tested)} is not in ${formatIp(address.address)}/${address.prefixLength}: name the host's address on the link with --host, or a router with --gateway`,
    );
  refuseKernelAddress(address, null);
  return {
    agent: { host: agent.address, port: agent.port, token },
    link,
    address,
    host: tested,
    ...(gateway === undefined ? {} : { gateway }),
  };
};
