/** What became of a script. The four are never mixed: what is not understood did not pass, and what is wrong in the script did not fail. */
import type { Position } from "./ast.js";
import type { Difference } from "./compare.js";

export const verdicts = ["pass", "fail", "unsupported", "error"] as const;
export type Verdict = (typeof verdicts)[number];

export interface Result {
  readonly name: string;
  readonly verdict: Verdict;
  /** One line: what did not go as the script says, what is not supported, what is wrong. Empty for a pass. */
  readonly reason: string;
  /** Where in the script; null: everywhere, or nowhere. */
  readonly at: Position | null;
  /** The line of the script that was being played, as it is written. */
  readonly line: string;
  readonly expected: string;
  readonly actual: string;
  readonly differences: readonly Difference[];
  /** The last things that the stack did, with why. */
  readonly events: readonly string[];
  /** What code in the script printed. */
  readonly printed: readonly string[];
  /** How far virtual time went, seconds. */
  readonly seconds: number;
  /** The capture as pcapng; null: none was asked for. */
  readonly capture: Uint8Array | null;
}
