/** `onwire/register`: `node --import onwire/register app.js` runs a program, unchanged, on our stack. What stack that is, and what is to be
 *  its, says the environment or a file: docs/node.md. */
import { preload } from "./node/preload.js";

await preload(import.meta.url);
