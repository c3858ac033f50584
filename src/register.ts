/** `onwire/register`: `node --import onwire/register app.js` runs a program, unchanged, on our stack. What stack that is, and what is to be
 *  its, says the environment or a file: docs/node.md. */
try {
  // Loaded here: where Node's internals are not to be had, it is this that says so.
  const { preload } = await import("./node/preload.js");
  await preload(import.meta.url);
} catch (error) {
  // What is none of our own (a TypeError) is a mistake of ours, and its place is told.
  if (error instanceof Error && error.name === "Error" && process.env.NODE_DEBUG === undefined) {
    const { endProgram } = await import("./node/embedded/end-program.js");
    endProgram(error);
  }
  throw error;
}
