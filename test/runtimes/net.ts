/** The suites of `onwire/net` as a program: bundled with `small-runner.ts` in the place of vitest, for any runtime. */
import "../net/lending.test.js";
import "../net/stack.test.js";
import { run } from "./small-runner.js";

const beyond: Record<string, string> = {};
if ("Deno" in globalThis) beyond["http: a server and a client of Node's"] = "its http client opens a connection for each request";

process.exit((await run(beyond)) === 0 ? 0 : 1);
