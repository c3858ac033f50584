#!/usr/bin/env node
/** The `onwire` command. Exit statuses: 0 done, 1 failed, 2 wrong usage, 128 + n ended by signal n. */
import { readFileSync } from "node:fs";
import { Command } from "commander";
import { addAgent } from "./agent.js";
import { addArp } from "./arp.js";
import { addConnect } from "./connect.js";
import { asDemo } from "./demo.js";
import { runProgram } from "./exit.js";
import { addFetch } from "./fetch.js";
import { addForward } from "./forward.js";
import { addJudge } from "./judge.js";
import { addLinks } from "./links.js";
import { addListen } from "./listen.js";
import { addPing } from "./ping.js";
import { addProxy } from "./proxy.js";
import { addResolve } from "./resolve.js";
import { addRun } from "./run.js";
import { addServe } from "./serve.js";
import { addTest } from "./test.js";
import { addWire } from "./wire.js";

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { version: string };

const program = new Command("onwire")
  .description("A TCP/IP stack in TypeScript, on a TAP device beside the kernel's own.")
  .version(version)
  .showHelpAfterError("(onwire help COMMAND says how it is used)")
  .addHelpText(
    "after",
    `
Exit status: 0 done, 1 failed, 2 wrong usage, 128 + n ended by signal n.

Try it:
  onwire demo`,
  );

addServe(program);
addRun(program);
addFetch(program);
addListen(program);
addConnect(program);
addPing(program);
addArp(program);
addLinks(program);
addResolve(program);
addProxy(program);
addForward(program);
addWire(program);
addTest(program);
addAgent(program);
addJudge(program);
asDemo(program.command("demo"));

await runProgram(program);
