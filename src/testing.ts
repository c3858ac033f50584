/** `onwire/testing`: packet scripts for tests of one's own. Nothing here needs Node. */
export type { Script } from "./conformance/script/ast.js";
export type { Difference } from "./conformance/script/compare.js";
export { ScriptError, Unsupported } from "./conformance/script/error.js";
export { type Mutant, mutants } from "./conformance/script/mutate.js";
export { mutationScore, type Score } from "./conformance/script/mutation-score.js";
export { parseScript } from "./conformance/script/parser.js";
export { printScript } from "./conformance/script/print.js";
export { junit, reportLines, resultJson, summaryLine } from "./conformance/script/report.js";
export { type RunOptions, runScript } from "./conformance/script/run.js";
export { type LiveHost, runScriptOn } from "./conformance/script/run-live.js";
export { type Result, type Verdict, verdicts } from "./conformance/script/verdict.js";
