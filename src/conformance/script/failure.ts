/** Why a script did not go as it says. */
import type { Position } from "./ast.js";
import type { Difference } from "./compare.js";

export class Failure extends Error {
  readonly at: Position;
  readonly differences: readonly Difference[];
  /** The line in the script's words, and what came instead. */
  readonly expected: string;
  readonly actual: string;

  constructor(message: string, at: Position, expected: string, actual: string, differences: readonly Difference[] = []) {
    super(message);
    this.name = "Failure";
    this.at = at;
    this.expected = expected;
    this.actual = actual;
    this.differences = differences;
  }
}
