/** `onwire links`: which links this host can make, and why not. */
import type { Command } from "commander";
import { formatTable } from "../inspect/show.js";
import { runCommand } from "./exit.js";
import { abilities, interfaceRows } from "./link.js";

export const addLinks = (program: Command): void => {
  program
    .command("links")
    .description("which links this host can make, and why not")
    .option("--json", "as JSON")
    .addHelpText("after", EXAMPLES)
    .action((options: { readonly json?: boolean }) =>
      runCommand(async () => {
        const found = abilities();
        if (options.json) {
          console.log(JSON.stringify(found));
          return;
        }
        const rows = found.map(({ link, possible, remark }) => [link, possible ? "yes" : "no", remark]);
        for (const line of formatTable(["link", "here", ""], rows)) console.log(line);
        console.log();
        for (const line of formatTable(["interface", "hardware", "addresses of the kernel"], interfaceRows())) console.log(line);
      }),
    );
};

const EXAMPLES = `
Each kind is tried on a device made for it, in a namespace made for it, and nothing is left behind.

Examples:
  onwire links
  onwire serve . --link xdp:eth1 --address 192.168.7.2/24
  onwire serve . --link auto:eth1 --address 192.168.7.2/24`;
