/** `onwire/register`: `node --import onwire/register app.js` runs a program, unchanged, on our stack. What stack that is, and what is to be
 *  its, says the environment or a file: docs/node.md. */
import { preload } from "./node/preload.js";

try {
  await preload(import.meta.url);
} catch (error) {
  // What it says is for whoever started the program; where in our code it was found is not.
  if (error instanceof Error && process.env.NODE_DEBUG === undefined) error.stack = error.message;
  throw error;
}
