/** `onwire arp [HOST...]`: asks who has addresses (RFC 826), and prints the neighbor cache. */
import type { Command } from "commander";
import { NeighborState, neighborStateNames } from "../arp/neighbor.js";
import { networkError } from "../base/errors.js";
import { formatHardware } from "../ethernet/hardware-address.js";
import { formatTable } from "../inspect/show.js";
import { formatIp, type IpAddress, inPrefix, ipFromInt, netmask } from "../ip/address.js";
import { type AttachOptions, attach, withCommonOptions } from "./attach.js";
import { runCommand } from "./exit.js";
import type { AddressAndPrefix } from "./parse.js";

interface ArpOptions extends AttachOptions {
  readonly all?: boolean;
}

/** Hosts of the largest subnet that is asked whole. */
const MOST_HOSTS = 1_022;
/** Three requests, a second apart, and one more to be told. */
const PATIENCE_MILLISECONDS = 4_000;

export const addArp = (program: Command): void => {
  withCommonOptions(program.command("arp").argument("[hosts...]", "addresses or names on the link; default: every address of the subnet"))
    .description("ask who has addresses, and print who answers")
    .option("--all", "print those that did not answer, too")
    .addHelpText("after", EXAMPLES)
    .action((hosts: string[], options: ArpOptions) =>
      runCommand(async (undo) => {
        const { drive, device, resolve } = await attach(options, undo);
        const { stack } = drive;
        // Ours, as given or as leased.
        const [own] = device.addresses;
        if (own === undefined) throw networkError("EADDRNOTAVAIL", "arp", device.name, "the device has lost its address");
        const wanted = hosts.length === 0 ? everyHost(own) : await Promise.all(hosts.map(resolve));
        for (const address of wanted)
          if (!inPrefix(address, own.address, own.prefixLength))
            throw networkError(
              "ENETUNREACH",
              "arp",
              formatIp(address),
              "only hosts on the link have hardware addresses that can be asked for",
            );
        const handle = stack.icmp.open({}, { onEvents: () => {} });
        // Something must want to be sent before a neighbor is asked for; an empty echo request is the least.
        for (const address of wanted) stack.icmp.send(handle, 1, new Uint8Array(0), 0, 0, address, drive.now());
        const end = performance.now() + PATIENCE_MILLISECONDS;
        const unknown = (): number =>
          wanted.filter((address) => device.arp.neighbors.find(address)?.state === NeighborState.Incomplete).length;
        do await new Promise((rested) => setTimeout(rested, 20));
        while (unknown() > 0 && performance.now() < end);

        const rows: string[][] = [];
        let answered = 0;
        for (const address of wanted) {
          const neighbor = device.arp.neighbors.find(address);
          const known = neighbor !== null && neighbor.confirmedAt > 0 && neighbor.state !== NeighborState.Failed;
          if (known) answered += 1;
          else if (!options.all && hosts.length === 0) continue;
          rows.push([
            formatIp(address),
            known ? formatHardware(neighbor.high, neighbor.low) : "-",
            neighbor === null ? "-" : neighborStateNames[neighbor.state],
          ]);
        }
        for (const line of formatTable(["address", "hardware address", "state"], rows)) process.stdout.write(`${line}\n`);
        if (answered === 0) throw new Error("nobody answered: are they on this link, and up?");
      }),
    );
};

const everyHost = ({ address, prefixLength }: AddressAndPrefix): IpAddress[] => {
  const network = address & netmask(prefixLength);
  const count = 2 ** (32 - prefixLength) - 2;
  if (count > MOST_HOSTS) throw networkError("EINVAL", "arp", `/${prefixLength} has ${count} hosts`, "name the hosts to ask for");
  const hosts: IpAddress[] = [];
  for (let i = 1; i <= count; i++) if (network + i !== address) hosts.push(ipFromInt(network + i));
  return hosts;
};

const EXAMPLES = `
Status 0 when anybody answered.

Example:
  sudo onwire arp --tap onwire0 --address 10.9.0.2/24 --kernel 10.9.0.1/24`;
