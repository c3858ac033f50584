/** Looks through a script before it is played, so that what is not supported is said at once and not when the script comes to it. */
import { errnoNamed } from "../../bsd/errno.js";
import type { Personality } from "../../bsd/personality.js";
import type { IpAddress } from "../../ip/address.js";
import { Arguments } from "./arguments.js";
import type { Event, Position, Script } from "./ast.js";
import { systemCall } from "./calls.js";
import { stateNamed, stepsOf } from "./commands.js";
import { Unsupported } from "./error.js";
import { parseSnippet } from "./snippet.js";

/** Throws Unsupported or ScriptError. */
export function scan(script: Script, personality: Personality): void {
  if (script.init !== null) scanCommand(script.init.text, script.init.at);
  for (const event of script.events) scanEvent(script, event, personality);
  if (script.cleanup !== null) scanCommand(script.cleanup.text, script.cleanup.at);
}

const nowhere = { address: 0 as IpAddress, port: 0 };
const around = { fd: (scriptFd: number) => scriptFd, bind: nowhere, connect: nowhere };

function scanEvent(script: Script, { action, at }: Event, personality: Personality): void {
  switch (action.kind) {
    case "command":
      return scanCommand(action.text, at);
    case "code":
      parseSnippet(action.text, at);
      return;
    case "call":
      systemCall(new Arguments(action, script.name, at, personality.system), around);
      if (action.errno !== null && errnoNamed(action.errno) === null) throw new Unsupported(`the error ${action.errno}`, at);
      return;
    case "packet": {
      const { body } = action;
      if (body.protocol === "icmp" && body.quoted?.protocol === "raw") throw new Unsupported("quoted raw packets", at);
      if (
        action.direction === "out" &&
        body.protocol === "tcp" &&
        body.options !== "any" &&
        body.options.some(({ kind }) => kind === "md5")
      )
        throw new Unsupported("TCP MD5 signatures", at);
      return;
    }
  }
}

function scanCommand(text: string, at: Position): void {
  const steps = stepsOf(text);
  if (typeof steps === "string") throw new Unsupported(`the command ${JSON.stringify(steps)}`, at);
  for (const step of steps)
    if ((step.type === "count" || step.type === "drop") && stateNamed(step.state) === null)
      throw new Unsupported(`the state ${step.state}`, at);
}
