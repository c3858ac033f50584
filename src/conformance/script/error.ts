/** Why a script cannot be played: it is wrong, or it is right and wants what we do not have. The two are never mixed. */
import type { Position } from "./ast.js";

/** The script breaks the rules of its language. The message begins with file:line:column. */
export class ScriptError extends Error {
  readonly at: Position;

  constructor(file: string, at: Position, message: string) {
    super(`${file}:${at.line}:${at.column}: ${message}`);
    this.name = "ScriptError";
    this.at = at;
  }
}

/** The script wants what this runner, or the stack, does not have. `what` says what. */
export class Unsupported extends Error {
  readonly what: string;
  readonly at: Position;

  constructor(what: string, at: Position) {
    super(what);
    this.name = "Unsupported";
    this.what = what;
    this.at = at;
  }
}
